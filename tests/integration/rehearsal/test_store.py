"""Charms of a directory, over the wire and with python-libjuju, which asks the store as well."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from juju.errors import JujuError
from juju.model import Model

from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.host.thread import ControllerThread
from tests.charms import write_charm
from tests.integration.rehearsal.wire import Client

RELEASED = {
    ("minio", 1): ["1.9/stable"],
    ("minio", 2): ["1.10/stable"],
    ("minio", 3): ["1.10/stable"],
}


@pytest.fixture
def controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ControllerThread]:
    directory = tmp_path / "charms"
    directory.mkdir()
    for name, revision in RELEASED:
        write_charm(
            directory,
            name,
            files={"notes": "notes.txt"},
            options={"port": {"type": "int", "default": 80}},
            filename=f"{name}_r{revision}.charm",
        )
    write_charm(directory, "web", images=("image",), filename="web_r7.charm")
    for revision in (4, 5):
        (directory / f"resource_notes_r{revision}_notes.txt").write_text(f"notes {revision}")
    rehearsal = RehearsalController(
        models=("kubeflow", "other"), speed=600, charms=directory, released=RELEASED
    )
    with ControllerThread(rehearsal) as running:
        monkeypatch.setenv("JUJU_DATA", str(running.juju_data))
        yield running


@pytest.fixture
async def model(controller: ControllerThread) -> AsyncIterator[Model]:
    connected = Model()
    await connected.connect()
    yield connected
    await connected.disconnect()


async def shown(model: Model, application: str) -> Any:
    return (await model.get_status()).applications[application]


def resources(controller: ControllerThread, application: str) -> dict[str, int]:
    found = controller.controller.models["kubeflow"].applications[application].resources
    return {name: resource.revision for name, resource in found.items()}


async def test_libjuju_deploys_and_refreshes_charms_by_name(
    controller: ControllerThread, model: Model
) -> None:
    await model.deploy(
        "minio", channel="1.10/stable", revision=2, config={"port": 81}, resources={"notes": "4"}
    )
    await model.wait_for_idle(["minio"], status="active", idle_period=0.1, timeout=30)
    before = await shown(model, "minio")
    assert (before.charm, before.charm_channel) == ("ch:amd64/minio-2", "1.10/stable")
    assert before.can_upgrade_to == "ch:amd64/minio-3"
    assert (await model.applications["minio"].get_config())["port"]["value"] == 81
    assert resources(controller, "minio") == {"notes": 4}

    # Without a revision, libjuju asks for the one that there is, whatever the channel has.
    await model.applications["minio"].refresh(revision=3)

    after = await shown(model, "minio")
    assert (after.charm, after.can_upgrade_to) == ("ch:amd64/minio-3", "")
    assert resources(controller, "minio") == {"notes": 5}

    await model.applications["minio"].refresh(
        channel="1.9/stable", revision=1, resources={"notes": 4}
    )

    back = await shown(model, "minio")
    assert (back.charm, back.charm_channel) == ("ch:amd64/minio-1", "1.9/stable")
    assert resources(controller, "minio") == {"notes": 4}


async def test_libjuju_hears_what_the_store_does_not_have(
    controller: ControllerThread, model: Model
) -> None:
    with pytest.raises(JujuError, match=r'charm or bundle not found for channel "2\.0/stable"'):
        await model.deploy("minio", channel="2.0/stable")
    with pytest.raises(JujuError, match="was not found in the Store"):
        await model.deploy("nothing")
    with pytest.raises(JujuError, match='charm resource "notes" at revision 9 not found'):
        await model.deploy("minio", channel="1.10/stable", resources={"notes": "9"})
    await model.deploy("web", application_name="front", resources={"image": "1"})
    assert resources(controller, "front") == {"image": 1}


async def test_libjuju_deploys_a_bundle_of_charms_of_the_store(
    controller: ControllerThread, model: Model, tmp_path: Path
) -> None:
    entry = {"charm": "minio", "channel": "1.10/stable", "scale": 1}
    applications = {
        "minio": {**entry, "resources": {"notes": 4}},
        "old": {**entry, "channel": "1.9/stable", "revision": 1},
    }
    bundle = tmp_path / "bundle.yaml"
    bundle.write_text(yaml.safe_dump({"bundle": "kubernetes", "applications": applications}))
    await model.deploy(str(bundle))
    await model.wait_for_idle(status="active", idle_period=0.1, timeout=30)
    charms = {name: (await shown(model, name)).charm for name in applications}
    assert charms == {"minio": "ch:amd64/minio-3", "old": "ch:amd64/minio-1"}
    assert resources(controller, "minio") == {"notes": 4}
    assert resources(controller, "old") == {"notes": 5}


async def test_the_store_is_served_over_the_wire(client: Client) -> None:
    wire = await client.model()
    origin = {"source": "charm-hub", "track": "1.10", "risk": "stable", "architecture": "amd64"}
    resolve = [{"reference": "ch:minio", "charm-origin": origin}]
    reply = await wire.ask("Charms", "ResolveCharms", {"resolve": resolve}, version=7)
    (resolved,) = reply["Results"]
    assert resolved["url"] == "ch:amd64/minio-3"
    arguments = [{"CharmName": "minio", "channel": "1.10/stable", "resources": {"notes": "4"}}]
    reply = await wire.ask("Application", "DeployFromRepository", {"Args": arguments}, version=20)
    (deployed,) = reply["Results"]
    assert deployed["Errors"] is None
    assert deployed["Info"]["revision"] == 3
    path = f"/model/{client.store.models['kubeflow']}/applications/minio/resources/notes"
    status, body, _ = await client.http("GET", path)
    assert (status, body) == (200, b"notes 4")


async def test_models_name_the_address_where_the_store_tells_of_its_charms(client: Client) -> None:
    wire = await client.model("other")
    config = (await wire.ask("ModelConfig", "ModelGet", version=3))["config"]
    url = config["charmhub-url"]
    assert url["source"] == "controller"
    async with client.session.get(f"{url['value']}/v2/charms/info/minio") as reply:
        info = await reply.json()
    assert info["default-release"]["revision"]["revision"] == 3
    assert info["default-release"]["revision"]["subordinate"] is False
    (notes,) = info["default-release"]["resources"]
    assert (notes["name"], notes["type"], notes["revision"]) == ("notes", "file", 5)
    released = [
        (entry["channel"]["name"], entry["revision"]["revision"]) for entry in info["channel-map"]
    ]
    assert released == [("1.10/stable", 3), ("1.10/stable", 2), ("1.9/stable", 1)]
    async with client.session.get(f"{url['value']}/v2/charms/info/nothing") as reply:
        assert reply.status == 404
        assert (await reply.json())["error-list"][0]["code"] == "resource-not-found"


async def test_without_a_store_charms_of_one_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ControllerThread(RehearsalController(speed=600)) as running:
        monkeypatch.setenv("JUJU_DATA", str(running.juju_data))
        model = Model()
        await model.connect()
        try:
            with pytest.raises(JujuError, match="the charm store cannot be reached"):
                await model.deploy("minio")
            config: Any = await model.get_config()
            assert config["charmhub-url"].value == "https://api.charmhub.io"
        finally:
            await model.disconnect()
