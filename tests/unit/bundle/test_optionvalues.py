"""Option values are converted by their option's type, as ``github.com/juju/charm/v12`` does it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.optionvalues import convert, trust_of
from ckf_airgap.bundle.shape import load_parts
from ckf_airgap.charms.charm import Option, OptionType, OptionValue
from ckf_airgap.documents import as_mapping
from ckf_airgap.juju.planning.values import juju_text

SECRET = "secret:9m4e2mr0ui3e8a215n4g"
MODEL = "c3f6a2d0-1b2c-4d5e-8f90-0123456789ab"


def option(kind: OptionType) -> Option:
    return Option(name="o", type=kind)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("string", "", ""),
        ("string", "5", "5"),
        ("string", "y", "y"),
        ("secret", "", ""),
        ("secret", SECRET, SECRET),
        ("secret", SECRET.removeprefix("secret:"), SECRET.removeprefix("secret:")),
        (
            "secret",
            f"secret://{MODEL}/9m4e2mr0ui3e8a215n40",
            f"secret://{MODEL}/9m4e2mr0ui3e8a215n40",
        ),
        ("secret", f"secret:{MODEL}/9m4e2mr0ui3e8a215n4g", f"secret:{MODEL}/9m4e2mr0ui3e8a215n4g"),
        ("int", "5", 5),
        ("int", "-5", -5),
        ("int", "+5", 5),
        ("int", "010", 10),
        ("int", "0" * 5000 + "5", 5),
        ("int", "-9223372036854775808", -(2**63)),
        ("int", 5, 5),
        ("float", "1.5", 1.5),
        ("float", "1e3", 1000.0),
        ("float", "5", 5.0),
        ("float", "1.", 1.0),
        ("float", ".5", 0.5),
        ("float", "1_0.5", 10.5),
        ("float", "1_000", 1000.0),
        ("float", "0x1p4", 16.0),
        ("float", "0x_1.8P-1", 0.75),
        ("float", "inf", math.inf),
        ("float", "-Infinity", -math.inf),
        ("float", "1e-400", 0.0),
        ("float", 5, 5.0),
        ("boolean", "true", True),
        ("boolean", "False", False),
        ("boolean", "1", True),
        ("boolean", "t", True),
        ("boolean", False, False),
    ],
)
def test_a_value_is_read_in_the_type_of_its_option(
    kind: OptionType, value: OptionValue, expected: OptionValue
) -> None:
    found = convert(option(kind), value)
    assert (found, type(found)) == (expected, type(expected))


def test_what_is_no_number_may_be_a_float() -> None:
    for text in ("nan", "NaN"):
        assert math.isnan(float(convert(option("float"), text)))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string", 5),
        ("string", True),
        ("secret", 5),
        *(
            ("int", text)
            for text in ("", "five", "1.5", "1_000", " 5", "5\n", "\u0665", "0x10", "+", "--1")
        ),
        *(("int", value) for value in (True, 1.5, 2**63, str(2**63), "9" * 5000)),
        *(
            ("float", text)
            for text in ("x", "", " 1.5", "1\n", "1__0", "_1", "1_", "1_.5", "1e", "e5")
        ),
        *(
            ("float", text)
            for text in ("1e400", "-1e400", "0x1p9999", "0x10", "+nan", "-nan", "infin")
        ),
        ("float", True),
        *(("boolean", value) for value in ("yes", "y", "", 1, "tRuE", 0.0)),
    ],
)
def test_a_value_of_another_type_is_refused(kind: OptionType, value: OptionValue) -> None:
    with pytest.raises(ValueError, match=f"expected {kind}, got "):
        convert(option(kind), value)


def test_a_value_without_quotes_for_a_text_is_told_with_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"^expected string, got true \(put it in quotes\)$"):
        convert(option("string"), value=True)
    with pytest.raises(ValueError, match=r"^expected string, got 1\.1 \(put it in quotes\)$"):
        convert(option("string"), 1.1)


@pytest.mark.parametrize(
    "text",
    [
        *("foo", "secret:foo", "my-secret", "secret:", "secret://9m4e2mr0ui3e8a215n4g"),
        *(
            "secret:9m4e2mr0ui3e8a215n4h",
            "secret:9m4e2mr0ui3e8a215n4",
            f"{SECRET}0",
            f"https:{SECRET}",
        ),
        *("secret:9M4E2MR0UI3E8A215N4G", f"secret:{MODEL}", f"secret://x/{SECRET}", f"{SECRET}-1"),
    ],
)
def test_what_is_no_secret_is_refused_in_jujus_words(text: str) -> None:
    with pytest.raises(ValueError, match=f'^secret URI "{text}" not valid'):
        convert(option("secret"), text)


@pytest.mark.parametrize(
    ("written", "kind", "value"),
    [
        ("y", "boolean", True),
        ("off", "boolean", False),
        ("'y'", "string", "y"),
        ("1e+3", "float", 1000.0),
        ("+.5", "float", 0.5),
        ("0o17", "int", 15),
        ("010", "int", 8),
        ("1.", "string", "1."),
        ("'1e-5'", "string", "1e-5"),
        ("2024-01-01", "string", "2024-01-01"),
    ],
)
def test_an_option_of_a_bundle_has_the_value_that_juju_gives_it(
    written: str, kind: OptionType, value: OptionValue
) -> None:
    text = f"applications: {{a: {{charm: a, options: {{o: {written}, none: }}}}}}"
    document = as_mapping(load_parts(text, where="x").documents[0], where="x")
    options = Bundle.from_document(document, where="x").applications["a"].options
    assert list(options) == ["o"]
    assert convert(option(kind), options["o"]) == value


@given(st.floats(allow_nan=False) | st.integers(-(2**63), 2**63 - 1) | st.booleans())
def test_what_is_sent_as_text_is_read_as_the_same_value(value: float) -> None:
    kinds: dict[type, OptionType] = {bool: "boolean", int: "int", float: "float"}
    assert convert(option(kinds[type(value)]), juju_text(value)) == value


@pytest.mark.parametrize("value", [True, "true", "True", "yes", "y", "on", "t", " true "])
def test_what_trusts_an_application(value: OptionValue) -> None:
    assert trust_of(value) is True


@pytest.mark.parametrize("value", [False, "false", "no", "n", "off", "f"])
def test_what_does_not_trust_an_application(value: OptionValue) -> None:
    assert trust_of(value) is False


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (1, "int(1)"),
        ("1", "int(1)"),
        ("0", "int(0)"),
        (1.5, "float64(1.5)"),
        ("maybe", 'string("maybe")'),
        ("", "nothing"),
        ("~", "nothing"),
    ],
)
def test_what_is_no_trust(value: OptionValue, got: str) -> None:
    with pytest.raises(ValueError, match="expected bool, got ") as caught:
        trust_of(value)
    assert str(caught.value).endswith(got)
