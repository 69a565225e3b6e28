"""The applications, units and relations of a model, and the unit agents that drive them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ckf_airgap.rehearsal.entities.crossmodel import RemoteApplication
from ckf_airgap.rehearsal.entities.entities import Application, Relation, StatusInfo, Unit
from ckf_airgap.rehearsal.entities.relations import (
    Side,
    infer_sides,
    ordered,
    relation_key,
)
from ckf_airgap.rehearsal.model.lookups import found
from ckf_airgap.rehearsal.model.newrelations import check_new_relation
from ckf_airgap.rehearsal.model.remotes import RemoteApplications
from ckf_airgap.rehearsal.model.storage import ModelStorage
from ckf_airgap.rehearsal.units.chronicle import Chronicle
from ckf_airgap.rehearsal.units.clock import Clock
from ckf_airgap.rehearsal.units.course import Script
from ckf_airgap.rehearsal.units.lifecycle import UnitAgent
from ckf_airgap.rehearsal.units.rollout import Rollouts
from ckf_airgap.rehearsal.views.deltas import (
    application_delta,
    relation_delta,
    unit_delta,
)
from ckf_airgap.rehearsal.views.status import INSTALLING, application_status
from ckf_airgap.rehearsal.views.storage import unit_tag
from ckf_airgap.rehearsal.views.watcher import ChangeFeed
from ckf_airgap.rehearsal.wire import ApiError


class Topology(RemoteApplications):
    """The entities deployed in a model.

    Args:
        model_uuid: The model's UUID, for deltas.
        owner: The model's owner.
        clock: The clock of the units.
        script: The courses of applications.
        feed: Notified of changes.
        chronicle: The log and status history of applications and units.
        storage: The storage of the units.
    """

    def __init__(
        self,
        *,
        model_uuid: str,
        owner: str,
        clock: Clock,
        script: Script,
        feed: ChangeFeed,
        chronicle: Chronicle,
        storage: ModelStorage,
    ) -> None:
        super().__init__(model_uuid=model_uuid, clock=clock, feed=feed)
        self.chronicle = chronicle
        self.script = script
        self.applications: dict[str, Application] = {}
        self.relations: dict[int, Relation] = {}
        self.next_relation = 0
        self.next_unit: dict[str, int] = {}
        self._owner = owner
        self._storage = storage
        self._keys: dict[str, Relation] = {}
        self._shown: dict[str, tuple[str, str]] = {}
        self._rollouts = Rollouts(clock, self._agents)
        self.unit_listeners: list[Callable[[str], None]] = []
        """Called with the name of a unit whose status changed, or that was removed."""
        self.removal_listeners: list[Callable[[str], None]] = []
        """Called with the tag of an application or unit that was removed."""

    # Lookups.

    def application(self, name: str) -> Application:
        """Return an application; `ApiError` (not found) when it does not exist."""
        return found(self.applications.get(name), f'application "{name}"')

    def unit(self, name: str) -> Unit:
        """Return a unit; `ApiError` (not found) when it does not exist."""
        application = self.applications.get(name.rpartition("/")[0])
        return found(application.units.get(name) if application else None, f'unit "{name}"')

    def relation_between(self, names: Sequence[str]) -> Relation:
        """Return the relation between two endpoints; `ApiError` when it does not exist."""
        key = relation_key(self.infer(names))
        return found(self._keys.get(key), f'relation "{key}"')

    # Changes.

    def add_application(
        self, application: Application, *, units: int, attach: Sequence[str] = ()
    ) -> None:
        """Add an application with its peer relations and units.

        Args:
            application: The application.
            units: The number of its units.
            attach: The ids of the storage instances to attach to its first unit.
        """
        self.applications[application.name] = application
        self.chronicle.application_added(application)
        self._feed.changed("application", application.name)
        self.add_peers(application)
        self.scale(application, units, attach=attach)

    def add_peers(self, application: Application) -> None:
        """Add the peer relations of an application that do not exist yet; drop those it lacks now.

        A peer relation that the charm no longer has is gone at once, with no hooks
        (``removeStalePeerRelationsOps`` of state/relation.go).
        """
        declared = application.charm.endpoints
        for relation in tuple(application.relations.values()):
            if relation.is_peer and declared.get(relation.sides[0].endpoint.name) is None:
                self._drop_relation(relation)
                for unit in application.units:
                    self._agents[unit].relation_gone(relation)
        for endpoint in application.charm.endpoints.values():
            sides = (Side(application=application.name, endpoint=endpoint),)
            if endpoint.role == "peer" and relation_key(sides) not in self._keys:
                relation = self._relate(sides)
                for unit in application.units:
                    self._agents[unit].relation_added(relation)

    def scale(self, application: Application, units: int, *, attach: Sequence[str] = ()) -> None:
        """Scale an application to a number of units; the newest units are removed first.

        The number of a dying unit is reused once that unit is removed. The storage instances
        `attach` are attached to a new unit.
        """
        application.scale = units
        self.chronicle.application_scaled(application, units)
        staying = [unit for unit in application.units.values() if unit.life == "alive"]
        for unit in staying[units:]:
            self._stop(unit)
        taken = {unit.number for unit in application.units.values()}
        for number in range(units):
            if len(staying) >= units:
                break
            if number not in taken:
                staying.append(self._add_unit(application, number, attach))
        self._feed.changed("application", application.name)

    def add_relation(self, names: Sequence[str]) -> Relation:
        """Relate two applications.

        Args:
            names: ``application`` or ``application:endpoint``, two of them.

        Raises:
            ApiError: when they cannot be related, or already are.
        """
        sides = self.infer(names)
        key = relation_key(sides)
        try:
            check_new_relation(
                sides,
                existing=self._keys.get(key),
                applications=self.applications,
                remotes=self.remotes,
            )
        except ApiError as exc:
            raise exc.annotated(f'cannot add relation "{key}"') from exc
        relation = self.relate(sides)
        if self.cross_model is not None and self.is_remote(relation):
            self.cross_model.relation_added(self, relation)
        return relation

    def relate(self, sides: Sequence[Side]) -> Relation:
        """Relate two endpoints that are known to match, and notify their units."""
        relation = self._relate(sides)
        for agent in self._agents_of(relation):
            agent.relation_added(relation)
        return relation

    def remove_relation(self, relation: Relation, *, force: bool = False) -> None:
        """Set a relation to dying: it is removed once every unit has left its scope."""
        if relation.life == "alive":
            relation.life = "dying"
            for agent in self._agents_of(relation):
                agent.relation_dying(relation)
            if self.cross_model is not None and self.is_remote(relation):
                self.cross_model.relation_dying(self, relation, force=force)
        if force or not relation.in_scope:
            self._drop_relation(relation)

    def remove_application(
        self, application: Application, *, force: bool = False, destroy_storage: bool = False
    ) -> None:
        """Set an application to dying: it is removed once its relations and units are.

        Args:
            application: The application.
            force: Whether to remove it without its hooks.
            destroy_storage: Whether the storage of its units is destroyed together with them.
        """
        application.life = "dying"
        self._feed.changed("application", application.name)
        for relation in tuple(application.relations.values()):
            if not relation.is_peer or not application.units:
                self.remove_relation(relation, force=force)
        for unit in tuple(application.units.values()):
            unit.destroys_storage = unit.destroys_storage or destroy_storage
            self._stop(unit, force=force)
        self._drop_if_empty(application)

    def application_changed(self, application: Application) -> None:
        """Notify the watchers that an application changed."""
        self._feed.changed("application", application.name)

    def config_changed(self, application: Application) -> None:
        """Notify the units that the value of an option changed."""
        self._feed.changed("application", application.name)
        for unit in application.units.values():
            self._agents[unit.name].config_changed()

    def roll_out(self, application: Application) -> None:
        """Let the pods of an application be replaced, since its charm or a resource changed."""
        application.modified_version += 1
        self._feed.changed("application", application.name)
        self._rollouts.begin(application)

    def resolve(self, unit: Unit) -> None:
        """Resolve the failed hook of a unit; `ApiError` when no hook has failed."""
        self._agents[unit.name].resolve()

    def storage_attached(self, unit: Unit, name: str) -> None:
        """Notify a unit that storage was attached, by the name in its charm."""
        self._agents[unit.name].storage_changed(name, "storage-attached")

    def storage_detaching(self, unit: Unit, name: str) -> None:
        """Notify a unit that its storage is about to be detached."""
        self._agents[unit.name].storage_changed(name, "storage-detaching")

    def wake(self) -> None:
        """Make every unit check the script again."""
        for agent in tuple(self._agents.values()):
            agent.wake()

    def close(self) -> None:
        """Stop every timer."""
        self._rollouts.close()
        for agent in self._agents.values():
            agent.close()

    # What units' agents report (`ckf_airgap.rehearsal.units.lifecycle.World`).

    def unit_changed(self, unit: Unit) -> None:
        """Notify the watchers that a unit's status or address changed.

        The application's status follows from those of its units, and its delta is sent again when
        that changes: ``juju wait-for model`` derives the status once from each delta of the
        application, and keeps it.
        """
        self._feed.changed("unit", unit.name)
        application = unit.application
        derived = application_status(application)
        shown = (derived.current, derived.message)
        if self._shown.get(application.name) != shown:
            self._shown[application.name] = shown
            self._feed.changed("application", application.name)
            if self.cross_model is not None:
                self.cross_model.application_changed(self, application.name)
        self._notify(unit)

    def pod_up(self, unit: Unit) -> None:
        """Mount the storage of a unit whose pod runs."""
        self._storage.provisioned(unit)

    def pod_ready(self, unit: Unit) -> None:
        """Let the next pod of an application be replaced, now that this one has started."""
        self._rollouts.go_on(unit.application)

    def storage_names(self, unit: Unit) -> list[str]:
        """Return the storage names of a unit, one for each instance."""
        return [instance.name for instance in self._storage.of_unit(unit.name)]

    def unit_gone(self, unit: Unit) -> None:
        """Remove a unit; if it was the leader, another unit is elected."""
        application = unit.application
        self._storage.unit_gone(unit)
        for relation in tuple(application.relations.values()):
            if unit.name in relation.in_scope:
                self.left(relation, unit)
        self.chronicle.unit_gone(unit)
        self._feed.removed("unit", unit.name, unit_delta(self._model_uuid, unit))
        del application.units[unit.name], self._agents[unit.name]
        self._removed(unit_tag(unit.name))
        self._notify(unit)
        if unit.is_leader:
            application.leader = next(iter(application.units), "")
            if application.leader:
                self._agents[application.leader].elected()
        if application.life == "alive" and len(application.units) < application.scale:
            self.scale(application, application.scale)
        self._rollouts.go_on(application)
        self._drop_if_empty(application)

    def joined(self, relation: Relation, unit: Unit) -> None:
        """Make a unit enter the scope of a relation, and notify both sides of each other."""
        relation.in_scope[unit.name] = None
        if relation.status.current != "joined":
            relation.status = StatusInfo(current="joined", since=self.clock.now())
        for remote in relation.counterparts(unit):
            if remote in self._agents:
                self._agents[remote].counterpart_joined(relation, unit.name)
            self._agents[unit.name].counterpart_joined(relation, remote)
        if self.cross_model is not None and self.is_remote(relation):
            self.cross_model.unit_joined(self, relation, unit)

    def left(self, relation: Relation, unit: Unit) -> None:
        """Make a unit leave the scope of a relation."""
        relation.in_scope.pop(unit.name, None)
        for remote in relation.counterparts(unit):
            if remote in self._agents:
                self._agents[remote].counterpart_left(relation, unit.name)
        if self.cross_model is not None and self.is_remote(relation):
            self.cross_model.unit_left(self, relation, unit)
        self._out_of_scope(relation)

    # Implementation.

    def _removed(self, tag: str) -> None:
        for listener in self.removal_listeners:
            listener(tag)

    def _notify(self, unit: Unit) -> None:
        for listener in self.unit_listeners:
            listener(unit.name)

    def infer(self, names: Sequence[str]) -> tuple[Side, ...]:
        """Return the endpoints that names mean; `ApiError` when there are none, or several."""
        named = {name.partition(":")[0] for name in names}
        known = {
            name: application.related
            for name in named
            if (application := self.applications.get(name) or self.remotes.get(name)) is not None
        }
        return infer_sides(names, known)

    def _relate(self, sides: Sequence[Side]) -> Relation:
        relation = Relation(
            id=self.next_relation,
            key=relation_key(sides),
            sides=ordered(sides),
            status=StatusInfo(current="joining", since=self.clock.now()),
        )
        self.next_relation += 1
        self.relations[relation.id] = self._keys[relation.key] = relation
        for side in sides:
            self._party(side).relations[relation.id] = relation
        self._feed.changed("relation", str(relation.id))
        return relation

    def _stop(self, unit: Unit, *, force: bool = False) -> None:
        self._agents[unit.name].stop(force=force)
        self._storage.unit_dying(unit)
        self._feed.changed("unit", unit.name)

    def _add_unit(self, application: Application, number: int, attach: Sequence[str] = ()) -> Unit:
        now = self.clock.now()
        unit = Unit(
            name=f"{application.name}/{number}",
            application=application,
            number=number,
            agent=StatusInfo(current="allocating", since=now),
            workload=StatusInfo(current="waiting", message=INSTALLING, since=now),
        )
        application.units[unit.name] = unit
        application.leader = application.leader or unit.name
        known = self.next_unit.get(application.name, 0)
        self.next_unit[application.name] = max(known, number + 1)
        self._storage.unit_added(unit, attach)
        self._agents[unit.name] = agent = UnitAgent(unit, self)
        self.chronicle.unit_added(unit)
        self._feed.changed("unit", unit.name)
        agent.start()
        return unit

    def _agents_of(self, relation: Relation) -> list[UnitAgent]:
        return [
            self._agents[name]
            for side in relation.sides
            if side.application in self.applications
            for name in self.applications[side.application].units
        ]

    def _party(self, side: Side) -> Application | RemoteApplication:
        name = side.application
        return self.applications[name] if name in self.applications else self.remotes[name]

    def _drop_relation(self, relation: Relation) -> None:
        if self.relations.pop(relation.id, None) is None:
            return
        relation.life = "dead"
        del self._keys[relation.key]
        last = relation_delta(self._model_uuid, relation)
        self._feed.removed("relation", str(relation.id), last)
        if self.cross_model is not None and self.is_remote(relation):
            self.cross_model.relation_gone(self, relation)
        for side in relation.sides:
            remote = self.remotes.get(side.application)
            if remote is not None:
                remote.relations.pop(relation.id, None)
                self._drop_remote_if_unused(remote)
                continue
            application = self.applications[side.application]
            application.relations.pop(relation.id, None)
            for name in application.units:
                self._agents[name].wake()
            self._drop_if_empty(application)

    def _drop_if_empty(self, application: Application) -> None:
        if application.life != "dying" or application.units:
            return
        for relation in tuple(application.relations.values()):
            if relation.is_peer:
                self.remove_relation(relation)
        if application.relations or application.name not in self.applications:
            return
        application.life = "dead"
        del self.applications[application.name]
        self._shown.pop(application.name, None)
        self.chronicle.application_gone(application)
        last = application_delta(self._model_uuid, self._owner, application)
        self._feed.removed("application", application.name, last)
        self._removed(f"application-{application.name}")
        if self.cross_model is not None:
            self.cross_model.application_changed(self, application.name)
