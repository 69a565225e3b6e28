"""Pulling: images from their registries into a store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from ckf_airgap.concurrency import Outcome, bounded_outcomes
from ckf_airgap.errors import AirgapError, IntegrityError, TransferError
from ckf_airgap.images.reference import ImageReference
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
from ckf_airgap.transfer.oci import Descriptor, Digest, Platform
from ckf_airgap.transfer.protocols import BlobStore
from ckf_airgap.transfer.registry.download import download_blob
from ckf_airgap.transfer.registry.remote import RegistryClient
from ckf_airgap.transfer.registry.remotesource import RemoteSource
from ckf_airgap.transfer.registry.shared import Shared, raise_failures
from ckf_airgap.transfer.tree import ImageTree, keep_manifest, read_tree


async def pull(
    client: RegistryClient,
    references: Iterable[ImageReference],
    store: BlobStore,
    *,
    platforms: Iterable[Platform] = (),
    recheck: bool = False,
    assumed: frozenset[Digest] = frozenset(),
    pins: Mapping[ImageReference, Digest] | None = None,
    listener: Listener = ignore,
) -> list[ImageResult]:
    """Bring images into a store, each blob once, whatever fails.

    Each tag is looked up again, so one that has moved since the last run is fetched again. What is
    in the store is not. An image gets its name in the store after all that belongs to it.

    Args:
        client: The client.
        references: The images; the store knows them by these texts.
        store: The store.
        platforms: The platforms to take of indexes; all by default. The index itself is carried
            as it is, with the digest that it has.
        recheck: Whether to hash the blobs that are in the store, and fetch what is damaged.
        assumed: Blobs that are not fetched, since the other side has them.
        pins: The manifests to take of references, whatever their tags mean now.
        listener: Is notified of progress.

    Returns:
        A result for each reference, in order; a reference given twice has one.

    Raises:
        StorageFullError: when the store has not enough room, before anything is moved.
    """
    wanted = tuple(dict.fromkeys(references))
    wanted_platforms = tuple(platforms)
    source = RemoteSource(client)
    listener(ImagesPlanned(count=len(wanted)))

    async def resolve(reference: ImageReference) -> ImageTree:
        pin = (pins or {}).get(reference)
        exact = replace(reference, digest=str(pin), tag=None) if pin is not None else reference
        return await read_tree(source, await source.resolve(exact), wanted_platforms)

    requests = client.options.policy.limits.requests
    trees = await bounded_outcomes(resolve, wanted, requests)
    run = _Pull(client, source, store, listener)
    known = [tree.result for tree in trees if tree.result is not None]
    await run.plan(known, recheck=recheck, assumed=assumed)
    results = await bounded_outcomes(run.image, trees, max(len(trees), 1))
    return [result.unwrap() for result in results]


@dataclass(slots=True)
class _Moved:
    """What was moved for one image."""

    received: int = 0
    fetched: bool = False


class _Pull:
    """One run of `pull`."""

    def __init__(
        self, client: RegistryClient, source: RemoteSource, store: BlobStore, listener: Listener
    ) -> None:
        self._source = source
        self._store = store
        self._listener = listener
        self._slots = asyncio.Semaphore(client.options.policy.limits.jobs)
        self._blobs: Shared[Digest, None] = Shared()
        self._manifests: Shared[Digest, None] = Shared()
        self._missing: dict[Digest, Descriptor] = {}
        self._named: Mapping[str, Descriptor] = {}

    async def plan(
        self, trees: list[ImageTree], *, recheck: bool, assumed: frozenset[Digest]
    ) -> None:
        """Find out what is missing, and whether there is room for it."""
        blobs = {
            blob.digest: blob for tree in trees for blob in tree.blobs if blob.digest not in assumed
        }
        foreign = [blob for blob in blobs.values() if blob.urls]
        for outcome in await bounded_outcomes(self._source.has, foreign, DEFAULT_LIMIT):
            if outcome.result is False:  # to be had from its URLs only, as base layers of Windows
                del blobs[outcome.item.digest]
        size = sum(blob.size for blob in blobs.values())
        self._listener(BlobsPlanned(count=len(blobs), size=size))
        checks = await bounded_outcomes(
            lambda blob: self._is_here(blob, recheck=recheck), blobs.values(), DEFAULT_LIMIT
        )
        for check in checks:
            if check.unwrap():
                self._listener(BlobDone(descriptor=check.item, way=BlobWay.PRESENT))
            else:
                self._missing[check.item.digest] = check.item
        self._named = await self._store.references()
        manifests = {one.digest: one.descriptor for tree in trees for one in tree.manifests}
        await self._store.check_room((*blobs.values(), *manifests.values()))

    async def image(self, tree: Outcome[ImageReference, ImageTree]) -> ImageResult:
        """Bring one image, and report what became of it."""
        name = str(tree.item)
        moved = _Moved()
        error: AirgapError | None = None
        try:
            await self._bring(name, tree.unwrap(), moved)
        except AirgapError as exc:
            error = exc
        digest = tree.result.top.digest if tree.result is not None else None
        before = self._named.get(name)
        same = before is not None and before.digest == digest and not moved.fetched
        result = ImageResult(
            source=name,
            target=name,
            digest=digest,
            status=ImageStatus.FAILED
            if error
            else ImageStatus.PRESENT
            if same
            else ImageStatus.COPIED,
            bytes_sent=moved.received,
            error=error,
            notes=tree.result.notes if tree.result is not None else (),
        )
        self._listener(ImageDone(result=result))
        return result

    async def _bring(self, name: str, tree: ImageTree, moved: _Moved) -> None:
        async def fetch(blob: Descriptor) -> None:
            await self._blobs.get(blob.digest, lambda: self._fetch(blob, moved))

        missing = [blob for blob in tree.blobs if blob.digest in self._missing]
        raise_failures(name, await bounded_outcomes(fetch, missing, max(len(missing), 1)))
        for manifest in tree.manifests:
            await self._manifests.get(
                manifest.digest, partial(keep_manifest, self._store, manifest)
            )
        await self._store.set_reference(name, tree.descriptor)

    async def _fetch(self, blob: Descriptor, moved: _Moved) -> None:
        async with self._slots, self._store.writer(blob) as writer:
            resumed = writer.offset
            places = await self._source.places(blob.digest)
            moved.fetched = True
            received = await download_blob(places, blob, writer, self._listener)
            moved.received += received
        self._listener(BlobDone(descriptor=blob, way=BlobWay.COPIED, resumed=resumed))

    async def _is_here(self, blob: Descriptor, *, recheck: bool) -> bool:
        if not await self._store.has(blob):
            return False
        if recheck:
            try:
                await self._store.verify(blob)
            except (IntegrityError, TransferError):
                return False
        return True
