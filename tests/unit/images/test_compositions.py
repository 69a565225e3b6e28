"""Values that make a reference together are one image, and are written together."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.charms.charm import Charm, Option, OptionType
from ckf_airgap.errors import OptionError
from ckf_airgap.images.compositions import Composition, ReferencePart, compositions, role_of
from ckf_airgap.images.options import plan_options
from ckf_airgap.images.plans import OptionPlan
from ckf_airgap.images.reference import ImageReference, Registry, retag
from ckf_airgap.images.rules import ImageRules

HEX = "8e60086b04d92b657898a310ca9757631d58547e76bbbb8bfc376d654bef1707"
R = Registry("172.17.0.2:5000")
PATH = Registry("reg.example.com", "team/ckf")


def plans(defaults: dict[str, str], rules: ImageRules | None = None) -> tuple[OptionPlan, ...]:
    """Return the plans of a charm; ``cat_image`` is the option ``cat-image``."""
    options = {
        name.replace("_", "-"): Option(name=name.replace("_", "-"), type="string", default=value)
        for name, value in defaults.items()
    }
    return plan_options(Charm(name="c", options=options), {}, rules or ImageRules.empty())


def images(found: tuple[OptionPlan, ...]) -> list[str]:
    return [str(use.reference) for plan in found for use in plan.uses]


def told(found: tuple[OptionPlan, ...]) -> list[str]:
    return [str(warning) for plan in found for warning in plan.warnings]


def written(
    found: tuple[OptionPlan, ...], registry: Registry = R, target: str = ""
) -> dict[str, str]:
    """Return the options that rendering changes, in short: ``R`` for the registry."""
    place = ImageReference.parse(target) if target else None
    made = {
        plan.option: (plan.render(lambda image: place or retag(image, registry)), plan.value)
        for plan in found
        if plan.is_written
    }
    return {
        name: text.replace(str(registry), "R") for name, (text, old) in made.items() if text != old
    }


@pytest.mark.parametrize("registry", [R, PATH, Registry("[fd00::1]:5000")], ids=str)
@pytest.mark.parametrize(
    ("options", "image", "expected"),
    [
        (
            {"image_name": "quay.io/acme/cat", "image_tag": "1.2"},
            "quay.io/acme/cat:1.2",
            {"image-name": "R/acme/cat"},
        ),
        (
            {"image_registry": "REG.X", "image_name": "acme/cat", "image_tag": "1"},
            "REG.X/acme/cat:1",
            {"image-registry": "R"},
        ),
        (
            {"image_registry": "quay.io", "image_namespace": "/acme/", "image_name": "cat"},
            "quay.io/acme/cat",
            {"image-registry": "R"},
        ),
        (
            {"image_registry": "quay.io", "image_namespace": "/", "image_name": "acme/cat"},
            "quay.io/acme/cat",
            {"image-registry": "R"},
        ),
        (
            {"image": "busybox", "tag": "1.28"},
            "busybox:1.28",
            {"image": "R/busybox"},
        ),
        (
            {"image_registry": "quay.io", "image_name": "acme/cat", "image_tag": "1.2"},
            "quay.io/acme/cat:1.2",
            {"image-registry": "R"},
        ),
        (
            {"registry": "quay.io:443/", "image": "acme/cat", "tag": "1.2"},
            "quay.io:443/acme/cat:1.2",
            {"registry": "R/"},
        ),
        (
            {
                "image_registry": "https://quay.io/",
                "image_repository": "acme/cat",
                "image_tag": "1",
            },
            "quay.io/acme/cat:1",
            {"image-registry": "https://R/"},
        ),
        (
            {"image_registry": "ghcr.io", "image_repo": "acme", "image_name": "cat"},
            "ghcr.io/acme/cat",
            {"image-registry": "R"},
        ),
        (
            {"image_registry": "quay.io/x", "image_name": "acme/cat"},
            "quay.io/x/acme/cat",
            {"image-registry": "R/x"},
        ),
        (
            {"cat_image_registry": "", "cat_image_name": "acme/cat", "cat_image_tag": "1"},
            "acme/cat:1",
            {"cat-image-registry": "R"},
        ),
        (
            {
                "image_registry": "quay.io",
                "image_namespace": "acme",
                "image_name": "cat",
                "image_tag": "1",
            },
            "quay.io/acme/cat:1",
            {"image-registry": "R"},
        ),
        (
            {"image_registry": "quay.io", "image_repository": "acme/cat", "image_version": "1"},
            "quay.io/acme/cat:1",
            {"image-registry": "R"},
        ),
        (
            {"image_repository": "gcr.io/google", "image_name": "pause", "image_tag": "3"},
            "gcr.io/google/pause:3",
            {"image-repository": "R/google"},
        ),
        (
            {"image_repository": "quay.io/acme/cat", "image_name": "cat", "image_tag": "3"},
            "quay.io/acme/cat:3",
            {"image-repository": "R/acme/cat"},
        ),
        (
            {"image": "quay.io/acme/cat", "image_digest": f"sha256:{HEX}", "image_tag": "3"},
            f"quay.io/acme/cat:3@sha256:{HEX}",
            {"image": "R/acme/cat", "image-digest": "", "image-tag": HEX},
        ),
        (
            {"image": "quay.io/acme/cat", "image_tag": ""},
            "quay.io/acme/cat",
            {"image": "R/acme/cat"},
        ),
    ],
)
def test_options_that_make_an_image_together(
    options: dict[str, str], image: str, expected: dict[str, str], registry: Registry
) -> None:
    found = plans(options)
    assert images(found) == [image]
    assert told(found) == []
    assert written(found, registry) == expected


@pytest.mark.parametrize(("kind", "value"), [("int", 3), ("float", 1.5)])
def test_a_tag_may_be_a_number(kind: OptionType, value: float) -> None:
    charm = Charm(
        name="c",
        options={
            "image-name": Option(name="image-name", type="string", default="quay.io/acme/cat"),
            "image-tag": Option(name="image-tag", type=kind, default=value),
            "image-digest": Option(name="image-digest", type=kind, default=value),
        },
    )
    found = plan_options(charm, {}, ImageRules.empty())
    assert images(found) == [f"quay.io/acme/cat:{value}"]
    assert written(found) == {"image-name": "R/acme/cat"}


def test_the_use_is_that_of_the_option_with_the_name() -> None:
    found = plans({"image_registry": "quay.io", "image_name": "acme/cat", "image_tag": "1"})
    (use,) = [use for plan in found for use in plan.uses]
    assert (use.option, use.where) == ("image-name", "option image-name")
    assert {plan.option for plan in found if plan.is_written} == {
        "image-registry",
        "image-name",
        "image-tag",
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # who knows what a registry is for beside a name with one
        ({"image_registry": "quay.io", "image_name": "ghcr.io/a/b"}, ["ghcr.io/a/b"]),
        ({"image_registry": "quay.io", "image_name": "a/b:1"}, ["a/b:1"]),
        ({"image_registry": "quay.io", "cat_image": "a/b"}, ["a/b"]),
        ({"image_repository": "https://quay.io", "image_name": "a/b"}, ["a/b"]),
        ({"image_registry": "ftp://quay.io", "image_name": "a/b"}, ["a/b"]),
        ({"image_registry": "quay.io", "image_name": ""}, []),
        ({"image_tag": "1.2"}, []),
        ({"version": "1.2", "image": "a/b"}, ["a/b"]),
        ({"image": "a/b", "image_name": "c/d", "image_tag": "1"}, ["a/b", "c/d"]),
        (
            {"image": "a/b", "image_name": "c/d", "image_repository": "e/f", "image_tag": "1"},
            ["a/b", "c/d"],
        ),
        ({"image": "a/b", "image_tag": "not a tag"}, ["a/b"]),
        ({"image": "a/b", "image_digest": "sha256:12"}, ["a/b"]),
        ({"repository": "https://git.example/x", "tag": "1.2"}, []),
        ({"image": "busybox", "image_tag": ""}, []),
        ({"image": "minio", "image_tag": "9000"}, []),
    ],
)
def test_options_that_make_none_are_judged_alone(
    options: dict[str, str], expected: list[str]
) -> None:
    found = plans(options)
    assert images(found) == expected
    assert not any(plan.composition for plan in found)


def test_a_registry_without_names_beside_it_is_told_with_what_to_set() -> None:
    found = plans({"image_registry": "quay.io", "worker_image": "acme/worker:1"})
    (warning,) = told(found)
    assert warning.startswith("option image-registry: 'quay.io' seems to be what names of images")
    assert "--set APP.image-registry" in warning
    assert "put-before" in warning
    assert written(found) == {"worker-image": "R/acme/worker:1"}


# Targets that are not where the rule of retagging puts them


def test_a_folded_path_is_written_into_the_parts() -> None:
    found = plans({"image_registry": "quay.io", "image_name": "a/b/cat", "image_tag": "1"})
    assert written(found, target=f"{R}/a--b/cat:1") == {
        "image-registry": "R/a--b",
        "image-name": "cat",
    }
    both = plans(
        {"image_registry": "quay.io", "image_namespace": "a", "image_name": "b", "image_tag": "1"}
    )
    assert written(both, target=f"{R}/a--b/cat:1") == {
        "image-registry": "R",
        "image-namespace": "a--b",
        "image-name": "cat",
    }


def test_a_name_of_several_levels_stays_as_it_is() -> None:
    options = {"image_registry": "quay.io", "image_namespace": "a", "image_name": "b/cat"}
    assert written(plans(options), target=f"{R}/x/a/b/cat") == {"image-registry": "R/x"}


@pytest.mark.parametrize("namespace", ["X", "Xa"])
def test_a_namespace_that_is_a_host_is_a_level_of_its_own(namespace: str) -> None:
    made = Composition(
        reference=ImageReference.parse("X/cat:1"),
        fronts=(ReferencePart(("registry",), ""), ReferencePart(("namespace",), namespace)),
        name=ReferencePart(("image",), "cat"),
        tag=ReferencePart(("tag",), "1"),
    )
    assert made.split(ImageReference.parse("r.io/a/cat:1")) == {
        ("registry",): "r.io",
        ("namespace",): "a",
        ("image",): "cat",
        ("tag",): "1",
    }


def test_latest_needs_no_value_for_a_tag() -> None:
    options = {"image_registry": "quay.io", "image_name": "acme/cat"}
    assert written(plans(options), target=f"{R}/acme/cat:latest") == {"image-registry": "R"}


def test_a_scheme_stays_in_front_of_a_folded_path() -> None:
    found = plans({"registry": "https://quay.io", "image": "a/b/cat", "tag": "1"})
    assert written(found, target=f"{R}/a--b/cat:1") == {
        "registry": "https://R/a--b",
        "image": "cat",
    }


def test_a_target_of_another_tag_is_written_with_it() -> None:
    found = plans({"image": "quay.io/acme/cat", "image_tag": "1"})
    assert written(found, target=f"{R}/cat:2") == {"image": "R/cat", "image-tag": "2"}
    empty = plans({"image": "quay.io/acme/cat", "image_tag": ""})
    assert written(empty, target=f"{R}/cat:latest") == {"image": "R/cat"}
    assert written(empty, target=f"{R}/cat:2") == {"image": "R/cat", "image-tag": "2"}
    assert written(found, target=f"{R}/cat") == {"image": "R/cat", "image-tag": "latest"}


@pytest.mark.parametrize(
    ("options", "target", "why"),
    [
        (
            {"image_registry": "quay.io", "image_namespace": "a", "image_name": "b"},
            f"{R}/a--b",
            "it has fewer levels",
        ),
        (
            {"image": "quay.io/acme/cat", "image_digest": f"sha256:{HEX}"},
            f"{R}/acme/cat:{HEX}",
            f"it has a tag in place of the digest sha256:{HEX}",
        ),
        (
            {"image_registry": "quay.io", "image_name": "acme/cat"},
            f"{R}/acme/cat:7",
            "it has the tag 7, for which there is no value",
        ),
    ],
)
def test_a_target_that_the_parts_cannot_make_is_an_error_that_says_what_to_do(
    options: dict[str, str], target: str, why: str
) -> None:
    with pytest.raises(OptionError) as raised:
        written(plans(options), target=target)
    names = [name.replace("_", "-") for name in options]
    made = " and ".join(f"option {name}" for name in names)
    assert raised.value.message == f"{made} cannot make {target}: {why}"
    sets = " ".join(f"--set APP.{name}=..." for name in names)
    assert raised.value.fix == f"Set them yourself: {sets}."


def test_a_digest_that_the_registry_keeps_is_written() -> None:
    options = {"image": "quay.io/acme/cat", "image_digest": f"sha256:{HEX}"}
    other = f"{R}/acme/cat@sha256:{HEX[::-1]}"
    assert written(plans(options), target=other) == {
        "image": "R/acme/cat",
        "image-digest": f"sha256:{HEX[::-1]}",
    }


# Keys of one mapping


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            {"image": {"registry": "docker.io", "repository": "acme/cat", "tag": "1.2"}},
            {"image": {"registry": "R", "repository": "acme/cat", "tag": "1.2"}},
        ),
        (
            {"pods": [{"image": {"repository": "quay.io/acme/cat", "tag": "1.2"}}]},
            {"pods": [{"image": {"repository": "R/acme/cat", "tag": "1.2"}}]},
        ),
        (
            {"x": {"image": "acme/cat", "imageTag": "1.2", "port": "80"}},
            {"x": {"image": "R/acme/cat", "imageTag": "1.2", "port": "80"}},
        ),
        (
            {"x": {"repository": "quay.io/acme/cat", "tag": "1.2"}},
            {"x": {"repository": "R/acme/cat", "tag": "1.2"}},
        ),
        (
            {"x": {"repository": "acme/cat", "tag": "1.2"}},
            {"x": {"repository": "acme/cat", "tag": "1.2"}},
        ),
        (
            {"image": {"repository": "quay.io/acme/cat", "tag": "", "digest": f"sha256:{HEX}"}},
            {"image": {"repository": "R/acme/cat", "tag": HEX, "digest": ""}},
        ),
        (
            {"image": {"name": "cats", "repository": "acme/cat", "tag": "1.2"}},
            {"image": {"name": "cats", "repository": "R/acme/cat", "tag": "1.2"}},
        ),
        (
            {"image": {"name": "acme/cat", "tag": "1.2"}},
            {"image": {"name": "R/acme/cat", "tag": "1.2"}},
        ),
        (
            {"images": {"registry": "acme/registry", "core": "acme/core:1"}},
            {"images": {"registry": "acme/registry", "core": "R/acme/core:1"}},
        ),
    ],
)
def test_keys_that_make_an_image_together(
    value: dict[str, object], expected: dict[str, object], as_json: bool
) -> None:
    text = json.dumps(value) if as_json else yaml.safe_dump(value)
    found = plans({"config": text})
    after = written(found).get("config", text)
    assert yaml.safe_load(after) == expected
    assert len(images(found)) == (expected != value)


def test_keys_of_a_document_inside_a_string() -> None:
    inner = "image:\n  repository: acme/cat\n  tag: '2'\n"
    found = plans({"config": json.dumps({"values": inner})})
    assert images(found) == ["acme/cat:2"]
    assert json.loads(written(found)["config"]) == {"values": inner.replace("acme", "R/acme")}


def test_a_name_beside_a_repository_is_that_of_something_else() -> None:
    beside = {"name": "cats", "repository": "acme/cat", "tag": "1.2"}
    assert images(plans({"config": json.dumps({"image": beside})})) == ["acme/cat:1.2"]
    alone = {"name": "acme/cats", "tag": "1.2"}
    assert images(plans({"config": json.dumps({"image": alone})})) == ["acme/cats:1.2"]


def test_the_parts_of_an_image_in_a_document_inside_a_string_have_its_path() -> None:
    inner = {"image": {"registry": "q.io", "repository": "a/b", "tag": "1", "digest": ""}}
    (plan,) = plans({"config": json.dumps({"values": json.dumps(inner)})})
    (use,) = plan.uses
    assert use.composition is not None
    assert [(field.path, field.text) for field in use.composition.fields] == [
        (("values", "image", "registry"), "q.io"),
        (("values", "image", "repository"), "a/b"),
        (("values", "image", "tag"), "1"),
        (("values", "image", "digest"), ""),
    ]
    after = plan.render(lambda _: ImageReference.parse(f"{R}/c/d:2"))
    assert json.loads(json.loads(after)["values"]) == {
        "image": {"registry": f"{R}/c", "repository": "d", "tag": "2", "digest": ""}
    }


def test_a_digest_in_a_document_inside_a_string_is_exchanged() -> None:
    inner = {"image": {"repository": "q.io/a/b", "digest": f"sha256:{HEX}"}}
    (plan,) = plans({"config": json.dumps({"values": json.dumps(inner)})})
    target = f"{R}/a/b@sha256:{HEX[::-1]}"
    after = plan.render(lambda _: ImageReference.parse(target))
    assert json.loads(json.loads(after)["values"]) == {
        "image": {"repository": f"{R}/a/b", "digest": f"sha256:{HEX[::-1]}"}
    }


def test_keys_that_cannot_make_a_target_are_named() -> None:
    found = plans({"config": '{"image": {"registry": "quay.io", "repository": "a/b"}}'})
    with pytest.raises(OptionError) as raised:
        written(found, target=f"{R}/a/b:3")
    assert raised.value.message.startswith("key image.registry and key image.repository cannot")
    assert raised.value.fix == "Set the whole option with --set."


# Names that the rules tell

RULES = ImageRules.from_document(
    {
        "release": "x",
        "rules": {
            "c": {
                "channel": "1/stable",
                "options": {"image-registry": {"put-before": ["calico/node:v3", "pause:3.9"]}},
            }
        },
    },
    where="rules",
)


@pytest.mark.parametrize(
    ("value", "front", "expected"),
    [
        ("rocks.canonical.com:443/cdk", "rocks.canonical.com:443/cdk/", "R/cdk"),
        ("quay.io", "quay.io/", "R"),
        ("quay.io/", "quay.io/", "R/"),
        ("", "", "R"),
    ],
)
@pytest.mark.parametrize("registry", [R, PATH], ids=str)
def test_a_registry_that_the_charm_puts_before_names(
    value: str, front: str, expected: str, registry: Registry
) -> None:
    found = plans({"image_registry": value}, RULES)
    assert images(found) == [f"{front}calico/node:v3", f"{front}pause:3.9"]
    assert told(found) == []
    assert written(found, registry) == {"image-registry": expected}


@pytest.mark.parametrize(
    ("targets", "match"),
    [
        ({"node": f"{R}/x/calico/node:v3"}, "are in different places"),
        ({"node": f"{R}/calico--node:v3"}, "does not end in calico/node:v3"),
        ({"node": f"{R}/calico/node:v4"}, "does not end in calico/node:v3"),
    ],
)
def test_names_that_one_registry_cannot_be_put_before(targets: dict[str, str], match: str) -> None:
    (plan,) = plans({"image_registry": "quay.io"}, RULES)

    def find(source: ImageReference) -> ImageReference:
        place = targets.get(source.repository.rpartition("/")[2])
        return ImageReference.parse(place) if place else retag(source, R)

    with pytest.raises(OptionError, match=match):
        plan.render(find)


def test_a_value_that_makes_no_reference_with_the_names() -> None:
    with pytest.raises(OptionError, match="is not an image reference"):
        plan_options(
            Charm(
                name="c", options={"image-registry": Option(name="image-registry", type="string")}
            ),
            {"image-registry": "https://quay.io"},
            RULES,
        )
    found = plans({"image_registry": "https://quay.io"}, RULES)
    assert images(found) == []
    assert "it is the charm's default" in told(found)[0]


# Whatever comes


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("image", ("name", ())),
        ("cat-image-name", ("name", ("cat",))),
        ("cat-image-tag", ("tag", ("cat",))),
        ("cat-tag", ("tag", ("cat",))),
        ("image-registry-url", ("registry", ())),
        ("image-hub", ("prefix", ())),
        ("catDigest", ("digest", ("cat",))),
        ("image-channel", None),
        ("image-pull-policy", None),
        ("custom_images", None),
        ("version", None),
        ("hub", None),
        ("name", None),
        ("cat-hub", None),
        ("tag", ("tag", ())),
        ("", None),
    ],
)
def test_roles(name: str, role: tuple[str, tuple[str, ...]] | None) -> None:
    assert role_of(name) == role


def test_roles_of_keys() -> None:
    assert role_of("hub", key=True) == ("prefix", ())
    assert role_of("name", key=True) == ("name", ())
    assert role_of("tag", key=True) == ("tag", ())
    assert role_of("cat-hub", key=True) is None
    assert role_of("cat-tag", key=True) == ("tag", ("cat",))


words = st.sampled_from(["", "a", "quay.io", "a/b", "1.2", "sha256:1", f"sha256:{HEX}", "a/", "Ä"])
names = st.sampled_from(
    ["registry", "repository", "image", "tag", "digest", "imageName", "namespace", "image-prefix"]
)


@given(st.dictionaries(names, words), st.sampled_from([f"{R}/a/b:1", f"{R}/x", f"{R}/a/b/c/d:2"]))
def test_what_is_split_makes_the_target(values: dict[str, str], target: str) -> None:
    wanted = ImageReference.parse(target)
    for made in compositions(
        [ReferencePart((key,), text) for key, text in values.items()], options=True
    ):
        try:
            parts = made.split(wanted)
        except OptionError:
            continue
        again = [
            ReferencePart(field.path, parts.get(field.path, field.text)) for field in made.fields
        ]
        references = [one.reference.with_tag() for one in compositions(again, options=True)]
        assert references == [wanted.with_tag()] or _is_whole(again, wanted)


def _is_whole(fields: list[ReferencePart], wanted: ImageReference) -> bool:
    """Whether only the name is left, with the registry in it."""
    return any(field.text == wanted.name for field in fields)
