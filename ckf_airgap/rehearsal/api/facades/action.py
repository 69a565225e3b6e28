"""Actions and commands on units: ``juju actions``, ``run`` and ``exec``, and their results."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import ClassVar, Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.api.facade import Facade, rpc_method
from ckf_airgap.rehearsal.entities.tasks import Operation, Task, unit_tag
from ckf_airgap.rehearsal.model.operations import Operations, Wanted, log_message
from ckf_airgap.rehearsal.units.actionresults import EXEC
from ckf_airgap.rehearsal.wire import (
    NOT_FOUND,
    NOT_SUPPORTED,
    STOPPED,
    ApiError,
    bool_field,
    field,
    int_field,
    mapping_field,
    mappings_field,
    results_of,
    tag_id,
    tags_field,
    text_field,
    texts_field,
    unauthorized,
)

_UNIT: Final = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*/[0-9]+$")
_MACHINE: Final = re.compile(r"^[0-9]+(/[a-z]+/[0-9]+)*$")


class Action(Facade):
    """The actions that charms declare, and the tasks that run them."""

    name: ClassVar[str] = "Action"
    versions: ClassVar[tuple[int, ...]] = (7,)

    @rpc_method
    async def applications_charms_actions(self, params: Document) -> Document:
        """Return the actions declared by the charms of applications."""

        async def one(tag: str) -> Document:
            try:
                name = tag_id(tag, "application")
            except ApiError:
                raise bad_id() from None
            shown: Document = {"application-tag": tag}
            try:
                specs = self.session.model.topology.application(name).stored.archive.actions
            except ApiError as error:
                return {**shown, "error": error.as_document()}
            actions: Document = {key: spec.as_document() for key, spec in specs.items()}
            return {**shown, "actions": actions} if actions else shown

        return await results_of(tags_field(params), one)

    @rpc_method
    async def enqueue_operation(self, params: Document) -> Document:
        """Enqueue actions as one operation; each that cannot be enqueued gets its own error."""
        return self._enqueue([_wanted(item) for item in mappings_field(params, "actions")])

    @rpc_method
    async def run(self, params: Document) -> Document:
        """Enqueue a command on units and on all units of applications."""
        self._check_admin()
        units = self._unit_names(texts_field(params, "units"), texts_field(params, "applications"))
        machines = texts_field(params, "machines")
        for machine in machines:
            if not _MACHINE.match(machine):
                raise ApiError(f'invalid machine id "{machine}"')
        tags = [unit_tag(unit) for unit in units]
        tags += [f"machine-{machine.replace('/', '-')}" for machine in machines]
        commands = text_field(params, "commands")
        for name in (EXEC, "juju-run"):
            if name in commands:
                raise ApiError(f'cannot use "{commands}" as an action command', NOT_SUPPORTED)
        command: Document = {
            "command": commands,
            "timeout": int_field(params, "timeout"),
            "workload-context": bool_field(params, "workload-context"),
        }
        group = field(params, "execution-group")
        parallel = field(params, "parallel")
        return self._enqueue(
            [
                Wanted(
                    receiver=tag,
                    name=EXEC,
                    params=command,
                    parallel=None if parallel is None else bool_field(params, "parallel"),
                    execution_group=None
                    if group is None
                    else text_field(params, "execution-group"),
                )
                for tag in tags
            ]
        )

    @rpc_method
    async def run_on_all_machines(self, _params: Document) -> Document:
        """Refuse: a Kubernetes model has no machines."""
        self._check_admin()
        raise ApiError("cannot run on all machines with a caas model")

    @rpc_method
    async def actions(self, params: Document) -> Document:
        """Return tasks."""

        async def one(tag: str) -> Document:
            task = self._operations.find_task(tag.removeprefix("action-"))
            if task is None or not tag.startswith("action-"):
                raise bad_id()
            return task.as_document()

        return await results_of(tags_field(params), one)

    @rpc_method
    async def cancel(self, params: Document) -> Document:
        """Cancel tasks; a task that has already finished is left unchanged."""

        async def one(tag: str) -> Document:
            if not tag.startswith("action-"):
                return {"action": _bare(tag), "error": bad_id().as_document()}
            number = tag.removeprefix("action-")
            task = self._operations.find_task(number)
            if task is None:
                missing = ApiError(f'action "{number}" not found', NOT_FOUND)
                return {"action": _bare(tag), "error": missing.as_document()}
            self._operations.cancel(task)
            return task.as_document()

        return await results_of(tags_field(params), one)

    @rpc_method
    async def operations(self, params: Document) -> Document:
        """Return operations with their tasks."""
        results: list[JSONValue] = []
        for tag in tags_field(params):
            try:
                number = _operation_id(tag)
                results.append(self._operations.operation(number).as_document())
            except ApiError as error:
                results.append({"operation": "", "summary": "", "error": error.as_document()})
        return {"results": results}

    @rpc_method
    async def list_operations(self, params: Document) -> Document:
        """Return the operations of units and applications, without messages and results."""
        topology = self.session.model.topology
        names = texts_field(params, "actions")
        applications = texts_field(params, "applications")
        units = texts_field(params, "units") + texts_field(params, "machines")
        if not names and not applications and not units:
            applications = list(topology.applications)
        for application in applications:
            units += topology.application(application).units
        listed, truncated = self._operations.listed(
            names=names,
            units=units,
            statuses=texts_field(params, "status"),
            offset=int_field(params, "offset"),
            limit=int_field(params, "limit"),
        )
        shown: Document = {
            "results": [operation.as_document(tasks, brief=True) for operation, tasks in listed]
        }
        if truncated:
            shown["truncated"] = True
        return shown

    @rpc_method
    async def watch_actions_progress(self, params: Document) -> Document:
        """Watch the progress messages of tasks; the reply holds the messages logged so far."""

        async def one(tag: str) -> Document:
            watcher = ProgressWatcher(self._operations, tag_id(tag, "action"))
            return {
                "watcher-id": self.session.add_watcher(watcher),
                "changes": watcher.said_so_far(),
            }

        return await results_of(tags_field(params), one)

    @property
    def _operations(self) -> Operations:
        return self.session.model.operations

    def _check_admin(self) -> None:
        session = self.session
        if not session.controller.may(session.user, session.model, "admin"):
            raise unauthorized()

    def _enqueue(self, wanted: list[Wanted]) -> Document:
        operation, outcomes = self._operations.enqueue(wanted)
        return _enqueued(operation, outcomes)

    def _unit_names(self, units: list[str], applications: list[str]) -> list[str]:
        topology = self.session.model.topology
        names = set()
        for unit in units:
            if not unit.endswith("leader"):
                names.add(unit)
                continue
            name = unit.partition("/")[0]
            application = topology.applications.get(name)
            if application is None or not application.leader:
                raise ApiError(f'could not determine leader for "{name}"')
            names.add(application.leader)
        for name in applications:
            names.update(topology.application(name).units)
        for name in sorted(names):
            if not _UNIT.match(name):
                raise ApiError(f'invalid unit name "{name}"')
        return sorted(names)


class StringsWatcher(Facade):
    """Watchers of strings: the progress messages of a task."""

    name: ClassVar[str] = "StringsWatcher"
    versions: ClassVar[tuple[int, ...]] = (1,)

    @rpc_method
    async def next(self, _params: Document) -> Document:
        """Return the messages since the last call, waiting for one if there are none."""
        changes = await self.session.watcher(self.object_id).next()
        return {"watcher-id": "", "changes": changes}

    @rpc_method
    async def stop(self, _params: Document) -> Document:
        """Stop a watcher."""
        self.session.stop_watcher(self.object_id)
        return {}


class ProgressWatcher:
    """Watches the progress messages of one task.

    Args:
        operations: The operations of the model.
        task_id: The task; it need not exist yet.
    """

    def __init__(self, operations: Operations, task_id: str) -> None:
        self._task = operations.find_task(task_id)
        self._task_id = task_id
        self._said: list[JSONValue] = []
        self._event = asyncio.Event()
        self._stopped = False
        self._forget: Callable[[], None] = operations.watch_log(self._note)

    def said_so_far(self) -> list[JSONValue]:
        """Return the messages logged so far."""
        log = self._task.log if self._task is not None else []
        return [log_message(moment, text) for moment, text in log]

    async def next(self) -> list[JSONValue]:
        """Return the messages since the last call, waiting for one if there are none.

        Raises:
            ApiError: ``watcher was stopped`` (code ``stopped``) when `stop` was called.
        """
        await self._event.wait()
        if self._stopped:
            raise ApiError("watcher was stopped", STOPPED)
        self._event.clear()
        said, self._said = self._said, []
        return said

    def stop(self) -> None:
        """End the watcher; a pending `next` raises."""
        if not self._stopped:
            self._stopped = True
            self._forget()
        self._event.set()

    def _note(self, task: Task, message: str) -> None:
        if task.id == self._task_id:
            self._said.append(message)
            self._event.set()


def bad_id() -> ApiError:
    """Return the error for a tag that names no entity."""
    return ApiError("id not found", NOT_FOUND)


def _wanted(document: Document) -> Wanted:
    has_parallel = field(document, "parallel") is not None
    has_group = field(document, "execution-group") is not None
    return Wanted(
        receiver=text_field(document, "receiver"),
        name=text_field(document, "name"),
        params=mapping_field(document, "parameters"),
        parallel=bool_field(document, "parallel") if has_parallel else None,
        execution_group=text_field(document, "execution-group") if has_group else None,
    )


def _enqueued(operation: Operation, outcomes: list[Task | ApiError]) -> Document:
    actions: list[JSONValue] = [
        outcome.as_document() if isinstance(outcome, Task) else {"error": outcome.as_document()}
        for outcome in outcomes
    ]
    return {"operation": f"operation-{operation.id}", "actions": actions}


def _bare(tag: str) -> Document:
    return {"tag": tag, "receiver": "", "name": ""}


def _operation_id(tag: str) -> str:
    number = tag.removeprefix("operation-")
    if not tag.startswith("operation-") or not number.isdecimal():
        raise ApiError(f'"{tag}" is not a valid operation tag')
    return number
