"""The operations of a model: enqueued, run (serially where required), completed, cancelled.

No charm code runs. A task with a scripted result goes through the states of a real task; any other
is refused before an operation is created, so that clients do not wait for a result that never
comes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.entities.actionspecs import EXEC_SPEC, ActionSpec
from ckf_airgap.rehearsal.entities.entities import Unit
from ckf_airgap.rehearsal.entities.resources import rfc3339
from ckf_airgap.rehearsal.entities.tasks import Operation, Task, TaskStatus
from ckf_airgap.rehearsal.model.lookups import found
from ckf_airgap.rehearsal.model.topology import Topology
from ckf_airgap.rehearsal.units.actionresults import EXEC, ActionResult
from ckf_airgap.rehearsal.units.clock import Clock, Timer
from ckf_airgap.rehearsal.wire import NOT_FOUND, NOT_SUPPORTED, NOT_VALID, ApiError

PICKED_UP_AFTER_S: Final = 1.0
"""How long a task is ``pending``, in seconds of the deployment, even if nothing blocks it: the
agent of its unit is notified by a watcher, and clients see the task waiting."""

DEFAULT_LIMIT: Final = 50
"""The maximum number of operations in a list when the client gives no limit."""

_HAS_AGENT: Final = ("idle", "executing", "error")

_TIMED_OUT: Final = ActionResult(status="failed", message="command cancelled")
"""The result of a command that its timeout ends: it is killed, and has no exit code of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A requested action.

    Attributes:
        receiver: The tag of a unit, or ``application/leader``.
        parallel: Overrides the charm's value.
        execution_group: Overrides the charm's value.
    """

    receiver: str
    name: str
    params: Document = field(default_factory=dict, repr=False)
    parallel: bool | None = None
    execution_group: str | None = None


class Operations:
    """The operations of a model.

    Args:
        topology: The units that they run on, and the script with the results.
        clock: The clock of the model.
        changed: Called with the id of a changed task.
    """

    def __init__(self, *, topology: Topology, clock: Clock, changed: Callable[[str], None]) -> None:
        self._topology = topology
        self._clock = clock
        self._changed = changed
        self._sequence = 0
        self._operations: dict[str, Operation] = {}
        self._tasks: dict[str, Task] = {}
        self._results: dict[str, ActionResult] = {}
        self._timers: dict[str, list[Timer]] = {}
        self._log_listeners: list[Callable[[Task, str], None]] = []
        topology.unit_listeners.append(self._unit_changed)

    @property
    def tasks(self) -> Iterable[Task]:
        """All tasks, in the order in which they were enqueued."""
        return tuple(self._tasks.values())

    def find_task(self, task_id: str) -> Task | None:
        """Return the task with that id, if there is one."""
        return self._tasks.get(task_id)

    def operation(self, operation_id: str) -> Operation:
        """Return an operation; `ApiError` (not found) when it does not exist."""
        return found(self._operations.get(operation_id), f"operation {operation_id}")

    def enqueue(self, wanted: Sequence[Wanted]) -> tuple[Operation, list[Task | ApiError]]:
        """Enqueue actions as one operation.

        Returns:
            The operation, and for each action its task or the error.

        Raises:
            ApiError: (not supported) when an action is valid, but its result is not scripted.
        """
        prepared = [self._prepare(one) for one in wanted]
        operation = Operation(
            id=self._next_id(), summary=_summary(wanted), enqueued=self._to_the_second()
        )
        self._operations[operation.id] = operation
        outcomes: list[Task | ApiError] = []
        for one, (unit, spec, result, problem) in zip(wanted, prepared, strict=True):
            if unit is None:
                assert problem is not None  # noqa: S101 - there is a unit or a problem
                outcomes.append(problem)
                continue
            task = self._task(operation, one, unit, spec)
            if problem is not None:
                task.status, task.message = "error", problem.message
                outcomes.append(problem)
            elif result is not None:
                self._results[task.id] = result
                outcomes.append(task)
                self._later(task, PICKED_UP_AFTER_S, self._start_what_may)
            self._changed(task.id)
        problems = [outcome for outcome in outcomes if isinstance(outcome, ApiError)]
        if problems:
            operation.fail = "error(s) enqueueing action(s): " + ", ".join(
                problem.message for problem in problems
            )
            operation.nothing_enqueued = len(problems) == len(wanted)
        return operation, outcomes

    def listed(
        self,
        *,
        names: Sequence[str],
        units: Sequence[str],
        statuses: Sequence[str],
        offset: int,
        limit: int,
    ) -> tuple[list[tuple[Operation, list[Task]]], bool]:
        """Return operations with their matching tasks, and whether there are more.

        Args:
            names: Names of actions; empty for all.
            units: Names of units; empty for all.
            statuses: Statuses of operations; empty for all.
            offset: How many to skip at the beginning.
            limit: The maximum number; `DEFAULT_LIMIT` unless it is positive.
        """
        matching = []
        for operation in self._operations.values():
            tasks = [
                task
                for task in operation.tasks
                if (not names or task.name in names) and (not units or task.unit in units)
            ]
            if tasks and (not statuses or operation.status in statuses):
                matching.append((operation, tasks))
        end = offset + (limit if limit > 0 else DEFAULT_LIMIT)
        return matching[offset:end], len(matching) > end

    def cancel(self, task: Task) -> None:
        """Cancel a task: pending ones immediately, running ones abort, completed ones stay."""
        if task.status == "pending":
            self._end(task, "cancelled", message="action cancelled via the API")
        elif task.status == "running":
            task.status = "aborting"
            self._changed(task.id)
            self._cancel_timers(task)
            self._later(task, 0.0, lambda: self._end(task, "aborted", message=""))

    def watch_log(self, listener: Callable[[Task, str], None]) -> Callable[[], None]:
        """Call `listener` with each progress message; return a function that stops it."""
        self._log_listeners.append(listener)
        return lambda: self._log_listeners.remove(listener)

    def close(self) -> None:
        """Stop every timer."""
        for task in self._tasks.values():
            self._cancel_timers(task)

    # The checks before an action is enqueued, in the order of a real controller.

    def _prepare(
        self, wanted: Wanted
    ) -> tuple[Unit | None, ActionSpec, ActionResult | None, ApiError | None]:
        try:
            unit = self._receiver(wanted.receiver)
        except ApiError as error:
            return None, EXEC_SPEC, None, error
        try:
            spec = _spec(unit, wanted.name)
        except ApiError as error:
            return unit, EXEC_SPEC, None, error
        violations = spec.violations(wanted.params)
        if violations:
            problem = ApiError("validation failed: " + "; ".join(violations))
            return unit, spec, None, problem
        application = unit.application
        result = self._topology.script.actions.result(
            wanted.name, application=application.name, charm=application.charm.name
        )
        if result is None:
            raise _no_code(wanted.name, unit.name)
        return unit, spec, result, None

    def _receiver(self, receiver: str) -> Unit:
        if receiver.endswith("leader"):
            name = receiver.partition("/")[0]
            application = self._topology.applications.get(name)
            if application is None or not application.leader:
                raise ApiError(f'could not determine leader for "{name}"')
            return self._topology.unit(application.leader)
        name, _, number = receiver.removeprefix("unit-").rpartition("-")
        if not receiver.startswith("unit-") or not name or not number.isdecimal():
            raise ApiError(f'"{receiver}" not valid', NOT_VALID)
        application = self._topology.applications.get(name)
        unit = application.units.get(f"{name}/{number}") if application else None
        if unit is None:
            raise ApiError(f'"{receiver}" not found', NOT_FOUND)
        return unit

    # How tasks run.

    def _task(self, operation: Operation, wanted: Wanted, unit: Unit, spec: ActionSpec) -> Task:
        group = wanted.execution_group
        task = Task(
            id=self._next_id(),
            operation=operation.id,
            unit=unit.name,
            name=wanted.name,
            params=spec.filled(wanted.params),
            parallel=spec.parallel if wanted.parallel is None else wanted.parallel,
            execution_group=spec.execution_group if group is None else group,
            enqueued=operation.enqueued,
        )
        self._tasks[task.id] = task
        operation.tasks.append(task)
        return task

    def _start_what_may(self) -> None:
        held = {
            task.lock for task in self._tasks.values() if task.status in ("running", "aborting")
        }
        for task in self._tasks.values():
            if task.status != "pending" or (task.lock is not None and task.lock in held):
                continue
            unit = self._unit(task)
            if unit is None or not unit.address or unit.agent.current not in _HAS_AGENT:
                continue
            held.add(task.lock)
            self._start(task)

    def _start(self, task: Task) -> None:
        result = self._results[task.id]
        task.status, task.started = "running", self._to_the_second()
        operation = self._operations[task.operation]
        operation.started = operation.started or task.started
        self._changed(task.id)
        timeout_s = _timeout_s(task)
        if timeout_s is not None and timeout_s < result.after_s:
            self._later(task, timeout_s, lambda: self._end_as(task, _TIMED_OUT))
            return
        pause = 0.0 if result.never_ends else result.after_s / (len(result.log) + 1)
        for number, text in enumerate(result.log, start=1):
            self._later(task, pause * number, lambda text=text: self._log(task, text))  # type: ignore[misc]
        if not result.never_ends:
            self._later(task, result.after_s, lambda: self._end_as(task, result))

    def _end_as(self, task: Task, result: ActionResult) -> None:
        task.results = {"return-code": 0, **result.results}
        self._end(task, result.status, message=result.message)

    def _end(self, task: Task, status: TaskStatus, *, message: str) -> None:
        self._cancel_timers(task)
        self._results.pop(task.id, None)
        task.status, task.message, task.completed = status, message, self._to_the_second()
        operation = self._operations[task.operation]
        if not any(other.is_active for other in operation.tasks):
            operation.completed = task.completed
        self._changed(task.id)
        self._start_what_may()

    def _log(self, task: Task, text: str) -> None:
        now = self._clock.now()
        task.log.append((now, text))
        for listener in tuple(self._log_listeners):
            listener(task, log_message(now, text))

    def _unit_changed(self, name: str) -> None:
        active = [task for task in self._tasks.values() if task.unit == name and task.is_active]
        if not active:
            return
        for task in active:
            if self._unit(task) is None and task.is_active:
                self._end(task, "cancelled", message="unit removed")
        self._start_what_may()

    def _unit(self, task: Task) -> Unit | None:
        application = self._topology.applications.get(task.unit.rpartition("/")[0])
        return application.units.get(task.unit) if application else None

    def _later(self, task: Task, seconds: float, callback: Callable[[], None]) -> None:
        timer = self._clock.call_later(seconds, callback)
        self._timers.setdefault(task.id, []).append(timer)

    def _cancel_timers(self, task: Task) -> None:
        for timer in self._timers.pop(task.id, ()):
            timer.cancel()

    def _next_id(self) -> str:
        self._sequence += 1
        return str(self._sequence)

    def _to_the_second(self) -> datetime:
        return self._clock.now().replace(microsecond=0)


def log_message(moment: datetime, text: str) -> str:
    """Return a progress message as watchers of a task receive it: JSON in a text."""
    return json.dumps({"message": text, "timestamp": rfc3339(moment)})


def _spec(unit: Unit, name: str) -> ActionSpec:
    if not name:
        raise ApiError("no action name given")
    if name == EXEC:
        return EXEC_SPEC
    specs = unit.application.stored.archive.actions
    if not specs:
        raise ApiError(f'no actions defined on charm "{unit.application.charm_url}"')
    if name not in specs:
        raise ApiError(f'action "{name}" not defined on unit "{unit.name}"')
    return specs[name]


def _timeout_s(task: Task) -> float | None:
    """Return after how long a command is killed, if at all; actions have no timeout."""
    timeout_ns = task.params.get("timeout") if task.name == EXEC else None
    if not isinstance(timeout_ns, (int, float)) or timeout_ns <= 0:
        return None
    return timeout_ns / 1e9


def _summary(wanted: Sequence[Wanted]) -> str:
    names = {one.name for one in wanted}
    name = names.pop() if len(names) == 1 else "multiple actions" if names else ""
    return f"{name} run on {','.join(one.receiver for one in wanted if one.receiver)}"


def _no_code(action: str, unit: str) -> ApiError:
    what = "commands" if action == EXEC else f'the action "{action}"'
    return ApiError(
        f"a rehearsal runs no charm code, so it cannot run {what} on {unit}: give the rehearsal "
        "a script with the result",
        NOT_SUPPORTED,
    )
