"""What belongs to an image: its manifests, children first, and its blobs, each once."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from ckf_airgap.documents import Document
from ckf_airgap.errors import AbsentError, IntegrityError
from ckf_airgap.transfer.oci import (
    Descriptor,
    Digest,
    Manifest,
    Platform,
    descriptor_document,
    parse_manifest,
    select_children,
)
from ckf_airgap.transfer.protocols import BlobSource, BlobStore

PLATFORMS: Final = "io.ckf-airgap.platforms"
"""The annotation in ``index.json`` of an image that was carried for some platforms only."""

MAX_DEPTH: Final = 8
"""Levels of indexes within indexes."""

MAX_MANIFESTS: Final = 1000
"""Manifests that one image may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTree:
    """An image.

    Attributes:
        top: The manifest that its reference means.
        manifests: All its manifests that are carried, children before their index, `top` last.
        blobs: All blobs of these.
        omitted: Children of its indexes that are not carried.
        platforms: The platforms that are carried, if not all.
        remarks: What else to report about it.
    """

    top: Manifest
    manifests: tuple[Manifest, ...]
    blobs: tuple[Descriptor, ...]
    omitted: tuple[Descriptor, ...] = ()
    platforms: tuple[Platform, ...] = ()
    remarks: tuple[str, ...] = ()
    children: dict[Digest, tuple[Manifest, ...]] = field(default_factory=dict, repr=False)

    @property
    def descriptor(self) -> Descriptor:
        """The descriptor of `top`; it says which platforms are carried, if not all."""
        descriptor = self.top.descriptor
        if not self.omitted:
            return descriptor
        names = ",".join(map(str, self.platforms))
        return replace(descriptor, annotations={PLATFORMS: names})

    @property
    def notes(self) -> tuple[str, ...]:
        """What to report about an image, such as that it is carried for some platforms only."""
        if not self.omitted:
            return self.remarks
        left = ", ".join(sorted({str(child.platform) for child in self.omitted}))
        kept = f"carried without {left}; the index keeps its digest {self.top.digest}"
        return (*self.remarks, kept)


async def read_tree(
    source: BlobSource, top: Manifest, platforms: Iterable[Platform] = ()
) -> ImageTree:
    """Return all of an image that is in a source.

    Args:
        source: Where its manifests are.
        top: Its top manifest.
        platforms: The platforms to take of an index; all when none are given.

    Raises:
        AbsentError: when a manifest is missing, or an index has nothing for the platforms.
        IntegrityError: when it is unreasonably deep or large.
    """
    wanted = tuple(platforms)
    manifests: dict[Digest, Manifest] = {}
    blobs: dict[Digest, Descriptor] = {}
    omitted: list[Descriptor] = []
    children: dict[Digest, tuple[Manifest, ...]] = {}

    async def walk(manifest: Manifest, depth: int) -> None:
        if depth > MAX_DEPTH or len(manifests) > MAX_MANIFESTS:
            raise IntegrityError(f"the index {top.digest} is unreasonably deep or large")
        if manifest.is_index:
            taken, left = select_children(manifest, wanted)
            if manifest.children and not taken:
                there = ", ".join(sorted({str(child.platform) for child in left}))
                names = " or ".join(map(str, wanted))
                raise AbsentError(f"the index {top.digest} has nothing for {names}, only: {there}")
            omitted.extend(left)
            found = []
            for child in taken:
                if child.digest not in manifests:
                    if not child.is_manifest:
                        raise IntegrityError(
                            f"the index {manifest.digest} has a child of an unknown kind:"
                            f" {child.media_type}"
                        )
                    await walk(await source.manifest(child.digest), depth + 1)
                found.append(manifests[child.digest])
            children[manifest.digest] = tuple(found)
        for blob in manifest.blobs:
            blobs.setdefault(blob.digest, blob)
        manifests[manifest.digest] = manifest

    await walk(top, 1)
    return ImageTree(
        top=top,
        manifests=tuple(manifests.values()),
        blobs=tuple(blobs.values()),
        omitted=tuple(omitted),
        platforms=wanted,
        children=children,
    )


def carried_platforms(descriptor: Descriptor) -> tuple[Platform, ...]:
    """Return the platforms that an image of a layout was carried for; none means all."""
    text = descriptor.annotations.get(PLATFORMS, "")
    return tuple(Platform.parse(name) for name in text.split(",") if name)


def reduced(tree: ImageTree) -> tuple[Manifest, ...]:
    """Return the manifests of an image that names only what is carried; its digest is another.

    Needed where a registry refuses an index with children that it lacks. An index with one
    child that runs becomes that child, whose digest is an original one; others are rewritten.

    Returns:
        Its manifests, children before their index, the top one last.
    """
    rewritten: dict[Digest, Manifest] = {}
    for manifest in tree.manifests:
        if not manifest.is_index:
            rewritten[manifest.digest] = manifest
            continue
        taken, left = select_children(manifest, tree.platforms)
        same = all(rewritten[child.digest].digest == child.digest for child in taken)
        if same and not left:
            rewritten[manifest.digest] = manifest
            continue
        running = [child for child in taken if "vnd.docker.reference.type" not in child.annotations]
        if len(running) == 1 and left:
            rewritten[manifest.digest] = rewritten[running[0].digest]
        else:
            rewritten[manifest.digest] = _index(manifest, taken, rewritten)
    ordered = dict.fromkeys(
        [*(rewritten[one.digest] for one in tree.manifests), rewritten[tree.top.digest]]
    )
    top = rewritten[tree.top.digest]
    return (*(one for one in ordered if one != top), top)


def _index(
    manifest: Manifest, taken: tuple[Descriptor, ...], rewritten: dict[Digest, Manifest]
) -> Manifest:
    document: Document = {
        "schemaVersion": 2,
        "mediaType": manifest.media_type,
        "manifests": [
            descriptor_document(
                replace(
                    rewritten[child.digest].descriptor,
                    platform=child.platform,
                    annotations=child.annotations,
                )
            )
            for child in taken
        ],
    }
    return parse_manifest(json.dumps(document).encode(), manifest.media_type)


async def keep_manifest(store: BlobStore, manifest: Manifest) -> None:
    """Keep the bytes of a manifest in a store; one that is there is rewritten if damaged.

    Raises:
        TransferError: when it cannot be written.
    """
    if await store.has(manifest.descriptor):
        with contextlib.suppress(IntegrityError):
            await store.verify(manifest.descriptor)
            return
    async with store.writer(manifest.descriptor) as blob:
        await blob.restart()
        await blob.write(manifest.content)
        await blob.commit()
