"""A model's stream of changes: many watchers, each with its own position in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.wire import STOPPED, ApiError

Key = tuple[str, str]
"""The kind and the id of an entity: ``("unit", "minio/0")``."""

KINDS: Final = (
    "model",
    "charm",
    "application",
    "remoteApplication",
    "unit",
    "relation",
    "applicationOffer",
    "action",
    "annotation",
)
"""The kinds of entities, in the order in which their deltas are sent."""

_RANK: Final = {kind: rank for rank, kind in enumerate(KINDS)}

BATCH_S: Final = 0.01
"""How long a watcher gathers changes, in real seconds; a real controller gathers for about one."""


class ModelWatcher:
    """An all-watcher: returns the whole model first, then the changes."""

    def __init__(self, feed: ChangeFeed, watcher_id: str) -> None:
        self.id = watcher_id
        self._feed = feed
        self._changed: dict[Key, None] = dict.fromkeys(feed.keys())
        self._seen: set[Key] = set()
        self._removed: dict[Key, Document] = {}
        self._event = asyncio.Event()
        self._event.set()
        self._stopped = False
        self._first = True

    async def next(self) -> list[JSONValue]:
        """Return the deltas since the last call, waiting for one if there are none.

        Raises:
            ApiError: ``watcher was stopped`` (code ``stopped``) when `stop` was called.
        """
        while True:
            await self._event.wait()
            if not self._first and not self._stopped and self._feed.batch_s:
                await asyncio.sleep(self._feed.batch_s)
            if self._stopped:
                raise ApiError("watcher was stopped", STOPPED)
            self._event.clear()
            deltas = self._drain()
            if deltas or self._first:
                self._first = False
                return deltas

    def stop(self) -> None:
        """End the watcher; a pending `next` raises."""
        self._stopped = True
        self._event.set()
        self._feed.forget(self)

    def note(self, key: Key, last: Document | None = None) -> None:
        """Remember that an entity changed, or (with its last state) that it is gone."""
        if last is None:
            self._removed.pop(key, None)
        elif key in self._seen:
            self._removed[key] = last
        self._changed[key] = None
        self._event.set()

    def _drain(self) -> list[JSONValue]:
        """Return one delta per changed entity, in the order of kinds, and start afresh."""
        changed = sorted(self._changed, key=lambda key: _RANK[key[0]])
        self._changed = {}
        deltas: list[JSONValue] = []
        for key in changed:
            last = self._removed.pop(key, None)
            if last is not None:
                self._seen.discard(key)
                deltas.append([key[0], "remove", last])
                continue
            body = self._feed.render(key)
            if body is not None:
                self._seen.add(key)
                deltas.append([key[0], "change", body])
        return deltas


class ChangeFeed:
    """Notifies all of a model's watchers of changes, which they render when next read.

    Args:
        keys: Returns the keys of all entities of the model.
        render: Returns the body of an entity's delta, or ``None`` when it is gone.
        batch_s: How long a watcher gathers changes before it answers, in real seconds.
    """

    def __init__(
        self,
        *,
        keys: Callable[[], Iterable[Key]],
        render: Callable[[Key], Document | None],
        batch_s: float = BATCH_S,
    ) -> None:
        self.keys = keys
        self.render = render
        self.batch_s = batch_s
        self._watchers: list[ModelWatcher] = []
        self._count = 0

    def watch(self) -> ModelWatcher:
        """Return a new watcher, which starts with the whole model."""
        self._count += 1
        watcher = ModelWatcher(self, str(self._count))
        self._watchers.append(watcher)
        return watcher

    def forget(self, watcher: ModelWatcher) -> None:
        """Stop notifying a watcher."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    def changed(self, kind: str, entity: str) -> None:
        """Notify every watcher that an entity is new or has changed."""
        for watcher in self._watchers:
            watcher.note((kind, entity))

    def removed(self, kind: str, entity: str, last: Document) -> None:
        """Notify every watcher that an entity is gone; `last` is its last state."""
        for watcher in self._watchers:
            watcher.note((kind, entity), last)

    def close(self) -> None:
        """Stop every watcher."""
        for watcher in tuple(self._watchers):
            watcher.stop()
