"""A client of Juju's API that is not written in Python, against the rehearsal controller."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.host.thread import ControllerThread
from tests.charms import write_charm

HERE = Path(__file__).parent


def program(name: str) -> str:
    """Return the path of a program; without node and npm these tests fail, and are not skipped."""
    found = shutil.which(name)
    assert found, f"{name} is not installed (apt-get install nodejs npm)"
    return found


def run(directory: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the client, with the pinned packages."""
    directory = tmp_path_factory.mktemp("client")
    for name in ("client.mjs", "package.json", "package-lock.json"):
        shutil.copy(HERE / name, directory)
    words = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
    installed = run(directory, program("npm"), *words)
    assert installed.returncode == 0, installed.stderr
    return directory


@pytest.fixture(scope="module")
def answer(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what the client reports."""
    directory = tmp_path_factory.mktemp("charms")
    provider = write_charm(
        directory,
        "minio",
        images=("oci-image",),
        options={"port": {"type": "int", "default": 9000}},
        provides={"object-storage": "object-storage"},
    )
    requirer = write_charm(directory, "kfp", requires={"storage": "object-storage"})
    rehearsal = RehearsalController(speed=300)
    rehearsal.script.needed_endpoints = {"kfp": frozenset({"storage"})}
    with ControllerThread(rehearsal) as controller:
        done = run(
            packages,
            program("node"),
            "client.mjs",
            str(provider),
            str(requirer),
            JUJU_DATA=str(controller.juju_data),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        model = rehearsal.models["from-node"]
        report["kept"] = controller.call(
            lambda: {
                "image": model.applications["minio"].resources["oci-image"].as_document(),
                "port": model.applications["minio"].settings["port"],
                "findings": list(model.findings),
            }
        )
    return report


def test_it_negotiates_versions_by_itself(answer: dict[str, Any]) -> None:
    assert answer["versions"] == {
        "AllWatcher": 3,
        "Application": 22,
        "Charms": 7,
        "Client": 8,
        "ModelConfig": 3,
        "Resources": 3,
    }


def test_it_makes_a_model_and_deploys_into_it(answer: dict[str, Any]) -> None:
    assert answer["model"] == "from-node"
    assert answer["charms"] == ["local:minio-0", "local:kfp-0"]
    applications = answer["status"]["applications"]
    assert {
        name: (application["charm"], application["relations"])
        for name, application in applications.items()
    } == {
        "minio": ("local:minio-0", {"object-storage": ["kfp"]}),
        "kfp": ("local:kfp-0", {"storage": ["minio"]}),
    }


def test_its_image_and_option_arrive(answer: dict[str, Any]) -> None:
    assert answer["kept"]["port"] == 9001
    assert answer["kept"]["image"]["origin"] == "upload"
    assert answer["kept"]["findings"] == []


def test_it_watches_units_until_they_are_active(answer: dict[str, Any]) -> None:
    minio = [line for line in answer["seen"] if line.startswith("minio/0")]
    assert minio[-1] == "minio/0 active"
    assert any("maintenance" in line for line in minio)


def test_refusals_reach_it_in_words(answer: dict[str, Any]) -> None:
    assert answer["refused"] == 'application "nobody" not found'


def test_what_it_removes_is_gone(answer: dict[str, Any]) -> None:
    assert answer["left"] == ["minio"]


def test_a_wrong_password_is_refused(packages: Path, tmp_path: Path) -> None:
    with ControllerThread(RehearsalController(juju_data=tmp_path / "store")):
        path = tmp_path / "store" / "accounts.yaml"
        accounts = yaml.safe_load(path.read_text())
        accounts["controllers"]["rehearsal"]["password"] = "wrong"
        path.write_text(yaml.safe_dump(accounts))
        done = run(
            packages, program("node"), "client.mjs", "-", "-", JUJU_DATA=str(tmp_path / "store")
        )
    assert done.returncode == 1
    assert "Have you been granted permission to a model on this controller?" in done.stderr


def test_a_wrong_ca_is_refused(packages: Path, tmp_path: Path) -> None:
    with (
        ControllerThread(RehearsalController(juju_data=tmp_path / "store")),
        ControllerThread(RehearsalController()) as other,
    ):
        path = tmp_path / "store" / "controllers.yaml"
        controllers = yaml.safe_load(path.read_text())
        controllers["controllers"]["rehearsal"]["ca-cert"] = other.controller.state.ca_cert
        path.write_text(yaml.safe_dump(controllers))
        done = run(
            packages, program("node"), "client.mjs", "-", "-", JUJU_DATA=str(tmp_path / "store")
        )
    assert done.returncode == 1
    assert "cannot connect WebSocket" in done.stderr
