"""The contents of a model, as tables and lines for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from rich.table import Table
from rich.text import Text

from ckf_airgap.cli.safetext import line
from ckf_airgap.cli.tables import plain_table
from ckf_airgap.cli.wording import plural
from ckf_airgap.juju.snapshots.snapshot import (
    ApplicationSnapshot,
    ModelSnapshot,
    StatusInfo,
    UnitSnapshot,
)

_STYLES: Final[Mapping[str, str]] = {
    "active": "green",
    "error": "bold red",
    "failed": "bold red",
    "lost": "bold red",
    "blocked": "red",
    "terminated": "red",
    "waiting": "yellow",
    "maintenance": "yellow",
    "allocating": "yellow",
    "executing": "yellow",
}

_SEVERITY: Final = (
    "error",
    "failed",
    "lost",
    "blocked",
    "terminated",
    "unknown",
    "waiting",
    "maintenance",
    "allocating",
    "executing",
)
"""Worst first; anything else is as good as active."""


def worst(application: ApplicationSnapshot) -> StatusInfo:
    """Return the status that a person should see first: of the application or of a unit."""
    statuses = [unit_status(unit) for unit in application.units]
    if application.status.current not in {"", "unset", "unknown"}:
        statuses.append(application.status)
    if not statuses:
        return StatusInfo(current="waiting", message="no units yet")
    return min(statuses, key=_rank)


def unit_status(unit: UnitSnapshot) -> StatusInfo:
    """Return a unit's workload status, or its agent's where that says more."""
    workload, agent = unit.workload, unit.agent
    if agent.current in {"error", "failed", "lost"} and workload.current != "error":
        return agent
    if workload.current == "active" and agent.current in {"allocating", "executing"}:
        return StatusInfo(current=agent.current, message=agent.message or workload.message)
    return workload if workload.current else StatusInfo(current="allocating")


def styled(status: str) -> Text:
    """Return a status in its colour."""
    return line(status, _STYLES.get(status, ""))


def status_table(snapshot: ModelSnapshot, images: Mapping[str, str] | None = None) -> Table:
    """Return one row for each application.

    Args:
        snapshot: The model. Revisions are those that the controller gave the charms.
        images: What to show of each application's images, in place of the message of one that
            is active.
    """
    columns = ["application", "charm", ">rev", ">units", "status"]
    columns.append("message" if images is None else "images")
    table = plain_table(*columns)
    if images is not None:
        table.columns[-1].overflow = "ellipsis"
        table.columns[-1].no_wrap = True
    for name, application in snapshot.applications.items():
        status = worst(application)
        last = line(status.message)
        if images is not None and (status.current == "active" or not status.message):
            last = line(images.get(name, ""), "dim")
        table.add_row(
            name,
            application.charm,
            _revision(application),
            _units(application),
            styled(status.current),
            last,
        )
    return table


def relations_table(snapshot: ModelSnapshot) -> Table:
    """Return one row for each relation between two applications."""
    table = plain_table("relation", "", "interface")
    for relation in sorted(snapshot.relations, key=lambda relation: relation.ends):
        if len(relation.ends) == 2:
            table.add_row(*relation.ends, line(relation.interface, "dim"))
    return table


def relation_count(snapshot: ModelSnapshot) -> int:
    """Return how many relations join two applications."""
    return sum(len(relation.ends) == 2 for relation in snapshot.relations)


def describe_counts(snapshot: ModelSnapshot) -> str:
    """Return one line: ``37 applications (35 active, 2 waiting), 37 units, 35 relations``."""
    states = Counter(worst(application).current for application in snapshot.applications.values())
    parts = ", ".join(f"{count} {state}" for state, count in states.most_common())
    return (
        f"{plural(len(snapshot.applications), 'application')}{f' ({parts})' if parts else ''}, "
        f"{plural(len(list(snapshot.units)), 'unit')}, "
        f"{plural(relation_count(snapshot), 'relation')}"
        + ("" if snapshot.life == "alive" else f"; the model is {snapshot.life}")
    )


def _rank(status: StatusInfo) -> int:
    order = _SEVERITY
    return order.index(status.current) if status.current in order else len(order)


def _units(application: ApplicationSnapshot) -> str:
    active = sum(unit.workload.current == "active" for unit in application.units)
    wanted = len(application.units) if application.scale is None else application.scale
    return str(wanted) if active == wanted else f"{active}/{wanted}"


def _revision(application: ApplicationSnapshot) -> str:
    return application.charm_url.rpartition("-")[2] if "-" in application.charm_url else ""
