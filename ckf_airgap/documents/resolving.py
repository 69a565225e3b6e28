"""What type a YAML scalar has to Juju, which reads YAML with its fork of Go's yaml.v2.

The rules are those of ``resolve.go`` of ``github.com/juju/yaml/v2``. They are not PyYAML's: ``y``
and ``n`` are booleans, ``1e+3``, ``+.5`` and ``0o17`` are numbers, ``1.`` and ``12:30`` are text,
and an integer that does not fit in 64 bits is a float. Dates are text to whatever Juju reads into a
value of any type. Pure, and without exceptions for whatever text it is given.
"""

from __future__ import annotations

import base64
import datetime as dt
import math
import re
from typing import Final, TypeAlias

ScalarValue: TypeAlias = "str | int | float | bool | None"
"""What a scalar may be."""

TAG_PREFIX: Final = "tag:yaml.org,2002:"
"""What ``!!`` stands for in a tag."""

NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
"""The plain scalars that are null."""

MERGE: Final = "<<"
"""The key whose mapping is merged into the one that it stands in."""

_BOOLEANS: Final[dict[str, bool]] = {
    written: value
    for value, words in ((True, ("yes", "true", "on")), (False, ("no", "false", "off")))
    for word in words
    for written in (word, word.capitalize(), word.upper())
} | {"y": True, "Y": True, "n": False, "N": False}

_NAMED_FLOATS: Final[dict[str, float]] = {
    sign + name: value
    for sign, value in (("", math.inf), ("+", math.inf), ("-", -math.inf))
    for name in (".inf", ".Inf", ".INF")
} | dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan)

_NAMED: Final[dict[str, ScalarValue]] = {
    **dict.fromkeys(NULLS),
    **_BOOLEANS,
    **_NAMED_FLOATS,
}

_NAMES_BEGIN: Final = frozenset(name[:1] for name in _NAMED)
_NUMBERS_BEGIN: Final = frozenset("+-0123456789")

_INTEGER: Final = re.compile(
    r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]([0-7]+)|0[bB]([01]+)|0([0-7]*)|([1-9][0-9]*))\Z"
)
_BASES: Final = (16, 8, 2, 8, 10)
_SIGNED_BINARY: Final = re.compile(r"0b([-+][01]+)\Z")
_FLOAT: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)?(?:\.[0-9]+)?(?:[eE][-+][0-9]+)?\Z")
_POINT_FLOAT: Final = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?\Z")
_TIMESTAMP: Final = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:([Tt ])([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?"
    r"(Z|[-+]([0-9]{2}):([0-9]{2}))?)?\Z"
)

_INT64: Final = range(-(2**63), 2**63)
_UINT64: Final = range(2**64)
_MAX_DIGITS: Final = 64
"""Digits of the longest integer that fits in 64 bits: a binary one."""

_RESOLVED_TAGS: Final = frozenset(
    TAG_PREFIX + kind for kind in ("bool", "int", "float", "null", "timestamp")
)


class WrongTagError(ValueError):
    """A scalar has a tag that says another type than it has."""


def resolve(text: str) -> ScalarValue:
    """Return the value of a plain scalar without a tag."""
    first = text[:1]
    if first in _NAMES_BEGIN and text in _NAMED:
        return _NAMED[text]
    if first in _NUMBERS_BEGIN:
        return _number(text)
    if first == "." and _POINT_FLOAT.match(text):
        return _finite(text)
    return text


def resolve_tagged(tag: str, text: str) -> ScalarValue:
    """Return the value of a scalar with a tag, however it is quoted.

    ``!!binary`` is the text that it encodes. Tags that yaml.v2 does not know leave a text.

    Raises:
        WrongTagError: when the text has not the type that the tag says, or is no UTF-8 in base64.
    """
    if tag == TAG_PREFIX + "binary":
        return _decoded(text)
    if tag not in _RESOLVED_TAGS:
        return text
    kind = tag.removeprefix(TAG_PREFIX)
    if kind == "timestamp" and _is_timestamp(text):
        return text
    value = resolve(text)
    found = _kind(value)
    if found == kind:
        return value
    if kind == "float" and found == "int" and isinstance(value, int) and value in _INT64:
        return float(value)
    raise WrongTagError(f"cannot decode !!{found} `{text}` as a !!{kind}")


def _kind(value: ScalarValue) -> str:
    if value is None:
        return "null"
    kinds: dict[type, str] = {bool: "bool", int: "int", float: "float"}
    return kinds.get(type(value), "str")


def _number(text: str) -> ScalarValue:
    """Return the number of a text that begins with a digit or sign, or the text itself."""
    plain = text.replace("_", "")
    match = _INTEGER.match(plain)
    if match is not None:
        value = _integer(match)
        if value is not None:
            return value
    if _FLOAT.match(plain):
        number = _finite(plain)
        return number if isinstance(number, float) else text
    match = _SIGNED_BINARY.match(plain)
    if match is not None and len(match[1].lstrip("+-0")) <= _MAX_DIGITS:
        value = int(match[1], 2)
        return value if value in _INT64 else text
    return text


def _integer(match: re.Match[str]) -> int | None:
    """Return an integer that fits in 64 bits; a positive one with ``+`` has 63."""
    sign = match[1]
    for base, digits in zip(_BASES, match.groups()[1:], strict=True):
        if digits is None:
            continue
        significant = digits.lstrip("0") or "0"
        if len(significant) > _MAX_DIGITS:
            return None
        value = int(sign + significant, base)
        return value if value in _INT64 or (not sign and value in _UINT64) else None
    return None


def _finite(text: str) -> float | str:
    """Return the float that a text says, or the text when there is no such float."""
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text


def _is_timestamp(text: str) -> bool:
    """Whether a text is one of the four forms of dates that yaml.v2 knows."""
    match = _TIMESTAMP.match(text)
    if match is None:
        return False
    year, month, day, separator, hour, minute, second, zone, ahead, more = match.groups()
    if separator is not None and (separator == " ") == (zone is not None):
        return False
    if int(ahead or 0) > 24 or int(more or 0) > 60:
        return False
    try:
        # Go has a year 0, a leap year, which Python has not.
        dt.date(int(year) or 2000, int(month), int(day))
        dt.time(int(hour or 0), int(minute or 0), int(second or 0))
    except ValueError:
        return False
    return True


def _decoded(text: str) -> str:
    """Return the text that base64 encodes; line ends in it count for nothing, as in Go."""
    try:
        return base64.b64decode(re.sub("[\r\n]", "", text), validate=True).decode()
    except ValueError as exc:
        raise WrongTagError(f"cannot decode binary data as text: {exc}") from exc
