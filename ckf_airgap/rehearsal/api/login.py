"""Authentication by password, or by macaroons that were obtained with a password.

The order of checks and their words are those of ``apiserver/stateauthenticator/auth.go`` and
``apiserver/authentication/user.go``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.rehearsal.model.bakery import Macaroons
from ckf_airgap.rehearsal.model.state import ControllerState
from ckf_airgap.rehearsal.model.usernames import is_local, parse_user_tag
from ckf_airgap.rehearsal.model.users import BAD_CREDENTIALS, User
from ckf_airgap.rehearsal.wire import ApiError, unauthorized

NO_CREDENTIALS: Final = "no credentials provided"
"""The code, which is also the message, for a login that does not name a local user."""

IDENTITY_PATH: Final = "/auth"
"""The path at which this controller discharges the caveats of its login macaroons."""

_AGENTS: Final = ("machine", "controller", "unit", "application", "model")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The credentials in a login request or in the headers of an HTTP request.

    Attributes:
        tag: The user's tag; empty for a user who is identified by macaroons alone.
        password: The password; the macaroons are used when it is empty.
        macaroons: Login macaroons with their discharges.
        bakery_version: The version of the bakery protocol that the client speaks.
        host: The host and port at which the client has reached this controller.
    """

    tag: str
    password: str = field(default="", repr=False)
    macaroons: Sequence[Macaroons] = field(default=(), repr=False)
    bakery_version: int = 0
    host: str = ""


def authenticate(controller: ControllerState, credentials: Credentials, *, model_uuid: str) -> User:
    """Return the user whose credentials these are, and note that they connected.

    Args:
        controller: The controller.
        credentials: What the client presents.
        model_uuid: The requested model; the controller model for the controller itself.

    Raises:
        DischargeRequiredError: for a user with neither a password nor a valid macaroon.
        ApiError: ``unauthorized access`` for everybody else; `NO_CREDENTIALS` when the
            credentials do not name a local user.
    """
    tag = credentials.tag
    kind, dash, _ = tag.partition("-")
    if tag and not dash:
        raise ApiError(f'"{tag}" is not a valid tag')
    if kind in _AGENTS:
        raise unauthorized(BAD_CREDENTIALS)
    user_id = parse_user_tag(tag) if tag else ""
    if not user_id or not is_local(user_id):
        raise ApiError(NO_CREDENTIALS, NO_CREDENTIALS)
    if credentials.password:
        user = controller.users.login_entity(user_id, model_uuid=model_uuid)
        if not user.password_valid(credentials.password):
            raise unauthorized(BAD_CREDENTIALS)
    else:
        _check_macaroons(controller, user_id, credentials)
        user = controller.users.login_entity(user_id, model_uuid=model_uuid)
    controller.users.logged_in(user, model_uuid=model_uuid)
    return user


def _check_macaroons(controller: ControllerState, user_id: str, credentials: Credentials) -> None:
    try:
        owner = controller.bakery.user_of(credentials.macaroons)
    except ApiError as error:
        raise controller.bakery.login_macaroon(
            user_id,
            identity_url=f"https://{credentials.host}{IDENTITY_PATH}",
            version=credentials.bakery_version,
            why=error.message,
        ) from error
    if owner != user_id:
        raise unauthorized()
