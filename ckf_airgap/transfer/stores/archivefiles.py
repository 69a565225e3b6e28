"""The files that an archive is written to: their names, their lock, and what was there before."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from ckf_airgap.errors import AbsentError, InputError, IntegrityError, TransferError
from ckf_airgap.files import open_locked
from ckf_airgap.transfer.stores.archive import Archive

_GZIP_SUFFIXES: Final = (".gz", ".tgz")


def part_path(path: Path) -> Path:
    """Return the name of an archive that is not complete yet."""
    return path.with_name(f"{path.name}.part")


def is_gzip_name(path: str | Path) -> bool:
    """Whether an archive of this name is gzipped."""
    return str(path).endswith(_GZIP_SUFFIXES)


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
            f"{path} exists and is not an archive of images",
            fix="Remove it, or name another file with -o.",
        ) from None


def open_part(path: Path) -> int:
    """Open what an archive is written to until it is complete, locked; return its descriptor.

    Raises:
        TransferError: when another run has it.
    """
    descriptor = open_locked(part_path(path), os.O_RDWR | os.O_CREAT)
    if descriptor is None:
        raise TransferError(
            f"{path} is being written by another run",
            fix="Wait for it, or write to another file.",
        )
    return descriptor
