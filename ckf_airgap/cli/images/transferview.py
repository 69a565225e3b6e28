"""How a transfer is shown while it runs, and what is reported when it ends."""

from __future__ import annotations

import shlex
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final, final

from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ckf_airgap.cli.liveview import BAR_WIDTH, LiveView
from ckf_airgap.cli.runner import run
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.cli.wording import duration, plural, size_text
from ckf_airgap.errors import ImagesFailedError, InterruptedRunError, Problem
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.net.patience import Retrying
from ckf_airgap.operations.imagesettings import TransferReport, TransferSettings
from ckf_airgap.transfer.events import (
    BlobDone,
    BlobsPlanned,
    BlobWay,
    BytesMoved,
    ImageDone,
    ImageResult,
    ImagesPlanned,
    ImageStatus,
    TransferEvent,
)
from ckf_airgap.transfer.oci import Digest

SCHEMA: Final = "ckf-airgap/transfer/v1"

_LEAST_BAR_WIDTH: Final = 8
_WINDOW_S: Final = 10.0
"""Seconds that the rate is taken over."""


_MAX_ONLY: Final = 10
"""Images that the command for the rest names one by one."""

Operation = Callable[[TransferSettings], Coroutine[Any, Any, TransferReport]]


def carry(
    terminal: Terminal, settings: TransferSettings, title: str, done: str, operation: Operation
) -> TransferReport:
    """Run a transfer, show it, and print what became of it.

    Args:
        terminal: Where to show it.
        settings: How images are moved; it gets the view as its listener.
        title: What is being done, such as ``pushing``.
        done: What was done, such as ``pushed``.
        operation: Does it.

    Raises:
        ImagesFailedError: when an image failed.
        InterruptedRunError: when it was stopped; what was transferred is kept.
    """
    with TransferView(terminal, title, done) as view:
        try:
            report = run(operation(replace(settings, listener=view.listen)), on_stop=view.on_stop)
        except InterruptedRunError as exc:
            raise InterruptedRunError(
                f"{exc.message}; {plural(view.images, 'image')} done; what was transferred is kept",
                fix="Run the same command again: it moves only what is missing.",
            ) from None
    document = _document(report)
    if report.failed:
        raise ImagesFailedError(
            f"{len(report.failed)} of {plural(len(report.results), 'image')} could not be {done}",
            problems=[_problem(result) for result in report.failed],
            fix=f"{_sum(report, done)}. For the rest{_rest(report, done)}",
            report=document,
        )
    if terminal.json:
        terminal.document(document)
    else:
        terminal.note(_sum(report, done))
    return report


@final
class TransferView(LiveView):
    """Shows a transfer; use it as ``with``.

    Args:
        terminal: Where to show it; with ``-q`` failures only.
        title: What is being done.
        done: What was done to an image.

    Attributes:
        images: How many images are done.
    """

    def __init__(self, terminal: Terminal, title: str, done: str) -> None:
        super().__init__(terminal)
        self.images = 0
        self._listed = 0
        self._title = title
        self._done = done
        self._failed = 0
        self._told: set[str] = set()
        self._planned = 0
        self._settled = 0
        self._moved: dict[Digest, int] = {}
        self._samples: deque[tuple[float, int]] = deque()
        self._sent = 0
        self._stopping = ""

    def on_stop(self, name: str) -> None:
        """Say that a signal arrived."""
        super().on_stop(name)
        self._stopping = ", cleaning up"

    def listen(self, event: TransferEvent) -> None:
        """Handle an event of the transfer."""
        if isinstance(event, ImagesPlanned):
            self._listed += event.count
        elif isinstance(event, BlobsPlanned):
            self._planned += event.size
        elif isinstance(event, BytesMoved):
            self._sent += event.count
            self._settled += event.count
            self._moved[event.digest] = self._moved.get(event.digest, 0) + event.count
            self._sample()
        elif isinstance(event, BlobDone):
            before = self._moved.pop(event.descriptor.digest, 0)
            self._settled += max(event.descriptor.size - before, 0)
            if event.way is not BlobWay.COPIED and self._terminal.verbosity > 0:
                self._terminal.note(f"{event.way.value}: {event.descriptor.digest}")
        elif isinstance(event, ImageDone):
            self._image(event.result)
        elif isinstance(event, Retrying):
            self._terminal.note(
                f"{event.what}: {event.why}; trying again in {event.delay_s:.1f} s", style="yellow"
            )
        if self.is_line_due():
            self._terminal.note(f"{self._title}: {self._figures()}")

    def _image(self, result: ImageResult) -> None:
        self.images += 1
        if result.status is ImageStatus.FAILED:
            self._failed += 1
            why = result.error.message if result.error is not None else "failed"
            if why not in self._told or self._terminal.verbosity > 0:
                self._terminal.warn(f"{result.target}: {why}")
            self._told.add(why)  # all images that it happens to are named at the end
            return
        where = "" if result.source == result.target else f" to {result.target}"
        if result.status is ImageStatus.PRESENT:
            if self._terminal.verbosity > 0:
                self._terminal.note(f"{result.source}{where}: was already there")
        else:
            size = f" ({size_text(result.bytes_sent)})" if result.bytes_sent else ""
            self._terminal.note(f"{self._done} {result.source}{where}{size}")
        for note in result.notes:
            if self._terminal.verbosity > 0 or "instead of" in note:
                self._terminal.note(f"  {note}", style="dim")

    def _sample(self) -> None:
        now = time.monotonic()
        if not self._samples or now - self._samples[-1][0] >= 0.1:
            self._samples.append((now, self._sent))
        while len(self._samples) > 2 and now - self._samples[0][0] > _WINDOW_S:
            self._samples.popleft()

    def _rate(self) -> float:
        """Return the bytes of a second, over the last ten."""
        if not self._samples:
            return 0.0
        begin, before = self._samples[0]
        return (self._sent - before) / max(time.monotonic() - begin, 0.1)

    def _figures(self) -> str:
        done, total = min(self._settled, self._planned), self._planned
        text = f"{self.images} of {plural(self._listed, 'image')}" if self._listed else ""
        if self._failed:
            text += f" ({self._failed} failed)"
        if total:
            text += f", {size_text(done)} of {size_text(total)}"
        rate = self._rate()
        if rate > 0:
            text += f", {size_text(rate)}/s, {duration((total - done) / rate)} left"
        return text

    def _draw(self) -> RenderableType:
        title, figures = Text(self._title + self._stopping), Text(self._figures())
        # Nothing but whole images is counted where no bytes are moved.
        total, done = (
            (self._planned, self._settled) if self._planned else (self._listed, self.images)
        )
        room = self._terminal.err.width - len(title) - len(figures) - 4
        row = Table.grid(padding=(0, 1))
        row.add_column()
        row.add_column(no_wrap=True)
        cells: list[RenderableType] = [self._spinner, title]
        if room >= _LEAST_BAR_WIDTH:
            row.add_column()
            width = min(room, BAR_WIDTH)
            cells.append(ProgressBar(total=max(total, 1), completed=min(done, total), width=width))
        row.add_column(no_wrap=True, overflow="ellipsis")
        row.add_row(*cells, figures)
        return row


def _sum(report: TransferReport, done: str) -> str:
    present = report.count(ImageStatus.PRESENT)
    if done == "verified":
        hosts = {ImageReference.parse(one.target).canonical().registry for one in report.results}
        parts = [f"{plural(present, 'image')} verified in {', '.join(sorted(map(str, hosts)))}"]
    else:
        moved = size_text(report.bytes_moved)
        parts = [f"{plural(report.count(ImageStatus.COPIED), 'image')} {done} ({moved})"]
        parts += [f"{present} were already there"] if present else []
    if report.failed:
        parts.append(f"{len(report.failed)} failed")
    text = ", ".join(parts) + f", in {duration(report.seconds)}"
    if report.archive is not None:
        text += f"; {report.archive.path} has {size_text(report.archive.size)}"
        if report.archive.unused:
            text += f", {size_text(report.archive.unused)} of it no longer needed"
    return text


def _problem(result: ImageResult) -> Problem:
    error = result.error
    if error is None:
        return Problem("failed", result.target)
    details = "; ".join(str(problem) for problem in error.problems[:5])
    return Problem(
        f"{error.message}: {details}" if details else error.message, result.target, error.fix
    )


def _rest(report: TransferReport, done: str) -> str:
    """Return the command that does only what failed, last on its line so that it can be copied."""
    words = ["ckf-airgap", *sys.argv[1:]]
    # An archive is whole or none; tagging is over at once, whatever it does again.
    whole = done in ("saved", "tagged")
    if not whole and len(report.failed) <= _MAX_ONLY and "--only" not in words:
        for source in dict.fromkeys(result.source for result in report.failed):
            words += ["--only", source]
        return f": {shlex.join(words)}"
    hint = "" if done == "verified" else " (it moves only what is missing)"
    return f"{hint}: {shlex.join(words)}"


def _document(report: TransferReport) -> dict[str, object]:
    archive = report.archive
    return {
        "schema": SCHEMA,
        "images": [
            {
                "source": result.source,
                "target": result.target,
                "digest": str(result.digest) if result.digest is not None else None,
                "status": result.status.value,
                "bytes": result.bytes_sent,
                "error": None if result.error is None else result.error.message,
                "notes": list(result.notes),
            }
            for result in report.results
        ],
        "copied": report.count(ImageStatus.COPIED),
        "present": report.count(ImageStatus.PRESENT),
        "failed": report.count(ImageStatus.FAILED),
        "bytes": report.bytes_moved,
        "seconds": round(report.seconds, 3),
        "archive": None
        if archive is None
        else {
            "path": str(archive.path),
            "size": archive.size,
            "images": archive.images,
            "unused": archive.unused,
            "changed": archive.changed,
        },
    }
