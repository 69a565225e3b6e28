"""The schemas of Juju's documents (``github.com/juju/schema``): which types a value may have.

A checker takes a value and its path, and gives the value in its declared type. What is wrong is
raised as `MismatchError`, in Juju's words; mappings and lists go on after that, so that one error
names everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ckf_airgap.charms.checks.gotext import go_type, go_value
from ckf_airgap.documents import JSONValue, TypedKey

Checker: TypeAlias = Callable[[JSONValue, str], JSONValue]
"""Takes a value and its path (``storage.data.type``), and returns the value in its type."""

TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})
"""The texts of a boolean (``strconv.ParseBool``)."""

_INTEGER: Final = re.compile(
    r"(?P<sign>[+-]?)(?:0[xX](?P<hex>(?:_?[0-9a-fA-F])+)|0[bB](?P<bin>(?:_?[01])+)"
    r"|0[oO]?(?P<oct>(?:_?[0-7])+)|(?P<dec>0|[1-9](?:_?[0-9])*))\Z"
)
_MAX_INT: Final = 2**63 - 1


class MismatchError(Exception):
    """Values that are not of their declared types.

    Attributes:
        texts: What is wrong with each.
    """

    def __init__(self, texts: list[str]) -> None:
        super().__init__("; ".join(texts))
        self.texts = texts


def wrong(path: str, wanted: str, value: JSONValue) -> MismatchError:
    """Return the error of a value that is not what was wanted; ``""`` when there are several."""
    place = f"{path}: " if path else ""
    if not wanted:
        return MismatchError([f"{place}unexpected value {go_value(value)}"])
    if value is None:
        return MismatchError([f"{place}expected {wanted}, got nothing"])
    return MismatchError([f"{place}expected {wanted}, got {go_type(value)}({go_value(value)})"])


def anything(value: JSONValue, path: str) -> JSONValue:  # noqa: ARG001
    """Take any value."""
    return value


def text(value: JSONValue, path: str) -> JSONValue:
    """Take a text."""
    if isinstance(value, str):
        return value
    raise wrong(path, "string", value)


def boolean(value: JSONValue, path: str) -> JSONValue:
    """Take a boolean, or the text of one."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in TRUE | FALSE:
        return value in TRUE
    raise wrong(path, "bool", value)


def integer(value: JSONValue, path: str) -> JSONValue:
    """Take an integer of 64 bits, or the text of one with Go's prefixes: ``0x10``."""
    number = parse_integer(value) if isinstance(value, str) else value
    if (
        isinstance(number, int)
        and not isinstance(number, bool)
        and -_MAX_INT - 1 <= number <= _MAX_INT
    ):
        return number
    raise wrong(path, "int", value)


def parse_integer(written: str) -> int | None:
    """Return the number that Go reads in a text (``strconv.ParseInt`` with base 0), if any."""
    match = _INTEGER.match(written)
    if match is None:
        return None
    for name, base in (("hex", 16), ("bin", 2), ("oct", 8), ("dec", 10)):
        if match[name]:
            number = int(match[name].replace("_", ""), base)
            number = -number if match["sign"] == "-" else number
            return number if -_MAX_INT - 1 <= number <= _MAX_INT else None
    return None


def floating(value: JSONValue, path: str) -> JSONValue:
    """Take a number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise wrong(path, "float", value)


def one_of(*options: str | None) -> Checker:
    """Return a checker that takes one of some texts, and null if that is among them."""

    def check(value: JSONValue, path: str) -> JSONValue:
        if (value is None or isinstance(value, str)) and value in options:
            return value
        raise wrong(path, "", value)

    return check


def either(*checkers: Checker) -> Checker:
    """Return a checker that takes what any of some checkers takes."""

    def check(value: JSONValue, path: str) -> JSONValue:
        for checker in checkers:
            try:
                return checker(value, path)
            except MismatchError:
                continue
        raise wrong(path, "", value)

    return check


def nothing(what: str = "value") -> Checker:
    """Return a checker that takes null only."""

    def check(value: JSONValue, path: str) -> JSONValue:
        if value is None:
            return None
        raise wrong(path, f"empty {what}", value)

    return check


def list_of(element: Checker) -> Checker:
    """Return a checker of lists."""

    def check(value: JSONValue, path: str) -> JSONValue:
        if not isinstance(value, list):
            raise wrong(path, "list", value)
        found: list[JSONValue] = []
        texts: list[str] = []
        for number, item in enumerate(value):
            _gather(element, item, f"{path}[{number}]", found.append, texts)
        if texts:
            raise MismatchError(texts)
        return found

    return check


def mapping_of(element: Checker) -> Checker:
    """Return a checker of mappings of any names to values of one type."""

    def check(value: JSONValue, path: str) -> JSONValue:
        if not isinstance(value, dict):
            raise wrong(path, "map", value)
        found: dict[str, JSONValue] = {}
        texts: list[str] = []
        for key, item in value.items():
            if isinstance(key, TypedKey):
                texts += wrong(path, "string", key.value).texts
                continue
            _gather(element, item, _below(path, key), _setter(found, key), texts)
        if texts:
            raise MismatchError(texts)
        return found

    return check


@dataclass(frozen=True, slots=True)
class FieldMap:
    """A checker of mappings with declared fields; others are passed over.

    Attributes:
        fields: The type of each.
        optional: Fields that may be left out, and what they are then; the others are null.
        left_out: Fields that may be left out, and are not there then.
    """

    fields: Mapping[str, Checker]
    optional: Mapping[str, JSONValue] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()

    def __call__(self, value: JSONValue, path: str) -> JSONValue:
        """Return the fields that are declared."""
        if not isinstance(value, dict):
            raise wrong(path, "map", value)
        if any(isinstance(key, TypedKey) for key in value):
            raise wrong(path, "map[string]", value)
        found: dict[str, JSONValue] = {}
        texts: list[str] = []
        for key, checker in self.fields.items():
            if key not in value and key in self.left_out:
                continue
            item = value[key] if key in value else self.optional.get(key)
            _gather(checker, item, _below(path, key), _setter(found, key), texts)
        if texts:
            raise MismatchError(texts)
        return found


def _gather(
    checker: Checker,
    value: JSONValue,
    path: str,
    take: Callable[[JSONValue], None],
    texts: list[str],
) -> None:
    try:
        take(checker(value, path))
    except MismatchError as exc:
        texts.extend(exc.texts)


def _setter(found: dict[str, JSONValue], key: str) -> Callable[[JSONValue], None]:
    def take(value: JSONValue) -> None:
        found[key] = value

    return take


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
