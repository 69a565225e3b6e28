"""Decide when waiting longer is of no use: errors, missing images, blocked units, a stall. Pure.

Time is only counted while the controller is known to answer: what a silent one is not heard to
say may have been overcome.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.facts.defaults import (
    DEFAULT_BLOCKED_GRACE_S,
    DEFAULT_ERROR_GRACE_S,
    DEFAULT_PULL_GRACE_S,
    DEFAULT_STALL_S,
)
from ckf_airgap.juju.snapshots.snapshot import ApplicationSnapshot, ModelSnapshot, UnitSnapshot
from ckf_airgap.juju.watching.obstacles import Obstacle

TRANSIT_S: Final = 300.0
"""How long an application that waits, or does maintenance, may be what others are blocked by, when
no agent runs anything and nothing about it changes."""

_IN_TRANSIT: Final = frozenset({"waiting", "maintenance", "allocating", ""})

_SETTLED: Final = frozenset({"blocked", "terminated", "error", "failed", "lost"})
"""States in which a unit waits for somebody else, whatever its agent is told to be."""

_FOR_CONTAINER: Final = (
    "installing agent",
    "agent initialising",
    "waiting for container",
    "creating pod container(s)",
    "pod initializing",
)
"""Messages of Juju about a unit whose containers are being made, images being pulled included."""


class EndKind(enum.Enum):
    """Why a wait ended early."""

    PULL = "image-pull"
    ERROR = "error"
    BLOCKED = "blocked"
    STALL = "stall"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A wait that has become pointless.

    Attributes:
        kind: Why.
        obstacles: The obstacles that it is because of; none when nothing changes any more.
        lasted_s: How long it was waited for a change for the better, in seconds.
    """

    kind: EndKind
    obstacles: tuple[Obstacle, ...]
    lasted_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for what may need a person, in seconds; 0 waits as long as it takes.

    Attributes:
        pull_s: For an image that cannot be pulled: the kubelet tries again and again.
        blocked_s: For a blocked unit or application, while nothing that could unblock it runs.
        stall_s: For a change of anything in the model, while no unit is allocated or waits for
            its container.
    """

    pull_s: float = DEFAULT_PULL_GRACE_S
    blocked_s: float = DEFAULT_BLOCKED_GRACE_S
    stall_s: float = DEFAULT_STALL_S


@dataclass(slots=True)
class _Lasting:
    """Since when each obstacle of a kind has been there."""

    since: dict[str, float] = field(default_factory=dict)

    def note(self, names: Iterable[str], now: float, *, keep: Iterable[str] = ()) -> None:
        """Take those that are there now; those to keep may be absent for a moment."""
        present = dict.fromkeys(names)
        for gone in self.since.keys() - present.keys() - set(keep):
            del self.since[gone]
        for name in present:
            self.since.setdefault(name, now)


class EarlyEnds:
    """Counts how long each thing has lasted that waiting does not cure.

    Args:
        patience: How long each may last.
        error_grace_s: How long an error may last that is no missing image.
    """

    def __init__(
        self, patience: Patience | None = None, *, error_grace_s: float = DEFAULT_ERROR_GRACE_S
    ) -> None:
        self.patience = patience or Patience()
        self.error_grace_s = error_grace_s
        self._now = 0.0
        """Seconds that were counted so far."""
        self._observed_at: float | None = None
        self._errors = _Lasting()
        self._pulls = _Lasting()
        self._blocked: dict[str, float] = {}
        """For how long each has been blocked while nothing ran."""
        self._was_quiet = False
        self._in_transit: dict[str, tuple[object, float]] = {}
        """What each application or unit in transit says, and since when."""
        self._last: ModelSnapshot | None = None
        self._changed_at = 0.0

    def observe(
        self,
        snapshot: ModelSnapshot,
        obstacles: Iterable[Obstacle],
        now: float,
        *,
        is_live: bool = True,
    ) -> tuple[Ending | None, float | None]:
        """Return why the wait should end, and when to look again; ``None`` for each if not.

        Args:
            snapshot: The model.
            obstacles: What is in the way of the applications that are waited for.
            now: The monotonic time, in seconds.
            is_live: Whether the controller is known to have answered since the last call.
        """
        passed = now - self._observed_at if self._observed_at is not None and is_live else 0.0
        self._observed_at = now
        self._now += passed
        found = list(obstacles)
        lasting = [*self._pull(found), *self._error(found, snapshot)]
        lasting += self._block(found, snapshot, passed)
        lasting += self._stall(found, snapshot)
        over = [(kind, limit, one) for kind, left, limit, one in lasting if left <= 0]
        waits = [left for _, left, _, _ in lasting if left > 0]
        if over:
            first = min((kind for kind, _, _ in over), key=list(EndKind).index)
            culprits = [one for kind, _, one in over if kind is first and one is not None]
            limit = next(limit for kind, limit, _ in over if kind is first)
            return Ending(kind=first, obstacles=tuple(culprits), lasted_s=limit), None
        return None, now + min(waits) if waits else None

    def _pull(self, found: list[Obstacle]) -> Iterator[_Count]:
        pulls = {one.name: one for one in found if one.is_pull}
        self._pulls.note(pulls, self._now)
        if not self.patience.pull_s:
            return
        for name, one in pulls.items():
            limit = self.patience.pull_s
            if one.is_error:
                limit = min(limit, self.error_grace_s)
            yield EndKind.PULL, self._pulls.since[name] + limit - self._now, limit, one

    def _error(self, found: list[Obstacle], snapshot: ModelSnapshot) -> Iterator[_Count]:
        """Yield the errors.

        A unit that runs its failed hook again shows no error for that moment: the error lasts
        until the agent is idle without one.
        """
        errors = {one.name: one for one in found if one.is_error and not one.is_pull}
        again = [unit.name for unit in snapshot.units if unit.agent.current == "executing"]
        self._errors.note(errors, self._now, keep=again)
        limit = self.error_grace_s
        for name, one in errors.items():
            yield EndKind.ERROR, self._errors.since[name] + limit - self._now, limit, one

    def _block(
        self, found: list[Obstacle], snapshot: ModelSnapshot, passed: float
    ) -> Iterator[_Count]:
        blocked = {one.name: one for one in found if one.status == "blocked" and not one.is_pull}
        before = self._blocked
        self._blocked = {
            name: before.get(name, 0.0) + (passed if self._was_quiet and name in before else 0.0)
            for name in blocked
        }
        transit_s = self._transit(snapshot)
        runs = any(_runs(unit) for unit in snapshot.units)
        self._was_quiet = not runs and not transit_s
        limit = self.patience.blocked_s
        if not limit or not blocked or runs:
            return
        for name, one in blocked.items():
            # While something is in transit, only the time to look again is known.
            yield EndKind.BLOCKED, transit_s or limit - self._blocked[name], limit, one

    def _transit(self, snapshot: ModelSnapshot) -> float:
        """Return how long something may still be in transit; 0 when nothing is."""
        said = dict(_said_in_transit(snapshot))
        self._in_transit = {
            name: (what, since)
            for name, what in said.items()
            for since in [
                self._in_transit[name][1]
                if name in self._in_transit and self._in_transit[name][0] == what
                else self._now
            ]
        }
        ends = (since + TRANSIT_S - self._now for _, since in self._in_transit.values())
        return max((end for end in ends if end > 0), default=0.0)

    def _stall(self, found: list[Obstacle], snapshot: ModelSnapshot) -> Iterator[_Count]:
        paused = any(_waits_for_container(unit) for unit in snapshot.units)
        if snapshot != self._last or paused or not found:
            self._last = snapshot
            self._changed_at = self._now
        limit = self.patience.stall_s
        if limit and found and not paused:
            yield EndKind.STALL, self._changed_at + limit - self._now, limit, None


_Count = tuple[EndKind, float, float, Obstacle | None]
"""What counts, how many seconds are left of it, of how many, and the obstacle."""


def _runs(unit: UnitSnapshot) -> bool:
    """Whether a unit does something, or is being made, that others may be blocked by.

    A unit that is blocked because there is no room for its pod has an agent that is allocating.
    """
    agent = unit.agent.current
    if agent in ("idle", ""):
        return False
    if agent in ("allocating", "error", "failed", "lost"):
        return agent == "allocating" and unit.workload.current not in _SETTLED
    return True


def _waits_for_container(unit: UnitSnapshot) -> bool:
    if unit.workload.current in _SETTLED:
        return False
    return unit.agent.current == "allocating" or unit.workload.message in _FOR_CONTAINER


def _said_in_transit(snapshot: ModelSnapshot) -> Iterator[tuple[str, object]]:
    """Yield what each unit or application says that is on its way to something else."""
    for name, application in snapshot.applications.items():
        if _is_application_in_transit(application):
            yield name, (application.status, application.life, len(application.units))
        for unit in application.units:
            if unit.workload.current in _IN_TRANSIT:
                yield unit.name, (unit.workload, unit.agent)


def _is_application_in_transit(application: ApplicationSnapshot) -> bool:
    """Whether an application comes, goes, or says by itself that it waits or works."""
    scale = application.scale
    return (
        application.status.current in ("waiting", "maintenance")
        or application.life not in ("alive", "")
        or (scale is not None and scale != len(application.units))
    )
