"""What a YAML or JSON document holds once it is read, and helpers for it. Pure."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from ckf_airgap.errors import InputError

JSONValue: TypeAlias = "str | int | float | bool | list[JSONValue] | dict[str, JSONValue] | None"
"""What a YAML or JSON document holds, once read."""

Document: TypeAlias = "dict[str, JSONValue]"
"""A document whose top level is a mapping."""

_DIGITS: Final = re.compile(r"([0-9]+)")


def as_mapping(value: JSONValue, *, where: str, error: type[InputError] = InputError) -> Document:
    """Return `value` as a mapping with text keys; ``None`` is an empty one.

    Raises:
        InputError: (as `error`) when it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise error(f"{where} must be a mapping, not {type_name(value)}")
    return value


def mappings(section: JSONValue) -> list[tuple[str, Document]]:
    """Return the entries of a mapping that are mappings themselves; none of anything else."""
    if not isinstance(section, dict):
        return []
    return [(name, fields) for name, fields in section.items() if isinstance(fields, dict)]


def natural(name: str) -> tuple[str | int, ...]:
    """Return a key that sorts names as people do: ``a/9`` before ``a/10``."""
    return tuple(int(part) if part.isdecimal() else part for part in _DIGITS.split(name))


def type_name(value: object) -> str:
    """Return the name of a YAML value's type for a message."""
    names: dict[type, str] = {
        dict: "a mapping",
        list: "a list",
        str: "text",
        bool: "a boolean",
        int: "an integer",
        float: "a number",
        type(None): "nothing",
    }
    return names.get(type(value), type(value).__name__)
