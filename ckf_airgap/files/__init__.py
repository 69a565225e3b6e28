"""Files: written so that nobody ever sees a partial one, locked, and read within limits.

Everything here blocks on the disk.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import io
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, final

from ckf_airgap.errors import (
    AirgapError,
    InputError,
    MissingError,
    StorageFullError,
    TransferError,
)

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_SYNC: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF})
"""What file systems answer that know no fsync of a directory (CIFS, some of FUSE)."""

_UNFINISHED: Final = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.part\Z")


def disk_error(error: OSError, path: Path) -> TransferError:
    """Return an error of the disk as one of ours; `path` is the file, or the directory."""
    if error.errno in _FULL:
        return StorageFullError(
            f"no room left on the disk of {path if path.is_dir() else path.parent}",
            fix="Free some space there, or use another directory; the next run continues.",
        )
    return TransferError(f"{path}: {error.strerror or error}")


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Raise what the disk refuses in the block as `disk_error` of `path`."""
    try:
        yield
    except OSError as exc:
        raise disk_error(exc, path) from exc


# Writing


def write_text(path: Path, text: str, *, is_private: bool = False) -> None:
    """Write a text file, whole or not at all.

    An existing file keeps its mode and is replaced; a new one gets the user's umask. A device
    or a pipe (``/dev/stdout``) is written to directly.

    Args:
        path: The file.
        text: What to write.
        is_private: Whether nobody but the owner may read it, whoever could read it before.

    Raises:
        InputError: when its directory does not exist, or it is a directory itself.
        OSError: naming `path`, when it cannot be written; nothing is left behind.
    """
    path = writable(path)
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
        return
    mode = 0o600 if is_private else None
    with contextlib.suppress(FileNotFoundError):
        mode = mode or path.stat().st_mode & 0o7777
    with replacing(path, mode=mode) as stream:
        stream.write(text.encode("utf-8"))


def writable(path: Path) -> Path:
    """Return the path of a file that can be written, with its links followed.

    Raises:
        InputError: when its directory does not exist, or it is a directory itself.
    """
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a directory", fix="Name a file in it.")
    if path.exists() and not path.is_file():
        return path
    path = resolved(path) if path.is_symlink() else path
    if not path.parent.is_dir():
        raise InputError(
            f"cannot write {path}: there is no directory {path.parent}",
            fix="Make the directory, or name a file in another one.",
        )
    return path


def resolved(path: Path) -> Path:
    """Return an absolute path without symbolic links.

    Raises:
        InputError: when a link leads back to itself.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            path.stat()
        return path.resolve()
    except (OSError, RuntimeError) as exc:  # RuntimeError before Python 3.13
        if isinstance(exc, OSError) and exc.errno != errno.ELOOP:
            raise
        raise InputError(
            f"{path} is a symbolic link that leads back to itself", fix="Remove it."
        ) from exc


@final
class Replacement:
    """A file that is being written next to the one that it replaces on `commit`.

    Its name until then is its own in each run, so that two runs at once cannot publish what the
    other has half written: the last one to finish wins. It is locked as long as it is open; what a
    killed run left of the same file is found unlocked, and removed. A link at the place is
    replaced, not followed.

    Args:
        path: The place.
        mode: The mode of the file; ``None`` for what the user's umask leaves.
        durable: Whether to force the file to the disk before it gets its name, so that no crash of
            the machine can leave half of it. Not worth its time for what is made again anyway.

    Attributes:
        stream: Where to write.

    Raises:
        OSError: naming `path`.
    """

    def __init__(self, path: Path, *, mode: int | None = None, durable: bool = True) -> None:
        self._path = path
        self._durable = durable
        with _naming(path):
            remove_unfinished(path.parent, path.name)
            self._temporary, descriptor = _create_beside(path, 0o666 if mode is None else mode)
            self.stream: BinaryIO = os.fdopen(descriptor, "w+b")
            try:
                if mode is not None:
                    os.fchmod(descriptor, mode)  # whatever the umask is
            except BaseException:
                self.discard()
                raise

    def commit(self) -> None:
        """Give the file its name."""
        with _naming(self._path):
            self.stream.flush()
            if self._durable:
                publish(self.stream.fileno(), self._temporary, self._path)
            else:
                self._temporary.replace(self._path)
            self.stream.close()

    def discard(self) -> None:
        """Remove the file; harmless after `commit`."""
        if self.stream.closed:
            return
        try:
            with contextlib.suppress(OSError):
                self._temporary.unlink(missing_ok=True)
        finally:  # also when a signal interrupts the removal
            with contextlib.suppress(OSError):  # of a full disk, reported when it was written to
                self.stream.close()


@contextmanager
def replacing(path: Path, *, mode: int | None = None, durable: bool = True) -> Iterator[BinaryIO]:
    """Yield a stream whose content becomes the file at `path` when the block ends well.

    When it does not, nothing is left behind. See `Replacement`.

    Raises:
        OSError: naming `path`, when the file cannot be written.
    """
    new = Replacement(path, mode=mode, durable=durable)
    try:
        try:
            yield new.stream
        except OSError as exc:
            if exc.filename is None and exc.errno is not None:  # of writing to the stream
                raise OSError(exc.errno, exc.strerror, str(path)) from exc
            raise
        new.commit()
    finally:
        new.discard()


def publish(descriptor: int, temporary: Path, path: Path) -> None:
    """Give a file that was written its name: first its bytes are on the disk, then the name is.

    Args:
        descriptor: The open file.
        temporary: Its name until now.
        path: Its name from now on.
    """
    os.fsync(descriptor)
    temporary.replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Force the names in a directory to the disk, where the file system can do that."""
    with contextlib.suppress(PermissionError):  # one may write to a directory and not read it
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError as exc:
            if exc.errno not in _NO_SYNC:
                raise
        finally:
            os.close(descriptor)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name `path` in errors, and not what it is called for the time being."""
    try:
        yield
    except OSError as exc:
        raise OSError(exc.errno, exc.strerror, str(path)) from exc


def _create_beside(path: Path, mode: int) -> tuple[Path, int]:
    """Create a locked file next to `path`, with a name that no other run has."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            descriptor = os.open(temporary, flags, mode)
        except FileExistsError:
            continue
        try:
            if _try_lock(descriptor) and _is_at(temporary, descriptor):
                return temporary, descriptor
        except OSError:  # files cannot be locked here, so nobody takes it for left behind
            return temporary, descriptor
        os.close(descriptor)  # another run was faster, and took it for left behind


def remove_unfinished(directory: Path, name: str | None = None) -> None:
    """Remove what killed runs left of a `Replacement`: what is called so, and has nobody's lock.

    Args:
        directory: Where to look.
        name: Of which file; ``None`` for any.
    """
    for left in directory.glob(f".{'*' if name is None else glob.escape(name)}.*.part"):
        match = _UNFINISHED.match(left.name)
        if match is None or name not in (None, match["name"]):
            continue
        with contextlib.suppress(OSError):  # it is in nobody's way
            lock = FileLock.take(left)
            if lock is not None:
                left.unlink(missing_ok=True)
                lock.release()


# Locks


@final
class FileLock:
    """A lock on a file that its process holds until it ends, however it ends.

    The kernel drops it with the process, ``kill -9`` included. So what is locked belongs to
    somebody who lives, and what is not may be taken over: no process id has to be believed.

    Made by `take`, and released with the object at the latest.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, path: Path, *, create: bool = False, mode: int = 0o600) -> FileLock | None:
        """Return the lock on a file, or ``None`` when somebody else holds it.

        Args:
            path: The file; a symbolic link is refused.
            create: Make the file when it is not there.
            mode: The mode of a file that is made, less the umask.

        Raises:
            OSError: when it cannot be opened or locked; `FileNotFoundError` when it is not there.
        """
        flags = os.O_RDWR | os.O_NOFOLLOW | (os.O_CREAT if create else 0)
        descriptor = open_locked(path, flags, mode)
        return None if descriptor is None else cls(descriptor)

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


def open_locked(path: Path, flags: int, mode: int = 0o666) -> int | None:
    """Open a file and lock it until it is closed, or return ``None`` when somebody else has it.

    The lock is on the file of that name, not on one that was renamed or removed while it was
    waited for: a run that has just finished a ``.part`` file renames it, and whoever had opened it
    before would write into a finished file.

    Args:
        path: The file or directory.
        flags: As for `os.open`.
        mode: The mode of a file that is made.

    Raises:
        OSError: when it cannot be opened or locked.
    """
    while True:
        descriptor = os.open(path, flags | os.O_CLOEXEC, mode)
        kept = False
        try:
            free = _try_lock(descriptor)
            kept = free and _is_at(path, descriptor)
        finally:
            if not kept:
                os.close(descriptor)
        if kept:
            return descriptor
        if not free:
            return None


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether an open file is the one that has a name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def require_directory(path: Path, *, fix: str = "", may_be_missing: bool = False) -> None:
    """Return when a path is a directory; blocks on the disk.

    Args:
        path: The path that a person named.
        fix: What to do when it is not one.
        may_be_missing: Whether it may be absent, since it is made then.

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


# Reading


def read_small(
    path: Path,
    limit: int,
    *,
    what: str,
    pipes: bool = False,
    follow: bool = True,
    error: type[AirgapError] = InputError,
) -> bytes:
    """Return the content of a file that should be small.

    Never more than the limit is read, whatever the file says of its size: a device says 0.

    Args:
        path: The file.
        limit: The bytes that it may have.
        what: What it should be, with its article, for the message.
        pipes: Whether it may be a pipe or a terminal, as ``<(command)`` and ``/dev/stdin`` are. For
            what a person names; what lies in a directory that came from elsewhere must be a
            regular file, since reading a pipe may wait for ever.
        follow: Whether it may be a symbolic link; not where it could lead out of such a directory.
        error: The class to raise.

    Raises:
        AirgapError: (as `error`) when it is larger, or not a regular file.
        OSError: when it cannot be read.
    """
    if pipes:
        stream: BinaryIO = path.open("rb")
    else:
        stream = open_regular(path, follow=follow, error=error)
    with stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise error(f"{path} is too large for {what}: it has more than {_size_text(limit)}")
    return content


def reads_once(path: Path) -> bool:
    """Whether what is there gives its content only once, as ``<(command)`` and terminals do.

    What looks at a file before it is used leaves such a one alone.
    """
    return path.is_fifo() or path.is_char_device()


def read_small_text(
    path: Path,
    limit: int,
    *,
    what: str,
    encoding: str = "utf-8",
    pipes: bool = False,
    follow: bool = True,
    error: type[AirgapError] = InputError,
) -> str:
    """Return the text of a file that should be small; see `read_small`.

    Each line end becomes a single newline, as in files that Python opens as text.

    Raises:
        UnicodeDecodeError: when it is not text.
    """
    content = read_small(path, limit, what=what, pipes=pipes, follow=follow, error=error)
    with io.TextIOWrapper(io.BytesIO(content), encoding=encoding) as stream:
        return stream.read()


def open_regular(
    path: Path, *, follow: bool = True, error: type[AirgapError] = InputError
) -> BinaryIO:
    """Open a file for reading, which must be a regular one.

    A pipe without a writer is refused at once, where opening it would wait for ever. A device is
    not even opened: with some that alone has an effect.

    Args:
        path: The file.
        follow: Whether it may be a symbolic link to one.
        error: The class to raise.

    Raises:
        AirgapError: (as `error`) when it is something else.
        OSError: when it cannot be opened; `IsADirectoryError` for a directory.
    """
    return os.fdopen(regular_descriptor(path, follow=follow, error=error), "rb")


def regular_descriptor(
    path: Path, *, follow: bool = True, error: type[AirgapError] = InputError
) -> int:
    """Do what `open_regular` does, and return a descriptor."""
    _refuse_irregular(path.stat() if follow else path.lstat(), path, error)
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    try:
        _refuse_irregular(os.fstat(descriptor), path, error)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_irregular(status: os.stat_result, path: Path, error: type[AirgapError]) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if stat.S_ISLNK(status.st_mode):
        raise error(f"{path} is a symbolic link, where only a regular file is read")
    if not stat.S_ISREG(status.st_mode):
        raise error(f"{path} is not a regular file")


def _size_text(size: int) -> str:
    for unit, name in ((1024**2, "MiB"), (1024, "KiB")):
        if size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} bytes"
