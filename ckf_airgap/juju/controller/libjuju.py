"""libjuju 3.6.1.3, patched where its connection and model state get in the way.

The version is pinned exactly, and the project is archived upstream, so that what is overridden here
will not change. Nothing outside this module and `connection` uses libjuju's private parts.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import websockets
from juju.client.client import ModelInfo
from juju.client.connection import Connection
from juju.client.jujudata import FileJujuData
from juju.errors import JujuAPIError, JujuError
from juju.model import Model, ModelState
from juju.version import CLIENT_VERSION

from ckf_airgap.concurrency import run_to_end
from ckf_airgap.documents import Document
from ckf_airgap.juju.controller.api import UNAUTHORIZED
from ckf_airgap.juju.controller.logins import as_login_field
from ckf_airgap.juju.controller.store import StoredController
from ckf_airgap.juju.snapshots.modelfeed import ModelFeed

_log: Final = logging.getLogger(__name__)
_RETRY_S: Final = 0.5


class DirectConnection(Connection):  # type: ignore[misc]
    """A connection that dials directly, once, and reconnects when it breaks.

    libjuju's own obeys ``HTTPS_PROXY`` for its websocket but not for its uploads, and after a
    failed dial awaits the same finished tasks again, for a minute.
    """

    reconnect_s: float = 0.0
    """How long to try to reconnect; 0 until the first login has succeeded."""
    _receiver_task: asyncio.Task[None] | None
    _closed: Any = None
    macaroons: Mapping[str, str] = MappingProxyType({})
    """What lets a user in who has no password, as cookies."""
    is_final: bool = False
    """Whether it was closed on purpose, so that nothing may reconnect it."""

    async def _connect(self, endpoints: Sequence[tuple[str, str | None]]) -> None:
        """Dial the one address, in this task, so that cancelling leaves no dial behind."""
        endpoint, cacert = endpoints[0]
        path = f"/model/{self.uuid}/api" if self.uuid else "/api"
        url = f"wss://{endpoint}{path}"
        self._ws = await self._dial(url, self._get_ssl(cacert))
        self.addr, self.endpoint, self.cacert = url, endpoint, cacert
        if self._receiver_task is None:
            self._receiver_task = asyncio.create_task(self._receiver(), name="juju receiver")
        self.monitor.close_called.clear()

    async def _dial(self, url: str, context: ssl.SSLContext) -> Any:
        until = asyncio.get_running_loop().time() + self.reconnect_s
        while True:
            try:
                return await websockets.connect(
                    url, ssl=context, max_size=self.max_frame_size, proxy=None
                )
            except (OSError, websockets.WebSocketException):
                if self.is_final or asyncio.get_running_loop().time() >= until:
                    raise
                await asyncio.sleep(_RETRY_S)

    async def login(self) -> Any:
        """Log in; with the macaroons of the client store when it has no password.

        libjuju's own looks for macaroons below the address, where the ``juju`` client puts none,
        and asks in vain for a discharge, blocking the event loop, when they are not accepted.
        """
        if self.password:
            return await super().login()
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

    async def reconnect(self) -> None:
        """Reconnect, or leave the connection closed: libjuju asks for its status afterwards."""
        if self.is_final:
            return
        try:
            await super().reconnect()
        except (OSError, JujuError, websockets.WebSocketException) as exc:
            _log.debug("could not reconnect to %s: %s", self.endpoint, exc)

    async def close(self, to_reconnect: bool = False) -> None:
        """Close, and leave neither an open transport nor a call that waits for its answer.

        libjuju's own close swallows a cancellation of its caller, and leaves the tasks of
        unanswered calls behind for ever. Python 3.10 considers a transport that the peer has closed
        to be open.
        """
        websocket = self._ws
        if websocket is None or websocket is self._closed:
            # libjuju closes twice; the second time websockets aborts a transport that is gone,
            # which fails on Python 3.11 before 3.11.4 (Debian 12).
            return
        try:
            await run_to_end(super().close(to_reconnect))
        finally:
            self._closed = websocket
            websocket.transport.close()
            await self.messages.put_all(websockets.ConnectionClosedOK(None, None))
            # One turn of the event loop wakes those calls, in the next they end.
            for _ in range(2):
                await asyncio.sleep(0)

    async def close_finally(self) -> None:
        """Close for good, and wait for a reconnection in progress."""
        self.is_final = True
        async with self.monitor.reconnecting:
            await self.close()


class LeanState(ModelState):  # type: ignore[misc]
    """A model state without the history of every entity, which passes each delta to a feed.

    libjuju keeps each status that any unit ever had, so that memory grows for as long as a wait
    lasts. Two states are enough for its observers' old and new object.
    """

    def __init__(self, model: Model, feed: ModelFeed) -> None:
        super().__init__(model)
        self._feed = feed

    def apply_delta(self, delta: Any) -> Any:
        """Take one delta; return the object before and after."""
        histories = self.state.setdefault(delta.entity, {})
        histories.setdefault(delta.get_id(), collections.deque(maxlen=2))
        objects = super().apply_delta(delta)
        self._feed.apply(delta.entity, delta.data, removed=delta.type == "remove")
        return objects

    def clear(self) -> None:
        """Forget all entities: a new watcher does not report which are gone."""
        self.state.clear()


class WatchedModel:
    """A connected libjuju `Model` whose watcher outlives a broken connection.

    Args:
        name: The model's name.
        info: The response of ``ModelManager.ModelInfo``.
        connection: The connection to the model.
        juju_data: The client store.
    """

    def __init__(
        self, *, name: str, info: Document, connection: DirectConnection, juju_data: Path
    ) -> None:
        store = FileJujuData()
        store.path = str(juju_data)
        self.feed = ModelFeed(name)
        self.model = Model(jujudata=store)
        self._connection = connection
        self._state = LeanState(self.model, self.feed)
        self.model.state = self._state
        self.model._info = ModelInfo.from_json(info)  # noqa: SLF001 - spares a second connection
        self.model._connector._connection = connection  # noqa: SLF001 - ours dials directly

    @property
    def watcher(self) -> asyncio.Task[None]:
        """The task of libjuju that reads the watcher, once started."""
        task: asyncio.Task[None] = self.model._watcher_task  # noqa: SLF001
        return task

    async def start(self) -> None:
        """Watch, and return when the whole model is known."""
        await self.model._after_connect(model_uuid=self._connection.uuid)  # noqa: SLF001

    async def restart(self) -> None:
        """Watch again, and return when the whole model is known."""
        self.feed.interrupt()
        self._state.clear()
        self.model._watch()  # noqa: SLF001
        received = asyncio.ensure_future(self.model._watch_received.wait())  # noqa: SLF001
        try:
            await asyncio.wait((received, self.watcher), return_when=asyncio.FIRST_COMPLETED)
        finally:
            received.cancel()
        if received.done() and not received.cancelled():
            self.feed.resume()

    async def disconnect(self) -> None:
        """Stop the watcher and close the connection."""
        self.model._watch_received.set()  # noqa: SLF001 - or a cancelled `start` waits for ever
        try:
            await self.model.disconnect()
        finally:
            await self._connection.close_finally()


async def open_connection(
    controller: StoredController, endpoint: str, model_uuid: str | None = None
) -> DirectConnection:
    """Return a connection that is logged in, to the controller or to one of its models."""

    class LocalConnection(DirectConnection):
        """One that has the macaroons before libjuju logs in, which is while it is made."""

        macaroons = controller.macaroons

    connection: DirectConnection = await LocalConnection.connect(
        endpoint=endpoint,
        uuid=model_uuid,
        username=controller.user,
        password=controller.password,
        cacert=controller.ca_cert,
        retries=0,
    )
    return connection


def server_version(connection: DirectConnection) -> str:
    """Return the controller's version."""
    info: object = connection.info
    return str(info.get("server-version")) if isinstance(info, dict) else "unknown"


def authorization(connection: DirectConnection) -> str:
    """Return the header with which uploads log in."""
    return str(connection._http_headers().get("Authorization", ""))  # noqa: SLF001


def tls_context(connection: DirectConnection) -> ssl.SSLContext:
    """Return the context of the connection: the given CA without host name, else public trust."""
    context: ssl.SSLContext = connection._get_ssl(connection.cacert)  # noqa: SLF001
    return context


class _LoginIsSecret(logging.Filter):
    """Keeps the login out of libjuju's debug log, which would show the password."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record may be logged."""
        return '"request": "Login"' not in record.getMessage()


logging.getLogger("juju.client.connection").addFilter(_LoginIsSecret())
