"""The bodies of the all-watcher's deltas. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ckf_airgap.charms.charm import Base, Endpoint
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.entities.crossmodel import Offer, RemoteApplication
from ckf_airgap.rehearsal.entities.entities import (
    Application,
    Relation,
    StatusInfo,
    StoredCharm,
    Unit,
)
from ckf_airgap.rehearsal.entities.resources import rfc3339


def status_delta(status: StatusInfo) -> Document:
    """Return a status in the form used in deltas."""
    return {
        "current": status.current,
        "message": status.message,
        "since": rfc3339(status.since),
        "version": "",
        "data": dict(status.data),
    }


def endpoint_document(endpoint: Endpoint) -> Document:
    """Return an endpoint in the form used for relations and charms."""
    return {
        "name": endpoint.name,
        "role": endpoint.role,
        "interface": endpoint.interface,
        "optional": endpoint.optional,
        "limit": endpoint.limit or 0,
        "scope": endpoint.scope,
    }


def base_text(base: Base) -> str:
    """Return a base as ``ubuntu@22.04``, or with its risk when that is not ``stable``."""
    return f"{base.name}@{base.channel.removesuffix('/stable')}"


def charm_delta(model_uuid: str, stored: StoredCharm) -> Document:
    """Return the body of a charm's delta."""
    defaults: Document = {
        name: option.default
        for name, option in stored.charm.options.items()
        if option.default is not None
    }
    return {
        "model-uuid": model_uuid,
        "charm-url": str(stored.url),
        "charm-version": stored.archive.version,
        "life": "alive",
        "profile": None,
        "config": defaults,
    }


def application_delta(model_uuid: str, owner: str, application: Application) -> Document:
    """Return the body of an application's delta."""
    config: Document = dict(application.settings)
    return {
        "model-uuid": model_uuid,
        "name": application.name,
        "exposed": application.exposed,
        "charm-url": application.charm_url,
        "owner-tag": f"user-{owner}",
        "life": application.life,
        "min-units": 0,
        "constraints": dict(application.constraints),
        "config": config,
        "subordinate": application.charm.subordinate,
        "status": status_delta(application.status),
        "workload-version": "",
    }


def unit_delta(model_uuid: str, unit: Unit) -> Document:
    """Return the body of a unit's delta."""
    return {
        "model-uuid": model_uuid,
        "name": unit.name,
        "application": unit.application.name,
        "base": base_text(unit.application.base),
        "charm-url": unit.charm_url,
        "life": unit.life,
        "public-address": "",
        "private-address": unit.address,
        "machine-id": "",
        "ports": None,
        "port-ranges": None,
        "principal": "",
        "subordinate": unit.application.charm.subordinate,
        "workload-status": status_delta(unit.workload),
        "agent-status": status_delta(unit.agent),
    }


def relation_delta(model_uuid: str, relation: Relation) -> Document:
    """Return the body of a relation's delta."""
    endpoints: list[JSONValue] = [
        {"application-name": side.application, "relation": endpoint_document(side.endpoint)}
        for side in relation.sides
    ]
    return {
        "model-uuid": model_uuid,
        "key": relation.key,
        "id": relation.id,
        "endpoints": endpoints,
    }


def annotation_delta(model_uuid: str, tag: str, annotations: Mapping[str, str]) -> Document:
    """Return the body of an annotation's delta."""
    return {"model-uuid": model_uuid, "tag": tag, "annotations": dict(annotations)}


def remote_application_delta(model_uuid: str, remote: RemoteApplication) -> Document:
    """Return the body of the delta of an application of another model."""
    return {
        "model-uuid": model_uuid,
        "name": remote.name,
        "offer-url": remote.url,
        "life": remote.life,
        "status": status_delta(remote.status),
    }


def offer_delta(
    model_uuid: str, offer: Offer, *, charm_name: str, connected: int, active: int
) -> Document:
    """Return the body of an offer's delta.

    Args:
        model_uuid: The model's UUID.
        offer: The offer.
        charm_name: The charm of the application.
        connected: How many relations there are to it.
        active: How many of them have units on both sides.
    """
    return {
        "model-uuid": model_uuid,
        "offer-name": offer.name,
        "offer-uuid": offer.uuid,
        "application-name": offer.application,
        "charm-name": charm_name,
        "total-connected-count": connected,
        "active-connected-count": active,
    }
