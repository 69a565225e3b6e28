"""Option values in the type of their option, as Juju converts them. Pure.

The rules are those of ``Option.parse`` and ``Option.validate`` in ``config.go`` of
``github.com/juju/charm/v12``: a text is parsed as Go's ``strconv`` does, and a value of another
type is not converted. Secrets are checked as the controller does when it deploys.
"""

from __future__ import annotations

import math
import re
from typing import Final

from ckf_airgap.charms.charm import Option, OptionValue
from ckf_airgap.documents.resolving import ScalarValue, resolve

_INTEGER: Final = re.compile(r"[+-]?[0-9]+\Z")
_INT64: Final = range(-(2**63), 2**63)
_INT64_DIGITS: Final = 19

_DIGITS: Final = "[0-9](?:_?[0-9])*"
_HEX: Final = "[0-9a-fA-F](?:_?[0-9a-fA-F])*"
_DECIMAL_FLOAT: Final = re.compile(
    rf"[+-]?(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?\Z"
)
_HEX_FLOAT: Final = re.compile(
    rf"[+-]?0[xX](?:_?{_HEX}(?:\.(?:{_HEX})?)?|\.{_HEX})[pP][+-]?{_DIGITS}\Z"
)
_NAMED_FLOAT: Final = re.compile(r"(?:[+-]?inf(?:inity)?|nan)\Z", re.IGNORECASE | re.ASCII)
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})

_UUID: Final = "[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}"
_SECRET: Final = re.compile(
    rf"(?:secret:)?(?://(?:{_UUID})?/+|/?)(?:{_UUID}/)?[0-9a-v]{{19}}[0g](?:[?#].*)?\Z"
)
"""A secret's URI: an id of the form that ``github.com/rs/xid`` makes, and maybe its model."""


def convert(option: Option, value: OptionValue) -> OptionValue:
    """Return a value in the option's type; a string is read as Juju reads it.

    Raises:
        ValueError: when the value does not fit; the message says what was expected.
    """
    match option.type, value:
        case "string", str():
            return value
        case "secret", str():
            if value and not _SECRET.match(value):
                raise ValueError(f'secret URI "{value}" not valid, expected secret:ID')
            return value
        case "boolean", bool():
            return value
        case "boolean", str() if value in _TRUE | _FALSE:
            return value in _TRUE
        case "int", int() if not isinstance(value, bool) and value in _INT64:
            return value
        case "int", str():
            number = _integer(value)
            if number is not None:
                return number
        case "float", int() | float() if not isinstance(value, bool):
            return float(value)
        case "float", str():
            decimal = _float(value)
            if decimal is not None:
                return decimal
    written = str(value).lower() if isinstance(value, bool) else repr(value)
    quotes = " (put it in quotes)" if option.type in ("string", "secret") else ""
    raise ValueError(f"expected {option.type}, got {written}{quotes}")


def trust_of(value: OptionValue) -> bool:
    """Return the value of ``trust`` among the options of an application.

    It is an option of Juju's own, and a text for it is read as YAML first: ``'yes'`` is true.

    Raises:
        ValueError: ``expected bool, got int(1)``.
    """
    read: ScalarValue = resolve(value.strip()) if isinstance(value, str) else value
    match read:
        case bool():
            return read
        case str() if read in _TRUE | _FALSE:
            return read in _TRUE
        case str():
            written = f'string("{read}")'
        case int():
            written = f"int({read})"
        case float():
            written = f"float64({read:g})"
        case _:
            written = "nothing"
    raise ValueError(f"expected bool, got {written}")


def _integer(text: str) -> int | None:
    """Return the integer of a text as ``strconv.ParseInt`` to base 10 does."""
    if not _INTEGER.match(text) or len(text.lstrip("+-0")) > _INT64_DIGITS:
        return None
    sign = "-" if text[0] == "-" else ""
    value = int(sign + (text.lstrip("+-0") or "0"))
    return value if value in _INT64 else None


def _float(text: str) -> float | None:
    """Return the float of a text as ``strconv.ParseFloat`` does; one beyond all measure is none."""
    if _NAMED_FLOAT.match(text):
        return float(text)
    plain = text.replace("_", "")
    try:
        if _DECIMAL_FLOAT.match(text):
            value = float(plain)
        elif _HEX_FLOAT.match(text):
            value = float.fromhex(plain)
        else:
            return None
    except OverflowError:
        return None
    return value if math.isfinite(value) else None
