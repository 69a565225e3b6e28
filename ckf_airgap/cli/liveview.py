"""What all views of running work have in common: drawn on a terminal, in lines elsewhere."""

from __future__ import annotations

import abc
import time
from types import TracebackType
from typing import Final, TypeVar

from rich.console import RenderableType
from rich.live import Live
from rich.spinner import Spinner

from ckf_airgap.cli.terminal import Terminal

BAR_WIDTH: Final = 30
"""Columns of a progress bar, where there is room."""

_LINE_S: Final = 15.0
"""Seconds between two lines of progress where nothing can be redrawn."""

_V = TypeVar("_V", bound="LiveView")


class LiveView(abc.ABC):
    """Shows work while it runs; use it as ``with``.

    Args:
        terminal: Where to show it.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._spinner = Spinner("dots")
        self._live: Live | None = None
        self._last_line = time.monotonic()

    def __enter__(self: _V) -> _V:  # noqa: PYI019 - Python 3.10 has no Self
        """Begin to draw."""
        if self._terminal.is_live:
            self._live = Live(
                console=self._terminal.err,
                get_renderable=self._draw,
                refresh_per_second=8,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove what was drawn."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def on_stop(self, name: str) -> None:
        """Say that a signal arrived."""
        self._terminal.stopping(name)

    @property
    def is_drawn(self) -> bool:
        """Whether it is being drawn, so that lines of progress are unnecessary."""
        return self._live is not None

    def is_line_due(self) -> bool:
        """Whether nothing is drawn and no line of progress was printed for a while."""
        if self.is_drawn or time.monotonic() - self._last_line < _LINE_S:
            return False
        self._last_line = time.monotonic()
        return True

    @abc.abstractmethod
    def _draw(self) -> RenderableType:
        """Return what to show now."""
