"""Charms of a directory, over the wire and with python-libjuju, which asks the store as well."""

from __future__ import annotations

import hashlib
import json
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


class Charmhub:
    """The store's own API, at the address that a model tells."""

    def __init__(self, client: Client, url: str) -> None:
        self.client = client
        self.url = url

    @classmethod
    async def of(cls, client: Client) -> Charmhub:
        wire = await client.model("other")
        config = (await wire.ask("ModelConfig", "ModelGet", version=3))["config"]
        return cls(client, config["charmhub-url"]["value"])

    async def post(self, body: Any) -> tuple[int, Any]:
        url = f"{self.url}/v2/charms/refresh"
        async with self.client.session.post(url, json=body) as reply:
            assert reply.content_type == "application/json"
            return reply.status, await reply.json()

    async def ask(self, *actions: dict[str, Any], context: tuple[Any, ...] = ()) -> list[Any]:
        keyed = [{"instance-key": f"k{at}", **one} for at, one in enumerate(actions)]
        status, answer = await self.post({"context": [*context], "actions": keyed})
        assert status == 200
        assert [one["instance-key"] for one in answer["results"]] == [
            one["instance-key"] for one in keyed
        ]
        return list(answer["results"])

    async def get(self, url: str) -> tuple[int, bytes]:
        async with self.client.session.get(url) as reply:
            return reply.status, await reply.read()


JAMMY_AMD64 = {"architecture": "amd64", "name": "ubuntu", "channel": "22.04"}


async def test_charmhub_tells_which_revision_a_channel_has_and_serves_its_files(
    client: Client, controller: ControllerThread
) -> None:
    store = await Charmhub.of(client)
    newest, exact, other = await store.ask(
        {"action": "install", "name": "minio", "channel": "1.10/stable", "base": JAMMY_AMD64},
        {"action": "install", "name": "minio", "revision": 2, "base": None},
        {"action": "download", "name": "web", "base": JAMMY_AMD64},
    )
    assert (newest["result"], newest["effective-channel"]) == ("install", "1.10/stable")
    assert (newest["charm"]["revision"], exact["charm"]["revision"]) == (3, 2)
    assert newest["id"] == exact["id"] == newest["charm"]["id"]
    assert exact["charm"]["resources"] == []
    assert yaml.safe_load(newest["charm"]["config-yaml"])["options"]["port"]["default"] == 80
    assert yaml.safe_load(newest["charm"]["metadata-yaml"])["name"] == "minio"
    assert newest["charm"]["bases"] == [JAMMY_AMD64]

    download = newest["charm"]["download"]
    status, body = await store.get(download["url"])
    assert (status, len(body)) == (200, download["size"])
    assert hashlib.sha256(body).hexdigest() == download["hash-sha-256"]

    (notes,) = newest["charm"]["resources"]
    assert (notes["name"], notes["revision"]) == ("notes", 5)
    assert await store.get(notes["download"]["url"]) == (200, b"notes 5")
    assert notes["download"]["hash-sha-384"] == hashlib.sha384(b"notes 5").hexdigest()

    assert other["result"] == "download"
    (image,) = other["charm"]["resources"]
    status, body = await store.get(image["download"]["url"])
    assert hashlib.sha384(body).hexdigest() == image["download"]["hash-sha-384"]
    assert json.loads(body)["ImageName"] == "registry.jujucharms.com/charm/web/image"
    for url in (download["url"].replace("_3.", "_9."), notes["download"]["url"] + "0"):
        assert (await store.get(url))[0] == 404


async def test_charmhub_tells_what_to_refresh_to(client: Client) -> None:
    store = await Charmhub.of(client)
    (installed,) = await store.ask(
        {"action": "install", "name": "minio", "channel": "1.9/stable", "base": JAMMY_AMD64}
    )
    assert installed["charm"]["revision"] == 1
    known = {"id": installed["id"], "revision": 1, "base": JAMMY_AMD64}
    there = {**known, "instance-key": "k0", "tracking-channel": "1.10/stable"}
    (refreshed,) = await store.ask(
        {"action": "refresh", "id": installed["id"], "base": None}, context=(there,)
    )
    assert (refreshed["result"], refreshed["charm"]["revision"]) == ("refresh", 3)
    (named,) = await store.ask(
        {
            "action": "install",
            "name": "minio",
            "revision": 3,
            "base": None,
            "resource-revisions": [{"name": "notes", "revision": 4}],
        }
    )
    (notes,) = named["charm"]["resources"]
    assert notes["revision"] == 4


async def test_charmhub_says_of_each_action_what_is_wrong(client: Client) -> None:
    store = await Charmhub.of(client)
    arm = {**JAMMY_AMD64, "architecture": "arm64"}
    unknown = {"architecture": "amd64", "name": "NA", "channel": "NA"}
    minio = {"action": "install", "name": "minio"}
    lacking = [{"name": "notes", "revision": 9}]
    results = await store.ask(
        {"action": "install", "name": "nothing", "base": JAMMY_AMD64},
        {"action": "refresh", "id": "0" * 32, "base": JAMMY_AMD64},
        {**minio, "channel": "2.0/stable", "base": JAMMY_AMD64},
        {**minio, "channel": "1.10/stable", "base": arm},
        {**minio, "revision": 77, "base": None},
        {**minio, "channel": "1.10/stable", "base": unknown},
        {**minio, "channel": "1.10/s/x/y", "base": JAMMY_AMD64},
        {**minio, "channel": "1.10/stable", "base": None},
        {**minio, "revision": 3, "base": None, "resource-revisions": lacking},
        {"action": "remove", "name": "minio"},
        {**minio, "channel": "1.10/stable", "base": JAMMY_AMD64},
    )
    assert [one["result"] for one in results] == ["error"] * 10 + ["install"]
    assert [one["error"]["code"] for one in results[:10]] == [
        "name-not-found",
        "id-not-found",
        "revision-not-found",
        "revision-not-found",
        "revision-not-found",
        "invalid-charm-base",
        "invalid-channel",
        "missing-charm-base",
        "charm-resource-not-found",
        "unexpected-data",
    ]
    assert {"channel": "1.9/stable", "base": JAMMY_AMD64} in results[2]["error"]["extra"][
        "releases"
    ]
    assert results[5]["error"]["extra"] == {"default-bases": [JAMMY_AMD64]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing-key"),
        ([], "missing-key"),
        ({"actions": 1}, "missing-key"),
        ({"context": [], "actions": [{"action": "install"}]}, "missing-instance-key"),
    ],
)
async def test_charmhub_refuses_what_is_no_request(client: Client, body: Any, code: str) -> None:
    status, answer = await (await Charmhub.of(client)).post(body)
    assert status == 400
    assert [one["code"] for one in answer["error-list"]] == [code]


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
