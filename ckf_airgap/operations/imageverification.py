"""Whether what was pushed is in the private registry, by its first and second names."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

from ckf_airgap.errors import UsageError
from ckf_airgap.files.paths import StrPath, optional_path
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.operations.imagesettings import TransferReport, TransferSettings
from ckf_airgap.operations.imagestores import (
    AfterPush,
    after_push,
    library_decided,
    opened_store,
    second_places,
)
from ckf_airgap.operations.places import Mapper
from ckf_airgap.transfer import verify as verifying


async def verify_images(
    targets: Iterable[ImageReference],
    settings: TransferSettings,
    *,
    source: StrPath | None = None,
    mapping: Mapper | None = None,
) -> TransferReport:
    """Check that images are in the private registry, complete.

    Args:
        targets: The images by their references there; with `mapping`, also as charms name them.
            All of `source` when there are none.
        settings: How.
        source: The archive or layout that they came with, which has the digests to expect.
        mapping: Gives the places of images in the private registry.

    Raises:
        UsageError: when an image has no place there, or is not in `source`.
    """
    source = optional_path(source)
    started = time.monotonic()
    settings = await library_decided(settings, source)
    pushed = AfterPush()
    if source is not None:
        async with opened_store(source) as stored:
            pushed = await after_push(stored, settings, mapping)
    expected, places, second = pushed.expected, dict(pushed.places), dict(pushed.second)
    listed = tuple(targets) or tuple(one.target for one in expected.values())
    others = tuple(one for one in listed if one.canonical() not in places.keys() | expected.keys())
    if source is not None and others:
        raise UsageError(
            f"not among the images of {source}: {', '.join(map(str, others[:5]))}",
            fix="Leave out the list, or --from, which is for what was pushed from there.",
        )
    if mapping is not None and others:
        mapped = mapping(others)
        places |= {one.source.canonical(): one.target for one in mapped.images}
        second |= second_places(mapped, settings)
    wanted = [places.get(one.canonical(), one) for one in listed]
    wanted += [second[one.canonical()] for one in wanted if one.canonical() in second]
    only = {places.get(one, one).canonical() for one in settings.only}
    only |= {second[one].canonical() for one in only if one in second}
    items = [
        expected.get(target.canonical()) or verifying.Expected(target=target)
        for target in replace(settings, only=frozenset(only)).chosen(wanted)
    ]
    async with settings.client() as client:
        results = await verifying.verify(client, items, listener=settings.listener)
    return TransferReport(results=tuple(results), seconds=time.monotonic() - started)
