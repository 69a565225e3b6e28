"""What charms do not take is told by ``images list``, ``render`` and ``deploy`` alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.unit.cli.conftest import REGISTRY, World

Invoke = Callable[..., Result]

WRONG = "application kfp-profile-controller, option custom_images, key fronted"


def overlay(directory: Path, text: str) -> Path:
    path = directory / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_list_of_a_release_with_a_wrong_key_is_refused(invoke: Invoke, tmp_path: Path) -> None:
    options = "applications: {kfp-profile-controller: {options: {custom_images: 'fronted: a/b:1'}}}"
    result = invoke("images", "list", "1.11", "--overlay", overlay(tmp_path, options))
    assert result.exit_code == 3
    assert result.stdout == ""
    assert f"- {WRONG}: the charm has no such key; its unit goes Blocked\n" in result.stderr
    assert "did you mean 'frontend'?" in result.stderr


def test_a_key_that_is_ignored_is_a_warning_of_the_list(invoke: Invoke, tmp_path: Path) -> None:
    options = "applications: {katib-controller: {options: {custom_images: 'zzz: a/b:1'}}}"
    result = invoke("images", "list", "1.11", "--json", "--overlay", overlay(tmp_path, options))
    assert result.exit_code == 0
    told = [warning["where"] for warning in json.loads(result.stdout)["warnings"]]
    assert told == ["application katib-controller, option custom_images, key zzz"]


@pytest.mark.parametrize("command", ["render", "deploy"])
def test_rules_of_a_file_say_what_a_value_must_be(
    command: str, world: World, invoke: Invoke
) -> None:
    rules = world.bundle.parent / "rules.yaml"
    rules.write_text(
        "release: mine\nrules: {dog: {channel: x, options: {helper_image: "
        "{value: {kind: reference}}}}}\n"
    )
    given = ("--rules", rules, "--set", "dog.helper_image=a/b:1 c/d:2")
    result = invoke(command, *world.args, *given)
    assert result.exit_code == 3
    assert "application dog, option helper_image: must be a single image" in result.stderr


@pytest.mark.parametrize("arguments", [("render",), ("images", "list")])
def test_a_resource_by_number_is_told(
    arguments: tuple[str, ...], world: World, invoke: Invoke
) -> None:
    text = world.bundle.read_text(encoding="utf-8")
    assert "charm: cat" in text
    own = "applications: {cat: {resources: {cat-image: 46}}}"
    files = ("--charms", world.charms, "--overlay", overlay(world.bundle.parent, own))
    images = ("--images", world.images) if arguments == ("render",) else ()
    result = invoke(*arguments, world.bundle, *files, *images)
    assert result.exit_code == 0
    assert (
        "warning: application cat, resource cat-image: revision 46 of the store is not used, since "
        "a charm from a file has no resources there: docker.io/pets/cat:1.0 is used"
    ) in result.stderr
    wanted = f"cat-image: {REGISTRY}/pets/cat:1.0" if images else "docker.io/pets/cat:1.0"
    assert wanted in result.stdout
