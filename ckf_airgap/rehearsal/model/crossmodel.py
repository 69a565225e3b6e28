"""Cross-model relations within a controller: two halves, and what keeps them in sync."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from ckf_airgap.rehearsal.entities.crossmodel import Offer, RemoteApplication
from ckf_airgap.rehearsal.entities.entities import Relation, StatusInfo, Unit
from ckf_airgap.rehearsal.entities.relations import Side
from ckf_airgap.rehearsal.model.offers import Connection, Offers
from ckf_airgap.rehearsal.model.remotes import RemoteApplications
from ckf_airgap.rehearsal.model.topology import Topology
from ckf_airgap.rehearsal.views.status import application_status
from ckf_airgap.rehearsal.wire import ALREADY_EXISTS, ApiError


class Party(Protocol):
    """A model that takes part in cross-model relations."""

    @property
    def uuid(self) -> str:
        """The model's UUID."""

    @property
    def topology(self) -> Topology:
        """The applications deployed in the model."""

    @property
    def offers(self) -> Offers:
        """The model's offers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """One of the two halves of a cross-model relation."""

    topology: RemoteApplications
    relation: Relation
    remote: str
    """This model's name for the application of the other model."""


class CrossModelRelations:
    """Propagates what happens in one half of a relation to the other.

    Args:
        models: Returns the models of the controller.
    """

    def __init__(self, models: Callable[[], Iterable[Party]]) -> None:
        self._models = models
        self._halves: dict[int, Half] = {}

    def find_offer(self, offer_uuid: str) -> tuple[Party, Offer] | None:
        """Return the offer with this UUID and its model, if it exists."""
        for model in self._models():
            offer = model.offers.by_uuid(offer_uuid)
            if offer is not None:
                return model, offer
        return None

    def consume(
        self,
        model: Party,
        *,
        name: str,
        url: str,
        source_model: str,
        offer_uuid: str,
        user: str,
    ) -> None:
        """Make a model consume an offer under a name; repeating it is harmless.

        Raises:
            ApiError: when the name is taken, or there is no such offer.
        """
        topology = model.topology
        known = topology.remotes.get(name)
        if known is not None and known.source_model != source_model:
            raise ApiError(
                f'saas application called "{name}" from a different model already exists',
                ALREADY_EXISTS,
            )
        if known is not None and known.life != "alive":
            raise ApiError(
                f'saas application called "{name}" exists but is terminating', ALREADY_EXISTS
            )
        located = self.find_offer(offer_uuid)
        if located is None:
            raise ApiError(f'cannot add saas application "{name}": the offer {url} is gone')
        offering, offer = located
        endpoints = {
            alias: replace(endpoint, name=alias, limit=None)
            for alias, endpoint in offering.offers.endpoints(offer).items()
        }
        if known is not None and not known.is_terminated:
            known.endpoints = endpoints
            return
        if known is not None:
            topology.remove_remote(known, force=True)
        if name in topology.applications:
            raise ApiError(
                f'cannot add saas application "{name}": local application with same name '
                "already exists",
                ALREADY_EXISTS,
            )
        topology.add_remote(
            RemoteApplication(
                name=name,
                offer_uuid=offer.uuid,
                url=url,
                source_model=source_model,
                endpoints=endpoints,
                status=self._status(offering, offer),
                user=user,
            )
        )

    def suspend(self, topology: Topology, relation: Relation, *, suspended: bool, why: str) -> None:
        """Suspend or resume both halves of a relation."""
        topology.suspend(relation, suspended=suspended, message=why)
        other = self._other(relation)
        if other is not None:
            other.topology.suspend(other.relation, suspended=suspended, message=why)

    def offer_removed(self, offer: Offer) -> None:
        """Inform the consumers of an offer that it has been removed."""
        for model in self._models():
            for remote in tuple(model.topology.remotes.values()):
                if remote.offer_uuid == offer.uuid and not remote.is_proxy:
                    remote.status = StatusInfo(
                        current="terminated",
                        message="offer has been removed",
                        since=model.topology.clock.now(),
                    )
                    model.topology.remote_changed(remote)

    # Events reported by topologies (`ckf_airgap.rehearsal.model.remotes.CrossModel`).

    def relation_added(self, topology: RemoteApplications, relation: Relation) -> None:
        """Create the other half of a relation, in the offering model."""
        remote = next(
            topology.remotes[side.application]
            for side in relation.sides
            if side.application in topology.remotes
        )
        located = self.find_offer(remote.offer_uuid)
        if located is None:
            return
        offering, offer = located
        consumer = next(model for model in self._models() if model.topology is topology)
        local = relation.other(remote.name)
        proxy = RemoteApplication(
            name=f"remote-{uuid.uuid4().hex}",
            offer_uuid=offer.uuid,
            source_model=consumer.uuid,
            endpoints={local.endpoint.name: local.endpoint},
            status=StatusInfo(current="unknown", since=topology.clock.now()),
            is_proxy=True,
        )
        offering.topology.add_remote(proxy)
        alias = relation.side(remote.name).endpoint.name
        offered = Side(
            application=offer.application, endpoint=offering.offers.endpoints(offer)[alias]
        )
        taken = Side(application=proxy.name, endpoint=local.endpoint)
        mirrored = offering.topology.relate((taken, offered))
        here = Half(topology=topology, relation=relation, remote=remote.name)
        there = Half(topology=offering.topology, relation=mirrored, remote=proxy.name)
        self._halves[id(relation)], self._halves[id(mirrored)] = there, here
        connection = Connection(relation=mirrored, source_model=consumer.uuid, user=remote.user)
        offering.offers.connect(offer, connection)

    def relation_dying(
        self, topology: RemoteApplications, relation: Relation, *, force: bool
    ) -> None:
        """Set the other half to dying as well."""
        del topology
        other = self._other(relation)
        if other is not None and other.relation.life == "alive":
            other.topology.remove_relation(other.relation, force=force)

    def relation_gone(self, topology: RemoteApplications, relation: Relation) -> None:
        """Forget a relation that is gone, and remove the other half."""
        other = self._halves.pop(id(relation), None)
        for model in self._models():
            if model.topology is topology:
                model.offers.disconnect(relation)
        if other is not None:
            other.topology.remove_relation(other.relation)
            for name in tuple(other.relation.in_scope):
                if name.rpartition("/")[0] == other.remote:
                    other.topology.remote_unit_left(other.relation, name)

    def unit_joined(self, topology: RemoteApplications, relation: Relation, unit: Unit) -> None:
        """Inform the other model that a unit has joined the relation."""
        other = self._other(relation)
        if other is not None:
            other.topology.remote_unit_joined(other.relation, f"{other.remote}/{unit.number}")
            self._counts_changed(topology, other.topology)

    def unit_left(self, topology: RemoteApplications, relation: Relation, unit: Unit) -> None:
        """Inform the other model that a unit has left the relation."""
        other = self._other(relation)
        if other is not None:
            other.topology.remote_unit_left(other.relation, f"{other.remote}/{unit.number}")
            self._counts_changed(topology, other.topology)

    def application_changed(self, topology: RemoteApplications, application: str) -> None:
        """Inform consumers that an application's status has changed, or that it is gone."""
        offering = next((model for model in self._models() if model.topology is topology), None)
        for offer in offering.offers.of(application) if offering is not None else ():
            assert offering is not None  # noqa: S101 - an offer of it exists
            if application not in offering.topology.applications:
                offering.offers.remove(offer, force=True)
                self.offer_removed(offer)
                continue
            status = self._status(offering, offer)
            for model in self._models():
                for remote in model.topology.remotes.values():
                    if remote.offer_uuid == offer.uuid and not remote.is_proxy:
                        remote.status = status
                        model.topology.remote_changed(remote)

    def _other(self, relation: Relation) -> Half | None:
        return self._halves.get(id(relation))

    def _counts_changed(self, *topologies: RemoteApplications) -> None:
        for model in self._models():
            if model.topology in topologies:
                for offer in model.offers:
                    model.topology.offers_changed(offer.name)

    def _status(self, offering: Party, offer: Offer) -> StatusInfo:
        application = offering.topology.applications[offer.application]
        return application_status(application)
