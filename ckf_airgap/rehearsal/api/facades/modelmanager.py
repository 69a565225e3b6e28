"""Models: made, listed, described, shared and destroyed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import Caller, Scope, rpc_method
from ckf_airgap.rehearsal.api.facades.modeldefaults import ModelDefaultsMethods
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.modelschema import DEFAULT_BASE
from ckf_airgap.rehearsal.model.modelsettings import series_of
from ckf_airgap.rehearsal.model.state import ControllerState
from ckf_airgap.rehearsal.model.users import MODEL_ACCESS, User, timestamp, user_name
from ckf_airgap.rehearsal.wire import (
    BAD_REQUEST,
    NOT_FOUND,
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

_SLA_LEVEL: Final = "unsupported"

_DEFAULT_BASE: Final = "ubuntu@24.04/stable"
"""The base that Juju 3.6 prefers when a model says nothing."""


class ModelManager(ModelDefaultsMethods):
    """The models of a controller."""

    name: ClassVar[str] = "ModelManager"
    versions: ClassVar[tuple[int, ...]] = (9, 10)
    scope: ClassVar[Scope] = "controller"

    @rpc_method
    async def create_model(self, params: Document) -> Document:
        """Make a model and return what `model_info` says of it."""
        controller, user = self.session.controller, self.session.user
        tag = text_field(params, "cloud-tag")
        cloud = tag_id(tag, "cloud") if tag else ""
        named = cloud or controller.clouds.own.name
        if not user.is_superuser and not controller.clouds.may(named, user.name, "add-model"):
            raise unauthorized()
        owner = user_name(tag_id(text_field(params, "owner-tag") or user.tag, "user"))
        if owner != user.name and not user.is_superuser:
            raise unauthorized().annotated(
                '"add-model" permission does not permit creation of models for different owners'
            )
        model = controller.create_model(
            text_field(params, "name"),
            owner=owner,
            config=mapping_field(params, "config"),
            cloud=cloud,
            region=text_field(params, "region"),
            credential=text_field(params, "credential"),
        )
        return self._describe(model)

    @rpc_method
    async def model_info(self, params: Document) -> Document:
        """Return what the models of ``entities`` are."""

        async def info(tag: str) -> Document:
            return {"result": self._describe(self._model(tag))}

        return await results_of(tags_field(params), info)

    @rpc_method
    async def list_models(self, params: Document) -> Document:
        """Return the models that a user may use."""
        user = self._asked_user(text_field(params, "tag"))
        return list_of_models(self.session.controller.models_of(user), user)

    @rpc_method
    async def list_model_summaries(self, params: Document) -> Document:
        """Return a summary of every model that a user may use."""
        controller = self.session.controller
        user = self._asked_user(text_field(params, "user-tag"))
        models = controller.models_of(user, every=bool_field(params, "all"))
        return {"results": [{"result": self._summary(model, user)} for model in models]}

    @rpc_method
    async def destroy_models(self, params: Document) -> Document:
        """Begin to destroy models; they are gone when their applications are."""

        async def destroy(item: Document) -> Document:
            model = self._model(text_field(item, "model-tag"), access="admin")
            self.session.controller.destroy_model(model, force=bool_field(item, "force"))
            return {}

        return await results_of(mappings_field(params, "models"), destroy)

    @rpc_method
    async def model_status(self, params: Document) -> Document:
        """Return the life and the size of models."""
        return await status_of_models(self.session, tags_field(params))

    @rpc_method
    async def modify_model_access(self, params: Document) -> Document:
        """Grant or revoke users' access to models."""

        async def modify(change: Document) -> Document:
            self._modify_access(change)
            return {}

        return await results_of(mappings_field(params, "changes"), modify)

    def _model(self, tag: str, access: str = "read") -> Model:
        return self.session.controller.accessible_model(
            tag_id(tag, "model"), self.session.user, access
        )

    def _asked_user(self, tag: str) -> User:
        """Return the user that is asked about: oneself, or anybody for a superuser."""
        asked = self.session.controller.users.find(tag or self.session.user.tag)
        if asked is not self.session.user and not self.session.user.is_superuser:
            raise unauthorized()
        return asked

    def _modify_access(self, change: Document) -> None:
        users = self.session.controller.users
        model = self._model(text_field(change, "model-tag"), access="admin")
        user = users.find(text_field(change, "user-tag"))
        access, action = text_field(change, "access"), text_field(change, "action")
        if access not in MODEL_ACCESS[1:]:
            raise ApiError(f'could not modify model access: "{access}" model access not valid')
        held = users.model_access(user, model_uuid=model.uuid, owner=model.owner)
        if action == "grant":
            if MODEL_ACCESS.index(held) >= MODEL_ACCESS.index(access):
                raise ApiError(
                    f'could not grant model access: user already has "{held}" access or greater'
                )
            users.set_model_access(user, model_uuid=model.uuid, access=access)
        elif action == "revoke":
            left = MODEL_ACCESS[MODEL_ACCESS.index(access) - 1]
            users.set_model_access(user, model_uuid=model.uuid, access=left)
        else:
            raise ApiError(f'unknown action "{action}"', BAD_REQUEST)

    def _describe(self, model: Model) -> Document:
        """Return the ModelInfo of a model."""
        controller = self.session.controller
        users: list[JSONValue] = []
        for user in controller.users:
            access = controller.users.model_access(user, model_uuid=model.uuid, owner=model.owner)
            if access:
                users.append(
                    {
                        "model-tag": f"model-{model.uuid}",
                        "user": user.name,
                        "display-name": user.display_name or user.name,
                        "last-connection": _last_connection(user),
                        "access": access,
                    }
                )
        info: Document = {
            **_common(controller, model),
            "users": users,
            "machines": [],
            "secret-backends": [],
            "supported-features": supported_features(controller),
        }
        if model.credential:
            info["cloud-credential-validity"] = True
        if self.version == 9:
            base = str(model.config.get(DEFAULT_BASE) or _DEFAULT_BASE)
            info["default-base"] = base if "/" in base else f"{base}/stable"
            info["default-series"] = series_of(base)
        return info

    def _summary(self, model: Model, user: User) -> Document:
        controller = self.session.controller
        units = _unit_count(model)
        return {
            **_common(controller, model),
            "user-access": controller.users.model_access(
                user, model_uuid=model.uuid, owner=model.owner
            ),
            "last-connection": _last_connection(user),
            "counts": [{"entity": "units", "count": units}] if units else [],
            "sla": {"level": _SLA_LEVEL, "owner": model.owner},
        }


def list_of_models(models: list[Model], user: User) -> Document:
    """Return models as ``ListModels`` and ``AllModels`` do."""
    return {
        "user-models": [
            {
                "model": {
                    "name": model.name,
                    "uuid": model.uuid,
                    "type": "caas",
                    "owner-tag": f"user-{model.owner}",
                },
                "last-connection": _last_connection(user),
            }
            for model in models
        ]
    }


async def status_of_models(session: Caller, tags: Iterable[str]) -> Document:
    """Return the life and the size of models, as ``ModelStatus`` does: in ``models``.

    A model that is gone is `not found`, from which clients see that it has been destroyed.
    """

    async def status(tag: str) -> Document:
        controller, uuid = session.controller, tag_id(tag, "model")
        if controller.model(uuid) is None:
            raise ApiError(f'model "{uuid}" not found', NOT_FOUND)
        return _status(controller.accessible_model(uuid, session.user, "admin"))

    return {"models": (await results_of(tags, status))["results"]}


def _status(model: Model) -> Document:
    return {
        "model-tag": f"model-{model.uuid}",
        "life": model.life,
        "type": "caas",
        "hosted-machine-count": 0,
        "application-count": len(model.applications),
        "applications": [{"name": name} for name in model.applications],
        "unit-count": _unit_count(model),
        "owner-tag": f"user-{model.owner}",
    }


def _unit_count(model: Model) -> int:
    return sum(len(application.units) for application in model.applications.values())


def supported_features(controller: ControllerState) -> list[JSONValue]:
    """Return what charms may assume of a model: Juju itself, and the API of Kubernetes."""
    return [
        {
            "name": "juju",
            "description": "the version of Juju used by the model",
            "version": controller.agent_version,
        },
        {
            "name": "k8s-api",
            "description": "the Kubernetes API lets charms query and manipulate the state of "
            "API objects in a Kubernetes cluster",
            "version": controller.cluster_version,
        },
    ]


def _common(controller: ControllerState, model: Model) -> Document:
    """Return what `ModelInfo` and summaries have in common."""
    common: Document = {
        "name": model.name,
        "uuid": model.uuid,
        "type": "caas",
        "controller-uuid": controller.uuid,
        "is-controller": controller.is_controller_model(model),
        "provider-type": "kubernetes",
        "cloud-tag": f"cloud-{model.cloud}",
        "cloud-region": model.region,
        "owner-tag": f"user-{model.owner}",
        "life": model.life,
        "status": {
            "status": "available" if model.life == "alive" else "destroying",
            "info": "",
            "since": timestamp(model.created_at),
        },
        "sla": {"level": _SLA_LEVEL, "owner": ""},
        "agent-version": model.agent_version,
    }
    if model.credential:
        common["cloud-credential-tag"] = model.credential
    return common


def _last_connection(user: User) -> str | None:
    return timestamp(user.last_connection) if user.last_connection else None
