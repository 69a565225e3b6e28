"""Which files of a charm can name images, by what is in them rather than by their names."""

from __future__ import annotations

import re
import stat
import zipfile
from collections.abc import Iterable, Iterator
from typing import Final, Literal, TypeAlias

Content: TypeAlias = Literal["text", "executable", "archive", "other"]
"""What a file is. ``other``: pictures, fonts, compiled Python and the like, which name no image."""

HEAD_BYTES: Final = 8192
"""Bytes that are looked at to tell what a file is."""

_DEPENDENCIES: Final = re.compile(
    r"(?:^|/)(?:venv|site-packages|wheelhouse|__pycache__|node_modules|\.git"
    r"|[^/]+\.(?:dist|egg)-info)/"
)
_NATIVE: Final = re.compile(
    r"\.(?:a|dll|dylib|exe|lib|o|pyc|pyd|pyo|so(?:\.[0-9.]+)?)\Z", re.IGNORECASE
)
"""Compiled parts of libraries."""

_EXECUTABLES: Final = (
    b"\x7fELF",  # Linux
    b"MZ",  # Windows
    b"\xfe\xed\xfa\xce",  # macOS
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"\0asm",
)
_ARCHIVES: Final = (
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf\x27\x1c",
    b"hsqs",
    b"!<arch>\n",
)
_TAR: Final = (257, b"ustar")
_WIDE: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def is_dependency(name: str) -> bool:
    """Whether a file of a charm belongs to the libraries that were packed with it."""
    return _DEPENDENCIES.search(name) is not None


def members_of(
    members: Iterable[zipfile.ZipInfo], *, dependencies: bool
) -> Iterator[zipfile.ZipInfo]:
    """Yield the files of a charm that may name images, in the order of their names.

    Args:
        members: What the charm has.
        dependencies: Whether the libraries that were packed with it are wanted, too. Of these the
            compiled parts are left out.
    """
    for member in sorted(members, key=lambda member: member.filename):
        is_link = stat.S_ISLNK(member.external_attr >> 16)
        if member.is_dir() or is_link or not member.file_size:
            continue
        if is_dependency(member.filename) and (not dependencies or _NATIVE.search(member.filename)):
            continue
        yield member


def content_of(head: bytes) -> Content:
    """Return what a file is by its first `HEAD_BYTES`."""
    if head.startswith(_ARCHIVES) or head[_TAR[0] :].startswith(_TAR[1]):
        return "archive"
    if head[:2] in _WIDE:
        return "text"
    binary = b"\0" in head
    if head.startswith(_EXECUTABLES) and binary:
        return "executable"
    return "other" if binary else "text"


def decoded(data: bytes) -> str:
    """Return the text of a file; what is not UTF-8 (or marked UTF-16) becomes a mark."""
    return data.decode(_WIDE.get(data[:2], "utf-8"), errors="replace")


def described(content: Content, member: zipfile.ZipInfo) -> str:
    """Return what a file is, for a person: ``an executable (10 MB)``."""
    kind = {"executable": "an executable", "archive": "an archive"}.get(content, "a text")
    size = member.file_size
    shown = f"{size / 1024**2:.0f} MB" if size >= 1024**2 else f"{max(1, size // 1024)} kB"
    return f"{kind} ({shown})"
