"""The words of a text that could be references, and what the text around them calls them. Pure.

Every function takes time that grows with the length of the text, whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from ckf_airgap.images.keys import NOTHING, Meaning, meaning
from ckf_airgap.images.places import KeyPath

_WORD: Final = re.compile(
    r"""(?<![^\s"'`=,;(<>|\[])"""
    r"(?:\[[0-9A-Fa-f:]+\][:/])?[A-Za-z0-9][A-Za-z0-9._:/@-]*[A-Za-z0-9_-]"
    r"""(?=\.?(?:[\s"'`,;)<>|\]]|\Z))"""
)
"""A word of its own: not the rest of a URL, of a Windows path or of a template."""

_WINDOW: Final = 80
"""Characters in front of a word that are read to see what it is called."""

_OPENING: Final = "\"'`[("
_NAME: Final = re.compile(r"(?:\A|[^\w./-])-{0,2}([A-Za-z_][\w./-]*)\Z")
_FLAG: Final = re.compile(r"(?:\A|\s)--([A-Za-z][\w.-]*)\Z")
_COLON: Final = re.compile(r":\s")
_COMMA: Final = re.compile(r"[,;|]")
_SPACE: Final = re.compile(r"\s")


def words(text: str) -> Iterator[tuple[str, int, str]]:
    """Yield place (``line 1 column 5``), index and text of each word that could be a reference."""
    line, begin, seen = 1, 0, 0
    for match in _WORD.finditer(text):
        start = match.start()
        line += text.count("\n", seen, start)
        begin = text.rfind("\n", seen, start) + 1 or begin
        seen = start
        yield f"line {line} column {start - begin + 1}", start, match[0]


def exchange_words(text: str, path: KeyPath, values: Mapping[KeyPath, str]) -> str:
    """Return a text with other words at some places: `path` leads to it, `words` names them."""
    pieces: list[str] = []
    end = 0
    for place, start, word in words(text):
        new = values.get((*path, place))
        if new is not None:
            pieces += (text[end:start], new)
            end = start + len(word)
    return "".join([*pieces, text[end:]])


def listed(text: str) -> list[str]:
    """Return the parts of a text between commas; none when blanks within show it to be prose."""
    parts = [part for given in _COMMA.split(text) if (part := given.strip())]
    return [] if any(map(_SPACE.search, parts)) else parts


def may_call(text: str) -> bool:
    """Whether a text has anything by which `called` finds a name."""
    return "=" in text or "--" in text or (":" in text and _COLON.search(text) is not None)


def called(text: str, start: int) -> Meaning:
    """Return what the name in front of a word says: ``--image=x``, ``--image x``, ``IMAGE=x``."""
    before = text[max(0, start - _WINDOW) : start].rstrip(_OPENING)
    if before.endswith("="):
        name = _NAME.search(before[:-1])
    elif before[-1:].isspace():
        before = before.rstrip()
        name = _NAME.search(before[:-1]) if before.endswith(":") else _FLAG.search(before)
    else:
        return NOTHING
    return meaning(name[1]) if name else NOTHING
