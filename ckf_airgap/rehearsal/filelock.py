"""A lock on a file that its process holds until it ends, however it ends.

The kernel drops it with the process, ``kill -9`` included. So what is locked belongs to somebody
who lives, and what is not may be taken over: no process id has to be believed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import final


@final
class FileLock:
    """A lock that is held; made by `take`, and released with the object at the latest."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, path: Path, *, create: bool = False) -> FileLock | None:
        """Return the lock on a file, or ``None`` when somebody else holds it.

        Args:
            path: The file; a symbolic link is refused.
            create: Make the file, for its owner only, when it is not there.

        Raises:
            OSError: when it cannot be opened or locked; `FileNotFoundError` when it is not there.
        """
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_CREAT if create else 0)
        descriptor = os.open(path, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def __del__(self) -> None:
        self.release()

    def write(self, text: str) -> None:
        """Make `text` the content of the locked file, in place: the lock is on this very file."""
        if self._descriptor is None:
            raise RuntimeError("the lock has been released")
        content = text.encode("utf-8")
        os.pwrite(self._descriptor, content, 0)
        os.ftruncate(self._descriptor, len(content))

    def release(self) -> None:
        """Let others take it; harmless when it has been released."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)
