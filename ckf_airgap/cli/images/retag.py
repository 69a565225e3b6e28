"""``ckf-airgap images retag``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import ckf_airgap
from ckf_airgap.cli.images.transferoptions import read_list
from ckf_airgap.cli.options import (
    UserPath,
    json_option,
    max_depth_option,
    need_option,
    no_set_option,
    output_option,
    registry_option,
    verbosity_options,
)
from ckf_airgap.cli.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ckf_airgap import ImageReference, Registry, RetagMapping
    from ckf_airgap.images.lists import Need


@click.command(
    "retag",
    epilog="""\b
Example:
  ckf-airgap images retag images.txt --registry gitlab.example.com:5050/team/ckf --max-depth 3 \\
      -o retagged-images.txt --mapping mapping.json
""",
)
@click.argument("images", metavar="IMAGES", type=UserPath())
@registry_option(required=True)
@max_depth_option
@need_option
@no_set_option
@output_option("the list")
@click.option(
    "--mapping",
    type=UserPath(),
    metavar="FILE",
    help="Write sources and targets, as JSON or YAML by the file's name.",
)
@click.option(
    "--engine",
    type=click.Choice(["none", "docker"]),
    default="none",
    show_default=True,
    help="Also give the images of a Docker Engine these names.",
)
@json_option
@verbosity_options
def retag_command(
    *,
    images: Path,
    registry: str,
    max_depth: int | None,
    need: Need | None,
    output: Path | None,
    mapping: Path | None,
    engine: str,
) -> None:
    """Write the list of names in the private registry, one reference per line.

    Only text is written: no registry or daemon is asked, except with --engine docker. Two images
    that would share a place are refused. With --max-depth, keep the mapping: rendering and pushing
    need it.
    """
    from ckf_airgap.cli.runner import run

    terminal = Terminal.current()
    place = ckf_airgap.Registry.parse(registry)
    result = run(_retag(read_list(images, need), place, max_depth, output, mapping))
    if terminal.json:
        if engine == "none":
            terminal.document(result.to_json())
    elif output is None:
        terminal.text(result.to_text())
    for path, what in ((output, "retagged list"), (mapping, "mapping")):
        if path is not None:
            terminal.note(f"wrote the {what} to {path}")
    folded = sum(image.folded for image in result.images)
    if folded and mapping is None:
        terminal.warn(f"{folded} paths were folded: write the --mapping, rendering needs it")
    if engine == "docker":
        _tag(terminal, result)


def _tag(terminal: Terminal, places: RetagMapping) -> None:
    """Give the images of a Docker Engine their names in the private registry."""
    from ckf_airgap.cli.images.transferview import carry

    carry(
        terminal,
        ckf_airgap.TransferSettings(),
        "tagging",
        "tagged",
        lambda how: ckf_airgap.retag_in_engine(places, how),
    )


async def _retag(
    images: Sequence[ImageReference],
    registry: Registry,
    max_depth: int | None,
    output: Path | None,
    mapping: Path | None,
) -> RetagMapping:
    from ckf_airgap.concurrency import in_thread
    from ckf_airgap.files import write_text

    result = ckf_airgap.retag_images(images, registry, max_depth=max_depth)
    if output is not None:
        await in_thread(write_text, output, result.to_text())
    if mapping is not None:
        await in_thread(write_text, mapping, result.dump(mapping.name))
    return result
