"""A second deploy over other charms, images or logins is refused, and reports show the model."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from ckf_airgap.charms.charm import Option, Resource
from ckf_airgap.facts.releases import load_release
from ckf_airgap.juju.planning.identity import RECORD_KEY
from ckf_airgap.rehearsal.host.thread import ControllerThread
from ckf_airgap.rehearsal.standin import write_standin, write_standins
from tests.integration.cli.test_commands import requests
from tests.unit.cli.conftest import CAT, DOG, REGISTRY, World

Invoke = Callable[..., Result]


@pytest.fixture
def refuses(deploy: Invoke, controller: ControllerThread) -> Callable[..., str]:
    """Deploy, really and as a dry run: both must refuse and change nothing; returns stderr."""

    def call(*args: object) -> str:
        before = requests(controller)
        dry, wet = deploy("--dry-run", *args), deploy(*args)
        assert (dry.exit_code, wet.exit_code) == (6, 6), wet.stderr
        assert "nothing was changed" in wet.stderr
        assert "comes with a later version" in wet.stderr
        assert dry.stderr[dry.stderr.index("error:") :] == wet.stderr[wet.stderr.index("error:") :]
        assert wet.stdout == dry.stdout == ""
        assert requests(controller) == before
        return wet.stderr

    return call


def change(controller: ControllerThread, apply: Callable[[Any], object]) -> None:
    """Change the model behind the tool's back."""
    controller.call(lambda: apply(controller.controller.models["kubeflow"]))


def test_a_newer_charm_file_is_refused(
    deploy: Invoke, refuses: Callable[..., str], world: World
) -> None:
    assert deploy().exit_code == 0
    write_standin(
        dataclasses.replace(CAT, metadata={"name": "cat", "summary": "x"}), world.charms, 13
    )
    text = refuses()
    assert (
        "application cat: its charm local:cat-0 was deployed from cat_r12.charm, not from " in text
    )
    assert "cat_r13.charm" in text
    assert "dog" not in text


def test_an_image_of_a_newer_charm_and_an_option_it_adds_are_listed_together(
    deploy: Invoke, refuses: Callable[..., str], world: World
) -> None:
    assert deploy().exit_code == 0
    newer = dataclasses.replace(
        CAT,
        resources={"cat-image": Resource(name="cat-image", upstream_source="pets/cat:2.0")},
        options={"purr": Option(name="purr", type="boolean", default=False)},
    )
    write_standin(newer, world.charms, 13)
    world.images.write_text(f"{REGISTRY}/pets/cat:2.0\n{REGISTRY}/pets/flea:2\n")
    text = refuses("--set", "cat.purr=true")
    assert f"the image is {REGISTRY}/pets/cat:1.0, not {REGISTRY}/pets/cat:2.0" in text
    assert "its charm local:cat-0 in the model has no option purr" in text
    assert "was deployed from cat_r12.charm" in text


def test_a_moved_registry_is_refused(
    deploy: Invoke, refuses: Callable[..., str], world: World
) -> None:
    assert deploy().exit_code == 0
    world.images.write_text("new.test:5001/pets/cat:1.0\nnew.test:5001/pets/flea:2\n")
    assert f"the image is {REGISTRY}/pets/cat:1.0, not new.test:5001/pets/cat:1.0" in refuses()


def test_a_pull_login_that_was_rotated_or_left_out_is_refused_and_the_same_one_is_not(
    deploy: Invoke, refuses: Callable[..., str], tmp_path: Path
) -> None:
    password = tmp_path / "password"
    login = ("--registry-username", "me", "--registry-password-file", password)
    password.write_text("old")
    assert deploy(*login).exit_code == 0
    assert deploy(*login).exit_code == 0
    assert "a different login" in refuses()
    password.write_text("new")
    text = refuses(*login)
    assert "application cat, resource cat-image" in text
    assert "a different login" in text
    assert "old" not in text.replace("older", "")


def test_an_image_that_was_attached_by_hand_is_refused(
    deploy: Invoke, refuses: Callable[..., str], controller: ControllerThread
) -> None:
    assert deploy().exit_code == 0

    def attach(model: Any) -> None:
        resources = model.topology.application("cat").resources
        resources["cat-image"] = dataclasses.replace(resources["cat-image"], fingerprint="ab" * 48)

    change(controller, attach)
    assert "attached again since" in refuses()


class TestWithoutRecord:
    @pytest.fixture(autouse=True)
    def _forgotten(self, deploy: Invoke, controller: ControllerThread) -> None:
        assert deploy().exit_code == 0

        def forget(model: Any) -> None:
            for name in ("cat", "dog"):
                model.annotate(f"application-{name}", {RECORD_KEY: ""})

        change(controller, forget)

    def test_what_cannot_be_known_is_a_warning(self, deploy: Invoke) -> None:
        result = deploy()
        assert result.exit_code == 0
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("warning:")]
        assert "they were not compared with the bundle: cat, dog" in line
        assert "pets/cat:1.0" in result.stdout  # its fingerprint is enough for that

    def test_json_has_the_warning_and_only_images_that_the_model_confirms(
        self, deploy: Invoke, controller: ControllerThread
    ) -> None:
        def attach(model: Any) -> None:
            resources = model.topology.application("cat").resources
            changed = dataclasses.replace(resources["cat-image"], fingerprint="ab" * 48)
            resources["cat-image"] = changed

        change(controller, attach)
        document = json.loads(deploy("--json").stdout)
        assert len(document["warnings"]) == 1
        targets = {image["where"]: image["target"] for image in document["images"]}
        assert targets == {
            "resource cat-image": None,
            "option helper_image": f"{REGISTRY}/pets/flea:2",
        }
        table = deploy().stdout
        assert "(not confirmed)" in table
        assert "1 image of registry.test:5000, 1 more not confirmed by the model" in table
        assert "pets/cat:1.0" not in table

    def test_another_charm_is_refused_where_its_options_show_it(
        self, refuses: Callable[..., str], world: World
    ) -> None:
        options = {**DOG.options, "bark": Option(name="bark", type="int", default=1)}
        write_standin(dataclasses.replace(DOG, options=options), world.charms, 6)
        assert "they declare different options (bark)" in refuses()


def test_a_release_over_the_one_before_it_is_refused_and_over_itself_is_not(
    invoke: Invoke, controller: ControllerThread, tmp_path: Path
) -> None:
    def deploy(release: str) -> Result:
        charms = tmp_path / release
        if not charms.exists():
            write_standins(load_release(release), charms)
        images = tmp_path / f"{release}.txt"
        listed = invoke("images", "list", release, "--charms", charms, "-q", "-o", tmp_path / "i")
        assert listed.exit_code == 0, listed.stderr
        retag = ("images", "retag", tmp_path / "i", "--registry", REGISTRY, "-o", images)
        assert invoke(*retag).exit_code == 0
        store = controller.juju_data
        where = ("--charms", charms, "--images", images, "--juju-data", store)
        return invoke("deploy", release, *where, "--idle", "0.3s")

    assert deploy("1.10").exit_code == 0
    before = requests(controller)
    refused = deploy("1.11")
    assert refused.exit_code == 6
    assert requests(controller) == before
    for place in ("kfp-viz, resource", "kfp-api, resource", "argo-controller, resource"):
        assert f"application {place}" in refused.stderr
    again = deploy("1.10")
    assert again.exit_code == 0, again.stderr
    warnings = [line for line in again.stderr.splitlines() if line.startswith("warning")]
    expected = ("will be able to log in", "pods ask for them by the public name")
    assert all(any(text in warning for text in expected) for warning in warnings)
    assert requests(controller) == before
