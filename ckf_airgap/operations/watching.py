"""Looking at a model, and waiting for it."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Iterable, Mapping

from ckf_airgap.concurrency import timeout
from ckf_airgap.errors import WaitTimeoutError
from ckf_airgap.facts.defaults import DEFAULT_ERROR_GRACE_S, DEFAULT_IDLE_PERIOD_S
from ckf_airgap.juju.controller.api import JujuTimeouts
from ckf_airgap.juju.controller.connection import Session, connect
from ckf_airgap.juju.controller.status import read_status
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.juju.snapshots.snapshot import ModelSnapshot
from ckf_airgap.juju.watching.patience import Patience
from ckf_airgap.juju.watching.watch import (
    DEFAULT_TIMEOUT_S,
    OnSilence,
    WaitReport,
    wait_active_idle,
    watch,
)
from ckf_airgap.operations.observer import Observer

_CLOSE_S = 2.0
"""How long a connection may take to be closed after a wait: its time may be over."""


async def read_model(target: JujuTarget) -> ModelSnapshot:
    """Return the current state of a model.

    Raises:
        ControllerError: when the controller or model cannot be used.
    """
    async with connect(target) as session:
        return await read_status(session.api, session.model_name)


async def watch_model(
    target: JujuTarget, *, on_silence: OnSilence | None = None
) -> AsyncIterator[ModelSnapshot]:
    """Yield the state of a model, and again whenever it has changed.

    Args:
        target: The model.
        on_silence: Called when the controller no longer answers, with the monotonic time at which
            it was heard last, and with ``None`` when it answers again.

    Raises:
        ModelDestroyedError: when the model is gone.
        ControllerError: when the controller or model cannot be used.
    """
    async with connect(target) as session:
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
    began_at = time.monotonic()
    async with contextlib.AsyncExitStack() as stack:
        session = await _connected(stack, target, timeout_s)
        observer.on_connected(session)
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


async def _connected(
    stack: contextlib.AsyncExitStack, target: JujuTarget, timeout_s: float
) -> Session:
    """Return a session that is closed with the stack, in which nothing takes longer than the wait.

    Raises:
        WaitTimeoutError: when there is none in time.
    """
    limits = JujuTimeouts()
    limits = dataclasses.replace(
        limits,
        connect_s=min(limits.connect_s, timeout_s),
        call_s=min(limits.call_s, timeout_s),
        reconnect_s=timeout_s,
        close_s=_CLOSE_S,
    )
    try:
        async with timeout(timeout_s):
            return await stack.enter_async_context(connect(target, timeouts=limits))
    except TimeoutError as exc:
        raise WaitTimeoutError(
            f"the controller of model {target.model} did not let this client in within "
            f"{timeout_s:g} s",
            fix="Look at the controller: juju status -m controller.",
        ) from exc
