"""The hooks that a unit's agent runs about its relations. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ckf_airgap.documents import JSONValue
from ckf_airgap.rehearsal.entities.entities import Relation, StoredCharm, Unit
from ckf_airgap.rehearsal.units.hooks import Hook


def hook_about(unit: Unit, relation: Relation, kind: str, remote_unit: str = "") -> Hook:
    """Return a hook of a unit about a relation: ``object-storage-relation-joined``."""
    endpoint = relation.side(unit.application.name).endpoint.name
    return Hook(kind=kind, subject=endpoint, relation=relation, remote_unit=remote_unit)


def departure_hooks(unit: Unit, relation: Relation) -> Iterator[Hook]:
    """Yield the hooks of a unit that leaves a relation: none when it is not in its scope."""
    if unit.name in relation.in_scope:
        for remote_unit in relation.counterparts(unit):
            yield hook_about(unit, relation, "relation-departed", remote_unit)
        yield hook_about(unit, relation, "relation-broken")


def has_endpoint(stored: StoredCharm, unit: Unit, relation: Relation) -> bool:
    """Whether a charm has the endpoint of a unit's side of a relation."""
    side = relation.side(unit.application.name)
    return side.implicit or side.endpoint.name in stored.charm.endpoints


def failure_data(unit: Unit, hook: str) -> dict[str, JSONValue]:
    """Return the data of a hook's failure: the hook, its relation and a remote unit."""
    data: dict[str, JSONValue] = {"hook": hook}
    endpoint, about_relation, _ = hook.partition("-relation-")
    relation = next(unit.application.relations_at(endpoint), None) if about_relation else None
    if relation is not None:
        data["relation-id"] = relation.id
        for remote_unit in relation.counterparts(unit)[:1]:
            data["remote-unit"] = remote_unit
    return data
