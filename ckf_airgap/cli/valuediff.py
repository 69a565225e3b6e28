"""In which parts two values differ: key by key, line by line, or whole. Pure.

Options of charms are often whole documents in one text. Two texts that are mappings, in YAML or in
JSON, are compared by key; lists by item, and other texts of several lines by line. Nothing is left
out but what is the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, Literal, TypeAlias

from ckf_airgap.documents import Document, JSONValue, load_yaml, parse_json
from ckf_airgap.errors import InputError

Sign: TypeAlias = Literal["+", "-", "~", " ", "…"]
"""Added, removed, changed, the same; and where lines that are the same were left out."""

CONTEXT_LINES: Final = 2
"""How many lines that are the same are shown before and after those that differ."""

_MOST_COMPARED: Final = 4_000_000
"""Pairs of lines that are compared; of longer texts what differs is shown as one piece."""


@dataclass(frozen=True, slots=True)
class Part:
    """One value, or a part of it, before and after.

    Attributes:
        sign: What became of it.
        name: The key; empty for a line or an item, and for the value itself.
        old: What it was, as text; ``None`` when it was not there, or when it is in `parts`.
        new: What it will be.
        parts: The parts of it, those that stay the same included.
        is_lines: Whether the parts are lines or items, whose order counts.
    """

    sign: Sign
    name: str = ""
    old: str | None = None
    new: str | None = None
    parts: tuple[Part, ...] = ()
    is_lines: bool = False


def compare_values(old: JSONValue, new: JSONValue, name: str = "") -> Part:
    """Return how a value differs from another one, with all parts.

    Args:
        old: What was there; ``None`` for nothing.
        new: What will be there; ``None`` for nothing.
        name: What it is called.
    """
    if old is None and new is not None:
        return _one_sided("+", name, new)
    if new is None and old is not None:
        return _one_sided("-", name, old)
    if json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True):  # True == 1
        return Part(" ", name, value_text(old), value_text(new))
    before, after = _structure(old), _structure(new)
    if isinstance(before, dict) and isinstance(after, dict):
        parts = tuple(_by_key(before, after))
        if any(part.sign != " " for part in parts):
            return Part("~", name, parts=parts)
    if isinstance(before, list) and isinstance(after, list):
        parts = tuple(_by_line([*map(_item, before)], [*map(_item, after)]))
        if any(part.sign != " " for part in parts):
            return Part("~", name, parts=parts, is_lines=True)
    one, other = value_text(old), value_text(new)
    if "\n" in one or "\n" in other:
        lines = tuple(_by_line(one.split("\n"), other.split("\n")))
        return Part("~", name, parts=lines, is_lines=True)
    if one == other:  # texts that look alike but are of different types
        one, other = json.dumps(old), json.dumps(new)
    return Part("~", name, one, other)


def shortened(part: Part, context: int = CONTEXT_LINES) -> Part:
    """Return a part without what is the same: all keys, and all lines but some around the others.

    Args:
        part: What `compare_values` returned.
        context: How many lines to keep around those that differ.
    """
    if not part.parts:
        return part
    kept = [*_near(part.parts, context)] if part.is_lines else [*_differing(part.parts, context)]
    return Part(part.sign, part.name, part.old, part.new, tuple(kept), part.is_lines)


def value_text(value: JSONValue) -> str:
    """Return a value as a person writes it: texts as they are, and all else as JSON has it."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _one_sided(sign: Literal["+", "-"], name: str, value: JSONValue) -> Part:
    """Return a value that comes or goes; of several lines each is a part, but an empty last one."""
    text = value_text(value)
    if "\n" not in text:
        return Part(sign, name, *((None, text) if sign == "+" else (text, None)))
    lines = tuple(
        Part(sign, "", *((None, line) if sign == "+" else (line, None)))
        for line in text.removesuffix("\n").split("\n")
    )
    return Part(sign, name, parts=lines, is_lines=True)


def _structure(value: JSONValue) -> JSONValue:
    """Return the mapping or list that a value is, or that its text spells; otherwise the value."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        if text[:1] in ("{", "["):
            return parse_json(text)
        if "\n" in text:
            return load_yaml(text, where="the value")
    except (ValueError, InputError):
        pass  # a text like any other
    return value


def _by_key(old: Document, new: Document) -> Iterator[Part]:
    for key in dict.fromkeys((*old, *new)):
        if key not in new:
            yield _one_sided("-", key, old[key])
        elif key not in old:
            yield _one_sided("+", key, new[key])
        elif old[key] is None or new[key] is None:  # a key with no value is there nevertheless
            sign: Sign = " " if old[key] is new[key] else "~"
            yield Part(sign, key, value_text(old[key]), value_text(new[key]))
        else:
            yield compare_values(old[key], new[key], key)


def _item(value: JSONValue) -> str:
    """Return an item of a list on one line."""
    if isinstance(value, str) and "\n" not in value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _by_line(old: Sequence[str], new: Sequence[str]) -> Iterator[Part]:
    if len(old) * len(new) > _MOST_COMPARED:
        yield from (Part("-", "", line) for line in old)
        yield from (Part("+", "", None, line) for line in new)
        return
    for tag, start, end, new_start, new_end in SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        if tag == "equal":
            yield from (Part(" ", "", line, line) for line in old[start:end])
            continue
        yield from (Part("-", "", line) for line in old[start:end])
        yield from (Part("+", "", None, line) for line in new[new_start:new_end])


def _differing(parts: Sequence[Part], context: int) -> Iterator[Part]:
    return (shortened(part, context) for part in parts if part.sign != " ")


def _near(parts: Sequence[Part], context: int) -> Iterator[Part]:
    differing = [number for number, part in enumerate(parts) if part.sign != " "]
    near = {
        number for centre in differing for number in range(centre - context, centre + context + 1)
    }
    was_left_out = False
    for number, part in enumerate(parts):
        if number in near:
            yield part
        elif not was_left_out:
            yield Part("…")
        was_left_out = number not in near
