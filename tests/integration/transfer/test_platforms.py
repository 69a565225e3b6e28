"""Some platforms of an index: what is carried, and which digest it has in the registry."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from ckf_airgap.errors import AbsentError
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.transfer.events import ImageResult, ImageStatus
from ckf_airgap.transfer.oci import DOCKER_LIST, OCI_INDEX, Digest, Platform, parse_manifest
from ckf_airgap.transfer.pull import pull
from ckf_airgap.transfer.push import PushItem, copy, push
from ckf_airgap.transfer.stores.layout import LayoutDirectory
from ckf_airgap.transfer.verify import Expected, verify
from tests.integration.transfer.conftest import make_client
from tests.integration.transfer.faults import Exchange, FaultProxy
from tests.integration.transfer.samples import Sample, image, index, layer, publish
from tests.integration.transfer.servers import RegistryServer

AMD64 = Platform.parse("linux/amd64")
ARM64 = Platform.parse("linux/arm64")
S390X = Platform.parse("linux/s390x")


def child(architecture: str) -> Sample:
    return image([layer("shared"), layer(architecture)], architecture=architecture)


CHILDREN = {name: child(name) for name in ("amd64", "arm64", "s390x")}


def three(media_type: str = OCI_INDEX) -> Sample:
    return index([(one, name) for name, one in CHILDREN.items()], media_type=media_type)


async def carry(
    public: RegistryServer, path: Path, *platforms: Platform, sample: Sample | None = None
) -> ImageResult:
    """Pull an index for some platforms into a layout."""
    await publish(f"http://{public.host}", "some/image", "1", sample or three())
    async with make_client(public.host) as client:
        with LayoutDirectory.create(path) as layout:
            references = [ImageReference(public.host, "some/image", "1")]
            (result,) = await pull(client, references, layout, platforms=platforms)
    return result


async def push_to(host: str, path: Path) -> ImageResult:
    async with make_client(host) as client:
        with LayoutDirectory.open(path) as layout:
            (source,) = await layout.references()
            item = PushItem(source=source, target=ImageReference(host, "some/image", "1"))
            (result,) = await push(client, layout, [item])
    return result


async def test_an_index_keeps_its_digest_when_one_platform_is_carried(
    public: RegistryServer, tmp_path: Path
) -> None:
    result = await carry(public, tmp_path / "layout", AMD64)
    assert (result.status, result.digest) == (ImageStatus.COPIED, three().digest)
    (note,) = result.notes
    assert "carried without linux/arm64, linux/s390x" in note
    with LayoutDirectory.open(tmp_path / "layout") as layout:
        assert await layout.has(parse_manifest(three().content).descriptor)
        assert await layout.has(parse_manifest(CHILDREN["amd64"].content).descriptor)
        assert not await layout.has(parse_manifest(CHILDREN["arm64"].content).descriptor)
        assert not layout.blob_path(Digest.parse(layer("arm64").digest)).exists()


async def test_more_platforms_are_added_by_a_later_run(
    public: RegistryServer, private: RegistryServer, tmp_path: Path
) -> None:
    await carry(public, tmp_path / "layout", AMD64)
    result = await carry(public, tmp_path / "layout")
    assert result.notes == ()
    pushed = await push_to(private.host, tmp_path / "layout")
    assert (pushed.status, pushed.digest, pushed.notes) == (ImageStatus.COPIED, three().digest, ())
    assert private.stored_blobs() == three().digests


async def test_a_registry_that_takes_a_sparse_index_gets_it_with_its_digest(
    public: RegistryServer, private: RegistryServer, proxy: FaultProxy, tmp_path: Path
) -> None:
    """As registries with a pull-through cache do; distribution 2.8 wants all children."""
    await carry(public, tmp_path / "layout", AMD64)
    taken: list[bytes] = []

    async def take(exchange: Exchange) -> web.Response | None:
        if exchange.method == "PUT" and exchange.path.endswith("/manifests/1"):
            taken.append(await exchange.request.read())
            digest = {"Docker-Content-Digest": str(Digest.of(taken[0]))}
            return web.Response(status=201, headers=digest)
        return None

    proxy.faults.append(take)
    result = await push_to(proxy.host, tmp_path / "layout")
    assert (result.status, result.digest, result.notes) == (ImageStatus.COPIED, three().digest, ())
    assert taken == [three().content]


async def test_an_index_that_is_there_without_a_child_gets_the_child(
    public: RegistryServer, private: RegistryServer, tmp_path: Path
) -> None:
    """As after a push of some platforms, which a later one of all adds to."""
    await carry(public, tmp_path / "layout")
    await push_to(private.host, tmp_path / "layout")
    gone = f"http://{private.host}/v2/some/image/manifests/{CHILDREN['arm64'].digest}"
    async with aiohttp.ClientSession() as http, http.delete(gone) as answer:
        assert answer.status == 202
    result = await push_to(private.host, tmp_path / "layout")
    assert (result.status, result.digest) == (ImageStatus.COPIED, three().digest)
    async with make_client(private.host) as client:
        target = ImageReference(private.host, "some/image", "1")
        (verified,) = await verify(client, [Expected(target=target, digest=three().digest)])
    assert verified.status is ImageStatus.PRESENT


async def test_a_registry_that_wants_all_children_gets_the_one_image_and_a_note_says_so(
    public: RegistryServer, private: RegistryServer, tmp_path: Path
) -> None:
    await carry(public, tmp_path / "layout", ARM64)
    result = await push_to(private.host, tmp_path / "layout")
    assert (result.status, result.digest) == (ImageStatus.COPIED, CHILDREN["arm64"].digest)
    (note,) = result.notes
    assert f"digest {CHILDREN['arm64'].digest} instead of {three().digest}" in note
    again = await push_to(private.host, tmp_path / "layout")
    assert (again.status, again.digest) == (ImageStatus.PRESENT, CHILDREN["arm64"].digest)
    assert again.bytes_sent == 0


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
async def test_of_several_platforms_an_index_of_what_is_carried_is_made(
    public: RegistryServer, private: RegistryServer, tmp_path: Path, media_type: str
) -> None:
    await carry(public, tmp_path / "layout", AMD64, ARM64, sample=three(media_type))
    result = await push_to(private.host, tmp_path / "layout")
    assert result.error is None
    assert result.digest != three(media_type).digest
    async with make_client(private.host) as client:
        registry = await client.registry(private.host)
        made = await registry.manifest("some/image", "1")
        assert (made.digest, made.media_type) == (result.digest, media_type)
        assert [one.digest for one in made.children] == [
            CHILDREN["amd64"].digest,
            CHILDREN["arm64"].digest,
        ]
        assert [str(one.platform) for one in made.children] == ["linux/amd64", "linux/arm64"]
        target = ImageReference(private.host, "some/image", "1")
        (verified,) = await verify(client, [Expected(target=target, digest=result.digest)])
        assert verified.status is ImageStatus.PRESENT


async def test_a_nested_index_is_carried_for_one_platform(
    public: RegistryServer, private: RegistryServer, tmp_path: Path
) -> None:
    nested = index([(three(), None), (CHILDREN["s390x"], "s390x")])
    await carry(public, tmp_path / "layout", AMD64, sample=nested)
    result = await push_to(private.host, tmp_path / "layout")
    assert result.error is None
    assert result.digest == CHILDREN["amd64"].digest


async def test_copying_takes_some_platforms_too(
    public: RegistryServer, private: RegistryServer
) -> None:
    await publish(f"http://{public.host}", "some/image", "1", three())
    item = PushItem(
        source=f"{public.host}/some/image:1", target=ImageReference(private.host, "x/y", "1")
    )
    async with make_client(public.host, private.host) as client:
        (result,) = await copy(client, [item], platforms=[S390X])
    assert result.digest == CHILDREN["s390x"].digest
    assert result.notes


async def test_a_platform_that_an_index_has_not_is_an_error_that_names_what_it_has(
    public: RegistryServer, tmp_path: Path
) -> None:
    result = await carry(public, tmp_path / "layout", Platform.parse("linux/riscv64"))
    assert isinstance(result.error, AbsentError)
    assert "nothing for linux/riscv64, only: linux/amd64, linux/arm64, linux/s390x" in str(
        result.error
    )


async def test_a_layout_that_lost_a_child_is_not_pushed_as_if_that_was_meant(
    public: RegistryServer, private: RegistryServer, tmp_path: Path
) -> None:
    await carry(public, tmp_path / "layout")
    with LayoutDirectory.open(tmp_path / "layout") as layout:
        layout.blob_path(CHILDREN["arm64"].digest).unlink()
    result = await push_to(private.host, tmp_path / "layout")
    assert isinstance(result.error, AbsentError)
    assert str(CHILDREN["arm64"].digest) in str(result.error)
