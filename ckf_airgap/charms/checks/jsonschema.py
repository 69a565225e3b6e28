"""Whether a document is a JSON schema, as ``github.com/juju/gojsonschema`` reads one (draft 4)."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from typing import Final

from ckf_airgap.documents import Document, JSONValue

_TYPES: Final = frozenset({"array", "boolean", "integer", "number", "null", "object", "string"})

_NOT_IN_GO: Final = re.compile(r"\(\?(?:[=!]|<[=!])|(?<!\\)\\[1-9]")
_GO_ONLY: Final = re.compile(r"\\[zpPQC]|\(\?[a-zA-Z-]+[:)]")

_TEXTS: Final = ("$schema", "$ref", "id", "title", "description")
_COUNTS: Final = (
    ("minLength", "maxLength"),
    ("minProperties", "maxProperties"),
    ("minItems", "maxItems"),
)


def schema_problem(schema: JSONValue) -> str:
    """Return the first thing that is wrong with a schema; an empty text when nothing is."""
    if not isinstance(schema, dict):
        return "schema must be of type object"
    return next(_problems(schema), "")


def _problems(schema: Document) -> Iterator[str]:
    for key in _TEXTS:
        if key in schema and not isinstance(schema[key], str):
            yield f"{key} must be of type string"
    yield from _types(schema)
    yield from _objects(schema)
    yield from _items(schema)
    yield from _numbers(schema)
    for low, high in _COUNTS:
        yield from _range(schema, low, high)
    yield from _pattern(schema)
    yield from _required(schema)
    if "uniqueItems" in schema and not isinstance(schema["uniqueItems"], bool):
        yield "uniqueItems must be of a boolean"
    yield from _enumeration(schema)
    yield from _combinations(schema)


def _types(schema: Document) -> Iterator[str]:
    kind = schema.get("type")
    if "type" not in schema:
        return
    if isinstance(kind, str):
        if kind not in _TYPES:
            yield f"{kind} is not a valid type"
    elif not isinstance(kind, list) or not all(isinstance(item, str) for item in kind):
        yield "type must be of type string/array of strings"


def _objects(schema: Document) -> Iterator[str]:
    for key in ("properties", "patternProperties", "definitions", "dependencies"):
        if key not in schema:
            continue
        section = schema[key]
        if not isinstance(section, dict):
            wanted = {"patternProperties": "schema", "definitions": "array of schemas"}
            yield f"{key} must be of type {wanted.get(key, 'object')}"
            continue
        for name, item in section.items():
            if key == "patternProperties" and not _is_pattern(name):
                yield f"Invalid regex pattern '{name}'"
            if key == "definitions" and not isinstance(item, dict):
                yield "definitions must be of type array of schemas"
            elif key == "dependencies" and not isinstance(item, dict):
                texts = isinstance(item, list) and all(isinstance(one, str) for one in item)
                if not texts:
                    yield "dependency must be of type schema or array of strings"
            else:
                yield from _below(item)
    for key in ("additionalProperties", "additionalItems"):
        item = schema.get(key, True)
        if isinstance(item, dict):
            yield from _below(item)
        elif not isinstance(item, bool):
            yield f"{key} must be of type boolean/schema"


def _items(schema: Document) -> Iterator[str]:
    items = schema.get("items")
    if isinstance(items, dict):
        yield from _below(items)
    elif isinstance(items, list) and all(isinstance(item, dict) for item in items):
        for item in items:
            yield from _below(item)
    elif "items" in schema:
        yield "items must be of type schema/array of schemas"


def _numbers(schema: Document) -> Iterator[str]:
    for key in ("multipleOf", "minimum", "maximum"):
        if key in schema and not _is_number(schema[key]):
            yield f"{key} must be of a number"
    step = schema.get("multipleOf")
    if isinstance(step, int | float) and step <= 0:
        yield "multipleOf must be strictly greater than 0"
    for key, with_key, wanted in (
        ("exclusiveMinimum", "minimum", "boolean"),
        ("exclusiveMaximum", "maximum", "number"),
    ):
        if key not in schema:
            continue
        if not isinstance(schema[key], bool):
            yield f"{key} must be of a {wanted}"
        elif with_key not in schema:
            yield f"{key} cannot be used without {with_key}"
    low, high = schema.get("minimum"), schema.get("maximum")
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        yield "minimum cannot be greater than maximum"


def _range(schema: Document, low: str, high: str) -> Iterator[str]:
    found = []
    for key in (low, high):
        value = schema.get(key)
        if key not in schema:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool) or value != int(value):
            yield f"{key} must be of an integer"
        elif value < 0:
            yield f"{key} must be greater than or equal to 0"
        else:
            found.append(value)
    if len(found) == 2 and found[0] > found[1]:
        yield f"{low} cannot be greater than {high}"


def _pattern(schema: Document) -> Iterator[str]:
    if "pattern" not in schema:
        return
    pattern = schema["pattern"]
    if not isinstance(pattern, str):
        yield "pattern must be of a string"
    elif not _is_pattern(pattern):
        yield "pattern must be a valid regex"


def _required(schema: Document) -> Iterator[str]:
    if "required" not in schema:
        return
    required = schema["required"]
    if not isinstance(required, list):
        yield "required must be of an array"
    elif not all(isinstance(item, str) for item in required):
        yield "required items must be string"
    elif len({*map(str, required)}) < len(required):
        yield "required items must be unique"


def _enumeration(schema: Document) -> Iterator[str]:
    if "enum" not in schema:
        return
    values = schema["enum"]
    if not isinstance(values, list):
        yield "enum must be of an array"
    elif len({json.dumps(item, sort_keys=True) for item in values}) < len(values):
        yield "enum items must be unique"


def _combinations(schema: Document) -> Iterator[str]:
    for key in ("oneOf", "anyOf", "allOf"):
        if key not in schema:
            continue
        parts = schema[key]
        if not isinstance(parts, list):
            yield f"{'anyOf' if key == 'allOf' else key} must be of an array"
            continue
        for part in parts:
            yield from _below(part)
    if "not" in schema:
        if not isinstance(schema["not"], dict):
            yield "not must be of an object"
        else:
            yield from _below(schema["not"])


def _below(schema: JSONValue) -> Iterator[str]:
    problem = schema_problem(schema)
    if problem:
        yield problem


def _is_number(value: JSONValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_pattern(text: str) -> bool:
    """Whether a text is a regular expression to Go, which has no look-around or backreferences."""
    if _NOT_IN_GO.search(text):
        return False
    if _GO_ONLY.search(text):
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sets within sets, which are plain text to Go
            re.compile(text)
    except re.error:
        return False
    return True
