"""What keeps an application from being what is waited for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.documents import natural
from ckf_airgap.errors import Problem
from ckf_airgap.juju.snapshots.clock import seconds_of
from ckf_airgap.juju.snapshots.snapshot import (
    ApplicationSnapshot,
    ModelSnapshot,
    StatusInfo,
    UnitSnapshot,
)
from ckf_airgap.juju.watching.pulls import failed_image, is_pull_failure, pull_advice

ERRORS: Final = frozenset({"error", "failed", "lost"})
"""Statuses of workloads and agents that waiting does not cure."""

_APPLICATION_READY: Final = frozenset({"active", "unset", "unknown", ""})
"""Application statuses that do not prevent readiness: most charms set only their units' status."""

_NOT_THERE: Final = "is not in the model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why an application is not ready.

    Attributes:
        application: The application.
        unit: The unit, or ``None`` when it is the application itself.
        what: What is wrong: ``blocked: Missing relation with a database provider``.
        status: The workload or application state; empty when there is none.
        is_error: Whether it is an error that waiting does not cure.
        is_pull: Whether an image cannot be pulled.
        image: That image, as far as the status says; empty otherwise.
        is_unmoved: Whether it is only that the unit has done nothing since a change.
    """

    application: str
    unit: str | None
    what: str
    status: str = ""
    is_error: bool = False
    is_pull: bool = False
    image: str = ""
    is_unmoved: bool = False

    @property
    def name(self) -> str:
        """The unit, or the application."""
        return self.unit or self.application

    def problem(self, model: str, place: str = "") -> Problem:
        """Return it as a problem, with what to do about it.

        Args:
            model: The model's name.
            place: The resource or option that has the image, when one cannot be pulled.
        """
        what = f"{self.what} ({place})" if place else self.what
        return Problem(what, self.name, _advice(self, model))


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldResource:
    """A resource of a unit that is another one than its application has.

    Attributes:
        name: The resource.
        changed_at: When the application got the one it has, as the controller writes it.
    """

    name: str
    changed_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What is waited for of an application.

    Attributes:
        scale: How many units; ``None`` is as many as the model says, and where it does not, one or
            more.
        status: What its status is to be, one of `facts.defaults.GOALS`. For another one than
            ``active``, each unit may have it or be active, and at least one has it.
        mark: For units from before the application was changed, since when their agents did what
            they did then (`marks_of`): until an agent has done something else, what its unit says
            is from before.
        held: For units that have other resources than the application, which.
    """

    scale: int | None = None
    status: str = "active"
    mark: Mapping[str, str] = field(default_factory=dict)
    held: Mapping[str, HeldResource] = field(default_factory=dict)


def marks_of(snapshot: ModelSnapshot, applications: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return since when the agents of some applications have been doing what they do.

    Taken right before a change that units have to act on (charm, resources, options, trust), it
    tells afterwards which statuses are from before the change. No clock is compared with another.
    """
    return {
        name: {unit.name: unit.agent.since for unit in snapshot.applications[name].units}
        for name in applications
        if name in snapshot.applications
    }


def obstacles_of(
    name: str, application: ApplicationSnapshot | None, expected: Expectation
) -> Iterator[Obstacle]:
    """Yield why an application is not as expected; nothing when it is.

    Args:
        name: The application.
        application: What the model has of it.
        expected: What is waited for.
    """
    if application is None:
        yield Obstacle(application=name, unit=None, what=_NOT_THERE)
        return
    if application.life not in ("alive", ""):
        yield Obstacle(application=name, unit=None, what=f"is {application.life}")
    yield from _too_few(name, application, expected.scale)
    troubled = [
        obstacle
        for unit in application.units
        if (obstacle := _unit_obstacle(application, unit, expected)) is not None
    ]
    yield from troubled
    status = application.status
    accepted = status.current in _APPLICATION_READY or status.current == expected.status
    if not accepted and not _is_told(status, application):
        yield _told(application, str(status), status.current, {status.current})
    elif not troubled and not _has(application, expected.status):
        shown = status.current if status.current not in ("", "unset") else "active"
        yield Obstacle(
            application=name, unit=None, what=f"is {shown}, not {expected.status}", status=shown
        )


def worst_first(obstacles: Iterable[Obstacle]) -> list[Obstacle]:
    """Return obstacles in the order in which a person should look at them."""
    return sorted(
        obstacles,
        key=lambda one: (_rank(one), natural(one.application), natural(one.unit or "")),
    )


def _rank(obstacle: Obstacle) -> int:
    if obstacle.is_pull:
        return 0
    if obstacle.is_error:
        return 1
    return {"blocked": 2, "terminated": 3}.get(obstacle.status, 4 if obstacle.status else 3)


def _too_few(name: str, application: ApplicationSnapshot, scale: int | None) -> Iterator[Obstacle]:
    count = len(application.units)
    wanted = application.scale if scale is None else scale
    if not count and (wanted is None or (scale is None and wanted)):
        yield Obstacle(application=name, unit=None, what="has no units yet")
    elif wanted is not None and count != wanted:
        units = "unit" if wanted == 1 else "units"
        yield Obstacle(application=name, unit=None, what=f"has {count} of {wanted} {units}")


def _has(application: ApplicationSnapshot, status: str) -> bool:
    """Whether the application has a status, by itself or by a unit."""
    if status == "active":
        return True
    statuses = {unit.workload.current for unit in application.units}
    return status in statuses or status == application.status.current


def _is_told(status: StatusInfo, application: ApplicationSnapshot) -> bool:
    """Whether a unit says the same: an application's status repeats the worst of its units."""
    return any(unit.workload.current == status.current for unit in application.units)


def _unit_obstacle(
    application: ApplicationSnapshot, unit: UnitSnapshot, expected: Expectation
) -> Obstacle | None:
    workload, agent = unit.workload, unit.agent
    if workload.current not in ("active", expected.status) or agent.current != "idle":
        what, status = _trouble(workload, agent)
        return _told(unit, what, status, {workload.current, agent.current} - {expected.status})
    told = f"{workload.current}, but"
    if agent.since and expected.mark.get(unit.name) == agent.since:
        what = f"{told} has done nothing since the application was changed"
        return Obstacle(
            application=application.name,
            unit=unit.name,
            what=what,
            status=workload.current,
            is_unmoved=True,
        )
    old = _from_before(application, unit, expected)
    if not old:
        return None
    return Obstacle(
        application=application.name,
        unit=unit.name,
        what=f"{told} {old}",
        status=workload.current,
    )


def _trouble(workload: StatusInfo, agent: StatusInfo) -> tuple[str, str]:
    """Return what a unit says that is not settled, and the state that counts."""
    if agent.current in ERRORS:
        return f"agent {agent}", agent.current
    if workload.current == "active":
        return f"active, agent {agent}", "active"
    what = str(workload) or "no status yet"
    if agent.current not in ("idle", "") and workload.current not in ERRORS:
        what = f"{what} (agent {agent})"
    return what, workload.current


def _told(
    of: ApplicationSnapshot | UnitSnapshot, what: str, status: str, statuses: set[str]
) -> Obstacle:
    """Return what a unit or an application itself says as an obstacle.

    Args:
        of: The unit, or the application.
        what: What it says.
        status: The state that counts.
        statuses: All its states but the one that it is to have.
    """
    is_pull = is_pull_failure(what)
    return Obstacle(
        application=of.application if isinstance(of, UnitSnapshot) else of.name,
        unit=of.name if isinstance(of, UnitSnapshot) else None,
        what=what,
        status=status,
        is_error=not ERRORS.isdisjoint(statuses),
        is_pull=is_pull,
        image=failed_image(what) if is_pull else "",
    )


def _from_before(
    application: ApplicationSnapshot, unit: UnitSnapshot, expected: Expectation
) -> str:
    """Return why a unit that looks settled is one from before a change; empty when it is not."""
    if unit.charm_url and application.charm_url and unit.charm_url != application.charm_url:
        return f"still runs {unit.charm_url}, not {application.charm_url}"
    held = expected.held.get(unit.name)
    if held is not None and _is_before(unit.agent.since, held.changed_at):
        return f"still has the resource {held.name} from before it was changed"
    return ""


def _is_before(since: str, changed_at: str) -> bool:
    """Whether an agent has done nothing since a time; both are the controller's."""
    began, changed = seconds_of(since), seconds_of(changed_at)
    return began is not None and changed is not None and began <= changed


def _advice(obstacle: Obstacle, model: str) -> str:
    """Return what to do about an obstacle."""
    unit = obstacle.unit
    pod = unit.replace("/", "-") if unit else f"{obstacle.application}-0"
    what = obstacle.what.lower()
    if obstacle.is_pull or "image" in what:
        return f"{pull_advice(obstacle.what)}: kubectl -n {model} describe pod {pod}"
    if obstacle.is_error and "hook failed" in what and unit:
        return f"see why: juju debug-log -m {model} --replay --include {unit}"
    if obstacle.is_error:
        return f"see kubectl -n {model} describe pod {pod}, and juju debug-log -m {model}"
    if obstacle.status == "blocked":
        return "it needs action: add the relation or set the option that it asks for"
    if obstacle.what == _NOT_THERE:
        return "deploy it first"
    if obstacle.status in ("waiting", "maintenance", "active", "unknown") and unit:
        return f"give it more time; see juju debug-log -m {model} --include {unit}"
    return f"see kubectl -n {model} get pods,events"
