"""The final step of ``juju register``: ``POST /register``, as in ``apiserver/registration.go``.

Client and controller authenticate each other by the secret key that the administrator passed on.
Both payloads are sealed with it (NaCl's secretbox), each with a nonce of its own; the answer holds
the CA certificate, which the client does not have yet. Errors are nested, like those of resources.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Final

from aiohttp import web
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.jsonreply import json_reply, nested_error
from ckf_airgap.rehearsal.api.locallogin import bakery_version
from ckf_airgap.rehearsal.model.bakery import macaroons_as_text, signature_of
from ckf_airgap.rehearsal.model.state import ControllerState
from ckf_airgap.rehearsal.model.usernames import parse_user_tag
from ckf_airgap.rehearsal.model.users import SECRET_KEY_BYTES, User
from ckf_airgap.rehearsal.wire import (
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    NOT_VALID,
    ApiError,
    text_field,
)

_PATH: Final = "/register"
_MAX_BODY_BYTES: Final = 64 * 1024


class Registration:
    """The handlers of ``/register``.

    Args:
        controller: The controller.
    """

    def __init__(self, controller: ControllerState) -> None:
        self._controller = controller

    def add_routes(self, app: web.Application) -> None:
        """Register the handlers."""
        app.router.add_post(_PATH, self.post)
        app.router.add_route("*", _PATH, self.refuse_method)

    async def post(self, request: web.Request) -> web.Response:
        """Set the password of a user who knows the secret key; answer with the CA certificate.

        The answer's cookie lets the client log in for two minutes without the password.
        """
        try:
            user, document = self._register(await _read(request))
        except ApiError as error:
            return nested_error(error)
        reply = json_reply(document)
        macaroons = self._controller.bakery.registration_macaroons(
            user.name, version=bakery_version(request)
        )
        reply.set_cookie(f"macaroon-{signature_of(macaroons)}", macaroons_as_text(macaroons))
        return reply

    async def refuse_method(self, request: web.Request) -> web.Response:
        """Refuse every other method."""
        return nested_error(ApiError(f'unsupported method: "{request.method}"', METHOD_NOT_ALLOWED))

    def _register(self, request: Document) -> tuple[User, Document]:
        user_id = parse_user_tag(text_field(request, "user"))
        nonce, sealed = _bytes(request, "nonce"), _bytes(request, "cipher-text")
        if len(nonce) != SecretBox.NONCE_SIZE:
            raise ApiError("nonce not valid", NOT_VALID)
        user = self._controller.users.get(user_id)
        if len(user.secret_key) != SECRET_KEY_BYTES:
            raise ApiError(f'secret key for user "{user.name}" not found', NOT_FOUND)
        box = SecretBox(user.secret_key)
        try:
            opened = box.decrypt(sealed, nonce)
        except CryptoError as error:
            raise ApiError("secret key not valid", NOT_VALID) from error
        try:
            payload = _mapping(opened)
        except ApiError as error:
            raise error.annotated("cannot unmarshal payload") from error
        user.set_password(text_field(payload, "password"))
        answer: Document = {
            "ca-cert": self._controller.ca_cert,
            "controller-uuid": self._controller.uuid,
            "proxy-config": None,
        }
        answered = box.encrypt(json.dumps(answer).encode())
        return user, {
            "nonce": base64.b64encode(answered.nonce).decode("ascii"),
            "cipher-text": base64.b64encode(answered.ciphertext).decode("ascii"),
        }


async def _read(request: web.Request) -> Document:
    body = await request.content.read(_MAX_BODY_BYTES + 1)
    while len(body) <= _MAX_BODY_BYTES and (more := await request.content.read(_MAX_BODY_BYTES)):
        body += more
    if len(body) > _MAX_BODY_BYTES:
        raise ApiError(f"the body is larger than the {_MAX_BODY_BYTES} bytes allowed")
    return _mapping(body)


def _mapping(text: bytes) -> Document:
    try:
        document: JSONValue = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ApiError(f"invalid JSON: {error}") from error
    if not isinstance(document, dict):
        raise ApiError("json: cannot unmarshal into a Go struct")
    return document


def _bytes(document: Document, name: str) -> bytes:
    try:
        return base64.b64decode(text_field(document, name), validate=True)
    except binascii.Error as error:
        raise ApiError(f"illegal base64 data in {name}") from error
