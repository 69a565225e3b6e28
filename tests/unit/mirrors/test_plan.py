"""Which registries are mirrored, and what nodes are told to test with."""

from __future__ import annotations

import pytest

from ckf_airgap import ListingInputs, release_names
from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.images.retag import retag_images
from ckf_airgap.mirrors.plan import EXAMPLE, PUBLIC_REGISTRIES, plan_of
from ckf_airgap.operations.inventory import read_listing

REGISTRY = Registry.parse("reg.airgap:5000/team/ckf")


def parsed(*names: str) -> list[ImageReference]:
    return [ImageReference.parse(name) for name in names]


@pytest.mark.parametrize("release", release_names())
def test_the_registries_of_every_release_are_mirrored(release: str) -> None:
    listing = read_listing(ListingInputs(bundle=release, juju_version="3.6.9"))
    hosts = {one.reference.canonical().registry for one in listing.inventory}
    assert hosts - set(PUBLIC_REGISTRIES) == set()


def test_registries_of_images_are_mirrored_besides_the_usual_ones() -> None:
    plan = plan_of(REGISTRY, parsed("example.org:8443/a:1", "alpine", "gcr.io/a/b:1"))
    assert plan.hosts == tuple(sorted((*PUBLIC_REGISTRIES, "example.org:8443")))
    assert plan.example == "example.org:8443/a:1"


def test_the_private_registry_is_no_mirror_of_itself() -> None:
    plan = plan_of(REGISTRY, parsed("reg.airgap:5000/other/a:1", "reg.airgap:5000/team/ckf/b:1"))
    assert plan.hosts == PUBLIC_REGISTRIES
    assert plan.example == EXAMPLE


def test_a_private_registry_of_a_public_name_is_no_mirror_of_itself() -> None:
    plan = plan_of(Registry.parse("ghcr.io/me"))
    assert "ghcr.io" not in plan.hosts
    assert len(plan.hosts) == len(PUBLIC_REGISTRIES) - 1


def test_the_example_is_an_image_that_a_mirror_gives() -> None:
    mapping = retag_images(parsed("gcr.io/a/b/c:1", "alpine:3.10"), REGISTRY, max_depth=4)
    plan = plan_of(REGISTRY, mapping=mapping)
    assert plan.example == "docker.io/library/alpine:3.10"
    assert [str(one) for one in plan.unreachable] == ["gcr.io/a/b/c:1"]


@pytest.mark.parametrize(
    ("registry", "plain", "url", "api"),
    [
        ("r.io:5000/a/b", False, "https://r.io:5000", "https://r.io:5000/v2/a/b"),
        ("r.io", True, "http://r.io", "http://r.io/v2"),
    ],
)
def test_addresses(registry: str, plain: bool, url: str, api: str) -> None:
    plan = plan_of(Registry.parse(registry), plain_http=plain)
    assert (plan.url, plan.api) == (url, api)
