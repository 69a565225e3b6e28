"""Resources: registered before an upload, listed afterwards."""

from __future__ import annotations

from typing import ClassVar

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import Facade, rpc_method
from ckf_airgap.rehearsal.entities.entities import Application
from ckf_airgap.rehearsal.entities.resources import LiveResource
from ckf_airgap.rehearsal.model.modelresources import add_pending_resources
from ckf_airgap.rehearsal.views.storage import unit_tag
from ckf_airgap.rehearsal.wire import (
    BAD_REQUEST,
    ApiError,
    mappings_field,
    results_of,
    tag_id,
    tags_field,
    text_field,
)


class Resources(Facade):
    """The resources of a model's applications."""

    name: ClassVar[str] = "Resources"
    versions: ClassVar[tuple[int, ...]] = (3,)

    @rpc_method
    async def add_pending_resources(self, params: Document) -> Document:
        """Register pending resources of an application, which need not exist yet."""
        try:
            application = _application_name(text_field(params, "tag"))
            pending: list[JSONValue] = [
                *add_pending_resources(
                    self.session.model,
                    application,
                    text_field(params, "url"),
                    mappings_field(params, "resources"),
                )
            ]
        except ApiError as error:
            return {"error": error.as_document(), "pending-ids": []}
        return {"pending-ids": pending}

    @rpc_method
    async def list_resources(self, params: Document) -> Document:
        """Return the resources of applications, and those that their units have.

        A controller keeps a second record of each resource, as the store has it, even of those
        that are not in a store; clients refuse lists of different lengths.
        """

        async def one(tag: str) -> Document:
            application = self.session.model.topology.application(_application_name(tag))
            resources: list[JSONValue] = [
                resource.as_document() for resource in application.resources.values()
            ]
            units: list[JSONValue] = [
                {
                    "tag": unit_tag(unit.name),
                    "resources": [known.as_document() for known in unit.resources.values()],
                    "download-progress": None,
                }
                for unit in application.units.values()
            ]
            return {
                "resources": resources,
                "charm-store-resources": [
                    self._in_store(application, resource).charm_document()
                    for resource in application.resources.values()
                ],
                "unit-resources": units,
            }

        return await results_of(tags_field(params), one)

    def _in_store(self, application: Application, resource: LiveResource) -> LiveResource:
        """Return what the store has for a resource now; for a local charm, the resource itself."""
        stored = application.stored
        declared = stored.charm.resources.get(resource.name)
        if declared is None or not stored.is_from_store:
            return resource
        return stored.store_resource(
            application.name, declared, revision=None, now=self.session.model.clock.now()
        )


def _application_name(tag: str) -> str:
    try:
        return tag_id(tag, "application")
    except ApiError as error:
        raise ApiError(error.message, BAD_REQUEST) from error
