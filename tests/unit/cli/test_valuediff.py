"""Differences of values: their parts give both values back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.cli import valuediff
from ckf_airgap.cli.valuediff import Part, compare_values, shortened, value_text
from ckf_airgap.documents import Document, JSONValue, dump_yaml

LINES = st.lists(st.sampled_from(["a: 1", "b: 2", "", "- x", "plain", "  c: 3"]), max_size=8)
LEAVES = st.one_of(
    st.booleans(), st.integers(-3, 3), st.text("ab1 ", max_size=3), st.just("one\ntwo")
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abcd"), inner, max_size=4)
    ),
    max_leaves=10,
)


def sides(part: Part) -> tuple[list[str], list[str]]:
    """Return the lines before and after."""
    old = [line.old for line in part.parts if line.old is not None]
    new = [line.new for line in part.parts if line.new is not None]
    return old, new


def signs(part: Part) -> str:
    return "".join(one.sign for one in part.parts)


def rebuilt(part: Part, value: JSONValue, *, after: bool) -> None:
    """Check that a part says what a value was, or will be."""
    text = part.new if after else part.old
    if not part.parts:
        assert text is not None
        assert text in (value_text(value), json.dumps(value))
    elif part.is_lines:
        lines = sides(part)[after]
        spelt = json.loads(value) if isinstance(value, str) and value[:1] == "[" else value
        items = spelt if isinstance(spelt, list) else []
        assert lines in (
            value_text(value).split("\n"),
            [one if isinstance(one, str) and "\n" not in one else json.dumps(one) for one in items],
        )
    else:
        assert isinstance(value, dict)
        there = {one.name: one for one in part.parts if one.sign != ("-" if after else "+")}
        assert there.keys() == value.keys()
        for name, one in there.items():
            rebuilt(one, value[name], after=after)


@given(old=VALUES, new=VALUES)
def test_the_parts_of_two_values_give_both_back(old: JSONValue, new: JSONValue) -> None:
    part = compare_values(old, new)
    one, other = (json.dumps(value, sort_keys=True) for value in (old, new))
    assert (part.sign == " ") is (one == other)
    rebuilt(part, old, after=False)
    rebuilt(part, new, after=True)


@given(old=LINES, new=LINES)
def test_the_lines_of_two_texts_give_both_back(old: list[str], new: list[str]) -> None:
    one, other = "\n".join(["x: [", *old]), "\n".join(["x: [", *new])  # no YAML
    part = compare_values(one, other)
    if one == other:
        assert part.sign == " "
        return
    assert part.is_lines
    assert ["\n".join(side) for side in sides(part)] == [one, other]


@given(old=LINES, new=LINES, context=st.integers(0, 3))
def test_what_is_left_out_is_the_same_and_far(old: list[str], new: list[str], context: int) -> None:
    whole = compare_values("\n".join(["x: [", *old]), "\n".join(["x: [", *new]))
    short = shortened(whole, context)
    kept = [part for part in short.parts if part.sign != "…"]
    assert [part for part in kept if part.sign != " "] == [
        part for part in whole.parts if part.sign != " "
    ]
    assert "……" not in signs(short)
    for run in "".join("." if sign in "+-" else sign for sign in signs(short)).split("."):
        assert len(run.replace("…", "")) <= 2 * context


def test_mappings_in_yaml_are_compared_by_key() -> None:
    old: Document = {"a": "r/a:1", "b": {"c": "r/c:1", "d": 1}, "e": "x"}
    new: Document = {"a": "r/a:2", "b": {"c": "r/c:1", "d": "1"}, "f": True}
    part = compare_values(dump_yaml(old), dump_yaml(new), "images")
    assert part.name == "images"
    assert shortened(part) == Part(
        "~",
        "images",
        parts=(
            Part("~", "a", "r/a:1", "r/a:2"),
            Part("~", "b", parts=(Part("~", "d", "1", '"1"'),)),
            Part("-", "e", "x"),
            Part("+", "f", None, "true"),
        ),
    )


def test_mappings_in_json_on_one_line_are_compared_by_key() -> None:
    part = compare_values('{"a": "1", "b": "2"}', '{"a": "1", "b": "3"}')
    assert shortened(part).parts == (Part("~", "b", "2", "3"),)


def test_a_key_without_a_value_is_there() -> None:
    part = compare_values('{"a": null, "b": null, "c": 1}', '{"a": null, "b": 1, "c": null}')
    assert shortened(part).parts == (Part("~", "b", "null", "1"), Part("~", "c", "1", "null"))


def test_lists_are_compared_by_item() -> None:
    part = compare_values('["a", "b", {"c": 1}]', '["a", {"c": 1}, "d"]', "list")
    assert (part.name, part.is_lines) == ("list", True)
    assert [(one.sign, one.old, one.new) for one in part.parts] == [
        (" ", "a", "a"),
        ("-", "b", None),
        (" ", '{"c": 1}', '{"c": 1}'),
        ("+", None, "d"),
    ]


def test_texts_that_say_the_same_in_other_words_are_compared_by_line() -> None:
    part = compare_values("a: 1\nb: 2\n", "# new\na: 1\nb: 2\n")
    assert signs(part) == "+   "


def test_texts_of_one_line_are_compared_whole() -> None:
    assert compare_values("a, b", "a, c") == Part("~", "", "a, b", "a, c")
    assert compare_values(1, 2) == Part("~", "", "1", "2")
    assert compare_values("[a", "[b") == Part("~", "", "[a", "[b")
    assert compare_values(True, "true") == Part("~", "", "true", '"true"')
    assert compare_values("x", "x") == Part(" ", "", "x", "x")


@pytest.mark.parametrize("value", [False, 0, "", "x", [1]])
def test_what_comes_or_goes_has_one_side(value: JSONValue) -> None:
    assert compare_values(None, value) == Part("+", "", None, value_text(value))
    assert compare_values(value, None) == Part("-", "", value_text(value))


def test_of_a_text_that_comes_or_goes_each_line_does() -> None:
    assert compare_values(None, "a\nb", "k") == Part(
        "+", "k", parts=(Part("+", "", None, "a"), Part("+", "", None, "b")), is_lines=True
    )
    assert compare_values("a\nb", None).parts == (Part("-", "", "a"), Part("-", "", "b"))
    assert signs(compare_values(None, "a\n\nb\n")) == "+++"
    assert signs(compare_values(None, "a\n")) == "+"


def test_lines_around_a_difference_are_shown() -> None:
    old = "\n".join(f"line {number}" for number in range(12))
    part = shortened(compare_values(old, old.replace("line 5", "other").replace("line 11", "end")))
    assert signs(part) == "…  -+  …  -+"
    assert part.parts[1].old == "line 3"


def test_very_long_texts_are_compared_as_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = "a\nb\nc", "a\nb\nd"
    monkeypatch.setattr(valuediff, "_MOST_COMPARED", 9)
    assert signs(compare_values(old, new)) == "  -+"
    monkeypatch.setattr(valuediff, "_MOST_COMPARED", 8)
    whole = compare_values(old, new)
    assert signs(whole) == "---+++"
    assert sides(whole) == (old.split("\n"), new.split("\n"))


def test_values_are_written_as_people_write_them() -> None:
    assert value_text("text") == "text"
    assert value_text({"b": "ä", "a": [1, True, None]}) == '{"b": "ä", "a": [1, true, null]}'
    part = compare_values('["ä", {"x": "ü"}]', '["ö", {"x": "ü"}]')
    assert sides(part) == (["ä", '{"x": "ü"}'], ["ö", '{"x": "ü"}'])


def test_what_looks_alike_is_told_apart() -> None:
    assert compare_values({"a": "1"}, {"a": 1}).parts == (Part("~", "a", '"1"', "1"),)
    assert compare_values("1", 1) == Part("~", "", '"1"', "1")
    assert compare_values({"a": 1, "b": 2}, {"b": 2, "a": 1}).sign == " "


def test_a_line_that_is_there_often_is_the_same_line_nevertheless() -> None:
    old = "\n".join(["x: [", *["same"] * 300])
    part = compare_values(old, f"{old}\nother")
    assert signs(part) == " " * 301 + "+"


def test_as_many_lines_are_kept_in_a_part_as_in_the_whole() -> None:
    old: Document = {"k": "a\nb\nc\nd"}
    new: Document = {"k": "a\nb\nc\ne"}
    for context, kept in ((0, "…-+"), (1, "… -+"), (3, "   -+")):
        (part,) = shortened(compare_values(old, new), context).parts
        assert signs(part) == kept
