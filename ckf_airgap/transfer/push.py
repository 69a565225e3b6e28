"""Pushing: images from a store, or from other registries, into a registry."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ckf_airgap.concurrency import Outcome, bounded_map, bounded_outcomes
from ckf_airgap.errors import (
    AbsentError,
    AirgapError,
    ImmutableTagError,
    IntegrityError,
    TransferError,
)
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
from ckf_airgap.transfer.names import notes_of
from ckf_airgap.transfer.oci import Descriptor, Digest, Manifest, Platform
from ckf_airgap.transfer.protocols import BlobSource
from ckf_airgap.transfer.registry.harbor import create_project
from ckf_airgap.transfer.registry.remote import MissingPartsError, RegistryClient, RemoteRegistry
from ckf_airgap.transfer.registry.remotesource import RemoteSource
from ckf_airgap.transfer.registry.shared import Shared, raise_failures
from ckf_airgap.transfer.registry.upload import Uploader
from ckf_airgap.transfer.tree import ImageTree, carried_platforms, read_tree, reduced


@dataclass(frozen=True, slots=True, kw_only=True)
class PushItem:
    """An image to push.

    Attributes:
        source: Its name in the source. One with a digest is pushed by its digest, too, so that it
            can be pulled by either.
        target: Where it goes: registry, repository and tag.
    """

    source: str
    target: ImageReference


@dataclass(frozen=True, slots=True, kw_only=True)
class PushOptions:
    """How images are pushed.

    Attributes:
        recheck: Whether to ask for each blob of an image whose manifest is there already.
        create_projects: Whether to create projects that are missing (Harbor).
    """

    recheck: bool = False
    create_projects: bool = False


async def push(
    client: RegistryClient,
    source: BlobSource,
    items: Iterable[PushItem],
    *,
    options: PushOptions | None = None,
    listener: Listener = ignore,
) -> list[ImageResult]:
    """Put images of a source into registries, each blob once for each registry, whatever fails.

    What a registry has is not sent again: blobs are looked for in all repositories that they are
    pushed to, and mounted from one to the others. Manifests are sent byte for byte, children
    before their index, after all blobs. An image that was carried for some platforms is pushed
    with its index as it is where the registry takes that; otherwise with an index of what is
    carried, and a note that its digest is another.

    Args:
        client: The client.
        source: Where the images are.
        items: The images and where they go.
        options: How.
        listener: Is notified of progress.

    Returns:
        A result for each item, in order.
    """
    wanted = tuple(items)
    listener(ImagesPlanned(count=len(wanted)))
    references = await source.references()

    async def read(item: PushItem) -> ImageTree:
        descriptor = references.get(item.source)
        if descriptor is None:
            raise AbsentError(f"{item.source} is not among the images that were carried")
        top = await source.manifest(descriptor.digest)
        tree = await read_tree(source, top, carried_platforms(descriptor))
        return replace(tree, remarks=notes_of(descriptor))

    trees = await bounded_outcomes(read, wanted, DEFAULT_LIMIT)
    return await _Push(client, source, options or PushOptions(), listener).run(trees)


async def copy(
    client: RegistryClient,
    items: Iterable[PushItem],
    *,
    platforms: Iterable[Platform] = (),
    options: PushOptions | None = None,
    listener: Listener = ignore,
) -> list[ImageResult]:
    """Copy images from their registries straight into others; as `push`, without a store between.

    A blob is hashed on its way, and the registry keeps it only when its digest is right.

    Args:
        client: The client, which speaks with both sides.
        items: The images, by their references, and where they go.
        platforms: The platforms to take of indexes; all by default.
        options: How.
        listener: Is notified of progress.

    Returns:
        A result for each item, in order.
    """
    source = RemoteSource(client)
    wanted, wanted_platforms = tuple(items), tuple(platforms)
    listener(ImagesPlanned(count=len(wanted)))

    async def resolve(item: PushItem) -> ImageTree:
        top = await source.resolve(ImageReference.parse(item.source))
        return await read_tree(source, top, wanted_platforms)

    trees = await bounded_outcomes(resolve, wanted, client.options.policy.limits.requests)
    return await _Push(client, source, options or PushOptions(), listener).run(trees)


@dataclass(slots=True)
class _Blob:
    """What is known of a blob in one registry.

    Attributes:
        wanted: The repositories that it is to be in.
        present: The repositories that have it.
        absent: The repositories that were asked, and do not have it.
        lock: Held while it is looked for, mounted or uploaded: a mount follows an upload.
        told: Whether the listener was notified that it is there.
        broken: Why no upload of it can succeed.
    """

    wanted: dict[str, None] = field(default_factory=dict)
    present: dict[str, None] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    told: bool = False
    broken: TransferError | None = None


@dataclass(slots=True)
class _Moved:
    """What was moved for one image."""

    bytes_sent: int = 0
    changed: bool = False
    notes: list[str] = field(default_factory=list)


class _Push:
    """One run of `push` or `copy`."""

    def __init__(
        self, client: RegistryClient, source: BlobSource, options: PushOptions, listener: Listener
    ) -> None:
        self._client = client
        self._source = source
        self._options = options
        self._listener = listener
        self._slots = asyncio.Semaphore(client.options.policy.limits.jobs)
        self._blobs: dict[tuple[str, Digest], _Blob] = {}
        self._uploaders: dict[str, Uploader] = {}
        self._projects: Shared[tuple[str, str], None] = Shared()

    async def run(self, trees: list[Outcome[PushItem, ImageTree]]) -> list[ImageResult]:
        sizes: dict[tuple[str, Digest], int] = {}
        for tree in trees:
            for blob in tree.result.blobs if tree.result is not None else ():
                key = (str(tree.item.target.registry), blob.digest)
                self._blobs.setdefault(key, _Blob()).wanted[tree.item.target.repository] = None
                sizes[key] = blob.size
        self._listener(BlobsPlanned(count=len(sizes), size=sum(sizes.values())))
        results = await bounded_outcomes(self._image, trees, max(len(trees), 1))
        return [result.unwrap() for result in results]

    async def _image(self, tree: Outcome[PushItem, ImageTree]) -> ImageResult:
        moved = _Moved(notes=list(tree.result.remarks) if tree.result is not None else [])
        error: AirgapError | None = None
        digest = tree.result.top.digest if tree.result is not None else None
        try:
            digest = await self._put(tree.item, tree.unwrap(), moved)
        except AirgapError as exc:
            error = exc
        changed = ImageStatus.COPIED if moved.changed else ImageStatus.PRESENT
        result = ImageResult(
            source=tree.item.source,
            target=str(tree.item.target),
            digest=digest,
            status=ImageStatus.FAILED if error else changed,
            bytes_sent=moved.bytes_sent,
            error=error,
            notes=tuple(moved.notes),
        )
        self._listener(ImageDone(result=result))
        return result

    async def _put(self, item: PushItem, tree: ImageTree, moved: _Moved) -> Digest:
        """Put an image where it goes, and return the digest that it has there."""
        target = item.target
        registry = await self._client.registry(str(target.registry))
        uploader = self._uploaders.setdefault(registry.host, Uploader(registry, self._listener))
        if self._options.create_projects:
            project = target.repository.partition("/")[0]
            await self._projects.get(
                (registry.host, project), lambda: create_project(registry, project)
            )
        tag = target.tag or "latest"
        there = await registry.find_manifest(target.repository, tag, writing=True)
        if (
            there == tree.top.digest
            and not self._options.recheck
            and await _has_children(registry, target.repository, tree)
        ):
            self._tell_present(registry.host, tree)
            return tree.top.digest

        async def bring(blob: Descriptor) -> None:
            await self._bring(uploader, target.repository, blob, moved)

        outcomes = await bounded_outcomes(bring, tree.blobs, max(len(tree.blobs), 1))
        raise_failures(str(target), outcomes)
        by_digest = "@" in item.source
        place = _Place(registry, target.repository, tag, there, by_digest)
        manifests = tree.manifests
        try:
            changed = await _put_manifests(place, manifests)
        except MissingPartsError:
            if not tree.omitted:
                raise
            manifests = reduced(tree)
            changed = await _put_manifests(place, manifests)
            carried = ", ".join(map(str, tree.platforms))
            moved.notes.append(
                f"{registry.host} rejects an index whose other platforms are missing: for {carried}"
                f" it has the digest {manifests[-1].digest} instead of {tree.top.digest}"
            )
        moved.changed |= changed
        return manifests[-1].digest

    async def _bring(
        self, uploader: Uploader, repository: str, blob: Descriptor, moved: _Moved
    ) -> None:
        """Get a blob into a repository: it is there, it is mounted, or it is sent."""
        registry = uploader.registry
        state = self._blobs[registry.host, blob.digest]
        async with state.lock:
            if state.broken is not None:
                raise state.broken
            if repository not in state.present | dict.fromkeys(state.absent):
                await self._look(registry, repository, blob, state)
            if repository in state.present:
                self._tell(blob, state, BlobWay.PRESENT)
                return
            if blob.urls and not await self._source.has(blob):
                return  # whoever runs the image gets it from there
            if not state.present:
                others = [one for one in state.wanted if one not in state.absent]
                await bounded_map(
                    lambda other: self._look_quietly(registry, other, blob, state),
                    others,
                    DEFAULT_LIMIT,
                )
            donor = next(iter(state.present), None)
            try:
                async with self._slots:
                    sent = await uploader.send(repository, blob, self._source, donor)
            except (IntegrityError, AbsentError) as exc:
                state.broken = exc
                raise
            state.absent.discard(repository)
            state.present[repository] = None
            moved.bytes_sent += sent.bytes_sent
            moved.changed = True
            self._tell(blob, state, sent.way)

    async def _look(
        self, registry: RemoteRegistry, repository: str, blob: Descriptor, state: _Blob
    ) -> None:
        if await registry.has_blob(repository, blob, writing=True):
            state.present[repository] = None
        else:
            state.absent.add(repository)

    async def _look_quietly(
        self, registry: RemoteRegistry, repository: str, blob: Descriptor, state: _Blob
    ) -> None:
        """Look whether a blob can be mounted from a repository; if that fails, it cannot."""
        try:
            await self._look(registry, repository, blob, state)
        except TransferError:
            return

    def _tell(self, blob: Descriptor, state: _Blob, way: BlobWay) -> None:
        """Notify the listener of a blob the first time that it is in a registry."""
        if not state.told:
            state.told = True
            self._listener(BlobDone(descriptor=blob, way=way))

    def _tell_present(self, host: str, tree: ImageTree) -> None:
        for blob in tree.blobs:
            self._tell(blob, self._blobs[host, blob.digest], BlobWay.PRESENT)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an image's manifests go.

    Attributes:
        registry: The registry.
        repository: The repository.
        tag: The tag.
        there: The digest that the tag has now.
        by_digest: Whether the top manifest is put by its digest, too.
    """

    registry: RemoteRegistry
    repository: str
    tag: str
    there: Digest | None
    by_digest: bool


async def _has_children(registry: RemoteRegistry, repository: str, tree: ImageTree) -> bool:
    """Whether a repository has the manifests below an image's top one.

    An index that was pushed for other platforms has the same digest, and lacks those of this one.
    """
    digests = [manifest.digest for manifest in tree.manifests[:-1]]
    found = await bounded_map(
        lambda digest: registry.find_manifest(repository, digest, writing=True),
        digests,
        DEFAULT_LIMIT,
    )
    return None not in found


async def _put_manifests(place: _Place, manifests: tuple[Manifest, ...]) -> bool:
    """Put manifests, the last one under the tag; return whether anything was not there."""
    registry, repository = place.registry, place.repository
    *children, top = manifests
    changed = False
    for manifest in (*children, top) if place.by_digest else children:
        if await registry.find_manifest(repository, manifest.digest, writing=True) is None:
            await registry.put_manifest(repository, manifest.digest, manifest)
            changed = True
    if place.there == top.digest:
        return changed
    try:
        await registry.put_manifest(repository, place.tag, top)
    except ImmutableTagError as exc:
        there = await registry.find_manifest(repository, place.tag, writing=True)
        if there == top.digest:
            return True  # somebody else put it, or this run did and the answer was lost
        raise ImmutableTagError(
            f"{registry.host}/{repository}:{place.tag} is {there or 'kept as it was'} and cannot"
            f" be changed; the image to push is {top.digest}",
            fix="Push it under another tag, or remove the old one there.",
        ) from exc
    return True
