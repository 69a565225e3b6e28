"""Login, and the ping that keeps a connection alive."""

from __future__ import annotations

import ipaddress
from typing import ClassVar

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.facade import Facade, Scope, rpc_method
from ckf_airgap.rehearsal.model.state import Address
from ckf_airgap.rehearsal.model.users import BAD_CREDENTIALS, timestamp
from ckf_airgap.rehearsal.wire import ApiError, text_field, unauthorized


class Admin(Facade):
    """The only facade before the login, and none after it; it is never advertised."""

    name: ClassVar[str] = "Admin"
    versions: ClassVar[tuple[int, ...]] = (3,)
    scope: ClassVar[Scope] = "both"

    @rpc_method
    async def login(self, params: Document) -> Document:
        """Log a user in with a password; the reply says what the connection can do."""
        session = self.session
        controller = session.controller
        tag = text_field(params, "auth-tag")
        if tag and "-" not in tag:
            raise ApiError(f'"{tag}" is not a valid tag')
        user = controller.users.authenticate(tag, text_field(params, "credentials"))
        user_info: Document = {
            "display-name": user.display_name or user.name,
            "identity": user.tag,
            "controller-access": user.access,
            "model-access": "",
        }
        if user.last_connection is not None:
            user_info["last-connection"] = timestamp(user.last_connection)
        reply: Document = {
            "servers": [[_host_port(controller.address)]],
            "controller-tag": f"controller-{controller.uuid}",
            "server-version": controller.agent_version,
            "user-info": user_info,
        }
        if not session.is_controller_connection:
            model = session.model_or_none
            if model is None or controller.model(model.uuid) is None:
                raise unauthorized(BAD_CREDENTIALS)
            access = controller.users.model_access(user, model_uuid=model.uuid, owner=model.owner)
            if not access:
                raise unauthorized()
            reply["model-tag"] = f"model-{model.uuid}"
            user_info["model-access"] = access
        session.logged_in_user = user
        reply["facades"] = [*session.advertised()]
        return reply

    @rpc_method
    async def redirect_info(self, _params: Document) -> Document:
        """Refuse: no model of a rehearsal has moved to another controller."""
        raise ApiError("not redirected")


class Pinger(Facade):
    """Keeps connections alive."""

    name: ClassVar[str] = "Pinger"
    versions: ClassVar[tuple[int, ...]] = (1,)
    scope: ClassVar[Scope] = "both"

    @rpc_method
    async def ping(self, _params: Document) -> Document:
        """Return nothing: the answer is the message."""
        return {}

    @rpc_method
    async def stop(self, _params: Document) -> Document:
        """Return nothing: users' pings need no stopping."""
        return {}


def _host_port(address: Address) -> Document:
    """Return where the controller listens, as Juju's ``HostPort``."""
    try:
        parsed = ipaddress.ip_address(address.host)
    except ValueError:
        return {"value": address.host, "type": "hostname", "scope": "public", "port": address.port}
    scope = "local-machine" if parsed.is_loopback else "local-cloud"
    kind = f"ipv{parsed.version}"
    return {"value": address.host, "type": kind, "scope": scope, "port": address.port}
