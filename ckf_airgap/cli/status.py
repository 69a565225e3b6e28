"""``ckf-airgap status``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

import ckf_airgap
from ckf_airgap.cli.options import json_option, verbosity_options
from ckf_airgap.cli.targets import juju_options
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.errors import InterruptedRunError

if TYPE_CHECKING:
    from ckf_airgap import ConnectionNotice, JujuTarget, ModelSnapshot

SCHEMA: Final = "ckf-airgap/status/v1"


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
@json_option
@verbosity_options
def command(target: JujuTarget, follow: bool) -> None:
    """Show the applications and units of a model.

    Each application has the status of its worst unit. With --watch a terminal is redrawn; elsewhere
    there is one line (with --json one document on a line) for each change.
    """
    from ckf_airgap.cli.modelview import describe_counts
    from ckf_airgap.cli.reports import standing, status_document
    from ckf_airgap.cli.runner import run

    terminal = Terminal.current()
    if not follow:
        snapshot = run(ckf_airgap.read_model(target))
        terminal.result(standing(snapshot), document=status_document(SCHEMA, snapshot))
        terminal.note(describe_counts(snapshot))
        return
    try:
        run(_follow(target, terminal))
    except InterruptedRunError as stopped:
        terminal.note(stopped.message)


async def _follow(target: JujuTarget, terminal: Terminal) -> None:
    from rich.console import Group
    from rich.live import Live

    from ckf_airgap.cli.modelview import describe_counts
    from ckf_airgap.cli.reports import standing, status_document

    def tell(notice: ConnectionNotice) -> None:
        (terminal.note if notice.is_back else terminal.warn)(notice.text)

    if terminal.json or not terminal.out.is_terminal:
        before: ModelSnapshot | None = None
        async for snapshot in ckf_airgap.watch_model(target, on_notice=tell):
            if terminal.json:
                terminal.document(status_document(SCHEMA, snapshot), one_line=True)
            else:
                for change in ckf_airgap.changes_between(before, snapshot):
                    terminal.print(str(change))
            before = snapshot
        return
    with Live(console=terminal.out, screen=True, vertical_overflow="crop") as live:
        async for snapshot in ckf_airgap.watch_model(target):
            live.update(Group(f"{snapshot.model}: {describe_counts(snapshot)}", standing(snapshot)))
