"""What comes last in an archive: the names of its images, for each kind of tool that reads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import ReferenceSyntaxError
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.transfer.oci import (
    CONTAINERD_NAME,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    REF_NAME,
    STAND_IN,
    Descriptor,
    Digest,
    Manifest,
    Platform,
    descriptor_document,
)
from ckf_airgap.transfer.protocols import BlobSource
from ckf_airgap.transfer.stores.archive import SINCE, blob_name

OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"

DEFAULT_PLATFORM: Final = Platform("linux", "amd64")
"""The image of an index that Docker gets, since it can have one only."""

MAX_CONFIG_BYTES: Final = 16 * 1024 * 1024

Names = Callable[[str], Iterable[str]]
"""More names for an image, given its reference."""


async def tail_members(
    source: BlobSource,
    references: Mapping[str, Descriptor],
    *,
    prefer: Platform = DEFAULT_PLATFORM,
    names: Names = lambda _reference: (),
    since: str = "",
) -> list[tuple[str, bytes]]:
    """Return the members that follow the blobs, ``index.json`` last.

    Args:
        source: Where the blobs are.
        references: The images by their names in ``index.json``.
        prefer: Which image of an index ``docker load`` gets.
        names: More names that ``docker load`` gives to an image.
        since: What the other side has already, if not all blobs are here.
    """
    entries: list[JSONValue] = []
    stand_ins: dict[Digest, bytes] = {}
    for reference, descriptor in references.items():
        manifest = await source.manifest(descriptor.digest)
        named = replace(
            descriptor,
            media_type=manifest.media_type,
            annotations={**descriptor.annotations, **_annotations(reference)},
        )
        entries.append(descriptor_document(named))
        content = await _stand_in(source, manifest)
        if content is not None:
            digest = Digest.of(content)
            stand_ins[digest] = content
            marked = {REF_NAME: reference, STAND_IN: str(manifest.digest)}
            entry = Descriptor(OCI_INDEX, digest, len(content), annotations=marked)
            entries.append(descriptor_document(entry))
    index: Document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    if since:
        index["annotations"] = {SINCE: since}
    docker = await docker_manifest(source, references, prefer=prefer, names=names)
    return [
        *((blob_name(digest), content) for digest, content in stand_ins.items()),
        ("oci-layout", b'{"imageLayoutVersion": "1.0.0"}'),
        ("manifest.json", json.dumps(docker).encode()),
        ("index.json", json.dumps(index, indent=1).encode()),
    ]


async def docker_manifest(
    source: BlobSource, references: Mapping[str, Descriptor], *, prefer: Platform, names: Names
) -> list[Document]:
    """Return the ``manifest.json`` of a ``docker save`` archive, whose paths are those of blobs."""
    tags: dict[tuple[str, ...], dict[str, None]] = {}
    for reference, descriptor in references.items():
        manifest = await docker_image(source, descriptor, prefer)
        if manifest is None or manifest.config is None:
            continue
        paths = (manifest.config, *manifest.layers)
        known = tags.setdefault(tuple(blob_name(blob.digest) for blob in paths), {})
        for name in (reference, *names(reference)):
            known.update(dict.fromkeys(docker_names(name)))
    return [
        {"Config": paths[0], "RepoTags": list(known), "Layers": list(paths[1:])}
        for paths, known in tags.items()
    ]


async def docker_image(
    source: BlobSource, descriptor: Descriptor, prefer: Platform
) -> Manifest | None:
    """Return the image that a Docker Engine can run, or ``None``.

    Of an index, that is the image for `prefer`, or else its first one. Docker can run neither an
    artefact that is not an image, nor an image whose layers are not all here.
    """
    manifest = await source.manifest(descriptor.digest)
    if manifest.is_index:
        children = [
            child
            for child in manifest.children
            if not child.is_index
            and (child.platform is None or child.platform.os != "unknown")
            and await source.has(child)
        ]
        if not children:
            return None
        preferred = (one for one in children if one.platform and prefer.includes(one.platform))
        return await docker_image(source, next(preferred, children[0]), prefer)
    if manifest.config is None or manifest.config.media_type not in (OCI_CONFIG, DOCKER_CONFIG):
        return None
    complete = [await source.has(blob) for blob in manifest.blobs]
    return manifest if all(complete) else None


def docker_names(reference: str) -> tuple[str, ...]:
    """Return the tag by which Docker can know an image: a digest becomes the tag of its digits."""
    try:
        canonical = ImageReference.parse(reference).canonical()
    except ReferenceSyntaxError:
        return ()
    return (f"{canonical.name}:{canonical.hexadecimal or canonical.tag}",)


async def read_all(source: BlobSource, descriptor: Descriptor) -> bytes:
    """Return a small blob."""
    return b"".join([chunk async for chunk in source.read(descriptor)])


def _annotations(reference: str) -> dict[str, str]:
    try:
        full = str(ImageReference.parse(reference).canonical())
    except ReferenceSyntaxError:
        return {REF_NAME: reference}
    return {REF_NAME: reference, CONTAINERD_NAME: full}


async def _stand_in(source: BlobSource, manifest: Manifest) -> bytes | None:
    """Return an OCI index that leads older skopeo to an image of Docker's media types."""
    children: tuple[Descriptor, ...]
    if manifest.media_type == DOCKER_LIST:
        children = manifest.children
    elif manifest.media_type == DOCKER_MANIFEST:
        children = (replace(manifest.descriptor, platform=await _platform(source, manifest)),)
    else:
        return None
    documents: list[JSONValue] = [descriptor_document(child) for child in children]
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": documents}
    return json.dumps(index).encode()


async def _platform(source: BlobSource, manifest: Manifest) -> Platform:
    config = manifest.config
    if config is None or config.size > MAX_CONFIG_BYTES or not await source.has(config):
        return DEFAULT_PLATFORM
    try:
        document = json.loads(await read_all(source, config))
    except (ValueError, RecursionError):
        return DEFAULT_PLATFORM
    if not isinstance(document, dict):
        return DEFAULT_PLATFORM
    return Platform(
        str(document.get("os") or DEFAULT_PLATFORM.os),
        str(document.get("architecture") or DEFAULT_PLATFORM.architecture),
        str(document.get("variant") or ""),
    )
