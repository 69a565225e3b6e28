"""Finds the existing relation that a request refers to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ckf_airgap.rehearsal.entities.entities import Relation
from ckf_airgap.rehearsal.wire import NOT_FOUND, ApiError


def relation_matching(relations: Iterable[Relation], names: Sequence[str]) -> Relation:
    """Return the only relation that takes part in everything that is named.

    Args:
        relations: The relations of the model.
        names: ``application`` or ``application:endpoint``, any number of them.

    Raises:
        ApiError: when there is none (not found), or more than one.
    """
    query = " ".join(names)
    for name in names:
        _split(name, query)
    found = [
        relation
        for relation in relations
        if all(_takes_part(relation, *_split(name, query)) for name in names)
    ]
    if not found:
        raise ApiError(f'relation matching "{query}" not found', NOT_FOUND)
    if len(found) > 1:
        keys = "; ".join(f'"{relation.key}"' for relation in found)
        raise ApiError(f'ambiguous relation: "{query}" could refer to {keys}')
    return found[0]


def _split(name: str, query: str) -> tuple[str, str]:
    application, colon, endpoint = name.partition(":")
    if not application or (colon and not endpoint) or ":" in endpoint:
        raise ApiError(f'can\'t get relations matching "{query}": invalid endpoint "{name}"')
    return application, endpoint


def _takes_part(relation: Relation, application: str, endpoint: str) -> bool:
    return any(
        side.application == application and endpoint in ("", side.endpoint.name)
        for side in relation.sides
    )
