"""``ckf-airgap unpack``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

import ckf_airgap
from ckf_airgap.cli.options import UserPath, json_option, verbosity_options
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.cli.verify import key_option

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA: Final = "ckf-airgap/unpack/v1"


@click.command(
    "unpack",
    epilog="""\b
Example:
  ckf-airgap unpack kubeflow-1.11 --to ~
""",
)
@click.argument("directory", metavar="DIR", type=UserPath("directory"))
@click.option(
    "--to",
    "target",
    type=UserPath("directory"),
    default="~",
    show_default=True,
    metavar="DIR",
    help="Where to put the files.",
)
@click.option("--force", is_flag=True, help="Overwrite files that differ.")
@key_option
@json_option
@verbosity_options
def command(directory: Path, target: Path, force: bool, key: Path | None) -> None:
    """Lay out a pack: ~/charms, ~/retagged-images.txt and the rest.

    Each file is compared with its checksum. The archive of images is joined when it came in parts;
    one that is whole stays where it is. If an existing file differs, nothing is
    overwritten or written; see --force.
    """
    from ckf_airgap.cli.diskview import run_on_disk

    terminal = Terminal.current()
    done = run_on_disk(
        terminal,
        "unpacking",
        lambda disk: ckf_airgap.unpack_pack(
            directory, target, force=force, key=key, watch=disk.watch
        ),
    )
    images = str(done.images) if done.images is not None else ""
    terminal.result(
        f"{done.directory}: {done.charms} charms, {done.written} files written,"
        f" {done.kept} were already there",
        document={
            "schema": SCHEMA,
            "directory": str(done.directory),
            "charms": done.charms,
            "written": done.written,
            "kept": done.kept,
            "images": images or None,
            "since": None if done.assumes is None else done.assumes.lock_sha256,
        },
    )
    if images:
        terminal.note(f"next: ckf-airgap images push {images} --registry HOST[:PORT][/PATH]")
