"""A blob that is being written to its region of an archive, with the header that names it last."""

from __future__ import annotations

import contextlib
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ckf_airgap.concurrency import in_thread_to_end
from ckf_airgap.errors import IntegrityError
from ckf_airgap.files import disk_errors
from ckf_airgap.transfer.oci import Digest
from ckf_airgap.transfer.stores.journal import Journal, Region
from ckf_airgap.transfer.stores.partial import CHUNK_BYTES
from ckf_airgap.transfer.stores.tarwriter import TarFileWriter

NOTE_BYTES: Final = 8 * 1024 * 1024
"""Bytes of a blob after which the journal notes how far it is."""


def member_header(name: str, size: int) -> bytes:
    """Return the header of a tar member, the same on each machine and at each time."""
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = 0o644
    return info.tobuf(tarfile.GNU_FORMAT)


def member_bytes(name: str, content: bytes) -> bytes:
    """Return a whole member of a tar."""
    return member_header(name, len(content)) + content + bytes(-len(content) % 512)


class RegionWriter:
    """Fills a region of an archive; a `BlobWriter`.

    Args:
        file: The archive.
        journal: Its journal.
        path: The archive's path, for messages.
        region: The region.
    """

    def __init__(self, file: TarFileWriter, journal: Journal, path: Path, region: Region) -> None:
        self._file = file
        self._journal = journal
        self._path = path
        self._region = region
        self._noted = region.written
        self._clear()

    @property
    def offset(self) -> int:
        """How many bytes are here."""
        return self._region.written

    async def resume(self) -> None:
        """Hash what an earlier run wrote, to go on behind it."""
        await self._run(self._rehash)

    async def write(self, chunk: bytes) -> None:
        """Append bytes.

        Raises:
            IntegrityError: when there are more than the descriptor says; all are forgotten.
            StorageFullError: when the disk is full; the next run continues.
        """
        if self._region.written + len(chunk) > self._region.size:
            await self.restart()
            raise IntegrityError(
                f"the blob {self._region.digest} is longer than its {self._region.size} bytes"
            )
        await self._run(lambda: self._append(chunk))

    async def restart(self) -> None:
        """Forget all bytes."""
        self._region.written = 0
        self._clear()

    async def commit(self) -> None:
        """Write the header, which makes the blob count.

        Raises:
            IntegrityError: when digest or size differ; all bytes are forgotten.
            StorageFullError: when the disk is full.
        """
        region = self._region
        if region.written != region.size:
            raise IntegrityError(
                f"the blob {region.digest} ended after {region.written} of {region.size} bytes"
            )
        found = Digest(region.digest.algorithm, self._hasher.hexdigest())
        if found != region.digest:
            await self.restart()
            raise IntegrityError(f"the blob {region.digest} arrived with the digest {found}")
        await self._run(self._finish)

    def note(self) -> None:
        """Note in the journal how many bytes are here, unless the disk fails."""
        if self._noted != self._region.written:
            with contextlib.suppress(OSError):
                self._journal.written(self._region)
            self._noted = self._region.written

    def _clear(self) -> None:
        self._hasher = self._region.digest.hasher()
        self._checksum = self._file.checksum(self._region.header)

    def _rehash(self) -> None:
        at = 0
        while at < self._region.written:
            count = min(CHUNK_BYTES, self._region.written - at)
            chunk = self._file.pread(self._region.data + at, count)
            if not chunk:
                break
            self._hasher.update(chunk)
            self._checksum = self._file.checksum(chunk, self._checksum)
            at += len(chunk)
        self._region.written = at

    def _append(self, chunk: bytes) -> None:
        region = self._region
        self._file.pwrite(region.data + region.written, chunk)
        self._hasher.update(chunk)
        self._checksum = self._file.checksum(chunk, self._checksum)
        region.written += len(chunk)
        if region.written - self._noted >= NOTE_BYTES:
            self._journal.written(region)
            self._file.begin_writing_out(region.data + self._noted, region.written - self._noted)
            self._noted = region.written

    def _finish(self) -> None:
        region = self._region
        self._file.pwrite(region.start, region.header)
        self._file.pwrite(region.data + region.size, bytes(region.padding))
        self._file.begin_writing_out(region.data + self._noted, region.size - self._noted)
        region.checksum = self._file.checksum(bytes(region.padding), self._checksum)
        try:
            self._journal.finished(region)
        except OSError:
            region.checksum = None
            raise

    async def _run(self, work: Callable[[], None]) -> None:
        with disk_errors(self._path):
            await in_thread_to_end(work)
