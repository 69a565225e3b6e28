"""A mapping in a file of rules, read field by field, with every problem noted. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from ckf_airgap.documents import Document, JSONValue, type_name
from ckf_airgap.errors import Problem, ReferenceSyntaxError, nearest
from ckf_airgap.images.reference import ImageReference

Word = TypeVar("Word", bound=str)


class Fields:
    """A mapping being read: notes each problem with its place and goes on.

    Attributes:
        where: The place of the mapping, for messages.
        problems: What is wrong so far; shared by all mappings of a file.
        values: The fields; none when it is no mapping.
    """

    def __init__(self, value: JSONValue, where: str, problems: list[Problem]) -> None:
        self.where = where
        self.problems = problems
        self.values: Document = {}
        if isinstance(value, dict):
            self.values = {str(key): item for key, item in value.items()}
        elif value is not None:
            self.note(f"must be a mapping, not {type_name(value)}")

    def note(self, what: str, *, key: str = "", fix: str = "") -> None:
        """Note a problem of the mapping, or of the field `key` in it."""
        where = f"{self.where}: {key}" if key else self.where
        self.problems.append(Problem(what, where=where, fix=fix))

    def only(self, *known: str) -> None:
        """Refuse keys that are not known."""
        for key in self.values.keys() - set(known):
            self.note(f"unknown key {key!r}", fix=nearest(key, known))

    def text(self, key: str, *, needed: bool = False) -> str:
        """Return a text, or an empty string when there is none."""
        value = self.values.get(key)
        if value is None:
            if needed:
                self.note("is missing", key=key)
            return ""
        if not isinstance(value, str):
            self.note(f"must be text, not {type_name(value)}", key=key)
            return ""
        if needed and not value.strip():
            self.note("is empty", key=key)
        return value

    def reference(self, key: str, *, needed: bool = False) -> str:
        """Return an image reference, or an empty string when there is none."""
        value = self.text(key, needed=needed)
        try:
            return str(ImageReference.parse(value)) if value.strip() else ""
        except ReferenceSyntaxError as exc:
            self.note(exc.message, key=key)
            return ""

    def references(self, key: str) -> tuple[str, ...]:
        """Return a list of image references."""
        found = []
        for text in self.texts(key):
            try:
                found.append(str(ImageReference.parse(text)))
            except ReferenceSyntaxError as exc:
                self.note(exc.message, key=key)
        return tuple(found)

    def flag(self, key: str, *, default: bool) -> bool:
        """Return whether a field is true."""
        value = self.values.get(key)
        if isinstance(value, bool):
            return value
        if value is not None:
            self.note(f"must be true or false, not {type_name(value)}", key=key)
        return default

    def word(self, key: str, words: Iterable[Word]) -> Word | None:
        """Return a text that is one of `words`, or ``None`` when there is none."""
        words = tuple(words)
        value = self.text(key)
        for known in words:
            if value == known:
                return known
        if value:
            self.note(f"must be {' or '.join(words)}, not {value!r}", key=key)
        return None

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self.values.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.note("must be a list of strings", key=key)
            return ()
        return tuple(str(item) for item in value)

    def child(self, key: str) -> Fields:
        """Return the fields of a mapping in this one; without any when there is none."""
        return Fields(self.values.get(key), f"{self.where}: {key}", self.problems)

    def children(self, key: str) -> Iterable[tuple[str, Fields]]:
        """Yield name and fields of a mapping of mappings."""
        section = self.child(key)
        for name in section.values:
            yield name, section.child(name)

    def items(self, key: str) -> Iterable[Fields]:
        """Yield the fields of each item of a list of mappings."""
        value = self.values.get(key)
        if value is None:
            return
        if not isinstance(value, list):
            self.note(f"must be a list, not {type_name(value)}", key=key)
            return
        for number, item in enumerate(value, start=1):
            yield Fields(item, f"{self.where}: {key}[{number}]", self.problems)
