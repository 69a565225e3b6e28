"""A name says what its value is: an image, several, a part of one, or nothing of the kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.images.keys import (
    ENDS,
    FRONTS,
    MAX_NAME,
    NOTHING,
    Meaning,
    meaning,
    meaning_of,
    names_images,
    split_words,
)

SPELLINGS = ["{}-{}", "{}_{}", "{}.{}", "{}/{}", "--{}-{}", "spec.{}_{}"]


def spelled(first: str, second: str) -> list[str]:
    """Return a name of two words in every way of writing it."""
    ways = [way.format(first, second) for way in SPELLINGS]
    return [*ways, f"{first}{second.title()}", f"{first}_{second}".upper(), first + second]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("worker-image", ["worker", "image"]),
        ("workerImage", ["worker", "image"]),
        ("OCIImage", ["oci", "image"]),
        ("A_IMAGE_NAME", ["a", "image", "name"]),
        ("spec.image2", ["spec", "image", "2"]),
        ("dockerimage", ["docker", "image"]),
        ("imagetag", ["image", "tag"]),
        ("initimagepullpolicy", ["init", "image", "pullpolicy"]),
        ("imagery", ["imagery"]),
        ("pilgrimage", ["pilgrimage"]),
        ("", []),
        ("--", []),
    ],
)
def test_a_name_has_the_same_words_in_every_spelling(name: str, words: list[str]) -> None:
    assert split_words(name) == words


@pytest.mark.parametrize(
    "name",
    [
        *("image", "proxy-image", "containerImage", "DISPATCHER_IMAGE", "OCIImage", "image2"),
        *("a/image", "related-image-v2", "RELATED_IMAGE_foo", "RELATED_IMAGE_REGISTRY"),
        *("executor-container-image-and-version", "image-name-and-tag", "image-uri", "image-ref"),
        *("registry-image", "base-image", "profile-image", "node-image", "image-webhook"),
        *("image-default", "kubeImageOverride", *spelled("image", "ref")),
    ],
)
def test_names_of_one_image(name: str) -> None:
    assert meaning(name).kind == "image"
    assert meaning(name).part == ""
    assert names_images(name)


@pytest.mark.parametrize(
    "name", [*spelled("image", "name"), "VIEWER_IMAGE_NAME", "image-full-name", "workerImageName"]
)
def test_names_of_an_image_whose_tag_may_be_elsewhere(name: str) -> None:
    assert (meaning(name).kind, meaning(name).part) == ("image", "name")


@pytest.mark.parametrize(
    "name",
    [
        *("images", "custom_images", "image-configuration", "imageList", "images-v2"),
        *("image-overrides", "image-names", "image-defaults", "jupyterImages", "JUPYTER_IMAGES"),
    ],
)
def test_names_of_several_images(name: str) -> None:
    assert meaning(name).kind == "images"


@pytest.mark.parametrize(
    ("name", "part"),
    [
        *((name, "registry") for name in spelled("image", "registry")),
        *((name, "tag") for name in spelled("image", "tag")),
        *((name, "digest") for name in spelled("image", "digest")),
        *((name, "repository") for name in spelled("image", "repo")),
        *((f"image-{word}", "registry") for word in ("host", "domain", "mirror", "server")),
        *((f"image-{word}", "repository") for word in ("repository", "repo")),
        *((f"image-{word}", "prefix") for word in ("prefix", "hub")),
        *((f"image-{word}", "namespace") for word in ("namespace", "org", "project")),
        *((f"image-{word}", "tag") for word in ("tag", "version", "suffix")),
        *((f"image-{word}", "digest") for word in ("digest", "sha256", "hash")),
        *((f"image-{word}", "channel") for word in ("channel", "track", "risk")),
        ("allow-image-domains", "registry"),
        ("image-registry-url", "registry"),
        ("image-registry-name", "registry"),
        ("image-tag-prefix", "tag"),
        ("image-tag-suffix", "tag"),
        ("image-tag-v2", "tag"),
        ("image-tag-override", "tag"),
        ("image-prefix-host", "registry"),
        ("pet-images-tag", "tag"),
        ("registry", "registry"),
        ("default-registry", "registry"),
        ("docker-registry", "registry"),
        ("docker-hub", "prefix"),
        ("registryHost", "registry"),
        ("registry-server", "registry"),
        ("docker-registry-name", "registry"),
        ("registries", "registry"),
    ],
)
def test_names_of_a_part(name: str, part: str) -> None:
    said = meaning(name)
    assert (said.kind, said.part, said.certain) == ("part", part, True)
    assert said.is_front == (part in FRONTS) == (part not in ENDS)
    assert not names_images(name)


@pytest.mark.parametrize(
    "name", ["model-registry", "schema-registry-url", "npm-registry", "registry-name"]
)
def test_a_registry_of_something_may_be_one_of_images(name: str) -> None:
    assert (meaning(name).kind, meaning(name).certain) == ("part", False)


@pytest.mark.parametrize(
    "name",
    [
        *("image-pull-policy", "pull-image-policy", "imagePullPolicy", "imagepullpolicy"),
        *("image-pull-secrets", "image-pull-secret-name", "image-formats", "image-path"),
        *("image-gallery-url", "disk-image", "background-image", "boot_images", "logoImage"),
        *("image-registry-password", "image-registry-port", "image-cache-ttl", "image-size"),
    ],
)
def test_names_that_say_image_and_hold_none(name: str) -> None:
    assert meaning(name).kind == "other"
    assert not names_images(name)
    assert not meaning(name).is_front


@pytest.mark.parametrize(
    "name",
    [
        *("", "imagery", "imagination", "version", "pilgrimage", "tag", "repository", "hub"),
        *("registries-skipping-tag-resolving", "registry-password", "visualization_server"),
        *("host", "domain.name", "docker-compose", "default", "git-repo"),
    ],
)
def test_names_that_say_nothing_of_images(name: str) -> None:
    assert meaning(name) == NOTHING


def test_a_name_that_says_nothing_leaves_it_to_those_around_it() -> None:
    assert meaning_of(["custom_images", "agent"]).kind == "images"
    assert meaning_of(["config", "image", "x"]).kind == "image"
    assert meaning_of(["custom_images", "image-tag"]).part == "tag"
    assert meaning_of(["config", "agent"]) == NOTHING
    assert meaning_of([]) == NOTHING


def test_of_a_very_long_name_the_beginning_is_read() -> None:
    assert meaning("image-" + "a-" * MAX_NAME + "tag").kind == "image"
    assert len(split_words("a-" * 10_000)) == MAX_NAME // 2


@given(st.text(max_size=40))
def test_any_text_has_a_meaning(name: str) -> None:
    said = meaning(name)
    assert names_images(name) == (said.kind in ("image", "images"))
    assert (said.kind == "nothing") == (said == NOTHING)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("image", Meaning("image", "", "image")),
        ("worker-image", Meaning("image", "", "image")),
        ("images", Meaning("images", "", "images")),
        ("custom_images", Meaning("images", "", "images")),
        ("image-name", Meaning("image", "name", "image")),
        ("imageNames", Meaning("images", "name", "image")),
        ("image-registry", Meaning("part", "registry", "registry")),
        ("image-repo", Meaning("part", "repository", "repo")),
        ("image-repository", Meaning("part", "repository", "repository")),
        ("image-prefix", Meaning("part", "prefix", "prefix")),
        ("image-tag", Meaning("part", "tag", "tag")),
        ("image-tag-prefix", Meaning("part", "tag", "tag")),
        ("image-tag-suffix", Meaning("part", "tag", "tag")),
        ("image-name-prefix", Meaning("part", "prefix", "prefix")),
        ("image-prefix-suffix", Meaning("part", "tag", "suffix")),
        ("image-digest", Meaning("part", "digest", "digest")),
        ("image-channel", Meaning("part", "channel", "channel")),
        ("image-namespace", Meaning("part", "namespace", "namespace")),
        ("image-hub", Meaning("part", "prefix", "hub")),
        ("image-registry-host", Meaning("part", "registry", "host")),
        ("image-registry-address", Meaning("part", "registry", "address")),
        ("image-host", Meaning("part", "registry", "host")),
        ("image-pull-policy", Meaning("other", "", "policy")),
        ("image-pull-secrets", Meaning("other", "", "secrets")),
        ("image-formats", Meaning("other", "", "formats")),
        ("image-format", Meaning("other", "", "format")),
        ("image-sizes", Meaning("other", "", "sizes")),
        ("image-url", Meaning("other", "", "url")),
        ("image-gallery-url", Meaning("other", "", "url")),
        ("image-and-version", Meaning("image", "", "image")),
        ("image-name-and-tag", Meaning("image", "", "image")),
        ("image-foo", Meaning("image", "", "image")),
        ("images-foo", Meaning("images", "", "images")),
        ("image-list", Meaning("images", "", "list")),
        ("image-configuration", Meaning("images", "", "configuration")),
        ("images-map", Meaning("images", "", "map")),
        ("disk-image", Meaning("other", "", "disk")),
        ("background-image", Meaning("other", "", "background")),
        ("image-default", Meaning("image", "", "image")),
        ("image-tag-override", Meaning("part", "tag", "tag")),
        ("image2", Meaning("image", "", "image")),
        ("image-tag-v2", Meaning("part", "tag", "tag")),
        ("RELATED_IMAGE_foo", Meaning("image", "", "image")),
        ("RELATED_IMAGE", Meaning("image", "", "image")),
        ("registry", Meaning("part", "registry", "registry")),
        ("registries", Meaning("part", "registry", "registries")),
        ("model-registry", Meaning("part", "registry", "registry", certain=False)),
        ("docker-registry", Meaning("part", "registry", "registry")),
        ("default-registry", Meaning("part", "registry", "registry")),
        ("registry-host", Meaning("part", "registry", "host")),
        ("registry-name", Meaning("part", "registry", "name", certain=False)),
        ("registry-path", Meaning("part", "registry", "path", certain=False)),
        ("registry-url", Meaning("part", "registry", "url")),
        ("registry-endpoint", Meaning("part", "registry", "endpoint")),
        ("model-registry-host", Meaning("part", "registry", "host", certain=False)),
        ("model-registry-url", Meaning("part", "registry", "url", certain=False)),
        ("container-registry-name", Meaning("part", "registry", "name")),
        ("docker-hub", Meaning("part", "prefix", "hub")),
        ("docker-repo", Meaning("part", "repository", "repo")),
        ("docker-tag", Meaning("part", "tag", "tag")),
        ("oci-mirrors", Meaning("part", "registry", "mirrors")),
        ("oci-prefix", Meaning("part", "prefix", "prefix")),
        ("hub", Meaning("nothing", "", "")),
        ("repo", Meaning("nothing", "", "")),
        ("container", Meaning("nothing", "", "")),
        ("docker-image", Meaning("image", "", "image")),
        ("dockerimage", Meaning("image", "", "image")),
        ("imagetag", Meaning("part", "tag", "tag")),
        ("sidecarimage", Meaning("image", "", "image")),
        ("imagepullpolicy", Meaning("other", "", "pullpolicy")),
        ("image-status", Meaning("other", "", "status")),
        ("image-endpoint", Meaning("part", "registry", "endpoint")),
        ("image-endpoints", Meaning("part", "registry", "endpoints")),
        ("image-server-address", Meaning("part", "registry", "address")),
        ("image-names", Meaning("images", "name", "image")),
        ("image-tags", Meaning("part", "tag", "tags")),
        ("image-revision", Meaning("part", "tag", "revision")),
        ("image-sha256", Meaning("part", "digest", "sha")),
        ("image-track", Meaning("part", "channel", "track")),
        ("image-org", Meaning("part", "namespace", "org")),
        ("image-project", Meaning("part", "namespace", "project")),
        ("image-base", Meaning("part", "prefix", "base")),
        ("image-location", Meaning("other", "", "location")),
        ("image-of-cat", Meaning("image", "", "image")),
        ("my-registry-uri", Meaning("part", "registry", "registry", certain=False)),
        ("registry-of-cats", Meaning("nothing", "", "")),
        ("docker-registry-mirror", Meaning("part", "registry", "mirror")),
        ("registry-mirror-hosts", Meaning("part", "registry", "hosts", certain=False)),
        ("images-registry-hosts", Meaning("part", "registry", "hosts")),
        ("image-registry-name", Meaning("part", "registry", "registry")),
        ("image-source-registry", Meaning("part", "registry", "registry")),
        ("image-registry-url", Meaning("part", "registry", "url")),
        ("image-registry-path", Meaning("part", "registry", "path")),
        ("image-cat-names", Meaning("images", "", "image")),
        ("image-cat-name", Meaning("image", "", "image")),
        ("image-buckets", Meaning("other", "", "buckets")),
        ("image-bucket", Meaning("other", "", "bucket")),
        ("image-pull-policy-v2", Meaning("other", "", "policy")),
        ("image-pull-v2-policy-3", Meaning("other", "", "policy")),
    ],
)
def test_all_that_a_name_says(name: str, expected: Meaning) -> None:
    assert meaning(name) == expected
