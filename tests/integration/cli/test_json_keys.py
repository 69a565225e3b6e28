"""Every key of every document of ``--json``, and of every file that is written, is kebab-case."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

from ckf_airgap.rehearsal.host.thread import ControllerThread
from ckf_airgap.rehearsal.units.course import Course
from tests.jsonkeys import wrong_keys
from tests.unit.cli.conftest import REGISTRY, World

Invoke = Callable[..., Result]


def check(result: Result, schema: str, code: int = 0, version: int = 1) -> dict[str, Any]:
    assert result.exit_code == code, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    assert document["schema"] == f"ckf-airgap/{schema}/v{version}"
    assert wrong_keys(document) == set()
    return document


def test_of_lists_of_images(world: World, invoke: Invoke, tmp_path: Path) -> None:
    charms = ("--charms", world.charms)
    document = check(invoke("images", "list", world.bundle, *charms, "--json"), "images")
    assert "named-by" in document["images"][-1]["reasons"][0]
    check(invoke("images", "list", "1.9", "--json"), "images")
    flea = "ghcr.io/pets/flea:2"
    explained = invoke("images", "explain", flea, "--bundle", world.bundle, *charms, "--json")
    check(explained, "images-explained")
    document = check(invoke("images", "audit", world.bundle, *charms, "--json"), "images-audit")
    assert document["charms"][0]["files-read"]

    mapping = tmp_path / "mapping.json"
    to = ("--registry", "other.test:5000", "--max-depth", "3", "--mapping", mapping)
    document = check(invoke("images", "retag", world.images, *to, "--json"), "retag-mapping")
    assert document["max-depth"] == 3
    assert wrong_keys(json.loads(mapping.read_text())) == set()


def test_of_releases_charms_and_renderings(world: World, invoke: Invoke) -> None:
    check(invoke("releases", "--json"), "releases")
    check(invoke("charms", "list", world.bundle, "--charms", world.charms, "--json"), "charms-list")
    document = check(invoke("render", *world.args, "--json"), "render")
    assert "helper_image" in document["overlay"]["applications"]["dog"]["options"]
    assert "needed-by" in document["proof"]["mapping"][0]
    check(invoke("rehearse", *world.args, "--speed", "600", "--json"), "rehearse")


def test_of_a_model(deploy: Invoke, invoke: Invoke, controller: ControllerThread) -> None:
    env = {"JUJU_DATA": str(controller.juju_data)}
    check(deploy("--dry-run", "--json"), "plan", version=2)
    check(deploy("--json"), "deploy")
    check(invoke("status", "--json", env=env), "status")
    check(invoke("wait", "--idle", "0.1s", "--json", env=env), "wait")


def test_of_failures(
    world: World, deploy: Invoke, invoke: Invoke, controller: ControllerThread
) -> None:
    check(invoke("render", "1.99", "--json"), "error", 4)
    world.images.write_text(f"{REGISTRY}/pets/cat:1.0\n")
    check(invoke("render", *world.args, "--json"), "error", 4)
    world.images.write_text(f"{REGISTRY}/pets/cat:1.0\n{REGISTRY}/pets/flea:2\n")
    stuck = Course.stuck("blocked", "Please feed me")
    controller.call(lambda: controller.controller.script.set_course(stuck, application="dog"))
    check(deploy("--timeout", "1s", "--json"), "error", 8)
