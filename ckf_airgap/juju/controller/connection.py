"""Connect to a model, with a message of its own for each way in which that can fail.

The connection is open for a block::

    async with connect(JujuTarget(model="kubeflow"), create_model=True) as session:
        await session.api.call("Client", "FullStatus", {"patterns": []})

What can be done at the same time is: where the client store knows the model's UUID, the model is
logged in to and watched while the controller is asked about it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from typing import Any

from ckf_airgap.concurrency import Deadline, run_to_end
from ckf_airgap.documents import Document
from ckf_airgap.errors import Problem
from ckf_airgap.juju.controller.access import HttpAccess
from ckf_airgap.juju.controller.api import (
    Api,
    JujuTimeouts,
    OnNotice,
    ignore_notice,
)
from ckf_airgap.juju.controller.directconnection import (
    authorization,
    server_version,
)
from ckf_airgap.juju.controller.login import trusted
from ckf_airgap.juju.controller.logins import as_header
from ckf_airgap.juju.controller.models import (
    ModelEntry,
)
from ckf_airgap.juju.controller.opening import Opening, OpenModel, Side, Terms
from ckf_airgap.juju.controller.store import (
    JujuTarget,
    StoredController,
    read_controller,
    stored_model_uuid,
)
from ckf_airgap.juju.controller.upload import Uploader
from ckf_airgap.juju.snapshots.modelfeed import ModelFeed

__all__ = ["HttpAccess", "Session", "connect"]


class Session:
    """A connection to one model, open as long as the ``async with`` of `connect` lasts.

    It survives that the connection breaks: it is restored, see `reconnected`.

    Attributes:
        controller: The controller, from the client store.
        entry: The model as the controller lists it.
        info: The controller's description of the model when it was connected to.
        api: Calls of the model's facades.
        timeouts: How long anything may take.
        deadline: When everything must be over. Whoever has a limit sets its ``until``: calls,
            uploads and the attempts to restore the connection end by then.
    """

    def __init__(
        self, terms: Terms, entry: ModelEntry, info: Document, model: OpenModel, side: Side
    ) -> None:
        self.controller = terms.controller
        self.entry = entry
        self.info = info
        self.timeouts = terms.limits
        self.deadline = terms.deadline
        self.api: Api = model.api
        self._terms = terms
        self._model = model
        self._side = side

    @property
    def http(self) -> HttpAccess:
        """What uploads need; the address may be another one after the connection was restored."""
        connection = self._model.connection
        return HttpAccess(
            endpoint=str(connection.endpoint),
            model_uuid=self.entry.uuid,
            authorization=authorization(connection),
            cookie=as_header(self.controller.macaroons),
            ssl_context=self._terms.trust,
        )

    @property
    def model(self) -> Any:
        """The connected libjuju ``juju.model.Model``, for what this room does not do."""
        return self._model.watched.model

    @property
    def feed(self) -> ModelFeed:
        """The model's state as the watcher reports it."""
        return self._model.watched.feed

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

    @property
    def juju_version(self) -> str:
        """The controller's version."""
        return server_version(self._model.connection)

    @property
    def is_connected(self) -> bool:
        """Whether the connection can be used now; not while it is being restored."""
        return self._model.link.is_open

    @property
    def outages(self) -> tuple[Problem, ...]:
        """Each time that the connection was lost and restored so far, as a warning."""
        return tuple(self._model.link.outages)

    async def reconnected(self, until: float | None = None) -> None:
        """Return as soon as the connection can be used, at once when it has not broken.

        Args:
            until: The monotonic time at which waiting ends; the session's deadline ends it, too.

        Raises:
            ControllerError: when it does not come back, with how long that was tried and the last
                reason why not, such as a certificate that does not verify.
        """
        await self._model.link.until_open(until)

    async def watching(self) -> None:
        """Return when the feed has the whole model; only needed after ``connect(watch=False)``.

        Raises:
            ControllerError: when the model cannot be watched, or is not known in time.
        """
        await self._model.watcher.until_known(self.deadline.left_s(self.timeouts.call_s))

    def uploader(self, connections: int) -> Uploader:
        """Return an uploader that waits with the session, and ends with its deadline.

        Args:
            connections: How many uploads may run at once.
        """
        return Uploader(
            lambda: self.http,
            self.timeouts,
            connections,
            deadline=self.deadline,
            link=self._model.link,
        )

    @contextlib.asynccontextmanager
    async def controller_api(self) -> AsyncIterator[Api]:
        """Call facades of the controller itself in a block: offers and users are no model's.

        Raises:
            ControllerError: when it cannot be reached any more, or refuses the login.
        """
        async with self._side.api() as api:
            yield api


@contextlib.asynccontextmanager
async def connect(
    target: JujuTarget,
    *,
    create_model: bool = False,
    timeouts: JujuTimeouts | None = None,
    deadline: Deadline | None = None,
    on_notice: OnNotice = ignore_notice,
    watch: bool = True,
    confirm: bool = True,
) -> AsyncIterator[Session]:
    """Connect to a model, and disconnect when the block ends.

    The address is dialled directly, whatever ``HTTPS_PROXY`` says: websocket and uploads must take
    the same route, and a controller behind the air gap is not behind a proxy.

    Args:
        target: Which model of which controller.
        create_model: Create the model when it does not exist.
        timeouts: How long anything may take.
        deadline: When everything must be over; it may be moved while the session is open.
        on_notice: Is told that the connection was lost, and that it is back.
        watch: Wait until the session's feed has the whole model. Without, the feed stays empty
            until `Session.watching`, and there is a round trip less.
        confirm: Ask the controller which model has the name, and whether it can be deployed to.
            Without, the client store is believed when it knows the model, which takes one
            connection and another round trip less; `Session.info` is empty then.

    Raises:
        ControllerError: when there is no client store or login; the controller cannot be reached,
            is not trusted, refuses the login or is not Juju 3; the model does not exist.
    """
    controller = await asyncio.to_thread(read_controller, target.controller, target.juju_data)
    terms = Terms(
        controller=controller,
        trust=await asyncio.to_thread(trusted, controller),
        limits=timeouts if timeouts is not None else JujuTimeouts(),
        deadline=deadline if deadline is not None else Deadline(),
        on_notice=on_notice,
    )
    guess = await asyncio.to_thread(_stored_model, controller, target.model)
    side = Side(terms)
    openings: dict[str, Opening] = {}

    def open_model(uuid: str) -> None:
        openings[uuid] = Opening(OpenModel(terms, target.model, uuid), watch=watch)

    try:
        if guess is not None:
            open_model(guess.uuid)
        if guess is None or confirm or not await openings[guess.uuid].exists():
            uuid = guess.uuid if guess is not None else None
            entry, info = await side.look_up(target.model, uuid, create=create_model)
        else:
            entry, info = guess, {}
        if entry.uuid not in openings:
            open_model(entry.uuid)
        model = await openings[entry.uuid].opened()
        if info:
            model.watched.describe(info)
        session = Session(terms, entry, info, model, side)
        if watch:
            await session.watching()
        yield session
    finally:
        await run_to_end(_all(side.close(), *(opening.close() for opening in openings.values())))


def _stored_model(controller: StoredController, name: str) -> ModelEntry | None:
    """Return a model as the client store knows it; blocks."""
    uuid = stored_model_uuid(controller, name)
    owner, slash, bare = name.rpartition("/")
    if uuid is None:
        return None
    return ModelEntry(name=bare, owner=owner if slash else controller.user, uuid=uuid)


async def _all(*parts: Awaitable[None]) -> None:
    await asyncio.gather(*parts)
