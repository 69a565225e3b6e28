"""Cases for both witnesses, and what their answers differ in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Plain: TypeAlias = "tuple[str, object] | list[Any] | dict[str, Any] | None"
"""A value with the types told: ``("int", 7)``; mappings and lists of such."""


@dataclass(frozen=True, slots=True)
class Case:
    """An input: what is asked, and the request of ``main.go`` without its kind."""

    kind: str
    """What of ours is asked; several of ours may answer one kind of the oracle's."""
    asked: str
    """The kind of the oracle's request."""
    request: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    """What only ours needs to know, such as the value that a writer is to write."""

    def __str__(self) -> str:
        """Return the input for a person: texts as they are."""
        shown = [f"kind: {self.kind}"]
        for name, value in {**self.request, **self.given}.items():
            if name in ("archive", "bytes", "unpack"):
                continue
            for item in value if isinstance(value, list) else [value]:
                text = item if isinstance(item, str) else repr(item)
                shown.append(f"{name}:\n{text}" if "\n" in text else f"{name}: {item!r}")
        return "\n".join(shown)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an input: a value, or a refusal."""

    value: Any = None
    error: str | None = None
    notes: tuple[str, ...] = ()
    """What is said beside it: of a bundle, why parts of it are left out."""

    @property
    def refused(self) -> bool:
        return self.error is not None

    def __str__(self) -> str:
        return f"refuses: {self.error}" if self.refused else f"takes it: {self.value!r}"


@dataclass(frozen=True, slots=True)
class Deviation:
    """A case in which the two do not agree."""

    case: Case
    theirs: Outcome
    ours: Outcome
    paths: tuple[str, ...] = ()
    """Where the values differ, such as ``applications.pets.scale``; none when only one refuses."""

    def __str__(self) -> str:
        where = f" at {', '.join(self.paths[:8])}" if self.paths else ""
        return f"{self.case}\n\nJuju's library {self.theirs}\nours {self.ours}\nthey differ{where}"


def outcome(answer: Mapping[str, Any]) -> Outcome:
    """Return the oracle's answer; a panic in Juju's library is a refusal."""
    if "panic" in answer:
        return Outcome(error=f"panic: {answer['panic']}")
    if "error" in answer:
        return Outcome(error=answer["error"])
    return Outcome(value=answer.get("value"))


def compare(case: Case, theirs: Outcome, ours: Outcome) -> Deviation | None:
    """Return what the answers differ in; the words of refusals do not count."""
    if theirs.refused or ours.refused:
        return None if theirs.refused == ours.refused else Deviation(case, theirs, ours)
    paths = tuple(_differing(theirs.value, ours.value, ""))
    return Deviation(case, theirs, ours, paths) if paths else None


def plain(value: object) -> Plain:
    """Return a Python value with its type told."""
    if value is None:
        return None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, int):
        return ("int", value)
    if isinstance(value, float):
        return ("float", "nan" if math.isnan(value) else value)
    return ("text", value)


def untyped(value: Any) -> Plain:
    """Return a value that ``values.go`` wrote in the same form.

    Keys that are not text have their type in front, ``int 7``: no key of ours is like them.
    """
    if value is None:
        return None
    if isinstance(value, list):
        return [untyped(item) for item in value]
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, str):
        return ("text", value)
    if "int" in value:
        return ("int", int(value["int"]))
    if "float" in value:
        number = float.fromhex(value["float"])
        return ("float", "nan" if math.isnan(number) else number)
    found: dict[str, Any] = {}
    for key, item in value["map"]:
        found[key if isinstance(key, str) else f"{untyped(key)}"] = untyped(item)
    return found


def _differing(theirs: object, ours: object, path: str) -> Iterator[str]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in {**theirs, **ours}:
            below = f"{path}.{key}" if path else str(key)
            if key not in theirs or key not in ours:
                yield below
            else:
                yield from _differing(theirs[key], ours[key], below)
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for index, (left, right) in enumerate(zip(theirs, ours, strict=True)):
            yield from _differing(left, right, f"{path}[{index}]")
    elif theirs != ours or type(theirs) is not type(ours):
        yield path or "the value"
