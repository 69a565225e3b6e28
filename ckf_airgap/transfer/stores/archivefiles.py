"""The files that an archive is written to: its names, its lock, and what was there before."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Final

from ckf_airgap.errors import AbsentError, InputError, IntegrityError, TransferError
from ckf_airgap.transfer.stores.archive import Archive

_GZIP_SUFFIXES: Final = (".gz", ".tgz")


def part_path(path: Path) -> Path:
    """Return the name of an archive that is not whole yet."""
    return path.with_name(f"{path.name}.part")


def is_gzip_name(path: Path) -> bool:
    """Whether an archive of this name is gzipped."""
    return path.name.endswith(_GZIP_SUFFIXES)


def open_old(path: Path) -> Archive | None:
    """Return the archive that is there already; of a damaged one, what can be read.

    Raises:
        InputError: when what is there is something else.
    """
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a directory", fix="Name a file in it.")
    try:
        return Archive.open(path)
    except AbsentError:
        return None
    except IntegrityError:
        old = Archive.salvage(path)
        if old.blobs():
            return old
        old.close()
        raise InputError(
            f"{path} is there and is no archive of images",
            fix="Remove it, or name another file with -o.",
        ) from None


def lock(fd: int, path: Path) -> None:
    """Lock the open file of an archive that is being written.

    Raises:
        TransferError: when another run has it.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TransferError(
            f"{path} is being written by another run",
            fix="Wait for it, or write to another file.",
        ) from None
