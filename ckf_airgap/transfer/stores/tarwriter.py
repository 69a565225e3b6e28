"""A tar that is written in any order, by several threads at once."""

from __future__ import annotations

import os
from typing import Protocol

from ckf_airgap.transfer.stores.positioned import begin_writing_out, read_at, write_at


class TarFileWriter(Protocol):
    """A file that a tar is written into, at any offset, from several threads at once."""

    @property
    def fd(self) -> int:
        """The open file."""

    def pwrite(self, offset: int, data: bytes) -> None:
        """Write bytes of the tar at their offset."""

    def pread(self, offset: int, count: int) -> bytes:
        """Return bytes of the tar that were written."""

    def begin_writing_out(self, offset: int, count: int) -> None:
        """Have the system begin to bring bytes of the tar to the disk."""

    def checksum(self, data: bytes, before: int = 0) -> int:
        """Return the CRC-32 of bytes of the tar after those with the CRC-32 `before`."""

    def finish(self, size: int, checksum: int) -> None:
        """End the file after `size` bytes of the tar, whose CRC-32 is `checksum`."""


class PlainFile:
    """A tar as it is."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def pwrite(self, offset: int, data: bytes) -> None:
        """Write bytes."""
        write_at(self.fd, offset, data)

    def pread(self, offset: int, count: int) -> bytes:
        """Read bytes."""
        return read_at(self.fd, offset, count)

    def begin_writing_out(self, offset: int, count: int) -> None:
        """Have the system begin to bring bytes to the disk."""
        begin_writing_out(self.fd, offset, count)

    def checksum(self, data: bytes, before: int = 0) -> int:  # noqa: ARG002
        """Return 0: a plain tar has no checksum."""
        return 0

    def finish(self, size: int, checksum: int) -> None:  # noqa: ARG002
        """Cut the file to `size`."""
        os.ftruncate(self.fd, size)
