"""The TLS port of the rehearsal controller, for websockets, uploads and downloads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from ckf_airgap.errors import ControllerError
from ckf_airgap.rehearsal.api.bodies import DEFAULT_LIMIT_BYTES
from ckf_airgap.rehearsal.api.charmuploads import CharmUploads
from ckf_airgap.rehearsal.api.debuglog import DebugLog
from ckf_airgap.rehearsal.api.faults import Faults
from ckf_airgap.rehearsal.api.halfopen import HalfOpenConnections
from ckf_airgap.rehearsal.api.injection import Injection
from ckf_airgap.rehearsal.api.locallogin import LocalLogin
from ckf_airgap.rehearsal.api.muxing import in_words_of_go
from ckf_airgap.rehearsal.api.registration import Registration
from ckf_airgap.rehearsal.api.resourceuploads import ResourceUploads
from ckf_airgap.rehearsal.api.session import Session
from ckf_airgap.rehearsal.api.tls import Certificates
from ckf_airgap.rehearsal.model.state import Address, ControllerState

log = logging.getLogger(__name__)

MAX_FRAME_BYTES: Final = 64 * 1024 * 1024
"""The largest request; python-libjuju accepts answers of the same size."""

_CLOSE_TIMEOUT_S: Final = 2.0
_BACKLOG: Final = 128

_TURNS_TO_ACCEPT: Final = 10
"""Iterations of the event loop before it stops listening. Until Python 3.12, asyncio loses a socket
that it accepted in the same iteration in which the listener is closed: for example that of a client
that only checks whether the port is open."""


class Server:
    """Listens, and creates a session for every connection.

    Args:
        controller: The state of the controller.
        certificates: The certificates to present to clients.
        faults: What is to go wrong.
        limit_bytes: The size of the largest upload that is accepted.
    """

    def __init__(
        self,
        controller: ControllerState,
        certificates: Certificates,
        faults: Faults,
        *,
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
    ) -> None:
        self._controller = controller
        self._certificates = certificates
        self._sockets: set[web.WebSocketResponse] = set()
        self._half_open = HalfOpenConnections()
        self._listener: asyncio.Server | None = None
        self._injection = Injection(faults, transports=self._transports, restart=self._restart)
        self._lines: set[_Connection] = set()
        self._restarts: set[asyncio.Task[None]] = set()
        self._where = Address(host="", port=0)
        app = web.Application(
            middlewares=[self._half_open.note, self._injection.into_uploads, in_words_of_go]
        )
        for path in ("/api", "/", "/model/{model_uuid}/api"):
            app.router.add_get(path, self._connect, allow_head=False)
        app.router.add_get("/health", _health)
        CharmUploads(controller, limit_bytes=limit_bytes).add_routes(app)
        LocalLogin(controller).add_routes(app)
        Registration(controller).add_routes(app)
        ResourceUploads(controller, limit_bytes=limit_bytes).add_routes(app)
        DebugLog(controller).add_routes(app)
        app.on_shutdown.append(self._close_sockets)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            handler_cancellation=True,
            shutdown_timeout=_CLOSE_TIMEOUT_S,
        )

    async def start(self, host: str, port: int) -> Address:
        """Start listening; return the address.

        Args:
            host: The address to listen on.
            port: The port; 0 for any free port.

        Raises:
            ControllerError: when the address cannot be used.
        """
        await self._runner.setup()
        try:
            bound = await self._listen(host, port)
        except OSError as error:
            await self.stop()
            raise ControllerError(
                f"the rehearsal controller cannot listen on {host}:{port}: {error.strerror}",
                fix="Give another --port, or 0 for any that is free.",
            ) from error
        self._half_open.start(self._served)
        self._where = Address(host=host, port=bound.port)
        return bound

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        for task in tuple(self._restarts):
            task.cancel()
        await asyncio.gather(*self._restarts, return_exceptions=True)
        await self._stop_listening()
        await self._half_open.stop()
        self._injection.close()
        for line in tuple(self._lines):
            if line.is_silent:
                line.abort()
        await self._runner.cleanup()

    @property
    def _served(self) -> web.Server:
        """What serves connections."""
        server = self._runner.server
        assert server is not None  # noqa: S101 - for mypy, `start` has set it up
        return server

    def _transports(self) -> list[asyncio.Transport]:
        """Return the transports of all connections."""
        found = (connection.transport for connection in self._served.connections)
        return [transport for transport in found if transport is not None]

    async def _listen(self, host: str, port: int) -> Address:
        """Listen; `OSError` when the address cannot be used."""
        context = await asyncio.to_thread(self._certificates.server_context)
        self._listener = await asyncio.get_running_loop().create_server(
            self._served,
            host,
            port,
            ssl=context,
            backlog=_BACKLOG,
            ssl_handshake_timeout=self._half_open.patience_s,
        )
        bound = self._listener.sockets[0].getsockname()
        return Address(host=bound[0], port=bound[1])

    async def _stop_listening(self) -> None:
        # Nobody is accepted any more, and who has been gets a transport, before it closes:
        # asyncio fails to make one after that, and leaves the socket open.
        loop = asyncio.get_running_loop()
        for socket in self._listener.sockets if self._listener is not None else ():
            loop.remove_reader(socket.fileno())
        for _ in range(_TURNS_TO_ACCEPT):
            await asyncio.sleep(0)
        if self._listener is not None:
            self._listener.close()

    def _restart(self, for_s: float) -> None:
        """Close every connection and the port, and open the port again after some seconds.

        Everything else goes on: the state is in memory, and units live by their own clock. A
        controller that is being restarted is not restarted once more.
        """
        if self._restarts:
            return
        task = asyncio.create_task(self._shut(for_s), name="restart")
        self._restarts.add(task)
        task.add_done_callback(self._restarted)

    def _restarted(self, task: asyncio.Task[None]) -> None:
        self._restarts.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._controller.failed(error)

    async def _shut(self, for_s: float) -> None:
        await self._stop_listening()
        for transport in self._transports():
            transport.abort()
        await asyncio.sleep(for_s)
        await self._listen(self._where.host, self._where.port)

    async def _close_sockets(self, _app: web.Application) -> None:
        closing = [
            socket.close(code=WSCloseCode.GOING_AWAY, message=b"the controller stops")
            for socket in self._sockets
        ]
        await asyncio.gather(*closing, return_exceptions=True)

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        """Serve a websocket until either side closes it."""
        socket = web.WebSocketResponse(
            compress=False, max_msg_size=MAX_FRAME_BYTES, timeout=_CLOSE_TIMEOUT_S
        )
        if not socket.can_prepare(request).ok:
            return web.Response(status=400, text="Bad Request\n")
        await socket.prepare(request)
        model_uuid = request.match_info.get("model_uuid")
        connection = _Connection(
            socket, request.transport, self._injection, failed=self._controller.failed
        )
        session = Session(
            controller=self._controller,
            model=self._controller.model(model_uuid) if model_uuid else None,
            model_uuid=model_uuid,
            host=request.host,
            disconnect=connection.close_soon,
        )
        self._sockets.add(socket)
        self._lines.add(connection)
        try:
            await connection.serve(session)
        finally:
            self._sockets.discard(socket)
            self._lines.discard(connection)
            session.close()
        return socket


class _Connection:
    """The frames of a websocket: each request is a task, and answers are sent once ready."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        injection: Injection,
        *,
        failed: Callable[[Exception], None],
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._injection = injection
        self._speaking = asyncio.Event()
        self._speaking.set()
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending = asyncio.Lock()

    async def serve(self, session: Session) -> None:
        """Answer requests until the socket closes, then cancel those still in progress."""
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    self._spawn(self._answer(session, message.data))
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def is_silent(self) -> bool:
        """Whether a fault keeps it from reading and sending."""
        return not self._speaking.is_set()

    @property
    def speaking(self) -> asyncio.Event:
        """Set unless a fault keeps it from reading and sending."""
        return self._speaking

    def abort(self) -> None:
        """Close the socket under it, without a word to the client."""
        if self._transport is not None:
            self._transport.abort()

    def fall_silent(self, for_s: float | None) -> None:
        """Stop reading and sending: even pings have no answer."""
        self._speaking.clear()
        if self._transport is not None:
            self._transport.pause_reading()
        if for_s is not None:
            asyncio.get_running_loop().call_later(for_s, self._speak)

    def _speak(self) -> None:
        self._speaking.set()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close_soon(self) -> None:
        """Close the connection from outside its own task, since its model has been removed."""
        if not self._socket.closed:
            self._spawn(self._close(WSCloseCode.GOING_AWAY))

    async def _answer(self, session: Session, frame: str) -> None:
        try:
            answer = await self._injection.served(self, session, frame)
        except ValueError as error:
            log.warning("closing a connection that sent no request: %s", error)
            await self._close(WSCloseCode.UNSUPPORTED_DATA)
            return
        if answer is None:
            return
        await self._speaking.wait()
        await self._injection.running.wait()
        async with self._sending:
            if not self._socket.closed:
                await self._socket.send_str(answer)

    async def _close(self, code: WSCloseCode) -> None:
        await self._socket.close(code=code)

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> None:
        task: asyncio.Task[None] = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, ConnectionError):
            log.debug("a connection failed: %s", error)
        elif isinstance(error, Exception):
            self._failed(error)


async def _health(_request: web.Request) -> web.Response:
    """Answer that the controller is up."""
    return web.Response(text="running\n")
