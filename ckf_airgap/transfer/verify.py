"""Verifying: whether images are in a registry, by digest and with all their blobs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ckf_airgap.concurrency import bounded_outcomes
from ckf_airgap.errors import AbsentError, AirgapError, IntegrityError, Problem
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.transfer.events import (
    ImageDone,
    ImageResult,
    ImagesPlanned,
    ImageStatus,
    Listener,
    ignore,
)
from ckf_airgap.transfer.oci import Descriptor, Digest, Platform
from ckf_airgap.transfer.registry.remote import RegistryClient
from ckf_airgap.transfer.registry.remotesource import RemoteSource
from ckf_airgap.transfer.registry.shared import Shared
from ckf_airgap.transfer.tree import read_tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """An image that should be in a registry.

    Attributes:
        target: Its reference there.
        digest: The digest that it should have; any when that is not known.
        platforms: The platforms that were carried, if not all.
        reduced: The digest that it has instead where the registry takes no index whose other
            platforms are missing.
    """

    target: ImageReference
    digest: Digest | None = None
    platforms: tuple[Platform, ...] = ()
    reduced: Digest | None = None


async def verify(
    client: RegistryClient, images: Iterable[Expected], *, listener: Listener = ignore
) -> list[ImageResult]:
    """Check that images are in their registry, complete.

    Of each its manifests are read, and their digests computed; of each blob it is asked whether
    the repository has it, with its size. Nothing is downloaded.

    Args:
        client: The client.
        images: The images.
        listener: Is notified when one is done.

    Returns:
        A result for each, in order: `ImageStatus.PRESENT`, or `ImageStatus.FAILED` with what is
        missing.
    """
    blobs: Shared[tuple[str, Descriptor], bool] = Shared()
    wanted = tuple(images)
    listener(ImagesPlanned(count=len(wanted)))

    async def check(image: Expected) -> Digest:
        target = image.target
        source = RemoteSource(client, mirrors=False)
        try:
            top = await source.resolve(target)
        except AbsentError as exc:
            raise AbsentError(exc.message, fix="Push it: ckf-airgap images push.") from exc
        if image.digest is not None and top.digest not in (image.digest, image.reduced):
            raise IntegrityError(
                f"{target} has the digest {top.digest} instead of {image.digest}",
                fix="It was pushed from another image, or by a tool that changes digests; push it"
                " again.",
            )
        registry = await client.registry(str(target.canonical().registry))
        repository = target.canonical().repository
        tree = await read_tree(source, top, image.platforms)
        missing = []
        for blob in tree.blobs:
            has = await blobs.get(
                (f"{registry.host}/{repository}", blob),
                lambda blob=blob: registry.has_blob(repository, blob),  # type: ignore[misc]
            )
            if not has and not blob.urls:
                missing.append(blob)
        if missing:
            raise AbsentError(
                f"{target} has lost {len(missing)} of its {len(tree.blobs)} blobs",
                problems=[Problem(f"{blob.digest} ({blob.size} bytes)") for blob in missing],
                fix="Push it again with --recheck.",
            )
        return top.digest

    async def result(image: Expected) -> ImageResult:
        digest, error = None, None
        try:
            digest = await check(image)
        except AirgapError as exc:
            error = exc
        notes: tuple[str, ...] = ()
        if digest is not None and image.digest is not None and digest != image.digest:
            carried = ", ".join(map(str, image.platforms))
            notes = (f"for {carried} it has the digest {digest} instead of {image.digest}",)
        done = ImageResult(
            source=str(image.target),
            target=str(image.target),
            digest=digest or image.digest,
            status=ImageStatus.FAILED if error else ImageStatus.PRESENT,
            error=error,
            notes=notes,
        )
        listener(ImageDone(result=done))
        return done

    outcomes = await bounded_outcomes(result, wanted, client.options.policy.limits.requests)
    return [outcome.unwrap() for outcome in outcomes]
