"""Verifying: whether images are in a registry, whole."""

from __future__ import annotations

from ckf_airgap.errors import AbsentError, IntegrityError
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.transfer.events import ImageResult, ImageStatus
from ckf_airgap.transfer.oci import Digest, Platform
from ckf_airgap.transfer.registry.remote import RegistryClient
from ckf_airgap.transfer.verify import Expected, verify
from tests.images import image, index, layer
from tests.unit.transfer.conftest import make_client
from tests.unit.transfer.registry import Registry

BASE, SMALL = layer("base"), layer("small", 500)
PLAIN = image([BASE, SMALL])
AMD = image([BASE, layer("amd")])
ARM = image([BASE, layer("arm")], architecture="arm64")
MULTI = index([(AMD, "amd64"), (ARM, "arm64")])


async def check(
    client: RegistryClient,
    registry: Registry,
    *,
    name: str = "a/b:1",
    digest: Digest | None = None,
    platforms: str = "",
    reduced: Digest | None = None,
) -> ImageResult:
    expected = Expected(
        target=ImageReference.parse(f"{registry.host}/{name}"),
        digest=digest,
        platforms=tuple(map(Platform.parse, platforms.split())),
        reduced=reduced,
    )
    (result,) = await verify(client, [expected])
    return result


async def test_a_whole_image_is_there_and_nothing_is_downloaded(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", MULTI)
    result = await check(client, registry, digest=MULTI.digest)
    assert (result.status, result.error, result.digest) == (
        ImageStatus.PRESENT,
        None,
        MULTI.digest,
    )
    assert registry.requests("GET .*/blobs/") == []
    assert (await check(client, registry)).status is ImageStatus.PRESENT, "any digest will do"


async def test_an_image_that_is_missing_is_told_with_the_command_that_pushes_it(
    client: RegistryClient, registry: Registry
) -> None:
    result = await check(client, registry, digest=PLAIN.digest)
    assert isinstance(result.error, AbsentError)
    assert "images push" in result.error.fix


async def test_another_image_under_the_tag_is_told_with_both_digests(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", PLAIN)
    result = await check(client, registry, digest=MULTI.digest)
    assert isinstance(result.error, IntegrityError)
    assert f"has the digest {PLAIN.digest} instead of {MULTI.digest}" in result.error.message
    assert result.status is ImageStatus.FAILED


async def test_every_lost_blob_is_named_and_one_of_another_size_is_lost(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", PLAIN)
    del registry.blobs["a/b"][SMALL.digest]
    registry.blobs["a/b"][BASE.digest] += b"more"
    result = await check(client, registry, digest=PLAIN.digest)
    assert isinstance(result.error, AbsentError)
    assert "has lost 2 of its 3 blobs" in result.error.message
    assert {problem.what.partition(" ")[0] for problem in result.error.problems} == {
        BASE.digest,
        SMALL.digest,
    }
    assert "--recheck" in result.error.fix


async def test_of_some_platforms_only_these_must_be_there(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", MULTI)
    lost = next(digest for digest in ARM.blobs if digest not in AMD.blobs)
    del registry.blobs["a/b"][lost]
    assert (await check(client, registry, platforms="linux/amd64")).error is None
    assert (await check(client, registry, platforms="linux/arm64")).error is not None


async def test_the_digest_of_a_reduced_index_is_fine_and_noted(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", AMD)
    result = await check(
        client, registry, digest=MULTI.digest, reduced=AMD.digest, platforms="linux/amd64"
    )
    assert (result.error, result.digest) == (None, AMD.digest)
    assert result.notes == (
        f"for linux/amd64 it has the digest {AMD.digest} instead of {MULTI.digest}",
    )


async def test_a_blob_that_images_of_a_repository_share_is_asked_for_once(
    client: RegistryClient, registry: Registry
) -> None:
    other = image([BASE], label="other")
    registry.put("a/b", "1", PLAIN)
    registry.put("a/b", "2", other)
    targets = [ImageReference.parse(f"{registry.host}/a/b:{tag}") for tag in "12"]
    results = await verify(client, [Expected(target=target) for target in targets])
    assert [result.error for result in results] == [None, None]
    assert len(registry.requests(f"HEAD .*{BASE.digest}")) == 1


async def test_a_mirror_does_not_count(registry: Registry, mirror: Registry) -> None:
    mirror.put("a/b", "1", PLAIN)
    mirrors = {registry.host: (mirror.host,)}
    async with make_client(registry.host, mirror.host, mirrors=mirrors) as client:
        assert isinstance((await check(client, registry)).error, AbsentError)
    assert mirror.seen == []
