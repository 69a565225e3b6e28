"""``ckf-airgap images explain``."""

from __future__ import annotations

import dataclasses
from typing import Final

import click

from ckf_airgap.cli.images.options import listing_options
from ckf_airgap.cli.options import BundleName, json_option, verbosity_options
from ckf_airgap.cli.runner import run
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.concurrency import in_thread
from ckf_airgap.errors import ImageNotFoundError, Problem, nearest, raise_all
from ckf_airgap.facts.releases import release_names
from ckf_airgap.images.inventory import Inventory, InventoryImage
from ckf_airgap.images.reference import ImageReference, Registry, retag_candidates
from ckf_airgap.operations.inventory import Listing, ListingInputs, read_listing

SCHEMA: Final = "ckf-airgap/images-explained/v1"


@click.command(
    "explain",
    epilog="""\b
Examples:
  ckf-airgap images explain gcr.io/ml-pipeline/frontend:2.0.3
  ckf-airgap images explain --bundle 1.9 172.17.0.2:5000/istio/pilot:1.22.0
""",
)
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option(
    "--bundle",
    type=BundleName(),
    metavar="BUNDLE",
    help="The bundle.  [default: every shipped release]",
)
@listing_options()
@json_option
@verbosity_options
def explain_command(images: tuple[str, ...], inputs: ListingInputs) -> None:
    """Say who asks for an image: which application, and in which resource or option.

    An image may be spelled as in a charm, or as it lies in a private registry.
    """
    terminal = Terminal.current()
    wanted = [ImageReference.parse(image) for image in images]
    listings = run(in_thread(_listings, inputs))
    found = [
        (listing, reference, image)
        for reference in wanted
        for listing in listings
        if (image := _find(listing.inventory, reference)) is not None
    ]
    _refuse_unknown(wanted, [reference for _, reference, _ in found], listings)
    document = {
        "schema": SCHEMA,
        "images": [
            {"bundle": listing.named.where, "asked": str(reference), **image.to_json()}
            for listing, reference, image in found
        ],
    }
    terminal.result("\n".join(_explained(*entry) for entry in found), document=document)


def _listings(inputs: ListingInputs) -> list[Listing]:
    """Return the inventory of the bundle that is named, or of every shipped release."""
    bundles = [inputs.bundle] if inputs.bundle else release_names()
    return [read_listing(dataclasses.replace(inputs, bundle=bundle)) for bundle in bundles]


def _find(inventory: Inventory, reference: ImageReference) -> InventoryImage | None:
    """Return the entry of an image that is spelled as in a charm or as in a private registry."""
    wanted = reference.canonical()
    for image in inventory:
        if image.reference.canonical() == wanted:
            return image
    if reference.registry is None:
        return None
    levels = reference.repository.split("/")[:-1]
    registries = [
        Registry(reference.registry, "/".join(levels[:count])) for count in range(len(levels) + 1)
    ]
    for image in inventory:
        if any(reference in retag_candidates(image.reference, place) for place in registries):
            return image
    return None


def _refuse_unknown(
    wanted: list[ImageReference], found: list[ImageReference], listings: list[Listing]
) -> None:
    known = {str(image.reference) for listing in listings for image in listing.inventory}
    where = ", ".join(listing.named.where for listing in listings)
    raise_all(
        ImageNotFoundError,
        f"nothing in {where} asks for",
        [
            Problem(str(reference), fix=nearest(str(reference), known))
            for reference in wanted
            if reference not in found
        ],
    )


def _explained(listing: Listing, reference: ImageReference, image: InventoryImage) -> str:
    kind = "required to reach active/idle" if image.required else "used later"
    spelled = f" (asked as {reference})" if reference != image.reference else ""
    lines = [f"{image.reference}{spelled}", f"  {listing.named.where}: {kind}"]
    lines += [f"    {reason}" for reason in image.reasons]
    return "\n".join(lines)
