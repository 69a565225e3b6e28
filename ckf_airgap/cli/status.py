"""``ckf-airgap status``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import click

import ckf_airgap
from ckf_airgap.cli.options import json_option, verbosity_options
from ckf_airgap.cli.targets import juju_options
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.cli.wording import duration
from ckf_airgap.errors import InterruptedRunError, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ckf_airgap import ConnectionNotice, JujuTarget, ModelSnapshot

SCHEMA: Final = "ckf-airgap/status/v1"
CHANGE_SCHEMA: Final = "ckf-airgap/status-change/v1"


@click.command(
    "status",
    epilog="""\b
Examples:
  ckf-airgap status
  ckf-airgap status --model kubeflow --watch
""",
)
@juju_options
@click.option(
    "--watch", "follow", is_flag=True, help="Keep running, and show changes until stopped."
)
@click.option(
    "--snapshots",
    is_flag=True,
    help="With --watch --json: the whole model at each change, not only what changed.",
)
@json_option
@verbosity_options
def command(target: JujuTarget, follow: bool, snapshots: bool) -> None:
    """Show the applications and units of a model.

    Each application has the status of its worst unit. With --watch a terminal is redrawn; elsewhere
    there is one line for each change. With --json that is one document: the first has the whole
    model, each other one an application, a unit or a relation that has changed.
    """
    from ckf_airgap.cli.modelview import describe_counts
    from ckf_airgap.cli.reports import standing, status_document
    from ckf_airgap.cli.runner import run

    terminal = Terminal.current()
    if snapshots and not (follow and terminal.json):
        raise UsageError(
            "--snapshots says what --watch --json prints, which is not asked for",
            fix="Add --watch --json, or leave --snapshots out.",
        )
    if not follow:
        snapshot = run(ckf_airgap.read_model(target))
        terminal.result(standing(snapshot), document=status_document(SCHEMA, snapshot))
        terminal.note(describe_counts(snapshot))
        return
    view = _view(terminal, snapshots=snapshots)
    try:
        run(view.follow(target))
    except InterruptedRunError as stopped:
        terminal.note(stopped.message)


def _view(terminal: Terminal, *, snapshots: bool) -> _Lines:
    if terminal.json:
        return _Snapshots(terminal) if snapshots else _Documents(terminal)
    return _Screen(terminal) if terminal.out.is_terminal else _Lines(terminal)


class _Lines:
    """Shows a model that is followed: a line for each change."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._before: ModelSnapshot | None = None
        self._is_lost = False

    async def follow(self, target: JujuTarget) -> None:
        """Show the model until it is gone or somebody stops it."""
        async for snapshot in ckf_airgap.watch_model(
            target, on_notice=self.on_notice, on_silence=self.on_silence
        ):
            self.show(snapshot)
            self._before = snapshot

    def show(self, snapshot: ModelSnapshot) -> None:
        """Show what is new in a model."""
        for change in ckf_airgap.changes_between(self._before, snapshot):
            self._terminal.print(str(change))

    def on_notice(self, notice: ConnectionNotice) -> None:
        """Say that the connection was lost, or is back."""
        self._is_lost = not notice.is_back
        (self._terminal.note if notice.is_back else self._terminal.warn)(notice.text)

    def on_silence(self, since: float | None) -> None:
        """Say that the controller no longer answers, or does again."""
        if since is None:
            self._terminal.note("the controller answers again")
        elif not self._is_lost:
            self._terminal.warn(
                f"the controller no longer answers; the last state is {_age(since)} old"
            )


class _Documents(_Lines):
    """Prints a document for each change."""

    def show(self, snapshot: ModelSnapshot) -> None:
        """See `_Lines.show`."""
        for change in ckf_airgap.change_documents(self._before, snapshot):
            self._terminal.document({"schema": CHANGE_SCHEMA, **change}, one_line=True)

    def on_silence(self, since: float | None) -> None:
        """See `_Lines.on_silence`."""
        super().on_silence(since)
        value: dict[str, object] = {"answers": since is None}
        if since is not None:
            value["silent-s"] = round(time.monotonic() - since, 3)
        document = {"schema": CHANGE_SCHEMA, "change": "controller", "value": value}
        self._terminal.document(document, one_line=True)


class _Snapshots(_Lines):
    """Prints a document with the whole model whenever it has changed."""

    def show(self, snapshot: ModelSnapshot) -> None:
        """See `_Lines.show`."""
        from ckf_airgap.cli.reports import status_document

        self._terminal.document(status_document(SCHEMA, snapshot), one_line=True)


class _Screen(_Lines):
    """Draws the model on the whole terminal."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(terminal)
        self._snapshot: ModelSnapshot | None = None
        self._silent_since: float | None = None

    async def follow(self, target: JujuTarget) -> None:
        """See `_Lines.follow`."""
        from rich.live import Live

        with Live(
            console=self._terminal.out,
            screen=True,
            vertical_overflow="crop",
            refresh_per_second=2,
            get_renderable=self._draw,
        ):
            await super().follow(target)

    def show(self, snapshot: ModelSnapshot) -> None:
        """See `_Lines.show`."""
        self._snapshot = snapshot

    def on_notice(self, notice: ConnectionNotice) -> None:
        """Show nothing: `on_silence` does."""

    def on_silence(self, since: float | None) -> None:
        """See `_Lines.on_silence`."""
        self._silent_since = since

    def _draw(self) -> RenderableType:
        from rich.console import Group

        from ckf_airgap.cli.modelview import describe_counts
        from ckf_airgap.cli.reports import standing
        from ckf_airgap.cli.safetext import line

        if self._snapshot is None:
            return "connecting"
        parts: list[RenderableType] = [
            line(f"{self._snapshot.model}: {describe_counts(self._snapshot)}")
        ]
        if self._silent_since is not None:
            age = _age(self._silent_since)
            parts.append(line(f"as of {age} ago: the controller no longer answers", "bold red"))
        return Group(*parts, standing(self._snapshot))


def _age(since: float) -> str:
    return duration(max(time.monotonic() - since, 0.0))
