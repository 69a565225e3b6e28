"""Pulling: images from a registry into a store."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ckf_airgap.errors import AbsentError, IntegrityError, StorageFullError, TransferError
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.transfer.events import (
    BlobDone,
    BlobsPlanned,
    BlobWay,
    BytesMoved,
    ImageDone,
    ImageResult,
    ImagesPlanned,
    ImageStatus,
    TransferEvent,
)
from ckf_airgap.transfer.oci import Digest, Platform
from ckf_airgap.transfer.pull import pull
from ckf_airgap.transfer.registry.remote import RegistryClient
from tests.images import Layer, Sample, image, index, layer
from tests.unit.transfer.conftest import make_client
from tests.unit.transfer.memory import MemoryStore
from tests.unit.transfer.registry import Registry, error, on

BASE, SMALL, BIG = layer("base"), layer("small", 500), layer("big", 90_000)
PLAIN = image([BASE, SMALL])
OTHER = image([BASE, BIG], label="other")
AMD = image([BASE, layer("amd")])
ARM = image([BASE, layer("arm")], architecture="arm64")
MULTI = index([(AMD, "amd64"), (ARM, "arm64")])
NESTED = index([(MULTI, None), (PLAIN, "amd64")])
LINUX_AMD64 = Platform.parse("linux/amd64")


def ref(registry: Registry, name: str) -> ImageReference:
    return ImageReference.parse(f"{registry.host}/{name}")


async def pull_one(
    client: RegistryClient, registry: Registry, store: MemoryStore, name: str = "a/b:1"
) -> ImageResult:
    (result,) = await pull(client, [ref(registry, name)], store)
    return result


@pytest.mark.parametrize(
    "sample", [PLAIN, MULTI, NESTED, image([])], ids=["image", "index", "nested", "bare"]
)
async def test_an_image_arrives_byte_for_byte_and_gets_its_name_last(
    client: RegistryClient, registry: Registry, sample: Sample
) -> None:
    registry.put("a/b", "1", sample)
    store = MemoryStore()
    result = await pull_one(client, registry, store)
    assert (result.status, result.digest, result.error) == (ImageStatus.COPIED, sample.digest, None)
    assert result.bytes_sent == sum(map(len, sample.blobs.values()))
    assert store.holds(sample)
    assert store.names[f"{registry.host}/a/b:1"].digest == sample.digest
    assert store.log[-1] == f"name {registry.host}/a/b:1"
    assert store.log[-2] == f"commit {sample.digest}"


async def test_a_second_run_looks_the_tag_up_and_moves_nothing(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", MULTI)
    store = MemoryStore()
    await pull_one(client, registry, store)
    written, asked = store.written, len(registry.requests("GET .*/blobs/"))
    result = await pull_one(client, registry, store)
    assert (result.status, result.bytes_sent) == (ImageStatus.PRESENT, 0)
    assert (store.written, len(registry.requests("GET .*/blobs/"))) == (written, asked)


async def test_a_tag_that_has_moved_is_fetched_again(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", PLAIN)
    store = MemoryStore()
    await pull_one(client, registry, store)
    registry.put("a/b", "1", OTHER)
    result = await pull_one(client, registry, store)
    config = OTHER.blobs.keys() - PLAIN.blobs.keys() - {BIG.digest}
    assert result.status is ImageStatus.COPIED
    assert result.bytes_sent == len(BIG.blob) + sum(len(OTHER.blobs[one]) for one in config)
    assert store.names[f"{registry.host}/a/b:1"].digest == OTHER.digest


async def test_a_blob_that_images_share_is_fetched_once_and_counted_for_one(
    client: RegistryClient, registry: Registry
) -> None:
    names = [f"a/b{number}:1" for number in range(5)]
    for number in range(5):
        registry.put(f"a/b{number}", "1", image([BIG], label=str(number)))
    store = MemoryStore()
    references = [ref(registry, name) for name in (*names, names[0])]
    results = await pull(client, references, store)
    assert [result.source for result in results] == [str(one) for one in references[:5]]
    assert len(registry.requests(f"GET .*{BIG.digest}")) == 1
    assert sum(result.bytes_sent for result in results) == store.written - sum(
        len(store.kept[result.digest]) for result in results if result.digest
    )
    assert store.most_writers <= 3 + len(names)


async def test_what_was_written_before_a_stop_is_not_fetched_again(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", OTHER)
    store = MemoryStore(parts={Digest.parse(BIG.digest): BIG.blob[:70_000]})
    events: list[TransferEvent] = []
    (result,) = await pull(client, [ref(registry, "a/b:1")], store, listener=events.append)
    (asked,) = registry.requests(f"GET .*{BIG.digest}")
    assert asked.headers["Range"] == "bytes=70000-"
    assert result.bytes_sent == sum(map(len, OTHER.blobs.values())) - 70_000
    resumed = {
        str(event.descriptor.digest): event.resumed
        for event in events
        if isinstance(event, BlobDone)
    }
    assert resumed == {digest: 70_000 * (digest == BIG.digest) for digest in OTHER.blobs}
    assert store.holds(OTHER)


async def test_a_part_that_is_damaged_is_thrown_away_and_fetched_whole(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", OTHER)
    store = MemoryStore(parts={Digest.parse(BIG.digest): b"x" * 70_000})
    result = await pull_one(client, registry, store)
    assert result.error is None
    assert store.holds(OTHER)


async def test_damage_in_the_store_is_mended_only_when_that_is_asked_for(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", PLAIN)
    store = MemoryStore()
    await pull_one(client, registry, store)
    store.damage(BASE.digest)
    assert (await pull_one(client, registry, store)).status is ImageStatus.PRESENT
    (result,) = await pull(client, [ref(registry, "a/b:1")], store, recheck=True)
    assert (result.status, result.bytes_sent) == (ImageStatus.COPIED, len(BASE.blob))
    assert store.holds(PLAIN)


async def test_one_platform_is_carried_under_the_digest_of_the_whole_index(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", MULTI)
    store = MemoryStore()
    (result,) = await pull(client, [ref(registry, "a/b:1")], store, platforms=[LINUX_AMD64])
    assert result.digest == MULTI.digest
    assert result.notes == (
        f"carried without linux/arm64; the index keeps its digest {MULTI.digest}",
    )
    assert store.holds(AMD)
    assert ARM.digest not in store.kept
    named = store.names[f"{registry.host}/a/b:1"]
    assert named.annotations == {"io.ckf-airgap.platforms": "linux/amd64"}


async def test_a_platform_that_an_index_lacks_is_an_error_that_names_what_it_has(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", MULTI)
    platforms = [Platform.parse("linux/s390x"), Platform.parse("linux/riscv64")]
    (result,) = await pull(client, [ref(registry, "a/b:1")], MemoryStore(), platforms=platforms)
    assert isinstance(result.error, AbsentError)
    assert "nothing for linux/s390x or linux/riscv64, only: linux/amd64, linux/arm64" in str(
        result.error
    )


async def test_a_pin_takes_the_manifest_that_was_meant_whatever_the_tag_means_now(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", PLAIN)
    registry.put("a/b", "1", OTHER)
    reference, store = ref(registry, "a/b:1"), MemoryStore()
    (result,) = await pull(client, [reference], store, pins={reference: PLAIN.digest})
    assert result.digest == store.names[str(reference)].digest == PLAIN.digest
    assert registry.requests("/manifests/1") == []


async def test_blobs_that_the_other_side_has_are_not_fetched(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", PLAIN)
    store = MemoryStore(kept={Digest.parse(BASE.digest): b"another store has it"})
    assumed = frozenset({Digest.parse(BASE.digest)})
    (result,) = await pull(client, [ref(registry, "a/b:1")], store, assumed=assumed)
    assert result.error is None
    assert registry.requests(BASE.digest) == []


async def test_too_little_room_is_an_error_before_any_blob_is_fetched(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", PLAIN)
    with pytest.raises(StorageFullError, match="do not fit into 1000"):
        await pull(client, [ref(registry, "a/b:1")], MemoryStore(room=1000))
    assert registry.requests("GET .*/blobs/") == []


async def test_an_image_that_fails_stops_no_other_and_gets_no_name(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", PLAIN)
    registry.put("a/c", "1", OTHER)
    del registry.blobs["a/c"][BIG.digest]
    store = MemoryStore()
    names = ["a/b:1", "a/c:1", "a/d:1", "a/b:2"]
    results = await pull(client, [ref(registry, name) for name in names], store)
    assert [result.status for result in results] == [ImageStatus.COPIED, *[ImageStatus.FAILED] * 3]
    assert [type(result.error) for result in results[1:]] == [AbsentError] * 3
    assert [result.digest for result in results] == [PLAIN.digest, OTHER.digest, None, None]
    assert set(store.names) == {f"{registry.host}/a/b:1"}


@pytest.mark.parametrize("flaw", ["other bytes", "too few", "too many"])
async def test_bytes_that_are_not_what_the_manifest_says_are_never_kept(
    client: RegistryClient, registry: Registry, flaw: str
) -> None:
    registry.put("a/b", "1", PLAIN)
    content = {
        "other bytes": bytes(reversed(BASE.blob)),
        "too few": BASE.blob[:-1],
        "too many": BASE.blob + b"x",
    }[flaw]
    registry.blobs["a/b"][BASE.digest] = content
    store = MemoryStore()
    result = await pull_one(client, registry, store)
    assert isinstance(result.error, IntegrityError)
    assert f"{registry.host}/a/b" in result.error.message
    assert Digest.parse(BASE.digest) not in store.kept
    assert not store.names


async def test_a_manifest_whose_bytes_have_another_digest_is_refused(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", MULTI)
    registry.manifests["a/b"][str(AMD.digest)] = (AMD.media_type, PLAIN.content)
    result = await pull_one(client, registry, MemoryStore())
    assert isinstance(result.error, IntegrityError)
    assert f"where {AMD.digest} was requested" in result.error.message


@pytest.mark.parametrize("served", [False, True])
async def test_a_layer_to_be_had_elsewhere_is_carried_only_when_the_registry_has_it(
    client: RegistryClient, registry: Registry, served: bool
) -> None:
    sample = foreign(SMALL, PLAIN)
    registry.put("a/b", "1", sample)
    if not served:
        del registry.blobs["a/b"][SMALL.digest]
    store = MemoryStore()
    result = await pull_one(client, registry, store)
    assert result.error is None
    assert (Digest.parse(SMALL.digest) in store.kept) is served


def foreign(part: Layer, sample: Sample) -> Sample:
    """Return an image, one layer of which is to be had from a URL."""
    document = json.loads(sample.content)
    for entry in document["layers"]:
        if entry["digest"] == part.digest:
            entry["urls"] = ["https://example.com/layer"]
    return replace(sample, content=json.dumps(document).encode())


async def test_mirrors_come_first_and_what_they_lack_comes_from_the_registry(
    registry: Registry, mirror: Registry
) -> None:
    for place in (registry, mirror):
        place.put("a/b", "1", PLAIN)
    registry.put("a/c", "1", OTHER)
    del mirror.blobs["a/b"][SMALL.digest]
    store = MemoryStore()
    mirrors = {registry.host: (mirror.host,)}
    async with make_client(registry.host, mirror.host, mirrors=mirrors) as client:
        results = await pull(client, [ref(registry, "a/b:1"), ref(registry, "a/c:1")], store)
    assert [result.error for result in results] == [None, None]
    assert store.holds(PLAIN)
    assert store.holds(OTHER)
    assert len(mirror.requests(f"GET .*{BASE.digest}")) == 1
    assert len(registry.requests(f"GET .*{SMALL.digest}")) == 1
    assert registry.requests("a/b/manifests/1") == []


async def test_when_no_place_has_an_image_each_is_named(
    registry: Registry, mirror: Registry
) -> None:
    mirror.faults.append(on("GET", "/manifests/", lambda: error(403, "DENIED", "keep out")))
    mirrors = {registry.host: (mirror.host,)}
    async with make_client(registry.host, mirror.host, mirrors=mirrors) as client:
        result = await pull_one(client, registry, MemoryStore())
    assert isinstance(result.error, TransferError)
    assert f"{registry.host} has no image a/b:1 (before that: {mirror.host} " in str(result.error)
    assert "keep out" in str(result.error)


async def test_progress_adds_up_to_what_was_planned(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", MULTI)
    registry.put("a/c", "1", OTHER)
    store = MemoryStore(
        kept={Digest.parse(BASE.digest): BASE.blob},
        parts={Digest.parse(BIG.digest): BIG.blob[:30_000]},
    )
    events: list[TransferEvent] = []
    references = [ref(registry, name) for name in ("a/b:1", "a/c:1", "a/none:1")]
    results = await pull(client, references, store, listener=events.append)
    planned = next(event for event in events if isinstance(event, BlobsPlanned))
    done = [event for event in events if isinstance(event, BlobDone)]
    moved = sum(event.count for event in events if isinstance(event, BytesMoved))
    sizes = {str(event.descriptor.digest): event.descriptor.size for event in done}
    assert events[0] == ImagesPlanned(count=3)
    assert sizes.keys() == {*MULTI.blobs, *OTHER.blobs}
    assert (planned.count, planned.size) == (len(done), sum(sizes.values()))
    assert [str(event.descriptor.digest) for event in done if event.way is BlobWay.PRESENT] == [
        BASE.digest
    ]
    assert moved == planned.size - len(BASE.blob) - 30_000
    assert {event.result.source for event in events if isinstance(event, ImageDone)} == {
        result.source for result in results
    }
