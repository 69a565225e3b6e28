"""What is in a tar and where, trusting nothing that the tar says.

Nothing is ever unpacked to a name of the archive's choosing, so that a hostile member has nowhere
to go; a tar that tries is refused all the same, since the tools that come later would unpack it.
"""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ckf_airgap.errors import AbsentError, IntegrityError
from ckf_airgap.transfer.stores.volume import SubVolume, Volume

MAX_MEMBERS: Final = 1_000_000
"""Members that an archive may have; 1,000 images have some 20,000."""

MAX_NAME: Final = 4096
"""Characters that the name of a member may have (Linux' PATH_MAX)."""

_MAX_HEADER_READ: Final = 1024 * 1024
_MAX_LINKS: Final = 8
_CUT_FIX: Final = "Copy the file again."


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file of a tar.

    Attributes:
        name: Its path, without ``./`` in front.
        offset: Where its bytes begin.
        size: How many they are.
    """

    name: str
    offset: int
    size: int


class TarIndex:
    """The members of a tar.

    Args:
        volume: The bytes of the tar.
        where: What the tar is called in messages.
        members: Its regular files by name.
        links: The targets of its links by name.
    """

    def __init__(
        self, volume: Volume, where: str, members: Mapping[str, Member], links: Mapping[str, str]
    ) -> None:
        self.volume = volume
        self.where = where
        self.members = members
        self._links = links

    @classmethod
    def scan(cls, volume: Volume, where: str, *, whole: bool = True) -> TarIndex:
        """Read the headers of a tar; blocks on the disk.

        Args:
            volume: The bytes of the tar.
            where: What it is called in messages.
            whole: Whether it must have its end; if not, what comes before the damage is returned.

        Raises:
            IntegrityError: when it is not a tar, is truncated, or has a member that leads out, is a
                device or a pipe, or is there twice.
        """
        members: dict[str, Member] = {}
        links: dict[str, str] = {}
        try:
            end = _scan(volume, where, members, links)
            if volume.pread(end, 512) != bytes(512):
                raise _cut(where, "the blocks that end a tar are missing")
        except IntegrityError:
            if whole:
                raise
        return cls(volume, where, MappingProxyType(members), MappingProxyType(links))

    def find(self, name: str) -> Member | None:
        """Return a file by name, through links, or ``None``."""
        name = posixpath.normpath(name)
        for _ in range(_MAX_LINKS):
            if name in self.members:
                return self.members[name]
            if name not in self._links:
                return None
            name = self._links[name]
        return None

    def read(self, name: str, limit: int) -> bytes:
        """Return all bytes of a small file; blocks on the disk.

        Raises:
            AbsentError: when it is not there.
            IntegrityError: when it has more than `limit` bytes.
        """
        member = self.find(name)
        if member is None:
            raise AbsentError(f"{self.where} has no member {name}")
        if member.size > limit:
            raise IntegrityError(f"{self.where}: {name} has {member.size} bytes, more than {limit}")
        return self.volume.pread(member.offset, member.size)

    def part(self, member: Member) -> SubVolume:
        """Return the bytes of a member as a volume."""
        return SubVolume(self.volume, member.offset, member.size)


def _scan(volume: Volume, where: str, members: dict[str, Member], links: dict[str, str]) -> int:
    """Fill in the members of a tar, and return where the last one ends."""
    end = 0
    try:
        with tarfile.open(fileobj=_Stream(volume), mode="r:") as tar:
            for count, info in enumerate(_headers(tar), start=1):
                if count > MAX_MEMBERS:
                    raise IntegrityError(f"{where} has more than {MAX_MEMBERS} members")
                end = max(end, tar.offset)
                _add(info, where, members, links, volume.size)
    except tarfile.ReadError as exc:
        if "unexpected end" in str(exc) or "truncated" in str(exc):
            raise _cut(where, "it ends within a member") from exc
        raise IntegrityError(
            f"{where} is not a tar archive, or is damaged: {exc}",
            fix="Name what `ckf-airgap images save` wrote, or copy it again.",
        ) from exc
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as exc:
        raise IntegrityError(f"{where} is damaged: {exc}") from exc
    return end


def _add(
    info: tarfile.TarInfo,
    where: str,
    members: dict[str, Member],
    links: dict[str, str],
    size: int,
) -> None:
    """Fill in one member, if it is harmless."""
    name = _safe_name(info.name, where)
    if info.isdir():
        return
    if name in members or name in links:
        raise IntegrityError(f"{where} has two members named {name!r}")
    if info.issym():
        links[name] = _safe_name(posixpath.join(posixpath.dirname(name), info.linkname), where)
    elif info.islnk():
        links[name] = _safe_name(info.linkname, where)
    elif info.isreg() and not info.issparse():
        if info.size < 0 or info.offset_data + info.size > size:
            raise _cut(where, f"{name} reaches beyond the end of the file")
        members[name] = Member(name, info.offset_data, info.size)
    else:
        raise IntegrityError(
            f"{where} has a member that is not a file: {name!r} is of type {info.type!r}"
        )


def _headers(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (info := tar.next()) is not None:
        yield info
        tar.members.clear()  # type: ignore[attr-defined]  # flat memory; typeshed lacks it


class _Stream(io.RawIOBase):
    """A volume as the file that `tarfile` reads headers from; it never reads a member."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = (0, self._at, self._volume.size)[whence] + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return bytes; a header that claims to be huge is refused before it is in memory."""
        if not 0 <= size <= _MAX_HEADER_READ:
            raise tarfile.ReadError(f"a header of {size} bytes")
        data = self._volume.pread(self._at, size)
        self._at += len(data)
        return data


def _safe_name(name: str, where: str) -> str:
    """Return the normal form of a name that stays within the archive."""
    normal = posixpath.normpath(name)
    if (
        name.startswith("/")
        or normal == ".."
        or normal.startswith("../")
        or "\0" in name
        or len(name) > MAX_NAME
    ):
        raise IntegrityError(
            f"{where} has a member that leads out of it: {name[:200]!r}",
            fix="Do not unpack this archive; ask where it comes from.",
        )
    return normal


def _cut(where: str, why: str) -> IntegrityError:
    return IntegrityError(f"{where} is truncated: {why}", fix=_CUT_FIX)
