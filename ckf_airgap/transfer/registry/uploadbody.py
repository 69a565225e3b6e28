"""The body of an upload, and whether its bytes are accepted."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from ckf_airgap.net.patience import TransientError


@dataclass(frozen=True, slots=True)
class Body:
    """The body of an upload.

    Attributes:
        chunks: Returns the bytes, from the start at each call.
        length: How many there are.
    """

    chunks: Callable[[], AsyncGenerator[memoryview, None]]
    length: int


class Reader:
    """Reads a blob in order for bodies that follow one another, so that it is opened once.

    Args:
        chunks: The bytes of the blob.
        position: Where in the blob they begin.

    Attributes:
        position: Where the next byte is.
    """

    def __init__(self, chunks: AsyncIterator[bytes], position: int) -> None:
        self.position = position
        self._chunks = chunks
        self._rest = memoryview(b"")

    async def take(self, most: int) -> memoryview:
        """Return the next bytes, `most` at most; none at the end."""
        if not self._rest:
            self._rest = memoryview(await anext(self._chunks, b""))
        taken, self._rest = self._rest[:most], self._rest[most:]
        self.position += len(taken)
        return taken

    async def close(self) -> None:
        """Close what is read from."""
        close = getattr(self._chunks, "aclose", None)
        if close is not None:
            await close()


class Feed:
    """Hands the chunks of a body to the HTTP client, and sees whether they are accepted.

    aiohttp hides an error that is raised in here, and waits forever for a peer that accepts no
    bytes; so the error is kept, and the waiting is watched.
    """

    def __init__(self, body: Body) -> None:
        self.length = body.length
        self.error: Exception | None = None
        self._chunks = body.chunks
        self._offered_at: float | None = None

    async def chunks(self) -> AsyncGenerator[memoryview, None]:
        """Yield the chunks."""
        try:
            async with contextlib.aclosing(self._chunks()) as chunks:
                async for chunk in chunks:
                    self._offered_at = time.monotonic()
                    yield chunk
                    self._offered_at = None
        except Exception as exc:
            self.error = exc
            raise

    async def watch(
        self, sending: Awaitable[aiohttp.ClientResponse], stall_s: float
    ) -> aiohttp.ClientResponse:
        """Return the response, unless the peer accepts no byte for `stall_s` seconds."""

        async def send() -> aiohttp.ClientResponse:
            return await sending

        task = asyncio.ensure_future(send())
        try:
            while not task.done():
                await asyncio.wait((task,), timeout=min(1.0, stall_s / 2))
                offered = self._offered_at
                stalled = offered is not None and time.monotonic() - offered > stall_s
                if stalled and not task.done():
                    raise TransientError(f"no byte was sent for {stall_s:g} s", unreachable=True)
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait((task,))
