"""Login, and the ping that keeps a connection alive."""

from __future__ import annotations

import ipaddress
from typing import ClassVar

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.facade import Facade, Scope, rpc_method
from ckf_airgap.rehearsal.api.login import NO_CREDENTIALS, Credentials, authenticate
from ckf_airgap.rehearsal.model.bakery import DischargeRequiredError, macaroons_from_documents
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.permission import NO_ACCESS
from ckf_airgap.rehearsal.model.state import Address, ControllerState
from ckf_airgap.rehearsal.model.users import User
from ckf_airgap.rehearsal.wire import ApiError, int_field, list_field, text_field, unauthorized


class Admin(Facade):
    """The only facade before login, and unavailable afterwards; it is never advertised."""

    name: ClassVar[str] = "Admin"
    versions: ClassVar[tuple[int, ...]] = (3,)
    scope: ClassVar[Scope] = "both"

    @rpc_method
    async def login(self, params: Document) -> Document:
        """Log a user in; the reply says what the connection can do.

        Without a password and without a valid macaroon, the reply is a macaroon to discharge.
        """
        session = self.session
        controller = session.controller
        model = session.model_or_none
        try:
            user = authenticate(
                controller,
                Credentials(
                    tag=text_field(params, "auth-tag"),
                    password=text_field(params, "credentials"),
                    macaroons=macaroons_from_documents(list_field(params, "macaroons")),
                    bakery_version=int_field(params, "bakery-version"),
                    host=session.host,
                ),
                model_uuid=(model or controller.controller_model).uuid,
            )
        except DischargeRequiredError as error:
            return {
                "discharge-required": error.legacy,
                "bakery-discharge-required": error.current,
                "discharge-required-error": error.message,
            }
        except ApiError as error:
            if error.code == NO_CREDENTIALS:
                raise unauthorized("failed to authenticate request: unauthorized") from error
            raise
        reply: Document = {
            "servers": [[_host_port(controller.address)]],
            "controller-tag": f"controller-{controller.uuid}",
            "server-version": controller.agent_version,
            "user-info": _user_info(controller, user, model),
        }
        if model is not None:
            reply["model-tag"] = f"model-{model.uuid}"
        session.logged_in_user = user
        reply["facades"] = [*session.advertised()]
        return reply

    @rpc_method
    async def redirect_info(self, _params: Document) -> Document:
        """Refuse: a rehearsal's models are never migrated to another controller."""
        raise ApiError("not redirected")


class Pinger(Facade):
    """Keeps connections alive."""

    name: ClassVar[str] = "Pinger"
    versions: ClassVar[tuple[int, ...]] = (1,)
    scope: ClassVar[Scope] = "both"

    @rpc_method
    async def ping(self, _params: Document) -> Document:
        """Return nothing: the reply itself is the point."""
        return {}

    @rpc_method
    async def stop(self, _params: Document) -> Document:
        """Return nothing: there is no pinger to stop for a user's connection."""
        return {}


def _user_info(controller: ControllerState, user: User, model: Model | None) -> Document:
    """Return the login reply's ``user-info``, as ``checkUserPermissions`` decides it.

    Raises:
        ApiError: ``permission denied`` without access to the controller or to the model.
    """
    model_access = NO_ACCESS
    if model is not None:
        held = controller.users.of_models.access(model.uuid, user.name)
        model_access = held or controller.users.model_access(user, model_uuid=model.uuid)
        if not model_access:
            raise unauthorized()
    if not user.access:
        raise unauthorized()
    return {
        "display-name": "",
        "identity": user.tag,
        "controller-access": user.access,
        "model-access": model_access,
    }


def _host_port(address: Address) -> Document:
    """Return where the controller listens, as Juju's ``HostPort``."""
    try:
        parsed = ipaddress.ip_address(address.host)
    except ValueError:
        return {"value": address.host, "type": "hostname", "scope": "public", "port": address.port}
    scope = "local-machine" if parsed.is_loopback else "local-cloud"
    kind = f"ipv{parsed.version}"
    return {"value": address.host, "type": kind, "scope": scope, "port": address.port}
