"""The endpoints that a bundle's relation means, resolved as the controller does it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ckf_airgap.bundle.bundle import EndpointRef, Relation
from ckf_airgap.charms.charm import Charm, Endpoint
from ckf_airgap.errors import Problem, nearest

JUJU_INFO: Final = Endpoint(name="juju-info", role="provider", interface="juju-info")
"""The endpoint that every charm provides without declaring it."""


@dataclass(frozen=True, slots=True)
class ResolvedRelation:
    """A relation with both endpoints known."""

    requirer: EndpointRef
    provider: EndpointRef
    interface: str

    @property
    def key(self) -> str:
        """The key as Juju writes it: requirer first."""
        return f"{self.requirer} {self.provider}"

    @property
    def ends(self) -> frozenset[str]:
        """Both ends as strings, in no order, to compare with what a model has."""
        return frozenset((str(self.requirer), str(self.provider)))


def resolve_relation(relation: Relation, charms: Mapping[str, Charm]) -> ResolvedRelation | Problem:
    """Return the endpoints that a relation means, or what is wrong with it.

    The rule is the controller's: all pairs with one interface and complementary roles; of several,
    those with the implicit ``juju-info`` are dropped; there must be one left.

    Args:
        relation: A relation of the bundle.
        charms: The charm of each application.
    """
    where = f"relation {relation}"
    for end in relation.ends:
        if end.application not in charms:
            return Problem(
                f'application "{end.application}" is not deployed by this bundle',
                where,
                nearest(end.application, charms) or "cross-model relations are not supported",
            )
    left = _candidates(relation.left, charms, where)
    if isinstance(left, Problem):
        return left
    right = _candidates(relation.right, charms, where)
    if isinstance(right, Problem):
        return right
    pairs = [
        pair
        for a in left
        for b in right
        if (pair := _pair(relation.left, a, relation.right, b)) is not None
    ]
    if len(pairs) > 1:
        pairs = [pair for pair in pairs if pair.interface != JUJU_INFO.interface] or pairs
    if len(pairs) == 1:
        return pairs[0]
    if not pairs:
        return _no_relation(relation, left, right, charms, where)
    keys = "; ".join(sorted(f'"{pair.key}"' for pair in pairs))
    return Problem(
        f'ambiguous relation: "{relation}" could refer to {keys}',
        where,
        "name the endpoints: application:endpoint",
    )


def resolve_relations(
    relations: Iterable[Relation], charms: Mapping[str, Charm]
) -> tuple[list[ResolvedRelation], list[Problem]]:
    """Return the endpoints that relations mean, each pair once, and a problem for each bad one.

    Args:
        relations: Relations of the bundle.
        charms: The charm of each application.
    """
    resolved: dict[frozenset[str], ResolvedRelation] = {}
    problems: list[Problem] = []
    for relation in relations:
        found = resolve_relation(relation, charms)
        if isinstance(found, Problem):
            problems.append(found)
        else:
            resolved.setdefault(found.ends, found)
    problems += exceeded_limits(resolved.values(), charms)
    return [*resolved.values()], problems


def exceeded_limits(
    relations: Iterable[ResolvedRelation], charms: Mapping[str, Charm]
) -> list[Problem]:
    """Return a problem for each endpoint with more relations than its charm's limit allows."""
    used: dict[EndpointRef, list[str]] = {}
    for relation in relations:
        for end, other in (
            (relation.requirer, relation.provider),
            (relation.provider, relation.requirer),
        ):
            used.setdefault(end, []).append(str(other))
    problems = []
    for end, others in used.items():
        endpoint = charms[end.application].endpoints.get(str(end.endpoint))
        if endpoint is not None and endpoint.limit and len(others) > endpoint.limit:
            problems.append(
                Problem(
                    f"{len(others)} relations would exceed its maximum relation limit of "
                    f"{endpoint.limit}: {', '.join(sorted(others))}",
                    f"endpoint {end}",
                )
            )
    return problems


def _candidates(
    end: EndpointRef, charms: Mapping[str, Charm], where: str
) -> list[Endpoint] | Problem:
    charm = charms[end.application]
    endpoints = [endpoint for endpoint in charm.endpoints.values() if endpoint.role != "peer"]
    if end.endpoint is None:
        return [*endpoints, JUJU_INFO]
    known = {endpoint.name: endpoint for endpoint in [*endpoints, JUJU_INFO]}
    if end.endpoint not in known:
        names = ", ".join(sorted(endpoint.name for endpoint in endpoints)) or "none"
        return Problem(
            f'application "{end.application}" has no "{end.endpoint}" relation',
            where,
            nearest(end.endpoint, known) or f"charm {charm.name} has: {names}",
        )
    return [known[end.endpoint]]


def _pair(
    left: EndpointRef, a: Endpoint, right: EndpointRef, b: Endpoint
) -> ResolvedRelation | None:
    if a.interface != b.interface or {a.role, b.role} != {"provider", "requirer"}:
        return None
    first = EndpointRef(left.application, a.name)
    second = EndpointRef(right.application, b.name)
    if a.role == "requirer":
        return ResolvedRelation(first, second, a.interface)
    return ResolvedRelation(second, first, a.interface)


def _no_relation(
    relation: Relation,
    left: list[Endpoint],
    right: list[Endpoint],
    charms: Mapping[str, Charm],
    where: str,
) -> Problem:
    if len(left) == 1 and len(right) == 1:
        said = " and ".join(
            f"{end.application}:{endpoint.name} is a {endpoint.role} of {endpoint.interface}"
            for end, endpoint in zip(relation.ends, (left[0], right[0]), strict=True)
        )
        return Problem(f"endpoints do not relate: {said}", where)
    fitting = [
        f"{end.application}:{endpoint.name}"
        for end, others in ((relation.left, right), (relation.right, left))
        if end.endpoint is not None
        for endpoint in charms[end.application].endpoints.values()
        if any(other is not JUJU_INFO and _pair(end, endpoint, end, other) for other in others)
    ]
    fix = f"{' or '.join(sorted(fitting))} would fit" if fitting else ""
    return Problem("no relations found", where, fix)
