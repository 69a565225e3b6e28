"""YAML is read defensively, and written the way a person would."""

from __future__ import annotations

import time
import tracemalloc

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.documents import (
    MAX_BYTES,
    MAX_DEPTH,
    JSONValue,
    as_mapping,
    dump_yaml,
    load_all_yaml,
    load_mapping,
    load_yaml,
    type_name,
    yaml_events,
)
from ckf_airgap.errors import BundleError, InputError

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


def test_a_repeated_key_is_an_error_that_names_the_line() -> None:
    with pytest.raises(InputError, match=r"x has the key 'minio' twice \(line 4\)"):
        load_yaml("a:\n  minio: 1\n  b: 2\n  'minio': 3\n", where="x")


def test_one_key_in_two_mappings_is_no_repetition() -> None:
    assert load_yaml("a: {x: 1}\nb: {x: 1}", where="x") == {"a": {"x": 1}, "b": {"x": 1}}


def test_the_last_of_repeated_keys_wins_where_that_is_allowed() -> None:
    assert load_yaml("a: 1\na: 2", where="x", allow_duplicate_keys=True) == {"a": 2}


@pytest.mark.parametrize(
    "text",
    ["2024-01-01", "2024-01-01T12:30:00Z", "12:30", "1:20:30", "1:30.5", "-12:30", "0x", "1.2.3"],
)
def test_what_juju_reads_as_text_stays_text(text: str) -> None:
    assert load_yaml(f"a: {text}", where="x") == {"a": text}
    assert load_yaml(f"a: !!str {text}", where="x") == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-1", -1),
        ("+1", 1),
        ("0", 0),
        ("0x1F", 31),
        ("0b11", 3),
        ("017", 15),
        ("1_000", 1000),
        ("1.5", 1.5),
        ("1e3", "1e3"),
        ("1.0e+3", 1000.0),
        (".5", 0.5),
        (".inf", float("inf")),
        ("true", True),
        ("yes", True),
        ("off", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ("1.9/stable", "1.9/stable"),
    ],
)
def test_scalars_have_their_yaml_types(text: str, value: JSONValue) -> None:
    found = load_yaml(f"a: {text}", where="x")
    assert found == {"a": value}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "a: !!timestamp 2024-01-01",
        "a: !!binary aGVsbG8=",
        "a: !!set {b}",
        "a: !!omap [b: 1]",
        "a: !!pairs [b: 1]",
        "a: !!python/object/apply:os.system [echo]",
        "a: !custom b",
    ],
)
def test_tags_that_no_json_value_has_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"x is not valid YAML: .*\(line 1, column 4\)"):
        load_yaml(text, where="x")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1,\nb", "line 3, column 1"),
        ("a: b: c", "line 1, column 5"),
        ("a: 'b", "line 1"),
        ("\ta: 1", "line 1"),
        ("a: *x", "line 1, column 4"),
        ("a: \x07", "x is not valid YAML"),
        ("a: \ud800", "x is not valid YAML"),
        ("? [a]\n: 1", "x is not valid YAML"),
        ("a: 1\n<<: 5", "line 2"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_place(text: str, place: str) -> None:
    with pytest.raises(BundleError, match=place) as raised:
        load_yaml(text, where="x", error=BundleError)
    assert "\n" not in str(raised.value)


def test_several_documents_are_read_as_several() -> None:
    assert load_all_yaml("a: 1\n---\n---\nb: 2\n", where="x") == [{"a": 1}, None, {"b": 2}]
    with pytest.raises(InputError, match="x holds 2 YAML documents where one is expected"):
        load_yaml("a: 1\n---\nb: 2", where="x")


def test_an_empty_text_has_no_document() -> None:
    assert load_all_yaml("# nothing\n", where="x") == []
    assert load_yaml("", where="x") is None
    assert load_mapping("", where="x") == {}


def test_a_text_beyond_all_measure_is_not_read() -> None:
    with pytest.raises(InputError, match="too large"):
        load_yaml("a" * (MAX_BYTES + 1), where="x")
    assert yaml_events("a" * (MAX_BYTES + 1)) is None


def test_keys_are_text_at_every_level() -> None:
    assert load_mapping("1: {2: [{3: a}], true: b, null: c}", where="x") == {
        "1": {"2": [{"3": "a"}], "true": "b", "null": "c"}
    }


@pytest.mark.parametrize(
    ("value", "name"),
    [(["a"], "a list"), ("a", "text"), (True, "a boolean"), (1, "an integer"), (1.5, "a number")],
)
def test_what_is_no_mapping_is_refused_by_its_name(value: JSONValue, name: str) -> None:
    with pytest.raises(InputError, match=f"x must be a mapping, not {name}"):
        as_mapping(value, where="x")
    assert type_name(value) == name


# Writing

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(documents)
def test_what_is_written_reads_the_same_here_and_in_pyyaml(value: JSONValue) -> None:
    text = dump_yaml(value)
    assert load_yaml(text, where="x") == value
    assert yaml.safe_load(text) == value


@given(st.from_regex(r"[0-9]{1,4}[-:.][0-9]{1,2}([-:.][0-9]{1,2})?( |T)?", fullmatch=True))
def test_texts_like_times_are_written_so_that_pyyaml_reads_texts(text: str) -> None:
    assert yaml.safe_load(dump_yaml({"a": text})) == {"a": text}


def test_keys_keep_their_order_and_lines_become_a_block() -> None:
    assert dump_yaml({"b": "x: 1\ny: 2\n", "a": ["é", "1.9", "yes"]}) == (
        "b: |\n  x: 1\n  y: 2\na:\n- é\n- '1.9'\n- 'yes'\n"
    )


def test_nothing_is_aliased() -> None:
    shared: JSONValue = ["a"]
    assert dump_yaml({"x": shared, "y": shared}) == "x:\n- a\ny:\n- a\n"
