"""Writing files so that nobody ever sees half of one."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path
from typing import Final

from ckf_airgap.errors import InputError, MissingError, StorageFullError, TransferError


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all; blocks on the disk.

    A file that is there keeps its mode and is replaced; a new one gets the user's umask. A device
    or a pipe (``/dev/stdout``) is written to directly.

    Raises:
        InputError: when its directory does not exist, or it is a directory itself.
        OSError: naming `path`, when it cannot be written; nothing is left behind.
    """
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a directory", fix="Name a file in it.")
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
        return
    path = path.resolve() if path.is_symlink() else path
    if not path.parent.is_dir():
        raise InputError(
            f"cannot write {path}: there is no directory {path.parent}",
            fix="Make the directory, or name a file in another one.",
        )
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as exc:
        raise OSError(exc.errno, exc.strerror, str(path)) from exc
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(_mode(path))
        temporary.replace(path)
    except BaseException as exc:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        if isinstance(exc, OSError):
            raise OSError(exc.errno, exc.strerror, str(path)) from exc
        raise


def _mode(path: Path) -> int:
    """Return the mode of a file, or what a new one gets."""
    try:
        return path.stat().st_mode & 0o7777
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask


def require_directory(path: Path, *, fix: str = "", may_be_missing: bool = False) -> None:
    """Return when a path is a directory; blocks on the disk.

    Args:
        path: The path that a person named.
        fix: What to do when it is none.
        may_be_missing: Whether it may be not there, since it is made then.

    Raises:
        MissingError: when nothing is there.
        InputError: when something else is.
    """
    if path.is_dir():
        return
    if path.exists() or path.is_symlink():
        raise InputError(f"{path} is not a directory", fix=fix)
    if not may_be_missing:
        raise MissingError(f"there is no directory {path}", fix=fix)


_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def disk_error(error: OSError, path: Path) -> TransferError:
    """Return an error of the disk as one of ours."""
    if error.errno in _FULL:
        return StorageFullError(
            f"no room left on the disk of {path.parent}",
            fix="Free some space there, or use another directory; the next run continues.",
        )
    return TransferError(f"{path}: {error.strerror or error}")
