"""Where the scalar values of a document are written, and which of them count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

KeyPath: TypeAlias = "tuple[str | int, ...]"
"""The path to a scalar: keys of mappings and indexes of lists, the outermost first."""


def format_path(path: KeyPath) -> str:
    """Return a path in words: ``key a.b[0]``; an empty string for an empty path."""
    if not path:
        return ""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return f"{'key' if isinstance(path[0], str) else 'item'} {text}"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar value (never a key) of a document.

    Attributes:
        path: The path to it.
        value: What it reads as; ``None`` for null and for an empty value.
        start: Index of its first character in the text, after anchors and tags.
        end: Index after its last character.
        style: ``'``, ``"``, ``|``, ``>``, ``*`` for an alias, or an empty string for a plain one.
    """

    path: KeyPath
    value: str | None
    start: int
    end: int
    style: str = ""
    lead: str = ""
    """What must come between the text before it and a value that is inserted."""
    flow: bool = False
    """Whether it is inside brackets."""
    alias_of: Scalar | None = None
    """The scalar that an alias repeats."""

    @property
    def text(self) -> str:
        """What it reads as; empty for null."""
        return self.value or ""

    @property
    def key(self) -> str:
        """The key that it is under; empty for an item of a list, and for a text."""
        last = self.path[-1] if self.path else ""
        return last if isinstance(last, str) else ""


class Values:
    """The values that are read, without those under a key that is repeated later.

    The last of two equal keys wins, as when the charm loads the document.
    """

    def __init__(self) -> None:
        self._scalars: list[Scalar | None] = []

    def __len__(self) -> int:
        """Return how many were added, those taken out again included."""
        return len(self._scalars)

    def add(self, scalar: Scalar) -> None:
        """Take in the next value."""
        self._scalars.append(scalar)

    def drop(self, places: range) -> None:
        """Take out what was added at these places."""
        for place in places:
            self._scalars[place] = None

    def kept(self) -> tuple[Scalar, ...]:
        """Return the values that were not taken out."""
        return tuple(scalar for scalar in self._scalars if scalar is not None)


class Names:
    """The keys of one mapping, and the places of the values under each."""

    def __init__(self) -> None:
        self._places: dict[str, range] = {}
        self._last: str | None = None

    def take(self, name: str, values: Values) -> None:
        """Take in the next key of the mapping; what was read under an equal one is dropped."""
        here = len(values)
        if self._last is not None:
            self._places[self._last] = range(self._places[self._last].start, here)
        if name in self._places:
            values.drop(self._places[name])
        self._places[name] = range(here, here)
        self._last = name
