"""Watch a model as a stream of snapshots, and wait until it is active/idle.

The stream comes from the watcher that libjuju keeps anyway. One full status for the whole model,
every 15 seconds at most and when a wait is over, adds what the watcher does not report: pods that
cannot start, and which units are leaders.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, TypeAlias

from ckf_airgap.concurrency import timeout
from ckf_airgap.documents import Document
from ckf_airgap.errors import ControllerError, Problem, WaitTimeoutError, WorkloadError
from ckf_airgap.facts.defaults import DEFAULT_ERROR_GRACE_S, DEFAULT_IDLE_PERIOD_S
from ckf_airgap.juju.controller.api import Api
from ckf_airgap.juju.controller.status import full_status
from ckf_airgap.juju.snapshots.modelfeed import ModelFeed
from ckf_airgap.juju.snapshots.snapshot import Change, ModelSnapshot, changes_between
from ckf_airgap.juju.watching.idle import IdleTracker, Obstacle, Verdict, times

STATUS_EVERY_S: Final = 15.0
"""How often the whole model's status is asked for, at most."""

SETTLE_S: Final = 0.1
"""How long changes are gathered before they are one snapshot."""

DEFAULT_TIMEOUT_S: Final = 3600.0
"""How long a whole Charmed Kubeflow may take; half an hour is usual with images at hand."""

_log: Final = logging.getLogger(__name__)


class Watchable(Protocol):
    """What watching needs of a `Session`."""

    @property
    def api(self) -> Api:
        """Calls of the model's facades."""

    @property
    def feed(self) -> ModelFeed:
        """The model's state as the watcher reports it."""

    @property
    def model_name(self) -> str:
        """The model's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a wait is.

    Attributes:
        snapshot: The model now.
        verdict: What it means.
        expected: The applications that are waited for.
        elapsed_s: Seconds since the wait began.
    """

    snapshot: ModelSnapshot
    verdict: Verdict
    expected: tuple[str, ...] = field(repr=False)
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitReport:
    """A model that became active/idle.

    Attributes:
        snapshot: The model in the end.
        took_s: How long the wait took, in seconds, the idle period included.
        idle_period_s: How long everything was active/idle without a change.
        ready_after_s: When each application was active/idle for the first time.
    """

    snapshot: ModelSnapshot
    took_s: float
    idle_period_s: float
    ready_after_s: Mapping[str, float] = field(default_factory=dict, repr=False)

    def to_json(self) -> Document:
        """Return the report as JSON."""
        return {
            "took-s": round(self.took_s, 3),
            "idle-period-s": self.idle_period_s,
            "ready-after-s": {name: round(s, 3) for name, s in self.ready_after_s.items()},
            **self.snapshot.to_json(),
        }


OnChange: TypeAlias = Callable[[Change], None]
OnProgress: TypeAlias = Callable[[Progress], None]


async def watch(
    source: Watchable, *, status_every_s: float = STATUS_EVERY_S
) -> AsyncGenerator[ModelSnapshot, None]:
    """Yield the model now, and again whenever it has changed, until the reader stops.

    Args:
        source: The session.
        status_every_s: How often the whole model's status is asked for, at most.

    Raises:
        ControllerError: when the connection is lost for good.
    """
    reader = _Reader(source, status_every_s)
    while True:
        yield await reader.next()


async def wait_active_idle(
    source: Watchable,
    *,
    applications: Iterable[str] | None = None,
    expected_scale: Mapping[str, int] | None = None,
    idle_period_s: float = DEFAULT_IDLE_PERIOD_S,
    error_grace_s: float = DEFAULT_ERROR_GRACE_S,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    status_every_s: float = STATUS_EVERY_S,
    on_change: OnChange | None = None,
    on_progress: OnProgress | None = None,
) -> WaitReport:
    """Return when applications have been active/idle, unchanged, for a while.

    Args:
        source: The session.
        applications: Which ones; all that the model has now, and those of `expected_scale`, when
            omitted.
        expected_scale: How many units an application must have, exactly; at least one otherwise,
            or none where the model says that none are asked for.
        idle_period_s: How long everything must stay active/idle.
        error_grace_s: How long an error must last to end the wait: Juju runs failed hooks again.
        timeout_s: How long to wait at all.
        status_every_s: How often the whole model's status is asked for, at most.
        on_change: Called with each change of a workload's or application's status.
        on_progress: Called with each snapshot; both callbacks must not block.

    Raises:
        WorkloadError: naming each unit or application whose error has outlasted the grace period.
        WaitTimeoutError: naming each that is not ready, its status, and what to do.
        ControllerError: when the connection is lost for good.
    """
    reader = _Reader(source, status_every_s)
    started = time.monotonic()
    deadline = started + timeout_s
    snapshot = await reader.next()
    scales = dict(expected_scale or {})
    names = [*applications] if applications is not None else [*snapshot.applications, *scales]
    tracker = IdleTracker(
        {name: scales.get(name) for name in names},
        idle_period_s=idle_period_s,
        error_grace_s=error_grace_s,
    )
    before: ModelSnapshot | None = None
    confirmed = False
    while True:
        now = time.monotonic()
        verdict = tracker.observe(snapshot, now)
        if verdict.done and not confirmed:
            # The last status is old: pods may have failed since, and leaders been elected.
            snapshot, confirmed = await reader.refreshed(), True
            continue
        confirmed = False
        if on_change is not None:
            for change in changes_between(before, snapshot):
                on_change(change)
        if on_progress is not None:
            on_progress(
                Progress(
                    snapshot=snapshot,
                    verdict=verdict,
                    expected=tuple(tracker.expected),
                    elapsed_s=now - started,
                )
            )
        before = snapshot
        if verdict.failures:
            raise _workload_error(source.model_name, verdict.failures, error_grace_s)
        if verdict.done:
            return WaitReport(
                snapshot=snapshot,
                took_s=now - started,
                idle_period_s=idle_period_s,
                ready_after_s={
                    name: max(at - started, 0.0) for name, at in tracker.first_ready_at.items()
                },
            )
        if now >= deadline:
            raise _timeout_error(source.model_name, tracker, verdict, timeout_s, now)
        wake_at = deadline if verdict.next_check_at is None else verdict.next_check_at
        snapshot = await reader.next(until=min(wake_at, deadline))


class _Reader:
    """Reads the feed: the next snapshot after a change, or at a given time."""

    def __init__(self, source: Watchable, status_every_s: float) -> None:
        self._source = source
        self._status_every_s = status_every_s
        self._seen: int | None = None
        self._status_due = time.monotonic()

    async def next(self, *, until: float | None = None) -> ModelSnapshot:
        """Return the next snapshot: the first at once, later ones after a change.

        Args:
            until: A monotonic time at which the snapshot is returned without a change.
        """
        feed = self._source.feed
        first = self._seen is None
        while True:
            if time.monotonic() >= self._status_due:
                await self._ask_status()
            if first or feed.version != self._seen:
                break
            now = time.monotonic()
            if until is not None and now >= until:
                break
            wake_at = self._status_due if until is None else min(self._status_due, until)
            try:
                async with timeout(max(wake_at - now, 0.001)):
                    await feed.changed(feed.version)
            except TimeoutError:
                continue
            await asyncio.sleep(SETTLE_S)
        self._seen = feed.version
        return feed.snapshot()

    async def refreshed(self) -> ModelSnapshot:
        """Return the snapshot with a full status that is asked for now."""
        await self._ask_status()
        self._seen = self._source.feed.version
        return self._source.feed.snapshot()

    async def _ask_status(self) -> None:
        """Add what only a full status has; the watcher goes on without it if need be."""
        feed = self._source.feed
        asked_at = feed.snapshot()
        try:
            feed.apply_status(await full_status(self._source.api), asked_at=asked_at)
        except ControllerError as exc:
            _log.debug("no full status: %s", exc)
        self._status_due = time.monotonic() + self._status_every_s


def _workload_error(
    model: str, failures: tuple[Obstacle, ...], error_grace_s: float
) -> WorkloadError:
    names = sorted({failure.application for failure in failures})
    return WorkloadError(
        f"{_count(names)} in model {model} failed and did not recover within {error_grace_s:g} s",
        problems=[failure.problem(model) for failure in failures],
    )


def _timeout_error(
    model: str, tracker: IdleTracker, verdict: Verdict, timeout_s: float, now: float
) -> WaitTimeoutError:
    names = sorted({obstacle.application for obstacle in verdict.obstacles})
    if not names:
        return WaitTimeoutError(
            f"model {model} was active/idle, but not for {tracker.idle_period_s:g} s without a "
            f"change within {timeout_s:g} s",
            problems=[short.problem(model) for short in tracker.short_of_idle(now)],
            fix="Wait again with a longer --timeout.",
        )
    return WaitTimeoutError(
        f"{_count(names)} of {len(tracker.expected)} in model {model} not active/idle within "
        f"{timeout_s:g} s",
        problems=[_problem(obstacle, tracker, model) for obstacle in verdict.obstacles],
        fix="Continue waiting with 'ckf-airgap wait', with a longer --timeout if needed.",
    )


def _problem(obstacle: Obstacle, tracker: IdleTracker, model: str) -> Problem:
    """Return an obstacle as a problem, which also says if the application comes and goes."""
    problem = obstacle.problem(model)
    before = tracker.interruptions.get(obstacle.application, 0)
    if not before:
        return problem
    what = f"{problem.what}; {obstacle.application} was active/idle {times(before)} before"
    return replace(problem, what=what)


def _count(names: list[str]) -> str:
    return f"{len(names)} application" if len(names) == 1 else f"{len(names)} applications"
