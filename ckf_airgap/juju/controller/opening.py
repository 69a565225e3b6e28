"""The connections that a session consists of: one to its model, one to the controller beside it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from ckf_airgap.concurrency import Deadline
from ckf_airgap.documents import Document
from ckf_airgap.juju.controller.api import (
    MODEL_NOT_FOUND,
    UNAUTHORIZED,
    Api,
    ConnectionLostError,
    JujuTimeouts,
    OnNotice,
)
from ckf_airgap.juju.controller.calls import LibjujuApi
from ckf_airgap.juju.controller.directconnection import (
    DirectConnection,
)
from ckf_airgap.juju.controller.libjuju import WatchedModel
from ckf_airgap.juju.controller.link import Link
from ckf_airgap.juju.controller.login import ControllerLoginError, log_in, logged_in
from ckf_airgap.juju.controller.models import (
    ModelEntry,
    ask_model_info,
    find_model,
    usable_model_info,
)
from ckf_airgap.juju.controller.store import (
    StoredController,
    read_ssh_key,
)
from ckf_airgap.juju.controller.watcher import Watcher

_LOOKS: Final = 3
"""How often a model is looked for when the connection breaks each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What all connections of a session have in common."""

    controller: StoredController
    trust: ssl.SSLContext
    limits: JujuTimeouts
    deadline: Deadline
    on_notice: OnNotice

    @property
    def where(self) -> str:
        """What messages call the controller."""
        return f"controller {self.controller.name}"


class OpenModel:
    """A connection to a model, and all that keeps it."""

    def __init__(self, terms: Terms, name: str, uuid: str) -> None:
        self._terms = terms
        self.connection = DirectConnection(terms.controller, uuid, terms.trust, terms.limits)
        self.link = Link(terms.where, self.log_in, terms.limits, terms.deadline, terms.on_notice)
        self.watched = WatchedModel(
            name=name.rpartition("/")[2],
            connection=self.connection,
            juju_data=terms.controller.juju_data,
        )
        self.watcher = Watcher(self.watched, self.link, terms.where)
        self.api = LibjujuApi(self.connection, terms.where, terms.limits, terms.deadline, self.link)

    async def log_in(self) -> None:
        """Reach the controller and log in to the model."""
        terms = self._terms
        await log_in(self.connection, terms.controller, terms.limits, terms.deadline)
        if not self.connection.is_open:
            raise ControllerLoginError(terms.where, "closed the connection at once", fix="")

    async def close(self) -> None:
        """Disconnect."""
        try:
            await self.watcher.end()
            await self.link.close()
        finally:
            await self.watched.disconnect()


class Opening:
    """A model that is being connected to, at the same time as other things are done."""

    def __init__(self, model: OpenModel, *, watch: bool) -> None:
        self._model = model
        self._task = asyncio.create_task(self._open(watch=watch))

    async def _open(self, *, watch: bool) -> None:
        await self._model.log_in()
        # Not before: a login that breaks is tried again by itself.
        self._model.connection.on_lost = self._model.link.lost
        if watch:
            self._model.watcher.start()

    async def opened(self) -> OpenModel:
        """Return the model as soon as it is connected to.

        Raises:
            ControllerError: when it cannot be.
        """
        await self._task
        return self._model

    async def exists(self) -> bool:
        """Return whether the controller lets us in to the model, as soon as that is known.

        Raises:
            ControllerError: when it does not for a reason that has nothing to do with the model.
        """
        try:
            await self._task
        except ControllerLoginError as exc:
            if exc.code not in (MODEL_NOT_FOUND, UNAUTHORIZED):
                raise
            return False
        return True

    async def close(self) -> None:
        """Disconnect, or stop connecting; only the first time counts."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._model.close()


class Side:
    """The connection to the controller itself, beside that to the model."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._stack = contextlib.AsyncExitStack()
        self._connection: DirectConnection | None = None

    async def look_up(
        self, name: str, guess: str | None, *, create: bool
    ) -> tuple[ModelEntry, Document]:
        """Return a model, and the controller's description of it.

        Args:
            name: The model's name.
            guess: The UUID that it has presumably: it is described in the same round trip.
            create: Whether to create it when it does not exist.

        Raises:
            ControllerError: when it does not exist or cannot be used.
        """
        for _ in range(_LOOKS - 1):
            try:
                return await self._look_up(name, guess, create=create)
            except ConnectionLostError:  # also of a model that was made: it is found then
                if self._terms.deadline.is_over:
                    raise
                await self._stack.aclose()
        return await self._look_up(name, guess, create=create)

    async def _look_up(
        self, name: str, guess: str | None, *, create: bool
    ) -> tuple[ModelEntry, Document]:
        terms = self._terms
        terms_of = (terms.controller, terms.limits, terms.deadline, terms.trust)
        self._connection = await self._stack.enter_async_context(logged_in(*terms_of))
        api = self._api(self._connection)
        ssh_key = await asyncio.to_thread(read_ssh_key, terms.controller.juju_data)
        finding = find_model(
            api,
            name,
            controller=terms.controller.name,
            user=terms.controller.user,
            create=create,
            ssh_key=ssh_key,
        )
        if guess is None:
            entry = await finding
        else:
            found, described = await asyncio.gather(
                finding, ask_model_info(api, guess), return_exceptions=True
            )
            if isinstance(found, BaseException):
                raise found
            entry = found
            if entry.uuid == guess and not isinstance(described, BaseException):
                return entry, usable_model_info(entry, described)
        return entry, usable_model_info(entry, await ask_model_info(api, entry.uuid))

    @contextlib.asynccontextmanager
    async def api(self) -> AsyncIterator[Api]:
        """Call the controller's facades in a block, on the connection that there is, or another."""
        if self._connection is not None and self._connection.is_open:
            yield self._api(self._connection)
            return
        terms = self._terms
        async with logged_in(
            terms.controller, terms.limits, terms.deadline, terms.trust
        ) as connection:
            yield self._api(connection)

    async def close(self) -> None:
        """Disconnect."""
        await self._stack.aclose()

    def _api(self, connection: DirectConnection) -> Api:
        terms = self._terms
        return LibjujuApi(connection, terms.where, terms.limits, terms.deadline)
