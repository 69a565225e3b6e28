"""What is in force in a bundle, and what of it a person set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ckf_airgap.bundle.bundle import Application, Bundle
from ckf_airgap.charms.charm import Charm, DefaultImages, Option, Resource
from ckf_airgap.documents import JSONValue
from ckf_airgap.rendering.witness.inforce import (
    OptionInForce,
    images_in_force,
    is_empty,
    options_in_force,
)
from ckf_airgap.rendering.witness.judging import Verdict
from ckf_airgap.rendering.witness.sightings import Sighting, sightings, texts_in_force

FILE = DefaultImages(
    path="src/default-custom-images.json", text="", value={"a": "x/a:1", "b": "x/b:1"}
)


def charm(*options: str, default: str = "", **more: Any) -> Charm:
    made = {name: Option(name=name, type="string", default=default) for name in options}
    return Charm(name="cat", options=made, **more)


def seen(
    declared: Charm,
    options: Mapping[str, Any] | None = None,
    resources: Mapping[str, str | int] | None = None,
    **more: Any,
) -> list[Sighting]:
    application = Application(
        name="tom", charm="cat", options=dict(options or {}), resources=dict(resources or {})
    )
    bundle = Bundle(applications={"tom": application})
    return list(sightings(bundle, {"tom": declared}, **{"private": "", **more}))


def test_every_option_with_text_is_in_force() -> None:
    options = {
        "port": Option(name="port", type="int", default=80),
        "nothing": Option(name="nothing", type="string", default="~"),
        "words": Option(name="words", type="string", default="hi"),
        "custom_images": Option(name="custom_images", type="string", default=""),
        "more": Option(name="more", type="string"),
        "custom-images": Option(name="custom-images", type="string", default="{a: ''}"),
        "last": Option(name="last", type="string", default="there"),
    }
    declared = Charm(name="cat", options=options, default_images=(FILE,))
    application = Application(name="tom", charm="cat", options={"more": 5, "last": "here"})
    assert list(options_in_force(application, declared)) == [
        OptionInForce("words", "hi"),
        OptionInForce("custom_images", FILE.value, None),
        OptionInForce("custom-images", FILE.value, frozenset({"a", "b"})),
        OptionInForce("last", "here"),
    ]


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        ("", None),
        ("{a: y/a:1}", {"b"}),
        ("{a: y/a:1, b: y/b:1}", set()),
        ("{a: ' ~ ', b: null, c: ''}", {"a", "b"}),
        ("[y/a:1]", set()),
        ("y/a:1", set()),
    ],
)
def test_the_keys_that_are_filled_are_told(given: str, filled: set[str] | None) -> None:
    declared = charm("custom_images", default_images=(FILE,))
    application = Application(name="tom", charm="cat", options={"custom_images": given})
    (one,) = options_in_force(application, declared)
    assert (one.name, one.filled) == ("custom_images", filled)


@pytest.mark.parametrize("value", [None, "", " ", "~", "null", " Null "])
def test_what_is_empty(value: JSONValue) -> None:
    assert is_empty(value)


@pytest.mark.parametrize("value", [0, False, [], {}, "x"])
def test_what_is_not(value: JSONValue) -> None:
    assert not is_empty(value)


def test_the_image_of_each_resource() -> None:
    declared = Charm(
        name="cat",
        resources={
            "file": Resource(name="file", type="file", upstream_source="a/file:1"),
            "none": Resource(name="none"),
            "new": Resource(name="new", upstream_source="a/new:1", old_upstream="a/no:1"),
            "old": Resource(name="old", old_upstream="a/old:1"),
            "number": Resource(name="number", upstream_source="a/number:1"),
            "own": Resource(name="own", upstream_source="a/no:1"),
            "emptied": Resource(name="emptied", upstream_source="a/no:1"),
        },
    )
    application = Application(
        name="tom", charm="cat", resources={"number": 3, "own": "a/own:1", "emptied": ""}
    )
    assert images_in_force(application, declared) == {
        "new": "a/new:1",
        "old": "a/old:1",
        "number": "a/number:1",
        "own": "a/own:1",
    }


def test_every_resource_is_sighted_unless_it_is_no_reference() -> None:
    declared = charm(
        "x-image",
        default="a/x:1",
        resources={
            "odd": Resource(name="odd", upstream_source="https://a/b"),
            "even": Resource(name="even", upstream_source="a/even:1"),
            "own": Resource(name="own", upstream_source="a/own:1"),
        },
    )
    found = seen(declared, own_resources={("tom", "own"), ("tim", "even")})
    assert [(one.where, str(one.reference), one.by_person) for one in found] == [
        ("resource even", "a/even:1", False),
        ("resource own", "a/own:1", True),
        ("option x-image", "a/x:1", False),
    ]
    one = found[0]
    assert (one.application, one.resource, one.option) == ("tom", "even", "")
    assert (one.found.path, one.found.parts, one.left_empty) == ((), (), False)
    judged = one.found.judged
    assert (judged.verdict, judged.text) == (Verdict.IMAGE, "a/even:1")


def test_options_that_make_an_image_are_sighted_as_one() -> None:
    options = {"cat-registry": "q.io", "cat-image": "a/cat", "cat-tag": "1"}
    (one,) = seen(charm(*options), options)
    assert (one.application, one.resource, one.option) == ("tom", "", "cat-image")
    assert (one.found.path, one.found.certain) == ((), True)
    assert one.found.parts == (("cat-registry",), ("cat-image",), ("cat-tag",))
    judged = one.found.judged
    assert (judged.verdict, judged.text) == (Verdict.IMAGE, "q.io/a/cat:1")
    assert str(one.reference) == "q.io/a/cat:1"
    assert not one.by_person
    for option, by_person in (("cat-registry", True), ("cat-image", False)):
        (one,) = seen(charm(*options), options, given={("tom", option): "x"})
        assert one.by_person == by_person


def test_parts_that_may_not_belong_together_are_sighted_by_themselves_too() -> None:
    options = {"image-registry": "quay.io", "cat-image": "a/cat:1"}
    found = seen(charm(*options), options, private="q.io")
    assert [(one.option, str(one.reference), one.found.certain) for one in found] == [
        ("cat-image", "quay.io/a/cat:1", False),
        ("image-registry", "quay.io/name", True),
        ("cat-image", "a/cat:1", True),
    ]


def test_the_registry_in_front_of_what_it_makes_is_a_part_of_its_own() -> None:
    options = {"cat-registry": "quay.io", "cat-image": "a/cat:1"}
    found = seen(charm(*options), options)
    assert [(one.option, one.found.judged.verdict.value) for one in found] == [
        ("cat-image", "image"),
        ("cat-registry", "part"),
    ]


@pytest.mark.parametrize(
    ("name", "stem", "option", "verdict"),
    [
        ("custom_images", "custom-images", "", "image"),
        ("things", "things", "", "image"),
        ("things", "things", "{j: x/j}", "image"),
        ("things", "other", "{k: x/k}", "perhaps"),
        ("image-registry", "image-registry", "{k: x/k}", "perhaps"),
    ],
)
def test_an_option_with_a_file_of_images_holds_images(
    name: str, stem: str, option: str, verdict: str
) -> None:
    file = DefaultImages(path=f"src/default-{stem}.yaml", text="", value={"k": "x/k"})
    found = seen(charm(name, default_images=(file,)), {name: option})
    assert {one.found.judged.verdict.value for one in found} == {verdict}


def test_the_private_registry_is_one_by_name_in_options() -> None:
    options = {"words": "reg.example.com/a:whatever"}
    for private, verdict in (("reg.example.com", Verdict.IMAGE), ("", Verdict.PERHAPS)):
        (one,) = seen(charm("words"), options, private=private)
        assert (one.application, one.resource, one.option) == ("tom", "", "words")
        assert one.found.judged.verdict is verdict


# What a person set


def by_person(given: JSONValue, options: str) -> dict[str, tuple[bool, bool]]:
    """Return for each place whether a person set it, and whether they left it empty."""
    declared = charm("custom_images", "x-image", default="x/x:1", default_images=(FILE,))
    found = seen(declared, {"custom_images": options}, given={("tom", "custom_images"): given})
    return {one.where: (one.by_person, one.left_empty) for one in found}


@pytest.mark.parametrize(
    ("given", "options", "first", "second"),
    [
        ("{a: y/a:1}", "{a: y/a:1, b: r/b:1}", (True, False), (False, False)),
        ("{a: ''}", "{a: '', b: r/b:1}", (True, True), (False, False)),
        ("{a: ' ', b: q}", "{a: ' ', b: x/b:2}", (True, True), (True, False)),
        ("", "", (True, True), (True, True)),
        ("no mapping", "{a: y/a:1, b: r/b:1}", (True, False), (True, False)),
        (5, "{a: y/a:1, b: r/b:1}", (True, False), (True, False)),
    ],
)
def test_of_a_mapping_only_the_keys_that_a_person_wrote_are_theirs(
    given: JSONValue, options: str, first: tuple[bool, bool], second: tuple[bool, bool]
) -> None:
    assert by_person(given, options) == {
        "option custom_images, key a": first,
        "option custom_images, key b": second,
        "option x-image": (False, False),
    }


def test_a_part_of_a_mapping_is_theirs_if_they_wrote_what_stands_in_front() -> None:
    text = "{hub: quay.io/x, tag: '1', cat-image: cat}"
    for given, expected in (("{hub: quay.io/x}", True), ("{cat-image: cat}", False)):
        found = seen(charm("config"), {"config": text}, given={("tom", "config"): given})
        made = [one.by_person for one in found if one.found.parts]
        assert made == [expected]


# Places and texts


def test_places_in_words() -> None:
    text = "{a: ['', {b: 'quay.io/a/b:1'}]}"
    assert [one.where for one in seen(charm("words"), {"words": text})] == [
        "option words, key a[1].b"
    ]
    assert [one.where for one in seen(charm("words"), {"words": "[x, [quay.io/a/b:1]]"})] == [
        "option words, item [1][0]"
    ]
    assert [one.where for one in seen(charm("words"), {"words": "quay.io/a/b:1"})] == [
        "option words"
    ]


def test_every_text_in_force_is_told() -> None:
    options = {
        "words": " plain ",
        "list": "[one, {two: three, four: '{five: six}'}, 7, null]",
        "several": "a: one\n---\nb: two\n",
        "nested": "{a: first, b: [{c: second}, [third], fourth]}",
    }
    application = Application(name="tom", charm="cat", options=dict(options))
    assert sorted(texts_in_force(application, charm(*options))) == [
        ("list", "one"),
        ("list", "six"),
        ("list", "three"),
        ("nested", "first"),
        ("nested", "fourth"),
        ("nested", "second"),
        ("nested", "third"),
        ("several", "one"),
        ("several", "two"),
        ("words", "plain"),
    ]
