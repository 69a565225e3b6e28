"""A connection that is restored: for how long, how often, and what is told of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from ckf_airgap.concurrency import Deadline
from ckf_airgap.errors import ControllerError, ModelDestroyedError
from ckf_airgap.juju.controller.api import ConnectionNotice, JujuTimeouts
from ckf_airgap.juju.controller.dialling import UnreachableError
from ckf_airgap.juju.controller.link import Link
from ckf_airgap.juju.controller.login import ControllerLoginError
from tests.told import seconds_told

AWAY = UnreachableError("c cannot be reached", because="h:1: nothing listens there", fix="start it")
OTHER = ControllerLoginError("c", "is not trusted: x", fix="Register it again.", lasting=True)
BUSY = ControllerLoginError("c", "is busy", fix="Wait.")


class World:
    """A controller that lets in, or not, and what is told of it."""

    def __init__(self) -> None:
        self.answers: list[ControllerError | None] = []
        self.logins = 0
        self.notices: list[ConnectionNotice] = []
        self.deadline = Deadline()
        self.links: list[Link] = []

    async def log_in(self) -> None:
        self.logins += 1
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is not None:
            raise answer

    def link(self, reconnect_s: float) -> Link:
        limits = JujuTimeouts(reconnect_s=reconnect_s)
        link = Link("controller c", self.log_in, limits, self.deadline, self.notices.append)
        self.links.append(link)
        return link


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    for link in made.links:
        await link.close()


def opened(link: Link) -> bool:
    return link.is_open


async def error_of(link: Link, until: float | None = None) -> ControllerError:
    with pytest.raises(ControllerError) as caught:
        await link.until_open(until)
    return caught.value


async def test_a_connection_that_has_not_broken_is_there_at_once(world: World) -> None:
    link = world.link(1)
    assert link.is_open
    await link.until_open(time.monotonic() - 1)
    world.deadline.until = time.monotonic() - 1
    await link.until_open()


async def test_it_is_tried_until_it_works_and_told_once(world: World) -> None:
    link = world.link(5)
    world.answers = [AWAY, BUSY, None]
    started = time.monotonic()
    link.lost(ConnectionResetError())
    link.lost(ConnectionResetError())
    assert opened(link) is False
    await asyncio.gather(link.until_open(), link.until_open())
    assert opened(link) is True
    assert world.logins == 3
    lost, back = world.notices
    assert (lost.is_back, back.is_back) == (False, True)
    assert lost.text == (
        "the connection to controller c was lost (the connection was cut); reconnecting"
    )
    assert str(back).startswith("the connection to controller c is back after ")
    assert 0 < seconds_told(back.text) <= (time.monotonic() - started) * 1.01
    assert len(link.outages) == 1


async def test_each_loss_is_told(world: World) -> None:
    link = world.link(5)
    world.answers = [None]
    for count in (1, 2):
        link.lost(TimeoutError())
        await link.until_open()
        assert len(link.outages) == count
        assert len(world.notices) == 2 * count


@pytest.mark.parametrize(
    ("answer", "words", "fix"),
    [
        (AWAY, "it cannot be reached (h:1: nothing listens there)", "Run the command again"),
        (BUSY, "it is busy", "Run the command again"),
        (OTHER, "it is not trusted: x", "Register it again."),
        (ControllerError("the store is gone", fix="x"), "the store is gone", "Run the command"),
    ],
)
async def test_without_a_deadline_it_is_given_up_after_a_while_with_the_last_reason(
    world: World, answer: ControllerError, words: str, fix: str
) -> None:
    link = world.link(0.3)
    world.answers = [BUSY, answer]
    started = time.monotonic()
    link.lost(ConnectionResetError())
    error = await error_of(link)
    assert 0.25 < time.monotonic() - started < 2
    lost = "the connection to controller c was lost and could not be restored within "
    assert error.message.startswith(lost)
    assert 0.25 < seconds_told(error.message) <= (time.monotonic() - started) * 1.01
    assert error.message.endswith(f" s: {words}")
    assert error.fix.startswith(fix)
    assert str(await error_of(link)) == str(error)
    assert [notice.is_back for notice in world.notices] == [False]
    assert link.outages == []


async def test_a_deadline_counts_instead(world: World) -> None:
    link = world.link(0.05)
    world.answers = [AWAY, AWAY, AWAY, None]
    world.deadline.until = time.monotonic() + 20
    link.lost(ConnectionResetError())
    started = time.monotonic()
    await link.until_open()
    assert time.monotonic() - started > 0.2


async def test_a_deadline_that_is_near_ends_it(world: World) -> None:
    link = world.link(60)
    world.answers = [AWAY]
    world.deadline.until = time.monotonic() + 0.2
    link.lost(ConnectionResetError())
    started = time.monotonic()
    await error_of(link)
    assert 0.15 < time.monotonic() - started < 2


async def test_what_does_not_pass_by_itself_is_not_tried_until_the_deadline(world: World) -> None:
    link = world.link(0.2)
    world.answers = [OTHER]
    world.deadline.until = time.monotonic() + 30
    link.lost(ConnectionResetError())
    started = time.monotonic()
    error = await error_of(link)
    assert 0.15 < time.monotonic() - started < 3
    assert error.fix == "Register it again."


async def test_what_did_pass_does_not_count_any_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ckf_airgap.juju.controller.link._FIRST_DELAY_S", 0.05)
    link = world.link(0.5)
    world.answers = [OTHER, AWAY, OTHER, AWAY, None]
    world.deadline.until = time.monotonic() + 30
    link.lost(ConnectionResetError())
    await link.until_open()
    assert world.logins == 5


async def test_a_caller_may_wait_for_a_shorter_time(world: World) -> None:
    link = world.link(30)
    world.answers = [AWAY]
    link.lost(ConnectionResetError())
    started = time.monotonic()
    error = await error_of(link, started + 0.3)
    assert 0.25 < time.monotonic() - started < 2
    assert "it cannot be reached" in error.message
    world.answers = [None]
    await link.until_open(time.monotonic() + 10)


async def test_a_login_that_hangs_ends_with_the_deadline(world: World) -> None:
    async def hang() -> None:
        await asyncio.sleep(60)

    world.deadline.until = time.monotonic() + 0.2
    limits = JujuTimeouts()
    link = Link("controller c", hang, limits, world.deadline, world.notices.append)
    world.links.append(link)
    link.lost(ConnectionResetError())
    error = await error_of(link)
    assert error.message.endswith(": the connection was cut")


async def test_a_listener_that_fails_is_no_silence(world: World) -> None:
    def fail(_notice: ConnectionNotice) -> None:
        raise BrokenPipeError("no terminal")

    link = Link("controller c", world.log_in, JujuTimeouts(), world.deadline, fail)
    world.links.append(link)
    link.lost(ConnectionResetError())
    with pytest.raises(BrokenPipeError, match="no terminal"):
        await link.until_open(time.monotonic() + 5)


async def test_a_model_that_is_gone_ends_it_at_once(world: World) -> None:
    world.answers = [ControllerLoginError("c", "x", fix="", lasting=True, code="model not found")]
    link = world.link(60)
    link.lost(ConnectionResetError())
    with pytest.raises(ModelDestroyedError) as caught:
        await link.until_open(time.monotonic() + 5)
    assert caught.value.message.startswith("controller c has no such model any more")
    assert caught.value.fix


async def test_closing_ends_whoever_waits(world: World) -> None:
    link = world.link(30)
    world.answers = [AWAY]
    link.lost(ConnectionResetError())
    waiting = asyncio.ensure_future(link.until_open())
    await asyncio.sleep(0.05)
    await link.close()
    with pytest.raises(ControllerError):
        await waiting
    assert not _tasks_named("juju reconnecting")


def _tasks_named(name: str) -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name() == name]


def test_delays_grow_up_to_a_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    delays: list[float] = []
    sleep: Callable[[float], object] = asyncio.sleep

    async def quick(seconds: float) -> None:
        delays.append(seconds)
        await sleep(0)  # type: ignore[misc]

    async def run() -> None:
        world = World()
        world.answers = [*[AWAY] * 9, None]
        link = world.link(1000)
        monkeypatch.setattr("ckf_airgap.juju.controller.link.asyncio.sleep", quick)
        link.lost(ConnectionResetError())
        await link.until_open()

    asyncio.run(run())
    waits = [delay for delay in delays if delay]
    for delay, middle in zip(waits, [0.1, 0.2, 0.4, 0.8, 1.6, 3, 3, 3, 3], strict=True):
        assert 0.75 * middle <= delay <= 1.25 * middle
