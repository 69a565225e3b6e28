"""Trying again: what may succeed on repeat, how long to wait, and when to stop."""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from ckf_airgap.concurrency import Deadline
from ckf_airgap.errors import AirgapError, ConnectionFailedError, TransferError
from ckf_airgap.net.limits import Retries


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """A request failed and will be tried again.

    Attributes:
        what: What it was for.
        why: Why it failed.
        attempt: Which attempt failed, counted from 1.
        delay_s: Seconds until the next one.
    """

    what: str
    why: str
    attempt: int
    delay_s: float


OnRetry: TypeAlias = Callable[[Retrying], None]
"""Is notified of each wait before another attempt; called on the event loop."""


def ignore_retry(_retrying: Retrying) -> None:
    """Ignore it."""


class TransientError(Exception):
    """A request failed in a way that may not repeat.

    Args:
        why: The reason, for messages.
        retry_after_s: Seconds that the registry asked to wait.
        unreachable: Whether there was no answer at all.
        kind: The class of the error that it becomes, when trying again did not help.
    """

    def __init__(
        self,
        why: str,
        *,
        retry_after_s: float | None = None,
        unreachable: bool = False,
        kind: type[TransferError] = TransferError,
    ) -> None:
        super().__init__(why)
        self.kind = kind
        self.why = why
        self.retry_after_s = retry_after_s
        self.unreachable = unreachable


@dataclass(slots=True)
class Health:
    """What the requests to one registry know together.

    Attributes:
        given_up: Whether one of them has waited in vain for the registry to come back. Then the
            others do not wait as long again; the first answer clears it.
    """

    given_up: bool = False


class Patience:
    """Counts the attempts at one thing, and waits between them.

    Args:
        what: What is tried, for messages.
        registry: The registry's host.
        retries: How often and when.
        health: The registry's.
        listener: Is notified of each wait.
        deadline: There is no attempt after it.
        final: Makes the error that ends it of the last failure and the number of attempts; the
            errors of registries when omitted.
    """

    def __init__(
        self,
        what: str,
        registry: str,
        retries: Retries,
        health: Health,
        listener: OnRetry,
        *,
        deadline: Deadline | None = None,
        final: Callable[[TransientError, int], AirgapError] | None = None,
    ) -> None:
        self._what = what
        self._registry = registry
        self._retries = retries
        self._health = health
        self._listener = listener
        self._deadline = deadline if deadline is not None else Deadline()
        self._final = final if final is not None else self._of_registry
        self._failures = 0

    def progressed(self) -> None:
        """Reset the count, since something was achieved."""
        self._failures = 0

    async def wait(self, error: TransientError) -> None:
        """Wait before the next attempt.

        Raises:
            AirgapError: when there is none: the attempts or the time are used up, or the registry
                is known to be away.
        """
        self._failures += 1
        known_away = error.unreachable and self._health.given_up
        if known_away or self._failures >= self._retries.attempts:
            self._health.given_up = self._health.given_up or error.unreachable
            raise self._final(error, self._failures) from error
        delay = self._retries.delay_s(self._failures, error.retry_after_s)
        left_s = self._deadline.left_s()
        if left_s is not None and left_s <= delay:
            raise self._final(error, self._failures) from error
        self._listener(
            Retrying(what=self._what, why=error.why, attempt=self._failures, delay_s=delay)
        )
        await asyncio.sleep(delay)

    def _of_registry(self, error: TransientError, failures: int) -> TransferError:
        attempts = in_attempts(failures)
        if error.unreachable:
            return ConnectionFailedError(
                f"{self._registry} could not be reached for {self._what} after {attempts}:"
                f" {error.why}",
                fix="Check the address, network and proxy; then run the same command again.",
            )
        return error.kind(
            f"{self._registry} failed at {self._what} after {attempts}: {error.why}",
            fix="Run the same command again later; it moves only what is missing.",
        )


def in_attempts(count: int) -> str:
    """Return a number of attempts for a message: ``1 attempt``, ``2 attempts``."""
    return f"{count} attempt" if count == 1 else f"{count} attempts"


def retry_after_s(header: str | None) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for: a number or a date."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(header).timestamp()
    except (ValueError, OverflowError):  # there is no such year
        return None
    return max(0.0, moment - time.time())
