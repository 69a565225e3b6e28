"""A value is walked: each text of it is judged by what its keys, neighbours and words say."""

from __future__ import annotations

import json

import pytest

from ckf_airgap.images.compositions import Composition, ReferencePart
from ckf_airgap.images.judge import Verdict
from ckf_airgap.images.keys import Meaning
from ckf_airgap.images.optionrules import Composite
from ckf_airgap.images.recognise import (
    MAX_NESTED,
    Candidate,
    candidates_in_options,
    composed_options,
    find_candidates,
    hub_and_names,
)
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.scalars import ValueText


def found(
    value: str, name: str = "config", *, said: Meaning | None = None, known: str = ""
) -> list[tuple[object, ...]]:
    """Return path, text and certainty of each candidate of a value."""
    listed = {ImageReference.parse(text) for text in known.split()}
    return [
        (candidate.path, candidate.text, candidate.verdict.certainty)
        for candidate in find_candidates(
            ValueText.parse(value), name, said=said, known=listed.__contains__
        )
    ]


def in_options(values: dict[str, str]) -> list[tuple[object, ...]]:
    """Return option, path, text and image of each candidate of a charm's options."""
    return [
        (name, candidate.path, candidate.text, str(candidate.image))
        for name, candidate in candidates_in_options(values)
    ]


# What names say


def test_what_the_option_holds_is_said_by_its_name_or_by_the_caller() -> None:
    assert found("acme/cat", "x-image") == [((), "acme/cat", "sure")]
    assert found("acme/cat", "x") == []
    assert found("acme/cat", "x", said=Meaning("image")) == [((), "acme/cat", "sure")]
    assert found("acme/cat", "x-image", said=Meaning("nothing")) == []


def test_the_innermost_name_that_says_something_counts() -> None:
    value = "{a: {disk-image: {b: acme/cat}}, c: {x-image: [acme/cat]}, d: acme/cat}"
    assert found(value, "images") == [
        (("c", "x-image", 0), "acme/cat", "sure"),
        (("d",), "acme/cat", "sure"),
    ]


def test_a_name_says_what_a_document_inside_a_string_holds() -> None:
    nested = json.dumps({"x": "acme/cat"})
    assert found(json.dumps({"images": nested})) == [(("images", "x"), "acme/cat", "sure")]
    assert found(json.dumps({"note": nested})) == []
    assert found(json.dumps({"disk-image": nested}), "images") == []
    assert found(json.dumps({"note": nested}), "images") == [(("note", "x"), "acme/cat", "sure")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("- {name: X_IMAGE, value: acme/a}\n", [(0, "value")]),
        ("- {VALUE: acme/a, KEY: X_IMAGE}\n", [(0, "VALUE")]),
        ("- {name: X_IMAGE, key: X_PORT, value: acme/a}\n", [(0, "value")]),
        ("- {name: X_PORT, key: X_IMAGE, value: acme/a}\n", []),
        ("- {name: X_IMAGE, other: acme/a}\n", []),
        ("- {name: ~, value: acme/a}\n", []),
        ("- {value: acme/a}\n", []),
        ("- {name: X_IMAGE, x: {value: acme/a}}\n", []),
        ("- {name: X_IMAGE}\n- {value: acme/a}\n", []),
        ("- {value: acme/b}\n- {name: X_IMAGE, value: acme/a}\n", [(1, "value")]),
        ("{name: X_IMAGE, value: acme/a}", [("value",)]),
        ("{a: {name: X_IMAGE, value: acme/a}, b: {name: X, value: c/d}}", [("a", "value")]),
        ("{a: {b: {name: X_IMAGE, value: acme/a}}}", [("a", "b", "value")]),
        ("{a: {b: {name: X_IMAGE}, name: X, value: acme/a}}", []),
    ],
)
def test_a_value_is_called_by_the_name_beside_it(
    value: str, expected: list[tuple[object, ...]]
) -> None:
    assert [path for path, _, _ in found(value)] == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("[--image, acme/a, acme/b]", [(1,)]),
        ("[x, --image, acme/a]", [(2,)]),
        ("[acme/a, --image]", []),
        ("[-image, acme/a]", [(1,)]),
        ("[image, acme/a]", []),
        ("[--disk-image, acme/a]", []),
        ("[~, acme/a]", []),
        ("{args: [--image, acme/a]}", [("args", 1)]),
        ("{args: [[--image], acme/a]}", []),
        ("{args: [--image, [acme/a]]}", []),
        ("{a: [--image, X], b: [y, acme/a]}", []),
        ("[[a, --image], [b, acme/a]]", []),
        ("[[--image, acme/a], [--image, acme/b]]", [(0, 1), (1, 1)]),
        ("{--image: acme/a, b: acme/c}", [("--image",)]),
    ],
)
def test_an_item_is_called_by_the_flag_before_it(
    value: str, expected: list[tuple[object, ...]]
) -> None:
    assert [path for path, _, _ in found(value)] == expected


# Neighbours


def test_images_in_one_list_or_mapping_share_their_hosts() -> None:
    assert found("[a.example/b/c:1, a.example/d]") == [
        ((0,), "a.example/b/c:1", "sure"),
        ((1,), "a.example/d", "sure"),
    ]
    assert found("[b.example/b/c:1, a.example/d]") == [
        ((0,), "b.example/b/c:1", "sure"),
        ((1,), "a.example/d", "maybe"),
    ]
    assert found("{x: [a.example/b/c:1, a.example/d]}") == [
        (("x", 0), "a.example/b/c:1", "sure"),
        (("x", 1), "a.example/d", "sure"),
    ]
    assert found("{x-image: a.example/b, y: a.example/d}") == [
        (("x-image",), "a.example/b", "sure"),
        (("y",), "a.example/d", "sure"),
    ]
    assert found("{x: [a.example/b/c:1], y: [a.example/d]}") == [
        (("x", 0), "a.example/b/c:1", "sure")
    ]


def test_what_makes_an_image_together_has_no_neighbours() -> None:
    value = "{repository: a.example/b/c, tag: '1', other: a.example/d}"
    assert found(value, "image") == [
        (("repository",), "a.example/b/c", "sure"),
        (("other",), "a.example/d", "sure"),
    ]
    assert found("{x: {image: a.example/b/c, tag: '1', y: a.example/d}}") == [
        (("x", "image"), "a.example/b/c", "sure")
    ]


@pytest.mark.parametrize(
    ("value", "name", "expected"),
    [
        ("[a/b:1.2, a//b:1]", "config", [((1,), "a//b:1", "malformed")]),
        ("{x: a/b:1.2, y: a//b:1}", "config", []),
        ("[a/b, a//b:1]", "config", []),
        ("[a/b:1.2, a//b:1]", "disk-images", []),
        ("{images: {x: a//b:1}}", "config", [(("images", "x"), "a//b:1", "malformed")]),
        ("{images: {x: {y: a//b:1}}}", "config", []),
        ("{images: [[a//b:1]]}", "config", [(("images", 0, 0), "a//b:1", "malformed")]),
        ("{x: a//b:1}", "images", [(("x",), "a//b:1", "malformed")]),
        ("{x: {y: a//b:1}}", "images", []),
        ("{x: {image: a//b:1}}", "images", [(("x", "image"), "a//b:1", "malformed")]),
        ("{x: {image: {y: {z: a//b:1}}}}", "images", []),
        ("{x: a//b:1}", "config", []),
    ],
)
def test_what_must_be_an_image(value: str, name: str, expected: list[tuple[object, ...]]) -> None:
    doubts = [one for one in found(value, name) if one[2] == "malformed"]
    assert doubts == expected


@pytest.mark.parametrize(
    ("value", "name", "expected"),
    [
        ("busybox", "x-image", [()]),
        ("busybox", "x-images", []),
        ("busybox", "config", []),
        ("[busybox, a/b:1.2]", "x-images", [(0,)]),
        ("[busybox, a/b:1.2]", "config", []),
        ("[busybox, cat]", "x-images", []),
        ("[busybox, cat]", "x-image", [(0,), (1,)]),
        ("{k: busybox, x: a/b:1.2}", "x-images", []),
        ("{my-image: busybox}", "config", [("my-image",)]),
        ("{my-image: [busybox]}", "config", [("my-image", 0)]),
        ("{my-image: {x: busybox}}", "config", []),
        ("{image-x: busybox}", "config", []),
        ("{name: X_IMAGE, value: busybox}", "config", [("value",)]),
        ("{name: X_IMAGES, value: busybox}", "config", []),
        ("[--image, busybox]", "config", [(1,)]),
    ],
)
def test_a_bare_word_may_be_an_image_where_a_name_says_one(
    value: str, name: str, expected: list[tuple[object, ...]]
) -> None:
    assert [path for path, _, certainty in found(value, name) if certainty == "maybe"] == expected


# Texts


def test_a_text_of_words_is_no_image_as_a_whole() -> None:
    assert found("see acme/cat:1.2 and a/b", "config") == [
        (("line 1 column 5",), "acme/cat:1.2", "sure")
    ]
    assert found("{note: 'see acme/cat:1.2'}") == [
        (("note", "line 1 column 5"), "acme/cat:1.2", "sure")
    ]


def test_in_prose_the_name_of_the_option_says_nothing_of_a_word() -> None:
    assert found("use acme/cat, not this", "x-image") == []
    assert found("acme/cat, acme/dog", "x-images") == [
        (("line 1 column 1",), "acme/cat", "sure"),
        (("line 1 column 11",), "acme/dog", "sure"),
    ]
    assert found("acme/cat, acme/dog", "config") == []


def test_a_word_is_called_by_what_is_in_front_of_it() -> None:
    value = "% --image acme/a --port x/y PET_IMAGE=acme/b image: acme/c acme/d --disk-image a/b:1"
    assert [text for _, text, _ in found(value)] == ["acme/a", "acme/b", "acme/c", "a/b:1"]
    assert found("acme/a acme/a --image acme/a") == [(("line 1 column 23",), "acme/a", "sure")]
    assert found("IMAGE=acme/a,DISK_IMAGE=acme/b,acme/c", "x-images") == [
        (("line 1 column 7",), "acme/a", "sure"),
        (("line 1 column 32",), "acme/c", "sure"),
    ]


def test_a_part_between_commas_that_is_no_word_is_told_with_the_whole() -> None:
    assert found("busybox\n", "x-image") == [((), "busybox\n", "maybe")]
    assert found("busybox, cat", "x-image") == []
    assert found("quay.io/a/,", "image-prefix") == [((), "quay.io/a/,", "maybe")]
    assert found("quay.io/a/, quay.io/b/", "image-prefix") == [
        ((), "quay.io/a/", "maybe"),
        ((), "quay.io/b/", "maybe"),
    ]
    assert found(" a//b:1\n", "x-image") == [((), "a//b:1", "malformed")]
    assert found("a//b:1, a/b:1, c//d:1", "x-images") == [
        (("line 1 column 9",), "a/b:1", "sure"),
        ((), "a//b:1", "malformed"),
        ((), "c//d:1", "malformed"),
    ]
    assert found("a//b:1, c//d:1", "config") == []
    assert found("{k: ' a//b:1'}", "images") == [(("k",), "a//b:1", "malformed")]


def test_what_is_listed_is_found_as_a_whole_and_as_a_word() -> None:
    assert found("acme/cat", known="acme/cat") == [((), "acme/cat", "sure")]
    assert found("an acme/cat", known="acme/cat") == [(("line 1 column 4",), "acme/cat", "sure")]
    assert found("an acme/cat") == []


def test_empty_values_and_null_are_nothing() -> None:
    for value in ("", "~", "{image: ''}", "{image: ~}", "image:\nimages:\n", "[~, '', a/b:1.2]"):
        assert all(text == "a/b:1.2" for _, text, _ in found(value, "x-image"))


# Documents inside strings


def test_a_document_in_a_string_is_read_down_to_the_last_level() -> None:
    value = '{"image": "acme/a"}'
    for depth in range(MAX_NESTED + 1):
        assert found(value) == [(("k",) * depth + ("image",), "acme/a", "sure")]
        value = json.dumps({"k": value})
    assert found(value) == []


def test_a_text_that_is_no_document_has_none_inside() -> None:
    assert found("'{image: acme/a}'") == []
    assert found(json.dumps(["plain text", "image: acme/a"])) == [((1, "image"), "acme/a", "sure")]


# Values that make an image together


def part(text: str, *path: str | int) -> ReferencePart:
    return ReferencePart(path, text)


def test_keys_of_a_mapping_make_an_image_together() -> None:
    inner = {"registry": "quay.io", "repository": "acme/cat", "tag": "1", "digest": ""}
    (candidate,) = find_candidates(ValueText.parse(json.dumps({"x": {"image": inner}})), "config")
    made = ImageReference.parse("quay.io/acme/cat:1")
    at = ("x", "image")
    assert candidate == Candidate(
        path=(*at, "repository"),
        text="acme/cat",
        verdict=Verdict(certainty="sure", reference=made),
        composition=Composition(
            reference=made,
            name=part("acme/cat", *at, "repository"),
            fronts=(part("quay.io", *at, "registry"),),
            tag=part("1", *at, "tag"),
            digest=part("", *at, "digest"),
        ),
    )


def test_paths_of_what_keys_make_lead_through_the_document_around_it() -> None:
    inner = json.dumps({"image": {"hub": "q.io/x", "name": "cat", "tag": "1", "digest": ""}})
    (candidate,) = find_candidates(ValueText.parse(json.dumps({"pod": inner})), "config")
    at = ("pod", "image")
    assert candidate.composition == Composition(
        reference=ImageReference.parse("q.io/x/cat:1"),
        name=part("cat", *at, "name"),
        fronts=(part("q.io/x", *at, "hub"),),
        tag=part("1", *at, "tag"),
        digest=part("", *at, "digest"),
    )


@pytest.mark.parametrize(
    ("value", "name", "expected"),
    [
        ("{repository: acme/cat, tag: v1}", "image", ["acme/cat:v1"]),
        ("{repository: acme/cat, tag: v1}", "config", []),
        ("{repository: quay.io/acme/cat, tag: v1}", "config", ["quay.io/acme/cat:v1"]),
        ("{image-repository: acme/cat, tag: v1}", "config", ["acme/cat:v1"]),
        ("{image: acme/cat, tag: v1}", "config", ["acme/cat:v1"]),
        ("{a-image: acme/cat, a-tag: v1}", "config", ["acme/cat"]),
        ("{image: acme/cat}\n", "config", ["acme/cat"]),
        ("{image: {registry: quay.io, repository: acme/cat}}", "config", ["quay.io/acme/cat"]),
        ("{image: {name: acme/cat, tag: ~}}", "config", ["acme/cat"]),
        ("{image: acme/cat, x: {tag: v1}}", "config", ["acme/cat"]),
        ("{x: {image: acme/cat}, y: {tag: v1}}", "config", ["acme/cat"]),
        ("{x: {image: acme/a, tag: v1}, y: {image: acme/b, tag: v2}}", "config", ["*", "*"]),
        ("{x: {image: acme/a, tag: v1}, other: acme/b:1.2}", "config", ["*", "acme/b:1.2"]),
        ("{image: acme/a, tag: v1, other: acme/b:1.2}", "config", ["*", "acme/b:1.2"]),
        ("[{repository: acme/a, tag: v1}, {repository: acme/b, tag: v2}]", "images", ["*", "*"]),
    ],
)
def test_which_keys_make_an_image_together(value: str, name: str, expected: list[str]) -> None:
    images = [one.image for one in find_candidates(ValueText.parse(value), name)]
    assert len(images) == len(expected)
    for image, text in zip(images, expected, strict=True):
        assert image is not None
        assert text in ("*", str(image))
        assert text != "*" or image.tag in ("v1", "v2")


def test_options_make_an_image_together() -> None:
    values = {"x": "y", "image-tag": "1", "image-name": "acme/cat", "other-image": "a/b:1"}
    made = composed_options(values)
    expected = Composition(
        reference=ImageReference.parse("acme/cat:1"),
        name=part("acme/cat", "image-name"),
        tag=part("1", "image-tag"),
        options=True,
    )
    assert made == {"image-name": expected, "image-tag": expected}
    (first, second) = candidates_in_options(values)
    assert first == (
        "image-name",
        Candidate(
            path=(),
            text="acme/cat",
            verdict=Verdict(certainty="sure", reference=ImageReference.parse("acme/cat:1")),
            composition=expected,
        ),
    )
    assert second[0] == "other-image"


# A hub, a tag and names

HUB = "{hub: docker.io/istio, tag: '1.2', pilot-image: pilot, port: '80', note: cat}"


def test_a_hub_a_tag_and_names_in_one_mapping() -> None:
    assert hub_and_names(ValueText.parse(HUB)) == Composite(
        hub="hub", tag="tag", names=("pilot-image",)
    )
    value = "{image-hub: a, image-tag: b, x-image: c, y-image: d, z-image: e/f, z: {image: g}}"
    assert hub_and_names(ValueText.parse(value)) == Composite(
        hub="image-hub", tag="image-tag", names=("x-image", "y-image")
    )


@pytest.mark.parametrize(
    "value",
    [
        "{tag: '1.2', pilot-image: pilot}",
        "{hub: docker.io/istio, pilot-image: pilot}",
        "{hub: docker.io/istio, tag: '1.2'}",
        "{hub: docker.io/istio, tag: '1.2', pilot: pilot}",
        "{hub: docker.io/istio, tag: '1.2', pilot-image: ~}",
        "{hub: docker.io/istio, tag: '1.2', pilot-image: Pilot}",
        "{hub: docker.io/istio, tag: '1.2', x: {pilot-image: pilot}}",
        "{hub: docker.io/istio, a-hub: x, tag: '1.2', pilot-image: pilot}",
        "{hub: docker.io/istio, tag: '1.2', a-tag: x, pilot-image: pilot}",
        "[hub, tag, pilot-image]",
        "pilot",
        "",
    ],
)
def test_no_hub_and_names(value: str) -> None:
    assert hub_and_names(ValueText.parse(value)) is None


def test_names_below_a_hub_are_images_where_the_option_says_so() -> None:
    pilot = ImageReference.parse("docker.io/istio/pilot:1.2")
    assert list(candidates_in_options({"image-configuration": HUB})) == [
        (
            "image-configuration",
            Candidate(
                path=("pilot-image",),
                text="docker.io/istio/pilot:1.2",
                verdict=Verdict(certainty="sure", reference=pilot),
            ),
        )
    ]
    assert in_options({"config": HUB}) == [
        ("config", ("hub",), "docker.io/istio", "None"),
        ("config", ("pilot-image",), "pilot", "None"),
    ]


@pytest.mark.parametrize(
    ("hub", "tag"),
    [("{a: b}", "'1'"), ("~", "'1'"), ("x", "{a: b}"), ("x", "~"), ("x", "''"), ("a//b", "'1'")],
)
def test_what_is_no_hub_or_tag_makes_no_image(hub: str, tag: str) -> None:
    value = f"{{hub: {hub}, tag: {tag}, pilot-image: pilot}}"
    assert [image for *_, image in in_options({"image-configuration": value})] == []
