"""What clients can query about applications and units. Part of the facade ``Application``."""

from __future__ import annotations

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import rpc_method
from ckf_airgap.rehearsal.api.facades.applicationremote import ApplicationRemote
from ckf_airgap.rehearsal.entities.relations import Side, ordered
from ckf_airgap.rehearsal.model.lookups import unit_name
from ckf_airgap.rehearsal.views.applications import application_info, unit_info
from ckf_airgap.rehearsal.wire import (
    NOT_FOUND,
    ApiError,
    results_of,
    tag_id,
    tags_field,
    text_field,
)


class ApplicationInfo(ApplicationRemote):
    """The methods of the facade ``Application`` that describe applications and units."""

    @rpc_method("GetCharmURLOrigin")
    async def get_charm_url_origin(self, params: Document) -> Document:
        """Return the charm URL of an application, and the charm's origin."""
        try:
            application = self._application(text_field(params, "application"))
        except ApiError as error:
            return {"url": "", "error": error.as_document()}
        origin: Document = {
            "source": "local",
            "type": "charm",
            "id": "",
            "base": {"name": application.base.name, "channel": application.base.channel},
            **{key: value for key, value in application.origin.items() if value is not None},
        }
        return {"url": application.charm_url, "charm-origin": origin}

    @rpc_method
    async def applications_info(self, params: Document) -> Document:
        """Return the basic facts of applications."""

        async def one(tag: str) -> Document:
            application = self._application(tag_id(tag, "application"))
            return {"result": application_info(application)}

        return await results_of(tags_field(params), one)

    @rpc_method
    async def units_info(self, params: Document) -> Document:
        """Return the basic facts of units; an application's tag stands for all of its units."""
        model = self.session.model
        results: list[JSONValue] = []
        for tag in tags_field(params):
            try:
                units = [model.topology.unit(name) for name in self._unit_names(tag)]
            except ApiError as error:
                results.append({"error": error.as_document()})
                continue
            results += [{"result": unit_info(unit, model.applications)} for unit in units]
        return {"results": results}

    @rpc_method
    async def leader(self, params: Document) -> Document:
        """Return the leader unit of an application."""
        tag = text_field(params, "tag")
        application = self.session.model.applications.get(tag_id(tag, "application"))
        if application is None or not application.leader:
            missing = ApiError(f"leader for {tag} not found", NOT_FOUND)
            return {"result": "", "error": missing.as_document()}
        return {"result": application.leader}

    @rpc_method
    async def charm_relations(self, params: Document) -> Document:
        """Return the names of the endpoints of an application's charm, requirers first."""
        application = self._application(text_field(params, "application"))
        sides = [
            Side(application=application.name, endpoint=endpoint)
            for endpoint in application.related.all_endpoints()
        ]
        names: list[JSONValue] = [side.endpoint.name for side in ordered(sorted(sides, key=str))]
        return {"charm-relations": names}

    def _unit_names(self, tag: str) -> list[str]:
        if tag.startswith("application-"):
            return list(self._application(tag_id(tag, "application")).units)
        if not tag.startswith("unit-"):
            raise ApiError(f'tag "{tag}" is neither unit nor application tag')
        return [unit_name(tag)]
