"""Offers and consumed applications in ``Client.FullStatus``. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ckf_airgap.charms.charm import Endpoint
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.entities.crossmodel import (
    Offer,
    RemoteApplication,
    remote_endpoint,
    remote_endpoints,
)
from ckf_airgap.rehearsal.entities.entities import Application
from ckf_airgap.rehearsal.views.status import detailed_status


def remote_application_status(remote: RemoteApplication) -> Document:
    """Return a consumed application: ``RemoteApplicationStatus``."""
    related: dict[str, JSONValue] = {}
    for relation in remote.relations.values():
        endpoint = relation.side(remote.name).endpoint.name
        names = related.setdefault(endpoint, [])
        assert isinstance(names, list)  # noqa: S101 - for mypy
        names.append(relation.other(remote.name).application)
    return {
        "offer-url": remote.url,
        "offer-name": remote.name,
        "endpoints": remote_endpoints(remote.endpoints),
        "life": "" if remote.life == "alive" else remote.life,
        "relations": related,
        "status": detailed_status(remote.status),
    }


def offer_status(
    offer: Offer,
    *,
    application: Application | None,
    endpoints: Mapping[str, Endpoint],
    connected: int,
    active: int,
) -> Document:
    """Return an offer: ``ApplicationOfferStatus``."""
    shown: Document = {alias: remote_endpoint(alias, known) for alias, known in endpoints.items()}
    return {
        "offer-name": offer.name,
        "application-name": offer.application,
        "charm": application.charm_url if application is not None else "",
        "endpoints": shown,
        "active-connected-count": active,
        "total-connected-count": connected,
    }


def proxies(remotes: Iterable[RemoteApplication]) -> frozenset[str]:
    """Return the names of the consumer proxies, which no status shows."""
    return frozenset(remote.name for remote in remotes if remote.is_proxy)
