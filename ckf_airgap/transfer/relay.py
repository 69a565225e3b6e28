"""Images from one store into another: a layout into an archive, an archive into a layout."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from ckf_airgap.concurrency import Outcome, bounded_outcomes
from ckf_airgap.errors import AbsentError, AirgapError, IntegrityError
from ckf_airgap.net.limits import DEFAULT_LIMIT
from ckf_airgap.transfer.events import (
    BlobDone,
    BlobsPlanned,
    BlobWay,
    ImageDone,
    ImageResult,
    ImagesPlanned,
    ImageStatus,
    Listener,
    ignore,
)
from ckf_airgap.transfer.names import notes_of
from ckf_airgap.transfer.oci import Descriptor, Digest, Platform
from ckf_airgap.transfer.protocols import BlobSource, BlobStore
from ckf_airgap.transfer.registry.download import Meter
from ckf_airgap.transfer.registry.shared import Shared, raise_failures
from ckf_airgap.transfer.tree import ImageTree, carried_platforms, keep_manifest, read_tree


async def relay(
    source: BlobSource,
    store: BlobStore,
    names: Iterable[str],
    *,
    platforms: Iterable[Platform] = (),
    jobs: int = DEFAULT_LIMIT,
    recheck: bool = False,
    listener: Listener = ignore,
) -> list[ImageResult]:
    """Copy images from a store into another, each blob once and hashed on its way.

    Args:
        source: Where they are.
        store: Where they go; what it has is left alone.
        names: Their names in both.
        platforms: The platforms to take of indexes; all that the source has by default.
        jobs: How many blobs are copied at the same time.
        recheck: Whether to hash the blobs that are in the store, and copy what is damaged.
        listener: Is notified of progress.

    Returns:
        A result for each name, in order.

    Raises:
        StorageFullError: when the store has not enough room, before anything is copied.
    """
    references = await source.references()
    wanted = tuple(dict.fromkeys(names))
    wanted_platforms = tuple(platforms)
    listener(ImagesPlanned(count=len(wanted)))

    async def read(name: str) -> ImageTree:
        descriptor = references.get(name)
        if descriptor is None:
            raise AbsentError(f"{name} is not among the images that were carried")
        top = await source.manifest(descriptor.digest)
        carried = carried_platforms(descriptor)
        strange = [str(one) for one in wanted_platforms if carried and one not in carried]
        if strange:
            raise AbsentError(
                f"{name} was carried for {', '.join(map(str, carried))} only,"
                f" not for {', '.join(strange)}"
            )
        tree = await read_tree(source, top, wanted_platforms or carried)
        return replace(tree, remarks=notes_of(descriptor))

    trees = await bounded_outcomes(read, wanted, jobs)
    run = _Relay(source, store, jobs, listener)
    await run.plan([tree.result for tree in trees if tree.result is not None], recheck=recheck)
    results = await bounded_outcomes(run.image, trees, max(len(trees), 1))
    return [result.unwrap() for result in results]


class _Relay:
    """One run of `relay`."""

    def __init__(self, source: BlobSource, store: BlobStore, jobs: int, listener: Listener) -> None:
        self._source = source
        self._store = store
        self._listener = listener
        self._slots = asyncio.Semaphore(jobs)
        self._blobs: Shared[Digest, None] = Shared()
        self._manifests: Shared[Digest, None] = Shared()
        self._missing: dict[Digest, Descriptor] = {}

    async def plan(self, trees: list[ImageTree], *, recheck: bool) -> None:
        """Find out what is missing, and whether there is room for it."""
        blobs = {blob.digest: blob for tree in trees for blob in tree.blobs}
        size = sum(blob.size for blob in blobs.values())
        self._listener(BlobsPlanned(count=len(blobs), size=size))
        for blob in blobs.values():
            if await self._is_here(blob, recheck=recheck):
                self._listener(BlobDone(descriptor=blob, way=BlobWay.PRESENT))
            else:
                self._missing[blob.digest] = blob
        self._named = await self._store.references()
        manifests = {one.digest: one.descriptor for tree in trees for one in tree.manifests}
        await self._store.check_room((*blobs.values(), *manifests.values()))

    async def image(self, tree: Outcome[str, ImageTree]) -> ImageResult:
        """Copy one image, and report what became of it."""
        moved = [0]
        error: AirgapError | None = None
        try:
            await self._bring(tree.item, tree.unwrap(), moved)
        except AirgapError as exc:
            error = exc
        digest = tree.result.top.digest if tree.result is not None else None
        before = self._named.get(tree.item)
        same = before is not None and before.digest == digest and not moved[0]
        result = ImageResult(
            source=tree.item,
            target=tree.item,
            digest=digest,
            status=ImageStatus.FAILED
            if error
            else ImageStatus.PRESENT
            if same
            else ImageStatus.COPIED,
            bytes_sent=moved[0],
            error=error,
            notes=tree.result.notes if tree.result is not None else (),
        )
        self._listener(ImageDone(result=result))
        return result

    async def _bring(self, name: str, tree: ImageTree, moved: list[int]) -> None:
        async def copy(blob: Descriptor) -> None:
            await self._blobs.get(blob.digest, lambda: self._copy(blob, moved))

        missing = [blob for blob in tree.blobs if blob.digest in self._missing]
        raise_failures(name, await bounded_outcomes(copy, missing, max(len(missing), 1)))
        for manifest in tree.manifests:
            await self._manifests.get(
                manifest.digest,
                partial(keep_manifest, self._store, manifest),
            )
        await self._store.set_reference(name, tree.descriptor)

    async def _copy(self, blob: Descriptor, moved: list[int]) -> None:
        if blob.urls and not await self._source.has(blob):
            return
        async with self._slots, self._store.writer(blob) as writer:
            resumed = writer.offset
            meter = Meter(blob, self._listener, resumed)
            # Bytes of an earlier run may be what is wrong, so a second try starts from nothing.
            for attempt in range(2):
                async for chunk in self._source.read(blob, writer.offset):
                    await writer.write(chunk)
                    moved[0] += len(chunk)
                    meter.at(writer.offset)
                try:
                    await writer.commit()
                    break
                except IntegrityError as exc:
                    if attempt or not resumed:
                        raise IntegrityError(
                            exc.message,
                            fix="Its source is damaged: copy or pull that again.",
                        ) from exc
        self._listener(BlobDone(descriptor=blob, way=BlobWay.COPIED, resumed=resumed))

    async def _is_here(self, blob: Descriptor, *, recheck: bool) -> bool:
        if not await self._store.has(blob):
            return False
        if recheck:
            try:
                await self._store.verify(blob)
            except AirgapError:
                return False
        return True
