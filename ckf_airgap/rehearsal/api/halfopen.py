"""Connections without a request: closed after a while, so that they do not pile up."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

PATIENCE_S: Final = 30.0
"""How long a client may take for TLS, and then for its first request."""

_TURNS: Final = 4
"""How many times the connections are checked during that time."""


class HalfOpenConnections:
    """Closes connections whose client has not sent a complete request.

    Args:
        patience_s: How long a client may take for its first request.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self.patience_s = patience_s
        self._asked: set[int] = set()
        self._since: dict[int, float] = {}
        self._task: asyncio.Task[None] | None = None

    @web.middleware
    async def note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Record that a connection has had a request."""
        self._asked.add(id(request.protocol))
        return await handler(request)

    def start(self, server: web.Server) -> None:
        """Start checking the connections of a server."""
        self._task = asyncio.create_task(self._watch(server), name="half-open connections")

    async def stop(self) -> None:
        """Stop checking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self, server: web.Server) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(self.patience_s / _TURNS)
            connections = {id(connection): connection for connection in server.connections}
            self._asked &= connections.keys()
            waiting = connections.keys() - self._asked
            self._since = {each: self._since.get(each, clock()) for each in waiting}
            for each, since in self._since.items():
                transport = connections[each].transport
                if transport is not None and clock() - since >= self.patience_s:
                    transport.abort()
