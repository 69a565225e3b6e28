"""Files that are larger than the medium: split into parts in place, read through, joined again.

Neither way needs the file's size on the disk a second time: splitting takes the last part off the
end of the file and shortens it, one part after the other. A run that is killed is continued by
joining first. Everything here blocks on the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeAlias

from ckf_airgap.errors import IntegrityError
from ckf_airgap.files import regular_descriptor, remove_unfinished, replacing, sync_directory
from ckf_airgap.packing.checksums import FileSum
from ckf_airgap.packing.names import part_name, whole_of

Watch: TypeAlias = "Callable[[int], None]"
"""Is notified how many bytes were read or written; called in a thread.

What it raises ends the work."""

_COPY_BYTES: Final = 4 * 1024 * 1024


def ignore(_count: int) -> None:
    """Watch nothing."""


class PartsReader:
    """Reads files one after the other as one, and hashes each.

    Args:
        paths: The files.
        watch: Is notified of progress while reading.

    Attributes:
        sums: Checksum and size of each file that was read to its end.
        whole: Those of all of them, once all are read.
    """

    def __init__(self, paths: Iterable[Path], watch: Watch = ignore) -> None:
        self._watch = watch
        self.sums: dict[Path, FileSum] = {}
        self._paths = list(paths)
        self._fd = -1
        self._hash = hashlib.sha256()
        self._size = 0
        self._all = hashlib.sha256()
        self._several = len(self._paths) > 1
        self._at = 0

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes; none at the end of the last file."""
        while self._at < len(self._paths):
            if self._fd < 0:
                path = self._paths[self._at]
                self._fd = regular_descriptor(path, follow=False, error=IntegrityError)
                self._hash, self._size = hashlib.sha256(), 0
            chunk = os.read(self._fd, count)
            if chunk:
                self._watch(len(chunk))
                self._hash.update(chunk)
                if self._several:
                    self._all.update(chunk)
                self._size += len(chunk)
                return chunk
            self.sums[self._paths[self._at]] = FileSum(self._hash.hexdigest(), self._size)
            self.close()
            self._at += 1
        return b""

    @property
    def whole(self) -> FileSum:
        """Checksum and size of all files together."""
        if not self._several:
            return next(iter(self.sums.values()))
        return FileSum(self._all.hexdigest(), sum(one.size for one in self.sums.values()))

    def drain(self) -> None:
        """Read to the end."""
        while self.read(_COPY_BYTES):
            pass

    def close(self) -> None:
        """Close the file that is open."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def find_parts(directory: Path, name: str) -> list[Path]:
    """Return the file of this name, or its parts in order; nothing when there is neither."""
    whole = directory / name
    if whole.exists():
        return [whole]
    numbered = {
        found[1]: path
        for path in directory.glob(f"{name}.*")
        if (found := whole_of(path.name)) is not None and found[0] == name
    }
    return [numbered[number] for number in sorted(numbered)]


def split(path: Path, size: int, watch: Watch = ignore) -> list[Path]:
    """Split a file into parts of `size` bytes, the last one being shorter, and return them.

    A file that is not larger stays as it is.
    """
    total = path.stat().st_size
    if total <= size:
        return [path]
    count = -(-total // size)
    for number in range(count, 1, -1):
        begin = (number - 1) * size
        _copy_tail(path, begin, path.with_name(part_name(path.name, number)), watch)
        os.truncate(path, begin)
    first = path.with_name(part_name(path.name, 1))
    path.replace(first)
    sync_directory(path.parent)
    return [path.with_name(part_name(path.name, number)) for number in range(1, count + 1)]


def join_in_place(path: Path, size: int, watch: Watch = ignore) -> None:
    """Undo `split`, even if that or an earlier joining was interrupted.

    Args:
        path: The whole file.
        size: The size of the parts, as it was given to `split`.
        watch: Is notified of progress while joining.
    """
    parts = {
        found[1]: part
        for part in path.parent.glob(f"{path.name}.*")
        if (found := whole_of(part.name)) is not None
    }
    remove_unfinished(path.parent)  # the part that was being cut off, which takes its room twice
    if 1 in parts and not path.exists():
        parts.pop(1).replace(path)
    if not path.exists() or not parts:
        return
    first = min(parts)
    with path.open("r+b") as whole:
        whole.truncate((first - 1) * size)
        whole.seek(0, os.SEEK_END)
        for number in range(first, max(parts) + 1):
            if number not in parts:
                break
            with parts[number].open("rb") as part:
                while chunk := part.read(_COPY_BYTES):
                    whole.write(chunk)
                    watch(len(chunk))
            whole.flush()
            os.fsync(whole.fileno())
            parts[number].unlink()


def join(parts: Iterable[Path], target: Path, expected: FileSum, watch: Watch = ignore) -> None:
    """Write the parts of a file as one, whole or not at all.

    Raises:
        IntegrityError: when they are not the file that they should be.
    """
    with replacing(target) as stream, contextlib.closing(PartsReader(parts, watch)) as reader:
        while chunk := reader.read(_COPY_BYTES):
            stream.write(chunk)
        if reader.whole != expected:
            raise IntegrityError(
                f"the parts of {target.name} do not add up to the file that was split",
                fix="Run: ckf-airgap verify DIR, which names the damaged part.",
            )


def _copy_tail(path: Path, begin: int, target: Path, watch: Watch) -> None:
    """Copy the end of a file into another one, whole or not at all."""
    with path.open("rb") as source, replacing(target) as stream:
        source.seek(begin)
        while chunk := source.read(_COPY_BYTES):
            stream.write(chunk)
            watch(len(chunk))
