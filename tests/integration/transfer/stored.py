"""Puts images of `samples` into stores, without a registry."""

from __future__ import annotations

import json
from pathlib import Path

from ckf_airgap.transfer.oci import Descriptor, Digest, parse_manifest
from ckf_airgap.transfer.protocols import BlobSource, BlobStore
from ckf_airgap.transfer.stores.archivewriter import ArchiveSummary, ArchiveWriter
from ckf_airgap.transfer.tree import keep_manifest, read_tree
from tests.integration.transfer.samples import Sample

CHUNK = 7_001


def descriptors(sample: Sample) -> list[Descriptor]:
    """Return the descriptors of all blobs of an image."""
    found: list[Descriptor] = []
    for content in (sample.content, *(content for _, content in sample.children)):
        found += parse_manifest(content).blobs
    return list({one.digest: one for one in found}.values())


async def put_blob(store: BlobStore, blob: Descriptor, content: bytes) -> int:
    """Write a blob unless it is there, and return how many bytes had to be written."""
    if await store.has(blob):
        return 0
    async with store.writer(blob) as writer:
        begun = writer.offset
        for start in range(begun, len(content), CHUNK):
            await writer.write(content[start : start + CHUNK])
        await writer.commit()
    return len(content) - begun


async def put_image(store: BlobStore, name: str, sample: Sample) -> int:
    """Put an image into a store, and return how many bytes of blobs had to be written."""
    written = 0
    for blob in descriptors(sample):
        written += await put_blob(store, blob, sample.blobs[str(blob.digest)])
    for media_type, content in [*sample.children, (sample.media_type, sample.content)]:
        await keep_manifest(store, parse_manifest(content, media_type))
    top = parse_manifest(sample.content, sample.media_type)
    await store.set_reference(name, top.descriptor)
    return written


async def write_archive(path: Path, images: dict[str, Sample]) -> ArchiveSummary:
    """Write an archive of images."""
    with ArchiveWriter.create(path) as writer:
        for name, sample in images.items():
            await put_image(writer, name, sample)
        return await writer.finish()


async def read_image(source: BlobSource, name: str) -> set[str]:
    """Read and hash all of an image, and return the digests of what belongs to it."""
    top = await source.manifest((await source.references())[name].digest)
    tree = await read_tree(source, top)
    for blob in tree.blobs:
        await source.verify(blob)
        content = b"".join([chunk async for chunk in source.read(blob)])
        assert Digest.of(content) == blob.digest
    return {str(one.digest) for one in tree.manifests} | {str(one.digest) for one in tree.blobs}


def config_of(sample: Sample) -> str:
    """Return the digest of an image's config, which is Docker's image ID."""
    return str(json.loads(sample.content)["config"]["digest"])
