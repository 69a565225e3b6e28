"""``install.sh`` where there is no network: it installs, and the tool rehearses a release there."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ckf_airgap._version import __version__
from ckf_airgap.packing.tool import STAMP, ToolTarget
from tests.integration.packing.conftest import Pets

ALONE = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
"""Runs a command in a network namespace with nothing but loopback."""


def alone(*args: object, home: Path, path: str = os.defpath) -> subprocess.CompletedProcess[str]:
    """Run a command without network, and without anything of this environment."""
    return subprocess.run(
        [*ALONE, *map(str, args)],
        env={"HOME": str(home), "PATH": path, "LANG": "C.UTF-8"},
        cwd=home,
        check=False,
        capture_output=True,
        text=True,
        timeout=170,
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "far"
    home.mkdir()
    probe = alone("cat", "/proc/net/dev", home=home)
    devices = [line.split(":")[0].strip() for line in probe.stdout.splitlines() if ":" in line]
    assert devices == ["lo"], probe.stderr
    return home


@pytest.mark.timeout(600)
def test_the_tool_installs_and_rehearses_without_network(
    pets: Pets, home: Path, tmp_path: Path
) -> None:
    pack = pets.packed("--tool")
    carried = shutil.copytree(pack, tmp_path / "disk")
    path = f"{Path(sys.executable).resolve().parent}:{os.defpath}"

    installed = alone("sh", carried / "install.sh", home / "tool", home=home, path=path)
    tool = home / "tool" / "bin" / "ckf-airgap"

    assert installed.returncode == 0, installed.stdout + installed.stderr
    assert f"installed: {tool}" in installed.stdout
    assert __version__ in alone(tool, "--version", home=home).stdout
    verified = alone(tool, "verify", carried, home=home)
    assert verified.returncode == 0, verified.stderr
    laid_out = alone(tool, "unpack", carried, home=home)
    assert laid_out.returncode == 0, laid_out.stderr
    assert (home / "charms" / "cat_r3.charm").exists()
    rehearsed = alone(tool, "rehearse", "1.11", home=home)
    assert rehearsed.returncode == 0, rehearsed.stderr
    again = alone("sh", carried / "install.sh", home / "tool", home=home, path=path)
    assert again.returncode == 0, again.stderr
    _check_wheels(pack)
    _the_installed_tool_can_pack_itself(home, pack)
    _altered_wheels_are_refused(carried, home, path)


def _check_wheels(pack: Path) -> None:
    names = [path.name for path in (pack / "wheels").glob("*.whl")]
    assert f"ckf_airgap-{__version__}-py3-none-any.whl" in names
    assert any(name.startswith("pip-") for name in names)
    own = pack / "wheels" / f"ckf_airgap-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(own) as wheel:
        assert "ckf_airgap/bundles/1.11/bundle.yaml" in wheel.namelist()
    assert (pack / "wheels" / STAMP).exists()


def _the_installed_tool_can_pack_itself(home: Path, pack: Path) -> None:
    """Where there is no checkout, the wheel is made of what is installed."""
    code = (
        "import pathlib, ckf_airgap.packing.tool as tool; "
        "print(tool.repack_installed(pathlib.Path.cwd()).name)"
    )
    made = alone(home / "tool" / "bin" / "python", "-c", code, home=home)
    assert made.returncode == 0, made.stderr
    name = made.stdout.strip()
    with zipfile.ZipFile(home / name) as ours, zipfile.ZipFile(pack / "wheels" / name) as first:
        assert set(ours.namelist()) == set(first.namelist())
        assert all(
            ours.read(one) == first.read(one)
            for one in first.namelist()
            if not one.endswith("/RECORD")
        )
        checked = subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--no-deps",
                "--no-index",
                "--target",
                home / "target",
                home / name,
            ],
            check=False,
            capture_output=True,
            text=True,
        )
    assert checked.returncode == 0, checked.stderr


def _altered_wheels_are_refused(carried: Path, home: Path, path: str) -> None:
    wheel = next((carried / "wheels").glob("click-*.whl"))
    wheel.write_bytes(wheel.read_bytes()[:-1])
    refused = alone("sh", carried / "install.sh", home / "other", home=home, path=path)
    assert refused.returncode == 1
    assert "the wheels are not those that were packed" in refused.stderr
    assert not (home / "other").exists()


def test_another_python_is_refused_with_its_version(home: Path, tmp_path: Path) -> None:
    from ckf_airgap.packing.texts import install_script

    script = tmp_path / "install.sh"
    text = install_script(
        version=__version__, python="3.9", machine=platform.machine(), wheels="wheels"
    )
    script.write_text(text)

    result = alone("sh", script, home=home, path=f"{Path(sys.executable).parent}:{os.defpath}")

    assert result.returncode == 1
    assert f"the wheels are for Python 3.9 on {platform.machine()}" in result.stderr


def test_a_target_takes_wheels_of_older_systems() -> None:
    options = ToolTarget(python="3.12", machine="aarch64").pip_options

    assert "--platform=manylinux2014_aarch64" in options
    assert "--python-version=3.12" in options
