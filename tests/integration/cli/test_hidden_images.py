"""Deployments and rehearsals say in one line that files of charms hide images."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import Result

from ckf_airgap.rehearsal.host.thread import ControllerThread
from ckf_airgap.rehearsal.units.course import Course, Step
from tests.unit.cli.conftest import World
from tests.unit.cli.test_images import plant

Invoke = Callable[..., Result]

TICK = "quay.io/pets/tick:3"


@pytest.fixture
def hiding(world: World) -> World:
    """The charm dog has an image in its code, twice, and another that is only a comment."""
    plant(world, "src/x.py", f"IMAGE = '{TICK}'\n# OTHER = 'quay.io/pets/mite:1'\n")
    plant(world, "src/y.py", f"IMAGE = '{TICK}'\n")
    return world


def hidden_lines(result: Result) -> list[str]:
    return [line for line in result.stderr.splitlines() if "hidden" in line]


def rehearse(invoke: Invoke, world: World, *args: object) -> Result:
    result = invoke("rehearse", *world.args, "--speed", "600", *args)
    assert result.exit_code == 0, result.output
    return result


def test_one_line_names_the_count_the_charm_and_the_command_that_shows_them(
    invoke: Invoke, hiding: World
) -> None:
    (line,) = hidden_lines(rehearse(invoke, hiding))
    assert "1 image is hidden in the files of dog: nothing points it at the private" in line
    command = line.partition("see ")[2].rstrip(")")
    assert command.startswith("ckf-airgap images audit ")
    audit = invoke(*shlex.split(command)[1:])
    assert audit.exit_code == 4
    assert TICK in audit.stdout


def test_without_hidden_images_there_is_no_line(invoke: Invoke, world: World) -> None:
    plant(world, "src/x.py", "IMAGE = 'ghcr.io/pets/flea:2'  # an option has it\n")
    result = rehearse(invoke, world, "--json")
    assert hidden_lines(result) == []
    document = json.loads(result.stdout)
    assert document["hidden"]["images"] == []
    assert document["warnings"] == []


def test_stand_ins_are_not_searched(invoke: Invoke) -> None:
    document = json.loads(invoke("rehearse", "1.11", "--speed", "600", "--json").stdout)
    assert document["hidden"] is None


def test_the_document_says_where_they_are_and_has_the_warning(
    invoke: Invoke, hiding: World
) -> None:
    plant(hiding, "src/z.py", "IMAGE = 'quay.io/pets/louse:1'\n")
    result = rehearse(invoke, hiding, "--json")
    assert len(hidden_lines(result)) == 1
    document = json.loads(result.stdout)
    assert document["hidden"]["images"] == ["quay.io/pets/louse:1", TICK]
    assert [(one["charm"], one["file"], one["line"]) for one in document["hidden"]["findings"]] == [
        ("dog", "src/x.py", 1),
        ("dog", "src/y.py", 1),
        ("dog", "src/z.py", 1),
    ]
    (warning,) = document["warnings"]
    assert "2 images are hidden in the files of dog: nothing points them at" in warning["what"]
    assert warning["fix"] == f"see {document['hidden']['command']}"


def test_what_rules_name_is_not_hidden_and_the_command_has_the_same_files(
    invoke: Invoke, hiding: World, tmp_path: Path
) -> None:
    rules, own = tmp_path / "rules.yaml", tmp_path / "own overlay.yaml"
    own.write_text("applications: {dog: {scale: 1}}")
    extra = [{"image": TICK, "charm": "dog"}]
    rules.write_text(yaml.safe_dump({"release": "mine", "extra-images": extra}))
    words = ("--rules", rules, "--overlay", own, "--arch", "amd64", "--json")
    result = rehearse(invoke, hiding, *words)
    document = json.loads(result.stdout)
    assert document["hidden"]["images"] == []
    assert document["hidden"]["unreached"] == [TICK]
    (line,) = (line for line in result.stderr.splitlines() if TICK in line)
    assert f"1 image is fixed in charms or their workloads ({TICK})" in line
    assert "ckf-airgap mirrors" in line
    assert [one["what"] in line for one in document["warnings"]] == [True]
    assert shlex.split(document["hidden"]["command"]) == [
        *("ckf-airgap", "images", "audit", str(hiding.bundle), "--charms", str(hiding.charms)),
        *("--overlay", str(own), "--rules", str(rules), "--arch", "amd64"),
    ]


def test_a_setting_that_puts_an_option_right_does_not_hinder(
    invoke: Invoke, hiding: World, tmp_path: Path
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("applications: {dog: {options: {helper_image: 'ghcr.io/Bad::x'}}}")
    good = "dog.helper_image=registry.test:5000/pets/flea:2"
    assert len(hidden_lines(rehearse(invoke, hiding, "--overlay", own, "--set", good))) == 1


@pytest.mark.parametrize("words", [("--dry-run",), ("--no-wait",), ()])
def test_deployments_and_dry_runs_say_it(
    words: tuple[str, ...], deploy: Invoke, hiding: World
) -> None:
    result = deploy(*words, "--json")
    assert result.exit_code == 0
    assert len(hidden_lines(result)) == 1
    document = json.loads(result.stdout)
    assert document["hidden"]["images"] == [TICK]
    assert any("hidden" in warning["what"] for warning in document["warnings"])


def test_a_deployment_that_fails_has_said_it(
    deploy: Invoke, hiding: World, controller: ControllerThread
) -> None:
    broken = Course(steps=(Step.hook_failed("install"),), begins="install")
    controller.call(lambda: controller.controller.script.set_course(broken, application="cat"))
    result = deploy("--error-grace", "1s")
    assert result.exit_code == 7
    assert len(hidden_lines(result)) == 1
