"""Scalars have the types that Juju's yaml.v2 gives them, which are not PyYAML's.

The expectations were taken from the library itself (``github.com/juju/yaml/v2`` v2.0.0).
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.documents import JSONValue, load_yaml
from ckf_airgap.documents.resolving import resolve
from ckf_airgap.errors import InputError


@pytest.mark.parametrize(
    "text",
    [
        *("2024-01-01", "2024-1-2", "2024-01-01T12:30:00Z", "12:30", "1:20:30", "1:30.5"),
        *("0x", "0b", "0o", "08", "0o8", "0b2", "09.5", "007.5", "1.2.3", "1.9/stable"),
        *(
            "1.",
            "-1.",
            "1e3",
            "1.5e3",
            "1e400",
            "1e+400",
            "-1e+400",
            ".1_",
            "._1",
            ".e5",
            "+.",
            "+",
        ),
        *("nan", "inf", "NaN", "Inf", ".Nan", "Yes!", "yEs", "nULL", "oN", "=", "<<", "_1", "."),
        *("0x1p4", "0x1ffffffffffffffff", "02000000000000000000000", "+", "1 000", "1,5", "½", "²"),
        *("-12:30", "--1", "+-1", "-0b-1", "0b+2", "٣", "1٣"),
    ],
)
def test_text_stays_text(text: str) -> None:
    assert load_yaml(f"a: {text}", where="x") == {"a": text}
    assert load_yaml(f"a: !!str {text}", where="x") == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-1", -1),
        ("+1", 1),
        ("0", 0),
        ("-0", 0),
        ("0x1F", 31),
        ("-0X1f", -31),
        ("0b11", 3),
        ("0B11", 3),
        ("0b+101", 5),
        ("0b-101", -5),
        ("017", 15),
        ("0o17", 15),
        ("-0O17", -15),
        ("1_000", 1000),
        ("1_", 1),
        ("+_5", 5),
        ("0x_1", 1),
        ("9223372036854775808", 2**63),
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
        ("0b" + "1" * 64, 2**64 - 1),
        ("18446744073709551616", 2.0**64),
        ("+18446744073709551615", 2.0**64),
        ("-9223372036854775809", -(2.0**63)),
        ("1.5", 1.5),
        ("1e+3", 1000.0),
        ("1E-3", 0.001),
        ("1.0e+3", 1000.0),
        (".5", 0.5),
        ("+.5", 0.5),
        ("-.5", -0.5),
        (".5e3", 500.0),
        (".5_0", 0.5),
        ("1_0.5", 10.5),
        (".inf", math.inf),
        ("+.Inf", math.inf),
        ("-.INF", -math.inf),
        ("true", True),
        ("yes", True),
        ("Y", True),
        ("y", True),
        ("ON", True),
        ("off", False),
        ("n", False),
        ("No", False),
        ("null", None),
        ("Null", None),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ("'y'", "y"),
        ('"~"', "~"),
        ("! 5", "5"),
    ],
)
def test_plain_scalars_are_typed_by_their_characters(text: str, value: JSONValue) -> None:
    found = load_yaml(f"a: {text}", where="x")
    assert found == {"a": value}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(value)


def test_nan_is_a_number() -> None:
    for text in (".nan", ".NaN", ".NAN"):
        value = resolve(text)
        assert isinstance(value, float)
        assert math.isnan(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!!str 5", "5"),
        ("!!str ~", "~"),
        ("!!str", ""),
        ("!!int '0x1f'", 31),
        ("!<tag:yaml.org,2002:int> '5'", 5),
        ("!!bool 'y'", True),
        ("!!float 1", 1.0),
        ("!!float '1e+3'", 1000.0),
        ("!!null ''", None),
        ("!!timestamp 2024-01-01", "2024-01-01"),
        ("!!timestamp '2024-02-29t1:2:3.5+05:30'", "2024-02-29t1:2:3.5+05:30"),
        ("!!timestamp '2024-02-29 1:2:3'", "2024-02-29 1:2:3"),
        ("!!binary aGVs bG8=", None),
        ("!!binary aGVsbG8=", "hello"),
        ("!!merge <<", "<<"),
        ("!custom 5", "5"),
        ("!!set {b}", {"b": None}),
        ("!!omap [b: 1]", [{"b": 1}]),
        ("!!python/object/apply:os.system [echo]", ["echo"]),
    ],
)
def test_tags_say_the_type_and_those_that_nobody_knows_say_nothing(
    text: str, value: JSONValue
) -> None:
    if text == "!!binary aGVs bG8=":
        with pytest.raises(InputError, match=r"x is not valid YAML: cannot decode binary data"):
            load_yaml(f"a: {text}", where="x")
    else:
        assert load_yaml(f"a: {text}", where="x") == {"a": value}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("!!null x", "cannot decode !!str `x` as a !!null"),
        ("!!int 1.0", "cannot decode !!float `1.0` as a !!int"),
        ("!!int", "cannot decode !!null `` as a !!int"),
        ("!!float 18446744073709551615", "cannot decode !!int `18446744073709551615` as a !!float"),
        ("!!bool 1", "cannot decode !!int `1` as a !!bool"),
        ("!!timestamp 2024-02-30", "cannot decode !!str `2024-02-30` as a !!timestamp"),
        ("!!timestamp 2024-02-29 1:2:3Z", "as a !!timestamp"),
        ("!!timestamp 2024-02-29T1:2:3", "as a !!timestamp"),
        ("!!timestamp 2024-02-29T1:2:3+25:00", "as a !!timestamp"),
        ("!!binary //8=", "cannot decode binary data as text"),
    ],
)
def test_a_tag_that_says_something_else_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InputError, match="line 1"):
        load_yaml(f"{{? {text} : a}}", where="x")
    with pytest.raises(InputError) as raised:
        load_yaml(f"- 1\n- {text}", where="x")
    assert str(raised.value).startswith("x is not valid YAML: ")
    assert message in str(raised.value)
    assert str(raised.value).endswith("(line 2)")


@given(st.text() | st.text(alphabet="0123456789+-._eExXoObB:aAfFyYnN~T"))
def test_every_text_has_a_value_and_what_is_quoted_is_itself(text: str) -> None:
    value = resolve(text)
    assert not isinstance(value, str) or value == text


@pytest.mark.parametrize("digits", ["1" * 100_000, "0x" + "f" * 100_000, "0" * 100_000 + "7"])
def test_numbers_of_any_length_are_read(digits: str) -> None:
    assert resolve(digits) in (digits, 7)
    assert resolve(f"0.{digits}") in (0.1111111111111111, f"0.{digits}", 0.0)
