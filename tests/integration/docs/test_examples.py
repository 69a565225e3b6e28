"""The Python of README and docs, run as it stands there."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ckf_airgap import load_release, write_standins
from ckf_airgap.cli import main
from ckf_airgap.rehearsal.host.thread import ControllerThread
from tests.charms import write_charm
from tests.documents import ROOT, Block, begin, blocks

LIBRARY = blocks(ROOT / "docs" / "library.md")
README = [block for block in blocks(ROOT / "README.md") if block.language == "python"]
TESTING = blocks(ROOT / "docs" / "testing.md")


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
    names = execute(TESTING[1], rehearsal_controller=rehearsal_controller)
    script = rehearsal_controller.controller.script
    assert script.course(application="minio", charm="minio") == names["broken"]


@pytest.mark.parametrize("block", [README[1], TESTING[0]], ids=str)
def test_of_tests_pass_with_the_defaults_of_pytest(block: Block, tmp_path: Path) -> None:
    write_charm(
        tmp_path, "my-charm", images=("oci-image",), requires={"object-storage": "object-storage"}
    )
    write_charm(
        tmp_path, "minio", images=("oci-image",), provides={"object-storage": "object-storage"}
    )
    (tmp_path / "test_my_charm.py").write_text(block.text)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
