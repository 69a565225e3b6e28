"""Options are read as charms read them: with Python's ``yaml.safe_load``."""

from __future__ import annotations

import datetime as dt

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from ckf_airgap.documents import composing, load_as_charm
from ckf_airgap.errors import InputError


def read(text: str) -> object:
    return load_as_charm(text, where="the value")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing\n", None),
        ("a: 12:30\nb: 1.20\n", {"a": 750, "b": 1.2}),
        ("a: y\nb: yes\n0o7: 010\n", {"a": "y", "b": True, "0o7": 8}),
        ("2001-01-01: x", {dt.date(2001, 1, 1): "x"}),
        ("a: 1\na: 2\n", {"a": 2}),
        ("a: &x [1]\nb: *x\n", {"a": [1], "b": [1]}),
        ('{"a" : "b"}', {"a": "b"}),
    ],
)
def test_types_are_those_of_python(text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: b: c", "the value is not valid YAML: mapping values are not allowed"),
        ("[1", "the value is not valid YAML: while parsing a flow sequence"),
        ('{\n\t"a": 1}', "found character '\\t' that cannot start any token (line 2, column 1)"),
        ("a: 1\n---\nb: 2\n", "2 YAML documents where one is expected"),
        ("!!python/object:os.x {}", "the value is not valid YAML"),
        ("? [a]\n: b", "the value is not valid YAML"),
        ("a: 2001-99-99", "the value is not valid YAML: month must be in 1..12"),
        ("a: \x07", "the value is not valid YAML"),
    ],
)
def test_what_a_charm_cannot_read_is_told_in_one_line(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bomb_is_refused_before_it_is_built() -> None:
    lines = [
        "a0: &a0 {x: 1}",
        *(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}" for i in range(1, 40)),
    ]
    with pytest.raises(InputError, match="the value"):
        read("\n".join(lines))
    with pytest.raises(InputError, match="the value"):
        read("[" * 2000 + "]" * 2000)


def test_long_texts_are_read_with_the_parser_in_c(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[object] = []
    real = yaml.load

    def load(text: str, Loader: type) -> object:  # noqa: N803 - the name that PyYAML gives it
        used.append(Loader)
        return real(text, Loader=Loader)

    monkeypatch.setattr(yaml, "load", load)
    short = "a: '" + "x" * (64 * 1024 - 5) + "'"
    assert len(short) == 64 * 1024
    read(short)
    read(short + "\n")
    assert used == [yaml.SafeLoader, composing.EventLoader]


@given(st.text(max_size=80))
@example("!!timestamp x")
@example("!!int x")
@example("!!bool x")
@example("!!binary '*'")
@example("!!float x")
@example("!!omap [1]")
@example("!!set [1]")
@example("&a [*a]")
@example("{[]: 1}")
@example("=")
@example("-__:0")
@example("1:9999999999999999999999999999999.5e999")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = read(text)
    except InputError:
        return
    assert found == yaml.safe_load(text) or found != found  # noqa: PLR0124 - not a number
