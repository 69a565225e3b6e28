from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from ckf_airgap.errors import AirgapError, ControllerError, RefusedError
from ckf_airgap.juju.applying.batches import Batches


class Controller:
    """Answers calls, slowly; remembers what came together."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.under_way = 0
        self.most_under_way = 0
        self.refuses: set[str] = set()
        self.chokes_on: set[str] = set()
        self.breaks = False
        self.called = asyncio.Event()

    async def send(self, items: Sequence[str]) -> Sequence[str | AirgapError]:
        self.calls.append([*items])
        self.called.set()
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0.001)
        self.under_way -= 1
        if self.breaks:
            raise ControllerError("it is gone")
        if self.chokes_on.intersection(items):
            raise RefusedError("malformed")
        return [
            RefusedError(f"no {item}") if item in self.refuses else f"{item}!" for item in items
        ]


async def outcomes(batches: Batches[str, str], names: str) -> list[object]:
    return await asyncio.gather(*(batches.add(name) for name in names), return_exceptions=True)


async def test_what_is_ready_at_once_goes_together_and_keeps_its_own_result() -> None:
    controller = Controller()
    found = await outcomes(Batches(controller.send, most=10), "abc")
    assert found == ["a!", "b!", "c!"]
    assert controller.calls == [["a", "b", "c"]]


async def test_what_comes_during_a_call_goes_with_the_next() -> None:
    controller = Controller()
    batches = Batches(controller.send, most=10)
    first = asyncio.ensure_future(batches.add("a"))
    await controller.called.wait()
    assert await outcomes(batches, "bc") == ["b!", "c!"]
    assert await first == "a!"
    assert controller.calls == [["a"], ["b", "c"]]
    assert await batches.add("d") == "d!"


@pytest.mark.parametrize(("most", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (6, [5])])
async def test_a_call_takes_no_more_than_it_may(most: int, sizes: list[int]) -> None:
    controller = Controller()
    assert await outcomes(Batches(controller.send, most=most), "abcde") == [
        *map("{}!".format, "abcde")
    ]
    assert [len(call) for call in controller.calls] == sizes
    assert controller.most_under_way == 1


@pytest.mark.parametrize("at_once", [1, 2, 3])
async def test_several_calls_may_be_under_way(at_once: int) -> None:
    controller = Controller()
    await outcomes(Batches(controller.send, most=1, at_once=at_once), "abcdefg")
    assert controller.most_under_way == at_once
    assert sorted(item for call in controller.calls for item in call) == [*"abcdefg"]


async def test_one_that_is_refused_leaves_the_others_alone() -> None:
    controller = Controller()
    controller.refuses = {"b"}
    a, b, c = await outcomes(Batches(controller.send, most=10), "abc")
    assert (a, str(b), c) == ("a!", "no b", "c!")


async def test_a_call_that_is_refused_as_a_whole_is_made_again_one_by_one() -> None:
    controller = Controller()
    controller.chokes_on = {"b"}
    a, b, c = await outcomes(Batches(controller.send, most=10), "abc")
    assert (a, str(b), c) == ("a!", "malformed", "c!")
    assert controller.calls == [["a", "b", "c"], ["a"], ["b"], ["c"]]


async def test_a_single_one_that_is_refused_is_not_tried_again() -> None:
    controller = Controller()
    controller.chokes_on = {"a"}
    assert str((await outcomes(Batches(controller.send, most=10), "a"))[0]) == "malformed"
    assert controller.calls == [["a"]]


async def test_a_lost_controller_ends_all_that_went_with_the_call_and_the_next_ones_too() -> None:
    controller = Controller()
    controller.breaks = True
    batches = Batches(controller.send, most=2)
    found = await asyncio.wait_for(outcomes(batches, "abc"), 5)
    assert [type(error) for error in found] == [ControllerError] * 3
    assert controller.calls == [["a", "b"], ["c"]]
    controller.breaks = False
    assert await batches.add("d") == "d!"


async def test_cancelling_those_that_wait_keeps_nothing_back() -> None:
    controller = Controller()
    batches = Batches(controller.send, most=10)
    tasks = [asyncio.ensure_future(batches.add(name)) for name in "ab"]
    await controller.called.wait()
    waiting = asyncio.ensure_future(batches.add("c"))
    await asyncio.sleep(0)
    waiting.cancel()
    assert await asyncio.gather(*tasks) == ["a!", "b!"]
    assert await asyncio.wait_for(batches.add("d"), 5) == "d!"
    assert controller.calls == [["a", "b"], ["d"]]


async def test_cancelling_who_makes_the_call_frees_the_others() -> None:
    controller = Controller()
    batches = Batches(controller.send, most=10)
    tasks = [asyncio.ensure_future(batches.add(name)) for name in "ab"]
    await controller.called.wait()
    tasks[0].cancel()
    done = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
    assert [type(error) for error in done] == [asyncio.CancelledError] * 2
    assert await asyncio.wait_for(batches.add("d"), 5) == "d!"


async def test_calls_that_are_over_leave_room_for_no_more_than_there_was() -> None:
    controller = Controller()
    batches = Batches(controller.send, most=1)
    for names in ("a", "bc", "def"):
        await outcomes(batches, names)
    assert controller.most_under_way == 1


async def test_all_calls_that_may_be_under_way_may_be_so_again() -> None:
    controller = Controller()
    batches = Batches(controller.send, most=1, at_once=3)
    for _ in range(2):
        controller.most_under_way = 0
        await outcomes(batches, "abcdefg")
        assert controller.most_under_way == 3
