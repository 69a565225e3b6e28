"""Each way in which a login can fail has its words, and says whether waiting may help."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import ssl
import time
from pathlib import Path
from typing import Any, cast

import pytest
import websockets
from juju.errors import JujuAPIError, JujuError, JujuRedirectException

from ckf_airgap.concurrency import Deadline
from ckf_airgap.errors import ControllerError
from ckf_airgap.juju.controller import login
from ckf_airgap.juju.controller.api import JujuTimeouts
from ckf_airgap.juju.controller.dialling import UnreachableError
from ckf_airgap.juju.controller.login import ControllerLoginError, log_in, logged_in, why_lost
from ckf_airgap.juju.controller.store import StoredController
from tests.told import seconds_told
from tests.unit.juju.test_dialling import controller
from tests.unit.juju.test_reasons import certificate, tls

WITH_CA = dataclasses.replace(controller("h:1"), ca_cert="PEM")
BY_MACAROON = dataclasses.replace(controller("h:1"), password="")


class Connection:
    """Opens, or fails as a test says."""

    def __init__(self, outcome: Exception | None = None, version: str = "3.6.1") -> None:
        self.outcome = outcome
        self.info = {"server-version": version}
        self.opened: list[str] = []
        self.closed = 0

    async def open(self, _sock: object, endpoint: str) -> None:
        self.opened.append(endpoint)
        if isinstance(self.outcome, TimeoutError):
            await asyncio.sleep(30)
        if self.outcome is not None:
            raise self.outcome

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each dial might take."""
    limits: list[float] = []

    async def dial(_controller: StoredController, timeout_s: float) -> tuple[object, str]:
        limits.append(timeout_s)
        return socket.socket, "h:1"

    monkeypatch.setattr(login, "dial", dial)
    return limits


async def attempt(
    connection: Connection,
    of: StoredController | None = None,
    deadline: Deadline | None = None,
) -> None:
    await log_in(
        cast("Any", connection),
        of if of is not None else controller("h:1"),
        JujuTimeouts(connect_s=0.1),
        deadline if deadline is not None else Deadline(),
    )


def refused(text: str, code: str) -> JujuAPIError:
    return JujuAPIError({"error": text, "error-code": code, "response": {}, "request-id": 1})


@pytest.mark.parametrize(
    ("error", "of", "because", "fix", "lasting"),
    [
        (
            certificate(),
            controller("h:1"),
            (
                "is not trusted: /store/controllers.yaml has no ca-cert for it, and its "
                "certificate does not verify against the CAs of this system "
                "(self-signed certificate)"
            ),
            "Register the controller again, which stores its CA",
            True,
        ),
        (
            certificate(),
            WITH_CA,
            (
                "is not trusted: its certificate does not verify against the CA in "
                "/store/controllers.yaml (self-signed certificate)"
            ),
            "Another controller answers there, or it has a new CA",
            True,
        ),
        (
            refused("invalid entity name or password", "unauthorized access"),
            WITH_CA,
            "refused the login of user admin: invalid entity name or password",
            "Correct the password in /store/accounts.yaml, or log in again: juju login -c c.",
            True,
        ),
        (
            refused("no", "unauthorized access"),
            BY_MACAROON,
            "refused the login of user admin: no",
            "Log in again: juju logout -c c, then juju login -c c -u admin.",
            True,
        ),
        (
            refused("unknown model", "model not found"),
            WITH_CA,
            "refused the connection: unknown model",
            "Check the controller: juju status -m controller.",
            True,
        ),
        (
            refused("upgrade in progress", "upgrade in progress"),
            WITH_CA,
            "refused the connection: upgrade in progress",
            "Check the controller: juju status -m controller.",
            False,
        ),
        (
            JujuRedirectException({}),
            WITH_CA,
            "redirects its clients, which is not supported",
            "Register the controller that has the model.",
            True,
        ),
        (
            tls("WRONG_VERSION_NUMBER"),
            WITH_CA,
            (
                "does not respond like a Juju controller: there is no TLS connection with it "
                "(wrong version number)"
            ),
            "Check that the address is a Juju controller's API port (17070).",
            False,
        ),
        (
            ConnectionResetError(),
            WITH_CA,
            "does not respond like a Juju controller: the connection was cut",
            "Check the address, and whether the controller is starting or stopping.",
            False,
        ),
        (
            websockets.ConnectionClosedError(None, None),
            WITH_CA,
            "does not respond like a Juju controller: the connection was cut",
            "Check the address, and whether the controller is starting or stopping.",
            False,
        ),
        (
            JujuError("an external user has no password"),
            WITH_CA,
            "refused the connection: an external user has no password",
            "Correct the password in",
            False,
        ),
    ],
)
async def test_each_failure_has_its_words(
    error: Exception, of: StoredController, because: str, fix: str, lasting: bool
) -> None:
    with pytest.raises(ControllerLoginError) as caught:
        await attempt(Connection(error), of)
    assert caught.value.because == because
    assert caught.value.message == f"controller c at h:1 {because}"
    assert caught.value.fix.startswith(fix)
    assert caught.value.lasting is lasting
    assert caught.value.code == (getattr(error, "error_code", "") or "")
    assert why_lost(caught.value) == f"it {because}"


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (ConnectionResetError(), 3),
        (websockets.ConnectionClosedError(None, None), 3),
        (websockets.InvalidMessage("x"), 3),
        (EOFError(), 3),
        (certificate(), 1),
        (tls("WRONG_VERSION_NUMBER"), 1),
        (refused("no", "unauthorized access"), 1),
        (JujuError("no"), 1),
    ],
)
async def test_a_login_that_is_cut_off_is_tried_again(error: Exception, attempts: int) -> None:
    connection = Connection(error)
    with pytest.raises(ControllerLoginError):
        await attempt(connection)
    assert len(connection.opened) == attempts
    connection = Connection(error)
    with pytest.raises(ControllerLoginError):
        await attempt(connection, deadline=Deadline(0))
    assert len(connection.opened) == 1


async def test_what_is_no_answer_of_juju() -> None:
    with pytest.raises(ControllerError, match="something that is no answer of Juju") as caught:
        await attempt(Connection(KeyError("facades")))
    assert why_lost(caught.value) == caught.value.message
    unreachable = UnreachableError("x", because="h:1: gone", fix="")
    assert why_lost(unreachable) == "it cannot be reached (h:1: gone)"


async def test_a_login_may_take_twice_as_long_as_reaching_the_port(dialled: list[float]) -> None:
    started = time.monotonic()
    with pytest.raises(ControllerLoginError, match=r"login took longer than") as caught:
        await attempt(Connection(TimeoutError()))
    assert 0.2 <= seconds_told(caught.value.message) <= (time.monotonic() - started) * 1.01
    assert dialled == [0.1]
    assert not caught.value.lasting
    with pytest.raises(ControllerLoginError, match=r"login took longer than") as caught:
        await attempt(Connection(TimeoutError()), deadline=Deadline.after(0.05))
    assert seconds_told(caught.value.message) < 0.2
    assert dialled[1] < 0.06
    with pytest.raises(ControllerLoginError, match=r"login took longer than") as caught:
        await attempt(Connection(TimeoutError()), deadline=Deadline(0))
    assert seconds_told(caught.value.message) < 0.2
    assert 0 < dialled[2] < 0.01


@pytest.mark.parametrize(
    ("version", "good"),
    [("3.6.1", True), ("3", True), ("4.0.1", False), ("2.9.1", False), ("30.1", False)],
)
async def test_only_juju_3_is_taken(version: str, good: bool) -> None:
    connection = Connection(version=version)
    if good:
        await attempt(connection)
        assert connection.closed == 0
        return
    with pytest.raises(ControllerLoginError) as caught:
        await attempt(connection)
    assert caught.value.message == f"controller c runs Juju {version}, ckf-airgap needs Juju 3"
    assert "Use a Juju 3.6 controller" in caught.value.fix
    assert caught.value.lasting
    assert connection.closed == 1


async def test_a_connection_for_a_block_is_closed_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Connection] = []

    def make(*arguments: object) -> Connection:
        made.append(Connection())
        assert arguments[1] == "uuid"
        return made[-1]

    monkeypatch.setattr(login, "DirectConnection", make)
    context = ssl.create_default_context()
    limits = JujuTimeouts()

    async def fail() -> None:
        async with logged_in(controller("h:1"), limits, Deadline(), context, "uuid") as connection:
            assert cast("Any", connection) is made[0]
            assert made[0].opened == ["h:1"]
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert made[0].closed == 1


def test_a_ca_that_is_none_is_told() -> None:
    with pytest.raises(ControllerError, match=r"its ca-cert in /store/controllers\.yaml is no"):
        login.trusted(WITH_CA)
    assert login.trusted(controller("h:1")).check_hostname


def test_the_path_is_that_of_the_store() -> None:
    assert controller().juju_data == Path("/store")
