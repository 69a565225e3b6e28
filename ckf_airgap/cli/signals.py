"""What SIGTERM does outside of an event loop, from the first line of the program to its last.

The program imports this before all else, so that it may import nothing that takes time. While an
operation runs, `ckf_airgap.cli.runner` has the signal.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType
from typing import Final, NoReturn

INTERRUPTED: Final = 130
"""The exit code."""

_NOTHING: Final = "stopped by SIGTERM; nothing was changed"
_STOPPED: Final = "stopped by SIGTERM"
_has_begun = False


def watch() -> None:
    """Have SIGTERM end the program with a message and `INTERRUPTED`, from now on."""
    with contextlib.suppress(ValueError):  # not the main thread, which gets all signals
        signal.signal(signal.SIGTERM, _stop)


def begun() -> None:
    """Note that from now on something may have been changed."""
    global _has_begun  # noqa: PLW0603 - there is one process
    _has_begun = True


def failed() -> None:
    """Have SIGTERM end the process at once from now on: it only says why it failed.

    Nothing happens without `watch` before: then the process is somebody else's.
    """
    if signal.getsignal(signal.SIGTERM) is _stop:
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGTERM, _leave)


def ended() -> None:
    """Ignore SIGTERM from now on: all is done and said, and the process has its exit code."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """End the process while nothing has been begun, later whatever reports what was done."""
    if not _has_begun:
        # At once, for an exception may get lost in whatever is being imported.
        _leave(number, frame, _NOTHING)
    from ckf_airgap.errors import InterruptedRunError

    raise InterruptedRunError(f"{_STOPPED} while the result was reported")


def _leave(_number: int, _frame: FrameType | None, text: str = _STOPPED) -> NoReturn:
    with contextlib.suppress(OSError):
        os.write(2, f"error: {text}\n".encode())
    os._exit(INTERRUPTED)
