"""Relaying: images from one store into another."""

from __future__ import annotations

import pytest

from ckf_airgap.errors import AbsentError, IntegrityError, StorageFullError
from ckf_airgap.transfer.events import (
    BlobDone,
    BlobsPlanned,
    BytesMoved,
    ImageResult,
    ImageStatus,
    TransferEvent,
)
from ckf_airgap.transfer.oci import Digest, Platform
from ckf_airgap.transfer.relay import relay
from ckf_airgap.transfer.tree import PLATFORMS
from tests.images import Sample, image, index, layer
from tests.unit.transfer.memory import MemoryStore

BASE, SMALL, BIG = layer("base"), layer("small", 500), layer("big", 90_000)
PLAIN = image([BASE, SMALL])
OTHER = image([BASE, BIG], label="other")
AMD = image([BASE, layer("amd")])
ARM = image([BASE, layer("arm")], architecture="arm64")
MULTI = index([(AMD, "amd64"), (ARM, "arm64")])


def store_with(**images: Sample) -> MemoryStore:
    store = MemoryStore()
    for name, sample in images.items():
        store.put(name, sample)
    return store


async def relay_one(
    source: MemoryStore, target: MemoryStore, *, recheck: bool = False
) -> ImageResult:
    (result,) = await relay(source, target, ["a"], recheck=recheck)
    return result


@pytest.mark.parametrize("sample", [PLAIN, MULTI, image([])], ids=["image", "index", "bare"])
async def test_an_image_arrives_byte_for_byte_and_gets_its_name_last(sample: Sample) -> None:
    target = MemoryStore()
    result = await relay_one(store_with(a=sample), target)
    assert (result.status, result.digest) == (ImageStatus.COPIED, sample.digest)
    assert target.holds(sample)
    assert target.log[-1] == "name a"
    again = await relay_one(store_with(a=sample), target)
    assert (again.status, again.bytes_sent) == (ImageStatus.PRESENT, 0)


async def test_a_shared_blob_is_copied_once_and_at_most_as_many_at_once_as_asked_for() -> None:
    images = {f"a{n}": image([BASE, layer(f"own-{n}")], label=str(n)) for n in range(8)}
    target = MemoryStore()
    events: list[TransferEvent] = []
    names = [*images, "a0"]
    results = await relay(store_with(**images), target, names, jobs=2, listener=events.append)
    assert [result.source for result in results] == [*images]
    assert all(target.holds(sample) for sample in images.values())
    sizes = {
        digest: len(blob) for sample in images.values() for digest, blob in sample.blobs.items()
    }
    planned = next(event for event in events if isinstance(event, BlobsPlanned))
    assert (planned.count, planned.size) == (len(sizes), sum(sizes.values()))
    assert sum(e.count for e in events if isinstance(e, BytesMoved)) == planned.size
    assert sum(result.bytes_sent for result in results) == planned.size


async def test_what_an_earlier_run_wrote_is_gone_on_with_and_if_it_is_wrong_begun_anew() -> None:
    digest = Digest.parse(BIG.digest)
    for part, moved in ((BIG.blob[:70_000], len(BIG.blob) - 70_000), (b"x" * 70_000, None)):
        target = MemoryStore(parts={digest: part})
        events: list[TransferEvent] = []
        (result,) = await relay(store_with(a=OTHER), target, ["a"], listener=events.append)
        assert result.error is None
        assert target.holds(OTHER)
        done = [one for one in events if isinstance(one, BlobDone)]
        assert {one.resumed for one in done if one.descriptor.digest == digest} == {70_000}
        if moved is not None:
            rest = sum(len(blob) for name, blob in OTHER.blobs.items() if name != BIG.digest)
            assert result.bytes_sent == rest + moved


async def test_damage_in_the_source_stops_the_image_and_says_what_to_do() -> None:
    source, target = store_with(a=OTHER, b=PLAIN), MemoryStore()
    source.damage(BIG.digest)
    first, second = await relay(source, target, ["a", "b"])
    assert isinstance(first.error, IntegrityError)
    assert "Its source is damaged" in first.error.fix
    assert (second.error, set(target.names)) == (None, {"b"})
    assert Digest.parse(BIG.digest) not in target.kept


async def test_damage_in_the_target_is_mended_only_when_that_is_asked_for() -> None:
    source, target = store_with(a=PLAIN), store_with(a=PLAIN)
    target.damage(BASE.digest)
    assert (await relay_one(source, target)).status is ImageStatus.PRESENT
    result = await relay_one(source, target, recheck=True)
    assert (result.status, result.bytes_sent) == (ImageStatus.COPIED, len(BASE.blob))
    assert target.holds(PLAIN)


async def test_a_damaged_manifest_in_the_target_is_written_anew() -> None:
    source, target = store_with(a=PLAIN), store_with(a=PLAIN)
    target.kept[PLAIN.digest] = bytes(reversed(PLAIN.content))
    assert (await relay_one(source, target)).error is None
    assert target.holds(PLAIN)


async def test_an_image_that_was_never_carried_is_an_error_of_that_image() -> None:
    first, second = await relay(store_with(a=PLAIN), MemoryStore(), ["none", "a"])
    assert isinstance(first.error, AbsentError)
    assert "none is not among the images that were carried" in first.error.message
    assert second.error is None


async def test_too_little_room_is_an_error_before_a_byte_is_copied() -> None:
    target = MemoryStore(room=1000)
    with pytest.raises(StorageFullError):
        await relay(store_with(a=PLAIN), target, ["a"])
    assert target.written == 0


async def test_platforms_are_taken_out_of_all_that_was_carried_and_no_others() -> None:
    arm, amd = Platform.parse("linux/arm64"), Platform.parse("linux/amd64")
    half = MemoryStore()
    (result,) = await relay(store_with(a=MULTI), half, ["a"], platforms=[arm])
    assert (result.digest, half.holds(ARM)) == (MULTI.digest, True)
    assert half.names["a"].annotations == {PLATFORMS: "linux/arm64"}
    # Without being asked for, what was carried is taken on.
    (result,) = await relay(half, target := MemoryStore(), ["a"])
    assert (result.error, target.names["a"].annotations) == (None, {PLATFORMS: "linux/arm64"})
    (result,) = await relay(half, MemoryStore(), ["a"], platforms=[amd])
    assert isinstance(result.error, AbsentError)
    assert "carried for linux/arm64 only, not for linux/amd64" in result.error.message
