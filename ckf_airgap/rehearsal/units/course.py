"""Scripted courses: the statuses of an application's units, which otherwise settle by themselves.

A test describes what a unit goes through, in steps::

    slow = Course(steps=(Step(workload="waiting", message="Waiting for storage", duration_s=90),))
    broken = Course(steps=(Step.hook_failed("install"),), begins="install")
    picky = Course(steps=(Step(workload="blocked", message="set port", until_option="port"),))

and passes them to the `Script` of the controller, before or during the run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ckf_airgap.rehearsal.units.actionresults import ActionScript

Begins: TypeAlias = Literal["install", "start", "upgrade"]
AgentStatus: TypeAlias = Literal["allocating", "executing", "idle", "error", "lost", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A status of a unit, and how long it lasts.

    A step lasts `duration_s` seconds of the deployment, and then until its conditions hold.

    Attributes:
        workload: The workload status; ``None`` keeps the previous one.
        message: The workload's message.
        agent: The agent status.
        agent_message: The agent's message, such as ``running install hook``.
        duration_s: The minimum duration; ``math.inf`` is forever (or, for a failed hook, until
            `juju resolve`).
        until_relation: The step lasts until this endpoint has a relation.
        until_option: The step lasts until the value of this option changes.
        failed_hook: The hook that failed: workload ``error``, ``hook failed: "..."``.
    """

    workload: str | None = None
    message: str = ""
    agent: AgentStatus = "idle"
    agent_message: str = ""
    duration_s: float = 1.0
    until_relation: str | None = None
    until_option: str | None = None
    failed_hook: str | None = None

    def __post_init__(self) -> None:
        if not self.duration_s >= 0:
            raise ValueError(f"a step cannot last {self.duration_s} s")

    @classmethod
    def hook_failed(
        cls, hook: str, *, duration_s: float = math.inf, until_option: str | None = None
    ) -> Step:
        """Return a step in which a hook has failed, as the controller shows it.

        Args:
            hook: The hook, such as ``install`` or ``object-storage-relation-changed``.
            duration_s: The time until the hook is retried; forever by default.
            until_option: Retry the hook when the value of this option changes.
        """
        if until_option is not None and math.isinf(duration_s):
            duration_s = 0.0
        return cls(
            workload="error",
            message=f'hook failed: "{hook}"',
            duration_s=duration_s,
            until_option=until_option,
            failed_hook=hook,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The steps that each unit of an application goes through.

    Attributes:
        steps: The steps, in order.
        begins: When in a unit's life it begins: in place of the ``install`` hook, after
            ``start``, or in place of the ``upgrade-charm`` hook each time that its pod is replaced.
        ends: What comes after the last step: ``settle`` like any unit, or ``stay`` in it forever.
        repeat: Whether to start over after the last step, forever (flapping).
    """

    steps: tuple[Step, ...]
    begins: Begins = "start"
    ends: Literal["settle", "stay"] = "settle"
    repeat: bool = False

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("a course needs a step")
        if self.repeat and not sum(step.duration_s for step in self.steps) > 0:
            raise ValueError("a course that repeats needs a step with a duration")

    @classmethod
    def flapping(cls, *steps: Step) -> Course:
        """Return a course that repeats its steps forever."""
        return cls(steps=steps, repeat=True)

    @classmethod
    def stuck(cls, workload: str, message: str = "", *, agent: AgentStatus = "idle") -> Course:
        """Return the course of a unit that never gets past a status."""
        return cls(
            steps=(Step(workload=workload, message=message, agent=agent),),
            ends="stay",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The content of a script file, which applies unless a test overrides it.

    Attributes:
        units: Courses by unit.
        applications: Courses by application.
        charms: Courses by charm.
        needed_by_application: By application, the endpoints without which its units stay blocked,
            and their message; an empty message means ``Missing relation ENDPOINT``.
        needed_by_charm: The same by charm.
        actions: The results of actions and commands.
    """

    units: Mapping[str, Course] = field(default_factory=dict)
    applications: Mapping[str, Course] = field(default_factory=dict)
    charms: Mapping[str, Course] = field(default_factory=dict)
    needed_by_application: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    needed_by_charm: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    actions: ActionScript = field(default_factory=ActionScript)


@dataclass(slots=True)
class Script:
    """What the models of a controller simulate: courses, and the relations that charms need.

    Attributes:
        needed_endpoints: By charm name, the endpoints without which its units stay blocked.
            Charms that are not in it become active by themselves.
        needed_options: By charm name, the options without whose values its units stay blocked,
            and their message.
        actions: The results of actions and commands.
    """

    needed_endpoints: Mapping[str, frozenset[str]] = field(default_factory=dict)
    needed_options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    actions: ActionScript = field(default_factory=ActionScript)
    _scene: Scene = field(default_factory=Scene)
    _by_unit: dict[str, Course] = field(default_factory=dict)
    _by_application: dict[str, Course] = field(default_factory=dict)
    _by_charm: dict[str, Course] = field(default_factory=dict)
    _listeners: list[Callable[[], None]] = field(default_factory=list)

    def set_course(
        self,
        course: Course | None,
        *,
        application: str | None = None,
        charm: str | None = None,
        unit: str | None = None,
    ) -> None:
        """Set the course of a unit, or of all units of an application or charm; ``None`` clears it.

        Units that are far enough start it immediately, others when they get there; when a course
        is cleared, units in it settle.

        Raises:
            ValueError: unless exactly one of `application`, `charm` and `unit` is given.
        """
        known = [
            (courses, name)
            for courses, name in (
                (self._by_application, application),
                (self._by_charm, charm),
                (self._by_unit, unit),
            )
            if name is not None
        ]
        if len(known) != 1:
            raise ValueError("a course is for a unit, for an application or for a charm")
        courses, name = known[0]
        if course is None:
            courses.pop(name, None)
        else:
            courses[name] = course
        self._tell()

    def play(self, scene: Scene) -> None:
        """Apply the content of a script file, replacing that of a previous one.

        `set_course`, `needed_endpoints` and `actions` take precedence over it. Units whose course
        is the same as before continue it.
        """
        self._scene = scene
        self.actions.below = scene.actions
        self._tell()

    def course(self, *, application: str, charm: str, unit: str = "") -> Course | None:
        """Return the course of a unit: its own, else its application's, else its charm's."""
        scene = self._scene
        for courses, name in (
            (self._by_unit, unit),
            (self._by_application, application),
            (self._by_charm, charm),
            (scene.units, unit),
            (scene.applications, application),
            (scene.charms, charm),
        ):
            if name in courses:
                return courses[name]
        return None

    def needs(self, charm: str, application: str = "") -> Mapping[str, str]:
        """Return the endpoints that units require, and their message without a relation.

        In a script file, an application takes precedence over its charm, and that over
        `needed_endpoints`. An empty message means ``Missing relation ENDPOINT``.
        """
        scene = self._scene
        if application in scene.needed_by_application:
            return scene.needed_by_application[application]
        if charm in scene.needed_by_charm:
            return scene.needed_by_charm[charm]
        return dict.fromkeys(self.needed_endpoints.get(charm, frozenset()), "")

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever a course is set; return a function that stops it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()
