"""The defaults of new models, and the credential of a model."""

from __future__ import annotations

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import Facade, rpc_method
from ckf_airgap.rehearsal.golang.formatting import go_value
from ckf_airgap.rehearsal.model.clouds import CredentialTag, check_credential
from ckf_airgap.rehearsal.model.modelschema import AGENT_VERSION_KEY
from ckf_airgap.rehearsal.wire import (
    NOT_FOUND,
    ApiError,
    mapping_field,
    mappings_field,
    results_of,
    tag_id,
    tags_field,
    text_field,
    texts_field,
    unauthorized,
)


class ModelDefaultsMethods(Facade):
    """The methods of the facade ``ModelManager`` for defaults and credentials of models."""

    @rpc_method
    async def model_defaults_for_clouds(self, params: Document) -> Document:
        """Return the model defaults of clouds: those of Juju, the cloud, and its regions."""
        self._check_admin()
        controller = self.session.controller

        async def describe(tag: str) -> Document:
            cloud = controller.clouds.get(tag_id(tag, "cloud"))
            return {"config": controller.defaults.describe(cloud.name, cloud.region_names)}

        results: list[JSONValue] = []
        for tag in tags_field(params):
            found = (await results_of([tag], describe))["results"]
            entry = found[0] if isinstance(found, list) else {}
            results.append({"config": None, **(entry if isinstance(entry, dict) else {})})
        return {"results": results}

    @rpc_method
    async def set_model_defaults(self, params: Document) -> Document:
        """Set defaults of new models, in a cloud or in one of its regions."""

        async def change(item: Document) -> Document:
            self._check_admin()
            changes = mapping_field(item, "config")
            if AGENT_VERSION_KEY in changes:
                raise ApiError("agent-version cannot have a default value")
            cloud, region = self._place(item)
            self.session.controller.defaults.update(cloud, region, changes)
            return {}

        return await results_of(mappings_field(params, "config"), change)

    @rpc_method
    async def unset_model_defaults(self, params: Document) -> Document:
        """Reset defaults of new models to those of Juju."""
        self._check_admin()

        async def change(item: Document) -> Document:
            cloud, region = self._place(item)
            self.session.controller.defaults.update(
                cloud, region, {}, removed=texts_field(item, "keys")
            )
            return {}

        return await results_of(mappings_field(params, "keys"), change)

    @rpc_method
    async def change_model_credential(self, params: Document) -> Document:
        """Change the credentials of models; the new ones must be on the controller."""

        async def change(item: Document) -> Document:
            self._change_credential(item)
            return {}

        return await results_of(mappings_field(params, "model-credentials"), change)

    def _change_credential(self, item: Document) -> None:
        controller = self.session.controller
        uuid = tag_id(text_field(item, "model-tag"), "model")
        model = controller.model(uuid)
        if model is None and self.session.user.is_superuser:
            raise ApiError(f"model {go_value(uuid)} not found", NOT_FOUND)
        model = controller.accessible_model(uuid, self.session.user, "admin")
        tag = CredentialTag.parse(text_field(item, "credential-tag"))
        if model.credential == str(tag):
            raise ApiError(f"model {model.uuid} already uses credential {tag.id}")
        credential = controller.credentials.get(str(tag))
        if credential is None:
            raise ApiError(f"cloud credential {go_value(tag.id)} not found", NOT_FOUND)
        check_credential(controller.clouds.get(model.cloud), tag, credential)
        model.credential = str(tag)
        model.touch()

    def _place(self, item: Document) -> tuple[str, str]:
        """Return the cloud and region of defaults; the controller's cloud when none is given."""
        clouds = self.session.controller.clouds
        tag = text_field(item, "cloud-tag")
        if not tag:
            return clouds.own.name, ""
        return tag_id(tag, "cloud"), text_field(item, "cloud-region")

    def _check_admin(self) -> None:
        if not self.session.user.is_superuser:
            raise unauthorized()
