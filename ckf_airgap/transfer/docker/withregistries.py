"""What is done with a Docker Engine and registries: pull, retag, push, with a result per image."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, TypeAlias

from ckf_airgap.concurrency import bounded_map
from ckf_airgap.errors import AbsentError, AirgapError, IntegrityError
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.transfer.docker.docker import DockerEngine, EngineImage, Event
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
from ckf_airgap.transfer.oci import Digest, Platform
from ckf_airgap.transfer.registry.remote import RegistryClient
from ckf_airgap.transfer.stores.archivetail import docker_names

_MOVING: Final = frozenset({"Downloading", "Pushing"})


_Step: TypeAlias = "Callable[[ImageReference], Awaitable[tuple[Digest, int, bool]]]"
"""Does one image: its digest, the bytes that were moved, and whether anything had to be done."""


class _Meter:
    """Turns the engine's progress into events; a layer goes by the hash of the engine's name."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._reached: dict[str, int] = {}
        self.moved = 0

    def see(self, event: Event) -> None:
        detail = event.get("progressDetail") or {}
        current, total, layer = detail.get("current"), detail.get("total"), str(event.get("id"))
        if event.get("status") not in _MOVING or not isinstance(current, int):
            return
        if layer not in self._reached:
            self._reached[layer] = 0
            if isinstance(total, int):
                self._listener(BlobsPlanned(count=1, size=total))
        more = current - self._reached[layer]
        if more > 0:
            self._reached[layer] = current
            self.moved += more
            self._listener(BytesMoved(digest=Digest.of(layer.encode()), count=more))


async def pull_images(
    engine: DockerEngine,
    references: Iterable[ImageReference],
    *,
    platform: Platform | None = None,
    jobs: int = 4,
    listener: Listener = ignore,
) -> list[ImageResult]:
    """Pull images into the engine; a digest also becomes the tag of its digits.

    The registry is asked for each tag, also when the engine has one of that name, since it may
    have moved.

    Returns:
        A result for each reference.
    """

    async def pull(reference: ImageReference) -> tuple[Digest, int, bool]:
        canonical = reference.canonical()
        (name,) = docker_names(str(reference))
        if canonical.digest and await engine.image(str(canonical)) is not None:
            moved, fresh = 0, False
        else:
            meter, fresh = _Meter(listener), True
            tag = canonical.digest or canonical.tag or "latest"
            events = engine.pull(canonical.name, tag, str(platform) if platform else None)
            async with contextlib.aclosing(events):
                async for event in events:
                    meter.see(event)
                    fresh = fresh and "Image is up to date" not in str(event.get("status"))
            moved = meter.moved
        if canonical.digest:
            repository, _, tag = name.rpartition(":")
            await engine.tag(str(canonical), repository, tag)
        found = await engine.image(name)
        if found is None:
            raise AbsentError(f"Docker reported that it pulled {reference}, but does not have it")
        return found.id, moved, fresh

    return await _each(references, pull, jobs, listener)


async def retag_images(
    engine: DockerEngine,
    pairs: Iterable[tuple[ImageReference, ImageReference]],
    *,
    jobs: int = 4,
    listener: Listener = ignore,
) -> list[ImageResult]:
    """Give images of the engine the names that they have in the private registry."""
    targets = dict(pairs)

    async def retag(reference: ImageReference) -> tuple[Digest, int, bool]:
        found = await local_image(engine, reference)
        target = targets[reference]
        there = await engine.image(str(target))
        if there is not None and there.id == found.id:
            return found.id, 0, False
        await engine.tag(str(found.id), target.name, target.tag or "latest")
        return found.id, 0, True

    return await _each(targets, retag, jobs, listener, targets=targets)


async def push_images(
    engine: DockerEngine,
    pairs: Iterable[tuple[ImageReference, ImageReference]],
    client: RegistryClient,
    *,
    jobs: int = 4,
    listener: Listener = ignore,
) -> list[ImageResult]:
    """Push images of the engine; one counts when the registry answers for its manifest.

    Args:
        engine: The engine.
        pairs: The images and where they go.
        client: Asks the registries, with whatever CA and login it has.
        jobs: How many images are pushed at the same time.
        listener: Is notified of progress.

    Returns:
        A result for each pair.
    """
    targets = dict(pairs)

    async def push(reference: ImageReference) -> tuple[Digest, int, bool]:
        target = targets[reference].with_tag()
        tag = target.tag or target.hexadecimal or "latest"
        found = await _to_push(engine, reference, f"{target.name}:{tag}")
        registry = await client.registry(str(target.registry))
        there = await registry.find_manifest(target.repository, tag)
        if there is not None and f"{target.name}@{there}" in found.digests:
            return there, 0, False
        await engine.tag(str(found.id), target.name, tag)
        meter = _Meter(listener)
        pushed: Digest | None = None
        async with contextlib.aclosing(engine.push(target.name, tag)) as events:
            async for event in events:
                meter.see(event)
                aux = event.get("aux")
                if isinstance(aux, dict) and aux.get("Digest"):
                    pushed = Digest.parse(str(aux["Digest"]))
        there = await registry.find_manifest(target.repository, tag)
        if there is None or (pushed is not None and there != pushed):
            raise IntegrityError(
                f"Docker says that {target} was pushed as {pushed}, but the registry has"
                f" {there or 'no such image'}",
                fix="Run the same command again; if it happens again, check the registry's log.",
            )
        return there, meter.moved, True

    return await _each(targets, push, jobs, listener, targets=targets)


async def _to_push(engine: DockerEngine, reference: ImageReference, target: str) -> EngineImage:
    """Return the image to push; one that has its new name only was loaded or retagged by others.

    The image's own name comes first: the new one may be of an earlier run, before its tag moved.
    """
    try:
        return await local_image(engine, reference)
    except AbsentError:
        found = await engine.image(target)
        if found is None:
            raise
        return found


async def local_image(engine: DockerEngine, reference: ImageReference) -> EngineImage:
    """Return the image of the engine that a reference means.

    Raises:
        AbsentError: when the engine does not have it.
    """
    for name in (*docker_names(str(reference)), str(reference.canonical()), str(reference)):
        found = await engine.image(name)
        if found is not None:
            return found
    raise AbsentError(
        f"{reference} is not in the Docker Engine",
        fix="Run `ckf-airgap images pull --engine docker` first, or build it.",
    )


async def _each(
    references: Iterable[ImageReference],
    step: _Step,
    jobs: int,
    listener: Listener,
    targets: Mapping[ImageReference, ImageReference] | None = None,
) -> list[ImageResult]:
    """Do every image, whatever fails."""

    async def attempt(reference: ImageReference) -> ImageResult:
        target = str(targets[reference] if targets else reference)
        try:
            digest, moved, fresh = await step(reference)
            result = ImageResult(
                source=str(reference),
                target=target,
                digest=digest,
                status=ImageStatus.COPIED if fresh else ImageStatus.PRESENT,
                bytes_sent=moved,
            )
        except AirgapError as exc:
            result = ImageResult(
                source=str(reference), target=target, status=ImageStatus.FAILED, error=exc
            )
        listener(ImageDone(result=result))
        return result

    wanted = tuple(dict.fromkeys(references))
    listener(ImagesPlanned(count=len(wanted)))
    return await bounded_map(attempt, wanted, jobs)
