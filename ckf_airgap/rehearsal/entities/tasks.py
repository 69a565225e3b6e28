"""Operations and their tasks, which ``juju run`` and ``juju exec`` create in a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeAlias

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.entities.resources import rfc3339

TaskStatus: TypeAlias = Literal[
    "pending", "running", "aborting", "completed", "failed", "cancelled", "aborted", "error"
]

NEVER: Final = "0001-01-01T00:00:00Z"
"""The timestamp of something that has not happened yet."""

_ACTIVE: Final = ("pending", "running", "aborting")
_ORDER: Final = ("error", "running", "pending", "failed", "cancelled", "completed")
"""An operation's status is the first of these that any of its tasks has."""


@dataclass(slots=True, kw_only=True, eq=False)
class Task:
    """An action on one unit.

    Attributes:
        id: Its number, from the sequence it shares with operations.
        operation: The id of its operation.
        unit: The name of its unit.
        name: The action's name.
        params: The parameters, with their defaults.
        log: The progress messages so far, with their timestamps.
        results: The results it has set; kept out of the repr, since they may hold a password.
    """

    id: str
    operation: str
    unit: str
    name: str
    params: Document = field(repr=False)
    parallel: bool
    execution_group: str
    enqueued: datetime
    started: datetime | None = None
    completed: datetime | None = None
    status: TaskStatus = "pending"
    message: str = ""
    results: Mapping[str, JSONValue] = field(default_factory=dict, repr=False)
    log: list[tuple[datetime, str]] = field(default_factory=list)

    @property
    def is_active(self) -> bool:
        """Whether it has yet to finish."""
        return self.status in _ACTIVE

    @property
    def lock(self) -> tuple[str, str] | None:
        """The lock it holds while it runs: the unit and the group; ``None`` for no lock."""
        if self.parallel and not self.execution_group:
            return None
        return self.unit, self.execution_group

    def as_document(self, *, brief: bool = False) -> Document:
        """Return the task as the API shows it: ``ActionResult``.

        Args:
            brief: Whether to omit messages and results, as lists of operations do.
        """
        shown: Document = {
            "action": {
                "tag": f"action-{self.id}",
                "receiver": unit_tag(self.unit),
                "name": self.name,
                "parameters": self.params,
                "parallel": self.parallel,
                "execution-group": self.execution_group,
            },
            "enqueued": rfc3339(self.enqueued),
            "started": _time(self.started),
            "completed": _time(self.completed),
            "status": self.status,
        }
        if self.message:
            shown["message"] = self.message
        if self.log and not brief:
            shown["log"] = [
                {"timestamp": rfc3339(moment), "message": text} for moment, text in self.log
            ]
        if self.results and not brief:
            shown["output"] = dict(self.results)
        return shown

    def delta(self, model_uuid: str) -> Document:
        """Return the body of the task's delta."""
        shown: Document = {
            "model-uuid": model_uuid,
            "id": self.id,
            "receiver": self.unit,
            "name": self.name,
            "status": self.status,
            "message": self.message,
            "enqueued": rfc3339(self.enqueued),
            "started": _time(self.started),
            "completed": _time(self.completed),
        }
        if self.params:
            shown["parameters"] = self.params
        if self.results:
            shown["results"] = dict(self.results)
        return shown


@dataclass(slots=True, kw_only=True, eq=False)
class Operation:
    """The tasks that one API call enqueued.

    Attributes:
        tasks: Its tasks, in order.
        fail: What could not be enqueued, and why.
    """

    id: str
    summary: str
    enqueued: datetime
    started: datetime | None = None
    completed: datetime | None = None
    fail: str = ""
    nothing_enqueued: bool = False
    tasks: list[Task] = field(default_factory=list)

    @property
    def status(self) -> str:
        """Its own status if set, otherwise the one derived from its tasks."""
        if self.nothing_enqueued:
            return "error"
        statuses = {task.status for task in self.tasks}
        found = next((status for status in _ORDER if status in statuses), "pending")
        if found == "completed" and self.fail:
            return "error"
        return found

    def as_document(self, tasks: Iterable[Task] | None = None, *, brief: bool = False) -> Document:
        """Return the operation as the API's ``OperationResult``, with these tasks or all."""
        shown: Document = {
            "operation": f"operation-{self.id}",
            "summary": self.summary,
            "enqueued": rfc3339(self.enqueued),
            "started": _time(self.started),
            "completed": _time(self.completed),
            "status": self.status,
            "actions": [
                task.as_document(brief=brief) for task in (self.tasks if tasks is None else tasks)
            ],
        }
        if self.fail:
            shown["fail"] = self.fail
        return shown


def unit_tag(name: str) -> str:
    """Return the tag of a unit: ``unit-minio-0``."""
    return f"unit-{name.replace('/', '-')}"


def _time(moment: datetime | None) -> str:
    return NEVER if moment is None else rfc3339(moment)
