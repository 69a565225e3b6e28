"""A rendered bundle writes all options that make an image together, and what was settled stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.checks import Setting
from ckf_airgap.charms.charm import Base, Charm, Option
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.documents import JSONValue
from ckf_airgap.errors import ImageNotFoundError, OptionError
from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.images.retag import retag_images
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.rendering.overlay import Rendering, render

R = Registry("r.example:5000")
HEX = "8e60086b04d92b657898a310ca9757631d58547e76bbbb8bfc376d654bef1707"


def rendered(
    defaults: dict[str, str],
    *images: str,
    settings: tuple[Setting, ...] = (),
    rules: ImageRules | None = None,
    max_depth: int | None = None,
) -> Rendering:
    """Render a bundle of one charm whose options have these defaults."""
    options = {
        name: Option(name=name, type="string", default=value) for name, value in defaults.items()
    }
    charm = Charm(
        name="cat",
        options=options,
        bases=(Base(name="ubuntu", channel="22.04", architectures=("amd64",)),),
        path=Path("charms/cat_r1.charm"),
        revision=1,
    )
    bundle = Bundle.from_document(
        {"bundle": "kubernetes", "applications": {"cat": {"charm": "cat", "scale": 1}}},
        where="a bundle",
    )
    sources = [ImageReference.parse(image) for image in images]
    return render(
        bundle,
        charms=CharmDirectory.of([charm], path=Path("charms")),
        images=retag_images(sources, R, max_depth=max_depth).retagged(),
        settings=settings,
        rules=rules,
    )


def options(found: Rendering) -> dict[str, JSONValue]:
    """Return the options that the overlay writes."""
    applications = found.overlay["applications"]
    assert isinstance(applications, dict)
    fields = applications["cat"]
    assert isinstance(fields, dict)
    written = fields.get("options", {})
    assert isinstance(written, dict)
    return written


THREE = {"image-registry": "quay.io", "image-name": "acme/x/cat", "image-tag": "1.2"}


def test_the_registry_beside_a_name_is_written() -> None:
    found = rendered(THREE, "quay.io/acme/x/cat:1.2")
    assert options(found) == {"image-registry": str(R)}
    assert [str(image) for image in found.images] == [f"{R}/acme/x/cat:1.2"]
    assert found.proof.places == 1
    assert [text for text in map(str, found.warnings) if "image-registry" in text] == []


@pytest.mark.parametrize(
    ("defaults", "image", "expected"),
    [
        (
            {"image-registry": "https://quay.io/", "image-repository": "a/cat", "image-tag": "1"},
            "quay.io/a/cat:1",
            {"image-registry": f"https://{R}/"},
        ),
        (
            {"image-registry": "quay.io", "image-namespace": "a", "image-name": "cat"},
            "quay.io/a/cat",
            {"image-registry": str(R)},
        ),
        (
            {"image-registry": "quay.io", "image-namespace": "cat", "image-name": "cat"},
            "quay.io/cat/cat",
            {"image-registry": str(R)},
        ),
        (
            {"image-registry": "quay.io", "image-repo": "a", "image-name": "cat", "image-tag": "1"},
            "quay.io/a/cat:1",
            {"image-registry": str(R)},
        ),
        (
            {"image-repository": "quay.io/a/cat", "image-name": "cat", "image-tag": "1"},
            "quay.io/a/cat:1",
            {"image-repository": f"{R}/a/cat"},
        ),
    ],
)
def test_parts_of_every_kind_pass_the_proof(
    defaults: dict[str, str], image: str, expected: dict[str, str]
) -> None:
    found = rendered(defaults, image)
    assert options(found) == expected
    assert [text for text in map(str, found.warnings) if "image-" in text] == []


def test_a_digest_becomes_the_tag() -> None:
    defaults = {"image": "acme/cat", "image-tag": "1.2", "image-digest": f"sha256:{HEX}"}
    found = rendered(defaults, f"acme/cat:1.2@sha256:{HEX}")
    assert options(found) == {"image": f"{R}/acme/cat", "image-tag": HEX, "image-digest": ""}


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (1, {"image-registry": str(R), "image-name": "acme--x--cat"}),
        (2, {"image-registry": f"{R}/acme--x", "image-name": "cat"}),
        (3, {"image-registry": str(R)}),
    ],
)
def test_parts_follow_a_folded_path(depth: int, expected: dict[str, str]) -> None:
    found = rendered(THREE, "quay.io/acme/x/cat:1.2", max_depth=depth)
    assert options(found) == expected


def test_parts_that_cannot_follow_are_an_error_that_names_the_options() -> None:
    defaults = {**THREE, "image-namespace": "acme", "image-name": "cat"}
    with pytest.raises(OptionError) as raised:
        rendered(defaults, "quay.io/acme/cat:1.2", max_depth=1)
    (problem,) = raised.value.problems
    assert problem.where == "application cat"
    for name in defaults:
        assert f"--set cat.{name}=..." in str(problem)


def test_a_tag_that_a_person_sets_is_that_of_the_image() -> None:
    own = (Setting.parse("cat.image-tag=7"),)
    found = rendered(THREE, "quay.io/acme/x/cat:7", settings=own)
    assert options(found) == {"image-registry": str(R), "image-tag": "7"}


def test_names_of_the_rules_are_looked_for_behind_the_registry() -> None:
    rules = ImageRules.from_document(
        {
            "release": "x",
            "rules": {
                "cat": {
                    "channel": "1/stable",
                    "options": {"image-registry": {"put-before": ["acme/node:v3", "pause:3"]}},
                }
            },
        },
        where="rules",
    )
    names = ("rocks.example.com:443/cdk/acme/node:v3", "rocks.example.com:443/cdk/pause:3")
    found = rendered({"image-registry": "rocks.example.com:443/cdk"}, *names, rules=rules)
    assert options(found) == {"image-registry": f"{R}/cdk"}
    placed = sorted(map(str, found.images))
    assert placed == [f"{R}/cdk/acme/node:v3", f"{R}/cdk/pause:3"]
    assert found.warnings == ()
    with pytest.raises(OptionError, match="does not end in acme/node:v3"):
        rendered({"image-registry": "quay.io"}, *NAMES, rules=rules, max_depth=1)


NAMES = ("quay.io/acme/node:v3", "quay.io/pause:3")


TWO = {"cat-image": "ghcr.io/acme/cat", "cat-image-tag": "v3"}


@pytest.mark.parametrize(
    ("defaults", "image", "given", "stays"),
    [
        (TWO, "ghcr.io/acme/cat:v3", "cat-image=ghcr.io/other/cat", "ghcr.io/other/cat:v3"),
        (THREE, "quay.io/acme/x/cat:1.2", "image-registry=docker.io", "docker.io/acme/x/cat:1.2"),
        (
            {**THREE, "image-registry": ""},
            "acme/x/cat:1.2",
            "image-name=quay.io/other/cat",
            "quay.io/other/cat:1.2",
        ),
    ],
)
def test_a_place_that_a_person_gives_stays_with_the_parts_behind_it(
    defaults: dict[str, str], image: str, given: str, stays: str
) -> None:
    found = rendered(defaults, image, settings=(Setting.parse(f"cat.{given}"),))
    name, _, value = given.partition("=")
    assert options(found) == {name: value}
    assert found.replacements == ()
    (warning,) = (one for one in found.warnings if stays in one.what)
    assert "stays since you set it" in warning.what


@pytest.mark.parametrize(
    ("defaults", "given", "image"),
    [
        (TWO, "cat-image-tag=v4", "ghcr.io/acme/cat:v4"),
        (THREE, "image-tag=1.3", "quay.io/acme/x/cat:1.3"),
        (THREE, "image-name=acme/x/dog", "quay.io/acme/x/dog:1.2"),
    ],
)
def test_a_name_or_tag_that_a_person_gives_behind_a_place_is_looked_for_in_the_list(
    defaults: dict[str, str], given: str, image: str
) -> None:
    settings = (Setting.parse(f"cat.{given}"),)
    with pytest.raises(ImageNotFoundError) as raised:
        rendered(defaults, "busybox:1", settings=settings)
    assert image in str(raised.value)
    found = rendered(defaults, image, settings=settings)
    name, _, value = given.partition("=")
    assert options(found)[name] == value
    assert [str(one.target) for one in found.replacements] == [f"{R}/{image.partition('/')[2]}"]


@pytest.mark.parametrize("given", [f"{R}", f"{R}/", f"{R}/team", R.host])
def test_a_registry_that_a_person_points_at_the_private_one_is_no_public_part(given: str) -> None:
    settings = (Setting.parse(f"cat.image-registry={given}"),)
    found = rendered({"image-registry": "quay.io"}, "busybox:1", settings=settings)
    assert [text for text in map(str, found.warnings) if "stays public" in text] == []


@pytest.mark.parametrize("given", ["quay.io/", "r.example", "r.example:50001"])
def test_another_registry_that_a_person_gives_is_a_public_part(given: str) -> None:
    settings = (Setting.parse(f"cat.image-registry={given}"),)
    found = rendered({"image-registry": "quay.io"}, "busybox:1", settings=settings)
    (warning,) = (text for text in map(str, found.warnings) if "stays public" in text)
    assert given.rstrip("/") in warning
    assert "--allow-public cat.image-registry" in warning


@pytest.mark.parametrize("name", ["image-url", "image-pull-policy", "disk-image", "image-formats"])
def test_what_is_no_image_by_its_name_may_have_any_form(name: str) -> None:
    found = rendered({name: "Bad::x/y"}, "busybox:1")
    assert options(found) == {}
    assert found.warnings == ()


def test_a_public_image_that_is_a_key_is_warned_of_as_one() -> None:
    found = rendered({"limits": "{'quay.io/acme/cat:1': 5}"}, "busybox:1")
    (warning,) = (one for one in found.warnings if "quay.io/acme/cat:1" in one.what)
    assert "stays since it is a key" in warning.what


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            "image: {registry: quay.io, name: acme/cat, tag: '1.2'}",
            "image: {registry: r.example:5000, name: acme/cat, tag: '1.2'}",
        ),
        (
            "image: {hub: quay.io, image: acme/cat, tag: '1.2'}",
            "image: {hub: r.example:5000, image: acme/cat, tag: '1.2'}",
        ),
        (
            "a: |\n  image: {registry: quay.io, name: acme/cat, tag: '1.2'}\n",
            "a: |\n  image: {registry: r.example:5000, name: acme/cat, tag: '1.2'}\n",
        ),
        (
            "worker:\n  image: {repository: quay.io/acme/cat, tag: '1.2'}\n",
            "worker:\n  image: {repository: r.example:5000/acme/cat, tag: '1.2'}\n",
        ),
        (
            "image_repository: quay.io/acme/cat\nimage_tag: '1.2'\n",
            "image_repository: r.example:5000/acme/cat\nimage_tag: '1.2'\n",
        ),
        (
            "- {name: web, image: quay.io/acme/cat, tag: '1.2'}",
            "- {name: web, image: r.example:5000/acme/cat, tag: '1.2'}",
        ),
    ],
)
def test_keys_of_a_mapping_make_an_image(value: str, expected: str) -> None:
    found = rendered({"config": value}, "quay.io/acme/cat:1.2")
    assert options(found) == {"config": expected}
    assert found.warnings == ()


@pytest.mark.parametrize(
    "value", ["things: [{name: foo/bar, tag: '1.2'}]", "{hub: x/y, name: z}", "{name: a, tag: b}"]
)
def test_a_name_and_a_tag_of_something_else_are_left_alone(value: str) -> None:
    found = rendered({"config": value}, "quay.io/acme/cat:1.2")
    assert options(found) == {}
    assert found.warnings == ()
