"""The bytes of a tar by their offset, whatever lies around them: nothing, gzip, another tar.

A gzip stream has no random access in general. Ours has: `StoredGzipFile` lays the tar out in
deflate's stored blocks (RFC 1951, 3.2.4), all of one length, so that the place of each byte is
known, and notes so in the gzip header's extra field (RFC 1952, 2.3.1.1). To everything else it is
a plain gzip file of one member that was made with compression level 0. A gzip file of another make
is read through once, keeping the state of the decompressor now and then to start from later.

Everything here blocks on the disk.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from ckf_airgap.errors import AbsentError, IntegrityError

BLOCK_BYTES: Final = 127 * 512
"""Bytes of the tar in each stored block but the last; whole tar records, below deflate's 65535."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_HEADER: Final = struct.pack(
    "<2sBBIBBH2sHH", _GZIP_MAGIC, 8, 4, 0, 0, 255, 6, b"CK", 2, BLOCK_BYTES
)
_TRAILER: Final = struct.Struct("<II")
_BLOCK_HEADER: Final = struct.Struct("<BHH")
_STEP: Final = BLOCK_BYTES + _BLOCK_HEADER.size

_READ_BYTES: Final = 1024 * 1024
_CHECKPOINTS: Final = 1000
_CURSORS: Final = 8
_VECTOR: Final = 1024
"""Pieces that one call may write (IOV_MAX of Linux)."""
_OTHERS: Final = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


class Volume(Protocol):
    """Bytes that can be read anywhere; from several threads at once."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def pread(self, offset: int, count: int) -> bytes:
        """Return `count` bytes from `offset` on; fewer only at the end.

        Raises:
            IntegrityError: when what lies around them is damaged.
        """

    def close(self) -> None:
        """Close the file."""


def open_volume(path: Path, *, whole: bool = True) -> Volume:
    """Return the bytes of a tar, which may be gzipped.

    Args:
        path: The file.
        whole: Whether it must have its end.

    Raises:
        AbsentError: when the file cannot be opened.
        IntegrityError: when it is gzipped and damaged or cut, or compressed with something else.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as exc:
        raise AbsentError(f"cannot read the archive {path}: {exc.strerror}") from exc
    try:
        start = os.pread(fd, len(_GZIP_HEADER), 0)
        _refuse_others(start, path)
        if start == _GZIP_HEADER:
            return StoredGzipVolume(fd, str(path), whole=whole)
        if start.startswith(_GZIP_MAGIC) and whole:
            return InflateVolume(PlainVolume(fd), str(path))
        return PlainVolume(fd)
    except BaseException:
        os.close(fd)
        raise


class PlainVolume:
    """A file as it is."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.size = os.fstat(fd).st_size

    def pread(self, offset: int, count: int) -> bytes:
        """Return bytes of the file."""
        return _pread(self._fd, offset, count)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


class SubVolume:
    """A part of another volume, such as a tar in a tar; closing it leaves the other open."""

    def __init__(self, outer: Volume, offset: int, size: int) -> None:
        self._outer = outer
        self._offset = offset
        self.size = size

    def pread(self, offset: int, count: int) -> bytes:
        """Return bytes of the part."""
        return self._outer.pread(self._offset + offset, max(0, min(count, self.size - offset)))

    def close(self) -> None:
        """Do nothing."""


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
        last = self.size - (self._blocks - 1) * BLOCK_BYTES
        found = os.pread(fd, _BLOCK_HEADER.size, _place(max(self._blocks - 1, 0) * BLOCK_BYTES))
        if body < _BLOCK_HEADER.size or found != _block_header(last, final=True):
            raise IntegrityError(
                f"{where} is cut or damaged: its last block is not at its end",
                fix="Copy the file again.",
            )

    def pread(self, offset: int, count: int) -> bytes:
        """Return bytes of what the gzip file holds."""
        count = max(0, min(count, self.size - offset))
        if count == 0:
            return b""
        first, last = offset // BLOCK_BYTES, (offset + count - 1) // BLOCK_BYTES
        start = _place(first * BLOCK_BYTES)
        end = _place((offset + count - 1) // BLOCK_BYTES * BLOCK_BYTES) + _BLOCK_HEADER.size
        end += (offset + count - 1) % BLOCK_BYTES + 1
        raw = memoryview(_pread(self._fd, start, end - start))
        pieces = []
        for number in range(first, last + 1):
            at = (number - first) * _STEP
            final = self._whole and number == self._blocks - 1
            length = self.size - number * BLOCK_BYTES if final else BLOCK_BYTES
            if raw[at : at + _BLOCK_HEADER.size] != _block_header(length, final=final):
                raise IntegrityError(f"{self._where} is damaged in block {number} of its gzip")
            at += _BLOCK_HEADER.size
            skip = offset % BLOCK_BYTES if number == first else 0
            pieces.append(raw[at + skip : at + BLOCK_BYTES])
        return b"".join(pieces)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


@dataclass(frozen=True, slots=True)
class _State:
    """A decompressor that has given everything before `offset`, and where it goes on reading."""

    offset: int
    inflater: _Inflater
    position: int


class _Inflater(Protocol):
    """What :func:`zlib.decompressobj` gives."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes: ...
    def copy(self) -> _Inflater: ...


class InflateVolume:
    """A gzip file of any make: read through once, then from the nearest kept state.

    Raises:
        IntegrityError: when it is damaged or cut; the checksum of gzip is checked.
    """

    def __init__(self, raw: Volume, where: str) -> None:
        self._raw = raw
        self._where = where
        self._lock = threading.Lock()
        self._cursors: list[_State] = []
        self._kept = [_State(0, zlib.decompressobj(31), 0)]
        self.size = 0
        spacing = 4 * _READ_BYTES
        for state, _ in self._inflate(_State(0, zlib.decompressobj(31), 0)):
            self.size = state.offset
            if state.offset >= self._kept[-1].offset + spacing:
                self._kept.append(_State(state.offset, state.inflater.copy(), state.position))
                if len(self._kept) > _CHECKPOINTS:
                    self._kept = self._kept[::2]
                    spacing *= 2

    def pread(self, offset: int, count: int) -> bytes:
        """Return bytes of what the gzip file holds."""
        count = max(0, min(count, self.size - offset))
        if count == 0:
            return b""
        pieces: list[bytes] = []
        begin = self._nearest(offset)
        at = begin.offset
        for state, piece in self._inflate(begin, offset + count):
            if at + len(piece) > offset:
                wanted = piece[max(0, offset - at) : offset + count - at]
                pieces.append(wanted)
            at += len(piece)
            if at >= offset + count:
                if not state.inflater.eof:
                    self._keep(state)
                break
        return b"".join(pieces)

    def close(self) -> None:
        """Close the file."""
        self._raw.close()

    def _nearest(self, offset: int) -> _State:
        with self._lock:
            before = [state for state in self._kept if state.offset <= offset]
            best = before[-1]
            for cursor in self._cursors:
                if best.offset < cursor.offset <= offset:
                    best = cursor
            if best in self._cursors:
                self._cursors.remove(best)
                return best
        return _State(best.offset, best.inflater.copy(), best.position)

    def _keep(self, state: _State) -> None:
        with self._lock:
            self._cursors.append(state)
            del self._cursors[:-_CURSORS]

    def _inflate(self, state: _State, stop: int | None = None) -> Iterator[tuple[_State, bytes]]:
        """Yield pieces from a state on, each with the state after it; one ends at `stop`."""
        inflater, offset, position = state.inflater, state.offset, state.position
        while True:
            data = self._raw.pread(position, _READ_BYTES)
            try:
                wanted = _READ_BYTES if stop is None else min(_READ_BYTES, stop - offset)
                piece = inflater.decompress(data, max(wanted, 1))
            except zlib.error as exc:
                raise IntegrityError(
                    f"{self._where} is damaged: {exc}", fix="Copy the file again."
                ) from exc
            left = len(inflater.unused_data) if inflater.eof else len(inflater.unconsumed_tail)
            position += len(data) - left
            offset += len(piece)
            if inflater.eof:
                following = self._raw.pread(position, 1)
                if following not in (b"", b"\0"):
                    inflater = zlib.decompressobj(31)
                    yield _State(offset, inflater, position), piece
                    continue
                yield _State(offset, inflater, position), piece
                return
            if not data and not piece:
                raise IntegrityError(
                    f"{self._where} is cut: its gzip stream has no end", fix="Copy the file again."
                )
            yield _State(offset, inflater, position), piece


class TarFileWriter(Protocol):
    """A file that a tar is written into, at any offset, from several threads at once."""

    @property
    def fd(self) -> int:
        """The open file."""

    def pwrite(self, offset: int, data: bytes) -> None:
        """Write bytes of the tar at their offset."""

    def pread(self, offset: int, count: int) -> bytes:
        """Return bytes of the tar that were written."""

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
        _pwrite(self.fd, offset, data)

    def pread(self, offset: int, count: int) -> bytes:
        """Read bytes."""
        return _pread(self.fd, offset, count)

    def checksum(self, data: bytes, before: int = 0) -> int:  # noqa: ARG002
        """Return 0: nothing in a plain tar wants it."""
        return 0

    def finish(self, size: int, checksum: int) -> None:  # noqa: ARG002
        """Cut the file to `size`."""
        os.ftruncate(self.fd, size)


class StoredGzipFile:
    """A tar in a gzip file of stored blocks of one length."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        _pwrite(fd, 0, _GZIP_HEADER)

    def pwrite(self, offset: int, data: bytes) -> None:
        """Write bytes, and the headers of the blocks that they are in."""
        view = memoryview(data)
        inside = offset % BLOCK_BYTES
        header = _block_header(BLOCK_BYTES, final=False)
        if inside:
            _pwrite(self.fd, _place(offset - inside), header)
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
            _pwrite(self.fd, place, b"".join(pieces))
            return
        written = os.pwritev(self.fd, pieces, place)
        if written < len(data) + sum(piece is header for piece in pieces) * len(header):
            _pwrite(self.fd, place + written, b"".join(pieces)[written:])

    def pread(self, offset: int, count: int) -> bytes:
        """Read bytes; the headers between are not looked at."""
        pieces = []
        while count > 0:
            inside = offset % BLOCK_BYTES
            length = min(count, BLOCK_BYTES - inside)
            place = _place(offset) + (_BLOCK_HEADER.size if inside else 0)
            if not inside:
                place += _BLOCK_HEADER.size
            pieces.append(_pread(self.fd, place, length))
            offset += length
            count -= length
        return b"".join(pieces)

    def checksum(self, data: bytes, before: int = 0) -> int:
        """Return the CRC-32, which ends a gzip file."""
        return zlib.crc32(data, before)

    def finish(self, size: int, checksum: int) -> None:
        """Mark the last block, and write the checksum after it."""
        start = (size - 1) // BLOCK_BYTES * BLOCK_BYTES
        _pwrite(self.fd, _place(start), _block_header(size - start, final=True))
        end = _place(start) + _BLOCK_HEADER.size + size - start
        _pwrite(self.fd, end, _TRAILER.pack(checksum, size & 0xFFFFFFFF))
        os.ftruncate(self.fd, end + _TRAILER.size)


def combine_checksums(first: int, second: int, length: int) -> int:
    """Return the CRC-32 of two pieces one after the other.

    Args:
        first: The CRC-32 of the first piece.
        second: The CRC-32 of the second one.
        length: The second one's length in bytes.

    The arithmetic is that of zlib's ``crc32_combine``: the first checksum is multiplied by
    ``x ** (8 * length)`` modulo the polynomial.
    """
    power, bit = 1 << 31, 3
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


def _refuse_others(start: bytes, path: Path) -> None:
    """Refuse a compression that is not gzip."""
    for magic, name in _OTHERS.items():
        if start.startswith(magic):
            raise IntegrityError(
                f"{path} is compressed with {name}", fix=f"Unpack it with {name} -d first."
            )


def _block_header(length: int, *, final: bool) -> bytes:
    if not 0 < length <= BLOCK_BYTES:
        return b""
    return _BLOCK_HEADER.pack(1 if final else 0, length, length ^ 0xFFFF)


def _place(offset: int) -> int:
    """Return where the byte at `offset` lies in the file, or its block's header if it is first."""
    blocks, inside = divmod(offset, BLOCK_BYTES)
    return len(_GZIP_HEADER) + blocks * _STEP + inside


def _pread(fd: int, offset: int, count: int) -> bytes:
    data = os.pread(fd, count, offset)
    if len(data) == count or not data:
        return data
    pieces = [data]
    left = count - len(data)
    while left > 0:
        data = os.pread(fd, left, offset + count - left)
        if not data:
            break
        pieces.append(data)
        left -= len(data)
    return b"".join(pieces)


def _pwrite(fd: int, offset: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view = view[written:]
        offset += written
