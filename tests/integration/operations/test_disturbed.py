"""Deployments through faults and kills, run again until they succeed: as if nothing had happened.

Each fault is picked by its kind and a seed. More of them, and others: ``make soak``, or
FAULT_SEEDS=100 FAULT_SEED=1000 FAULT_KILLS=20, which are how many seeds there are of each kind, the
first of them, and how many deployments are killed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.integration.juju.world import client_tasks
from tests.integration.operations.disturbed import (
    KINDS,
    NETWORK_CUT,
    Course,
    Kind,
    Outcome,
    disturb,
    short_limits,
    undisturbed,
    write_shop,
)
from tests.integration.operations.killed import kill_and_go_on

_IN_CI: Final = 8
SEEDS: Final = int(os.environ.get("FAULT_SEEDS", _IN_CI))
FIRST: Final = int(os.environ.get("FAULT_SEED", "0"))
KILLS: Final = int(os.environ.get("FAULT_KILLS", "3"))
CUTS: Final = max(50, SEEDS)
AT_ONCE: Final = 4
"""How many deployments run side by side: they mostly wait."""

Courses = Mapping[bool, Course]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundles, their charms and files."""
    made = tmp_path_factory.mktemp("shop")
    write_shop(made)
    return made


@pytest.fixture(scope="module")
def course(directory: Path) -> Courses:
    """What happens when nothing goes wrong, by whether the old bundle was there."""

    async def both() -> Courses:
        return {
            is_there: await undisturbed(directory, with_old=is_there) for is_there in (False, True)
        }

    return asyncio.run(both())


async def run(
    directory: Path, kind: Kind, course: Courses, count: int = SEEDS
) -> Sequence[Outcome]:
    """Deploy through a fault of a kind, for each seed; print what came of it."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(seed: int) -> Outcome:
        async with gate:
            return await disturb(directory, kind, seed, course)

    with short_limits():
        outcomes = await asyncio.gather(*(one(FIRST + number) for number in range(count)))
    print(  # noqa: T201 - for `make soak`
        f"{kind.name}: {len(outcomes)} seeds from {FIRST}, "
        f"{sum(outcome.runs == 1 for outcome in outcomes)} in the first run, "
        f"{sum(outcome.runs - 1 for outcome in outcomes)} reruns, "
        f"{sum(outcome.again for outcome in outcomes)} charms received again, "
        f"{sum(outcome.left for outcome in outcomes)} announced resources left over, "
        f"{sum(not outcome.happened for outcome in outcomes)} places not reached"
    )
    for line in reruns(outcomes) if SEEDS > _IN_CI else ():
        print(f"  rerun: {line[:300]}")  # noqa: T201 - for `make soak`
    assert client_tasks() == []
    return outcomes


def problems(outcomes: Sequence[Outcome]) -> list[str]:
    """Return what is wrong in the end, with what makes it happen again."""
    return [f"{outcome.label}: {problem}" for outcome in outcomes for problem in outcome.problems]


def reruns(outcomes: Sequence[Outcome]) -> list[str]:
    """Return which needed another run, and why."""
    return [f"{outcome.label}: {outcome.errors}" for outcome in outcomes if outcome.runs > 1]


@pytest.mark.timeout(60 + 10 * CUTS)
async def test_of_fifty_cuts_at_any_byte_forty_five_need_no_rerun(
    directory: Path, course: Courses
) -> None:
    outcomes = await run(directory, NETWORK_CUT, course, CUTS)
    assert problems(outcomes) == []
    assert len(reruns(outcomes)) <= CUTS // 10, reruns(outcomes)


@pytest.mark.timeout(60 + 20 * KILLS)
async def test_a_killed_deployment_is_finished_by_the_next_one(
    directory: Path, course: Courses
) -> None:
    gate = asyncio.Semaphore(2)

    async def one(seed: int) -> Outcome:
        async with gate:
            return await kill_and_go_on(directory, seed, course)

    outcomes = await asyncio.gather(*(one(FIRST + number) for number in range(KILLS)))
    print(  # noqa: T201 - for `make soak`
        f"kill -9: {len(outcomes)} points from seed {FIRST}, "
        f"{sum(outcome.runs - 1 for outcome in outcomes)} killed runs, "
        f"{sum(outcome.again for outcome in outcomes)} charms received again, "
        f"{sum(outcome.left for outcome in outcomes)} announced resources left over"
    )
    assert problems(outcomes) == []
    assert sum(bool(outcome.happened) for outcome in outcomes) >= 0.7 * len(outcomes)


@pytest.mark.timeout(60 + 10 * SEEDS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_it_ends_as_if_nothing_had_happened(
    directory: Path, course: Courses, kind: Kind
) -> None:
    outcomes = await run(directory, kind, course)
    assert problems(outcomes) == []
    assert sum(bool(outcome.happened) for outcome in outcomes) >= 0.7 * len(outcomes)
    if not kind.is_refusal:
        assert len(reruns(outcomes)) <= len(outcomes) // 4, reruns(outcomes)
