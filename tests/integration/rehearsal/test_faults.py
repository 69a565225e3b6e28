"""Faults on request, as a client meets them on the wire."""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ckf_airgap.errors import UsageError
from ckf_airgap.rehearsal.host.controller import RehearsalController
from tests.integration.rehearsal.wire import Client, Store, Wire
from tests.unit.rehearsal.harness import LOCAL, charm_zip

_GONE = (aiohttp.ClientError, TypeError)
"""What a client of ours raises when its socket is closed while it waits for an answer."""


@pytest.fixture
async def controller() -> AsyncIterator[RehearsalController]:
    async with RehearsalController(speed=math.inf) as running:
        yield running


@pytest.fixture
async def client(controller: RehearsalController) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        client = Client(Store.read(controller.juju_data), session)
        yield client
        await client.close()


@pytest.fixture
async def wire(client: Client) -> Wire:
    return await client.model()


async def _charm(client: Client, directory: Path, name: str = "web") -> tuple[int, Any]:
    """Upload a charm; return the status and the body of the answer."""
    archive = charm_zip(
        directory / f"{name}.charm",
        {"name": name, "resources": {"conf": {"type": "file", "filename": "conf.txt"}}},
        options={"port": {"type": "int"}},
        members={"filler": random.Random(0).randbytes(20_000)},  # noqa: S311
    )
    path = f"/model/{client.store.models['kubeflow']}/charms"
    headers = {"Content-Type": "application/zip"}
    status, body, _ = await client.http("POST", path, headers=headers, data=archive.read_bytes())
    return status, body


async def _deploy(client: Client, wire: Wire, directory: Path, *names: str) -> Any:
    await _charm(client, directory)
    entries = [
        {
            "application": name,
            "charm-url": "local:web-0",
            "charm-origin": LOCAL,
            "num-units": 1,
        }
        for name in names
    ]
    return await wire.call("Application", "Deploy", {"applications": entries}, version=20)


async def _status(wire: Wire) -> Any:
    return await wire.ask("Client", "FullStatus", version=8)


async def test_a_connection_is_closed_before_a_call_is_carried_out(
    controller: RehearsalController, client: Client, wire: Wire, tmp_path: Path
) -> None:
    controller.faults.add("close@Application.Deploy")
    with pytest.raises(_GONE):
        await _deploy(client, wire, tmp_path, "web")
    assert not controller.models["kubeflow"].applications
    assert controller.faults.fired == (
        "fault close@Application.Deploy=1 at Application.Deploy, request 2",
    )
    other = await client.model()
    assert "error" not in await _deploy(client, other, tmp_path, "web")


async def test_the_reply_to_a_call_that_was_carried_out_is_lost(
    controller: RehearsalController, client: Client, wire: Wire, tmp_path: Path
) -> None:
    controller.faults.add("lose-reply@Application.Deploy")
    with pytest.raises(_GONE):
        await _deploy(client, wire, tmp_path, "web")
    assert list(controller.models["kubeflow"].applications) == ["web"]


async def test_a_call_is_answered_with_an_error_and_not_carried_out(
    controller: RehearsalController, client: Client, wire: Wire, tmp_path: Path
) -> None:
    controller.faults.add(
        "error@Application.Deploy,code=not yet available; try again later,message=busy, later"
    )
    answer = await _deploy(client, wire, tmp_path, "web")
    assert answer["error"] == "busy, later"
    assert answer["error-code"] == "not yet available; try again later"
    assert not controller.models["kubeflow"].applications
    assert (await _deploy(client, wire, tmp_path, "web"))["response"] == {"results": [{}]}


async def test_a_call_is_answered_late(controller: RehearsalController, wire: Wire) -> None:
    controller.faults.add("delay@Client.FullStatus,for=300ms")
    before = time.monotonic()
    await _status(wire)
    assert time.monotonic() - before >= 0.3


async def test_a_call_is_answered_as_if_it_had_changed_something(
    controller: RehearsalController, client: Client, wire: Wire, tmp_path: Path
) -> None:
    await _deploy(client, wire, tmp_path, "web", "other")
    model = controller.models["kubeflow"]
    before = (dict(model.applications), model.annotations, model.relations)
    entry: Any = {"application": "web", "application-tag": "application-web"}
    config = {"Args": [{**entry, "config": {"port": "1"}, "options": ["port"]}]}
    calls: list[tuple[str, str, Any, Any]] = [
        ("Application", "SetCharm", {**entry, "charm-url": "local:web-0"}, {}),
        ("Application", "SetConfigs", config, {"results": [{}]}),
        ("Application", "UnsetApplicationsConfig", config, {"results": [{}]}),
        ("Application", "Deploy", {"applications": [entry, entry]}, {"results": [{}, {}]}),
        (
            "Application",
            "ScaleApplications",
            {"applications": [{**entry, "scale": 3}]},
            {"results": [{"info": {"num-units": 3}}]},
        ),
        (
            "Application",
            "DestroyApplication",
            {"applications": [entry]},
            {"results": [{"info": {}}]},
        ),
        (
            "Annotations",
            "Set",
            {"annotations": [{"entity": "application-web", "annotations": {"a": "1"}}]},
            {"results": []},
        ),
    ]
    versions = {"Application": 20, "Annotations": 2}
    for facade, method, params, reply in calls:
        controller.faults.add_next(f"ignore@{facade}.{method}")
        assert await wire.ask(facade, method, params, version=versions[facade]) == reply
    assert (dict(model.applications), model.annotations, model.relations) == before
    assert model.applications["web"].scale == 1
    controller.faults.add_next("ignore@Application.AddRelation,times=2")
    related = {"endpoints": ["web:nothing", "other"]}
    answer = await wire.call("Application", "AddRelation", related, version=20)
    assert answer["error"] == 'application "web" has no "nothing" relation'
    assert len(controller.faults.fired) == len(calls) + 1


async def test_a_silent_connection_answers_nothing_and_is_not_closed(
    controller: RehearsalController, client: Client, wire: Wire
) -> None:
    controller.faults.add("silence@Client.FullStatus")
    other = await client.model()
    watcher = await wire.ask("Client", "WatchAll", version=8)
    await wire.ask("AllWatcher", "Next", version=3, id=watcher["watcher-id"])
    pending = await wire.send("AllWatcher", "Next", version=3, id=watcher["watcher-id"])
    asked = await wire.send("Client", "FullStatus", version=8)
    await asyncio.sleep(0.05)
    controller.models["kubeflow"].touch()
    await wire.send("Client", "FullStatus", version=8)
    await wire.socket.ping()
    for request_id in (asked, pending):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(wire.receive(request_id), 0.1)
    assert not wire.socket.closed
    await _status(other)


async def test_a_connection_that_was_silent_for_a_while_answers_everything(
    controller: RehearsalController, wire: Wire
) -> None:
    controller.faults.add("silence@Client.FullStatus,for=300ms")
    before = time.monotonic()
    first, second = [await wire.send("Client", "FullStatus", version=8) for _ in range(2)]
    assert "response" in await wire.receive(second)
    assert "response" in await wire.receive(first)
    assert time.monotonic() - before >= 0.3


async def test_a_controller_that_hangs_answers_nobody(
    controller: RehearsalController, client: Client, wire: Wire, tmp_path: Path
) -> None:
    other = await client.model()
    controller.faults.add("hang@Client.FullStatus,for=400ms")
    before = time.monotonic()
    asked = await wire.send("Client", "FullStatus", version=8)
    await asyncio.sleep(0.05)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(_status(other), 0.1)
    status, _ = await _charm(client, tmp_path)
    assert status == 200
    assert "response" in await wire.receive(asked)
    assert time.monotonic() - before >= 0.4


async def test_a_restart_keeps_what_is_in_memory_and_closes_the_port_for_a_while(
    controller: RehearsalController, client: Client, wire: Wire, tmp_path: Path
) -> None:
    await _deploy(client, wire, tmp_path, "web")
    controller.faults.add_next("restart@Client.FullStatus,for=300ms")
    other = await client.model()
    with pytest.raises(_GONE):
        await _status(wire)
    with pytest.raises(_GONE):
        await _status(other)
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.dial()
    host, _, port = controller.endpoint.rpartition(":")
    for _ in range(200):
        await asyncio.sleep(0.02)
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            continue
        writer.close()
        break
    again = await client.model()
    assert list((await _status(again))["applications"]) == ["web"]


async def test_a_restart_during_a_restart_is_none(
    controller: RehearsalController, client: Client, wire: Wire
) -> None:
    other = await client.model()
    controller.faults.add("restart@Client.FullStatus,for=200ms,times=2")
    for one in (wire, other):
        await one.send("Client", "FullStatus", version=8)
    await asyncio.sleep(0.5)
    assert len(controller.faults.fired) == 2
    await _status(await client.model())
    assert controller.failures == ()


@pytest.mark.parametrize("byte", [0, 1, 10_000, 10**9])
async def test_an_upload_is_cut(
    controller: RehearsalController, client: Client, tmp_path: Path, byte: int
) -> None:
    controller.faults.add(f"cut@upload=1,byte={byte}")
    with pytest.raises(_GONE):
        await _charm(client, tmp_path)
    assert not list(controller.models["kubeflow"].charms)
    status, body = await _charm(client, tmp_path)
    assert (status, body) == (200, {"charm-url": "local:web-0"})


async def test_an_upload_freezes_for_a_while_or_for_ever(
    controller: RehearsalController, client: Client, tmp_path: Path
) -> None:
    controller.faults.add("freeze@upload=1,byte=100,for=300ms")
    controller.faults.add("freeze@upload=2,byte=100")
    before = time.monotonic()
    assert (await _charm(client, tmp_path))[0] == 200
    assert time.monotonic() - before >= 0.3
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(_charm(client, tmp_path), 0.2)
    assert len(list(controller.models["kubeflow"].charms)) == 1


@pytest.mark.parametrize("body", ["before", "after"])
async def test_an_upload_is_refused_with_a_status(
    controller: RehearsalController, client: Client, tmp_path: Path, body: str
) -> None:
    controller.faults.add(f"refuse@upload,status=502,body={body}")
    assert (await _charm(client, tmp_path))[0] == 502
    assert not list(controller.models["kubeflow"].charms)


async def test_the_answer_to_an_upload_is_lost_or_late(
    controller: RehearsalController, client: Client, tmp_path: Path
) -> None:
    controller.faults.add("lose-reply@upload=1")
    controller.faults.add("delay@upload=2,for=300ms")
    with pytest.raises(_GONE):
        await _charm(client, tmp_path)
    assert len(list(controller.models["kubeflow"].charms)) == 1
    before = time.monotonic()
    assert (await _charm(client, tmp_path))[1] == {"charm-url": "local:web-1"}
    assert time.monotonic() - before >= 0.3


async def test_charms_and_resources_are_counted_as_uploads_and_downloads_are_not(
    controller: RehearsalController, client: Client, wire: Wire, tmp_path: Path
) -> None:
    await _charm(client, tmp_path)
    model = client.store.models["kubeflow"]
    await client.http("GET", f"/model/{model}/charms?url=local:web-0")
    sha = hashlib.sha256((tmp_path / "web.charm").read_bytes()).hexdigest()
    await client.http(
        "PUT",
        f"/model-{model}/charms/web-{sha[:7]}",
        headers={"Content-Type": "application/zip", "Juju-Curl": "local:web-0"},
        data=(tmp_path / "web.charm").read_bytes(),
    )
    await client.http("PUT", f"/model/{model}/applications/web/resources/conf", data=b"a")
    assert controller.faults.counts["upload"] == 3
    assert len(list(controller.models["kubeflow"].charms)) == 2


async def test_an_upload_is_answered_as_if_it_had_been_kept(
    controller: RehearsalController, client: Client, wire: Wire, tmp_path: Path
) -> None:
    await _charm(client, tmp_path)
    pending: Any = {
        "tag": "application-web",
        "resources": [{"name": "conf", "type": "file", "path": "conf.txt", "origin": "upload"}],
    }
    ids = (await wire.ask("Resources", "AddPendingResources", pending, version=3))["pending-ids"]
    entry: Any = {
        "application": "web",
        "charm-url": "local:web-0",
        "charm-origin": LOCAL,
        "num-units": 1,
        "resources": {"conf": ids[0]},
    }
    await wire.ask("Application", "Deploy", {"applications": [entry]}, version=20)

    async def attach(content: bytes) -> int:
        path = f"/model/{client.store.models['kubeflow']}/applications/web/resources/conf"
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Sha384": hashlib.sha384(content).hexdigest(),
            "Content-Disposition": "form-data; filename=conf.txt",
        }
        return (await client.http("PUT", path, headers=headers, data=content))[0]

    conf = controller.models["kubeflow"].applications["web"].resources
    assert await attach(b"a: 1") == 200
    before = conf["conf"]
    controller.faults.add_next("ignore@upload")
    assert await attach(b"a: 2") == 200
    assert conf["conf"] == before
    assert await attach(b"a: 2") == 200
    assert conf["conf"] != before


async def test_a_restart_in_the_middle_of_an_upload(
    controller: RehearsalController, client: Client, wire: Wire, tmp_path: Path
) -> None:
    controller.faults.add("restart@upload,byte=5,for=0")
    with pytest.raises(_GONE):
        await _charm(client, tmp_path)
    with pytest.raises(_GONE):
        await _status(wire)
    assert not list(controller.models["kubeflow"].charms)


async def test_a_controller_that_hangs_or_is_closed_can_be_stopped() -> None:
    faults = ["hang@Client.FullStatus=1", "restart@Client.FullStatus=2,for=60s"]
    for number in range(2):
        controller = RehearsalController(speed=math.inf, faults=faults[number:])
        controller.faults.add(f"silence@Admin.Login={number + 2}")
        async with controller, aiohttp.ClientSession() as session:
            client = Client(Store.read(controller.juju_data), session)
            wire = await client.model()
            silent = await client.dial()
            await silent.send("Admin", "Login", version=3)
            for _ in range(number + 1):
                await wire.send("Client", "FullStatus", version=8)
            await asyncio.sleep(0.05)
            before = time.monotonic()
        assert time.monotonic() - before < 10


def test_a_text_that_is_no_fault_is_refused_before_anything_is_started() -> None:
    with pytest.raises(UsageError, match="'nonsense' is no fault"):
        RehearsalController(faults=["nonsense"])
