"""The client's view of a model: its section of the status, and the deltas of its entities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

from ckf_airgap.charms.charm import Endpoint
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.entities.crossmodel import Offer, RemoteApplication
from ckf_airgap.rehearsal.entities.entities import Application, Relation, StatusInfo, StoredCharm
from ckf_airgap.rehearsal.entities.repository import CharmRepository
from ckf_airgap.rehearsal.entities.tasks import Task
from ckf_airgap.rehearsal.units.clock import Clock
from ckf_airgap.rehearsal.views.charmupdates import charm_updates
from ckf_airgap.rehearsal.views.crossmodel import (
    offer_status,
    proxies,
    remote_application_status,
)
from ckf_airgap.rehearsal.views.deltas import (
    annotation_delta,
    application_delta,
    charm_delta,
    relation_delta,
    remote_application_delta,
    status_delta,
    unit_delta,
)
from ckf_airgap.rehearsal.views.status import detailed_status, full_status
from ckf_airgap.rehearsal.views.watcher import Key


class Charms(Protocol):
    """The charms of a model, and the store that some of them come from."""

    repository: CharmRepository | None

    def __iter__(self) -> Iterator[StoredCharm]:
        """Yield all of them."""

    def find(self, url: str) -> StoredCharm | None:
        """Return the charm with a URL."""


class Topology(Protocol):
    """The relations of a model, by id, and its remote applications."""

    remotes: dict[str, RemoteApplication]

    @property
    def relations(self) -> Mapping[int, Relation]:
        """The relations."""


class Offers(Protocol):
    """The offers of a model."""

    def __iter__(self) -> Iterator[Offer]:
        """Yield all of them."""

    def find(self, name: str) -> Offer | None:
        """Return the offer of that name."""

    def endpoints(self, offer: Offer) -> dict[str, Endpoint]:
        """Return the endpoints of an offer."""

    def counts(self, offer: Offer) -> tuple[int, int]:
        """Return the number of connections of an offer, and how many of them are joined."""

    def delta(self, offer: Offer) -> Document:
        """Return the body of an offer's delta."""


class Operations(Protocol):
    """The tasks of a model."""

    @property
    def tasks(self) -> Iterable[Task]:
        """All of them."""

    def find_task(self, task_id: str) -> Task | None:
        """Return the task with an id."""


class Viewed(Protocol):
    """A model as seen by clients."""

    uuid: str
    name: str
    owner: str
    controller_uuid: str
    agent_version: str
    life: Literal["alive", "dying", "dead"]
    created_at: datetime
    dying_since: datetime | None
    clock: Clock
    cloud: str
    region: str
    constraints: Document
    annotations: dict[str, dict[str, str]]

    @property
    def config(self) -> Mapping[str, JSONValue]:
        """The settings that have a value."""

    @property
    def charms(self) -> Charms:
        """The uploaded charms."""

    @property
    def topology(self) -> Topology:
        """The relations and remote applications."""

    @property
    def offers(self) -> Offers:
        """Its offers to other models."""

    @property
    def operations(self) -> Operations:
        """The requested actions and commands."""

    @property
    def applications(self) -> Mapping[str, Application]:
        """The applications by name."""

    @property
    def relations(self) -> Sequence[Relation]:
        """The relations."""


def model_status(model: Viewed) -> StatusInfo:
    """Return the status of the model itself."""
    if model.dying_since is None:
        return StatusInfo(current="available", since=model.created_at)
    return StatusInfo(
        current="destroying", message="cleaning up cloud resources", since=model.dying_since
    )


def model_full_status(model: Viewed, patterns: Sequence[str]) -> Document:
    """Return the reply of ``Client.FullStatus`` v8."""
    section: Document = {
        "name": model.name,
        "type": "caas",
        "cloud-tag": f"cloud-{model.cloud}",
        "region": model.region,
        "version": model.agent_version,
        "available-version": "",
        "model-status": detailed_status(model_status(model)),
        "meter-status": {"color": "", "message": ""},
        "sla": "unsupported",
    }
    return full_status(
        model=section,
        applications=model.applications,
        relations=model.relations,
        patterns=patterns,
        now=model.clock.now(),
        remotes={
            remote.name: remote_application_status(remote)
            for remote in model.topology.remotes.values()
            if not remote.is_proxy
        },
        offers={offer.name: _offer(model, offer) for offer in model.offers},
        hidden=proxies(model.topology.remotes.values()),
        updates=charm_updates(
            model.applications.values(),
            model.charms.repository,
            is_known=lambda url: model.charms.find(url) is not None,
        ),
    )


def _offer(model: Viewed, offer: Offer) -> Document:
    connected, active = model.offers.counts(offer)
    return offer_status(
        offer,
        application=model.applications.get(offer.application),
        endpoints=model.offers.endpoints(offer),
        connected=connected,
        active=active,
    )


def model_delta(model: Viewed) -> Document:
    """Return the body of the model's own delta."""
    return {
        "model-uuid": model.uuid,
        "name": model.name,
        "life": model.life,
        "owner": model.owner,
        "controller-uuid": model.controller_uuid,
        "is-controller": False,
        "config": dict(model.config),
        "status": status_delta(model_status(model)),
        "constraints": dict(model.constraints),
        "sla": {"level": "unsupported", "owner": ""},
        "type": "caas",
        "cloud": model.cloud,
        "cloud-region": model.region,
        "version": model.agent_version,
    }


def entity_keys(model: Viewed) -> Iterable[Key]:
    """Yield the keys of all entities that watchers see."""
    yield ("model", model.uuid)
    for stored in model.charms:
        yield ("charm", str(stored.url))
    for application in model.applications.values():
        yield ("application", application.name)
        for unit in application.units:
            yield ("unit", unit)
    for relation in model.relations:
        yield ("relation", str(relation.id))
    for remote in model.topology.remotes.values():
        if not remote.is_proxy:
            yield ("remoteApplication", remote.name)
    for offer in model.offers:
        yield ("applicationOffer", offer.name)
    for task in model.operations.tasks:
        yield ("action", task.id)
    for tag in model.annotations:
        yield ("annotation", tag)


def entity_delta(model: Viewed, key: Key) -> Document | None:
    """Return the body of an entity's delta, or ``None`` when the entity was removed."""
    kind, name = key
    if kind == "model":
        return model_delta(model)
    if kind == "charm":
        stored = model.charms.find(name)
        return None if stored is None else charm_delta(model.uuid, stored)
    if kind == "application":
        application = model.applications.get(name)
        if application is None:
            return None
        return application_delta(model.uuid, model.owner, application)
    if kind == "unit":
        principal = model.applications.get(name.rpartition("/")[0])
        unit = principal.units.get(name) if principal else None
        return None if unit is None else unit_delta(model.uuid, unit)
    if kind == "relation":
        relation = model.topology.relations.get(int(name))
        return None if relation is None else relation_delta(model.uuid, relation)
    if kind == "remoteApplication":
        remote = model.topology.remotes.get(name)
        return None if remote is None else remote_application_delta(model.uuid, remote)
    if kind == "applicationOffer":
        offer = model.offers.find(name)
        return None if offer is None else model.offers.delta(offer)
    if kind == "action":
        task = model.operations.find_task(name)
        return None if task is None else task.delta(model.uuid)
    return annotation_delta(model.uuid, name, model.annotations.get(name, {}))
