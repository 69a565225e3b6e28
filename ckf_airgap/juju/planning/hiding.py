"""What of a value nobody is shown: secrets, found by the names of options and of their keys. Pure.

Charms have no mark for an option that holds a secret, so names and forms have to do. Everything
that shows, prints or writes a value of a plan takes it from here.
"""

from __future__ import annotations

import re
from typing import Final

from ckf_airgap.documents import JSONValue
from ckf_airgap.juju.planning.values import HIDDEN, is_sensitive

_WORDS: Final = r"passw(?:or)?d|passphrase|secret|token|credential|private|api[-_]?key"

_KEY: Final = re.compile(
    rf"""
    (?P<key> ["']? (?<![\w.-]) (?P<name> [\w.-]*(?:{_WORDS})[\w.-]* ) ["']? [ \t]* [:=] [ \t]* )
    (?P<value> "(?:[^"\\]|\\.)*" | '(?:[^']|'')*' | [^\s#"'][^\n]* )
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""A key that may be of a secret, and its value, in YAML, JSON or a file of settings.

A value without quotes is taken to go on until the end of the line: too much is hidden rather than
too little.
"""

_BLOCK: Final = re.compile(r"[|>][-+0-9]*")
"""A value that follows in lines of its own."""

_PEM: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL
)

_USERINFO: Final = re.compile(r"(?<=://)[^/\s@:]*:[^/\s@]+(?=@)")

_IMAGE: Final = re.compile("image", re.IGNORECASE)

_FLAG: Final = re.compile(r"true|false|null|~|", re.IGNORECASE)


def masked(name: str, value: JSONValue) -> JSONValue:
    r"""Return a value with its secrets hidden; the whole of it when its name is that of a secret.

    Args:
        name: The name of the option or annotation.
        value: Its value; ``None`` stays.

    Example:
        >>> masked("config", "user: ann\npassword: hunter2\n")
        'user: ann\npassword: (hidden)\n'
    """
    if value is None:
        return None
    if is_sensitive(name):
        return HIDDEN
    if isinstance(value, str):
        return _masked_text(value)
    if isinstance(value, dict):
        return {key: masked(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked("", item) for item in value]
    return value


def _masked_text(text: str) -> str:
    text = _USERINFO.sub(HIDDEN, _PEM.sub(HIDDEN, text))
    found = []
    for match in _KEY.finditer(text):
        start, end = match.span("value")
        if match["key"].startswith('"') and text[start] not in "\"'":  # a number or null in JSON
            end = start + len(re.split(r"[\s,}\]]", match["value"], maxsplit=1)[0])
        value = text[start:end]
        if _BLOCK.fullmatch(value.strip()):
            return HIDDEN
        if not _is_harmless(match["name"], value):
            found.append((start, end))
    for start, end in reversed(found):
        quote = text[start] if text[start] in "\"'" else ""
        text = f"{text[:start]}{quote}{HIDDEN}{quote}{text[end:]}"
    return text


def _is_harmless(name: str, value: str) -> bool:
    """Whether a key is that of an image, or has a value that cannot be a secret."""
    return bool(_IMAGE.search(name) or _FLAG.fullmatch(value.strip("\"' ")))
