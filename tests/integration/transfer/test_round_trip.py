"""Images from one real registry into a layout, and on into others: every digest is kept."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from ckf_airgap.images.reference import ImageReference, Registry, retag
from ckf_airgap.transfer.events import ImageResult, ImageStatus, TransferEvent
from ckf_airgap.transfer.oci import MANIFEST_TYPES, Digest
from ckf_airgap.transfer.pull import pull
from ckf_airgap.transfer.push import PushItem, copy, push
from ckf_airgap.transfer.registry.remote import RegistryClient
from ckf_airgap.transfer.stores.layout import LayoutDirectory
from ckf_airgap.transfer.verify import Expected, verify
from tests.integration.transfer.conftest import logged_in, make_client
from tests.integration.transfer.samples import Published, publish_set
from tests.integration.transfer.servers import RegistryServer, TokenServer


def items(images: list[Published], host: str) -> list[PushItem]:
    """Return where images go in a private registry, as retagging says."""
    registry = Registry.parse(f"{host}/kubeflow")
    return [PushItem(source=str(one), target=retag(one.reference, registry)) for one in images]


def assert_done(results: list[ImageResult], images: list[Published], status: ImageStatus) -> None:
    assert [result.error for result in results] == [None] * len(images)
    assert [result.digest for result in results] == [one.sample.digest for one in images]
    assert {result.status for result in results} == {status}


async def carry(client: RegistryClient, images: list[Published], path: Path) -> LayoutDirectory:
    """Pull images into a layout."""
    layout = LayoutDirectory.create(path)
    results = await pull(client, [one.reference for one in images], layout)
    assert_done(results, images, ImageStatus.COPIED)
    return layout


async def test_all_kinds_of_images_keep_their_digests_through_a_layout(
    public: RegistryServer, private: RegistryServer, tmp_path: Path
) -> None:
    images = await publish_set(public.host)
    async with make_client(public.host, private.host) as client:
        with await carry(client, images, tmp_path / "layout") as layout:
            results = await push(client, layout, items(images, private.host))
            assert_done(results, images, ImageStatus.COPIED)
            expected = [
                Expected(target=item.target, digest=one.sample.digest)
                for item, one in zip(items(images, private.host), images, strict=True)
            ]
            assert_done(await verify(client, expected), images, ImageStatus.PRESENT)
    # With a client that is not ours, by tag and by digest: the very bytes.
    async with aiohttp.ClientSession(headers={"Accept": ", ".join(MANIFEST_TYPES)}) as http:
        for item, one in zip(items(images, private.host), images, strict=True):
            base = f"http://{private.host}/v2/{item.target.repository}/manifests"
            for name in (item.target.tag, one.sample.digest):
                async with http.get(f"{base}/{name}") as answer:
                    assert await answer.read() == one.sample.content
                    assert answer.headers["Content-Type"] == one.sample.media_type
    digests = set().union(*(one.sample.digests for one in images))
    assert private.stored_blobs() == digests
    assert {one.reference.hexadecimal for one in images if one.reference.digest} <= {
        item.target.tag for item in items(images, private.host)
    }


async def test_a_second_run_moves_nothing(
    public: RegistryServer, private: RegistryServer, tmp_path: Path
) -> None:
    images = await publish_set(public.host)
    async with make_client(public.host, private.host) as client:
        with await carry(client, images, tmp_path / "layout") as layout:
            await push(client, layout, items(images, private.host))
            again = await pull(client, [one.reference for one in images], layout)
            assert_done(again, images, ImageStatus.PRESENT)
            results = await push(client, layout, items(images, private.host))
            assert_done(results, images, ImageStatus.PRESENT)
            assert sum(result.bytes_sent for result in (*again, *results)) == 0


async def test_each_blob_is_moved_once_whoever_shares_it(
    public: RegistryServer, private: RegistryServer, tmp_path: Path
) -> None:
    images = await publish_set(public.host)
    unique = {digest: blob for one in images for digest, blob in one.sample.blobs.items()}
    total = sum(map(len, unique.values()))
    async with make_client(public.host, private.host) as client:
        with LayoutDirectory.create(tmp_path / "layout") as layout:
            pulled = await pull(client, [one.reference for one in images], layout)
            assert sum(result.bytes_sent for result in pulled) == total
            pushed = await push(client, layout, items(images, private.host))
            assert sum(result.bytes_sent for result in pushed) == total


async def test_copying_between_registries_needs_no_store(
    public: RegistryServer, private: RegistryServer
) -> None:
    images = await publish_set(public.host)
    async with make_client(public.host, private.host) as client:
        results = await copy(client, items(images, private.host))
        assert_done(results, images, ImageStatus.COPIED)
        again = await copy(client, items(images, private.host))
        assert_done(again, images, ImageStatus.PRESENT)
    assert private.stored_blobs() == set().union(*(one.sample.digests for one in images))


async def test_a_registry_with_tls_of_an_own_ca_and_basic_auth(
    public: RegistryServer, secured: RegistryServer, ca_file: Path, tmp_path: Path
) -> None:
    images = await publish_set(public.host)
    async with make_client(
        public.host, ca_file=ca_file, credentials=logged_in(secured.host)
    ) as client:
        with await carry(client, images, tmp_path / "layout") as layout:
            results = await push(client, layout, items(images, secured.host))
            assert_done(results, images, ImageStatus.COPIED)
    assert secured.stored_blobs() == set().union(*(one.sample.digests for one in images))


async def test_a_registry_behind_a_token_server(
    public: RegistryServer, token_registry: RegistryServer, tokens: TokenServer, tmp_path: Path
) -> None:
    images = await publish_set(public.host)
    host = token_registry.host
    plain = (host, tokens.host)
    async with make_client(public.host, *plain, credentials=logged_in(host)) as client:
        with await carry(client, images, tmp_path / "layout") as layout:
            results = await push(client, layout, items(images, host))
            assert_done(results, images, ImageStatus.COPIED)
    targets = [item.target for item in items(images, host)]
    async with make_client(*plain) as anonymous:
        with LayoutDirectory.create(tmp_path / "back") as back:
            pulled = await pull(anonymous, targets, back)
            assert [result.digest for result in pulled] == [one.sample.digest for one in images]
    assert any(len(scopes) == 2 for scopes in tokens.requests), "no token was asked for a mount"


async def test_a_tag_that_moved_upstream_is_fetched_again(
    public: RegistryServer, tmp_path: Path
) -> None:
    from tests.integration.transfer.samples import image, layer, publish

    reference = ImageReference(public.host, "moving/tag", "latest")
    first, second = image([layer("first")]), image([layer("second")])
    async with make_client(public.host) as client:
        with LayoutDirectory.create(tmp_path / "layout") as layout:
            for sample in (first, second):
                await publish(f"http://{public.host}", "moving/tag", "latest", sample)
                (result,) = await pull(client, [reference], layout)
                assert (result.digest, result.status) == (sample.digest, ImageStatus.COPIED)
                named = await layout.references()
                assert named[str(reference)].digest == sample.digest


async def test_progress_adds_up_to_what_was_planned(
    public: RegistryServer, private: RegistryServer, tmp_path: Path
) -> None:
    from ckf_airgap.transfer.events import BlobDone, BlobsPlanned, BlobWay, BytesMoved

    images = await publish_set(public.host)
    async with make_client(public.host, private.host) as client:
        for run in ("pull", "push"):
            events: list[TransferEvent] = []
            with LayoutDirectory.create(tmp_path / "layout") as layout:
                if run == "pull":
                    await pull(
                        client, [one.reference for one in images], layout, listener=events.append
                    )
                else:
                    await push(client, layout, items(images, private.host), listener=events.append)
            planned = [event for event in events if isinstance(event, BlobsPlanned)]
            done = [event for event in events if isinstance(event, BlobDone)]
            moved = sum(event.count for event in events if isinstance(event, BytesMoved))
            assert sum(event.count for event in planned) == len(done)
            assert sum(event.size for event in planned) == moved
            assert {event.way for event in done} == {BlobWay.COPIED}


@pytest.mark.parametrize("digest", ["sha256:" + "0" * 64])
async def test_verify_tells_another_digest(
    public: RegistryServer, private: RegistryServer, digest: str
) -> None:
    images = await publish_set(public.host)
    async with make_client(public.host) as client:
        (result,) = await verify(
            client,
            [Expected(target=images[0].reference, digest=Digest.parse(digest))],
        )
    assert result.status is ImageStatus.FAILED
    assert f"{images[0].sample.digest} instead of {digest}" in str(result.error)
