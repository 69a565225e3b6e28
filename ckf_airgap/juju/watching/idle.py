"""Decide when a model is active/idle, or will not get there. Pure: fed snapshots and times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.errors import Problem
from ckf_airgap.facts.defaults import DEFAULT_ERROR_GRACE_S, DEFAULT_IDLE_PERIOD_S
from ckf_airgap.juju.snapshots.snapshot import (
    ApplicationSnapshot,
    ModelSnapshot,
    StatusInfo,
    UnitSnapshot,
)

_ERRORS: Final = frozenset({"error", "failed", "lost"})
_APPLICATION_READY: Final = frozenset({"active", "unset", "unknown", ""})
"""Application statuses that do not prevent readiness: most charms set only their units' status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why an application is not ready.

    Attributes:
        application: The application.
        unit: The unit, or ``None`` when it is the application itself.
        what: What is wrong: ``blocked: Missing relation with a database provider``.
        status: The workload or application state; empty when there is none.
        is_error: Whether it is an error that waiting does not cure.
    """

    application: str
    unit: str | None
    what: str
    status: str = ""
    is_error: bool = False

    @property
    def name(self) -> str:
        """The unit, or the application."""
        return self.unit or self.application

    def problem(self, model: str) -> Problem:
        """Return it as a problem, with what to do about it."""
        return Problem(self.what, self.name, _advice(self, model))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a snapshot means at a given time.

    Attributes:
        done: All applications were active/idle for the idle period.
        ready: The applications that are active/idle now.
        obstacles: What holds up the others.
        failures: Errors that have outlasted the grace period.
        next_check_at: When time alone may change the verdict; ``None`` when it cannot.
    """

    done: bool
    ready: tuple[str, ...] = field(repr=False)
    obstacles: tuple[Obstacle, ...] = field(repr=False)
    failures: tuple[Obstacle, ...] = field(repr=False)
    next_check_at: float | None


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


class IdleTracker:
    """Decides when applications are active/idle and stay so.

    An application is ready when it has exactly the expected units, each with workload ``active``
    and agent ``idle``, and its own status does not contradict that. The period starts again when
    any of them leaves that state or its agent has run something meanwhile (which a coalesced delta
    shows only by its time). A workload that is active while its agent is still ``allocating`` or
    ``executing`` does not count, so that a state from before the first hook cannot pass.

    Args:
        expected: The applications, each with its number of units; ``None`` means at
            least one, or none where the model says that none are asked for.
        idle_period_s: How long all of them must be ready.
        error_grace_s: How long an error must last to be a failure.
    """

    def __init__(
        self,
        expected: Mapping[str, int | None],
        *,
        idle_period_s: float = DEFAULT_IDLE_PERIOD_S,
        error_grace_s: float = DEFAULT_ERROR_GRACE_S,
    ) -> None:
        self.expected = dict(expected)
        self.idle_period_s = idle_period_s
        self.error_grace_s = error_grace_s
        self._ready_since: dict[str, float] = {}
        self._signatures: dict[str, tuple[tuple[str, str], ...]] = {}
        self._failing_since: dict[str, float] = {}
        self.first_ready_at: dict[str, float] = {}
        self.interruptions: dict[str, int] = {}
        """How often each application was ready and then was not, or ran something."""

    def observe(self, snapshot: ModelSnapshot, now: float) -> Verdict:
        """Return what the snapshot means at the monotonic time `now`, in seconds."""
        obstacles: list[Obstacle] = []
        for name, scale in self.expected.items():
            application = snapshot.applications.get(name)
            found = list(_obstacles(name, application, scale))
            obstacles += found
            self._note_readiness(name, application, ready=not found, now=now)
        failing = self._failing(snapshot, obstacles, now)
        failures = tuple(
            obstacle for obstacle, since in failing if now - since >= self.error_grace_s
        )
        checks = [
            since + self.error_grace_s for _, since in failing if now - since < self.error_grace_s
        ]
        done = False
        if not obstacles:
            since = max(self._ready_since.values(), default=now - self.idle_period_s)
            done = now - since >= self.idle_period_s
            checks += [] if done else [since + self.idle_period_s]
        return Verdict(
            done=done,
            ready=tuple(self._ready_since),
            obstacles=tuple(obstacles),
            failures=failures,
            next_check_at=min(checks, default=None),
        )

    def _note_readiness(
        self, name: str, application: ApplicationSnapshot | None, *, ready: bool, now: float
    ) -> None:
        if not ready or application is None:
            if self._ready_since.pop(name, None) is not None:
                self._note_interruption(name)
            self._signatures.pop(name, None)
            return
        signature = tuple((unit.name, unit.agent.since) for unit in application.units)
        if self._signatures.get(name) != signature:
            if name in self._signatures:
                self._note_interruption(name)
            self._signatures[name] = signature
            self._ready_since[name] = now
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

    def _failing(
        self, snapshot: ModelSnapshot, obstacles: list[Obstacle], now: float
    ) -> list[tuple[Obstacle, float]]:
        """Return the errors, each with the time it began.

        A unit that runs its failed hook again shows no error for that moment: the error lasts
        until the agent is idle without one.
        """
        agents = {unit.name: unit.agent.current for unit in snapshot.units}
        errors = {obstacle.name: obstacle for obstacle in obstacles if obstacle.is_error}
        for name in list(self._failing_since):
            if name not in errors and agents.get(name) != "executing":
                del self._failing_since[name]
        for name in errors:
            self._failing_since.setdefault(name, now)
        return [(obstacle, self._failing_since[name]) for name, obstacle in errors.items()]


def times(count: int) -> str:
    """Return ``once``, ``twice`` or ``5 times``."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _obstacles(
    name: str, application: ApplicationSnapshot | None, scale: int | None
) -> Iterator[Obstacle]:
    if application is None:
        yield Obstacle(application=name, unit=None, what="is not in the model")
        return
    if application.life not in ("alive", ""):
        yield Obstacle(application=name, unit=None, what=f"is {application.life}")
    count = len(application.units)
    if scale is None and not count and application.scale != 0:
        yield Obstacle(application=name, unit=None, what="has no units yet")
    elif scale is not None and count != scale:
        units = "unit" if scale == 1 else "units"
        yield Obstacle(application=name, unit=None, what=f"has {count} of {scale} {units}")
    troubled = [
        obstacle
        for unit in application.units
        if (obstacle := _unit_obstacle(name, unit)) is not None
    ]
    yield from troubled
    status = application.status
    if status.current not in _APPLICATION_READY and not _is_told(status, application):
        yield Obstacle(
            application=name,
            unit=None,
            what=str(status),
            status=status.current,
            is_error=status.current in _ERRORS,
        )


def _is_told(status: StatusInfo, application: ApplicationSnapshot) -> bool:
    """Whether a unit says the same: an application's status repeats the worst of its units."""
    return any(unit.workload.current == status.current for unit in application.units)


def _unit_obstacle(name: str, unit: UnitSnapshot) -> Obstacle | None:
    workload, agent = unit.workload, unit.agent
    if workload.current == "active" and agent.current == "idle":
        return None
    if agent.current in _ERRORS:
        what, status = f"agent {agent}", agent.current
    elif workload.current == "active":
        what, status = f"active, agent {agent}", "active"
    else:
        what, status = str(workload) or "no status yet", workload.current
        if agent.current not in ("idle", "") and workload.current not in _ERRORS:
            what = f"{what} (agent {agent})"
    is_error = workload.current in _ERRORS or agent.current in _ERRORS
    return Obstacle(application=name, unit=unit.name, what=what, status=status, is_error=is_error)


def _advice(obstacle: Obstacle, model: str) -> str:
    """Return what to do about an obstacle."""
    unit = obstacle.unit
    pod = unit.replace("/", "-") if unit else f"{obstacle.application}-0"
    what = obstacle.what.lower()
    if "image" in what:
        return (
            "check that the image is in the registry and that the nodes can reach and trust it: "
            f"kubectl -n {model} describe pod {pod}"
        )
    if obstacle.is_error and "hook failed" in what and unit:
        return f"see why: juju debug-log -m {model} --replay --include {unit}"
    if obstacle.is_error:
        return f"see kubectl -n {model} describe pod {pod}, and juju debug-log -m {model}"
    if obstacle.status == "blocked":
        return "it needs action: add the relation or set the option that it asks for"
    if obstacle.what == "is not in the model":
        return "deploy it first"
    if obstacle.status in ("waiting", "maintenance", "active", "unknown") and unit:
        return f"give it more time; see juju debug-log -m {model} --include {unit}"
    return f"see kubectl -n {model} get pods,events"
