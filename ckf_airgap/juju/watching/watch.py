"""Watch a model as a stream of snapshots, and wait until it is active/idle.

The stream comes from the watcher that libjuju keeps anyway. One full status for the whole model,
every 15 seconds at most and when a wait is over, adds what the watcher does not report: pods that
cannot start, which units are leaders, and the controller's own time.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ckf_airgap.documents import Document
from ckf_airgap.errors import AirgapError
from ckf_airgap.facts.defaults import DEFAULT_ERROR_GRACE_S, DEFAULT_IDLE_PERIOD_S
from ckf_airgap.juju.snapshots.snapshot import Change, ModelSnapshot, changes_between
from ckf_airgap.juju.watching.endings import destroyed, ended_early, timed_out
from ckf_airgap.juju.watching.idle import Evidence, IdleTracker, Verdict
from ckf_airgap.juju.watching.patience import Patience
from ckf_airgap.juju.watching.places import ASK_S, find_places
from ckf_airgap.juju.watching.reader import STATUS_EVERY_S, Reader, Watchable

DEFAULT_TIMEOUT_S: Final = 3600.0
"""How long a whole Charmed Kubeflow may take; half an hour is usual with images at hand."""

CALLS_OUTLAST_S: Final = 1.0
"""How much longer calls of a session may take than a wait on it, which has more to say in the end
than each of them."""

_CONFIRM_WITHIN_S: Final = 15.0
"""How long the last status may take before it is looked at whether the controller is silent."""

_CONFIRM_AGAIN_S: Final = 1.0
"""How soon a status that was not answered is asked for again when only that is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a wait is.

    Attributes:
        snapshot: The model now.
        verdict: What it means.
        expected: The applications that are waited for.
        elapsed_s: Seconds since the wait began.
        silent_since: When the controller was heard last, in monotonic seconds, if that is so long
            ago that the snapshot is old; ``None`` when it is current.
        removed: Those that were waited for and then were removed.
    """

    snapshot: ModelSnapshot
    verdict: Verdict
    expected: tuple[str, ...] = field(repr=False)
    elapsed_s: float
    silent_since: float | None = None
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitReport:
    """A model that became active/idle.

    Attributes:
        snapshot: The model in the end.
        took_s: How long the wait took, in seconds, the idle period included.
        idle_period_s: How long everything was active/idle without a change.
        ready_after_s: When each application was active/idle for the first time.
        removed: The applications that were waited for and then were removed.
    """

    snapshot: ModelSnapshot
    took_s: float
    idle_period_s: float
    ready_after_s: Mapping[str, float] = field(default_factory=dict, repr=False)
    removed: tuple[str, ...] = ()

    def to_json(self) -> Document:
        """Return the report as JSON."""
        return {
            "took-s": round(self.took_s, 3),
            "idle-period-s": self.idle_period_s,
            "ready-after-s": {name: round(s, 3) for name, s in self.ready_after_s.items()},
            "removed": [*self.removed],
            **self.snapshot.to_json(),
        }


OnChange: TypeAlias = Callable[[Change], None]
OnProgress: TypeAlias = Callable[[Progress], None]
OnSilence: TypeAlias = Callable[[float | None], None]


async def watch(
    source: Watchable,
    *,
    status_every_s: float = STATUS_EVERY_S,
    on_silence: OnSilence | None = None,
) -> AsyncGenerator[ModelSnapshot, None]:
    """Yield the model now, and again whenever it has changed, until the reader stops.

    Args:
        source: The session.
        status_every_s: How often the whole model's status is asked for, at most.
        on_silence: Called when the controller no longer answers, with the monotonic time at which
            it was heard last, and with ``None`` when it answers again.

    Raises:
        ModelDestroyedError: when the model is gone.
        ControllerError: when the connection is lost for good.
    """
    reader = Reader(source, status_every_s)
    before: ModelSnapshot | None = None
    was_silent = False
    try:
        while True:
            snapshot = await reader.next()
            since = reader.silent_since
            if was_silent != (since is not None):
                was_silent = since is not None
                if on_silence is not None:
                    on_silence(since)
            if snapshot is not before and snapshot != before:
                yield snapshot
            before = snapshot
            if snapshot.life == "dead":
                raise destroyed(source.model_name)
    finally:
        await reader.close()


async def wait_active_idle(
    source: Watchable,
    *,
    applications: Iterable[str] | None = None,
    expected_scale: Mapping[str, int] | None = None,
    goals: Mapping[str, str] | None = None,
    marks: Mapping[str, Mapping[str, str]] | None = None,
    counts_earlier_idle: bool = False,
    idle_period_s: float = DEFAULT_IDLE_PERIOD_S,
    error_grace_s: float = DEFAULT_ERROR_GRACE_S,
    patience: Patience | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    began_at: float | None = None,
    status_every_s: float = STATUS_EVERY_S,
    image_places: Mapping[str, str] | None = None,
    on_change: OnChange | None = None,
    on_progress: OnProgress | None = None,
) -> WaitReport:
    """Return when applications have been active/idle, unchanged, for a while.

    Args:
        source: The session.
        applications: Which ones; all that the model has at any time, and those of
            `expected_scale`, when omitted. One that is removed is not waited for any more.
        expected_scale: How many units an application must have, exactly; as many as the model says
            otherwise.
        goals: For applications that are to have another status than ``active``, which
            (`facts.defaults.GOALS`); they are waited for, too.
        marks: What `marks_of` returned right before applications were changed: what their units
            said then does not count, for `MARKS_S` seconds at most.
        counts_earlier_idle: Whether the time counts that a model has been idle already, by the
            controller's own times. Only when nothing was changed: a change that no agent has begun
            to act on does not show.
        idle_period_s: How long everything must stay active/idle.
        error_grace_s: How long an error must last to end the wait: Juju runs failed hooks again.
        patience: How long other things are waited for that may need a person.
        timeout_s: How long to wait at all, whatever the controller does.
        began_at: The monotonic time from which that counts; now, when omitted.
        status_every_s: How often the whole model's status is asked for, at most.
        image_places: Where images come from, by their reference: the resource or option that a
            message names when one cannot be pulled. Others are looked for in the model.
        on_change: Called with each change of a workload's or application's status.
        on_progress: Called with each snapshot; both callbacks must not block.

    Raises:
        WorkloadError: naming each unit or application whose error has outlasted the grace period,
            and then all others that are not ready; `ImagePullError`, `BlockedError` and
            `StalledError` say what else waiting did not cure.
        WaitTimeoutError: naming each that is not ready, its status, and what to do.
        ModelDestroyedError: when the model is being destroyed, or is gone.
        ControllerError: when the connection is lost for good.
    """
    scales = dict(expected_scale or {})
    names = scales if applications is None else {name: scales.get(name) for name in applications}
    tracker = IdleTracker(
        names,
        whole_model=applications is None,
        goals=goals,
        marks=marks,
        idle_period_s=idle_period_s,
        error_grace_s=error_grace_s,
        patience=patience,
    )
    wait = _Wait(
        source, tracker, timeout_s, began_at=began_at, counts_earlier_idle=counts_earlier_idle
    )
    reader = Reader(source, status_every_s, deadline=wait.deadline)
    try:
        return await wait.run(reader, image_places or {}, on_change, on_progress)
    finally:
        await reader.close()


class _Wait:
    """One wait, from the first look to its end."""

    def __init__(
        self,
        source: Watchable,
        tracker: IdleTracker,
        timeout_s: float,
        *,
        began_at: float | None,
        counts_earlier_idle: bool,
    ) -> None:
        self._source = source
        self._tracker = tracker
        self._timeout_s = timeout_s
        self._counts_earlier_idle = counts_earlier_idle
        self._started = time.monotonic()
        self.deadline = timeout_s + (self._started if began_at is None else began_at)

    async def run(
        self,
        reader: Reader,
        image_places: Mapping[str, str],
        on_change: OnChange | None,
        on_progress: OnProgress | None,
    ) -> WaitReport:
        """Return when all is as expected, or raise what `wait_active_idle` raises."""
        before: ModelSnapshot | None = None
        confirmed, confirm_at = False, self._started
        snapshot = await reader.next(until=self.deadline)
        if self._counts_earlier_idle:
            await reader.look(tuple(snapshot.applications), until=self.deadline)
        while True:
            now = time.monotonic()
            if snapshot.life in ("dying", "dead"):
                raise destroyed(self._source.model_name)
            verdict = self._tracker.observe(snapshot, now, self._evidence(reader))
            if verdict.done and not confirmed and confirm_at <= now < self.deadline:
                # The last status is old: pods may have failed since, and leaders been elected.
                until = min(self.deadline, now + _CONFIRM_WITHIN_S)
                confirmed = await reader.confirm(self._tracker.expected, until=until)
                confirm_at = now if confirmed else time.monotonic() + _CONFIRM_AGAIN_S
                snapshot = reader.snapshot
                continue
            if on_change is not None:
                for change in changes_between(before, snapshot):
                    on_change(change)
            if on_progress is not None:
                on_progress(self._progress(reader, snapshot, verdict, now))
            before = snapshot
            await self._end_if_pointless(verdict, image_places)
            if verdict.done and confirmed:
                return self._report(snapshot, now)
            if now >= self.deadline:
                raise self._timed_out(reader, verdict, image_places)
            wake_at = [self.deadline]
            wake_at += [confirm_at] if verdict.done else []
            wake_at += [] if verdict.next_check_at is None else [verdict.next_check_at]
            snapshot = await reader.next(until=min(wake_at))
            confirmed = False

    def _evidence(self, reader: Reader) -> Evidence:
        return Evidence(
            is_live=reader.silent_since is None,
            clock=reader.clock if self._counts_earlier_idle else None,
            held=reader.resources.held,
            resources_at=reader.resources.changed_at,
        )

    def _progress(
        self, reader: Reader, snapshot: ModelSnapshot, verdict: Verdict, now: float
    ) -> Progress:
        return Progress(
            snapshot=snapshot,
            verdict=verdict,
            expected=self._tracker.expected,
            elapsed_s=now - self._started,
            silent_since=(reader.unanswered_since if now >= self.deadline else reader.silent_since),
            removed=self._tracker.removed,
        )

    def _report(self, snapshot: ModelSnapshot, now: float) -> WaitReport:
        return WaitReport(
            snapshot=snapshot,
            took_s=now - self._started,
            idle_period_s=self._tracker.idle_period_s,
            ready_after_s={
                name: max(at - self._started, 0.0)
                for name, at in self._tracker.first_ready_at.items()
            },
            removed=self._tracker.removed,
        )

    async def _end_if_pointless(self, verdict: Verdict, image_places: Mapping[str, str]) -> None:
        if verdict.ending is None:
            return
        left = self.deadline - time.monotonic()
        places = await find_places(
            self._source.api, verdict.obstacles, image_places, ask_s=min(ASK_S, max(left, 0.0))
        )
        raise ended_early(self._source.model_name, self._tracker, verdict, verdict.ending, places)

    def _timed_out(
        self, reader: Reader, verdict: Verdict, image_places: Mapping[str, str]
    ) -> AirgapError:
        now = time.monotonic()
        since = reader.unanswered_since
        places = {
            one: image_places[one.image]
            for one in verdict.obstacles
            if one.is_pull and one.image in image_places
        }
        return timed_out(
            self._source.model_name,
            self._tracker,
            verdict,
            timeout_s=self._timeout_s,
            now=now,
            silent_s=None if since is None else now - since,
            places=places,
        )
