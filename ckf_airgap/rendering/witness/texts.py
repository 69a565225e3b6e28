"""The words of a text that may be references, with what is written in front of them. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ckf_airgap.rendering.witness.judging import MAX_TEXT

_RUN: Final = re.compile(r"(?:\[[0-9A-Fa-f:]{2,40}\][:/])?[A-Za-z0-9][A-Za-z0-9._:/@-]*")
_IMAGE_SCHEMES: Final = frozenset({"docker", "oci"})
_FALLBACK: Final = re.compile(r":[-=+?]")
_KEY: Final = re.compile(r"[A-Za-z0-9_.-]+\Z")
_GLUE: Final = frozenset("/\\}%~.@#&$?*")
"""What makes the run behind it the rest of something: of a path, a template, an address."""

_OPENINGS: Final = frozenset("{$<%")
"""What begins a template."""

_LISTS: Final = re.compile(r"[\s,;|]+")
_LOOK_BACK: Final = 120
_LINE_END: Final = re.compile(r"\n")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text.

    Attributes:
        place: ``line 1 column 5``.
        text: The word.
        name: The key, variable or flag in front of it; empty when there is none.
        cut: Whether a template goes on where it ends.
    """

    place: str
    text: str
    name: str
    cut: bool = False


def words_of_text(text: str) -> Iterator[Word]:
    """Yield the words of a text that have the marks of a reference."""
    lines = [0, *(end.end() for end in _LINE_END.finditer(text))]
    for match in _RUN.finditer(text):
        start, run = match.start(), match[0]
        if start and text[start - 1] in _GLUE:
            continue
        scheme, address, rest = run.partition("://")
        if address and scheme.lower() not in _IMAGE_SCHEMES:
            continue
        run = rest if address else run
        fallback = _FALLBACK.search(run)  # ${NAME:-quay.io/acme/tool:1}
        if fallback is not None:
            run = run[fallback.end() :]
        followed = text[match.end() : match.end() + 1]
        bare = run.rstrip(".:/@-_")
        if ("/" not in bare and ":" not in bare) or followed == "=" or len(bare) > MAX_TEXT:
            continue
        line = bisect_right(lines, start)
        place = f"line {line} column {start - lines[line - 1] + 1}"
        name = "" if fallback else _name_before(text, start)
        yield Word(place, bare, name, followed in _OPENINGS)


def is_list(text: str) -> bool:
    """Whether a text is a row of words, and no sentence or program: each could be a reference."""
    parts = [part.strip("\"'`()[]") for part in _LISTS.split(text.strip())]
    return all(len(part) <= MAX_TEXT and _RUN.fullmatch(part) is not None for part in parts if part)


def _name_before(text: str, start: int) -> str:
    """Return the key, variable or flag whose value begins at `start`."""
    window = text[max(0, start - _LOOK_BACK) : start].rstrip("\"'")
    before = window.rstrip(" \t\"'")
    if before.endswith(("=", ":")):
        found = _KEY.search(before[:-1].rstrip(" \t\"'"))
        return found[0].lstrip("-") if found else ""
    word = before.split()[-1:] if window[-1:].isspace() else []
    return word[0].lstrip("-") if word and word[0].startswith("-") else ""
