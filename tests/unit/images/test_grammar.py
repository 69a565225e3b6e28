"""Values are what the charm's own code takes, or it is said what the charm would do."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.checks import Setting
from ckf_airgap.charms.charm import Charm, OptionValue, charm_from_documents
from ckf_airgap.charms.charmfile import read_default_images
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.documents import load_mapping
from ckf_airgap.errors import OptionError, Problem
from ckf_airgap.facts.releases import Release, load_release, release_names
from ckf_airgap.images.discover import discover_images
from ckf_airgap.images.grammar import ValueFindings, check_values, reads_empty
from ckf_airgap.images.inventory import take_inventory
from ckf_airgap.images.options import plan_options
from ckf_airgap.images.reference import Registry
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.rehearsal.standin import write_standins
from ckf_airgap.rendering.overlay import Rendering, render

BLOCKED: Final = "its unit goes Blocked"
FAILS: Final = "its hook fails, and the unit stays in error"
IGNORED: Final = "it is ignored"
NO_CHOICE: Final = "the charm offers no image then"
NO_TAG: Final = "the image has no tag, and the charm splits it at its last colon"
NULL: Final = "null is not empty to the charm"
EMPTY: Final = "write {} for a mapping without keys, or take the setting back"
BLANKS: Final = "the image has blanks around it"

LATER: Final = tuple(name for name in release_names() if name != "1.8")
WITH_FILES: Final = tuple(name for name in LATER if name != "1.9")


load = functools.cache(load_release)


def check(release: str, place: str, value: str, *, kept: bool = True) -> ValueFindings:
    """Check the value of ``charm.option``, by default one that rendering leaves as it is."""
    facts = load(release)
    charm, _, option = place.partition(".")
    return check_values(
        facts.charms[charm], {option: value}, facts.rules, kept=[option] if kept else []
    )


def said(problems: tuple[Problem, ...]) -> list[str]:
    """Return what is wrong after the option: ``key a: what (fix)``."""
    return [
        f"{problem.where.partition(', ')[2] or 'whole'}: {problem.what}"
        + (f" ({problem.fix})" if problem.fix else "")
        for problem in problems
    ]


def only(found: ValueFindings, *, errors: list[str] = [], warnings: list[str] = []) -> None:  # noqa: B006
    assert said(found.errors) == errors
    assert said(found.warnings) == warnings


# Keys


@pytest.mark.parametrize("release", LATER)
@pytest.mark.parametrize("kept", [True, False])
def test_a_wrong_key_of_the_profile_controller_blocks_it(release: str, kept: bool) -> None:
    found = check(
        release,
        "kfp-profile-controller.custom_images",
        "frontend_image: a/b:1\nvisualization_server: a/c:2\nzzz: a/d:3",
        kept=kept,
    )
    keys = "the keys are visualization_server, frontend"
    only(
        found,
        errors=[
            f"key frontend_image: the charm has no such key; {BLOCKED} (did you mean 'frontend'?)",
            f"key zzz: the charm has no such key; {BLOCKED} ({keys})",
        ],
    )


def test_the_older_one_fails_as_it_wants_to_warn() -> None:
    found = check("1.8", "kfp-profile-controller.custom_images", "frontend_image: a/b:1")
    only(
        found,
        errors=[
            f"key frontend_image: the charm has no such key; {FAILS} (did you mean 'frontend'?)"
        ],
    )


@pytest.mark.parametrize("release", release_names())
@pytest.mark.parametrize(
    ("place", "key", "near"),
    [
        ("katib-controller.custom_images", "suggestion__radom", "suggestion__random"),
        ("kserve-controller.custom_images", "configmap__agnet", "configmap__agent"),
    ],
)
def test_a_wrong_key_is_passed_over_by_others(
    release: str, place: str, key: str, near: str
) -> None:
    only(
        check(release, place, f"{{{key}: 'a/b:1', 'unlike': ''}}"),
        warnings=[f"key {key}: the charm has no such key; {IGNORED} (did you mean '{near}'?)"],
    )


def test_keys_are_not_listed_where_there_are_many() -> None:
    only(
        check("1.11", "katib-controller.custom_images", "zzz: a/b:1"),
        warnings=[f"key zzz: the charm has no such key; {IGNORED}"],
    )


@pytest.mark.parametrize(
    ("release", "place"),
    [
        ("1.8", "seldon-core.custom_images"),
        *((name, "knative-serving.custom_images") for name in release_names()),
        *((name, "knative-eventing.custom_images") for name in release_names()),
    ],
)
def test_charms_that_take_any_key_are_given_it(release: str, place: str) -> None:
    only(check(release, place, "whatever/it_is: a/b:1"))


@pytest.mark.parametrize("release", release_names())
def test_a_key_without_a_value_harms_nobody(release: str) -> None:
    only(check(release, "kfp-profile-controller.custom_images", "frontend_imag: ''\nother:"))


def test_a_key_that_only_the_file_has_is_one_of_the_charms() -> None:
    only(
        check(
            "1.11",
            "kserve-controller.custom_images",
            "serving_runtimes__huggingfaceserver__multinode: a/b:1",
        )
    )


def test_a_key_that_is_no_text_is_not_the_charms() -> None:
    found = check("1.9", "kfp-profile-controller.custom_images", "1: a/b:1\noff: a/b:1")
    assert [problem.where for problem in found.errors] == [
        "option custom_images, key 1",
        "option custom_images, key False",
    ]


# Values of keys


SPLIT: Final = [
    *((name, "kfp-profile-controller.custom_images", "frontend") for name in release_names()),
    *((name, "kfp-profile-controller.custom_images", "visualization_server") for name in LATER),
    *(
        (name, "kserve-controller.custom_images", "configmap__explainers__art")
        for name in release_names()
    ),
    ("1.8", "kserve-controller.custom_images", "configmap__explainers__alibi"),
    ("1.8", "seldon-core.custom_images", "configmap__predictor__triton__v2"),
    ("1.8", "seldon-core.custom_images", "configmap__predictor__tempo_server__v2"),
]


@pytest.mark.parametrize(("release", "place", "key"), SPLIT)
def test_what_is_split_at_its_last_colon_needs_a_tag(release: str, place: str, key: str) -> None:
    port = "172.17.0.2:5000/a/b"
    only(
        check(release, place, f"{key}: {port}"),
        errors=[f"key {key}: {NO_TAG}; it is cut at the port (write {port}:TAG)"],
    )
    only(
        check(release, place, f"{key} : quay.io/a/b"),
        errors=[f"key {key}: {NO_TAG}; {FAILS} (write quay.io/a/b:TAG)"],
    )
    for image in (f"{port}:1", "b:1", f"quay.io/a/b@sha256:{'0' * 64}"):
        only(check(release, place, json.dumps({key: image})))
    only(check(release, place, f"{key}: {port}", kept=False))  # rendering writes a tag


def test_other_keys_need_none() -> None:
    only(check("1.9", "kserve-controller.custom_images", "configmap__agent: r:5000/a/b"))


@pytest.mark.parametrize("release", release_names())
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("1.5", "a number (1.5)"),
        ("12:30", "an integer (750)"),
        ("yes", "a boolean (True)"),
        ("[a/b:1]", "a list"),
        ("{a/b: 1}", "a mapping"),
        ("2001-01-01", "date"),
    ],
)
def test_a_value_must_be_text(release: str, value: str, shown: str) -> None:
    for place, key in (
        ("katib-controller.custom_images", "suggestion__random"),
        ("knative-eventing.custom_images", "eventing-webhook/eventing-webhook"),
    ):
        only(
            check(release, place, f"{key}: {value}", kept=False),
            errors=[f"key {key}: must be an image, not {shown} (write it in quotes)"],
        )


@pytest.mark.parametrize("release", release_names())
@pytest.mark.parametrize("null", ["", "~", "null"])
def test_null_is_not_empty_to_all(release: str, null: str) -> None:
    only(check(release, "katib-controller.custom_images", f"suggestion__random: {null}"))
    only(check(release, "knative-serving.custom_images", f"activator: {null}", kept=False))
    only(
        check(release, "knative-serving.custom_images", f"activator: {null}\nwebhook: ''"),
        errors=[f"key activator: {NULL}; it is taken for an image (write '')"],
    )


def test_null_cannot_be_split() -> None:
    only(
        check(
            "1.8",
            "seldon-core.custom_images",
            "configmap__predictor__triton__v2:\nconfigmap_explainer:",
        ),
        errors=[
            f"key configmap__predictor__triton__v2: {NULL}; {FAILS} (write '')",
            f"key configmap_explainer: {NULL}; it is taken for an image (write '')",
        ],
    )
    only(check("1.8", "kfp-profile-controller.custom_images", "frontend:"))


@pytest.mark.parametrize("value", ["' a/b:1'", '"a/b:1\\n"', "' '"])
def test_blanks_around_an_image_are_part_of_it(value: str) -> None:
    place = "katib-controller.custom_images"
    only(
        check("1.9", place, f"suggestion__random: {value}"),
        errors=[f"key suggestion__random: {BLANKS}"],
    )
    only(check("1.9", place, f"suggestion__random: {value}", kept=False))


@pytest.mark.parametrize("release", release_names())
def test_knative_writes_values_without_quotes(release: str) -> None:
    what = f"the charm writes it into YAML without quotes, where it is something else; {FAILS}"
    fix = "give the registry a host name"
    for charm in ("knative-serving", "knative-eventing"):
        only(
            check(release, f"{charm}.custom_images", "a: '[fd00::1]:5000/a/b:1'"),
            warnings=[f"key a: {what} ({fix})"],
        )
        only(check(release, f"{charm}.custom_images", "a: '[fd00::1]:5000/a/b:1'", kept=False))
        only(check(release, f"{charm}.custom_images", "a: 'r:5000/a/b@sha256:1'"))
    only(
        check(release, "knative-serving.queue_sidecar_image", "[fd00::1]:5000/a/b:1"),
        warnings=[f"whole: {what} ({fix})"],
    )
    only(check(release, "kserve-controller.custom_images", "configmap__agent: '[::1]:5000/b:1'"))


# Whole values


@pytest.mark.parametrize(
    ("release", "place", "outcome"),
    [
        ("1.8", "katib-controller.custom_images", BLOCKED),
        *((name, "katib-controller.custom_images", FAILS) for name in LATER),
        ("1.8", "kfp-profile-controller.custom_images", FAILS),
        *((name, "kfp-profile-controller.custom_images", BLOCKED) for name in LATER),
        *((name, "kserve-controller.custom_images", BLOCKED) for name in release_names()),
        *((name, "knative-serving.custom_images", BLOCKED) for name in release_names()),
        ("1.8", "seldon-core.custom_images", BLOCKED),
        *((name, "istio-pilot.image-configuration", FAILS) for name in release_names()),
        *((name, "jupyter-ui.rstudio-images", NO_CHOICE) for name in release_names()),
    ],
)
def test_what_is_no_yaml_is_refused(release: str, place: str, outcome: str) -> None:
    (found,) = check(release, place, "a: b: c").errors
    assert found.what == (
        "the value is not valid YAML: mapping values are not allowed in this context "
        f"(line 1, column 5); {outcome}"
    )
    assert found.fix == ""
    (tabs,) = check(release, place, '{\n\t"a": "b/c:1"\n}').errors
    assert "found character '\\t' that cannot start any token (line 2, column 1)" in tabs.what
    assert tabs.fix == "indent with blanks"


@pytest.mark.parametrize("release", release_names())
@pytest.mark.parametrize(
    ("value", "shown"), [("a/b:1", "text"), ("[a/b:1]", "a list"), ("- a/b:1", "a list")]
)
def test_a_mapping_must_be_one(release: str, value: str, shown: str) -> None:
    for charm in ("katib-controller", "knative-serving", "kfp-profile-controller"):
        only(
            check(release, f"{charm}.custom_images", value),
            errors=[f"whole: must be a mapping of keys to images, not {shown}; {FAILS}"],
        )


@pytest.mark.parametrize("value", ["", " \n", "# nothing\n", "~", "[]"])
@pytest.mark.parametrize("release", release_names())
def test_an_empty_value_is_no_mapping_to_all(release: str, value: str) -> None:
    for charm in ("katib-controller", "kserve-controller", "kfp-profile-controller"):
        only(
            check(release, f"{charm}.custom_images", value),
            errors=[f"whole: the value is empty; {FAILS} ({EMPTY})"],
        )
        only(check(release, f"{charm}.custom_images", value, kept=False))
        only(check(release, f"{charm}.custom_images", "{}"))
    for charm in ("knative-serving", "knative-eventing"):
        only(check(release, f"{charm}.custom_images", value))


@pytest.mark.parametrize("release", release_names())
def test_a_list_of_notebook_images(release: str) -> None:
    place = "jupyter-ui.jupyter-images"
    only(check(release, place, "['a/b:1', r:5000/c]"))
    only(check(release, place, "[]"), warnings=[f"whole: the list is empty; {NO_CHOICE}"])
    for value, shown in (("a/b:1", "text"), ("a: b/c:1", "a mapping"), ("3", "an integer (3)")):
        only(
            check(release, place, value, kept=False),
            errors=[f"whole: must be a list of images, not {shown}; {NO_CHOICE}"],
        )
    only(
        check(release, place, "- a/b:1\n- a/b: 1\n-\n- ' a/b:1'"),
        errors=[
            "item [1]: must be an image, not a mapping",
            "item [2]: must be an image, not nothing",
            f"item [3]: {BLANKS}",
        ],
    )
    only(check(release, place, "- ' a/b:1'", kept=False))


@pytest.mark.parametrize("value", ["", "~", "# none"])
@pytest.mark.parametrize("release", release_names())
def test_an_empty_list_means_the_file_where_there_is_one(release: str, value: str) -> None:
    place = "jupyter-ui.vscode-images"
    empty = [f"whole: the value is empty; {NO_CHOICE}"]
    only(check(release, place, value), warnings=[] if release in WITH_FILES else empty)
    only(check(release, place, value, kept=False))


@pytest.mark.parametrize("release", release_names())
@pytest.mark.parametrize("option", ["cache-image", "driver-image", "launcher-image"])
def test_a_single_image(release: str, option: str) -> None:
    place = f"kfp-api.{option}"
    single = "whole: must be a single image: the charm takes the whole text for one"
    for value in ("", "busybox", "r:5000/a/b:1", f"a/b@sha256:{'a' * 64}"):
        only(check(release, place, value))
    for value in ("['a/b:1']", "- a/b:1", "a: b/c:1", '"a/b:1', "a/b:1 a/c:2"):
        assert said(check(release, place, value).errors)[0].startswith("whole: "), value
    only(check(release, place, "['a/b:1']", kept=False), errors=[single])
    only(check(release, place, "a/b:1 c"), errors=[single])
    only(check(release, place, "a/b:1\n"), errors=[f"whole: {BLANKS}"])
    only(check(release, place, "a/b:1\n", kept=False))
    only(
        check(release, place, "a/B:1", kept=False),
        errors=["whole: 'a/B:1' is not an image reference: bad repository 'a/B'"],
    )


PARTS: Final = """\
pilot-image: pilot
global-tag: '1.20'
global-hub: r:5000/ckf/istio  # registry and path
global-proxy-image: proxyv2
global-proxy-init-image: proxyv2
grpc-bootstrap-init: busybox:1.28
"""


@pytest.mark.parametrize("release", release_names())
def test_hub_tag_and_names(release: str) -> None:
    place = "istio-pilot.image-configuration"
    only(check(release, place, PARTS))
    only(check(release, place, PARTS.replace("'1.20'", "1.25")))  # 1.25 is 1.25 again
    only(
        check(release, place, PARTS.replace("'1.20'", "1.20"), kept=False),
        errors=["key global-tag: without quotes YAML reads 1.20 as 1.2 (write '1.20')"],
    )
    only(
        check(release, place, PARTS.replace("pilot\n", "[pilot]\n")),
        errors=["key pilot-image: must be text, not a list"],
    )
    only(
        check(release, place, PARTS + "global-tagg: '1'\n"),
        warnings=[
            f"key global-tagg: the charm has no such key; {IGNORED} (did you mean 'global-tag'?)"
        ],
    )
    for value, shown in (("r:5000/a", "text"), ("[]", "a list"), ("~", "nothing")):
        only(
            check(release, place, value),
            errors=[f"whole: must be a mapping with all of its keys, not {shown}; {FAILS}"],
        )


@pytest.mark.parametrize("release", LATER)
def test_a_list_of_registries(release: str) -> None:
    place = "knative-serving.registries-skipping-tag-resolving"
    for value in ("", "nvcr.io", "nvcr.io, r:5000,", "nvcr.io,[::1]:5000"):
        only(check(release, place, value))
    what = "is compared with the hosts of registries, and is none"
    only(
        check(release, place, "https://r:5000/ckf,nvcr.io,r.io/a", kept=False),
        warnings=[
            f"whole: https://r:5000/ckf {what} (write r:5000)",
            f"whole: r.io/a {what} (write r.io)",
        ],
    )
    assert "without quotes" in check(release, place, "[::1]:5000").warnings[0].what
    only(check(release, place, "[::1]:5000", kept=False))


# Which options have a grammar


@pytest.fixture(scope="module", params=release_names())
def release(request: pytest.FixtureRequest) -> Release:
    return load(request.param)


def charms_of(release: Release) -> dict[str, Charm]:
    return {
        name: release.charms[application.charm_name]
        for name, application in release.bundle.applications.items()
    }


def test_every_option_of_a_release_that_names_an_image_has_one(release: Release) -> None:
    found = discover_images(release.bundle, charms_of(release), release.rules)
    named = {(entry.charm.name, plan.option) for entry in found for plan in entry.options}
    described = {
        (charm, option)
        for charm, rules in release.rules.charms.items()
        for option, rule in rules.options.items()
        if rule.value is not None
    }
    assert len(named) > 15
    assert named - described == set()
    lacking = [
        (charm, option)
        for charm, rules in release.rules.charms.items()
        for option, rule in rules.options.items()
        if rule.value is None
    ]
    assert lacking == []


def test_every_default_of_a_release_fits_its_grammar(release: Release) -> None:
    checked = 0
    for charm in release.charms.values():
        # Another text with the same meaning: what a charm has as its default is never blamed.
        values = {
            option.name: f"{option.default}\n"
            for option in charm.options.values()
            if option.type == "string" and isinstance(option.default, str) and option.default
        }
        only(check_values(charm, values, release.rules))
        checked += len(values)
    assert checked > 40


def test_a_default_is_never_blamed_in_a_bundle() -> None:
    charm = a_charm("frontend: [", '{"frontend": "a/b:1"}')
    only(check_values(charm, {"custom_images": "frontend: ["}, rules_for("{kind: mapping}")))


# What rendering makes fits, by the way each charm reads it


REGISTRIES: Final = [
    Registry("172.17.0.2:5000"),
    Registry("reg.example.com"),
    Registry("reg.example.com:5000", "team/ckf"),
]


def directory(release: Release, path: Path) -> CharmDirectory:
    write_standins(release, path)
    return CharmDirectory.scan(path)


@pytest.fixture(scope="module")
def standins(release: Release, tmp_path_factory: pytest.TempPathFactory) -> CharmDirectory:
    return directory(release, tmp_path_factory.mktemp("charms"))


def rendered(release: Release, charms: CharmDirectory, registry: Registry) -> Rendering:
    return render(
        release.bundle, charms=charms, images=None, registry=registry, rules=release.rules
    )


def in_force(rendering: Rendering, charm_name: str, option: str) -> str:
    (name,) = (name for name, charm in rendering.charms.items() if charm.name == charm_name)
    given = rendering.bundle.applications[name].options
    return str(given.get(option, rendering.charms[name].options[option].default))


@pytest.mark.parametrize("registry", REGISTRIES, ids=str)
def test_each_charm_reads_what_was_rendered(
    release: Release, standins: CharmDirectory, registry: Registry
) -> None:
    """The charms' own ways, written anew: what they make of the values, and where it points."""
    rendering = rendered(release, standins, registry)
    front = f"{registry}/"
    for name, application in rendering.bundle.applications.items():
        only(
            check_values(
                rendering.charms[name],
                application.options,
                release.rules,
                kept=application.options,
            )
        )
    for charm in ("katib-controller", "kserve-controller", "kfp-profile-controller"):
        images = yaml.safe_load(in_force(rendering, charm, "custom_images"))
        file = release.charms[charm].default_images[0].value
        assert isinstance(file, dict)
        assert {key for key, image in images.items() if image} == file.keys()
        for key, image in images.items():
            assert not image or image.startswith(front), key
    art = yaml.safe_load(in_force(rendering, "kserve-controller", "custom_images"))
    name, version = art["configmap__explainers__art"].rsplit(":", 1)
    assert name.startswith(front)
    assert "/" not in version
    for charm in ("knative-serving", "knative-eventing"):
        images = yaml.safe_load(in_force(rendering, charm, "custom_images"))
        lines = [f"  {key}: {image}" for key, image in images.items() if image != ""]
        override = yaml.safe_load("override:\n" + "\n".join(lines))["override"]
        assert all(
            isinstance(image, str) and image.startswith(front) for image in override.values()
        )
    parts = yaml.safe_load(in_force(rendering, "istio-pilot", "image-configuration"))
    assert f"{parts['global-hub']}/".startswith(front)
    assert isinstance(parts["global-tag"], str)
    for option in ("jupyter-images", "rstudio-images", "vscode-images"):
        images = yaml.safe_load(in_force(rendering, "jupyter-ui", option))
        assert images
        assert all(image.startswith(front) for image in images)


# Values that are empty to the charm


NOTHING: Final = ["# nothing\n", "~ # x", "--- \n", "---\n# a\n...\n", "  # a\n\n# b", "null #"]
FALSE: Final = ["''", '"" # x', "[]", "0", "false"]


def places(charm: Charm, rules: ImageRules, option: str, value: str) -> list[str]:
    """Return each place of an option that names an image, with the image."""
    return [
        f"{use.path} {use.reference}"
        for plan in plan_options(charm, {option: value}, rules)
        if plan.option == option
        for use in plan.uses
    ]


@pytest.mark.parametrize("value", [*NOTHING, *FALSE])
def test_what_is_nothing_to_the_charm_is_filled_like_no_text(release: Release, value: str) -> None:
    names = ["katib-controller", "kserve-controller", "kfp-profile-controller"]
    for name in (*names, "knative-serving", "knative-eventing"):
        charm = release.charms[name]
        expected = places(charm, release.rules, "custom_images", "")
        assert len(expected) >= 2
        assert places(charm, release.rules, "custom_images", value) == expected
    notebooks = release.charms["jupyter-ui"]
    from_file = places(notebooks, release.rules, "vscode-images", "")
    assert bool(from_file) is (release.name in WITH_FILES)
    found = places(notebooks, release.rules, "vscode-images", value)
    assert found == (from_file if value in NOTHING else [])


@pytest.mark.parametrize("value", [*NOTHING, *FALSE])
def test_rendering_leaves_no_public_default_in_force(value: str) -> None:
    rendering = zoo(a_bundle(value), "error")
    images = yaml.safe_load(str(rendering.bundle.applications["zoo"].options["custom_images"]))
    assert images == {"cat": "r:5000/a/cat:1", "dog": "r:5000/a/dog:1"}


def test_a_charm_without_rules_reads_yaml_where_its_defaults_are_yaml() -> None:
    charm = a_charm("cat: ''", '{"cat": "a/cat:1"}')
    assert places(charm, ImageRules.empty(), "custom_images", "# none") == ["('cat',) a/cat:1"]
    plain = a_charm("", '{"cat": "a/cat:1"}')
    assert places(plain, ImageRules.empty(), "custom_images", "# none") == []
    assert places(plain, ImageRules.empty(), "custom_images", "~") == ["('cat',) a/cat:1"]


@pytest.mark.parametrize("value", ["a", "{}", "{a: ''}", "- x", "# c\ncat: ''\n", "[[]]", "a: ["])
def test_other_values_are_something(value: str) -> None:
    charm = a_charm("cat: ''", '{"cat": "a/cat:1"}')
    option = charm.options["custom_images"]
    rule = rules_for("{kind: mapping}").for_option("app", "custom_images")
    assert rule is not None
    assert not reads_empty(value, charm, option, rule)
    assert reads_empty("# " + "c" * 500, charm, option, rule)
    assert not reads_empty("'' # " + "c" * 500, charm, option, rule)  # too long to look at


# What is shown of charms without rules


def a_charm(default: str, file: str | None, name: str = "app") -> Charm:
    return charm_from_documents(
        metadata={"name": name},
        config={
            "options": {
                "custom_images": {"type": "string", "default": default},
                "other-images": {"type": "string", "default": default},
                "count": {"type": "int", "default": 1},
            }
        },
        manifest=None,
        default_images=[]
        if file is None
        else [read_default_images("src/default-custom-images.json", file, name)],
        where=name,
    )


def rules_for(value: str, more: str = "") -> ImageRules:
    text = (
        f"{{release: mine, rules: {{app: {{channel: '1', options: {{custom_images: "
        f"{{value: {value}{more}}}}}}}}}}}"
    )
    return ImageRules.from_document(load_mapping(text, where="r"), where="r")


def test_a_charm_without_rules_is_judged_by_its_own_defaults() -> None:
    charm = a_charm("cat: ''\ndog: ''\n", '{"cat": "a/cat:1", "dog": "a/dog:1"}')
    given = {"custom_images": "catt: a/b:1\ndog: 3", "other-images": "catt: a/b:1"}
    values: dict[str, OptionValue] = {**given, "count": 2}
    unknown = "what the charm does then is not known"
    only(
        check_values(charm, values, ImageRules.empty(), kept=values),
        warnings=[
            f"key dog: must be an image, not an integer (3); {unknown} (write it in quotes)",
            f"key catt: the charm has no such key; {unknown} (did you mean 'cat'?)",
        ],
    )
    (broken,) = check_values(charm, {"custom_images": "a: ["}, ImageRules.empty()).warnings
    assert broken.what.endswith(unknown)
    assert "error" not in broken.what
    (kind,) = check_values(charm, {"custom_images": "a/b:1"}, ImageRules.empty()).warnings
    assert kind.what == f"must be a mapping of keys to images, not text; {unknown}"
    only(check_values(charm, {"custom_images": ""}, ImageRules.empty(), kept=["custom_images"]))


@pytest.mark.parametrize(
    ("default", "file"),
    [("cat: ''", None), ("", '{"cat": "a/cat:1"}'), ("cat: ''", '["a/cat:1"]'), ("cat", "{}")],
)
def test_a_charm_that_shows_nothing_is_not_judged(default: str, file: str | None) -> None:
    values = {"custom_images": "dog: 1"}
    only(check_values(a_charm(default, file), values, ImageRules.empty(), kept=values))


def test_rules_count_before_what_defaults_show() -> None:
    charm = a_charm("cat: ''", '{"cat": "a/cat:1"}')
    for outcome, errors, warnings in (
        ("blocked", 1, 0),
        ("error", 1, 0),
        ("ignored", 0, 1),
        ("taken", 0, 0),
    ):
        rules = rules_for(f"{{kind: mapping, unknown-keys: {outcome}}}")
        found = check_values(charm, {"custom_images": "dog: a/b:1"}, rules)
        assert (len(found.errors), len(found.warnings)) == (errors, warnings)


def test_keys_of_a_charm_without_a_file_are_those_of_its_default_and_of_the_rules() -> None:
    rules = rules_for("{kind: mapping, unknown-keys: error}", ", images: {dog: {image: 'a/d:1'}}")
    values = {"custom_images": "cat: a/b:1\ndog: a/b:1\nrat: a/b:1"}
    only(
        check_values(a_charm("cat: ''", None), values, rules),
        errors=[f"key rat: the charm has no such key; {FAILS} (did you mean 'cat'?)"],
    )
    only(
        check_values(a_charm("", None), {"custom_images": "a: b/c:1"}, rules_for("{kind: mapping}"))
    )


# Where it is told


def a_bundle(value: str) -> Bundle:
    return Bundle.from_document(
        {
            "applications": {
                "zoo": {"charm": "app", "scale": 1, "options": {"custom_images": value}}
            }
        },
        where="bundle.yaml",
    )


def zoo(bundle: Bundle, outcome: str, **given: Any) -> Rendering:
    charm = a_charm("cat: ''\ndog: ''\n", '{"cat": "a/cat:1", "dog": "a/dog:1"}')
    return render(
        bundle,
        charms=CharmDirectory.of([charm], path=Path("charms")),
        images=None,
        registry=Registry("r:5000"),
        rules=rules_for(
            f"{{kind: mapping, unknown-keys: {outcome}}}", ", split-at-last-colon: [dog]"
        ),
        **given,
    )


OVERLAY: Final = {"applications": {"zoo": {"options": {"custom_images": "catt: a/b:1"}}}}
NOT_THERE: Final = "application zoo, option custom_images, key catt: the charm has no such key"


@pytest.mark.parametrize(
    ("value", "given"),
    [
        ("catt: a/b:1", {}),
        ("cat: a/b:1", {"overlays": [OVERLAY]}),
        ("cat: a/b:1", {"settings": [Setting.parse("zoo.custom_images=catt: a/b:1")]}),
    ],
    ids=["bundle", "overlay", "setting"],
)
def test_whoever_gives_it_rendering_refuses_or_warns(value: str, given: Mapping[str, Any]) -> None:
    with pytest.raises(OptionError) as caught:
        zoo(a_bundle(value), "blocked", **given)
    assert f"{NOT_THERE}; {BLOCKED} (did you mean 'cat'?)" in str(caught.value)
    warnings = [str(warning) for warning in zoo(a_bundle(value), "ignored", **given).warnings]
    assert f"{NOT_THERE}; {IGNORED} (did you mean 'cat'?)" in warnings


def test_the_list_tells_it_too() -> None:
    charm = a_charm("cat: ''\n", '{"cat": "a/cat:1"}')
    for outcome in ("blocked", "ignored"):
        rules = rules_for(f"{{kind: mapping, unknown-keys: {outcome}}}")
        if outcome == "blocked":
            with pytest.raises(OptionError, match=NOT_THERE):
                take_inventory(a_bundle("catt: a/b:1"), {"zoo": charm}, rules)
        else:
            found = take_inventory(a_bundle("catt: a/b:1"), {"zoo": charm}, rules).warnings
            assert sum(str(warning).startswith(NOT_THERE) for warning in found) == 1


@pytest.mark.parametrize(
    ("value", "said_of_it"),
    [
        ("", f"custom_images: the value is empty; {FAILS}"),
        ("rat:", f"custom_images, key rat: {NULL}; it is taken for an image"),
    ],
)
def test_what_rendering_cannot_put_right_is_refused_after_it(value: str, said_of_it: str) -> None:
    rules = rules_for("{kind: mapping, unknown-keys: taken, empty: error, nulls: taken}")
    charm = a_charm("cat: a/cat:1", None)
    found = check_values(charm, {"custom_images": value}, rules)
    only(found)
    with pytest.raises(OptionError, match="charms do not take values of the rendered") as caught:
        render(
            a_bundle(value),
            charms=CharmDirectory.of([charm], path=Path("charms")),
            images=None,
            registry=Registry("r:5000"),
            rules=rules,
        )
    assert f"application zoo, option {said_of_it}" in str(caught.value)


def test_a_malformed_image_is_told_once() -> None:
    charm = a_charm("a/cat:1", None)
    rules = rules_for("{kind: reference}")
    with pytest.raises(OptionError) as caught:
        take_inventory(a_bundle("a/B:1"), {"zoo": charm}, rules)
    (found,) = caught.value.problems
    assert found.where == "application zoo, option custom_images"
    assert found.what == "'a/B:1' is not an image reference: bad repository 'a/B'"


@pytest.mark.parametrize(("count", "listed"), [(12, True), (13, False)])
def test_keys_are_listed_up_to_a_dozen(count: int, listed: bool) -> None:
    keys = [f"k{number}" for number in range(count)]
    charm = a_charm("k0: ''", json.dumps(dict.fromkeys(keys, "a/b:1")))
    (found,) = check_values(
        charm, {"custom_images": "unlike: a/b:1"}, rules_for("{kind: mapping}")
    ).warnings
    assert found.fix == (f"the keys are {', '.join(keys)}" if listed else "")


def test_all_that_is_wrong_is_told_together_and_once() -> None:
    bundle = Bundle.from_document(
        {
            "applications": {
                name: {"charm": "app", "scale": 1, "options": {"custom_images": value}}
                for name, value in (("a", "catt: a/b:1\ncat: 1"), ("b", "cat: 'a/B:1'"))
            }
        },
        where="bundle.yaml",
    )
    with pytest.raises(OptionError) as caught:
        zoo(bundle, "error")
    assert [problem.where for problem in caught.value.problems] == [
        "application a, option custom_images, key catt",
        "application a, option custom_images, key cat",
        "application b, option custom_images, key cat",
    ]


def test_a_tag_that_a_person_leaves_out_is_missed_and_rendering_adds_others() -> None:
    assert "dog: r:5000/a/b:latest" in str(
        zoo(a_bundle("dog: a/b"), "error").bundle.applications["zoo"].options["custom_images"]
    )
    with pytest.raises(OptionError, match=f"key dog: {NO_TAG}"):
        zoo(
            a_bundle("dog: a/b"),
            "error",
            settings=[Setting.parse("zoo.custom_images=dog: r:5000/a/b")],
        )


# The checker itself


KEYS: Final = ("visualization_server", "frontend")
IMAGES: Final = st.sampled_from(["a/b:1", "r:5000/a/b:2", f"q.io/a@sha256:{'b' * 64}"])


@given(
    st.dictionaries(st.sampled_from(KEYS), IMAGES | st.just("")),
    st.booleans(),
    st.sampled_from(release_names()),
)
@example({}, True, "1.9")
def test_what_fits_is_never_blamed(values: dict[str, str], as_json: bool, release: str) -> None:
    text = json.dumps(values) if as_json else yaml.safe_dump(values)
    only(check(release, "kfp-profile-controller.custom_images", text))


@given(st.text(st.characters(codec="ascii"), max_size=12), IMAGES, st.sampled_from(LATER))
def test_any_other_key_is_found(key: str, image: str, release: str) -> None:
    assume(key not in KEYS)
    text = json.dumps({key: image, "frontend": "a/b:1"})
    found = check(release, "kfp-profile-controller.custom_images", text)
    assert [problem.what for problem in found.errors] == [f"the charm has no such key; {BLOCKED}"]


def plain_to_python(text: str) -> bool:
    try:
        return bool(yaml.safe_load(f"k: {text}") == {"k": text})
    except yaml.YAMLError:
        return False


@given(st.text("aZ1_./:@-[]{}&*!|>'\"%#, ", min_size=1, max_size=12))
@example("12:30")
@example("1.5")
@example("0x1f")
@example("1_000")
@example("yes")
@example("null")
@example("a:")
@example("a: b")
@example("a #b")
@example("a#b")
@example("2001-01-01")
@example("a/b@sha256:0")
@example("172.17.0.2:5000/a:1")
def test_what_needs_quotes_is_what_yaml_reads_otherwise(text: str) -> None:
    assume(text == text.strip())
    found = check("1.9", "knative-serving.custom_images", json.dumps({"activator": text}))
    assert not found.errors
    assert bool(found.warnings) is not plain_to_python(text)


def test_only_the_first_unknown_keys_are_compared_with_all_others() -> None:
    text = "".join(f"frontend{number}: a/b:1\n" for number in range(23))
    found = check("1.9", "kfp-profile-controller.custom_images", text).errors
    hints = [problem.fix.startswith("did you mean 'frontend'") for problem in found]
    assert hints == [True] * 20 + [False] * 3
    assert found[-1].fix == "the keys are visualization_server, frontend"


@given(st.text(max_size=60), st.sampled_from(release_names()), st.booleans())
@example("&a [*a, *a]", "1.9", True)
@example("? [a]\n: b", "1.9", True)
@example("!!timestamp x", "1.9", True)
@example("k: !!bool x", "1.9", True)
@example("{}: 1", "1.9", True)
@example("2001-99-99", "1.9", True)
@example("a: &a {b: *a}", "1.9", True)
@example("<<: 1", "1.9", True)
@example("'\\ud800'", "1.9", True)
def test_no_text_breaks_the_checks(text: str, release: str, kept: bool) -> None:
    facts = load(release)
    for charm, rules in facts.rules.charms.items():
        values = dict.fromkeys(rules.options, text)
        check_values(facts.charms[charm], values, facts.rules, kept=values if kept else ())
