"""Carrying images: what each command of ``ckf-airgap images`` that moves them does.

The connected side pulls from registries and saves an archive, the other side loads it and pushes to
the private registry; `copy_images` does both at once for a machine that can reach both. Every
function tries all images, and returns a result for each.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from ckf_airgap.concurrency import in_thread
from ckf_airgap.errors import UsageError
from ckf_airgap.files.paths import StrPath, optional_path
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.retag import RetagMapping
from ckf_airgap.operations.imagesettings import TransferReport, TransferSettings
from ckf_airgap.operations.imagestores import (
    Stored,
    library_decided,
    names_of,
    names_there,
    opened_store,
    parsed_name,
    pushed_places,
    references_of,
)
from ckf_airgap.operations.places import Mapper
from ckf_airgap.transfer import pull as pulling
from ckf_airgap.transfer import push as pushing
from ckf_airgap.transfer.docker.dockerimport import DockerImport, remove_scratch
from ckf_airgap.transfer.events import (
    ImageDone,
    ImageResult,
    ImagesPlanned,
    ImageStatus,
    Listener,
    TransferEvent,
)
from ckf_airgap.transfer.oci import Digest
from ckf_airgap.transfer.relay import relay
from ckf_airgap.transfer.stores.archivefiles import part_path
from ckf_airgap.transfer.stores.archivetail import docker_names
from ckf_airgap.transfer.stores.archivewriter import ArchiveWriter
from ckf_airgap.transfer.stores.layout import LayoutDirectory
from ckf_airgap.transfer.stores.opening import DockerTars, open_source
from ckf_airgap.transfer.stores.perimage import write_per_image

_SCRATCH_SUFFIX: Final = ".layers"


async def pull_images(
    references: Iterable[ImageReference], directory: StrPath | None, settings: TransferSettings
) -> TransferReport:
    """Pull images from their registries.

    Args:
        references: The images.
        directory: The OCI image layout to pull into; ``None`` for the Docker Engine.
        settings: How.

    Raises:
        StorageFullError: when they do not fit, before anything is moved.
        UsageError: when several platforms are asked for of the Docker Engine, which keeps one.
    """
    directory = optional_path(directory)
    started = time.monotonic()
    chosen = settings.chosen(references)
    if directory is None:
        settings.require_one_platform("a Docker Engine")
        from ckf_airgap.transfer.docker.withregistries import (  # noqa: PLC0415 - docker's SDK is slow to import
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
    archive: StrPath,
    settings: TransferSettings,
    *,
    source: StrPath | None = None,
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
    archive, source = Path(archive), optional_path(source)
    started = time.monotonic()
    writer = await in_thread(ArchiveWriter.create, archive)
    writer.assumed = assumed
    scratch = archive.with_name(part_path(archive).name + _SCRATCH_SUFFIX)
    with writer:
        if engine:
            from ckf_airgap.transfer.docker.withstores import (  # noqa: PLC0415 - docker's SDK is slow to import
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
            async with opened_store(source) as stored:
                names = await names_of(stored, references, settings)
                results = await relay(
                    stored,
                    writer,
                    names,
                    platforms=settings.platforms,
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
            names=names_there(mapping, [result.source for result in report.results]),
            since=since,
        )
    await in_thread(remove_scratch, scratch)
    return replace(report, archive=summary, seconds=time.monotonic() - started)


async def save_per_image(
    references: Sequence[ImageReference] | None,
    archive: StrPath,
    settings: TransferSettings,
    *,
    source: StrPath,
    mapping: Mapper | None = None,
) -> TransferReport:
    """Write an archive with one tar for each image, as the guide's scripts do.

    Args:
        references: The images; ``None`` for all of `source`.
        archive: The archive.
        settings: How.
        source: The layout or archive to take them from.
        mapping: Gives their places in the private registry, which the tars then name.

    Raises:
        UsageError: when several platforms are asked for: such a tar has one.
    """
    archive, source = Path(archive), Path(source)
    started = time.monotonic()
    settings.require_one_platform("a tar of one image")
    async with opened_store(source) as stored:
        names = await names_of(stored, references, settings)
        more = names_there(mapping, names)

        def tags(name: str) -> Iterable[str]:
            return more(name) or docker_names(name) or (name,)

        results = await write_per_image(
            stored, names, archive, prefer=settings.prefer, tags=tags, listener=settings.listener
        )
    return _report(results, started)


async def load_images(
    archive: StrPath,
    directory: StrPath | None,
    settings: TransferSettings,
    *,
    mapping: Mapper | None = None,
) -> TransferReport:
    """Load the images of an archive into a layout or a Docker Engine.

    Args:
        archive: An archive of this tool, of ``docker save``, of the guide's scripts, or a layout.
        directory: The OCI image layout to load into; ``None`` for the Docker Engine.
        settings: How.
        mapping: Gives the places of images in the private registry; the engine then gets these
            names, too.

    Raises:
        UsageError: when several platforms are asked for of the Docker Engine, which keeps one.
    """
    archive, directory = Path(archive), optional_path(directory)
    started = time.monotonic()
    if directory is None:
        settings.require_one_platform("a Docker Engine")
    opened = await in_thread(open_source, archive)
    try:
        if directory is not None:
            with await in_thread(LayoutDirectory.create, directory) as store:
                results = await _load(opened, store, directory, settings)
            return _report(results, started)
        if isinstance(opened, DockerTars):
            raise UsageError(
                f"{archive} was made by docker save; Docker loads its tars itself",
                fix="`docker load -i` each of the tars; or, all at once: ckf-airgap images load"
                f" {archive} -o DIR, and then: ckf-airgap images load DIR --engine docker",
            )
        references = await references_of(opened, settings)
        places = mapping(tuple(references)) if mapping is not None else None

        def names(reference: ImageReference) -> tuple[str, ...]:
            target = places.target_of(reference) if places is not None else None
            return () if target is None else docker_names(str(target))

        from ckf_airgap.transfer.docker.withstores import (  # noqa: PLC0415 - docker's SDK is slow to import
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
    source: StrPath,
    mapping: Mapper,
    settings: TransferSettings,
) -> TransferReport:
    """Push the images of an archive or layout to the private registry.

    Archives of ``docker save`` hold no manifests: their layers are first compressed into a layout
    next to them, which is removed when all images are pushed.

    Args:
        source: An archive or a layout, as `load_images`.
        mapping: Gives the places of the images in the private registry.
        settings: How.

    Raises:
        InputError: when the second name of an official image is the place of another one.
    """
    source = Path(source)
    started = time.monotonic()
    settings = await library_decided(settings, source)
    opened = await in_thread(open_source, source)
    try:
        if not isinstance(opened, DockerTars):
            return _report(await _push(opened, mapping, settings), started)
        staging = source.with_name(source.name + _SCRATCH_SUFFIX)
        with await in_thread(LayoutDirectory.create, staging) as store:
            quiet = replace(settings, listener=_without_images(settings.listener))
            loaded = await _load(opened, store, staging, quiet)
            failed = [one for one in loaded if one.status is ImageStatus.FAILED]
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
        from ckf_airgap.transfer.docker.withregistries import (  # noqa: PLC0415 - docker's SDK is slow to import
            push_images as engine_push,
        )

        first = [(image.source, image.target) for image in places.images]
        second = pushed_places(chosen, places, settings)[len(first) :]
        results = []
        for pairs in (first, second):  # an engine gives an image one name at a time
            results += await engine_push(
                settings.engine(), pairs, client, jobs=settings.jobs, listener=settings.listener
            )
    return _report(results, started)


async def retag_in_engine(mapping: RetagMapping, settings: TransferSettings) -> TransferReport:
    """Give images of the Docker Engine the names that they have in the private registry."""
    started = time.monotonic()
    from ckf_airgap.transfer.docker.withregistries import (  # noqa: PLC0415 - docker's SDK is slow to import
        retag_images as engine_retag,
    )

    results = await engine_retag(
        settings.engine(),
        [(image.source, image.target) for image in mapping.images],
        jobs=settings.jobs,
        listener=settings.listener,
    )
    return _report(results, started)


async def copy_images(mapping: RetagMapping, settings: TransferSettings) -> TransferReport:
    """Copy images from their registries straight into the private one."""
    started = time.monotonic()
    chosen = settings.chosen(image.source for image in mapping.images)
    items = [
        pushing.PushItem(source=str(image), target=target)
        for image, target in pushed_places(chosen, mapping, settings)
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


async def _push(
    stored: Stored,
    mapping: Mapper,
    settings: TransferSettings,
) -> list[ImageResult]:
    references = await references_of(stored, settings)
    places = mapping(tuple(references))
    items = [
        pushing.PushItem(source=str(reference), target=target)
        for reference, target in pushed_places(references, places, settings)
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
        names = [str(reference) for reference in await references_of(opened, settings)]
        return await relay(
            opened,
            store,
            names,
            platforms=settings.platforms,
            jobs=settings.jobs,
            recheck=settings.recheck,
            listener=settings.listener,
        )
    images = opened.images
    if settings.only:
        listed = [parsed_name(name, opened.path) for image in images for name in image.names]
        chosen = {str(reference) for reference in settings.chosen(listed)}
        kept = [
            replace(image, names=tuple(name for name in image.names if name in chosen))
            for image in images
        ]
        images = tuple(image for image in kept if image.names)
    settings.listener(ImagesPlanned(count=sum(max(len(image.names), 1) for image in images)))
    scratch = directory.with_name(f".{directory.name}{_SCRATCH_SUFFIX}")
    async with DockerImport(store, scratch, settings.listener).opened() as importer:
        results = await importer.run(images)
    if all(result.status is not ImageStatus.FAILED for result in results):
        await in_thread(remove_scratch, scratch)
    return results


def _without_images(listener: Listener) -> Listener:
    """Return a listener that is notified of an image only if it failed: others are not done yet."""

    def listen(event: TransferEvent) -> None:
        failed = isinstance(event, ImageDone) and event.result.status is ImageStatus.FAILED
        if failed or not isinstance(event, ImageDone | ImagesPlanned):
            listener(event)

    return listen


def _push_options(settings: TransferSettings) -> pushing.PushOptions:
    return pushing.PushOptions(recheck=settings.recheck, create_projects=settings.create_projects)


def _report(results: Iterable[ImageResult], started: float) -> TransferReport:
    return TransferReport(results=tuple(results), seconds=time.monotonic() - started)
