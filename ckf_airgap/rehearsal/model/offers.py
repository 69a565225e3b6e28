"""The offers of a model, and their connections."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ckf_airgap.charms.charm import Endpoint
from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.entities.crossmodel import EVERYONE, Offer
from ckf_airgap.rehearsal.entities.entities import Application, Relation
from ckf_airgap.rehearsal.entities.relations import JUJU_INFO
from ckf_airgap.rehearsal.model.lookups import found
from ckf_airgap.rehearsal.model.topology import Topology
from ckf_airgap.rehearsal.views.deltas import offer_delta
from ckf_airgap.rehearsal.wire import NOT_FOUND, NOT_VALID, ApiError

_NAME: Final = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A relation of a consuming model to an offer.

    Attributes:
        relation: The relation in the offering model.
        source_model: The UUID of the consuming model.
        user: The name of the user who created it.
    """

    relation: Relation
    source_model: str
    user: str


class Offers:
    """The offers of a model.

    Args:
        model_uuid: The model's UUID, for deltas.
        topology: The topology with the offered applications.
    """

    def __init__(self, *, model_uuid: str, topology: Topology) -> None:
        self._model_uuid = model_uuid
        self._topology = topology
        self._offers: dict[str, Offer] = {}
        self._connections: dict[int, tuple[str, Connection]] = {}

    def __iter__(self) -> Iterator[Offer]:
        return iter(tuple(self._offers.values()))

    def find(self, name: str) -> Offer | None:
        """Return the offer of that name, if there is one."""
        return self._offers.get(name)

    def get(self, name: str) -> Offer:
        """Return an offer; `ApiError` (not found) when it does not exist."""
        return found(self._offers.get(name), f'application offer "{name}"')

    def by_uuid(self, offer_uuid: str) -> Offer | None:
        """Return the offer with a UUID, if there is one."""
        return next((offer for offer in self if offer.uuid == offer_uuid), None)

    def of(self, application: str) -> list[Offer]:
        """Return the offers of an application."""
        return [offer for offer in self if offer.application == application]

    def endpoints(self, offer: Offer) -> dict[str, Endpoint]:
        """Return the endpoints of an offer, by their names in the offer."""
        application = self._topology.applications.get(offer.application)
        if application is None:
            return {}
        return {
            alias: endpoint
            for alias, name in offer.endpoints.items()
            if (endpoint := _endpoint(application, name)) is not None
        }

    def offer(
        self,
        *,
        name: str,
        application: str,
        description: str,
        endpoints: Mapping[str, str],
        owner: str,
    ) -> Offer:
        """Offer endpoints of an application, or change an existing offer.

        Raises:
            ApiError: in the words of ``state/applicationoffers.go``.
        """
        known = self._offers.get(name)
        verb = "add" if known is None else "update"
        try:
            self._check(name, application, endpoints)
            if known is not None:
                self._check_update(known, application, endpoints)
        except ApiError as error:
            raise error.annotated(f'cannot {verb} application offer "{name}"') from error
        if known is None:
            known = Offer(
                uuid=str(uuid.uuid4()),
                name=name,
                application=application,
                description=description,
                endpoints=dict(endpoints),
                access={owner: "admin", EVERYONE: "read"},
            )
            self._offers[name] = known
        else:
            known.application, known.description = application, description
            known.endpoints = dict(endpoints)
        self._topology.offers_changed(name)
        return known

    def remove(self, offer: Offer, *, force: bool = False) -> None:
        """Remove an offer.

        Raises:
            ApiError: when it has connections and `force` is not set, which removes them first.
        """
        connections = self.connections(offer)
        if connections and not force:
            count = len(connections)
            plural = "" if count == 1 else "s"
            raise ApiError(
                f'cannot delete application offer "{offer.name}": offer has {count} '
                f"relation{plural}"
            )
        last = self.delta(offer)
        del self._offers[offer.name]
        for connection in connections:
            self._topology.remove_relation(connection.relation, force=True)
        self._topology.offers_changed(offer.name, last)

    def connect(self, offer: Offer, connection: Connection) -> None:
        """Record a connection to an offer."""
        self._connections[connection.relation.id] = (offer.uuid, connection)
        self._topology.offers_changed(offer.name)

    def disconnect(self, relation: Relation) -> None:
        """Remove the connection of a relation."""
        offer_uuid, _ = self._connections.pop(relation.id, ("", None))
        offer = self.by_uuid(offer_uuid)
        if offer is not None:
            self._topology.offers_changed(offer.name)

    def connection(self, relation: Relation) -> Connection | None:
        """Return the connection of a relation, if it is a relation to an offer."""
        return self._connections.get(relation.id, ("", None))[1]

    def connections(self, offer: Offer) -> list[Connection]:
        """Return the connections of an offer."""
        return [
            connection
            for offer_uuid, connection in self._connections.values()
            if offer_uuid == offer.uuid
        ]

    def counts(self, offer: Offer) -> tuple[int, int]:
        """Return the number of connections of an offer, and how many of them are joined."""
        connections = self.connections(offer)
        joined = [one for one in connections if one.relation.status.current == "joined"]
        return len(connections), len(joined)

    def delta(self, offer: Offer) -> Document:
        """Return the body of an offer's delta."""
        application = self._topology.applications.get(offer.application)
        connected, active = self.counts(offer)
        return offer_delta(
            self._model_uuid,
            offer,
            charm_name=application.stored.url.name if application else "",
            connected=connected,
            active=active,
        )

    def check_unused(self, application: str) -> None:
        """Check that an application may be removed: its offers have no connections.

        Raises:
            ApiError: ``application is used by 1 offer``.
        """
        offers = self.of(application)
        if any(self.connections(offer) for offer in offers):
            count = len(offers)
            plural = "" if count == 1 else "s"
            raise ApiError(
                f'cannot destroy application "{application}": application is used by '
                f"{count} offer{plural}"
            )

    def _check(self, name: str, application: str, endpoints: Mapping[str, str]) -> None:
        if not _NAME.match(name):
            raise ApiError(f'offer name "{name}" not valid', NOT_VALID)
        offered = self._topology.application(application)
        for endpoint in endpoints.values():
            known = _endpoint(offered, endpoint)
            if known is None:
                raise ApiError(
                    f'getting relation endpoint for relation "{endpoint}" and application '
                    f'"{application}": application "{application}" has no "{endpoint}" relation',
                    NOT_FOUND,
                )
            if known.scope != "global":
                raise ApiError(
                    f'can only offer endpoints with global scope, provided scope "{known.scope}"'
                )

    def _check_update(self, known: Offer, application: str, endpoints: Mapping[str, str]) -> None:
        if application != known.application:
            return
        gone = set(known.endpoints.values()) - set(endpoints.values())
        used = sorted(
            endpoint
            for connection in self.connections(known)
            if (endpoint := connection.relation.side(application).endpoint.name) in gone
        )
        left = ", ".join(sorted(set(endpoints.values())))
        if len(used) == 1:
            raise ApiError(
                f'updating offer {application}:{left} would remove endpoint "{used[0]}" which '
                "has active consumers"
            )
        if used:
            raise ApiError(
                f'updating offer {application}:{left} would remove endpoints "{", ".join(used)}" '
                "which have active consumers"
            )


def _endpoint(application: Application, name: str) -> Endpoint | None:
    return JUJU_INFO if name == JUJU_INFO.name else application.endpoint(name)
