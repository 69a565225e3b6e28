"""A blob that is being written to a file: its digest counts before its name does."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from ckf_airgap.concurrency import in_thread_to_end
from ckf_airgap.errors import IntegrityError
from ckf_airgap.files import disk_errors, publish
from ckf_airgap.transfer.oci import Descriptor, Digest, Hasher

CHUNK_BYTES: Final = 1024 * 1024
"""Bytes that are read, hashed and handed on at once."""

PART_SUFFIX: Final = ".part"
"""Ends the name of a blob that is not finished."""


class PartialBlob:
    """A blob that is being written to its ``.part`` file; a `BlobWriter`.

    Args:
        path: Where the finished blob will be.
        descriptor: What it must be.
        stream: The open ``.part`` file, at its end.
        hasher: The hash of what is in it.
        offset: Its bytes.
    """

    def __init__(
        self, path: Path, descriptor: Descriptor, stream: BinaryIO, hasher: Hasher, offset: int
    ) -> None:
        self._path = path
        self._part = Path(stream.name)
        self._descriptor = descriptor
        self._stream = stream
        self._hasher = hasher
        self._offset = offset
        self.finished = False

    @classmethod
    def begin(cls, path: Path, descriptor: Descriptor) -> PartialBlob:
        """Open the ``.part`` file and hash what is in it; blocks on the disk."""
        part = path.with_name(path.name + PART_SUFFIX)
        with disk_errors(part):
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = part.open("a+b", buffering=0)
            try:
                if stream.seek(0, os.SEEK_END) > descriptor.size:
                    stream.truncate(0)
                stream.seek(0)
                hasher = hash_stream(stream, descriptor.digest)
                return cls(path, descriptor, stream, hasher, stream.tell())
            except BaseException:
                stream.close()
                raise

    @property
    def offset(self) -> int:
        """How many bytes are here."""
        return self._offset

    async def write(self, chunk: bytes) -> None:
        """Append bytes.

        Raises:
            IntegrityError: when there are more than the descriptor says; all are forgotten.
            StorageFullError: when the disk is full; what is whole stays, to be continued.
        """
        if self._offset + len(chunk) > self._descriptor.size:
            await self.restart()
            raise IntegrityError(
                f"the blob {self._descriptor.digest} is longer than its"
                f" {self._descriptor.size} bytes"
            )
        await self._run(self._append, chunk)

    async def restart(self) -> None:
        """Forget all bytes."""
        await self._run(self._truncate, b"")

    async def commit(self) -> None:
        """Give the blob its name.

        Raises:
            IntegrityError: when its digest or size differ; all bytes are forgotten.
            StorageFullError: when the disk is full.
        """
        if self._offset != self._descriptor.size:
            raise IntegrityError(
                f"the blob {self._descriptor.digest} ended after {self._offset} of"
                f" {self._descriptor.size} bytes"
            )
        found = self._hasher.hexdigest()
        if found != self._descriptor.digest.hexadecimal:
            await self.restart()
            raise IntegrityError(
                f"the blob {self._descriptor.digest} arrived with the digest"
                f" {self._descriptor.digest.algorithm}:{found}"
            )
        await self._run(self._finish, b"")

    def close(self) -> None:
        """Close the file; what is in it stays, unless it is empty."""
        with contextlib.suppress(OSError):
            self._stream.close()
        if self._offset == 0 and not self.finished:
            with contextlib.suppress(OSError):
                self._part.unlink()

    async def _run(self, work: Callable[[bytes], None], chunk: bytes) -> None:
        with disk_errors(self._part):
            await in_thread_to_end(lambda: work(chunk))

    def _append(self, chunk: bytes) -> None:
        left = memoryview(chunk)
        try:
            while left:
                left = left[self._stream.write(left) :]
        except OSError:
            with contextlib.suppress(OSError):
                self._stream.truncate(self._offset)
            raise
        self._hasher.update(chunk)
        self._offset += len(chunk)

    def _truncate(self, _chunk: bytes) -> None:
        self._stream.truncate(0)
        self._hasher = self._descriptor.digest.hasher()
        self._offset = 0

    def _finish(self, _chunk: bytes) -> None:
        publish(self._stream.fileno(), self._part, self._path)
        self.finished = True
        self._stream.close()


def file_size(path: Path) -> int | None:
    """Return the size of a file, or ``None`` when there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def hash_stream(stream: BinaryIO, digest: Digest) -> Hasher:
    """Return the hash of a file from its position to its end."""
    hasher = digest.hasher()
    while chunk := stream.read(CHUNK_BYTES):
        hasher.update(chunk)
    return hasher
