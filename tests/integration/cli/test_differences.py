"""A second deploy over other charms, images or logins brings the model in line, and says how."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from ckf_airgap.charms.charm import Option, Resource
from ckf_airgap.juju.planning.identity import RECORD_KEY
from ckf_airgap.rehearsal.host.thread import ControllerThread
from ckf_airgap.rehearsal.standin import write_standin
from tests.integration.cli.test_commands import requests
from tests.unit.cli.conftest import CAT, REGISTRY, World

Invoke = Callable[..., Result]


@pytest.fixture
def converges(deploy: Invoke, controller: ControllerThread) -> Callable[..., list[str]]:
    """Plan, deploy, deploy again: returns what is changed; a third run would change nothing."""

    def call(*args: object) -> list[str]:
        before = requests(controller)
        dry = deploy("--dry-run", "--json", *args)
        assert dry.exit_code == 0, dry.stderr
        assert requests(controller) == before
        found = [
            f"{item['application']} {item['kind']} {item['name']}: {item['old']} -> {item['new']}"
            for item in json.loads(dry.stdout)["steps"]
        ]
        wet = deploy(*args)
        assert wet.exit_code == 0, wet.stderr
        assert json.loads(deploy("--dry-run", "--json", *args).stdout)["actions"] == []
        return found

    return call


def change(controller: ControllerThread, apply: Callable[[Any], object]) -> None:
    """Change the model behind the tool's back."""
    controller.call(lambda: apply(controller.controller.models["kubeflow"]))


def test_a_newer_charm_file_is_taken(
    deploy: Invoke, converges: Callable[..., list[str]], world: World
) -> None:
    assert deploy().exit_code == 0
    write_standin(
        dataclasses.replace(CAT, metadata={"name": "cat", "summary": "x"}), world.charms, 13
    )
    assert converges() == ["cat charm : cat_r12.charm -> cat_r13.charm"]


def test_an_image_of_a_newer_charm_and_an_option_it_adds_come_with_it(
    deploy: Invoke, converges: Callable[..., list[str]], world: World
) -> None:
    assert deploy().exit_code == 0
    newer = dataclasses.replace(
        CAT,
        resources={"cat-image": Resource(name="cat-image", upstream_source="pets/cat:2.0")},
        options={"purr": Option(name="purr", type="boolean", default=False)},
    )
    write_standin(newer, world.charms, 13)
    world.images.write_text(f"{REGISTRY}/pets/cat:2.0\n{REGISTRY}/pets/flea:2\n")
    assert converges("--set", "cat.purr=true") == [
        "cat charm : cat_r12.charm -> cat_r13.charm",
        f"cat resource cat-image: {REGISTRY}/pets/cat:1.0 -> {REGISTRY}/pets/cat:2.0",
        "cat option purr: None -> true",
    ]


def test_a_moved_registry_takes_every_image_along(
    deploy: Invoke, converges: Callable[..., list[str]], world: World
) -> None:
    assert deploy().exit_code == 0
    world.images.write_text("new.test:5001/pets/cat:1.0\nnew.test:5001/pets/flea:2\n")
    assert converges() == [
        f"cat resource cat-image: {REGISTRY}/pets/cat:1.0 -> new.test:5001/pets/cat:1.0",
        f"dog option helper_image: {REGISTRY}/pets/flea:2 -> new.test:5001/pets/flea:2",
    ]


def test_a_pull_login_that_was_rotated_or_left_out_is_brought_in_line(
    deploy: Invoke, converges: Callable[..., list[str]], tmp_path: Path
) -> None:
    password = tmp_path / "password"
    login = ("--registry-username", "me", "--registry-password-file", password)
    password.write_text("0ld-secret")
    assert converges(*login)
    assert converges(*login) == []
    password.write_text("n3w-secret")
    found = [*converges(*login), *converges()]
    assert found == [
        "cat pull-login cat-image: another login, or none -> login of the registry",
        "cat pull-login cat-image: another login, or none -> no login",
    ]


def test_an_image_that_was_attached_by_hand_is_attached_again(
    deploy: Invoke, converges: Callable[..., list[str]], controller: ControllerThread
) -> None:
    assert deploy().exit_code == 0

    def attach(model: Any) -> None:
        resources = model.topology.application("cat").resources
        resources["cat-image"] = dataclasses.replace(resources["cat-image"], fingerprint="ab" * 48)

    change(controller, attach)
    assert converges() == [f"cat resource cat-image: None -> {REGISTRY}/pets/cat:1.0"]


class TestWithoutRecord:
    @pytest.fixture(autouse=True)
    def _forgotten(self, deploy: Invoke, controller: ControllerThread) -> None:
        assert deploy().exit_code == 0

        def forget(model: Any) -> None:
            for name in ("cat", "dog"):
                model.annotate(f"application-{name}", {RECORD_KEY: ""})

        change(controller, forget)

    def test_what_is_not_known_is_shown_and_brought_in_line(
        self, deploy: Invoke, converges: Callable[..., list[str]]
    ) -> None:
        steps = json.loads(deploy("--dry-run", "--json").stdout)["steps"]
        assert {step["reason"] for step in steps} == {
            "no record says which file it was deployed from"
        }
        assert converges() == [
            "cat charm : local:cat-0 -> cat_r12.charm",
            "dog charm : local:dog-0 -> dog_r5.charm",
        ]

    def test_an_image_that_is_not_the_bundles_is_replaced_with_it(
        self, converges: Callable[..., list[str]], controller: ControllerThread
    ) -> None:
        def attach(model: Any) -> None:
            resources = model.topology.application("cat").resources
            changed = dataclasses.replace(resources["cat-image"], fingerprint="ab" * 48)
            resources["cat-image"] = changed

        change(controller, attach)
        assert f"cat resource cat-image: None -> {REGISTRY}/pets/cat:1.0" in converges()
