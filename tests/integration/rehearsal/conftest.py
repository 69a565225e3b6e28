from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.host.thread import ControllerThread
from tests.integration.rehearsal.wire import Client, Store


@pytest.fixture
def controller(monkeypatch: pytest.MonkeyPatch) -> Iterator[ControllerThread]:
    """A controller in a thread of its own, with the models kubeflow and other; JUJU_DATA is set."""
    rehearsal = RehearsalController(models=("kubeflow", "other"), speed=600)
    with ControllerThread(rehearsal) as running:
        monkeypatch.setenv("JUJU_DATA", str(running.juju_data))
        yield running


@pytest.fixture
def store(controller: ControllerThread) -> Store:
    return Store.read(controller.juju_data)


@pytest.fixture
async def client(store: Store) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        client = Client(store, session)
        yield client
        await client.close()
