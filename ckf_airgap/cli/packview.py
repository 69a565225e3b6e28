"""How the making of a pack is shown while it runs."""

from __future__ import annotations

from typing import final

from ckf_airgap import CharmEvent, PackObserver, TransferEvent
from ckf_airgap.cli.charms.view import DownloadView
from ckf_airgap.cli.diskview import DiskView
from ckf_airgap.cli.images.transferview import TransferView
from ckf_airgap.cli.terminal import Terminal


@final
class PackView(PackObserver):
    """Shows the steps, and the charms and images within them; use it as ``with``."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._charms: DownloadView | None = None
        self._images: TransferView | None = None
        self._disk = DiskView(terminal, "working on the disk")

    def __enter__(self) -> PackView:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._end()

    def on_step(self, text: str) -> None:
        """Show the current step, and draw its progress."""
        self._end()
        self._terminal.note(text)
        if text.startswith("fetching charms"):
            self._charms = DownloadView(self._terminal).__enter__()
        elif text.startswith("saving"):
            self._images = TransferView(self._terminal, "saving", "saved").__enter__()

    def on_charm(self, event: CharmEvent) -> None:
        """Handle an event of the download."""
        if self._charms is not None:
            self._charms.listen(event)

    def on_bytes(self, count: int) -> None:
        """Stop the work of a thread once a signal has arrived."""
        self._disk.watch(count)

    def on_stop(self, name: str) -> None:
        """Say that a signal arrived."""
        self._disk.stop()
        self._terminal.stopping(name)

    def listen(self, event: TransferEvent) -> None:
        """Handle an event of a transfer."""
        if self._images is not None:
            self._images.listen(event)
        elif self._charms is not None:
            self._charms.retrying(event)

    def _end(self) -> None:
        for view in (self._charms, self._images):
            if view is not None:
                view.__exit__(None, None, None)
        self._charms = self._images = None
