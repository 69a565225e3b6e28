"""The result of extracting a charm, in memory: nothing is written, and everything is read.

The controller extracts every upload and repackages it (``RepackageAndUploadCharm``), so that an
upload can be refused because of a member that is never used. See ``zip/zip.go`` of
``github.com/juju/utils``.
"""

from __future__ import annotations

import posixpath
import zipfile
from typing import Final, TypeAlias

from ckf_airgap.rehearsal.archives.members import (
    DIRECTORY,
    SYMLINK,
    chunks,
    clean_name,
    content,
    file_type,
)
from ckf_airgap.rehearsal.archives.refusals import UnreadableCharmError
from ckf_airgap.rehearsal.golang.formatting import quoted

PLACE: Final = "/tmp/charm-download/extracted"  # noqa: S108 - a name in messages, never used
"""The path of an extracted charm in messages; a real controller's path has digits in it."""

_MAX_LINKS: Final = 40
_MAX_NAME_BYTES: Final = 255
_MAX_PATH_BYTES: Final = 4000

Node: TypeAlias = "dict[str, Node] | zipfile.ZipInfo | str"
"""A directory, a file, or the target of a symbolic link."""


class _NoSuchPathError(LookupError):
    """A path that does not resolve.

    Attributes:
        is_missing: Whether the only problem is that it does not exist.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
        self.is_missing = why == "no such file or directory"


class Tree:
    """The files that an archive is extracted to.

    Args:
        archive: The archive.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._root: dict[str, Node] = {}

    def extract(self, root: str = "") -> None:
        """Extract the members below a directory of the archive, or all of them.

        Raises:
            UnreadableCharmError: ``cannot extract "x": ...``, for the first that fails.
        """
        for member in self._archive.infolist():
            name = clean_name(member)
            if root:
                if not name.startswith(f"{root}/"):
                    continue
                path = name[len(root) + 1 :]
            else:
                path = "" if name == "." else name
            try:
                self._extract(member, path)
            except UnreadableCharmError as exc:
                raise exc.annotated(f"cannot extract {quoted(name)}") from exc

    def find(self, name: str) -> Node | None:
        """Return the file or directory at a path, or ``None``."""
        try:
            return self._walk(self._root, name.split("/"))
        except _NoSuchPathError:
            return None

    def _extract(self, member: zipfile.ZipInfo, path: str) -> None:
        if "\0" in member.orig_filename:
            raise UnreadableCharmError(f"open {PLACE}/{path}: invalid argument")
        parent_path, _, name = path.rpartition("/")
        parent = self._make_directories(parent_path)
        kind = file_type(member)
        if kind == DIRECTORY:
            _check_name(name, "unlinkat", path)
            if path and not isinstance(parent.get(name), dict):
                parent[name] = {}
        elif kind == SYMLINK:
            target = self._link_target(member, path)
            _check_name(name, "unlinkat", path)
            parent[name] = target
        elif kind == 0:
            _check_name(name, "unlinkat", path)
            for _ in chunks(self._archive, member):
                pass
            parent[name] = member
        else:
            raise UnreadableCharmError(f"unknown file type {kind}")

    def _make_directories(self, path: str) -> dict[str, Node]:
        """Return the directory at a path, creating it and its parents as needed."""
        directory, done = self._root, ""
        for part in filter(None, path.split("/")):
            done = f"{done}/{part}"
            _check_name(part, "mkdir", done[1:])
            found: Node = directory.setdefault(part, {})
            if isinstance(found, str):
                try:
                    found = self._walk(self._root, done.split("/"))
                except _NoSuchPathError as exc:
                    why = "file exists" if exc.is_missing else exc.why
                    raise UnreadableCharmError(f"mkdir {PLACE}{done}: {why}") from exc
            if not isinstance(found, dict):
                raise UnreadableCharmError(f"mkdir {PLACE}{done}: not a directory")
            directory = found
        return directory

    def _link_target(self, member: zipfile.ZipInfo, path: str) -> str:
        """Return the target of a symbolic link, which must be inside the charm."""
        target = content(self._archive, member).decode(errors="surrogateescape")
        if target.startswith("/"):
            raise UnreadableCharmError(f"symlink {quoted(target)} is absolute")
        end = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if end == ".." or end.startswith("../"):
            raise UnreadableCharmError(f"symlink {quoted(target)} leads out of scope")
        if not target or "\0" in target or len(target) > _MAX_PATH_BYTES:
            why = "no such file or directory" if not target else "invalid argument"
            raise UnreadableCharmError(f"symlink {target} {PLACE}/{path}: {why}")
        return target

    def _walk(self, start: dict[str, Node], parts: list[str]) -> Node:
        """Return the node at a path; links are followed."""
        way: list[Node] = [start]
        pending = parts[::-1]
        links = 0
        while pending:
            part = pending.pop()
            here = way[-1]
            if part in ("", "."):
                continue
            if not isinstance(here, dict):
                raise _NoSuchPathError("not a directory")
            if part == "..":
                del way[max(len(way) - 1, 1) :]
                continue
            found = here.get(part)
            if found is None:
                raise _NoSuchPathError("no such file or directory")
            if isinstance(found, str):
                links += 1
                if links > _MAX_LINKS:
                    raise _NoSuchPathError("too many levels of symbolic links")
                pending += found.split("/")[::-1]
            else:
                way.append(found)
        return way[-1]


def _check_name(name: str, call: str, path: str) -> None:
    if len(name.encode(errors="surrogateescape")) > _MAX_NAME_BYTES or len(path) > _MAX_PATH_BYTES:
        raise UnreadableCharmError(f"{call} {PLACE}/{path}: file name too long")
