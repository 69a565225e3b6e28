"""Wait until something that is removed is gone, and say what holds it when it does not go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Final

from ckf_airgap.errors import RefusedError
from ckf_airgap.juju.controller.api import Api
from ckf_airgap.juju.controller.status import read_status
from ckf_airgap.juju.snapshots.snapshot import ModelSnapshot

_FIRST_DELAY_S: Final = 0.05
_LONGEST_DELAY_S: Final = 2.0


async def application_gone(
    api: Api, model: str, application: str, *, until: float | None = None
) -> None:
    """Return when an application is no longer in the model.

    Args:
        api: A connection to the model.
        model: The model's name.
        application: The application, which was asked to go.
        until: The monotonic time at which to give up.

    Raises:
        RefusedError: when it is still there then; says what holds it.
    """
    started = time.monotonic()
    last = await _until(api, model, lambda found: application not in found.applications, until)
    if last is not None:
        raise RefusedError(
            f"it was asked to go, and is still there after {time.monotonic() - started:.3g} s: "
            + ("; ".join(what_holds(application, last)) or "nothing says what holds it"),
            fix=f"See juju debug-log -m {model} --include {application}; when its units cannot "
            f"go, juju remove-application -m {model} --force {application} removes it without "
            "them. Then run the command again.",
        )


async def relation_gone(
    api: Api, model: str, ends: frozenset[str], *, until: float | None = None
) -> None:
    """Return when a relation is no longer in the model.

    Args:
        api: A connection to the model.
        model: The model's name.
        ends: Both ends, ``application:endpoint``.
        until: The monotonic time at which to give up.

    Raises:
        RefusedError: when it is still there then.
    """
    started = time.monotonic()
    last = await _until(
        api,
        model,
        lambda found: not any(ends == {*relation.key.split()} for relation in found.relations),
        until,
    )
    if last is not None:
        busy = [
            f"unit {unit.name} is {unit.agent}"
            for end in sorted(ends)
            for name in [end.partition(":")[0]]
            if name in last.applications
            for unit in last.applications[name].units
            if unit.agent.current != "idle"
        ]
        raise RefusedError(
            f"it was removed, and is still there after {time.monotonic() - started:.3g} s: "
            + ("; ".join(busy) or "its units have not left it"),
            fix=f"See juju debug-log -m {model}, and run the command again when it is gone.",
        )


def what_holds(application: str, model: ModelSnapshot) -> Iterator[str]:
    """Yield what an application that is being removed still has: its units and its relations."""
    found = model.applications.get(application)
    if found is None:
        return
    if found.life == "alive":
        yield "it is not being removed"
    for unit in found.units:
        status = str(unit.workload) or "without a status"
        yield f"unit {unit.name} is {status}, its agent {unit.agent}"
    for relation in model.relations:
        ends = relation.key.split()
        if len(ends) > 1 and any(end.partition(":")[0] == application for end in ends):
            yield f"relation {relation.key}"


async def _until(
    api: Api, model: str, gone: Callable[[ModelSnapshot], bool], until: float | None
) -> ModelSnapshot | None:
    """Return nothing once it is gone, or the model as it was when the time was over."""
    delay_s = _FIRST_DELAY_S
    while True:
        found = await read_status(api, model)
        if gone(found):
            return None
        if until is not None and time.monotonic() >= until:
            return found
        left_s = delay_s if until is None else max(until - time.monotonic(), 0.0)
        await asyncio.sleep(min(delay_s, left_s))
        delay_s = min(2 * delay_s, _LONGEST_DELAY_S)
