"""Annotations of many applications in one call, and those of the model with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from ckf_airgap.errors import AirgapError
from ckf_airgap.juju.applying.batches import Batches
from ckf_airgap.juju.applying.requests import annotation_request
from ckf_airgap.juju.controller.api import Api, CallRefusedError

Annotated: TypeAlias = tuple[str, Mapping[str, str]]
"""The tag of an entity, and its annotations; an empty one is removed."""

_MOST: Final = 50
"""How many entities are annotated with one call."""


def annotations_of(api: Api) -> Batches[Annotated, None]:
    """Return what sets annotations, several entities with one call, one call after the other."""

    async def send(items: Sequence[Annotated]) -> list[AirgapError | None]:
        merged: dict[str, dict[str, str]] = {}
        for tag, values in items:
            merged.setdefault(tag, {}).update(values)
        request = annotation_request(merged)
        entries = await api.call_each(request.facade, request.method, request.params)
        errors = [entry for entry in entries if isinstance(entry, CallRefusedError)]
        return [error_for(tag, errors, alone=len(merged) == 1) for tag, _ in items]

    return Batches(send, most=_MOST)


def error_for(
    tag: str, errors: Sequence[CallRefusedError], *, alone: bool
) -> CallRefusedError | None:
    """Return the error of one entity: the API answers with those of the failures alone.

    Each names its entity. One that names none is taken to be of all.

    Args:
        tag: The entity.
        errors: The errors of the call.
        alone: Whether the call was for this entity only.
    """
    if alone and errors:
        return errors[0]
    own = [error for error in errors if f'"{tag}"' in error.message]
    unclear = [error for error in errors if 'annotations to "' not in error.message]
    return next(iter([*own, *unclear]), None)
