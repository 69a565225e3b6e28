"""Work that several images need, and the failures of its parts."""

from __future__ import annotations

import asyncio

import pytest

from ckf_airgap.concurrency import Outcome
from ckf_airgap.errors import AbsentError, IntegrityError, LoginError, TransferError
from ckf_airgap.transfer.registry.shared import Shared, raise_failures


async def test_the_first_that_asks_does_the_work_and_all_get_what_it_gave() -> None:
    shared: Shared[str, int] = Shared()
    done = []

    async def work() -> int:
        done.append("once")
        await asyncio.sleep(0)
        return 42

    assert await asyncio.gather(*(shared.get("a", work) for _ in range(5))) == [42] * 5
    assert await shared.get("a", work) == 42
    assert done == ["once"]


async def test_all_get_the_error_of_the_one_that_did_the_work() -> None:
    shared: Shared[str, int] = Shared()
    tries = []

    async def work() -> int:
        tries.append("once")
        raise AbsentError("gone")

    async def ask() -> str:
        with pytest.raises(AbsentError, match="gone"):
            await shared.get("a", work)
        return "told"

    assert await asyncio.gather(*(ask() for _ in range(3))) == ["told"] * 3
    assert tries == ["once"]


async def test_work_that_is_cancelled_is_done_by_the_next_one() -> None:
    shared: Shared[str, int] = Shared()
    begun = asyncio.Event()

    async def slow() -> int:
        begun.set()
        await asyncio.sleep(60)
        raise AssertionError("it was cancelled")

    async def quick() -> int:
        return 42

    first = asyncio.ensure_future(shared.get("a", slow))
    await begun.wait()
    second = asyncio.ensure_future(shared.get("a", quick))
    first.cancel()
    assert await second == 42
    with pytest.raises(asyncio.CancelledError):
        await first


def failures(*errors: Exception | None) -> list[Outcome[int, None]]:
    return [Outcome(item=number, error=error) for number, error in enumerate(errors)]


def test_no_failure_is_none_and_one_is_raised_as_it_is() -> None:
    raise_failures("x", [])
    raise_failures("x", failures(None, None))
    error = LoginError("no", fix="log in")
    with pytest.raises(LoginError) as raised:
        raise_failures("x", failures(None, error))
    assert raised.value is error
    with pytest.raises(LoginError) as raised:
        raise_failures("x", failures(error, LoginError("no")))
    assert raised.value is error, "the same thing is told once"


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ((AbsentError("a"), AbsentError("b", fix="look")), AbsentError),
        ((AbsentError("a"), IntegrityError("b", fix="look")), TransferError),
    ],
)
def test_several_are_one_error_of_their_class_that_names_all(
    errors: tuple[TransferError, ...], kind: type[TransferError]
) -> None:
    with pytest.raises(TransferError, match="2 parts of x failed") as raised:
        raise_failures("x", failures(None, *errors))
    assert type(raised.value) is kind
    assert [problem.what for problem in raised.value.problems] == ["a", "b"]
    assert raised.value.fix == "look"


def test_an_error_that_is_not_ours_is_raised_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        raise_failures("x", failures(AbsentError("a"), ZeroDivisionError()))
