"""YAML texts as trees of nodes: what was written, and where, before anything has a type.

The limits hold before a tree is built: they are counted over the parser's events, with every alias
counted as often as it is used. Nothing is built for what a limit refuses, and a node costs as
little as it can.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import yaml

from ckf_airgap.documents.resolving import (
    MERGE,
    NULLS,
    TAG_PREFIX,
    ScalarValue,
    resolve,
    resolve_tagged,
)
from ckf_airgap.errors import InputError

MAX_NODES: Final = 500_000
"""Nodes that a text may have when all aliases are expanded; 1,000 applications need 50,000."""

MAX_DEPTH: Final = 100
"""Levels of nesting that a document may have when all aliases are expanded."""

MAX_BYTES: Final = 16 * 1024 * 1024
"""Characters of the longest text that is read as YAML at all."""

MAX_EXPANDED: Final = 2 * MAX_BYTES
"""Characters that all scalars may have together when all aliases are expanded."""

_MAX_DIRECTIVES: Final = 100
"""Directives that a text may have: libyaml compares each ``%TAG`` with all before it."""

_DIRECTIVE: Final = re.compile(r"^%", re.MULTILINE)
_BYTE_ORDER_MARK: Final = "\n\ufeff"
"""One that libyaml leaves out, and yaml.v2 takes for the beginning of a text."""

_MERGE_TAG: Final = TAG_PREFIX + "merge"
_NULL_TAG: Final = TAG_PREFIX + "null"

EventLoader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C where there is one; only its events are used."""


@dataclass(slots=True, eq=False)
class ScalarNode:
    """A scalar as it was written.

    Attributes:
        text: Its characters, after quotes and escapes.
        line: Its line, from 1.
        plain: Whether it has neither quotes nor a tag, so that its characters say its type.
        tag: Its tag, in full.
    """

    text: str
    line: int
    plain: bool = False
    tag: str | None = None

    @property
    def value(self) -> ScalarValue:
        """What the scalar is to yaml.v2.

        Raises:
            WrongTagError: when its tag says another type than it has.
        """
        if self.plain:
            return resolve(self.text)
        return self.text if self.tag is None else resolve_tagged(self.tag, self.text)

    @property
    def is_null(self) -> bool:
        """Whether it is null."""
        if self.plain:
            return self.text in NULLS
        return self.tag == _NULL_TAG and self.value is None

    @property
    def is_merge(self) -> bool:
        """Whether it is the key ``<<``, which merges mappings."""
        return self.text == MERGE and (self.plain or self.tag == _MERGE_TAG)


@dataclass(slots=True, eq=False)
class ListNode:
    """A list."""

    line: int
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class MappingNode:
    """A mapping: keys and values in turn, as written."""

    line: int
    items: list[Node] = field(default_factory=list)

    @property
    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """The pairs of key and value, in order."""
        items = iter(self.items)
        return zip(items, items, strict=True)


Node: TypeAlias = "ScalarNode | ListNode | MappingNode"
"""A node of a document; an alias is the node itself again."""


@dataclass(slots=True)
class _Anchor:
    """An anchored node, and what an alias of it adds to the document."""

    node: Node
    nodes: int = 1
    characters: int = 0
    height: int = 0
    is_open: bool = True


@dataclass(slots=True)
class _Level:
    """A collection that is being read."""

    node: ListNode | MappingNode
    anchor: _Anchor | None
    flow: bool
    """Whether it is written in brackets."""
    height: int = 0
    """Levels of the deepest collection inside."""


class Composer:
    """Makes nodes of a text's events, within the limits.

    Args:
        text: The text.
        where: The file or place, for messages.
        error: The class to raise when a limit is passed or a key repeated.
        allow_duplicate_keys: Keep equal keys of a mapping.
    """

    def __init__(
        self,
        text: str,
        *,
        where: str,
        error: type[InputError],
        allow_duplicate_keys: bool,
    ) -> None:
        self._text = text
        self._where = where
        self._error = error
        self._allow_duplicate_keys = allow_duplicate_keys
        self._nodes = 0
        self._characters = 0
        self._levels: list[_Level] = []
        self._anchors: dict[str, _Anchor] = {}
        self._root: Node | None = None

    def documents(self) -> Iterator[Node]:
        """Yield the root of each document.

        Raises:
            YAMLError: when the text is not YAML.
            ValueError: when it holds characters that YAML has not.
            InputError: (as the given class) when a limit is passed, or a key is repeated.
        """
        for event in events(self._text, self._where, self._error):
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._open(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._close()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.DocumentStartEvent):
                self._anchors.clear()
            elif isinstance(event, yaml.DocumentEndEvent) and self._root is not None:
                yield self._root
                self._root = None

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        text, tag = str(event.value), event.tag
        plain = tag is None and bool(event.implicit[0])
        node = ScalarNode(text, _line(event), plain, tag)
        if "?" in text and not event.style and self._levels and self._levels[-1].flow:
            # yaml.v2 ends a text in brackets there, as YAML 1.1 has it; libyaml goes on.
            raise self._error(
                f"{self._where} is not YAML that Juju reads: inside brackets, a text with a "
                f"question mark needs quotes (line {node.line}{_column(event)})"
            )
        if event.anchor is not None:
            anchor = _Anchor(node, 1, len(text), 0, is_open=False)
            self._anchors[event.anchor] = anchor
        self._count(1, len(text), node.line)
        self._put(node)

    def _alias(self, event: yaml.AliasEvent) -> None:
        line = _line(event)
        anchor = self._anchors.get(str(event.anchor))
        if anchor is None:
            raise self._error(
                f"{self._where} is not valid YAML: found undefined alias {event.anchor!r} "
                f"(line {line}{_column(event)})"
            )
        if anchor.is_open:
            raise self._error(f"{self._where} contains itself (line {line})")
        self._count(anchor.nodes, anchor.characters, line)
        if len(self._levels) + anchor.height > MAX_DEPTH:
            raise self._error(f"{self._where} is nested deeper than {MAX_DEPTH} levels")
        if self._levels:
            self._levels[-1].height = max(self._levels[-1].height, anchor.height)
        self._put(anchor.node)

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        node = MappingNode(_line(event)) if is_mapping else ListNode(_line(event))
        anchor = None
        if event.anchor is not None:
            # What came before is taken off again when the collection is closed.
            anchor = _Anchor(node, -self._nodes, -self._characters)
            self._anchors[event.anchor] = anchor
        self._count(1, 0, node.line)
        self._put(node)
        self._levels.append(_Level(node, anchor, bool(event.flow_style)))

    def _close(self) -> None:
        level = self._levels.pop()
        height = level.height + 1
        if self._levels:
            self._levels[-1].height = max(self._levels[-1].height, height)
        anchor = level.anchor
        if anchor is not None:
            anchor.nodes += self._nodes
            anchor.characters += self._characters
            anchor.height = height
            anchor.is_open = False
        if isinstance(level.node, MappingNode) and not self._allow_duplicate_keys:
            self._refuse_duplicates(level.node)

    def _put(self, node: Node) -> None:
        if self._levels:
            self._levels[-1].node.items.append(node)
        else:
            self._root = node

    def _count(self, nodes: int, characters: int, line: int) -> None:
        self._nodes += nodes
        self._characters += characters
        if self._nodes > MAX_NODES:
            raise self._error(f"{self._where} expands to more than {MAX_NODES} nodes (line {line})")
        if self._characters > MAX_EXPANDED:
            raise self._error(
                f"{self._where} expands to more than {MAX_EXPANDED} characters (line {line})"
            )

    def _refuse_duplicates(self, mapping: MappingNode) -> None:
        keys = [key for key in mapping.items[::2] if isinstance(key, ScalarNode)]
        if len({key.text for key in keys}) == len(keys):
            return
        seen = set()
        for key in keys:
            if key.is_merge:
                continue
            if key.text in seen:
                raise self._error(f"{self._where} has the key {key.text!r} twice (line {key.line})")
            seen.add(key.text)


def events(text: str, where: str, error: type[InputError]) -> Iterator[yaml.Event]:
    """Yield the events of a text.

    Deep nesting is refused, and so is a ``%YAML`` that yaml.v2 does not read.

    Raises:
        YAMLError: when the text is not YAML.
        ValueError: when it holds characters that YAML has not.
        InputError: (as `error`) when it is too long, nested too deep, or of another version.
    """
    if len(text) > MAX_BYTES:
        raise error(f"{where} is too large to be read as YAML ({len(text)} characters)")
    if "%" in text and sum(1 for _ in _DIRECTIVE.finditer(text)) > _MAX_DIRECTIVES:
        raise error(f"{where} has more than {_MAX_DIRECTIVES} directives (lines that begin with %)")
    if _BYTE_ORDER_MARK in text:
        line = text.count("\n", 0, text.index(_BYTE_ORDER_MARK)) + 2
        raise error(
            f"{where} is not YAML that Juju reads: it has a byte order mark inside (line {line})"
        )
    loader = EventLoader(text)
    try:
        depth = 0
        while True:
            event = loader.get_event()
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    raise error(f"{where} is nested deeper than {MAX_DEPTH} levels")
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.DocumentStartEvent):
                if event.version not in (None, (1, 1)):
                    raise error(
                        f"{where} is not YAML that Juju reads: found incompatible YAML document "
                        f"(line {_line(event)})",
                        fix="Leave the %YAML line out, or write %YAML 1.1.",
                    )
            elif isinstance(event, yaml.StreamEndEvent):
                yield event
                return
            yield event
    finally:
        loader.dispose()


def _line(event: yaml.Event) -> int:
    mark = event.start_mark
    return 0 if mark is None else mark.line + 1


def _column(event: yaml.Event) -> str:
    mark = event.start_mark
    return "" if mark is None else f", column {mark.column + 1}"
