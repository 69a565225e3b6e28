"""What a connection answers, whatever the facade: section by section as Juju's API server does."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.integration.rehearsal.wire import Client


async def test_only_the_login_exists_before_the_login(client: Client) -> None:
    wire = await client.dial()
    answer = await wire.call("Controller", "AllModels", version=12)
    assert answer == {
        "request-id": 1,
        "error": 'unknown object type "Controller": log in first',
        "error-code": "not supported",
        "response": {},
    }


@pytest.mark.parametrize(
    ("connection", "facade", "version", "method", "error", "code"),
    [
        (
            "model",
            "Nonsense",
            1,
            "M",
            "a rehearsal does not simulate Nonsense.M",
            "not supported",
        ),
        (
            "model",
            "SSHClient",
            4,
            "PublicAddress",
            (
                "a rehearsal does not simulate ssh, scp and debug-hooks, since its units are not "
                "pods (SSHClient.PublicAddress): juju debug-log and juju show-status-log tell what "
                "units went through"
            ),
            "not supported",
        ),
        (
            "controller",
            "ModelUpgrader",
            1,
            "UpgradeModel",
            (
                "a rehearsal does not simulate upgrades of Juju (ModelUpgrader.UpgradeModel): its "
                "version stays what it is; rehearse the upgrade on a cluster"
            ),
            "not supported",
        ),
        (
            "controller",
            "Controller",
            12,
            "CloudSpec",
            "this controller is a rehearsal; stop the process that runs it",
            "not supported",
        ),
        (
            "model",
            "Admin",
            3,
            "Login",
            'unknown object type "Admin": this connection is logged in',
            "not supported",
        ),
        (
            "model",
            "Client",
            99,
            "FullStatus",
            'unknown version (99) of interface "Client": a rehearsal has 6, 7, 8',
            "not supported",
        ),
        (
            "model",
            "Client",
            8,
            "Explode",
            "a rehearsal does not simulate Client.Explode",
            "not supported",
        ),
        (
            "model",
            "ModelManager",
            10,
            "ListModels",
            'facade "ModelManager" not supported for model API connection',
            "not supported",
        ),
        (
            "controller",
            "Client",
            8,
            "FullStatus",
            'facade "Client" not supported for controller API connection',
            "not supported",
        ),
        (
            "model",
            "Spaces",
            6,
            "ListSpaces",
            'facade "Spaces" not supported on container models',
            "not supported",
        ),
        (
            "model",
            "MachineManager",
            10,
            "AddMachines",
            'facade "MachineManager" not supported on container models',
            "not supported",
        ),
    ],
)
async def test_calls_that_lead_nowhere(  # noqa: PLR0917 - the columns of the table
    client: Client,
    connection: str,
    facade: str,
    version: int,
    method: str,
    error: str,
    code: str,
) -> None:
    wire = await (client.model() if connection == "model" else client.controller())
    answer = await wire.call(facade, method, version=version)
    assert (answer["error"], answer["error-code"], answer["response"]) == (error, code, {})


async def test_an_unknown_watcher_id_is_not_found(client: Client) -> None:
    wire = await client.model()
    answer = await wire.call("AllWatcher", "Next", version=3, id="17")
    assert (answer["error"], answer["error-code"]) == ("unknown watcher id", "not found")


@pytest.mark.parametrize("key", ["id", "Id"])
async def test_a_pending_next_does_not_hold_up_other_requests(client: Client, key: str) -> None:
    wire = await client.model()
    watcher = (await wire.ask("Client", "WatchAll", version=8))["watcher-id"]
    assert isinstance(watcher, str)
    named: dict[str, Any] = {"version": 3, key: watcher}
    first = await wire.ask("AllWatcher", "Next", **named)
    assert [delta[0] for delta in first["deltas"]] == ["model"]
    pending = await wire.send("AllWatcher", "Next", **named)
    assert await wire.ask("Pinger", "Ping") == {}
    assert await wire.ask("AllWatcher", "Stop", **named) == {}
    answer = await wire.receive(pending)
    assert (answer["error"], answer["error-code"]) == ("watcher was stopped", "stopped")
    assert answer["response"] == {}


async def test_a_watcher_belongs_to_its_connection(client: Client) -> None:
    first, second = await client.model(), await client.model()
    watcher = (await first.ask("Client", "WatchAll", version=8))["watcher-id"]
    answer = await second.call("AllWatcher", "Next", version=3, id=watcher)
    assert answer["error"] == "unknown watcher id"


async def test_keys_are_matched_whatever_their_case(client: Client) -> None:
    wire = await client.controller()
    upper = await wire.ask(
        "ModelManager", "ListModelSummaries", {"User-Tag": "user-admin", "ALL": True}, version=10
    )
    assert len(upper["results"]) == 3


async def test_null_is_the_zero_value(client: Client) -> None:
    wire = await client.model()
    status = await wire.ask("Client", "FullStatus", {"patterns": None}, version=8)
    assert status["applications"] == {}


async def test_params_of_the_wrong_type_are_refused_by_name(client: Client) -> None:
    wire = await client.model()
    answer = await wire.call("Client", "FullStatus", {"patterns": "all"}, version=8)
    assert answer["error"] == (
        "json: cannot unmarshal string into Go struct field .patterns of type []interface {}"
    )
    assert "error-code" not in answer
    assert answer["response"] == {}


async def test_the_oldest_codec_is_answered_in_kind(client: Client) -> None:
    wire = await client.dial()
    request = {"RequestId": 5, "Type": "Admin", "Version": 3, "Request": "RedirectInfo"}
    await wire.socket.send_json(request)
    answer = await asyncio.wait_for(wire.socket.receive_json(), 10)
    assert answer == {"RequestId": 5, "Error": "not redirected", "Response": {}}


@pytest.mark.parametrize(
    "frame",
    [
        "nonsense",
        "[]",
        "{}",
        json.dumps({"request-id": 0}),
        pytest.param("[" * 100_000, id="nested"),
        pytest.param('{"a":' * 100_000, id="nested-objects"),
        pytest.param(f'{{"request-id": {"9" * 5000}}}', id="digits"),
    ],
)
async def test_a_frame_that_is_no_request_ends_the_connection(client: Client, frame: str) -> None:
    wire = await client.controller()
    await wire.socket.send_str(frame)
    message = await asyncio.wait_for(wire.socket.receive(), 10)
    assert message.type is aiohttp.WSMsgType.CLOSE


async def test_many_requests_at_once_are_all_answered(client: Client) -> None:
    wire = await client.model()
    sent = [await wire.send("Pinger", "Ping") for _ in range(200)]
    answers = [await wire.receive(request_id) for request_id in sent]
    assert all(answer["response"] == {} for answer in answers)


async def test_the_facades_of_each_kind_of_connection(client: Client) -> None:
    store = client.store

    async def facades(path: str) -> dict[str, Any]:
        wire = await client.dial(path)
        reply = (await wire.login(store.user, store.password))["response"]
        return {facade["name"]: facade["versions"] for facade in reply["facades"]}

    on_controller = await facades("/api")
    on_model = await facades(f"/model/{store.models['kubeflow']}/api")
    assert on_controller["ModelManager"] == [9, 10]
    assert on_controller["Controller"] == [11, 12]
    assert on_controller["Cloud"] == [7]
    assert on_controller["ModelConfig"] == [3]
    assert on_model["Client"] == [6, 7, 8]
    assert on_model["AllWatcher"] == [3]
    assert on_model["MachineManager"] == [9, 10]
    assert on_model["Spaces"] == [6]
    shared = {"Pinger", "ModelConfig", "HighAvailability", "Bundle"}
    assert set(on_controller) & set(on_model) <= shared
    assert "Admin" not in on_controller | on_model


async def test_the_root_path_is_the_controller_too(client: Client) -> None:
    wire = await client.dial("/")
    reply = await wire.login(client.store.user, client.store.password)
    assert "model-tag" not in reply["response"]


async def test_health(client: Client) -> None:
    status, body, _ = await client.http("GET", "/health")
    assert (status, body) == (200, b"running\n")
