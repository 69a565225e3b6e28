"""Snapshots of a model from what the controller sends: full status and deltas. Pure.

The shapes are those of ``Client.FullStatus`` v8 and ``AllWatcher`` v3 of Juju 3.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ckf_airgap.documents import Document, JSONValue, mappings, natural
from ckf_airgap.juju.snapshots.snapshot import (
    ApplicationSnapshot,
    ModelSnapshot,
    RelationSnapshot,
    StatusInfo,
    UnitSnapshot,
)

POD_STATES: Final = frozenset({"error", "blocked"})
"""Workload states that only ``FullStatus`` has, from the pod: an image that cannot be pulled, a
crash loop, no node to run on."""


def snapshot_of_status(model: str, status: Document) -> ModelSnapshot:
    """Return the model that a response of ``Client.FullStatus`` describes."""
    about = _mapping(status.get("model"))
    # Juju leaves the scale out where it is 0, and on machines there is none.
    unsaid = 0 if about.get("type") == "caas" else None
    is_ending = _full_status(about.get("model-status")).current == "destroying"
    return ModelSnapshot(
        model=model,
        life="dying" if is_ending else "alive",
        applications={
            name: _status_application(name, fields, unsaid)
            for name, fields in sorted(mappings(status.get("applications")))
        },
        relations=tuple(
            RelationSnapshot(
                id=_int(fields.get("id")) or 0,
                key=_str(fields.get("key")),
                interface=_str(fields.get("interface")),
                ends=tuple(
                    f"{_str(end.get('application'))}:{_str(end.get('name'))}"
                    for end in _documents(fields.get("endpoints"))
                ),
                since=_full_status(fields.get("status")).since,
            )
            for fields in _documents(status.get("relations"))
        ),
    )


class ModelTables:
    """The model as the deltas of the watcher describe it, kept current and without history.

    Args:
        model: The model's name.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self._applications: dict[str, ApplicationSnapshot] = {}
        self._units: dict[str, UnitSnapshot] = {}
        self._relations: dict[int, RelationSnapshot] = {}
        self._pods: dict[str, StatusInfo] = {}
        self._seen = ModelSnapshot(model=model)
        self._life = "alive"
        self.population = 0
        """Grows whenever a unit comes or goes."""
        self._early: dict[str, ApplicationSnapshot] = {}
        """Applications of the last status that the watcher has not told of yet."""
        self._built: dict[str, ApplicationSnapshot] = {}
        """Applications as they were put together last, until something about them changes."""
        self._built_relations: tuple[RelationSnapshot, ...] | None = None

    def clear(self) -> None:
        """Forget all: a new watcher reports the whole model again, but not what was removed."""
        for table in (
            self._applications,
            self._units,
            self._relations,
            self._pods,
            self._early,
        ):
            table.clear()
        self._seen = ModelSnapshot(model=self.model)
        self._life = "alive"
        self._forget_built()

    def _forget_built(self) -> None:
        self._built.clear()
        self._built_relations = None

    def apply(self, kind: str, data: Mapping[str, JSONValue], *, removed: bool) -> bool:
        """Take one delta; return whether it may have changed what is kept."""
        name = _str(data.get("name"))
        if kind == "application":
            self._applications.pop(name, None)
            self._built.pop(name, None)
            self._early.pop(name, None)
            if not removed:
                self._applications[name] = _delta_application(name, data)
        elif kind == "unit":
            old = self._units.pop(name, None)
            new = None if removed else _delta_unit(name, data)
            if new is not None:
                self._units[name] = new
            self.population += (old is None) != (new is None)
            for unit in (old, new):
                if unit is not None:
                    self._built.pop(unit.application, None)
            if new is None or old is None or old.workload != new.workload:
                self._pods.pop(name, None)
        elif kind == "relation":
            number = _int(data.get("id")) or 0
            self._relations.pop(number, None)
            self._built_relations = None
            if not removed:
                self._relations[number] = _delta_relation(number, data)
        elif kind == "model":
            before = self._life
            self._life = "dead" if removed else _str(data.get("life")) or "alive"
            return self._life != before
        else:
            return False
        return True

    def apply_status(self, status: Document, *, asked_at: ModelSnapshot) -> bool:
        """Take a response of ``Client.FullStatus``; return whether it had anything new.

        It has what the watcher does not: the state of pods (`POD_STATES`), who is leader, scales,
        bases and addresses. It is ahead of the watcher, by a second or so: it has applications and
        charms that were only just asked for. And it no longer has what was removed while the
        watcher was disconnected.

        Args:
            status: The response.
            asked_at: The snapshot when the status was asked for; what came later is kept.
        """
        before = self.snapshot()
        seen = snapshot_of_status(self.model, status)
        units = {unit.name: unit for unit in seen.units}
        for unit in asked_at.units:
            if unit.name not in units:
                self._units.pop(unit.name, None)
        for name in asked_at.applications:
            if name not in seen.applications:
                self._applications.pop(name, None)
        self._pods = {
            name: unit.workload
            for name, unit in units.items()
            if unit.workload.current in POD_STATES
            and name in self._units
            and unit.workload.current != self._units[name].workload.current
        }
        self._seen = seen
        self._early = {
            name: application
            for name, application in seen.applications.items()
            if name not in self._applications and name not in asked_at.applications
        }
        self._take_charms(asked_at)
        self._forget_built()
        return self.snapshot() != before

    def _take_charms(self, asked_at: ModelSnapshot) -> None:
        """Take which charms applications have and units run, unless that was told since."""
        for name, application in self._seen.applications.items():
            known, old = self._applications.get(name), asked_at.applications.get(name)
            if known is not None and old is not None and known.charm_url == old.charm_url:
                self._applications[name] = replace(known, charm_url=application.charm_url)
        before = {unit.name: unit.charm_url for unit in asked_at.units}
        for told in self._seen.units:
            unit = self._units.get(told.name)
            if unit is not None and before.get(told.name) == unit.charm_url:
                self._units[told.name] = replace(unit, charm_url=told.charm_url)

    def snapshot(self) -> ModelSnapshot:
        """Return the model as it is now; what has not changed is the same object as before."""
        self._build()
        if self._built_relations is None:
            since = {relation.id: relation.since for relation in self._seen.relations}
            self._built_relations = tuple(
                replace(self._relations[number], since=since.get(number, ""))
                for number in sorted(self._relations)
            )
        known = {**self._early, **self._built}
        return ModelSnapshot(
            model=self.model,
            life=self._seen.life if self._life == "alive" else self._life,
            applications={name: known[name] for name in sorted(known)},
            relations=self._built_relations,
        )

    def _build(self) -> None:
        """Put together the applications that have changed, with what only the status has."""
        units: dict[str, list[UnitSnapshot]] = {
            name: [] for name in self._applications if name not in self._built
        }
        if not units:
            return
        for unit in self._units.values():
            if unit.application in units:
                units[unit.application].append(unit)
        for name, own in units.items():
            told = self._seen.applications.get(name)
            leaders = {unit.name: unit for unit in told.units} if told is not None else {}
            application = replace(
                self._applications[name],
                units=tuple(
                    self._unit(unit, leaders.get(unit.name, unit))
                    for unit in sorted(own, key=lambda unit: natural(unit.name))
                ),
            )
            if told is not None:
                application = replace(
                    application, scale=told.scale, base=told.base, address=told.address
                )
            self._built[name] = application

    def _unit(self, unit: UnitSnapshot, told: UnitSnapshot) -> UnitSnapshot:
        """Return a unit with what only the status has."""
        return replace(
            unit,
            workload=self._pods.get(unit.name, unit.workload),
            leader=told.leader,
            address=unit.address or told.address,
        )


def _delta_application(name: str, data: Mapping[str, JSONValue]) -> ApplicationSnapshot:
    return ApplicationSnapshot(
        name=name,
        charm_url=_str(data.get("charm-url")),
        status=_delta_status(data.get("status")),
        life=_str(data.get("life")) or "alive",
        exposed=data.get("exposed") is True,
    )


def _delta_unit(name: str, data: Mapping[str, JSONValue]) -> UnitSnapshot:
    return UnitSnapshot(
        name=name,
        application=_str(data.get("application")),
        workload=_delta_status(data.get("workload-status")),
        agent=_delta_status(data.get("agent-status")),
        address=_str(data.get("public-address")) or _str(data.get("private-address")),
        charm_url=_str(data.get("charm-url")),
    )


def _delta_relation(number: int, data: Mapping[str, JSONValue]) -> RelationSnapshot:
    interface = ""
    ends = []
    for end in _documents(data.get("endpoints")):
        relation = _mapping(end.get("relation"))
        interface = _str(relation.get("interface"))
        ends.append(f"{_str(end.get('application-name'))}:{_str(relation.get('name'))}")
    return RelationSnapshot(
        id=number, key=_str(data.get("key")), interface=interface, ends=tuple(ends)
    )


def _delta_status(value: JSONValue) -> StatusInfo:
    fields = _mapping(value)
    return StatusInfo(
        current=_str(fields.get("current")),
        message=_str(fields.get("message")),
        since=_str(fields.get("since")),
    )


def _status_application(name: str, fields: Document, unsaid: int | None) -> ApplicationSnapshot:
    """Return an application of a full status; `unsaid` is the scale where it has none."""
    base = fields.get("base")
    scale = _int(fields.get("int"))
    charm_url = _str(fields.get("charm"))
    channel = _str(base.get("channel")) if isinstance(base, dict) else ""
    units = [
        UnitSnapshot(
            name=unit,
            application=name,
            workload=_full_status(data.get("workload-status")),
            agent=_full_status(data.get("agent-status")),
            leader=data.get("leader") is True,
            address=_str(data.get("address")) or _str(data.get("public-address")),
            # Only told where it differs.
            charm_url=_str(data.get("charm")) or charm_url,
        )
        for unit, data in mappings(fields.get("units"))
    ]
    return ApplicationSnapshot(
        name=name,
        charm_url=charm_url,
        status=_full_status(fields.get("status")),
        units=tuple(sorted(units, key=lambda unit: natural(unit.name))),
        life=_str(fields.get("life")) or "alive",
        exposed=fields.get("exposed") is True,
        base=f"{base.get('name')}@{channel.partition('/')[0]}" if isinstance(base, dict) else "",
        address=_str(fields.get("public-address")),
        scale=unsaid if scale is None else scale,
    )


def _full_status(value: JSONValue) -> StatusInfo:
    fields = _mapping(value)
    return StatusInfo(
        current=_str(fields.get("status")),
        message=_str(fields.get("info")),
        since=_str(fields.get("since")),
    )


def _mapping(value: JSONValue) -> Document:
    return value if isinstance(value, dict) else {}


def _documents(section: JSONValue) -> list[Document]:
    if not isinstance(section, list):
        return []
    return [fields for fields in section if isinstance(fields, dict)]


def _str(value: JSONValue) -> str:
    return value if isinstance(value, str) else ""


def _int(value: JSONValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
