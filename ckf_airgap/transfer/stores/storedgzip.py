"""A tar in a gzip file in which the place of every byte is known.

A gzip stream has no random access in general. This one has: the tar is laid out in deflate's stored
blocks (RFC 1951, 3.2.4), all of one length, and the gzip header's extra field says so (RFC 1952,
2.3.1.1). To everything else it is a plain gzip file of one member that was made with compression
level 0.

It exists because the guide of Charmed Kubeflow calls the archive ``images.tar.gz``. Layers are
compressed already, so that compressing them again would only cost time; and a file in which places
are known is written by several downloads at once, and read in place, as a plain tar is.

Everything here blocks on the disk.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import Final

from ckf_airgap.errors import IntegrityError
from ckf_airgap.transfer.stores.positioned import begin_writing_out, fill_from, read_at, write_at

BLOCK_BYTES: Final = 127 * 512
"""Bytes of the tar in each stored block but the last; whole tar records, below deflate's 65535."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
# RFC 1952, 2.3: deflate, with an extra field, no time (so that the bytes are always the same), no
# hint of the level, unknown system; then the 6 bytes of the extra field, with BLOCK_BYTES.
_GZIP_HEADER: Final = struct.pack(
    "<2sBBIBBH2sHH", _GZIP_MAGIC, 8, 4, 0, 0, 255, 6, b"CK", 2, BLOCK_BYTES
)
_TRAILER: Final = struct.Struct("<II")
_BLOCK_HEADER: Final = struct.Struct("<BHH")
_STEP: Final = BLOCK_BYTES + _BLOCK_HEADER.size

_VECTOR: Final = 1024
"""Pieces that one call may write (IOV_MAX of Linux)."""
_MOST_BLOCKS: Final = _VECTOR // 2  # a block is two pieces: its header, its bytes


def is_stored_gzip(start: bytes) -> bool:
    """Whether a file that begins like this is one of `StoredGzipFile`."""
    return start.startswith(_GZIP_HEADER)


class StoredGzipVolume:
    """A gzip file that `StoredGzipFile` wrote, read in place.

    Raises:
        IntegrityError: when its end is missing.
    """

    def __init__(self, fd: int, where: str, *, whole: bool = True) -> None:
        self._fd = fd
        self._where = where
        self._whole = whole
        around = len(_GZIP_HEADER) + (_TRAILER.size if whole else 0)
        body = os.fstat(fd).st_size - around
        self._blocks = -(-body // _STEP)
        self.size = body - self._blocks * _BLOCK_HEADER.size
        if not whole:
            return
        # All places follow from the file's size alone. If it was truncated, what seems to be the
        # last block is not: its header does not say so, or has another length.
        last = self.size - (self._blocks - 1) * BLOCK_BYTES
        found = os.pread(fd, _BLOCK_HEADER.size, _place(max(self._blocks - 1, 0) * BLOCK_BYTES))
        if body < _BLOCK_HEADER.size or found != _block_header(last, final=True):
            raise IntegrityError(
                f"{where} is truncated or damaged: its last block is not at its end",
                fix="Copy the file again.",
            )

    def pread(self, offset: int, count: int) -> bytes:
        """Return some of the uncompressed bytes."""
        buffer = bytearray(max(0, min(count, self.size - offset)))
        self.readinto(offset, memoryview(buffer))
        return bytes(buffer)

    def readinto(self, offset: int, buffer: memoryview) -> int:
        """Fill a buffer with uncompressed bytes; the headers between them are read elsewhere."""
        count = max(0, min(len(buffer), self.size - offset))
        at = 0
        while at < count:
            length = min(count - at, _MOST_BLOCKS * BLOCK_BYTES - (offset + at) % BLOCK_BYTES)
            self._scatter(offset + at, buffer[at : at + length])
            at += length
        return count

    def _scatter(self, offset: int, buffer: memoryview) -> None:
        """Read bytes of few enough blocks with one call, and check the headers of the blocks.

        The CRC-32 at the end of the file is over all of it, so reading in place cannot check it;
        blobs are hashed instead, and a wrong header shows damage in between.
        """
        first, inside = divmod(offset, BLOCK_BYTES)
        last = (offset + len(buffer) - 1) // BLOCK_BYTES
        size = _BLOCK_HEADER.size
        headers = memoryview(bytearray(size * (last - first + 1)))
        pieces = []
        at, room = 0, BLOCK_BYTES - inside
        for start in range(0, len(headers), size):
            pieces += [headers[start : start + size], buffer[at : at + room]]
            at, room = at + room, BLOCK_BYTES
        place = _place(offset - inside)
        if inside:  # the header of the first block does not precede the bytes that are wanted
            fill_from(self._fd, place, pieces[:1])
            del pieces[0]
            place += size + inside
        wanted = sum(map(len, pieces))
        if fill_from(self._fd, place, pieces) < wanted:
            raise IntegrityError(f"{self._where} ended while it was read")
        for number in range(first, last + 1):
            final = self._whole and number == self._blocks - 1
            length = self.size - number * BLOCK_BYTES if final else BLOCK_BYTES
            start = (number - first) * size
            if headers[start : start + size] != _block_header(length, final=final):
                raise IntegrityError(f"{self._where} is damaged in block {number} of its gzip")

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


class StoredGzipFile:
    """A tar in a gzip file of stored blocks of one length."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        write_at(fd, 0, _GZIP_HEADER)

    def pwrite(self, offset: int, data: bytes) -> None:
        """Write bytes, and the headers of their blocks."""
        view = memoryview(data)
        inside = offset % BLOCK_BYTES
        header = _block_header(BLOCK_BYTES, final=False)
        if inside:
            # The block may begin in bytes that another blob's writer has not written yet. All
            # blocks but the last have one length, so whoever comes first writes the same header.
            write_at(self.fd, _place(offset - inside), header)
        pieces: list[bytes | memoryview] = []
        at = 0
        while at < len(view):
            if not inside:
                pieces.append(header)
            pieces.append(view[at : at + BLOCK_BYTES - inside])
            at += BLOCK_BYTES - inside
            inside = 0
        place = _place(offset) + (_BLOCK_HEADER.size if offset % BLOCK_BYTES else 0)
        if len(pieces) > _VECTOR:
            write_at(self.fd, place, b"".join(pieces))
            return
        # Data and headers leave in one call, uncopied; a full disk or a network file system may
        # take only a part of it.
        written = os.pwritev(self.fd, pieces, place)
        if written < len(data) + sum(piece is header for piece in pieces) * len(header):
            write_at(self.fd, place + written, b"".join(pieces)[written:])

    def pread(self, offset: int, count: int) -> bytes:
        """Read bytes, without checking the headers between them."""
        pieces = []
        while count > 0:
            inside = offset % BLOCK_BYTES
            length = min(count, BLOCK_BYTES - inside)
            place = _place(offset) + (_BLOCK_HEADER.size if inside else 0)
            if not inside:
                place += _BLOCK_HEADER.size
            pieces.append(read_at(self.fd, place, length))
            offset += length
            count -= length
        return b"".join(pieces)

    def begin_writing_out(self, offset: int, count: int) -> None:
        """Have the system begin to bring bytes to the disk."""
        start = _place(offset)
        begin_writing_out(self.fd, start, _place(offset + count) - start)

    def checksum(self, data: bytes, before: int = 0) -> int:
        """Return the CRC-32, which ends a gzip file."""
        return zlib.crc32(data, before)

    def finish(self, size: int, checksum: int) -> None:
        """Mark the last block, and write the checksum after it."""
        start = (size - 1) // BLOCK_BYTES * BLOCK_BYTES
        write_at(self.fd, _place(start), _block_header(size - start, final=True))
        end = _place(start) + _BLOCK_HEADER.size + size - start
        # RFC 1952, 2.3.1: the size is modulo 2 ** 32.
        write_at(self.fd, end, _TRAILER.pack(checksum, size & 0xFFFFFFFF))
        os.ftruncate(self.fd, end + _TRAILER.size)


def combine_checksums(first: int, second: int, length: int) -> int:
    """Return the CRC-32 of two pieces one after the other, without their bytes.

    A gzip file ends with the CRC-32 of all its bytes in order, but the pieces are written in any
    order; so each has its own.

    Args:
        first: The CRC-32 of the first piece.
        second: The CRC-32 of the second one.
        length: The second one's length in bytes.

    The arithmetic is that of zlib's ``crc32_combine``, which Python 3.10 does not offer: the first
    checksum is multiplied by ``x ** (8 * length)`` modulo the polynomial.
    """
    power, bit = 1 << 31, 3  # x ** 0, bits reflected; a byte is 2 ** 3 bits
    while length:
        if length & 1:
            power = _multiply(_SQUARES[bit & 31], power)
        length >>= 1
        bit += 1
    return _multiply(power, first) ^ second


def _multiply(left: int, right: int) -> int:
    """Return the product of two polynomials modulo that of CRC-32, bits reflected."""
    product = 0
    for shift in range(31, -1, -1):
        if left >> shift & 1:
            product ^= right
        right = right >> 1 ^ (0xEDB88320 if right & 1 else 0)
    return product


def _squares() -> tuple[int, ...]:
    """Return x to the powers of two, modulo the polynomial."""
    powers = [1 << 30]
    while len(powers) < 32:
        powers.append(_multiply(powers[-1], powers[-1]))
    return tuple(powers)


_SQUARES: Final = _squares()


def _block_header(length: int, *, final: bool) -> bytes:
    if not 0 < length <= BLOCK_BYTES:
        return b""
    return _BLOCK_HEADER.pack(1 if final else 0, length, length ^ 0xFFFF)


def _place(offset: int) -> int:
    """Return where the byte at `offset` lies in the file, or its block's header if it is first."""
    blocks, inside = divmod(offset, BLOCK_BYTES)
    return len(_GZIP_HEADER) + blocks * _STEP + inside
