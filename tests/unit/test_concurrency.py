from __future__ import annotations

import asyncio
import gc
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckf_airgap.concurrency import (
    Deadline,
    bounded_map,
    bounded_outcomes,
    in_thread,
    in_thread_to_end,
    run_to_end,
    timeout,
)


def other_tasks() -> set[asyncio.Task[object]]:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


async def test_map_of_nothing_is_an_empty_list() -> None:
    async def never(item: int) -> int:
        raise AssertionError(item)

    assert await bounded_map(never, [], 3) == []
    assert await bounded_outcomes(never, [], 3) == []


async def test_limit_below_one_is_refused() -> None:
    async def same(item: int) -> int:
        return item

    with pytest.raises(ValueError, match="at least 1"):
        await bounded_map(same, [1], 0)


@settings(max_examples=60, deadline=None)
@given(
    delays=st.lists(st.integers(min_value=0, max_value=4), max_size=30),
    limit=st.integers(min_value=1, max_value=10),
)
def test_results_keep_the_order_and_the_limit_holds(delays: list[int], limit: int) -> None:
    active = 0
    most = 0

    async def work(item: tuple[int, int]) -> int:
        nonlocal active, most
        active += 1
        most = max(most, active)
        for _ in range(item[1]):
            await asyncio.sleep(0)
        active -= 1
        return item[0]

    async def run() -> list[int]:
        return await bounded_map(work, enumerate(delays), limit)

    assert asyncio.run(run()) == list(range(len(delays)))
    assert most <= limit
    assert most == min(limit, len(delays)) or any(delay == 0 for delay in delays)


async def test_as_many_run_at_once_as_the_limit_allows() -> None:
    barrier = 0
    everybody = asyncio.Event()

    async def meet(item: int) -> int:
        nonlocal barrier
        barrier += 1
        if barrier == 4:
            everybody.set()
        await everybody.wait()
        return item

    async with timeout(5):
        assert await bounded_map(meet, range(4), 4) == [0, 1, 2, 3]


async def test_first_failure_cancels_the_rest_and_is_raised() -> None:
    cancelled: list[int] = []
    started: list[int] = []

    async def work(item: int) -> None:
        started.append(item)
        if item == 1:
            raise LookupError("item 1")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)  # an orderly end takes a moment
            cancelled.append(item)
            raise

    with pytest.raises(LookupError, match="item 1"):
        await bounded_map(work, range(20), 3)
    assert sorted(cancelled) == [item for item in started if item != 1]
    assert len(started) < 20
    assert not other_tasks()


async def test_cancelling_the_caller_cancels_the_calls_and_waits_for_them() -> None:
    ended: list[int] = []

    async def work(item: int) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            ended.append(item)

    task = asyncio.ensure_future(bounded_map(work, range(10), 4))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0.005)
    task.cancel()  # a second Ctrl-C does not leave children behind either
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == [0, 1, 2, 3]
    assert not other_tasks()


@pytest.mark.parametrize("turns", range(6))
async def test_cancelling_at_any_early_moment_leaves_nothing_behind(turns: int) -> None:
    async def work(_item: int) -> None:
        await asyncio.sleep(60)

    task = asyncio.ensure_future(bounded_map(work, range(5), 2))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not other_tasks()


async def test_outcomes_try_everything_and_keep_each_error_with_its_item() -> None:
    async def work(item: int) -> int:
        await asyncio.sleep(0)
        if item % 2:
            raise ValueError(str(item))
        return item * 10

    outcomes = await bounded_outcomes(work, range(5), 2)
    assert [outcome.item for outcome in outcomes] == [0, 1, 2, 3, 4]
    assert [str(outcome.error) for outcome in outcomes if outcome.error] == ["1", "3"]
    assert [outcome.unwrap() for outcome in outcomes if not outcome.error] == [0, 20, 40]
    with pytest.raises(ValueError, match="3"):
        outcomes[3].unwrap()


async def test_outcomes_can_be_cancelled() -> None:
    async def work(_item: int) -> None:
        await asyncio.sleep(60)

    task = asyncio.ensure_future(bounded_outcomes(work, range(5), 2))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not other_tasks()


async def test_in_thread_leaves_the_loop_free() -> None:
    def block(seconds: float, *, name: str) -> tuple[str, bool]:
        time.sleep(seconds)
        return name, threading.current_thread() is threading.main_thread()

    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.005)

    ticker = asyncio.ensure_future(tick())
    assert await in_thread(block, 0.1, name="x") == ("x", False)
    ticker.cancel()
    assert ticks > 3


async def test_timeout_raises_the_builtin_error() -> None:
    with pytest.raises(TimeoutError):
        async with timeout(0.01):
            await asyncio.sleep(5)


async def test_timeout_of_none_never_fires() -> None:
    async with timeout(None):
        await asyncio.sleep(0.01)


async def test_cleaning_up_goes_on_to_its_end_and_the_cancellation_is_kept() -> None:
    steps: list[str] = []

    async def clean() -> None:
        steps.append("begun")
        await asyncio.sleep(0.05)
        steps.append("ended")

    task = asyncio.ensure_future(run_to_end(clean()))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps == ["begun", "ended"]
    assert not other_tasks()


async def test_cleaning_up_gives_its_result_or_its_error() -> None:
    async def clean(*, fails: bool) -> int:
        await asyncio.sleep(0)
        if fails:
            raise LookupError("x")
        return 5

    assert await run_to_end(clean(fails=False)) == 5
    with pytest.raises(LookupError):
        await run_to_end(clean(fails=True))


async def test_work_on_the_disk_that_is_told_to_end_leaves_no_complaint() -> None:
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, one: complaints.append(one))
    told, begun = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        told.wait(10)
        raise InterruptedError

    task = asyncio.ensure_future(in_thread_to_end(work, on_cancel=told.set))
    assert await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


async def test_work_in_a_thread_has_ended_even_when_the_caller_is_cancelled_twice() -> None:
    release, ended = threading.Event(), threading.Event()

    def work() -> None:
        release.wait(10)
        ended.set()

    task = asyncio.ensure_future(in_thread_to_end(work))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.sleep(0.05)
    assert not task.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_what_was_opened_for_a_cancelled_caller_is_handed_to_discard() -> None:
    release = threading.Event()
    discarded: list[str] = []

    def work() -> str:
        release.wait(10)
        return "open file"

    task = asyncio.ensure_future(in_thread_to_end(work, discard=discarded.append))
    await asyncio.sleep(0.05)
    task.cancel()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert discarded == ["open file"]


def test_a_deadline_says_how_much_time_is_left() -> None:
    none = Deadline()
    assert none.left_s() is None
    assert none.left_s(7) == 7
    assert not none.is_over
    soon = Deadline.after(10)
    left = soon.left_s()
    assert left is not None
    assert 9 < left <= 10
    assert soon.left_s(5) == 5
    assert 9 < (soon.left_s(60) or 0) <= 10
    assert not soon.is_over


def test_a_deadline_may_be_moved_and_never_has_less_than_nothing_left() -> None:
    deadline = Deadline(time.monotonic() - 5)
    assert deadline.left_s() == 0
    assert deadline.left_s(3) == 0
    assert deadline.is_over
    deadline.until = time.monotonic() + 100
    assert (deadline.left_s() or 0) > 90
    deadline.until = None
    assert deadline.left_s(2) == 2
