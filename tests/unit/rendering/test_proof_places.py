"""Where the proof looks for what was exchanged, and what it tells of each place that is public."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ckf_airgap.bundle.bundle import Application, Bundle
from ckf_airgap.charms.charm import Charm, Option, Resource
from ckf_airgap.errors import ProofError
from ckf_airgap.images.lists import ImageList, RetaggedImages
from ckf_airgap.images.needs import ImageNeed
from ckf_airgap.images.places import KeyPath
from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.rendering.proof import Proof, prove

R = Registry.parse("reg.example.com:5000/ckf")


def need(option: str = "", path: KeyPath = (), *, source: str, resource: str = "") -> ImageNeed:
    return ImageNeed(
        application="app",
        where=f"option {option}{path}" if option else f"resource {resource}",
        source=ImageReference.parse(source),
        option=option,
        resource=resource,
        path=path,
    )


def check(
    options: Mapping[str, str],
    *exchanged: tuple[ImageNeed, str],
    listed: str = "a/b:1",
    resources: Mapping[str, str] | None = None,
    registry: Registry = R,
    **own: Any,
) -> Proof:
    """Prove an application ``app`` with these options; ``R`` stands for the registry."""
    written = {name: text.replace("R/", f"{registry}/") for name, text in options.items()}
    charm = Charm(
        name="app",
        options={name: Option(name=name, type="string", default="") for name in written},
        resources={name: Resource(name=name) for name in resources or {}},
    )
    application = Application(
        name="app",
        charm="app",
        options=dict(written),
        resources={
            name: text.replace("R/", f"{registry}/") for name, text in (resources or {}).items()
        },
    )
    lines = "".join(f"{registry}/{line}\n" for line in listed.split())
    images = RetaggedImages.from_list(ImageList.parse(lines, where="l.txt"), registry=registry)
    pairs = [
        (one, ImageReference.parse(target.replace("R/", f"{registry}/")))
        for one, target in exchanged
    ]
    return prove(Bundle(applications={"app": application}), {"app": charm}, images, pairs, **own)


def refused(*given: Any, **more: Any) -> list[str]:
    with pytest.raises(ProofError) as caught:
        check(*given, **more)
    return [str(problem) for problem in caught.value.problems]


# What rendering says it exchanged


@pytest.mark.parametrize(
    "value",
    [
        "R/a/b",  # the name without its tag
        "b",  # the end of the name
        "a/b",
        "reg.example.com:5000/ckf",  # its front
        "reg.example.com:5000/ckf/",
        "reg.example.com:5000",
        "R/a/b:1",
        "see {'k': 'R/a/b:1'}",
        "{k: [a/b]}",
        "k: v\n---\nk: b\n",
    ],
)
def test_an_exchanged_image_is_there_whole_or_in_part(value: str) -> None:
    check({"words": value}, (need("words", source="a/b:1"), "R/a/b:1"))


@pytest.mark.parametrize(
    "value",
    ["", "x/b", "/b", "a", "ckf", "R/X", "eg.example.com:5000", "/", "reg.example.com:5000/c"],
)
def test_an_exchanged_image_that_is_not_there_is_told(value: str) -> None:
    problems = refused(
        {"words": value, "other": "R/a/b"}, (need("words", source="a/b:1"), "R/a/b:1")
    )
    assert problems == [f"app, option words(): {R}/a/b:1 should be there, and is not"]


def test_every_image_that_is_not_there_is_told() -> None:
    problems = refused(
        {"part": "b", "words": "", "more": "R/a/b:1", "last": ""},
        (need("part", source="a/b:1"), "R/a/b:1"),
        (need("words", source="a/b:1"), "R/a/b:1"),
        (need("more", source="a/b:1"), "R/a/b:1"),
        (need("more", ("line 1 column 5",), source="a/b:1"), "R/a/b:1"),
        (need("more", (0,), source="a/b:1"), "R/a/b:1"),
        (need("more", ("a", "b"), source="a/b:1"), "R/a/b:1"),
        (need("last", source="a/b:1"), "R/a/b:1"),
    )
    assert problems == [
        f"app, option words(): {R}/a/b:1 should be there, and is not",
        f"app, option last(): {R}/a/b:1 should be there, and is not",
    ]


def test_the_key_of_an_exchanged_image_counts() -> None:
    options = {"x-images": "{j: 'R/a/b:1', k: 'R/a/c:1'}"}
    check(options, (need("x-images", ("j",), source="a/b:1"), "R/a/b:1"), listed="a/b:1 a/c:1")
    problems = refused(
        options, (need("x-images", ("k",), source="a/b:1"), "R/a/b:1"), listed="a/b:1 a/c:1"
    )
    assert problems == [f"app, option x-images('k',): {R}/a/b:1 should be there, and is not"]


def test_the_resource_of_an_exchanged_image_counts() -> None:
    resources = {"one": "R/a/b:1", "two": "R/a/c:1"}
    exchanged = (need(resource="one", source="a/b:1"), "R/a/b:1")
    check({}, exchanged, listed="a/b:1 a/c:1", resources=resources)
    wrong = (need(resource="two", source="a/b:1"), "R/a/b:1")
    problems = refused({"words": f"{R}/a/b:1"}, wrong, listed="a/b:1 a/c:1", resources=resources)
    assert problems == [f"app, resource two: {R}/a/b:1 should be there, and is not"]


def test_a_place_that_is_told_of_is_told_once() -> None:
    problems = refused({"x-image": "R/a/c:1"}, (need("x-image", source="a/b:1"), "R/a/b:1"))
    assert problems == [f"app, option x-image: {R}/a/c:1 is not in l.txt"]


def test_an_error_says_what_settles_it_where_something_does() -> None:
    with pytest.raises(ProofError) as caught:
        check({"x-image": "R/a/c:1"})
    assert caught.value.message == (
        "check failed: the merged bundle would pull images that are not in the registry"
    )
    assert caught.value.fix.startswith("Add an image that is missing to images.txt")
    with pytest.raises(ProofError) as caught:
        check({"words": ""}, (need("words", source="a/b:1"), "R/a/b:1"))
    assert caught.value.fix == ""


# What is in the list


def test_latest_may_be_left_out_of_the_bundle_or_the_list() -> None:
    proof = check({"x-image": "R/a/b:latest", "y-image": "R/a/c"}, listed="a/b a/c:latest")
    assert sorted(map(str, proof.used)) == [f"{R}/a/b", f"{R}/a/c:latest"]
    assert (proof.unused, proof.places) == ((), 2)
    both = check({"x-image": "R/a/b:latest"}, listed="a/b a/b:latest a/b:1")
    assert [str(image) for image in both.used] == [f"{R}/a/b:latest"]
    assert [str(entry.reference) for entry in both.unused] == [f"{R}/a/b", f"{R}/a/b:1"]
    written = check({"words": "b"}, (need("words", source="a/b"), "R/a/b:latest"), listed="a/b")
    assert [str(image) for image in written.used] == [f"{R}/a/b"]
    assert written.places == 0


def test_what_a_person_set_is_neither_counted_nor_used() -> None:
    proof = check(
        {"x-image": "R/a/b:1", "y-image": "R/a/c:9"},
        given={("app", "x-image"): f"{R}/a/b:1", ("app", "y-image"): f"{R}/a/c:9"},
    )
    assert (proof.places, proof.used, proof.warnings) == (0, frozenset(), ())


def test_a_name_that_may_be_an_image_is_one_if_it_is_listed() -> None:
    assert check({"words": "R/a/c"}).places == 0
    assert check({"words": "R/a/b"}, listed="a/b").places == 1
    assert check({"words": "x/y"}).places == 0
    assert refused({"words": "a/b"}, listed="a/b") == [
        f"app, option words: a/b is not in the registry {R}"
    ]


def test_an_image_of_the_registry_has_to_be_listed() -> None:
    assert refused({"x-image": "R/a/c"}) == [f"app, option x-image: {R}/a/c is not in l.txt"]
    check({"cat-registry": f"{R}", "cat-image": "a/c"})  # its tag may be elsewhere
    host = Registry.parse("reg.example.com")
    assert refused({"words": "R/a/c:whatever"}, registry=host) == [
        "app, option words: reg.example.com/a/c:whatever is not in l.txt"
    ]


def test_a_tag_that_is_of_something_else_is_left_out() -> None:
    options = {"cat-image": "R/a/b", "cat-version": "7"}
    proof = check(options, listed="a/b")
    assert [str(image) for image in proof.used] == [f"{R}/a/b"]
    check(options, (need("cat-image", source="a/b"), "R/a/b"), listed="a/b")
    (problem,) = refused(options, listed="a/b:8")
    assert problem == f"app, option cat-image: {R}/a/b:7 is not in l.txt"


def test_the_images_of_juju_are_neither_used_nor_unused() -> None:
    of_juju = [ImageReference.parse("docker.io/j/jujud"), ImageReference.parse("j/db:4")]
    proof = check({}, listed="j/jujud:3.6 j/db:5 j/other:1", of_no_charm=of_juju)
    assert [str(entry.reference) for entry in proof.unused] == [f"{R}/j/other:1"]
    images = ImageList.parse(f"{R}/x/jujud:1\n{R}/j/jujud:1\n{R}/x/y:1\n", where="l")
    base = RetaggedImages.from_list(images, registry=R)
    source = ImageReference.parse("j/jujud:1").canonical()
    placed = RetaggedImages(
        R, images, base.targets, {source: ImageReference.parse(f"{R}/x/jujud:1")}
    )
    proof = prove(Bundle(), {}, placed, of_no_charm=of_juju)
    assert [str(entry.reference) for entry in proof.unused] == [f"{R}/x/y:1"]


# What stays public


def test_what_a_key_names_stays_with_a_warning() -> None:
    proof = check({"words": "quay.io/a/b:1: x\n"})
    (warning,) = proof.warnings
    assert warning.what == f"quay.io/a/b:1 is not in {R}, and stays since it is a key"
    assert warning.where == "application app, option words, key quay.io/a/b:1"
    assert warning.fix == ""
    own = check({"words": "quay.io/a/b:1: x\n"}, given={("app", "words"): "quay.io/a/b:1: x\n"})
    assert own.warnings[0].what.endswith("and stays since you set it")


def test_what_is_told_of_twice_is_one_warning() -> None:
    proof = check({"image-registry": "quay.io, quay.io"})
    (warning,) = proof.warnings
    assert warning.what == "quay.io stays public, and names of images may begin with it"
    assert warning.where == "application app, option image-registry"
    assert warning.fix == (
        f"--set it to the place in {R}, or settle it with --allow-public app.image-registry"
    )
    assert (
        check({"image-registry": "quay.io"}, allow_public={("app", "image-registry")}).warnings
        == ()
    )
    assert len(check({"image-registry": "quay.io"}, allow_public={("app", "x")}).warnings) == 1


@pytest.mark.parametrize(
    ("registry", "value", "private"),
    [
        ("r.io", "r.io", True),
        ("r.io", "r.io/", True),
        ("r.io", "r.io/x", True),
        ("r.io", "r.iox", False),
        ("r.io/x", "r.io", True),
        ("r.io/x", "r.io/", True),
        ("r.io/x", "r.io/x", True),
        ("r.io/x", "r.io/x/", True),
        ("r.io/x", "r.io/x/y", True),
        ("r.io/x", "r.io/xy", False),
        ("r.io/x", "r.io/y", False),
    ],
)
def test_a_part_is_private_in_the_registry_or_as_its_host(
    registry: str, value: str, private: bool
) -> None:
    proof = check({"image-registry": value}, registry=Registry.parse(registry))
    assert len(proof.warnings) == (not private)


def test_a_name_behind_a_registry_is_none_by_itself() -> None:
    options = {"image-registry": f"{R}", "cat-image": "a/b:1"}
    proof = check(options)
    assert (proof.places, proof.warnings) == (1, ())
    assert refused(options, listed="a/c:1") == [
        f"app, option cat-image: a/b:1 is not in the registry {R}"
    ]
    keys = {"image-registry": f"{R}", "cat-image": "quay.io/a/b:1"}
    assert refused(keys) == [f"app, option cat-image: quay.io/a/b:1 is not in the registry {R}"]
    public = {"image-registry": "quay.io", "cat-image": "x/y"}
    assert refused(public) == [f"app, option cat-image: x/y is not in the registry {R}"]


def test_two_images_in_one_place_are_told_with_who_needs_them() -> None:
    problems = refused(
        {"words": "R/a/b:1", "more": "R/a/b:1"},
        (need("words", source="quay.io/a/b:1"), "R/a/b:1"),
        (need("more", source="ghcr.io/a/b:1"), "R/a/b:1"),
        (need("more", source="ghcr.io/a/b:1"), "R/a/b:1"),
    )
    (problem,) = problems
    assert problem == (
        "app, option words() and app, option more(): quay.io/a/b:1 and ghcr.io/a/b:1 are different "
        f"images, and both would be {R}/a/b:1 (retag them with a mapping file, or set one of them "
        "yourself)"
    )


def test_an_image_that_was_in_the_registry_is_no_other_one() -> None:
    check(
        {"words": "R/a/b:1"},
        (need("words", source=f"{R}/a/b:1"), "R/a/b:1"),
        (need("words", source="quay.io/a/b:1"), "R/a/b:1"),
    )
    (problem,) = refused(
        {"words": "R/a/b:1"},
        (need("words", source=f"{R}/a/b:1"), "R/a/b:1"),
        (need("words", source="quay.io/a/b:1"), "R/a/b:1"),
        (need("words", source="ghcr.io/a/b:1"), "R/a/b:1"),
    )
    assert "quay.io/a/b:1 and ghcr.io/a/b:1 are different images" in problem


def test_a_proof_in_json() -> None:
    proof = check(
        {"words": "R/a/b:1", "more": "R/a/b:1"},
        (need("words", source="a/b:1"), "R/a/b:1"),
        (need("more", source="a/b:1"), "R/a/b:1"),
        listed="a/b:1 x/y:1",
    )
    assert proof.to_json() == {
        "places": 2,
        "mapping": [
            {
                "source": "a/b:1",
                "target": f"{R}/a/b:1",
                "needed-by": ["app, option words()", "app, option more()"],
            }
        ],
        "unused": [{"image": f"{R}/x/y:1", "line": 2}],
    }
