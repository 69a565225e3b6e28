"""What is found while a document is given its declared types: wrong types and unknown keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ckf_airgap.documents.composing import ListNode, Node, ScalarNode
from ckf_airgap.documents.reading import scalar_value
from ckf_airgap.documents.resolving import resolve
from ckf_airgap.documents.values import type_name
from ckf_airgap.errors import Problem

Path: TypeAlias = "tuple[str | int, ...]"
"""The keys and indexes that lead to a value, the outermost first."""

_SHOWN_CHARACTERS: Final = 40
_SHOWN_PROBLEMS: Final = 100
_SHOWN_UNKNOWN: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownKey:
    """A key that its record does not declare.

    Attributes:
        path: The keys and indexes to it, itself last.
        line: Its line; 0 for a document that was not read from a text.
        known: The keys that the record declares.
    """

    path: Path
    line: int
    known: tuple[str, ...]

    @property
    def name(self) -> str:
        """The key."""
        return str(self.path[-1])

    @property
    def place(self) -> str:
        """Its path as text: ``applications.minio.resource``."""
        return path_text(self.path)


@dataclass(slots=True)
class Findings:
    """What decoding a document finds, besides its values."""

    problems: list[Problem] = field(default_factory=list)
    unknown: list[UnknownKey] = field(default_factory=list)
    _more: int = 0

    def wrong(self, node: Node, path: Path, expected: str, fix: str = "") -> None:
        """Note that a node is not what was expected."""
        if len(self.problems) >= _SHOWN_PROBLEMS:
            self._more += 1
            return
        line = f"line {node.line}" if node.line else ""
        place = ", ".join(part for part in (path_text(path), line) if part)
        self.problems.append(Problem(f"expected {expected}, got {_shown(node)}", place, fix))

    def unknown_key(self, key: ScalarNode, path: Path, known: Iterable[str]) -> None:
        """Note a key that its record does not declare; `path` leads to it."""
        if len(self.unknown) < _SHOWN_UNKNOWN:
            self.unknown.append(UnknownKey(path=path, line=key.line, known=tuple(known)))

    def told(self) -> list[Problem]:
        """Return the problems, and how many there are beyond the first hundred."""
        more = [Problem(f"and {self._more} more of that kind")] if self._more else []
        return [*self.problems, *more]


def path_text(path: Path) -> str:
    """Return a path as text: ``applications.minio.to[0]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def unquoted(node: Node, kind: type[int | float]) -> str:
    """Return the hint to leave out quotes, where those alone make a value a text."""
    quoted = type(node) is ScalarNode and not node.plain and node.tag is None
    value = resolve(node.text) if quoted and isinstance(node, ScalarNode) else None
    fits = isinstance(value, kind) and isinstance(value, bool) == (kind is bool)
    return "leave out the quotes" if fits else ""


def _shown(node: Node) -> str:
    """Return what a node is, for a message."""
    if type(node) is not ScalarNode:
        return type_name([] if type(node) is ListNode else {})
    value = scalar_value(node)
    text = node.text if len(node.text) <= _SHOWN_CHARACTERS else node.text[:_SHOWN_CHARACTERS] + "…"
    return f"{type_name(value)} ({text})" if isinstance(value, bool | int | float) else repr(text)
