"""Recognises templates of bundles, which some projects publish in place of bundles. Pure."""

from __future__ import annotations

import re
from typing import Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import Problem

RENDER_IT: Final = (
    "render it first, such as with jinja2-cli or envsubst, and give the file that comes out"
)
"""What to do about a template."""

_MARKS: Final = (("{{", "}}"), ("{%", "%}"), ("{#", "#}"))
_ENDINGS: Final = (".j2", ".jinja", ".jinja2", ".tmpl", ".tpl")
_FREE: Final = frozenset({"options", "annotations", "description"})
"""Fields whose values may hold the marks of a template as text of their own."""

_SUBSTITUTED: Final = re.compile(
    r"\$\{[A-Za-z_]\w{0,99}(?:[-:+=?][^}\n]{0,200})?\}"  # a shell, envsubst
    r"|%\([A-Za-z_]\w{0,99}\)[sdr]"  # Python
    r"|@[A-Z][A-Z0-9_]{0,99}@",  # autoconf, CMake
    re.ASCII,
)
_VARIABLE: Final = re.compile(r"\$[A-Z_][A-Z0-9_]*\Z")
"""A shell's variable without braces: it is one for certain only where it is the whole value."""

_QUOTED: Final = re.compile(r", got '(.*)'\Z", re.DOTALL)
_LINE: Final = re.compile(r"\bline ([0-9]{1,7})\b")


def looks_like_template(name: str, text: str, error: str) -> bool:
    """Whether a file that is not valid YAML is a template.

    Marks that are valid in YAML count only where the error is.

    Args:
        name: The file's name.
        text: Its content.
        error: Why it is not valid, with the line.
    """
    if name.lower().endswith(_ENDINGS) or _mark(text):
        return True
    lines = text.splitlines()
    found = _LINE.search(error)
    number = int(found[1]) if found else 0
    return any(map(_substituted, lines[max(number - 2, 0) : number]))


def stands_for_value(name: str, text: str, problem: Problem) -> bool:
    """Whether a field has a placeholder in place of a value of its type.

    Args:
        name: The file's name.
        text: Its content.
        problem: What is wrong with the type of the field, with its value and its line.
    """
    if name.lower().endswith(_ENDINGS):
        return True
    found = _QUOTED.search(problem.what)
    if found:
        return bool(_mark(found[1]) or _substituted(found[1]))
    line = _LINE.search(problem.where)
    if line is None or not problem.what.endswith("got a mapping"):  # what {{ name }} is to YAML
        return False
    return "{{" in "".join(text.splitlines()[int(line[1]) - 1 : int(line[1])])


def placeholder(document: Document) -> str:
    """Return a placeholder of a template that stands in for a field of a bundle, or nothing.

    A template is valid YAML when its placeholders are quoted.
    """

    def search(value: JSONValue) -> str:
        if isinstance(value, str):
            return _mark(value) or _substituted(value)
        if isinstance(value, list):
            return next(filter(None, map(search, value)), "")
        if isinstance(value, dict):
            return search([*value]) or next(
                filter(None, (search(_structure(key, item)) for key, item in value.items())), ""
            )
        return ""

    return search(document)


def _structure(key: str, item: JSONValue) -> JSONValue:
    """Return what of a field no option, no text for people and no anchor of either can be."""
    if key.startswith(("x-", "_")):
        return None
    if key in _FREE:
        return [*item] if isinstance(item, dict) else None
    return item


def _substituted(text: str) -> str:
    """Return the first variable in a text that something else than a template engine fills in."""
    found = _SUBSTITUTED.search(text) or _VARIABLE.match(text)
    if found is not None:
        return found.group()
    start = text.find("<%")
    end = text.find("%>", start + 2) if start >= 0 else -1
    return text[start : end + 2] if end >= 0 else ""


def _mark(text: str) -> str:
    """Return the first mark of a template in a text, in one pass over it."""
    for opening, closing in _MARKS:
        start = text.find(opening)
        end = text.find(closing, start + 2) if start >= 0 else -1
        if end >= 0:
            return text[start : end + 2]
    return ""
