"""Downloads of blobs: through cuts, from servers that do ranges or do not, and from mirrors."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from ckf_airgap.errors import AbsentError, IntegrityError, StorageFullError, TransferError
from ckf_airgap.transfer.events import BytesMoved, TransferEvent
from ckf_airgap.transfer.oci import Descriptor, Digest
from ckf_airgap.transfer.registry.download import PROGRESS_BYTES, Meter, download_blob, read_blob
from ckf_airgap.transfer.registry.remote import RegistryClient
from ckf_airgap.transfer.stores.partial import CHUNK_BYTES
from tests.unit.transfer.conftest import POLICY, make_client
from tests.unit.transfer.memory import MemoryStore, MemoryWriter, blob
from tests.unit.transfer.registry import Fault, Login, Registry, error, on, times

CONTENT = bytes(range(256)) * 80  # 20 KiB
DIGEST = Digest.of(CONTENT)


def serving(registry: Registry, content: bytes = CONTENT, served: bytes | None = None) -> Registry:
    """Have the repository ``a/b`` serve a blob, or other bytes in its place."""
    named = str(Digest.of(content))
    registry.blobs.setdefault("a/b", {})[named] = content if served is None else served
    return registry


async def read(
    client: RegistryClient, registry: Registry, described: Descriptor, offset: int = 0
) -> bytes:
    remote = await client.registry(registry.host)
    async with contextlib.aclosing(read_blob(remote, "a/b", described, offset)) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def fetch(
    client: RegistryClient,
    registries: Sequence[Registry],
    store: MemoryStore,
    content: bytes = CONTENT,
    events: list[TransferEvent] | None = None,
) -> int:
    sources = [(await client.registry(one.host), "a/b") for one in registries]
    told: list[TransferEvent] = [] if events is None else events
    async with store.writer(blob(content)) as writer:
        return await download_blob(sources, blob(content), writer, told.append)


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("offset", [0, 1, 9999, len(CONTENT) - 1, len(CONTENT)])
async def test_a_blob_is_read_from_an_offset_on(
    client: RegistryClient, registry: Registry, ranges: bool, offset: int
) -> None:
    serving(registry).ranges = ranges
    assert await read(client, registry, blob(CONTENT), offset) == CONTENT[offset:]
    asked = registry.requests("^GET .*/blobs/")
    assert [one.headers.get("Range") for one in asked] == (
        [] if offset == len(CONTENT) else [f"bytes={offset}-" if offset else None]
    )


@given(
    size=st.integers(0, 5000),
    offset=st.integers(0, 5000),
    cuts=st.lists(st.integers(0, 4000), max_size=4),
    ranges=st.booleans(),
)
@settings(max_examples=25)
def test_wherever_a_download_is_cut_the_bytes_are_right(
    size: int, offset: int, cuts: list[int], ranges: bool
) -> None:
    content = (CONTENT * 2)[7 : 7 + size]

    async def check() -> None:
        patient = replace(POLICY, retries=replace(POLICY.retries, attempts=6))
        async with (
            Registry().running() as registry,
            make_client(registry.host, policy=patient) as client,
        ):
            serving(registry, content)
            registry.cuts, registry.ranges = list(cuts), ranges
            start = min(offset, size)
            assert await read(client, registry, blob(content), start) == content[start:]

    asyncio.run(check())


async def test_progress_starts_the_count_of_attempts_anew_and_a_trickle_does_not(
    client: RegistryClient, registry: Registry
) -> None:
    content = CONTENT * 20
    serving(registry, content).cuts = [PROGRESS_BYTES] * 5
    assert await read(client, registry, blob(content)) == content
    registry.cuts = [PROGRESS_BYTES - 1] * 5
    with pytest.raises(TransferError, match="after 3 attempts"):
        await read(client, registry, blob(content))


def ranged(start: int, end: int, total: object, body: bytes) -> web.Response:
    span = f"bytes {start}-{end}/{total}"
    return web.Response(status=206, body=body, headers={"Content-Range": span})


SIZE = len(CONTENT)


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (lambda: ranged(99, SIZE - 1, SIZE, CONTENT[99:]), TransferError, "another range"),
        (lambda: web.Response(status=206, body=CONTENT[100:]), TransferError, "another range"),
        (
            lambda: web.Response(
                status=206, body=CONTENT[100:], headers={"Content-Range": "100-20479/20480"}
            ),
            TransferError,
            "another range",
        ),
        (lambda: ranged(100, SIZE, SIZE + 1, CONTENT[100:] + b"x"), IntegrityError, "20481 bytes"),
        (lambda: ranged(100, SIZE - 2, "*", CONTENT[100:-1]), IntegrityError, "is announced with"),
        (lambda: web.Response(body=CONTENT + b"x"), IntegrityError, "is announced with 20481"),
        (lambda: web.Response(body=CONTENT[:-1]), IntegrityError, "instead of 20480"),
        (lambda: error(416), IntegrityError, "ends before byte 100"),
    ],
)
async def test_an_answer_that_does_not_fit_the_question_is_not_taken(
    client: RegistryClient,
    registry: Registry,
    answer: Callable[[], web.Response],
    kind: type[Exception],
    text: str,
) -> None:
    serving(registry).faults.append(on("GET", "/blobs/", answer))
    with pytest.raises(TransferError, match=text) as raised:
        await read(client, registry, blob(CONTENT), 100)
    assert type(raised.value) is kind
    registry.faults[:] = [times(1, on("GET", "/blobs/", answer))]
    assert await read(client, registry, blob(CONTENT), 100) == CONTENT[100:]


async def test_a_range_whose_total_is_not_known_is_taken(
    client: RegistryClient, registry: Registry
) -> None:
    whole = on("GET", "/blobs/", lambda: ranged(100, SIZE - 1, "*", CONTENT[100:]))
    registry.faults.append(whole)
    assert await read(client, registry, blob(CONTENT), 100) == CONTENT[100:]


async def test_an_answer_without_end_is_not_read_to_its_end(
    client: RegistryClient, registry: Registry
) -> None:
    """Without a Content-Length nothing is announced, so more than the size must stop it."""

    class Endless(web.StreamResponse):
        async def prepare(self, request: web.BaseRequest) -> None:
            self.enable_chunked_encoding()
            await super().prepare(request)
            with contextlib.suppress(ConnectionError):
                for _ in range(1000):
                    await self.write(CONTENT)

    registry.faults.append(on("GET", "/blobs/", Endless))
    with pytest.raises(IntegrityError, match="the answer is longer than 20480 bytes"):
        await read(client, registry, blob(CONTENT))


def unannounced(content: bytes) -> Callable[[], web.StreamResponse]:
    """Return what makes an answer without a Content-Length."""

    class Unannounced(web.StreamResponse):
        async def prepare(self, request: web.BaseRequest) -> None:
            self.enable_chunked_encoding()
            await super().prepare(request)
            await self.write(content)

    return Unannounced


async def test_an_answer_that_ends_early_is_not_taken_for_the_whole_blob(
    client: RegistryClient, registry: Registry
) -> None:
    serving(registry).faults.append(on("GET", "/blobs/", unannounced(CONTENT[:-1])))
    text = "the blob .* of a/b after 3 attempts: the answer ended after 20479 of 20480 bytes"
    with pytest.raises(IntegrityError, match=text):
        await read(client, registry, blob(CONTENT))


async def test_what_follows_the_end_of_a_blob_is_noticed_from_an_offset_on_too(
    client: RegistryClient, registry: Registry
) -> None:
    serving(registry).faults.append(on("GET", "/blobs/", unannounced(CONTENT + b"x")))
    with pytest.raises(IntegrityError, match="the answer is longer than 20480 bytes"):
        await read(client, registry, blob(CONTENT), 100)


LARGE = CONTENT * 180  # 3.5 MiB, in many reads of the socket


@pytest.mark.parametrize("offset", [0, 700_001])
@pytest.mark.parametrize("cuts", [[], [900_000]])
@pytest.mark.parametrize("ranges", [True, False])
async def test_a_large_blob_comes_in_large_chunks(
    client: RegistryClient, registry: Registry, ranges: bool, cuts: list[int], offset: int
) -> None:
    serving(registry, LARGE).ranges = ranges
    registry.cuts = list(cuts)
    remote = await client.registry(registry.host)
    chunks = [chunk async for chunk in read_blob(remote, "a/b", blob(LARGE), offset)]
    assert b"".join(chunks) == LARGE[offset:]
    assert len(chunks) <= (len(LARGE) - offset) // CHUNK_BYTES + 1 + len(cuts)
    if not cuts:
        assert len(chunks) >= (len(LARGE) - offset) // (2 * CHUNK_BYTES) + 1


async def test_a_blob_is_read_from_its_first_byte_on_unless_it_is_said_otherwise(
    client: RegistryClient, registry: Registry
) -> None:
    remote = await client.registry(serving(registry).host)
    assert b"".join([chunk async for chunk in read_blob(remote, "a/b", blob(CONTENT))]) == CONTENT


async def test_a_download_asks_for_a_token_to_read_that_repository(
    client: RegistryClient, registry: Registry
) -> None:
    login = serving(registry).login = Login(anonymous=frozenset({"pull"}))
    assert await read(client, registry, blob(CONTENT)) == CONTENT
    assert [scopes for _, scopes, _ in login.asked] == [["repository:a/b:pull"]]


async def test_a_refused_download_names_the_repository(
    client: RegistryClient, registry: Registry
) -> None:
    serving(registry).faults.append(on("GET", "/blobs/", lambda: error(403, "DENIED")))
    with pytest.raises(TransferError, match="does not allow this login to read a/b"):
        await read(client, registry, blob(CONTENT))


async def test_a_blob_that_is_not_there_is_told_at_once(
    client: RegistryClient, registry: Registry
) -> None:
    with pytest.raises(AbsentError, match=f"has no blob {DIGEST.short} of a/b"):
        await read(client, registry, blob(CONTENT))
    assert len(registry.requests("/blobs/")) == 1


# Into a store


async def test_what_is_there_is_gone_on_with_and_progress_begins_after_it(
    client: RegistryClient, registry: Registry
) -> None:
    serving(registry)
    store = MemoryStore(parts={DIGEST: CONTENT[:7000]})
    events: list[TransferEvent] = []
    assert await fetch(client, [registry], store, events=events) == SIZE - 7000
    assert store.kept[DIGEST] == CONTENT
    moved = [one for one in events if isinstance(one, BytesMoved)]
    assert sum(one.count for one in moved) == SIZE - 7000
    assert {one.digest for one in moved} == {DIGEST}


async def test_the_next_place_goes_on_where_the_first_one_broke_off(
    client: RegistryClient, registry: Registry, mirror: Registry
) -> None:
    content = CONTENT * 10
    serving(registry, content).cuts = [60_000]
    registry.faults.append(_after(1, on("GET", "/blobs/", lambda: error(403, "DENIED"))))
    serving(mirror, content)
    store = MemoryStore()
    await fetch(client, [registry, mirror], store, content)
    assert store.kept[Digest.of(content)] == content
    assert mirror.requests("^GET .*/blobs/")[0].headers["Range"] == "bytes=60000-"


async def test_a_place_with_a_blob_of_another_length_is_left_for_the_next(
    client: RegistryClient, registry: Registry, mirror: Registry
) -> None:
    serving(registry).faults.append(
        on("GET", "/blobs/", lambda: ranged(7000, SIZE, SIZE + 1, CONTENT[7000:] + b"x"))
    )
    serving(mirror)
    store = MemoryStore(parts={DIGEST: CONTENT[:7000]})
    assert await fetch(client, [registry, mirror], store) == SIZE - 7000
    assert store.kept[DIGEST] == CONTENT


def _after(count: int, fault: Fault) -> Fault:
    """Return a fault that begins after some requests that it would be for."""
    seen = [0]

    def later(request: web.Request) -> web.StreamResponse | None:
        answer = fault(request)
        seen[0] += answer is not None
        return answer if seen[0] > count else None

    return later


async def test_wrong_bytes_are_fetched_anew_once_and_then_from_the_next_place(
    client: RegistryClient, registry: Registry, mirror: Registry
) -> None:
    serving(registry, served=bytes(reversed(CONTENT)))
    serving(mirror)
    store = MemoryStore()
    received = await fetch(client, [registry, mirror], store)
    assert store.kept[DIGEST] == CONTENT
    assert len(registry.requests("^GET .*/blobs/")) == 2
    assert received == 3 * SIZE


async def test_when_every_place_gives_wrong_bytes_each_is_named(
    client: RegistryClient, registry: Registry, mirror: Registry
) -> None:
    for one in (registry, mirror):
        serving(one, served=bytes(reversed(CONTENT)))
    store = MemoryStore()
    with pytest.raises(IntegrityError) as raised:
        await fetch(client, [registry, mirror], store)
    assert f"{registry.host}/a/b: " in raised.value.message
    assert f"{mirror.host}/a/b: " in raised.value.message
    assert "Have the image pushed there again" in raised.value.fix
    assert (store.kept, store.parts) == ({}, {})


async def test_a_full_disk_ends_it_whatever_places_are_left(
    client: RegistryClient, registry: Registry, mirror: Registry
) -> None:
    class Full(MemoryWriter):
        async def write(self, chunk: bytes) -> None:
            raise StorageFullError("the disk is full")

    serving(registry)
    serving(mirror)
    sources = [(await client.registry(one.host), "a/b") for one in (registry, mirror)]
    writer = Full(MemoryStore(), blob(CONTENT))
    with pytest.raises(StorageFullError):
        await download_blob(sources, blob(CONTENT), writer, lambda _: None)
    assert mirror.requests("/blobs/") == []


@given(st.lists(st.integers(0, 1000)), st.integers(0, 1000))
def test_a_meter_tells_each_byte_once_however_often_it_goes_back(
    offsets: list[int], start: int
) -> None:
    events: list[TransferEvent] = []
    meter = Meter(blob(CONTENT), events.append, start)
    for offset in offsets:
        meter.at(offset)
    counts = [event.count for event in events if isinstance(event, BytesMoved)]
    assert sum(counts) == max([start, *offsets]) - start
    assert all(count > 0 for count in counts)
