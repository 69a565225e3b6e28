"""The life cycle of a unit: one hook after another, with the statuses of its agent and charm.

Nothing here blocks: a unit's agent decides what comes next, asks the clock for a call when that is
done, and is woken by changes around it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from ckf_airgap.documents import JSONValue
from ckf_airgap.rehearsal.entities.entities import (
    Application,
    Relation,
    StatusInfo,
    StoredCharm,
    Unit,
)
from ckf_airgap.rehearsal.units.agenda import Agenda
from ckf_airgap.rehearsal.units.charmstatus import charm_status, fetched_resources
from ckf_airgap.rehearsal.units.clock import Timer
from ckf_airgap.rehearsal.units.course import Course, Step
from ckf_airgap.rehearsal.units.hooks import Hook
from ckf_airgap.rehearsal.units.performance import Performance
from ckf_airgap.rehearsal.units.pods import pod_address, pod_seconds
from ckf_airgap.rehearsal.units.relationhooks import (
    departure_hooks,
    failure_data,
    has_endpoint,
    hook_about,
)
from ckf_airgap.rehearsal.units.world import World
from ckf_airgap.rehearsal.wire import ApiError

AGENT_S: Final = 3.0


Phase = Literal["allocated", "starting", "up", "gone"]


class UnitAgent:
    """The agent of a unit.

    Args:
        unit: The unit.
        world: The model around it.
    """

    def __init__(self, unit: Unit, world: World) -> None:
        self.unit = unit
        self.installed = False
        self.started = False
        self._ran_start = False
        self._world = world
        self._phase: Phase = "allocated"
        self._hooks = Agenda()
        self._running: Hook | None = None
        self._timer: Timer | None = None
        self._ready_containers: set[str] = set()
        self._heard: set[int] = set()
        self._stopping = False
        self._pod_version: int | None = None
        self._pods = 0
        self._pod_ready = False
        self._shutting_down = False
        self._is_new_pod = False
        self._performance = Performance(unit, world.clock, self.wake)

    @property
    def application(self) -> Application:
        """The unit's application."""
        return self.unit.application

    @property
    def is_outdated(self) -> bool:
        """Whether its pod was made for an earlier charm or image of the application."""
        return (
            self._phase in ("starting", "up")
            and not self._stopping
            and self._pod_version != self.application.modified_version
        )

    @property
    def is_ready(self) -> bool:
        """Whether its pod is ready: the ``start`` hook has run in it."""
        return self._phase == "up" and self._pod_ready

    @property
    def _stored(self) -> StoredCharm:
        """The charm that the unit runs, or is to run."""
        return self.unit.stored or self.application.stored

    def start(self) -> None:
        """Start the unit's pod, or wait for its images if they are missing."""
        if self._phase == "allocated" and not self.application.empty_images:
            self._start_pod()

    def stop(self, *, force: bool = False) -> None:
        """Make the unit leave its relations, run its last hooks, and remove it."""
        if self._phase == "gone" or (self._stopping and not force):
            return
        self._stopping = True
        self.unit.life = "dying"
        if force or self._phase != "up":
            self._cancel()
            self._running = None
            self._later(1.0, self._gone)
            return
        self._hooks.clear()
        for relation in self.application.relations.values():
            self._hooks.add(*departure_hooks(self.unit, relation))
        self._hooks.add(*self._storage_hooks("storage-detaching"))
        self._hooks.add(Hook(kind="stop"), Hook(kind="remove"))
        self._performance.end_unless_failed()
        self.wake()

    def close(self) -> None:
        """Stop all timers."""
        self._phase = "gone"
        self._cancel()
        self._performance.close()

    def wake(self) -> None:
        """Continue, unless the agent is busy."""
        if self._phase == "up" and self._running is None and self._timer is None:
            self._next()

    def resolve(self) -> None:
        """Retry the failed hook, or continue without it.

        Raises:
            ApiError: when no hook has failed.
        """
        if not self._performance.resolve():
            raise ApiError(f'unit "{self.unit.name}" is not in an error state')
        self.wake()

    def config_changed(self) -> None:
        """Run ``config-changed``, soon."""
        if self.installed and not self._stopping:
            self._hooks.add_once(Hook(kind="config-changed"))
            self.wake()

    def replace_pod(self) -> None:
        """Replace the pod by one for the charm and the images that the application has now.

        The agent of an installed unit runs ``stop`` first, unless a failed hook holds it up: then
        the pod is killed. The agent of the new pod runs ``upgrade-charm``. Harmless while that
        goes on.
        """
        if self._shutting_down:
            return
        if self._phase == "up" and self.installed and not self._performance.has_failed:
            self._shutting_down = True
            self.wake()
        else:
            self._pod_down()

    def storage_changed(self, name: str, kind: str) -> None:
        """Run ``NAME-storage-attached`` or ``NAME-storage-detaching``, if the unit is up yet."""
        if self.installed and not self._stopping:
            self._hooks.add(Hook(kind=kind, subject=name))
            self.wake()

    def elected(self) -> None:
        """Run ``leader-elected``, if the unit is far enough."""
        if self.installed and not self._stopping:
            self._world.chronicle.leader_elected(self.unit)
            self._hooks.add(Hook(kind="leader-elected"))
            self.wake()

    def relation_added(self, relation: Relation) -> None:
        """Enter the scope of a relation, once ``relation-created`` has run.

        The agent of a unit whose charm does not have the endpoint waits for the charm that does.
        """
        if (
            self.installed
            and not self._stopping
            and has_endpoint(self._stored, self.unit, relation)
        ):
            self._hooks.add(hook_about(self.unit, relation, "relation-created"))
        self.wake()

    def relation_dying(self, relation: Relation) -> None:
        """Leave a relation: ``relation-departed`` for each unit in it, then ``relation-broken``."""
        if self._stopping:
            return
        self._hooks.forget_relation(relation)
        self._hooks.add(*departure_hooks(self.unit, relation))
        self.wake()

    def relation_gone(self, relation: Relation) -> None:
        """Forget a relation that was removed without the hooks that end it."""
        self._hooks.forget_relation(relation)
        self.wake()

    def counterpart_joined(self, relation: Relation, remote_unit: str) -> None:
        """Handle a remote unit that has entered the scope of a relation."""
        if not self._stopping:
            self._hooks.add(
                hook_about(self.unit, relation, "relation-joined", remote_unit),
                hook_about(self.unit, relation, "relation-changed", remote_unit),
            )
            self.wake()

    def counterpart_left(self, relation: Relation, remote_unit: str) -> None:
        """Handle a remote unit that has left the scope of a relation."""
        self._hooks.forget_counterpart(relation, remote_unit)
        if not self._stopping and relation.life == "alive":
            self._hooks.add(hook_about(self.unit, relation, "relation-departed", remote_unit))
            self.wake()

    def _storage_hooks(self, kind: str) -> list[Hook]:
        return [Hook(kind=kind, subject=name) for name in self._world.storage_names(self.unit)]

    def _start_pod(self) -> None:
        self._phase, self._pod_ready = "starting", False
        self._pod_version = self.application.modified_version
        self._later(pod_seconds(self.unit.name), self._pod_up)

    def _pod_down(self) -> None:
        """End the pod; another one comes up, and its agent goes on with what is due."""
        if not self.installed:
            self._hooks.clear()
        self._hooks.forget("upgrade-charm", "config-changed", "start", "pebble-ready")
        self._performance.begin_anew("upgrade")
        self._running = None
        self._ready_containers.clear()
        self.started = self._shutting_down = self._is_new_pod = False
        self.unit.is_lost = self.installed
        self._start_pod()
        self._world.unit_changed(self.unit)

    def _pod_up(self) -> None:
        self._timer = None
        self.unit.address = pod_address(self.unit.name, self._pods)
        self._pods += 1
        self._world.pod_up(self.unit)
        self._set(workload=None if self.installed else ("waiting", "agent initialising"))
        self._later(AGENT_S, self._agent_up)

    def _agent_up(self) -> None:
        self._timer = None
        self._phase = "up"
        self.unit.is_lost = False
        self._world.chronicle.agent_started(self.unit)
        if self.installed:
            self._is_new_pod = True
            self._world.chronicle.charm_upgraded(self.unit)
            self._hooks.put_first(
                [Hook(kind="upgrade-charm"), Hook(kind="config-changed"), *self._start_hooks()]
            )
            self._world.unit_changed(self.unit)
        else:
            self._hooks.add(*self._storage_hooks("storage-attached"), Hook(kind="install"))
        self._next()

    def _next(self) -> None:
        """Decide what comes next: a scripted step, a hook, removal, or idling."""
        if self._shutting_down and not self._stopping:
            self._run(Hook(kind="stop"))
            return
        step = self._performance.step(self._due_course(), stopping=self._stopping)
        if step is not None and (self._holds(step) or not self._hooks):
            self._show(step)
        elif self._hooks:
            self._run(self._hooks.take())
        elif self._stopping:
            self._gone()
        else:
            self._set(agent=("idle", ""), workload=self._charm_status())

    def _holds(self, step: Step) -> bool:
        """Whether a scripted step keeps the agent from its hooks."""
        upgrading = self._hooks.has("upgrade-charm")
        if step.failed_hook is not None:
            return not (upgrading and self.application.force_units)
        return (
            step.agent != "idle"
            or not self.installed
            or (upgrading and self._performance.begins == "upgrade")
        )

    def _due_course(self) -> Course | None:
        course = self._world.script.course(
            application=self.application.name,
            charm=self.application.charm.name,
            unit=self.unit.name,
        )
        if course is None:
            return None
        begun = {
            "install": True,
            "start": self.started or self._performance.has_failed,
            "upgrade": self._is_new_pod,
        }
        return course if begun[course.begins] else None

    def _show(self, step: Step) -> None:
        workload = None if step.workload is None else (step.workload, step.message)
        data = failure_data(self.unit, step.failed_hook) if step.failed_hook else None
        if self._performance.begins == "upgrade" and self._hooks.has("upgrade-charm"):
            self.unit.stored = self.application.stored
        if step.failed_hook and workload != (self.unit.workload.current, step.message):
            self._world.chronicle.hook_failed(self.unit, step.failed_hook)
        self._set(agent=(step.agent, step.agent_message), workload=workload, data=data)

    def _run(self, hook: Hook) -> None:
        self._running = hook
        self._world.chronicle.hook_began(self.unit, hook)
        workload = None
        if hook.kind in ("install", "upgrade-charm"):
            self.unit.stored = self.application.stored
        if hook.kind == "stop":
            workload = ("maintenance", "stopping charm software")
        elif hook.kind == "remove":
            workload = ("maintenance", "cleaning up prior to charm deletion")
        elif not self.installed:
            workload = ("maintenance", "installing charm software")
        self._set(agent=("executing", hook.message), workload=workload)
        self._later(hook.seconds, self._ran)

    def _ran(self) -> None:
        hook, self._timer = self._running, None
        if hook is None:
            return
        self._world.chronicle.hook_ran(self.unit, hook)
        if hook.kind == "stop" and not self._stopping:
            self._set(workload=("maintenance", ""))
            self._pod_down()
            return
        if hook.kind == "install":
            self._installed()
        elif hook.kind == "upgrade-charm":
            self._take_part()
        elif hook.kind == "stop":
            self._ready_containers.clear()
        elif hook.kind == "start":
            self._ran_start = True
            self.started = not self._stored.containers
            self._pod_ready = True
        elif hook.kind == "pebble-ready":
            self._ready_containers.add(hook.subject)
            self.started = self._missing_container() is None
        elif hook.relation is not None:
            self._ran_about(hook, hook.relation)
        if self.installed and not self._stopping and not self._performance.is_on:
            self._set(workload=self._charm_status())
            if hook.kind == "start" and self.unit.workload.current == "unknown":
                self._world.chronicle.status_not_set(self.unit)
        self._running = None
        if hook.kind == "start":
            self._world.pod_ready(self.unit)
        self.wake()

    def _installed(self) -> None:
        self.installed = True
        self._take_part()
        if self.unit.is_leader:
            self._hooks.add(Hook(kind="leader-elected"))
        self._hooks.add(Hook(kind="config-changed"), *self._start_hooks())

    def _take_part(self) -> None:
        """Fetch the resources of the charm, and plan to enter the relations that it is not in."""
        self.unit.resources = fetched_resources(self.application, self._stored)
        for relation in self.application.relations.values():
            if (
                relation.life == "alive"
                and has_endpoint(self._stored, self.unit, relation)
                and self.unit.name not in relation.in_scope
                and not self._hooks.has("relation-created", relation)
            ):
                self._hooks.add(hook_about(self.unit, relation, "relation-created"))

    def _start_hooks(self) -> list[Hook]:
        containers = self.application.stored.containers
        ready = [Hook(kind="pebble-ready", subject=name) for name in containers]
        return [Hook(kind="start"), *ready]

    def _ran_about(self, hook: Hook, relation: Relation) -> None:
        if hook.kind == "relation-created" and relation.life == "alive" and not self._stopping:
            self._world.joined(relation, self.unit)
        elif hook.kind == "relation-changed":
            self._heard.add(relation.id)
        elif hook.kind == "relation-broken":
            self._heard.discard(relation.id)
            self._world.left(relation, self.unit)

    def _missing_container(self) -> str | None:
        containers = self._stored.containers
        return next((name for name in containers if name not in self._ready_containers), None)

    def _charm_status(self) -> tuple[str, str]:
        return charm_status(
            self.application,
            self._stored,
            self._world.script.needs(self.application.charm.name, self.application.name),
            needed_options=self._world.script.needed_options.get(self.application.charm.name, {}),
            ran_start=self._ran_start,
            started=self.started,
            heard=self._heard,
            missing_container=self._missing_container(),
        )

    def _gone(self) -> None:
        self._phase = "gone"
        self._cancel()
        self._performance.close()
        self.unit.life = "dead"
        self._set(workload=("terminated", ""))
        self._world.chronicle.agent_stopped(self.unit)
        self._world.unit_gone(self.unit)

    def _later(self, seconds: float, callback: Callable[[], None]) -> None:
        self._cancel()
        self._timer = self._world.clock.call_later(seconds, callback)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(
        self,
        *,
        agent: tuple[str, str] | None = None,
        workload: tuple[str, str] | None = None,
        data: dict[str, JSONValue] | None = None,
    ) -> None:
        """Set statuses; unchanged ones keep their time, and watchers are not notified of them."""
        unit, before = self.unit, (self.unit.agent, self.unit.workload, self.unit.address)
        now = self._world.clock.now()
        if agent is not None and agent != (unit.agent.current, unit.agent.message):
            unit.agent = StatusInfo(current=agent[0], message=agent[1], since=now)
        if workload is not None and workload != (unit.workload.current, unit.workload.message):
            unit.workload = StatusInfo(
                current=workload[0], message=workload[1], since=now, data=data or {}
            )
        if (unit.agent, unit.workload, unit.address) != before:
            self._world.chronicle.unit_changed(unit, agent=before[0], workload=before[1])
            self._world.unit_changed(unit)
