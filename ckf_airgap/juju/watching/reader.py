"""Reads a model: the watcher's changes, and now and then the whole status, as one stream.

Whoever reads gives a time at which the reader must be back, whatever the controller does: a call
that is not answered runs on beside, until it is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final, Protocol

from ckf_airgap.errors import ControllerError
from ckf_airgap.juju.controller.api import MODEL_NOT_FOUND, Api, CallRefusedError
from ckf_airgap.juju.controller.status import full_status
from ckf_airgap.juju.snapshots.clock import ControllerClock
from ckf_airgap.juju.snapshots.modelfeed import ModelFeed
from ckf_airgap.juju.snapshots.snapshot import ModelSnapshot
from ckf_airgap.juju.watching.endings import destroyed
from ckf_airgap.juju.watching.resources import ResourceState, read_resources

STATUS_EVERY_S: Final = 15.0
"""How often the whole model's status is asked for, at most."""

SETTLE_S: Final = 0.1
"""How long changes are gathered before they are one snapshot."""

SILENT_AFTER_S: Final = 5.0
"""How long after a status was due a controller that says nothing counts as silent."""

AWAY_AFTER_S: Final = 2.0
"""How long a connection may be down before the state counts as old."""

LAST_LOOK_S: Final = 2.0
"""How long before the deadline a status is asked for, to know whether the state is current then."""

UNITS_SETTLE_S: Final = 2.0
"""How soon after a status another one is asked for, when units came or went: it has the scale."""

_log: Final = logging.getLogger(__name__)


class Watchable(Protocol):
    """What watching needs of a `Session`."""

    @property
    def api(self) -> Api:
        """Calls of the model's facades."""

    @property
    def feed(self) -> ModelFeed:
        """The model's state as the watcher reports it."""

    @property
    def model_name(self) -> str:
        """The model's name."""


class Reader:
    """Returns a model's next snapshot: after a change, or at a given time.

    Args:
        source: The session.
        status_every_s: How often the whole model's status is asked for, at most.
        deadline: The monotonic time at which reading ends, if it does.

    Attributes:
        clock: The controller's clock, from the last status.
        resources: The state of resources, as `confirm` or `look` read it last.
    """

    def __init__(
        self,
        source: Watchable,
        status_every_s: float = STATUS_EVERY_S,
        *,
        deadline: float | None = None,
    ) -> None:
        self.clock: ControllerClock | None = None
        self.resources = ResourceState()
        self._source = source
        self._status_every_s = status_every_s
        self._last_look_at = None if deadline is None else deadline - LAST_LOOK_S
        self._seen: int | None = None
        self._asked_at = -float("inf")
        self._due_at = time.monotonic()
        self._asking: asyncio.Task[bool] | None = None
        self._was_silent = False
        self._units = source.feed.population

    @property
    def snapshot(self) -> ModelSnapshot:
        """The model as it is known now.

        Raises:
            ControllerError: when the connection was lost for good.
        """
        return self._source.feed.snapshot()

    @property
    def silent_since(self) -> float | None:
        """When the controller was heard last, in monotonic seconds, if that is too long ago.

        ``None`` when the state is current.
        """
        heard_at = self._source.feed.heard_at
        return heard_at if time.monotonic() >= heard_at + self._allowed_s else None

    @property
    def unanswered_since(self) -> float | None:
        """When the controller was heard last, if it has not answered what it was asked since."""
        heard_at = self._source.feed.heard_at
        if self._asking is not None and heard_at < self._asked_at:
            return heard_at
        return self.silent_since

    @property
    def _allowed_s(self) -> float:
        """How long the controller may say nothing before it counts as silent."""
        if self._source.feed.is_interrupted:
            return AWAY_AFTER_S
        return self._status_every_s + SILENT_AFTER_S

    async def next(self, *, until: float | None = None) -> ModelSnapshot:
        """Return the next snapshot: the first with a status, later ones after a change.

        Also returns when the controller falls silent, or is heard again.

        Args:
            until: A monotonic time at which the snapshot is returned without a change, and without
                an answer of the controller.

        Raises:
            ModelDestroyedError: when there is no such model any more.
            ControllerError: when the connection was lost for good.
        """
        feed = self._source.feed
        first = self._seen is None
        while True:
            now = time.monotonic()
            self._note_units()
            if self._asking is None and now >= self._due_at:
                self._asking = asyncio.create_task(self._ask_status(), name="full status")
            if first and self._asking is None:
                break
            if not first and feed.version != self._seen:
                break
            if until is not None and now >= until:
                break
            is_silent = self.silent_since is not None
            if is_silent != self._was_silent:
                self._was_silent = is_silent
                break
            await self._pause(now, until)
        self._seen = feed.version
        return feed.snapshot()

    async def look(self, applications: tuple[str, ...], *, until: float | None = None) -> None:
        """Read the state of resources, if the controller says it in time."""
        task = asyncio.create_task(self._read_resources(applications), name="resources")
        await self._finish([task], until)

    async def confirm(self, applications: tuple[str, ...], *, until: float | None = None) -> bool:
        """Ask for the whole status and the resources; return whether both were answered in time.

        Raises:
            ModelDestroyedError: when there is no such model any more.
        """
        asking, self._asking = self._asking, None
        status = asking or asyncio.create_task(self._ask_status(), name="full status")
        resources = asyncio.create_task(self._read_resources(applications), name="resources")
        answered = await self._finish([status, resources], until)
        self._seen = self._source.feed.version
        return answered

    async def close(self) -> None:
        """End what is still being asked."""
        asking, self._asking = self._asking, None
        if asking is not None:
            await _stop(asking)

    async def _pause(self, now: float, until: float | None) -> None:
        """Wait for a change, an answer, the time of the next question or of silence, or `until`."""
        feed = self._source.feed
        wake_at = [] if until is None else [until]
        if self._asking is None:
            wake_at.append(self._due_at)
        if not self._was_silent:
            wake_at.append(feed.heard_at + self._allowed_s)
        changed = asyncio.ensure_future(feed.changed(feed.version))
        waited: list[asyncio.Future[None] | asyncio.Task[bool]] = [changed]
        if self._asking is not None:
            waited.append(self._asking)
        try:
            await asyncio.wait(
                waited,
                timeout=max(min(wake_at) - now, 0.001) if wake_at else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            is_changed = changed.done()
        finally:
            await _stop(changed)
        if self._asking is not None and self._asking.done():
            task, self._asking = self._asking, None
            task.result()
        if is_changed:
            await asyncio.sleep(SETTLE_S)

    async def _finish(self, tasks: list[asyncio.Task[bool]], until: float | None) -> bool:
        """Wait for tasks until a time; return whether all were done, and say so."""
        left = None if until is None else max(until - time.monotonic(), 0.0)
        try:
            await asyncio.wait(tasks, timeout=left)
        finally:
            for task in tasks:
                await _stop(task)
        errors = [error for task in tasks if not task.cancelled() and (error := task.exception())]
        for error in errors:
            raise error
        return all(not task.cancelled() and task.result() for task in tasks)

    async def _ask_status(self) -> bool:
        """Add what only a full status has; return whether it was answered."""
        feed = self._source.feed
        asked_at = feed.snapshot()
        self._asked_at = time.monotonic()
        try:
            status = await full_status(self._source.api)
            feed.apply_status(status, asked_at=asked_at)
            timestamp = status.get("controller-timestamp")
            self.clock = ControllerClock.read(str(timestamp), received_at=time.monotonic())
        except CallRefusedError as exc:
            if exc.code == MODEL_NOT_FOUND:
                raise destroyed(self._source.model_name) from exc
            raise
        except ControllerError as exc:
            _log.debug("no full status: %s", exc)
            return False
        finally:
            now = time.monotonic()
            self._due_at = now + self._status_every_s
            if self._last_look_at is not None and now < self._last_look_at:
                self._due_at = min(self._due_at, self._last_look_at)
        return True

    async def _read_resources(self, applications: tuple[str, ...]) -> bool:
        known = [name for name in applications if name in self.snapshot.applications]
        try:
            self.resources = await read_resources(self._source.api, known)
        except ControllerError as exc:
            _log.debug("no resources: %s", exc)
            return False
        return True

    def _note_units(self) -> None:
        """Ask for a status soon when units came or went: how many there should be may be new."""
        units = self._source.feed.population
        if units != self._units:
            self._units = units
            self._due_at = min(self._due_at, self._asked_at + UNITS_SETTLE_S)


async def _stop(task: asyncio.Future[None] | asyncio.Task[bool]) -> None:
    """End a task, and wait until it has ended; what it raised is its reader's to ask for."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()
