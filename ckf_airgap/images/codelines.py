"""The words of a line of YAML, JSON, shell, a template or code, and what each is the value of.

Pure. A template cannot be parsed before it is rendered, and a manifest may be a text in a text, so
a line is read from left to right whatever its language: quotes are looked through, brackets and
commas are followed. The work grows with the length of the line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.images.keys import NAMING_KEYS

HOLE: Final = "\ue000"
"""Stands for what a template or a format string fills in; a private-use character of Unicode."""

_LEX: Final = re.compile(
    r"(?<=\s)(?:&[A-Za-z_][\w-]{0,99}|!{1,2}[A-Za-z]\w{0,30})(?=\s)"
    rf"|\[[0-9a-fA-F]{{0,4}}:[0-9a-fA-F:.]{{1,45}}\](?::[0-9]{{1,5}})?/[\w./:@+%$~{HOLE}-]+"
    rf"|[\w./:@+%$~{HOLE}-]+|[\[\](){{}},=|;<>&]"
)
_QUOTES: Final = "\"'`"
_OPENING: Final = {"[": "]", "(": ")", "{": "}"}
_AFTER: Final = re.compile(r"\\*[\"'`]*\\*\s*(?:\Z|[,\]})|;#&]|%\}|%>)|\\+[nrt]")
_BLANK: Final = re.compile(r"(?:\\*[\"'`])?\s")
_CLOSED: Final = re.compile(r"\\*[\"'`]")
_WINDOW: Final = 80
"""Characters behind a word that are read to see whether a value ends with it."""

_COMMANDS: Final = frozenset(
    {"buildah", "crictl", "ctr", "docker", "microk8s.ctr", "nerdctl", "podman", "skopeo"}
)
"""Programs whose arguments are images."""

_SPEAKING: Final = frozenset({"echo", "printf", "log", "juju-log", "status-set", "usage"})
"""Programs whose arguments are messages."""

_MAX_DEPTH: Final = 200
"""Brackets inside brackets that are followed; deeper ones are read as one."""


@dataclass(slots=True)
class Frame:
    """Brackets of a line, or the line itself."""

    kind: str
    owner: str
    """The name of what is in it, as ``images`` in ``images: [a/b, c/d]``."""
    first: str = ""
    """The first word in parentheses, which names the second: ``get("WORKER_IMAGE", "a/b")``."""
    given: str = ""
    """What ``name`` says in ``{name: WORKER_IMAGE, value: a/b}``."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a line that may be a value.

    Attributes:
        text: The word.
        start: Its index in the line.
        key: The key, variable, argument or flag that it is the value of, or nothing.
        frame: The brackets that it is in.
        placed: Whether it is in the place of a value.
        quoted: Whether a quote begins right before it.
        command: Whether it is an argument of a program that runs or pulls images.
        pulled: Whether the word before it is ``pull``.
    """

    text: str
    start: int
    key: str
    frame: Frame = field(repr=False)
    placed: bool
    quoted: bool
    command: bool
    pulled: bool


def words_of_line(line: str, owner: str = "") -> list[Word]:
    """Return the words of a line that have a separator, or that something names.

    Args:
        line: The line, with holes for what a template fills in.
        owner: What the line is an item or a part of, such as the key of a list.
    """
    reader = _Reader(line, owner)
    for match in _LEX.finditer(line):
        text = match[0]
        if text[0] == "!" or (text[0] == "&" and len(text) > 1):
            continue  # an anchor or a tag of YAML
        if len(text) == 1 and text in "[](){},=|;<>&":
            reader.mark(text, match.start())
        else:
            reader.run(text, match.start())
    return reader.words


class _Reader:
    """Reads a line from left to right."""

    def __init__(self, line: str, owner: str) -> None:
        self.words: list[Word] = []
        self._line = line
        self._owner = owner
        self._frames = [Frame("", owner)]
        self._key = ""
        self._loose = False
        """Whether a blank ends the value: behind an equals sign or a flag."""
        self._flag = ""
        self._last = ""
        """The last word."""
        self._ready = True
        """Whether a value may come next."""
        self._command = False
        self._speaking = False

    def mark(self, mark: str, at: int) -> None:
        """Take a bracket or a separator."""
        frame = self._frames[-1]
        if mark in _OPENING:
            inherits = mark != "(" and frame.kind in ("", "[")
            owner = self._key or (frame.owner if inherits else "")
            if len(self._frames) < _MAX_DEPTH:
                self._frames.append(Frame(mark, owner))
            self._key, self._ready, self._flag = "", True, ""
        elif mark in "])}":
            if len(self._frames) > 1 and _OPENING[frame.kind] == mark:
                self._frames.pop()
            self._key, self._ready, self._flag = "", False, ""
        elif mark == "=":
            is_comparison = at > 0 and self._line[at - 1] in "!<>="
            self._key = "" if is_comparison else (self._flag or self._last)
            self._loose, self._ready, self._flag = True, True, ""
        elif mark == ",":
            if frame.kind:
                self._key = self._flag
            self._ready, self._flag = True, ""
        elif mark in ";&":
            self._key, self._ready, self._command, self._speaking = "", True, False, False
        else:
            self._ready = True

    def run(self, text: str, at: int) -> None:
        """Take a run of characters that names, references and numbers have."""
        if at and self._line[at - 1] == "\\":
            if text[0] not in "nrt":
                self._last, self._ready = "", False  # the rest of a path of Windows, or an escape
                return
            text, at = text[1:], at + 1
            self._key, self._ready, self._flag = "", True, ""
        while text.startswith(":"):
            self._colon()
            text, at = text[1:], at + 1
        if not text or text in ("-", "---"):
            return
        body = text.rstrip(":")
        if body.startswith("-"):
            flag = body.lstrip("-")
            self._flag = self._key = self._last = flag
            self._loose, self._ready = True, True
        else:
            self._value(body.rstrip("."), at)
        if len(body) < len(text):
            self._colon()

    def _colon(self) -> None:
        self._key, self._loose, self._ready, self._flag = self._last, False, True, ""

    def _value(self, body: str, at: int) -> None:
        frame = self._frames[-1]
        self._command = self._command or body.rpartition("/")[2] in _COMMANDS
        self._speaking = self._speaking or body in _SPEAKING
        if self._key in NAMING_KEYS and self._ready:
            frame.given = body
        key = self._key or (frame.first if frame.kind == "(" else "")
        if key or frame.owner or "/" in body or ":" in body or "@" in body:
            quoted = at > 0 and self._line[at - 1] in _QUOTES
            self.words.append(
                Word(
                    text=body,
                    start=at,
                    key=key,
                    frame=frame,
                    placed=self._ready and self._ends(at + len(body), quoted=quoted),
                    quoted=quoted,
                    command=self._command and not self._speaking,
                    pulled=self._last == "pull",
                )
            )
        if frame.kind == "(" and not frame.first and not self._key:
            frame.first = body
        self._last, self._ready, self._flag = body, False, ""
        end = at + len(body)
        if self._loose and self._line[end : end + 1].isspace():
            self._key = ""

    def _ends(self, end: int, *, quoted: bool) -> bool:
        """Whether a value ends here, so that a sentence does not go on."""
        rest = self._line[end : end + _WINDOW]
        if quoted and _CLOSED.match(rest):
            return True
        if self._loose and not quoted and _BLANK.match(rest):
            return True
        return _AFTER.match(rest) is not None
