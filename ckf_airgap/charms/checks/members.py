"""The members of a charm's archive: what the controller cannot extract (``utils/zip``).

The controller extracts all of a charm to pack it again. `member_problems` looks at the directory of
the archive and at its few symlinks; `damaged_members` reads every byte.
"""

from __future__ import annotations

import posixpath
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Final, Literal, TypeAlias

_Kind: TypeAlias = Literal["directory", "file", "symlink"]

DOCUMENTS: Final = (
    "metadata.yaml",
    "manifest.yaml",
    "config.yaml",
    "metrics.yaml",
    "actions.yaml",
    "revision",
    "lxd-profile.yaml",
    "version",
)
"""The members that the controller reads, which must be files."""

_COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What Go's archive/zip, and so Juju, can unpack."""

_UNIX: Final = (3, 19)
"""The systems whose archives have the modes of Unix: Unix itself, and macOS."""

_ENCRYPTED: Final = 0x1
_DOS_DIRECTORY: Final = 0x10
_MAX_NAME: Final = 255
_MAX_LINK: Final = 4096
_CHUNK: Final = 1024 * 1024

_SPECIAL: Final = {
    stat.S_IFBLK: 1 << 26,
    stat.S_IFCHR: 1 << 26 | 1 << 21,
    stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24,
}
"""The modes of files that are no files, and the numbers that Go has for them."""

_DIRECTORY_AND_LINK: Final = 1 << 31 | 1 << 27


def member_problems(archive: zipfile.ZipFile) -> list[str]:
    """Return what the controller cannot extract, without reading more than the symlinks."""
    members = archive.infolist()
    found = [*_ambiguous(members)]
    kinds: dict[str, _Kind] = {}
    for member in members:
        path = posixpath.normpath(member.filename)
        problem = _problem(archive, member, path, kinds)
        if problem:
            found.append(f'cannot extract "{path}": {problem}')
    found += [
        f'parsing "{name}" file: it is a directory'
        for name in DOCUMENTS
        if kinds.get(name) == "directory"
    ]
    return found


def damaged_members(archive: zipfile.ZipFile) -> list[str]:
    """Return what is damaged in an archive; reads all of it, once, and keeps none of it."""
    found = []
    for member in archive.infolist():
        if member.is_dir():
            continue
        try:
            with archive.open(member) as stream:
                while stream.read(_CHUNK):
                    pass
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError):
            path = posixpath.normpath(member.filename)
            found.append(f'cannot extract "{path}": zip: checksum error')
    return found


def _ambiguous(members: Sequence[zipfile.ZipInfo]) -> Iterator[str]:
    """Yield a problem when two members could be the metadata (``findArchiveRootDir``)."""
    roots = [one for one in members if posixpath.normpath(one.filename) == "metadata.yaml"]
    if len(roots) > 1:
        yield "invalid charm archive: ambiguous root directory"


def _problem(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: str, kinds: dict[str, _Kind]
) -> str:
    """Return why a member cannot be extracted after those before it; add it to `kinds`."""
    if any(len(part.encode()) > _MAX_NAME for part in path.split("/")):
        return "file name too long"
    parent = posixpath.dirname(path)
    while parent:
        kind = kinds.setdefault(parent, "directory")
        if kind == "file":
            return f"mkdir {parent}: not a directory"
        if kind == "symlink":
            break
        parent = posixpath.dirname(parent)
    kind, special = _kind(member)
    if special:
        return f"unknown file type {special}"
    if kind != "directory" and member.compress_type not in _COMPRESSIONS:
        return "zip: unsupported compression algorithm"
    kinds[path] = kind
    return _link_problem(archive, member, path) if kind == "symlink" else ""


def _kind(member: zipfile.ZipInfo) -> tuple[_Kind, int]:
    """Return what a member is, and the number of its type when it is none of the three."""
    is_directory = member.filename.endswith("/")
    if member.create_system in _UNIX:
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind in _SPECIAL:
            return "file", _SPECIAL[kind] | (1 << 31 if is_directory else 0)
        if kind == stat.S_IFLNK:
            return "symlink", _DIRECTORY_AND_LINK if is_directory else 0
        is_directory = is_directory or kind == stat.S_IFDIR
    elif member.external_attr & _DOS_DIRECTORY:
        is_directory = True
    return "directory" if is_directory else "file", 0


def _link_problem(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: str) -> str:
    """Return why a symlink is refused: it may lead only to what is in the charm."""
    if member.file_size > _MAX_LINK or member.flag_bits & _ENCRYPTED:
        return "symlink: file name too long"
    try:
        target = archive.read(member).decode("utf-8", "surrogateescape")
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError):
        return "zip: checksum error"
    if target.startswith("/"):
        return f'symlink "{target}" is absolute'
    final = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if final.split("/")[0] == "..":
        return f'symlink "{target}" leads out of scope'
    if not target:
        return "symlink: no such file or directory"
    return "symlink: invalid argument" if "\0" in target else ""
