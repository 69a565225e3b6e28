"""``ckf-airgap deploy`` in a process of its own, killed at a call or upload that a seed picks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.integration.operations.disturbed import (
    MODEL,
    Course,
    Kind,
    Outcome,
    Shop,
    shop,
)

_ROOT: Final = Path(__file__).parents[3]
_TIME_S: Final = 60.0

KILL: Final = Kind(name="kill", faults=(), repeats=16, stays=16)


async def kill_and_go_on(directory: Path, seed: int, course: Mapping[bool, Course]) -> Outcome:
    """Deploy the new bundle, kill that at one point, and deploy it again.

    Even seeds deploy it afresh, odd ones over the old bundle. What the controller was asked for
    last is carried out all the same, except for every third seed.
    """
    with_old = bool(seed % 2)
    pick = random.Random(f"kill {seed}")  # noqa: S311 - to be repeated
    expected = course[with_old]
    async with shop(directory, with_old=with_old) as made:
        faults = made.controller.faults
        if pick.random() < 0.6:
            kind = "close" if seed % 3 == 2 else "delay"
            place = f"{kind}@request={pick.randint(1, expected.requests)}"
        elif seed % 3 == 2:
            number, byte = pick.randint(1, expected.uploads), pick.randint(0, 60_000)
            place = f"freeze@upload={number},byte={byte}"
        else:
            place = f"delay@upload={pick.randint(1, expected.uploads)}"
        place += ",for=200ms" * (not place.startswith("close"))
        faults.add_next(place)
        await _kill_when_one_has_happened(made)
        made.errors.append("killed")
        happened = " ".join(faults.fired)
        await made.deploy_until_done()
        return Outcome(
            label=f"kill seed {seed} ({place}, {'upgrade' if with_old else 'fresh'})",
            happened=happened,
            runs=made.runs,
            errors=tuple(made.errors),
            again=made.charms().total() - len(made.charms()),
            left=len(made.model.pending),
            problems=tuple(made.problems(KILL, expected)),
        )


async def _kill_when_one_has_happened(made: Shop) -> None:
    """Deploy in another process, and kill it as soon as a fault has happened."""
    faults, directory = made.controller.faults, made.directory
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ckf_airgap", "deploy", directory / "new.yaml", "--model", MODEL),
        *("--charms", directory / "charms-2", "--images", directory / "images.txt"),
        *("--juju-data", str(made.target.juju_data), "--idle", "50ms", "--timeout", "60s"),
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        ended = asyncio.ensure_future(process.wait())
        while not faults.fired and not ended.done():
            await asyncio.wait([ended], timeout=0.001)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    while made.controller.state.sessions:  # noqa: ASYNC110 - until all is carried out
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
