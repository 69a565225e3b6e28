"""Decodes YAML into values of Go types as yaml.v2 does, with its errors.

A `GoType` is the declared type of a value: a string field takes the characters as written, an
integer field truncates fractions, and so on. Mismatches are recorded with their lines while
decoding continues, and are all reported in a single error, ``yaml: unmarshal errors:``. Null is the
zero value of every type. A struct is a dictionary with all of its fields.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ckf_airgap.documents.composing import ListNode, MappingNode, Node, ScalarNode
from ckf_airgap.documents.reading import NodeError, merged_mappings
from ckf_airgap.documents.resolving import TAG_PREFIX, WrongTagError
from ckf_airgap.rehearsal.golang.formatting import GoKey, GoValue

_SHOWN_BYTES: Final = 10
_INT64: Final = range(-(2**63), 2**63)
_TIMESTAMP: Final = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?\Z")


class GoYamlError(ValueError):
    """The error of yaml.v2 for a text that it cannot decode.

    Attributes:
        mistyped: The type errors, a line each; empty when the text could not be parsed at all, or
            the type being decoded into has refused it.
    """

    def __init__(self, message: str, mistyped: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.mistyped = mistyped


@dataclass(slots=True)
class Decoding:
    """The state of a decoding: the type errors so far.

    Attributes:
        mistyped: A line for each value of a wrong type.
        strict: Whether unknown and repeated fields of a struct are errors, too.
    """

    mistyped: list[str] = field(default_factory=list)
    strict: bool = False

    def refuse(self, node: Node, wanted: GoType) -> None:
        """Record that a node is not a value of a type."""
        if isinstance(node, ScalarNode):
            written = node.text.encode()
            shown = node.text
            if len(written) > _SHOWN_BYTES:
                shown = written[:7].decode(errors="replace") + "..."
            what = f"{_short_tag(node)} `{shown}`"
        else:
            what = "!!seq" if isinstance(node, ListNode) else "!!map"
        self.mistyped.append(f"line {node.line}: cannot unmarshal {what} into {wanted.type_name}")


class GoType(ABC):
    """A Go type that YAML is decoded into."""

    @property
    @abstractmethod
    def type_name(self) -> str:
        """The name of the type, as Go writes it."""

    @property
    def zero(self) -> Any:
        """The zero value of the type."""
        return None

    @abstractmethod
    def decode(self, node: Node, decoding: Decoding, present: Any = None) -> tuple[Any, bool]:
        """Return the value of a node that is not null, and whether it is of this type.

        Args:
            node: The node.
            decoding: Records what is wrong.
            present: The current value of the variable: mappings and structs are added to.
        """

    def read(self, node: Node, decoding: Decoding, present: Any = None) -> tuple[Any, bool]:
        """Return the value of any node; null is the zero value."""
        if _is_null(node):
            return self.zero, True
        return self.decode(node, decoding, present)


@dataclass(frozen=True, slots=True)
class GoAny(GoType):
    """``interface {}``: the type follows from the YAML."""

    @property
    def type_name(self) -> str:
        """Its name."""
        return "interface {}"

    def decode(
        self,
        node: Node,
        decoding: Decoding,
        present: Any = None,  # noqa: ARG002
    ) -> tuple[GoValue, bool]:
        """Return the value; a mapping has keys of any type."""
        if isinstance(node, ScalarNode):
            return scalar(node), True
        if isinstance(node, ListNode):
            return [self.read(item, decoding)[0] for item in node.items], True
        return RAW_MAP.decode(node, decoding)


@dataclass(frozen=True, slots=True)
class GoString(GoType):
    """A string type: the characters as written.

    Attributes:
        named: Its name.
    """

    named: str = "string"

    @property
    def type_name(self) -> str:
        """Its name."""
        return self.named

    @property
    def zero(self) -> str:
        """The empty text."""
        return ""

    def decode(
        self,
        node: Node,
        decoding: Decoding,
        present: Any = None,  # noqa: ARG002
    ) -> tuple[str, bool]:
        """Return the text."""
        if isinstance(node, ScalarNode):
            if node.tag is not None:
                value = scalar(node)
                if value is None:
                    return "", True
                if node.tag == f"{TAG_PREFIX}binary":
                    return str(value), True
            return node.text, True
        decoding.refuse(node, self)
        return "", False


@dataclass(frozen=True, slots=True)
class GoBool(GoType):
    """``bool``."""

    @property
    def type_name(self) -> str:
        """Its name."""
        return "bool"

    @property
    def zero(self) -> bool:
        """False."""
        return False

    def decode(
        self,
        node: Node,
        decoding: Decoding,
        present: Any = None,  # noqa: ARG002
    ) -> tuple[bool, bool]:
        """Return the boolean."""
        value = scalar(node) if isinstance(node, ScalarNode) else ""
        if isinstance(value, bool) or value is None:
            return bool(value), True
        decoding.refuse(node, self)
        return False, False


@dataclass(frozen=True, slots=True)
class GoInt(GoType):
    """``int``; floats are truncated."""

    @property
    def type_name(self) -> str:
        """Its name."""
        return "int"

    @property
    def zero(self) -> int:
        """Zero."""
        return 0

    def decode(
        self,
        node: Node,
        decoding: Decoding,
        present: Any = None,  # noqa: ARG002
    ) -> tuple[int, bool]:
        """Return the integer."""
        value = scalar(node) if isinstance(node, ScalarNode) else ""
        if value is None:
            return 0, True
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                number = int(value)
            except (ValueError, OverflowError):
                number = _INT64.stop
            if number in _INT64:
                return number, True
        decoding.refuse(node, self)
        return 0, False


@dataclass(frozen=True, slots=True)
class GoMap(GoType):
    """A map.

    Attributes:
        value: The type of its values.
        key: The type of its keys.
    """

    value: GoType
    key: GoType = field(default_factory=GoString)

    @property
    def type_name(self) -> str:
        """Its name."""
        return f"map[{self.key.type_name}]{self.value.type_name}"

    def decode(
        self, node: Node, decoding: Decoding, present: Any = None
    ) -> tuple[dict[Any, Any], bool]:
        """Return the map, including its previous entries."""
        found: dict[Any, Any] = present if isinstance(present, dict) else {}
        if not isinstance(node, MappingNode):
            decoding.refuse(node, self)
            return found, False
        for key, item in node.pairs:
            if isinstance(key, ScalarNode) and key.is_merge:
                for part in _merged(item):
                    self.decode(part, decoding, found)
                continue
            name, good = self.key.read(key, decoding)
            if not good:
                continue
            if isinstance(name, dict | list):
                raise GoYamlError("yaml: invalid map key")
            value, good = self.value.read(item, decoding)
            if good:
                found[name] = value
        return found, True


@dataclass(frozen=True, slots=True)
class GoSlice(GoType):
    """A slice.

    Attributes:
        item: The type of its items.
    """

    item: GoType

    @property
    def type_name(self) -> str:
        """Its name."""
        return f"[]{self.item.type_name}"

    def decode(
        self,
        node: Node,
        decoding: Decoding,
        present: Any = None,  # noqa: ARG002
    ) -> tuple[list[Any], bool]:
        """Return the list, without the items that are not of the type."""
        if not isinstance(node, ListNode):
            decoding.refuse(node, self)
            return [], False
        items = [self.item.read(item, decoding) for item in node.items]
        return [value for value, good in items if good], True


@dataclass(frozen=True, slots=True)
class GoStruct(GoType):
    """A struct: keys with types of their own; others are dropped, or errors in strict decoding.

    Attributes:
        named: Its name.
        fields: The type of each key.
    """

    named: str
    fields: Mapping[str, GoType]

    @property
    def type_name(self) -> str:
        """Its name."""
        return self.named

    @property
    def zero(self) -> dict[str, Any]:
        """A struct of zero values."""
        return {key: kind.zero for key, kind in self.fields.items()}

    def decode(
        self, node: Node, decoding: Decoding, present: Any = None
    ) -> tuple[dict[str, Any], bool]:
        """Return the struct, including its previous fields."""
        found: dict[str, Any] = present if isinstance(present, dict) else self.zero
        if not isinstance(node, MappingNode):
            decoding.refuse(node, self)
            return found, False
        done: set[str] = set()
        for key, item in node.pairs:
            if isinstance(key, ScalarNode) and key.is_merge:
                for part in _merged(item):
                    self.decode(part, decoding, found)
                continue
            name, good = GoString().read(key, decoding)
            kind = self.fields.get(name) if good else None
            if kind is not None and not (decoding.strict and name in done):
                found[name], _ = kind.read(item, decoding, found[name])
            elif good and decoding.strict:
                what = "already set" if kind is not None else "not found"
                decoding.mistyped.append(
                    f"line {key.line}: field {name} {what} in type {self.named}"
                )
            done.add(name)
        return found, True


@dataclass(frozen=True, slots=True)
class GoPointer(GoType):
    """A pointer, which is ``None`` for null."""

    target: GoType

    @property
    def type_name(self) -> str:
        """Its name."""
        return f"*{self.target.type_name}"

    def decode(self, node: Node, decoding: Decoding, present: Any = None) -> tuple[Any, bool]:
        """Return the value that it points to."""
        return self.target.decode(node, decoding, present)


@dataclass(frozen=True, slots=True)
class GoUnmarshaler(GoType):
    """A type that decodes itself (``UnmarshalYAML``).

    Attributes:
        named: Its name.
        first: The type that it decodes into first.
        make: Converts the result; may raise `GoYamlError`.
    """

    named: str
    first: GoType
    make: Callable[[Any], Any]

    @property
    def type_name(self) -> str:
        """Its name."""
        return self.named

    def decode(
        self,
        node: Node,
        decoding: Decoding,
        present: Any = None,  # noqa: ARG002
    ) -> tuple[Any, bool]:
        """Return the converted value of a node, or the zero value when its content is mistyped."""
        inner = Decoding(strict=decoding.strict)
        value, _ = self.first.read(node, inner)
        if inner.mistyped:
            decoding.mistyped += inner.mistyped
            return self.zero, False
        return self.make(value), True


ANY: Final = GoAny()
STRING: Final = GoString()
BOOL: Final = GoBool()
INT: Final = GoInt()
STRING_MAP: Final = GoMap(STRING)
RAW_MAP: Final = GoMap(ANY, ANY)
"""``map[interface {}]interface {}``: keys keep their types."""


def scalar(node: ScalarNode) -> GoKey:
    """Return the value of a scalar; `GoYamlError` when its tag says another type."""
    try:
        return node.value
    except WrongTagError as exc:
        raise GoYamlError(f"yaml: {exc}") from exc


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.is_null


def _merged(item: Node) -> list[MappingNode]:
    try:
        return merged_mappings(item)
    except NodeError:
        raise GoYamlError("yaml: map merge requires map or sequence of maps as the value") from None


def _short_tag(node: ScalarNode) -> str:
    if node.tag is not None:
        return node.tag.replace(TAG_PREFIX, "!!")
    value = scalar(node)
    if isinstance(value, str):
        return "!!timestamp" if node.plain and _TIMESTAMP.match(value) else "!!str"
    kinds: dict[type, str] = {bool: "!!bool", int: "!!int", float: "!!float"}
    return kinds.get(type(value), "!!null")
