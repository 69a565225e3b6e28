"""Request bodies: hashed while they are streamed to a file, never held in memory."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from aiohttp import web

from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.users import User
from ckf_airgap.rehearsal.wire import BAD_REQUEST, ApiError

DEFAULT_LIMIT_BYTES: Final = 8 * 1024**3
"""The largest body accepted; charms and file resources are far smaller."""

_BLOCK_BYTES: Final = 1024 * 1024

Tap: TypeAlias = Callable[[int, bool], Awaitable[None]]
"""Is told how many bytes of a body have arrived, and whether that is all."""

TAP: Final[ContextVar[Tap | None]] = ContextVar("tap", default=None)
"""The `Tap` of the upload that is being served, if it has one."""

IGNORED: Final[ContextVar[bool]] = ContextVar("ignored", default=False)
"""Whether the resource that is being received is to be answered for, and dropped."""


@dataclass(slots=True, kw_only=True)
class Body:
    """A request body that has been received.

    Attributes:
        path: The file that holds it.
        size_bytes: Its size.
        sha256: Its SHA-256, hexadecimal.
        sha384: Its SHA-384, hexadecimal.
        made: What was created from it, once it is kept.
    """

    path: Path
    size_bytes: int = 0
    sha256: str = ""
    sha384: str = ""
    made: str = ""

    def keep(self, made: str) -> None:
        """Let the file outlive the request; the caller becomes responsible for removing it.

        Args:
            made: What was created from it: the charm URL, or ``application/resource``.
        """
        self.made = made

    @property
    def kept(self) -> bool:
        """Whether the file outlives the request."""
        return bool(self.made)


@asynccontextmanager
async def received(
    request: web.Request, directory: Path, model: Model, user: User, *, limit_bytes: int
) -> AsyncIterator[Body]:
    """Receive a request body into a file in `directory`, which is removed unless it is kept.

    The model records the upload, with what the ``with`` block created from it.

    Args:
        request: The request.
        directory: Where the file goes.
        model: The model it is uploaded to.
        user: The user who uploads it.
        limit_bytes: The largest size accepted.

    Raises:
        ApiError: when the body is larger than `limit_bytes`.
    """
    if (request.content_length or 0) > limit_bytes:
        raise _too_large(limit_bytes)
    handle, name = tempfile.mkstemp(prefix="upload-", dir=directory)
    body = Body(path=Path(name))
    try:
        with os.fdopen(handle, "wb") as file:
            sha256, sha384 = hashlib.sha256(), hashlib.sha384()

            def take(block: bytes) -> None:
                file.write(block)
                sha256.update(block)
                sha384.update(block)

            async for block in _blocks(request):
                body.size_bytes += len(block)
                if body.size_bytes > limit_bytes:
                    raise _too_large(limit_bytes)
                if len(block) < _BLOCK_BYTES // 16:
                    take(block)  # handing a small block to a thread costs more than hashing it
                else:
                    await asyncio.to_thread(take, block)
        body.sha256, body.sha384 = sha256.hexdigest(), sha384.hexdigest()
        refusal = ""
        try:
            yield body
        except ApiError as error:
            refusal = error.message
            raise
        finally:
            model.record_upload(
                method=request.method,
                path=request.path,
                size_bytes=body.size_bytes,
                sha256=body.sha256,
                made=body.made,
                refusal=refusal,
                user=user.name,
            )
    finally:
        if not body.kept:
            body.path.unlink(missing_ok=True)


async def _blocks(request: web.Request) -> AsyncIterator[bytes]:
    """Yield the body in blocks large enough to be worth handing to a thread."""
    gathered = bytearray()
    async for chunk in _chunks(request):
        gathered += chunk
        if len(gathered) >= _BLOCK_BYTES:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    """Yield the body as it arrives, after whoever listens has heard how much there is."""
    tap = TAP.get()
    seen = 0
    if tap is not None:
        await tap(seen, False)
    async for chunk in request.content.iter_any():
        seen += len(chunk)
        if tap is not None:
            await tap(seen, False)
        yield chunk
    if tap is not None:
        await tap(seen, True)


def _too_large(limit_bytes: int) -> ApiError:
    return ApiError(f"the body is larger than the {limit_bytes} bytes allowed", BAD_REQUEST)
