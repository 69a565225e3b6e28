"""What templates, shells and format strings fill in: cut out of a line, and what is inside.

Pure, and linear in the length of the line: an opening mark without a closing one is looked for
once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ckf_airgap.images.codelines import HOLE

_PAIRED: Final = (("{{", "}}", HOLE), ("{%", "%}", " "), ("<%", "%>", HOLE))
"""Opening and closing marks of Jinja, Go templates and ERB, and what stands for them."""

_INNERMOST: Final = re.compile(r"\$\{([^{}]*)\}")
_SUBSTITUTION: Final = re.compile(r"\$\(([^()]*)\)")
_SIMPLE: Final = re.compile(
    r"(?<!\$)\$[A-Za-z_]\w{0,99}"  # shell
    r"|(?<![\w@.])@[A-Za-z_]\w{0,99}@"  # configure
    r"|\{[A-Za-z_0-9]?[\w.!:\[\]]{0,99}\}"  # str.format
    r"|%\(\w{1,99}\)s|%s"
)
_FALLBACK: Final = re.compile(
    r"(?P<name>[A-Za-z_]\w*|[0-9@*#]|\ue000)?:?[-=+](?P<value>.*)\Z", re.DOTALL
)
_NAMED: Final = re.compile(
    r"(?:(?P<word>[\w.-]+)[\"'\])\\]*\s*(?:[:=]|:=|\?=|,)\s*[^\s:=]*|--(?P<flag>[\w-]+)\s+[\"']?)\Z"
)
_WINDOW: Final = 120
_MAX_NESTING: Final = 4


@dataclass(frozen=True, slots=True)
class Inside:
    """The inside of a placeholder, which may be or hold a fallback.

    Attributes:
        text: The inside; of ``${X:-value}`` the value.
        name: The variable that it is the fallback of, or what the placeholder is the value of.
        around: What the placeholder is the value of.
        fallback: Whether the text counts only where a variable is not set; else it is a command.
        whole: Whether the text itself is the value, rather than code with values in quotes.
    """

    text: str
    name: str
    around: str
    fallback: bool
    whole: bool


def cut_out(line: str) -> tuple[str, list[Inside]]:
    """Return a line with a hole for each placeholder, and what is inside of them."""
    if not ("{" in line or "$" in line or "%" in line or "<%" in line or "@" in line):
        return line, []
    insides: list[Inside] = []
    for opening, closing, stand_in in _PAIRED:
        if opening in line:
            line = _paired(line, opening, closing, stand_in, insides)
    for _ in range(_MAX_NESTING):
        if "${" not in line:
            break
        line, count = _replaced(_INNERMOST, line, insides)
        if not count:
            break
    if "$(" in line:
        line, _ = _replaced(_SUBSTITUTION, line, insides)
    return _SIMPLE.sub(HOLE, line), insides


def _paired(line: str, opening: str, closing: str, stand_in: str, insides: list[Inside]) -> str:
    parts, position = [], 0
    while (start := line.find(opening, position)) >= 0:
        end = line.find(closing, start + 2)
        if end < 0:
            break
        parts += [line[position:start], stand_in]
        around = _name_before(line, start)
        insides.append(Inside(line[start + 2 : end], around, around, fallback=True, whole=False))
        position = end + 2
    return "".join([*parts, line[position:]])


def _replaced(pattern: re.Pattern[str], line: str, insides: list[Inside]) -> tuple[str, int]:
    """Return a line with holes for the matches of a pattern, and how many there were."""
    is_command = pattern is _SUBSTITUTION

    def hole(match: re.Match[str]) -> str:
        text = match[1]
        around = _name_before(line, match.start())
        if is_command:
            if " " in text:
                insides.append(Inside(text, "", around, fallback=False, whole=True))
        else:
            given = _FALLBACK.match(text)
            if _is_part(line, match.start(), match.end()):
                pass
            elif given:
                name = given["name"] or ""
                insides.append(Inside(given["value"], name, around, fallback=True, whole=True))
            elif any(quote in text for quote in "\"'"):
                insides.append(Inside(text, around, around, fallback=True, whole=False))
        return HOLE

    return pattern.subn(hole, line)


def _is_part(line: str, start: int, end: int) -> bool:
    """Whether a placeholder is only a part of a word, such as the registry of an image."""
    around = line[max(0, start - 1) : start] + line[end : end + 1]
    return any(char in "/:@.-_" or char.isalnum() for char in around)


def _name_before(line: str, at: int) -> str:
    """Return the key, variable or argument that what begins here is the value of."""
    match = _NAMED.search(line[max(0, at - _WINDOW) : at])
    return (match["word"] or match["flag"]) if match else ""
