"""The watcher of a model: started again when its connection is back, ended by what is no break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest
import websockets
from juju.errors import JujuAPIError

from ckf_airgap.concurrency import timeout
from ckf_airgap.errors import ControllerError
from ckf_airgap.juju.controller.watcher import Watcher
from ckf_airgap.juju.snapshots.modelfeed import ModelFeed
from tests.told import seconds_told

BROKEN = websockets.ConnectionClosedError(None, None)
REFUSED = JujuAPIError(
    {"error": "model gone", "error-code": "not found", "response": {}, "request-id": 1}
)


class Watched:
    """Reports the model, and ends when a test says so."""

    def __init__(self) -> None:
        self.feed = ModelFeed("kubeflow")
        self.follows = 0
        self.silent = False
        self.ending: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def follow(self, on_known: Callable[[], None]) -> None:
        self.follows += 1
        self.ending = asyncio.get_running_loop().create_future()
        if not self.silent:
            on_known()
        await self.ending

    async def end(self, error: Exception) -> None:
        self.ending.set_exception(error)
        await asyncio.sleep(0.01)


class Link:
    """A connection that is back when a test says so."""

    def __init__(self) -> None:
        self.back = asyncio.Event()
        self.error: ControllerError | None = None

    async def until_open(self) -> None:
        await self.back.wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
async def parts() -> AsyncIterator[tuple[Watched, Link, Watcher]]:
    watched, link = Watched(), Link()
    watcher = Watcher(cast("Any", watched), cast("Any", link), "controller c")
    yield watched, link, watcher
    await watcher.end()


def is_interrupted(watched: Watched) -> bool:
    return watched.feed.is_interrupted


Parts = tuple[Watched, Link, Watcher]


async def test_the_model_is_known_once_it_has_been_reported(parts: Parts) -> None:
    watched, _, watcher = parts
    await watcher.until_known()
    watcher.start()
    await watcher.until_known()
    assert watched.follows == 1
    assert not watched.feed.is_interrupted


async def test_until_then_it_is_waited_for(parts: Parts) -> None:
    watched, _, watcher = parts
    watched.silent = True
    waiting = asyncio.ensure_future(watcher.until_known())
    await asyncio.sleep(0.02)
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(ControllerError, match="controller c did not describe the model") as caught:
        await watcher.until_known(0.05)
    assert 0.05 <= seconds_told(caught.value.message) < 2


@pytest.mark.parametrize("error", [BROKEN, ConnectionResetError(), OSError()])
async def test_it_is_started_again_when_the_connection_is_back(
    parts: Parts, error: Exception
) -> None:
    watched, link, watcher = parts
    await watcher.until_known()
    await watched.end(error)
    assert is_interrupted(watched)
    await asyncio.sleep(0.1)
    assert watched.follows == 1
    link.back.set()
    async with timeout(5):
        while watched.follows < 2 or is_interrupted(watched):  # noqa: ASYNC110 - fakes tell nothing
            await asyncio.sleep(0.01)
    assert watched.feed.snapshot().applications == {}


async def test_a_connection_that_does_not_come_back_ends_it(parts: Parts) -> None:
    watched, link, watcher = parts
    await watcher.until_known()
    link.error = ControllerError("lost for good")
    link.back.set()
    await watched.end(BROKEN)
    await asyncio.sleep(0.1)
    with pytest.raises(ControllerError, match="lost for good"):
        watched.feed.snapshot()
    with pytest.raises(ControllerError, match="lost for good"):
        await watcher.until_known()


async def test_whatever_ends_it_is_told_to_who_reads(parts: Parts) -> None:
    watched, link, watcher = parts
    await watcher.until_known()
    link.error = cast("Any", BrokenPipeError("no terminal"))
    link.back.set()
    await watched.end(BROKEN)
    await asyncio.sleep(0.1)
    with pytest.raises(ControllerError, match="no terminal"):
        watched.feed.snapshot()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (REFUSED, "controller c ended the watch: model gone"),
        (KeyError("deltas"), "controller c answered the watcher with something that is no answer"),
    ],
)
async def test_what_is_no_break_ends_it(parts: Parts, error: Exception, message: str) -> None:
    watched, link, watcher = parts
    link.back.set()
    watched.silent = True
    waiting = asyncio.ensure_future(watcher.until_known())
    await asyncio.sleep(0.01)
    await watched.end(error)
    with pytest.raises(ControllerError) as caught:
        await waiting
    assert message in caught.value.message
    assert caught.value.fix
    assert watched.follows == 1


async def test_the_end_leaves_no_task(parts: Parts) -> None:
    _, _, watcher = parts
    await watcher.end()
    await watcher.until_known()
    await watcher.end()
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert "juju watcher" not in names
