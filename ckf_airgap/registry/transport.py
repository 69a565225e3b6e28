"""What carries images: the stores between two registries, and what a transfer tells.

A pull goes from registries into a `BlobStore`, a push from a `BlobSource` into a registry. An OCI
layout directory is one (`ckf_airgap.registry.layout`), and so is the archive that crosses the gap.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from ckf_airgap.errors import AirgapError
from ckf_airgap.registry.oci import Descriptor, Digest, Manifest


class BlobSource(Protocol):
    """Images that can be read: blobs and manifests by digest, and the names they go by."""

    async def has(self, descriptor: Descriptor) -> bool:
        """Whether the blob or manifest is here, whole: of the right size, and written to its end.

        Its bytes are not hashed again; `verify` does that.
        """

    def read(self, descriptor: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        """Yield the bytes of a blob from `offset` on, in chunks.

        Raises:
            TransferError: when the blob is not here, or is shorter than its descriptor says.
        """

    async def verify(self, descriptor: Descriptor) -> bool:
        """Hash a blob, unless this object has hashed it before.

        Returns:
            True when its digest and size are right; False when they can only be checked while it
            is read (a blob in a registry).

        Raises:
            IntegrityError: when digest or size differ.
            TransferError: when it is not here.
        """

    async def manifest(self, digest: Digest) -> Manifest:
        """Return a manifest, its digest checked.

        Raises:
            TransferError: when it is not here.
            IntegrityError: when its bytes are not what the digest says.
        """

    async def references(self) -> Mapping[str, Descriptor]:
        """Return the images by the references that they were stored under."""


class BlobWriter(Protocol):
    """One blob that is being written."""

    @property
    def offset(self) -> int:
        """How many bytes are here already; the next `write` continues after them."""

    async def write(self, chunk: bytes) -> None:
        """Append bytes.

        Raises:
            TransferError: when the disk is full or fails.
        """

    async def restart(self) -> None:
        """Forget all bytes that are here; `offset` is 0 again."""

    async def commit(self) -> None:
        """Make the blob count, once size and digest are what the descriptor says.

        Raises:
            IntegrityError: when they are not; then all its bytes are forgotten.
        """


class BlobStore(BlobSource, Protocol):
    """Images that can be written, too."""

    def writer(self, descriptor: Descriptor) -> AbstractAsyncContextManager[BlobWriter]:
        """Return a context in which a blob is written.

        What was written counts only after `BlobWriter.commit`. When the context is left without
        it, the bytes may be kept for a later writer of the same blob to continue from.
        At most one writer of a digest is open at a time.
        """

    async def check_room(self, blobs: Iterable[Descriptor]) -> None:
        """Compare the bytes of `blobs` that are not here yet with the room that is left.

        Raises:
            StorageFullError: when they do not fit, before anything is moved.
        """

    async def set_reference(self, reference: str, descriptor: Descriptor) -> None:
        """Name an image whose manifests and blobs are all here; done last.

        Args:
            reference: The name, which replaces what had it before.
            descriptor: Its top manifest.
        """


class Status(str, enum.Enum):
    """What became of an image."""

    COPIED = "copied"
    PRESENT = "present"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageResult:
    """What became of one image.

    Attributes:
        source: The reference that it was taken from.
        target: The reference that it was put under; the same as `source` for a pull.
        digest: The digest of its top manifest; ``None`` when that was never learnt.
        status: Whether it was copied, was there already, or failed.
        bytes_sent: Bytes of blobs that were moved for it; a blob that several images share counts
            for the one that moved it.
        error: Why it failed.
        notes: What the user should know beside it, such as a digest that differs.
    """

    source: str
    target: str
    digest: Digest | None = None
    status: Status
    bytes_sent: int = 0
    error: AirgapError | None = None
    notes: tuple[str, ...] = ()


class Way(str, enum.Enum):
    """How a blob came to be where it should be."""

    COPIED = "copied"
    MOUNTED = "mounted"
    PRESENT = "present"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesPlanned:
    """It is known which images are to be done; told once.

    Attributes:
        count: How many.
    """

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobsPlanned:
    """More blobs are known to be needed.

    Attributes:
        count: How many.
        size: Their bytes together.
    """

    count: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BytesMoved:
    """Bytes of a blob arrived, or were sent, that had not been before: never counted twice."""

    digest: Digest
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobDone:
    """A blob is where it should be.

    Attributes:
        descriptor: The blob.
        way: How it got there.
        resumed: Bytes of it that were there from an earlier run.
    """

    descriptor: Descriptor
    way: Way
    resumed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDone:
    """An image is done, or has failed."""

    result: ImageResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """A request failed and will be tried again.

    Attributes:
        what: What it was for.
        why: Why it failed.
        attempt: Which attempt failed, counted from 1.
        delay_s: Seconds until the next one.
    """

    what: str
    why: str
    attempt: int
    delay_s: float


Event: TypeAlias = "ImagesPlanned | BlobsPlanned | BytesMoved | BlobDone | ImageDone | Retrying"
"""What a transfer tells while it runs."""

Listener: TypeAlias = Callable[[Event], None]
"""Takes the events; called on the event loop, so it must return at once."""


def ignore(_event: Event) -> None:
    """Listen to nothing."""
