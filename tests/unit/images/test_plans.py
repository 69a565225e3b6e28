"""How the value of an option is written with other images in it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping

import pytest

from ckf_airgap.charms.charm import Charm, Option
from ckf_airgap.errors import OptionError
from ckf_airgap.images.compositions import Composition, ReferencePart
from ckf_airgap.images.optionrules import Composite
from ckf_airgap.images.options import plan_options
from ckf_airgap.images.places import KeyPath
from ckf_airgap.images.plans import Find, ImageUse, OptionPlan, place_of, rewrite
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.images.scalars import ValueText

HEX = "a" * 64


def image(text: str) -> ImageReference:
    return ImageReference.parse(text)


def to(places: Mapping[str, str]) -> Find:
    return lambda source: image(places[str(source)])


def uses(named: Mapping[KeyPath, str]) -> tuple[ImageUse, ...]:
    return tuple(
        ImageUse(option="x", path=path, reference=image(text), origin="bundle")
        for path, text in named.items()
    )


# Names that a value is put before


def front(value: str, *names: str) -> OptionPlan:
    named = tuple(use for name in names for use in uses({(): f"q.io/{name}"}))
    return OptionPlan(option="x", value=value, uses=named, put_before=tuple(map(image, names)))


def test_a_front_is_what_all_names_begin_with() -> None:
    plan = front("q.io/ ", "a/b", "c:1")
    places = {"q.io/a/b": "r.io/ckf/a/b:latest", "q.io/c:1": "r.io/ckf/c:1"}
    assert plan.render(to(places)) == "r.io/ckf/"
    assert front("q.io", "a/b:latest").render(to({"q.io/a/b:latest": "r.io/a/b"})) == "r.io"


def test_names_in_different_places_are_told_by_place() -> None:
    plan = front("q.io", "a:1", "b:1", "c:1")
    places = {"q.io/a:1": "r.io/x/a:1", "q.io/b:1": "r.io/y/b:1", "q.io/c:1": "r.io/x/c:1"}
    with pytest.raises(OptionError, match="begin with it are in different places") as raised:
        plan.render(to(places))
    assert [problem.what for problem in raised.value.problems] == [
        "r.io/x: r.io/x/a:1, r.io/x/c:1",
        "r.io/y: r.io/y/b:1",
    ]
    assert raised.value.fix == "Push them to one path."


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("a:1", "r.io/a:2"),
        ("a:1", "r.io/a"),
        ("a", "r.io/a:1"),
        ("a:1", "r.io/b:1"),
        (f"a@sha256:{HEX}", "r.io/a:latest"),
        (f"a@sha256:{HEX}", "r.io/a"),
    ],
)
def test_a_target_that_no_front_makes_of_the_name_is_refused(name: str, target: str) -> None:
    plan = front("q.io", name)
    with pytest.raises(OptionError, match="does not end in") as raised:
        plan.render(to({f"q.io/{name}": target}))
    assert raised.value.message == (
        f"option x: {target} does not end in {name}, which the charm puts the value before"
    )
    assert raised.value.fix == ("Push it under that name and tag, or set the option with --set.")


def test_a_front_has_as_many_names_as_uses() -> None:
    plan = OptionPlan(option="x", value="", uses=uses({(): "a:1"}), put_before=(image("a:1"),) * 2)
    with pytest.raises(ValueError, match="zip"):
        plan.render(to({"a:1": "r.io/a:1"}))


# Hub, tag and names

HUB = Composite(hub="hub", tag="tag", names=("a", "b"))
VALUE = "hub: q.io/x\ntag: '1'\na: cat\nb: dog\nc: y/z:1\n"
NAMED: dict[KeyPath, str] = {("a",): "q.io/x/cat:1", ("b",): "q.io/x/dog:1", ("c",): "y/z:1"}


def hub(named: Mapping[KeyPath, str] = NAMED) -> OptionPlan:
    return OptionPlan(option="x", value=VALUE, uses=uses(named), composite=HUB)


def test_a_name_of_a_hub_may_be_another_in_the_registry() -> None:
    places = {"q.io/x/cat:1": "r.io/e/x--cat:1", "q.io/x/dog:1": "r.io/e/dog:1", "y/z:1": "r.io/z"}
    assert hub().render(to(places)) == (
        "hub: r.io/e\ntag: '1'\na: x--cat\nb: dog\nc: r.io/z:latest\n"
    )
    places["q.io/x/dog:1"] = "r.io/d/e/f/dog:1"
    places["q.io/x/cat:1"] = "r.io/d/e/f/x--cat:1"
    assert hub().render(to(places)).startswith("hub: r.io/d/e/f\ntag: '1'\na: x--cat\nb: dog\n")


def test_a_name_of_a_hub_may_have_a_path() -> None:
    value = "{hub: q.io, tag: '1', a: x/cat, b: dog}"
    named: dict[KeyPath, str] = {("a",): "q.io/x/cat:1"}
    plan = OptionPlan(option="x", value=value, uses=uses(named), composite=HUB)
    after = plan.render(to({"q.io/x/cat:1": "r.io/x/cat:1"}))
    assert after == value.replace("q.io", "r.io")


def test_an_image_that_no_key_names_keeps_its_name() -> None:
    plan = hub({**NAMED, ("more",): "q.io/x/more:1"})
    places = {
        "q.io/x/cat:1": "r.io/cat:1",
        "q.io/x/dog:1": "r.io/dog:1",
        "y/z:1": "r.io/z:1",
        "q.io/x/more:1": "r.io/more:1",
    }
    assert plan.render(to(places)) == "hub: r.io\ntag: '1'\na: cat\nb: dog\nc: r.io/z:1\n"
    with pytest.raises(OptionError) as raised:
        plan.render(to({**places, "q.io/x/more:1": "r.io/x--more:1"}))
    assert raised.value.message == (
        "option x: r.io/x--more:1 does not end in the name more, so hub and tag cannot name it"
    )


def test_names_of_one_hub_in_different_places_are_told_by_place() -> None:
    places = {"q.io/x/cat:1": "r.io/cat:1", "q.io/x/dog:1": "r.io/dog:2", "y/z:1": "r.io/z:1"}
    with pytest.raises(OptionError) as raised:
        hub().render(to(places))
    assert raised.value.message == (
        "option x: the images that share hub and tag are in different places"
    )
    assert [problem.what for problem in raised.value.problems] == [
        "r.io with tag 1: r.io/cat:1",
        "r.io with tag 2: r.io/dog:2",
    ]
    assert raised.value.fix == "Push them to one path under one tag."


def test_a_reference_deep_in_a_value_with_a_hub_is_written_in_its_place() -> None:
    value = json.dumps({"hub": "q.io", "tag": "1", "a": "cat", "b": "dog", "c": {"d": "y/z:1"}})
    named: dict[KeyPath, str] = {("a",): "q.io/cat:1", ("c", "d"): "y/z:1"}
    plan = OptionPlan(option="x", value=value, uses=uses(named), composite=HUB)
    after = json.loads(plan.render(to({"q.io/cat:1": "r.io/cat", "y/z:1": "r.io/z:1"})))
    assert after == {"hub": "r.io", "tag": "latest", "a": "cat", "b": "dog", "c": {"d": "r.io/z:1"}}


# Options and keys that make an image together


def made(option: str, value: str, *, named: bool) -> OptionPlan:
    composition = Composition(
        reference=image("q.io/a/cat:1"),
        fronts=(ReferencePart(("x-registry",), "q.io"), ReferencePart(("x-namespace",), "a")),
        name=ReferencePart(("x-image",), "cat"),
        tag=ReferencePart(("x-tag",), "1"),
        options=True,
    )
    own = uses({(): "q.io/a/cat:1"}) if named else ()
    return OptionPlan(option=option, value=value, uses=own, composition=composition)


def test_each_option_gets_its_part() -> None:
    places = to({"q.io/a/cat:1": "r.io/b/dog:2"})
    assert made("x-registry", "q.io", named=False).render(places) == "r.io"
    assert made("x-namespace", "a", named=False).render(places) == "b"
    assert made("x-image", "cat", named=True).render(places) == "dog"
    assert made("x-tag", "1", named=False).render(places) == "2"
    same = to({"q.io/a/cat:1": "r.io/a/cat:1"})
    assert made("x-namespace", "a", named=False).render(same) == "a"


def test_the_option_with_the_name_tells_what_is_wrong() -> None:
    places = to({"q.io/a/cat:1": "r.io/cat:1"})
    assert made("x-registry", "q.io", named=False).render(places) == "q.io"
    with pytest.raises(OptionError, match="it has fewer levels"):
        made("x-image", "cat", named=True).render(places)


def test_an_option_without_images_is_not_written() -> None:
    plan = OptionPlan(option="x", value="anything", uses=())
    assert not plan.is_written
    assert plan.render(to({})) == "anything"


# Values in documents and texts


def test_a_value_is_written_wherever_it_is() -> None:
    inner = "k:\n- one\n- two words\n"
    text = json.dumps({"a": inner, "b": None, "c": "see here", "d": {"": "x"}, "e": ""})
    values: dict[KeyPath, str] = {
        ("a", "k", 0): "first",
        ("a", "k", 1, "line 1 column 1"): "three",
        ("c", "line 1 column 5"): "there",
        ("d", ""): "y",
    }
    assert json.loads(rewrite(ValueText.parse(text), values)) == {
        "a": "k:\n- first\n- three words\n",
        "b": None,
        "c": "see there",
        "d": {"": "y"},
        "e": "",
    }


@pytest.mark.parametrize("depth", [1, 5, 10, 11, 12])
def test_values_are_written_as_deep_as_they_are_read(depth: int) -> None:
    text = "acme/cat:1.2"
    for _ in range(depth):
        text = "- |\n" + textwrap.indent(text, "  ") + "\n"
    charm = Charm(name="c", options={"x": Option(name="x", type="string", default=text)})
    (plan,) = plan_options(charm, {}, ImageRules.empty())
    assert plan.render(to({"acme/cat:1.2": "r.io/acme/cat:1.2"})) == text.replace(
        "acme", "r.io/acme"
    )


def test_keys_are_added_to_the_top_only() -> None:
    text = "a: 'b: one'\n"
    assert rewrite(ValueText.parse(text), {("a", "b"): "two", ("c",): "three"}) == (
        "a: 'b: two'\nc: 'three'\n"
    )
    assert rewrite(ValueText.parse("- a\n"), {(0,): "b"}) == "- b\n"
    assert rewrite(ValueText.parse("a: b\n"), {("a",): "c"}) == "a: c\n"


def test_a_place_in_words() -> None:
    assert place_of("x", ()) == "option x"
    assert place_of("x", ("a", 0)) == "option x, key a[0]"
