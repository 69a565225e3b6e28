"""Booleans, numbers, durations and sizes as Go and Juju's libraries parse them from text.

Settings of models and controllers come as text or JSON; the errors of invalid ones are those of
``strconv``, ``time`` and ``github.com/juju/schema``.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from ckf_airgap.documents import JSONValue
from ckf_airgap.rehearsal.golang.formatting import go_value
from ckf_airgap.rehearsal.wire import ApiError

_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})

_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_DURATION_PART: Final = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([^0-9.]*)")
_SIZE: Final = re.compile(r"^([0-9.]+)(.*)$", re.DOTALL)
_SIZE_SUFFIXES: Final = "MGTPEZY"
_INT64: Final = 2**63


def expected(what: str, value: JSONValue, path: str = "") -> ApiError:
    """Return the error of a value of the wrong type, as ``juju/schema`` words it."""
    prefix = f"{path}: " if path else ""
    if value is None:
        return ApiError(f"{prefix}expected {what}, got nothing")
    kinds = {bool: "bool", int: "float64", float: "float64", str: "string", list: "[]interface {}"}
    kind = kinds.get(type(value), "map[string]interface {}")
    return ApiError(f"{prefix}expected {what}, got {kind}({go_value(value)})")


def parse_bool(text: str) -> bool | None:
    """Parse a text as ``strconv.ParseBool`` does; ``None`` when it is not a boolean."""
    return True if text in _TRUE else False if text in _FALSE else None


def to_bool(value: JSONValue, path: str) -> bool:
    """Return a boolean, given as such or as text.

    Raises:
        ApiError: ``development: expected bool, got string("maybe")``.
    """
    if isinstance(value, bool):
        return value
    parsed = parse_bool(value) if isinstance(value, str) else None
    if parsed is None:
        raise expected("bool", value, path)
    return parsed


def to_int(value: JSONValue, path: str) -> int:
    """Return an integer, given as a number or as text; fractions are truncated.

    Raises:
        ApiError: ``num-provision-workers: expected number, got string("many")``.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return int(value)
    if isinstance(value, str) and value.isascii() and len(value) < 64:
        for parse in (_parse_int, _parse_whole):
            number = parse(value)
            if number is not None:
                return number
    raise expected("number", value, path)


def to_string(value: JSONValue, path: str) -> str:
    """Return a text; `ApiError` when the value is of another type."""
    if not isinstance(value, str):
        raise expected("string", value, path)
    return value


def parse_duration(text: str) -> timedelta:
    """Parse a text such as ``1h30m`` as ``time.ParseDuration`` does.

    Raises:
        ApiError: ``time: invalid duration "abc"``, ``time: missing unit in duration "5"``, or
            ``time: unknown unit "d" in duration "5d"``.
    """
    shown = go_value(text)
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return timedelta()
    total, position = 0.0, 0
    while position < len(rest) or not rest:
        match = _DURATION_PART.match(rest, position)
        if match is None or len(rest) > 64:
            raise ApiError(f"time: invalid duration {shown}")
        if not match[2]:
            raise ApiError(f"time: missing unit in duration {shown}")
        if match[2] not in _NANOSECONDS:
            raise ApiError(f"time: unknown unit {go_value(match[2])} in duration {shown}")
        total += float(match[1]) * _NANOSECONDS[match[2]]
        position = match.end()
    if total >= _INT64:
        raise ApiError(f"time: invalid duration {shown}")
    return timedelta(microseconds=(-total if text[0] == "-" else total) / 1000)


def duration_text(duration: timedelta) -> str:
    """Return a duration as Go's ``Duration.String`` writes it: ``1h30m0s``, ``250ms``."""
    microseconds = round(duration / timedelta(microseconds=1))
    if microseconds == 0:
        return "0s"
    sign, microseconds = ("-" if microseconds < 0 else ""), abs(microseconds)
    if microseconds < 1000:
        return f"{sign}{microseconds}µs"
    if microseconds < 1_000_000:
        return f"{sign}{microseconds / 1000:g}ms"
    minutes, rest = divmod(microseconds, 60_000_000)
    seconds = f"{rest / 1_000_000:.6f}".rstrip("0").rstrip(".") + "s"
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


def parse_size_mib(text: str) -> int:
    """Return a size such as ``5G`` in MiB, which is also the unit of a bare number.

    Raises:
        ApiError: for an unknown suffix, or when it is not a number.
    """
    match = _SIZE.match(text)
    digits, suffix = (match[1], match[2]) if match else (text, "")
    power = next(
        (n for n, base in enumerate(_SIZE_SUFFIXES) if suffix in (base, base + "B", base + "iB")),
        0 if not suffix else None,
    )
    if power is None:
        raise ApiError(
            f"invalid multiplier suffix {go_value(suffix)}, expected one of {_SIZE_SUFFIXES}"
        )
    try:
        return math.ceil(float(digits) * float(1024**power))
    except (ValueError, OverflowError):
        raise ApiError(f"expected a non-negative number, got {go_value(digits)}") from None


def is_cidr(text: str) -> bool:
    """Whether ``net.ParseCIDR`` accepts a text: an address with a prefix length."""
    address, slash, bits = text.partition("/")
    if not slash or not bits.isdecimal():
        return False
    try:
        ipaddress.ip_interface(f"{address}/{bits}")
    except ValueError:
        return False
    return True


def key_values(fields: Sequence[str], path: str) -> dict[str, str]:
    """Return ``key=value`` texts as a mapping.

    Raises:
        ApiError: ``resource-tags: expected "key=value", got "a"``.
    """
    result: dict[str, str] = {}
    for given in fields:
        key, equals, value = given.partition("=")
        if not equals or not key.strip():
            raise ApiError(f'{path}: expected "key=value", got {go_value(given)}')
        if key.strip() in result:
            raise ApiError(f"{path}: key {go_value(key.strip())} specified more than once")
        result[key.strip()] = value.strip()
    return result


def _parse_int(text: str) -> int | None:
    """Parse a text as ``strconv.ParseInt`` does, with the base derived from its prefix."""
    base = 8 if re.fullmatch(r"[+-]?0[0-7]+", text) else 0
    try:
        number = int(text, base)
    except ValueError:
        return None
    return number if -_INT64 <= number < _INT64 else None


def _parse_whole(text: str) -> int | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if math.isfinite(number) else None
