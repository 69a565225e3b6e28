"""Recognises templates of bundles, which some projects publish in place of bundles. Pure."""

from __future__ import annotations

from typing import Final

from ckf_airgap.documents import Document, JSONValue

RENDER_IT: Final = "render it first, such as with jinja2-cli, and give the file that comes out"
"""What to do about a template."""

_MARKS: Final = (("{{", "}}"), ("{%", "%}"), ("{#", "#}"))
_ENDINGS: Final = (".j2", ".jinja", ".jinja2", ".tmpl", ".tpl")
_FREE: Final = frozenset({"options", "annotations", "description"})
"""Fields that may hold the marks of a template as text of their own."""


def looks_like_template(name: str, text: str) -> bool:
    """Whether a file that is not valid YAML is a template.

    Args:
        name: The file's name.
        text: Its content.
    """
    return name.lower().endswith(_ENDINGS) or _mark(text) != ""


def placeholder(document: Document) -> str:
    """Return a placeholder of a template that stands in for a field of a bundle, or nothing.

    A template is valid YAML when its placeholders are quoted.
    """

    def search(value: JSONValue) -> str:
        if isinstance(value, str):
            return _mark(value)
        if isinstance(value, list):
            return next(filter(None, map(search, value)), "")
        if isinstance(value, dict):
            return search([*value]) or next(
                filter(None, (search(item) for key, item in value.items() if key not in _FREE)), ""
            )
        return ""

    return search(document)


def _mark(text: str) -> str:
    """Return the first mark of a template in a text, in one pass over it."""
    for opening, closing in _MARKS:
        start = text.find(opening)
        end = text.find(closing, start + 2) if start >= 0 else -1
        if end >= 0:
            return text[start : end + 2]
    return ""
