"""Resources over HTTPS: ``/model/<uuid>/applications/<application>/resources/<resource>``.

Errors have the nested format of the RPC, ``{"error": {"message": "...", "code": "..."}}``.
"""

from __future__ import annotations

from email.header import decode_header, make_header

from aiohttp import web

from ckf_airgap.rehearsal.api.bodies import IGNORED, received
from ckf_airgap.rehearsal.api.httpauth import authenticated
from ckf_airgap.rehearsal.api.jsonreply import json_reply, nested_error
from ckf_airgap.rehearsal.entities.resources import disposition_filename
from ckf_airgap.rehearsal.model.blocks import CHANGE
from ckf_airgap.rehearsal.model.modelresources import put_resource, resource_body
from ckf_airgap.rehearsal.model.state import ControllerState
from ckf_airgap.rehearsal.wire import ApiError


class ResourceUploads:
    """The handlers for resources.

    Args:
        controller: The controller.
        limit_bytes: The size of the largest resource that is accepted.
    """

    def __init__(self, controller: ControllerState, *, limit_bytes: int) -> None:
        self._controller = controller
        self._limit_bytes = limit_bytes

    def add_routes(self, app: web.Application) -> None:
        """Register the handlers."""
        path = "/model/{model_uuid}/applications/{application}/resources/{resource}"
        app.router.add_put(path, self.put)
        app.router.add_get(path, self.get, allow_head=True)

    async def put(self, request: web.Request) -> web.Response:
        """Accept the body of a pending resource, or a new body for a live application."""
        user, model = authenticated(request, self._controller, access="write")
        directory, limit_bytes = self._controller.files_of(model), self._limit_bytes
        application, resource = request.match_info["application"], request.match_info["resource"]
        try:
            model.blocks.check(CHANGE)
            async with received(request, directory, model, user, limit_bytes=limit_bytes) as body:
                reply = await put_resource(
                    model,
                    application,
                    resource,
                    request.query.get("pendingid") or None,
                    filename=_filename(request.headers.get("Content-Disposition", "")),
                    content_type=request.headers.get("Content-Type", ""),
                    fingerprint_hex=request.headers.get("Content-Sha384", ""),
                    body_path=body.path,
                    keep=not IGNORED.get(),
                )
                if not IGNORED.get():
                    body.keep(f"{application}/{resource}")
        except ApiError as error:
            return nested_error(error)
        return json_reply(reply)

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Return the body of a live application's resource."""
        _, model = authenticated(request, self._controller, access="read")
        try:
            path = resource_body(
                model, request.match_info["application"], request.match_info["resource"]
            )
        except ApiError as error:
            return nested_error(error)
        return web.FileResponse(path, headers={"Content-Type": "application/octet-stream"})


def _filename(header: str) -> str:
    """Return the file name of a disposition, which the Go client encodes unless it is ASCII."""
    return str(make_header(decode_header(disposition_filename(header))))
