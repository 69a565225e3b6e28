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

_UNREACHED: Final = (
    "No resource and no option points it at the private registry: nodes pull it under its own name,"
    " and find it there by a mirror (ckf-airgap mirrors)."
)


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

    An image may be spelled as in a charm, or as it is named in a private registry. With --charms,
    one that no resource, option or rule names is searched for in the files of the charms.
    """
    from ckf_airgap.cli.runner import run

    terminal = Terminal.current()
    wanted = [ckf_airgap.ImageReference.parse(image) for image in images]
    bundles = [inputs.bundle] if inputs.bundle else ckf_airgap.release_names()
    where = [dataclasses.replace(inputs, bundle=bundle) for bundle in bundles]
    operation = ckf_airgap.explain_images(wanted, where, skip_missing=not inputs.bundle)
    found = run(operation)
    document = {"schema": SCHEMA, "images": [_document(one) for one in found]}
    terminal.result([text for one in found for text in _explained(one)], document=document)


def _document(one: ExplainedImage) -> dict[str, object]:
    where = {"bundle": one.listing.named.where, "asked": str(one.asked)}
    if one.image is None:
        files = [finding.to_json() for finding in one.files]
        return {**where, "image": str(one.asked), "need": None, "reasons": [], "files": files}
    return {**where, **one.image.to_json()}


def _explained(one: ExplainedImage) -> list[str]:
    listing, reference, image = one.listing, one.asked, one.image
    if image is None:
        return _in_files(one)
    kind = "required to reach active/idle" if image.required else "used later"
    spelled = f" (asked as {reference})" if reference != image.reference else ""
    lines = [f"{image.reference}{spelled}", f"  {listing.named.where}: {kind}"]
    lines += [f"    {reason}" for reason in image.reasons]
    if one.has_users_tag:
        lines.append(
            "    Its users choose the tag. Name the tags that they use in a list for --append."
        )
    if all(reason.asker in ("rule", "list") for reason in image.reasons):
        lines.append(f"    {_UNREACHED}")
    return lines


def _in_files(one: ExplainedImage) -> list[str]:
    lines = [
        str(one.asked),
        f"  {one.listing.named.where}: no resource, option or rule names it; files of charms do",
    ]
    lines += [
        f"    {finding.charm}: {finding.file} line {finding.line} ({finding.standing}): "
        f"{finding.excerpt}"
        for finding in one.files
    ]
    standings = {finding.standing for finding in one.files}
    if "hidden" in standings:
        lines.append(f"    {_UNREACHED}")
        lines.append(
            "    Have it carried: name it in a list for --append, or under extra-images in a file"
            " for --rules."
        )
    elif "templated" in standings:
        lines.append("    A variable has a part of it: look at the option that feeds it.")
    else:
        lines.append(
            "    It is in a comment, a document, a test or a message, which pulls nothing."
        )
    return lines
