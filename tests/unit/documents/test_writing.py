"""What is written reads the same here, in Juju's yaml.v2 and in PyYAML."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.documents import JSONValue, dump_yaml, is_text, load_yaml
from ckf_airgap.errors import InputError

pieces = st.sampled_from(
    [
        *("y", "n", "yes", "on", "null", "~", "1", "0", ".", "e", "-", "+", "_", "o", "x", "b"),
        *(
            "1e+3",
            "=",
            "<<",
            ":",
            " ",
            "  ",
            "\t",
            "\n",
            "\n\n",
            "\r",
            "#",
            " #",
            ": ",
            "- ",
            "? ",
            "?",
        ),
        *("!", "&a", "*a", "[", "]", "{", "}", ",", "'", '"', "\\", "|", ">", "%", "@", "`"),
        *("a", "é", "\x85", "\u2028", "\u2029", "\ufeff", "\x7f", "\x01", "\xa0", "\u3000"),
        *("😀", "\u200b", "\ufffe", "---", "...", "%YAML 1.2", "\x00", "x: y\n", "  z\n"),
    ]
)
texts = st.text() | st.lists(pieces, max_size=6).map("".join)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | texts
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(documents)
def test_what_is_written_reads_the_same_here_and_in_pyyaml(value: JSONValue) -> None:
    text = dump_yaml(value)
    assert load_yaml(text, where="x") == value
    assert yaml.load(text, yaml.CSafeLoader) == value
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
    assert dump_yaml({"x": shared, "z": shared}) == "x:\n- a\nz:\n- a\n"


@pytest.mark.parametrize(
    "text",
    [
        *("y", "n", "Y", "N", "yes", "Off", "null", "~", "", "1", "1e-5", "1e+3", "0o17", "+.5"),
        *("-.5", "1.", "12:30", "1_000", "-_5", ".5e3", "0b+1", "2024-01-01", "=", "<<", ".inf"),
        *("!x", "&x", "*x", "- x", "? x", "#x", "x #y", "x: y", "@x", "`x", "%x", "{x", "[x", "'x"),
        *(
            " x",
            "x ",
            "\tx",
            "x\t",
            "\u2028",
            "x\x85y",
            "\ufeffx",
            "x\x7fy",
            "\n",
            "x\n\ny ",
            " x\ny",
        ),
    ],
)
def test_what_a_reader_takes_for_something_else_is_quoted(text: str) -> None:
    values: list[JSONValue] = [{"a": text}, {text: "a"}, [text]]
    for value in values:
        written = dump_yaml(value)
        assert written != f"a: {text}\n"
        assert written != f"- {text}\n"
        assert load_yaml(written, where="x") == value
        assert yaml.safe_load(written) == value


@pytest.mark.parametrize(
    "text", ["a", "1.9/stable", "admin@x", "a=b", "mem=1G", "nope", "x-1", "1.2.3"]
)
def test_ordinary_texts_have_no_quotes(text: str) -> None:
    assert is_text(text)
    assert dump_yaml({"a": text}) == f"a: {text}\n"


def test_characters_that_readers_fold_or_drop_are_escaped() -> None:
    assert dump_yaml(["a\x85b\u2028c\ufeff"]) == '- "a\\Nb\\Lc\\uFEFF"\n'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e16, "1.0e+16"),
        (1.5e-7, "1.5e-07"),
        (math.inf, ".inf"),
        (-math.inf, "-.inf"),
        (-0.0, "-0.0"),
        (0.1, "0.1"),
        (2**64 - 1, "18446744073709551615"),
    ],
)
def test_numbers_are_written_as_every_reader_takes_them(value: float, text: str) -> None:
    assert dump_yaml([value]) == f"- {text}\n"
    assert yaml.safe_load(text) == load_yaml(text, where="x") == value
    assert dump_yaml(math.nan).startswith(".nan\n")


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1])
def test_integers_of_which_juju_would_make_floats_are_refused(value: int) -> None:
    with pytest.raises(InputError, match="does not fit in 64 bits"):
        dump_yaml({"a": value})


def test_a_text_that_no_encoding_has_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be written as YAML"):
        dump_yaml({"a": "\ud800"})
