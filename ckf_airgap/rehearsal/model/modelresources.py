"""The resources of a model's applications: register, upload and read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.entities.resources import LiveResource, ResourceUpload
from ckf_airgap.rehearsal.model.charmstore import fill_from_store
from ckf_airgap.rehearsal.model.findings import empty_image, upload_finding
from ckf_airgap.rehearsal.model.lookups import found
from ckf_airgap.rehearsal.wire import ApiError

if TYPE_CHECKING:
    from ckf_airgap.rehearsal.model.model import Model

RESOURCE_CONTENT_TYPE: Final = "application/octet-stream"


def add_pending_resources(
    model: Model,
    application: str,
    url: str,
    resources: Sequence[Document],
) -> list[str]:
    """Register resources that will be uploaded; return their pending ids in order.

    Args:
        model: The model.
        application: The application's name; it need not exist.
        url: The charm URL, or empty for uploads.
        resources: ``name``, ``type``, ``path`` and so on of each.

    Raises:
        ApiError: naming the resource that is invalid, or that the store does not have in the
            requested revision.
    """
    pending_ids = model.pending.announce(application, resources)
    stored = model.charms.find(url)
    if stored is not None and stored.is_from_store:
        fill_from_store(model.pending, pending_ids, stored, now=model.clock.now())
    return pending_ids


async def put_resource(
    model: Model,
    application: str,
    resource: str,
    pending_id: str | None,
    *,
    filename: str,
    content_type: str,
    fingerprint_hex: str,
    body_path: Path,
    keep: bool = True,
) -> Document:
    """Store the body of a resource; return the body of the 200 response, ``{"resource": {...}}``.

    Args:
        model: The model.
        application: The application's name.
        resource: The resource's name.
        pending_id: Its pending id; without it, the resource of a live application is replaced.
        filename: The file name in the ``Content-Disposition`` header.
        content_type: The ``Content-Type`` header.
        fingerprint_hex: The ``Content-Sha384`` header.
        body_path: The file with the body, which the caller keeps.
        keep: Whether the resource becomes what was uploaded; otherwise it is only answered for.

    Raises:
        ApiError: with the code that decides the HTTP status.
    """
    if content_type != RESOURCE_CONTENT_TYPE:
        raise ApiError(f'unsupported content type "{content_type}"')
    upload = ResourceUpload(filename=filename, fingerprint_hex=fingerprint_hex, body=body_path)
    if pending_id:
        before = model.pending.find(application, resource, pending_id, shown_as=resource)
    else:
        before = _live_resource(model, application, resource)
    after = await upload.apply(before, model.clock.now())
    if not keep:
        return {"resource": after.as_document()}
    if pending_id:
        model.pending.store(after)
    else:
        _attach(model, application, after)
    model.report(upload_finding(after, registry=model.registry))
    return {"resource": after.as_document()}


def resource_body(model: Model, application: str, resource: str) -> Path:
    """Return the file of a live resource; `ApiError` (not found) when it does not exist."""
    body = _live_resource(model, application, resource).body
    return found(body, f'resource "{application}/{resource}"')


def _live_resource(model: Model, application: str, resource: str) -> LiveResource:
    known = model.topology.application(application).resources.get(resource)
    return found(known, f'resource "{application}/{resource}"')


def _attach(model: Model, name: str, resource: LiveResource) -> None:
    application = model.topology.application(name)
    application.resources[resource.name] = resource
    # A store charm is deployed first, and the client uploads its resources after that.
    empty = empty_image(name, resource.name)
    model.findings[:] = [finding for finding in model.findings if finding != empty]
    model.topology.roll_out(application)
