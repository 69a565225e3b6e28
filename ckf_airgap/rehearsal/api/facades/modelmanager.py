"""Models: create, list, describe, share and destroy them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import Caller, Scope, rpc_method
from ckf_airgap.rehearsal.api.facades.modelaccess import (
    NEVER,
    last_connection,
    modify_model_access,
    users_of,
)
from ckf_airgap.rehearsal.api.facades.modeldefaults import ModelDefaultsMethods
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.modelschema import DEFAULT_BASE
from ckf_airgap.rehearsal.model.modelsettings import series_of
from ckf_airgap.rehearsal.model.state import ControllerState
from ckf_airgap.rehearsal.model.usernames import user_name
from ckf_airgap.rehearsal.model.users import User, timestamp
from ckf_airgap.rehearsal.views.storage import model_status_sections
from ckf_airgap.rehearsal.wire import (
    NOT_FOUND,
    ApiError,
    bool_field,
    field,
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
"""The base that Juju 3.6 prefers when a model does not set a default."""


class ModelManager(ModelDefaultsMethods):
    """The models of a controller."""

    name: ClassVar[str] = "ModelManager"
    versions: ClassVar[tuple[int, ...]] = (9, 10)
    scope: ClassVar[Scope] = "controller"

    @rpc_method
    async def create_model(self, params: Document) -> Document:
        """Create a model and return what `model_info` returns for it."""
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
        """Return the models of ``entities``."""

        async def info(tag: str) -> Document:
            return {"result": self._describe(self._model(tag))}

        return await results_of(tags_field(params), info)

    @rpc_method
    async def list_models(self, params: Document) -> Document:
        """Return the models that a user may use."""
        user = self._asked_user(text_field(params, "tag"))
        every = self.session.user.is_superuser
        models = self.session.controller.models_of(user, every=every)
        return list_of_models(self.session, models, user, never=NEVER)

    @rpc_method
    async def list_model_summaries(self, params: Document) -> Document:
        """Return a summary of every model that a user may use."""
        controller = self.session.controller
        user = self._asked_user(text_field(params, "user-tag"))
        every = self.session.user.is_superuser and bool_field(params, "all")
        models = controller.models_of(user, every=every)
        return {"results": [{"result": self._summary(model, user)} for model in models]}

    @rpc_method
    async def destroy_models(self, params: Document) -> Document:
        """Start destroying models; they are removed once their applications are."""

        async def destroy(item: Document) -> Document:
            tag = text_field(item, "model-tag")
            uuid = tag_id(tag, "model")
            if self.session.controller.model(uuid) is None:
                raise ApiError(f'model "{uuid}" not found', NOT_FOUND)
            model = self._model(tag, access="admin")
            decided = field(item, "destroy-storage")
            self.session.controller.destroy_model(
                model,
                force=bool_field(item, "force"),
                destroy_storage=decided if isinstance(decided, bool) else None,
            )
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
            modify_model_access(self.session, change)
            return {}

        return await results_of(mappings_field(params, "changes"), modify)

    def _model(self, tag: str, access: str = "read") -> Model:
        return self.session.controller.accessible_model(
            tag_id(tag, "model"), self.session.user, access
        )

    def _asked_user(self, tag: str) -> User:
        """Return the requested user; only superusers may ask for other users."""
        asked = self.session.controller.users.find(tag or self.session.user.tag)
        if asked is not self.session.user and not self.session.user.is_superuser:
            raise unauthorized()
        return asked

    def _describe(self, model: Model) -> Document:
        """Return the ModelInfo of a model."""
        controller = self.session.controller
        info: Document = {
            **_common(controller, model),
            "users": [*users_of(self.session, model)],
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
            "user-access": controller.users.of_models.access(model.uuid, user.name),
            "last-connection": last_connection(self.session, model, user),
            "counts": [{"entity": "units", "count": units}] if units else [],
            "sla": {"level": _SLA_LEVEL, "owner": model.owner},
        }


def list_of_models(
    session: Caller, models: list[Model], user: User, *, never: str | None = None
) -> Document:
    """Return models as ``ListModels`` and ``AllModels`` do.

    Args:
        session: The connection that asks.
        models: The models.
        user: The user whose last connections are shown.
        never: The value for users who never connected.
    """
    return {
        "user-models": [
            {
                "model": {
                    "name": model.name,
                    "uuid": model.uuid,
                    "type": "caas",
                    "owner-tag": f"user-{model.owner}",
                },
                "last-connection": last_connection(session, model, user) or never,
            }
            for model in models
        ]
    }


async def status_of_models(session: Caller, tags: Iterable[str]) -> Document:
    """Return the life and the size of models, as ``ModelStatus`` does: in ``models``.

    A removed model is `not found`, from which clients see that it has been destroyed.
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
        **model_status_sections(model.storage),
    }


def _unit_count(model: Model) -> int:
    return sum(len(application.units) for application in model.applications.values())


def supported_features(controller: ControllerState) -> list[JSONValue]:
    """Return the features that charms may assume: Juju itself, and the Kubernetes API."""
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
