"""Uploads of blobs: whole or in chunks, of the sizes that a registry takes, and gone on with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import web
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ckf_airgap.errors import AbsentError, IntegrityError, StorageFullError, TransferError
from ckf_airgap.transfer.events import BlobWay, BytesMoved, TransferEvent
from ckf_airgap.transfer.oci import Descriptor, Digest
from ckf_airgap.transfer.registry.download import PROGRESS_BYTES
from ckf_airgap.transfer.registry.remote import RegistryClient
from ckf_airgap.transfer.registry.upload import Sent, Uploader
from tests.unit.transfer.conftest import KIB, POLICY, make_client
from tests.unit.transfer.memory import MemoryStore, blob
from tests.unit.transfer.registry import Registry, Seen, error, hang_up, on, times

CHUNK = POLICY.limits.chunk_bytes
SMALL, LARGE = bytes(range(256)) * 40, bytes(reversed(range(256))) * 200  # 10 and 50 KiB


def holding(*contents: bytes) -> MemoryStore:
    return MemoryStore(kept={Digest.of(content): content for content in contents})


async def send(
    registry: Registry,
    content: bytes,
    *,
    store: MemoryStore | None = None,
    described: Descriptor | None = None,
    uploader: Uploader | None = None,
    events: list[TransferEvent] | None = None,
) -> Sent:
    """Upload some bytes into ``a/b``."""
    if uploader is not None:
        return await uploader.send("a/b", described or blob(content), store or holding(content))
    async with make_client(registry.host) as client:
        uploader = await make_uploader(client, registry, events)
        return await send(registry, content, store=store, described=described, uploader=uploader)


async def make_uploader(
    client: RegistryClient, registry: Registry, events: list[TransferEvent] | None = None
) -> Uploader:
    told = [] if events is None else events
    return Uploader(await client.registry(registry.host), told.append)


def stored(registry: Registry, content: bytes) -> bool:
    return registry.blobs.get("a/b", {}).get(str(Digest.of(content))) == content


def chunks(registry: Registry) -> list[tuple[int, int]]:
    """Return where each chunk that was sent begins, and how long it is."""
    spans = [one.headers["Content-Range"].split("-") for one in registry.requests("^PATCH")]
    return [(int(start), int(end) - int(start) + 1) for start, end in spans]


def methods(seen: list[Seen]) -> list[str]:
    return [one.method for one in seen if "/blobs/" in one.url]


async def test_a_small_blob_goes_whole(registry: Registry) -> None:
    sent = await send(registry, SMALL)
    assert sent == Sent(way=BlobWay.COPIED, bytes_sent=len(SMALL))
    assert stored(registry, SMALL)
    assert methods(registry.seen) == ["POST", "PUT"]


async def test_a_large_blob_goes_in_chunks_each_after_the_last(registry: Registry) -> None:
    sent = await send(registry, LARGE)
    assert sent.bytes_sent == len(LARGE)
    assert stored(registry, LARGE)
    assert methods(registry.seen) == ["POST", *["PATCH"] * 7, "PUT"]
    assert chunks(registry) == [
        (start, min(CHUNK, len(LARGE) - start)) for start in range(0, len(LARGE), CHUNK)
    ]


@pytest.mark.parametrize("size", [0, 1, 32 * KIB, 32 * KIB + 1])
async def test_sizes_at_the_edges_arrive(registry: Registry, size: int) -> None:
    content = LARGE[:size]
    assert (await send(registry, content)).bytes_sent == size
    assert stored(registry, content)
    assert bool(chunks(registry)) is (size > 32 * KIB)


async def test_progress_is_told_up_to_the_size_and_never_twice(registry: Registry) -> None:
    registry.keeps = [3000]
    events: list[TransferEvent] = []
    sent = await send(registry, LARGE, events=events)
    moved = [event.count for event in events if isinstance(event, BytesMoved)]
    assert sum(moved) == len(LARGE)
    assert min(moved) > 0
    assert sent.bytes_sent >= len(LARGE), "repeats count as sent"


async def test_a_blob_is_verified_before_a_byte_of_it_is_sent(registry: Registry) -> None:
    store = holding(SMALL)
    store.damage(str(Digest.of(SMALL)))
    with pytest.raises(IntegrityError, match="is damaged here"):
        await send(registry, SMALL, store=store)
    assert methods(registry.seen) == []
    with pytest.raises(AbsentError):
        await send(registry, SMALL, store=MemoryStore())


# What cannot be verified beforehand


class Unverified(MemoryStore):
    """A store that cannot hash, and hands out other bytes."""

    handed: bytes | None = None

    async def verify(self, descriptor: Descriptor) -> bool:
        return False

    async def read(self, descriptor: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        content = self.handed
        assert content is not None
        for start in range(offset, len(content), 10_000):
            yield content[start : start + 10_000]
        if len(content) < descriptor.size:
            raise IntegrityError(f"what it was read as ended after {len(content)} bytes")


def unverified(content: bytes) -> Unverified:
    store = Unverified()
    store.handed = content
    return store


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
async def test_what_cannot_be_verified_beforehand_arrives_too(
    registry: Registry, content: bytes
) -> None:
    await send(registry, content, store=unverified(content))
    assert stored(registry, content)


@pytest.mark.parametrize("flaw", ["other bytes", "too few", "too many"])
@pytest.mark.parametrize("size", [10 * KIB, 5 * KIB * KIB], ids=["buffered", "streamed"])
@pytest.mark.parametrize("whole", [False, True])
async def test_other_bytes_than_the_descriptor_says_are_never_kept(
    registry: Registry, flaw: str, size: int, whole: bool
) -> None:
    content = bytes(range(256)) * (size // 256)
    handed = {
        "other bytes": content[:-1] + b"?",
        "too few": content[:-1],
        "too many": content + b"?",
    }[flaw]
    if whole:
        registry.faults.append(on("PATCH", "", lambda: error(404)))
    limits = replace(POLICY.limits, chunk_bytes=KIB * KIB)
    async with make_client(registry.host, policy=replace(POLICY, limits=limits)) as client:
        uploader = await make_uploader(client, registry)
        if flaw == "too many":
            # Nothing beyond the size is read, so what is kept is what the digest is of.
            await send(registry, content, store=unverified(handed), uploader=uploader)
            assert stored(registry, content)
            return
        with pytest.raises(IntegrityError, match=r"kept none of it|was read as"):
            await send(registry, content, store=unverified(handed), uploader=uploader)
    assert registry.blobs.get("a/b", {}) == {}


# Going on


async def test_a_cut_chunk_is_gone_on_with_at_the_byte_that_the_registry_has(
    registry: Registry,
) -> None:
    registry.keeps = [5000]
    await send(registry, LARGE)
    assert stored(registry, LARGE)
    assert chunks(registry)[:3] == [(0, CHUNK), (5000, CHUNK), (5000 + CHUNK, CHUNK)]


async def test_an_upload_that_the_registry_has_forgotten_begins_anew(registry: Registry) -> None:
    registry.keeps = [5000]
    registry.faults.append(on("GET", "/uploads/", lambda: error(404, "BLOB_UPLOAD_UNKNOWN")))
    await send(registry, LARGE)
    assert stored(registry, LARGE)
    assert [start for start, _ in chunks(registry)][:3] == [0, 0, CHUNK]
    assert len(registry.requests("^POST")) == 2


@pytest.mark.parametrize("answer", ["0-x", "", "bytes 0-4999/50", "1-4999"])
async def test_an_offset_that_cannot_be_read_is_no_offset(registry: Registry, answer: str) -> None:
    registry.keeps = [5000]
    registry.faults.append(on("GET", "/uploads/", lambda: error(204, Range=answer)))
    await send(registry, LARGE)
    assert stored(registry, LARGE)
    assert [start for start, _ in chunks(registry)][:2] == [0, 0]


async def test_a_whole_blob_that_was_cut_is_sent_anew(registry: Registry) -> None:
    def cut(request: web.Request) -> web.StreamResponse | None:
        if request.method != "PUT":
            return None
        hang_up(request)
        return web.Response()

    registry.faults.append(times(1, cut))
    sent = await send(registry, SMALL)
    assert stored(registry, SMALL)
    assert methods(registry.seen) == ["POST", "PUT", "HEAD", "POST", "PUT"]
    assert sent.bytes_sent <= 2 * len(SMALL)


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["whole", "in chunks"])
async def test_the_lost_answer_to_a_finished_upload_is_no_reason_to_send_it_again(
    registry: Registry, content: bytes
) -> None:
    def lose() -> web.Response:
        registry.blobs.setdefault("a/b", {})[str(Digest.of(content))] = content
        return error(502)

    registry.faults.append(on("PUT", "/uploads/", lose))
    sent = await send(registry, content)
    assert sent.bytes_sent == len(content)
    assert methods(registry.seen)[-2:] == ["PUT", "HEAD"]


async def test_each_chunk_starts_the_count_of_attempts_anew(registry: Registry) -> None:
    refuse = on("PATCH", "", lambda: error(503))
    attempts = iter(range(1000))

    def twice_each(request: web.Request) -> web.StreamResponse | None:
        return refuse(request) if request.method == "PATCH" and next(attempts) % 3 else None

    registry.faults.append(twice_each)
    await send(registry, LARGE)
    assert stored(registry, LARGE)
    assert len([one for one in registry.requests("PATCH") if one.status == 503]) == 12


async def test_cuts_within_a_chunk_are_gone_on_with_as_long_as_that_gets_on(
    registry: Registry,
) -> None:
    """A chunk of the usual size takes minutes on a slow line, and may be cut many times."""
    content = LARGE * 12
    limits = replace(POLICY.limits, chunk_bytes=len(content))
    registry.keeps = [PROGRESS_BYTES] * 8
    async with make_client(registry.host, policy=replace(POLICY, limits=limits)) as client:
        await send(registry, content, uploader=await make_uploader(client, registry))
    assert stored(registry, content)
    assert [start for start, _ in chunks(registry)] == [n * PROGRESS_BYTES for n in range(9)]


async def test_without_progress_the_attempts_end(registry: Registry) -> None:
    registry.keeps = [0] * 50
    with pytest.raises(TransferError, match="could not be reached for the blob sha256:"):
        await send(registry, LARGE)
    assert len(chunks(registry)) == POLICY.retries.attempts


@pytest.mark.parametrize("claimed", [0, CHUNK + 1, 10**9])
async def test_a_registry_that_claims_bytes_that_it_was_not_sent_is_not_believed(
    registry: Registry, claimed: int
) -> None:
    registry.faults.append(
        on("PATCH", "", lambda: error(202, Range=f"0-{claimed - 1}" if claimed else "0-0"))
    )
    with pytest.raises(TransferError, match="claims to have"):
        await send(registry, LARGE)
    assert not stored(registry, LARGE)


@given(kept=st.lists(st.integers(0, CHUNK - 1), max_size=6))
@example(kept=[1])
@example(kept=[0, 0, 1, 1])
@settings(max_examples=20)
def test_wherever_an_upload_is_cut_all_bytes_arrive_in_order(kept: list[int]) -> None:
    async def check() -> None:
        patient = replace(POLICY, retries=replace(POLICY.retries, attempts=10))
        async with (
            Registry().running() as registry,
            make_client(registry.host, policy=patient) as client,
        ):
            registry.keeps = list(kept)
            sent = await send(registry, LARGE, uploader=await make_uploader(client, registry))
            assert stored(registry, LARGE)
            # "Range: 0-0" is said of no byte and of one, so that after one byte a chunk is refused.
            repeats = len(kept) + kept.count(1)
            assert len(LARGE) <= sent.bytes_sent <= len(LARGE) + repeats * CHUNK

    asyncio.run(check())


# Sizes and ways that a registry takes


def too_large(limit: int) -> web.Response:
    return error(413, "SIZE_INVALID", f"more than {limit}")


def with_limit(registry: Registry, limit: int) -> None:
    """Have a proxy before the registry take bodies up to a limit."""

    def refuse(request: web.Request) -> web.StreamResponse | None:
        large = (request.content_length or 0) > limit
        return too_large(limit) if large else None

    registry.faults.append(refuse)


async def test_a_blob_that_is_too_large_goes_in_chunks_and_chunks_are_halved(
    registry: Registry,
) -> None:
    with_limit(registry, 3000)
    async with make_client(registry.host) as client:
        uploader = await make_uploader(client, registry)
        for content in (SMALL, LARGE):
            await send(registry, content, uploader=uploader)
            assert stored(registry, content)
    assert [one.status for one in registry.requests("^PUT") if one.status == 413] == [413]
    refused = [one for one in registry.requests("^PATCH") if one.status == 413]
    assert len(refused) <= 2, "what was too large once is not tried for the next blob"
    taken = {length for start, length in chunks(registry)} - {
        int(one.headers["Content-Length"]) for one in refused
    }
    assert max(taken) <= 3000


async def test_a_limit_below_the_smallest_chunk_is_an_error(registry: Registry) -> None:
    with_limit(registry, 1000)
    with pytest.raises(TransferError, match=r"413.*more than 1000"):
        await send(registry, LARGE)
    assert min(length for _, length in chunks(registry)) == POLICY.limits.smallest_chunk_bytes


async def test_the_smallest_chunk_that_a_registry_asks_for_is_kept_to(registry: Registry) -> None:
    registry.chunk_min = 20 * KIB
    await send(registry, LARGE)
    assert stored(registry, LARGE)
    assert [length for _, length in chunks(registry)] == [20 * KIB, 20 * KIB, 10 * KIB]


@pytest.mark.parametrize("status", [400, 404, 405, 411, 415, 501])
async def test_a_registry_that_takes_no_chunks_gets_whole_blobs(
    registry: Registry, status: int
) -> None:
    registry.faults.append(on("PATCH", "", lambda: error(status)))
    async with make_client(registry.host) as client:
        uploader = await make_uploader(client, registry)
        for content in (LARGE, LARGE + b"more"):
            await send(registry, content, uploader=uploader)
            assert stored(registry, content)
    assert len(chunks(registry)) == 1


@pytest.mark.parametrize("status", [400, 404, 405, 411, 415, 501])
async def test_a_registry_that_takes_no_whole_blobs_gets_chunks(
    registry: Registry, status: int
) -> None:
    def refuse(request: web.Request) -> web.StreamResponse | None:
        return error(status) if request.method == "PUT" and request.content_length else None

    registry.faults.append(refuse)
    async with make_client(registry.host) as client:
        uploader = await make_uploader(client, registry)
        for content in (SMALL, SMALL + b"more"):
            await send(registry, content, uploader=uploader)
            assert stored(registry, content)
    assert len([one for one in registry.requests("^PUT") if one.status == status]) == 1


async def test_a_registry_that_takes_neither_is_an_error_with_its_words(
    registry: Registry,
) -> None:
    registry.faults.append(on("PATCH", "", lambda: error(405)))
    registry.faults.append(on("PUT", "/uploads/", lambda: error(405, "UNSUPPORTED", "read only")))
    with pytest.raises(TransferError, match="UNSUPPORTED: read only"):
        await send(registry, LARGE)
    assert len(registry.requests("^POST")) <= 3


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["whole", "in chunks"])
async def test_a_digest_that_the_registry_refuses_once_is_sent_again_and_twice_is_an_error(
    registry: Registry, content: bytes
) -> None:
    refuse = on("PUT", "/uploads/", lambda: error(400, "DIGEST_INVALID", "other bytes came"))
    registry.faults.append(times(1, refuse))
    await send(registry, content)
    assert stored(registry, content)
    registry.faults[:] = [times(2, refuse)]
    with pytest.raises(IntegrityError, match="got wrong bytes"):
        await send(registry, content + b"more")


async def test_an_upload_that_the_registry_calls_invalid_begins_anew(registry: Registry) -> None:
    invalid = on("PATCH", "", lambda: error(404, "BLOB_UPLOAD_INVALID"))
    registry.faults.append(times(1, invalid))
    await send(registry, LARGE)
    assert stored(registry, LARGE)


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["whole", "in chunks"])
async def test_a_full_registry_is_told_as_such_and_at_once(
    registry: Registry, content: bytes
) -> None:
    full = lambda: error(500, "UNKNOWN", "write /data: no space left on device")  # noqa: E731
    registry.faults += [on("PATCH", "", full), on("PUT", "/uploads/", full)]
    with pytest.raises(StorageFullError):
        await send(registry, content)
    assert len(registry.requests("^P(UT|ATCH)")) == 1


# Where an upload goes on


async def test_an_upload_without_an_address_is_an_error(registry: Registry) -> None:
    registry.faults.append(on("POST", "/uploads/", lambda: error(202)))
    with pytest.raises(TransferError, match="without a Location"):
        await send(registry, SMALL)


@pytest.mark.parametrize("origin", ["", "http://{host}", "https://127.0.0.1", "http://127.0.0.1:1"])
async def test_a_registry_that_names_itself_by_a_wrong_scheme_or_port_is_understood(
    registry: Registry, origin: str
) -> None:
    """Behind a proxy it knows neither; what the query holds must not be encoded anew."""
    query = "_state=a%2Fb%3D&state=1&digestive=%7Eyes"
    seen: list[str] = []

    def opened() -> web.Response:
        place = f"{origin.format(host=registry.host)}/v2/a/b/blobs/uploads/x?{query}"
        return error(202, Location=place)

    def finish(request: web.Request) -> web.StreamResponse | None:
        if request.method != "PUT":
            return None
        seen.append(request.raw_path)
        return error(201)

    registry.faults += [on("POST", "/uploads/", opened), finish]
    await send(registry, SMALL)
    digest = str(Digest.of(SMALL)).replace(":", "%3A")
    assert seen == [f"/v2/a/b/blobs/uploads/x?{query}&digest={digest}"]


async def test_an_upload_is_not_sent_to_another_host_without_tls(registry: Registry) -> None:
    place = "http://storage.invalid/upload"
    registry.faults.append(on("POST", "/uploads/", lambda: error(202, Location=place)))
    with pytest.raises(TransferError, match=r"storage\.invalid.* without TLS"):
        await send(registry, SMALL)
