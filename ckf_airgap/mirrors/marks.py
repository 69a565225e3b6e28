"""Where a node's own login goes: lines that count for nothing until somebody fills them in.

No file of ours holds a password. The lines begin with a mark of their own, so that one command can
take it away, and nothing else, from all files.
"""

from __future__ import annotations

from typing import Final

MARK: Final = "#login# "
"""Begins each line that is about the login."""

PLACEHOLDER: Final = "LOGIN-IN-BASE64"
"""Stands for ``USER:PASSWORD`` in base64."""

LOGIN: Final = f"# For a login, take away each {MARK!r} and fill it in: README.txt says how.\n"
"""Goes before the first of these lines."""


def commented(text: str) -> str:
    """Return lines that are comments in TOML and YAML, each of them marked."""
    return "".join(f"{MARK}{line}\n" for line in text.splitlines())
