"""Runs an asynchronous operation so that Ctrl-C and SIGTERM cancel it and it can clean up."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Coroutine, Mapping
from types import FrameType
from typing import Any, Final, TypeAlias, TypeVar

from ckf_airgap.cli import signals
from ckf_airgap.errors import InterruptedRunError

_T = TypeVar("_T")

_Handler: TypeAlias = "Callable[[int, FrameType | None], Any] | int | signal.Handlers | None"

_SIGNALS: Final = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


def run(operation: Coroutine[Any, Any, _T], *, on_stop: Callable[[str], None] | None = None) -> _T:
    """Run `operation` to its end and return its result.

    The first SIGINT or SIGTERM cancels it and waits until it has cleaned up; a second one does not
    wait.

    Args:
        operation: What to run; it gets a new event loop.
        on_stop: Called with the signal's name when the first one arrives, before the clean-up.

    Raises:
        InterruptedRunError: when a signal stopped it.
    """
    import asyncio

    received: list[str] = []
    try:
        return asyncio.run(_supervised(operation, on_stop, received))
    except KeyboardInterrupt:
        last = received[-1] if received else _SIGNALS[signal.SIGINT]
        raise InterruptedRunError(f"stopped by {last}, without cleaning up") from None


async def _supervised(
    operation: Coroutine[Any, Any, _T],
    on_stop: Callable[[str], None] | None,
    received: list[str],
) -> _T:
    import asyncio

    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(operation)

    def stop() -> None:
        if on_stop is not None:
            on_stop(received[0])
        task.cancel()

    def handle(number: int, _frame: object) -> None:
        # Python's own handlers, since exchanging those of the loop leaves a moment without any.
        received.append(_SIGNALS[signal.Signals(number)])
        if len(received) > 1:
            raise KeyboardInterrupt
        loop.call_soon_threadsafe(stop)

    before = _set_handlers(dict.fromkeys(_SIGNALS, handle))
    signals.begun()
    try:
        return await task
    except asyncio.CancelledError:
        if not received:
            task.cancel()
            raise
        raise InterruptedRunError(f"stopped by {received[0]}") from None
    finally:
        _set_handlers(before)


def _set_handlers(handlers: Mapping[signal.Signals, _Handler]) -> dict[signal.Signals, _Handler]:
    """Set what signals do, and return what they did before; nothing outside of the main thread."""
    before: dict[signal.Signals, _Handler] = {}
    for number, handler in handlers.items():
        with contextlib.suppress(ValueError):
            before[number] = signal.signal(number, handler)
    return before
