"""What is answered to a call that is ignored: the reply of one that was carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.session import Session
from ckf_airgap.rehearsal.views.deltas import endpoint_document
from ckf_airgap.rehearsal.wire import (
    Request,
    int_field,
    mappings_field,
    texts_field,
)

_EACH: Final[Mapping[str, str]] = {
    "Application.Deploy": "applications",
    "Application.MergeBindings": "args",
    "Application.SetConfigs": "Args",
    "Application.UnsetApplicationsConfig": "Args",
    "Application.UpdateApplicationStorage": "storage-updates",
}
"""Calls that answer with an empty result for each entry of a list, and the list."""


def ignored_reply(session: Session, request: Request) -> Document:
    """Return the reply to a call that was not carried out; empty where Juju's is.

    Raises:
        ApiError: when a relation is to be added that there cannot be.
    """
    call, params = f"{request.facade}.{request.method}", request.params
    if call in _EACH:
        return {"results": [{} for _ in mappings_field(params, _EACH[call])]}
    special = _OTHERS.get(call)
    return {} if special is None else special(session, params)


def _annotated(_session: Session, _params: Document) -> Document:
    return {"results": []}


def _related(session: Session, params: Document) -> Document:
    sides = session.model.topology.infer(texts_field(params, "endpoints"))
    return {"endpoints": {side.application: endpoint_document(side.endpoint) for side in sides}}


def _scaled(_session: Session, params: Document) -> Document:
    results: list[JSONValue] = [
        {"info": {"num-units": int_field(entry, "scale")}}
        for entry in mappings_field(params, "applications")
    ]
    return {"results": results}


def _removed(_session: Session, params: Document) -> Document:
    return {"results": [{"info": {}} for _ in mappings_field(params, "applications")]}


_OTHERS: Final[Mapping[str, Callable[[Session, Document], Document]]] = {
    "Annotations.Set": _annotated,
    "Application.AddRelation": _related,
    "Application.DestroyApplication": _removed,
    "Application.ScaleApplications": _scaled,
}
"""Calls that answer with more than that."""
