"""``Client.FullStatus`` v8: the whole model as one document. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.entities.entities import Application, Relation, StatusInfo, Unit
from ckf_airgap.rehearsal.entities.resources import rfc3339

SEVERITY: Final = {
    "error": 100,
    "blocked": 90,
    "waiting": 80,
    "maintenance": 70,
    "active": 60,
    "terminated": 50,
    "unknown": 40,
}
"""The severity of a unit's status when the application status is derived from its units."""

INSTALLING: Final = "installing agent"
SETTLING: Final = "waiting for units to settle down"
AGENT_LOST: Final = "agent is not communicating with the server"


def detailed_status(status: StatusInfo, *, life: str = "") -> Document:
    """Return a status as in ``FullStatus``."""
    return {
        "status": status.current,
        "info": status.message,
        "data": dict(status.data),
        "since": rfc3339(status.since),
        "kind": "",
        "version": "",
        "life": life,
    }


def application_status(application: Application) -> StatusInfo:
    """Return the status of an application: its own, else that derived from its units.

    Units without an agent are being installed; until all are active, in error or blocked, they are
    still settling; then the most severe status counts.
    """
    if application.status.current != "unset":
        return application.status
    units = [unit.workload for unit in application.units.values()]
    if not units:
        if application.scale == 0 or application.charm.subordinate:
            return StatusInfo(current="unknown", since=application.status.since)
        return StatusInfo(current="waiting", message=INSTALLING, since=application.status.since)
    worst = max(units, key=lambda status: SEVERITY.get(status.current, 0))
    if worst.current in ("error", "blocked"):
        return worst
    if all(status.message == INSTALLING for status in units):
        return StatusInfo(current="waiting", message=INSTALLING, since=worst.since)
    if worst.current in ("waiting", "maintenance"):
        return StatusInfo(current="waiting", message=SETTLING, since=worst.since)
    return worst


def full_status(
    *,
    model: Document,
    applications: Mapping[str, Application],
    relations: Iterable[Relation],
    patterns: Sequence[str],
    now: datetime,
    remotes: Mapping[str, Document] | None = None,
    offers: Mapping[str, Document] | None = None,
    hidden: Container[str] = (),
    updates: Mapping[str, str] | None = None,
) -> Document:
    """Return the reply of ``FullStatus``.

    Args:
        model: The ``model`` section.
        applications: All applications by name.
        relations: All relations.
        patterns: Names and globs of applications or units; empty for everything. A pattern selects
            applications, their matching units (all, if the application itself matches), and the
            relations of selected applications.
        now: The controller's time.
        remotes: The remote applications, by name.
        offers: The offers, by name.
        hidden: Applications whose relations are not shown.
        updates: The URLs of newer charms, by application.
    """
    shown: Document = {}
    kept: set[str] = set()
    for name, application in applications.items():
        units = _matching_units(application, patterns)
        if units is not None:
            kept.add(name)
            version = str(model.get("version") or "")
            update = (updates or {}).get(name, "")
            shown[name] = _application(application, units, version, hidden, update)
    return {
        "model": model,
        "machines": {},
        "applications": shown,
        "remote-applications": _chosen(remotes or {}, patterns),
        "offers": _chosen(offers or {}, patterns),
        "relations": [
            _relation(relation)
            for relation in relations
            if not any(side.application in hidden for side in relation.sides)
            and (not patterns or any(side.application in kept for side in relation.sides))
        ],
        "controller-timestamp": rfc3339(now),
        "branches": {},
    }


def _matching_units(application: Application, patterns: Sequence[str]) -> list[Unit] | None:
    """Return the units to show, or ``None`` when no pattern matches the application."""
    units = list(application.units.values())
    if not patterns or any(fnmatchcase(application.name, pattern) for pattern in patterns):
        return units
    matching = [
        unit for unit in units if any(fnmatchcase(unit.name, pattern) for pattern in patterns)
    ]
    return matching or None


def _chosen(entries: Mapping[str, Document], patterns: Sequence[str]) -> Document:
    """Return the entries whose names match a pattern; all of them without patterns."""
    return {
        name: entry
        for name, entry in entries.items()
        if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
    }


def _application(
    application: Application,
    units: Iterable[Unit],
    version: str,
    hidden: Container[str],
    update: str,
) -> Document:
    related: dict[str, JSONValue] = {}
    for endpoint, names in _related(application, hidden).items():
        related[endpoint] = list(names)
    shown: Document = {
        "charm": application.charm_url,
        "charm-version": application.stored.archive.version,
        "charm-profile": "",
        "charm-rev": application.stored.url.revision,
        "base": {"name": application.base.name, "channel": application.base.channel},
        "exposed": application.exposed,
        "life": _life(application.life),
        "relations": related,
        "can-upgrade-to": update,
        "subordinate-to": [],
        "units": {unit.name: _unit(unit, version) for unit in units},
        "meter-statuses": None,
        "status": detailed_status(application_status(application)),
        "workload-version": "",
        "endpoint-bindings": {**application.bindings},
        **({"int": application.scale} if application.scale else {}),
        "provider-id": application.provider_id,
        "public-address": application.public_address,
    }
    if application.channel:
        shown["charm-channel"] = application.channel
    if application.exposed_endpoints:
        shown["exposed-endpoints"] = application.exposed_endpoints
    return shown


def _related(application: Application, hidden: Container[str]) -> dict[str, dict[str, None]]:
    related: dict[str, dict[str, None]] = {}
    for relation in application.relations.values():
        endpoint = relation.side(application.name).endpoint.name
        other = relation.other(application.name).application
        if other not in hidden:
            related.setdefault(endpoint, {})[other] = None
    return related


def unit_status(unit: Unit) -> tuple[StatusInfo, StatusInfo]:
    """Return the statuses of a unit's agent and of its workload, as a full status shows them.

    An agent that is not connected is ``lost`` unless the unit has not been installed yet, and hides
    the status of a workload that is not in error (``apiserver/common/unitstatus.go``). The
    all-watcher goes on to show what the agent said last.
    """
    agent, workload = unit.agent, unit.workload
    if not unit.is_lost or agent.current == "allocating":
        return agent, workload
    if workload.current not in ("error", "terminated"):
        workload = StatusInfo(
            current="unknown",
            message=f"agent lost, see 'juju show-status-log {unit.name}'",
            since=workload.since,
            data=workload.data,
        )
    lost = StatusInfo(current="lost", message=AGENT_LOST, since=agent.since, data=agent.data)
    return lost, workload


def _unit(unit: Unit, version: str) -> Document:
    """Return a unit; the version is only shown for running agents.

    Its charm is only shown when it is not that of the application, which is how clients learn that
    a refresh has not reached the unit yet.
    """
    agent_status, workload = unit_status(unit)
    agent = detailed_status(agent_status, life=_life(unit.life))
    agent["version"] = version if unit.address else ""
    runs = unit.charm_url
    shown: Document = {
        "agent-status": agent,
        "workload-status": detailed_status(workload),
        "workload-version": "",
        "machine": "",
        "opened-ports": None,
        "public-address": "",
        "charm": runs if runs != unit.application.charm_url else "",
        "subordinates": None,
    }
    if unit.is_leader:
        shown["leader"] = True
    if unit.address:
        shown["provider-id"] = unit.name.replace("/", "-")
        shown["address"] = unit.address
    return shown


def _relation(relation: Relation) -> Document:
    return {
        "id": relation.id,
        "key": relation.key,
        "interface": relation.interface,
        "scope": relation.sides[0].endpoint.scope,
        "endpoints": [
            {
                "application": side.application,
                "name": side.endpoint.name,
                "role": side.endpoint.role,
                "subordinate": side.subordinate,
            }
            for side in relation.sides
        ],
        "status": detailed_status(relation.status),
    }


def _life(life: str) -> str:
    """Return a life as in statuses: empty for ``alive``."""
    return "" if life == "alive" else life
