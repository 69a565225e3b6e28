"""A unit that plays a scripted course: which step it is in, and when that is over."""

from __future__ import annotations

import math
from collections.abc import Callable

from ckf_airgap.charms.charm import OptionValue
from ckf_airgap.rehearsal.entities.entities import Unit
from ckf_airgap.rehearsal.units.clock import Clock, Timer
from ckf_airgap.rehearsal.units.course import Course, Step


class Performance:
    """Where a unit is in its course.

    Args:
        unit: The unit.
        clock: The clock that steps are timed by.
        wake: Called when a step's time is over.
    """

    def __init__(self, unit: Unit, clock: Clock, wake: Callable[[], None]) -> None:
        self._unit = unit
        self._clock = clock
        self._wake = wake
        self._course: Course | None = None
        self._played: Course | None = None
        self._index = 0
        self._timer: Timer | None = None
        self._time_is_up = False
        self._option_before: OptionValue | None = None

    @property
    def is_on(self) -> bool:
        """Whether the unit shows a step instead of its charm's own behaviour."""
        return self._course is not None

    @property
    def has_failed(self) -> bool:
        """Whether the unit is in a step with a failed hook."""
        course = self._course
        return course is not None and course.steps[self._index].failed_hook is not None

    @property
    def begins(self) -> str:
        """Where in a unit's life the course that is played began; empty when none is."""
        return "" if self._course is None else self._course.begins

    def begin_anew(self, begins: str) -> None:
        """Let a course with that beginning be played again when it is due, though it was before."""
        if self._played is not None and self._played.begins == begins:
            self._finish()
            self._played = None

    def step(self, course: Course | None, *, stopping: bool) -> Step | None:
        """Return the step that the unit is in, or ``None`` when it follows no course.

        Args:
            course: The course that it is to play, now that it may begin.
            stopping: Whether the unit is being removed, so that no new step may begin.
        """
        if course != self._played and not stopping:
            self._begin(course)
        while self._course is not None and self._is_over(self._course.steps[self._index]):
            self._advance(self._course)
        return None if self._course is None else self._course.steps[self._index]

    def resolve(self) -> bool:
        """End a step with a failed hook; return whether there was one."""
        course = self._course
        if course is None or not self.has_failed:
            return False
        self._advance(course)
        return True

    def end_unless_failed(self) -> None:
        """End the course of a unit that is being removed, unless a failed hook holds it up."""
        if not self.has_failed:
            self._finish()

    def close(self) -> None:
        """Stop the timer."""
        self._finish()

    def _begin(self, course: Course | None) -> None:
        self._finish()
        self._played = self._course = course
        if course is not None:
            self._enter(0)

    def _enter(self, index: int) -> None:
        self._cancel()
        assert self._course is not None  # noqa: S101 - only called while a course is on
        self._index = index
        step = self._course.steps[index]
        self._time_is_up = step.duration_s == 0
        if step.until_option is not None:
            self._option_before = self._unit.application.config.get(step.until_option)
        if not self._time_is_up and not math.isinf(step.duration_s):
            self._timer = self._clock.call_later(step.duration_s, self._time_over)

    def _time_over(self) -> None:
        self._timer = None
        self._time_is_up = True
        self._wake()

    def _is_over(self, step: Step) -> bool:
        application, course = self._unit.application, self._course
        if not self._time_is_up or course is None:
            return False
        if course.ends == "stay" and not course.repeat and self._index == len(course.steps) - 1:
            return False
        if step.until_relation is not None:
            related = next(application.relations_at(step.until_relation), None) is not None
            if not related:
                return False
        if step.until_option is not None:
            return application.config.get(step.until_option) != self._option_before
        return True

    def _advance(self, course: Course) -> None:
        if self._index + 1 < len(course.steps):
            self._enter(self._index + 1)
        elif course.repeat:
            self._enter(0)
        else:
            self._finish()

    def _finish(self) -> None:
        self._cancel()
        self._course = None

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
