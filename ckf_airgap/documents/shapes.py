"""Declared types of the fields of a document, filled as yaml.v2 fills the fields of a Go struct.

The type of a field decides what its scalar is: a `TEXT` field takes the characters that were
written (``1.10``, ``010``, ``on``), an `INTEGER` one cuts ``2.7`` to 2, a `BOOLEAN` one takes
``y``. Null is good for every type. A value of another type is a problem that names the line and the
path of the field; Juju leaves such a document out without a word.

Null stays ``None``, so that overlays can tell a field that is set to nothing from one that is left
out; a `TEXT` one is an empty text then, as in Go, and a `TEXT_OR_NULL` one is not. Keys that a
`Record` does not declare are kept, as values without a declared type, and reported.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ckf_airgap.documents.composing import ListNode, MappingNode, Node, ScalarNode
from ckf_airgap.documents.findings import Findings, Path, UnknownKey, unquoted
from ckf_airgap.documents.reading import (
    key_text,
    load_nodes,
    merged_mappings,
    plain_value,
    reading,
    scalar_value,
)
from ckf_airgap.documents.resolving import TAG_PREFIX
from ckf_airgap.documents.values import Document, JSONValue
from ckf_airgap.documents.writing import float_text
from ckf_airgap.errors import InputError, raise_all

_BINARY_TAG: Final = TAG_PREFIX + "binary"
_INT64: Final = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaped:
    """Documents that have the shape that was asked for.

    Attributes:
        documents: The documents, each field of its declared type.
        unknown: The first thousand keys that no record declares.
    """

    documents: list[JSONValue]
    unknown: tuple[UnknownKey, ...] = ()


class Shape(ABC):
    """The declared type of a value."""

    @abstractmethod
    def decode(
        self, node: Node, path: Path, findings: Findings, present: JSONValue = None
    ) -> JSONValue:
        """Return the value of a node.

        Args:
            node: The node.
            path: The keys and indexes to it, for messages.
            findings: Takes what is wrong; the value is then ``None``.
            present: What the field holds already when a key is merged or repeated: the entries of a
                mapping are added to it, as yaml.v2 adds to the map of a struct's field.

        Raises:
            NodeError: when yaml.v2 would not read the rest of the document.
        """


@dataclass(frozen=True, slots=True)
class Text(Shape):
    """A text: the characters that were written, whatever they would be elsewhere.

    Attributes:
        null: What null stands for.
    """

    null: str | None = ""

    def decode(
        self,
        node: Node,
        path: Path,
        findings: Findings,
        present: JSONValue = None,  # noqa: ARG002
    ) -> str | None:
        """Return the text."""
        if type(node) is not ScalarNode:
            findings.wrong(node, path, "text")
            return None
        if node.tag is not None:
            value = scalar_value(node)  # the tag may be wrong
            return self.null if value is None else _written(node)
        return self.null if node.is_null else node.text


@dataclass(frozen=True, slots=True)
class Integer(Shape):
    """An integer; a float loses what is behind its point, as in Go."""

    def decode(
        self,
        node: Node,
        path: Path,
        findings: Findings,
        present: JSONValue = None,  # noqa: ARG002
    ) -> int | None:
        """Return the integer."""
        value = scalar_value(node) if type(node) is ScalarNode else ""
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                number = int(value)
            except (ValueError, OverflowError):
                number = _INT64.stop
            if number in _INT64:
                return number
        findings.wrong(node, path, "an integer", unquoted(node, int))
        return None


@dataclass(frozen=True, slots=True)
class Number(Shape):
    """A float; an integer becomes one."""

    def decode(
        self,
        node: Node,
        path: Path,
        findings: Findings,
        present: JSONValue = None,  # noqa: ARG002
    ) -> float | None:
        """Return the float."""
        value = scalar_value(node) if type(node) is ScalarNode else ""
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        findings.wrong(node, path, "a number", unquoted(node, float))
        return None


@dataclass(frozen=True, slots=True)
class Boolean(Shape):
    """A boolean: ``true``, ``yes``, ``on``, ``y`` and their opposites, without quotes."""

    def decode(
        self,
        node: Node,
        path: Path,
        findings: Findings,
        present: JSONValue = None,  # noqa: ARG002
    ) -> bool | None:
        """Return the boolean."""
        value = scalar_value(node) if type(node) is ScalarNode else ""
        if value is None or isinstance(value, bool):
            return value
        findings.wrong(node, path, "true or false", unquoted(node, bool))
        return None


@dataclass(frozen=True, slots=True)
class AnyValue(Shape):
    """A value of any type, which its characters tell."""

    def decode(
        self,
        node: Node,
        path: Path,  # noqa: ARG002
        findings: Findings,  # noqa: ARG002
        present: JSONValue = None,  # noqa: ARG002
    ) -> JSONValue:
        """Return the value."""
        return plain_value(node)


@dataclass(frozen=True, slots=True)
class Remark(Shape):
    """A text that Juju does not read: what is no text in its place is no fault, and left out."""

    def decode(
        self,
        node: Node,
        path: Path,  # noqa: ARG002
        findings: Findings,  # noqa: ARG002
        present: JSONValue = None,  # noqa: ARG002
    ) -> str | None:
        """Return the text, or ``None``."""
        return node.text if type(node) is ScalarNode and not node.is_null else None


@dataclass(frozen=True, slots=True)
class ListOf(Shape):
    """A list.

    Attributes:
        item: The type of its items.
    """

    item: Shape

    def decode(
        self,
        node: Node,
        path: Path,
        findings: Findings,
        present: JSONValue = None,  # noqa: ARG002
    ) -> list[JSONValue] | None:
        """Return the list."""
        if type(node) is ListNode:
            return [
                self.item.decode(item, (*path, index), findings)
                for index, item in enumerate(node.items)
            ]
        if not _is_null(node):
            single = type(node) is ScalarNode
            findings.wrong(node, path, "a list", "put it in brackets" if single else "")
        return None


class _Keyed(Shape):
    """A mapping; what comes of an entry is left to `_entry`."""

    __slots__ = ()

    def decode(
        self,
        node: Node,
        path: Path,
        findings: Findings,
        present: JSONValue = None,
    ) -> Document | None:
        """Return the mapping, in the order of the document, with what was present."""
        if type(node) is not MappingNode:
            if not _is_null(node):
                findings.wrong(node, path, "a mapping")
            return None
        found = present if isinstance(present, dict) else {}
        for key, item in node.pairs:
            if type(key) is ScalarNode and key.text == "<<" and key.is_merge:
                for part in merged_mappings(item):
                    self.decode(part, path, findings, found)
                continue
            name = _key(key)
            found[name] = self._entry(key, item, (*path, name), findings, found.get(name))
        return found

    @abstractmethod
    def _entry(
        self, key: Node, item: Node, path: Path, findings: Findings, present: JSONValue
    ) -> JSONValue:
        """Return the value of one entry."""


@dataclass(frozen=True, slots=True)
class MappingOf(_Keyed):
    """A mapping with keys that the document chooses.

    Attributes:
        value: The type of its values.
    """

    value: Shape

    def _entry(
        self,
        key: Node,  # noqa: ARG002
        item: Node,
        path: Path,
        findings: Findings,
        present: JSONValue,  # noqa: ARG002
    ) -> JSONValue:
        # Unlike the fields of a record, a value takes nothing from the one that it replaces.
        return self.value.decode(item, path, findings)


@dataclass(frozen=True, slots=True)
class Record(_Keyed):
    """A mapping with declared keys.

    Attributes:
        fields: The type of each key.
    """

    fields: Mapping[str, Shape]

    def _entry(
        self, key: Node, item: Node, path: Path, findings: Findings, present: JSONValue
    ) -> JSONValue:
        declared = self.fields.get(str(path[-1]))
        if declared is None:
            if isinstance(key, ScalarNode):
                findings.unknown_key(key, path, self.fields)
            return plain_value(item)
        return declared.decode(item, path, findings, present)


TEXT: Final = Text()
"""A text; null is an empty one."""

TEXT_OR_NULL: Final = Text(None)
"""A text, or ``None``."""

INTEGER: Final = Integer()
NUMBER: Final = Number()
BOOLEAN: Final = Boolean()
ANY: Final = AnyValue()


def load_shaped(
    text: str,
    shape: Shape,
    *,
    where: str,
    error: type[InputError] = InputError,
    allow_duplicate_keys: bool = False,
    only_first: bool = False,
) -> Shaped:
    """Return the documents of a text with the declared types; an empty text has none.

    Args:
        text: YAML 1.1 as Juju reads it, with its yaml.v2.
        shape: The type of each document.
        where: The file or place, for messages.
        error: The class to raise.
        allow_duplicate_keys: Let the last of two equal keys win.
        only_first: Leave out what follows the first document.

    Raises:
        InputError: (as `error`) when it is not YAML, repeats a key, passes a limit of `documents`,
            or has values of a wrong type, every one of which is then a problem of the error.
    """
    roots = load_nodes(
        text,
        where=where,
        error=error,
        allow_duplicate_keys=allow_duplicate_keys,
        only_first=only_first,
    )
    return _decoded(roots, shape, where, error)


def shaped(
    value: JSONValue, shape: Shape, *, where: str, error: type[InputError] = InputError
) -> JSONValue:
    """Return a value that was not read from a text with the declared types.

    Texts count as quoted. A number in a text field becomes its digits.

    Raises:
        InputError: (as `error`) when values have a wrong type.
    """
    return _decoded([_node(value)], shape, where, error).documents[0]


def _decoded(roots: list[Node], shape: Shape, where: str, error: type[InputError]) -> Shaped:
    findings = Findings()
    with reading(where, error):
        documents = [shape.decode(root, (), findings) for root in roots]
    raise_all(error, f"{where} has values of a type that Juju does not take", findings.told())
    return Shaped(documents=documents, unknown=tuple(findings.unknown))


def _is_null(node: Node) -> bool:
    return type(node) is ScalarNode and scalar_value(node) is None


def _written(node: ScalarNode) -> str:
    return str(scalar_value(node)) if node.tag == _BINARY_TAG else node.text


def _key(key: Node) -> str:
    """Return a key as text, which null is not."""
    return "" if type(key) is ScalarNode and key.is_null else key_text(key)


def _node(value: JSONValue) -> Node:
    """Return the node that a value would be read from."""
    if isinstance(value, dict):
        items: list[Node] = []
        for key, item in value.items():
            items += [ScalarNode(str(key), 0), _node(item)]
        return MappingNode(0, items)
    if isinstance(value, list):
        return ListNode(0, [_node(item) for item in value])
    if isinstance(value, str):
        return ScalarNode(value, 0)
    if isinstance(value, bool):
        return ScalarNode("true" if value else "false", 0, plain=True)
    if isinstance(value, float):
        return ScalarNode(float_text(value), 0, plain=True)
    return ScalarNode("" if value is None else str(value), 0, plain=True)
