"""The remote applications of a model, and what their units do in relations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.entities.crossmodel import RemoteApplication
from ckf_airgap.rehearsal.entities.entities import Relation, StatusInfo, Unit
from ckf_airgap.rehearsal.units.clock import Clock
from ckf_airgap.rehearsal.units.lifecycle import UnitAgent
from ckf_airgap.rehearsal.views.deltas import remote_application_delta
from ckf_airgap.rehearsal.views.watcher import ChangeFeed


class CrossModel(Protocol):
    """Propagates what happens in a relation to the other model that takes part in it."""

    def relation_added(self, topology: RemoteApplications, relation: Relation) -> None:
        """Create the other half of a relation."""

    def relation_dying(
        self, topology: RemoteApplications, relation: Relation, *, force: bool
    ) -> None:
        """Set the other half to dying as well."""

    def relation_gone(self, topology: RemoteApplications, relation: Relation) -> None:
        """Forget a relation that is gone."""

    def unit_joined(self, topology: RemoteApplications, relation: Relation, unit: Unit) -> None:
        """Inform the other model that a unit has joined the relation."""

    def unit_left(self, topology: RemoteApplications, relation: Relation, unit: Unit) -> None:
        """Inform the other model that a unit has left the relation."""

    def application_changed(self, topology: RemoteApplications, application: str) -> None:
        """Inform consumers that an application's status has changed, or that it is gone."""


class RemoteApplications(ABC):
    """The part of a model's topology that concerns other models; `Topology` is the rest.

    Args:
        model_uuid: The model's UUID, for deltas.
        clock: What units live by.
        feed: Who is notified of changes.

    Attributes:
        remotes: The applications of other models, by name.
        cross_model: Propagates what happens in relations to other models.
    """

    def __init__(self, *, model_uuid: str, clock: Clock, feed: ChangeFeed) -> None:
        self.clock = clock
        self.remotes: dict[str, RemoteApplication] = {}
        self.cross_model: CrossModel | None = None
        self._model_uuid = model_uuid
        self._feed = feed
        self._agents: dict[str, UnitAgent] = {}

    @abstractmethod
    def remove_relation(self, relation: Relation, *, force: bool = False) -> None:
        """Set a relation to dying: it is gone once every unit has left its scope."""

    @abstractmethod
    def _agents_of(self, relation: Relation) -> list[UnitAgent]:
        """Return the agents of the model's own units that a relation is about."""

    @abstractmethod
    def _drop_relation(self, relation: Relation) -> None:
        """Remove a relation."""

    def is_remote(self, relation: Relation) -> bool:
        """Whether an application of another model takes part in a relation."""
        return any(side.application in self.remotes for side in relation.sides)

    def add_remote(self, remote: RemoteApplication) -> None:
        """Add a remote application."""
        self.remotes[remote.name] = remote
        self.remote_changed(remote)

    def remote_changed(self, remote: RemoteApplication) -> None:
        """Notify the watchers of an application of another model; proxies are not shown."""
        if not remote.is_proxy:
            self._feed.changed("remoteApplication", remote.name)

    def remove_remote(self, remote: RemoteApplication, *, force: bool = False) -> None:
        """Remove a remote application, once its relations are gone."""
        remote.life = "dying"
        self.remote_changed(remote)
        for relation in tuple(remote.relations.values()):
            self.remove_relation(relation, force=force)
        self._drop_remote_if_unused(remote)

    def offers_changed(self, name: str, last: Document | None = None) -> None:
        """Notify the watchers that an offer changed, or (with its last state) that it is gone."""
        if last is None:
            self._feed.changed("applicationOffer", name)
        else:
            self._feed.removed("applicationOffer", name, last)

    def remote_unit_joined(self, relation: Relation, name: str) -> None:
        """Let a unit of another model take part in a relation."""
        relation.in_scope[name] = None
        if relation.status.current != "joined":
            relation.status = StatusInfo(current="joined", since=self.clock.now())
        for unit in self._local_units(relation):
            self._agents[unit].counterpart_joined(relation, name)

    def remote_unit_left(self, relation: Relation, name: str) -> None:
        """Take a unit of another model out of a relation."""
        if relation.in_scope.pop(name, name) is None:
            for unit in self._local_units(relation):
                self._agents[unit].counterpart_left(relation, name)
            self._out_of_scope(relation)

    def suspend(self, relation: Relation, *, suspended: bool, message: str = "") -> None:
        """Suspend a relation, which takes its units out of scope, or resume it."""
        relation.suspended = suspended
        current = "suspending" if suspended else "joining"
        relation.status = StatusInfo(current=current, message=message, since=self.clock.now())
        for agent in self._agents_of(relation):
            if suspended:
                agent.relation_dying(relation)
            else:
                agent.relation_added(relation)
        self._out_of_scope(relation)

    def _local_units(self, relation: Relation) -> list[str]:
        return [name for name in relation.in_scope if name in self._agents]

    def _out_of_scope(self, relation: Relation) -> None:
        """Let go of a relation that no unit is in any more: it is gone, or suspended."""
        if relation.in_scope:
            return
        if relation.life == "dying":
            self._drop_relation(relation)
        elif relation.suspended:
            message = relation.status.message
            now = self.clock.now()
            relation.status = StatusInfo(current="suspended", message=message, since=now)

    def _drop_remote_if_unused(self, remote: RemoteApplication) -> None:
        if remote.relations or self.remotes.get(remote.name) is not remote:
            return
        if remote.is_proxy or remote.life == "dying":
            remote.life = "dead"
            del self.remotes[remote.name]
            if not remote.is_proxy:
                last = remote_application_delta(self._model_uuid, remote)
                self._feed.removed("remoteApplication", remote.name, last)
