"""Models at a moment, written shortly."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ckf_airgap.juju.snapshots.snapshot import (
    ApplicationSnapshot,
    ModelSnapshot,
    StatusInfo,
    UnitSnapshot,
)


def status(text: str, since: str = "") -> StatusInfo:
    """Return a status from ``current`` or ``current: message``."""
    current, _, message = text.partition(": ")
    return StatusInfo(current=current, message=message, since=since)


def unit(
    name: str,
    workload: str = "active",
    agent: str = "idle",
    *,
    since: str = "t0",
    charm_url: str = "",
) -> UnitSnapshot:
    """Return a unit; ``workload`` and ``agent`` are ``current`` or ``current: message``."""
    return UnitSnapshot(
        name=name,
        application=name.partition("/")[0],
        workload=status(workload),
        agent=status(agent, since),
        charm_url=charm_url,
    )


def model(*units: UnitSnapshot, status: Mapping[str, str] | None = None) -> ModelSnapshot:
    """Return a model with some units, and the statuses that applications set for themselves."""
    names = dict.fromkeys([*(item.application for item in units), *(status or {})])
    return ModelSnapshot(
        model="kubeflow",
        applications={
            name: ApplicationSnapshot(
                name=name,
                status=StatusInfo(current=(status or {}).get(name, "unset")),
                units=tuple(item for item in units if item.application == name),
            )
            for name in names
        },
    )


def changed(snapshot: ModelSnapshot, application: str, **fields: object) -> ModelSnapshot:
    """Return a model in which an application has other values."""
    new = dataclasses.replace(snapshot.applications[application], **fields)  # type: ignore[arg-type]
    return dataclasses.replace(snapshot, applications={**snapshot.applications, application: new})
