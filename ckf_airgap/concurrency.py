"""Bounded concurrency, threads for blocking calls, and timeouts.

The only module that uses ``asyncio-pool``, so that its pitfalls stay in here: `map` returns
exceptions as values and refuses empty input, leaving its context manager waits for all children
instead of cancelling them, and a child that is cancelled before its first step leaves a coroutine
that nobody awaits.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Sequence,
)
from dataclasses import dataclass
from typing import Generic, ParamSpec, TypeVar, cast

from asyncio_pool import AioPool
from asyncio_pool.results import getres

if sys.version_info < (3, 11):
    import async_timeout

Item = TypeVar("Item")
Result = TypeVar("Result")
Params = ParamSpec("Params")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[Item, Result]):
    """What became of one item of `bounded_outcomes`.

    Attributes:
        item: The item.
        error: What its call raised, or ``None`` when it returned.
        result: What its call returned; ``None`` when it raised.
    """

    item: Item
    error: Exception | None = None
    result: Result | None = None

    def unwrap(self) -> Result:
        """Return the result.

        Raises:
            Exception: the error, when there is one.
        """
        if self.error is not None:
            raise self.error
        return cast("Result", self.result)


class _Call(Generic[Item, Result]):
    """A call that begins when it is awaited, so that one never awaited leaves no coroutine."""

    __slots__ = ("_fn", "_item")

    def __init__(self, fn: Callable[[Item], Awaitable[Result]], item: Item) -> None:
        self._fn = fn
        self._item = item

    def __await__(self) -> Generator[object, None, Result]:
        return self._fn(self._item).__await__()

    def close(self) -> None:
        """Do nothing: asyncio-pool closes what it does not start."""


async def bounded_map(
    fn: Callable[[Item], Awaitable[Result]], items: Iterable[Item], limit: int
) -> list[Result]:
    """Return ``fn(item)`` for each item, in the order of the items, at most `limit` at once.

    Cancelling the caller, or a failure of one call, cancels all other calls and waits until they
    have ended; nothing runs on after this function has returned.

    Args:
        fn: An async function of one item.
        items: The items; without any, the result is empty.
        limit: How many calls may run at the same time, at least 1.

    Returns:
        The results, in item order.

    Raises:
        Exception: the first failure.
        ValueError: when `limit` is below 1.
    """
    if limit < 1:
        raise ValueError(f"limit must be at least 1, not {limit}")
    calls = [_Call(fn, item) for item in items]
    if not calls:
        return []
    pool = AioPool(size=min(limit, len(calls)))
    futures: list[asyncio.Future[Result]] = [pool.spawn_n(call) for call in calls]
    completed: list[asyncio.Future[Result]] = []
    for future in futures:
        future.add_done_callback(completed.append)
    try:
        await asyncio.wait(futures, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        await _stop(pool, futures)
    first = next((future for future in completed if _is_failure(future)), None)
    if first is not None:
        first.result()
    return [future.result() for future in futures]


async def bounded_outcomes(
    fn: Callable[[Item], Awaitable[Result]], items: Iterable[Item], limit: int
) -> list[Outcome[Item, Result]]:
    """Return the outcome of ``fn(item)`` for each item, whatever fails, at most `limit` at once.

    As `bounded_map`, but a failure stops nothing: each is kept with the item it belongs to.
    Cancelling the caller still cancels all calls.
    """

    async def attempt(item: Item) -> Outcome[Item, Result]:
        try:
            return Outcome(item=item, result=await fn(item))
        except Exception as exc:  # noqa: BLE001 - handed to the caller as a value
            return Outcome(item=item, error=exc)

    return await bounded_map(attempt, items, limit)


async def in_thread(
    fn: Callable[Params, Result], /, *args: Params.args, **kwargs: Params.kwargs
) -> Result:
    """Return ``fn(*args, **kwargs)``, called in a thread of the loop's executor.

    A thread cannot be cancelled: when the caller is, `fn` runs to its end and its result is lost.
    """
    return await asyncio.to_thread(fn, *args, **kwargs)


async def in_thread_to_end(
    work: Callable[[], Result],
    *,
    on_cancel: Callable[[], object] | None = None,
    discard: Callable[[Result], object] | None = None,
) -> Result:
    """Return what `work` returns, called in a thread that has ended when this returns or raises.

    For work on files: what comes after a cancellation (closing, removing, taking back) must not
    meet a thread that still writes. However often the caller is cancelled, the thread is waited
    for, and the cancellation is raised then.

    Args:
        work: The work.
        on_cancel: Called once when the caller is cancelled, to have long work end early.
        discard: Called with the result when the caller was cancelled, to close what was opened.

    Raises:
        Exception: what `work` raises, when the caller was not cancelled.
    """
    # A future and not a task: the end of an event loop cancels all tasks, which would leave the
    # thread running unheard.
    loop = asyncio.get_running_loop()
    future = loop.run_in_executor(None, contextvars.copy_context().run, work)
    if await _outlast(future, on_cancel):
        if discard is not None and not future.cancelled() and future.exception() is None:
            discard(future.result())
        raise asyncio.CancelledError
    return future.result()


async def run_to_end(work: Coroutine[object, object, Result]) -> Result:
    """Return the result of `work`, which runs to its end even when the caller is cancelled.

    For cleaning up. The caller's cancellation is raised afterwards, also when `work` swallows
    cancellations, since it runs in a task of its own. A timeout belongs inside of `work`.

    Raises:
        Exception: what `work` raises, when the caller was not cancelled.
    """
    task = asyncio.ensure_future(work)
    if await _outlast(task):
        raise asyncio.CancelledError
    return task.result()


async def _outlast(
    future: asyncio.Future[Result], on_cancel: Callable[[], object] | None = None
) -> bool:
    """Wait until something has ended; return whether the caller was cancelled meanwhile."""
    interrupted = False
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            if not interrupted and on_cancel is not None:
                on_cancel()
            interrupted = True
    if interrupted and not future.cancelled():
        future.exception()  # mark as retrieved: nobody is going to ask for it
    return interrupted


@contextlib.asynccontextmanager
async def timeout(seconds: float | None) -> AsyncIterator[None]:
    """Cancel the body after `seconds` (never for ``None``) and raise `TimeoutError`.

    Raises:
        TimeoutError: the builtin one on every Python; 3.10's asyncio has one of its own.
    """
    if sys.version_info >= (3, 11):
        async with asyncio.timeout(seconds):
            yield
    else:
        try:
            async with async_timeout.timeout(seconds):
                yield
        except asyncio.TimeoutError as exc:
            raise TimeoutError(*exc.args) from exc


class Deadline:
    """A moment by which everything beneath it must be over; it may be set, moved and lifted.

    Whoever waits keeps the object and asks it again each time, so that a change counts at once.

    Args:
        until: The monotonic time of the moment; ``None`` for no deadline.
    """

    def __init__(self, until: float | None = None) -> None:
        self.until = until

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline that many seconds from now."""
        return cls(time.monotonic() + seconds)

    def left_s(self, most: float | None = None) -> float | None:
        """Return the seconds until the deadline, never below 0; ``None`` when nothing limits them.

        Args:
            most: Seconds that are not exceeded, deadline or not.
        """
        if self.until is None:
            return most
        left = max(self.until - time.monotonic(), 0.0)
        return left if most is None else min(left, most)

    @property
    def is_over(self) -> bool:
        """Whether the moment has come."""
        return self.until is not None and time.monotonic() >= self.until


def _is_failure(future: asyncio.Future[Result]) -> bool:
    """Whether the call raised something of its own, rather than being cancelled with the rest."""
    if not future.done() or future.cancelled():
        return False
    error = future.exception()
    return error is not None and not isinstance(error, asyncio.CancelledError)


async def _stop(pool: AioPool, futures: Sequence[asyncio.Future[Result]]) -> None:
    """Cancel what is still running and wait until it has ended, even when cancelled meanwhile."""
    try:
        if not all(future.done() for future in futures):
            await run_to_end(pool.cancel(get_result=getres.dont))
    finally:
        for future in futures:
            if not future.done():
                future.cancel()  # its task was cancelled before the first step
            elif not future.cancelled():
                future.exception()  # mark as retrieved
