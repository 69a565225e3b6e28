"""Connecting to a model: which connections are made, and which answer counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import websockets
import yaml

from ckf_airgap.concurrency import Deadline, timeout
from ckf_airgap.errors import ControllerError, ModelNotFoundError
from ckf_airgap.juju.controller.api import JujuTimeouts
from ckf_airgap.juju.controller.connection import connect
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.rehearsal.api.tls import Certificates, make_certificates
from tests.ports import free_port
from tests.unit.juju.test_directconnection import Server

NAMES = ["Client", "AllWatcher", "ModelManager", "Application"]
LOGIN = {
    "response": {
        "facades": [{"name": name, "versions": [3, 8, 10, 20]} for name in NAMES],
        "server-version": "3.6.9",
    }
}
UUID = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"
INFO = {"type": "caas", "name": "kubeflow", "uuid": UUID, "life": "alive"}
LISTED = {"model": {"name": "kubeflow", "owner-tag": "user-admin", "uuid": UUID}}
UNIT = {"name": "minio/0", "application": "minio", "workload-status": {"current": "active"}}


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return make_certificates(["127.0.0.1"])


@pytest.fixture
async def server(
    certificates: Certificates, tmp_path: Path
) -> AsyncIterator[tuple[Server, JujuTarget]]:
    made, port = Server(), free_port()
    made.answers = {
        "Admin.Login": LOGIN,
        "ModelManager.ListModels": {"response": {"user-models": [LISTED]}},
        "ModelManager.ModelInfo": {"response": {"results": [{"result": INFO}]}},
        "Client.WatchAll": {"response": {"watcher-id": "1"}},
        "AllWatcher.Next": {"response": {"deltas": []}},
        "Client.FullStatus": {"response": {"a": 1}},
    }
    store(tmp_path, port, certificates.ca, UUID)
    context = certificates.server_context()
    async with websockets.serve(made.serve, "127.0.0.1", port, ssl=context):
        yield made, JujuTarget(model="kubeflow", juju_data=tmp_path)
    left = [task.get_name() for task in asyncio.all_tasks() if "juju" in task.get_name()]
    assert left == []


def store(directory: Path, port: int, ca: str, uuid: str | None) -> None:
    """Write a client store."""
    models = {"admin/kubeflow": {"uuid": uuid}} if uuid else {}
    for file, fields in (
        ("controllers", {"uuid": "c", "api-endpoints": [f"127.0.0.1:{port}"], "ca-cert": ca}),
        ("accounts", {"user": "admin", "password": "p"}),
        ("models", {"models": models}),
    ):
        document = {"current-controller": "c", "controllers": {"c": fields}}
        (directory / f"{file}.yaml").write_text(yaml.safe_dump(document))


def known_as(target: JujuTarget, uuid: str | None) -> None:
    assert target.juju_data is not None
    models = {"admin/kubeflow": {"uuid": uuid}} if uuid else {}
    document = {"controllers": {"c": {"models": models}}}
    (target.juju_data / "models.yaml").write_text(yaml.safe_dump(document))


Both = tuple[Server, JujuTarget]


def calls(server: Server) -> list[str]:
    return [request["request"] for request in server.requests]


async def test_a_model_that_the_store_knows_is_connected_to_at_once(server: Both) -> None:
    made, target = server
    async with connect(target) as session:
        assert session.uuid == UUID
        assert session.info == INFO
        assert session.model.info.name == "kubeflow"
        assert session.is_connected
        assert session.outages == ()
    assert sorted(made.paths) == ["/api", f"/model/{UUID}/api"]
    assert calls(made).count("ModelInfo") == 1
    assert calls(made).index("WatchAll") < len(calls(made))


async def test_a_model_that_it_does_not_know_is_looked_up_before(server: Both) -> None:
    made, target = server
    known_as(target, None)
    async with connect(target) as session:
        assert session.uuid == UUID
    assert made.paths == ["/api", f"/model/{UUID}/api"]


async def test_a_model_that_it_knows_by_another_uuid_is_connected_to_anew(server: Both) -> None:
    made, target = server
    known_as(target, OTHER)
    async with connect(target) as session:
        assert session.uuid == UUID
        assert session.http.model_url.endswith(f"/model/{UUID}")
    assert sorted(made.paths) == ["/api", f"/model/{UUID}/api", f"/model/{OTHER}/api"]
    assert calls(made).count("ModelInfo") == 2


async def test_a_model_that_is_not_there_any_more_is_told_as_that(server: Both) -> None:
    made, target = server
    made.answers["ModelManager.ListModels"] = {"response": {"user-models": []}}
    with pytest.raises(ModelNotFoundError):
        async with connect(target):
            pass


async def test_without_a_watch_there_is_none_until_it_is_asked_for(server: Both) -> None:
    made, target = server
    async with connect(target, watch=False) as session:
        await session.api.call("Client", "FullStatus")
        assert "WatchAll" not in calls(made)
        await session.watching()
        assert session.feed.snapshot().applications == {}
        assert "WatchAll" in calls(made)


async def test_without_confirmation_the_controller_is_not_asked(server: Both) -> None:
    made, target = server
    async with connect(target, watch=False, confirm=False) as session:
        assert session.info == {}
        assert session.entry.qualified_name == "admin/kubeflow"
        assert await session.api.call("Client", "FullStatus") == {"a": 1}
        assert made.paths == [f"/model/{UUID}/api"]
        async with session.controller_api() as api:
            await api.call("ModelManager", "ListModels", {})
        assert made.paths == [f"/model/{UUID}/api", "/api"]


@pytest.mark.parametrize("code", ["model not found", "unauthorized access"])
async def test_without_confirmation_an_unknown_model_is_looked_up(server: Both, code: str) -> None:
    made, target = server
    known_as(target, OTHER)
    gone = {"error": "unknown model", "error-code": code}
    made.at_path[f"/model/{OTHER}/api"] = {"Admin.Login": gone}
    async with connect(target, watch=False, confirm=False) as session:
        assert session.uuid == UUID
    made.answers["Admin.Login"] = {"error": "upgrade", "error-code": "upgrade in progress"}
    with pytest.raises(ControllerError, match="refused the connection: upgrade"):
        async with connect(target, watch=False, confirm=False):
            pass


async def test_offers_are_asked_for_on_the_connection_that_there_is(server: Both) -> None:
    made, target = server
    async with connect(target) as session:
        for _ in range(2):
            async with session.controller_api() as api:
                await api.call("ModelManager", "ListModels", {})
    assert made.paths.count("/api") == 1


async def test_looking_up_goes_on_when_the_connection_breaks(server: Both) -> None:
    made, target = server
    made.losing["ModelManager.ListModels"] = 2
    async with connect(target) as session:
        assert session.uuid == UUID
    assert calls(made).count("ListModels") == 3
    made.losing["ModelManager.ListModels"] = 3
    with pytest.raises(ControllerError, match=r"broke during ModelManager\.ListModels"):
        async with connect(target):
            pass
    made.losing["ModelManager.ListModels"] = 1
    with pytest.raises(ControllerError):
        async with connect(target, deadline=Deadline(0)):
            pass


async def test_a_model_that_is_not_described_in_time(server: Both) -> None:
    made, target = server
    made.answers["AllWatcher.Next"] = ""
    started = time.monotonic()
    with pytest.raises(ControllerError, match="controller c did not describe the model within 0"):
        async with connect(target, timeouts=JujuTimeouts(call_s=0.3)):
            pass
    assert time.monotonic() - started < 3


async def test_what_the_watcher_reports_is_in_the_feed(server: Both) -> None:
    made, target = server
    application: dict[str, Any] = {"name": "minio", "status": {"current": "active"}}
    made.answers["AllWatcher.Next"] = {
        "response": {
            "deltas": [
                ["application", "change", application],
                ["unit", "change", UNIT],
                ["unheard", "change", {}],
            ]
        }
    }
    async with connect(target) as session:
        assert set(session.feed.snapshot().applications) == {"minio"}
        assert set(session.model.applications) == {"minio"}
    assert not session.model.is_connected()


async def test_a_watcher_that_the_controller_stops_is_started_again(server: Both) -> None:
    made, target = server
    stopped = ({"error": "x", "error-code": "stopped"}, {"error": "watcher was stopped"})
    for number, error in enumerate(stopped, 1):
        made.once["AllWatcher.Next"] = error
        async with connect(target) as session:
            session.feed.snapshot()
        assert calls(made).count("WatchAll") == 2 * number
    made.once["AllWatcher.Next"] = {"error": "no", "error-code": "forbidden"}
    with pytest.raises(ControllerError, match="ended the watch: no"):
        async with connect(target):
            pass


async def test_uploads_of_a_session_go_to_its_address_and_end_with_its_deadline(
    server: Both, tmp_path: Path
) -> None:
    _, target = server
    charm = tmp_path / "x.charm"
    charm.write_bytes(b"x")
    async with connect(target, watch=False) as session, session.uploader(2) as uploader:
        session.deadline.until = time.monotonic() + 0.3
        started = time.monotonic()
        with pytest.raises(ControllerError, match=f"to the controller at {session.endpoint} "):
            await uploader.upload_charm(charm)
        assert time.monotonic() - started < 3


async def test_a_session_whose_connection_broke_is_used_again(server: Both) -> None:
    made, target = server
    async with connect(target, watch=False) as session:
        for client in made.clients:
            client.transport.abort()
        async with timeout(10):
            while not session.outages:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
            await session.reconnected()
        assert await session.api.call("Client", "FullStatus") == {"a": 1}
        assert len(session.outages) == 1
