from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.juju.applying.turns import Pair, Turns


async def rounds(pairs: list[Pair]) -> list[set[Pair]]:
    """Return which relations are made at the same time when each takes as long as any other."""
    turns, made = Turns(), asyncio.Event()
    now: set[Pair] = set()
    found: list[set[Pair]] = []

    async def make(pair: Pair) -> None:
        assert await turns.turn(pair) == ""
        now.add(pair)
        await made.wait()
        turns.over(pair)

    tasks = [asyncio.ensure_future(make(pair)) for pair in pairs]
    while not all(task.done() for task in tasks):
        for _ in range(5):
            await asyncio.sleep(0)
        if now:
            found.append({*now})
            now.clear()
        made.set()
        made = asyncio.Event()
        for _ in range(5):
            await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    return found


async def test_relations_of_other_applications_are_made_side_by_side() -> None:
    assert await rounds([("a", "b"), ("c", "d")]) == [{("a", "b"), ("c", "d")}]


async def test_two_of_the_same_application_are_not() -> None:
    assert [len(made) for made in await rounds([("a", "b"), ("b", "c")])] == [1, 1]


async def test_who_has_most_left_goes_first() -> None:
    pairs = [("x", "y"), ("x", "hub"), ("hub", "p"), ("hub", "q"), ("y", "z")]
    first, *later = await rounds(pairs)
    assert ("x", "hub") in first
    assert 1 + len(later) == 3


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from("ghijkl")), unique=True, max_size=20
    )
)
def test_all_are_made_once_and_never_two_of_an_application_at_once(pairs: list[Pair]) -> None:
    found = asyncio.run(rounds(pairs))
    assert sorted(pair for made in found for pair in made) == sorted(pairs)
    for made in found:
        names = [name for pair in made for name in pair]
        assert len(names) == len({*names})


async def test_a_relation_waits_for_both_its_applications() -> None:
    turns = Turns(frozenset({"a", "b"}))
    task = asyncio.ensure_future(turns.turn(("a", "b")))
    other = asyncio.ensure_future(turns.turn(("c", "d")))
    assert await asyncio.wait_for(other, 5) == ""
    turns.arrived("a")
    await asyncio.sleep(0)
    assert not task.done()
    turns.arrived("b")
    assert await asyncio.wait_for(task, 5) == ""


async def test_a_relation_of_a_lost_application_is_given_up_and_holds_up_nobody() -> None:
    turns = Turns(frozenset({"a", "b"}))
    task = asyncio.ensure_future(turns.turn(("a", "b")))
    await asyncio.sleep(0)
    turns.lost("b")
    assert await asyncio.wait_for(task, 5) == "b"
    turns.lost("a")
    assert await asyncio.wait_for(turns.turn(("b", "a")), 5) == "a, b"
    turns.arrived("a")
    assert await asyncio.wait_for(turns.turn(("a", "c")), 5) == "a"
    assert await asyncio.wait_for(turns.turn(("c", "d")), 5) == ""


async def test_one_that_is_cancelled_keeps_no_turn() -> None:
    turns = Turns(frozenset({"a"}))
    task = asyncio.ensure_future(turns.turn(("a", "b")))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    turns.arrived("a")
    assert await asyncio.wait_for(turns.turn(("a", "b")), 5) == ""


async def test_a_turn_that_was_given_to_one_that_is_cancelled_goes_on() -> None:
    turns = Turns()
    task = asyncio.ensure_future(turns.turn(("a", "b")))
    await asyncio.sleep(0)
    turns.arrived("a")  # gives the turn, which the task has not seen yet
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await asyncio.wait_for(turns.turn(("a", "c")), 5) == ""


async def test_a_lost_application_gives_the_others_no_turn_too_many() -> None:
    turns = Turns(frozenset({"late"}))
    turns.lost("z")
    assert await asyncio.wait_for(turns.turn(("a", "b")), 5) == ""
    waiting = [asyncio.ensure_future(turns.turn(pair)) for pair in (("b", "c"), ("c", "late"))]
    for _ in range(5):
        await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    turns.over(("a", "b"))
    assert await asyncio.wait_for(waiting[0], 5) == ""
    turns.lost("late")
    assert await asyncio.wait_for(waiting[1], 5) == "late"
