"""``ckf-airgap images list``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import ckf_airgap
from ckf_airgap.cli.images.options import listing_options
from ckf_airgap.cli.options import (
    BundleName,
    json_option,
    listed_need_option,
    no_set_option,
    output_option,
    verbosity_options,
)
from ckf_airgap.cli.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from ckf_airgap import Inventory, Listing, ListingInputs
    from ckf_airgap.images.lists import Need


@click.command(
    "list",
    epilog="""\b
Example:
  ckf-airgap images list 1.11 --juju-version 3.6.9 -o images.txt
""",
)
@click.argument("bundle", type=BundleName())
@listing_options()
@listed_need_option
@no_set_option
@output_option("the list")
@json_option
@verbosity_options
def list_command(inputs: ListingInputs, need: Need, output: Path | None) -> None:
    """Write the list of all images that a bundle pulls, one reference per line.

    The images are those of resources, of options of any shape, of files in the charms, of the
    release's rules, and the bases that Juju runs charms in. A shipped release needs no charm
    files: its facts name the images of the charms it was made from.
    """
    from ckf_airgap.cli.runner import run

    terminal = Terminal.current()
    listing = run(_list(inputs, need, output))
    inventory = listing.inventory
    for warning in inventory.warnings:
        terminal.warn(str(warning))
    chosen = inventory.chosen(need)
    if terminal.json:
        terminal.document(_list_document(listing, chosen, output))
    elif output is None:
        terminal.text(chosen.to_text())
    if output is not None:
        terminal.note(f"wrote {len(chosen)} images to {output}")
    required = len(inventory.chosen("required"))
    terminal.note(
        f"{len(inventory)} images, taken from {listing.taken_from}: {required} are required to "
        f"reach active/idle, {len(inventory) - required} are used later"
    )
    names = [image.reference.name for image in chosen if image.user_tagged]
    if names:
        terminal.note(
            f"users choose the tag of {', '.join(names)}: saving and packing leave it out unless "
            "--need says all or later; name tags that are used with --append"
        )


async def _list(inputs: ListingInputs, need: Need, output: Path | None) -> Listing:
    from ckf_airgap.concurrency import in_thread
    from ckf_airgap.files import write_text

    listing = await ckf_airgap.list_images(inputs)
    if output is not None:
        await in_thread(write_text, output, listing.inventory.chosen(need).to_text())
    return listing


def _list_document(listing: Listing, chosen: Inventory, output: Path | None) -> dict[str, object]:
    from ckf_airgap.images.lists import SCHEMA

    return {
        "schema": SCHEMA,
        "bundle": listing.named.where,
        "taken-from": "charm files" if listing.from_files else "release facts",
        "images": [image.to_json() for image in chosen],
        "warnings": [
            {"what": warning.what, "where": warning.where, "fix": warning.fix}
            for warning in listing.inventory.warnings
        ],
        "written": [str(output)] if output is not None else [],
    }
