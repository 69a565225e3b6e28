"""The state of a model at one moment, and what changed between two. Pure values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ckf_airgap.documents import Document, natural
from ckf_airgap.juju.snapshots.charmurl import charm_name_of_url


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusInfo:
    """A status of Juju: ``active``, with a message.

    Attributes:
        current: ``active``, ``blocked``, ``idle``...; empty when it is not known.
        message: What the charm or agent says about it.
        since: Since when, as the controller writes it (RFC 3339).
    """

    current: str = ""
    message: str = ""
    since: str = ""

    def __str__(self) -> str:
        """Return ``current``, or ``current: message``."""
        return f"{self.current}: {self.message}" if self.message else self.current

    def to_json(self) -> Document:
        """Return the status as JSON."""
        return {"current": self.current, "message": self.message, "since": self.since}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSnapshot:
    """A unit.

    Attributes:
        charm_url: The charm that it runs, which is that from before a refresh until the unit has
            been upgraded; empty when it is not known, as before its first hook.
    """

    name: str
    application: str
    workload: StatusInfo = field(default_factory=StatusInfo)
    agent: StatusInfo = field(default_factory=StatusInfo)
    leader: bool = False
    address: str = ""
    charm_url: str = ""

    def to_json(self) -> Document:
        """Return the unit as JSON."""
        return {
            "charm-url": self.charm_url,
            "workload": self.workload.to_json(),
            "agent": self.agent.to_json(),
            "leader": self.leader,
            "address": self.address,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationSnapshot:
    """An application with its units.

    Attributes:
        charm_url: Its charm, ``local:minio-0``.
        status: What the charm set for the application; ``unset`` when it did not.
        units: Its units, by number.
        scale: How many units are asked for; ``None`` when the source does not say.
    """

    name: str
    charm_url: str = ""
    status: StatusInfo = field(default_factory=StatusInfo)
    units: tuple[UnitSnapshot, ...] = ()
    life: str = "alive"
    exposed: bool = False
    base: str = ""
    address: str = ""
    scale: int | None = None

    @property
    def charm(self) -> str:
        """The charm's name."""
        return charm_name_of_url(self.charm_url)

    def to_json(self) -> Document:
        """Return the application as JSON."""
        return {
            "charm": self.charm,
            "charm-url": self.charm_url,
            "base": self.base,
            "status": self.status.to_json(),
            "scale": len(self.units) if self.scale is None else self.scale,
            "exposed": self.exposed,
            "life": self.life,
            "address": self.address,
            "units": {unit.name: unit.to_json() for unit in self.units},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationSnapshot:
    """A relation of the model; a peer relation has one end."""

    id: int
    key: str
    interface: str = ""
    ends: tuple[str, ...] = ()
    """``application:endpoint`` of each end."""
    since: str = ""
    """Since when it has its status, as the controller writes it; only a full status says it."""

    def to_json(self) -> Document:
        """Return the relation as JSON."""
        return {
            "id": self.id,
            "key": self.key,
            "interface": self.interface,
            "ends": [*self.ends],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSnapshot:
    """A model at one moment: applications and relations by name."""

    model: str
    life: str = "alive"
    """``alive``, or ``dying`` and ``dead`` once it is being destroyed."""
    applications: Mapping[str, ApplicationSnapshot] = field(default_factory=dict, repr=False)
    relations: tuple[RelationSnapshot, ...] = field(default=(), repr=False)

    @property
    def units(self) -> Iterator[UnitSnapshot]:
        """All units."""
        for application in self.applications.values():
            yield from application.units

    def to_json(self) -> Document:
        """Return the model as JSON."""
        return {
            "model": self.model,
            "life": self.life,
            "applications": {name: app.to_json() for name, app in self.applications.items()},
            "relations": [relation.to_json() for relation in self.relations],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What changed about one unit, or about an application as such, between two snapshots.

    Attributes:
        application: The application.
        unit: The unit; ``None`` for the application's own status.
        before: Its workload (or application) status before; ``None`` when it is new.
        after: The status now; ``None`` when it is gone.
        agent: The unit agent's status now.
    """

    application: str
    unit: str | None
    before: StatusInfo | None
    after: StatusInfo | None
    agent: StatusInfo | None = None

    def __str__(self) -> str:
        """Return one line: ``minio/0: waiting -> active``."""
        name = self.unit or self.application
        if self.after is None:
            return f"{name}: removed"
        if self.before is None or self.before.current == self.after.current:
            return f"{name}: {self.after}"
        return f"{name}: {self.before.current} -> {self.after}"


def changes_between(before: ModelSnapshot | None, after: ModelSnapshot) -> list[Change]:
    """Return the changes to show: those of workload and application statuses, not of agents."""
    changes: list[Change] = []
    old_applications = before.applications if before else {}
    for name in sorted({*old_applications, *after.applications}):
        old, new = old_applications.get(name), after.applications.get(name)
        if old is new:
            continue
        old_status = old.status if old and _is_set(old.status) else None
        new_status = new.status if new and _is_set(new.status) else None
        if _differ(old_status, new_status) and new_status is not None:
            changes.append(Change(application=name, unit=None, before=old_status, after=new_status))
        elif new is None:
            changes.append(Change(application=name, unit=None, before=old_status, after=None))
        old_units = {unit.name: unit for unit in old.units} if old else {}
        new_units = {unit.name: unit for unit in new.units} if new else {}
        for unit in sorted({*old_units, *new_units}, key=natural):
            was, now = old_units.get(unit), new_units.get(unit)
            if _differ(was.workload if was else None, now.workload if now else None):
                changes.append(
                    Change(
                        application=name,
                        unit=unit,
                        before=was.workload if was else None,
                        after=now.workload if now else None,
                        agent=now.agent if now else None,
                    )
                )
    return changes


def _is_set(status: StatusInfo) -> bool:
    return status.current not in ("", "unset", "unknown")


def _differ(before: StatusInfo | None, after: StatusInfo | None) -> bool:
    if before is None or after is None:
        return before is not after
    return (before.current, before.message) != (after.current, after.message)
