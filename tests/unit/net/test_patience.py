"""Trying again: when, how often, and how much at once."""

from __future__ import annotations

import email.utils
import time

import pytest

from ckf_airgap.concurrency import Deadline
from ckf_airgap.errors import AirgapError, TransferError
from ckf_airgap.net.limits import Limits, Retries
from ckf_airgap.net.patience import Health, Patience, TransientError, in_attempts, retry_after_s


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("5", 5.0),
        ("-3", 0.0),
        ("1.5", 1.5),
        ("1 Jan 99999999999 00:00:00 GMT", None),
        ("1 Jan 9999 23:59:59 -9999", None),
    ],
)
def test_retry_after_is_read(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header) == seconds


def test_retry_after_may_be_a_date() -> None:
    found = retry_after_s(email.utils.formatdate(time.time() + 30, usegmt=True))
    assert found is not None
    assert 25 < found <= 31


def test_delays_double_up_to_a_limit_and_are_spread() -> None:
    retries = Retries(first_delay_s=1, longest_delay_s=8, longest_retry_after_s=20)
    for attempt, middle in [(1, 1), (2, 2), (3, 4), (4, 8), (9, 8)]:
        delays = {retries.delay_s(attempt) for _ in range(50)}
        assert 0.75 * middle <= min(delays) < max(delays) <= 1.25 * middle
    assert 3 <= retries.delay_s(1, 3) < 4
    assert 20 <= retries.delay_s(1, 3600) < 23


async def test_patience_ends_after_the_attempts_and_progress_renews_it() -> None:
    patience = Patience(
        "a thing", "reg:5", Retries(attempts=3, first_delay_s=0), Health(), lambda _event: None
    )
    for _ in range(2):
        await patience.wait(TransientError("no"))
        await patience.wait(TransientError("no"))
        patience.progressed()
    await patience.wait(TransientError("no"))
    await patience.wait(TransientError("no"))
    with pytest.raises(TransferError, match="reg:5 failed at a thing after 3 attempts: why"):
        await patience.wait(TransientError("why"))


async def test_patience_ends_when_the_next_attempt_would_be_after_the_deadline() -> None:
    waits: list[float] = []
    patience = Patience(
        "a thing",
        "reg:5",
        Retries(attempts=9, first_delay_s=0.05),
        Health(),
        lambda event: waits.append(event.delay_s),
        deadline=Deadline.after(0.3),
    )

    async def until_it_ends() -> None:
        for _ in range(9):
            await patience.wait(TransientError("no"))

    with pytest.raises(TransferError, match=r"reg:5 failed at a thing after [234] attempts: no"):
        await until_it_ends()
    assert waits
    assert sum(waits) < 0.3


async def test_the_error_that_ends_it_may_be_made_by_the_caller() -> None:
    made: list[tuple[str, int]] = []

    def final(error: TransientError, attempts: int) -> AirgapError:
        made.append((error.why, attempts))
        return AirgapError("over")

    retries = Retries(attempts=2, first_delay_s=0)
    patience = Patience("x", "y", retries, Health(), lambda _event: None, final=final)
    await patience.wait(TransientError("one"))
    with pytest.raises(AirgapError, match="over"):
        await patience.wait(TransientError("two"))
    assert made == [("two", 2)]


@pytest.mark.parametrize(("count", "text"), [(1, "1 attempt"), (2, "2 attempts")])
def test_attempts_are_counted_in_words(count: int, text: str) -> None:
    assert in_attempts(count) == text


async def test_when_one_has_given_up_the_others_do_not_wait_as_long_again() -> None:
    health = Health()
    retries = Retries(attempts=2, first_delay_s=0)
    first, second = (Patience("x", "reg:5", retries, health, lambda _e: None) for _ in range(2))
    gone = TransientError("refused", unreachable=True)
    await first.wait(gone)
    with pytest.raises(AirgapError, match="after 2 attempts"):
        await first.wait(gone)
    with pytest.raises(AirgapError, match="after 1 attempt:"):
        await second.wait(gone)


@pytest.mark.parametrize("field", ["jobs", "requests", "chunk_bytes"])
def test_limits_are_at_least_one(field: str) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Limits(**{field: 0})
