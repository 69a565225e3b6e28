"""Writes the archive that crosses the air gap: each blob once, straight to its final place.

A blob's size is known before its bytes come, so each gets its region of the tar when it is begun,
and several are filled at the same time. Nothing is copied afterwards: each byte is written once and
takes room on the disk once. The file is called ``FILE.part`` until it is complete; a journal next
to it records what is in it, and the next run continues there, even within a blob.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from ckf_airgap.concurrency import in_thread, in_thread_to_end
from ckf_airgap.errors import (
    AbsentError,
    IntegrityError,
    Problem,
    StorageFullError,
    TransferError,
    raise_all,
)
from ckf_airgap.files import disk_error, disk_errors, publish, resolved
from ckf_airgap.files.sizes import size_text
from ckf_airgap.transfer.oci import Descriptor, Digest, Manifest, Platform, parse_manifest
from ckf_airgap.transfer.stores.archive import READ_BYTES, Archive, blob_name
from ckf_airgap.transfer.stores.archivefiles import is_gzip_name, open_old, open_part, part_path
from ckf_airgap.transfer.stores.archivetail import DEFAULT_PLATFORM, Names, tail_members
from ckf_airgap.transfer.stores.journal import Journal, Region
from ckf_airgap.transfer.stores.region import RegionWriter, member_bytes, member_header
from ckf_airgap.transfer.stores.storedgzip import StoredGzipFile, combine_checksums
from ckf_airgap.transfer.stores.tarwriter import PlainFile, TarFileWriter
from ckf_airgap.transfer.tree import carried_platforms, read_tree

_RECORD_BYTES: Final = 10240


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSummary:
    """What `ArchiveWriter.finish` made.

    Attributes:
        path: The archive.
        size: Its bytes.
        images: How many images it names.
        blobs: How many blobs and manifests it holds.
        unused: Bytes of blobs in it that no image of it needs, from earlier runs.
        changed: Whether it was rewritten; False when the one that was there has all of it.
    """

    path: Path
    size: int
    images: int
    blobs: int
    unused: int
    changed: bool


@final
class ArchiveWriter:
    """An archive that is being written; a `BlobStore`.

    An archive of the same name from an earlier run stays until the new one is complete. What it
    has is taken from it instead of being fetched again. The same images make the same bytes, no
    matter how often writing was interrupted: `check_room` reserves places for all blobs, by digest.

    Attributes:
        path: The archive.
        assumed: Blobs that the other side has, and that may be missing here.
    """

    def __init__(
        self, path: Path, fd: int, file: TarFileWriter, journal: Journal, old: Archive | None
    ) -> None:
        self.assumed: frozenset[Digest] = frozenset()
        self.path = path
        self._part = part_path(path)
        self._fd = fd
        self._file = file
        self._journal = journal
        self._old = old
        self._given_up: list[Archive] = []
        self._regions: dict[Digest, Region] = {}
        self._left: list[Region] = []  # places of blobs that turned out to have another size
        self._verified: set[Digest] = set()
        self._references: dict[str, Descriptor] = {}
        self._end = 0
        self._published = False

    @classmethod
    def create(cls, path: Path, *, gzip: bool | None = None) -> ArchiveWriter:
        """Begin an archive, or continue one; blocks on the disk.

        Args:
            path: The archive; a symbolic link is followed.
            gzip: Whether it is gzipped; by default, what its name says.

        Raises:
            InputError: when what is there is not an archive of images.
            TransferError: when it cannot be written, or is being written by another run.
        """
        path = resolved(path) if path.is_symlink() else path
        if gzip is None:
            gzip = is_gzip_name(path)
        old = open_old(path)
        part = part_path(path)
        fd = -1
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fd = open_part(path)
            journal = Journal(part.with_name(f"{part.name}.journal"), gzip=gzip)
            # A journal without a file: a run was killed after naming the archive, before this went.
            records = journal.replay() if os.fstat(fd).st_size else []
            if not records:
                os.ftruncate(fd, 0)
            journal.start(fresh=not records)
            file = StoredGzipFile(fd) if gzip else PlainFile(fd)
            writer = cls(path, fd, file, journal, old)
            for digest, size, start, written, checksum in records:
                region = Region(digest=digest, size=size, start=start, header=_header(digest, size))
                region.written = size if checksum is not None else min(written, size)
                region.checksum = checksum
                writer._leave(digest)
                writer._regions[digest] = region
                writer._end = max(writer._end, region.end)
        except BaseException as exc:
            if fd >= 0:
                os.close(fd)
            if old is not None:
                old.close()
            if isinstance(exc, OSError):
                raise disk_error(exc, part) from exc
            raise
        return writer

    @property
    def before(self) -> Archive | None:
        """The archive that this one replaces."""
        return self._old

    def close(self) -> None:
        """Close the files, which stay for the next run unless they hold nothing."""
        if self._fd < 0:
            return
        if not self._regions:
            self._discard()
        self._journal.close()
        os.close(self._fd)
        self._fd = -1
        self._give_up_old()
        for old in self._given_up:
            old.close()
        self._given_up.clear()

    def __enter__(self) -> ArchiveWriter:
        """Return the writer, to be closed at the end of the block."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close it."""
        self.close()

    async def has(self, descriptor: Descriptor) -> bool:
        """Whether the blob is in this archive, or in the one that it replaces."""
        region = self._regions.get(descriptor.digest)
        if region is not None and region.finished:
            return region.size == descriptor.size
        return self._old is not None and await self._old.has(descriptor)

    async def read(self, descriptor: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        """Yield the bytes of a finished blob from `offset` on.

        Raises:
            AbsentError: when it is not here.
        """
        region = self._finished(descriptor.digest)
        if region is None:
            async for chunk in self._old_archive(descriptor.digest).read(descriptor, offset):
                yield chunk
            return
        while offset < region.size:
            count = min(READ_BYTES, region.size - offset)
            chunk = await in_thread(self._file.pread, region.data + offset, count)
            if not chunk:
                raise IntegrityError(f"{self._part} ends within the blob {region.digest}")
            offset += len(chunk)
            yield chunk

    async def verify(self, descriptor: Descriptor) -> bool:
        """Hash a blob of an earlier run; a damaged one is forgotten, so that it is fetched again.

        Raises:
            AbsentError: when it is not here.
            IntegrityError: when its digest or size differ.
        """
        region = self._finished(descriptor.digest)
        if region is None:
            old = self._old_archive(descriptor.digest)
            try:
                return await old.verify(descriptor)
            except IntegrityError:
                self._give_up_old()
                raise
        if descriptor.digest not in self._verified:
            if await in_thread(self._hash, region) != descriptor.digest:
                region.checksum = None
                region.written = 0
                self._journal.written(region)
                raise IntegrityError(f"the blob {descriptor.digest} in {self._part} is damaged")
            self._verified.add(descriptor.digest)
        return True

    async def manifest(self, digest: Digest) -> Manifest:
        """Return a manifest.

        Raises:
            AbsentError: when it is not here.
            IntegrityError: when its bytes are not what the digest says.
        """
        region = self._finished(digest)
        if region is None:
            return await self._old_archive(digest).manifest(digest)
        content = await in_thread(self._file.pread, region.data, region.size)
        return parse_manifest(content, expected=digest)

    async def references(self) -> Mapping[str, Descriptor]:
        """Return the images of the archive that this one replaces, and those named in this run."""
        return {**await self._names_before(), **self._references}

    @contextlib.asynccontextmanager
    async def writer(self, descriptor: Descriptor) -> AsyncIterator[RegionWriter]:
        """Write a blob into its region, continuing what an earlier run left of it."""
        region = self._regions.get(descriptor.digest)
        if region is None or region.size != descriptor.size:
            region = self._allocate(descriptor)
        region.checksum = None
        blob = RegionWriter(self._file, self._journal, self._part, region)
        await blob.resume()
        try:
            yield blob
        finally:
            if region.finished:
                self._verified.add(region.digest)
            else:
                blob.note()

    async def check_room(self, blobs: Iterable[Descriptor]) -> None:
        """Compare the bytes of `blobs` that are not here yet with the room on the disk.

        Their places in the archive are reserved, in the order of their digests.

        Raises:
            StorageFullError: when they do not fit.
        """
        wanted_blobs = tuple(blobs)
        wanted = {blob.digest: blob.size for blob in wanted_blobs}
        needed = sum(wanted.values()) + _RECORD_BYTES
        for digest in wanted.keys() & self._regions.keys():
            needed -= self._regions[digest].written
        changed = not await self._old_suffices(wanted)
        free = (await in_thread(shutil.disk_usage, self.path.parent)).free
        if changed and needed > free:
            raise StorageFullError(
                f"{self.path} needs {size_text(needed)} more, and its disk has {size_text(free)}",
                fix="Free some space there, or write to another directory.",
            )
        blobs_by_digest = {blob.digest: blob for blob in wanted_blobs}
        for digest in sorted(blobs_by_digest, key=str):
            if digest not in self._regions and not await self.has(blobs_by_digest[digest]):
                self._allocate(blobs_by_digest[digest])

    async def set_reference(self, reference: str, descriptor: Descriptor) -> None:
        """Name an image; ``index.json`` is written by `finish`."""
        self._references[reference] = descriptor

    async def finish(
        self,
        *,
        prefer: Platform = DEFAULT_PLATFORM,
        names: Names = lambda _reference: (),
        since: str = "",
    ) -> ArchiveSummary:
        """Write the end of the archive, and give it its name.

        Args:
            prefer: Which image of an index ``docker load`` gets.
            names: More names that ``docker load`` gives to an image.
            since: What the other side is said to have, if blobs are assumed to be there.

        Raises:
            AbsentError: when a blob of a named image is not here.
            IntegrityError: when one that an earlier run wrote is damaged.
            StorageFullError: when the disk is full; the next run continues.
        """
        needed = await self._reachable()
        if await self._old_is_same(needed):
            self._regions.clear()  # so that `close` removes the unused part
            return await self._summary(needed, changed=False)
        damaged: list[Problem] = []
        # What earlier runs wrote may have been damaged since: look before the archive is named.
        for descriptor in needed.values():
            try:
                if self._finished(descriptor.digest) is None:
                    await self._adopt(descriptor)
                await self.verify(descriptor)
            except IntegrityError as exc:
                damaged.append(Problem(exc.message))
        raise_all(
            IntegrityError,
            f"what earlier runs left of {self.path} is damaged",
            damaged,
            fix=f"Run the same command again with --recheck, or remove {self.path} first.",
        )
        named = dict(sorted(self._references.items()))  # by name: the same images, the same bytes
        tail = await tail_members(self, named, prefer=prefer, names=names, since=since)
        with disk_errors(self._part):
            await in_thread_to_end(lambda: self._finish(tail))
        return await self._summary(needed, changed=True)

    def _allocate(self, descriptor: Descriptor) -> Region:
        header = _header(descriptor.digest, descriptor.size)
        region = Region(
            digest=descriptor.digest, size=descriptor.size, start=self._end, header=header
        )
        try:
            self._journal.opened(region)
        except OSError as exc:
            raise disk_error(exc, self._part) from exc
        self._leave(region.digest)
        self._regions[region.digest] = region
        self._end = region.end
        return region

    def _leave(self, digest: Digest) -> None:
        """Give up the region of a blob that gets another one: its size was wrong in a manifest."""
        if digest in self._regions:
            self._left.append(region := self._regions.pop(digest))
            region.checksum = None

    def _finished(self, digest: Digest) -> Region | None:
        region = self._regions.get(digest)
        return region if region is not None and region.finished else None

    def _old_archive(self, digest: Digest) -> Archive:
        if self._old is None:
            raise AbsentError(f"{self._part} has no blob {digest}")
        return self._old

    def _give_up_old(self) -> None:
        """Take nothing more from the archive that this one replaces; it may still be being read."""
        if self._old is not None:
            self._given_up.append(self._old)
            self._old = None

    def _hash(self, region: Region) -> Digest:
        hasher = region.digest.hasher()
        for at in range(0, region.size, READ_BYTES):
            hasher.update(self._file.pread(region.data + at, min(READ_BYTES, region.size - at)))
        return Digest(region.digest.algorithm, hasher.hexdigest())

    async def _adopt(self, descriptor: Descriptor) -> None:
        """Copy a blob from the archive that this one replaces."""
        old = self._old_archive(descriptor.digest)
        async with self.writer(descriptor) as blob:
            async for chunk in old.read(descriptor, blob.offset):
                await blob.write(chunk)
            await blob.commit()

    async def _reachable(self) -> dict[Digest, Descriptor]:
        """Return everything that the named images need; `AbsentError` when it is not here."""
        found: dict[Digest, Descriptor] = {}
        for _name, descriptor in sorted(self._references.items()):
            top = await self.manifest(descriptor.digest)
            tree = await read_tree(self, top, carried_platforms(descriptor))
            found.update({one.digest: one.descriptor for one in tree.manifests})
            for blob in tree.blobs:
                if await self.has(blob):
                    found[blob.digest] = blob
                elif not blob.urls and blob.digest not in self.assumed:
                    raise AbsentError(f"{self._part} lacks the blob {blob.digest}")
        return found

    async def _old_is_same(self, needed: Mapping[Digest, Descriptor]) -> bool:
        if self._old is None or any(region.written for region in self._regions.values()):
            return False
        before = await self._names_before()
        now = self._references
        same = {name: one.digest for name, one in before.items()} == {
            name: one.digest for name, one in now.items()
        }
        return same and await self._old_suffices({one.digest: one.size for one in needed.values()})

    async def _names_before(self) -> Mapping[str, Descriptor]:
        """Return the images of the archive that this one replaces; none where names are unclear."""
        try:
            return {} if self._old is None else await self._old.references()
        except TransferError:
            return {}

    async def _old_suffices(self, wanted: Mapping[Digest, int]) -> bool:
        if self._old is None:
            return False
        members = self._old.blobs()
        return all(
            digest in members and members[digest].size == size for digest, size in wanted.items()
        )

    async def _summary(
        self, needed: Mapping[Digest, Descriptor], *, changed: bool
    ) -> ArchiveSummary:
        used = sum(one.end - one.start for one in (*self._regions.values(), *self._left))
        wanted = sum(
            region.end - region.start
            for digest, region in self._regions.items()
            if digest in needed
        )
        summary = ArchiveSummary(
            path=self.path,
            size=(await in_thread(self.path.stat)).st_size,
            images=len(self._references),
            blobs=len(needed),
            unused=used - wanted,
            changed=changed,
        )
        if changed:
            self._regions.clear()
        return summary

    def _finish(self, tail: list[tuple[str, bytes]]) -> None:
        self._drop_unfinished_end()
        for region in self._regions.values():
            if not region.finished:
                self._fill(region, blob_name(region.digest))
        for region in self._left:
            self._fill(region, f"{blob_name(region.digest)}-{region.start}")
        content = b"".join(member_bytes(name, data) for name, data in tail)
        # A tar ends with two empty blocks and is filled to whole records; GNU tar warns otherwise.
        size = self._end + len(content) + 1024
        content += bytes(1024 + -size % _RECORD_BYTES)
        self._file.pwrite(self._end, content)
        # The CRC-32 at the end of a gzip file is that of the whole tar. Blobs were written side by
        # side and in any order, some by earlier runs, so it is combined from theirs instead of
        # reading the archive once more.
        checksum = 0
        for region in sorted((*self._regions.values(), *self._left), key=lambda one: one.start):
            checksum = combine_checksums(checksum, region.checksum or 0, region.end - region.start)
        checksum = combine_checksums(checksum, self._file.checksum(content), len(content))
        self._file.finish(self._end + len(content), checksum)
        publish(self._fd, self._part, self.path)
        self._published = True
        self._journal.remove()

    def _drop_unfinished_end(self) -> None:
        """Forget unfinished regions at the end, which leave no gap that must be filled."""
        regions = (*self._regions.values(), *self._left)
        for region in sorted(regions, key=lambda one: -one.start):
            if region.finished:
                break
            if region in self._left:
                self._left.remove(region)
            else:
                del self._regions[region.digest]
        regions = (*self._regions.values(), *self._left)
        self._end = max((region.end for region in regions), default=0)

    def _fill(self, region: Region, name: str) -> None:
        """Make a region whose blob is not wanted any more a member of zeros.

        Readers of a tar walk from header to header, so that a gap without one would end it early.
        """
        region.header = member_header(name.replace("blobs/", "unused/", 1), region.size)
        self._file.pwrite(region.start, region.header)
        checksum = self._file.checksum(region.header)
        for at in range(region.data, region.end, READ_BYTES):
            zeros = bytes(min(READ_BYTES, region.end - at))
            self._file.pwrite(at, zeros)
            checksum = self._file.checksum(zeros, checksum)
        region.checksum = checksum

    def _discard(self) -> None:
        if self._published:
            return  # another run may have begun files of these names
        with contextlib.suppress(OSError):
            self._journal.remove()
            self._part.unlink(missing_ok=True)


def _header(digest: Digest, size: int) -> bytes:
    return member_header(blob_name(digest), size)
