"""Who sends an HTTP request, and to which model."""

from __future__ import annotations

import base64
import binascii

from aiohttp import web

from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.state import ControllerState
from ckf_airgap.rehearsal.model.users import BAD_CREDENTIALS, User
from ckf_airgap.rehearsal.wire import ApiError, unauthorized


def authenticated(
    request: web.Request, controller: ControllerState, *, access: str
) -> tuple[User, Model]:
    """Return the user that the ``Authorization`` header names, and the model of the path.

    Args:
        request: The request; a path without ``model_uuid`` means the controller's own model.
        controller: The controller.
        access: The access to the model that is needed: ``read`` or ``write``.

    Raises:
        web.HTTPUnauthorized: with ``authentication failed: <reason>`` as plain text.
        web.HTTPForbidden: with ``authorization failed: <reason>``.
    """
    try:
        user, model = identify(request, controller)
    except ApiError as error:
        raise web.HTTPUnauthorized(
            text=f"authentication failed: {error.message}\n",
            headers={"WWW-Authenticate": 'Basic realm="juju"'},
        ) from error
    if not controller.may(user, model, access):
        raise web.HTTPForbidden(text="authorization failed: permission denied\n")
    return user, model


def identify(request: web.Request, controller: ControllerState) -> tuple[User, Model]:
    """Return the user that the ``Authorization`` header names, and the model of the path.

    Raises:
        ApiError: with why the user is not believed, or that there is no such model.
    """
    user = _user(request, controller)
    model_uuid = request.match_info.get("model_uuid")
    model = controller.model(model_uuid) if model_uuid else controller.controller_model
    if model is None:
        raise unauthorized(BAD_CREDENTIALS)
    return user, model


def _user(request: web.Request, controller: ControllerState) -> User:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if not scheme:
        raise unauthorized(BAD_CREDENTIALS)
    try:
        tag, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        tag, colon, password = "", "", ""
    if scheme != "Basic" or not colon:
        raise unauthorized("request format not valid")
    if "-" not in tag:
        raise unauthorized(f'"{tag}" is not a valid tag')
    return controller.users.authenticate(tag, password)
