"""Scripted courses: what the units of an application show, instead of settling by themselves.

A test says what a unit goes through, in steps::

    slow = Course(steps=(Step(workload="waiting", message="Waiting for storage", duration_s=90),))
    broken = Course(steps=(Step.hook_failed("install"),), begins="install")
    picky = Course(steps=(Step(workload="blocked", message="set port", until_option="port"),))

and gives them to the `Script` of the controller, before the run or in the middle of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ckf_airgap.rehearsal.units.actionresults import ActionScript

AgentStatus: TypeAlias = Literal["allocating", "executing", "idle", "error", "lost", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that a unit shows, and for how long.

    A step lasts `duration_s` seconds of the deployment, and then until its conditions hold.

    Attributes:
        workload: The workload status; ``None`` leaves the one before.
        message: The workload's message.
        agent: The agent status.
        agent_message: The agent's message, such as ``running install hook``.
        duration_s: How long at least; ``math.inf`` is forever (or until `juju resolve` for a
            failed hook).
        until_relation: The step goes on until this endpoint has a relation.
        until_option: The step goes on until this option has another value.
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
            duration_s: Until the hook is retried; forever by default.
            until_option: Tried again when this option has another value.
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
        begins: Where in a unit's life: instead of its ``install`` hook's beginning, or once it
            has ``start``-ed.
        ends: What comes after the last step: ``settle`` as any unit, or ``stay`` in it forever.
        repeat: Start again after the last step, forever (flapping).
    """

    steps: tuple[Step, ...]
    begins: Literal["install", "start"] = "start"
    ends: Literal["settle", "stay"] = "settle"
    repeat: bool = False

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("a course needs a step")
        if self.repeat and not sum(step.duration_s for step in self.steps) > 0:
            raise ValueError("a course that repeats needs a step with a duration")

    @classmethod
    def flapping(cls, *steps: Step) -> Course:
        """Return the course that goes through its steps again and again."""
        return cls(steps=steps, repeat=True)

    @classmethod
    def stuck(cls, workload: str, message: str = "", *, agent: AgentStatus = "idle") -> Course:
        """Return the course of a unit that never gets beyond one status."""
        return cls(
            steps=(Step(workload=workload, message=message, agent=agent),),
            ends="stay",
        )


@dataclass(slots=True)
class Script:
    """What the models of a controller play: courses, and the relations that charms need.

    Attributes:
        needed_endpoints: By charm name, the endpoints without which its units stay blocked.
            Charms that are not in it become active by themselves.
        actions: What actions and commands come to.
    """

    needed_endpoints: Mapping[str, frozenset[str]] = field(default_factory=dict)
    actions: ActionScript = field(default_factory=ActionScript)
    _by_application: dict[str, Course] = field(default_factory=dict)
    _by_charm: dict[str, Course] = field(default_factory=dict)
    _listeners: list[Callable[[], None]] = field(default_factory=list)

    def set_course(
        self, course: Course | None, *, application: str | None = None, charm: str | None = None
    ) -> None:
        """Give the units of an application, or of a charm, a course; ``None`` removes it.

        Units that have got far enough turn to it at once, others when they get there; taking a
        course away lets units that are in it settle.

        Raises:
            ValueError: unless exactly one of `application` and `charm` is given.
        """
        if (application is None) == (charm is None):
            raise ValueError("a course is for an application or for a charm")
        courses = self._by_charm if application is None else self._by_application
        name = application if application is not None else charm
        assert name is not None  # noqa: S101 - for mypy, checked above
        if course is None:
            courses.pop(name, None)
        else:
            courses[name] = course
        for listener in tuple(self._listeners):
            listener()

    def course(self, *, application: str, charm: str) -> Course | None:
        """Return the course of an application: its own, else its charm's."""
        return self._by_application.get(application, self._by_charm.get(charm))

    def needs(self, charm: str) -> frozenset[str]:
        """Return the endpoints that a charm's units cannot do without."""
        return self.needed_endpoints.get(charm, frozenset())

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever a course is set; return what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None
