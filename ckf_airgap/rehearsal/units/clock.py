"""The time of a rehearsed deployment: an accelerated clock, and one that tests advance by hand."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Protocol

from ckf_airgap.facts.defaults import DEFAULT_SPEED


class Timer(Protocol):
    """A scheduled call."""

    def cancel(self) -> None:
        """Cancel the call; harmless when it has happened."""


class Clock(Protocol):
    """The clock that drives the life of units. Seconds are those of the rehearsed deployment."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` after that many seconds of the deployment."""

    def now(self) -> datetime:
        """Return the time to stamp statuses with, in UTC."""


class LoopClock:
    """A clock on the running event loop, faster than real time by a factor.

    Args:
        speed: Seconds of a deployment per second; ``math.inf`` for as fast as possible.
        failed: Called with what a call that was due raised. Without it, the event loop's own
            handler is: whatever the call was to do is then lost with no more than a log line.

    Raises:
        ValueError: when `speed` is not above zero.
    """

    def __init__(
        self, speed: float = DEFAULT_SPEED, *, failed: Callable[[Exception], None] | None = None
    ) -> None:
        if not speed > 0:
            raise ValueError(f"the speed must be above 0, not {speed}")
        self.speed = speed
        self._failed = failed

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` on the running loop after ``seconds / speed``."""
        loop = asyncio.get_running_loop()
        return loop.call_later(seconds / self.speed, self._call, callback)

    def now(self) -> datetime:
        """Return the wall clock's time: clients compare it with their own."""
        return datetime.now(tz=timezone.utc)

    def _call(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception as error:
            if self._failed is None:
                raise
            self._failed(error)


@dataclass(slots=True, eq=False)
class _ManualTimer:
    callback: Callable[[], None] | None

    def cancel(self) -> None:
        self.callback = None


class ManualClock:
    """A clock that moves only when it is advanced; needs no event loop."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0
        self._start = datetime(2026, 1, 1, tzinfo=timezone.utc)
        self._order = itertools.count()
        self._timers: list[tuple[float, int, _ManualTimer]] = []

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` once the clock has been advanced that far."""
        timer = _ManualTimer(callback)
        heapq.heappush(self._timers, (self.elapsed_s + seconds, next(self._order), timer))
        return timer

    def now(self) -> datetime:
        """Return a fixed start plus what the clock was advanced by."""
        return self._start + timedelta(seconds=self.elapsed_s)

    def advance(self, seconds: float) -> None:
        """Let that many seconds pass, calling what falls due, in order."""
        end = self.elapsed_s + seconds
        while self._timers and self._timers[0][0] <= end:
            self._run_next()
        self.elapsed_s = end

    def run(self, *, limit_s: float = 100_000.0) -> None:
        """Advance the clock until no calls are pending.

        Raises:
            TimeoutError: when calls are still pending after `limit_s` seconds.
        """
        end = self.elapsed_s + limit_s
        while self._timers:
            if self._timers[0][0] > end:
                raise TimeoutError(f"not settled after {limit_s:g} s")
            self._run_next()

    def _run_next(self) -> None:
        due, _, timer = heapq.heappop(self._timers)
        self.elapsed_s = due
        callback, timer.callback = timer.callback, None
        if callback is not None:
            callback()
