"""Single scalars are exchanged in place; every other character of the value stays."""

from __future__ import annotations

import json
import re
import textwrap
import time
from collections.abc import Callable, Iterator

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ckf_airgap.documents import Document, JSONValue, dump_yaml, load_yaml
from ckf_airgap.errors import OptionError
from ckf_airgap.images.places import KeyPath, format_path
from ckf_airgap.images.scalars import Dialect, ValueText, render_mapping

OLD = "docker.io/a/b:1"
NEW = "[fd00::1]:5000/ckf/a/b:1"
PORT = "172.17.0.2:5000/a/b:1"


def edited(text: str, values: dict[KeyPath, str], **additions: str) -> str:
    return ValueText.parse(text).edit(values, additions)


def exchanged(text: str, new: str = NEW) -> str:
    """Exchange every scalar that is OLD."""
    parsed = ValueText.parse(text)
    return parsed.edit({scalar.path: new for scalar in parsed.scalars if scalar.value == OLD})


# What a text is


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a",
        "12:30",
        OLD,
        f"{OLD}\n",
        "minio:9000",
        "https://a.b/c",
        r"C:\a: b".replace(": ", ":"),
        "two words",
        "several\nlines\nof prose",
        "{{ image }}",
        "{% if x %}: y{% endif %}",
        "[a",
        "{",
        "'quoted'",
        "a@example.com",
        "null",
        "a: b: c",
        "- a\nb: c",
        "a: 1\n---\nb: 2",
        "? a\nb: c\n",
        "a: *x\n",
    ],
)
def test_what_is_no_collection_is_text(text: str) -> None:
    parsed = ValueText.parse(text)
    assert parsed.dialect is Dialect.TEXT
    assert [(scalar.path, scalar.value) for scalar in parsed.scalars] == [((), text)]
    assert parsed.edit({(): "x"}) == "x"
    assert parsed.edit({}) == text


@pytest.mark.parametrize(
    ("text", "dialect", "keys", "scalars"),
    [
        ("{}", Dialect.JSON, (), {}),
        ("[]", Dialect.JSON, None, {}),
        ('{"a": "b"}', Dialect.JSON, ("a",), {("a",): "b"}),
        ('["a", 1, null, true, 1.5e3]', Dialect.JSON, None, None),
        (
            '{"a": {"b": ["c", {"d": "e"}]}}',
            Dialect.JSON,
            ("a",),
            {("a", "b", 0): "c", ("a", "b", 1, "d"): "e"},
        ),
        ('{"a\\u0062": "\\u00e9\\n"}', Dialect.JSON, ("ab",), {("ab",): "é\n"}),
        ("['a','b']", Dialect.YAML, None, {(0,): "a", (1,): "b"}),
        ("{a: b}", Dialect.YAML, ("a",), {("a",): "b"}),
        ("a: b", Dialect.YAML, ("a",), {("a",): "b"}),
        ("a:", Dialect.YAML, ("a",), {("a",): None}),
        ("- a\n- b\n", Dialect.YAML, None, {(0,): "a", (1,): "b"}),
        ("- a", Dialect.YAML, None, {(0,): "a"}),
        ("a : ''\nb: ~\nc: null\n", Dialect.YAML, ("a", "b", "c"), None),
        ("a/b: c\n1: d\n", Dialect.YAML, ("a/b", "1"), {("a/b",): "c", ("1",): "d"}),
        ("a: |\n  b\n  c\n", Dialect.YAML, ("a",), {("a",): "b\nc\n"}),
        ("a: >-\n  b\n  c\n", Dialect.YAML, ("a",), {("a",): "b c"}),
        ("? a\n: b\n", Dialect.YAML, ("a",), {("a",): "b"}),
        ("# only\na: b # c\n", Dialect.YAML, ("a",), {("a",): "b"}),
    ],
)
def test_documents_are_taken_apart(
    text: str,
    dialect: Dialect,
    keys: tuple[str, ...] | None,
    scalars: dict[KeyPath, str | None] | None,
) -> None:
    parsed = ValueText.parse(text)
    assert (parsed.dialect, parsed.keys) == (dialect, keys)
    if scalars is not None:
        assert {scalar.path: scalar.value for scalar in parsed.scalars} == scalars
    assert parsed.edit({}) == text


def test_null_and_empty_are_told_apart_from_text() -> None:
    parsed = ValueText.parse("a: ''\nb: ~\nc: null\nd:\ne: 'null'\nf: 5\n")
    assert [scalar.value for scalar in parsed.scalars] == ["", None, None, None, "null", "5"]


# Exchanging


@pytest.mark.parametrize(
    "text",
    [
        "a: %s\n",
        "a: %s # with a comment\nb: c",
        "# before\n\na:   %s  \n",
        "a: '%s'\n",
        "a : '%s'  # x\n",
        'a: "%s"\n',
        "- %s\n- x\n",
        "-   '%s'\n-    %s\n",
        "['%s','x','%s']",
        "[%s, x]",
        "{a: %s, b: 'c'}",
        "{a: '%s'}\n# end",
        "a:\n  b:\n  - c: %s\n    d: '%s'\n",
        "é: 日本\nü: %s # 日本\n",
        '"é😀": [😀, "%s"]\n',
        "a: &x %s\nb: c\n",
        "a: !!str %s\n",
        "a: !!str &x '%s'\nb: *x\n",
        "a: &x\n  '%s'\n",
        "a: |-\n  %s\nb: c\n",
        "a: >-\n  %s\nb: c\n",
        "a: >-\n  %s\n",
        "a:\n  - b: |-\n      %s\n    c: d\n",
        "? a\n: %s\n",
        "a: %s\r\nb: c\r\n",
        "--- # start\na: %s\n...\n",
        "%%YAML 1.1\n---\na: %s\n",
        "a: b\n\n\n# trailing\n\nc: %s",
        '{"a": "%s"}',
        '{"a":"%s","b":["%s",null,true,1.50]}',
        '{\n    "a": "%s",\n    "b": {}\n}\n',
        ' [ "%s" , "x" ] ',
        '{"\\u00e9\\"": "%s", "b\\\\": "\\ud83d\\ude00"}',
        '{"a": "b", "a": "%s"}',
    ],
)
@pytest.mark.parametrize("new", [PORT, NEW, "r.io/x"])
def test_nothing_changes_but_the_scalar(text: str, new: str) -> None:
    old = text.replace("%s", OLD).replace("%%", "%")
    found = exchanged(old, new)
    marks = "|".join(map(re.escape, (new, f"'{new}'", json.dumps(new))))
    pattern = re.escape(text.replace("%%", "%")).replace("%s", f"(?:{marks})")
    folded = re.escape(">-\n  %s").replace("%s", f"(?:{marks})")
    assert re.fullmatch(pattern.replace(folded, f"(?:{marks})"), found), found
    assert yaml.safe_load(found) == _with(yaml.safe_load(old), new)


def _with(value: object, new: str) -> object:
    if isinstance(value, dict):
        return {key: _with(item, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_with(item, new) for item in value]
    return new if value == OLD else value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: ''\nb: c\n", "a: 'NEW'\nb: c\n"),
        ('a: ""\n', 'a: "NEW"\n'),
        ("a :\nb: c\n", "a : 'NEW'\nb: c\n"),
        ("a:\nb: c\n", "a: 'NEW'\nb: c\n"),
        ("a: \nb: c\n", "a: 'NEW' \nb: c\n"),
        ("a:", "a: 'NEW'"),
        ("a: # comment\n", "a: 'NEW' # comment\n"),
        ("a: ~\n", "a: 'NEW'\n"),
        ("a: null # x\n", "a: 'NEW' # x\n"),
        ("{a: , b: c}", "{a: 'NEW', b: c}"),
        ("{a: ''}", "{a: 'NEW'}"),
        ("{b: c, a: }", "{b: c, a: 'NEW'}"),
        ("{b: c, a}", "{b: c, a: 'NEW'}"),
        ("? a\n:\nb: c\n", "? a\n: 'NEW'\nb: c\n"),
        ('{"a": ""}', '{"a": "NEW"}'),
        ('{"a":null}', '{"a":"NEW"}'),
        ('{"a": 5}', '{"a": "NEW"}'),
        ("a: &x\nb: *x\n", None),
        ("a: &x ''\nb: c\n", "a: &x 'NEW'\nb: c\n"),
        ("a: !!null\nb: c\n", None),
        ("a: !!str\nb: c\n", None),
        ("b:\n  c: d\na:\n", "b:\n  c: d\na: 'NEW'\n"),
    ],
)
def test_empty_values_are_filled(text: str, expected: str | None) -> None:
    found = edited(text, {("a",): "NEW"})
    assert yaml.safe_load(found)["a"] == "NEW"
    assert {**yaml.safe_load(text), "a": "NEW"}.keys() == yaml.safe_load(found).keys()
    if expected is not None:
        assert found == expected


@pytest.mark.parametrize(
    "text",
    ["- ? x\n#  y :\n", "a:\n  ? x # y :\nb: c\n", "- [? x\n# y :\n, z]\n", "? - x\n# -\n"],
)
def test_a_comment_is_not_taken_for_the_mark_of_a_value(text: str) -> None:
    parsed = ValueText.parse(text)
    found = parsed.edit({scalar.path: "NEW" for scalar in parsed.scalars})
    assert found == "NEW" or yaml.safe_load(found)


@pytest.mark.parametrize("text", ["{a\n b}", "{a\n }", "{c, a\n b}"])
def test_a_key_that_no_value_can_follow_on_its_line_makes_a_text(text: str) -> None:
    assert ValueText.parse(text).dialect is Dialect.TEXT


def test_several_empty_values_side_by_side_are_filled_each() -> None:
    assert edited("a:\nb:\nc:\n", {("a",): "1", ("b",): "2", ("c",): "3"}) == (
        "a: '1'\nb: '2'\nc: '3'\n"
    )


def test_an_alias_is_exchanged_by_itself() -> None:
    text = "a: &x old\nb: *x\nc: [*x, &y '', *y]\n"
    parsed = ValueText.parse(text)
    assert {scalar.path: scalar.value for scalar in parsed.scalars} == {
        ("a",): "old",
        ("b",): "old",
        ("c", 0): "old",
        ("c", 1): "",
        ("c", 2): "",
    }
    found = parsed.edit({("a",): "new", ("b",): "new", ("c", 0): "other", ("c", 2): "filled"})
    assert found == "a: &x new\nb: *x\nc: ['other', &y '', 'filled']\n"
    assert parsed.edit({("a",): "new"}) == "a: &x new\nb: 'old'\nc: ['old', &y '', *y]\n"


def test_an_alias_of_a_collection_stays() -> None:
    found = edited("a: &x {k: old}\nb: *x\n", {("a", "k"): "new"})
    assert found == "a: &x {k: new}\nb: *x\n"


def test_a_literal_block_keeps_its_lines() -> None:
    text = "a:\n  b: |+\n    x: old\n\n    y: z\n\nc: d\n"
    found = edited(text, {("a", "b"): "x: new\n\ny: z\n\n"})
    assert found == text.replace("old", "new")
    assert yaml.safe_load(edited("a: |2\n    b\n", {("a",): "  c\n"})) == {"a": "  c\n"}


def test_a_key_alone_may_end_with_a_dash() -> None:
    assert ValueText.parse("- ? a-\n").dialect is Dialect.TEXT


def test_a_tab_may_follow_a_colon() -> None:
    assert edited("a:\t|\n", {("a",): "r.io/a:1"}) == 'a:\t"r.io/a:1"\n'
    assert ValueText.parse('a:\t"r.io/a:1"').dialect is Dialect.YAML


def test_an_anchor_ends_where_its_name_does() -> None:
    assert edited("- &a:/b c\n", {(0,): "r.io/a:1"}) == "- &a r.io/a:1\n"


def test_a_key_in_brackets_may_end_with_a_dash() -> None:
    text = "{a- , b}"

    assert yaml.safe_load(edited(text, {("a-",): "r.io/a:1"})) == {"a-": "r.io/a:1", "b": None}


@pytest.mark.parametrize(
    "text",
    ["a: |\n", "a:\n|\n", "a: |\r  b\rc: d\r", "a: |\n\nb: c\n", "a: |-\n  \nb: c\n", "- |\n- b\n"],
)
def test_an_empty_block_is_filled(text: str) -> None:
    before = yaml.safe_load(text)
    path = ValueText.parse(text).scalars[0].path
    before[path[0]] = "r.io/a:1"

    assert yaml.safe_load(ValueText.parse(text).edit({path: "r.io/a:1"})) == before


@pytest.mark.parametrize("text", ["a: old\nb: c\n", "a: 'old'\n", 'a: "old"\n', '{"a": "old"}'])
@pytest.mark.parametrize("value", ["it's", 'say "x"', "a\nb", "a\\b", "é😀", "a: b", "#", "12:30"])
def test_any_value_is_written_so_that_it_is_read_back(text: str, value: str) -> None:
    assert yaml.safe_load(edited(text, {("a",): value}))["a"] == value


@pytest.mark.parametrize("value", ["a, b", "[x]", "x]", "a}", "a ", "5", "true", "", "- a", "&x"])
@pytest.mark.parametrize("text", ["[old, b]", "{a: old, b: c}", "a: old"])
def test_what_is_special_is_quoted(text: str, value: str) -> None:
    path: KeyPath = (0,) if text.startswith("[") else ("a",)
    found = yaml.safe_load(edited(text, {path: value}))
    assert found[path[0]] == value
    assert len(found) == len(yaml.safe_load(text))


# Adding


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: b\n", "a: b\nn/k: 'NEW'\n"),
        ("a: b", "a: b\nn/k: 'NEW'"),
        ("a: b # c\n\n", "a: b # c\nn/k: 'NEW'\n\n"),
        ("  a: b\n  c: d\n", "  a: b\n  c: d\n  n/k: 'NEW'\n"),
        ("a:\n  b: c\n", "a:\n  b: c\nn/k: 'NEW'\n"),
        ("a:\n- b\n", "a:\n- b\nn/k: 'NEW'\n"),
        ("a:\n", "a:\nn/k: 'NEW'\n"),
        ("{a: b}", "{a: b, n/k: 'NEW'}"),
        ("{a: b,}\n", None),
        ("{}", None),
        ("{ }", None),
        ("{a: b # c\n}", None),
        ('{"a": "b"}', '{"a": "b", "n/k": "NEW"}'),
        ('{"a":"b"}', '{"a":"b","n/k":"NEW"}'),
        ('{\n  "a": "b"\n}\n', '{\n  "a": "b",\n  "n/k": "NEW"\n}\n'),
        ('{\n\t"a": {"b": []}\n}', '{\n\t"a": {"b": []},\n\t"n/k": "NEW"\n}'),
        ('{"a": "x:y"}', '{"a": "x:y", "n/k": "NEW"}'),
        ("a: |\n  b\n", None),
        ("a: |+\n  b\n\n", None),
        ("a: >-\n  b\n\n\n", None),
        ("a: b\n# the end\n", None),
        ("a: b\n...\n", None),
        ("--- \na: b\n", None),
        ("a: b\r\nc: d\r\n", None),
        ("a: &x {k: v}\nb: *x\n", None),
        ("--- {a: b}", None),
        ("a: 'b\n\n  c'\n", None),
        ("&r\na: b\n", None),
        ("&r {a: b}\n", None),
    ],
)
def test_keys_are_added_behind_the_last(text: str, expected: str | None) -> None:
    found = edited(text, {}, **{"n/k": "NEW"})
    load = json.loads if text.startswith("{\n\t") else yaml.safe_load
    assert load(found) == {**load(text), "n/k": "NEW"}
    if expected is not None:
        assert found == expected


def test_keys_are_added_and_values_exchanged_at_once() -> None:
    assert edited("a: old\nb: ''\n", {("a",): "new", ("b",): "c"}, d="e", f="g") == (
        "a: new\nb: 'c'\nd: 'e'\nf: 'g'\n"
    )
    assert edited('{"a": "old"}', {("a",): "much longer"}, d="e", f="g") == (
        '{"a": "much longer", "d": "e", "f": "g"}'
    )


@pytest.mark.parametrize("key", ["a b", "1", "yes", "a: b", "é", "#", "", "null", "'", '"', "-"])
def test_any_key_can_be_added(key: str) -> None:
    for text in ("a: b\n", "{a: b}", '{"a": "b"}'):
        assert yaml.safe_load(edited(text, {}, **{key: "v"})) == {"a": "b", key: "v"}
    assert yaml.safe_load(render_mapping({key: "v", "w": "it's"})) == {key: "v", "w": "it's"}


@pytest.mark.parametrize("text", ["- a\n", "[]", "plain"])
def test_keys_are_added_to_mappings_only(text: str) -> None:
    with pytest.raises(OptionError, match="only be added to a mapping"):
        edited(text, {}, a="b")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("a",), "key a"),
        (("a/b", "c"), "key a/b.c"),
        (("a", 0, "b"), "key a[0].b"),
        ((1,), "item [1]"),
    ],
)
def test_a_path_is_written_for_a_person(path: KeyPath, text: str) -> None:
    assert format_path(path) == text


# Any documents

names = st.sampled_from(["a", "b b", "c/d", "é", "1", "yes", "image", "it's", "x:y"])
leaves = st.sampled_from(
    [
        OLD,
        OLD,
        "",
        "text",
        "12:30",
        "é😀",
        "a: b",
        "# x",
        "null",
        "multi\nline\n",
        "C:\\x",
        None,
        5,
        True,
    ]
)
trees: st.SearchStrategy[JSONValue] = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=10,
)
mappings: st.SearchStrategy[Document] = st.dictionaries(names, trees, max_size=4)


def styles(value: JSONValue) -> Iterator[tuple[str, Callable[[str], object]]]:
    """Write a document in every way that programs do, each with what reads it."""
    for flow in (False, True, None):
        for quote in (None, "'", '"', "|", ">"):
            for wide in (False, True):
                text = yaml.safe_dump(
                    value,
                    default_flow_style=flow,
                    default_style=quote,
                    allow_unicode=wide,
                    width=40,
                )
                if yaml.safe_load(text) == value:
                    yield text, yaml.safe_load
    yield dump_yaml(value), yaml.safe_load
    yield textwrap.indent(dump_yaml(value), "  "), yaml.safe_load
    yield json.dumps(value), json.loads
    yield json.dumps(value, indent=4, ensure_ascii=False), json.loads
    yield json.dumps(value, separators=(",", ":")), json.loads


@settings(max_examples=25)
@given(st.one_of(mappings, st.lists(trees, max_size=4)), st.sampled_from([PORT, NEW]))
@example({"a": {"b": [OLD, {"c": ""}]}, "é": OLD}, NEW)
def test_every_edit_leads_to_the_same_document_with_other_references(
    value: Document | list[JSONValue], new: str
) -> None:
    for text, load in styles(value):
        parsed = ValueText.parse(text)
        assert parsed.dialect is not Dialect.TEXT
        assert parsed.edit({}) == text
        found = exchanged(text, new)
        assert load(found) == _with(value, new), (text, found)


@pytest.mark.parametrize(
    "value", ["y", "N", "1e-5", "0o17", "+.5", "1e+3", "12:30", "on", "=", "~"]
)
@pytest.mark.parametrize("text", ["a: {old}\n", "{{a: {old}}}", "a: {old}\nb: [{old}]\n"])
def test_what_yaml_v2_or_pyyaml_reads_as_another_type_is_quoted(text: str, value: str) -> None:
    found = exchanged(text.format(old=OLD), value)
    assert found == text.format(old=f"'{value}'")
    assert load_yaml(found, where="x") == yaml.safe_load(found)
    assert edited("x: 1\n", {}, k=value) == f"x: 1\nk: '{value}'\n"
    assert yaml.safe_load(render_mapping({value: value})) == {value: value}
    assert load_yaml(render_mapping({value: value}), where="x") == {value: value}


@pytest.mark.parametrize("lines", [3, 10_000])
def test_the_last_of_repeated_keys_is_found_without_searching_all(lines: int) -> None:
    keys = [f"k{number}" for number in range(lines)] + ["a"] * lines
    started = time.process_time()
    for text in (
        "".join(f"{key}: x\n" for key in keys),
        "{" + ",".join(f'"{key}":"x"' for key in keys) + "}",
    ):
        parsed = ValueText.parse(text)
        assert len(parsed.scalars) == lines + 1
        assert parsed.scalars[-1].path == ("a",)
        found = parsed.edit({scalar.path: "y" for scalar in parsed.scalars})
        assert found.count("y") == lines + 1
    assert time.process_time() - started < 20


def test_values_under_a_repeated_key_are_dropped_with_all_that_is_below() -> None:
    text = "a: {b: x, c: [y, {b: z}]}\nd: w\na: {b: v, b: {c: u}}\nd: t\n"
    for written in (text, '{"a":{"b":1,"c":[2,{"b":3}]},"d":4,"a":{"b":5,"b":{"c":6}},"d":7}'):
        paths = [scalar.path for scalar in ValueText.parse(written).scalars]
        assert paths == [("a", "b", "c"), ("d",)]


@pytest.mark.parametrize(
    "value", ["\ufffe", "\uffff", "\x85", "\u2028", "\ufeff", "\x7f", "\x1b", "\x00"]
)
@pytest.mark.parametrize(
    "text", [f"a: {OLD}\n", f"a: '{OLD}'\n", f'{{"a": "{OLD}"}}', f"a: |-\n  {OLD}\n"]
)
def test_characters_that_yaml_has_not_are_written_as_escapes(text: str, value: str) -> None:
    found = edited(exchanged(text, f"x{value}z"), {}, **{f"k{value}": value})
    assert yaml.safe_load(found) == {"a": f"x{value}z", f"k{value}": value}
    assert load_yaml(found, where="x") == yaml.safe_load(found)


def test_a_question_mark_inside_brackets_is_quoted() -> None:
    assert exchanged(f"{{a: {OLD}}}", "x?y") == "{a: 'x?y'}"
    assert exchanged(f"a: {OLD}", "x?y") == "a: x?y"


@settings(max_examples=25)
@given(mappings, st.dictionaries(st.sampled_from(["n", "m/o", "5", "z z"]), names, min_size=1))
def test_every_addition_leads_to_the_same_document_with_more_keys(
    value: Document, additions: dict[str, str]
) -> None:
    for text, load in styles(value):
        parsed = ValueText.parse(text)
        found = parsed.edit({}, additions)
        assert load(found) == {**value, **additions}, (text, found)
        assert ValueText.parse(found).dialect is parsed.dialect


@given(st.text(max_size=40))
@example("a: \x85 b")
@example("{\u2028a: b}")
@example("\ufeffa: old")
def test_no_text_is_too_odd(text: str) -> None:
    parsed = ValueText.parse(text)
    assert parsed.edit({}) == text
    for scalar in parsed.scalars:
        assert 0 <= scalar.start <= scalar.end <= len(text)
        if scalar.value and scalar.style == "" and parsed.dialect is Dialect.YAML:
            assert text[scalar.start : scalar.end].split() == scalar.value.split()


def test_a_very_long_text_is_read_in_linear_time() -> None:
    for text in ("a" * 1_000_000, "[" * 200_000, "{" * 200_000, '"' * 200_001, ": " * 100_000):
        assert ValueText.parse(text).edit({}) == text
    many = "".join(f"k{number}: '{OLD}'\n" for number in range(5_000))
    assert exchanged(many, "r.io/x:1") == many.replace(OLD, "r.io/x:1")
