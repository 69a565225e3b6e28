"""Stores that images are carried from, by their paths, and the names of the images in them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from ckf_airgap.concurrency import in_thread
from ckf_airgap.errors import AbsentError, IntegrityError, ReferenceSyntaxError, UsageError
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.retag import RetagMapping
from ckf_airgap.mirrors.official import library_images
from ckf_airgap.operations.imagesettings import TransferSettings
from ckf_airgap.operations.mirrors import has_mirrors
from ckf_airgap.operations.places import Mapper
from ckf_airgap.transfer.oci import Descriptor
from ckf_airgap.transfer.stores.archive import Archive
from ckf_airgap.transfer.stores.layout import LayoutDirectory
from ckf_airgap.transfer.stores.opening import DockerTars, open_source
from ckf_airgap.transfer.tree import carried_platforms, read_tree, reduced
from ckf_airgap.transfer.verify import Expected

Stored: TypeAlias = "LayoutDirectory | Archive"
"""A store that images are read from."""


@asynccontextmanager
async def opened_store(path: Path) -> AsyncIterator[Stored]:
    """Open a store that has manifests."""
    opened = await in_thread(open_source, path)
    try:
        if isinstance(opened, DockerTars):
            raise UsageError(
                f"{path} is a docker save archive, without manifests",
                fix=f"Load it first: ckf-airgap images load {path} -o images",
            )
        yield opened
    finally:
        opened.close()


async def references_of(
    stored: Stored, settings: TransferSettings
) -> dict[ImageReference, Descriptor]:
    """Return the images of a store that are to be done."""
    where = stored.path if isinstance(stored, LayoutDirectory) else Path(stored.where)
    found = {
        parsed_name(name, where): descriptor
        for name, descriptor in (await stored.references()).items()
    }
    if not found:
        raise AbsentError(f"{where} names no images")
    return {reference: found[reference] for reference in settings.chosen(found)}


async def names_of(
    stored: Stored, references: Sequence[ImageReference] | None, settings: TransferSettings
) -> list[str]:
    """Return the names in a store of the images to take from it, however the list spells them."""
    known = await references_of(stored, replace(settings, only=frozenset()))
    wanted = settings.chosen(known if references is None else references)
    by_meaning = {reference.canonical(): str(reference) for reference in known}
    return [by_meaning.get(one.canonical(), str(one)) for one in wanted]


async def library_decided(settings: TransferSettings, archive: Path | None) -> TransferSettings:
    """Return the settings with the decision about second names of official images.

    Args:
        settings: How images are moved.
        archive: What is pushed; ``None`` for something else than a file.
    """
    if settings.library is not None:
        return settings
    beside = archive is not None and await in_thread(has_mirrors, archive)
    return settings.with_library(library=beside)


def second_places(
    places: RetagMapping, settings: TransferSettings
) -> dict[ImageReference, ImageReference]:
    """Return the second places of official images by the canonical form of the first ones.

    There are none unless the settings say so.

    Raises:
        InputError: when a second place is that of another image.
    """
    if not settings.library:
        return {}
    found = {}
    for image in library_images(places):
        first = places.target_of(image.source)
        if first is not None:
            found[first.canonical()] = image.target
    return found


def pushed_places(
    images: Iterable[ImageReference], places: RetagMapping, settings: TransferSettings
) -> list[tuple[ImageReference, ImageReference]]:
    """Return images with each place that they go to, all first places before the second ones.

    Raises:
        InputError: as `second_places`.
    """
    second = second_places(places, settings)
    pairs = [(one, target) for one in images if (target := places.target_of(one)) is not None]
    more = {
        second[target.canonical()]: one for one, target in pairs if target.canonical() in second
    }
    return [*pairs, *((one, target) for target, one in more.items())]


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterPush:
    """What a push from a store leaves in the registry; all keys are canonical references.

    Attributes:
        expected: What is at a place there.
        places: The first place of an image of the store.
        second: The second place of an image by its first one.
    """

    expected: Mapping[ImageReference, Expected] = field(default_factory=dict)
    places: Mapping[ImageReference, ImageReference] = field(default_factory=dict)
    second: Mapping[ImageReference, ImageReference] = field(default_factory=dict)


async def after_push(
    stored: Stored, settings: TransferSettings, mapping: Mapper | None
) -> AfterPush:
    """Return what a push from a store leaves in the registry.

    Raises:
        InputError: as `second_places`.
    """
    known = await references_of(stored, replace(settings, only=frozenset()))
    pairs = [(reference, reference) for reference in known]
    second: dict[ImageReference, ImageReference] = {}
    if mapping is not None:
        mapped = mapping(tuple(known))
        second = second_places(mapped, settings)
        at_home = [(one, one) for one in known if mapped.target_of(one) is None]
        pairs = [*pushed_places(known, mapped, settings), *at_home]
    expected: dict[ImageReference, Expected] = {}
    places: dict[ImageReference, ImageReference] = {}
    for reference, target in pairs:
        descriptor = known[reference]
        places.setdefault(reference.canonical(), target)
        platforms = carried_platforms(descriptor)
        other = None
        if platforms:
            top = await stored.manifest(descriptor.digest)
            other = reduced(await read_tree(stored, top, platforms))[-1].digest
        expected[target.canonical()] = Expected(
            target=target, digest=descriptor.digest, platforms=platforms, reduced=other
        )
    return AfterPush(expected=expected, places=places, second=second)


def parsed_name(name: str, where: Path) -> ImageReference:
    """Return the reference that an image of a store is named by.

    Raises:
        IntegrityError: when its name is not a reference.
    """
    try:
        return ImageReference.parse(name)
    except ReferenceSyntaxError as exc:
        raise IntegrityError(
            f"{where} has an image named {name!r}, which is not a reference",
            fix="Name images in full when other tools write the layout.",
        ) from exc


def names_there(
    mapping: Mapper | None, references: Iterable[str]
) -> Callable[[str], tuple[str, ...]]:
    """Return what gives an image's name in the private registry, if that is known."""
    if mapping is None:
        return lambda _reference: ()
    places = mapping([ImageReference.parse(reference) for reference in references])

    def names(reference: str) -> tuple[str, ...]:
        target = places.target_of(ImageReference.parse(reference))
        return () if target is None else (str(target.with_tag()),)

    return names
