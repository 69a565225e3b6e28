"""What belongs to an image, and what is left of an index that is carried for some platforms."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckf_airgap.errors import AbsentError, IntegrityError
from ckf_airgap.transfer.oci import Descriptor, Manifest, Platform, parse_manifest
from ckf_airgap.transfer.tree import (
    MAX_DEPTH,
    PLATFORMS,
    ImageTree,
    carried_platforms,
    keep_manifest,
    read_tree,
    reduced,
)
from tests.images import Sample, image, index, layer
from tests.unit.transfer.memory import MemoryStore, described

BASE = layer("base")
AMD = image([BASE, layer("amd")])
ARM = image([BASE, layer("arm")], architecture="arm64")
S390 = image([BASE, layer("s390")], architecture="s390x")
MULTI = index([(AMD, "amd64"), (ARM, "arm64")])
TRIPLE = index([(AMD, "amd64"), (ARM, "arm64"), (S390, "s390x")])
NESTED = index([(MULTI, None), (S390, "s390x")])


async def tree_of(sample: Sample, *platforms: str) -> ImageTree:
    store = MemoryStore()
    store.put("a", sample)
    top = await store.manifest(sample.digest)
    return await read_tree(store, top, map(Platform.parse, platforms))


def digests(manifests: tuple[Manifest, ...]) -> list[str]:
    return [str(manifest.digest) for manifest in manifests]


async def test_children_come_before_their_index_and_each_part_is_there_once() -> None:
    tree = await tree_of(index([(MULTI, None), (AMD, "amd64"), (ARM, "arm64")]))
    assert digests(tree.manifests)[:3] == [str(one.digest) for one in (AMD, ARM, MULTI)]
    assert tree.manifests[-1] == tree.top
    assert len(tree.manifests) == 4
    assert {str(blob.digest) for blob in tree.blobs} == {*AMD.blobs, *ARM.blobs}
    assert len(tree.blobs) == len({*AMD.blobs, *ARM.blobs})
    assert (tree.omitted, tree.notes, tree.descriptor.annotations) == ((), (), {})


async def test_a_platform_is_taken_at_every_depth_and_the_rest_is_noted() -> None:
    tree = await tree_of(NESTED, "linux/arm64", "linux/s390x")
    assert set(digests(tree.manifests)) == {str(one.digest) for one in (ARM, MULTI, S390, NESTED)}
    assert [str(child.platform) for child in tree.omitted] == ["linux/amd64"]
    assert tree.notes == (
        f"carried without linux/amd64; the index keeps its digest {NESTED.digest}",
    )
    assert tree.descriptor.annotations == {PLATFORMS: "linux/arm64,linux/s390x"}
    assert carried_platforms(tree.descriptor) == tree.platforms


@given(st.lists(st.sampled_from(["linux/amd64", "linux/arm/v7", "windows/amd64"]), unique=True))
def test_the_platforms_of_a_descriptor_are_those_that_were_written(names: list[str]) -> None:
    descriptor = described(AMD, **{PLATFORMS: ",".join(names)} if names else {})
    assert [str(one) for one in carried_platforms(descriptor)] == names


async def test_an_image_of_one_platform_is_taken_whatever_platforms_are_asked_for() -> None:
    tree = await tree_of(AMD, "linux/s390x")
    assert digests(tree.manifests) == [str(AMD.digest)]
    assert tree.notes == ()


async def test_an_index_without_children_is_one() -> None:
    assert len((await tree_of(index([]), "linux/amd64")).manifests) == 1


async def test_what_cannot_be_an_image_is_refused() -> None:
    with pytest.raises(AbsentError, match="nothing for linux/riscv64, only: linux/amd64, linux"):
        await tree_of(MULTI, "linux/riscv64")
    deep = AMD
    for _ in range(MAX_DEPTH - 1):
        deep = index([(deep, None)])
    assert len((await tree_of(deep)).manifests) == MAX_DEPTH
    with pytest.raises(IntegrityError, match="unreasonably deep or large"):
        await tree_of(index([(deep, None)]))
    document = json.loads(MULTI.content)
    document["manifests"][0]["mediaType"] = "application/vnd.example.thing"
    strange = Sample(MULTI.media_type, json.dumps(document).encode(), MULTI.blobs)
    with pytest.raises(
        IntegrityError, match=r"a child of an unknown kind: application/vnd\.example"
    ):
        await tree_of(strange)


async def test_too_many_manifests_are_not_read_to_their_end() -> None:
    wide = index([(image([], label=str(number)), "amd64") for number in range(1002)])
    with pytest.raises(IntegrityError, match="unreasonably deep or large"):
        await tree_of(wide)


async def test_nothing_is_reduced_where_all_is_carried() -> None:
    for sample in (AMD, MULTI, NESTED):
        assert reduced(tree := await tree_of(sample)) == tree.manifests


async def test_an_index_with_one_image_left_becomes_that_image() -> None:
    assert digests(reduced(await tree_of(MULTI, "linux/arm64"))) == [str(ARM.digest)]


async def test_an_index_of_what_is_left_names_just_that_with_its_platforms() -> None:
    parts = reduced(await tree_of(TRIPLE, "linux/amd64", "linux/s390x"))
    assert digests(parts[:-1]) == [str(AMD.digest), str(S390.digest)]
    top = parts[-1]
    assert top.media_type == TRIPLE.media_type
    assert [(str(one.digest), one.size, str(one.platform)) for one in top.children] == [
        (str(AMD.digest), len(AMD.content), "linux/amd64"),
        (str(S390.digest), len(S390.content), "linux/s390x"),
    ]
    assert parse_manifest(top.content, expected=top.digest) == top


async def test_an_attestation_stays_with_its_image_and_is_no_image_that_runs() -> None:
    about = {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": str(AMD.digest),
    }
    proof = image([], label="attestation")
    document = json.loads(MULTI.content)
    entry = {"mediaType": proof.media_type, "digest": str(proof.digest), "annotations": about}
    platform = {"os": "unknown", "architecture": "unknown"}
    document["manifests"].append({**entry, "size": len(proof.content), "platform": platform})
    children = [*MULTI.children, (proof.media_type, proof.content)]
    blobs = {**MULTI.blobs, **proof.blobs}
    whole = Sample(MULTI.media_type, json.dumps(document).encode(), blobs, children)
    tree = await tree_of(whole, "linux/amd64")
    assert set(digests(tree.manifests)) == {str(one.digest) for one in (AMD, proof, whole)}
    assert digests(reduced(tree))[-1] == str(AMD.digest)


@settings(max_examples=30)
@given(st.sets(st.sampled_from(["amd64", "arm64", "s390x"]), min_size=1))
async def test_what_is_reduced_has_all_its_parts(architectures: set[str]) -> None:
    tree = await tree_of(TRIPLE, *(f"linux/{name}" for name in sorted(architectures)))
    parts = reduced(tree)
    there = set(digests(parts))
    for part in parts:
        assert {str(child.digest) for child in part.children} <= there
    if len(architectures) > 1:
        assert {child.platform.architecture for child in parts[-1].children if child.platform} == (
            architectures
        )


async def test_a_manifest_is_kept_once_and_written_anew_when_it_is_damaged() -> None:
    store, manifest = MemoryStore(), parse_manifest(AMD.content, AMD.media_type)
    await keep_manifest(store, manifest)
    await keep_manifest(store, manifest)
    assert store.written == len(AMD.content)
    store.damage(str(AMD.digest))
    await keep_manifest(store, manifest)
    assert store.kept[AMD.digest] == AMD.content
    store = MemoryStore(parts={AMD.digest: b"a beginning of another run"})
    await keep_manifest(store, manifest)
    assert store.kept == {AMD.digest: AMD.content}


def test_a_descriptor_of_a_whole_image_says_nothing_of_platforms() -> None:
    descriptor = Descriptor(AMD.media_type, AMD.digest, len(AMD.content))
    assert carried_platforms(descriptor) == ()
