"""The Python of README and docs, run as it stands there."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ckf_airgap import load_release, write_standins
from ckf_airgap.cli import main
from ckf_airgap.rehearsal.host.thread import ControllerThread
from ckf_airgap.rehearsal.units.scriptfile import AGENTS, ALLOWED_KEYS, WORKLOADS, parse_script
from tests.charms import write_charm
from tests.documents import ROOT, Block, begin, blocks

LIBRARY = blocks(ROOT / "docs" / "library.md")
README = [block for block in blocks(ROOT / "README.md") if block.language == "python"]
TESTING = [block for block in blocks(ROOT / "docs" / "testing.md") if block.language == "python"]
(SCRIPT_FILE,) = (
    block for block in blocks(ROOT / "docs" / "testing.md") if block.language == "yaml"
)


@pytest.fixture
def carried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with what the examples name: charms, and the list of images."""
    monkeypatch.chdir(tmp_path)
    write_standins(load_release("1.11"), tmp_path / "charms")
    for command in (
        "images list 1.11 -q -o images.txt",
        "images retag images.txt -q --registry 172.17.0.2:5000 -o retagged-images.txt",
    ):
        with pytest.raises(SystemExit) as ended:
            main(command.split())
        assert ended.value.code == 0
    return tmp_path


def execute(block: Block, **names: Any) -> dict[str, Any]:
    """Run a block, which may await, and return its names."""
    rest = begin(block, names)
    if rest is not None:
        asyncio.run(rest)
    return names


@pytest.mark.parametrize("block", LIBRARY, ids=str)
def test_of_the_library(
    block: Block,
    carried: Path,
    rehearsal_controller: ControllerThread,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = execute(block)
    if "deployment" in names:
        applications = names["deployment"].waited.snapshot.applications
        assert len(applications) == 37
        assert set(rehearsal_controller.controller.models["kubeflow"].applications) == {
            *applications
        }


def test_of_readme_as_a_library(
    carried: Path, rehearsal_controller: ControllerThread, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(README[0])
    assert capsys.readouterr().out == "37 applications are active\n"


def test_of_scripted_units(rehearsal_controller: ControllerThread) -> None:
    names = execute(TESTING[2], rehearsal_controller=rehearsal_controller)
    script = rehearsal_controller.controller.script
    assert script.course(application="minio", charm="minio") == names["broken"]


def test_of_a_script_file() -> None:
    scene = parse_script(SCRIPT_FILE.text, where="script.yaml")

    assert scene.applications["minio"].steps[0].duration_s == 120
    assert scene.applications["worker"].repeat
    assert scene.units["web/1"].steps[0].workload == "unknown"
    assert scene.needed_by_charm["my-charm"] == {"object-storage": "Please relate to minio"}
    backup = scene.actions.result("backup", application="mine", charm="my-charm")
    assert backup is not None
    assert (backup.status, backup.message) == ("failed", "no space left")


def test_of_keys_of_a_script_file() -> None:
    """The tables name every key and every value that a script file may have."""
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w-]+)`", page.partition("| key | where |")[2]))
    assert {*ALLOWED_KEYS, *WORKLOADS, *AGENTS} <= named


@pytest.mark.parametrize("block", [README[1], TESTING[1]], ids=str)
def test_of_tests_pass_with_the_defaults_of_pytest(block: Block, tmp_path: Path) -> None:
    done = run_tests(block, tmp_path)

    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


@pytest.mark.juju_client
@pytest.mark.skipif(shutil.which("juju") is None, reason="there is no juju on the PATH")
def test_of_tests_with_jubilant(tmp_path: Path) -> None:
    pytest.importorskip("jubilant")

    done = run_tests(TESTING[0], tmp_path)

    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def run_tests(block: Block, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run a block as a test module, beside the charms that it deploys."""
    write_charm(
        tmp_path, "my-charm", images=("oci-image",), requires={"object-storage": "object-storage"}
    )
    write_charm(
        tmp_path, "minio", images=("oci-image",), provides={"object-storage": "object-storage"}
    )
    (tmp_path / "test_my_charm.py").write_text(block.text)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
