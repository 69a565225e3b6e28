"""What a YAML or JSON document holds once it is read, and helpers for it. Pure."""

from __future__ import annotations

import json
import re
from typing import Final, TypeAlias

from ckf_airgap.errors import InputError

JSONValue: TypeAlias = "str | int | float | bool | list[JSONValue] | dict[str, JSONValue] | None"
"""What a YAML or JSON document holds, once read."""

Document: TypeAlias = "dict[str, JSONValue]"
"""A document whose top level is a mapping."""

_DIGITS: Final = re.compile(r"([0-9]+)")
_MAX_DIGITS: Final = 40
"""Digits that are counted as a number at all; Python refuses 4300."""


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


def parse_json(content: str | bytes) -> JSONValue:
    """Return what a JSON document holds.

    Raises:
        ValueError: when it is not JSON, is not UTF-8, is nested too deeply, or has an integer of
            more digits than Python reads.
    """
    try:
        value: JSONValue = json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def decimal(text: str, *, most: int = 2**63 - 1) -> int | None:
    """Return the number that a text of ASCII digits is; ``None`` for any other text.

    Args:
        text: The text.
        most: The largest number; a larger one is ``None`` too.
    """
    if len(text) > _MAX_DIGITS or not (text.isascii() and text.isdigit()):
        return None
    number = int(text)
    return number if number <= most else None


def natural(name: str) -> tuple[str, ...]:
    """Return a key that sorts names as people do: ``a/9`` before ``a/10``."""
    # Not as integers: Python reads no more than 4300 digits as one.
    return tuple(
        f"{len(number := part.lstrip('0')):09}{number}" if part.isdecimal() else part
        for part in _DIGITS.split(name)
    )


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
