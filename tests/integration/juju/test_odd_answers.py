"""A controller whose answers have no shape that Juju gives them ends a command with a clear error.

A proxy stands before a rehearsal controller and answers one kind of request in its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import websockets
import yaml

from ckf_airgap.documents import Document
from ckf_airgap.errors import ControllerError, ExitCode
from ckf_airgap.juju.controller.connection import connect
from ckf_airgap.juju.controller.status import read_status
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.juju.snapshots.snapshot import ModelSnapshot
from ckf_airgap.juju.watching.watch import wait_active_idle
from ckf_airgap.rehearsal.api.tls import Certificates, make_certificates
from ckf_airgap.rehearsal.host.controller import RehearsalController
from tests.integration.juju.world import QUICK

RAW = "raw: "
"""Marks an answer that is sent as it is, without the frame of one."""

NO_JSON = (f"{RAW}no json", f"{RAW}{'[' * 100_000}")


class Proxy:
    """What stands before a controller.

    Attributes:
        target: The model, by way of the proxy.
        call: Which call it answers itself: ``Client.FullStatus``.
        response: With what.
    """

    def __init__(self, controller: RehearsalController, store: Path) -> None:
        self.target = JujuTarget(model="kubeflow", juju_data=store)
        self.call = ""
        self.response = ""
        self._url = f"wss://{controller.endpoint}"
        self._trusting = ssl.create_default_context()
        self._trusting.check_hostname = False
        self._trusting.verify_mode = ssl.CERT_NONE

    def answer(self, call: str, response: str) -> None:
        self.call, self.response = call, response

    async def serve(self, client: Any) -> None:
        """Pass frames on in both directions."""
        url = f"{self._url}{client.request.path}"
        async with websockets.connect(url, ssl=self._trusting, max_size=None, proxy=None) as real:
            returning = asyncio.create_task(self._return(real, client))
            async for frame in client:
                request = json.loads(frame)
                if f"{request['type']}.{request['request']}" != self.call:
                    await real.send(frame)
                elif self.response.startswith(RAW):
                    await client.send(self.response.removeprefix(RAW))
                else:
                    fields = f'"request-id": {request["request-id"]}, "response": {self.response}'
                    await client.send(f"{{{fields}}}")
            returning.cancel()

    async def _return(self, real: Any, client: Any) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for frame in real:
                await client.send(frame)


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return make_certificates(["127.0.0.1"])


@pytest.fixture
async def proxy(
    controller: RehearsalController, certificates: Certificates, tmp_path: Path
) -> AsyncIterator[Proxy]:
    """A proxy before the controller, with a client store that names it."""
    store = Path(shutil.copytree(controller.juju_data, tmp_path / "store"))
    made = Proxy(controller, store)
    context = certificates.server_context()
    async with websockets.serve(made.serve, "127.0.0.1", 0, ssl=context) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        document = yaml.safe_load((store / "controllers.yaml").read_text())
        document["controllers"]["rehearsal"] |= {
            "api-endpoints": [f"127.0.0.1:{port}"],
            "ca-cert": certificates.ca,
        }
        (store / "controllers.yaml").write_text(yaml.safe_dump(document))
        yield made


async def status(proxy: Proxy) -> ModelSnapshot:
    """Connect, and ask for the status."""
    async with connect(proxy.target, timeouts=QUICK) as session:
        return await read_status(session.api, "kubeflow")


async def wait(proxy: Proxy) -> None:
    """Connect, and wait for the model."""
    async with connect(proxy.target, timeouts=QUICK) as session:
        await wait_active_idle(session, timeout_s=1)


def explains(error: ControllerError, *texts: str) -> None:
    """Check an error: its code, and that it says what was odd and what to do."""
    assert error.exit_code is ExitCode.CONTROLLER
    assert error.fix
    assert len(str(error)) < 800
    for text in texts:
        assert text in str(error)


async def test_a_call_that_is_answered_oddly(proxy: Proxy) -> None:
    for response in (
        *("[]", "null", '"text"', "7", '{"results": [7]}', '{"results": 7}', '{"error": 7}'),
        *NO_JSON,
    ):
        proxy.answer("Client.FullStatus", response)
        with pytest.raises(ControllerError) as caught:
            await status(proxy)
        explains(caught.value, "answered Client.FullStatus", "no answer of Juju")


@pytest.mark.parametrize("name", [f"minio/{'9' * 5000}", "minio/²"])
async def test_a_unit_whose_number_is_none_is_shown(proxy: Proxy, name: str) -> None:
    units: Document = {name: {}, "minio/10": {}, "minio/9": {}}
    fields: Document = {"charm": "local:minio-0", "units": units}
    proxy.answer("Client.FullStatus", json.dumps({"applications": {"minio": fields}}))
    names = [unit.name for unit in (await status(proxy)).units]
    assert sorted(names) == sorted(units)
    assert names.index("minio/9") < names.index("minio/10")


async def test_a_login_that_is_answered_oddly(proxy: Proxy) -> None:
    for response in (
        *("null", "[]", "{}", '{"server-version": 3}'),
        '{"facades": 7, "server-version": "3.6.0"}',
        '{"facades": [7], "server-version": "3.6.0"}',
        '{"facades": [], "servers": [7]}',
        *NO_JSON,
    ):
        proxy.answer("Admin.Login", response)
        with pytest.raises(ControllerError) as caught:
            await status(proxy)
        explains(caught.value)


async def test_a_watcher_that_reports_oddly(proxy: Proxy) -> None:
    started = time.monotonic()
    for deltas in (
        *("[[1]]", "[null]", "7", '{"a": 1}'),
        *(f'[["unit", "change", {data}]]' for data in ("null", "{}", "[]")),
    ):
        proxy.answer("AllWatcher.Next", f'{{"deltas": {deltas}}}')
        with pytest.raises(ControllerError) as caught:
            await wait(proxy)
        explains(caught.value)
    assert time.monotonic() - started < QUICK.call_s, "it is told at once"


async def test_a_model_that_is_described_oddly(proxy: Proxy) -> None:
    for call, response in (
        ("ModelManager.ListModels", "[]"),
        ("ModelManager.ListModels", '{"user-models": [7, {"model": {"name": 7}}]}'),
        ("ModelManager.ModelInfo", '{"results": {"a": 1}}'),
        ("Client.WatchAll", "[]"),
        ("Client.WatchAll", "{}"),
    ):
        proxy.answer(call, response)
        with pytest.raises(ControllerError) as caught:
            await status(proxy)
        explains(caught.value)
