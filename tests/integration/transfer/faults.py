"""A proxy in front of a real registry that misbehaves as it is told, and counts bytes."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import aiohttp
from aiohttp import web
from yarl import URL

CHUNK = 64 * 1024

Handler: TypeAlias = Callable[["Exchange"], Awaitable[web.StreamResponse | None]]
"""Answers an exchange, or returns None to let it through (maybe changed)."""


@dataclass
class Exchange:
    """One request that goes through the proxy.

    Attributes:
        request: The request.
        cut_request_at: Bytes of its body after which the connection is cut.
        cut_answer_at: Bytes of the answer's body after which the connection is cut.
        rate: Bytes per second that flow, in either direction.
        corrupt: Whether one byte of the answer is changed.
        length_error: How many more bytes than there are the answer announces.
    """

    request: web.Request
    cut_request_at: int | None = None
    cut_answer_at: int | None = None
    rate: float | None = None
    corrupt: bool = False
    length_error: int = 0

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def path(self) -> str:
        return self.request.path

    @property
    def is_blob_get(self) -> bool:
        return self.method == "GET" and bool(re.search(r"/blobs/sha256:", self.path))

    @property
    def is_upload(self) -> bool:
        return "/blobs/uploads/" in self.path

    @property
    def is_data(self) -> bool:
        """Whether it sends bytes of a blob."""
        return self.is_upload and bool(self.request.content_length)


@dataclass
class Record:
    """What went through: method, path, status, and bytes of the bodies."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    status: int = 0
    received: int = 0
    sent: int = 0


class FaultProxy:
    """The proxy.

    Args:
        upstream: The registry's host; plain HTTP.

    Attributes:
        faults: Are asked in turn about each request.
        records: All requests.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.faults: list[Handler] = []
        self.records: list[Record] = []
        self.host = ""
        self._http: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self._port = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[FaultProxy]:
        """Serve while the block runs."""
        await self.up()
        try:
            yield self
        finally:
            await self.down()

    async def up(self) -> None:
        """Listen, at the same port as before."""
        self._http = aiohttp.ClientSession(
            auto_decompress=False, connector=aiohttp.TCPConnector(limit=0, force_close=True)
        )
        app = web.Application(client_max_size=1 << 40)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        assert site._server is not None
        sockets = site._server.sockets  # type: ignore[attr-defined]
        self._port = sockets[0].getsockname()[1]
        self.host = f"localhost:{self._port}"

    async def down(self) -> None:
        """Stop listening, and cut all connections."""
        if self._runner is not None and self._http is not None:
            await self._runner.cleanup()
            await self._http.close()
            self._runner = self._http = None

    def count(self, method: str, pattern: str = "") -> int:
        """Return how many requests of a method had a path that matches."""
        return sum(
            one.method == method and bool(re.search(pattern, one.path)) for one in self.records
        )

    @property
    def uploaded(self) -> int:
        """Bytes of blobs that were sent to the registry."""
        return sum(one.received for one in self.records if "/blobs/uploads/" in one.path)

    @property
    def downloaded(self) -> int:
        """Bytes of blobs that were sent from the registry."""
        return sum(
            one.sent for one in self.records if one.method == "GET" and "/blobs/sha256:" in one.path
        )

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        record = Record(
            request.method, request.path, request.rel_url.raw_query_string, dict(request.headers)
        )
        self.records.append(record)
        exchange = Exchange(request)
        for fault in list(self.faults):
            answer = await fault(exchange)
            if answer is not None:
                record.status = answer.status
                return answer
        return await self._forward(exchange, record)

    async def _forward(self, exchange: Exchange, record: Record) -> web.StreamResponse:
        request = exchange.request
        assert self._http is not None
        headers = {
            key: value
            for key, value in request.headers.items()
            if key.lower() not in ("transfer-encoding", "connection")
        }
        # A Docker Engine sends chunks, whose length it does not tell.
        data = self._body(exchange, record) if request.can_read_body else None
        # Of a client that takes this for a proxy, the path is a whole URL.
        path = re.sub(r"\Ahttp://[^/]*", "", request.raw_path)
        url = URL(f"http://{self.upstream}{path}", encoded=True)
        try:
            async with self._http.request(
                request.method, url, headers=headers, data=data, allow_redirects=False
            ) as answer:
                return await self._answer(exchange, record, answer)
        except aiohttp.ClientError:
            _cut(request)
            raise

    async def _body(self, exchange: Exchange, record: Record) -> AsyncIterator[bytes]:
        async for chunk in exchange.request.content.iter_chunked(CHUNK):
            record.received += len(chunk)
            cut = exchange.cut_request_at
            if cut is not None and record.received >= cut:
                yield chunk[: max(len(chunk) - (record.received - cut), 0)]
                _cut(exchange.request)
                raise ConnectionResetError
            if exchange.rate:
                await asyncio.sleep(len(chunk) / exchange.rate)
            yield chunk

    async def _answer(
        self, exchange: Exchange, record: Record, answer: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        request = exchange.request
        response = web.StreamResponse(status=answer.status)
        for key, value in answer.headers.items():
            if key.lower() not in ("transfer-encoding", "connection", "date"):
                response.headers.add(key, value)
        record.status = answer.status
        if exchange.length_error and answer.content_length is not None:
            response.content_length = answer.content_length + exchange.length_error
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        async for original in answer.content.iter_chunked(CHUNK):
            chunk = original
            if exchange.corrupt and record.sent == 0:
                chunk = bytes([chunk[0] ^ 1]) + chunk[1:]
            if exchange.rate:
                await asyncio.sleep(len(chunk) / exchange.rate)
            cut = exchange.cut_answer_at
            if cut is not None and record.sent + len(chunk) >= cut:
                await response.write(chunk[: cut - record.sent])
                record.sent = cut
                await asyncio.sleep(0.01)
                _cut(request)
                return response
            await response.write(chunk)
            record.sent += len(chunk)
        if exchange.length_error > 0:
            _cut(request)
        return response


def _cut(request: web.Request) -> None:
    """Cut the connection of a request."""
    if request.transport is not None:
        request.transport.abort()


@dataclass
class Times:
    """Says yes the first `count` times that it is asked about what matches."""

    matches: Callable[[Exchange], bool]
    count: int = 1
    seen: int = field(default=0)

    def __call__(self, exchange: Exchange) -> bool:
        if not self.matches(exchange) or self.seen >= self.count:
            return False
        self.seen += 1
        return True
