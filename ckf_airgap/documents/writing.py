"""Values as YAML that Juju's yaml.v2 and PyYAML both read back as the same values."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

import yaml

from ckf_airgap.documents.resolving import MERGE, TAG_PREFIX, resolve
from ckf_airgap.documents.values import JSONValue
from ckf_airgap.errors import InputError

_STR: Final = TAG_PREFIX + "str"
_INT: Final = TAG_PREFIX + "int"
_FLOAT: Final = TAG_PREFIX + "float"
_LIST: Final = TAG_PREFIX + "seq"
_MAPPING: Final = TAG_PREFIX + "map"
_NO_TEXT: Final = TAG_PREFIX + "value"
"""What a plain scalar is that only one of the readers takes for text."""

_PYYAML: Final = yaml.resolver.Resolver()
_Dumper: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_TYPED_BEGIN: Final = frozenset("+-.0123456789yYnNtTfFoO~<=")
"""What the plain scalars begin with that one of the readers takes for more than text."""

_ODD: Final = re.compile("[^\n\x20-\x7e\xa1-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]")
"""What is escaped, since one reader takes it for a line end, drops it or refuses it."""

_TURNING: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f]")
"""What turns the direction of writing, so that a text looks like another."""

_MAX_INT: Final = 2**64


def is_text(text: str) -> bool:
    """Whether a plain scalar of these characters is this very text to yaml.v2 and to PyYAML.

    Only types count: whether the characters may stand without quotes is for the syntax to say.
    """
    if text and text[0] not in _TYPED_BEGIN:
        return True
    if text == MERGE or not isinstance(resolve(text), str):
        return False
    tag = _PYYAML.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return bool(tag == _STR)


class _BlockDumper(_Dumper):  # type: ignore[misc, valid-type]
    """The C safe dumper; multi-line text becomes a literal block, and nothing is aliased."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True

    def resolve(self, kind: type[yaml.Node], value: str, implicit: tuple[bool, bool]) -> str:
        """Return the tag that a scalar has without its own; plain texts are those of `is_text`."""
        if kind is not yaml.ScalarNode:
            return _LIST if kind is yaml.SequenceNode else _MAPPING
        if not implicit[0] or is_text(value):
            return _STR
        tag = str(_PYYAML.resolve(kind, value, implicit))  # type: ignore[no-untyped-call]
        return _NO_TEXT if tag == _STR else tag


def float_text(value: float) -> str:
    """Return a float as YAML: what yaml.v2 and PyYAML both take for this very number."""
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    mantissa, exponential, exponent = repr(value).partition("e")
    if not exponential:
        return mantissa
    # Both readers want a sign in the exponent, and PyYAML a point before it.
    point = "" if "." in mantissa else ".0"
    return f"{mantissa}{point}e{exponent if exponent[0] in '+-' else '+' + exponent}"


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style: str | None = None
    if _ODD.search(text):
        style = '"'
    elif "\n" in text:
        style = "|" if _fits_block(text) else '"'
    return dumper.represent_scalar(_STR, text, style=style)


def _fits_block(text: str) -> bool:
    """Whether a text of several lines is the same as a literal block to every reader.

    A block begins with its indentation, so the first line may not begin with a blank or be empty;
    blanks at the end of a line are invisible, and a line end too many at the end of a text as well.
    """
    lines = text.split("\n")
    return lines[0][:1] not in ("", " ") and not any(line.endswith(" ") for line in lines)


def _represent_int(dumper: yaml.SafeDumper, value: int) -> yaml.ScalarNode:
    if not -_MAX_INT // 2 <= value < _MAX_INT:
        # Juju would make a float of it, and say so only where the type is checked.
        raise InputError(f"the integer {value} does not fit in 64 bits")
    return dumper.represent_scalar(_INT, str(value))


def _represent_float(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    return dumper.represent_scalar(_FLOAT, float_text(value))


_BlockDumper.add_representer(str, _represent_text)
_BlockDumper.add_representer(int, _represent_int)
_BlockDumper.add_representer(float, _represent_float)


def dump_yaml(value: JSONValue | Mapping[str, JSONValue]) -> str:
    """Return `value` as YAML: keys in order, literal blocks for multi-line text.

    Whatever yaml.v2 or PyYAML would take for another type or another text is in quotes. What would
    turn the direction of writing for whoever looks at it is escaped.

    Raises:
        InputError: when a text or number in it cannot be written.
    """
    try:
        text = _dump(value, allow_unicode=True)
        return _dump(value, allow_unicode=False) if _TURNING.search(text) else text
    except UnicodeEncodeError as exc:
        raise InputError(f"a text cannot be written as YAML: {exc}") from exc


def _dump(value: JSONValue | Mapping[str, JSONValue], *, allow_unicode: bool) -> str:
    return str(
        yaml.dump(
            value,
            Dumper=_BlockDumper,
            sort_keys=False,
            allow_unicode=allow_unicode,
            default_flow_style=False,
            width=10_000,
        )
    )
