"""The archive that crosses the gap, read in place: an OCI image layout within a tar.

The same file satisfies stock tools: ``tar -xf``, ``skopeo copy oci-archive:FILE:NAME``, and
``docker load``. Blobs lie under ``blobs/ALGORITHM/HEX`` once; ``oci-layout``, ``manifest.json``
(for Docker) and ``index.json`` come last, so a tar that was cut short has no index.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Final, final

from ckf_airgap.concurrency import in_thread
from ckf_airgap.documents import JSONValue
from ckf_airgap.errors import AbsentError, IntegrityError
from ckf_airgap.transfer.names import named_images
from ckf_airgap.transfer.oci import (
    MAX_MANIFEST_BYTES,
    Descriptor,
    Digest,
    Manifest,
    descriptor_from_document,
    parse_manifest,
)
from ckf_airgap.transfer.stores.tarindex import Member, TarIndex
from ckf_airgap.transfer.stores.volume import open_volume

READ_BYTES: Final = 1024 * 1024
"""Bytes that are read from an archive at once."""

MAX_INDEX_BYTES: Final = 64 * 1024 * 1024
"""Size that ``index.json`` and ``manifest.json`` may have; an image takes some 500 bytes."""


SINCE: Final = "io.ckf-airgap.since"
"""The annotation of ``index.json`` that says what the other side has, when blobs are left out."""


def blob_name(digest: Digest) -> str:
    """Return the name of a blob's member."""
    return f"blobs/{digest.algorithm}/{digest.hexadecimal}"


@final
class Archive:
    """An archive with an OCI image layout; a `BlobSource`.

    Args:
        index: The members of the tar.
        entries: The descriptors of ``index.json``.
        since: What the other side was taken to have, when blobs were left out.
    """

    def __init__(self, index: TarIndex, entries: tuple[Descriptor, ...], since: str = "") -> None:
        self.where = index.where
        self.since = since
        self._index = index
        self._entries = entries
        self._verified: set[Digest] = set()

    @classmethod
    def open(cls, path: Path) -> Archive:
        """Open an archive; reads the headers of the tar, not the blobs. Blocks on the disk.

        Raises:
            AbsentError: when the file is not there.
            IntegrityError: when it is truncated, hostile, or holds no OCI image layout.
        """
        volume = open_volume(path)
        try:
            return cls.of(TarIndex.scan(volume, str(path)))
        except BaseException:
            volume.close()
            raise

    @classmethod
    def salvage(cls, path: Path) -> Archive:
        """Open what there is of a truncated archive, without names; blocks on the disk.

        Every blob is hashed, and those that are damaged are left out.
        """
        volume = open_volume(path, whole=False)
        try:
            index = TarIndex.scan(volume, str(path), whole=False)
            good = {
                member.name: member
                for digest, member in stored_blobs(index)
                if _is_good(index, member, digest)
            }
            return cls(TarIndex(volume, str(path), good, {}), ())
        except BaseException:
            volume.close()
            raise

    @classmethod
    def of(cls, index: TarIndex) -> Archive:
        """Return the archive that a tar is.

        Raises:
            IntegrityError: when it holds no OCI image layout.
        """
        if index.find("index.json") is None:
            raise IntegrityError(
                f"{index.where} holds no OCI image layout: it has no index.json",
                fix="If it should, it was truncated while being written or copied; do that again.",
            )
        return cls(index, _entries(index), _since(index))

    def close(self) -> None:
        """Close the file."""
        self._index.volume.close()

    def __enter__(self) -> Archive:
        """Return the archive, to be closed at the end of the block."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close it."""
        self.close()

    async def has(self, descriptor: Descriptor) -> bool:
        """Whether the blob is a member of the right size."""
        member = self._index.find(blob_name(descriptor.digest))
        return member is not None and member.size == descriptor.size

    async def read(self, descriptor: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        """Yield the bytes of a blob from `offset` on.

        Raises:
            AbsentError: when it is not here.
            IntegrityError: when it has another size.
        """
        member = self._member(descriptor.digest, descriptor.size)
        while offset < member.size:
            count = min(READ_BYTES, member.size - offset)
            chunk = await in_thread(self._index.volume.pread, member.offset + offset, count)
            if not chunk:
                raise IntegrityError(f"{self.where} ends within {member.name}")
            offset += len(chunk)
            yield chunk

    async def verify(self, descriptor: Descriptor) -> bool:
        """Hash a blob, unless this object did before.

        Raises:
            AbsentError: when it is not here.
            IntegrityError: when its digest or size differ.
        """
        if descriptor.digest not in self._verified:
            member = self._member(descriptor.digest, descriptor.size)
            await in_thread(self._verify, member, descriptor.digest)
            self._verified.add(descriptor.digest)
        return True

    async def manifest(self, digest: Digest) -> Manifest:
        """Return a manifest.

        Raises:
            AbsentError: when it is not here.
            IntegrityError: when its bytes are not what the digest says.
        """
        content = await in_thread(self._index.read, blob_name(digest), MAX_MANIFEST_BYTES)
        named = next((one.media_type for one in self._entries if one.digest == digest), None)
        try:
            return parse_manifest(content, named, expected=digest)
        except IntegrityError as exc:
            raise IntegrityError(f"{self.where} is damaged: {exc.message}", fix=exc.fix) from exc

    async def references(self) -> Mapping[str, Descriptor]:
        """Return the images of ``index.json`` that have a name.

        Raises:
            IntegrityError: when a name is that of different images.
        """
        return await named_images(self._entries, self.manifest, where=self.where)

    @property
    def size(self) -> int:
        """Bytes of the tar."""
        return self._index.volume.size

    def blobs(self) -> Mapping[Digest, Member]:
        """Return where each blob lies."""
        return dict(stored_blobs(self._index))

    def _member(self, digest: Digest, size: int) -> Member:
        member = self._index.find(blob_name(digest))
        if member is None and self.since:
            raise AbsentError(
                f"{self.where} has no blob {digest}: it was left out as part of {self.since}",
                fix=f"Bring {self.since} first: load and push its images, then these.",
            )
        if member is None:
            raise AbsentError(f"{self.where} has no blob {digest}")
        if member.size != size:
            raise IntegrityError(
                f"{self.where}: the blob {digest} has {member.size} bytes instead of {size}"
            )
        return member

    def _verify(self, member: Member, digest: Digest) -> None:
        found = hash_member(self._index, member, digest)
        if found != digest:
            raise IntegrityError(
                f"{self.where} is damaged: the blob {digest} has the digest {found}",
                fix="Copy the archive again; what has arrived intact is not sent again.",
            )


def stored_blobs(index: TarIndex) -> Iterator[tuple[Digest, Member]]:
    """Yield the members of a tar that are blobs of a layout by their names."""
    for name, member in index.members.items():
        folder, _, rest = name.partition("/")
        algorithm, slash, digits = rest.partition("/")
        if folder != "blobs" or not slash:
            continue
        try:
            yield Digest.parse(f"{algorithm}:{digits}"), member
        except IntegrityError:
            continue


def hash_member(index: TarIndex, member: Member, digest: Digest) -> Digest:
    """Return the digest that a member really has; blocks on the disk."""
    hasher = digest.hasher()
    buffer = memoryview(bytearray(min(READ_BYTES, member.size)))
    at = 0
    while at < member.size:
        count = index.volume.readinto(member.offset + at, buffer[: member.size - at])
        if not count:
            raise IntegrityError(f"{index.where} ends within {member.name}")
        hasher.update(buffer[:count])
        at += count
    return Digest(digest.algorithm, hasher.hexdigest())


def _is_good(index: TarIndex, member: Member, digest: Digest) -> bool:
    try:
        return hash_member(index, member, digest) == digest
    except IntegrityError:
        return False


def load_json(index: TarIndex, name: str) -> JSONValue:
    """Return the JSON document that a member is.

    Raises:
        AbsentError: when there is no such member.
        IntegrityError: when it is not JSON, or very large.
    """
    try:
        document: JSONValue = json.loads(index.read(name, MAX_INDEX_BYTES))
    except (ValueError, RecursionError) as exc:
        raise IntegrityError(f"{index.where}: {name} is not JSON: {exc}") from exc
    return document


def _since(index: TarIndex) -> str:
    document = load_json(index, "index.json")
    annotations = document.get("annotations") if isinstance(document, dict) else None
    since = annotations.get(SINCE) if isinstance(annotations, dict) else None
    return since if isinstance(since, str) else ""


def _entries(index: TarIndex) -> tuple[Descriptor, ...]:
    where = f"{index.where}: index.json"
    document = load_json(index, "index.json")
    manifests = document.get("manifests") if isinstance(document, dict) else None
    if not isinstance(manifests, list):
        raise IntegrityError(f"{where} has no list of manifests")
    return tuple(descriptor_from_document(entry, where=where) for entry in manifests)
