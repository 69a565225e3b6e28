"""The model of libjuju 3.6.1.3, told by a watcher of our own, and with a memory that does not grow.

The version is pinned exactly, and the project is archived upstream, so that what is overridden here
will not change. Nothing outside this module and `directconnection` uses libjuju's private parts.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from juju.client.client import ModelInfo
from juju.client.jujudata import FileJujuData
from juju.client.overrides import Delta
from juju.errors import JujuAPIError
from juju.model import Model, ModelState, get_entity_delta

from ckf_airgap.documents import Document
from ckf_airgap.juju.controller.directconnection import DirectConnection
from ckf_airgap.juju.snapshots.modelfeed import ModelFeed

_STOPPED: Final = "stopped"
"""The code with which a controller ends a watcher that should be started again."""


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
    """A connected libjuju `Model`, and the watcher that tells it and a feed what changes.

    Args:
        name: The model's name.
        connection: The connection to the model.
        juju_data: The client store.
    """

    def __init__(self, *, name: str, connection: DirectConnection, juju_data: Path) -> None:
        store = FileJujuData()
        store.path = str(juju_data)
        self.feed = ModelFeed(name)
        self.model = Model(jujudata=store)
        self._connection = connection
        self._state = LeanState(self.model, self.feed)
        self.model.state = self._state
        self.model.uuid = connection.uuid
        self.model._connector._connection = connection  # noqa: SLF001 - ours dials directly

    def describe(self, info: Document) -> None:
        """Take the response of ``ModelManager.ModelInfo``, which libjuju would ask for itself."""
        self.model._info = ModelInfo.from_json(info)  # noqa: SLF001

    async def follow(self, on_known: Callable[[], None]) -> None:
        """Watch the model for as long as the connection lasts.

        libjuju's own watcher makes two tasks for each message, and ends without a word when the
        connection breaks.

        Args:
            on_known: Called when the whole model is known.

        Raises:
            JujuAPIError: when the controller ends the watch.
            ConnectionError: or `ConnectionClosed` of `websockets`, when the connection breaks.
        """
        self._state.clear()
        watcher: str | None = None
        known = False
        while True:
            if watcher is None:
                started = await self._connection.request("Client", "WatchAll", {})
                watcher = str(started["watcher-id"])
            try:
                changes = await self._connection.request("AllWatcher", "Next", {}, watcher=watcher)
            except JujuAPIError as exc:
                if exc.error_code != _STOPPED and "watcher was stopped" not in str(exc.message):
                    raise
                watcher = None
                continue
            for item in _deltas(changes):
                change = Delta(item)
                try:
                    delta = get_entity_delta(change)
                except KeyError:
                    continue  # a kind of entity that libjuju does not know
                before, after = self._state.apply_delta(delta)
                await self.model._notify_observers(delta, before, after)  # noqa: SLF001
            if not known:
                known = True
                on_known()

    async def disconnect(self) -> None:
        """Close the connection."""
        await self._connection.close()
        self.model._connector._connection = self.model._info = None  # noqa: SLF001 - as its own


def _deltas(changes: Document) -> Sequence[object]:
    found = changes.get("deltas")
    if not isinstance(found, list):
        raise TypeError("the changes are no list")
    return found
