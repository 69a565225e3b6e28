"""What is done with a Docker Engine and a store: save and load, with a result per image."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tarfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from ckf_airgap.concurrency import in_thread_to_end
from ckf_airgap.documents import parse_json
from ckf_airgap.errors import AbsentError, AirgapError, IntegrityError, TransferError
from ckf_airgap.files import disk_errors
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.transfer.docker.docker import BlockingChunks, DockerEngine, EngineImage
from ckf_airgap.transfer.docker.dockerimport import DockerImport
from ckf_airgap.transfer.docker.withregistries import local_image
from ckf_airgap.transfer.events import (
    BlobsPlanned,
    BytesMoved,
    ImageDone,
    ImageResult,
    ImagesPlanned,
    ImageStatus,
    Listener,
    ignore,
)
from ckf_airgap.transfer.oci import Descriptor, Digest, Manifest, Platform
from ckf_airgap.transfer.protocols import BlobSource, BlobStore
from ckf_airgap.transfer.stores.archive import blob_name
from ckf_airgap.transfer.stores.archivetail import (
    DEFAULT_PLATFORM,
    MAX_CONFIG_BYTES,
    docker_image,
    docker_names,
    read_all,
)
from ckf_airgap.transfer.stores.dockersave import (
    SavedImage,
    config_diff_ids,
    manifest_entries,
    saved_image,
)
from ckf_airgap.transfer.stores.layers import LayerPacker, PackedLayer
from ckf_airgap.transfer.stores.region import member_bytes, member_header
from ckf_airgap.transfer.tree import keep_manifest


async def save_images(
    engine: DockerEngine,
    references: Iterable[ImageReference],
    store: BlobStore,
    *,
    scratch: Path,
    before: BlobSource | None = None,
    listener: Listener = ignore,
) -> list[ImageResult]:
    """Bring images of the engine into a store, with one ``docker save`` for all of them.

    Args:
        engine: The engine.
        references: The images.
        store: Where they go.
        scratch: A directory for layers while they are compressed.
        before: What an earlier run stored; an image of the same ID is taken from there.
        listener: Is notified of progress.

    Returns:
        A result for each reference.
    """
    wanted: dict[ImageReference, EngineImage] = {}
    results: dict[ImageReference, ImageResult] = {}
    known = await _names_of(before)
    chosen = tuple(dict.fromkeys(references))
    listener(ImagesPlanned(count=len(chosen)))
    for reference in chosen:
        try:
            found = await local_image(engine, reference)
            descriptor = known.get(str(reference))
            kept = await _kept(before, descriptor, found) if before and descriptor else None
            if kept is None:
                wanted[reference] = found
                continue
            await keep_manifest(store, kept)
            await store.set_reference(str(reference), kept.descriptor)
            results[reference] = _result(reference, kept.digest, ImageStatus.PRESENT)
        except AirgapError as exc:
            results[reference] = _failure(reference, exc)
        listener(ImageDone(result=results[reference]))
    if wanted:
        results |= await _save(engine, wanted, store, scratch, listener)
    return list(results.values())


async def load_images(
    engine: DockerEngine,
    source: BlobSource,
    references: Mapping[ImageReference, Descriptor],
    *,
    prefer: Platform = DEFAULT_PLATFORM,
    names: Callable[[ImageReference], Iterable[str]] = lambda _reference: (),
    listener: Listener = ignore,
) -> list[ImageResult]:
    """Load images of a store into the engine: all that it lacks at once, each blob once.

    When that fails, each image is tried on its own, so that one that is damaged stops no other.

    Args:
        engine: The engine.
        source: Where the images are.
        references: The images, with their top manifests.
        prefer: Which image of an index the engine gets, since it can have one only.
        names: More names to give to an image.
        listener: Is notified of progress.

    Returns:
        A result for each reference.
    """
    results: dict[ImageReference, ImageResult] = {}
    waiting: dict[ImageReference, _Loading] = {}
    listener(ImagesPlanned(count=len(references)))
    for reference, descriptor in references.items():
        try:
            loading = await _loading(source, reference, descriptor, prefer, tuple(names(reference)))
            if await _has_loaded(engine, loading):
                results[reference] = _result(reference, descriptor.digest, ImageStatus.PRESENT)
            else:
                waiting[reference] = loading
                continue
        except AirgapError as exc:
            results[reference] = _failure(reference, exc)
        listener(ImageDone(result=results[reference]))
    groups = [list(waiting.values())] if waiting else []
    if len(waiting) > 1:
        groups += [[one] for one in waiting.values()]
    for group in groups:
        left = [one for one in group if one.reference not in results]
        if not left:
            continue
        error: AirgapError | None = None
        try:
            await _load(engine, source, left, listener)
        except AirgapError as exc:
            error = exc
        for one in left:
            result = await _loaded(engine, one, references[one.reference], error)
            if result.status is ImageStatus.FAILED and len(group) > 1:
                continue
            results[one.reference] = result
            listener(ImageDone(result=result))
    return [results[reference] for reference in references]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loading:
    """An image to load: its manifest, its raw layers, and the tags that it gets."""

    reference: ImageReference
    manifest: Manifest
    diff_ids: tuple[Digest, ...]
    tags: tuple[str, ...]


async def _loading(
    source: BlobSource,
    reference: ImageReference,
    descriptor: Descriptor,
    prefer: Platform,
    names: tuple[str, ...],
) -> _Loading:
    manifest = await docker_image(source, descriptor, prefer)
    if manifest is None or manifest.config is None:
        raise TransferError(
            f"{reference} holds nothing that a Docker Engine can run, or lacks a layer"
        )
    if manifest.config.size > MAX_CONFIG_BYTES:
        raise IntegrityError(f"the config of {reference} has {manifest.config.size} bytes")
    for blob in manifest.blobs:
        await source.verify(blob)
    diff_ids = config_diff_ids(await read_all(source, manifest.config), str(reference))
    tags = dict.fromkeys([*docker_names(str(reference)), *names])
    return _Loading(reference=reference, manifest=manifest, diff_ids=diff_ids, tags=tuple(tags))


async def _has_loaded(engine: DockerEngine, loading: _Loading) -> bool:
    """Whether the engine has an image under all its tags."""
    config = loading.manifest.config
    for tag in loading.tags:
        found = await engine.image(tag)
        # An engine with containerd's image store has other IDs; there, the layers decide.
        if found is None or (
            config is not None and found.id != config.digest and found.diff_ids != loading.diff_ids
        ):
            return False
    return True


async def _load(
    engine: DockerEngine, source: BlobSource, group: list[_Loading], listener: Listener
) -> None:
    blobs = {blob.digest: blob for one in group for blob in one.manifest.blobs}
    listener(BlobsPlanned(count=len(blobs), size=sum(blob.size for blob in blobs.values())))
    chunks = _load_archive(source, blobs.values(), group, listener)
    async with contextlib.aclosing(engine.load(chunks)) as events:
        async for _ in events:
            pass


async def _load_archive(
    source: BlobSource,
    blobs: Iterable[Descriptor],
    group: list[_Loading],
    listener: Listener,
) -> AsyncIterator[bytes]:
    """Yield a tar that ``docker load`` takes."""
    for blob in blobs:
        yield member_header(blob_name(blob.digest), blob.size)
        async for chunk in source.read(blob):
            yield chunk
            listener(BytesMoved(digest=blob.digest, count=len(chunk)))
        if blob.size % 512:
            yield bytes(-blob.size % 512)
    document = [
        {
            "Config": blob_name(one.manifest.config.digest),
            "RepoTags": list(one.tags),
            "Layers": [blob_name(layer.digest) for layer in one.manifest.layers],
        }
        for one in group
        if one.manifest.config is not None
    ]
    yield member_bytes("manifest.json", json.dumps(document).encode()) + bytes(1024)


async def _loaded(
    engine: DockerEngine, loading: _Loading, descriptor: Descriptor, error: AirgapError | None
) -> ImageResult:
    """Return what became of an image, by what the engine has now."""
    try:
        if await _has_loaded(engine, loading):
            moved = sum(blob.size for blob in loading.manifest.blobs)
            return _result(loading.reference, descriptor.digest, ImageStatus.COPIED, moved)
    except AirgapError as exc:
        error = error or exc
    return _failure(
        loading.reference,
        error or AbsentError(f"Docker loaded {loading.reference}, but does not have it"),
    )


async def _names_of(before: BlobSource | None) -> Mapping[str, Descriptor]:
    """Return the images that an earlier run stored; none when it is unclear which they are."""
    try:
        return {} if before is None else await before.references()
    except TransferError:
        return {}


async def _kept(before: BlobSource, descriptor: Descriptor, found: EngineImage) -> Manifest | None:
    """Return the manifest that an earlier run stored for the very image that the engine has."""
    manifest = await before.manifest(descriptor.digest)
    same = manifest.config is not None and manifest.config.digest == found.id
    return manifest if same else None


async def _save(
    engine: DockerEngine,
    wanted: Mapping[ImageReference, EngineImage],
    store: BlobStore,
    scratch: Path,
    listener: Listener,
) -> dict[ImageReference, ImageResult]:
    names: dict[Digest, list[str]] = {}
    for reference, found in wanted.items():
        names.setdefault(found.id, []).append(str(reference))
    groups = [tuple(names)]
    if len(names) > 1:
        groups += [(one,) for one in names]
    saved: dict[Digest, SavedImage] = {}
    errors: dict[Digest, AirgapError] = {}
    done: dict[str, ImageResult] = {}
    async with DockerImport(store, scratch, listener).opened() as importer:
        # When one image spoils the archive of all, each is saved on its own.
        for group in groups:
            left = [one for one in group if one not in saved]
            if not left:
                continue
            try:
                images = {
                    Digest.of(one.config): one for one in await _saved(engine, left, importer)
                }
            except AirgapError as exc:
                errors |= dict.fromkeys(left, exc)
                continue
            saved |= images
            complete = [
                replace(images[one], names=tuple(names[one])) for one in left if one in images
            ]
            done |= {result.source: result for result in await importer.run(complete)}
    missing = AbsentError("Docker left it out of the archive that it saved")
    results = {
        reference: done.get(str(reference)) or _failure(reference, errors.get(found.id, missing))
        for reference, found in wanted.items()
    }
    for reference, result in results.items():
        if str(reference) not in done:
            listener(ImageDone(result=result))
    return results


async def _saved(
    engine: DockerEngine, ids: Iterable[Digest], importer: DockerImport
) -> tuple[SavedImage, ...]:
    """Take a ``docker save`` as it comes, compressing each layer on the way."""
    small: dict[str, bytes] = {}
    packed: dict[str, PackedLayer] = {}
    async with contextlib.aclosing(engine.save(str(one) for one in ids)) as chunks:
        reader = BlockingChunks(chunks, asyncio.get_running_loop())
        try:
            with disk_errors(importer.scratch):
                await in_thread_to_end(
                    lambda: _sort(reader, importer.packer(), small, packed),
                    on_cancel=importer.stop,
                )
        except TransferError:
            if reader.error is not None:
                raise reader.error from None
            raise
    for layer in packed.values():
        importer.add_packed(layer)
    if "manifest.json" not in small:
        raise IntegrityError("the archive that Docker saved is truncated: it has no manifest.json")

    def read(name: str) -> bytes:
        if name not in small:
            raise IntegrityError(f"the archive that Docker saved lacks {name}")
        return small[name]

    try:
        document = parse_json(small["manifest.json"])
    except ValueError as exc:
        raise IntegrityError(f"the manifest.json that Docker saved is not JSON: {exc}") from exc
    return tuple(
        saved_image(entry, where="docker save", read=read, opener=lambda _name: _gone)
        for entry in manifest_entries(document, "docker save")
    )


def _sort(
    reader: BlockingChunks,
    packer: LayerPacker,
    small: dict[str, bytes],
    packed: dict[str, PackedLayer],
) -> None:
    """Read a tar from beginning to end: keep small members, compress layers."""
    try:
        with tarfile.open(fileobj=reader, mode="r|") as tar:  # type: ignore[call-overload]
            for info in tar:
                stream = tar.extractfile(info) if info.isreg() else None
                if stream is None:
                    continue  # a link to a layer that is in the tar, too
                first = stream.read(512)
                if _is_layer(info.name, first):
                    rest = iter(lambda s=stream: s.read(1024 * 1024), b"")  # type: ignore[misc]
                    packed[info.name] = packer.pack(_joined(first, rest))
                elif info.size <= MAX_CONFIG_BYTES:
                    small[info.name] = first + stream.read()
    except tarfile.TarError as exc:
        raise IntegrityError(f"the archive that Docker saved is not a complete tar: {exc}") from exc


def _joined(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _is_layer(name: str, first: bytes) -> bool:
    """Whether a member is a layer: by its name, or, in newer Dockers' layout, by its bytes."""
    if name.startswith("blobs/"):
        return not first.lstrip().startswith((b"{", b"["))
    return name.endswith("/layer.tar")


def _gone() -> NoReturn:
    raise IntegrityError("the archive that Docker saved lacks a layer")


def _result(
    reference: ImageReference, digest: Digest, status: ImageStatus, moved: int = 0
) -> ImageResult:
    name = str(reference)
    return ImageResult(source=name, target=name, digest=digest, status=status, bytes_sent=moved)


def _failure(reference: ImageReference, error: AirgapError) -> ImageResult:
    name = str(reference)
    return ImageResult(source=name, target=name, status=ImageStatus.FAILED, error=error)
