"""How a download of charms is shown while it runs."""

from __future__ import annotations

from typing import final

from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ckf_airgap.charmhub.download import CharmBytes, CharmDone, CharmEvent, CharmsPlanned
from ckf_airgap.cli.liveview import BAR_WIDTH, LiveView
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.cli.wording import size_text
from ckf_airgap.net.patience import Retrying
from ckf_airgap.transfer.events import TransferEvent


@final
class DownloadView(LiveView):
    """Shows a download; use it as ``with``.

    Args:
        terminal: Where to show it.

    Attributes:
        done: How many charms are there.
    """

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(terminal)
        self.done = 0
        self._count = 0
        self._size = 0
        self._moved = 0

    def listen(self, event: CharmEvent) -> None:
        """Handle an event of the download."""
        if isinstance(event, CharmsPlanned):
            self._count, self._size = event.count, event.size
        elif isinstance(event, CharmBytes):
            self._moved += event.count
        elif isinstance(event, CharmDone):
            self._finished(event)
        if self.is_line_due():
            self._terminal.note(f"fetching charms: {self._figures()}")

    def retrying(self, event: TransferEvent) -> None:
        """Say that something is being retried."""
        if isinstance(event, Retrying):
            self._terminal.note(
                f"{event.what}: {event.why}; trying again in {event.delay_s:.1f} s", style="yellow"
            )

    def _finished(self, event: CharmDone) -> None:
        self.done += 1
        one = event.fetched
        if one.was_there:
            if self._terminal.verbosity > 0:
                self._terminal.note(f"{one.path.name} was already there")
            return
        continued = f", continued after {size_text(one.resumed)}" if one.resumed else ""
        self._terminal.note(f"fetched {one.path.name} ({size_text(one.size)}{continued})")

    def _figures(self) -> str:
        moved = size_text(min(self._moved, self._size))
        return f"{moved} of {size_text(self._size)}, {self.done} of {self._count} charms"

    def _draw(self) -> RenderableType:
        total = max(self._size, 1)
        row = Table.grid(padding=(0, 1))
        row.add_row(
            self._spinner,
            Text("fetching charms"),
            ProgressBar(total=total, completed=min(self._moved, total), width=BAR_WIDTH),
            Text(self._figures()),
        )
        return row
