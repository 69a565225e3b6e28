"""The outline of a text of lines: below which key each line is, by its indentation. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ckf_airgap.images.keys import NAMING_KEYS, VALUE_KEYS, meaning

_KEY: Final = re.compile(
    r"(?P<bullets>(?:- )*)[\"']?(?P<key>[\w./-]{1,300})(?:[\"']?\s*:(?=\s|$)|[\"']\s*:)"
    r"|(?P<item>- )"
)
_DESCRIBING: Final = frozenset({"description", "summary", "message", "title", "help", "doc"})
"""Keys whose value is written for people."""

_SCHEMA: Final = frozenset({"default", "description", "type", "value"})
"""Keys that say something of the key above them."""

_NEAR: Final = 12
"""Lines on either side of a value in which its name is looked for."""

_FLAG: Final = re.compile(r"-\s+[\"']?--?(?P<flag>[A-Za-z][\w.-]*)[\"']?,?\s*$")
_COMMENT: Final = re.compile(r"(?:^|\s)#")


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a line.

    Attributes:
        owner: The key that it is an item of or below.
        name: What ``value`` and ``default`` in it are the value of.
        for_people: Whether it is in a text that is written for people.
        is_worth_reading: Whether it may name an image.
    """

    owner: str
    name: str
    for_people: bool
    is_worth_reading: bool


class Outline:
    """Follows the indentation of the lines of a text, one after the other."""

    def __init__(self, lines: list[str], owner: str = "") -> None:
        self.lines = lines
        self._owner = owner
        self._above: list[tuple[int, str]] = []
        self._described: int | None = None
        self._flag = ""

    def enter(self, index: int) -> Place | None:
        """Take the next line and return its place, or ``None`` for a blank one."""
        line = self.lines[index]
        stripped = line.lstrip()
        if not stripped:
            return None
        column = len(line) - len(stripped)
        if self._described is not None and column <= self._described:
            self._described = None
        above = self._above
        match = _KEY.match(stripped)
        key = (match["key"] or "") if match else ""
        own = column + len(match["bullets"]) if match and key else column
        is_item = match is not None and bool(match["bullets"] or match["item"])
        while above and (above[-1][0] > column or (above[-1][0] == column and not is_item)):
            above.pop()
        owner = above[-1][1] if above else self._owner
        flag, self._flag = self._flag, ""
        if is_item and not key:
            owner = flag or owner
            flagged = (
                _FLAG.match(stripped) if stripped.startswith(("- -", '- "-', "- '-")) else None
            )
            self._flag = flagged["flag"] if flagged else ""
        described = self._described is not None or key in _DESCRIBING
        place = Place(
            owner=owner,
            name=self._name(index, own, owner) if key in VALUE_KEYS else "",
            for_people=described,
            is_worth_reading=_is_worth_reading(line, owner, key),
        )
        if key in VALUE_KEYS and meaning(place.name).names_images:
            place = Place(owner, place.name, described, is_worth_reading=True)
        if key:
            if key in _DESCRIBING and self._described is None:
                self._described = own
            above.append((own, owner if key in _SCHEMA and owner else key))
        return place

    def _name(self, index: int, column: int, owner: str) -> str:
        """Return what a ``value`` is called: by ``name`` beside it, or by the key above it."""
        for step in (-1, 1):
            at = index
            started = step < 0 and self._starts_item(index, column)
            while not started and 0 <= at + step < len(self.lines) and abs(at - index) < _NEAR:
                at += step
                line = self.lines[at]
                stripped = line.lstrip()
                if not stripped:
                    continue
                match = _KEY.match(stripped)
                key = (match["key"] or "") if match else ""
                indent = len(line) - len(stripped)
                own = indent + len(match["bullets"]) if match and key else indent
                if own < column or (step > 0 and indent < column):
                    break
                if own == column and key in NAMING_KEYS:
                    return stripped.partition(":")[2].strip(" \"',")
                started = step < 0 and indent < column
        return owner

    def _starts_item(self, index: int, column: int) -> bool:
        line = self.lines[index]
        return len(line) - len(line.lstrip()) < column


def _is_worth_reading(line: str, owner: str, key: str) -> bool:
    slash = line.find("/")
    if slash >= 0 and (line.find(":", slash) > 0 or line.find("@", slash) > 0):
        return True
    lowered = line.lower()
    if "image" in lowered:
        return True
    if slash >= 0 and ("." in line[:slash] or "pull" in lowered):
        return True
    return bool(owner) and (bool(slash >= 0) or not key) and meaning(owner).names_images


def without_template_comments(text: str) -> str:
    """Return a text without Jinja's comments, whose lines keep their numbers."""
    parts, position = [], 0
    while (start := text.find("{#", position)) >= 0 and (end := text.find("#}", start + 2)) >= 0:
        comment = text[start : end + 2]
        parts += [text[position:start], "\n" * comment.count("\n")]
        position = end + 2
    return "".join([*parts, text[position:]])


def comment_in(line: str) -> int:
    """Return where a comment begins in a line, or the line's length."""
    match = _COMMENT.search(line) if "#" in line else None
    return match.start() if match else len(line)
