"""pytest fixtures: a rehearsal controller, and a libjuju model that is connected to it.

Installed with ckf-airgap, the fixtures are there for every test (entry point ``pytest11``)::

    @pytest.mark.asyncio
    async def test_my_charm_waits_for_its_database(rehearsal_model):
        await rehearsal_model.deploy("./my-charm.charm", resources={"oci-image": "reg:5000/my:1"})
        await rehearsal_model.wait_for_idle(status="active")

What a rehearsal does differently, a test or a ``conftest.py`` says by overriding the fixture
`rehearsal_options`; the model is made by python-libjuju, and the fixture for it needs
``pytest-asyncio``.
"""

from __future__ import annotations

import importlib.util
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ckf_airgap.errors import UsageError

if TYPE_CHECKING:
    from ckf_airgap.rehearsal.host.thread import ControllerThread

_HAS_ASYNCIO = importlib.util.find_spec("pytest_asyncio") is not None


@pytest.fixture
def rehearsal_options() -> dict[str, Any]:
    """Return the keyword arguments of the `RehearsalController`; override it to give some.

    For example ``speed``, ``models``, ``registry``, or a ``script`` with courses of applications
    and the relations that charms need.
    """
    return {}


@pytest.fixture
def rehearsal_controller(
    rehearsal_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[ControllerThread]:
    """Yield a running rehearsal controller, one for the test, in a thread of its own.

    ``JUJU_DATA`` points at its client store while the test runs, so that any client connects to it
    without setup. Its attribute ``controller`` is the `RehearsalController`; read and change
    its state through ``call``, which runs in the controller's thread.
    """
    # Imported late: every pytest run loads this plugin, few need a controller.
    from ckf_airgap.rehearsal.host.controller import RehearsalController  # noqa: PLC0415
    from ckf_airgap.rehearsal.host.thread import ControllerThread  # noqa: PLC0415

    with ControllerThread(RehearsalController(**rehearsal_options)) as running:
        monkeypatch.setenv("JUJU_DATA", str(running.juju_data))
        yield running


@pytest.fixture
def rehearsal_juju_data(rehearsal_controller: ControllerThread) -> Path:
    """Return the directory of the client store, for clients in other processes."""
    return rehearsal_controller.juju_data


async def _connected_model(rehearsal_controller: ControllerThread) -> AsyncIterator[Any]:
    from juju.controller import Controller  # noqa: PLC0415

    controller = Controller()
    await controller.connect(rehearsal_controller.controller.name)
    try:
        name = f"test-{secrets.token_hex(4)}"
        model = await controller.add_model(name, config={"authorized-keys": ""})
        try:
            yield model
        finally:
            await model.disconnect()
    finally:
        await controller.disconnect()


if _HAS_ASYNCIO:
    import pytest_asyncio

    @pytest_asyncio.fixture
    async def rehearsal_model(rehearsal_controller: ControllerThread) -> AsyncIterator[Any]:
        """Yield a connected libjuju ``Model``: a new model of the rehearsal controller."""
        async for model in _connected_model(rehearsal_controller):
            yield model

else:

    @pytest.fixture
    def rehearsal_model() -> Any:
        """Say what is missing: an asynchronous fixture needs pytest-asyncio."""
        raise UsageError(
            "the fixture rehearsal_model needs pytest-asyncio",
            fix="Install ckf-airgap[pytest].",
        )
