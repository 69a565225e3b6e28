"""Who asks for an image: the inventories of bundles, then the files of their charms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ckf_airgap.concurrency import in_thread
from ckf_airgap.errors import (
    ImageNotFoundError,
    MissingError,
    Problem,
    ReferenceSyntaxError,
    nearest,
    raise_all,
)
from ckf_airgap.facts.releases import release_names
from ckf_airgap.images.audit import audit_charms
from ckf_airgap.images.auditreport import STANDINGS, AuditFinding, Standing
from ckf_airgap.images.inventory import Inventory, InventoryImage
from ckf_airgap.images.listed import untagged, with_users_tag
from ckf_airgap.images.reference import ImageReference, Registry, retag_candidates
from ckf_airgap.operations.inventory import Listing, ListingInputs, read_listing

_GRADES: Final[tuple[Standing, ...]] = STANDINGS
"""What is said first of a file: what is sure to be pulled."""

_FILLED: Final = "{}"
"""Stands in a finding for what a template fills in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedImage:
    """Who asks for an image in a bundle.

    Attributes:
        asked: The image, as it was asked for.
        listing: The inventory of the bundle.
        image: The image, with everyone who asks for it; ``None`` when only files of charms have it.
        files: Where files of charms have an image that nothing declares.
    """

    asked: ImageReference
    listing: Listing
    image: InventoryImage | None
    files: tuple[AuditFinding, ...] = field(default=())

    @property
    def has_users_tag(self) -> bool:
        """Whether it is a name to which the users of the image have added a tag."""
        return (
            self.image is not None
            and self.image.user_tagged
            and bool(self.asked.tag or self.asked.digest)
        )


async def explain_images(
    images: Sequence[ImageReference],
    bundles: Iterable[ListingInputs] | None = None,
    *,
    skip_missing: bool = False,
) -> list[ExplainedImage]:
    """Find who asks for images.

    An image for which no resource, option, rule or list asks is searched for in the files of the
    charms, where an inventory was taken of files.

    Args:
        images: The images, spelled as in a charm or as they are called in a private registry.
        bundles: Where to look; ``None`` is every shipped release.
        skip_missing: Pass over bundles of which files are missing, unless that is so of all.

    Returns:
        One for each image and bundle that asks for it.

    Raises:
        ImageNotFoundError: when no bundle asks for an image; all such images are named.
        MissingError: when a release, a charm file or a list is missing.
        InputError: when a file is not what it must be.
    """
    return await in_thread(_explain, images, bundles, skip_missing=skip_missing)


def _explain(
    images: Sequence[ImageReference],
    bundles: Iterable[ListingInputs] | None,
    *,
    skip_missing: bool,
) -> list[ExplainedImage]:
    if bundles is None:
        bundles = [ListingInputs(bundle=name) for name in release_names()]
    listings = _listings(bundles, skip_missing=skip_missing)
    found = [
        ExplainedImage(asked=reference, listing=listing, image=image)
        for reference in images
        for listing in listings
        if (image := _find(listing.inventory, reference)) is not None
    ]
    missing = [one for one in images if all(one != known.asked for known in found)]
    found += _in_files(missing, listings)
    _refuse_unknown(images, {one.asked for one in found}, listings)
    return found


def _listings(bundles: Iterable[ListingInputs], *, skip_missing: bool) -> list[Listing]:
    listings: list[Listing] = []
    missing: list[MissingError] = []
    for inputs in bundles:
        try:
            listings.append(read_listing(inputs))
        except MissingError as exc:
            if not skip_missing:
                raise
            missing.append(exc)
    if missing and not listings:
        raise missing[-1]
    return listings


def _find(inventory: Inventory, reference: ImageReference) -> InventoryImage | None:
    """Return the entry of an image that is spelled as in a charm or as in a private registry."""
    for image in inventory:
        if reference.canonical() == image.reference.canonical():
            return image
    for image in inventory:
        if _is_retagged(reference, image.reference):
            return image
    users = with_users_tag(inventory, reference)
    if users is not None:
        return users
    name = replace(reference, tag=None, digest=None)
    for image in inventory:
        if image.user_tagged and _is_retagged(name, image.reference):
            return image
    return None


def _is_retagged(reference: ImageReference, image: ImageReference) -> bool:
    """Return whether a reference is what an image is called in a private registry."""
    if reference.registry is None:
        return False
    levels = reference.repository.split("/")[:-1]
    return any(
        reference in retag_candidates(image, Registry(reference.registry, "/".join(levels[:count])))
        for count in range(len(levels) + 1)
    )


def _in_files(
    images: Sequence[ImageReference], listings: Sequence[Listing]
) -> Iterator[ExplainedImage]:
    """Yield where files of charms have images."""
    for listing in listings if images else ():
        if not listing.from_files:
            continue
        report = audit_charms(listing.charms, listing.inventory, listing.rules)
        findings = [finding for grade in _GRADES for finding in report.of_standing(grade)]
        for reference in images:
            files = tuple(one for one in findings if _mentions(one.image, reference))
            if files:
                yield ExplainedImage(asked=reference, listing=listing, image=None, files=files)


def _mentions(text: str, reference: ImageReference) -> bool:
    """Return whether what a file has is an image: with any tag where the file has none."""
    if _FILLED in text:
        return _fits(text, reference)
    try:
        found = ImageReference.parse(text)
    except ReferenceSyntaxError:
        return False
    if found.canonical() == reference.canonical() or _is_retagged(reference, found):
        return True
    return not found.tag and not found.digest and untagged(found) == untagged(reference)


def _fits(template: str, reference: ImageReference) -> bool:
    """Return whether a template can become a reference; its last name must not be filled in."""
    name = re.split("[:@]", template.rpartition("/")[2])[0]
    if not name or _FILLED in name:
        return False
    first, *middle, last = template.split(_FILLED)
    return any(
        _has_in_order(spelled, first, middle, last)
        for spelled in (str(reference), str(reference.canonical()))
    )


def _has_in_order(text: str, first: str, middle: Sequence[str], last: str) -> bool:
    """Return whether a text has parts in order, in time that grows with its length only."""
    if not text.startswith(first):
        return False
    at = len(first)
    for part in middle:
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return len(text) - len(last) >= at and text.endswith(last)


def _refuse_unknown(
    wanted: Sequence[ImageReference], found: set[ImageReference], listings: Sequence[Listing]
) -> None:
    known = {str(image.reference) for listing in listings for image in listing.inventory}
    where = ", ".join(listing.named.where for listing in listings)
    searched = any(listing.from_files for listing in listings)
    raise_all(
        ImageNotFoundError,
        f"nothing in {where} asks for",
        [
            Problem(str(reference), fix=nearest(str(reference), known))
            for reference in wanted
            if reference not in found
        ],
        fix="" if searched else "Give --charms DIR to search the files of the charms, too.",
    )
