"""Authentication of HTTP requests: which user sends one, and to which model."""

from __future__ import annotations

import base64
import binascii
import json

from aiohttp import web

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.jsonreply import challenge
from ckf_airgap.rehearsal.api.locallogin import bakery_version, request_macaroons
from ckf_airgap.rehearsal.api.login import Credentials, authenticate
from ckf_airgap.rehearsal.model.bakery import DischargeRequiredError
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.permission import NO_ACCESS
from ckf_airgap.rehearsal.model.state import ControllerState
from ckf_airgap.rehearsal.model.users import BAD_CREDENTIALS, User
from ckf_airgap.rehearsal.wire import NOT_FOUND, ApiError, unauthorized


def authenticated(
    request: web.Request, controller: ControllerState, *, access: str
) -> tuple[User, Model]:
    """Return the user named in the ``Authorization`` header, and the model in the path.

    Without a password in the header, the user is identified by macaroons in cookies and headers.

    Args:
        request: The request; a path without ``model_uuid`` means the controller model.
        controller: The controller.
        access: The required access to the model: ``read`` or ``write``; empty to admit any user.

    Raises:
        web.HTTPUnauthorized: with ``authentication failed: <reason>`` as plain text, or with the
            macaroon to discharge as JSON.
        web.HTTPForbidden: with ``authorization failed: <reason>``.
    """
    try:
        user, model = identify(request, controller)
    except DischargeRequiredError as error:
        raise _discharge_required(error) from error
    except ApiError as error:
        raise web.HTTPUnauthorized(text=f"authentication failed: {error.message}\n") from error
    if access != NO_ACCESS and not controller.may(user, model, access):
        raise web.HTTPForbidden(text="authorization failed: permission denied\n")
    return user, model


def identify(request: web.Request, controller: ControllerState) -> tuple[User, Model]:
    """Return the user named in the headers, and the model in the path.

    Raises:
        DischargeRequiredError: when the user has to authenticate first.
        ApiError: when authentication fails, with the reason, or there is no such model.
    """
    credentials = _credentials(request)
    model_uuid = request.match_info.get("model_uuid")
    model = controller.model(model_uuid) if model_uuid else controller.controller_model
    if model is None:
        raise unauthorized(BAD_CREDENTIALS)
    return authenticate(controller, credentials, model_uuid=model.uuid), model


def _discharge_required(error: DischargeRequiredError) -> web.HTTPUnauthorized:
    document: Document = {"error": error.as_document()}
    refusal = web.HTTPUnauthorized(headers=challenge(401))
    refusal.body = json.dumps(document).encode()
    refusal.headers["Content-Type"] = "application/json"
    return refusal


def _credentials(request: web.Request) -> Credentials:
    """Return the headers' credentials, like ``LoginRequest`` of ``stateauthenticator/auth.go``."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    macaroons = request_macaroons(request)
    if not scheme:
        return Credentials(tag="", macaroons=macaroons)
    try:
        tag, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        tag, colon, password = "", "", ""
    if scheme != "Basic" or not colon:
        raise ApiError("authentication not found", NOT_FOUND)
    if "-" not in tag:
        raise ApiError(f'"{tag}" is not a valid tag')
    return Credentials(
        tag=tag,
        password=password,
        macaroons=macaroons,
        bakery_version=bakery_version(request),
        host=request.host,
    )
