"""Values as Go's ``fmt`` writes them, for messages that quote input. Pure."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

GoValue: TypeAlias = "str | int | float | bool | list[Any] | Mapping[Any, Any] | None"
"""A value without a declared type, as yaml.v2 or ``encoding/json`` decode an ``interface{}``."""

GoKey: TypeAlias = "str | int | float | bool | None"
"""A key of a mapping that yaml.v2 has decoded without a declared type."""

_INT64_MAX: Final = 2**63 - 1
_ESCAPES: Final = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def quoted(text: str) -> str:
    """Return a text as ``%q`` writes it: in double quotes, with unprintable characters escaped."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def quoted_list(texts: list[str]) -> str:
    """Return texts as ``%q`` writes a ``[]string``: ``["a:b" "c:d"]``."""
    return "[" + " ".join(quoted(text) for text in texts) + "]"


def type_of(value: GoValue, *, keys: str = "interface {}") -> str:
    """Return the type of a value as ``%T`` writes it.

    Args:
        value: The value.
        keys: The key type of mappings: ``string`` for those decoded from JSON.
    """
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if value <= _INT64_MAX else "uint64"
    if isinstance(value, float):
        return "float64"
    if isinstance(value, str):
        return "string"
    return "[]interface {}" if isinstance(value, list) else f"map[{keys}]interface {{}}"


def go_value(value: GoValue, *, keys: str = "interface {}") -> str:
    """Return a value as ``%#v`` writes it; see `type_of`."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, int):
        return str(value) if value <= _INT64_MAX else f"{value:#x}"
    if isinstance(value, list):
        return "[]interface {}{" + ", ".join(_item(item, keys) for item in value) + "}"
    items = sorted(value.items(), key=lambda item: (_rank(item[0]), str(item[0])))
    written = ", ".join(f"{_item(key, keys)}:{_item(item, keys)}" for key, item in items)
    return f"{type_of(value, keys=keys)}{{{written}}}"


def float_text(value: float) -> str:
    """Return a float as ``%#v`` writes it: shortest digits, with an exponent from 6 places on."""
    if math.isinf(value) or math.isnan(value):
        return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}[str(value)]
    number = Decimal(repr(value)).normalize()
    if value == 0 or -4 <= number.adjusted() < 6:
        return f"{number:f}"
    digits = "".join(str(digit) for digit in number.as_tuple().digits)
    fraction = f".{digits[1:]}" if digits[1:] else ""
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[0]}{fraction}e{number.adjusted():+03d}"


def _rank(key: object) -> int:
    """Return the sort rank of a key's type: Go sorts mappings by the type of the keys first."""
    return 0 if key is None else 1 if isinstance(key, str) else 2


def _item(value: GoValue, keys: str) -> str:
    return "interface {}(nil)" if value is None else go_value(value, keys=keys)


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    if character == " " or (code > 127 and _is_printable(character)) or 32 < code < 127:
        return character
    if code < 128:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _is_printable(character: str) -> bool:
    """Whether ``strconv.IsPrint`` accepts a character: letters, marks, numbers, symbols."""
    return unicodedata.category(character)[0] in "LMNPS"
