"""A fault of the rehearsal's own is seen: it never ends in a unit that silently stays as it is."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import Any

import aiohttp
import pytest

from ckf_airgap.errors import AirgapError, ExitCode
from ckf_airgap.rehearsal.api.facades.client import Client as ClientFacade
from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.host.thread import ControllerThread
from tests.integration.rehearsal.wire import Client, Store


def _break(controller: RehearsalController) -> None:
    def stop_playing() -> None:
        raise KeyError("minio/0")

    controller.models["kubeflow"].clock.call_later(0, stop_playing)


async def _fail(controller: RehearsalController) -> None:
    """Let a timer of the model raise, and return once it has."""
    clock, done = controller.models["kubeflow"].clock, asyncio.Event()
    _break(controller)
    clock.call_later(0, done.set)
    await done.wait()


async def _rehearse_and_fail(controller: RehearsalController, error: Exception | None) -> None:
    async with controller:
        await _fail(controller)
        if error is not None:
            raise error


def _rehearse_in_a_thread_and_fail(error: Exception) -> None:
    with ControllerThread(RehearsalController(speed=math.inf)) as running:
        running.run(_fail(running.controller))
        raise error


async def _ask_for_status(controller: RehearsalController) -> Any:
    async with controller, aiohttp.ClientSession() as session:
        client = Client(Store.read(controller.juju_data), session)
        wire = await client.model("kubeflow")
        answer = await wire.call("Client", "FullStatus", version=8)
        assert "panic serving FullStatus" in answer["error"]
        await client.close()


async def test_an_exception_in_a_timer_fails_the_rehearsal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    controller = RehearsalController(speed=math.inf)
    with pytest.raises(AirgapError) as caught:
        await _rehearse_and_fail(controller, None)
    assert str(caught.value) == (
        "the rehearsal controller itself failed 1 times: what its models show is not what a "
        "controller would show:\n"
        "  - KeyError: 'minio/0'\n"
        "This is a fault of ckf-airgap: report it, with the tracebacks that were logged."
    )
    assert caught.value.exit_code is ExitCode.FAILURE
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert isinstance(controller.failures[0], KeyError)


async def test_another_exception_is_not_hidden_by_it() -> None:
    with pytest.raises(ValueError, match="of the test"):
        await _rehearse_and_fail(RehearsalController(speed=math.inf), ValueError("of the test"))


def test_a_thread_says_so_when_it_is_stopped() -> None:
    running = ControllerThread(RehearsalController(speed=math.inf))
    running.start()
    running.run(_fail(running.controller))
    with pytest.raises(AirgapError, match="KeyError"):
        running.stop()
    running.stop()
    with pytest.raises(ValueError, match="of the test"):
        _rehearse_in_a_thread_and_fail(ValueError("of the test"))


async def test_an_exception_while_a_call_is_served_fails_the_rehearsal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken(self: ClientFacade, params: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(ClientFacade, "full_status", broken)
    with pytest.raises(AirgapError, match="RuntimeError: broken"):
        await _ask_for_status(RehearsalController(speed=math.inf))
