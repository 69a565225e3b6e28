"""``ckf-airgap render``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from click.testing import Result

from tests.unit.cli.conftest import REGISTRY, World

Invoke = Callable[..., Result]


def test_prints_the_overlay_and_nothing_else_to_standard_output(
    world: World, invoke: Invoke
) -> None:
    result = invoke("render", *world.args)
    assert result.exit_code == 0
    overlay: dict[str, Any] = yaml.safe_load(result.stdout)
    assert overlay == {
        "applications": {
            "cat": {
                "charm": "./cat_r12.charm",
                "channel": "",
                "base": "ubuntu@22.04/stable",
                "resources": {"cat-image": f"{REGISTRY}/pets/cat:1.0"},
            },
            "dog": {
                "charm": "./dog_r5.charm",
                "channel": "",
                "base": "ubuntu@22.04/stable",
                "options": {"helper_image": f"{REGISTRY}/pets/flea:2"},
            },
        }
    }
    assert result.stderr == f"2 applications name 2 images of {REGISTRY} in 2 places\n"


def test_quiet_prints_results_only(world: World, invoke: Invoke) -> None:
    assert invoke("render", *world.args, "-q").stderr == ""


def test_writes_overlay_and_merged_bundle_to_files(world: World, invoke: Invoke) -> None:
    overlay, merged = world.bundle.parent / "overlay.yaml", world.bundle.parent / "merged.yaml"
    result = invoke("render", *world.args, "-o", overlay, "--bundle-out", merged)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert f"wrote the overlay to {overlay}" in result.stderr
    assert yaml.safe_load(overlay.read_text())["applications"]["cat"]["channel"] == ""
    applications = yaml.safe_load(merged.read_text())["applications"]
    assert all("channel" not in application for application in applications.values())
    assert {application["base"] for application in applications.values()} == {"ubuntu@22.04/stable"}
    assert applications["dog"]["options"] == {
        "volume": 3,
        "helper_image": f"{REGISTRY}/pets/flea:2",
    }


def test_json_tells_every_exchange(world: World, invoke: Invoke) -> None:
    document = json.loads(invoke("render", *world.args, "--json").stdout)
    assert document["schema"] == "ckf-airgap/render/v1"
    assert document["registry"] == REGISTRY
    assert document["images"] == [
        {
            "application": "cat",
            "where": "resource cat-image",
            "source": "docker.io/pets/cat:1.0",
            "target": f"{REGISTRY}/pets/cat:1.0",
        },
        {
            "application": "dog",
            "where": "option helper_image",
            "source": "ghcr.io/pets/flea:2",
            "target": f"{REGISTRY}/pets/flea:2",
        },
    ]
    assert document["charms"]["cat"]["revision"] == 12
    assert document["overlay"]["applications"]["cat"]["charm"] == "./cat_r12.charm"


def test_set_and_overlay_are_applied_last(world: World, invoke: Invoke) -> None:
    own = world.bundle.parent / "own.yaml"
    own.write_text("applications: {dog: {scale: 3, options: {volume: 7}}}")
    result = invoke("render", *world.args, "--overlay", own, "--set", "dog.volume=9", "--json")
    dog = json.loads(result.stdout)["overlay"]["applications"]["dog"]
    assert dog["scale"] == 3
    assert dog["options"]["volume"] == 9


def test_charm_paths_start_where_the_bundle_will_lie(world: World, invoke: Invoke) -> None:
    result = invoke("render", *world.args, "--relative-to", world.bundle.parent)
    charm = yaml.safe_load(result.stdout)["applications"]["cat"]["charm"]
    assert charm == "./charms/cat_r12.charm"


def test_defaults_are_those_of_the_guide(
    world: World, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(world.bundle.parent))
    assert invoke("render", world.bundle).exit_code == 0


def test_files_are_taken_from_the_environment(world: World, invoke: Invoke) -> None:
    env = {"CKF_AIRGAP_CHARMS": str(world.charms), "CKF_AIRGAP_IMAGES": str(world.images)}
    assert invoke("render", world.bundle, env=env).exit_code == 0


class TestFailure:
    def check(self, result: Result, code: int, *texts: str) -> None:
        assert result.exit_code == code
        assert result.stdout == ""
        assert result.stderr.startswith("error: ")
        assert "Traceback" not in result.stderr
        for text in texts:
            assert text in result.stderr

    def test_no_such_bundle_or_release(self, invoke: Invoke) -> None:
        self.check(invoke("render", "1.99"), 4, "'1.99' is neither a file nor", "1.11")

    def test_missing_image_names_who_needs_it_and_the_nearest(
        self, world: World, invoke: Invoke
    ) -> None:
        world.images.write_text(f"{REGISTRY}/pets/cat:1.1\n{REGISTRY}/pets/flea:2\n")
        self.check(
            invoke("render", *world.args),
            4,
            "docker.io/pets/cat:1.0",
            "cat, resource cat-image",
            f"{REGISTRY}/pets/cat:1.1 (line 1)",
        )

    def test_missing_charm(self, world: World, invoke: Invoke) -> None:
        (world.charms / "dog_r5.charm").unlink()
        self.check(invoke("render", *world.args), 4, "application dog")

    def test_missing_directory_of_charms(self, world: World, invoke: Invoke) -> None:
        args = [world.bundle, "--charms", "/no/such", "--images", world.images]
        self.check(invoke("render", *args), 4, "/no/such", "--charms")

    def test_missing_list_of_images(self, world: World, invoke: Invoke) -> None:
        args = [world.bundle, "--charms", world.charms, "--images", "/no/such"]
        self.check(invoke("render", *args), 4, "/no/such", "--images")

    def test_damaged_charm(self, world: World, invoke: Invoke) -> None:
        path = world.charms / "dog_r5.charm"
        path.write_bytes(path.read_bytes()[:100])
        self.check(invoke("render", *world.args), 3, str(path))

    def test_bundle_that_is_no_yaml(self, world: World, invoke: Invoke) -> None:
        world.bundle.write_text("{")
        self.check(invoke("render", *world.args), 3, str(world.bundle))

    def test_setting_without_a_value(self, world: World, invoke: Invoke) -> None:
        self.check(invoke("render", *world.args, "--set", "dog.volume"), 2, "APP.OPTION=VALUE")

    def test_setting_of_an_unknown_option_names_the_nearest(
        self, world: World, invoke: Invoke
    ) -> None:
        self.check(invoke("render", *world.args, "--set", "dog.volme=3"), 3, "'volume'")

    def test_registry_that_is_none(self, world: World, invoke: Invoke) -> None:
        self.check(invoke("render", *world.args, "--registry", "http://x/"), 3, "http://x/")

    def test_rules_that_are_missing(self, world: World, invoke: Invoke) -> None:
        self.check(invoke("render", *world.args, "--rules", "/no/rules.yaml"), 4, "/no/rules.yaml")

    def test_output_in_a_directory_that_is_missing(self, world: World, invoke: Invoke) -> None:
        self.check(
            invoke("render", *world.args, "-o", "/no/such/overlay.yaml"),
            3,
            "cannot write /no/such/overlay.yaml: there is no directory /no/such",
            "Make the directory",
        )


def test_what_only_an_overlay_may_have_makes_the_merged_bundle_two_documents(
    world: World, invoke: Invoke
) -> None:
    own, merged = world.bundle.parent / "own.yaml", world.bundle.parent / "merged.yaml"
    own.write_text(
        "applications: {dog: {offers: {o: {endpoints: [prey]}}, scale: 0}}\n---\n"
        "applications: {cat: {to: [disk=ssd], option: {a: 1}}}\n"
    )
    result = invoke("render", *world.args, "--overlay", own, "--bundle-out", merged)
    assert result.exit_code == 0
    base, overlay = yaml.safe_load_all(merged.read_text())
    assert "offers" not in base["applications"]["dog"]
    assert overlay == {"applications": {"dog": {"offers": {"o": {"endpoints": ["prey"]}}}}}
    assert (base["applications"]["dog"]["scale"], base["applications"]["cat"]["to"]) == (
        2,
        ["disk=ssd"],
    )
    told = " ".join(result.stderr.split())
    assert "scale: 0 in an overlay changes nothing in Juju (write num_units: 0)" in told
    assert "Juju does not know the key applications.cat.option" in told
    assert "placement of cat: Juju's own client 3.6 ends with a panic on it" in told


def test_what_a_person_leaves_public_is_told_and_only_an_option_that_exists_allowed(
    world: World, invoke: Invoke
) -> None:
    args = ("render", *world.args, "--set", "dog.helper_image=docker.io/mine/flea:9")
    told = "docker.io/mine/flea:9 is not in"
    assert told in invoke(*args).stderr
    document = json.loads(invoke(*args, "--json", "--allow-public", "dog.helper_image").stdout)
    (warning,) = document["warnings"]
    assert warning["where"] == "application dog, option helper_image"
    assert told in warning["what"]
    refused = invoke(*args, "--allow-public", "dog.helper")
    assert refused.exit_code == 3
    assert "charm dog has no option helper" in refused.stderr
    malformed = invoke(*args, "--allow-public", "dog")
    assert malformed.exit_code == 2
