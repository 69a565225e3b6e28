"""Annotations: free-form text on entities, such as an application's position in a GUI."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar, Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import Facade, rpc_method
from ckf_airgap.rehearsal.model.deployment import string_map
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.wire import (
    ApiError,
    mappings_field,
    tags_field,
    text_field,
    unauthorized,
)

_TAG: Final = re.compile(r"^(?P<kind>application|unit|model|charm)-(?P<id>.+)$")


class Annotations(Facade):
    """The annotations of a model."""

    name: ClassVar[str] = "Annotations"
    versions: ClassVar[tuple[int, ...]] = (2,)

    @rpc_method
    async def get(self, params: Document) -> Document:
        """Return the annotations of entities; an error is nested twice, as in Juju."""
        model = self.session.model
        results: list[JSONValue] = []
        for tag in tags_field(params):
            try:
                _check_entity(model, tag)
            except ApiError as error:
                wrapped = error.annotated(f'while getting annotations to "{tag}"')
                results.append(
                    {"entity": tag, "annotations": None, "error": {"error": wrapped.as_document()}}
                )
                continue
            annotations: Document = {**model.annotations.get(tag, {})}
            results.append({"entity": tag, "annotations": annotations, "error": {}})
        return {"results": results}

    @rpc_method
    async def set(self, params: Document) -> Document:
        """Set annotations of entities; an empty value removes the annotation.

        As in Juju, only failures have a result.
        """
        model = self.session.model
        failures: list[JSONValue] = []
        for document in mappings_field(params, "annotations"):
            tag = text_field(document, "entity")
            annotations = string_map(document, "annotations")
            try:
                _check_entity(model, tag)
                _check_keys(tag, annotations)
            except ApiError as error:
                wrapped = error.annotated(f'while setting annotations to "{tag}"')
                failures.append({"error": wrapped.as_document()})
                continue
            model.annotate(tag, annotations)
        return {"results": failures}


def _check_keys(tag: str, annotations: Iterable[str]) -> None:
    """Raise `ApiError` for a key that cannot be stored."""
    for key in annotations:
        if not key or "." in key:
            raise ApiError(f'cannot update annotations on {tag}: invalid key "{key}"')


def _check_entity(model: Model, tag: str) -> None:
    """Raise `ApiError` unless the tag names an entity in the model.

    As in Juju, the error for an entity that does not exist is ``permission denied``.
    """
    match = _TAG.match(tag)
    if match is None:
        raise ApiError(f'"{tag}" is not a valid tag')
    try:
        _find_entity(model, match["kind"], match["id"])
    except ApiError as error:
        raise unauthorized() from error


def _find_entity(model: Model, kind: str, name: str) -> None:
    if kind == "application":
        model.topology.application(name)
    elif kind == "unit":
        application, _, number = name.rpartition("-")
        model.topology.unit(f"{application}/{number}")
    elif kind == "charm":
        model.charms.get(name)
    elif name != model.uuid:
        raise unauthorized()
