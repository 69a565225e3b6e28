"""The controller itself: its models, its configuration, where it can be reached."""

from __future__ import annotations

from typing import ClassVar, Final

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.facade import Facade, Scope, rpc_method
from ckf_airgap.rehearsal.api.facades.modelmanager import list_of_models, status_of_models
from ckf_airgap.rehearsal.model.permission import CONTROLLER_ACCESS, check_access
from ckf_airgap.rehearsal.model.state import CLOUD
from ckf_airgap.rehearsal.model.users import parse_user_tag
from ckf_airgap.rehearsal.wire import (
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
        return list_of_models(self.session, list(self.session.controller), self.session.user)

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
        self._check_superuser()
        return {"result": ""}

    @rpc_method("IdentityProviderURL")
    async def identity_provider_url(self, _params: Document) -> Document:
        """Return no address: users are the controller's own."""
        return {"result": ""}

    @rpc_method
    async def get_controller_access(self, params: Document) -> Document:
        """Return users' access to the controller: one's own, or anybody's for a superuser."""
        caller, users = self.session.user, self.session.controller.users

        async def access(tag: str) -> Document:
            user_id = parse_user_tag(tag)
            if not caller.is_superuser and user_id != caller.name:
                raise unauthorized()
            held = users.controller_access(user_id)
            return {"result": {"user-tag": f"user-{user_id}", "access": held}}

        return await results_of(tags_field(params), access)

    @rpc_method
    async def modify_controller_access(self, params: Document) -> Document:
        """Grant or revoke users' access to the controller."""

        async def modify(change: Document) -> Document:
            self._check_superuser()
            access = text_field(change, "access")
            check_access(CONTROLLER_ACCESS, access)
            try:
                user_id = parse_user_tag(text_field(change, "user-tag"))
            except ApiError as error:
                raise error.annotated("could not modify controller access") from error
            self.session.controller.users.change_controller_access(
                user_id, action=text_field(change, "action"), access=access
            )
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
        self._check_superuser()
        return {}

    def _check_superuser(self) -> None:
        if not self.session.user.is_superuser:
            raise unauthorized()
