"""The connection of libjuju 3.6.1.3, replaced where it gets in the way.

The version is pinned exactly, and the project is archived upstream, so that what is overridden here
will not change. Nothing outside this module and `libjuju` uses libjuju's private parts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Final

import websockets
from juju import tag
from juju.client.connection import Connection, Monitor
from juju.errors import JujuAPIError, JujuAuthError, JujuError
from juju.version import CLIENT_VERSION
from macaroonbakery import httpbakery
from websockets.uri import parse_uri

from ckf_airgap.concurrency import run_to_end, timeout
from ckf_airgap.documents import Document
from ckf_airgap.juju.controller.api import UNAUTHORIZED, JujuTimeouts
from ckf_airgap.juju.controller.logins import as_login_field
from ckf_airgap.juju.controller.store import StoredController

_log: Final = logging.getLogger(__name__)

_GOODBYE_S: Final = 0.05
"""How long the other side may take to agree to the end of a connection. Nothing depends on it."""

_NOTICED_S: Final = 5.0
"""How long the end of a connection that is being closed may take at most."""


class NotSentError(ConnectionError):
    """A call was not sent: the connection was closed by then."""


class DirectConnection(Connection):  # type: ignore[misc]
    """A connection to a controller or a model that dials directly, and says when it breaks.

    libjuju's own obeys ``HTTPS_PROXY`` for its websocket but not for its uploads, after a failed
    dial awaits the same finished tasks again for a minute, and repeats or drops calls by itself
    when it breaks. This one leaves all that to whoever made it.

    Args:
        controller: The controller.
        model_uuid: The model; ``None`` for the controller itself.
        trust: Verifies the controller's certificate.
        timeouts: How long anything may take.
    """

    facades: dict[str, int]
    info: Any
    _receiver_task: asyncio.Task[None] | None
    _specified_facades: dict[str, Sequence[int]]
    _ws: Any

    def __init__(
        self,
        controller: StoredController,
        model_uuid: str | None,
        trust: ssl.SSLContext,
        timeouts: JujuTimeouts,
    ) -> None:
        self.uuid = model_uuid
        user = controller.user
        is_external = "@" in user and not user.endswith("@local")
        self.usertag = None if is_external else tag.user(user)
        self.password = controller.password
        self.macaroons = controller.macaroons
        self.cacert = controller.ca_cert
        self.trust = trust
        self.on_lost: Callable[[Exception], None] = _ignore
        """Is told when the connection breaks, with the reason; not when `close` ends it."""
        self.info = None
        """The controller's answer to the login."""
        self._timeouts = timeouts
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._closed: Any = None
        # What libjuju's own code reads of it; `Connection.connect` sets the same.
        self.addr: str | None = None
        self.endpoint: str | None = None
        self._ws = self.endpoints = None
        self.bakery_client = httpbakery.Client()
        self.facades = {}
        self.is_debug_log_connection = False
        self.max_frame_size = self.MAX_FRAME_SIZE
        self.monitor = Monitor(connection=self)
        self.proxy = None
        self.__request_id__ = 0
        self._debug_log_task = self._pinger_task = self._receiver_task = None
        self._specified_facades = {}

    async def open(self, sock: Any, endpoint: str) -> None:
        """Shake hands on an open socket and log in; also after the connection broke.

        Args:
            sock: The socket, which belongs to the connection from now on.
            endpoint: The address that it is connected to.
        """
        path = f"/model/{self.uuid}/api" if self.uuid else "/api"
        url = f"wss://{endpoint}{path}"
        self.addr, self.endpoint = url, endpoint
        try:
            parse_uri(url)
        except (ValueError, websockets.InvalidURI):
            sock.close()  # nobody else has it yet
            raise
        self._ws = await websockets.connect(
            url,
            sock=sock,
            ssl=self.trust,
            max_size=self.max_frame_size,
            compression=None,  # a controller has none
            open_timeout=None,
            close_timeout=_GOODBYE_S,
            ping_interval=self._timeouts.ping_s,
            ping_timeout=self._timeouts.silence_s,
        )
        self.monitor.close_called.clear()
        self._receiver_task = asyncio.create_task(self._receiver(), name="juju receiver")
        try:
            self.info = (await self.login())["response"]
            self._build_facades(self.info["facades"])
        except BaseException:
            await self.close()
            raise

    async def login(self) -> Any:
        """Log in; with the macaroons of the client store when there is no password.

        libjuju's own looks for macaroons below the address, where the ``juju`` client puts none,
        and asks in vain for a discharge, blocking the event loop, when they are not accepted.
        """
        if self.password:
            if self.usertag is None:
                raise JujuAuthError("an external user has no password")
            reply = await super().login()
            if reply["response"].get("discharge-required") is not None:
                raise JujuAuthError("a macaroon is asked for, although a password was given")
            return reply
        params = {
            "auth-tag": self.usertag,
            "macaroons": as_login_field(self.macaroons),
            "client-version": CLIENT_VERSION,
        }
        request = {"type": "Admin", "request": "Login", "version": 3, "params": params}
        reply = await self.rpc(request)
        refusal = reply["response"].get("discharge-required-error")
        if refusal is not None:
            refused = {"error": refusal, "error-code": UNAUTHORIZED, "response": {}}
            raise JujuAPIError({**refused, "request-id": reply["request-id"]})
        return reply

    async def request(
        self, facade: str, method: str, params: Document, *, watcher: str | None = None
    ) -> Document:
        """Return the response to a call, whatever errors are inside of it.

        Args:
            facade: The facade, one of `facades`.
            method: The method.
            params: As the API expects them.
            watcher: The id of the watcher whose method it is.

        Raises:
            JujuAPIError: when the call as a whole was refused.
            NotSentError: when the connection was closed already.
            ConnectionClosed: of `websockets`, when it broke before the answer was there.
        """
        message: dict[str, Any] = {
            "type": facade,
            "request": method,
            "version": self.facades[facade],
            "params": params,
        }
        if watcher is not None:
            message["id"] = watcher
        reply = await self._exchange(message, None)
        response: object = reply.get("response")
        if not isinstance(response, dict):
            raise TypeError("it is no mapping")
        return response

    async def rpc(self, msg: dict[str, Any], encoder: Any = None) -> dict[str, Any]:
        """Return the answer to a call as libjuju's own does: any error inside of it is raised.

        Raises:
            JujuAPIError: when the call as a whole was refused.
            JujuError: with the texts of the parts that were.
            ConnectionClosed: of `websockets`, when there is no connection.
        """
        msg.setdefault("params", {})
        if "version" not in msg:
            msg["version"] = self.facades[msg["type"]]
        reply = await self._exchange(msg, encoder)
        response = reply.get("response") or {}
        errors = [entry.get("error") for entry in response.get("results") or [response]]
        texts = [error["message"] for error in errors if error and error.get("message")]
        if texts:
            raise JujuError(texts)
        return reply

    async def reconnect(self) -> None:
        """Do nothing: whoever made the connection restores it."""

    async def close(self, to_reconnect: bool = False) -> None:  # noqa: ARG002 - libjuju's signature
        """Close, and leave neither an open transport nor a call that waits for its answer."""
        websocket = self._ws
        self.monitor.close_called.set()
        if websocket is None or websocket is self._closed:
            return
        self._closed = websocket
        receiver, self._receiver_task = self._receiver_task, None
        if receiver is not None:
            receiver.cancel()
        self._end_calls(websockets.ConnectionClosedOK(None, None))
        await run_to_end(_hang_up(websocket, receiver))

    def _get_ssl(self, _cert: str | None = None) -> ssl.SSLContext:
        """Return the one context: making another reads the CA again."""
        return self.trust

    async def _exchange(self, message: dict[str, Any], encoder: Any) -> dict[str, Any]:
        """Send a message, and return what is answered to it."""
        self.__request_id__ += 1
        number = message["request-id"] = self.__request_id__
        text = json.dumps(message, cls=encoder)
        if not self.is_open:
            await self._noticed()
            raise NotSentError
        _log.debug("-> %s.%s", message["type"], message["request"])
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            await self._ws.send(text)
            reply: dict[str, Any] = await future
        finally:
            self._waiting.pop(number, None)
            if not future.cancel() and not future.cancelled():
                future.exception()  # mark as retrieved: sending may have failed before
        if "error" in reply:
            raise JujuAPIError({"response": {}, **reply})
        return reply

    async def _receiver(self) -> None:
        """Hand each answer to the call that waits for it, until the connection ends."""
        websocket = self._ws
        try:
            while True:
                reply = json.loads(await websocket.recv())
                future = self._waiting.get(reply["request-id"])
                if future is not None and not future.done():
                    future.set_result(reply)
        except websockets.ConnectionClosed as exc:
            self._break(exc)
        except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as exc:
            websocket.transport.abort()  # what came is no answer, so nothing after it is, either
            self._break(exc)

    async def _noticed(self) -> None:
        """Return when it has been reported that the connection broke."""
        receiver = self._receiver_task
        if receiver is not None and receiver is not asyncio.current_task():
            await asyncio.wait([receiver], timeout=_NOTICED_S)

    def _break(self, error: Exception) -> None:
        self._end_calls(error)
        self.on_lost(error)

    def _end_calls(self, error: Exception) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error)


async def _hang_up(websocket: Any, receiver: asyncio.Task[None] | None) -> None:
    """End a websocket: say goodbye, and do not wait long for the answer."""
    with contextlib.suppress(Exception):  # it may be broken in any way
        async with timeout(_GOODBYE_S):
            await websocket.close()
    # Python 3.10 considers a transport that the peer has closed to be open.
    websocket.transport.abort()
    if receiver is not None:
        await asyncio.gather(receiver, return_exceptions=True)
    for _ in range(2):  # one turn of the event loop wakes the calls that have ended, the next ends
        await asyncio.sleep(0)


def _ignore(_error: Exception) -> None:
    """Ignore it."""


def server_version(connection: DirectConnection) -> str:
    """Return the controller's version."""
    info = connection.info
    return str(info.get("server-version")) if isinstance(info, dict) else "unknown"


def authorization(connection: DirectConnection) -> str:
    """Return the header with which uploads log in."""
    return str(connection._http_headers().get("Authorization", ""))  # noqa: SLF001


def trust(controller: StoredController) -> ssl.SSLContext:
    """Return what verifies a controller: the given CA without host name, else public trust.

    Raises:
        ssl.SSLError: when the CA is not PEM.
    """
    context = ssl.create_default_context(cadata=controller.ca_cert)
    if controller.ca_cert:
        context.check_hostname = False  # its certificate is for juju-apiserver at any address
    return context
