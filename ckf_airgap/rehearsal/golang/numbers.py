"""Numbers and booleans as Go's ``strconv`` and ``fmt`` parse them from text. Pure.

Nothing here raises, however long a text is: Python refuses to convert integers of thousands of
digits, and Go finds them out of range.
"""

from __future__ import annotations

import re
from typing import Final

_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_INT64: Final = range(-(2**63), 2**63)
_UINT64: Final = range(2**64)
_MAX_DIGITS: Final = 80
"""The length of the longest text that can be a 64-bit number, unless it is padded with zeros."""

_DECIMAL: Final = re.compile(r"([+-]?)([0-9]+)\Z")
_PREFIXED: Final = re.compile(
    r"([+-]?)(?:0[xX]((?:_?[0-9a-fA-F])+)|0[oO]((?:_?[0-7])+)|0[bB]((?:_?[01])+)"
    r"|0((?:_?[0-7])*)|([1-9](?:_?[0-9])*))\Z"
)
_BASES: Final = (16, 8, 2, 8, 10)
_FLOAT: Final = re.compile(
    r"[+-]?(?:(?:D\.?D?|\.D)(?:[eE][+-]?D)?|inf|infinity)\Z".replace("D?", "(?:D)?").replace(
        "D", r"[0-9](?:_?[0-9])*"
    ),
    re.IGNORECASE,
)
_NAN: Final = re.compile(r"nan\Z", re.IGNORECASE)
_HEX_FLOAT: Final = re.compile(
    r"[+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+\Z"
)
_SCANNED: Final = re.compile(
    r"[+-]?(?:0[bB][01_]*|0[oO][0-7_]*|0[xX][0-9a-fA-F_]*|0[0-7_]*|[0-9_]+)"
)


def parse_bool(text: str) -> bool | None:
    """Parse a text as ``strconv.ParseBool`` does; ``None`` when it is not a boolean."""
    return True if text in _TRUE else False if text in _FALSE else None


def parse_int(text: str, base: int = 10) -> int | None:
    """Parse a text as ``strconv.ParseInt`` does for 64 bits; ``None`` when it is not valid.

    Args:
        text: The text.
        base: 10, or 0 to derive it from the prefix and allow underscores, as in Go literals.
    """
    number = _integer(text, base)
    return number if number is not None and number in _INT64 else None


def parse_uint(text: str, base: int = 10) -> int | None:
    """Parse a text as ``strconv.ParseUint`` does for 64 bits; signs are not accepted."""
    number = None if text[:1] in ("+", "-") else _integer(text, base)
    return number if number is not None and number in _UINT64 else None


def parse_float(text: str) -> float | None:
    """Parse a text as ``strconv.ParseFloat`` does; ``None`` when it is not a float.

    A number out of range is not a float, since ``strconv`` returns an error for it.
    """
    if _HEX_FLOAT.match(text):
        try:
            return float.fromhex(text)
        except (OverflowError, ValueError):
            return None
    if _NAN.match(text):
        return float("nan")
    if not _FLOAT.match(text):
        return None
    number = float(text)
    is_named = text.lstrip("+-")[:1] in ("i", "I")
    return None if number in (float("inf"), float("-inf")) and not is_named else number


def scan_int(text: str) -> int | None:
    """Return what ``fmt.Fscan`` reads into an ``int``: the number at the start of a text.

    Leading blanks and line ends are skipped, ``0x``, ``0o``, ``0b`` and ``0`` select the base, and
    the rest of the text is not read.
    """
    match = _SCANNED.match(text.lstrip(" \t\n\v\f\r\x85\xa0"))
    return parse_int(match[0], 0) if match else None


def _integer(text: str, base: int) -> int | None:
    if base:
        match = _DECIMAL.match(text) if text.isascii() else None
        return _signed(match[1], match[2], 10) if match else None
    match = _PREFIXED.match(text)
    if match is None:
        return None
    groups = zip(_BASES, match.groups()[1:], strict=True)
    radix, digits = next((radix, found) for radix, found in groups if found is not None)
    return _signed(match[1], digits or "0", radix)


def _signed(sign: str, digits: str, base: int) -> int | None:
    digits = digits.replace("_", "").lstrip("0") or "0"
    if len(digits) > _MAX_DIGITS:
        return None
    number = int(digits, base)
    return -number if sign == "-" else number
