"""Removals that are forced: hooks get some time, and what is left after that goes without them.

See ``ForcedOperation`` and the clean-ups of state/cleanup.go: ``--force`` alone skips nothing that
works. Only what has not ended by itself within the time to wait is removed regardless.
"""

from __future__ import annotations

from typing import Final

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.entities.entities import Application, Relation
from ckf_airgap.rehearsal.model.topology import Topology
from ckf_airgap.rehearsal.wire import bool_field, field, int_field

DEFAULT_MAX_WAIT_S: Final = 60.0
"""How long hooks get when a request does not say (``common.MaxWait`` of Juju's API server)."""

_NANOSECONDS: Final = 1e9


def forced_after_s(document: Document) -> float | None:
    """Return after how many seconds a request forces a removal; ``None`` when it does not.

    Raises:
        ApiError: when ``force`` or ``max-wait`` has the wrong type.
    """
    if not bool_field(document, "force"):
        return None
    if field(document, "max-wait") is None:
        return DEFAULT_MAX_WAIT_S
    return int_field(document, "max-wait") / _NANOSECONDS


def remove_relation(topology: Topology, relation: Relation, forced_after: float | None) -> None:
    """Remove a relation; units that have not left it in time are taken out of it.

    Args:
        topology: The model's topology.
        relation: The relation.
        forced_after: How many seconds the hooks of its units get; ``None`` for as long as it takes.
    """
    topology.remove_relation(relation, force=forced_after == 0)
    if forced_after:
        topology.clock.call_later(forced_after, lambda: _force_relation(topology, relation))


def remove_application(
    topology: Topology,
    application: Application,
    forced_after: float | None,
    *,
    destroy_storage: bool,
) -> None:
    """Remove an application; units that are not gone in time are removed without more hooks.

    Args:
        topology: The model's topology.
        application: The application.
        forced_after: How many seconds the hooks of its units get; ``None`` for as long as it takes.
        destroy_storage: Whether the storage of its units is destroyed together with them.
    """
    topology.remove_application(
        application, force=forced_after == 0, destroy_storage=destroy_storage
    )
    if forced_after:
        topology.clock.call_later(
            forced_after,
            lambda: _force_application(topology, application, destroy_storage=destroy_storage),
        )


def _force_relation(topology: Topology, relation: Relation) -> None:
    if topology.relations.get(relation.id) is relation:
        topology.remove_relation(relation, force=True)


def _force_application(
    topology: Topology, application: Application, *, destroy_storage: bool
) -> None:
    if topology.applications.get(application.name) is application:
        topology.remove_application(application, force=True, destroy_storage=destroy_storage)
