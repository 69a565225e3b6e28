"""``ckf-airgap images explain``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import click

import ckf_airgap
from ckf_airgap.cli.images.options import listing_options
from ckf_airgap.cli.options import BundleName, json_option, verbosity_options
from ckf_airgap.cli.terminal import Terminal

if TYPE_CHECKING:
    from ckf_airgap import ExplainedImage, ListingInputs

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
    """Show which applications use an image, and in which resource or option.

    An image may be spelled as in a charm, or as it is named in a private registry.
    """
    from ckf_airgap.cli.runner import run

    terminal = Terminal.current()
    wanted = [ckf_airgap.ImageReference.parse(image) for image in images]
    bundles = [inputs.bundle] if inputs.bundle else ckf_airgap.release_names()
    where = [dataclasses.replace(inputs, bundle=bundle) for bundle in bundles]
    found = run(ckf_airgap.explain_images(wanted, where))
    document = {
        "schema": SCHEMA,
        "images": [
            {"bundle": one.listing.named.where, "asked": str(one.asked), **one.image.to_json()}
            for one in found
        ],
    }
    terminal.result([text for one in found for text in _explained(one)], document=document)


def _explained(one: ExplainedImage) -> list[str]:
    listing, reference, image = one.listing, one.asked, one.image
    kind = "required to reach active/idle" if image.required else "used later"
    spelled = f" (asked as {reference})" if reference != image.reference else ""
    lines = [f"{image.reference}{spelled}", f"  {listing.named.where}: {kind}"]
    lines += [f"    {reason}" for reason in image.reasons]
    return lines
