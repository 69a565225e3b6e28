"""pytest fixtures: rehearsal controllers, and clients that are connected to them.

Installed with ckf-airgap, the fixtures are available to every test (entry point ``pytest11``)::

    def test_my_charm_is_active(rehearsal_juju):
        rehearsal_juju.deploy("./my-charm.charm", resources={"oci-image": "reg:5000/my:1"})
        rehearsal_juju.wait(jubilant.all_active)

There are controllers of function, module and session scope; each has options of its own, which a
test module or a ``conftest.py`` sets by overriding a fixture. With ``pytest --rehearsal`` the whole
session has a controller that ``JUJU_DATA`` points at, so that tests written for a real controller,
such as those of pytest-jubilant and pytest-operator, run on it unchanged.

A controller runs in a thread of its own. The fixtures do not depend on the event loops of
pytest-asyncio, whose interface for them differs from version to version; only `rehearsal_model`, of
function scope, is asynchronous.
"""

from __future__ import annotations

import importlib.util
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ckf_airgap.errors import UsageError
from ckf_airgap.testing.clients import client_store, import_jubilant

if TYPE_CHECKING:
    from ckf_airgap.rehearsal.host.thread import ControllerThread

_HAS_ASYNCIO = importlib.util.find_spec("pytest_asyncio") is not None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options ``--rehearsal...``, and the setting ``rehearsal_charms`` of the ini file."""
    group = parser.getgroup("ckf-airgap", "rehearsals of ckf-airgap")
    group.addoption(
        "--rehearsal",
        action="store_true",
        help="run the tests on a rehearsal controller: JUJU_DATA points at one for the session",
    )
    group.addoption(
        "--rehearsal-script",
        metavar="FILE",
        type=Path,
        help="what units do on rehearsal controllers, as YAML; it is read again when it changes",
    )
    group.addoption(
        "--rehearsal-charms",
        metavar="DIR",
        type=Path,
        help="the charm store of rehearsal controllers: a directory of .charm files that tests "
        "deploy by name",
    )
    parser.addini(
        "rehearsal_charms",
        "the directory of --rehearsal-charms, relative to the directory of this file",
    )


@pytest.fixture(scope="session", autouse=True)
def _rehearsal_of_session(request: pytest.FixtureRequest) -> None:
    """Start the session's controller before fixtures of other plugins look for one."""
    if request.config.getoption("rehearsal"):
        request.getfixturevalue("rehearsal_session_controller")


@pytest.fixture
def rehearsal_options() -> dict[str, Any]:
    """Return the keyword arguments of `rehearsal_controller`; override it to set options.

    For example ``speed``, ``models``, ``registry``, a directory of ``charms`` to use as the charm
    store, or a ``script`` with courses of applications and the relations that charms need.
    """
    return {}


@pytest.fixture(scope="module")
def rehearsal_module_options() -> dict[str, Any]:
    """Return the keyword arguments of `rehearsal_module_controller`; override it to set options."""
    return {}


@pytest.fixture(scope="session")
def rehearsal_session_options() -> dict[str, Any]:
    """Return the keyword arguments of `rehearsal_session_controller`; override to set options."""
    return {}


@pytest.fixture
def rehearsal_controller(
    request: pytest.FixtureRequest, rehearsal_options: dict[str, Any]
) -> Iterator[ControllerThread]:
    """Yield a running rehearsal controller for a single test, in a thread of its own.

    ``JUJU_DATA`` points at its client store while the test runs, so that any client connects to it
    without setup. Its attribute ``controller`` is the `RehearsalController`; read and change
    its state through ``call``, which runs in the controller's thread.
    """
    with _running(request.config, rehearsal_options) as running:
        yield running


@pytest.fixture(scope="module")
def rehearsal_module_controller(
    request: pytest.FixtureRequest, rehearsal_module_options: dict[str, Any]
) -> Iterator[ControllerThread]:
    """Yield a running rehearsal controller, shared by the tests of a module.

    Otherwise it is like `rehearsal_controller`; ``JUJU_DATA`` points at it until its module ends.
    """
    with _running(request.config, rehearsal_module_options) as running:
        yield running


@pytest.fixture(scope="session")
def rehearsal_session_controller(
    request: pytest.FixtureRequest, rehearsal_session_options: dict[str, Any]
) -> Iterator[ControllerThread]:
    """Yield a running rehearsal controller, shared by all tests of the run.

    Otherwise it is like `rehearsal_controller`; ``JUJU_DATA`` points at it until the run ends. Each
    worker of pytest-xdist has its own.
    """
    with _running(request.config, rehearsal_session_options) as running:
        yield running


@pytest.fixture
def rehearsal_juju_data(rehearsal_controller: ControllerThread) -> Path:
    """Return the directory of the client store, for clients in other processes."""
    return rehearsal_controller.juju_data


@pytest.fixture(scope="module")
def rehearsal_juju(rehearsal_module_controller: ControllerThread) -> Any:
    """Return a ``jubilant.Juju`` with a new, empty model of `rehearsal_module_controller`.

    It needs jubilant and `juju` on the PATH. The model is removed together with the controller.
    """
    juju = import_jubilant().Juju()
    juju.add_model(_new_name(), controller=rehearsal_module_controller.controller.name)
    return juju


@contextmanager
def _running(config: pytest.Config, options: Mapping[str, Any]) -> Iterator[ControllerThread]:
    """Run a controller that ``JUJU_DATA`` points at; its previous value is restored."""
    # Imported late: every pytest run loads this plugin, but few need a controller.
    from ckf_airgap.operations.lock import released_channels  # noqa: PLC0415
    from ckf_airgap.rehearsal.host.controller import RehearsalController  # noqa: PLC0415
    from ckf_airgap.rehearsal.host.thread import ControllerThread  # noqa: PLC0415

    with client_store() as juju_data, pytest.MonkeyPatch.context() as environment:
        arguments = {
            "juju_data": juju_data,
            "script_file": config.getoption("rehearsal_script"),
            "charms": _charms(config),
            **options,
        }
        if arguments["charms"] is not None:
            arguments.setdefault("released", released_channels(arguments["charms"]))
        with ControllerThread(RehearsalController(**arguments)) as running:
            environment.setenv("JUJU_DATA", str(running.juju_data))
            # These would name a controller or a model of another store.
            environment.delenv("JUJU_CONTROLLER", raising=False)
            environment.delenv("JUJU_MODEL", raising=False)
            yield running


def _charms(config: pytest.Config) -> Path | None:
    """Return the directory of the charm store, if any, from the option or the ini file."""
    given: Path | None = config.getoption("rehearsal_charms")
    named = str(config.getini("rehearsal_charms"))
    if given is not None or not named:
        return given
    beside = config.inipath.parent if config.inipath else config.rootpath
    return beside / named


def _new_name() -> str:
    return f"test-{secrets.token_hex(4)}"


async def _connected_model(rehearsal_controller: ControllerThread) -> AsyncIterator[Any]:
    from juju.controller import Controller  # noqa: PLC0415

    controller = Controller()
    await controller.connect(rehearsal_controller.controller.name)
    try:
        model = await controller.add_model(_new_name(), config={"authorized-keys": ""})
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
