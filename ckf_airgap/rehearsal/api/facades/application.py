"""Applications: deploy, scale, relate, expose, refresh, remove."""

from __future__ import annotations

from typing import ClassVar, Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import rpc_method
from ckf_airgap.rehearsal.api.facades.applicationremote import ApplicationRemote
from ckf_airgap.rehearsal.entities.entities import Application as ApplicationState
from ckf_airgap.rehearsal.model import applications
from ckf_airgap.rehearsal.model.constraints import parse_constraints
from ckf_airgap.rehearsal.model.deployment import Deployment, string_map
from ckf_airgap.rehearsal.model.nostore import store_unreachable
from ckf_airgap.rehearsal.model.refresh import Refresh
from ckf_airgap.rehearsal.views.deltas import endpoint_document
from ckf_airgap.rehearsal.wire import (
    NOT_FOUND,
    NOT_SUPPORTED,
    NOT_VALID,
    ApiError,
    bool_field,
    field,
    int_field,
    mapping_field,
    mappings_field,
    results_of,
    tag_id,
    tags_field,
    text_field,
    texts_field,
)

_ATTACHES_STORAGE: Final = 21
"""The version from which on Deploy takes ``attach-storage`` on Kubernetes."""


class Application(ApplicationRemote):
    """The applications of a model."""

    name: ClassVar[str] = "Application"
    versions: ClassVar[tuple[int, ...]] = (15, 16, 17, 18, 19, 20)

    @rpc_method
    async def deploy(self, params: Document) -> Document:
        """Deploy applications, each by itself."""

        async def one(document: Document) -> Document:
            request = Deployment.from_document(document)
            if request.attach_storage and self.version < _ATTACHES_STORAGE:
                raise ApiError("AttachStorage may not be specified for container models")
            applications.deploy(self.session.model, request)
            return {}

        return await results_of(mappings_field(params, "applications"), one)

    @rpc_method
    async def deploy_from_repository(self, params: Document) -> Document:
        """Refuse charms of the store: it cannot be reached behind an air gap."""
        results: list[JSONValue] = [
            {
                "Errors": [store_unreachable(text_field(item, "CharmName")).as_document()],
                "Info": {},
                "PendingResourceUploads": [],
            }
            for item in mappings_field(params, "Args")
        ]
        return {"Results": results}

    @rpc_method
    async def set_charm(self, params: Document) -> Document:
        """Refresh an application to another charm."""
        applications.refresh(self.session.model, Refresh.from_document(params))
        return {}

    @rpc_method("GetCharmURLOrigin")
    async def get_charm_url_origin(self, params: Document) -> Document:
        """Return which charm an application has, and where it came from."""
        try:
            application = self._application(text_field(params, "application"))
        except ApiError as error:
            return {"url": "", "charm-origin": {}, "error": error.as_document()}
        return {"url": application.charm_url, "charm-origin": application.origin}

    @rpc_method
    async def add_relation(self, params: Document) -> Document:
        """Relate two applications; return the endpoints that were meant."""
        relation = self.session.model.topology.add_relation(texts_field(params, "endpoints"))
        endpoints: Document = {
            side.application: endpoint_document(side.endpoint) for side in relation.sides
        }
        return {"endpoints": endpoints}

    @rpc_method
    async def destroy_relation(self, params: Document) -> Document:
        """Remove a relation, named by its endpoints or its id."""
        topology = self.session.model.topology
        names = texts_field(params, "endpoints")
        number = int_field(params, "relation-id")
        relation = topology.relation_between(names) if names else topology.relations.get(number)
        if relation is None:
            raise ApiError(f"relation {number} not found", NOT_FOUND)
        if relation.is_peer:
            raise ApiError(f'cannot destroy relation "{relation.key}": is a peer relation')
        topology.remove_relation(relation, force=bool_field(params, "force"))
        return {}

    @rpc_method
    async def scale_applications(self, params: Document) -> Document:
        """Bring applications to a number of units."""

        async def one(document: Document) -> Document:
            name = tag_id(text_field(document, "application-tag"), "application")
            scale, change = int_field(document, "scale"), int_field(document, "scale-change")
            if scale < 0:
                raise ApiError("scale < 0 not valid", NOT_VALID)
            if scale and change:
                raise ApiError("requesting both scale and scale-change not valid", NOT_VALID)
            model = self.session.model
            application = model.applications.get(name)
            if application is None:
                raise ApiError(f'application "{name}" does not exist')
            units = application.scale + change if change else scale
            if units < 0:
                raise ApiError("cannot remove more units than currently exist not valid", NOT_VALID)
            model.topology.scale(application, units)
            return {"info": {"num-units": units}}

        return await results_of(mappings_field(params, "applications"), one)

    @rpc_method
    async def add_units(self, _params: Document) -> Document:
        """Refuse: units of a Kubernetes model come and go by scale."""
        raise ApiError("adding units to a container-based model not supported", NOT_SUPPORTED)

    @rpc_method
    async def destroy_unit(self, _params: Document) -> Document:
        """Refuse, in the words of a real controller (which means a container model)."""
        raise ApiError("removing units on a non-container model not supported", NOT_SUPPORTED)

    @rpc_method
    async def destroy_application(self, params: Document) -> Document:
        """Remove applications; say which units go with them."""

        async def one(document: Document) -> Document:
            tag = text_field(document, "application-tag")
            application = self._application(tag_id(tag, "application"))
            units: list[JSONValue] = [{"tag": _unit_tag(name)} for name in application.units]
            if not bool_field(document, "force"):
                self.session.model.offers.check_unused(application.name)
            if not bool_field(document, "dry-run"):
                topology = self.session.model.topology
                topology.remove_application(application, force=bool_field(document, "force"))
            info: Document = {"destroyed-units": units} if units else {}
            return {"info": info}

        return await results_of(mappings_field(params, "applications"), one)

    @rpc_method
    async def expose(self, params: Document) -> Document:
        """Make an application reachable from outside."""
        application = self._application(text_field(params, "application"))
        if not application.own_settings.get("juju-external-hostname"):
            raise ApiError(
                'cannot expose a container application without a "juju-external-hostname" value '
                f"set, run\njuju config {application.name} juju-external-hostname=<value>"
            )
        application.exposed = True
        application.exposed_endpoints.update(mapping_field(params, "exposed-endpoints"))
        self.session.model.topology.application_changed(application)
        return {}

    @rpc_method
    async def unexpose(self, params: Document) -> Document:
        """Take an application, or some of its endpoints, back from outside."""
        application = self._application(text_field(params, "application"))
        names = texts_field(params, "exposed-endpoints")
        for name in names or tuple(application.exposed_endpoints):
            application.exposed_endpoints.pop(name, None)
        application.exposed = bool(names and application.exposed_endpoints)
        self.session.model.topology.application_changed(application)
        return {}

    @rpc_method
    async def get_constraints(self, params: Document) -> Document:
        """Return the constraints of applications."""

        async def one(tag: str) -> Document:
            application = self._application(tag_id(tag, "application"))
            return {"constraints": application.constraints}

        return await results_of(tags_field(params), one)

    @rpc_method
    async def set_constraints(self, params: Document) -> Document:
        """Replace the constraints of an application."""
        application = self._application(text_field(params, "application"))
        application.constraints = parse_constraints(mapping_field(params, "constraints"))
        self.session.model.topology.application_changed(application)
        return {}

    @rpc_method
    async def merge_bindings(self, params: Document) -> Document:
        """Bind endpoints to spaces; a Kubernetes model has ``alpha`` only."""

        async def one(document: Document) -> Document:
            tag = text_field(document, "application-tag")
            application = self._application(tag_id(tag, "application"))
            bindings = string_map(document, "bindings")
            for endpoint, space in bindings.items():
                if space not in ("", "alpha"):
                    raise ApiError(f'space "{space}" not found', NOT_FOUND)
                if endpoint and endpoint not in application.charm.endpoints:
                    raise ApiError(f'endpoint "{endpoint}" not found', NOT_FOUND)
            application.bindings.update(bindings)
            return {}

        return await results_of(mappings_field(params, "args"), one)

    @rpc_method
    async def applications_info(self, params: Document) -> Document:
        """Return the basic facts of applications."""

        async def one(tag: str) -> Document:
            application = self._application(tag_id(tag, "application"))
            return {"result": _info(application)}

        return await results_of(tags_field(params), one)

    @rpc_method
    async def units_info(self, params: Document) -> Document:
        """Return the basic facts of units; an application's tag stands for all of its units."""
        results: list[JSONValue] = []
        for tag in tags_field(params):
            try:
                results += [{"result": self._unit_info(name)} for name in self._unit_names(tag)]
            except ApiError as error:
                results.append({"error": error.as_document()})
        return {"results": results}

    @rpc_method
    async def leader(self, params: Document) -> Document:
        """Return the unit that leads an application."""
        try:
            name = tag_id(text_field(params, "tag"), "application")
            leader = self._application(name).leader
        except ApiError as error:
            return {"result": "", "error": error.as_document()}
        if not leader:
            missing = ApiError(f'leader for application "{name}" not found', NOT_FOUND)
            return {"result": "", "error": missing.as_document()}
        return {"result": leader}

    @rpc_method
    async def charm_relations(self, params: Document) -> Document:
        """Return the names of the endpoints of an application's charm."""
        application = self._application(text_field(params, "application"))
        names: list[JSONValue] = [*application.charm.endpoints, "juju-info"]
        return {"charm-relations": names}

    @rpc_method
    async def resolve_unit_errors(self, params: Document) -> Document:
        """Let units whose hook failed go on."""
        topology = self.session.model.topology
        if bool_field(params, "all"):
            for application in self.session.model.applications.values():
                for unit in application.units.values():
                    if unit.workload.current == "error":
                        topology.resolve(unit)
            return {"results": []}

        async def one(tag: str) -> Document:
            topology.resolve(topology.unit(_unit_name(tag)))
            return {}

        tags = field(params, "tags")
        return await results_of(tags_field(tags if isinstance(tags, dict) else {}), one)

    def _unit_names(self, tag: str) -> list[str]:
        if tag.startswith("application-"):
            return list(self._application(tag_id(tag, "application")).units)
        return [_unit_name(tag)]

    def _unit_info(self, name: str) -> Document:
        unit = self.session.model.topology.unit(name)
        related: list[JSONValue] = []
        for relation in unit.application.relations.values():
            other = relation.other(unit.application.name)
            party = self.session.model.applications.get(other.application)
            units = party.units if party is not None else relation.counterparts(unit)
            related.append(
                {
                    "relation-id": relation.id,
                    "endpoint": relation.side(unit.application.name).endpoint.name,
                    "related-endpoint": other.endpoint.name,
                    "cross-model": party is None,
                    "ApplicationData": {},
                    # Juju gives these fields no JSON names, so they are spelt as in Go.
                    "unit-relation-data": {
                        remote: {"InScope": remote in relation.in_scope, "UnitData": {}}
                        for remote in units
                    },
                }
            )
        info: Document = {
            "tag": _unit_tag(name),
            "workload-version": "",
            "charm": unit.application.charm_url,
            "leader": unit.is_leader,
            "life": unit.life,
            "relation-data": related,
        }
        if unit.address:
            info["provider-id"] = name.replace("/", "-")
            info["address"] = unit.address
        return info


def _info(application: ApplicationState) -> Document:
    bindings: Document = {"": "alpha", **application.bindings}
    return {
        "tag": f"application-{application.name}",
        "charm": application.charm.name,
        "base": {"name": application.base.name, "channel": application.base.channel},
        "channel": application.channel,
        "constraints": application.constraints,
        "principal": not application.charm.subordinate,
        "exposed": application.exposed,
        "exposed-endpoints": application.exposed_endpoints,
        "remote": False,
        "life": application.life,
        "endpoint-bindings": bindings,
    }


def _unit_tag(name: str) -> str:
    return f"unit-{name.replace('/', '-')}"


def _unit_name(tag: str) -> str:
    """Return ``minio/0`` for ``unit-minio-0``."""
    application, dash, number = tag_id(tag, "unit").rpartition("-")
    if not (application and dash and number.isdecimal()):
        raise ApiError(f'"{tag}" is not a valid unit tag')
    return f"{application}/{number}"
