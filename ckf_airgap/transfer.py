"""Carrying images: what each command of ``ckf-airgap images`` that moves them does.

The connected side pulls from registries and saves an archive, the other side loads it and pushes to
the private registry; `copy_images` does both at once for a machine that sees both. Every function
tries all images, and returns a result for each.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

from ckf_airgap.concurrency import in_thread
from ckf_airgap.errors import AbsentError, IntegrityError, ReferenceSyntaxError, UsageError
from ckf_airgap.reference import ImageReference
from ckf_airgap.registry import pull as pulling
from ckf_airgap.registry import push as pushing
from ckf_airgap.registry import verify as verifying
from ckf_airgap.registry.archive import Archive
from ckf_airgap.registry.archivefiles import part_path
from ckf_airgap.registry.archivetail import docker_names
from ckf_airgap.registry.archivewriter import ArchiveWriter
from ckf_airgap.registry.dockerimport import DockerImport, remove_scratch
from ckf_airgap.registry.layout import LayoutDirectory
from ckf_airgap.registry.oci import Descriptor, Digest
from ckf_airgap.registry.perimage import write_per_image
from ckf_airgap.registry.relay import relay
from ckf_airgap.registry.sources import DockerTars, open_source
from ckf_airgap.registry.transport import Event, ImageDone, ImageResult, Listener, Status
from ckf_airgap.registry.tree import carried_platforms
from ckf_airgap.retag import RetagMapping
from ckf_airgap.transfersettings import TransferReport, TransferSettings

Stored: TypeAlias = "LayoutDirectory | Archive"
"""A store that images are read from."""

Mapper: TypeAlias = "Callable[[Sequence[ImageReference]], RetagMapping]"
"""Gives images their places in the private registry."""

_SCRATCH_SUFFIX: Final = ".layers"


async def pull_images(
    references: Iterable[ImageReference], directory: Path | None, settings: TransferSettings
) -> TransferReport:
    """Pull images from their registries.

    Args:
        references: The images.
        directory: The OCI image layout to pull into; ``None`` for the Docker Engine.
        settings: How.

    Raises:
        StorageFullError: when they do not fit, before anything is moved.
    """
    started = time.monotonic()
    chosen = settings.chosen(references)
    if directory is None:
        from ckf_airgap.registry.engine import (  # noqa: PLC0415 - docker's SDK is slow to import
            pull_images as engine_pull,
        )

        results = await engine_pull(
            settings.engine(),
            chosen,
            platform=settings.platforms[0] if settings.platforms else None,
            jobs=settings.jobs,
            listener=settings.listener,
        )
        return _report(results, started)
    store = await in_thread(LayoutDirectory.create, directory)
    with store:
        async with settings.client() as client:
            results = await pulling.pull(
                client,
                chosen,
                store,
                platforms=settings.platforms,
                recheck=settings.recheck,
                listener=settings.listener,
            )
    return _report(results, started)


async def save_images(
    references: Sequence[ImageReference] | None,
    archive: Path,
    settings: TransferSettings,
    *,
    source: Path | None = None,
    engine: bool = False,
    mapping: Mapper | None = None,
    assumed: frozenset[Digest] = frozenset(),
    since: str = "",
    pins: Mapping[ImageReference, Digest] | None = None,
) -> TransferReport:
    """Write the archive that crosses the gap.

    When an image fails, the archive is not finished: what was moved stays in ``ARCHIVE.part``, and
    the next run continues there.

    Args:
        references: The images; ``None`` for all of `source`.
        archive: The archive.
        settings: How.
        source: The layout or archive to take them from; straight from their registries when left
            out.
        engine: Whether to take them from the Docker Engine instead.
        mapping: Gives their places in the private registry; ``docker load`` then knows them by
            these names, too.
        assumed: Blobs that are left out, since the other side has them; only straight from
            registries.
        since: What these are part of, for those who load the archive without it.
        pins: The manifests to take of references, whatever their tags mean now.
    """
    started = time.monotonic()
    writer = await in_thread(ArchiveWriter.create, archive)
    writer.assumed = assumed
    scratch = archive.with_name(part_path(archive).name + _SCRATCH_SUFFIX)
    with writer:
        if engine:
            from ckf_airgap.registry.enginestore import (  # noqa: PLC0415 - docker's SDK is slow to import
                save_images as engine_save,
            )

            results = await engine_save(
                settings.engine(),
                settings.chosen(references or ()),
                writer,
                scratch=scratch,
                before=writer.before,
                listener=settings.listener,
            )
        elif source is not None:
            async with _opened(source) as stored:
                names = await _names(stored, references, settings)
                results = await relay(
                    stored,
                    writer,
                    names,
                    jobs=settings.jobs,
                    recheck=settings.recheck,
                    listener=settings.listener,
                )
        else:
            async with settings.client() as client:
                results = await pulling.pull(
                    client,
                    settings.chosen(references or ()),
                    writer,
                    platforms=settings.platforms,
                    recheck=settings.recheck,
                    assumed=assumed,
                    pins=pins,
                    listener=settings.listener,
                )
        report = _report(results, started)
        if report.failed or not report.results:
            return report
        summary = await writer.finish(
            prefer=settings.prefer,
            names=_more_names(mapping, [result.source for result in report.results]),
            since=since,
        )
    await in_thread(remove_scratch, scratch)
    return replace(report, archive=summary, seconds=time.monotonic() - started)


async def save_per_image(
    references: Sequence[ImageReference] | None,
    archive: Path,
    settings: TransferSettings,
    *,
    source: Path,
    mapping: Mapper | None = None,
) -> TransferReport:
    """Write an archive with one tar for each image, as the guide's scripts do.

    Args:
        references: The images; ``None`` for all of `source`.
        archive: The archive.
        settings: How.
        source: The layout or archive to take them from.
        mapping: Gives their places in the private registry, which the tars then name.
    """
    started = time.monotonic()
    async with _opened(source) as stored:
        names = await _names(stored, references, settings)
        more = _more_names(mapping, names)

        def tags(name: str) -> Iterable[str]:
            return more(name) or docker_names(name) or (name,)

        results = await write_per_image(
            stored, names, archive, prefer=settings.prefer, tags=tags, listener=settings.listener
        )
    return _report(results, started)


async def load_images(
    archive: Path,
    directory: Path | None,
    settings: TransferSettings,
    *,
    mapping: Mapper | None = None,
) -> TransferReport:
    """Bring the images of an archive into a layout or a Docker Engine.

    Args:
        archive: An archive of ours, of ``docker save``, of the guide's scripts, or a layout.
        directory: The OCI image layout to load into; ``None`` for the Docker Engine.
        settings: How.
        mapping: Gives the places of images in the private registry; the engine then gets these
            names, too.
    """
    started = time.monotonic()
    opened = await in_thread(open_source, archive)
    try:
        if directory is not None:
            with await in_thread(LayoutDirectory.create, directory) as store:
                results = await _load(opened, store, directory, settings)
            return _report(results, started)
        if isinstance(opened, DockerTars):
            raise UsageError(
                f"{archive} holds tars of docker save, which Docker loads itself",
                fix=f"docker load -i {archive}  (or load it into a layout: leave out --engine)",
            )
        references = await _references(opened, settings)
        places = mapping(tuple(references)) if mapping is not None else None

        def names(reference: ImageReference) -> tuple[str, ...]:
            target = places.target_of(reference) if places is not None else None
            return () if target is None else docker_names(str(target))

        from ckf_airgap.registry.enginestore import (  # noqa: PLC0415 - docker's SDK is slow to import
            load_images as engine_load,
        )

        results = await engine_load(
            settings.engine(),
            opened,
            references,
            prefer=settings.prefer,
            names=names,
            listener=settings.listener,
        )
    finally:
        opened.close()
    return _report(results, started)


async def push_images(
    source: Path,
    mapping: Mapper,
    settings: TransferSettings,
) -> TransferReport:
    """Push the images of an archive or layout to the private registry.

    Archives of ``docker save`` hold no manifests: their layers are first compressed into a layout
    beside them, which is removed when all images are pushed.

    Args:
        source: An archive or a layout, as `load_images`.
        mapping: Gives the places of the images in the private registry.
        settings: How.
    """
    started = time.monotonic()
    opened = await in_thread(open_source, source)
    try:
        if not isinstance(opened, DockerTars):
            return _report(await _push(opened, mapping, settings), started)
        staging = source.with_name(source.name + _SCRATCH_SUFFIX)
        with await in_thread(LayoutDirectory.create, staging) as store:
            quiet = replace(settings, listener=_without_images(settings.listener))
            loaded = await _load(opened, store, staging, quiet)
            failed = [one for one in loaded if one.status is Status.FAILED]
            results = [*failed, *await _push(store, mapping, settings)]
    finally:
        opened.close()
    report = _report(results, started)
    if not report.failed:
        await in_thread(remove_scratch, staging)
    return report


async def push_from_engine(
    references: Iterable[ImageReference],
    mapping: Mapper,
    settings: TransferSettings,
) -> TransferReport:
    """Retag images of the Docker Engine, and push them from there."""
    started = time.monotonic()
    chosen = settings.chosen(references)
    places = mapping(chosen)
    async with settings.client() as client:
        from ckf_airgap.registry.engine import (  # noqa: PLC0415 - docker's SDK is slow to import
            push_images as engine_push,
        )

        results = await engine_push(
            settings.engine(),
            [(image.source, image.target) for image in places.images],
            client,
            jobs=settings.jobs,
            listener=settings.listener,
        )
    return _report(results, started)


async def copy_images(mapping: RetagMapping, settings: TransferSettings) -> TransferReport:
    """Copy images from their registries straight into the private one."""
    started = time.monotonic()
    chosen = set(settings.chosen(image.source for image in mapping.images))
    items = [
        pushing.PushItem(source=str(image.source), target=image.target)
        for image in mapping.images
        if image.source in chosen
    ]
    async with settings.client() as client:
        results = await pushing.copy(
            client,
            items,
            platforms=settings.platforms,
            options=_push_options(settings),
            listener=settings.listener,
        )
    return _report(results, started)


async def verify_images(
    targets: Iterable[ImageReference],
    settings: TransferSettings,
    *,
    source: Path | None = None,
    mapping: Mapper | None = None,
) -> TransferReport:
    """Look whether images are in the private registry, whole.

    Args:
        targets: The images by their references there; with `mapping`, as charms name them.
        settings: How.
        source: The archive or layout that they came with, which tells the digests to expect.
        mapping: Gives the places of images in the private registry.
    """
    started = time.monotonic()
    wanted = tuple(dict.fromkeys(targets))
    expected: dict[ImageReference, verifying.Expected] = {}
    if source is not None:
        async with _opened(source) as stored:
            known = await _references(stored, replace(settings, only=frozenset()))
        places = mapping(tuple(known)) if mapping is not None else None
        for reference, descriptor in known.items():
            target = places.target_of(reference) if places is not None else None
            expected[(target or reference).canonical()] = verifying.Expected(
                target=target or reference,
                digest=descriptor.digest,
                platforms=carried_platforms(descriptor),
            )
        if not wanted:
            wanted = tuple(one.target for one in expected.values())
    elif mapping is not None and wanted:
        wanted = tuple(dict.fromkeys(image.target for image in mapping(wanted).images))
    items = [
        expected.get(target.canonical()) or verifying.Expected(target=target)
        for target in settings.chosen(wanted)
    ]
    async with settings.client() as client:
        results = await verifying.verify(client, items, listener=settings.listener)
    return _report(results, started)


async def _push(
    stored: Stored,
    mapping: Mapper,
    settings: TransferSettings,
) -> list[ImageResult]:
    references = await _references(stored, settings)
    places = mapping(tuple(references))
    items = [
        pushing.PushItem(source=str(reference), target=target)
        for reference in references
        if (target := places.target_of(reference)) is not None
    ]
    async with settings.client() as client:
        return await pushing.push(
            client, stored, items, options=_push_options(settings), listener=settings.listener
        )


async def _load(
    opened: Stored | DockerTars, store: LayoutDirectory, directory: Path, settings: TransferSettings
) -> list[ImageResult]:
    """Bring what was opened into a layout."""
    if not isinstance(opened, DockerTars):
        names = [str(reference) for reference in await _references(opened, settings)]
        return await relay(
            opened,
            store,
            names,
            jobs=settings.jobs,
            recheck=settings.recheck,
            listener=settings.listener,
        )
    images = opened.images
    if settings.only:
        listed = [_parsed(name, opened.path) for image in images for name in image.names]
        chosen = {str(reference) for reference in settings.chosen(listed)}
        kept = [
            replace(image, names=tuple(name for name in image.names if name in chosen))
            for image in images
        ]
        images = tuple(image for image in kept if image.names)
    scratch = directory.with_name(f".{directory.name}{_SCRATCH_SUFFIX}")
    async with DockerImport(store, scratch, settings.listener).opened() as importer:
        results = await importer.run(images)
    if all(result.status is not Status.FAILED for result in results):
        await in_thread(remove_scratch, scratch)
    return results


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[Stored]:
    """Open a store that has manifests."""
    opened = await in_thread(open_source, path)
    try:
        if isinstance(opened, DockerTars):
            raise UsageError(
                f"{path} holds tars of docker save, without manifests",
                fix=f"Load it first: ckf-airgap images load {path} -o images",
            )
        yield opened
    finally:
        opened.close()


async def _references(
    stored: Stored, settings: TransferSettings
) -> dict[ImageReference, Descriptor]:
    """Return the images of a store that are to be done."""
    where = stored.path if isinstance(stored, LayoutDirectory) else Path(stored.where)
    found = {
        _parsed(name, where): descriptor for name, descriptor in (await stored.references()).items()
    }
    if not found:
        raise AbsentError(f"{where} names no images")
    return {reference: found[reference] for reference in settings.chosen(found)}


async def _names(
    stored: Stored, references: Sequence[ImageReference] | None, settings: TransferSettings
) -> list[str]:
    """Return the names in a store of the images to take from it, however the list spells them."""
    known = await _references(stored, replace(settings, only=frozenset()))
    wanted = settings.chosen(known if references is None else references)
    by_meaning = {reference.canonical(): str(reference) for reference in known}
    return [by_meaning.get(one.canonical(), str(one)) for one in wanted]


def _parsed(name: str, where: Path) -> ImageReference:
    try:
        return ImageReference.parse(name)
    except ReferenceSyntaxError as exc:
        raise IntegrityError(
            f"{where} has an image of the name {name!r}, which is no reference",
            fix="Name images in full when other tools write the layout.",
        ) from exc


def _more_names(
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


def _without_images(listener: Listener) -> Listener:
    """Return a listener that hears of an image only when it failed: more is to be done with it."""

    def listen(event: Event) -> None:
        if not isinstance(event, ImageDone) or event.result.status is Status.FAILED:
            listener(event)

    return listen


def _push_options(settings: TransferSettings) -> pushing.PushOptions:
    return pushing.PushOptions(recheck=settings.recheck, create_projects=settings.create_projects)


def _report(results: Iterable[ImageResult], started: float) -> TransferReport:
    return TransferReport(results=tuple(results), seconds=time.monotonic() - started)
