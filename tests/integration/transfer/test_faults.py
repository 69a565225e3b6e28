"""Registries that misbehave: each fault ends in success after a retry, or in its own message."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from ckf_airgap.errors import (
    AirgapError,
    ConnectionFailedError,
    ImmutableTagError,
    IntegrityError,
    LoginError,
    NameRefusedError,
    ProjectMissingError,
    StorageFullError,
    TransferError,
)
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.net.limits import Policy, Retries
from ckf_airgap.net.patience import Retrying
from ckf_airgap.transfer.events import ImageResult, ImageStatus, TransferEvent
from ckf_airgap.transfer.oci import DOCKER_MANIFEST
from ckf_airgap.transfer.pull import pull
from ckf_airgap.transfer.push import PushItem, PushOptions, copy, push
from ckf_airgap.transfer.registry.remote import RegistryClient
from ckf_airgap.transfer.stores.archive import Archive
from ckf_airgap.transfer.stores.archivewriter import ArchiveWriter
from ckf_airgap.transfer.stores.layout import LayoutDirectory
from ckf_airgap.transfer.verify import Expected, verify
from tests.integration.transfer.conftest import QUICK, make_client
from tests.integration.transfer.faults import Exchange, FaultProxy, Times
from tests.integration.transfer.samples import Sample, image, layer, publish
from tests.integration.transfer.servers import RegistryServer

LARGE = 700_000
"""Bytes of the layer that is large here: eleven chunks."""

CHUNK = QUICK.limits.chunk_bytes


def sample() -> Sample:
    return image([layer("large", LARGE), layer("small", 3_000)])


async def put(server: RegistryServer, one: Sample, repository: str = "some/image") -> None:
    await publish(f"http://{server.host}", repository, "1", one)


async def pull_one(client: RegistryClient, host: str, path: Path) -> ImageResult:
    with LayoutDirectory.create(path) as layout:
        (result,) = await pull(client, [ImageReference(host, "some/image", "1")], layout)
    return result


async def push_one(
    client: RegistryClient, path: Path, host: str, repository: str = "some/image", tag: str = "1"
) -> ImageResult:
    with LayoutDirectory.open(path) as layout:
        (source,) = await layout.references()
        target = ImageReference(host, repository, tag)
        (result,) = await push(client, layout, [PushItem(source=source, target=target)])
    return result


@pytest.fixture
async def carried(public: RegistryServer, tmp_path: Path) -> Path:
    """A layout with `sample`."""
    await put(public, sample())
    async with make_client(public.host) as client:
        assert (await pull_one(client, public.host, tmp_path / "carried")).error is None
    return tmp_path / "carried"


def refuse(
    status: int, body: object = "", headers: dict[str, str] | None = None
) -> Callable[[Exchange], Awaitable[web.Response]]:
    """Return an answer of a proxy."""

    async def answer(exchange: Exchange) -> web.Response:
        if exchange.is_data:
            await exchange.request.read()
        if isinstance(body, str):
            return web.Response(status=status, text=body, headers=headers)
        return web.json_response(body, status=status, headers=headers)

    return answer


def when(
    matches: Callable[[Exchange], bool],
    answer: Callable[[Exchange], Awaitable[web.Response]],
    count: int = 1_000_000,
) -> Callable[[Exchange], Awaitable[web.Response | None]]:
    """Return a fault that answers the first `count` requests that match."""
    times = Times(matches, count)

    async def fault(exchange: Exchange) -> web.Response | None:
        return await answer(exchange) if times(exchange) else None

    return fault


def change(
    matches: Callable[[Exchange], bool], count: int = 1_000_000, **changes: object
) -> Callable[[Exchange], Awaitable[None]]:
    """Return a fault that changes the first `count` exchanges that match."""
    times = Times(matches, count)

    async def fault(exchange: Exchange) -> None:
        if times(exchange):
            for name, value in changes.items():
                setattr(exchange, name, value)

    return fault


def is_large_get(exchange: Exchange) -> bool:
    return exchange.is_blob_get and layer("large", LARGE).digest in exchange.path


def code(name: str, message: str = "", detail: object = None) -> dict[str, object]:
    return {"errors": [{"code": name, "message": message, "detail": detail}]}


# Reading


async def test_a_download_that_is_cut_goes_on_where_it_was(
    public: RegistryServer, public_proxy: FaultProxy, tmp_path: Path
) -> None:
    await put(public, sample())
    public_proxy.faults.append(change(is_large_get, 3, cut_answer_at=200_000))
    async with make_client(public_proxy.host) as client:
        result = await pull_one(client, public_proxy.host, tmp_path / "layout")
    assert (result.status, result.digest) == (ImageStatus.COPIED, sample().digest)
    total = sum(map(len, sample().blobs.values()))
    assert total <= public_proxy.downloaded <= total + 3 * CHUNK
    ranges = [one.headers.get("Range") for one in public_proxy.records]
    assert sum(text is not None for text in ranges) == 3


async def test_a_pull_that_failed_is_continued_by_the_next_run(
    public: RegistryServer, public_proxy: FaultProxy, tmp_path: Path
) -> None:
    await put(public, sample())

    async def gone(exchange: Exchange) -> None:
        if is_large_get(exchange):
            exchange.cut_answer_at = 400_000 if not exchange.request.headers.get("Range") else 1

    public_proxy.faults.append(gone)
    async with make_client(public_proxy.host) as client:
        failed = await pull_one(client, public_proxy.host, tmp_path / "layout")
    assert failed.status is ImageStatus.FAILED
    assert isinstance(failed.error, ConnectionFailedError)
    public_proxy.faults.clear()
    public_proxy.records.clear()
    async with make_client(public_proxy.host) as client:
        result = await pull_one(client, public_proxy.host, tmp_path / "layout")
    assert result.status is ImageStatus.COPIED
    missing = len(layer("large", LARGE).blob) - 400_000
    assert missing - CHUNK <= public_proxy.downloaded <= missing + CHUNK


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_one_refusal_that_may_not_repeat_is_tried_again(
    public: RegistryServer, public_proxy: FaultProxy, tmp_path: Path, status: int
) -> None:
    await put(public, sample())
    for matches in (
        lambda one: one.method == "GET" and "/manifests/" in one.path,
        is_large_get,
    ):
        public_proxy.faults.append(when(matches, refuse(status), 1))
    events: list[TransferEvent] = []
    async with make_client(public_proxy.host, listener=events.append) as client:
        result = await pull_one(client, public_proxy.host, tmp_path / "layout")
    assert result.status is ImageStatus.COPIED
    told = [event for event in events if isinstance(event, Retrying)]
    assert len(told) == 2
    assert all(f"status {status}" in event.why for event in told)


async def test_retry_after_is_followed_up_to_a_limit(
    public: RegistryServer, public_proxy: FaultProxy, tmp_path: Path
) -> None:
    await put(public, sample())
    wait = refuse(429, headers={"Retry-After": "3600"})
    public_proxy.faults.append(when(is_large_get, wait, 1))
    started = time.monotonic()
    events: list[TransferEvent] = []
    async with make_client(public_proxy.host, listener=events.append) as client:
        result = await pull_one(client, public_proxy.host, tmp_path / "layout")
    assert result.status is ImageStatus.COPIED
    assert QUICK.retries.longest_retry_after_s <= time.monotonic() - started < 10
    (told,) = [event for event in events if isinstance(event, Retrying)]
    assert told.delay_s >= QUICK.retries.longest_retry_after_s


async def test_too_many_requests_without_an_end_is_an_error(
    public: RegistryServer, public_proxy: FaultProxy, tmp_path: Path
) -> None:
    await put(public, sample())
    public_proxy.faults.append(
        when(is_large_get, refuse(429, code("TOOMANYREQUESTS", "slow down")))
    )
    async with make_client(public_proxy.host) as client:
        result = await pull_one(client, public_proxy.host, tmp_path / "layout")
    assert "status 429, TOOMANYREQUESTS: slow down" in str(result.error)
    assert "after 5 attempts" in str(result.error)


@pytest.mark.parametrize("error", [-10, 10])
async def test_an_answer_of_the_wrong_length_is_not_accepted(
    public: RegistryServer, public_proxy: FaultProxy, tmp_path: Path, error: int
) -> None:
    await put(public, sample())
    public_proxy.faults.append(change(is_large_get, length_error=error))
    async with make_client(public_proxy.host) as client:
        result = await pull_one(client, public_proxy.host, tmp_path / "layout")
    assert isinstance(result.error, IntegrityError)
    assert "announced" in str(result.error)
    with LayoutDirectory.open(tmp_path / "layout") as layout:
        assert await layout.references() == {}
        assert not layout.blob_path(sample().digest).exists()


async def test_other_bytes_than_the_digest_says_are_never_kept(
    public: RegistryServer, public_proxy: FaultProxy, tmp_path: Path
) -> None:
    await put(public, sample())
    public_proxy.faults.append(change(is_large_get, corrupt=True))
    async with make_client(public_proxy.host) as client:
        result = await pull_one(client, public_proxy.host, tmp_path / "layout")
    assert isinstance(result.error, IntegrityError)
    assert "arrived with the digest" in str(result.error)
    names = {path.name for path in (tmp_path / "layout" / "blobs" / "sha256").iterdir()}
    assert not any(layer("large", LARGE).digest[7:] in name for name in names)


async def test_bytes_that_were_wrong_once_are_fetched_again(
    public: RegistryServer, public_proxy: FaultProxy, tmp_path: Path
) -> None:
    await put(public, sample())
    public_proxy.faults.append(change(is_large_get, 1, corrupt=True))
    async with make_client(public_proxy.host) as client:
        result = await pull_one(client, public_proxy.host, tmp_path / "layout")
    assert result.status is ImageStatus.COPIED


async def test_a_manifest_with_other_bytes_than_its_digest_is_refused(
    public: RegistryServer, public_proxy: FaultProxy, tmp_path: Path
) -> None:
    await put(public, sample())
    public_proxy.faults.append(
        change(lambda one: one.method == "GET" and "/manifests/" in one.path, corrupt=True)
    )
    async with make_client(public_proxy.host) as client:
        result = await pull_one(client, public_proxy.host, tmp_path / "layout")
    assert isinstance(result.error, IntegrityError)
    assert "was requested" in str(result.error)


async def test_another_images_share_of_a_damaged_blob_fails_and_the_rest_is_carried(
    public: RegistryServer, tmp_path: Path
) -> None:
    shared = layer("shared", 50_000)
    await put(public, image([shared, layer("x")]), "with/one")
    await put(public, image([shared, layer("y")]), "with/two")
    await put(public, image([layer("z")]), "without/it")
    public.damage(shared.digest)
    references = [
        ImageReference(public.host, name, "1") for name in ("with/one", "with/two", "without/it")
    ]
    async with make_client(public.host) as client:
        with LayoutDirectory.create(tmp_path / "layout") as layout:
            results = await pull(client, references, layout)
            assert [one.status for one in results] == [
                ImageStatus.FAILED,
                ImageStatus.FAILED,
                ImageStatus.COPIED,
            ]
            assert list(await layout.references()) == [str(references[2])]
    for result in results[:2]:
        assert isinstance(result.error, IntegrityError)
        assert shared.digest in str(result.error)


async def test_a_slow_registry_is_waited_for_as_long_as_bytes_come(
    public: RegistryServer, public_proxy: FaultProxy, carried: Path, tmp_path: Path
) -> None:
    public_proxy.faults.append(change(lambda one: one.is_blob_get or one.is_data, rate=200_000))
    started = time.monotonic()
    async with make_client(public_proxy.host) as client:
        pulled = await pull_one(client, public_proxy.host, tmp_path / "layout")
        pushed = await push_one(client, carried, public_proxy.host, "other/name")
    assert (pulled.status, pushed.status) == (ImageStatus.COPIED, ImageStatus.COPIED)
    assert time.monotonic() - started > QUICK.timeouts.stall_s


async def test_a_registry_that_stops_sending_is_given_up(
    public: RegistryServer, public_proxy: FaultProxy, tmp_path: Path
) -> None:
    await put(public, sample())
    public_proxy.faults.append(change(is_large_get, rate=100.0))
    policy = Policy(
        limits=QUICK.limits,
        timeouts=type(QUICK.timeouts)(stall_s=0.3),
        retries=Retries(attempts=2, first_delay_s=0.01),
    )
    async with make_client(public_proxy.host, policy=policy) as client:
        result = await pull_one(client, public_proxy.host, tmp_path / "layout")
    assert isinstance(result.error, ConnectionFailedError)
    assert "no answer in time" in str(result.error)


async def test_a_registry_that_stops_taking_bytes_is_given_up(
    private: RegistryServer, proxy: FaultProxy, public: RegistryServer, tmp_path: Path
) -> None:
    # More than the buffers of a socket take.
    await publish(f"http://{public.host}", "some/image", "1", image([layer("vast", 12_000_000)]))
    proxy.faults.append(change(lambda one: one.is_data, rate=1000.0))
    policy = Policy(
        timeouts=type(QUICK.timeouts)(stall_s=0.5),
        retries=Retries(attempts=2, first_delay_s=0.01),
    )
    async with make_client(public.host, proxy.host, policy=policy) as client:
        await pull_one(client, public.host, tmp_path / "layout")
        result = await push_one(client, tmp_path / "layout", proxy.host)
    assert isinstance(result.error, ConnectionFailedError)
    assert "no byte was sent" in str(result.error)


# Writing


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("method", ["HEAD", "POST", "PATCH", "PUT"])
async def test_one_refusal_while_pushing_is_tried_again(
    private: RegistryServer, proxy: FaultProxy, carried: Path, method: str, status: int
) -> None:
    proxy.faults.append(when(lambda one: one.method == method, refuse(status), 2))
    async with make_client(proxy.host) as client:
        result = await push_one(client, carried, proxy.host)
    assert (result.status, result.digest) == (ImageStatus.COPIED, sample().digest)
    assert private.stored_blobs() == sample().digests


@pytest.mark.parametrize("at", [1, 30_000, CHUNK + 5_000])
async def test_an_upload_that_is_cut_is_tried_again(
    private: RegistryServer, proxy: FaultProxy, carried: Path, at: int
) -> None:
    proxy.faults.append(change(lambda one: one.is_data, 2, cut_request_at=at))
    async with make_client(proxy.host) as client:
        result = await push_one(client, carried, proxy.host)
    assert (result.status, result.digest) == (ImageStatus.COPIED, sample().digest)
    assert private.stored_blobs() == sample().digests


async def test_a_cut_upload_goes_on_at_the_byte_that_the_registry_has(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    """The fourth chunk arrives, but its answer is lost."""
    chunks = Times(lambda one: one.method == "PATCH", 4)
    locations: dict[str, str] = {}

    async def lose_answer(exchange: Exchange) -> web.StreamResponse | None:
        upload = exchange.path.rpartition("/")[2]
        if chunks(exchange) and chunks.seen == 4:
            body = await exchange.request.read()
            assert proxy._http is not None
            url = f"http://{private.host}{exchange.request.raw_path}"
            headers = {"Host": proxy.host, "Content-Type": "application/octet-stream"}
            async with proxy._http.patch(url, data=body, headers=headers) as answer:
                locations[upload] = answer.headers["Location"]
            assert exchange.request.transport is not None
            exchange.request.transport.abort()
            return web.Response()
        if exchange.method == "GET" and upload in locations:
            assert proxy._http is not None
            place = locations[upload].replace(proxy.host, private.host)
            async with proxy._http.get(place, headers={"Host": proxy.host}) as answer:
                return web.Response(status=answer.status, headers=answer.headers)
        return None

    proxy.faults.append(lose_answer)
    async with make_client(proxy.host) as client:
        result = await push_one(client, carried, proxy.host)
    assert result.status is ImageStatus.COPIED
    assert locations
    total = sum(map(len, sample().blobs.values()))
    assert proxy.uploaded + CHUNK <= total + CHUNK
    assert result.bytes_sent == total


async def test_the_lost_answer_to_a_finished_upload_is_no_reason_to_send_it_again(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    times = Times(lambda one: one.method == "PUT" and one.is_upload, 3)

    async def lose_answer(exchange: Exchange) -> web.StreamResponse | None:
        if not times(exchange):
            return None
        body = await exchange.request.read()
        assert proxy._http is not None
        url = f"http://{private.host}{exchange.request.raw_path}"
        async with proxy._http.put(
            url, data=body, headers={"Content-Type": "application/octet-stream"}
        ) as answer:
            assert answer.status == 201
        assert exchange.request.transport is not None
        exchange.request.transport.abort()
        return web.Response()

    proxy.faults.append(lose_answer)
    async with make_client(proxy.host) as client:
        result = await push_one(client, carried, proxy.host)
    assert result.status is ImageStatus.COPIED
    assert times.seen == 3
    assert result.bytes_sent == sum(map(len, sample().blobs.values()))


async def test_a_push_that_failed_sends_only_what_is_missing_the_next_time(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    large = layer("large", LARGE)

    async def gone(exchange: Exchange) -> None:
        if exchange.method == "PATCH":
            exchange.cut_request_at = 20_000

    proxy.faults.append(gone)
    async with make_client(proxy.host) as client:
        failed = await push_one(client, carried, proxy.host)
    assert isinstance(failed.error, ConnectionFailedError)
    proxy.faults.clear()
    proxy.records.clear()
    async with make_client(proxy.host) as client:
        result = await push_one(client, carried, proxy.host)
    assert result.status is ImageStatus.COPIED
    assert proxy.uploaded == result.bytes_sent == len(large.blob)


async def test_a_token_that_expires_in_the_middle_is_asked_for_anew(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    """Every fourth request of any kind is answered 401, as with tokens that last shortly."""
    tokens = 0
    valid = ""
    uses = 0

    async def expire(exchange: Exchange) -> web.Response | None:
        nonlocal tokens, valid, uses
        if exchange.path == "/token":
            tokens += 1
            valid, uses = f"token-{tokens}", 0
            return web.json_response({"token": valid, "expires_in": 300})
        uses += 1
        if exchange.request.headers.get("Authorization") == f"Bearer {valid}" and uses < 4:
            return None
        if exchange.is_data:
            await exchange.request.read()
        challenge = f'Bearer realm="http://{proxy.host}/token",service="s"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    proxy.faults.append(expire)
    async with make_client(proxy.host) as client:
        result = await push_one(client, carried, proxy.host)
    assert result.status is ImageStatus.COPIED
    assert tokens > 4
    assert private.stored_blobs() == sample().digests


async def test_a_mount_that_is_refused_becomes_an_upload(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    denied = refuse(401, code("UNAUTHORIZED", "authentication required"))
    proxy.faults.append(when(lambda one: "mount=" in one.request.query_string, denied))
    async with make_client(proxy.host) as client:
        with LayoutDirectory.open(carried) as layout:
            (source,) = await layout.references()
            items = [
                PushItem(source=source, target=ImageReference(proxy.host, name, "1"))
                for name in ("first/name", "second/name")
            ]
            results = await push(client, layout, items)
    assert [result.error for result in results] == [None, None]
    total = sum(map(len, sample().blobs.values()))
    assert sum(result.bytes_sent for result in results) == 2 * total


async def test_mounts_that_fail_are_not_waited_for_by_each_blob(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    broken = refuse(500, code("UNKNOWN", "unknown error"))
    proxy.faults.append(when(lambda one: "mount=" in one.request.query_string, broken))
    policy = replace(QUICK, limits=replace(QUICK.limits, jobs=1))
    async with make_client(proxy.host, policy=policy) as client:
        with LayoutDirectory.open(carried) as layout:
            (source,) = await layout.references()
            items = [
                PushItem(source=source, target=ImageReference(proxy.host, name, "1"))
                for name in ("first/name", "second/name", "third/name")
            ]
            results = await push(client, layout, items)
    assert [result.error for result in results] == [None] * 3
    mounts = [one for one in proxy.records if "mount=" in one.query]
    assert len(mounts) == QUICK.retries.attempts


async def test_blobs_are_mounted_from_the_repository_that_has_them(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    async with make_client(proxy.host) as client:
        with LayoutDirectory.open(carried) as layout:
            (source,) = await layout.references()
            names = ("first/name", "second/name", "third/name")
            items = [
                PushItem(source=source, target=ImageReference(proxy.host, name, "1"))
                for name in names
            ]
            results = await push(client, layout, items)
    assert [result.error for result in results] == [None] * 3
    assert proxy.uploaded == sum(map(len, sample().blobs.values()))
    mounts = [one for one in proxy.records if "mount=" in one.query]
    assert len(mounts) == 2 * len(sample().blobs)
    assert {one.status for one in mounts} == {201}


async def test_a_registry_that_takes_chunks_only(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    whole = when(
        lambda one: one.method == "PUT" and one.is_data,
        refuse(400, code("UNSUPPORTED", "only chunked uploads")),
    )
    proxy.faults.append(whole)
    async with make_client(proxy.host) as client:
        result = await push_one(client, carried, proxy.host)
    assert result.status is ImageStatus.COPIED
    assert private.stored_blobs() == sample().digests


async def test_a_registry_that_takes_no_chunks(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    proxy.faults.append(when(lambda one: one.method == "PATCH", refuse(405)))
    async with make_client(proxy.host) as client:
        result = await push_one(client, carried, proxy.host)
    assert result.status is ImageStatus.COPIED
    assert private.stored_blobs() == sample().digests


@pytest.mark.parametrize("limit", [CHUNK // 2, 300_000])
@pytest.mark.parametrize("early", [False, True])
async def test_a_body_that_is_too_large_is_sent_in_smaller_ones(
    private: RegistryServer, proxy: FaultProxy, carried: Path, limit: int, early: bool
) -> None:
    """As with ``client_max_body_size`` of nginx: 413, before or after it has read the body."""

    async def too_large(exchange: Exchange) -> web.Response | None:
        if (exchange.request.content_length or 0) <= limit:
            return None
        if not early:
            await exchange.request.read()
        return web.Response(status=413, text="<html>413 Request Entity Too Large</html>")

    proxy.faults.append(too_large)
    policy = Policy(
        limits=type(QUICK.limits)(chunk_bytes=4 * CHUNK, smallest_chunk_bytes=8 * 1024),
        timeouts=QUICK.timeouts,
        retries=QUICK.retries,
    )
    async with make_client(proxy.host, policy=policy) as client:
        result = await push_one(client, carried, proxy.host)
    assert result.error is None
    assert private.stored_blobs() == sample().digests


async def test_chunks_are_halved_once_for_all_that_were_too_large_together(
    private: RegistryServer, proxy: FaultProxy, public: RegistryServer, tmp_path: Path
) -> None:
    layers = [layer(f"l{number}", 300_000) for number in range(6)]
    await put(public, image(layers))

    async def too_large(exchange: Exchange) -> web.Response | None:
        if (exchange.request.content_length or 0) <= 40_000:
            return None
        await exchange.request.read()
        return web.Response(status=413)

    proxy.faults.append(too_large)
    async with make_client(public.host, proxy.host) as client:
        await pull_one(client, public.host, tmp_path / "layout")
        result = await push_one(client, tmp_path / "layout", proxy.host)
    assert result.status is ImageStatus.COPIED
    sizes = {
        int(one.headers["Content-Length"])
        for one in proxy.records
        if one.method == "PATCH" and one.status == 202
    }
    assert max(sizes) == CHUNK // 2


async def test_a_registry_that_names_itself_by_a_wrong_scheme_or_port_is_understood(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    """As behind a proxy that ends TLS and passes no X-Forwarded-Proto."""

    async def misname(exchange: Exchange) -> web.Response | None:
        if exchange.method != "POST" or proxy._http is None:
            return None
        url = f"http://{private.host}{exchange.request.raw_path}"
        async with proxy._http.post(url) as answer:
            location = answer.headers["Location"].replace(private.host, "localhost:1")
            return web.Response(status=202, headers={"Location": location})

    proxy.faults.append(misname)
    async with make_client(proxy.host) as client:
        result = await push_one(client, carried, proxy.host)
    assert result.status is ImageStatus.COPIED


async def test_a_limit_below_the_smallest_chunk_is_an_error(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    proxy.faults.append(when(lambda one: one.is_data, refuse(413, "too large")))
    async with make_client(proxy.host) as client:
        result = await push_one(client, carried, proxy.host)
    assert "status 413" in str(result.error)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (507, "Insufficient Storage"),
        (
            500,
            code("UNKNOWN", "unknown error", {"DriverName": "filesystem", "Enclosed": {"Err": 28}}),
        ),
        (500, "write /var/lib/registry: no space left on device"),
        (
            403,
            code(
                "DENIED",
                "adding 2 MiB of storage, which when updated to current usage of 1 GiB"
                " will exceed the configured upper limit of 1 GiB",
            ),
        ),
    ],
)
async def test_a_full_registry_is_told_as_such_and_at_once(
    private: RegistryServer, proxy: FaultProxy, carried: Path, status: int, body: object
) -> None:
    proxy.faults.append(when(lambda one: one.is_data, refuse(status, body)))
    async with make_client(proxy.host) as client:
        result = await push_one(client, carried, proxy.host)
    assert isinstance(result.error, StorageFullError)
    assert f"{proxy.host} has no room left" in str(result.error)
    assert proxy.count("PUT", "/blobs/uploads/") <= 2, "a full registry is not asked again"


REFUSALS: list[tuple[int, object, type[AirgapError], str]] = [
    (
        404,
        code("NAME_UNKNOWN", "repository name not known"),
        ProjectMissingError,
        "--create-project",
    ),
    (404, code("NOT_FOUND", "project some not found"), ProjectMissingError, "no project 'some'"),
    (401, code("UNAUTHORIZED", "project some not found"), ProjectMissingError, "no project 'some'"),
    (
        403,
        code("DENIED", "requested access to the resource is denied"),
        LoginError,
        "write to some/image",
    ),
    (400, code("NAME_INVALID", "invalid repository name"), NameRefusedError, "2 parts"),
    (403, code("NAME_INVALID", "nested too deep"), NameRefusedError, "--max-depth N"),
]


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_what_a_registry_refuses_has_its_own_message(
    proxy: FaultProxy, carried: Path, refusal: tuple[int, object, type[AirgapError], str]
) -> None:
    status, body, kind, text = refusal
    proxy.faults.append(when(lambda one: one.method == "POST", refuse(status, body)))
    async with make_client(proxy.host) as client:
        result = await push_one(client, carried, proxy.host)
    assert type(result.error) is kind
    assert text in str(result.error)
    assert re.search(r"status \d+", str(result.error))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (412, code("PRECONDITION", "tag some/image:1 is configured as immutable")),
        (
            400,
            code(
                "TAG_INVALID",
                "The image tag '1' already exists in the repository and cannot"
                " be overwritten because the repository is immutable",
            ),
        ),
        (400, "Repository does not allow updating assets: docker"),
    ],
)
async def test_an_immutable_tag_of_another_image_is_an_error_that_names_both_digests(
    private: RegistryServer, proxy: FaultProxy, carried: Path, status: int, body: object
) -> None:
    old = image([layer("old")])
    await put(private, old)
    by_tag = when(
        lambda one: one.method == "PUT" and one.path.endswith("/manifests/1"), refuse(status, body)
    )
    proxy.faults.append(by_tag)
    async with make_client(proxy.host) as client:
        result = await push_one(client, carried, proxy.host)
    assert isinstance(result.error, ImmutableTagError)
    assert str(old.digest) in str(result.error)
    assert str(sample().digest) in str(result.error)


async def test_a_lost_answer_to_an_immutable_tag_is_no_error(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    """The tag was put, the answer was lost, and the second attempt is refused."""
    puts = Times(lambda one: one.method == "PUT" and one.path.endswith("/manifests/1"), 1)

    async def lose_answer(exchange: Exchange) -> web.StreamResponse | None:
        if puts(exchange):
            await put(private, sample())
            assert exchange.request.transport is not None
            exchange.request.transport.abort()
            return web.Response()
        if exchange.method == "PUT" and exchange.path.endswith("/manifests/1"):
            return web.json_response(code("DENIED", "the tag is immutable"), status=412)
        return None

    proxy.faults.append(lose_answer)
    async with make_client(proxy.host) as client:
        result = await push_one(client, carried, proxy.host)
    assert (result.error, result.status) == (None, ImageStatus.COPIED)
    assert puts.seen == 1


async def test_an_immutable_tag_of_the_same_image_is_fine(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    await put(private, sample())
    proxy.faults.append(
        when(lambda one: one.method not in ("GET", "HEAD"), refuse(412, "immutable"))
    )
    async with make_client(proxy.host) as client:
        result = await push_one(client, carried, proxy.host)
    assert result.status is ImageStatus.PRESENT


async def test_a_missing_project_is_created_when_that_is_asked_for(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    from tests.integration.transfer.conftest import logged_in

    projects: list[object] = []

    async def harbor(exchange: Exchange) -> web.Response | None:
        if exchange.path == "/api/v2.0/projects":
            assert exchange.request.headers["Authorization"].startswith("Basic ")
            projects.append((await exchange.request.json())["project_name"])
            return web.Response(status=201)
        if exchange.method == "POST" and not projects:
            return web.json_response(code("NOT_FOUND", "project some not found"), status=404)
        return None

    proxy.faults.append(harbor)
    async with make_client(proxy.host, credentials=logged_in(proxy.host)) as client:
        with LayoutDirectory.open(carried) as layout:
            (source,) = await layout.references()
            items = [
                PushItem(source=source, target=ImageReference(proxy.host, f"some/{name}", "1"))
                for name in ("image", "other")
            ]
            results = await push(client, layout, items, options=PushOptions(create_projects=True))
    assert [result.error for result in results] == [None, None]
    assert projects == ["some"]


async def test_a_login_that_may_not_create_projects_is_told_to_try_without(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    from tests.integration.transfer.conftest import logged_in

    robot = refuse(403, code("FORBIDDEN", "forbidden"))
    proxy.faults.append(when(lambda one: one.path == "/api/v2.0/projects", robot))
    async with make_client(proxy.host, credentials=logged_in(proxy.host)) as client:
        with LayoutDirectory.open(carried) as layout:
            (source,) = await layout.references()
            item = PushItem(source=source, target=ImageReference(proxy.host, "some/image", "1"))
            options = PushOptions(create_projects=True)
            (result,) = await push(client, layout, [item], options=options)
    assert isinstance(result.error, LoginError)
    assert "the project 'some' cannot be created" in str(result.error)
    assert "leave out --create-project" in str(result.error)


async def test_one_repository_that_is_refused_stops_no_other(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    refused = when(lambda one: "/bad/name/" in one.path, refuse(403, code("DENIED", "not yours")))
    proxy.faults.append(refused)
    async with make_client(proxy.host) as client:
        with LayoutDirectory.open(carried) as layout:
            (source,) = await layout.references()
            items = [
                PushItem(source=source, target=ImageReference(proxy.host, name, "1"))
                for name in ("good/one", "bad/name", "good/two")
            ]
            results = await push(client, layout, items)
    assert [one.status for one in results] == [
        ImageStatus.COPIED,
        ImageStatus.FAILED,
        ImageStatus.COPIED,
    ]
    assert isinstance(results[1].error, LoginError)


async def test_a_registry_that_keeps_another_manifest_is_found_out(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    async def convert(exchange: Exchange) -> web.Response | None:
        if exchange.method == "PUT" and "/manifests/" in exchange.path:
            digest = {"Docker-Content-Digest": "sha256:" + "1" * 64}
            return web.Response(status=201, headers=digest)
        return None

    proxy.faults.append(convert)
    async with make_client(proxy.host) as client:
        result = await push_one(client, carried, proxy.host)
    assert isinstance(result.error, IntegrityError)
    assert "1" * 64 in str(result.error)
    assert str(sample().digest) in str(result.error)


async def test_a_damaged_blob_is_found_before_anything_of_it_is_sent(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    with LayoutDirectory.open(carried) as layout:
        for blob in sample().blobs:
            path = carried / "blobs" / "sha256" / blob[7:]
            content = bytearray(path.read_bytes())
            content[-1] ^= 1
            path.write_bytes(content)
        assert await layout.references()
    async with make_client(proxy.host) as client:
        result = await push_one(client, carried, proxy.host)
    assert isinstance(result.error, IntegrityError)
    assert "damaged" in str(result.error)
    assert proxy.uploaded == 0
    assert proxy.count("POST") == 0


async def test_other_bytes_on_the_way_of_a_copy_are_never_kept(
    public: RegistryServer, private: RegistryServer
) -> None:
    # Larger than what is read before it is sent.
    vast = layer("vast", 6_000_000)
    await put(public, image([vast, layer("small")]))
    public.damage(vast.digest)
    item = PushItem(
        source=f"{public.host}/some/image:1", target=ImageReference(private.host, "x/y", "1")
    )
    async with make_client(public.host, private.host) as client:
        (result,) = await copy(client, [item])
    assert isinstance(result.error, IntegrityError)
    assert vast.digest not in private.stored_blobs()


async def test_a_copy_in_chunks_fetches_a_blob_once(
    public: RegistryServer, public_proxy: FaultProxy, private: RegistryServer
) -> None:
    vast = layer("vast", 20_000_000)
    await put(public, image([vast]))

    async def without_ranges(exchange: Exchange) -> None:
        assert not exchange.request.headers.get("Range"), "each chunk was fetched on its own"

    public_proxy.faults.append(without_ranges)
    item = PushItem(
        source=f"{public_proxy.host}/some/image:1", target=ImageReference(private.host, "x/y", "1")
    )
    policy = replace(QUICK, limits=replace(QUICK.limits, chunk_bytes=1 << 20))
    async with make_client(public_proxy.host, private.host, policy=policy) as client:
        (result,) = await copy(client, [item])
    assert (result.error, result.status) == (None, ImageStatus.COPIED)
    assert public_proxy.downloaded == sum(map(len, image([vast]).blobs.values()))


async def test_a_copy_of_other_bytes_never_ends_where_no_chunks_are_taken(
    public: RegistryServer, private: RegistryServer, proxy: FaultProxy
) -> None:
    """A registry that takes whole blobs only, and would take anything."""
    vast = layer("vast", 6_000_000)
    await put(public, image([vast]))
    public.damage(vast.digest)
    bodies: list[int] = []

    async def credulous(exchange: Exchange) -> web.Response | None:
        if exchange.method == "PATCH":
            await exchange.request.read()
            return web.Response(status=405)
        if exchange.method == "PUT" and exchange.is_data:
            bodies.append(len(await exchange.request.read()))
            return web.Response(status=201)
        return None

    proxy.faults.append(credulous)
    item = PushItem(
        source=f"{public.host}/some/image:1", target=ImageReference(proxy.host, "x/y", "1")
    )
    async with make_client(public.host, proxy.host) as client:
        (result,) = await copy(client, [item])
    assert isinstance(result.error, IntegrityError)
    assert len(vast.blob) not in bodies


async def test_a_layer_that_its_manifest_says_to_get_elsewhere_is_left_out(
    storage: Path, tmp_path: Path
) -> None:
    """As the base layers of Windows in the indexes of Docker Hub, which no registry has."""
    config = {"validation": {"disabled": True}}  # the stock one refuses manifests with URLs
    servers = [RegistryServer(storage / name, dict(config)) for name in ("lenient", "other")]
    one = image([layer("mine"), layer("theirs")], media_type=DOCKER_MANIFEST)
    document = json.loads(one.content)
    foreign = document["layers"][1]
    foreign["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    foreign["urls"] = ["https://elsewhere.example.com/layer"]
    one = Sample(DOCKER_MANIFEST, json.dumps(document).encode(), dict(one.blobs))
    del one.blobs[foreign["digest"]]
    try:
        for server in servers:
            server.start()
        public, private = servers
        await put(public, one)
        reference = ImageReference(public.host, "some/image", "1")
        target = ImageReference(private.host, "some/image", "1")
        async with make_client(public.host, private.host) as client:
            with ArchiveWriter.create(tmp_path / "i.tar") as writer:
                (pulled,) = await pull(client, [reference], writer)
                assert (pulled.error, pulled.digest) == (None, one.digest)
                await writer.finish()
            item = PushItem(source=str(reference), target=target)
            with Archive.open(tmp_path / "i.tar") as archive:
                (pushed,) = await push(client, archive, [item])
            copied = PushItem(source=str(reference), target=replace(target, repository="a/b"))
            (other,) = await copy(client, [copied])
            (verified,) = await verify(client, [Expected(target=target, digest=one.digest)])
        assert [result.error for result in (pushed, other, verified)] == [None] * 3
        assert private.stored_blobs() == one.digests
    finally:
        for server in servers:
            server.stop()


async def test_a_blob_that_a_registry_has_in_another_size_is_lost(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    async def cut_blob(exchange: Exchange) -> web.Response | None:
        large = layer("large", LARGE).digest in exchange.path
        short = {"Content-Length": "5"}
        return web.Response(headers=short) if exchange.method == "HEAD" and large else None

    proxy.faults.append(cut_blob)
    async with make_client(proxy.host) as client:
        pushed = await push_one(client, carried, proxy.host)
        target = ImageReference(proxy.host, "some/image", "1")
        (verified,) = await verify(client, [Expected(target=target)])
    assert pushed.status is ImageStatus.COPIED
    assert private.stored_blobs() == sample().digests, "the blob was taken to be there"
    assert "has lost 1 of its 3 blobs" in str(verified.error)


async def test_verify_tells_blobs_that_are_lost_and_recheck_mends_them(
    private: RegistryServer, carried: Path
) -> None:
    target = ImageReference(private.host, "some/image", "1")
    lost = layer("small", 3_000).digest
    async with make_client(private.host) as client:
        await push_one(client, carried, private.host)
        private.lose(lost, "some/image")
        (result,) = await verify(client, [Expected(target=target)])
        assert result.status is ImageStatus.FAILED
        assert lost in str(result.error)
        assert "--recheck" in str(result.error)
        with LayoutDirectory.open(carried) as layout:
            (source,) = await layout.references()
            items = [PushItem(source=source, target=target)]
            (mended,) = await push(client, layout, items, options=PushOptions(recheck=True))
        assert mended.status is ImageStatus.COPIED
        (again,) = await verify(client, [Expected(target=target)])
        assert again.status is ImageStatus.PRESENT


# Being away


async def test_registries_that_go_away_for_twenty_seconds_are_waited_for(
    private: RegistryServer, public_proxy: FaultProxy, proxy: FaultProxy, carried: Path
) -> None:
    gone: dict[FaultProxy, asyncio.Future[None]] = {}
    pulled_to = carried.with_name("pulled")

    async def away(server: FaultProxy) -> None:
        await server.down()
        await asyncio.sleep(20)
        await server.up()

    async def leave_while_giving(exchange: Exchange) -> None:
        if is_large_get(exchange) and public_proxy not in gone:
            exchange.cut_answer_at = LARGE // 2
            gone[public_proxy] = asyncio.ensure_future(away(public_proxy))

    async def leave_while_taking(exchange: Exchange) -> None:
        if exchange.method == "PATCH" and proxy.count("PATCH") > 5 and proxy not in gone:
            gone[proxy] = asyncio.ensure_future(away(proxy))

    public_proxy.faults.append(leave_while_giving)
    proxy.faults.append(leave_while_taking)
    policy = Policy(limits=QUICK.limits, timeouts=QUICK.timeouts)
    started = time.monotonic()
    async with make_client(public_proxy.host, proxy.host, policy=policy) as client:
        pulled, pushed = await asyncio.gather(
            pull_one(client, public_proxy.host, pulled_to),
            push_one(client, carried, proxy.host),
        )
    assert time.monotonic() - started > 20
    await asyncio.gather(*gone.values())
    assert len(gone) == 2
    assert pulled.status is pushed.status is ImageStatus.COPIED
    assert private.stored_blobs() == sample().digests
    with LayoutDirectory.open(pulled_to) as layout:
        for descriptor in (await layout.references()).values():
            assert descriptor.digest == pulled.digest
    assert public_proxy.downloaded < pulled.bytes_sent + CHUNK
    assert proxy.uploaded <= sum(map(len, sample().blobs.values())) + CHUNK


def test_the_usual_retries_last_longer_than_twenty_seconds() -> None:
    retries = Retries()
    for _ in range(100):
        waited = sum(retries.delay_s(attempt) for attempt in range(1, retries.attempts))
        assert waited > 22


async def test_a_registry_that_is_gone_is_not_waited_for_by_each_image(
    private: RegistryServer, carried: Path
) -> None:
    policy = Policy(
        limits=QUICK.limits,
        timeouts=QUICK.timeouts,
        retries=Retries(attempts=4, first_delay_s=0.3),
    )
    started = time.monotonic()
    async with make_client("localhost:9", policy=policy) as client:
        with LayoutDirectory.open(carried) as layout:
            (source,) = await layout.references()
            items = [
                PushItem(source=source, target=ImageReference("localhost:9", f"i/{n}", "1"))
                for n in range(40)
            ]
            results = await push(client, layout, items)
    assert time.monotonic() - started < 5
    assert all(isinstance(result.error, ConnectionFailedError) for result in results)
    assert "could not be reached" in str(results[0].error)


async def test_a_host_that_is_no_registry_is_told_as_such(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    proxy.faults.append(when(lambda _one: True, refuse(404, "<html>nothing here</html>")))
    async with make_client(proxy.host) as client:
        result = await push_one(client, carried, proxy.host)
    assert type(result.error) is TransferError
    assert "is not a registry" in str(result.error)


async def test_a_host_that_nobody_knows_is_not_waited_for(carried: Path) -> None:
    started = time.monotonic()
    async with make_client(policy=Policy()) as client:
        result = await push_one(client, carried, "no-such-host.invalid:5000")
    assert time.monotonic() - started < 8
    assert isinstance(result.error, ConnectionFailedError)
    assert "cannot be found" in str(result.error)
