"""Where images go in the private registry: by the rule of ``images retag``, or by its mapping."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from ckf_airgap.errors import UsageError
from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.images.retag import RetagMapping, retag_images

Mapper: TypeAlias = Callable[[Sequence[ImageReference]], RetagMapping]
"""Gives images their places in the private registry."""


def places_in_registry(registry: Registry, *, max_depth: int | None = None) -> Mapper:
    """Return what gives images their places in a registry by the rule of `retag_images`.

    Args:
        registry: The private registry.
        max_depth: The levels that a path there may have; longer ones are folded.
    """
    return functools.partial(retag_images, registry=registry, max_depth=max_depth)


def places_of_mapping(mapping: RetagMapping) -> Mapper:
    """Return what looks images up in a mapping that was made before.

    It raises `UsageError` for images that the mapping does not have.
    """
    return functools.partial(_look_up, mapping)


def _look_up(mapping: RetagMapping, references: Sequence[ImageReference]) -> RetagMapping:
    """Return the part of a mapping that is about some images."""
    images = {image.source.canonical(): image for image in mapping.images}
    strange = [one for one in references if one.canonical() not in images]
    if strange:
        raise UsageError(
            f"the mapping has no place for {', '.join(map(str, strange[:5]))}",
            fix="Retag the whole list again, with --mapping.",
        )
    found = tuple(replace(images[one.canonical()], source=one) for one in references)
    return replace(mapping, images=found)
