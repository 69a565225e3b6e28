"""The checks of a controller before it relates two applications. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ckf_airgap.rehearsal.entities.crossmodel import RemoteApplication
from ckf_airgap.rehearsal.entities.entities import Application, Relation
from ckf_airgap.rehearsal.entities.relations import Side, is_container_scoped
from ckf_airgap.rehearsal.wire import ALREADY_EXISTS, QUOTA_LIMIT_EXCEEDED, ApiError


def check_new_relation(
    sides: Sequence[Side],
    *,
    existing: Relation | None,
    applications: Mapping[str, Application],
    remotes: Mapping[str, RemoteApplication],
) -> None:
    """Check that two applications may be related.

    Args:
        sides: The two sides.
        existing: The existing relation between them, if any.
        applications: The applications of the model, by name.
        remotes: The remote applications, by name.

    Raises:
        ApiError: for the first check that fails.
    """
    if len(sides) != 2:
        raise ApiError("relation must have two endpoints")
    if existing is not None and existing.life == "dying":
        raise ApiError(f"relation {existing.key} is dying, but not yet removed", ALREADY_EXISTS)
    if existing is not None:
        raise ApiError(f"relation {existing.key}", ALREADY_EXISTS)
    for side in sides:
        remote = remotes.get(side.application)
        if remote is not None:
            if remote.is_terminated:
                raise ApiError(f"remote offer {remote.name} is terminated")
            if remote.life != "alive":
                raise ApiError(f'remote application "{remote.name}" is not alive')
            continue
        application = applications[side.application]
        if application.life != "alive":
            raise ApiError(f'application "{application.name}" is not alive')
        limit = side.endpoint.limit
        if limit and sum(1 for _ in application.relations_at(side.endpoint.name)) >= limit:
            raise ApiError(
                f"establishing a new relation for {side} would exceed its maximum relation "
                f"limit of {limit}",
                QUOTA_LIMIT_EXCEEDED,
            )
    principal, subordinate = sorted(sides, key=lambda side: side.subordinate)
    if is_container_scoped(sides) and subordinate.subordinate:
        base = applications[principal.application].base
        supported = applications[subordinate.application].charm.bases
        if not any(base.same_os(other) for other in supported):
            shown = " ".join(f"{other}/stable" for other in supported)
            raise ApiError(
                "subordinate must support principal application's base; "
                f"subordinate only supports: [{shown}]"
            )
