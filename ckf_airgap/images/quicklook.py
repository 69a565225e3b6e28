"""A quick look at a file of a charm: whether it is worth decoding and reading.

Pure. The patterns have no two unbounded repeats side by side, so the work grows with the length of
the file.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from ckf_airgap.images.registries import is_registry

_SEPARATOR: Final = re.compile(rb":[\w{%$]|@sha256")
_RUN: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.%$/}{)(-"
_WINDOW: Final = 300
"""Characters before a separator in which the path is looked for."""

_PATH: Final = re.compile(rb"[\w})]/")
_SLASH: Final = re.compile(rb"/[\w{%$\"']")
_WORD: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.%$}{)([]:-"
_HOST: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-"
_BEFORE_STRINGS: Final = (b'"', b"'", b"`", b"=", b"\\", b"")
"""What is right before a string that begins like a name with a tag, or like a path; it may begin
with the letter of an escape."""

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
            rb"[\w\"'\])\\ .(=:]{0,80}\+\s{0,40}[\"']/",
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

_FLAG: Final = re.compile(rb"--[\w-]{0,60}image[\w-]{0,20}[= ][\w{%$]|[\"']/[\"']\.join\(")
_PAIR: Final = re.compile(
    rb"(?:value|default)[\"']?\s{0,9}[:=]\s{0,9}[\"'][\w.-]{1,99}[\"']\s{0,40},\s{0,40}[\"']?\w"
)
"""A value whose name follows."""


def may_mention(path: str, data: bytes) -> bool:
    """Whether a file is worth decoding and reading.

    Quick, and never wrong when it says no, but for two things in Python: bare names (``busybox``)
    in unusual places, and references whose separators are in another string than their path.
    """
    lowered = data.lower()
    named = b"image" in lowered
    if not path.endswith(".py"):
        return named or b"pull" in lowered or _has_versioned(data, named) or _has_path(data, named)
    if _has_versioned(data, named) or _has_path(data, named):
        return True
    if not named:
        return b"pull" in lowered
    return any(pattern.search(lowered) for pattern in (_CALLED, _FLAG, _PAIR))


def _has_versioned(data: bytes, named: bool) -> bool:
    """Whether there is a path with a tag or a digest behind it.

    Args:
        data: The file.
        named: Whether a string that begins like a name with a tag, or such a name shortly behind
            the word image, will do.
    """
    for match in _SEPARATOR.finditer(data):
        if match[0] == b"@sha256":
            return True
        before = data[max(0, match.start() - _WINDOW) : match.start()]
        run = before[len(before.rstrip(_RUN)) :]
        if b"/" in run and _PATH.search(run):
            return True
        if not (named and run):
            continue
        if before[-len(run) - 1 : -len(run)] in _BEFORE_STRINGS:
            return True
        if not run.startswith(b"/") and b"image" in before.lower():
            return True
    return False


def _has_path(data: bytes, named: bool) -> bool:
    """Whether there is a registry that is known by its name, with a path behind it.

    Args:
        data: The file.
        named: Whether a string that begins like a path, or a path shortly behind the word image
            will do.
    """
    for match in _SLASH.finditer(data):
        before = data[max(0, match.start() - _WINDOW) : match.start()]
        run = before[len(before.rstrip(_WORD)) :]
        if not run:
            continue
        ahead = before[-len(run) - 1 : -len(run)]
        if named and ahead in _BEFORE_STRINGS:
            return True
        begins = ahead != b"/" or b"(" in run or b"[" in run
        if named and begins and run[-1:] != b":" and b"image" in before.lower():
            return True
        if ahead == b"\\":
            run = run[1:]  # the letter of an escape, such as that of a line end
        host = run[len(run.rstrip(_HOST)) :].lstrip(b"-.:")
        if b"." in host and _is_registry(host):
            return True
    return False


@lru_cache(maxsize=8192)
def _is_registry(host: bytes) -> bool:
    return is_registry(host.decode("ascii", errors="replace"))
