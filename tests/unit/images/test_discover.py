"""Images that are no references are told with what to write, and where."""

from __future__ import annotations

import pytest

from ckf_airgap.bundle.bundle import Application, Bundle
from ckf_airgap.charms.charm import Charm, Resource
from ckf_airgap.errors import InputError
from ckf_airgap.images.discover import discover_images
from ckf_airgap.images.rules import ImageRules


def bundle_of(resource: Resource, given: str | None = None) -> tuple[Bundle, dict[str, Charm]]:
    resources = {} if given is None else {resource.name: given}
    application = Application(name="cat", charm="pets", resources=resources)
    charm = Charm(name="pets", resources={resource.name: resource})
    return Bundle(applications={"cat": application}), {"cat": charm}


def problem(upstream: str, given: str | None = None) -> str:
    charm = Charm(
        name="pets", resources={"image": Resource(name="image", upstream_source=upstream)}
    )
    resources = {} if given is None else {"image": given}
    application = Application(name="cat", charm="pets", resources=resources)
    bundle = Bundle(applications={"cat": application})
    with pytest.raises(InputError, match="cannot determine images of resources") as raised:
        discover_images(bundle, {"cat": charm}, ImageRules.empty())
    (found,) = raised.value.problems
    assert found.where == "application cat, resource image"
    return found.fix


@pytest.mark.parametrize(
    ("upstream", "meant"),
    [
        ("docker://acme/cat:1", ", such as acme/cat:1"),
        ("https://reg.example/acme/cat:1", ", such as reg.example/acme/cat:1"),
        ("docker:acme/cat", ", such as acme/cat"),
        ("Acme/Cat:V1", ", such as acme/cat:V1"),
        ("reg:5000/Acme/cat", ", such as reg:5000/acme/cat"),
        ("HTTP://R.io/Acme/cat@sha256:" + "A" * 64, ""),
        ("a b", ""),
    ],
)
def test_what_a_charm_declares_is_set_right_in_an_overlay(upstream: str, meant: str) -> None:
    assert problem(upstream) == (
        f"charm pets declares it so: set image under resources of cat in an overlay{meant}"
    )


def test_what_the_bundle_gives_is_set_right_there() -> None:
    assert problem("acme/cat:1", "docker://acme/cat:2") == "write acme/cat:2"
    assert problem("acme/cat:1", "a b") == ""


def test_a_resource_without_image_is_refused_or_left_out() -> None:
    bundle, charms = bundle_of(Resource(name="image"))
    with pytest.raises(InputError, match="cannot determine images of resources"):
        discover_images(bundle, charms, ImageRules.empty())
    (found,) = discover_images(bundle, charms, ImageRules.empty(), skip_missing=True)
    assert found.resources == {}
    (warning,) = found.warnings()
    assert warning.where == "application cat, resource image"
    assert warning.what == "charm pets does not declare its image"


@pytest.mark.parametrize("skip_missing", [True, False])
def test_the_old_key_upstream_names_the_image_and_is_told(skip_missing: bool) -> None:
    bundle, charms = bundle_of(Resource(name="image", old_upstream="acme/redis:7"))
    (found,) = discover_images(bundle, charms, ImageRules.empty(), skip_missing=skip_missing)
    assert str(found.resources["image"]) == "acme/redis:7"
    (warning,) = found.warnings()
    assert "acme/redis:7 is what its old key upstream names" in warning.what


@pytest.mark.parametrize(
    ("resource", "given"),
    [
        (Resource(name="image", old_upstream="acme/redis:7"), "acme/redis:7"),
        (Resource(name="image", upstream_source="acme/redis:7"), None),
        (Resource(name="image"), "acme/redis:7"),
    ],
)
def test_an_image_that_is_named_as_it_should_be_is_no_doubt(
    resource: Resource, given: str | None
) -> None:
    bundle, charms = bundle_of(resource, given)
    (found,) = discover_images(bundle, charms, ImageRules.empty())
    assert list(found.warnings()) == []
