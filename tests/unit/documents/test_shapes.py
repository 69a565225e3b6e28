"""The declared type of a field decides what its scalar is, as for the fields of a Go struct."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.documents import (
    ANY,
    BOOLEAN,
    INTEGER,
    NUMBER,
    TEXT,
    TEXT_OR_NULL,
    JSONValue,
    ListOf,
    MappingOf,
    Record,
    Shape,
    dump_yaml,
    load_shaped,
    shaped,
)
from ckf_airgap.errors import BundleError, InputError


def read(text: str, shape: Shape) -> JSONValue:
    return load_shaped(text, shape, where="x").documents[0]


def wrong(text: str, shape: Shape) -> list[str]:
    with pytest.raises(BundleError) as raised:
        load_shaped(text, shape, where="x.yaml", error=BundleError)
    assert raised.value.message.startswith("x.yaml has values of a type that Juju does not take")
    return [str(problem) for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((text, text) for text in ("1.10", "010", "on", "y", "1_000", "1e+3", "0o17", "true")),
        *((text, text) for text in ("2024-01-01", "12:30", ".nan", "18446744073709551616", "<<")),
        ("'~'", "~"),
        ("''", ""),
        ("!!int 5", "5"),
        ("!!str ~", "~"),
        ("!!binary aGVsbG8=", "hello"),
        ("!custom 1.10", "1.10"),
        ("|\n  1.10", "1.10"),
        ("~", ""),
        ("", ""),
        ("NULL", ""),
        ("!!null ''", ""),
    ],
)
def test_a_text_is_what_was_written(text: str, value: str) -> None:
    assert read(f"a: {text}", MappingOf(TEXT)) == {"a": value}
    assert read(f"- {text}", ListOf(TEXT)) == [value]


def test_a_text_that_is_null_can_be_told_from_an_empty_one() -> None:
    assert read("{a: , b: '', c: ~}", MappingOf(TEXT_OR_NULL)) == {"a": None, "b": "", "c": None}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("2.7", 2),
        ("-2.7", -2),
        ("1e+3", 1000),
        ("0o17", 15),
        ("017", 15),
        ("9223372036854775807", 2**63 - 1),
        ("!!int '5'", 5),
        ("~", None),
    ],
)
def test_an_integer_is_cut_as_in_go(text: str, value: int | None) -> None:
    assert read(text, INTEGER) == value


@pytest.mark.parametrize(
    "text",
    [
        "'5'",
        "1e3",
        "true",
        "9223372036854775808",
        "1e+19",
        ".nan",
        ".inf",
        "''",
        "[]",
        "2024-01-01",
    ],
)
def test_what_is_no_integer_is_refused(text: str) -> None:
    assert wrong(f"a: {text}", MappingOf(INTEGER))[0].startswith("a, line 1: expected an integer,")


@pytest.mark.parametrize(("text", "value"), [("y", True), ("OFF", False), ("~", None)])
def test_booleans_are_those_of_yaml_v2(text: str, value: bool | None) -> None:
    assert read(text, BOOLEAN) is value


def test_what_is_no_boolean_is_refused() -> None:
    assert wrong("[1, 'true', x, {}]", ListOf(BOOLEAN)) == [
        "[0], line 1: expected true or false, got an integer (1)",
        "[1], line 1: expected true or false, got 'true' (leave out the quotes)",
        "[2], line 1: expected true or false, got 'x'",
        "[3], line 1: expected true or false, got a mapping",
    ]


def test_quotes_that_make_a_text_of_a_value_are_told() -> None:
    hint = "(leave out the quotes)"
    assert hint in wrong("['5']", ListOf(INTEGER))[0]
    assert hint in wrong("['0o17']", ListOf(INTEGER))[0]
    assert hint in wrong("['.5']", ListOf(NUMBER))[0]
    assert hint in wrong("['y']", ListOf(BOOLEAN))[0]
    for text, shape in (("'x'", INTEGER), ("5", BOOLEAN), ("'5'", BOOLEAN), ("'y'", INTEGER)):
        assert "quotes" not in wrong(text, shape)[0]


def test_a_number_is_a_float() -> None:
    value = read("[1, .5, ~, 1e+3]", ListOf(NUMBER))
    assert value == [1.0, 0.5, None, 1000.0]
    assert [type(item) for item in value or []] == [float, float, type(None), float]
    assert wrong("[x, y, '1']", ListOf(NUMBER))[2] == "[2], line 1: expected a number, got '1'"


PLACE = Record({"name": TEXT, "count": INTEGER, "labels": MappingOf(TEXT), "to": ListOf(TEXT)})
PLACES = Record({"places": MappingOf(PLACE), "free": ANY})


def test_every_wrong_type_is_named_with_its_line_and_path() -> None:
    text = (
        "places:\n  a: {name: [x]}\n  b:\n    count: many\n    to: x\n  c: [1]\nfree: [1, {b: c}]\n"
    )
    assert wrong(text, PLACES) == [
        "places.a.name, line 2: expected text, got a list",
        "places.b.count, line 4: expected an integer, got 'many'",
        "places.b.to, line 5: expected a list, got 'x' (put it in brackets)",
        "places.c, line 6: expected a mapping, got a list",
    ]
    assert wrong("places: {a: {to: [[b]]}}", PLACES) == [
        "places.a.to[0], line 1: expected text, got a list"
    ]
    assert wrong("- places", PLACES) == ["line 1: expected a mapping, got a list"]


def test_many_problems_are_counted_rather_than_listed() -> None:
    found = wrong(f"[{'[],' * 300}]", ListOf(TEXT))
    assert len(found) == 101
    assert found[-1] == "and 200 more of that kind"


def test_null_is_good_for_every_type_and_stays_to_be_seen() -> None:
    assert read("places: ~", PLACES) == {"places": None}
    assert read("places: {a: , b: {labels: , to: ~, count: null}}", PLACES) == {
        "places": {"a": None, "b": {"labels": None, "to": None, "count": None}}
    }
    assert load_shaped("# nothing", PLACES, where="x").documents == []


def test_keys_that_are_not_declared_are_kept_and_told() -> None:
    found = load_shaped("places:\n  a:\n    nam: 1.10\nx-more: {a: on}\n", PLACES, where="x")
    assert found.documents == [{"places": {"a": {"nam": 1.1}}, "x-more": {"a": True}}]
    assert [(item.place, item.name, item.line) for item in found.unknown] == [
        ("places.a.nam", "nam", 3),
        ("x-more", "x-more", 4),
    ]
    assert found.unknown[0].known == ("name", "count", "labels", "to")


def test_keys_are_text_and_null_is_an_empty_one() -> None:
    assert read("{1: a, on: b, ~: c, 1.10: d, !!binary aGk=: e}", MappingOf(TEXT)) == {
        "1": "a",
        "on": "b",
        "": "c",
        "1.10": "d",
        "hi": "e",
    }


def test_maps_of_a_record_are_added_to_by_merges_and_lists_are_replaced() -> None:
    text = """
free: &common {labels: {a: 1.10, b: x}, to: [p, q], name: z}
places:
  one: {<<: *common, labels: {b: y, c: z}, to: [r]}
  two: {labels: {b: w}, name: m, <<: [*common, {name: l, count: 1}]}
"""
    assert read(text, PLACES) == {
        "free": {"labels": {"a": 1.1, "b": "x"}, "to": ["p", "q"], "name": "z"},
        "places": {
            "one": {"labels": {"a": "1.10", "b": "y", "c": "z"}, "to": ["r"], "name": "z"},
            "two": {
                "labels": {"a": "1.10", "b": "x"},
                "to": ["p", "q"],
                "name": "z",
                "count": 1,
            },
        },
    }


@pytest.mark.parametrize("text", ["<<: 5", "<<: [1]", "<<:", "{? [a] : b}", "{? {a: b} : c}"])
def test_what_yaml_v2_does_not_merge_or_take_for_a_key_is_refused(text: str) -> None:
    for shape in (ANY, PLACES, MappingOf(TEXT)):
        with pytest.raises(InputError, match=r"x is not valid YAML: .*\(line 1\)"):
            read(text, shape)


def test_the_last_of_repeated_keys_wins_where_that_is_allowed() -> None:
    found = load_shaped("name: a\nname: b", PLACE, where="x", allow_duplicate_keys=True)
    assert found.documents == [{"name": "b"}]
    with pytest.raises(InputError, match="twice"):
        load_shaped("name: a\nname: b", PLACE, where="x")


def test_only_the_first_document_counts_where_that_is_asked_for() -> None:
    text = "name: a\n---\nname: [b]\n--- [\n"
    assert load_shaped(text, PLACE, where="x", only_first=True).documents == [{"name": "a"}]
    with pytest.raises(InputError):
        load_shaped(text, PLACE, where="x")


def test_a_value_from_elsewhere_is_checked_in_the_same_way() -> None:
    value: JSONValue = {"places": {"a": {"name": 1.5, "count": 2.7, "to": [True, 8, None]}}}
    assert shaped(value, PLACES, where="x") == {
        "places": {"a": {"name": "1.5", "count": 2, "to": ["true", "8", ""]}}
    }
    with pytest.raises(BundleError, match="places: expected a mapping, got a list") as raised:
        shaped({"places": [1]}, PLACES, where="x", error=BundleError)
    assert "line" not in str(raised.value)


words = st.text() | st.sampled_from(["y", "1.10", "on", "~", "1e+3", "<<", "=", ""])


@given(st.dictionaries(words, words, max_size=5))
def test_texts_are_written_and_read_as_the_same_texts(labels: dict[str, str]) -> None:
    value: JSONValue = {"labels": {**labels}, "to": [*labels.values()]}
    assert read(dump_yaml(value), PLACE) == value
    assert shaped(value, PLACE, where="x") == value


def test_unknown_keys_are_told_up_to_a_thousand() -> None:
    text = "".join(f"x{number}: 1\n" for number in range(1200))
    found = load_shaped(text, PLACES, where="x")
    assert len(found.unknown) == 1000
    assert found.documents == [{f"x{number}": 1 for number in range(1200)}]
