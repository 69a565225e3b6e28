"""Checks action parameters against their JSON schema, draft 4, as Juju's own library does.

The messages are those of Juju's fork of gojsonschema. Two of its deviations from the draft are
kept: messages describe numbers at the limit the other way round, and the errors of the best
matching alternative follow that of ``anyOf`` and ``oneOf``. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.entities.schemachecks import regex

ROOT: Final = "(root)"


def schema_violations(schema: Mapping[str, JSONValue], value: JSONValue) -> list[str]:
    """Return what is wrong with a value: ``(root).count : must be of type integer, given "x"``."""
    return list(_violations(schema, value, ROOT))


def with_defaults(schema: Mapping[str, JSONValue], values: Document) -> Document:
    """Return parameters completed with the schema's defaults for those not given."""
    properties = schema.get("properties")
    return _filled(values, properties if isinstance(properties, dict) else {})


def _filled(values: Document, properties: Document) -> Document:
    filled = dict(values)
    for name, schema in properties.items():
        if not isinstance(schema, dict):
            continue
        inner = schema.get("properties")
        given = filled.get(name)
        if name in filled:
            if isinstance(given, dict) and isinstance(inner, dict):
                filled[name] = _filled(given, inner)
        elif "default" in schema:
            filled[name] = schema["default"]
        elif isinstance(inner, dict):
            nested = _filled({}, inner)
            if nested:
                filled[name] = nested
    return filled


def _violations(schema: Mapping[str, JSONValue], value: JSONValue, where: str) -> Iterator[str]:
    declared = schema.get("type")
    names = declared if isinstance(declared, list) else [declared] if declared else []
    if names and not any(_is_of(str(name), value) for name in names):
        shown = str(names[0]) if len(names) == 1 else "[" + ",".join(map(str, names)) + "]"
        yield _said(where, f"must be of type {shown}", value)
        return
    yield from _combined(schema, value, where)
    if isinstance(value, dict):
        yield from _object(schema, value, where)
    elif isinstance(value, list):
        yield from _array(schema, value, where)
    elif isinstance(value, str):
        yield from _text(schema, value, where)
    elif _is_number(value):
        yield from _number(schema, value, where)
    choices = schema.get("enum")
    if isinstance(choices, list) and choices and value not in choices:
        shown = ",".join(_json(choice) for choice in choices)
        yield _said(where, f"must match one of the enum values [{shown}]", value)
    properties = schema.get("properties")
    if isinstance(value, dict) and isinstance(properties, dict):
        for name in sorted(properties):
            child = properties[name]
            if name in value and isinstance(child, dict):
                yield from _violations(child, value[name], f"{where}.{name}")


def _combined(schema: Mapping[str, JSONValue], value: JSONValue, where: str) -> Iterator[str]:
    for key, count, says in (
        ("anyOf", None, "must validate at least one schema (anyOf)"),
        ("oneOf", 1, "must validate one and only one schema (oneOf)"),
    ):
        choices = _schemas(schema.get(key))
        if not choices:
            continue
        outcomes = [list(_violations(choice, value, where)) for choice in choices]
        valid = sum(not outcome for outcome in outcomes)
        if valid == 0 or (count is not None and valid != count):
            yield _said(where, says, value)
            if valid == 0:
                yield from min(outcomes, key=len)
    outcomes = [list(_violations(one, value, where)) for one in _schemas(schema.get("allOf"))]
    for outcome in outcomes:
        yield from outcome
    if any(outcomes):
        yield _said(where, "must validate all the schemas (allOf)", value)
    unwanted = schema.get("not")
    if isinstance(unwanted, dict) and not list(_violations(unwanted, value, where)):
        yield _said(where, "must not validate the schema (not)", value)
    dependencies = schema.get("dependencies")
    if not isinstance(value, dict) or not isinstance(dependencies, dict):
        return
    for name in sorted(set(value) & set(dependencies)):
        needed = dependencies[name]
        if isinstance(needed, dict):
            yield from _violations(needed, value, where)
        for other in needed if isinstance(needed, list) else []:
            if other not in value:
                yield _said(where, f"has a dependency on {other}", value)


def _object(schema: Mapping[str, JSONValue], value: Document, where: str) -> Iterator[str]:
    least, most = schema.get("minProperties"), schema.get("maxProperties")
    if isinstance(least, int) and len(value) < least:
        yield _said(where, f"must have at least {least} properties", value)
    if isinstance(most, int) and len(value) > most:
        yield _said(where, f"must have at the most {most} properties", value)
    required = schema.get("required")
    for name in required if isinstance(required, list) else []:
        if name not in value:
            yield _said(where, f'"{name}" property is missing and required', value)
    extra = schema.get("additionalProperties")
    declared = schema.get("properties")
    known = declared if isinstance(declared, dict) else {}
    patterns = schema.get("patternProperties")
    by_pattern = patterns if isinstance(patterns, dict) else {}
    for name in sorted(value):
        matching = [
            child
            for pattern, child in by_pattern.items()
            if isinstance(child, dict) and (wanted := regex(pattern)) and wanted.search(name)
        ]
        outcomes = [list(_violations(child, value[name], f"{where}.{name}")) for child in matching]
        for outcome in outcomes:
            yield from outcome
        if name in known or (outcomes and not all(outcomes)):
            continue
        if extra is False:
            yield _said(where, f'additional property "{name}" is not allowed', value)
        elif isinstance(extra, dict):
            yield from _violations(extra, value[name], where)


def _array(schema: Mapping[str, JSONValue], value: list[JSONValue], where: str) -> Iterator[str]:
    items = schema.get("items")
    if isinstance(items, dict):
        for number, item in enumerate(value):
            yield from _violations(items, item, f"{where}.{number}")
    children = _schemas(items) if isinstance(items, list) else []
    if len(children) <= len(value):
        for number, child in enumerate(children):
            yield from _violations(child, value[number], f"{where}.{number}")
    extra = schema.get("additionalItems")
    if children and len(value) > len(children) and extra is False:
        yield _said(where, "no additional item allowed on array", value)
    least, most = schema.get("minItems"), schema.get("maxItems")
    if isinstance(least, int) and len(value) < least:
        yield _said(where, f"array must have at least {least} items", value)
    if isinstance(most, int) and len(value) > most:
        yield _said(where, f"array must have at the most {most} items", value)
    if schema.get("uniqueItems") is True:
        shown = [_json(item) for item in value]
        for number, item in enumerate(shown):
            if item in shown[:number]:
                yield _said(where, "array items must be unique", value)


def _text(schema: Mapping[str, JSONValue], value: str, where: str) -> Iterator[str]:
    least, most = schema.get("minLength"), schema.get("maxLength")
    if isinstance(least, int) and len(value) < least:
        yield _said(where, f"string length must be greater or equal to {least}", value)
    if isinstance(most, int) and len(value) > most:
        yield _said(where, f"string length must be lower or equal to {most}", value)
    pattern = schema.get("pattern")
    wanted = regex(pattern) if isinstance(pattern, str) else None
    if wanted is not None and not wanted.search(value):
        yield _said(where, f"does not match pattern '{pattern}'", value)


def _number(schema: Mapping[str, JSONValue], value: JSONValue, where: str) -> Iterator[str]:
    assert isinstance(value, int | float)  # noqa: S101 - for mypy, its callers have checked it
    shown = f'"{_plain(value)}"'
    step = schema.get("multipleOf")
    if isinstance(step, int | float) and step > 0 and not (value / step).is_integer():
        yield f"{where} : must be a multiple of {_plain(step)}, given {shown}"
    for key, exclusive, word, sign in (
        ("maximum", "exclusiveMaximum", "lower", 1),
        ("minimum", "exclusiveMinimum", "greater", -1),
    ):
        limit = schema.get(key)
        if not isinstance(limit, int | float) or isinstance(limit, bool):
            continue
        beyond = (value - limit) * sign
        if schema.get(exclusive) is True and beyond >= 0:
            yield f"{where} : must be {word} than or equal to {_plain(limit)}, given {shown}"
        elif schema.get(exclusive) is not True and beyond > 0:
            yield f"{where} : must be {word} than {_plain(limit)}, given {shown}"


def _schemas(value: JSONValue) -> list[Document]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _is_number(value: JSONValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_of(kind: str, value: JSONValue) -> bool:
    if kind == "integer":
        return _is_number(value) and float(value or 0).is_integer()  # type: ignore[arg-type]
    if kind == "number":
        return _is_number(value)
    kinds: Mapping[str, type] = {
        "array": list,
        "boolean": bool,
        "object": dict,
        "string": str,
        "null": type(None),
    }
    return isinstance(value, kinds.get(kind, object))


def _said(where: str, what: str, value: JSONValue) -> str:
    return f"{where} : {what}, given {_json(value)}"


def _json(value: JSONValue) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else f"{number:g}"
