"""The controller itself: its models, its configuration and its addresses."""

from __future__ import annotations

from typing import ClassVar, Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import Facade, Scope, rpc_method
from ckf_airgap.rehearsal.api.facades.modelmanager import list_of_models, status_of_models
from ckf_airgap.rehearsal.api.notplayed import not_played
from ckf_airgap.rehearsal.model.controllerschema import (
    API_PORT_KEY,
    CA_CERT_KEY,
    CONTROLLER_NAME_KEY,
    CONTROLLER_UUID_KEY,
    IMAGE_REPOSITORY_KEY,
    check_controller_config,
    coerced_change,
)
from ckf_airgap.rehearsal.model.permission import CONTROLLER_ACCESS, check_access
from ckf_airgap.rehearsal.model.state import ControllerState
from ckf_airgap.rehearsal.model.usernames import parse_user_tag
from ckf_airgap.rehearsal.wire import (
    NOT_FOUND,
    NOT_SUPPORTED,
    NOT_VALID,
    ApiError,
    bool_field,
    mapping_field,
    mappings_field,
    results_of,
    tag_id,
    tags_field,
    text_field,
    unauthorized,
)

_MONGO_VERSION: Final = "4.4.30"
_LAST_WITH_MODEL_CONFIG: Final = 11


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
        return {"config": controller_config(self.session.controller)}

    @rpc_method
    async def config_set(self, params: Document) -> Document:
        """Change settings of the controller, either all of the given ones or none."""
        self._check_superuser()
        controller = self.session.controller
        changes = mapping_field(params, "config")
        if IMAGE_REPOSITORY_KEY in changes:
            raise ApiError(
                f"cannot change {IMAGE_REPOSITORY_KEY} as it is not currently set", NOT_VALID
            )
        typed = {name: coerced_change(name, changes[name]) for name in sorted(changes)}
        check_controller_config({**controller_config(controller), **typed})
        controller.config.update(typed)
        return {}

    @rpc_method
    async def model_config(self, _params: Document) -> Document:
        """Return the settings of the controller model, without their sources."""
        self._check_superuser()
        if self.version > _LAST_WITH_MODEL_CONFIG:
            raise not_played(self.name, "ModelConfig")
        values = self.session.controller.controller_model.config
        return {"config": {name: {"value": values[name], "source": ""} for name in sorted(values)}}

    @rpc_method
    async def cloud_spec(self, _params: Document) -> Document:
        """Refuse: clients use it to destroy the controller's namespace in the cluster."""
        raise _is_rehearsal()

    @rpc_method
    async def destroy_controller(self, _params: Document) -> Document:
        """Refuse: a rehearsal is stopped by the owner of its process."""
        self._check_superuser()
        raise _is_rehearsal()

    @rpc_method("ControllerAPIInfoForModels")
    async def controller_api_info_for_models(self, params: Document) -> Document:
        """Return the addresses and the CA of each model's controller."""
        controller = self.session.controller

        async def info(tag: str) -> Document:
            if controller.model(tag_id(tag, "model")) is None:
                raise ApiError("migration not found", NOT_FOUND)
            return {"addresses": [str(controller.address)], "cacert": controller.ca_cert}

        return await results_of(tags_field(params), info)

    @rpc_method
    async def controller_version(self, _params: Document) -> Document:
        """Return the version of Juju."""
        return {"version": self.session.controller.agent_version, "git-commit": ""}

    @rpc_method
    async def mongo_version(self, _params: Document) -> Document:
        """Return the version of the database that a controller of this version runs."""
        self._check_superuser()
        return {"result": _MONGO_VERSION}

    @rpc_method("IdentityProviderURL")
    async def identity_provider_url(self, _params: Document) -> Document:
        """Return an empty URL: all users are local."""
        return {"result": ""}

    @rpc_method
    async def get_controller_access(self, params: Document) -> Document:
        """Return users' access to the controller; only superusers may ask for other users."""
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
        """Return the configuration of every model except the controller model."""
        self._check_superuser()
        controller = self.session.controller
        return {
            "models": [
                {
                    "name": model.name,
                    "owner": f"user-{model.owner}",
                    "config": {**model.config},
                    "cloud-spec": {
                        "type": "kubernetes",
                        "name": model.cloud,
                        "region": model.region,
                    },
                }
                for model in controller
                if not controller.is_controller_model(model)
            ]
        }

    @rpc_method
    async def list_blocked_models(self, _params: Document) -> Document:
        """Return the models in which commands are disabled, sorted by name and owner."""
        self._check_superuser()
        blocked: list[JSONValue] = [
            {
                "name": model.name,
                "model-uuid": model.uuid,
                "owner-tag": f"user-{model.owner}",
                "blocks": [block.kind for block in model.blocks],
            }
            for model in sorted(self.session.controller, key=lambda one: (one.name, one.owner))
            if list(model.blocks)
        ]
        return {"models": blocked} if blocked else {}

    @rpc_method
    async def remove_blocks(self, params: Document) -> Document:
        """Enable every command in every model."""
        self._check_superuser()
        if not bool_field(params, "all"):
            raise ApiError("not supported")
        for model in self.session.controller:
            model.blocks.clear()
        return {}

    def _check_superuser(self) -> None:
        if not self.session.user.is_superuser:
            raise unauthorized()


def controller_config(controller: ControllerState) -> dict[str, JSONValue]:
    """Return every setting of a controller that has a value."""
    config: dict[str, JSONValue] = {
        **controller.config,
        API_PORT_KEY: controller.address.port,
        CA_CERT_KEY: controller.ca_cert,
        CONTROLLER_UUID_KEY: controller.uuid,
        CONTROLLER_NAME_KEY: controller.name,
    }
    return {name: config[name] for name in sorted(config)}


def _is_rehearsal() -> ApiError:
    return ApiError("this controller is a rehearsal; stop the process that runs it", NOT_SUPPORTED)
