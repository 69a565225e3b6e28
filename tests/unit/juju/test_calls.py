"""Calls on a connection that answers, refuses, breaks or does neither."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
import websockets
from juju.errors import JujuAPIError

from ckf_airgap.concurrency import Deadline
from ckf_airgap.documents import Document
from ckf_airgap.errors import ControllerError
from ckf_airgap.juju.controller import calls
from ckf_airgap.juju.controller.api import CallRefusedError, ConnectionLostError, JujuTimeouts
from ckf_airgap.juju.controller.calls import LibjujuApi, is_read
from ckf_airgap.juju.controller.directconnection import NotSentError
from tests.told import seconds_told

BROKEN = websockets.ConnectionClosedError(None, None)
REFUSED = JujuAPIError(
    {"error": "no such thing\n", "error-code": "not found", "response": {}, "request-id": 1}
)


class Connection:
    """Answers one call after the other with what a test says."""

    def __init__(self, *answers: Document | Exception | None) -> None:
        self.facades = {"Client": 6, "Application": 20}
        self.answers = list(answers)
        self.calls: list[str] = []

    async def request(self, facade: str, method: str, params: Document) -> Document:
        self.calls.append(f"{facade}.{method}")
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            await asyncio.sleep(60)
        if isinstance(answer, Exception):
            raise answer
        return cast("Document", answer)


class Link:
    """Counts how often it was waited for, and fails at last."""

    def __init__(self, good: int = 1000) -> None:
        self.is_open = True
        self.good = good
        self.waits = 0

    async def until_open(self, until: float | None = None) -> None:
        self.waits += 1
        if self.waits > self.good:
            raise ControllerError("it is gone")


def api(
    connection: Connection, link: Link | None = None, deadline: Deadline | None = None
) -> LibjujuApi:
    return LibjujuApi(
        cast("Any", connection),
        "controller c",
        JujuTimeouts(call_s=0.2),
        deadline if deadline is not None else Deadline(),
        link,
    )


async def test_a_response_is_returned_as_it_is() -> None:
    connection = Connection({"results": [{"a": 1}, {"error": None}, {"error": {"message": ""}}]})
    assert await api(connection).call("Client", "FullStatus") == connection.answers[0]
    assert await api(connection).call_each("Client", "X") == connection.answers[0]["results"]
    assert await api(Connection({})).call_each("Client", "X") == []


async def test_errors_of_results_keep_their_codes() -> None:
    gone: Document = {"error": {"message": "a gone\n", "code": "not found"}}
    there: Document = {"error": {"message": "b there", "code": "already exists"}}
    bare: Document = {"error": {"code": "forbidden"}}
    fine: Document = {"result": 1}
    one, two, three, four = await api(Connection({"results": [gone, fine, there, bare]})).call_each(
        "Application", "Deploy"
    )
    assert two == fine
    for found, message, code in (
        (one, "a gone", "not found"),
        (three, "b there", "already exists"),
        (four, "forbidden", "forbidden"),
    ):
        assert isinstance(found, CallRefusedError)
        assert (found.message, found.code, found.is_of_call) == (message, code, False)
    for results, message, code in (
        ([gone, fine], "a gone", "not found"),
        ([gone, gone], "a gone; a gone", "not found"),
        ([gone, there], "a gone; b there", ""),
    ):
        for key in ("results", "Results"):
            with pytest.raises(CallRefusedError) as caught:
                await api(Connection({key: [*results]})).call("Application", "Deploy")
            assert (caught.value.message, caught.value.code) == (message, code)


@pytest.mark.parametrize("method", ["call", "call_each"])
async def test_a_call_that_is_refused_as_a_whole(method: str) -> None:
    for answer in (REFUSED, {"error": {"message": " no such thing", "code": "not found"}}):
        connection = Connection(cast("Any", answer))
        with pytest.raises(CallRefusedError) as caught:
            await getattr(api(connection), method)("Client", "FullStatus")
        assert (caught.value.message, caught.value.code) == ("no such thing", "not found")
        assert caught.value.is_of_call


@pytest.mark.parametrize(
    "answer",
    [
        {"results": 7},
        {"results": [7]},
        {"results": [{"error": 7}]},
        {"error": "no"},
        TypeError("it is no mapping"),
        KeyError("x"),
        RecursionError(),
    ],
)
async def test_an_answer_of_no_shape_is_told_as_that(answer: Any) -> None:
    for method in ("call", "call_each"):
        with pytest.raises(ControllerError) as caught:
            await getattr(api(Connection(answer)), method)("Client", "FullStatus")
        said = "controller c answered Client.FullStatus with something that is no answer of Juju"
        assert caught.value.message.startswith(said)


async def test_a_facade_that_there_is_not() -> None:
    with pytest.raises(ControllerError, match="controller c offers no facade Secrets"):
        await api(Connection({})).call("Secrets", "List")


@pytest.mark.parametrize(
    "code", ["not yet available; try again later", "excessive contention", "try again"]
)
async def test_a_controller_that_is_busy_is_asked_again(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "_BUSY_DELAYS_S", (0.01, 0.01, 0.01, 0.01))
    busy: Document = {"error": {"message": "later", "code": code}}
    raised = JujuAPIError({"error": "later", "error-code": code, "response": {}, "request-id": 1})
    for answer in (busy, raised):
        connection = Connection(*[answer] * 4, {"a": 1})
        assert await api(connection).call("Application", "AddRelation") == {"a": 1}
        assert len(connection.calls) == 5
        connection = Connection(answer)
        for deadline, times in ((None, 5), (Deadline.after(0), 1)):
            connection.calls.clear()
            with pytest.raises(CallRefusedError, match="later") as caught:
                await api(connection, deadline=deadline).call("Application", "AddRelation")
            assert caught.value.code == code
            assert len(connection.calls) == times


async def test_other_refusals_are_final() -> None:
    connection = Connection(REFUSED, {"a": 1})
    with pytest.raises(CallRefusedError):
        await api(connection).call("Client", "FullStatus")
    assert len(connection.calls) == 1


@pytest.mark.parametrize("broken", [BROKEN, ConnectionResetError(), OSError()])
async def test_only_reads_are_made_again(broken: Exception) -> None:
    connection = Connection(broken, broken, {"a": 1})
    link = Link()
    assert await api(connection, link).call("Client", "FullStatus") == {"a": 1}
    assert connection.calls == ["Client.FullStatus"] * 3
    assert link.waits == 3
    connection = Connection(broken, {"a": 1})
    with pytest.raises(ConnectionLostError) as caught:
        await api(connection, Link()).call("Application", "Deploy")
    assert caught.value.message == (
        "the connection to controller c broke during Application.Deploy: the connection was cut"
    )
    assert connection.calls == ["Application.Deploy"]


async def test_what_was_not_sent_is_made_again_whatever_it_is() -> None:
    connection = Connection(NotSentError(), {"a": 1})
    assert await api(connection, Link()).call("Application", "Deploy") == {"a": 1}
    assert len(connection.calls) == 2


@pytest.mark.parametrize("error", [BROKEN, NotSentError()])
async def test_repeating_ends(error: Exception) -> None:
    connection = Connection(error)
    with pytest.raises(ConnectionLostError):
        await api(connection, Link()).call("Client", "FullStatus")
    assert len(connection.calls) == 6
    with pytest.raises(ControllerError, match="it is gone"):
        await api(connection, Link(good=2)).call("Client", "FullStatus")
    assert len(connection.calls) == 8
    with pytest.raises(ConnectionLostError):
        await api(connection).call("Client", "FullStatus")
    assert len(connection.calls) == 9


@pytest.mark.parametrize(("deadline_s", "told"), [(None, 0.2), (30, 0.2), (0.05, 0.05)])
async def test_a_call_that_is_not_answered(deadline_s: float | None, told: float) -> None:
    for method, kind in (("FullStatus", ControllerError), ("Deploy", ConnectionLostError)):
        deadline = Deadline.after(deadline_s) if deadline_s is not None else None
        calling = api(Connection(None), Link(), deadline)
        with pytest.raises(ControllerError) as caught:
            await calling.call("Client", method)
        assert type(caught.value) is kind
        message = caught.value.message
        assert message.startswith(f"controller c did not answer Client.{method} within ")
        assert told - 0.001 <= seconds_told(message) < told + 0.15


def test_reads_are_known_by_their_names() -> None:
    for method in (
        *("FullStatus", "Get", "GetConstraints", "GetModelConstraints", "ListResources"),
        *("ListModels", "ListPools", "ListApplicationOffers", "ModelInfo", "ModelGet", "Clouds"),
        *("CharmInfo", "CharmConfig", "ApplicationsInfo", "UserInfo", "AllModels"),
        "ExportBundle",
    ):
        assert is_read(method)
    for method in (
        *("Deploy", "AddRelation", "SetConfigs", "SetCharm", "SetConstraints", "Set", "Expose"),
        *("AddPendingResources", "ScaleApplications", "CreateModel", "Offer", "ModifyOfferAccess"),
        *("Unexpose", "UnsetApplicationsConfig", "DestroyApplication", "DestroyRelation"),
        *("ModelSet", "ModelUnset", "AddUser", "UpdateApplicationStorage", "AttachStorage"),
    ):
        assert not is_read(method)
