"""Applications: deploy, scale, relate, expose, refresh, remove."""

from __future__ import annotations

from typing import ClassVar

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.facade import rpc_method
from ckf_airgap.rehearsal.api.facades.applicationremote import ApplicationRemote
from ckf_airgap.rehearsal.api.facades.applicationrepository import ApplicationRepository
from ckf_airgap.rehearsal.api.facades.applicationunits import ATTACHES_STORAGE
from ckf_airgap.rehearsal.model import applications, forcing
from ckf_airgap.rehearsal.model.bases import update_base
from ckf_airgap.rehearsal.model.bindings import check_spaces, merge_bindings
from ckf_airgap.rehearsal.model.constraints import check_new_constraints, parse_constraints
from ckf_airgap.rehearsal.model.deployment import Deployment, string_map
from ckf_airgap.rehearsal.model.exposure import expose, unexpose
from ckf_airgap.rehearsal.model.lookups import unit_name
from ckf_airgap.rehearsal.model.refresh import Refresh
from ckf_airgap.rehearsal.model.relationqueries import relation_matching
from ckf_airgap.rehearsal.views.deltas import endpoint_document
from ckf_airgap.rehearsal.wire import (
    NOT_FOUND,
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


class Application(ApplicationRepository, ApplicationRemote):
    """The applications of a model."""

    name: ClassVar[str] = "Application"
    versions: ClassVar[tuple[int, ...]] = (15, 16, 17, 18, 19, 20, 21, 22)

    @rpc_method
    async def deploy(self, params: Document) -> Document:
        """Deploy applications, each independently of the others."""
        documents = mappings_field(params, "applications")
        if self.version < ATTACHES_STORAGE and any(
            texts_field(document, "attach-storage") for document in documents
        ):
            raise ApiError("AttachStorage may not be specified for container models")

        async def one(document: Document) -> Document:
            applications.deploy(self.session.model, Deployment.from_document(document))
            return {}

        return await results_of(documents, one)

    @rpc_method
    async def set_charm(self, params: Document) -> Document:
        """Refresh an application to another charm."""
        applications.refresh(self.session.model, Refresh.from_document(params))
        return {}

    @rpc_method
    async def add_relation(self, params: Document) -> Document:
        """Relate two applications; return the endpoints that were chosen."""
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
        relation = (
            relation_matching(topology.relations.values(), names)
            if names
            else topology.relations.get(number)
        )
        if relation is None:
            raise ApiError(f"relation {number} not found", NOT_FOUND)
        if relation.is_peer:
            raise ApiError(f'cannot destroy relation "{relation.key}": is a peer relation')
        forcing.remove_relation(topology, relation, forcing.forced_after_s(params))
        return {}

    @rpc_method
    async def expose(self, params: Document) -> Document:
        """Expose an application, or some of its endpoints."""
        application = self._application(text_field(params, "application"))
        if not application.own_settings.get("juju-external-hostname"):
            raise ApiError(
                'cannot expose a container application without a "juju-external-hostname" value '
                f"set, run\njuju config {application.name} juju-external-hostname=<value>"
            )
        expose(application, mapping_field(params, "exposed-endpoints"))
        self.session.model.topology.application_changed(application)
        return {}

    @rpc_method
    async def unexpose(self, params: Document) -> Document:
        """Unexpose an application, or some of its endpoints."""
        application = self._application(text_field(params, "application"))
        unexpose(application, texts_field(params, "exposed-endpoints"))
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
        """Replace the constraints of an application.

        As in Juju, constraints without an architecture replace those with one: the architecture of
        the deployment is not put back (``SetConstraints`` of state/application.go).
        """
        application = self._application(text_field(params, "application"))
        constraints = parse_constraints(mapping_field(params, "constraints"))
        check_new_constraints(application, constraints)
        application.constraints = constraints
        self.session.model.topology.application_changed(application)
        return {}

    @rpc_method
    async def merge_bindings(self, params: Document) -> Document:
        """Bind endpoints to spaces; a Kubernetes model has ``alpha`` only."""

        async def one(document: Document) -> Document:
            tag = text_field(document, "application-tag")
            application = self._application(tag_id(tag, "application"))
            asked = string_map(document, "bindings")
            check_spaces(asked)
            try:
                application.bindings = merge_bindings(
                    application.bindings, asked, application.charm
                )
            except ApiError as error:
                raise error.annotated("merging application bindings") from error
            return {}

        return await results_of(mappings_field(params, "args"), one)

    @rpc_method
    async def update_application_base(self, params: Document) -> Document:
        """Make future units run on another base."""

        async def one(document: Document) -> Document:
            tag = text_field(mapping_field(document, "tag"), "tag")
            application = self._application(tag_id(tag, "application"))
            update_base(
                application,
                text_field(document, "channel"),
                force=bool_field(document, "force"),
            )
            return {}

        return await results_of(mappings_field(params, "args"), one)

    @rpc_method
    async def set_metric_credentials(self, params: Document) -> Document:
        """Accept credentials for metrics, which nothing reads: charms are not metered."""

        async def one(document: Document) -> Document:
            self._application(text_field(document, "application"))
            return {}

        return await results_of(mappings_field(params, "creds"), one)

    @rpc_method
    async def resolve_unit_errors(self, params: Document) -> Document:
        """Resolve the errors of units whose hook failed."""
        topology = self.session.model.topology
        if bool_field(params, "all"):
            for application in self.session.model.applications.values():
                for unit in application.units.values():
                    if unit.workload.current == "error":
                        topology.resolve(unit)
            return {"results": []}

        async def one(tag: str) -> Document:
            topology.resolve(topology.unit(unit_name(tag)))
            return {}

        tags = field(params, "tags")
        return await results_of(tags_field(tags if isinstance(tags, dict) else {}), one)
