"""A text is refused before anything is built of it when it is too large, deep or repetitive."""

from __future__ import annotations

import time
import tracemalloc

import pytest
import yaml

from ckf_airgap.documents import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_EXPANDED,
    composing,
    load_all_yaml,
    load_yaml,
    yaml_events,
)
from ckf_airgap.errors import InputError

BOMB = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 30)
)
MERGE_BOMB = "a0: &a0 {x: 1, y: 2}\n" + "".join(
    f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 9)}]}}\n" for level in range(1, 30)
)


@pytest.mark.parametrize("bomb", [BOMB, MERGE_BOMB], ids=["aliases", "merges"])
def test_a_yaml_bomb_is_refused_before_it_is_built(bomb: str) -> None:
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(InputError, match=r"bundle\.yaml expands to more than .* nodes"):
            load_yaml(bomb, where="bundle.yaml")
        assert yaml_events(bomb) is not None
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 2


def test_a_few_aliases_are_taken() -> None:
    assert load_yaml("a: &x [1, 2]\nb: *x\nc: {<<: {d: 3}}", where="x") == {
        "a": [1, 2],
        "b": [1, 2],
        "c": {"d": 3},
    }


@pytest.mark.parametrize("text", ["&x [*x]", "a: &x {b: {c: *x}}", "&x {? *x : 1}"])
def test_a_document_that_contains_itself_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="x contains itself"):
        load_yaml(text, where="x")


@pytest.mark.parametrize(
    "text",
    [
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        "[" * 1_000_000,
        "{a: " * 100_000,
        "- " * 100_000 + "a",
        "? " * 100_000,
    ],
    ids=["closed", "open", "mapping", "block", "key"],
)
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=rf"deeper than {MAX_DEPTH} levels|not valid YAML"):
        load_yaml(text, where="x")
    assert yaml_events(text) is None


def test_the_permitted_depth_is_read() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert load_yaml(text, where="x") is not None


def test_a_text_beyond_all_measure_is_not_read() -> None:
    with pytest.raises(InputError, match="too large"):
        load_yaml("a" * (MAX_BYTES + 1), where="x")
    assert yaml_events("a" * (MAX_BYTES + 1)) is None


@pytest.mark.parametrize(
    "text",
    ["x: [" + "a," * 999 + "a]", "{" + "a," * 999 + "a}", "- &a b\n" * 1000, "---\n" * 1001],
    ids=["list", "mapping", "anchors", "documents"],
)
def test_nodes_of_every_kind_are_counted(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "MAX_NODES", 1000)
    with pytest.raises(InputError, match=r"x expands to more than 1000 nodes \(line "):
        load_yaml(text, where="x", allow_duplicate_keys=True)


def test_a_text_full_of_nodes_is_refused_without_being_read_to_its_end() -> None:
    text = "x: [" + "a," * (MAX_BYTES // 2 - 10) + "a]"
    started = time.process_time()
    with pytest.raises(InputError, match="nodes"):
        load_yaml(text, where="x")
    assert time.process_time() - started < 10


def test_events_are_not_gathered_without_end() -> None:
    assert yaml_events("[" + "a," * 1000 + "a]") is not None
    assert yaml_events("[" + "a," * (MAX_BYTES // 2 - 10) + "a]") is None


def test_a_long_text_that_is_repeated_is_refused() -> None:
    long = "a" * 1_000_000
    text = f"a: &a {long}\nb: [{', '.join(['*a'] * (MAX_EXPANDED // len(long) + 1))}]"
    with pytest.raises(InputError, match=r"x expands to more than .* characters \(line 2\)"):
        load_yaml(text, where="x")


def test_aliases_do_not_nest_deeper_than_brackets() -> None:
    chain = "a0: &a0 [x]\n" + "".join(
        f"a{level}: &a{level} [*a{level - 1}]\n" for level in range(1, MAX_DEPTH + 1)
    )
    with pytest.raises(InputError, match=f"x is nested deeper than {MAX_DEPTH} levels"):
        load_yaml(chain, where="x")
    shorter = "".join(chain.splitlines(keepends=True)[: MAX_DEPTH - 2])
    assert load_yaml(shorter, where="x") is not None


def test_many_directives_are_refused_since_each_is_compared_with_all() -> None:
    text = "".join(f"%TAG !a{number}! x\n" for number in range(100_000)) + "--- a"
    with pytest.raises(InputError, match="x has more than 100 directives"):
        load_yaml(text, where="x")
    assert yaml_events(text) is None
    assert load_yaml("%TAG !a! !\n--- a", where="x") == "a"


@pytest.mark.parametrize("version", ["1.2", "1.0", "2.0"])
def test_a_version_that_juju_does_not_read_is_refused_with_what_to_do(version: str) -> None:
    with pytest.raises(InputError, match=r"found incompatible YAML document|not valid") as raised:
        load_all_yaml(f"%YAML 1.1\n--- a\n...\n%YAML {version}\n--- a", where="x")
    assert "line" in str(raised.value)
    assert load_yaml("%YAML 1.1\n--- a", where="x") == "a"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: {url: http://a/b?c=d}", "line 1, column 10"),
        ("a:\n- [x, y?]", "line 2, column 7"),
        ("{a?: 1}", "line 1, column 2"),
        ("a: [{b: [c ?d]}]", "line 1, column 10"),
    ],
)
def test_a_question_mark_that_ends_a_text_for_juju_is_refused(text: str, place: str) -> None:
    with pytest.raises(InputError, match=rf"x is not YAML that Juju reads: .*\({place}\)"):
        load_yaml(text, where="x")


@pytest.mark.parametrize("text", ["a: b?c", "- a?", "{a: 'b?c'}", '["b?"]', "? a\n: b", "[]\n"])
def test_other_question_marks_are_taken(text: str) -> None:
    assert load_yaml(text, where="x") == yaml.safe_load(text)


def test_a_byte_order_mark_may_only_be_the_first_character() -> None:
    assert load_yaml("\ufeffa: b\ufeffc", where="x") == {"a": "b\ufeffc"}
    for text in ("a: 1\n\ufeffb: 2", "a: 1\n---\n\ufeffb: 2", "a: 1\n\ufeff"):
        with pytest.raises(InputError, match=r"byte order mark inside \(line [23]\)"):
            load_yaml(text, where="x")
