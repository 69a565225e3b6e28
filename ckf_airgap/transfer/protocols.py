"""What carries images: the stores between two registries, and what a transfer reports.

A pull goes from registries into a `BlobStore`, a push from a `BlobSource` into a registry. An OCI
layout directory is one (`ckf_airgap.transfer.stores.layout`), and so is the archive that crosses
the gap.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from ckf_airgap.transfer.oci import Descriptor, Digest, Manifest


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
