"""Looking at a model, and waiting for it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Mapping

from ckf_airgap.concurrency import Deadline
from ckf_airgap.errors import ControllerError, Problem, WaitTimeoutError
from ckf_airgap.facts.defaults import DEFAULT_ERROR_GRACE_S, DEFAULT_IDLE_PERIOD_S
from ckf_airgap.juju.controller.api import OnNotice, ignore_notice
from ckf_airgap.juju.controller.connection import Session, connect
from ckf_airgap.juju.controller.status import read_status
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.juju.snapshots.snapshot import ModelSnapshot
from ckf_airgap.juju.watching.patience import Patience
from ckf_airgap.juju.watching.watch import (
    CALLS_OUTLAST_S,
    DEFAULT_TIMEOUT_S,
    OnSilence,
    WaitReport,
    wait_active_idle,
    watch,
)
from ckf_airgap.operations.observer import Observer


async def read_model(target: JujuTarget) -> ModelSnapshot:
    """Return the current state of a model.

    Raises:
        ControllerError: when the controller or model cannot be used.
    """
    async with connect(target, watch=False, confirm=False) as session:
        return await read_status(session.api, session.model_name)


async def watch_model(
    target: JujuTarget,
    *,
    on_notice: OnNotice = ignore_notice,
    on_silence: OnSilence | None = None,
) -> AsyncIterator[ModelSnapshot]:
    """Yield the state of a model, and again whenever it has changed.

    Args:
        target: The model.
        on_notice: Is told that the connection was lost, and that it is back.
        on_silence: Called when the controller no longer answers, with the monotonic time at which
            it was heard last, and with ``None`` when it answers again.

    Raises:
        ModelDestroyedError: when the model is gone.
        ControllerError: when the controller or model cannot be used.
    """
    async with connect(target, on_notice=on_notice) as session:
        async for snapshot in watch(session, on_silence=on_silence):
            yield snapshot


async def wait_for_model(
    target: JujuTarget,
    *,
    applications: Iterable[str] | None = None,
    goals: Mapping[str, str] | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    idle_period_s: float = DEFAULT_IDLE_PERIOD_S,
    error_grace_s: float = DEFAULT_ERROR_GRACE_S,
    patience: Patience | None = None,
    observer: Observer | None = None,
) -> WaitReport:
    """Wait until every application of a model has been active and idle for a while.

    The time that it has been so already counts. Applications that come meanwhile are waited for,
    those that are removed are not.

    Args:
        target: The model.
        applications: Only these; they need not be there yet.
        goals: For applications that are to have another status than ``active``, which; they are
            waited for, too.
        timeout_s: How long, in seconds, from the connection on and whatever the controller does.
        idle_period_s: How long all must stay active and idle.
        error_grace_s: How long an error must last to end the wait: Juju runs failed hooks again.
        patience: How long other things are waited for that may need a person.
        observer: Is notified of progress.

    Returns:
        How it went, and the model in the end.

    Raises:
        ControllerError: when the controller or model cannot be used.
        ModelDestroyedError: when the model is being destroyed, or is gone.
        WorkloadError: when an application stays in error, an image cannot be pulled
            (`ImagePullError`), something stays blocked (`BlockedError`), or nothing changes any
            more (`StalledError`).
        WaitTimeoutError: when not everything was active and idle in time.
    """
    observer = observer or Observer()
    deadline = Deadline.after(timeout_s)
    began_at = time.monotonic()
    async with connect(target, deadline=deadline, on_notice=observer.on_notice) as session:
        observer.on_connected(session)
        deadline.until = began_at + timeout_s + CALLS_OUTLAST_S
        try:
            return await wait_active_idle(
                session,
                applications=applications,
                goals=goals,
                counts_earlier_idle=True,
                timeout_s=timeout_s,
                began_at=began_at,
                idle_period_s=idle_period_s,
                error_grace_s=error_grace_s,
                patience=patience,
                on_change=observer.on_change,
                on_progress=observer.on_progress,
            )
        except WaitTimeoutError as error:
            raise await _with_reason(error, session) from None


async def _with_reason(error: WaitTimeoutError, session: Session) -> WaitTimeoutError:
    """Return the error of a wait, and why the controller was not heard in the end, if so."""
    if session.is_connected:
        return error
    try:
        await session.reconnected(until=time.monotonic())
    except ControllerError as lost:
        reason = Problem(lost.message, fix=lost.fix)
        return WaitTimeoutError(error.message, problems=[reason, *error.problems], fix=error.fix)
    return error
