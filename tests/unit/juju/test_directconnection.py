"""A connection on a websocket whose other side answers as a test says."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import websockets
from juju.errors import JujuAPIError, JujuAuthError, JujuError

from ckf_airgap.juju.controller.api import JujuTimeouts
from ckf_airgap.juju.controller.directconnection import (
    DirectConnection,
    NotSentError,
    authorization,
    server_version,
    trust,
)
from ckf_airgap.juju.controller.store import StoredController
from ckf_airgap.rehearsal.api.tls import Certificates, make_certificates
from tests.ports import free_port
from tests.unit.juju.test_dialling import controller

FACADES = [
    {"name": "Client", "versions": [6, 7, 8, 99]},
    {"name": "AllWatcher", "versions": [3]},
    {"name": "Unheard", "versions": [1]},
]
LOGIN = {"response": {"facades": FACADES, "server-version": "3.6.9"}}


class Server:
    """Answers calls by ``Facade.Method``; a text is sent as it is, ``None`` hangs up.

    Attributes:
        answers: What calls are answered with.
        at_path: The same for the connections of a path, which goes before.
        losing: How often a call is not answered, and its connection cut.
        once: What the next call is answered with.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {"Admin.Login": LOGIN}
        self.at_path: dict[str, dict[str, Any]] = {}
        self.losing: dict[str, int] = {}
        self.once: dict[str, dict[str, Any]] = {}
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.clients: list[Any] = []

    async def serve(self, client: Any) -> None:
        self.paths.append(client.request.path)
        self.clients.append(client)
        reported = False
        async for frame in client:
            request = json.loads(frame)
            self.requests.append(request)
            call = f"{request['type']}.{request['request']}"
            answer = self.at_path.get(client.request.path, {}).get(call, self.answers.get(call, ""))
            answer = self.once.pop(call, answer)
            if self.losing.get(call):
                self.losing[call] -= 1
                answer = None
            if call == "AllWatcher.Next" and reported:
                continue  # nothing changes any more
            reported = call == "AllWatcher.Next" or (reported and call != "Client.WatchAll")
            if answer is None:
                client.transport.abort()
            elif isinstance(answer, dict):
                await client.send(json.dumps({"request-id": request["request-id"], **answer}))
            elif answer:
                await client.send(answer)


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return make_certificates(["127.0.0.1"])


@pytest.fixture
async def server(certificates: Certificates) -> AsyncIterator[tuple[Server, int]]:
    made, port = Server(), free_port()
    context = certificates.server_context()
    async with websockets.serve(made.serve, "127.0.0.1", port, ssl=context):
        yield made, port


Open = Callable[..., Awaitable[DirectConnection]]


@pytest.fixture
async def opened(server: tuple[Server, int], certificates: Certificates) -> AsyncIterator[Open]:
    """Opens connections to the server, and closes them."""
    connections: list[DirectConnection] = []

    async def connect(
        model_uuid: str | None = None, limits: JujuTimeouts | None = None, **changes: Any
    ) -> DirectConnection:
        port = server[1]
        of = dataclasses.replace(
            controller(f"127.0.0.1:{port}"), ca_cert=certificates.ca, **changes
        )
        connection = DirectConnection(of, model_uuid, trust(of), limits or JujuTimeouts())
        connections.append(connection)
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setblocking(False)
        await connection.open(sock, f"127.0.0.1:{port}")
        return connection

    yield connect
    for connection in connections:
        await connection.close()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "juju receiver"]


async def test_it_logs_in_and_knows_what_can_be_called(
    server: tuple[Server, int], opened: Open
) -> None:
    connection = await opened("some-uuid")
    plain = await opened()
    assert server[0].paths == ["/model/some-uuid/api", "/api"]
    assert connection.facades == {"Client": 8, "AllWatcher": 3}
    assert server_version(connection) == "3.6.9"
    assert connection.is_open
    assert connection.endpoint == f"127.0.0.1:{server[1]}"
    login = server[0].requests[0]
    assert login["params"]["auth-tag"] == "user-admin"
    assert login["params"]["credentials"] == "p"
    assert authorization(connection) == "Basic dXNlci1hZG1pbjpw"
    assert connection.username == "admin"
    assert "BEGIN CERTIFICATE" in str(connection.cacert)
    assert [task.get_name() for task in asyncio.all_tasks()].count("juju receiver") == 2
    await plain.close()
    assert not plain.is_open


async def test_a_password_is_of_a_local_user(opened: Open, server: tuple[Server, int]) -> None:
    with pytest.raises(JujuAuthError):
        await opened(user="who@else.where")
    assert (await opened(user="who@local")).is_open
    server[0].answers["Admin.Login"] = {"response": {"discharge-required": {"a": 1}}}
    with pytest.raises(JujuAuthError):
        await opened()


async def test_macaroons_that_are_not_taken(opened: Open, server: tuple[Server, int]) -> None:
    server[0].answers["Admin.Login"] = {"response": {"discharge-required-error": "too old"}}
    with pytest.raises(JujuAPIError) as caught:
        await opened(password="", macaroons={"macaroon-1": "W10="})
    assert caught.value.error_code == "unauthorized access"
    assert caught.value.message == "too old"
    params = server[0].requests[0]["params"]
    assert (params["macaroons"], params["auth-tag"]) == ([[]], "user-admin")
    assert params["client-version"].startswith("3.")
    server[0].answers["Admin.Login"] = LOGIN
    assert (await opened(password="", macaroons={})).is_open


async def test_what_a_call_sends_and_gets(server: tuple[Server, int], opened: Open) -> None:
    connection = await opened()
    results = {"results": [{"error": {"message": "x"}}]}
    server[0].answers["Client.A"] = {"response": results}
    server[0].answers["AllWatcher.Next"] = {"response": {}}
    assert await connection.request("Client", "A", {"b": [1]}) == results
    assert await connection.request("AllWatcher", "Next", {}, watcher="7") == {}
    first, second = server[0].requests[1:]
    assert first == {
        "type": "Client",
        "request": "A",
        "version": 8,
        "params": {"b": [1]},
        "request-id": 2,
    }
    assert (second["id"], second["request-id"]) == ("7", 3)


@pytest.mark.parametrize("response", [{"response": None}, {"response": []}, {}, {"response": 7}])
async def test_a_response_that_is_no_mapping(
    server: tuple[Server, int], opened: Open, response: dict[str, Any]
) -> None:
    connection = await opened()
    server[0].answers["Client.A"] = response
    with pytest.raises(TypeError, match="no mapping"):
        await connection.request("Client", "A", {})


async def test_a_call_that_is_refused(server: tuple[Server, int], opened: Open) -> None:
    connection = await opened()
    server[0].answers["Client.A"] = {"error": "no", "error-code": "forbidden"}
    own = connection.rpc({"type": "Client", "request": "A"})
    for calling in (connection.request("Client", "A", {}), own):
        with pytest.raises(JujuAPIError) as caught:
            await calling
        assert (caught.value.message, caught.value.error_code) == ("no", "forbidden")


async def test_libjujus_own_calls_raise_what_is_inside(
    server: tuple[Server, int], opened: Open
) -> None:
    connection = await opened()
    call = {"type": "Client", "request": "A"}
    one = {"error": {"message": "one"}}
    for response, errors in (
        ({"results": [one, {"error": {"message": "two"}}, {}]}, ["one", "two"]),
        ({"error": {"message": "whole"}}, ["whole"]),
    ):
        server[0].answers["Client.A"] = {"response": response}
        with pytest.raises(JujuError) as caught:
            await connection.rpc({**call})
        assert caught.value.errors == errors
    good: list[dict[str, Any]] = [{"results": [{}]}, {"results": [{"error": None}]}, {}]
    for fine in (*good, {"results": None}):
        server[0].answers["Client.A"] = {"response": fine}
        assert (await connection.rpc({**call}))["response"] == fine
    await connection.rpc({**call, "version": 7})
    assert server[0].requests[-1]["version"] == 7
    assert server[0].requests[-1]["params"] == {}


async def test_calls_are_answered_in_any_order_and_lost_ones_leave_nothing(
    server: tuple[Server, int], opened: Open
) -> None:
    connection = await opened()
    slow = asyncio.ensure_future(connection.request("Client", "Slow", {}))
    gone = asyncio.ensure_future(connection.request("Client", "Gone", {}))
    await asyncio.sleep(0.05)
    gone.cancel()
    server[0].answers["Client.Quick"] = {"response": {"a": 1}}
    assert await connection.request("Client", "Quick", {}) == {"a": 1}
    await server[0].clients[0].send(json.dumps({"request-id": 3, "response": {}}))
    await server[0].clients[0].send(json.dumps({"request-id": 2, "response": {"b": 2}}))
    assert await slow == {"b": 2}
    assert connection._waiting == {}


async def test_a_break_is_told_and_ends_what_waits(
    server: tuple[Server, int], opened: Open
) -> None:
    connection = await opened()
    losses: list[Exception] = []
    connection.on_lost = losses.append
    waiting = asyncio.ensure_future(connection.request("Client", "Slow", {}))
    await asyncio.sleep(0.05)
    server[0].answers["Client.Cut"] = None
    with pytest.raises(websockets.ConnectionClosed):
        await connection.request("Client", "Cut", {})
    with pytest.raises(websockets.ConnectionClosed):
        await waiting
    assert len(losses) == 1
    assert not connection.is_open
    with pytest.raises(NotSentError):
        await connection.request("Client", "A", {})
    await connection.reconnect()
    assert not connection.is_open


@pytest.mark.parametrize("text", ["no json", "[]", "7", '{"a": 1}', "[" * 50_000])
async def test_what_is_no_answer_ends_the_connection(
    server: tuple[Server, int], opened: Open, text: str
) -> None:
    connection = await opened()
    losses: list[Exception] = []
    connection.on_lost = losses.append
    server[0].answers["Client.A"] = text
    with pytest.raises((TypeError, ValueError, KeyError, RecursionError)):
        await connection.request("Client", "A", {})
    assert len(losses) == 1
    await asyncio.sleep(0.05)
    assert not connection.is_open


async def test_closing_is_no_loss_and_ends_what_waits(
    server: tuple[Server, int], opened: Open
) -> None:
    connection = await opened()
    losses: list[Exception] = []
    connection.on_lost = losses.append
    waiting = asyncio.ensure_future(connection.request("Client", "Slow", {}))
    await asyncio.sleep(0.05)
    await connection.close()
    with pytest.raises(websockets.ConnectionClosed):
        await waiting
    await connection.close()
    assert losses == []
    assert not connection.is_open


async def test_it_may_be_opened_again(server: tuple[Server, int], opened: Open) -> None:
    connection = await opened()
    server[0].answers["Client.Cut"] = None
    server[0].answers["Client.A"] = {"response": {"a": 1}}
    with pytest.raises(websockets.ConnectionClosed):
        await connection.request("Client", "Cut", {})
    sock = socket.create_connection(("127.0.0.1", server[1]))
    sock.setblocking(False)
    await connection.open(sock, f"127.0.0.1:{server[1]}")
    assert await connection.request("Client", "A", {}) == {"a": 1}


async def test_a_silent_side_is_noticed(server: tuple[Server, int], opened: Open) -> None:
    connection = await opened(limits=JujuTimeouts(ping_s=0.05, silence_s=0.1))
    lost = asyncio.get_running_loop().create_future()
    connection.on_lost = lost.set_result
    server[0].clients[0].transport.pause_reading()
    error = await asyncio.wait_for(lost, 5)
    assert isinstance(error, websockets.ConnectionClosed)
    server[0].clients[0].transport.abort()


async def test_a_login_that_fails_leaves_nothing_open(
    server: tuple[Server, int], opened: Open
) -> None:
    bad: list[Any] = [{"error": "x"}, {"response": {}}, {"response": {"facades": 7}}, None]
    for answer in bad:
        server[0].answers["Admin.Login"] = answer
        with pytest.raises((JujuError, LookupError, TypeError, websockets.ConnectionClosed)):
            await opened()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "juju receiver"]


async def test_an_address_that_is_none_closes_the_socket(certificates: Certificates) -> None:
    of = controller("h:1")
    connection = DirectConnection(of, None, trust(of), JujuTimeouts())
    assert server_version(connection) == "unknown"
    sock = socket.socket()
    with pytest.raises(ValueError, match="IPv6"):
        await connection.open(sock, "[")
    assert sock.fileno() == -1


async def test_neither_passwords_nor_parameters_are_logged(
    server: tuple[Server, int], opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="ckf_airgap"):
        connection = await opened(password="hunter2")
        server[0].answers["Client.A"] = {"response": {}}
        await connection.request("Client", "A", {"secret": "s3cret"})
    assert "Client.A" in caplog.text
    assert "hunter2" not in caplog.text
    assert "s3cret" not in caplog.text


def test_a_ca_is_trusted_at_any_address(certificates: Certificates) -> None:
    own: StoredController = dataclasses.replace(controller("h:1"), ca_cert=certificates.ca)
    context = trust(own)
    assert not context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert trust(controller("h:1")).check_hostname
