"""Configuration and constraints of a model."""

from __future__ import annotations

from typing import ClassVar

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.facade import Facade, Scope, rpc_method
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.wire import ApiError, mapping_field, text_field, texts_field, unauthorized


class ModelConfig(Facade):
    """The settings of a model."""

    name: ClassVar[str] = "ModelConfig"
    versions: ClassVar[tuple[int, ...]] = (3,)
    scope: ClassVar[Scope] = "both"

    @rpc_method
    async def model_get(self, _params: Document) -> Document:
        """Return every setting and its source."""
        return {"config": self._model.settings.described()}

    @rpc_method
    async def model_set(self, params: Document) -> Document:
        """Change settings, all or nothing."""
        self._check_may_write()
        self._model.settings.set(
            mapping_field(params, "config"), is_superuser=self.session.user.is_superuser
        )
        self._model.touch()
        return {}

    @rpc_method
    async def model_unset(self, params: Document) -> Document:
        """Reset settings to their defaults."""
        self._check_may_write()
        self._model.settings.unset(texts_field(params, "keys"))
        self._model.touch()
        return {}

    @rpc_method
    async def get_model_constraints(self, _params: Document) -> Document:
        """Return the model's constraints."""
        return {"constraints": self._model.constraints}

    @rpc_method
    async def set_model_constraints(self, params: Document) -> Document:
        """Replace the model's constraints; they apply to applications deployed later."""
        self._check_may_write()
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
        """Refuse: nobody provides support for a rehearsal."""
        raise ApiError(f'SLA level "{text_field(params, "level")}" not supported', "not supported")

    @property
    def _model(self) -> Model:
        """The model of the connection; the controller model on a controller connection."""
        return self.session.model_or_none or self.session.controller.controller_model

    def _check_may_write(self) -> None:
        """Refuse users without write access to the model."""
        session = self.session
        if not session.controller.may(session.user, self._model, "write"):
            raise unauthorized()
