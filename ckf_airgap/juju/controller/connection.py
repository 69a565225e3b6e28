"""Connect to a model, with a message of its own for each way in which that can fail.

The connection is open for a block::

    async with connect(JujuTarget(model="kubeflow"), create_model=True) as session:
        await session.api.call("Client", "FullStatus", {"patterns": []})
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import websockets
from juju.errors import JujuAPIError, JujuError, JujuRedirectException

from ckf_airgap.concurrency import timeout
from ckf_airgap.documents import Document, decimal
from ckf_airgap.errors import ControllerError
from ckf_airgap.juju.controller.api import UNAUTHORIZED, Api, JujuTimeouts, LibjujuApi, odd_answer
from ckf_airgap.juju.controller.libjuju import (
    DirectConnection,
    WatchedModel,
    authorization,
    open_connection,
    server_version,
    tls_context,
)
from ckf_airgap.juju.controller.logins import as_header
from ckf_airgap.juju.controller.models import ModelEntry, find_model, model_info
from ckf_airgap.juju.controller.store import (
    JujuTarget,
    StoredController,
    read_controller,
    read_ssh_key,
)
from ckf_airgap.juju.snapshots.modelfeed import ModelFeed

_log: Final = logging.getLogger(__name__)

_BROKEN: Final = (OSError, JujuError, websockets.WebSocketException)
"""What ends a watcher whose connection breaks."""

JUJU_MAJOR: Final = 3
"""The major version of Juju that libjuju can talk to."""

_PREFERENCE_S: Final = 0.1
"""How much later each further address is dialled, so that the first one is preferred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAccess:
    """What uploads to a model need.

    Attributes:
        endpoint: ``host:port``.
        model_uuid: The model.
        authorization: The value of the ``Authorization`` header.
        cookie: The value of the ``Cookie`` header; empty for a login with a password.
        ssl_context: Verifies the controller as the websocket does.
    """

    endpoint: str
    model_uuid: str
    authorization: str = field(repr=False)
    cookie: str = field(default="", repr=False)
    ssl_context: ssl.SSLContext

    @property
    def headers(self) -> dict[str, str]:
        """The headers that log in."""
        cookie = {"Cookie": self.cookie} if self.cookie else {}
        return {"Authorization": self.authorization, **cookie}

    @property
    def model_url(self) -> str:
        """The URL that the paths of uploads begin with."""
        return f"https://{self.endpoint}/model/{self.model_uuid}"


class Session:
    """A connection to one model, open as long as the ``async with`` of `connect` lasts.

    Attributes:
        controller: The controller, from the client store.
        entry: The model as the controller lists it.
        info: The controller's description of the model when it was connected to.
        api: Calls of the model's facades.
        feed: The model's state as the watcher reports it.
        http: What uploads need.
        timeouts: How long anything may take.
    """

    def __init__(
        self,
        *,
        controller: StoredController,
        entry: ModelEntry,
        info: Document,
        endpoint: str,
        watched: WatchedModel,
        connection: DirectConnection,
        timeouts: JujuTimeouts,
    ) -> None:
        self.controller = controller
        self.entry = entry
        self.info = info
        self._dialled = endpoint
        self.timeouts = timeouts
        self.api: Api = LibjujuApi(connection, f"controller {controller.name}", timeouts)
        self.http = HttpAccess(
            endpoint=str(connection.endpoint),
            model_uuid=entry.uuid,
            authorization=authorization(connection),
            cookie=as_header(controller.macaroons),
            ssl_context=tls_context(connection),
        )
        self._watched = watched
        self._connection = connection

    @property
    def model(self) -> Any:
        """The connected libjuju ``juju.model.Model``, for what this room does not do."""
        return self._watched.model

    @property
    def feed(self) -> ModelFeed:
        """The model's state as the watcher reports it."""
        return self._watched.feed

    @property
    def model_name(self) -> str:
        """The model's name."""
        return self.entry.name

    @property
    def uuid(self) -> str:
        """The model's UUID."""
        return self.entry.uuid

    @property
    def endpoint(self) -> str:
        """The controller's address in use, ``host:port``."""
        return self.http.endpoint

    @contextlib.asynccontextmanager
    async def controller_api(self) -> AsyncIterator[Api]:
        """Connect to the controller itself for a block: offers and users are no model's.

        Raises:
            ControllerError: when it cannot be reached any more, or refuses the login.
        """
        name = f"controller {self.controller.name}"
        async with _logged_in(self.controller, self._dialled, self.timeouts) as connection:
            yield LibjujuApi(connection, name, self.timeouts)

    @property
    def juju_version(self) -> str:
        """The controller's version."""
        return server_version(self._connection)


@contextlib.asynccontextmanager
async def connect(
    target: JujuTarget, *, create_model: bool = False, timeouts: JujuTimeouts | None = None
) -> AsyncIterator[Session]:
    """Connect to a model, and disconnect when the block ends.

    The address is dialled directly, whatever ``HTTPS_PROXY`` says: websocket and uploads must take
    the same route, and a controller behind the air gap is not behind a proxy.

    Args:
        target: Which model of which controller.
        create_model: Create the model when it does not exist.
        timeouts: How long anything may take.

    Raises:
        ControllerError: when there is no client store or login; the controller cannot be reached,
            is not trusted, refuses the login or is not Juju 3; the model does not exist.
    """
    limits = timeouts if timeouts is not None else JujuTimeouts()
    controller = await asyncio.to_thread(read_controller, target.controller, target.juju_data)
    endpoint = await reachable_endpoint(controller, limits.connect_s)
    async with _logged_in(controller, endpoint, limits) as connection:
        _check_version(controller, connection)
        api = LibjujuApi(connection, f"controller {controller.name}", limits)
        ssh_key = await asyncio.to_thread(read_ssh_key, controller.juju_data)
        entry = await find_model(
            api,
            target.model,
            controller=controller.name,
            user=controller.user,
            create=create_model,
            ssh_key=ssh_key,
        )
        info = await model_info(api, entry)
    async with _logged_in(controller, endpoint, limits, entry) as connection:
        watched = WatchedModel(
            name=entry.name, info=info, connection=connection, juju_data=controller.juju_data
        )
        try:
            with _explained(controller, endpoint, limits):
                async with timeout(limits.call_s):
                    await watched.start()
            connection.reconnect_s = limits.reconnect_s
            session = Session(
                controller=controller,
                entry=entry,
                info=info,
                endpoint=endpoint,
                watched=watched,
                connection=connection,
                timeouts=limits,
            )
            keeper = asyncio.create_task(_keep_watching(session, watched, connection))
            try:
                yield session
            finally:
                await _end(keeper)
        finally:
            await _disconnect(watched, limits)


async def reachable_endpoint(controller: StoredController, timeout_s: float) -> str:
    """Return the first address of a controller at which something listens.

    Raises:
        ControllerError: naming each address and what is wrong with it.
    """
    endpoints = controller.endpoints
    tasks = [
        asyncio.create_task(_dial(endpoint, _PREFERENCE_S * index, timeout_s))
        for index, endpoint in enumerate(endpoints)
    ]
    try:
        for finished in asyncio.as_completed(tasks):
            endpoint, error = await finished
            if not error:
                return endpoint
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    reasons = "; ".join(f"{endpoint}: {error}" for endpoint, error in (t.result() for t in tasks))
    raise ControllerError(
        f"controller {controller.name} cannot be reached ({reasons})",
        fix="Check that it is running and reachable from this host; its addresses are in "
        f"{controller.juju_data / 'controllers.yaml'}.",
    )


async def _dial(endpoint: str, delay_s: float, timeout_s: float) -> tuple[str, str]:
    """Return the address, and why it cannot be reached (nothing when it can)."""
    host, _, port = endpoint.partition("/")[0].rpartition(":")
    number = decimal(port, most=65535)
    if not host or number is None:
        return endpoint, "is not host:port"
    await asyncio.sleep(delay_s)
    try:
        async with timeout(timeout_s):
            _, writer = await asyncio.open_connection(host.strip("[]"), number)
    except TimeoutError:
        return endpoint, f"no answer within {timeout_s:g} s"
    except OSError as exc:
        return endpoint, exc.strerror or str(exc)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return endpoint, ""


@contextlib.asynccontextmanager
async def _logged_in(
    controller: StoredController,
    endpoint: str,
    limits: JujuTimeouts,
    entry: ModelEntry | None = None,
) -> AsyncIterator[DirectConnection]:
    """Open a connection for the block, to the controller or to one of its models."""
    with _explained(controller, endpoint, limits):
        async with timeout(2 * limits.connect_s):
            connection = await open_connection(controller, endpoint, entry.uuid if entry else None)
    try:
        yield connection
    finally:
        with contextlib.suppress(Exception):  # whatever it is, the block has ended
            async with timeout(limits.close_s):
                await connection.close_finally()


@contextlib.contextmanager
def _explained(controller: StoredController, endpoint: str, limits: JujuTimeouts) -> Iterator[None]:
    """Turn what fails while connecting into a `ControllerError` that says what to do."""
    name = f"controller {controller.name} at {endpoint}"
    store = controller.juju_data
    try:
        yield
    except ssl.SSLCertVerificationError as exc:
        if controller.ca_cert is None:
            raise ControllerError(
                f"{name} is not trusted: {store / 'controllers.yaml'} has no ca-cert for it, and "
                f"its certificate does not verify against the CAs of this system "
                f"({exc.verify_message})",
                fix="Register the controller again, which stores its CA, or point --juju-data at a "
                "client store that has it.",
            ) from exc
        raise ControllerError(
            f"{name} is not trusted: its certificate does not verify against the CA in "
            f"{store / 'controllers.yaml'} ({exc.verify_message})",
            fix="Another controller answers there, or it has a new CA: register it again, or "
            "point --juju-data at the client store that belongs to it.",
        ) from exc
    except ssl.SSLError as exc:
        raise ControllerError(
            f"no TLS connection with {name}: {exc.reason or exc}",
            fix="Check that the address is a Juju controller's API port (17070), and that ca-cert "
            f"in {store / 'controllers.yaml'} is a PEM certificate.",
        ) from exc
    except JujuAPIError as exc:
        if exc.error_code == UNAUTHORIZED:
            raise ControllerError(
                f"{name} refused the login of user {controller.user}: {exc.message}",
                fix=_login_again(controller),
            ) from exc
        raise ControllerError(f"{name} refused the connection: {exc.message}") from exc
    except JujuRedirectException as exc:
        raise ControllerError(f"{name} redirects its clients, which is not supported") from exc
    except TimeoutError as exc:
        raise ControllerError(
            f"{name} accepts connections, but login took longer than {2 * limits.connect_s:g} s",
            fix="Check that the address is a Juju controller, and that it is not overloaded.",
        ) from exc
    except (OSError, websockets.WebSocketException, EOFError) as exc:
        raise ControllerError(
            f"{name} does not respond like a Juju controller: {str(exc) or type(exc).__name__}",
            fix="Check the address, and whether the controller is starting or stopping.",
        ) from exc
    except JujuError as exc:
        raise ControllerError(f"cannot connect to {name}: {exc.message}") from exc
    except Exception as exc:
        raise odd_answer(name, "the login", exc) from exc


def _login_again(controller: StoredController) -> str:
    name, user = controller.name, controller.user
    if controller.password:
        path = controller.juju_data / "accounts.yaml"
        return f"Correct the password in {path}, or log in again: juju login -c {name}."
    return f"Log in again: juju logout -c {name}, then juju login -c {name} -u {user}."


def _check_version(controller: StoredController, connection: DirectConnection) -> None:
    version = server_version(connection)
    major = version.partition(".")[0]
    if major != str(JUJU_MAJOR):
        raise ControllerError(
            f"controller {controller.name} runs Juju {version}, ckf-airgap needs Juju {JUJU_MAJOR}",
            fix="Use a Juju 3.6 controller; Charmed Kubeflow requires it too.",
        )


async def _keep_watching(
    session: Session, watched: WatchedModel, connection: DirectConnection
) -> None:
    """Start a new watcher whenever libjuju's ends, which it does silently after a reconnect."""
    where = f"controller {session.controller.name} at {session.endpoint}"
    while True:
        await asyncio.wait([watched.watcher])
        error = watched.watcher.exception() if not watched.watcher.cancelled() else None
        watched.feed.interrupt()
        if isinstance(error, JujuError) and not isinstance(error, OSError):
            watched.feed.fail(ControllerError(f"{where} ended the watch: {error.message}"))
            return
        if isinstance(error, Exception) and not isinstance(error, _BROKEN):
            watched.feed.fail(odd_answer(where, "the watcher", error))
            return
        _log.warning("the connection to %s broke, reconnecting", where)
        try:
            async with timeout(session.timeouts.reconnect_s):
                while not connection.is_open:
                    await connection.reconnect()
                    await asyncio.sleep(_PREFERENCE_S)
            async with timeout(session.timeouts.call_s):
                await watched.restart()
        except TimeoutError:
            watched.feed.fail(
                ControllerError(
                    f"the connection to {where} was lost and could not be restored within "
                    f"{session.timeouts.reconnect_s:g} s",
                    fix="Run the command again when the controller is back; completed steps are "
                    "skipped.",
                )
            )
            return


async def _disconnect(watched: WatchedModel, limits: JujuTimeouts) -> None:
    try:
        async with timeout(limits.close_s):
            await watched.disconnect()
    except Exception as exc:  # noqa: BLE001 - also whatever ended the watcher, told before
        _log.debug("closing the model: %s", exc)
    finally:
        await _end(watched.watcher)


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
