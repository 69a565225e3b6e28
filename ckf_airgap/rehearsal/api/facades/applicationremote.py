"""Remote applications: how a model consumes and relates to the applications of other models."""

from __future__ import annotations

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.facade import rpc_method
from ckf_airgap.rehearsal.api.facades.applicationconfig import ApplicationConfig
from ckf_airgap.rehearsal.wire import (
    NOT_FOUND,
    NOT_SUPPORTED,
    ApiError,
    bool_field,
    int_field,
    mapping_field,
    mappings_field,
    results_of,
    tag_id,
    text_field,
)


class ApplicationRemote(ApplicationConfig):
    """The methods of the ``Application`` facade that concern other models."""

    @rpc_method
    async def consume(self, params: Document) -> Document:
        """Consume offers: add their applications to the model without relating to them."""

        async def one(document: Document) -> Document:
            controller = self.session.controller
            source = tag_id(text_field(document, "source-model-tag"), "model")
            info = mapping_field(document, "external-controller")
            tag = text_field(info, "controller-tag")
            if tag and tag != f"controller-{controller.uuid}":
                raise ApiError(
                    "a rehearsal relates models of its own controller only: offer and consume on "
                    "one controller",
                    NOT_SUPPORTED,
                )
            name = text_field(document, "application-alias") or text_field(document, "offer-name")
            controller.cross_model.consume(
                self.session.model,
                name=name,
                url=text_field(document, "offer-url"),
                source_model=source,
                offer_uuid=text_field(document, "offer-uuid"),
                user=self.session.user.name,
            )
            return {}

        return await results_of(mappings_field(params, "args"), one)

    @rpc_method
    async def destroy_consumed_applications(self, params: Document) -> Document:
        """Remove consumed applications, after their relations are gone."""

        async def one(document: Document) -> Document:
            name = tag_id(text_field(document, "application-tag"), "application")
            topology = self.session.model.topology
            remote = topology.remotes.get(name)
            if remote is None or remote.is_proxy:
                raise ApiError(f'saas application "{name}" not found', NOT_FOUND)
            topology.remove_remote(remote, force=bool_field(document, "force"))
            return {}

        return await results_of(mappings_field(params, "applications"), one)

    @rpc_method
    async def set_relations_suspended(self, params: Document) -> Document:
        """Suspend or resume relations to the model's offers."""

        async def one(document: Document) -> Document:
            model = self.session.model
            number = int_field(document, "relation-id")
            relation = model.topology.relations.get(number)
            if relation is None:
                raise ApiError(f"relation {number} not found", NOT_FOUND)
            suspended = bool_field(document, "suspended")
            if relation.suspended == suspended:
                return {}
            if model.offers.connection(relation) is None:
                raise ApiError(
                    f'cannot set suspend status for "{relation.key}" which is not associated '
                    "with an offer"
                )
            why = text_field(document, "message") if suspended else ""
            self.session.controller.cross_model.suspend(
                model.topology, relation, suspended=suspended, why=why
            )
            return {}

        return await results_of(mappings_field(params, "args"), one)
