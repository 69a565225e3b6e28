"""Checks and coerces values as ``github.com/juju/schema`` does, with its messages. Pure.

A checker takes a value and the path to it, and returns the coerced value. Where Go checks the
fields of a mapping in random order, this checks them in the order in which they are declared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from ckf_airgap.rehearsal.golang.formatting import GoValue, go_value, quoted, type_of
from ckf_airgap.rehearsal.golang.numbers import parse_bool, parse_int

Path: TypeAlias = tuple[str, ...]
Checker: TypeAlias = Callable[[GoValue, Path], Any]

_INT64: Final = range(-(2**63), 2**63)


class SchemaError(ValueError):
    """A value that does not match the schema."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class _Omitted:
    """The default of a field that is left out of the result when it is missing."""


OMIT: Final = _Omitted()


def wrong(wanted: str, value: GoValue, path: Path) -> SchemaError:
    """Return the error of a value of the wrong type: ``x: expected int, got nothing``."""
    place = place_of(path)
    if not wanted:
        return SchemaError(f"{place}unexpected value {go_value(value)}")
    if value is None:
        return SchemaError(f"{place}expected {wanted}, got nothing")
    return SchemaError(f"{place}expected {wanted}, got {type_of(value)}({go_value(value)})")


def place_of(path: Path) -> str:
    """Return a path as the prefix of a message; empty for an empty path."""
    text = "".join(path[1:] if path[:1] == (".",) else path)
    return f"{text}: " if text else ""


def anything(value: GoValue, path: Path) -> GoValue:  # noqa: ARG001 - the signature of a checker
    """Accept any value."""
    return value


def string(value: GoValue, path: Path) -> str:
    """Accept a text."""
    if isinstance(value, str):
        return value
    raise wrong("string", value, path)


def boolean(value: GoValue, path: Path) -> bool:
    """Accept a boolean, or a text that ``strconv.ParseBool`` accepts."""
    parsed = parse_bool(value) if isinstance(value, str) else value
    if isinstance(parsed, bool):
        return parsed
    raise wrong("bool", value, path)


def integer(value: GoValue, path: Path) -> int:
    """Accept a 64-bit integer, or its text."""
    parsed = parse_int(value, 0) if isinstance(value, str) else value
    if isinstance(parsed, int) and not isinstance(parsed, bool) and parsed in _INT64:
        return parsed
    raise wrong("int", value, path)


def floating(value: GoValue, path: Path) -> float:
    """Accept a number, but not as text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise wrong("float", value, path)


def non_empty(label: str) -> Checker:
    """Return a checker that accepts a non-empty text."""

    def check(value: GoValue, path: Path) -> str:
        if isinstance(value, str) and value:
            return value
        raise wrong(f"non-empty {label}", value, path)

    return check


def nothing(value: GoValue, path: Path) -> None:
    """Accept null only."""
    if value is not None:
        raise wrong("empty value", value, path)


def constant(wanted: str | None) -> Checker:
    """Return a checker that accepts a single value."""

    def check(value: GoValue, path: Path) -> str | None:
        if value is wanted or (isinstance(value, str) and value == wanted):
            return wanted
        raise wrong(go_value(wanted), value, path)

    return check


def one_of(*checkers: Checker) -> Checker:
    """Return a checker that accepts what any of `checkers` accepts."""

    def check(value: GoValue, path: Path) -> Any:
        for checker in checkers:
            try:
                return checker(value, path)
            except SchemaError:
                continue
        raise wrong("", value, path)

    return check


def words(*texts: str) -> Checker:
    """Return a checker that accepts any of these texts."""
    return one_of(*(constant(text) for text in texts))


def list_of(item: Checker) -> Checker:
    """Return a checker that accepts a list."""

    def check(value: GoValue, path: Path) -> list[Any]:
        if not isinstance(value, list):
            raise wrong("list", value, path)
        return [item(each, (*path, "[", str(index), "]")) for index, each in enumerate(value)]

    return check


def map_of(item: Checker, key: Checker = string) -> Checker:
    """Return a checker that accepts a mapping with arbitrary keys."""

    def check(value: GoValue, path: Path) -> dict[Any, Any]:
        if not isinstance(value, Mapping):
            raise wrong("map", value, path)
        return {
            key(name, path): item(each, (*path, ".", _text(name))) for name, each in value.items()
        }

    return check


def fields(checkers: Mapping[str, Checker], defaults: Mapping[str, Any]) -> Checker:
    """Return a checker that accepts a mapping with known keys; others are dropped.

    Args:
        checkers: The checker of each key.
        defaults: The values of missing keys; `OMIT` leaves a key out.
    """

    def check(value: GoValue, path: Path) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise wrong("map", value, path)
        if not all(isinstance(key, str) for key in value):
            raise wrong("map[string]", value, path)
        found: dict[str, Any] = {}
        given: Mapping[Any, Any] = value
        for name, checker in checkers.items():
            value_of = given.get(name, defaults.get(name))
            if value_of is not OMIT:
                found[name] = checker(value_of, (*path, ".", name))
        return found

    return check


def key_values(texts: Sequence[str], *, empty_values: bool) -> dict[str, str]:
    """Return ``key=value`` texts as a mapping, as ``keyvalues.Parse`` of Juju's utilities does.

    Args:
        texts: The texts.
        empty_values: Whether a value may be empty.

    Raises:
        SchemaError: ``expected "key=value", got "x"``, or for a duplicate key.
    """
    found: dict[str, str] = {}
    for text in filter(None, texts):
        key, equals, value = text.partition("=")
        key, value = key.strip(), value.strip()
        if not equals:
            raise SchemaError(f'expected "key=value", got {quoted(text)}')
        if not key or (not value and not empty_values):
            raise SchemaError(f'expected "key=value", got "{key}={value}"')
        if key in found:
            raise SchemaError(f"key {quoted(key)} specified more than once")
        found[key] = value
    return found


def _text(key: object) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return "<nil>" if key is None else str(key)
