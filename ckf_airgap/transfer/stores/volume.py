"""The bytes of a tar by their offset, whatever lies around them: nothing, gzip, another tar.

A gzip file that another tool made is read through once, keeping the state of the decompressor
now and then to start from later.

Everything here blocks on the disk.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from ckf_airgap.errors import AbsentError, InputError, IntegrityError
from ckf_airgap.files import regular_descriptor
from ckf_airgap.transfer.stores.positioned import fill_from, read_at
from ckf_airgap.transfer.stores.storedgzip import StoredGzipVolume, is_stored_gzip

_GZIP_MAGIC: Final = b"\x1f\x8b"
_START_BYTES: Final = 64
_READ_BYTES: Final = 1024 * 1024
_CHECKPOINTS: Final = 1000
_CURSORS: Final = 8
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

    def readinto(self, offset: int, buffer: memoryview) -> int:
        """Fill a buffer from `offset` on, and return how many bytes came; fewer only at the end.

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
        AbsentError: when the file is not there.
        InputError: when it cannot be read, is not a regular file, or is compressed with something
            other than gzip.
        IntegrityError: when it is gzipped and damaged or truncated.
    """
    try:
        fd = regular_descriptor(path)
    except OSError as exc:
        gone = isinstance(exc, FileNotFoundError | NotADirectoryError)
        wrong = AbsentError if gone else InputError
        raise wrong(f"cannot read the archive {path}: {exc.strerror}") from exc
    try:
        start = os.pread(fd, _START_BYTES, 0)
        _refuse_others(start, path)
        if is_stored_gzip(start):
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
        return read_at(self._fd, offset, count)

    def readinto(self, offset: int, buffer: memoryview) -> int:
        """Fill a buffer with bytes of the file."""
        return fill_from(self._fd, offset, [buffer])

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

    def readinto(self, offset: int, buffer: memoryview) -> int:
        """Fill a buffer with bytes of the part."""
        return self._outer.readinto(self._offset + offset, buffer[: max(0, self.size - offset)])

    def close(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class _State:
    """A decompressor that has returned everything before `offset`, and where it reads on."""

    offset: int
    inflater: _Inflater
    position: int


class _Inflater(Protocol):
    """What :func:`zlib.decompressobj` returns."""

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
        IntegrityError: when it is damaged or truncated; the checksum of gzip is checked.
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

    def readinto(self, offset: int, buffer: memoryview) -> int:
        """Fill a buffer with what the gzip file holds."""
        data = self.pread(offset, len(buffer))
        buffer[: len(data)] = data
        return len(data)

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
                    f"{self._where} is truncated: its gzip stream has no end",
                    fix="Copy the file again.",
                )
            yield _State(offset, inflater, position), piece


def _refuse_others(start: bytes, path: Path) -> None:
    """Refuse a compression that is not gzip."""
    for magic, name in _OTHERS.items():
        if start.startswith(magic):
            raise InputError(
                f"{path} is compressed with {name}", fix=f"Unpack it with {name} -d first."
            )
