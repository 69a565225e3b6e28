"""The keys of the tool's own documents, as against the names that come from elsewhere."""

from __future__ import annotations

import re
from typing import Final

KEBAB: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

FOREIGN: Final = frozenset({"overlay"})
"""Keys whose values have a form that is not ours."""

BY_NAME: Final = frozenset({"applications", "options", "units"})
"""Keys of mappings whose keys are names, of applications for example."""


def own_keys(document: object) -> set[str]:
    """Return the keys of a document, at any depth, but for names and for what is not ours."""
    if isinstance(document, list):
        return {key for item in document for key in own_keys(item)}
    if not isinstance(document, dict):
        return set()
    found: set[str] = set()
    for key, value in document.items():
        found.add(key)
        if key in FOREIGN:
            continue
        if key in BY_NAME and isinstance(value, dict):
            found |= own_keys(list(value.values()))
        else:
            found |= own_keys(value)
    return found


def wrong_keys(document: object) -> set[str]:
    """Return the keys of ours that are not in kebab-case."""
    return {key for key in own_keys(document) if not KEBAB.fullmatch(key)}
