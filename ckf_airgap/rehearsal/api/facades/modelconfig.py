"""Configuration and constraints of a model."""

from __future__ import annotations

from typing import ClassVar, Final

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.facade import Facade, Scope, rpc_method
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.wire import ApiError, mapping_field, text_field, texts_field, unauthorized

_NEVER_RETURNED: Final = frozenset({"authorized-keys"})
_IMMUTABLE: Final = ("name", "type", "uuid")


class ModelConfig(Facade):
    """The settings of a model."""

    name: ClassVar[str] = "ModelConfig"
    versions: ClassVar[tuple[int, ...]] = (3,)
    scope: ClassVar[Scope] = "both"

    @rpc_method
    async def model_get(self, _params: Document) -> Document:
        """Return every setting with where it comes from."""
        model = self._model
        return {
            "config": {
                key: {"value": value, "source": model.config_sources.get(key, "model")}
                for key, value in model.config.items()
                if key not in _NEVER_RETURNED
            }
        }

    @rpc_method
    async def model_set(self, params: Document) -> Document:
        """Change settings; either all of them or none."""
        self._check_admin()
        model = self._model
        changes = mapping_field(params, "config")
        if changes.get("agent-version") not in (None, model.config.get("agent-version")):
            raise ApiError("agent-version cannot be changed")
        if changes.get("charmhub-url") not in (None, model.config.get("charmhub-url")):
            raise ApiError("charmhub-url cannot be changed")
        for key in _IMMUTABLE:
            if key in changes and changes[key] != model.config.get(key):
                raise ApiError(
                    f'cannot change {key} from "{model.config.get(key)}" to "{changes[key]}"'
                )
        for key, value in changes.items():
            model.config[key] = value
            model.config_sources[key] = "model"
        model.touch()
        return {}

    @rpc_method
    async def model_unset(self, params: Document) -> Document:
        """Take settings back to their defaults."""
        self._check_admin()
        model = self._model
        for key in texts_field(params, "keys"):
            model.reset_config(key)
        model.touch()
        return {}

    @rpc_method
    async def get_model_constraints(self, _params: Document) -> Document:
        """Return the model's constraints."""
        return {"constraints": self._model.constraints}

    @rpc_method
    async def set_model_constraints(self, params: Document) -> Document:
        """Replace the model's constraints; they hold for applications to come."""
        self._check_admin()
        model = self._model
        model.constraints = mapping_field(params, "constraints")
        model.touch()
        return {}

    @rpc_method
    async def sequences(self, _params: Document) -> Document:
        """Return the next numbers of units, machines and relations."""
        return {"sequences": {**self._model.sequences()}}

    @rpc_method("SLALevel")
    async def sla_level(self, _params: Document) -> Document:
        """Return the support level: none."""
        return {"result": "unsupported"}

    @rpc_method("SetSLALevel")
    async def set_sla_level(self, params: Document) -> Document:
        """Refuse: a rehearsal is not supported by anybody."""
        raise ApiError(f'SLA level "{text_field(params, "level")}" not supported', "not supported")

    @property
    def _model(self) -> Model:
        """The model of the connection; the controller's own on a controller connection."""
        return self.session.model_or_none or self.session.controller.controller_model

    def _check_admin(self) -> None:
        """Refuse somebody who is no admin of the model."""
        session = self.session
        if not session.controller.may(session.user, self._model, "admin"):
            raise unauthorized()
