"""A store in memory that keeps, and enforces, the contract of `BlobStore`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field

from ckf_airgap.errors import AbsentError, IntegrityError, StorageFullError
from ckf_airgap.transfer.oci import Descriptor, Digest, Manifest, parse_manifest
from ckf_airgap.transfer.tree import PLATFORMS
from tests.images import Sample, digest_of

READ_BYTES = 10_000


def described(sample: Sample, **annotations: str) -> Descriptor:
    """Return the descriptor of an image's top manifest."""
    return Descriptor(
        sample.media_type, sample.digest, len(sample.content), annotations=annotations
    )


def blob(content: bytes, *, urls: tuple[str, ...] = ()) -> Descriptor:
    """Return the descriptor of some bytes."""
    return Descriptor("some/thing", Digest.of(content), len(content), urls=urls)


@dataclass
class MemoryStore:
    """Images in memory.

    Attributes:
        kept: The blobs and manifests that count.
        parts: What was written of others.
        names: The images by name.
        log: What was done, in order: ``commit DIGEST``, ``name NAME``.
        room: Bytes that fit in all; any number when ``None``.
        written: Bytes that were written, repeats included.
        knows_digests: Whether `verify` can hash, as a registry cannot.
        hashed: The blobs that were hashed.
        most_writers: How many were open at the same time.
    """

    kept: dict[Digest, bytes] = field(default_factory=dict)
    parts: dict[Digest, bytes] = field(default_factory=dict)
    names: dict[str, Descriptor] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    room: int | None = None
    written: int = 0
    knows_digests: bool = True
    hashed: list[Digest] = field(default_factory=list)
    most_writers: int = 0
    _open: set[Digest] = field(default_factory=set)

    def put(self, name: str, sample: Sample, **annotations: str) -> None:
        """Put a whole image in."""
        for content in (*sample.blobs.values(), *(one for _, one in sample.children)):
            self.kept[Digest.of(content)] = content
        self.kept[sample.digest] = sample.content
        self.names[name] = described(sample, **annotations)

    def damage(self, digest: str) -> None:
        """Flip a byte, as a disk does."""
        key = Digest.parse(digest)
        content = bytearray(self.kept[key])
        content[len(content) // 2] ^= 0xFF
        self.kept[key] = bytes(content)

    def holds(self, sample: Sample) -> bool:
        """Whether all of an image is here, byte for byte."""
        everything = {
            **sample.blobs,
            **{digest_of(content): content for _, content in sample.children},
            str(sample.digest): sample.content,
        }
        return everything.items() <= {str(key): text for key, text in self.kept.items()}.items()

    async def has(self, descriptor: Descriptor) -> bool:
        return len(self.kept.get(descriptor.digest, b"")) == descriptor.size and (
            descriptor.digest in self.kept
        )

    async def read(self, descriptor: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        content = self._content(descriptor)
        for start in range(offset, len(content), READ_BYTES):
            yield content[start : start + READ_BYTES]

    async def verify(self, descriptor: Descriptor) -> bool:
        content = self._content(descriptor)
        if not self.knows_digests:
            return False
        self.hashed.append(descriptor.digest)
        if blob(content).digest != descriptor.digest or len(content) != descriptor.size:
            raise IntegrityError(f"{descriptor.digest} is damaged here")
        return True

    async def manifest(self, digest: Digest) -> Manifest:
        if digest not in self.kept:
            raise AbsentError(f"there is no manifest {digest} here")
        return parse_manifest(self.kept[digest], expected=digest)

    async def references(self) -> Mapping[str, Descriptor]:
        return dict(self.names)

    @contextlib.asynccontextmanager
    async def writer(self, descriptor: Descriptor) -> AsyncIterator[MemoryWriter]:
        digest = descriptor.digest
        assert digest not in self._open, f"{digest} is written twice at the same time"
        self._open.add(digest)
        self.most_writers = max(self.most_writers, len(self._open))
        try:
            yield MemoryWriter(self, descriptor)
        finally:
            self._open.remove(digest)

    async def check_room(self, blobs: Iterable[Descriptor]) -> None:
        needed = sum(one.size for one in blobs if one.digest not in self.kept)
        if self.room is not None and needed > self.room:
            raise StorageFullError(f"{needed} bytes do not fit into {self.room}")

    async def set_reference(self, reference: str, descriptor: Descriptor) -> None:
        some = PLATFORMS in descriptor.annotations
        top = await self.manifest(descriptor.digest)
        for child in top.children:
            assert some or child.digest in self.kept, f"{reference} is named without a child"
        for one in top.blobs:
            assert one.urls or one.digest in self.kept, f"{reference} is named without a blob"
        self.names[reference] = descriptor
        self.log.append(f"name {reference}")

    def _content(self, descriptor: Descriptor) -> bytes:
        if descriptor.digest not in self.kept:
            raise AbsentError(f"there is no blob {descriptor.digest} here")
        return self.kept[descriptor.digest]


class MemoryWriter:
    """A blob that is being written into a `MemoryStore`."""

    def __init__(self, store: MemoryStore, descriptor: Descriptor) -> None:
        self._store = store
        self._descriptor = descriptor
        self._committed = False

    @property
    def offset(self) -> int:
        return len(self._store.parts.get(self._descriptor.digest, b""))

    async def write(self, chunk: bytes) -> None:
        assert not self._committed, "a blob is written on after its end"
        assert chunk, "nothing is written"
        digest = self._descriptor.digest
        self._store.parts[digest] = self._store.parts.get(digest, b"") + chunk
        self._store.written += len(chunk)

    async def restart(self) -> None:
        self._store.parts.pop(self._descriptor.digest, None)

    async def commit(self) -> None:
        digest = self._descriptor.digest
        content = self._store.parts.pop(digest, b"")
        if len(content) != self._descriptor.size or blob(content).digest != digest:
            raise IntegrityError(f"{len(content)} bytes that came are not {digest}")
        self._committed = True
        self._store.kept[digest] = content
        self._store.log.append(f"commit {digest}")
