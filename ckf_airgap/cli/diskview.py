"""Long work on the disk: its progress is shown now and then, and Ctrl-C ends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar, final

from ckf_airgap.cli.runner import run
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.cli.wording import size_text
from ckf_airgap.concurrency import in_thread
from ckf_airgap.errors import InterruptedRunError

_T = TypeVar("_T")

_LINE_S: Final = 5.0
"""Seconds between two lines of progress."""


@final
class DiskView:
    """Watches work in a thread.

    Args:
        terminal: Where to show it.
        title: What is being done.
    """

    def __init__(self, terminal: Terminal, title: str) -> None:
        self._terminal = terminal
        self._title = title
        self._stopped = threading.Event()
        self._moved = 0
        self._last_line = time.monotonic()

    def watch(self, count: int) -> None:
        """Count bytes that were read or written; called in the thread.

        Raises:
            InterruptedRunError: when the work has to end.
        """
        if self._stopped.is_set():
            raise InterruptedRunError("stopped")
        self._moved += count
        if time.monotonic() - self._last_line >= _LINE_S:
            self._last_line = time.monotonic()
            self._terminal.note(f"{self._title}: {size_text(self._moved)}")

    def stop(self) -> None:
        """End the work at its next step."""
        self._stopped.set()

    def on_stop(self, name: str) -> None:
        """Say that a signal arrived, and end the work."""
        self._terminal.stopping(name)
        self.stop()


def run_on_disk(terminal: Terminal, title: str, work: Callable[[DiskView], _T]) -> _T:
    """Run blocking work in a thread that Ctrl-C ends, and return its result.

    Args:
        terminal: Where to show it.
        title: What is being done, such as ``verifying``.
        work: The work; it has to call `DiskView.watch` now and then.
    """
    view = DiskView(terminal, title)
    return run(in_thread(work, view), on_stop=view.on_stop)
