"""The images of a pack: how large they are before they are there, and what the lock says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from ckf_airgap.concurrency import bounded_outcomes, in_thread
from ckf_airgap.errors import IntegrityError
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.retag import RetagMapping
from ckf_airgap.operations.imagesettings import TransferSettings
from ckf_airgap.operations.lock import Lock, LockedImage
from ckf_airgap.transfer.oci import Descriptor, Digest, Manifest
from ckf_airgap.transfer.registry.remotesource import RemoteSource
from ckf_airgap.transfer.stores.archive import Archive
from ckf_airgap.transfer.tree import ImageTree, carried_platforms, read_tree

_MAX_CONFIG_BYTES = 16 * 1024 * 1024


async def weigh_images(
    references: Iterable[ImageReference], settings: TransferSettings, assumed: frozenset[Digest]
) -> tuple[int, int]:
    """Return how many images could be looked up, and the bytes of their blobs, each once.

    An image that cannot be looked up counts nothing here; saving it reports why.

    Args:
        references: The images.
        settings: How to talk to registries.
        assumed: Blobs that are not carried.
    """
    async with settings.client() as client:
        source = RemoteSource(client)

        async def resolve(reference: ImageReference) -> ImageTree:
            return await read_tree(source, await source.resolve(reference), settings.platforms)

        outcomes = await bounded_outcomes(resolve, tuple(references), 2 * settings.jobs)
    trees = [one.result for one in outcomes if one.result is not None]
    blobs = {blob.digest: blob.size for tree in trees for blob in tree.blobs}
    return len(trees), sum(size for digest, size in blobs.items() if digest not in assumed)


async def lock_images(
    path: Path, mapping: RetagMapping, before: Lock | None, second: Mapping[ImageReference, str]
) -> tuple[tuple[LockedImage, ...], dict[str, int], frozenset[str]]:
    """Return what the lock says of the images in an archive, and what the archive lacks.

    Args:
        path: The archive.
        mapping: Where the images go.
        before: The lock of the earlier pack that this one is made after, if any.
        second: The second names of official images by the canonical form of their sources.

    Returns:
        The images, the size of each blob and manifest, and the digests that are not in the archive.
    """
    archive = await in_thread(Archive.open, path)
    try:
        references = await archive.references()
        known = {one.digest: one.platforms for one in before.images} if before else {}
        images: list[LockedImage] = []
        sizes: dict[str, int] = {}
        lacking: set[str] = set()
        for image in mapping.images:
            descriptor = references.get(str(image.source))
            if descriptor is None:
                raise IntegrityError(f"{path} lacks the image {image.source}")
            top = await archive.manifest(descriptor.digest)
            tree = await read_tree(archive, top, carried_platforms(descriptor))
            contents = {str(one.digest): len(one.content) for one in tree.manifests}
            for blob in tree.blobs:
                if await archive.has(blob):
                    contents[str(blob.digest)] = blob.size
                elif not blob.urls:
                    contents[str(blob.digest)] = blob.size
                    lacking.add(str(blob.digest))
            sizes |= contents
            platforms = await _platforms(archive, tree)
            images.append(
                LockedImage(
                    source=str(image.source),
                    target=str(image.target),
                    library=second.get(image.source.canonical()),
                    digest=str(top.digest),
                    media_type=top.media_type,
                    platforms=platforms or known.get(str(top.digest), ()),
                    blobs=tuple(sorted(contents.keys() - {str(top.digest)})),
                )
            )
    finally:
        archive.close()
    return tuple(images), sizes, frozenset(lacking)


async def _platforms(archive: Archive, tree: ImageTree) -> tuple[str, ...]:
    """Return the platforms that an image was taken for."""
    named = {
        str(child.platform)
        for one in tree.manifests
        for child in one.children
        if child.platform is not None and child.platform.os != "unknown"
        if child.digest in {manifest.digest for manifest in tree.manifests}
    }
    if not tree.top.is_index:
        named |= await _platform_of(archive, tree.top)
    return tuple(sorted(named))


async def _platform_of(archive: Archive, manifest: Manifest) -> set[str]:
    config: Descriptor | None = manifest.config
    if config is None or config.size > _MAX_CONFIG_BYTES or not await archive.has(config):
        return set()
    content = b"".join([chunk async for chunk in archive.read(config)])
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return set()
    if not isinstance(document, dict) or not document.get("architecture"):
        return set()
    parts = (document.get("os") or "linux", document["architecture"], document.get("variant"))
    return {"/".join(str(part) for part in parts if part)}
