"""``ckf-airgap charms list``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

import ckf_airgap
from ckf_airgap.cli.charms.options import charm_options
from ckf_airgap.cli.options import UserPath, json_option, verbosity_options
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.cli.wording import size_text
from ckf_airgap.errors import ExitCode
from ckf_airgap.facts.defaults import DEFAULT_CHARMS

if TYPE_CHECKING:
    from pathlib import Path

    from ckf_airgap import CharmSources

SCHEMA: Final = "ckf-airgap/charms-list/v1"


@click.command(
    "list",
    epilog="""\b
Example:
  ckf-airgap charms list 1.11 --charms ~/charms
""",
)
@charm_options()
@click.option(
    "--charms",
    type=UserPath("directory"),
    envvar="CKF_AIRGAP_CHARMS",
    show_envvar=True,
    default=str(DEFAULT_CHARMS),
    show_default=True,
    metavar="DIR",
    help="The .charm files.",
)
@json_option
@verbosity_options
def list_command(sources: CharmSources, charms: Path) -> None:
    """Compare the charm files with what a bundle asks for.

    Works offline: the current revision of a channel is not looked up. With --lock, revisions and
    checksums are compared. Ends with exit code 4 when a file is missing, with 3 when one is damaged
    or differs from the lock.
    """
    from ckf_airgap.cli.runner import run
    from ckf_airgap.cli.tables import plain_table

    terminal = Terminal.current()
    listing = run(ckf_airgap.list_charms(sources, charms))
    lines = listing.charms
    for warning in listing.warnings:
        terminal.warn(str(warning))
    table = plain_table("charm", "asked for", ">revision", ">size", "state", "file")
    for line in lines:
        table.add_row(
            line.name,
            line.asked,
            "" if line.revision is None else str(line.revision),
            size_text(line.size) if line.size else "",
            line.state,
            line.file,
        )
    terminal.result(
        table,
        document={
            "schema": SCHEMA,
            "directory": str(charms),
            "charms": [
                {
                    "name": line.name,
                    "state": line.state,
                    "asked": line.asked,
                    "revision": line.revision,
                    "size": line.size,
                    "file": line.file,
                    "note": line.note,
                }
                for line in lines
            ],
            "warnings": [warning.to_json() for warning in listing.warnings],
        },
    )
    for line in lines:
        if line.note:
            terminal.warn(f"{line.file}: {line.note}")
    damaged = sum(line.state == "damaged" for line in lines)
    missing = sum(line.state == "missing" for line in lines)
    if damaged:
        terminal.fail(f"{damaged} charm files are damaged or differ from the lock", ExitCode.INPUT)
    if missing:
        terminal.fail(f"{missing} charms are missing in {charms}", ExitCode.MISSING)
    terminal.note(f"all {sum(line.state == 'present' for line in lines)} charms are there")
