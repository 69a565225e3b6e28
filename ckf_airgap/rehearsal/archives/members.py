"""Members of a zip archive as Go's ``archive/zip`` reads them, with its errors."""

from __future__ import annotations

import codecs
import posixpath
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Final

from ckf_airgap.rehearsal.archives.refusals import UnreadableCharmError

MAX_DOCUMENT_BYTES: Final = 4 * 1024 * 1024
"""The size of the largest document that is read."""

MAX_MEMBERS: Final = 200_000
MAX_UNPACKED_BYTES: Final = 16 * 1024**3
MAX_RATIO: Final = 200
"""How many times its own size an archive may unpack to; small archives may exceed it."""

NOT_A_ZIP: Final = "zip: not a valid zip file"

_LOCAL_HEADER: Final = struct.Struct("<4s22xHH")
_HAS_DESCRIPTOR: Final = 0x8
_CHUNK: Final = 1024 * 1024
_COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNIX: Final = (3, 19)
_MS_DOS: Final = (0, 11, 14)
_MS_DOS_DIRECTORY: Final = 0x10

DIRECTORY: Final = 1 << 31
SYMLINK: Final = 1 << 27
_TYPES: Final = {
    stat.S_IFDIR: DIRECTORY,
    stat.S_IFLNK: SYMLINK,
    stat.S_IFBLK: 1 << 26,
    stat.S_IFCHR: 1 << 26 | 1 << 21,
    stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24,
}
"""The bits of Go's ``FileMode`` for each file type; plain files have none."""


def check_limits(members: Sequence[zipfile.ZipInfo], size_bytes: int) -> None:
    """Refuse an archive that would fill a disk, or write outside its directory.

    A real controller accepts such archives: it drops ``..`` from paths, and unpacks the rest.

    Raises:
        UnreadableCharmError: saying why the archive is refused.
    """
    if len(members) > MAX_MEMBERS:
        raise UnreadableCharmError(
            f"the upload is not a charm: it has {len(members)} members (a zip bomb?)"
        )
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED_BYTES or unpacked > MAX_RATIO * max(size_bytes, _CHUNK):
        raise UnreadableCharmError(
            f"the upload is not a charm: {size_bytes} bytes would unpack to {unpacked} "
            "(a zip bomb?)"
        )
    for member in members:
        if member.filename.startswith("/") or ".." in member.filename.split("/"):
            raise UnreadableCharmError(
                f"the upload is not a charm: it holds the unsafe path {member.filename!r}"
            )


def clean_name(member: zipfile.ZipInfo) -> str:
    """Return a member's path without ``.``, empty parts and trailing slash, as ``path.Clean``."""
    return posixpath.normpath(member.filename) if member.filename else "."


def file_type(member: zipfile.ZipInfo) -> int:
    """Return the type bits of a member's ``FileMode``: `DIRECTORY`, `SYMLINK`, ..., or 0."""
    kind = 0
    if member.create_system in _UNIX:
        kind = _TYPES.get(stat.S_IFMT(member.external_attr >> 16), 0)
    elif member.create_system in _MS_DOS and member.external_attr & _MS_DOS_DIRECTORY:
        kind = DIRECTORY
    return kind | (DIRECTORY if member.filename.endswith("/") else 0)


def chunks(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the content of a member in chunks, never more than the central directory says.

    Raises:
        UnreadableCharmError: in Go's words, when it is damaged or its compression unsupported.
    """
    if member.compress_type not in _COMPRESSIONS:
        raise UnreadableCharmError("zip: unsupported compression algorithm")
    packed = _Packed(archive, member)
    size_bytes, checksum = 0, 0
    unpacked = packed.chunks() if member.compress_type == zipfile.ZIP_STORED else packed.inflated()
    for chunk in unpacked:
        size_bytes += len(chunk)
        checksum = zlib.crc32(chunk, checksum)
        if size_bytes > member.file_size:
            raise UnreadableCharmError(NOT_A_ZIP)
        yield chunk
    if size_bytes != member.file_size:
        raise UnreadableCharmError("unexpected EOF")
    is_known = member.CRC or member.flag_bits & _HAS_DESCRIPTOR
    if is_known and (checksum != member.CRC or not packed.descriptor_fits()):
        raise UnreadableCharmError("zip: checksum error")


class _Packed:
    """The bytes of a member as they are in the archive.

    Args:
        archive: The archive.
        member: The member.
    """

    def __init__(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
        if archive.fp is None:
            raise UnreadableCharmError(NOT_A_ZIP)
        self._file = archive.fp
        self._member = member
        header = self._read(member.header_offset, _LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size:
            raise UnreadableCharmError("unexpected EOF")
        signature, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
        if signature != b"PK\3\4":
            raise UnreadableCharmError(NOT_A_ZIP)
        self._start = member.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes

    def chunks(self) -> Iterator[bytes]:
        """Yield them in chunks."""
        position, end = self._start, self._start + self._member.compress_size
        while position < end:
            chunk = self._read(position, min(_CHUNK, end - position))
            if not chunk:
                return
            position += len(chunk)
            yield chunk

    def inflated(self) -> Iterator[bytes]:
        """Yield the inflated bytes in chunks of limited size."""
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            for chunk in self.chunks():
                pending = chunk
                while pending and not inflater.eof:
                    yield inflater.decompress(pending, _CHUNK)
                    pending = inflater.unconsumed_tail
                if inflater.eof:
                    return
        except zlib.error as exc:
            raise UnreadableCharmError(
                f"flate: corrupt input before offset {self._member.compress_size}"
            ) from exc
        raise UnreadableCharmError("unexpected EOF")

    def descriptor_fits(self) -> bool:
        """Whether the checksum after the content, if any, is that of the central directory."""
        if not self._member.flag_bits & _HAS_DESCRIPTOR:
            return True
        found = self._read(self._start + self._member.compress_size, 8)
        found = found[4:] if found[:4] == b"PK\7\x08" else found[:4]
        return found == struct.pack("<L", self._member.CRC)

    def _read(self, position: int, size_bytes: int) -> bytes:
        try:
            self._file.seek(position)
            return self._file.read(size_bytes)
        except (OSError, ValueError) as exc:
            raise UnreadableCharmError(NOT_A_ZIP) from exc


def content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return the content of a document; its declared size is not trusted.

    Raises:
        UnreadableCharmError: when it is damaged or too large.
    """
    data = bytearray()
    for chunk in chunks(archive, member):
        data += chunk
        if len(data) > MAX_DOCUMENT_BYTES:
            raise UnreadableCharmError(
                f'"{member.filename}" is larger than {MAX_DOCUMENT_BYTES} bytes, which is more '
                "than a rehearsal reads"
            )
    return bytes(data)


def decoded(data: bytes) -> str:
    """Return YAML as text: UTF-8, or UTF-16 with a byte order mark.

    Raises:
        UnreadableCharmError: when it is neither.
    """
    encoding = "utf-8"
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            encoding = name
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as exc:
        what = "invalid leading UTF-8 octet" if exc.reason == "invalid start byte" else ""
        raise UnreadableCharmError(f"yaml: {what or 'invalid trailing UTF-8 octet'}") from exc
