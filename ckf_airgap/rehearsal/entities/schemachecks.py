"""Checks the JSON schemas of action parameters as Juju's fork of gojsonschema does. Pure.

The order of the checks and their messages are those of ``Schema.parseSchema``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.golang.formatting import float_text

_Check: TypeAlias = "Callable[[Document, str], Iterator[str]]"

_TYPES: Final = ("array", "boolean", "integer", "number", "null", "object", "string")
_NOT_IN_GO: Final = re.compile(r"(?<!\\)(?:\\\\)*(?:\(\?(?:[=!>]|<[=!])|\\[1-9])")
"""What Python's regular expressions have and Go's do not: lookaround and backreferences."""


def schema_error(schema: JSONValue) -> str:
    """Return what is wrong with a schema; empty when it is valid."""
    infinite = next(_not_in_json(schema), None)
    if infinite is not None:
        return f"json: unsupported value: {float_text(infinite)}"
    return next(_errors(schema), "")


def _not_in_json(value: JSONValue) -> Iterator[float]:
    """Yield the numbers that JSON cannot represent."""
    if isinstance(value, float) and not math.isfinite(value):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _not_in_json(item)


def regex(pattern: str) -> re.Pattern[str] | None:
    """Return a compiled pattern of a schema, or ``None`` when Go would not compile it."""
    if _NOT_IN_GO.search(pattern):
        return None
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return None


def _errors(schema: JSONValue) -> Iterator[str]:
    if not isinstance(schema, dict):
        yield "schema must be of type object"
        return
    for key, check in _CHECKS:
        if key in schema:
            yield from check(schema, key)
        if key in _RANGES:
            yield from _range_errors(schema, *_RANGES[key])


def _schemas_by_name(wanted: str) -> _Check:
    def check(schema: Document, key: str) -> Iterator[str]:
        children = schema[key]
        if not isinstance(children, dict):
            yield f"{key} must be of type {wanted}"
            return
        for name, child in children.items():
            if key == "patternProperties" and regex(name) is None:
                yield f"Invalid regex pattern '{name}'"
            if key == "definitions" and not isinstance(child, dict):
                yield f"{key} must be of type {wanted}"
            yield from _errors(child)

    return check


def _text(schema: Document, key: str) -> Iterator[str]:
    if not isinstance(schema[key], str):
        yield f"{key} must be of type string"


def _type(schema: Document, key: str) -> Iterator[str]:
    declared = schema[key]
    if isinstance(declared, str):
        if declared not in _TYPES:
            yield f"{declared} is not a valid type"
    elif not isinstance(declared, list) or not all(isinstance(each, str) for each in declared):
        yield "type must be of type string/array of strings"  # unknown types in a list pass


def _flag_or_schema(schema: Document, key: str) -> Iterator[str]:
    value = schema[key]
    if isinstance(value, dict):
        yield from _errors(value)
    elif not isinstance(value, bool):
        yield f"{key} must be of type boolean/schema"


def _dependencies(schema: Document, key: str) -> Iterator[str]:
    value = schema[key]
    if not isinstance(value, dict):
        yield f"{key} must be of type object"
        return
    for needed in value.values():
        if isinstance(needed, dict):
            yield from _errors(needed)
        elif not isinstance(needed, list) or not all(isinstance(each, str) for each in needed):
            yield "dependency must be of type schema or array of strings"


def _items(schema: Document, key: str) -> Iterator[str]:
    value = schema[key]
    for child in value if isinstance(value, list) else [value]:
        if not isinstance(child, dict):
            yield f"{key} must be of type schema/array of schemas"
        yield from _errors(child)


def _multiple(schema: Document, key: str) -> Iterator[str]:
    value = schema[key]
    yield from _number(schema, key)
    if isinstance(value, int | float) and value <= 0:
        yield f"{key} must be strictly greater than 0"


def _number(schema: Document, key: str) -> Iterator[str]:
    value = schema[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield f"{key} must be of a number"


def _exclusive(of: str, kind: str) -> _Check:
    def check(schema: Document, key: str) -> Iterator[str]:
        if not isinstance(schema[key], bool):
            yield f"{key} must be of a {kind}"
        elif of not in schema:
            yield f"{key} cannot be used without {of}"

    return check


def _count(schema: Document, key: str) -> Iterator[str]:
    value = schema[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1:
        yield f"{key} must be of an integer"
    elif value < 0:
        yield f"{key} must be greater than or equal to 0"


def _pattern(schema: Document, key: str) -> Iterator[str]:
    value = schema[key]
    if not isinstance(value, str):
        yield f"{key} must be of a string"
    elif regex(value) is None:
        yield f"{key} must be a valid regex"


def _required(schema: Document, key: str) -> Iterator[str]:
    value = schema[key]
    if not isinstance(value, list):
        yield f"{key} must be of an array"
        return
    for number, name in enumerate(value):
        if not isinstance(name, str):
            yield f"{key} items must be string"
        elif name in value[:number]:
            yield f"{key} items must be unique"


def _flag(schema: Document, key: str) -> Iterator[str]:
    if not isinstance(schema[key], bool):
        yield f"{key} must be of a boolean"


def _choices(schema: Document, key: str) -> Iterator[str]:
    value = schema[key]
    if not isinstance(value, list):
        yield f"{key} must be of an array"
        return
    shown = [json.dumps(item, sort_keys=True) for item in value]
    if len(set(shown)) < len(shown):
        yield f"{key} items must be unique"


def _alternatives(schema: Document, key: str) -> Iterator[str]:
    value = schema[key]
    if not isinstance(value, list):
        named = "anyOf" if key == "allOf" else key  # as in the library
        yield f"{named} must be of an array"
        return
    for child in value:
        yield from _errors(child)


def _not(schema: Document, key: str) -> Iterator[str]:
    if not isinstance(schema[key], dict):
        yield f"{key} must be of an object"
    yield from _errors(schema[key])


def _range_errors(schema: Document, least_key: str, most_key: str) -> Iterator[str]:
    least, most = schema.get(least_key), schema.get(most_key)
    if isinstance(least, int | float) and isinstance(most, int | float) and least > most:
        yield f"{least_key} cannot be greater than {most_key}"


_RANGES: Final[Mapping[str, tuple[str, str]]] = {
    "exclusiveMaximum": ("minimum", "maximum"),
    "maxLength": ("minLength", "maxLength"),
    "maxProperties": ("minProperties", "maxProperties"),
}
"""The two ends of each range, by the key after which they are compared."""

_CHECKS: Final[tuple[tuple[str, _Check], ...]] = (
    ("definitions", _schemas_by_name("array of schemas")),
    ("id", _text),
    ("title", _text),
    ("description", _text),
    ("type", _type),
    ("properties", _schemas_by_name("object")),
    ("additionalProperties", _flag_or_schema),
    ("patternProperties", _schemas_by_name("schema")),
    ("dependencies", _dependencies),
    ("items", _items),
    ("additionalItems", _flag_or_schema),
    ("multipleOf", _multiple),
    ("minimum", _number),
    ("exclusiveMinimum", _exclusive("minimum", "boolean")),
    ("maximum", _number),
    ("exclusiveMaximum", _exclusive("maximum", "number")),
    ("minLength", _count),
    ("maxLength", _count),
    ("pattern", _pattern),
    ("minProperties", _count),
    ("maxProperties", _count),
    ("required", _required),
    ("minItems", _count),
    ("maxItems", _count),
    ("uniqueItems", _flag),
    ("enum", _choices),
    ("oneOf", _alternatives),
    ("anyOf", _alternatives),
    ("allOf", _alternatives),
    ("not", _not),
)
"""The keys to check, in the order of the library."""
