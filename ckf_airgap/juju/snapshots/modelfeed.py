"""The model's state as the watcher reports it, for whoever waits for a change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import ControllerError
from ckf_airgap.juju.snapshots.snapshot import ModelSnapshot
from ckf_airgap.juju.snapshots.tables import ModelTables


class ModelFeed:
    """The current state of a model, and a way to wait until it changes.

    Any number of readers may wait. While the connection is down, the last state is kept; if it
    cannot be restored, every reader gets the error.

    Args:
        model: The model's name.
    """

    def __init__(self, model: str) -> None:
        self._tables = ModelTables(model)
        self._frozen: ModelSnapshot | None = None
        self._error: ControllerError | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self.version = 0
        """Grows with each change."""
        self.heard_at = time.monotonic()
        """When the controller told of anything last, by the monotonic clock."""

    @property
    def is_interrupted(self) -> bool:
        """Whether the watcher is down, and the state is the last one it reported."""
        return self._frozen is not None

    @property
    def population(self) -> int:
        """Grows whenever a unit comes or goes."""
        return self._tables.population

    def apply(self, kind: str, data: Mapping[str, JSONValue], *, removed: bool) -> None:
        """Take one delta of the watcher."""
        self.heard_at = time.monotonic()
        if self._tables.apply(kind, data, removed=removed):
            self._changed()

    def apply_status(self, status: Document, *, asked_at: ModelSnapshot) -> None:
        """Take a full status; see `ModelTables.apply_status`."""
        self.heard_at = time.monotonic()
        if not self.is_interrupted and self._tables.apply_status(status, asked_at=asked_at):
            self._changed()

    def interrupt(self) -> None:
        """Keep the state as it is: the watcher ended, and a new one will report it all again."""
        if self._frozen is None:
            self._frozen = self._tables.snapshot()
        self._tables.clear()

    def resume(self) -> None:
        """Show the state again: the new watcher has reported the whole model."""
        self._frozen = None
        self.heard_at = time.monotonic()
        self._changed()

    def fail(self, error: ControllerError) -> None:
        """Let every reader fail: there will be no more changes."""
        self._error = error
        self._changed()

    def snapshot(self) -> ModelSnapshot:
        """Return the state of the model.

        Raises:
            ControllerError: when the connection was lost for good.
        """
        if self._error is not None:
            raise self._error
        return self._frozen if self._frozen is not None else self._tables.snapshot()

    async def changed(self, seen: int) -> None:
        """Return as soon as `version` is not `seen` any more."""
        while self.version == seen:
            future = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                await future
            finally:
                self._waiting.discard(future)

    def _changed(self) -> None:
        if self.is_interrupted and self._error is None:
            return
        self.version += 1
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
