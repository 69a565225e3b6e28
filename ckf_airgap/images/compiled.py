"""References that are compiled into an executable, as far as they can be told.

Go keeps its texts one behind the other without anything between them, so where one ends is not
certain. What is reported begins with a registry that is known by its name, and has a path and a
tag or a digest; a tag is cut where a version ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from ckf_airgap.images.registries import is_registry

MAX_FOUND: Final = 200
"""Most references that are taken from one file."""

_OVERLAP: Final = 1024
"""Bytes of a chunk that are read again with the next, since a reference may lie across both."""

_HOST_END: Final = re.compile(rb"\.[a-z]{2,9}(?::[0-9]{1,5})?/(?=[a-z0-9])")
_HOST_BYTES: Final = b"abcdefghijklmnopqrstuvwxyz0123456789.-"
_MAX_HOST: Final = 100
_NAME: Final = rb"[a-z0-9]{1,128}(?:(?:[._]|__|-{1,9})[a-z0-9]{1,128}){0,9}"
_REST: Final = re.compile(
    rb"(?P<path>" + _NAME + rb"(?:/" + _NAME + rb"){0,9})"
    rb"(?::(?P<tag>\w[\w.-]{0,127}))?(?P<digest>@sha256:[0-9a-f]{64})?"
)
_TAG: Final = re.compile(
    r"(?:latest|stable|edge|master|main|nightly)(?![._-])"
    r"|v?[0-9]+(?:\.[0-9]+)*(?:[._-]?(?:alpha|beta|rc|dev|build|distroless|debian|alpine|rock)"
    r"(?:[._-]?[0-9]+)*)*(?:-[a-z0-9]+(?:\.[0-9]+)*)*"
)
"""A tag, without the text that may come behind it."""


def references_in(chunks: Iterable[bytes]) -> list[str]:
    """Return the references in an executable, each once, in the order of the file.

    Args:
        chunks: Its content, in pieces.
    """
    found: dict[str, None] = {}
    rest, done = b"", 0
    for chunk in chunks:
        data = rest + chunk
        end = max(done, len(data) - _OVERLAP // 2)
        _take(data, done, end, found)
        rest = data[-_OVERLAP:]
        done = end - (len(data) - len(rest))
    _take(rest, done, len(rest), found)
    return list(found)


def _take(data: bytes, start: int, end: int, found: dict[str, None]) -> None:
    """Add the references whose host ends from `start` to `end`: what comes later may be cut off."""
    for match in _HOST_END.finditer(data, start):
        if match.start() >= end or len(found) >= MAX_FOUND:
            return
        text = _reference(data, match)
        if text:
            found[text] = None


def _reference(data: bytes, match: re.Match[bytes]) -> str:
    """Return the reference around the end of a host's name, or nothing."""
    before = data[max(0, match.start() - _MAX_HOST) : match.start()]
    run = before[len(before.rstrip(_HOST_BYTES)) :]
    host = _registry(run + match[0][:-1])
    rest = _REST.match(data, match.end()) if host else None
    if rest is None or not (rest["tag"] or rest["digest"]):
        return ""
    tag = (rest["tag"] or b"").decode("ascii", errors="replace")
    if tag and not rest["digest"]:
        ended = _TAG.match(tag)
        if ended is None:
            return ""
        tag = ended[0]
    path, digest = rest["path"].decode("ascii"), (rest["digest"] or b"").decode("ascii")
    return f"{host}/{path}{f':{tag}' if tag else ''}{digest}"


@lru_cache(maxsize=8192)
def _registry(run: bytes) -> str:
    """Return the registry that a run of letters ends with: ``errorquay.io`` ends with one."""
    text = run.decode("ascii").lstrip(".-")
    return next((text[i:] for i in range(len(text)) if is_registry(text[i:])), "")
