"""Scripted results of actions and of commands, since a rehearsal runs no charm code.

A test sets the result of an action, for an application or for a charm::

    script.actions.set_result("get-password", ActionResult(results={"password": "x"}), charm="pg")
    script.actions.set_exec(ActionResult.of_command(stdout="hello"), application="minio")

A task of such an action is completed after its simulated time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from ckf_airgap.documents import JSONValue

EXEC: Final = "juju-exec"
"""The action that ``juju exec`` is made of."""

FinalStatus: TypeAlias = Literal["completed", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """The result of an action.

    Attributes:
        status: ``completed``, or ``failed`` as after ``action-fail``.
        results: What ``action-set`` sets; a ``return-code`` of 0 is added, as Juju does.
        message: Why it failed, or what it says besides.
        after_s: How long it takes, in seconds of the deployment; ``math.inf`` for one that never
            ends.
        log: What ``action-log`` says while it runs, in order.
    """

    status: FinalStatus = "completed"
    results: Mapping[str, JSONValue] = field(default_factory=dict, repr=False)
    message: str = ""
    after_s: float = 1.0
    log: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.status not in ("completed", "failed"):
            raise ValueError(f"an action ends completed or failed, not {self.status!r}")
        if not self.after_s >= 0:
            raise ValueError(f"an action cannot take {self.after_s} s")

    @classmethod
    def of_command(
        cls, *, stdout: str = "", stderr: str = "", return_code: int = 0, after_s: float = 1.0
    ) -> ActionResult:
        """Return what a command of ``juju exec`` comes to: completed, whatever its code is."""
        results: dict[str, JSONValue] = {"return-code": return_code}
        if stdout:
            results["stdout"] = stdout
        if stderr:
            results["stderr"] = stderr
        return cls(results=results, after_s=after_s)

    @property
    def never_ends(self) -> bool:
        """Whether a task with this result runs until it is cancelled."""
        return math.isinf(self.after_s)


@dataclass(slots=True)
class ActionScript:
    """The results that actions and commands come to, by application or by charm.

    Attributes:
        below: What they come to where nothing is said here: the results of a script file.
    """

    below: ActionScript | None = None
    _by_application: dict[tuple[str, str], ActionResult] = field(default_factory=dict)
    _by_charm: dict[tuple[str, str], ActionResult] = field(default_factory=dict)

    def set_result(
        self,
        action: str,
        result: ActionResult | None,
        *,
        application: str | None = None,
        charm: str | None = None,
    ) -> None:
        """Set the result of an action from now on; ``None`` clears it.

        Raises:
            ValueError: unless exactly one of `application` and `charm` is given.
        """
        if application is not None and charm is None:
            known, key = self._by_application, (application, action)
        elif charm is not None and application is None:
            known, key = self._by_charm, (charm, action)
        else:
            raise ValueError("the result of an action is for an application or for a charm")
        if result is None:
            known.pop(key, None)
        else:
            known[key] = result

    def set_exec(
        self,
        result: ActionResult | None,
        *,
        application: str | None = None,
        charm: str | None = None,
    ) -> None:
        """Say what every command of ``juju exec`` comes to; see `set_result`."""
        self.set_result(EXEC, result, application=application, charm=charm)

    def result(self, action: str, *, application: str, charm: str) -> ActionResult | None:
        """Return the result of an action: the application's own, otherwise its charm's."""
        own = self._by_application.get((application, action))
        found = self._by_charm.get((charm, action)) if own is None else own
        if found is None and self.below is not None:
            return self.below.result(action, application=application, charm=charm)
        return found

    def clear(self) -> None:
        """Clear every result."""
        self._by_application.clear()
        self._by_charm.clear()
