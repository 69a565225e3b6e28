"""Values as Go prints them, for messages in the words of Juju."""

from __future__ import annotations

import math
from typing import Final

from ckf_airgap.documents import JSONValue, TypedKey

_MAX_INT: Final = 2**63 - 1

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
    """Return a text as ``%q`` does."""
    return '"' + "".join(map(_escaped, text)) + '"'


def go_type(value: JSONValue) -> str:
    """Return the type of a value that yaml.v2 has read, as ``%T`` does."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "bool"
        case int():
            return "int" if -_MAX_INT - 1 <= value <= _MAX_INT else "uint64"
        case float():
            return "float64"
        case str():
            return "string"
        case list():
            return "[]interface {}"
    return "map[interface {}]interface {}"


def go_value(value: JSONValue) -> str:
    """Return a value that yaml.v2 has read, as ``%#v`` does."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if value <= _MAX_INT else hex(value)
        case float():
            return _float(value)
        case str():
            return quoted(value)
        case list():
            items = ", ".join(map(_item, value))
            return f"[]interface {{}}{{{items}}}"
    entries = ", ".join(f"{_key(key)}:{_item(item)}" for key, item in sorted(value.items()))
    return f"map[interface {{}}]interface {{}}{{{entries}}}"


def _key(key: str) -> str:
    return go_value(key.value) if isinstance(key, TypedKey) else quoted(key)


def _item(value: JSONValue) -> str:
    return "interface {}(nil)" if value is None else go_value(value)


def _float(value: float) -> str:
    """Return the shortest digits, with an exponent below 1e-4 and from 1e+06 on."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    power = int(f"{value:.16e}".partition("e")[2])
    if -4 <= power < 6:
        return f"{value:.0f}" if value.is_integer() else repr(value)
    text = next(text for digits in range(17) if float(text := f"{value:.{digits}e}") == value)
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:].lstrip('0').rjust(2, '0')}"


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
