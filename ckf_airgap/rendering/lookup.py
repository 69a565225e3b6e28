"""Which images a bundle needs, and where each of them is in the private registry. Pure.

The list of images decides in doubt what is an image, and what is an image decides which registry
the list is of. So the list is asked about every registry that it may be of, and only an
application for which that made a difference is looked at again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Charm
from ckf_airgap.documents import Document
from ckf_airgap.errors import ImageNotFoundError, Problem, UsageError
from ckf_airgap.images.discover import ApplicationImages, discover_images
from ckf_airgap.images.lists import ImageList, RetaggedImages, possible_registries
from ckf_airgap.images.needs import ImageNeed, Place
from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.images.rules import ImageRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """An image that the overlay exchanges."""

    need: ImageNeed
    target: ImageReference

    def to_json(self) -> Document:
        """Return the replacement as a JSON document."""
        return {
            "application": self.need.application,
            "where": self.need.where,
            "source": str(self.need.source),
            "target": str(self.target),
        }


def find_images(
    bundle: Bundle,
    charms: Mapping[str, Charm],
    rules: ImageRules,
    images: ImageList | RetaggedImages | None,
    registry: Registry | None,
    *,
    own_options: Container[Place],
    own_resources: Container[Place],
) -> tuple[tuple[ApplicationImages, ...], RetaggedImages]:
    """Return the images of each application, and a look-up over what the registry has.

    Args:
        bundle: The bundle, with everything merged in.
        charms: The charm of each application.
        rules: What the charms do not declare.
        images: The retagged list, or a look-up made from one; ``None`` for a registry that has
            all that is needed.
        registry: The private registry; ``None`` takes it from the list.
        own_options: The options that a person set; see `discover_images`.
        own_resources: The resources that a person set.

    Raises:
        UsageError: when there is neither a list nor a registry.
        InputError: when the list does not show the registry; or as `discover_images`.
        OptionError: as `discover_images`.
    """

    def discovered(bundle: Bundle, lists: Sequence[RetaggedImages]) -> list[ApplicationImages]:
        return list(
            discover_images(
                bundle,
                charms,
                rules,
                known=lambda reference: any(one.find(reference) is not None for one in lists),
                skip_options=own_options,
                skip_resources=own_resources,
            )
        )

    if isinstance(images, RetaggedImages):
        return tuple(discovered(bundle, [images])), images
    possible = []
    if images is not None:
        registries = possible_registries(images) if registry is None else (registry,)
        possible = [RetaggedImages.from_list(images, registry=one) for one in registries]
    elif registry is None:
        raise UsageError("there is neither a list of images nor a registry")
    found = discovered(bundle, possible)
    needed = [need.source for entry in found for need in entry.needs()]
    if images is not None:
        retagged = RetaggedImages.from_list(images, registry=registry, needed=needed)
    elif registry is not None:
        retagged = RetaggedImages.by_rule(needed, registry)
    again = {
        entry.application.name: entry.application
        for entry in found
        if any(retagged.find(reference) is None for reference in entry.known)
        or any(retagged.find(reference) is not None for reference in entry.unknown)
    }
    if again:
        anew = discovered(dataclasses.replace(bundle, applications=again), [retagged])
        by_name = {entry.application.name: entry for entry in anew}
        found = [by_name.get(entry.application.name, entry) for entry in found]
    return tuple(found), retagged


def look_up(found: Iterable[ApplicationImages], images: RetaggedImages) -> list[Replacement]:
    """Return where each image is in the private registry.

    Raises:
        ImageNotFoundError: when images are missing; each is named with all who need it.
    """
    replacements: list[Replacement] = []
    missing: dict[ImageReference, list[ImageNeed]] = {}
    for entry in found:
        for need in entry.needs():
            target = images.find(need.source)
            if target is None:
                missing.setdefault(need.source, []).append(need)
            else:
                replacements.append(Replacement(need=need, target=target))
    if missing:
        raise ImageNotFoundError(
            f"{len(missing)} image(s) are not in {images.images.where}",
            problems=[_missing(source, needs, images) for source, needs in missing.items()],
            fix="Add them to images.txt on the connected side, then pull, retag and push them; "
            f"the registry looked in is {images.registry}.",
        )
    return replacements


def _missing(source: ImageReference, needs: Sequence[ImageNeed], images: RetaggedImages) -> Problem:
    nearest = images.nearest(source)
    hint = f"nearest: {nearest}" if nearest else ""
    who = "needed by " + " and ".join(str(need) for need in needs)
    return Problem(str(source), fix="; ".join(filter(None, [who, hint])))
