"""``ckf-airgap charms download``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click

import ckf_airgap
from ckf_airgap.cli.charms.options import charm_options, store_options
from ckf_airgap.cli.options import UserPath, json_option, verbosity_options
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.cli.wording import size_text
from ckf_airgap.errors import InterruptedRunError

if TYPE_CHECKING:
    from pathlib import Path

    from ckf_airgap import CharmSources, DownloadedCharms, StoreOptions
    from ckf_airgap.cli.charms.view import DownloadView

SCHEMA: Final = "ckf-airgap/charms-download/v1"


@click.command(
    "download",
    epilog="""\b
Examples:
  ckf-airgap charms download 1.11 -d charms
  ckf-airgap charms download 1.11 --charm resource-dispatcher --channel 2.0/stable
""",
)
@charm_options()
@click.option(
    "-d",
    "--directory",
    type=UserPath("directory"),
    default="charms",
    show_default=True,
    metavar="DIR",
    help="Where the files go.",
)
@click.option(
    "--write-lock",
    type=UserPath(),
    metavar="FILE",
    help="Record the fetched revisions, for --lock.",
)
@store_options
@click.option(
    "--jobs",
    type=click.IntRange(1, 32),
    default=4,
    show_default=True,
    help="How many files to fetch at the same time.",
)
@json_option
@verbosity_options
def download_command(
    sources: CharmSources,
    directory: Path,
    write_lock: Path | None,
    store: StoreOptions,
    jobs: int,
) -> None:
    """Fetch the charms of a bundle from the store.

    Each charm is looked up in its channel, fetched once as NAME_rREVISION.charm, and compared with
    the checksum of the store. What is there and intact is not fetched again; what an earlier run
    left unfinished is continued.
    """
    from ckf_airgap.cli.charms.view import DownloadView
    from ckf_airgap.cli.runner import run
    from ckf_airgap.concurrency import in_thread
    from ckf_airgap.files import write_text

    terminal = Terminal.current()
    sources = replace(sources, store=store, jobs=jobs)

    async def download(view: DownloadView) -> DownloadedCharms:
        collected = await ckf_airgap.download_charms(
            sources, directory, listener=view.listen, retrying=view.retrying
        )
        if write_lock is not None:
            await in_thread(write_text, write_lock, collected.lock.to_text())
        return collected

    with DownloadView(terminal) as view:
        try:
            collected = run(download(view), on_stop=view.on_stop)
        except InterruptedRunError as exc:
            raise InterruptedRunError(
                f"{exc.message}; {view.done} charms are here, and what was fetched is kept",
                fix="Run the same command again: it fetches only what is missing.",
            ) from None
    for warning in collected.warnings:
        terminal.warn(str(warning))
    for path in collected.surplus:
        terminal.warn(
            f"{path} was not requested; of several revisions of a charm the highest is deployed"
        )
    if terminal.json:
        terminal.document(_document(collected))
    size = sum(one.size for one in collected.charms)
    terminal.note(
        f"{len(collected.charms)} charms ({size_text(size)}) are in {directory}:"
        f" {collected.fetched} fetched ({size_text(collected.received)}),"
        f" {len(collected.charms) - collected.fetched} were already there"
    )


def _document(collected: DownloadedCharms) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "directory": str(collected.directory),
        "fetched": collected.fetched,
        "bytes-received": collected.received,
        "charms": [
            {
                "name": one.name,
                "channel": one.channel,
                "revision": one.revision,
                "file": one.file,
                "size": one.size,
                "sha384": one.sha384,
                "bases": list(one.bases),
            }
            for one in collected.charms
        ],
        "surplus": [path.name for path in collected.surplus],
        "warnings": [warning.to_json() for warning in collected.warnings],
    }
