"""Official images of Docker Hub have a second place, where nodes look for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.errors import InputError
from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.images.retag import RetaggedImage, RetagMapping, retag_images
from ckf_airgap.mirrors.official import (
    is_official,
    library_images,
    place_on_nodes,
    unreachable_images,
)

REGISTRY = Registry.parse("reg.airgap:5000/team/ckf")
DIGEST = "sha256:" + "ab" * 32


def mapped(*names: str, depth: int | None = None, registry: Registry = REGISTRY) -> RetagMapping:
    return retag_images(map(ImageReference.parse, names), registry, max_depth=depth)


def pairs(mapping: RetagMapping) -> list[tuple[str, str]]:
    return [(str(one.source), str(one.target)) for one in library_images(mapping)]


@pytest.mark.parametrize(
    ("name", "official"),
    [
        ("alpine", True),
        ("alpine:3.10", True),
        (f"alpine@{DIGEST}", True),
        ("docker.io/alpine:3.10", True),
        ("docker.io/library/alpine:3.10", True),
        ("index.docker.io/alpine", True),
        ("library/alpine", True),
        ("docker.io/library/a/b:1", False),
        ("docker.io/kubeflow/alpine:1", False),
        ("librarian/alpine:1", False),
        ("quay.io/alpine:1", False),
        ("quay.io/library/alpine:1", False),
    ],
)
def test_official_images_are_those_without_a_namespace(name: str, official: bool) -> None:
    assert is_official(ImageReference.parse(name)) is official


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("alpine:3.10", "reg.airgap:5000/team/ckf/library/alpine:3.10"),
        ("alpine", "reg.airgap:5000/team/ckf/library/alpine:latest"),
        ("ghcr.io/a/b:1", "reg.airgap:5000/team/ckf/a/b:1"),
        (f"gcr.io/a/b:1@{DIGEST}", f"reg.airgap:5000/team/ckf/a/b:{'ab' * 32}"),
    ],
)
def test_nodes_look_below_the_path_of_the_registry(name: str, place: str) -> None:
    assert str(place_on_nodes(ImageReference.parse(name), REGISTRY)) == place


def test_the_second_place_is_beside_the_first_one() -> None:
    mapping = mapped("alpine:3.10", "ghcr.io/a/b:1", "docker.io/busybox", f"redis@{DIGEST}")
    assert pairs(mapping) == [
        ("alpine:3.10", "reg.airgap:5000/team/ckf/library/alpine:3.10"),
        ("docker.io/busybox", "reg.airgap:5000/team/ckf/library/busybox:latest"),
        (f"redis@{DIGEST}", f"reg.airgap:5000/team/ckf/library/redis:{'ab' * 32}"),
    ]


def test_an_image_that_is_there_already_has_no_second_place() -> None:
    assert pairs(mapped("docker.io/library/alpine:3.10")) == []


def test_two_spellings_of_an_image_have_one_second_place() -> None:
    assert len(pairs(mapped("alpine:3.10", "docker.io/alpine:3.10"))) == 1


@pytest.mark.parametrize(("depth", "count"), [(3, 0), (4, 1), (None, 1)])
def test_there_is_none_where_the_registry_allows_too_few_levels(
    depth: int | None, count: int
) -> None:
    assert len(pairs(mapped("alpine:3.10", depth=depth))) == count


def test_a_second_place_that_another_image_has_is_refused() -> None:
    mapping = mapped("alpine:3.10", "quay.io/library/alpine:3.10", "quay.io/library/alpine:3.11")
    with pytest.raises(InputError, match="second name under library/") as caught:
        library_images(mapping)
    (problem,) = caught.value.problems
    assert problem.where == "alpine:3.10"
    assert "quay.io/library/alpine:3.10" in problem.what
    assert "--no-library" in caught.value.fix


def test_folded_images_are_not_where_a_mirror_looks() -> None:
    names = ["gcr.io/a/b/c/d:1", "gcr.io/a/b:1", "alpine:3.10", "nvcr.io/x:1"]
    assert unreachable_images(mapped(*names)) == ()
    folded = unreachable_images(mapped(*names, depth=4))
    assert [str(one) for one in folded] == ["gcr.io/a/b/c/d:1"]
    deeper = unreachable_images(mapped(*names, depth=3))
    assert [str(one) for one in deeper] == ["gcr.io/a/b/c/d:1", "gcr.io/a/b:1", "alpine:3.10"]


def test_images_with_a_place_of_their_own_are_not_where_a_mirror_looks() -> None:
    sources = ["registry.k8s.io/pause:3.9", f"{REGISTRY}/mine:1"]
    targets = [f"{REGISTRY}/registry.k8s.io/pause:3.9", f"{REGISTRY}/mine:1"]
    images = tuple(
        RetaggedImage(source=ImageReference.parse(one), target=ImageReference.parse(two))
        for one, two in zip(sources, targets, strict=True)
    )
    found = unreachable_images(RetagMapping(registry=REGISTRY, images=images))
    assert [str(one) for one in found] == ["registry.k8s.io/pause:3.9"]


_COMPONENTS = st.sampled_from(["a", "b", "library", "alpine", "c-d", "e_f"])
_NAMES = st.builds(
    lambda host, path, end: f"{host}{'/'.join(path)}{end}",
    st.sampled_from(["", "docker.io/", "gcr.io/", "localhost:5000/"]),
    st.lists(_COMPONENTS, min_size=1, max_size=4),
    st.sampled_from(["", ":1", f"@{DIGEST}"]),
)


@given(_NAMES, st.sampled_from(["reg.airgap:5000", "reg.airgap:5000/team"]))
def test_every_image_is_where_a_mirror_looks_by_its_first_or_second_place(
    name: str, registry: str
) -> None:
    private = Registry.parse(registry)
    mapping = mapped(name, registry=private)
    image = ImageReference.parse(name)
    places = {one.target.canonical() for one in (*mapping.images, *library_images(mapping))}
    assert place_on_nodes(image, private).canonical() in places
    assert unreachable_images(mapping) == ()
