"""Lets the faults that a controller was asked for happen: on calls, on uploads, on its sockets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from typing import Any, Final, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler

from ckf_airgap.rehearsal.api.bodies import IGNORED, TAP
from ckf_airgap.rehearsal.api.faults import Fault, Faults
from ckf_airgap.rehearsal.api.ignored import ignored_reply
from ckf_airgap.rehearsal.api.session import Session
from ckf_airgap.rehearsal.wire import ApiError, Request

_RESOURCE: Final = re.compile(r"/model/[^/]+/applications/[^/]+/resources/[^/]+")
_UPLOADS: Final = re.compile(rf"(/model[/-][^/]+)?/charms(/[^/]+)?|{_RESOURCE.pattern}")


class Line(Protocol):
    """A websocket connection, as far as faults touch it."""

    @property
    def speaking(self) -> asyncio.Event:
        """Set unless a fault keeps it from reading and sending."""

    def abort(self) -> None:
        """Close the socket under it, without a word to the client."""

    def fall_silent(self, for_s: float | None) -> None:
        """Stop reading and sending, for some seconds or for ever."""


class Injection:
    """What a server asks before it serves something, and what then goes wrong.

    Args:
        faults: The faults.
        transports: Returns the transports of all connections.
        restart: Closes all connections and the port for a number of seconds.

    Attributes:
        running: Set unless a fault makes the whole controller hang.
    """

    def __init__(
        self,
        faults: Faults,
        *,
        transports: Callable[[], Iterable[asyncio.Transport]],
        restart: Callable[[float], None],
    ) -> None:
        self.running = asyncio.Event()
        self.running.set()
        self._faults = faults
        self._transports = transports
        self._restart = restart
        self._paused: list[asyncio.Transport] = []

    async def served(self, line: Line, session: Session, frame: str) -> str | None:
        """Serve a call, unless a fault is due at it; return the answer, or ``None`` for none.

        Raises:
            ValueError: when the frame is not a request; the connection has to be closed.
        """
        await self.running.wait()
        request = Request.parse(frame)
        fault = self._faults.at_call(request.facade, request.method)
        if fault is None:
            return await session.handle(frame)
        if fault.kind == "error":
            return request.refuse(ApiError(fault.message, fault.code))
        if fault.kind == "ignore":
            try:
                return request.answer(ignored_reply(session, request))
            except ApiError as error:
                return request.refuse(error)
        if fault.kind == "close":
            line.abort()
            return None
        if fault.kind == "lose-reply":
            await session.handle(frame)
            line.abort()
            return None
        if fault.kind == "restart":
            self._restart(fault.for_s or 0.0)
            return None
        if fault.kind == "silence":
            line.fall_silent(fault.for_s)
            await line.speaking.wait()
        else:
            await self._wait(fault)
        return await session.handle(frame)

    @web.middleware
    async def into_uploads(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Serve a request over HTTP, unless it is an upload that a fault is due at."""
        await self.running.wait()
        is_upload = request.method in ("POST", "PUT") and _UPLOADS.fullmatch(request.path)
        fault = self._faults.at_upload(request.path) if is_upload else None
        if fault is None:
            return await handler(request)
        if fault.kind == "ignore" and _RESOURCE.fullmatch(request.path):
            return await _with(IGNORED, True, request, handler)
        if fault.kind in ("ignore", "refuse"):
            if fault.after_body:
                async for _ in request.content.iter_any():
                    pass
            return web.Response(status=fault.status, text="a fault was asked for\n")
        if fault.kind == "lose-reply":
            response = await handler(request)
            _abort(request)
            return response
        if fault.kind == "delay":
            await self._wait(fault)
            return await handler(request)
        tap = _Tap(fault, lambda: self._strike(fault, request))
        return await _with(TAP, tap, request, handler)

    def close(self) -> None:
        """End the connections that hang, since the server stops: they cannot be closed in peace."""
        for transport in self._paused:
            transport.abort()
        self.running.set()

    async def _strike(self, fault: Fault, request: web.Request) -> None:
        """Do to an upload in progress what a fault says."""
        if fault.kind == "cut":
            _abort(request)
        elif fault.kind == "restart":
            self._restart(fault.for_s or 0.0)
        else:
            await self._wait(fault)
            return
        await asyncio.Event().wait()  # cancelled as soon as the connection is gone

    async def _wait(self, fault: Fault) -> None:
        """Wait as long as a fault says; a controller that hangs does nothing else meanwhile."""
        if fault.kind == "hang":
            self._hang(fault.for_s)
            await self.running.wait()
        elif fault.for_s is None:
            await asyncio.Event().wait()
        else:
            await asyncio.sleep(fault.for_s)

    def _hang(self, for_s: float | None) -> None:
        self.running.clear()
        for transport in self._transports():
            if transport.is_reading():
                transport.pause_reading()
                self._paused.append(transport)
        if for_s is not None:
            asyncio.get_running_loop().call_later(for_s, self._go_on)

    def _go_on(self) -> None:
        self.running.set()
        for transport in self._paused:
            if not transport.is_closing():
                transport.resume_reading()
        self._paused.clear()


class _Tap:
    """Hears how much of a body has arrived, and strikes once, where a fault says or at its end."""

    def __init__(self, fault: Fault, strike: Callable[[], Awaitable[None]]) -> None:
        self._fault = fault
        self._strike = strike
        self._struck = False

    async def __call__(self, received: int, is_all: bool) -> None:
        if not self._struck and (is_all or received >= self._fault.byte):
            self._struck = True
            await self._strike()


async def _with(
    variable: ContextVar[Any], value: object, request: web.Request, handler: Handler
) -> web.StreamResponse:
    """Serve a request while a variable has a value, which later ones must not inherit."""
    token = variable.set(value)
    try:
        return await handler(request)
    finally:
        variable.reset(token)


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
