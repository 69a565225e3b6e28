"""Words of a text are found by place, called by what is in front of them, and exchanged alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.images.places import KeyPath
from ckf_airgap.images.words import called, exchange_words, listed, may_call, words


def found(text: str) -> list[tuple[str, str]]:
    return [(place, word) for place, _, word in words(text)]


def test_words_are_told_with_line_and_column() -> None:
    assert found("run a/b:1\n\n  c/d:2, x\r\ne/f_\n") == [
        ("line 1 column 1", "run"),
        ("line 1 column 5", "a/b:1"),
        ("line 3 column 3", "c/d:2"),
        ("line 4 column 1", "e/f_"),
    ]
    assert found("\na/b:1 c/d:2\n\n") == [
        ("line 2 column 1", "a/b:1"),
        ("line 2 column 7", "c/d:2"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see a/b:1.", ["see", "a/b:1"]),
        ("'a/b:1';\"c/d:2\"", ["a/b:1", "c/d:2"]),
        ("(a/b:1) [c/d:2] <e/f:3> `g/h:4`", ["a/b:1", "c/d:2", "e/f:3", "g/h:4"]),
        ("--image=a/b:1|c/d:2", ["a/b:1", "c/d:2"]),
        ("[fd00::1]:5000/a/b:1", ["[fd00::1]:5000/a/b:1"]),
        ("https://x.io/a/b:1 C:\\a\\b:1 ${R}/a/b:1 /a/b:1", ["https://x.io/a/b:1"]),
        ("a", []),
        ("ab", ["ab"]),
    ],
)
def test_what_is_a_word(text: str, expected: list[str]) -> None:
    assert [word for _, word in found(text)] == expected


@given(st.lists(st.sampled_from(["a/b:1", "x", " ", "\n", ",", "'", "c/d:2", ". "]), max_size=12))
def test_every_word_is_at_its_place(pieces: list[str]) -> None:
    text = "".join(pieces)
    lines = text.split("\n")
    for place, start, word in words(text):
        _, line, _, column = place.split()
        assert lines[int(line) - 1][int(column) - 1 :].startswith(word)
        assert text.startswith(word, start)


def test_only_words_at_the_places_are_exchanged() -> None:
    text = "a/b:1 a/b:1,\na/b:1"
    values: dict[KeyPath, str] = {
        ("k", "line 1 column 7"): "x/yy:22",
        ("k", "line 2 column 1"): "z",
        ("line 1 column 1",): "never",
    }
    assert exchange_words(text, ("k",), values) == "a/b:1 x/yy:22,\nz"
    assert exchange_words(text, (), {}) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/b:1, c/d:2", ["a/b:1", "c/d:2"]),
        ("a;b|c,,", ["a", "b", "c"]),
        (" a ", ["a"]),
        ("a b", []),
        ("a, b c", []),
        ("", []),
    ],
)
def test_a_list_between_commas_is_no_prose(text: str, expected: list[str]) -> None:
    assert listed(text) == expected


@pytest.mark.parametrize(
    ("before", "kind"),
    [
        ("--image=", "image"),
        ("--image ", "image"),
        ("run --worker-image  ", "image"),
        ("WORKER_IMAGE=", "image"),
        ("WORKER_IMAGE='", "image"),
        ("image: ", "image"),
        ('"image: "', "image"),
        ("x --set images=[", "images"),
        ("image ", "nothing"),
        ("--image-tag=", "part"),
        ("--image --other ", "nothing"),
        ("--image x ", "nothing"),
        ("x--image ", "nothing"),
        ("image", "nothing"),
        ("image,", "nothing"),
        ("--port=", "nothing"),
        ("=", "nothing"),
        ("", "nothing"),
        (f"--image={' ' * 90}", "nothing"),
    ],
)
def test_what_is_in_front_of_a_word_calls_it(before: str, kind: str) -> None:
    assert called(f"{before}a/b", len(before)).kind == kind
    assert may_call(f"{before}a/b") or kind == "nothing"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=b", True),
        ("--a b", True),
        ("a: b", True),
        ("a:\tb", True),
        ("a:b", False),
        ("a b", False),
        ("a-b", False),
        ("", False),
    ],
)
def test_a_name_is_sought_only_where_a_mark_shows_one(text: str, expected: bool) -> None:
    assert may_call(text) == expected


def test_the_name_of_a_word_is_within_the_characters_before_it() -> None:
    flag = "--image "
    assert called(f"{flag:<80}a/b", 80).kind == "image"
    assert called(f"{flag:<81}a/b", 81).kind == "nothing"
