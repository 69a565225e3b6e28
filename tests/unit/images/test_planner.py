"""What is read from one option, and how options and the rules for them go together."""

from __future__ import annotations

from typing import Any

import pytest

from ckf_airgap.charms.charm import Charm, DefaultImages, Option, OptionType, OptionValue
from ckf_airgap.documents import load_mapping, load_yaml
from ckf_airgap.errors import OptionError
from ckf_airgap.images.options import plan_options
from ckf_airgap.images.plans import OptionPlan
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.rules import ImageRules


def cat(file: str | None = None, **options: OptionValue | Option | None) -> Charm:
    """Return a charm; ``cat_image`` is the option ``cat-image``, and the file is that of ``x``."""
    made = {}
    for spelled, given in options.items():
        name = spelled.replace("_", "-")
        made[name] = given if isinstance(given, Option) else option(name, given)
    files = []
    if file is not None:
        path = "src/default-x-images.yaml"
        files = [DefaultImages(path=path, text=file, value=load_yaml(file, where=path))]
    return Charm(name="cat", options=made, default_images=tuple(files))


def option(name: str, default: OptionValue | None, kind: OptionType = "string") -> Option:
    return Option(name=name, type=kind, default=default)


def rules(text: str, charm: str = "cat") -> ImageRules:
    options = load_mapping(text, where="rules")
    charms: dict[str, Any] = {charm: {"channel": "1/stable", "options": options}}
    return ImageRules.from_document({"release": "x", "rules": charms}, where="rules")


def plans(
    charm: Charm, text: str = "", values: dict[str, OptionValue] | None = None
) -> dict[str, OptionPlan]:
    given = rules(text) if text else ImageRules.empty()
    return {plan.option: plan for plan in plan_options(charm, values or {}, given)}


def images(plan: OptionPlan) -> list[str]:
    return [str(use.reference) for use in plan.uses]


# Options and rules


def test_an_option_with_a_rule_makes_no_image_with_others() -> None:
    charm = cat(image_registry="quay.io", image_name="acme/cat")
    (registry, name) = plans(charm).values()
    assert registry.composition is name.composition is not None
    assert images(name) == ["quay.io/acme/cat"]
    ruled = plans(charm, "{image-registry: {put-before: ['acme/dog:1']}}")
    assert images(ruled["image-registry"]) == ["quay.io/acme/dog:1"]
    assert images(ruled["image-name"]) == ["acme/cat"]
    assert all(plan.composition is None for plan in ruled.values())
    other = rules("{image-registry: {put-before: ['acme/dog:1']}}", charm="dog")
    assert [images(plan) for plan in plan_options(charm, {}, other)] == [[], ["quay.io/acme/cat"]]


SAME = """
a-image: {same-as: {option: x-images, key: k}, why: of a}
b-image: {same-as: {option: x-images, key: k}, why: of b}
c-image: {same-as: {option: nothing, key: k}}
d-image: {same-as: {option: x-images, key: q}}
"""


def test_every_empty_option_takes_the_image_of_another_place() -> None:
    charm = cat(
        plain=option("plain", 5, "int"),
        x_images="j: acme/j:1\nk: acme/k:1\nl: acme/l:1\n",
        a_image="acme/own:1",
        b_image="",
        c_image="",
        d_image="~",
    )
    found = plans(charm, SAME)
    assert list(found) == ["x-images", "a-image", "b-image"]
    assert images(found["a-image"]) == ["acme/own:1"]
    (use,) = found["b-image"].uses
    assert (use.option, use.path, str(use.reference)) == ("b-image", (), "acme/k:1")
    assert (use.origin, use.why) == ("rule", "of b")
    assert found["b-image"].value == ""
    emptied = plans(charm, SAME, {"a-image": " "})
    assert emptied["a-image"].uses[0].why == "of a"


def test_the_problems_of_all_options_are_told_together() -> None:
    charm = cat(one_image="", two_image="", three=option("three", 3, "int"))
    with pytest.raises(OptionError) as raised:
        plans(charm, values={"one-image": "a/b:1:2", "two-image": "acme//c:1"})
    assert raised.value.message.startswith("cannot determine images of options of cat")
    assert [problem.where for problem in raised.value.problems] == [
        "option one-image",
        "option two-image",
    ]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("int", 3, "acme/cat:3"),
        ("float", 1.5, "acme/cat:1.5"),
        ("boolean", True, "acme/cat"),
        ("secret", None, "acme/cat"),
    ],
)
def test_numbers_make_a_tag(kind: OptionType, value: OptionValue | None, expected: str) -> None:
    charm = cat(image=option("image", "acme/cat"), image_tag=option("image-tag", value, kind))
    assert images(plans(charm)["image"]) == [expected]
    assert list(plans(charm)) == ["image"]


# What stands before names that the rules tell

FRONT = "image-registry: {put-before: ['calico/node:v3'], why: nodes}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("quay.io", "quay.io/calico/node:v3"),
        (" quay.io/ ", "quay.io/calico/node:v3"),
        ("~", "calico/node:v3"),
        ("null", "calico/node:v3"),
        (" / ", "calico/node:v3"),
        ("REG.X", "REG.X/calico/node:v3"),
    ],
)
def test_names_with_a_value_before_them(value: str, expected: str) -> None:
    (found,) = plans(cat(image_registry=value), FRONT).values()
    (use,) = found.uses
    assert (str(use.reference), use.path, use.origin, use.why) == (expected, (), "option", "nodes")
    assert found.value == value
    assert found.put_before == (ImageReference.parse("calico/node:v3"),)


def test_a_value_that_makes_no_name_is_told_with_its_option() -> None:
    (found,) = plans(cat(image_registry="https://quay.io"), FRONT).values()
    (warning,) = found.warnings
    assert warning.where == "option image-registry"
    assert warning.what.endswith("; it is the charm's default")
    assert warning.fix == "set it with --set"
    assert (found.uses, found.value) == ((), "https://quay.io")
    with pytest.raises(OptionError) as raised:
        plans(cat(image_registry=""), FRONT, {"image-registry": "https://quay.io"})
    (problem,) = raised.value.problems
    assert problem.where == "option image-registry"
    assert problem.what.startswith("'https://quay.io/calico/node:v3' is not an image reference")


def test_a_bundle_that_repeats_the_default_is_not_to_blame_for_it() -> None:
    charm = cat(image_registry="quay.io//x")
    (found,) = plans(charm, FRONT, {"image-registry": "quay.io//x"}).values()
    assert [warning.where for warning in found.warnings] == ["option image-registry"]
    with pytest.raises(OptionError):
        plans(charm, FRONT, {"image-registry": "quay.io//y"})


# What is malformed, or may be an image


@pytest.mark.parametrize(
    ("charm", "value", "path"),
    [
        (cat(x_images="k: acme//k:1"), "{j: 'acme//k:1', l: acme/l:1}", "key j"),
        (cat("k: acme//k:1", x_images=""), "{j: 'acme//k:1', l: acme/l:1}", "key j"),
        (cat("- acme//k:1", x_images=""), "[acme/l:1, 'acme//k:1']", "item [1]"),
    ],
    ids=["default", "mapping", "list"],
)
def test_what_is_malformed_in_a_charm_is_a_warning_in_a_bundle_that_repeats_it(
    charm: Charm, value: str, path: str
) -> None:
    found = plans(charm, values={"x-images": value})["x-images"]
    warning = found.warnings[0]
    assert warning.what == (
        "'acme//k:1' is not an image reference: bad repository 'acme//k'; it is the charm's default"
    )
    assert (warning.where, warning.fix) == (f"option x-images, {path}", "set it with --set")
    assert images(found) == ["acme/l:1"]
    with pytest.raises(OptionError) as raised:
        plans(charm, values={"x-images": value.replace("//k:1", "//z:1")})
    (problem,) = raised.value.problems
    assert problem.what == "'acme//z:1' is not an image reference: bad repository 'acme//z'"
    assert problem.where == f"option x-images, {path}"


def test_what_is_well_formed_in_a_charm_does_not_excuse_a_bundle() -> None:
    charm = cat("{k: acme/k:1, l: words of it}", x_images="")
    with pytest.raises(OptionError):
        plans(charm, values={"x-images": "j: 'acme//k:1'"})


def test_a_malformed_default_is_a_warning() -> None:
    (found,) = plans(cat(x_image="acme//k:1")).values()
    assert [(str(one.where), one.fix) for one in found.warnings] == [
        ("option x-image", "set it with --set")
    ]


def test_what_may_be_an_image_is_told_with_place_and_fix() -> None:
    (found,) = plans(cat(x_image="busybox")).values()
    (warning,) = found.warnings
    assert warning.where == "option x-image"
    assert warning.what == "'busybox' may be an image on Docker Hub, but is left unchanged"
    assert warning.fix.startswith("add it to the list of images if it is one")
    (found,) = plans(cat(x_images="{a: 'acme/a:1', image-registry: quay.io}")).values()
    (warning,) = found.warnings
    assert warning.where == "option x-images, key image-registry"
    assert warning.fix.startswith("--set it to the place in the private registry; add it")
    (found,) = plans(cat(image_registry="quay.io")).values()
    (warning,) = found.warnings
    assert warning.where == "option image-registry"
    assert warning.fix == (
        "--set APP.image-registry to the place of its images in the private registry; or name "
        "them under put-before in a file for --rules, if the charm puts it before their names"
    )


def test_only_an_option_that_is_called_images_holds_a_mapping_or_hub_of_them() -> None:
    hub = "{hub: quay.io, tag: '1', cat-image: cat}"
    assert plans(cat(x_images=hub))["x-images"].composite is not None
    assert "words" not in plans(cat(words=hub)) or plans(cat(words=hub))["words"].composite is None
    (found,) = plans(cat(words="{a: '', b: 'acme/b:1.2'}")).values()
    assert (images(found), found.warnings) == (["acme/b:1.2"], ())


def test_what_a_bundle_sets_makes_an_image_together() -> None:
    charm = cat(image_registry="quay.io", image_name="acme/cat", image_tag="1")
    found = plans(charm, values={"image-registry": "ghcr.io", "image-tag": 2})
    assert [(name, plan.value) for name, plan in found.items()] == [
        ("image-registry", "ghcr.io"),
        ("image-name", "acme/cat"),
        ("image-tag", "2"),
    ]
    assert [(use.path, str(use.reference)) for use in found["image-name"].uses] == [
        ((), "ghcr.io/acme/cat:2")
    ]


def test_the_origin_of_an_image_is_told() -> None:
    charm = cat(image_registry="quay.io", image_name="acme/cat", x_images="a: acme/a:1")
    found = plans(charm, values={"image-name": "acme/cat"})
    assert [use.origin for use in found["image-name"].uses] == ["bundle"]
    assert [use.why for use in found["image-name"].uses] == [""]
    assert [use.origin for use in plans(charm)["image-name"].uses] == ["option"]
    assert [use.origin for use in found["x-images"].uses] == ["option"]
    value = "{hub: quay.io, tag: '1', a: cat, b: dog, c: 'acme/c:1'}"
    uses = plans(cat(x_images=value), HUB)["x-images"].uses
    assert [(use.path, use.origin, use.why) for use in uses] == [
        (("a",), "option", ""),
        (("b",), "option", ""),
        (("c",), "option", ""),
    ]


# Mappings with defaults


def test_a_file_with_what_is_no_reference_is_told_where_it_counts() -> None:
    file = "{a: 'acme//a:1', b: 'acme//b:1', c: 'acme//c:1', d: some words, e: 'acme/e:1'}"
    charm = cat(file, x_images="")
    value = "{a: '', c: 'acme/c:2', e: '', image-pull-policy: ''}"
    (found,) = plans(charm, values={"x-images": value}).values()
    assert [(one.where, one.what) for one in found.warnings] == [
        (
            f"option x-images, key {key}",
            (
                f"'acme//{key}:1' is not an image reference: bad repository 'acme//{key}'; it is "
                "the charm's default"
            ),
        )
        for key in ("a", "b")
    ]
    assert [(use.path, use.origin) for use in found.uses] == [
        (("c",), "bundle"),
        (("e",), "file"),
    ]


def test_an_empty_key_that_nothing_explains() -> None:
    charm = cat(x_images="{a: '', b: 'acme/b:1', image-pull-policy: '', image-tag: ''}")
    (found,) = plans(charm).values()
    (warning,) = found.warnings
    assert warning.what == "the value is empty, and nothing says which image it stands for"
    assert (warning.where, warning.fix) == ("option x-images, key a", "")


def test_a_file_is_completed_by_the_rules() -> None:
    text = "x-images: {images: {a: {image: 'acme/no:1'}, b: {image: 'acme/b:1', why: of b}}}"
    (found,) = plans(cat("a: acme/a:1\n", x_images=""), text).values()
    assert [(str(use.reference), use.origin, use.why) for use in found.uses] == [
        ("acme/a:1", "file", ""),
        ("acme/b:1", "rule", "of b"),
    ]


def test_a_word_in_a_file_is_an_image_if_it_is_listed() -> None:
    charm = cat("{a: busybox, b: acme/b}", x_images="a: ''")
    assert [images(plan) for plan in plan_options(charm, {}, ImageRules.empty())] == [["acme/b"]]
    known = {ImageReference.parse("busybox")}
    (found,) = plan_options(charm, {}, ImageRules.empty(), known=known.__contains__)
    assert images(found) == ["busybox", "acme/b"]


# Files of the charm, and empty options


def test_an_empty_option_takes_the_file_of_its_charm() -> None:
    (found,) = plans(cat("k: acme/k:1\nl: quay.io/acme/l\n", x_images="")).values()
    assert [(use.path, str(use.reference), use.origin) for use in found.uses] == [
        (("k",), "acme/k:1", "file"),
        (("l",), "quay.io/acme/l", "file"),
    ]
    assert found.value == "k: acme/k:1\nl: quay.io/acme/l\n"
    (found,) = plans(cat("- acme/k:1\n", x_images="")).values()
    assert [(use.path, str(use.reference), use.origin) for use in found.uses] == [
        ((0,), "acme/k:1", "file")
    ]
    assert found.value == "- acme/k:1\n"


def test_an_empty_option_that_nothing_explains() -> None:
    (found,) = plans(cat(y_image="")).values()
    (warning,) = found.warnings
    assert warning.what == "the option is empty, and nothing says which image belongs there"
    assert warning.fix == "set it with --set if the charm pulls an image for it"
    assert (found.option, found.value, found.uses) == ("y-image", "", ())


# Hub, tag and names

HUB = """
x-images:
  composite:
    hub: hub
    tag: tag
    names: [a, b]
    extra: [{name: more, when-set: [first, second], why: of both}]
"""


def test_parts_that_are_missing_are_told_with_what_to_do() -> None:
    with pytest.raises(OptionError) as raised:
        plans(cat(x_images="{hub: '', a: cat}"), HUB)
    assert [(problem.where, problem.what) for problem in raised.value.problems] == [
        ("option x-images, key hub", "the key is missing or empty"),
        ("option x-images, key tag", "the key is missing or empty"),
        ("option x-images, key b", "the key is missing or empty"),
    ]
    assert {problem.fix for problem in raised.value.problems} == {
        "write the whole value: the charm does not fill in what is left out"
    }


def test_every_name_that_makes_no_reference_is_told() -> None:
    with pytest.raises(OptionError) as raised:
        plans(cat(x_images="{hub: quay.io, tag: '1', a: Cat, b: Dog}"), HUB)
    assert [problem.where for problem in raised.value.problems] == [
        "option x-images, key a",
        "option x-images, key b",
    ]


@pytest.mark.parametrize(
    ("kind", "first", "second", "count"),
    [("int", None, "x", 2), ("int", 1, "x", 3), ("string", "x", " ", 2)],
)
def test_an_extra_image_needs_all_its_options(
    kind: OptionType, first: OptionValue | None, second: str, count: int
) -> None:
    one = option("first", first, kind)
    text = "{hub: quay.io, tag: '1', a: cat, b: dog}"
    found = plans(cat(x_images=text, first=one, second=second), HUB)
    uses = found["x-images"].uses
    assert [str(use.reference) for use in uses] == [
        "quay.io/cat:1",
        "quay.io/dog:1",
        "quay.io/more:1",
    ][:count]
    assert [use.path for use in uses] == [("a",), ("b",), ("more",)][:count]
    assert [use.why for use in uses] == ["", "", "of both"][:count]
    assert {use.origin for use in uses} == {"option"}
    given = plans(cat(x_images=""), HUB, {"x-images": text})
    assert {use.origin for use in given["x-images"].uses} == {"bundle"}
