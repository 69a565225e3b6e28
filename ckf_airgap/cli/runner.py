"""Runs an asynchronous operation so that Ctrl-C and SIGTERM cancel it and it can clean up."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from ckf_airgap.errors import InterruptedRunError

_T = TypeVar("_T")

_SIGNALS: Final = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


def run(operation: Coroutine[Any, Any, _T], *, on_stop: Callable[[str], None] | None = None) -> _T:
    """Run `operation` to its end and return its result.

    The first SIGINT or SIGTERM cancels it and waits until it has cleaned up; a second one ends the
    process at once.

    Args:
        operation: What to run; it gets a new event loop.
        on_stop: Called with the signal's name when the first one arrives, before the clean-up.

    Raises:
        InterruptedRunError: when a signal stopped it.
    """
    import asyncio

    try:
        return asyncio.run(_supervised(operation, on_stop))
    except KeyboardInterrupt:
        raise InterruptedRunError("stopped by Ctrl-C, without cleaning up") from None


async def _supervised(
    operation: Coroutine[Any, Any, _T], on_stop: Callable[[str], None] | None
) -> _T:
    import asyncio

    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(operation)
    received: list[str] = []

    def restore() -> None:
        for number in _SIGNALS:
            # ValueError: not the main thread, where no handler was set either.
            with contextlib.suppress(ValueError, RuntimeError):
                loop.remove_signal_handler(number)

    def stop(number: signal.Signals) -> None:
        restore()
        received.append(_SIGNALS[number])
        if on_stop is not None:
            on_stop(received[0])
        task.cancel()

    for number in _SIGNALS:
        with contextlib.suppress(ValueError, RuntimeError):
            loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not received:
            task.cancel()
            raise
        raise InterruptedRunError(f"stopped by {received[0]}") from None
    finally:
        restore()
