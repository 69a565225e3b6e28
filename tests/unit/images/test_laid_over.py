"""Rules of a file add to those of a release: no image of its list is ever lost."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from ckf_airgap.charms.charm import Charm
from ckf_airgap.errors import InputError
from ckf_airgap.facts.releases import Release, load_release, release_names
from ckf_airgap.images.inventory import Inventory, take_inventory
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.images.rules import ImageRules

KEPT_WHY = "named by the rules of the release; rules of a file name another image in its place"


@functools.cache
def shipped(name: str) -> tuple[Release, Mapping[str, Charm]]:
    release = load_release(name)
    return release, {
        application: release.charms[fields.charm_name]
        for application, fields in release.bundle.applications.items()
    }


def listed(name: str, rules: ImageRules, *, juju_version: str | None = "3.6.9") -> Inventory:
    release, charms = shipped(name)
    return take_inventory(release.bundle, charms, rules, juju_version=juju_version)


@functools.cache
def before(name: str) -> frozenset[ImageReference]:
    found = listed(name, shipped(name)[0].rules)
    return frozenset(image.reference.canonical() for image in found)


def laid_over(name: str, document: Mapping[str, Any]) -> ImageRules:
    mine = ImageRules.from_document({"release": "mine", **document}, where="mine.yaml")
    return shipped(name)[0].rules.extended_by(mine, where="mine.yaml")


def lost(name: str, found: Inventory) -> set[ImageReference]:
    return set(before(name)) - {image.reference.canonical() for image in found}


def option(charm: str, name: str, rule: Mapping[str, Any]) -> dict[str, Any]:
    return {"rules": {charm: {"channel": "x", "options": {name: rule}}}}


ACTIVATOR = "a/activator:1"


@pytest.mark.parametrize(
    "document",
    [
        option("knative-serving", "custom_images", {"images": {"activator": {"image": ACTIVATOR}}}),
        option(
            "knative-serving",
            "custom_images",
            {"images": {"net-istio-webhook/webhook": {"image": "a/b:1", "otherwise": "a/c:1"}}},
        ),
        option("kfp-api", "driver-image", {"otherwise": "a/driver:1"}),
        {"charm-bases": {"repository": "a/base", "tag": "one-for-all"}},
        {"juju": {"repository": "a/juju", "controller": ["jujud:{version}"]}},
    ],
    ids=["key", "otherwise", "whole-option", "bases", "juju"],
)
def test_an_image_that_is_replaced_stays_as_used_later(document: dict[str, Any]) -> None:
    rules = laid_over("1.9", document)
    found = listed("1.9", rules)
    assert lost("1.9", found) == set()
    without = listed("1.9", ImageRules(**{**_fields(rules), "laid_over": None}))
    kept = [image for image in found if image.reference.canonical() in lost("1.9", without)]
    assert all(not image.required for image in kept)
    assert {reason.why for image in kept for reason in image.reasons} <= {KEPT_WHY}
    assert len(found) == len(without) + len(kept)


def _fields(rules: ImageRules) -> dict[str, Any]:
    names = ("release", "charms", "extra_images", "charm_bases", "juju", "laid_over")
    return {name: getattr(rules, name) for name in names}


def test_what_is_replaced_is_known_by_its_reason() -> None:
    rule = {"images": {"activator": {"image": ACTIVATOR}}}
    found = listed("1.9", laid_over("1.9", option("knative-serving", "custom_images", rule)))
    (old,) = (image for image in found if "/cmd/activator@" in str(image.reference))
    assert [(reason.why, reason.used) for reason in old.reasons] == [(KEPT_WHY, "later")]
    new = found.find(ImageReference.parse(ACTIVATOR))
    assert new.required


def test_rules_over_rules_over_rules_lose_nothing() -> None:
    rule = {"images": {"activator": {"image": ACTIVATOR}}}
    once = laid_over("1.9", option("knative-serving", "custom_images", rule))
    document = {
        "release": "z",
        **option(
            "knative-serving", "custom_images", {"images": {"activator": {"image": "a/other:2"}}}
        ),
    }
    twice = once.extended_by(ImageRules.from_document(document, where="z"), where="z")
    found = listed("1.9", twice)
    assert lost("1.9", found) == set()
    assert found.find(ImageReference.parse(ACTIVATOR)).need == "later"
    assert found.find(ImageReference.parse("a/other:2")).required


# Any rules that contradict nothing

NAMES = st.sampled_from(
    ["a/new:1", "quay.io/b/new:2", "busybox:1.28", "kserve/router:v0.13.0", "docker.io/istio/x:1"]
)
USED = st.sampled_from(["start", "later"])
KINDS = st.sampled_from(["mapping", "list", "reference", "registries"])


@st.composite
def rule_documents(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """Return a file of rules about charms and options that the release has, and some others."""
    release, charms = shipped(name)
    by_name = {charm.name: charm for charm in charms.values()}
    names = [*sorted(by_name), "made-up"]
    rules: dict[str, Any] = {}
    for charm in draw(st.lists(st.sampled_from(names), max_size=3, unique=True)):
        known = release.rules.charms.get(charm)
        options = [*sorted(known.options if known else ()), "made-up"]
        if charm in by_name:
            options += sorted(by_name[charm].options)
        rules[charm] = {"channel": "any", "options": {}}
        for option_name in draw(st.lists(st.sampled_from(options), max_size=3, unique=True)):
            rule = known.options.get(option_name) if known else None
            keys = st.sampled_from([*(rule.images if rule else ()), "made-up", "frontend"])
            image = st.fixed_dictionaries(
                {"image": NAMES}, optional={"otherwise": NAMES, "listed": st.booleans()}
            )
            rules[charm]["options"][option_name] = draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "images": st.dictionaries(keys, image, max_size=2),
                        "otherwise": NAMES,
                        "used": USED,
                        "used-by-key": st.dictionaries(keys, USED, max_size=2),
                        "leave-empty": st.just(["unheard-of"]) | st.booleans(),
                        "value": st.fixed_dictionaries({"kind": KINDS}),
                        "split-at-last-colon": st.lists(keys, max_size=1),
                        "same-as": st.just({"option": "made-up", "key": "made-up"}),
                    },
                )
            )
    extra = st.fixed_dictionaries(
        {"image": NAMES},
        optional={"charm": st.sampled_from(names), "used": USED, "why": st.just("w")},
    )
    tags = st.sampled_from(["ubuntu-{channel}", "all"])
    bases = st.fixed_dictionaries({"repository": st.just("a/base"), "tag": tags})
    juju = st.fixed_dictionaries(
        {"repository": st.just("a/j"), "controller": st.just(["jujud:{version}"])}
    )
    document: dict[str, Any] = {"rules": rules, "extra-images": draw(st.lists(extra, max_size=2))}
    document |= draw(st.fixed_dictionaries({}, optional={"charm-bases": bases, "juju": juju}))
    return document


@pytest.mark.parametrize("name", release_names())
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_no_file_of_rules_takes_an_image_away(name: str, data: st.DataObject) -> None:
    document = data.draw(rule_documents(name))
    try:
        found = listed(name, laid_over(name, document))
    except InputError:  # it contradicts the release, or itself
        reject()
    assert lost(name, found) == set()
    text = found.to_text().splitlines()
    assert len(text) == len(set(text)) == len(found)
    assert len(found) >= len(before(name))
