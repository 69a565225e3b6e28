"""The second name of Docker Hub's official images, by which nodes ask for them.

Charms and lists write ``alpine:3.10``, which `ckf_airgap.images.reference.retag` puts at
``R/alpine:3.10``. A node writes the name out before it asks: ``docker.io/library/alpine:3.10``, so
a mirror looks for ``R/library/alpine:3.10``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ckf_airgap.errors import InputError, Problem
from ckf_airgap.images.reference import DOCKER_HUB, ImageReference, Registry
from ckf_airgap.images.retag import RetaggedImage, RetagMapping

_OFFICIAL: Final = "library/"


def is_official(image: ImageReference) -> bool:
    """Whether an image is one of Docker Hub's official ones: they have no namespace."""
    whole = image.canonical()
    name = whole.repository.removeprefix(_OFFICIAL)
    return whole.registry == DOCKER_HUB and name != whole.repository and "/" not in name


def place_on_nodes(image: ImageReference, registry: Registry) -> ImageReference:
    """Return where a node that is told of a mirror looks for an image.

    By a tag; one that is asked for by its digest is looked for in the same repository.
    """
    whole = image.canonical()
    return registry.place(whole.repository, whole.hexadecimal or whole.tag)


def library_images(mapping: RetagMapping) -> tuple[RetaggedImage, ...]:
    """Return the second places of the official images of a mapping, each image once.

    There are none of images that are at that place already, and none where the registry does not
    allow as many levels in a path.

    Raises:
        InputError: when another image is at such a place; lists every one.
    """
    taken = {image.target.canonical(): image.source for image in mapping.images}
    found: dict[ImageReference, RetaggedImage] = {}
    problems = []
    for image in mapping.images:
        place = place_on_nodes(image.source, mapping.registry)
        levels = place.repository.count("/") + 1
        if not is_official(image.source) or image.target.canonical() == place.canonical():
            continue
        if mapping.max_depth is not None and levels > mapping.max_depth:
            continue
        there = taken.get(place.canonical())
        if there is not None and there.canonical() != image.source.canonical():
            problems.append(
                Problem(
                    f"nodes look for {image.source.canonical()} at {place}, where {there} goes",
                    str(image.source),
                )
            )
        found.setdefault(place, RetaggedImage(source=image.source, target=place))
    if problems:
        raise InputError(
            "official images of Docker Hub cannot have a second name under library/",
            problems=problems,
            fix="Give --no-library, and have these pulled by their names in the private registry;"
            " or leave out the images that are there.",
        )
    return tuple(found.values())


def unreachable_images(mapping: RetagMapping) -> tuple[ImageReference, ...]:
    """Return the images that are not where a mirror looks for them, as the mapping names them.

    A mirror puts the registry's path in front of a name and changes nothing else, so it gives no
    image whose path was folded, or that has a place of its own.
    """
    second = {image.source.canonical() for image in library_images(mapping)}
    return tuple(
        image.source
        for image in mapping.images
        if not _is_at_home(image.source, mapping.registry)
        and image.source.canonical() not in second
        and image.target.canonical() != place_on_nodes(image.source, mapping.registry).canonical()
    )


def of_public_registries(
    images: Iterable[ImageReference], registry: Registry
) -> tuple[ImageReference, ...]:
    """Return the images that are not named by the host of the private registry."""
    return tuple(image for image in images if not _is_at_home(image, registry))


def _is_at_home(image: ImageReference, registry: Registry) -> bool:
    return image.canonical().registry == registry.host
