"""A connection to a model that is restored whenever it breaks, for as long as there is time."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final

from ckf_airgap.concurrency import Deadline, timeout
from ckf_airgap.errors import ControllerError, ModelDestroyedError, Problem
from ckf_airgap.juju.controller.api import (
    MODEL_NOT_FOUND,
    ConnectionNotice,
    JujuTimeouts,
    OnNotice,
)
from ckf_airgap.juju.controller.login import ControllerLoginError, why_lost
from ckf_airgap.juju.controller.reasons import in_seconds, reason_of

_FIRST_DELAY_S: Final = 0.1
_LONGEST_DELAY_S: Final = 3.0
_AGAIN: Final = "Run the command again when the controller is back; completed steps are skipped."


class Link:
    """Restores a connection that broke, and lets callers wait for it.

    It keeps trying until the deadline of the session, or for `JujuTimeouts.reconnect_s` when there
    is none; a reason that does not pass by itself, such as another certificate, ends it after
    `JujuTimeouts.reconnect_s` in any case.

    Args:
        where: What messages call the controller.
        log_in: Reaches the controller and logs in again.
        limits: How long to try.
        deadline: The session's.
        on_notice: Is told, once for each time, that the connection was lost, and that it is back.
    """

    def __init__(
        self,
        where: str,
        log_in: Callable[[], Awaitable[None]],
        limits: JujuTimeouts,
        deadline: Deadline,
        on_notice: OnNotice,
    ) -> None:
        self._where = where
        self._log_in = log_in
        self._limits = limits
        self._deadline = deadline
        self._on_notice = on_notice
        self._lost_at = 0.0
        self._because = ""
        self._fix = _AGAIN
        self._restored: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self.outages: list[Problem] = []
        """Each time that the connection was lost and restored, as a warning."""

    @property
    def is_open(self) -> bool:
        """Whether the connection can be used."""
        return self._restored is None

    def lost(self, error: Exception) -> None:
        """Restore the connection from now on: it has just broken."""
        if self._restored is not None:
            return  # while it is being restored, which sees that itself
        self._lost_at = time.monotonic()
        self._because, self._fix = reason_of(error), _AGAIN
        self._restored = asyncio.get_running_loop().create_future()
        self._restored.add_done_callback(_retrieved)
        self._task = asyncio.create_task(self._restore(self._restored), name="juju reconnecting")
        self._task.add_done_callback(self._gave_up)

    async def until_open(self, until: float | None = None) -> None:
        """Return as soon as the connection can be used, at once when it has not broken.

        Args:
            until: The monotonic time at which waiting ends; the session's deadline ends it, too.

        Raises:
            ControllerError: with how long the connection has been away, and the last reason why it
                could not be restored.
        """
        while (restored := self._restored) is not None:
            own = Deadline(until)
            left_s = self._deadline.left_s(own.left_s())
            await asyncio.wait([restored], timeout=left_s)
            if not restored.done():
                raise self._error()
            restored.result()

    async def close(self) -> None:
        """Stop trying."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._restored is not None and not self._restored.done():
            self._restored.set_exception(self._error())

    async def _restore(self, restored: asyncio.Future[None]) -> None:
        """Try until it works, or until there is no time left."""
        reason = self._because
        lost = f"the connection to {self._where} was lost"
        self._tell(f"{lost} ({reason}); reconnecting", is_back=False)
        delay_s = _FIRST_DELAY_S
        lasting_since: float | None = None
        while True:
            try:
                async with timeout(self._left_s(lasting_since)):
                    await self._log_in()
            except TimeoutError:
                break
            except ControllerError as exc:
                self._because = why_lost(exc)
                is_lasting = isinstance(exc, ControllerLoginError) and exc.lasting
                if isinstance(exc, ControllerLoginError) and exc.code == MODEL_NOT_FOUND:
                    restored.set_exception(
                        ModelDestroyedError(
                            f"{self._where} has no such model any more: it was destroyed while "
                            "the connection was lost",
                            fix="See which models there are: juju models.",
                        )
                    )
                    return
                self._fix = exc.fix if is_lasting else _AGAIN
                if not is_lasting:
                    lasting_since = None
                elif lasting_since is None:
                    lasting_since = time.monotonic()
            else:
                self._restored = None
                took = in_seconds(time.monotonic() - self._lost_at)
                self.outages.append(Problem(f"{lost} for {took} ({reason}), and restored"))
                self._tell(f"the connection to {self._where} is back after {took}", is_back=True)
                restored.set_result(None)
                return
            left_s = self._left_s(lasting_since)
            if left_s <= 0:
                break
            await asyncio.sleep(min(delay_s * random.uniform(0.75, 1.25), left_s))  # noqa: S311
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)
        restored.set_exception(self._error())

    def _gave_up(self, task: asyncio.Task[None]) -> None:
        """Hand what ended the attempts, such as a listener that failed, to whoever waits."""
        error = None if task.cancelled() else task.exception()
        if error is not None and self._restored is not None and not self._restored.done():
            self._restored.set_exception(error)

    def _left_s(self, lasting_since: float | None) -> float:
        """Return for how many more seconds to try."""
        patience_s = self._limits.reconnect_s
        if self._deadline.until is None:
            left = self._lost_at + patience_s - time.monotonic()
        else:
            left = self._deadline.until - time.monotonic()
        if lasting_since is not None:
            left = min(left, lasting_since + patience_s - time.monotonic())
        return left

    def _tell(self, text: str, *, is_back: bool) -> None:
        self._on_notice(ConnectionNotice(text=text, is_back=is_back))

    def _error(self) -> ControllerError:
        took_s = time.monotonic() - self._lost_at
        return ControllerError(
            f"the connection to {self._where} was lost and could not be restored within "
            f"{in_seconds(took_s)}: {self._because}",
            fix=self._fix,
        )


def _retrieved(future: asyncio.Future[None]) -> None:
    """Mark the error as retrieved: perhaps nobody waits."""
    if not future.cancelled():
        future.exception()
