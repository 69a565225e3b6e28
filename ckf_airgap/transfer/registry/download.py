"""Downloads of blobs: streamed, and continued where they were interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Sequence
from typing import Final

import aiohttp

from ckf_airgap.documents import decimal
from ckf_airgap.errors import IntegrityError, StorageFullError, TransferError
from ckf_airgap.net.patience import TransientError
from ckf_airgap.transfer.events import BytesMoved, Listener
from ckf_airgap.transfer.oci import Descriptor
from ckf_airgap.transfer.protocols import BlobWriter
from ckf_airgap.transfer.registry.auth import pull_scope
from ckf_airgap.transfer.registry.remote import RemoteRegistry, merge_errors
from ckf_airgap.transfer.registry.session import Request
from ckf_airgap.transfer.stores.partial import CHUNK_BYTES

PROGRESS_BYTES: Final = 64 * 1024
"""Bytes that an attempt must bring to count as progress."""

_FIX: Final = (
    "The registry, or something between here and there, sends other bytes than the image's "
    "manifest says; none of them were kept. Have the image pushed there again, or try a mirror."
)
_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)\Z")


class Meter:
    """Reports to the listener how far a blob is, never the same bytes twice.

    Args:
        blob: The blob.
        listener: Is notified of progress.
        start: Bytes that were there before.
    """

    def __init__(self, blob: Descriptor, listener: Listener, start: int = 0) -> None:
        self._blob = blob
        self._listener = listener
        self._reached = start

    def at(self, offset: int) -> None:
        """Report that all bytes up to `offset` have been moved."""
        if offset > self._reached:
            moved = BytesMoved(digest=self._blob.digest, count=offset - self._reached)
            self._reached = offset
            self._listener(moved)


async def read_blob(
    registry: RemoteRegistry, repository: str, blob: Descriptor, offset: int = 0
) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of a blob from `offset` on, in chunks, even if the connection breaks.

    Nothing is hashed here, but the length is checked.

    Raises:
        AbsentError: when the registry has no such blob.
        IntegrityError: when it has another size.
        TransferError: when the registry refuses or fails.
    """
    what = f"the blob {blob.digest.short} of {repository}"
    patience = registry.session.patience(what)
    while offset < blob.size:
        begun = offset
        try:
            async with contextlib.aclosing(
                _attempt(registry, repository, blob, offset, what)
            ) as chunks:
                async for chunk in chunks:
                    offset += len(chunk)
                    yield chunk
            if offset == blob.size:
                return
            error = TransientError(
                f"the answer ended after {offset} of {blob.size} bytes", kind=IntegrityError
            )
        except TransientError as exc:
            error = exc
        if offset - begun >= PROGRESS_BYTES:
            patience.progressed()
        await patience.wait(error)


async def download_blob(
    sources: Sequence[tuple[RemoteRegistry, str]],
    blob: Descriptor,
    writer: BlobWriter,
    listener: Listener,
) -> int:
    """Fetch a blob into a writer, continuing what it has, and commit it.

    Args:
        sources: Registries and repositories that may have it, tried in order.
        blob: The blob.
        writer: Where it goes.
        listener: Is notified of progress.

    Returns:
        The bytes that came over the network and were kept.

    Raises:
        IntegrityError: when what arrives has another digest, twice from each source.
        StorageFullError: when the disk is full.
        TransferError: when no source has it.
    """
    meter = Meter(blob, listener, writer.offset)
    errors: list[TransferError] = []
    received = 0
    for registry, repository in sources:
        # Bytes of an earlier run may be what is wrong, so a second try starts from nothing.
        for _ in range(2):
            try:
                async with contextlib.aclosing(
                    read_blob(registry, repository, blob, writer.offset)
                ) as chunks:
                    async for chunk in chunks:
                        await writer.write(chunk)
                        received += len(chunk)
                        meter.at(writer.offset)
                await writer.commit()
            except IntegrityError as exc:
                name = f"{registry.host}/{repository}"
                errors.append(IntegrityError(f"{name}: {exc.message}", fix=_FIX))
                if writer.offset:
                    break  # the length was wrong; what was kept may still be right
            except StorageFullError:
                raise
            except TransferError as exc:
                errors.append(exc)
                break
            else:
                return received
    raise merge_errors(errors)


async def _attempt(
    registry: RemoteRegistry, repository: str, blob: Descriptor, offset: int, what: str
) -> AsyncGenerator[bytes, None]:
    """Yield what one request returns from `offset` on, in chunks of about `CHUNK_BYTES`."""
    request = Request(
        method="GET",
        url=f"/v2/{repository}/blobs/{blob.digest}",
        what=what,
        repository=repository,
        scopes=(pull_scope(repository),),
        accept=frozenset({200, 206, 416}),
        headers={"Range": f"bytes={offset}-"} if offset else {},
    )
    async with registry.session.open(request) as response:
        skip = _skip(response, blob, offset)
        left = blob.size - offset
        pieces: list[bytes] = []
        held = 0
        try:
            async for read in response.content.iter_any():
                piece = read[skip:]
                skip -= len(read) - len(piece)
                left -= len(piece)
                if left < 0:
                    raise TransientError(
                        f"the answer is longer than {blob.size} bytes", kind=IntegrityError
                    )
                pieces.append(piece)
                held += len(piece)
                if held >= CHUNK_BYTES:
                    yield b"".join(pieces)
                    pieces, held = [], 0
        except (aiohttp.ClientError, asyncio.TimeoutError, ConnectionError):
            if held:
                yield b"".join(pieces)
            raise
        if held:
            yield b"".join(pieces)


def _skip(response: aiohttp.ClientResponse, blob: Descriptor, offset: int) -> int:
    """Return how many bytes of an answer come before `offset`, which its headers must fit."""
    skip = 0
    if response.status == 416:
        raise TransientError(f"the blob there ends before byte {offset}", kind=IntegrityError)
    if response.status == 206:
        match = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
        if match is None or decimal(match[1]) != offset:
            raise TransientError("the answer is for another range than the one requested")
        if match[3] != "*" and decimal(match[3]) != blob.size:
            raise TransientError(
                f"it has {match[3]} bytes there instead of {blob.size}", kind=IntegrityError
            )
    else:
        skip = offset  # the server does not do ranges
    length, expected = response.content_length, blob.size - offset + skip
    if length is not None and length != expected:
        raise TransientError(
            f"it is announced with {length} bytes instead of {expected}", kind=IntegrityError
        )
    return skip
