"""Stores that images are carried from, by their paths, and the names of the images in them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from ckf_airgap.concurrency import in_thread
from ckf_airgap.errors import AbsentError, IntegrityError, ReferenceSyntaxError, UsageError
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.operations.imagesettings import TransferSettings
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


async def expected_after_push(
    stored: Stored, settings: TransferSettings, mapping: Mapper | None
) -> tuple[dict[ImageReference, Expected], dict[ImageReference, ImageReference]]:
    """Return what a push from a store leaves in the registry, by its place there; and the places.

    Both by the canonical form of references: those there, and those of the store.
    """
    known = await references_of(stored, replace(settings, only=frozenset()))
    mapped = mapping(tuple(known)) if mapping is not None else None
    expected, places = {}, {}
    for reference, descriptor in known.items():
        target = (mapped.target_of(reference) if mapped is not None else None) or reference
        places[reference.canonical()] = target
        platforms = carried_platforms(descriptor)
        other = None
        if platforms:
            top = await stored.manifest(descriptor.digest)
            other = reduced(await read_tree(stored, top, platforms))[-1].digest
        expected[target.canonical()] = Expected(
            target=target, digest=descriptor.digest, platforms=platforms, reduced=other
        )
    return expected, places


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
