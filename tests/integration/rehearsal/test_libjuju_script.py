"""The script that a charm author writes with python-libjuju, unchanged, against a rehearsal."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from juju.client.client import Entity, ResourcesFacade
from juju.errors import JujuError
from juju.model import Model

from ckf_airgap.rehearsal.host.thread import ControllerThread
from tests.charms import write_charm

IMAGE = "registry.internal:5000/minio:1"


@pytest.fixture
def charms(tmp_path: Path) -> dict[str, str]:
    minio = write_charm(
        tmp_path,
        "minio",
        images=("oci-image",),
        files={"policy": "policy.json"},
        options={"port": {"type": "int", "default": 9000}},
        provides={"object-storage": "object-storage"},
    )
    kfp = write_charm(tmp_path, "kfp", requires={"storage": "object-storage"})
    return {"minio": str(minio), "kfp": str(kfp)}


async def test_deploy_relate_configure_wait_and_remove(
    controller: ControllerThread, charms: dict[str, str], tmp_path: Path
) -> None:
    rehearsal = controller.controller
    rehearsal.script.needed_endpoints = {"kfp": frozenset({"storage"})}
    policy = tmp_path / "policy.json"
    policy.write_text('{"allow": "all"}')
    model = Model()
    await model.connect()
    try:
        minio = await model.deploy(
            charms["minio"],
            application_name="minio",
            resources={"oci-image": IMAGE, "policy": str(policy)},
            config={"port": 9001},
            trust=True,
            num_units=2,
        )
        await model.deploy(charms["kfp"], application_name="kfp")
        await model.wait_for_idle(["minio"], status="active", idle_period=0.3, timeout=30)
        await model.wait_for_idle(["kfp"], status="blocked", idle_period=0.3, timeout=30)
        assert model.applications["kfp"].units[0].workload_status_message == (
            "Missing relation storage"
        )

        await model.integrate("minio", "kfp:storage")
        await model.wait_for_idle(status="active", idle_period=0.3, timeout=30)
        assert len(minio.units) == 2
        assert (await minio.get_config())["port"]["value"] == 9001
        await minio.set_config({"port": "9002"})
        assert (await minio.get_config())["port"]["value"] == 9002
        facade = ResourcesFacade.from_connection(model.connection())
        listed = (await facade.ListResources(entities=[Entity(minio.tag)])).results[0]
        assert {resource.name for resource in listed.resources} == {"oci-image", "policy"}

        state = rehearsal.models["kubeflow"]
        kept = controller.call(lambda: dict(state.applications["minio"].resources))
        assert kept["oci-image"].image is not None
        assert kept["oci-image"].image.registrypath == IMAGE
        assert kept["policy"].body is not None
        assert kept["policy"].body.read_text() == '{"allow": "all"}'
        assert controller.call(lambda: list(state.findings)) == []
        methods = controller.call(lambda: [request.method for request in state.requests])
        assert methods.count("Deploy") == 2

        await model.remove_application("kfp", block_until_done=True, timeout=30)
        assert set(model.applications) == {"minio"}
    finally:
        await model.disconnect()


async def test_a_missing_image_is_taken_in_silence_and_reported(
    controller: ControllerThread, charms: dict[str, str]
) -> None:
    model = Model()
    await model.connect()
    try:
        await model.deploy(charms["minio"], application_name="minio")
        findings = controller.call(lambda: controller.controller.findings["kubeflow"])
        assert {finding.application for finding in findings} == {"minio"}
        assert any("oci-image" in finding.what for finding in findings)
    finally:
        await model.disconnect()


async def test_two_models_are_deployed_into_at_once(
    controller: ControllerThread, charms: dict[str, str]
) -> None:
    async def deploy(name: str) -> set[str]:
        model = Model()
        await model.connect(model_name=name)
        try:
            await model.deploy(charms["kfp"], application_name=f"kfp-{name}")
            await model.wait_for_idle(status="active", idle_period=0.3, timeout=30)
            return set(model.applications)
        finally:
            await model.disconnect()

    first, second = await asyncio.gather(deploy("kubeflow"), deploy("other"))
    assert (first, second) == ({"kfp-kubeflow"}, {"kfp-other"})


async def test_what_the_controller_refuses_reaches_the_script(
    controller: ControllerThread, charms: dict[str, str]
) -> None:
    model = Model()
    await model.connect()
    try:
        with pytest.raises(JujuError, match='unknown option "prot"'):
            await model.deploy(charms["kfp"], application_name="kfp", config={"prot": 1})
        assert (
            controller.call(lambda: dict(controller.controller.models["kubeflow"].applications))
            == {}
        )
    finally:
        await model.disconnect()
