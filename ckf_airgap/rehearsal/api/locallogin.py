"""The third party that discharges login macaroons: this controller, below ``/auth``.

Clients post the caveat of a login macaroon to ``/auth/discharge``. Without proof they are told to
interact: the kind is ``juju_userpass``, for which they post name and password to ``/auth/form`` and
come back with the token that it returns (``stateauthenticator/locallogin.go``). Errors have the
format of the bakery, ``{"Code": "...", "Message": "...", "Info": {...}}``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from ckf_airgap.documents import Document, decimal, parse_json
from ckf_airgap.rehearsal.api.jsonreply import json_reply
from ckf_airgap.rehearsal.api.login import IDENTITY_PATH
from ckf_airgap.rehearsal.model.bakery import (
    DischargeRefusedError,
    InteractionRequiredError,
    Macaroons,
    macaroons_from_text,
)
from ckf_airgap.rehearsal.model.state import ControllerState
from ckf_airgap.rehearsal.model.usernames import is_local, is_user_id
from ckf_airgap.rehearsal.model.users import BAD_CREDENTIALS
from ckf_airgap.rehearsal.wire import ApiError

MACAROONS_HEADER: Final = "Macaroons"
VERSION_HEADER: Final = "Bakery-Protocol-Version"

_TOKEN_KIND: Final = "juju_userpass"  # noqa: S105 - the name of a login method
_FORM: Final = f"{IDENTITY_PATH}/form"
_INTERACTION_REQUIRED: Final = "interaction required"
_LATEST_VERSION: Final = 3


class LocalLogin:
    """The handlers below ``/auth``.

    Args:
        controller: The controller.
    """

    def __init__(self, controller: ControllerState) -> None:
        self._controller = controller

    def add_routes(self, app: web.Application) -> None:
        """Register the handlers."""
        app.router.add_post(f"{IDENTITY_PATH}/discharge", self.discharge)
        app.router.add_get(f"{IDENTITY_PATH}/publickey", self.public_key, allow_head=False)
        app.router.add_post(_FORM, self.form)
        app.router.add_get(_FORM, self.refuse_form, allow_head=False)

    async def public_key(self, _request: web.Request) -> web.Response:
        """Return the key that caveats for this controller are encrypted with."""
        return json_reply({"PublicKey": self._controller.bakery.public_key})

    async def form(self, request: web.Request) -> web.Response:
        """Return a token for a name and a password."""
        try:
            user_id, password = _form_fields(await _body(request))
        except ValueError as error:
            return _bakery_error(f"can't unmarshal login request: {error}")
        if not is_local(user_id):
            return _bakery_error(f'non-local username "{user_id}" not valid')
        if not password:
            return _bakery_error("permission denied")
        users = self._controller.users
        try:
            user = users.get(user_id)
        except ApiError as error:
            return _bakery_error(BAD_CREDENTIALS if error.code else error.message)
        if not user.password_valid(password):
            return _bakery_error(BAD_CREDENTIALS)
        token = self._controller.bakery.new_token(user_id.removesuffix("@local"))
        value = base64.b64encode(token.encode()).decode("ascii")
        return json_reply({"token": {"kind": _TOKEN_KIND, "value": value}})

    async def refuse_form(self, request: web.Request) -> web.Response:
        """Refuse: there is no HTML form."""
        return web.Response(status=405, text=f"{request.method} method not allowed\n")

    async def discharge(self, request: web.Request) -> web.Response:
        """Return the macaroon that discharges the caveat of a login macaroon."""
        fields = {**request.query, **await request.post()}
        try:
            caveat_id = _either(fields, "id")
            caveat = _decoded(fields["caveat64"]) if fields.get("caveat64") else None
            token = _either(fields, "token").decode()
        except ValueError as error:
            return _bakery_error(f"bad caveat id: {error}")
        try:
            discharged = self._controller.bakery.discharge(
                caveat_id,
                caveat,
                token=(str(fields.get("token-kind", "")), token) if token else None,
                macaroons=request_macaroons(request),
            )
        except InteractionRequiredError:
            return _interaction_required(request)
        except DischargeRefusedError as error:
            return _bakery_error(str(error))
        return json_reply({"Macaroon": discharged})


def request_macaroons(request: web.Request) -> list[Macaroons]:
    """Return the macaroons in the cookies and headers of a request; anything else is ignored."""
    texts = [value for name, value in request.cookies.items() if name.startswith("macaroon-")]
    texts += request.headers.getall(MACAROONS_HEADER, [])
    return [found for text in texts if (found := macaroons_from_text(text)) is not None]


def bakery_version(request: web.Request) -> int:
    """Return the version of the bakery protocol that a client speaks; 0 when it does not say."""
    text = request.headers.get(VERSION_HEADER, "")
    return min(decimal(text) or 0, _LATEST_VERSION)


def _interaction_required(request: web.Request) -> web.Response:
    info: Document = {"InteractionMethods": {_TOKEN_KIND: {"url": _FORM}}}
    document: Document = {
        "Code": _INTERACTION_REQUIRED,
        "Message": _INTERACTION_REQUIRED,
        "Info": info,
    }
    if bakery_version(request) == 0:
        return json_reply(document, status=407)
    return json_reply(document, status=401, headers={"WWW-Authenticate": "Macaroon"})


def _bakery_error(message: str) -> web.Response:
    """Return an error without a code of its own, like nearly all of them."""
    return json_reply({"Message": message}, status=500)


async def _body(request: web.Request) -> object:
    """Return the body of a request, read as JSON.

    Raises:
        ValueError: when it is not JSON.
    """
    return parse_json(await request.read())


def _form_fields(document: object) -> tuple[str, str]:
    form = document.get("form") if isinstance(document, dict) else None
    if not isinstance(form, dict):
        raise ValueError("no form in it")  # noqa: TRY004 - one kind of error for a bad body
    user, password = form.get("user"), form.get("password")
    if not isinstance(user, str) or not isinstance(password, str):
        raise ValueError("the form needs a user and a password")  # noqa: TRY004
    if not is_user_id(user):
        raise ValueError(f'invalid user tag "{user}"')
    return user, password


def _either(fields: Mapping[str, Any], name: str) -> bytes:
    """Return a field that is given as text, or in base64 under ``name64``."""
    encoded = fields.get(f"{name}64")
    return _decoded(encoded) if encoded else str(fields.get(name, "")).encode()


def _decoded(text: object) -> bytes:
    padded = str(text).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(padded + "=" * (-len(padded) % 4))
    except binascii.Error as error:
        raise ValueError(str(error)) from error
