"""``actions.yaml``: names and schemas of actions (``ReadActionsYaml``)."""

from __future__ import annotations

import math
import re
from typing import Final

from ckf_airgap.charms.checks.gotext import go_value
from ckf_airgap.charms.checks.jsonschema import schema_problem
from ckf_airgap.charms.checks.names import reserved_reason
from ckf_airgap.documents import ANY, Document, JSONValue, MappingOf

SHAPE: Final = MappingOf(MappingOf(ANY))
"""The types of the fields of ``actions.yaml``."""

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\Z")
_PROHIBITED: Final = ("$ref", "$schema")

_TYPES: Final[dict[str, tuple[type, str]]] = {
    "description": (str, "string"),
    "title": (str, "string"),
    "required": (list, "YAML list"),
    "parallel": (bool, "bool"),
    "execution-group": (str, "string"),
}


def actions_problems(charm: str, document: Document) -> list[str]:
    """Return everything that the controller refuses in a charm's actions, in its words.

    Args:
        charm: The charm's name: those that begin with ``juju-`` may use reserved names.
        document: What `SHAPE` gives.
    """
    problems = []
    for name, fields in document.items():
        problem = _problem(charm, name, fields if isinstance(fields, dict) else {})
        problems += [problem] if problem else []
    return problems


def _problem(charm: str, name: str, fields: Document) -> str:
    if not _NAME.match(name):
        return f"bad action name {name}"
    reserved = reserved_reason(charm, name)
    if reserved:
        return f"cannot use action name {name}: {reserved}"
    schema: Document = {"description": "No description", "type": "object", "title": name}
    schema["properties"] = {}
    for key, value in fields.items():
        if key in _TYPES:
            wanted, called = _TYPES[key]
            if not isinstance(value, wanted):
                return f'value for schema key "{key}" must be a {called}'
            if key not in ("parallel", "execution-group"):
                schema[key] = value
            continue
        prohibited = _prohibited(value)
        if prohibited:
            return prohibited
        if key == "params" and not isinstance(value, dict):
            return "params failed to parse as a map"
        schema["properties" if key == "params" else key] = value
    problem = _unsupported(schema) or schema_problem(schema)
    return f"invalid params schema for action schema {name}: {problem}" if problem else ""


def _unsupported(value: JSONValue) -> str:
    """Return the problem of a number that JSON does not have."""
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list):
        return next(filter(None, map(_unsupported, value)), "")
    if isinstance(value, float) and not math.isfinite(value):
        return f"json: unsupported value: {go_value(value)}"
    return ""


def _prohibited(value: JSONValue) -> str:
    """Return the problem of keys that a schema may not have (``cleanse``)."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in _PROHIBITED:
                return f'schema key "{key}" not compatible with this version of juju'
            problem = _prohibited(item)
            if problem:
                return problem
    if isinstance(value, list) and any(map(_prohibited, value)):
        return "map keyed with non-string value"
    return ""
