"""Looking at a model, and waiting for it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from ckf_airgap.facts.defaults import DEFAULT_ERROR_GRACE_S, DEFAULT_IDLE_PERIOD_S
from ckf_airgap.juju.controller.api import OnNotice, ignore_notice
from ckf_airgap.juju.controller.connection import connect
from ckf_airgap.juju.controller.status import read_status
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.juju.snapshots.snapshot import ModelSnapshot
from ckf_airgap.juju.watching.watch import DEFAULT_TIMEOUT_S, WaitReport, wait_active_idle, watch
from ckf_airgap.operations.observer import Observer


async def read_model(target: JujuTarget) -> ModelSnapshot:
    """Return the current state of a model.

    Raises:
        ControllerError: when the controller or model cannot be used.
    """
    async with connect(target, watch=False) as session:
        return await read_status(session.api, session.model_name)


async def watch_model(
    target: JujuTarget, *, on_notice: OnNotice = ignore_notice
) -> AsyncIterator[ModelSnapshot]:
    """Yield the state of a model, and again whenever it has changed.

    Args:
        target: The model.
        on_notice: Is told that the connection was lost, and that it is back.

    Raises:
        ControllerError: when the controller or model cannot be used.
    """
    async with connect(target, on_notice=on_notice) as session:
        async for snapshot in watch(session):
            yield snapshot


async def wait_for_model(
    target: JujuTarget,
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    idle_period_s: float = DEFAULT_IDLE_PERIOD_S,
    error_grace_s: float = DEFAULT_ERROR_GRACE_S,
    observer: Observer | None = None,
) -> WaitReport:
    """Wait until every application of a model has been active and idle for a while.

    Args:
        target: The model.
        timeout_s: How long, in seconds.
        idle_period_s: How long all must stay active and idle.
        error_grace_s: How long an error must last to end the wait: Juju runs failed hooks again.
        observer: Is notified of progress.

    Returns:
        How it went, and the model in the end.

    Raises:
        ControllerError: when the controller or model cannot be used.
        WorkloadError: when an application stays in error.
        WaitTimeoutError: when not everything was active and idle in time.
    """
    observer = observer or Observer()
    async with connect(target, on_notice=observer.on_notice) as session:
        observer.on_connected(session)
        session.deadline.until = time.monotonic() + timeout_s
        return await wait_active_idle(
            session,
            timeout_s=timeout_s,
            idle_period_s=idle_period_s,
            error_grace_s=error_grace_s,
            on_change=observer.on_change,
            on_progress=observer.on_progress,
        )
