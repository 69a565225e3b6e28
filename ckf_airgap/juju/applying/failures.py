"""The errors of a plan that was not carried out wholly; each has a report of what was done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from ckf_airgap.errors import (
    ControllerError,
    RefusedError,
    WaitTimeoutError,
    WorkloadError,
)
from ckf_airgap.juju.applying.report import DeployReport

_AGAIN: Final = "Fix what it reports and run the command again; completed steps are skipped."


class IncompleteDeployment:
    """What errors have in common after which some steps are done, and others are not.

    Attributes:
        report: What was done, what failed, and what was skipped.
    """

    report: DeployReport

    def details(self) -> Mapping[str, object]:
        """Return the report, as ``report``."""
        return {"report": self.report.to_json()}


class DeploymentRefusedError(IncompleteDeployment, RefusedError):
    """The controller refused steps; what does not depend on them is done."""


class DeploymentFailedError(IncompleteDeployment, WorkloadError):
    """Applications did not become active again; what does not depend on them is done."""


class DeploymentTimeoutError(IncompleteDeployment, WaitTimeoutError):
    """Applications were not active in time for those that come after them."""


class DeploymentCutOffError(IncompleteDeployment, ControllerError):
    """The controller could no longer be used; the report says what was done until then."""


_Incomplete = TypeVar(
    "_Incomplete",
    DeploymentRefusedError,
    DeploymentFailedError,
    DeploymentTimeoutError,
    DeploymentCutOffError,
)


def told(error: _Incomplete, report: DeployReport) -> _Incomplete:
    """Return an error with the report of what was done before it."""
    error.report = report
    return error


def raise_failures(report: DeployReport) -> None:
    """Raise what a report has of failures.

    Raises:
        RefusedError: when the controller refused steps.
        WorkloadError: when applications did not become active again, and nothing was refused.
    """
    if not report.failed:
        return
    stalled = [step for step in report.failed if step.is_wait]
    skipped = f", and {len(report.skipped)} were skipped for that" if report.skipped else ""
    if len(stalled) == len(report.failed):
        raise told(
            DeploymentFailedError(
                f"{len(stalled)} applications did not become active again{skipped}; "
                f"{report.so_far}",
                problems=report.problems,
                fix=_AGAIN,
            ),
            report,
        )
    raise told(
        DeploymentRefusedError(
            f"{len(report.failed) - len(stalled)} of "
            f"{len(report.plan.steps)} steps failed{skipped}; {report.so_far}",
            problems=report.problems,
            fix=_AGAIN,
        ),
        report,
    )


def failing(error: WorkloadError, awaited: frozenset[str]) -> dict[str, str]:
    """Return which of the awaited applications failed, and why; all of them if it is not said."""
    reasons: dict[str, str] = {}
    for problem in error.problems:
        reasons.setdefault(problem.where.partition("/")[0], f"{problem.where}: {problem.what}")
    named = [name for name in error.applications if name in awaited]
    return {name: reasons.get(name, error.message) for name in named or sorted(awaited)}
