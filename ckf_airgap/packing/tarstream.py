"""Tars, written the same each time and read in one pass, trusting nothing that they say.

The reader takes regular files and directories and nothing else: what ckf-airgap writes has no
links, devices or sparse files. It never unpacks to a path of the archive's choosing; it hands out
names that were checked, and bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from ckf_airgap.documents import decimal
from ckf_airgap.errors import IntegrityError
from ckf_airgap.packing.names import safe_path

BLOCK: Final = 512
READ_BYTES: Final = 1024 * 1024

MAX_MEMBERS: Final = 1_000_000
"""Members that an archive may have."""

MAX_MEMBER_BYTES: Final = 1024**4
"""Bytes that a member may claim to have."""

MAX_EXTENSION_BYTES: Final = 64 * 1024
"""Bytes of a header that holds a long name."""

_REGULAR: Final = (b"0", b"\0", b"7")
_DIRECTORY: Final = b"5"
_KINDS: Final = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a pipe",
    b"S": "a sparse file",
}


class Readable(Protocol):
    """Bytes that come one after the other."""

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes; none at the end."""


@dataclass(frozen=True, slots=True)
class TarFile:
    """A regular file of a tar.

    Attributes:
        name: Its path, checked.
        size: Its bytes.
    """

    name: str
    size: int


class GzipReader:
    """What a gzip stream of one member holds (RFC 1952).

    Its checksum is compared at the end only, so that what is in an altered one can still be named.

    Args:
        raw: The stream.
        where: What it is called in messages.
    """

    def __init__(self, raw: Readable, where: str) -> None:
        self._raw = raw
        self._where = where
        self._inflater = zlib.decompressobj(-15)
        self._held = b""
        self._begun = self._ended = self._finished = False
        self._checksum = 0
        self._size = 0

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes.

        Raises:
            IntegrityError: when the stream is damaged, truncated, or followed by something else.
        """
        if not self._begun:
            self._begun = True
            self._header()
        while not self._ended:
            data = self._inflater.unconsumed_tail or self._held or self._raw.read(READ_BYTES)
            self._held = b""
            try:
                piece = self._inflater.decompress(data, count)
            except zlib.error as exc:
                raise IntegrityError(f"{self._where} is damaged: {exc}") from exc
            if not data and not piece and not self._inflater.eof:
                raise IntegrityError(f"{self._where} is truncated: its gzip stream has no end")
            self._checksum = zlib.crc32(piece, self._checksum)
            self._size += len(piece)
            self._ended = self._inflater.eof
            if piece:
                return piece
        if not self._finished:
            self._finished = True
            self._finish()
        return b""

    def _header(self) -> None:
        fixed = self._exactly(10)
        flags = fixed[3]
        if fixed[:3] != b"\x1f\x8b\x08" or flags & 0xE0:
            raise IntegrityError(f"{self._where} is not gzipped")
        if flags & 4:
            self._exactly(int.from_bytes(self._exactly(2), "little"))
        for flag in (8, 16):
            if flags & flag:
                for _ in range(MAX_EXTENSION_BYTES):
                    if self._exactly(1) == b"\0":
                        break
                else:
                    raise IntegrityError(f"{self._where} has an unterminated gzip header")
        if flags & 2:
            self._exactly(2)

    def _exactly(self, count: int) -> bytes:
        while len(self._held) < count:
            data = self._raw.read(READ_BYTES)
            if not data:
                raise IntegrityError(f"{self._where} is truncated: its gzip stream has no end")
            self._held += data
        piece, self._held = self._held[:count], self._held[count:]
        return piece

    def _finish(self) -> None:
        self._held = self._inflater.unused_data
        told = struct.unpack("<II", self._exactly(8))
        rest = self._held
        while rest or (rest := self._raw.read(READ_BYTES)):
            if rest.strip(b"\0"):
                raise IntegrityError(f"{self._where} has data after the end of its gzip stream")
            rest = b""
        if told != (self._checksum, self._size & 0xFFFFFFFF):
            raise IntegrityError(f"{self._where} is damaged: the checksum of its gzip differs")


class TarReader:
    """The files of a tar, one after the other.

    Args:
        stream: The tar.
        where: What it is called in messages.
        max_bytes: Bytes that all its files may have together.
    """

    def __init__(self, stream: Readable, where: str, max_bytes: int = MAX_MEMBER_BYTES) -> None:
        self._stream = stream
        self._where = where
        self._left_of_all = max_bytes
        self._left = 0
        self._padding = 0
        self._names: set[str] = set()

    def __iter__(self) -> Iterator[TarFile]:
        """Yield the files; read the bytes of each with `chunks` before the next.

        Raises:
            IntegrityError: when it is not a tar, is truncated, or has an unsafe member.
        """
        long_name: str | None = None
        long_size: int | None = None
        for _ in range(MAX_MEMBERS):
            for _chunk in self.chunks():
                pass
            header = self._exactly(BLOCK)
            if header == bytes(BLOCK):
                self._finish()
                return
            name, size, kind = self._header(header)
            if kind in (b"L", b"x", b"g"):
                content = self._extension(size)
                if kind == b"L":
                    long_name = self._text(content.rstrip(b"\0"))
                elif kind == b"x":
                    long_name, long_size = self._pax(content, long_name)
                continue
            name, long_name = long_name if long_name is not None else name, None
            size, long_size = long_size if long_size is not None else size, None
            path = safe_path(name, self._where)
            if kind == _DIRECTORY:
                self._skip(size)
                continue
            if kind not in _REGULAR:
                what = _KINDS.get(kind, f"of the unknown kind {kind!r}")
                raise IntegrityError(
                    f"{self._where}: the member {name[:200]!r} is {what}",
                    fix="Do not unpack it; ask where it comes from.",
                )
            if path in self._names:
                raise IntegrityError(f"{self._where} has the member {path!r} twice")
            self._names.add(path)
            self._claim(path, size)
            self._left, self._padding = size, -size % BLOCK
            yield TarFile(path, size)
        raise IntegrityError(f"{self._where} has more than {MAX_MEMBERS} members")

    def chunks(self) -> Iterator[bytes]:
        """Yield what is left of the bytes of the file that was yielded last."""
        while self._left:
            chunk = self._stream.read(min(self._left, READ_BYTES))
            if not chunk:
                raise IntegrityError(f"{self._where} is truncated within a member")
            self._left -= len(chunk)
            yield chunk
        if self._padding:
            padding, self._padding = self._padding, 0
            self._exactly(padding)

    def _claim(self, path: str, size: int) -> None:
        self._left_of_all -= size
        if size > MAX_MEMBER_BYTES or self._left_of_all < 0:
            raise IntegrityError(
                f"{self._where}: the member {path!r} claims an implausible size of {size} bytes"
            )

    def _header(self, header: bytes) -> tuple[str, int, bytes]:
        signed = header[:148] + b" " * 8 + header[156:]
        try:
            told = int(header[148:156].strip(b" \0") or b"0", 8)
        except ValueError:
            told = -1
        if told != sum(signed):
            raise IntegrityError(f"{self._where} is not a tar, or is damaged: a header is wrong")
        name = self._text(header[:100].partition(b"\0")[0])
        if header[257:262] == b"ustar" and header[257:265] != b"ustar  \0":
            prefix = self._text(header[345:500].partition(b"\0")[0])
            name = f"{prefix}/{name}" if prefix else name
        return name, self._number(header[124:136]), header[156:157]

    def _number(self, field: bytes) -> int:
        if field[0] & 0x80:
            if field[0] != 0x80:
                raise IntegrityError(f"{self._where} has a member with a negative size")
            return int.from_bytes(field[1:], "big")
        text = field.strip(b" \0")
        if text and not all(48 <= digit < 56 for digit in text):
            raise IntegrityError(f"{self._where} has a member whose size is not a number")
        return int(text or b"0", 8)

    def _pax(self, content: bytes, name: str | None) -> tuple[str | None, int | None]:
        """Return name and size of an extended header; refuse what would be a sparse file."""
        size: int | None = None
        while content:
            length, blank, _ = content.partition(b" ")
            count = decimal(length.decode("latin-1"))
            if not blank or count is None or not 3 < count <= len(content):
                raise IntegrityError(f"{self._where} has a damaged extended header")
            record, content = content[len(length) + 1 : count - 1], content[count:]
            key, equals, value = record.partition(b"=")
            if not equals:
                raise IntegrityError(f"{self._where} has a damaged extended header")
            if key == b"path":
                name = self._text(value)
            elif key == b"size":
                if not value.isdigit() or len(value) > 20:
                    raise IntegrityError(f"{self._where} has a member whose size is not a number")
                size = int(value)
            elif key.startswith(b"GNU.sparse") or key == b"linkpath":
                raise IntegrityError(f"{self._where} has a sparse file or a link")
        return name, size

    def _extension(self, size: int) -> bytes:
        if size > MAX_EXTENSION_BYTES:
            raise IntegrityError(f"{self._where} has a header of {size} bytes")
        content = self._exactly(size + -size % BLOCK)
        return content[:size]

    def _skip(self, size: int) -> None:
        if size:
            raise IntegrityError(f"{self._where} has a directory of {size} bytes")

    def _text(self, data: bytes) -> str:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as exc:
            raise IntegrityError(f"{self._where} has a name that is not UTF-8") from exc

    def _exactly(self, count: int) -> bytes:
        pieces = bytearray()
        while len(pieces) < count:
            piece = self._stream.read(count - len(pieces))
            if not piece:
                raise IntegrityError(f"{self._where} is truncated: the end of the tar is missing")
            pieces += piece
        return bytes(pieces)

    def _finish(self) -> None:
        """Read what follows the end: nothing but zeros may."""
        while piece := self._stream.read(READ_BYTES):
            if piece.strip(b"\0"):
                raise IntegrityError(f"{self._where} has data after its end")


def open_tar(
    raw: Readable, where: str, *, gzip: bool, max_bytes: int = MAX_MEMBER_BYTES
) -> TarReader:
    """Return the reader of a tar that is gzipped or not.

    Args:
        raw: The file.
        where: What it is called in messages.
        gzip: Whether it is gzipped.
        max_bytes: Bytes that all its files may have together.
    """
    return TarReader(GzipReader(raw, where) if gzip else raw, where, max_bytes)
