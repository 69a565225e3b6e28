"""YAML is read defensively: what is no document of ours is refused with its place."""

from __future__ import annotations

import pytest

from ckf_airgap.documents import (
    JSONValue,
    TypedKey,
    as_mapping,
    load_all_yaml,
    load_mapping,
    load_yaml,
    natural,
    type_name,
)
from ckf_airgap.errors import BundleError, InputError


def test_a_repeated_key_is_an_error_that_names_the_line() -> None:
    with pytest.raises(InputError, match=r"x has the key 'minio' twice \(line 4\)"):
        load_yaml("a:\n  minio: 1\n  b: 2\n  'minio': 3\n", where="x")


def test_one_key_in_two_mappings_is_no_repetition() -> None:
    assert load_yaml("a: {x: 1}\nb: {x: 1}", where="x") == {"a": {"x": 1}, "b": {"x": 1}}


def test_the_last_of_repeated_keys_wins_where_that_is_allowed() -> None:
    assert load_yaml("a: 1\na: 2", where="x", allow_duplicate_keys=True) == {"a": 2}


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


def test_names_are_sorted_by_their_numbers_however_long_those_are() -> None:
    long = f"a/{'9' * 5000}"
    names = ["a/10", "a/9", "a", "b/2", "a/2b3", "a/2b11", long, "²", "1a"]
    assert sorted(names, key=natural) == [
        *("1a", "a", "a/2b3", "a/2b11", "a/9", "a/10"),
        *(long, "b/2", "²"),
    ]


def test_only_the_first_document_counts_where_that_is_asked_for() -> None:
    text = "a: 1\n---\nb: [\n"
    assert load_mapping(text, where="x", only_first=True) == {"a": 1}
    with pytest.raises(InputError, match="x is not valid YAML"):
        load_mapping(text, where="x")
    assert load_yaml("", where="x", only_first=True) is None


def test_merge_keys_count_at_their_place() -> None:
    assert load_yaml("{a: 1, <<: {a: 2, b: 3}, b: 4}", where="x") == {"a": 2, "b": 4}
    assert load_yaml("{<<: [{a: 1}, {a: 2, b: 3}]}", where="x") == {"a": 1, "b": 3}
    assert load_yaml("{'<<': {a: 1}}", where="x") == {"<<": {"a": 1}}
    with pytest.raises(InputError, match=r"map merge requires .* \(line 2\)"):
        load_yaml("a: 1\n<<: [b]", where="x")


def test_keys_that_are_no_text_can_be_told() -> None:
    text = "{1: a, on: b, ~: c, .5: d, x: e, '1.0': f, 2024-01-01: g, <<: {2: {y: h}}}"
    found = load_mapping(text, where="x", typed_keys=True)
    assert found == load_mapping(text, where="x")
    typed = {key: key.value for key in found if isinstance(key, TypedKey)}
    assert typed == {"1": 1, "on": True, "~": None, ".5": 0.5, "2": 2}
    inner = found["2"]
    assert isinstance(inner, dict)
    assert [type(key) for key in inner] == [TypedKey]
    assert not any(isinstance(key, TypedKey) for key in load_mapping(text, where="x"))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: {mode:}\n", "(line 1, column 9)"),
        ("a:\n- [x:]\n", "(line 2, column 5)"),
        ("{a: b:}\n", "(line 1, column 6)"),
        ("[a:, b]\n", "(line 1, column 3)"),
    ],
)
def test_a_colon_before_a_bracket_is_told_with_what_to_write(text: str, place: str) -> None:
    with pytest.raises(InputError) as caught:
        load_yaml(text, where="b.yaml")
    assert (
        f"found unexpected ':' {place}: between brackets a key ends in a colon and a blank"
        in str(caught.value)
    )


@pytest.mark.parametrize("text", ["a: {mode: }\n", "a: ['x:']\n", "a: x:y\n", "a: [x:y]\n"])
def test_colons_that_are_in_their_place(text: str) -> None:
    assert load_yaml(text, where="b.yaml")
