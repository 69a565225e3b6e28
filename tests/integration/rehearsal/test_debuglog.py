from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from ckf_airgap.rehearsal.host.thread import ControllerThread
from tests.integration.rehearsal.wire import TIMEOUT_S, Client


@pytest.fixture
async def logged(client: Client, controller: ControllerThread) -> Client:
    """A client; the log of kubeflow has the messages 0 to 4."""
    write(controller, *(str(number) for number in range(5)))
    return client


def write(controller: ControllerThread, *messages: str) -> None:
    journal = controller.controller.models["kubeflow"].chronicle.journal

    def lines() -> None:
        for message in messages:
            journal.write("unit-minio-0", "INFO", "juju.worker.uniter", message, location="x.go:1")

    controller.call(lines)


async def dial(
    client: Client, query: str = "", *, path: str = "", headers: dict[str, str] | None = None
) -> Any:
    """Return a websocket to the log of kubeflow, or of another path."""
    path = path or f"/model/{client.store.models['kubeflow']}/log"
    wire = await client.dial(
        path + query, headers=client.store.authorization() if headers is None else headers
    )
    return wire.socket


async def first(socket: Any) -> Any:
    """Return the first message, in which the controller says what is wrong, if anything."""
    text = await asyncio.wait_for(socket.receive_str(), TIMEOUT_S)
    assert text.endswith("\n")
    return json.loads(text)


async def messages(socket: Any) -> list[str]:
    """Return the messages of all records until the controller closes."""
    assert await first(socket) == {}
    return [json.loads(message.data)["msg"] async for message in socket]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?noTail=true", "01234"),
        ("?noTail=true&replay=true&maxLines=2", "01234"),
        ("?noTail=true&maxLines=2", "34"),
        ("?noTail=true&backlog=3", "234"),
        ("?noTail=1&level=ERROR", ""),
        ("?noTail=true&includeEntity=unit-minio-*&includeEntity=x", "01234"),
        ("?noTail=true&excludeModule=juju", ""),
        ("?noTail=true&startTime=2020-01-01T00:00:00.123456789Z", "01234"),
        ("?noTail=true&startTime=2999-01-01T00:00:00Z", ""),
        ("?noTail=true&backlog=10001", ""),
    ],
)
async def test_what_is_there_is_shown_and_the_connection_closed(
    logged: Client, query: str, shown: str
) -> None:
    assert await messages(await dial(logged, query)) == list(shown)


async def test_a_record_has_the_fields_of_juju(logged: Client) -> None:
    socket = await dial(logged, "?noTail=true&maxLines=1")
    assert await first(socket) == {}
    record = json.loads((await socket.receive()).data)
    assert record.pop("ts").endswith("Z")
    assert record == {
        "tag": "unit-minio-0",
        "sev": "INFO",
        "mod": "juju.worker.uniter",
        "loc": "x.go:1",
        "msg": "4",
        "lab": None,
    }


async def test_it_follows_until_the_client_hangs_up(
    logged: Client, controller: ControllerThread
) -> None:
    socket = await dial(logged, "?backlog=1")
    assert await first(socket) == {}
    assert json.loads((await socket.receive()).data)["msg"] == "4"
    write(controller, "later")
    assert json.loads((await asyncio.wait_for(socket.receive(), TIMEOUT_S)).data)["msg"] == "later"
    journal = controller.controller.models["kubeflow"].chronicle.journal
    await until(lambda: journal.followers == 1)
    await socket.close()
    await until(lambda: journal.followers == 0)


async def until(happened: Callable[[], bool]) -> None:
    for _ in range(200):
        if happened():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


async def test_it_ends_with_the_model(logged: Client) -> None:
    socket = await dial(logged, "?backlog=1")
    assert await first(socket) == {}
    manager = await logged.controller()
    tag = f"model-{logged.store.models['kubeflow']}"
    await manager.ask("ModelManager", "DestroyModels", {"models": [{"model-tag": tag}]}, version=10)
    await asyncio.wait_for(rest(socket), TIMEOUT_S)
    assert socket.closed


async def rest(socket: Any) -> None:
    async for _ in socket:
        pass


async def test_it_ends_with_the_longest_time_that_the_controller_allows(logged: Client) -> None:
    wire = await logged.controller()
    await wire.ask(
        "Controller", "ConfigSet", {"config": {"max-debug-log-duration": "50ms"}}, version=12
    )
    assert await asyncio.wait_for(messages(await dial(logged)), TIMEOUT_S) == list("01234")


async def test_the_controllers_own_model_has_a_log(client: Client) -> None:
    assert await messages(await dial(client, "?noTail=true", path="/log")) == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?backlog=-1", 'backlog value "-1" is not a valid unsigned number'),
        ("?maxLines=x", 'maxLines value "x" is not a valid unsigned number'),
        ("?noTail=perhaps", 'noTail value "perhaps" is not a valid boolean'),
        ("?replay=2", 'replay value "2" is not a valid boolean'),
        (
            "?level=CRITICAL",
            'level value "CRITICAL" is not one of "TRACE", "DEBUG", "INFO", "WARNING", "ERROR"',
        ),
        ("?startTime=now", 'start time "now" is not a valid time in RFC3339 format'),
    ],
)
async def test_a_query_that_is_wrong_is_refused_in_the_first_message(
    client: Client, query: str, message: str
) -> None:
    socket = await dial(client, query)
    assert await first(socket) == {"error": {"message": message, "code": ""}}
    assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


@pytest.mark.parametrize(
    ("headers", "why", "code"),
    [
        ({}, "no credentials provided", "no credentials provided"),
        (
            basic("user-admin", "wrong"),
            "invalid entity name or password",
            "unauthorized access",
        ),
    ],
)
async def test_a_log_is_for_those_who_can_log_in(
    client: Client, headers: dict[str, str], why: str, code: str
) -> None:
    error = (await first(await dial(client, headers=headers)))["error"]
    assert error == {"message": f"authentication failed: {why}", "code": code}


async def test_a_log_is_for_those_who_may_read_the_model(client: Client) -> None:
    wire = await client.controller()
    user = {"username": "eve", "password": "apple"}
    await wire.ask("UserManager", "AddUser", {"users": [user]}, version=3)
    error = (await first(await dial(client, headers=basic("user-eve", "apple"))))["error"]
    assert error == {
        "message": "authorization failed: permission denied",
        "code": "unauthorized access",
    }


async def test_a_model_that_is_not_there_has_no_log(client: Client) -> None:
    path = "/model/00000000-0000-4000-8000-000000000000/log"
    error = (await first(await dial(client, path=path)))["error"]
    assert error["message"] == "authentication failed: invalid entity name or password"
