"""Files from the store: whole, checked, each once, whatever happens on the way."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiohttp import web

from ckf_airgap.charmhub.channel import Channel
from ckf_airgap.charmhub.download import FetchedCharm, fetch_charms
from ckf_airgap.charmhub.refresh import WantedCharm
from ckf_airgap.charmhub.store import CharmStore, StoreOptions
from ckf_airgap.concurrency import timeout
from ckf_airgap.errors import IntegrityError, TransferError
from tests.integration.charmhub.store import CharmStoreServer, Offer, busy

SIZE = 700_000
CONTENT = random.Random(1).randbytes(SIZE)  # noqa: S311 - the same each time


def wanted(*names: str) -> list[WantedCharm]:
    return [WantedCharm(name=name, channel=Channel.parse("stable")) for name in names]


async def fetch(
    options: StoreOptions, directory: Path, charms: Sequence[WantedCharm], **rest: dict[str, str]
) -> list[FetchedCharm]:
    async with CharmStore(options) as store:
        return await fetch_charms(store, charms, directory, expected=rest.get("expected"))


async def _has_begun(part: Path) -> None:
    """Wait until there are bytes in a file."""

    def begun() -> bool:
        return part.exists() and part.stat().st_size > 0

    async with timeout(20):
        while not begun():  # noqa: ASYNC110 - another task writes the file and tells nobody
            await asyncio.sleep(0.01)


@pytest.fixture
def cat(server: CharmStoreServer) -> Offer:
    offer = Offer("cat", 4, CONTENT, base="24.04")
    server.offer(offer)
    return offer


async def test_charms_arrive_under_the_names_that_juju_download_gives_them(
    server: CharmStoreServer, options: StoreOptions, tmp_path: Path, cat: Offer
) -> None:
    server.offer(Offer("dog", 8, b"dog", base="20.04"))

    found = await fetch(options, tmp_path / "charms", wanted("cat", "dog", "cat"))

    assert {path.name: path.read_bytes() for path in (tmp_path / "charms").iterdir()} == {
        "cat_r4.charm": CONTENT,
        "dog_r8.charm": b"dog",
    }
    assert found[0].sha384 == hashlib.sha384(CONTENT).hexdigest()
    assert [one.received for one in found] == [SIZE, 3]
    assert server.times_sent() == {"cat_4.charm": 1, "dog_8.charm": 1}


async def test_what_is_there_and_intact_is_not_fetched_again(
    server: CharmStoreServer, options: StoreOptions, tmp_path: Path, cat: Offer
) -> None:
    await fetch(options, tmp_path, wanted("cat"))

    (again,) = await fetch(options, tmp_path, wanted("cat"))

    assert again.was_there
    assert len(server.downloads) == 1


async def test_a_file_that_was_altered_is_fetched_again(
    server: CharmStoreServer, options: StoreOptions, tmp_path: Path, cat: Offer
) -> None:
    (first,) = await fetch(options, tmp_path, wanted("cat"))
    altered = bytearray(CONTENT)
    altered[SIZE // 2] ^= 1
    first.path.write_bytes(altered)

    (again,) = await fetch(options, tmp_path, wanted("cat"))

    assert not again.was_there
    assert first.path.read_bytes() == CONTENT


async def test_a_cut_download_continues_where_it_was_cut(
    server: CharmStoreServer, options: StoreOptions, tmp_path: Path, cat: Offer
) -> None:
    server.cuts = [200_000, 300_000]

    (found,) = await fetch(options, tmp_path, wanted("cat"))

    assert found.path.read_bytes() == CONTENT
    starts = [one.start for one in server.downloads]
    assert starts[0] == 0
    assert 0 < starts[1] <= 200_000
    assert starts[1] < starts[2] <= 500_000
    assert server.times_sent() == {"cat_4.charm": 1}


async def test_the_next_run_continues_what_an_earlier_one_left(
    server: CharmStoreServer, options: StoreOptions, tmp_path: Path, cat: Offer
) -> None:
    (tmp_path / "cat_r4.charm.part").write_bytes(CONTENT[:123_456])

    (found,) = await fetch(options, tmp_path, wanted("cat"))

    assert found.path.read_bytes() == CONTENT
    assert (found.resumed, found.received) == (123_456, SIZE - 123_456)
    assert not list(tmp_path.glob("*.part"))


async def test_wrong_bytes_of_an_earlier_run_are_thrown_away(
    server: CharmStoreServer, options: StoreOptions, tmp_path: Path, cat: Offer
) -> None:
    (tmp_path / "cat_r4.charm.part").write_bytes(bytes(100_000))

    (found,) = await fetch(options, tmp_path, wanted("cat"))

    assert found.path.read_bytes() == CONTENT
    assert [one.start for one in server.downloads] == [100_000, 0]


async def test_more_bytes_than_there_should_be_are_thrown_away(
    server: CharmStoreServer, options: StoreOptions, tmp_path: Path, cat: Offer
) -> None:
    (tmp_path / "cat_r4.charm.part").write_bytes(bytes(SIZE + 1))

    (found,) = await fetch(options, tmp_path, wanted("cat"))

    assert found.path.read_bytes() == CONTENT


async def test_a_server_without_ranges_sends_all_again(
    server: CharmStoreServer, options: StoreOptions, tmp_path: Path, cat: Offer
) -> None:
    server.ranges = False
    server.cuts = [200_000]

    (found,) = await fetch(options, tmp_path, wanted("cat"))

    assert found.path.read_bytes() == CONTENT
    assert [one.status for one in server.downloads] == [200, 200]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_file_server_is_asked_again(
    server: CharmStoreServer, options: StoreOptions, tmp_path: Path, cat: Offer, status: int
) -> None:
    server.fail_next(1, lambda _request: None, busy(status, "0"), busy(status))

    (found,) = await fetch(options, tmp_path, wanted("cat"))

    assert found.path.read_bytes() == CONTENT


async def test_a_download_that_is_cut_again_and_again_without_progress_is_given_up(
    server: CharmStoreServer, options: StoreOptions, tmp_path: Path, cat: Offer
) -> None:
    server.cuts = [1000] * 20

    with pytest.raises(TransferError, match="after 4 attempts"):
        await fetch(options, tmp_path, wanted("cat"))

    assert len(server.downloads) == 4


async def test_an_address_that_has_expired_is_asked_for_again(
    server: CharmStoreServer, options: StoreOptions, tmp_path: Path, cat: Offer
) -> None:
    def expire(_request: web.Request) -> None:
        server.generation += 1

    server.fail_next(1, lambda _request: None, expire)

    (found,) = await fetch(options, tmp_path, wanted("cat"))

    assert found.path.read_bytes() == CONTENT
    assert len(server.questions) == 2


async def test_a_redirect_to_the_file_is_followed(
    server: CharmStoreServer, options: StoreOptions, tmp_path: Path, cat: Offer
) -> None:
    server.redirect = True

    (found,) = await fetch(options, tmp_path, wanted("cat"))

    assert found.path.read_bytes() == CONTENT


@pytest.mark.parametrize("target", ["http://localhost/x", "file:///etc/passwd"])
async def test_a_redirect_away_from_tls_is_refused(
    server: CharmStoreServer, options: StoreOptions, tmp_path: Path, cat: Offer, target: str
) -> None:
    server.fail_next(
        1,
        lambda _request: None,
        lambda _request: web.Response(status=302, headers={"Location": target}),
    )

    with pytest.raises(TransferError, match="returned an address without TLS"):
        await fetch(options, tmp_path, wanted("cat"))


@pytest.mark.parametrize("name", ["hash-sha-256", "hash-sha-384", "hash-sha-512", "hash-sha3-384"])
async def test_any_checksum_of_the_store_is_verified(
    server: CharmStoreServer, options: StoreOptions, tmp_path: Path, cat: Offer, name: str
) -> None:
    server.hashes = (name,)
    server.fail_next(1, lambda _r: None, lambda _r: web.Response(body=bytes(SIZE)))

    with pytest.raises(IntegrityError, match="arrived with the wrong checksum"):
        await fetch(options, tmp_path, wanted("cat"))

    assert not list(tmp_path.glob("cat*")), "nothing of it is kept"


async def test_a_file_that_is_longer_than_told_is_refused(
    server: CharmStoreServer, options: StoreOptions, tmp_path: Path, cat: Offer
) -> None:
    server.fail_next(1, lambda _r: None, lambda _r: web.Response(body=bytes(SIZE + 5)))

    with pytest.raises(IntegrityError, match="longer than the 700000 bytes"):
        await fetch(options, tmp_path, wanted("cat"))


async def test_a_lock_that_names_another_file_is_refused_before_anything_is_fetched(
    server: CharmStoreServer, options: StoreOptions, tmp_path: Path, cat: Offer
) -> None:
    with pytest.raises(IntegrityError, match=r"cat_r4\.charm is not the file of the lock"):
        await fetch(options, tmp_path, wanted("cat"), expected={"cat_r4.charm": "0" * 96})

    assert not server.downloads


async def test_all_that_can_be_fetched_is_and_the_rest_is_named(
    server: CharmStoreServer, options: StoreOptions, tmp_path: Path, cat: Offer
) -> None:
    server.offer(Offer("dog", 8, b"dog", base="24.04"), Offer("cow", 1, b"cow", base="24.04"))

    def only_cat(request: web.Request) -> web.Response | None:
        return (
            None if "cat" in request.path or "refresh" in request.path else web.Response(status=418)
        )

    server.always = only_cat

    with pytest.raises(TransferError, match="2 charms could not be fetched") as caught:
        await fetch(options, tmp_path, wanted("dog", "cat", "cow"))

    assert [problem.where for problem in caught.value.problems] == ["dog_r8.charm", "cow_r1.charm"]
    assert (tmp_path / "cat_r4.charm").exists()


async def test_two_runs_do_not_write_one_file(
    server: CharmStoreServer, options: StoreOptions, tmp_path: Path, cat: Offer
) -> None:
    server.pause_s = 0.05
    first = asyncio.ensure_future(fetch(options, tmp_path, wanted("cat")))
    await _has_begun(tmp_path / "cat_r4.charm.part")

    with pytest.raises(TransferError, match="being written by another run"):
        await fetch(options, tmp_path, wanted("cat"))

    assert (await first)[0].path.read_bytes() == CONTENT


async def test_a_run_that_is_stopped_leaves_what_it_has(
    server: CharmStoreServer, options: StoreOptions, tmp_path: Path, cat: Offer
) -> None:
    server.pause_s = 0.05
    running = asyncio.ensure_future(fetch(options, tmp_path, wanted("cat")))
    part = tmp_path / "cat_r4.charm.part"
    await _has_begun(part)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    left = part.stat().st_size
    assert 0 < left < SIZE
    server.pause_s = 0

    (found,) = await fetch(options, tmp_path, wanted("cat"))

    assert found.resumed == left
    assert found.path.read_bytes() == CONTENT


async def test_a_proxy_of_the_environment_is_used(
    options: StoreOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode())
        writer.write(b"HTTP/1.1 403 Not here\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(proxy, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    through = StoreOptions(
        url="https://store.example", ca_file=options.ca_file, retries=options.retries
    )
    async with listening, CharmStore(through) as store:
        with pytest.raises(TransferError, match="the proxy answered 403"):
            await store.resolve(wanted("cat"))

    assert asked[0] == "CONNECT store.example:443 HTTP/1.1\r\n"
