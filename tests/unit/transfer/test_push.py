"""Pushing and copying: images from a store, or from registries, into a registry."""

from __future__ import annotations

import pytest
from aiohttp import web

from ckf_airgap.errors import (
    AbsentError,
    ImmutableTagError,
    IntegrityError,
    LoginError,
    TransferError,
)
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.transfer.events import (
    BlobDone,
    BlobsPlanned,
    BlobWay,
    BytesMoved,
    ImageResult,
    ImageStatus,
    TransferEvent,
)
from ckf_airgap.transfer.oci import Digest, Platform
from ckf_airgap.transfer.push import PushItem, PushOptions, copy, push
from ckf_airgap.transfer.registry.remote import RegistryClient
from ckf_airgap.transfer.tree import PLATFORMS
from tests.images import Layer, Sample, image, index, layer
from tests.unit.transfer.conftest import LOGIN, make_client
from tests.unit.transfer.memory import MemoryStore
from tests.unit.transfer.registry import Login, Registry, error, on, times

BASE, SMALL, BIG = layer("base"), layer("small", 500), layer("big", 90_000)
PLAIN = image([BASE, SMALL])
OTHER = image([BASE, BIG], label="other")
AMD = image([BASE, layer("amd")])
ARM = image([BASE, layer("arm")], architecture="arm64")
S390 = image([BASE, layer("s390")], architecture="s390x")
MULTI = index([(AMD, "amd64"), (ARM, "arm64")])
TRIPLE = index([(AMD, "amd64"), (ARM, "arm64"), (S390, "s390x")])
NESTED = index([(MULTI, None), (PLAIN, "amd64")])


def size(sample: Sample) -> int:
    return sum(map(len, sample.blobs.values()))


def item(registry: Registry, name: str, target: str = "") -> PushItem:
    reference = ImageReference.parse(f"{registry.host}/{target or name}")
    return PushItem(source=name, target=reference)


def store_with(**images: Sample) -> MemoryStore:
    """Return a store with images; ``a_b`` is named ``a/b:1``."""
    store = MemoryStore()
    for name, sample in images.items():
        store.put(f"{name.replace('_', '/')}:1", sample)
    return store


async def push_one(
    client: RegistryClient,
    registry: Registry,
    store: MemoryStore,
    name: str = "a/b:1",
    **options: bool,
) -> ImageResult:
    (result,) = await push(client, store, [item(registry, name)], options=PushOptions(**options))
    return result


@pytest.mark.parametrize(
    "sample", [PLAIN, MULTI, NESTED, image([])], ids=["image", "index", "nested", "bare"]
)
async def test_an_image_arrives_byte_for_byte_and_its_tag_last(
    client: RegistryClient, registry: Registry, sample: Sample
) -> None:
    result = await push_one(client, registry, store_with(a_b=sample))
    assert (result.status, result.digest, result.error) == (ImageStatus.COPIED, sample.digest, None)
    assert result.bytes_sent == size(sample)
    assert registry.holds("a/b", "1", sample)
    assert str(registry.requests("^P")[-1]) == "PUT /v2/a/b/manifests/1"


async def test_what_is_there_is_not_sent_again_and_each_blob_is_not_even_asked_for(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", MULTI)
    result = await push_one(client, registry, store_with(a_b=MULTI))
    assert (result.status, result.bytes_sent) == (ImageStatus.PRESENT, 0)
    assert registry.requests("^P|/blobs/") == []


async def test_a_repository_that_lost_a_blob_gets_it_when_a_recheck_is_asked_for(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", PLAIN)
    del registry.blobs["a/b"][BASE.digest]
    assert (await push_one(client, registry, store_with(a_b=PLAIN))).status is ImageStatus.PRESENT
    result = await push_one(client, registry, store_with(a_b=PLAIN), recheck=True)
    assert (result.status, result.bytes_sent) == (ImageStatus.COPIED, len(BASE.blob))
    assert registry.holds("a/b", "1", PLAIN)


async def test_an_index_whose_child_is_missing_there_gets_the_child(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", MULTI)
    del registry.manifests["a/b"][str(ARM.digest)]
    result = await push_one(client, registry, store_with(a_b=MULTI))
    assert result.status is ImageStatus.COPIED
    assert registry.holds("a/b", "1", MULTI)


async def test_a_blob_goes_over_the_network_once_and_is_mounted_into_other_repositories(
    client: RegistryClient, registry: Registry
) -> None:
    store = store_with(a_b=PLAIN, a_c=OTHER, a_d=AMD)
    events: list[TransferEvent] = []
    items = [item(registry, name) for name in store.names]
    results = await push(client, store, items, listener=events.append)
    assert [result.error for result in results] == [None] * 3
    blobs = {**PLAIN.blobs, **OTHER.blobs, **AMD.blobs}
    assert sum(result.bytes_sent for result in results) == sum(map(len, blobs.values()))
    assert len(registry.requests(f"POST .*mount={BASE.digest}")) == 2
    planned = next(event for event in events if isinstance(event, BlobsPlanned))
    done = [event for event in events if isinstance(event, BlobDone)]
    moved = sum(event.count for event in events if isinstance(event, BytesMoved))
    assert (planned.count, planned.size) == (len(blobs), moved)
    assert {str(event.descriptor.digest): event.way for event in done} == dict.fromkeys(
        blobs, BlobWay.COPIED
    )
    assert len(done) == len(blobs), "each is told once"


async def test_what_another_repository_of_the_run_has_is_mounted_from_there(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/c", "1", OTHER)
    events: list[TransferEvent] = []
    store = store_with(a_b=OTHER, a_c=OTHER)
    items = [item(registry, name) for name in store.names]
    first, second = await push(client, store, items, listener=events.append)
    assert (first.status, first.bytes_sent, second.status) == (
        ImageStatus.COPIED,
        0,
        ImageStatus.PRESENT,
    )
    assert registry.requests("PATCH|PUT .*/blobs/") == []
    assert registry.holds("a/b", "1", OTHER)


@pytest.mark.parametrize("status", [202, 401, 403, 405, 500])
async def test_a_mount_that_is_refused_becomes_an_upload(
    client: RegistryClient, registry: Registry, status: int
) -> None:
    registry.mounts = False  # an upload is opened instead: 202
    if status != 202:
        registry.faults.append(on("POST", "mount=", lambda: error(status, "DENIED")))
    store = store_with(a_b=OTHER, a_c=OTHER)
    results = await push(client, store, [item(registry, name) for name in store.names])
    assert [result.error for result in results] == [None, None]
    assert sum(result.bytes_sent for result in results) == 2 * size(OTHER)
    assert registry.holds("a/b", "1", OTHER)
    assert registry.holds("a/c", "1", OTHER)


async def test_a_registry_that_fails_at_mounts_is_not_asked_for_each_blob(
    client: RegistryClient, registry: Registry
) -> None:
    registry.faults.append(on("POST", "mount=", lambda: error(503)))
    store = store_with(a_b=OTHER, a_c=OTHER, a_d=OTHER, a_e=OTHER)
    items = [item(registry, name) for name in store.names]
    (first,) = await push(client, store, items[:1])
    assert first.error is None
    results = await push(client, store, items)
    assert [result.error for result in results] == [None] * 4
    asked = len(registry.requests("POST .*mount="))
    assert asked <= 3 * len(OTHER.blobs), "a try for those that began at the same time"


async def test_an_image_that_was_never_carried_is_an_error_of_that_image(
    client: RegistryClient, registry: Registry
) -> None:
    items = [item(registry, name) for name in ("a/b:1", "a/none:1")]
    first, second = await push(client, store_with(a_b=PLAIN), items)
    assert (first.status, second.status) == (ImageStatus.COPIED, ImageStatus.FAILED)
    assert isinstance(second.error, AbsentError)
    assert "a/none:1 is not among the images that were carried" in second.error.message


async def test_a_damaged_blob_stops_each_image_that_has_it_and_no_other(
    client: RegistryClient, registry: Registry
) -> None:
    store = store_with(a_b=PLAIN, a_c=OTHER, a_d=image([BIG], label="d"), a_e=image([SMALL]))
    store.damage(BIG.digest)
    results = await push(client, store, [item(registry, name) for name in store.names])
    kinds = [type(result.error) for result in results]
    assert kinds == [type(None), IntegrityError, IntegrityError, type(None)]
    assert store.hashed.count(Digest.parse(BIG.digest)) == 1
    assert all(BIG.digest not in blobs for blobs in registry.blobs.values())
    assert "1" not in registry.tags.get("a/c", {})


async def test_an_image_named_by_digest_can_be_pulled_by_digest_and_tag(
    client: RegistryClient, registry: Registry
) -> None:
    name = f"a/b@{PLAIN.digest}"
    store = MemoryStore()
    store.put(name, PLAIN)
    target = f"a/b:{PLAIN.digest.hexadecimal}"
    (result,) = await push(client, store, [item(registry, name, target)])
    assert result.error is None
    puts = [str(one) for one in registry.requests("PUT .*/manifests/")]
    assert puts == [
        f"PUT /v2/a/b/manifests/{PLAIN.digest}",
        f"PUT /v2/a/b/manifests/{PLAIN.digest.hexadecimal}",
    ]


def carried(sample: Sample, *parts: Sample, platforms: str) -> MemoryStore:
    """Return a store that has an index for some platforms only."""
    store = MemoryStore()
    for part in parts:
        store.put("part", part)
    store.put("a/b:1", Sample(sample.media_type, sample.content, {}), **{PLATFORMS: platforms})
    return store


async def test_a_registry_that_takes_a_sparse_index_gets_it_with_its_digest(
    client: RegistryClient, registry: Registry
) -> None:
    registry.strict = False
    store = carried(MULTI, AMD, platforms="linux/amd64")
    result = await push_one(client, registry, store)
    assert (result.digest, result.notes) == (MULTI.digest, ())
    assert registry.tags["a/b"]["1"] == str(MULTI.digest)


async def test_a_registry_that_wants_all_children_gets_the_one_image_and_a_note_says_so(
    client: RegistryClient, registry: Registry
) -> None:
    store = carried(MULTI, AMD, platforms="linux/amd64")
    result = await push_one(client, registry, store)
    assert (result.status, result.digest) == (ImageStatus.COPIED, AMD.digest)
    (note,) = result.notes
    assert f"for linux/amd64 it has the digest {AMD.digest} instead of {MULTI.digest}" in note
    assert registry.holds("a/b", "1", AMD)


async def test_of_several_platforms_an_index_of_what_is_carried_is_made(
    client: RegistryClient, registry: Registry
) -> None:
    store = carried(TRIPLE, AMD, ARM, platforms="linux/amd64,linux/arm64")
    result = await push_one(client, registry, store)
    assert result.error is None
    assert result.digest not in (None, TRIPLE.digest)
    assert registry.tags["a/b"]["1"] == str(result.digest)
    assert {str(AMD.digest), str(ARM.digest)} <= registry.manifests["a/b"].keys()


async def test_an_index_that_lost_a_child_is_not_pushed_as_if_that_was_meant(
    client: RegistryClient, registry: Registry
) -> None:
    store = store_with(a_b=MULTI)
    del store.kept[ARM.digest]
    result = await push_one(client, registry, store)
    assert isinstance(result.error, AbsentError)
    assert registry.tags.get("a/b", {}) == {}


async def test_a_registry_that_says_that_parts_are_missing_is_told_with_what_to_do(
    client: RegistryClient, registry: Registry
) -> None:
    registry.faults.append(
        on("PUT", "/manifests/", lambda: error(404, "MANIFEST_BLOB_UNKNOWN", "no blob"))
    )
    result = await push_one(client, registry, store_with(a_b=PLAIN))
    assert isinstance(result.error, TransferError)
    assert "parts of a/b:1 are missing: status 404, MANIFEST_BLOB_UNKNOWN" in result.error.message
    assert "--recheck" in result.error.fix


async def test_a_tag_that_may_not_change_is_an_error_with_both_digests_or_fine_if_it_is_the_same(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", PLAIN)
    registry.immutable = True
    result = await push_one(client, registry, store_with(a_b=OTHER))
    assert isinstance(result.error, ImmutableTagError)
    assert f"a/b:1 is {PLAIN.digest} and cannot be changed" in result.error.message
    assert str(OTHER.digest) in result.error.message
    assert registry.tags["a/b"]["1"] == str(PLAIN.digest)
    assert (await push_one(client, registry, store_with(a_b=PLAIN))).status is ImageStatus.PRESENT


async def test_a_lost_answer_to_a_tag_that_may_not_change_is_no_error(
    client: RegistryClient, registry: Registry
) -> None:
    """The first request put it, and was answered with an error; the second one is refused."""
    answers = iter([error(503), error(409, "DENIED", "the tag is immutable")])

    def lose() -> web.Response:
        registry.put("a/b", "1", PLAIN)
        return next(answers)

    registry.faults.append(on("PUT", "/manifests/1", lose))
    result = await push_one(client, registry, store_with(a_b=PLAIN))
    assert (result.error, result.status) == (None, ImageStatus.COPIED)


async def test_a_registry_that_keeps_another_manifest_is_found_out(
    client: RegistryClient, registry: Registry
) -> None:
    registry.faults.append(
        on(
            "PUT",
            "/manifests/",
            lambda: error(201, Docker_Content_Digest=str(OTHER.digest)),
        )
    )
    result = await push_one(client, registry, store_with(a_b=PLAIN))
    assert isinstance(result.error, IntegrityError)
    assert f"under the digest {OTHER.digest} instead of {PLAIN.digest}" in result.error.message


async def test_a_registry_that_does_not_say_what_it_kept_is_asked(
    client: RegistryClient, registry: Registry
) -> None:
    def say_nothing() -> web.Response:
        registry.put("a/b", "1", PLAIN)
        return error(201)

    registry.faults.append(on("PUT", "/manifests/", say_nothing))
    result = await push_one(client, registry, store_with(a_b=PLAIN))
    assert result.error is None
    assert registry.requests("HEAD /v2/a/b/manifests/1")[-1].status == 200


async def test_a_target_without_a_tag_is_latest(client: RegistryClient, registry: Registry) -> None:
    (result,) = await push(client, store_with(a_b=PLAIN), [item(registry, "a/b:1", "x/y")])
    assert result.error is None
    assert registry.holds("x/y", "latest", PLAIN)


async def test_a_refused_repository_stops_no_other(
    client: RegistryClient, registry: Registry
) -> None:
    registry.faults.append(on("POST", "/v2/a/c/", lambda: error(403, "DENIED", "not for you")))
    store = store_with(a_b=PLAIN, a_c=OTHER)
    first, second = await push(client, store, [item(registry, name) for name in store.names])
    assert first.status is ImageStatus.COPIED
    assert isinstance(second.error, LoginError)
    assert "not for you" in str(second.error)


async def test_one_refusal_on_the_way_is_tried_again(
    client: RegistryClient, registry: Registry
) -> None:
    for method in ("HEAD", "POST", "PUT"):
        registry.faults.append(times(1, on(method, "/v2/a/", lambda: error(502))))
    result = await push_one(client, registry, store_with(a_b=PLAIN))
    assert result.error is None
    assert registry.holds("a/b", "1", PLAIN)


# Copying


@pytest.mark.parametrize("sample", [PLAIN, OTHER, NESTED], ids=["small", "large", "nested"])
async def test_a_copy_brings_everything_and_fetches_each_blob_once(
    client: RegistryClient, registry: Registry, mirror: Registry, sample: Sample
) -> None:
    mirror.put("up/stream", "v1", sample)
    items = [
        PushItem(
            source=f"{mirror.host}/up/stream:v1",
            target=ImageReference.parse(f"{registry.host}/{name}:1"),
        )
        for name in ("a/b", "a/c")
    ]
    results = await copy(client, items)
    assert [result.error for result in results] == [None, None]
    assert registry.holds("a/b", "1", sample)
    assert registry.holds("a/c", "1", sample)
    assert len(mirror.requests("GET .*/blobs/")) == len(sample.blobs)


async def test_a_copy_takes_some_platforms(
    client: RegistryClient, registry: Registry, mirror: Registry
) -> None:
    mirror.put("up/stream", "v1", MULTI)
    target = ImageReference.parse(f"{registry.host}/a/b:1")
    items = [PushItem(source=f"{mirror.host}/up/stream:v1", target=target)]
    (result,) = await copy(client, items, platforms=[Platform.parse("linux/arm64")])
    assert result.digest == ARM.digest
    assert registry.holds("a/b", "1", ARM)
    assert mirror.requests(f"GET .*{AMD.digest}") == []


@pytest.mark.parametrize("part", [BASE, BIG], ids=["small", "large"])
async def test_other_bytes_on_the_way_of_a_copy_are_never_kept(
    client: RegistryClient, registry: Registry, mirror: Registry, part: Layer
) -> None:
    mirror.put("up/stream", "v1", OTHER)
    mirror.blobs["up/stream"][part.digest] = bytes(reversed(part.blob))
    target = ImageReference.parse(f"{registry.host}/a/b:1")
    (result,) = await copy(client, [PushItem(source=f"{mirror.host}/up/stream:v1", target=target)])
    assert isinstance(result.error, IntegrityError)
    assert part.digest not in registry.blobs.get("a/b", {})
    assert registry.tags.get("a/b", {}) == {}


# Logins


async def test_tokens_are_asked_for_what_a_push_does_and_a_mount_needs_both_repositories(
    registry: Registry,
) -> None:
    login = registry.login = Login()
    store = store_with(a_b=PLAIN, a_c=PLAIN)
    async with make_client(registry.host, login=LOGIN) as client:
        results = await push(client, store, [item(registry, name) for name in store.names])
    assert [result.error for result in results] == [None, None]
    asked = {tuple(scopes) for _, scopes, _ in login.asked}
    assert ("repository:a/b:pull,push",) in asked
    assert ("repository:a/c:pull,push",) in asked
    assert asked & {
        ("repository:a/b:pull", "repository:a/c:pull,push"),
        ("repository:a/b:pull,push", "repository:a/c:pull"),
    }


async def test_a_registry_that_lets_nobody_write_says_so(registry: Registry) -> None:
    registry.login = Login(anonymous=frozenset({"pull"}))
    async with make_client(registry.host) as client:
        result = await push_one(client, registry, store_with(a_b=PLAIN))
    assert isinstance(result.error, LoginError)
    assert f"docker login {registry.host}" in result.error.fix
