"""A quick look at a file of a charm: whether it is worth decoding and reading.

Pure. The patterns have no two unbounded repeats side by side, so the work grows with the length of
the file.
"""

from __future__ import annotations

import re
from typing import Final

from ckf_airgap.images.registries import is_registry

_SEPARATOR: Final = re.compile(rb":[\w{%$]|@sha256")
_RUN: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.%$/}{)(-"
_WINDOW: Final = 300
"""Characters before a separator in which the path is looked for."""

_PATH: Final = re.compile(rb"[\w})]/")
_HOST_END: Final = re.compile(rb"\.[a-z]{2,9}(?::[0-9]{1,5})?/[a-z0-9{$%\"']")
"""The end of the name of a host, and the beginning of a path."""

_QUOTED: Final = re.compile(
    rb"[\"'][\s\\]{0,9}[\"'`]{0,2}[\s\\]{0,9}(?:-{1,2}[\w-]{1,60}[= ])?"
    rb"(?:(?:\{[^}\n]{0,99}\}{1,2}){1,4}[\w.%$()\[\]-]{0,200}|[\w.%$()\[\]-]{1,200})"
    rb"[:/][\w{%$\"']"
)
"""A string that begins like a name with a tag, or like a path."""

_END: Final = rb"(?:[_-]?name)?[\"'\])\\]{0,4}\s{0,40}"
_OPEN: Final = rb"\s{0,40}[\[({]?\s{0,40}[\[({]?[rfbu]{0,2}\\?[\"']\w"
_VALUE: Final = rb"(?:[\"']?(?:value|default)[\"']?\s{0,9}[:=]\s{0,9})?"
_TYPE: Final = rb":[ \w.\[\]|]{1,60}="
_CALLED: Final = re.compile(
    rb"image(?:"
    + rb"|".join(
        (
            _END + rb"[=:(]" + _OPEN,
            _END + _TYPE + _OPEN,
            rb"(?:[_-]?name)?[\"'\\]{1,4}\s{0,40},\s{0,40}" + _VALUE + rb"\s{0,40}[\"']\w",
            rb"[\w\"'\])\\ .(]{0,80}\b(?:or|else)\s{1,40}[\"']\w",
            rb"[\w-]{0,60}=[\"'\\]{0,3}[\w.%{}$-]{1,200}[/:]",
            rb"s" + _END + rb"(?:[=:]|" + _TYPE + rb")",
            # the line of a manifest, or JSON, in a string
            rb"\w{0,60}[ \t]{0,40}:[ \t]{1,40}[\"'\\]{0,9}[\w.{\[]",
            rb"\w{0,60}[\"'\\]{1,9}\s{0,40}:\s{0,40}\\?[\"'{\[]",
        )
    )
    + rb")"
)
"""A word that is called an image, in the forms that code has; in lower case."""

_FLAG: Final = re.compile(rb"--[\w-]{0,60}image[\w-]{0,20}[= ][\w{%$]")
_PAIR: Final = re.compile(
    rb"(?:value|default)[\"']?\s{0,9}[:=]\s{0,9}[\"'][\w.-]{1,99}[\"']\s{0,40},\s{0,40}[\"']?\w"
)
"""A value whose name follows."""


def may_mention(path: str, data: bytes) -> bool:
    """Whether a file is worth decoding and reading.

    Quick, and never wrong when it says no, but for bare names (``busybox``) in unusual Python.
    """
    if not path.endswith(".py"):
        return (
            b"image" in data
            or b"pull" in data
            or b"image" in data.lower()
            or _has_versioned(data)
            or _has_registry(data)
        )
    if _has_versioned(data) or _has_registry(data):
        return True
    lowered = data.lower()
    if b"image" not in lowered:
        return b"pull" in lowered
    return _QUOTED.search(data) is not None or any(
        pattern.search(lowered) for pattern in (_CALLED, _FLAG, _PAIR)
    )


def _has_versioned(data: bytes) -> bool:
    """Whether there is a path with a tag or a digest behind it."""
    for match in _SEPARATOR.finditer(data):
        if match[0] == b"@sha256":
            return True
        before = data[max(0, match.start() - _WINDOW) : match.start()]
        run = before[len(before.rstrip(_RUN)) :]
        if b"/" in run and _PATH.search(run):
            return True
    return False


def _has_registry(data: bytes) -> bool:
    """Whether there is a registry that is known by its name, with a path behind it."""
    for match in _HOST_END.finditer(data):
        before = data[max(0, match.start() - _WINDOW) : match.start()]
        host = before[len(before.rstrip(_RUN)) :] + match[0][: match[0].index(b"/")]
        if is_registry(host.decode("ascii", errors="replace")):
            return True
    return False
