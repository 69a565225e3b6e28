"""A deployment stops before its first step when charm files are damaged, or not for the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import ckf_airgap
from ckf_airgap.documents import Document
from ckf_airgap.errors import CharmError, RefusedError
from ckf_airgap.juju.controller.connection import connect
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.rehearsal.host.controller import RehearsalController
from tests.charms import write_charm


def charm(directory: Path, revision: int, architecture: str) -> Path:
    manifest = f"bases: [{{name: ubuntu, channel: '22.04', architectures: [{architecture}]}}]"
    directory.mkdir(exist_ok=True)
    return write_charm(
        directory,
        "pets",
        filename=f"pets_r{revision}.charm",
        members={"manifest.yaml": manifest, "venv/big": b"0123456789" * 10},
    )


def inputs(directory: Path, fields: str = "", architecture: str | None = None) -> ckf_airgap.Inputs:
    bundle = directory / "bundle.yaml"
    bundle.write_text(f"applications: {{pets: {{charm: pets, scale: 1{fields}}}}}")
    (directory / "images.txt").write_text("r.io:5000/a:1\n")
    return ckf_airgap.Inputs(
        bundle=bundle,
        charms=directory / "charms",
        images=directory / "images.txt",
        architecture=architecture,
    )


async def constrain(target: JujuTarget, architecture: str) -> None:
    async with connect(target) as session:
        params: Document = {"constraints": {"arch": architecture}}
        await session.api.call("ModelConfig", "SetModelConstraints", params)


async def deploy(target: JujuTarget, given: ckf_airgap.Inputs, *, dry_run: bool = False) -> str:
    """Deploy, and return the files that were uploaded, or would be."""
    done = await ckf_airgap.deploy(given, target, wait_idle=False, dry_run=dry_run)
    return " ".join(str(step) for step in done.plan.steps)


async def test_a_model_on_another_architecture_stops_the_deployment(
    tmp_path: Path, kubeflow: JujuTarget, controller: RehearsalController
) -> None:
    charm(tmp_path / "charms", 100, "amd64")
    charm(tmp_path / "charms", 101, "arm64")
    await constrain(kubeflow, "arm64")
    for dry_run in (True, False):
        with pytest.raises(RefusedError) as raised:
            await deploy(kubeflow, inputs(tmp_path), dry_run=dry_run)
        text = str(raised.value)
        assert "model kubeflow puts applications on arm64" in text
        assert "pets_r100.charm was chosen for amd64; for arm64 it is pets_r101.charm" in text
        assert "Give --arch arm64" in text
    assert not controller.models["kubeflow"].applications
    assert "pets_r101.charm" in await deploy(kubeflow, inputs(tmp_path, architecture="arm64"))
    assert "pets" in controller.models["kubeflow"].applications


async def test_a_charm_for_another_architecture_than_the_models_is_not_deployed(
    tmp_path: Path, kubeflow: JujuTarget, target: Callable[[str], JujuTarget]
) -> None:
    charm(tmp_path / "charms", 101, "arm64")
    with pytest.raises(RefusedError, match="for amd64 it is none"):
        await deploy(kubeflow, inputs(tmp_path, architecture="arm64"))
    await constrain(target("other"), "amd64")
    fields = ", constraints: arch=arm64"
    assert "pets_r101.charm" in await deploy(target("other"), inputs(tmp_path, fields))


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_damaged_charm_is_found_before_the_first_step(
    tmp_path: Path, kubeflow: JujuTarget, controller: RehearsalController, dry_run: bool
) -> None:
    path = charm(tmp_path / "charms", 1, "amd64")
    data = bytearray(path.read_bytes())
    place = data.index(b"venv/big") + len("venv/big") + 1  # the first byte of its content
    data[place] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(CharmError, match=r"checksum error|cannot be unpacked"):
        await deploy(kubeflow, inputs(tmp_path), dry_run=dry_run)
    assert not controller.models["kubeflow"].applications
