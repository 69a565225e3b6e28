"""The status history of a model, its applications and its units."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from datetime import datetime
from typing import Final, Literal, TypeAlias

from ckf_airgap.rehearsal.entities.entities import StatusInfo

HistoryKind: TypeAlias = Literal["model", "application", "workload", "juju-unit"]

MAX_STATUSES: Final = 200
"""How many statuses of one entity are remembered; the oldest are forgotten first."""


class StatusHistory:
    """The status history of every entity, for as long as it exists."""

    def __init__(self) -> None:
        self._held: dict[tuple[HistoryKind, str], deque[StatusInfo]] = {}

    def record(self, kind: HistoryKind, name: str, status: StatusInfo) -> None:
        """Record a status; it replaces the last one if both say the same."""
        held = self._held.setdefault((kind, name), deque(maxlen=MAX_STATUSES))
        if held and (held[-1].current, held[-1].message, held[-1].data) == (
            status.current,
            status.message,
            status.data,
        ):
            held.pop()
        held.append(status)

    def forget(self, kind: HistoryKind, name: str) -> None:
        """Drop the history of an entity that is gone."""
        self._held.pop((kind, name), None)

    def find(
        self,
        kind: HistoryKind,
        name: str,
        *,
        size: int = 0,
        after: datetime | None = None,
        excluded: Collection[str] = (),
    ) -> list[StatusInfo]:
        """Return statuses of an entity, oldest first.

        Args:
            kind: What of the entity: ``workload`` and ``juju-unit`` are both of units.
            name: The entity's name.
            size: The most that is returned, the youngest; 0 for no limit.
            after: Only statuses that are younger.
            excluded: Messages of statuses to leave out.
        """
        found = [
            status
            for status in self._held.get((kind, name), ())
            if (after is None or status.since > after) and status.message not in excluded
        ]
        return found[-size:] if size > 0 else found
