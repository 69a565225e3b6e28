"""What a transfer reports while it runs, and what became of each image."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from ckf_airgap.errors import AirgapError
from ckf_airgap.net.patience import Retrying
from ckf_airgap.transfer.oci import Descriptor, Digest


class ImageStatus(str, enum.Enum):
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
        notes: What else the user should know, such as a digest that differs.
    """

    source: str
    target: str
    digest: Digest | None = None
    status: ImageStatus
    bytes_sent: int = 0
    error: AirgapError | None = None
    notes: tuple[str, ...] = ()


class BlobWay(str, enum.Enum):
    """How a blob came to be where it should be."""

    COPIED = "copied"
    MOUNTED = "mounted"
    PRESENT = "present"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesPlanned:
    """It is known which images are to be done; sent once.

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
    way: BlobWay
    resumed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDone:
    """An image is done, or has failed."""

    result: ImageResult


TransferEvent: TypeAlias = (
    ImagesPlanned | BlobsPlanned | BytesMoved | BlobDone | ImageDone | Retrying
)
"""What a transfer reports while it runs."""


Listener: TypeAlias = Callable[[TransferEvent], None]
"""Takes the events; called on the event loop, so it must return at once."""


def ignore(_event: TransferEvent) -> None:
    """Listen to nothing."""
