"""Annotations: free texts on entities, such as the place of an application in a GUI."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar, Final

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.facade import Facade, rpc_method
from ckf_airgap.rehearsal.model.deployment import string_map
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.wire import (
    ApiError,
    mappings_field,
    results_of,
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
        results: list[Document] = []
        for tag in tags_field(params):
            result: Document = {"entity": tag, "annotations": {}, "error": {}}
            try:
                _check_entity(model, tag)
                result["annotations"] = {**model.annotations.get(tag, {})}
            except ApiError as error:
                result["error"] = {"error": error.as_document()}
            results.append(result)
        return {"results": [*results]}

    @rpc_method
    async def set(self, params: Document) -> Document:
        """Set annotations of entities; an empty value takes one away."""
        model = self.session.model

        async def one(document: Document) -> Document:
            tag = text_field(document, "entity")
            annotations = string_map(document, "annotations")
            try:
                _check_entity(model, tag)
                _check_keys(annotations)
            except ApiError as error:
                raise error.annotated(f'while setting annotations to "{tag}"') from error
            model.annotate(tag, annotations)
            return {}

        return await results_of(mappings_field(params, "annotations"), one)


def _check_keys(annotations: Iterable[str]) -> None:
    """Raise `ApiError` for a key that cannot be stored."""
    for key in annotations:
        if not key or "." in key:
            raise ApiError(f'invalid key "{key}"')


def _check_entity(model: Model, tag: str) -> None:
    """Raise `ApiError` unless the tag names something in the model."""
    match = _TAG.match(tag)
    if match is None:
        raise ApiError(f'"{tag}" is not a valid tag')
    name = match["id"]
    if match["kind"] == "application":
        model.topology.application(name)
    elif match["kind"] == "unit":
        application, _, number = name.rpartition("-")
        model.topology.unit(f"{application}/{number}")
    elif match["kind"] == "charm":
        model.charms.get(name)
    elif name != model.uuid:
        raise unauthorized()
