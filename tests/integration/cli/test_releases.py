"""Upgrades from the command line, over three releases of a small world."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from ckf_airgap.facts import releases
from ckf_airgap.rehearsal.host.thread import ControllerThread
from ckf_airgap.rehearsal.standin import write_standins
from tests.integration.cli.test_commands import applications, called
from tests.unit.cli.conftest import REGISTRY

Invoke = Callable[..., Result]

BUNDLE = """\
bundle: kubernetes
applications:
  cat: {{charm: cat, channel: {release}/stable, scale: 1}}
  dog: {{charm: dog, channel: latest/edge, scale: 1}}
"""

CHARM = """\
  {name}:
    source: {{repo: pets/{name}, commit: '0', path: .}}
    series: [kubernetes]
    resources: {{image: {{type: oci-image, upstream-source: 'docker.io/pets/{name}:{tag}'}}}}
    bases: [{{name: ubuntu, channel: '24.04', architectures: [amd64]}}]
    files: [metadata.yaml]
"""

UPGRADE = """\
release: '{release}'
from: '{previous}'
manual:
- {{charms: [cat], kind: backup, what: copy the cat, why: it may scratch, source: pets.example}}
- {{charms: [dog], kind: action, what: walk the dog, why: it is new, source: pets.example}}
"""


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three releases; the dog is the same in all of them."""
    shelf = tmp_path / "bundles"
    for release in ("1", "2", "3"):
        directory = shelf / release
        directory.mkdir(parents=True)
        (directory / "bundle.yaml").write_text(BUNDLE.format(release=release))
        cat, dog = CHARM.format(name="cat", tag=release), CHARM.format(name="dog", tag="1")
        source = "{repo: pets/pets, commit: '0', path: bundle.yaml}"
        (directory / "charms.yaml").write_text(
            f"release: '{release}'\nsource: {source}\ncharms:\n{cat}{dog}"
        )
        (directory / "images.yaml").write_text(
            f"release: '{release}'\ncharm-bases: {{repository: r.test/base, tag: 'u-{{channel}}'}}"
            "\njuju: {repository: r.test, controller: []}\nrules: {}\nextra-images: []\n"
        )
        if release != "1":
            (directory / "upgrade.yaml").write_text(
                UPGRADE.format(release=release, previous=int(release) - 1)
            )
    monkeypatch.setattr(releases, "data_directory", lambda: shelf)


@pytest.fixture
def run(invoke: Invoke, controller: ControllerThread, tmp_path: Path) -> Callable[..., Result]:
    """Run a command for a release, with its charms and images."""

    def call(command: str, release: str, *args: object) -> Result:
        charms = tmp_path / f"charms-{release}"
        if not charms.exists():
            write_standins(releases.load_release(release), charms)
        images = tmp_path / f"images-{release}"
        images.write_text(f"{REGISTRY}/pets/cat:{release}\n{REGISTRY}/pets/dog:1\n")
        where = ("--charms", charms, "--images", images, "--juju-data", controller.juju_data)
        return invoke(command, release, *where, *args)

    return call


def refused(run: Invoke, controller: ControllerThread, release: str, *args: object) -> str:
    """Deploy, which must change nothing; returns what is said."""
    before = called(controller)
    result = run("deploy", release, "--no-wait", *args)
    assert result.exit_code == 6, result.stderr
    assert "nothing was changed" in result.stderr
    assert {"SetCharm", "Set"}.isdisjoint(called(controller)[len(before) :])
    return result.stderr


def images(controller: ControllerThread) -> dict[str, Any]:
    return {name: fields["charm"] for name, fields in applications(controller).items()}


def test_a_step_needs_what_is_done_by_hand_and_is_made(
    run: Invoke, controller: ControllerThread
) -> None:
    assert run("deploy", "1", "--no-wait").exit_code == 0
    shown = run("plan", "2", "--exit-code", "--json")
    assert shown.exit_code == 10
    upgrade = json.loads(shown.stdout)["upgrade"]
    assert (upgrade["from"], upgrade["to"], upgrade["skipped"]) == ({"cat": "1"}, "2", {})
    assert [one["what"] for one in upgrade["by-hand"]] == ["copy the cat"]
    said = refused(run, controller, "2")
    assert "before the upgrade to 2 this has to be done by hand" in said
    assert "cat: copy the cat: it may scratch" in said
    assert "walk the dog" not in said
    result = run("deploy", "2", "--no-wait", "--manual-steps-done")
    assert result.exit_code == 0, result.stderr
    assert "by hand, before the upgrade to 2: cat: copy the cat" in result.stderr
    assert images(controller) == {"cat": "local:cat-1", "dog": "local:dog-0"}
    again = run("plan", "2", "--exit-code")
    assert (again.exit_code, again.stdout[:27]) == (0, "nothing to do in model kube")


def test_a_release_between_is_not_skipped_unless_that_is_asked_for(
    run: Invoke, controller: ControllerThread
) -> None:
    assert run("deploy", "1", "--no-wait").exit_code == 0
    shown = run("plan", "3")
    assert shown.exit_code == 6
    assert "cat would not come from the release before 3 (--skip-releases)" in shown.stderr
    said = refused(run, controller, "3", "--manual-steps-done")
    assert "application cat: it has release 1; 2 between them would be skipped" in said
    assert "copy the cat" in refused(run, controller, "3", "--skip-releases")
    assert run("plan", "3", "--skip-releases").exit_code == 0
    result = run("deploy", "3", "--no-wait", "--skip-releases", "--manual-steps-done")
    assert result.exit_code == 0, result.stderr


def test_half_way_it_goes_forward_and_not_back(run: Invoke, controller: ControllerThread) -> None:
    assert run("deploy", "1", "--no-wait").exit_code == 0
    forward = ("--no-wait", "--manual-steps-done", "--application", "cat")
    assert run("deploy", "2", *forward).exit_code == 0
    said = refused(run, controller, "1", "--manual-steps-done")
    assert "application cat: it has release 2, from which no upgrade to 1 is known" in said
    assert run("deploy", "2", "--no-wait").exit_code == 0  # the rest needs nobody
    assert json.loads(run("plan", "2", "--json").stdout)["steps"] == []
    back = run("deploy", "1", "--no-wait", "--skip-releases")
    assert back.exit_code == 0, back.stderr


def test_a_release_that_is_not_known_is_said_and_counts_as_the_one_before(
    run: Invoke, controller: ControllerThread
) -> None:
    assert run("deploy", "1", "--no-wait").exit_code == 0

    def forget() -> None:
        controller.controller.models["kubeflow"].annotate("application-cat", {"ckf-airgap": ""})

    controller.call(forget)
    said = refused(run, controller, "3")
    assert "no record says which release these come from" in said
    assert "cat: copy the cat" in said
    assert run("deploy", "3", "--no-wait", "--manual-steps-done").exit_code == 0
