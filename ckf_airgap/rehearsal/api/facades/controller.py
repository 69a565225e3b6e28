"""The controller itself: its models, its configuration, where it can be reached."""

from __future__ import annotations

from typing import ClassVar, Final

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.facade import Facade, Scope, rpc_method
from ckf_airgap.rehearsal.api.facades.modelmanager import list_of_models, status_of_models
from ckf_airgap.rehearsal.model.state import CLOUD
from ckf_airgap.rehearsal.model.users import CONTROLLER_ACCESS
from ckf_airgap.rehearsal.wire import (
    BAD_REQUEST,
    ApiError,
    mappings_field,
    results_of,
    tag_id,
    tags_field,
    text_field,
    unauthorized,
)

_CONTROLLER_NAME_KEY: Final = "controller-name"


class Controller(Facade):
    """The controller as clients administer it."""

    name: ClassVar[str] = "Controller"
    versions: ClassVar[tuple[int, ...]] = (11, 12)
    scope: ClassVar[Scope] = "controller"

    @rpc_method
    async def all_models(self, _params: Document) -> Document:
        """Return every model of the controller."""
        self._check_superuser()
        return list_of_models(list(self.session.controller), self.session.user)

    @rpc_method
    async def controller_config(self, _params: Document) -> Document:
        """Return the controller's configuration."""
        controller = self.session.controller
        return {
            "config": {
                "api-port": controller.address.port,
                "ca-cert": controller.ca_cert,
                "controller-uuid": controller.uuid,
                _CONTROLLER_NAME_KEY: controller.name,
                "auditing-enabled": False,
            }
        }

    @rpc_method("ControllerAPIInfoForModels")
    async def controller_api_info_for_models(self, params: Document) -> Document:
        """Return where the controller of each model is, with its CA."""
        controller = self.session.controller

        async def info(tag: str) -> Document:
            controller.accessible_model(tag_id(tag, "model"), self.session.user)
            return {"addresses": [str(controller.address)], "cacert": controller.ca_cert}

        return await results_of(tags_field(params), info)

    @rpc_method
    async def controller_version(self, _params: Document) -> Document:
        """Return the version of Juju."""
        return {"version": self.session.controller.agent_version, "git-commit": ""}

    @rpc_method
    async def mongo_version(self, _params: Document) -> Document:
        """Return no version: there is no database."""
        return {"result": ""}

    @rpc_method("IdentityProviderURL")
    async def identity_provider_url(self, _params: Document) -> Document:
        """Return no address: users are the controller's own."""
        return {"result": ""}

    @rpc_method
    async def get_controller_access(self, params: Document) -> Document:
        """Return users' access to the controller."""

        async def access(tag: str) -> Document:
            user = self.session.controller.users.find(tag)
            if user is not self.session.user:
                self._check_superuser()
            return {"result": {"user-tag": user.tag, "access": user.access}}

        return await results_of(tags_field(params), access)

    @rpc_method
    async def modify_controller_access(self, params: Document) -> Document:
        """Grant or revoke users' access to the controller."""
        self._check_superuser()

        async def modify(change: Document) -> Document:
            self._modify_access(change)
            return {}

        return await results_of(mappings_field(params, "changes"), modify)

    @rpc_method
    async def model_status(self, params: Document) -> Document:
        """Return the life and the size of models."""
        return await status_of_models(self.session, tags_field(params))

    @rpc_method
    async def hosted_model_configs(self, _params: Document) -> Document:
        """Return the configuration of every model but the controller's."""
        self._check_superuser()
        controller = self.session.controller
        return {
            "models": [
                {
                    "name": model.name,
                    "owner": f"user-{model.owner}",
                    "config": {**model.config},
                    "cloud-spec": {"type": "kubernetes", "name": CLOUD},
                }
                for model in controller
                if not controller.is_controller_model(model)
            ]
        }

    @rpc_method
    async def list_blocked_models(self, _params: Document) -> Document:
        """Return no model: a rehearsal knows no blocks."""
        return {}

    def _check_superuser(self) -> None:
        if not self.session.user.is_superuser:
            raise unauthorized()

    def _modify_access(self, change: Document) -> None:
        user = self.session.controller.users.find(text_field(change, "user-tag"))
        access, action = text_field(change, "access"), text_field(change, "action")
        if access not in CONTROLLER_ACCESS[1:]:
            raise ApiError(f'"{access}" controller access not valid')
        if action == "grant":
            if CONTROLLER_ACCESS.index(user.access) >= CONTROLLER_ACCESS.index(access):
                raise ApiError(
                    "could not grant controller access: "
                    f'user already has "{user.access}" access or greater'
                )
            user.access = access
        elif action == "revoke":
            user.access = CONTROLLER_ACCESS[CONTROLLER_ACCESS.index(access) - 1]
        else:
            raise ApiError(f'unknown action "{action}"', BAD_REQUEST)
