"""Relation inference: which endpoints a request means, as the controller infers them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from ckf_airgap.charms.charm import Endpoint
from ckf_airgap.rehearsal.wire import NOT_FOUND, ApiError

JUJU_INFO: Final = Endpoint(name="juju-info", role="provider", interface="juju-info")
"""The endpoint that every charm provides implicitly."""

_ROLE_ORDER: Final = {"requirer": 0, "provider": 1, "peer": 2}
_COUNTERPART: Final = {"requirer": "provider", "provider": "requirer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedApplication:
    """What relation inference needs to know about an application."""

    name: str
    endpoints: Mapping[str, Endpoint]
    subordinate: bool = False
    is_remote: bool = False

    def all_endpoints(self) -> tuple[Endpoint, ...]:
        """Return the declared endpoints, plus the implicit one for an application of the model."""
        declared = tuple(self.endpoints.values())
        return declared if self.is_remote else (*declared, JUJU_INFO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a relation: an application and its endpoint in the relation."""

    application: str
    endpoint: Endpoint
    subordinate: bool = False

    def __str__(self) -> str:
        """Return ``application:endpoint``."""
        return f"{self.application}:{self.endpoint.name}"

    @property
    def implicit(self) -> bool:
        """Whether it is the endpoint that every charm provides implicitly."""
        return self.endpoint == JUJU_INFO

    def can_relate_to(self, other: Side) -> bool:
        """Whether the interfaces match, the roles fit and the applications differ."""
        return (
            self.application != other.application
            and self.endpoint.interface == other.endpoint.interface
            and _COUNTERPART.get(self.endpoint.role) == other.endpoint.role
        )


Candidate = tuple[Side, ...]


def relation_key(sides: Iterable[Side]) -> str:
    """Return the key of a relation: ``requirer:endpoint provider:endpoint``."""
    return " ".join(str(side) for side in ordered(sides))


def ordered(sides: Iterable[Side]) -> Candidate:
    """Return the sides with the requirer first."""
    return tuple(sorted(sides, key=lambda side: _ROLE_ORDER[side.endpoint.role]))


def infer_sides(names: Sequence[str], applications: Mapping[str, RelatedApplication]) -> Candidate:
    """Return the endpoints that names such as ``kfp-api:object-storage`` or ``minio`` mean.

    Args:
        names: One name (a peer relation) or two, in any order.
        applications: The applications of the model.

    Returns:
        The one or two sides, requirer first.

    Raises:
        ApiError: when no relation is possible, or more than one is.
    """
    if len(names) not in (1, 2):
        raise ApiError(f"cannot relate {len(names)} endpoints")
    choices = [_sides(name, applications) for name in names]
    if len(choices) == 1:
        candidates: list[Candidate] = [
            (side,) for side in choices[0] if side.endpoint.role == "peer"
        ]
    else:
        candidates = [
            ordered(pair)
            for pair in product(*choices)
            if pair[0].can_relate_to(pair[1]) and _scope_fits(pair)
        ]
    if not candidates:
        raise ApiError("no relations found")
    if len(candidates) == 1:
        return candidates[0]
    explicit = [sides for sides in candidates if not any(side.implicit for side in sides)]
    if len(explicit) == 1:
        return explicit[0]
    keys = sorted(f'"{relation_key(sides)}"' for sides in candidates)
    raise ApiError(f'ambiguous relation: "{" ".join(names)}" could refer to {"; ".join(keys)}')


def is_container_scoped(sides: Iterable[Side]) -> bool:
    """Whether one of the endpoints has container scope."""
    return any(side.endpoint.scope == "container" for side in sides)


def _scope_fits(pair: Candidate) -> bool:
    return not is_container_scoped(pair) or any(side.subordinate for side in pair)


def _sides(name: str, applications: Mapping[str, RelatedApplication]) -> list[Side]:
    application, colon, endpoint = name.partition(":")
    if colon and not (application and endpoint):
        raise ApiError(f'invalid endpoint "{name}"')
    known = applications.get(application)
    if known is None:
        raise ApiError(f'application "{application}" not found', NOT_FOUND)
    sides = [
        Side(application=known.name, endpoint=candidate, subordinate=known.subordinate)
        for candidate in known.all_endpoints()
        if not colon or candidate.name == endpoint
    ]
    if colon and not sides:
        raise ApiError(f'application "{application}" has no "{endpoint}" relation')
    return sides
