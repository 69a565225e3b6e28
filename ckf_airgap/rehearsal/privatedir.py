"""The private directories of rehearsals, and the removal of those whose process was killed.

Each holds a locked file, see `ckf_airgap.files.FileLock`. A process that ends normally removes
its directory. One that is killed cannot; the next rehearsal of the same user sees that nobody
holds the lock, and removes it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, final

from ckf_airgap.files import FileLock

PREFIX: Final = "ckf-airgap-"

_LOCK: Final = "lock"


@final
class PrivateDirectory:
    """A new directory below the one for temporary files, for its owner only; blocks on the disk.

    It is removed by `remove`, or at the end of a ``with`` block. Where files cannot be locked it
    has no lock file, and is never considered abandoned.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._lock: FileLock | None = None
        with contextlib.suppress(OSError):
            unborn = self.path / f"{_LOCK}.new"
            self._lock = FileLock.take(unborn, create=True)
            # Others look for the final name, which is never there without the lock.
            unborn.rename(self.path / _LOCK)

    def __enter__(self) -> PrivateDirectory:
        """Return the directory."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove the directory."""
        self.remove()

    def remove(self) -> None:
        """Remove the directory and its contents; harmless if it no longer exists."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            self._lock.release()


def remove_left_behind() -> None:
    """Remove the private directories of this user's rehearsals that were killed; blocks.

    A directory is left alone unless its name, owner and lock file are a rehearsal's and nobody
    holds the lock. Whatever cannot be inspected or removed is left in place.
    """
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                continue
            lock = FileLock.take(path / _LOCK)
            if lock is None:
                continue
            try:
                shutil.rmtree(path, ignore_errors=True)
            finally:
                lock.release()
