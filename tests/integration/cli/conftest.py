"""A rehearsal controller for the commands, and the small world of the unit tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from click.testing import Result

from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.host.thread import ControllerThread
from tests.unit.cli.conftest import REGISTRY, World, invoke, world

__all__ = ["invoke", "world"]


@pytest.fixture
def controller() -> Iterator[ControllerThread]:
    """A controller with the models kubeflow and other, in a thread of its own."""
    running = RehearsalController(models=("kubeflow", "other"), speed=600, registry=REGISTRY)
    with ControllerThread(running) as thread:
        yield thread


@pytest.fixture
def deploy(
    world: World, invoke: Callable[..., Result], controller: ControllerThread
) -> Callable[..., Result]:
    """Run ``ckf-airgap deploy`` for the world's bundle, with a short idle period."""

    def call(*args: object) -> Result:
        store = controller.juju_data
        return invoke("deploy", *world.args, "--juju-data", store, "--idle", "0.3s", *args)

    return call
