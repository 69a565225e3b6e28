"""Decide when a model is active/idle, or will not get there. Pure: fed snapshots and times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.errors import Problem
from ckf_airgap.facts.defaults import DEFAULT_ERROR_GRACE_S, DEFAULT_IDLE_PERIOD_S
from ckf_airgap.juju.snapshots.clock import ControllerClock
from ckf_airgap.juju.snapshots.snapshot import ApplicationSnapshot, ModelSnapshot
from ckf_airgap.juju.watching.obstacles import (
    Expectation,
    HeldResource,
    Obstacle,
    obstacles_of,
)
from ckf_airgap.juju.watching.patience import EarlyEnds, Ending, Patience


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a snapshot means at a given time.

    Attributes:
        done: All applications were as expected for the idle period.
        ready: The applications that are as expected now.
        obstacles: What holds up the others.
        ending: Why waiting longer is of no use; ``None`` while it is.
        next_check_at: When time alone may change the verdict; ``None`` when it cannot.
    """

    done: bool
    ready: tuple[str, ...] = field(repr=False)
    obstacles: tuple[Obstacle, ...] = field(repr=False)
    ending: Ending | None = field(default=None, repr=False)
    next_check_at: float | None

    @property
    def failures(self) -> tuple[Obstacle, ...]:
        """The obstacles that the wait ends because of."""
        return self.ending.obstacles if self.ending is not None else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortIdle:
    """An application that is active/idle, but not for the idle period yet.

    Attributes:
        application: The application.
        idle_s: For how long it has been active/idle, in seconds.
        interruptions: How often it was active/idle before and then was not, or ran something.
    """

    application: str
    idle_s: float
    interruptions: int

    def problem(self, model: str) -> Problem:
        """Return it as a problem, with what to do about it."""
        what = f"has been active/idle for only {self.idle_s:.1f} s"
        if not self.interruptions:
            return Problem(what, self.application)
        return Problem(
            f"{what}, after it was interrupted {times(self.interruptions)}",
            self.application,
            f"see what it runs: juju debug-log -m {model} --replay --include {self.application}",
        )


MARKS_S: Final = 120.0
"""How long a unit that does nothing after a change is waited for: then it has nothing to do.

Agents begin to act on a change within seconds, and a pod is replaced within a minute; a change that
makes no difference to a unit, such as an option that is set to its default, runs no hook."""

_NONE_HELD: Final[Mapping[str, HeldResource]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a model beside its snapshot.

    Attributes:
        is_live: Whether the controller is known to have answered since the last look.
        clock: The controller's clock, to tell how long something has lasted already; ``None``
            counts from the first look.
        held: For units that have other resources than their application, which.
        resources_at: When each application got its resources, as the controller writes it.
    """

    is_live: bool = True
    clock: ControllerClock | None = None
    held: Mapping[str, HeldResource] = field(default_factory=lambda: _NONE_HELD)
    resources_at: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class IdleTracker:
    """Decides when applications are active/idle and stay so.

    An application is ready when it has exactly the expected units, each with workload ``active``
    (or the status that it is expected to have) and agent ``idle``, and its own status does not
    contradict that. The period starts again when any of them leaves that state or its agent has
    run something meanwhile (which a coalesced delta shows only by its time). A workload that is
    active while its agent is still ``allocating`` or ``executing`` does not count, so that a state
    from before the first hook cannot pass; nor does one from before a change (`Expectation`).

    An application that is removed is not waited for any more.

    Args:
        expected: The applications, each with its number of units; ``None`` means as many as the
            model says.
        whole_model: Whether all others of the model are waited for, too, also those that come.
        goals: For applications that are to have another status than ``active``, which; they are
            waited for, too.
        marks: What `marks_of` returned before applications were changed.
        idle_period_s: How long all of them must be ready.
        error_grace_s: How long an error must last to be a failure.
        patience: How long other things that waiting may not cure are waited for.
    """

    def __init__(
        self,
        expected: Mapping[str, int | None],
        *,
        whole_model: bool = False,
        goals: Mapping[str, str] | None = None,
        marks: Mapping[str, Mapping[str, str]] | None = None,
        idle_period_s: float = DEFAULT_IDLE_PERIOD_S,
        error_grace_s: float = DEFAULT_ERROR_GRACE_S,
        patience: Patience | None = None,
    ) -> None:
        self.idle_period_s = idle_period_s
        self._goals = dict(goals or {})
        self._scales = {**dict.fromkeys(self._goals), **expected}
        self._marks = dict(marks or {})
        self._marks_until: float | None = None
        self._whole_model = whole_model
        self._ends = EarlyEnds(patience, error_grace_s=error_grace_s)
        self._met: dict[str, None] = {}
        self._looked: dict[
            str, tuple[ApplicationSnapshot | None, Mapping[str, HeldResource], tuple[Obstacle, ...]]
        ] = {}
        self._ready_since: dict[str, float] = {}
        self._signatures: dict[str, tuple[tuple[str, str], ...]] = {}
        self._ready: dict[str, ApplicationSnapshot] = {}
        self.expected: tuple[str, ...] = tuple(self._scales)
        """The applications that are waited for now."""
        self.removed: tuple[str, ...] = ()
        """Those that were waited for and then were removed."""
        self.first_ready_at: dict[str, float] = {}
        self.interruptions: dict[str, int] = {}
        """How often each application was ready and then was not, or ran something."""

    def observe(
        self, snapshot: ModelSnapshot, now: float, evidence: Evidence | None = None
    ) -> Verdict:
        """Return what the snapshot means at the monotonic time `now`, in seconds."""
        known = evidence or Evidence()
        self._choose(snapshot)
        self._forget_marks(now)
        obstacles: list[Obstacle] = []
        for name in self.expected:
            application = snapshot.applications.get(name)
            found = self._obstacles(name, application, known)
            obstacles += found
            first = name not in self._met
            if application is None or found:
                self._note_unready(name)
            else:
                began = _settled_since(application, snapshot, known) if first else None
                self._note_readiness(name, application, now if began is None else began, now)
            if application is not None:
                self._met[name] = None
        ending, end_check = self._ends.observe(snapshot, obstacles, now, is_live=known.is_live)
        checks = [] if end_check is None else [end_check]
        if self._marks_until is not None and any(one.is_unmoved for one in obstacles):
            checks.append(self._marks_until)
        done = False
        if not obstacles:
            since = max(self._ready_since.values(), default=now - self.idle_period_s)
            done = now - since >= self.idle_period_s
            checks += [] if done else [since + self.idle_period_s]
        return Verdict(
            done=done,
            ready=tuple(self._ready_since),
            obstacles=tuple(obstacles),
            ending=ending,
            next_check_at=min(checks, default=None),
        )

    def _choose(self, snapshot: ModelSnapshot) -> None:
        """Find which applications are waited for now."""
        names = dict.fromkeys(self._scales)
        if self._whole_model:
            names |= dict.fromkeys((*self._met, *snapshot.applications))
        gone = [name for name in names if name in self._met and name not in snapshot.applications]
        for name in gone:
            del names[name]
            self._note_unready(name)
        self.expected, self.removed = tuple(names), tuple(gone)

    def _forget_marks(self, now: float) -> None:
        """Take the units that have done nothing for long enough for what they are."""
        if not self._marks:
            return
        if self._marks_until is None:
            self._marks_until = now + MARKS_S
        elif now >= self._marks_until:
            self._marks.clear()
            self._looked.clear()

    def _obstacles(
        self, name: str, application: ApplicationSnapshot | None, known: Evidence
    ) -> tuple[Obstacle, ...]:
        """Return what is in the way of an application; looks again only when it may be another."""
        before = self._looked.get(name)
        if before is not None and before[0] is application and before[1] is known.held:
            return before[2]
        found = tuple(obstacles_of(name, application, self._expectation(name, known)))
        self._looked[name] = (application, known.held, found)
        return found

    def _expectation(self, name: str, known: Evidence) -> Expectation:
        return Expectation(
            scale=self._scales.get(name),
            status=self._goals.get(name, "active"),
            mark=self._marks.get(name, {}),
            held=known.held,
        )

    def _note_unready(self, name: str) -> None:
        if self._ready_since.pop(name, None) is not None:
            self._note_interruption(name)
        self._signatures.pop(name, None)
        self._ready.pop(name, None)

    def _note_readiness(
        self, name: str, application: ApplicationSnapshot, since: float, now: float
    ) -> None:
        if self._ready.get(name) is application:
            return
        self._ready[name] = application
        signature = tuple((unit.name, unit.agent.since) for unit in application.units)
        if self._signatures.get(name) != signature:
            if name in self._signatures:
                self._note_interruption(name)
            self._signatures[name] = signature
            self._ready_since[name] = min(since, now)
        self.first_ready_at.setdefault(name, now)

    def _note_interruption(self, name: str) -> None:
        self.interruptions[name] = self.interruptions.get(name, 0) + 1

    def short_of_idle(self, now: float) -> list[ShortIdle]:
        """Return the applications that are ready, but not for the idle period; the worst first."""
        found = [
            ShortIdle(
                application=name,
                idle_s=now - since,
                interruptions=self.interruptions.get(name, 0),
            )
            for name, since in self._ready_since.items()
            if now - since < self.idle_period_s
        ]
        return sorted(found, key=lambda item: (-item.interruptions, item.application))


def times(count: int) -> str:
    """Return ``once``, ``twice`` or ``5 times``."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _settled_since(
    application: ApplicationSnapshot, snapshot: ModelSnapshot, known: Evidence
) -> float | None:
    """Return the monotonic time of the last that happened to an application.

    That is the latest of what its units' agents and workloads did, of its relations, and of its
    resources, by the controller's own times; ``None`` when those of the agents are not all known.
    """
    clock = known.clock
    if clock is None:
        return None
    agents = [clock.monotonic_of(unit.agent.since) for unit in application.units]
    if None in agents:
        return None
    others = [
        *(unit.workload.since for unit in application.units),
        application.status.since,
        *known.resources_at.get(application.name, ()),
        *(
            relation.since
            for relation in snapshot.relations
            if any(end.partition(":")[0] == application.name for end in relation.ends)
        ),
    ]
    found = [*agents, *map(clock.monotonic_of, others)]
    return max((time for time in found if time is not None), default=None)
