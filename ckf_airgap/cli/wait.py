"""``ckf-airgap wait``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

import ckf_airgap
from ckf_airgap.cli.options import (
    json_option,
    timeout_option,
    verbosity_options,
)
from ckf_airgap.cli.targets import (
    error_grace_option,
    idle_option,
    juju_options,
    patience_options,
)
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.cli.wording import duration
from ckf_airgap.errors import Problem, WaitTimeoutError, WorkloadError, nearest
from ckf_airgap.facts.defaults import GOALS

if TYPE_CHECKING:
    from ckf_airgap import JujuTarget, Patience, WaitReport

SCHEMA: Final = "ckf-airgap/wait/v1"


def _goals(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Return the status of each application that ``--expect`` names."""
    goals: dict[str, str] = {}
    for value in values:
        application, _, status = value.partition("=")
        if not application or not status:
            raise click.BadParameter(f"{value!r} is not APP=STATUS, such as kfp-api=blocked")
        if status not in GOALS:
            hint = nearest(status, GOALS)
            raise click.BadParameter(
                f"{status!r} is none of {', '.join(GOALS)}{f'; {hint}' if hint else ''}"
            )
        if goals.setdefault(application, status) != status:
            raise click.BadParameter(
                f"{application} cannot be both {goals[application]} and {status}"
            )
    return goals


def _named(
    _ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...] | None:
    return tuple(dict.fromkeys(values)) or None


_application_option: Final = click.option(
    "--application",
    "applications",
    multiple=True,
    callback=_named,
    metavar="APP",
    help="Wait for this application only; may be repeated. It need not be there yet.  "
    "[default: all of the model]",
)

_expect_option: Final = click.option(
    "--expect",
    "goals",
    multiple=True,
    callback=_goals,
    metavar="APP=STATUS",
    help=f"Wait until this application has another status than active: {', '.join(GOALS)}; may be "
    "repeated.",
)


@click.command(
    "wait",
    epilog="""\b
Examples:
  ckf-airgap wait --model kubeflow --timeout 30m
  ckf-airgap wait --application minio --application kfp-api
  ckf-airgap wait --expect mlflow-server=blocked --stall 0
""",
)
@juju_options
@_application_option
@_expect_option
@timeout_option("1h")
@idle_option
@error_grace_option
@patience_options
@json_option
@verbosity_options
def command(
    *,
    target: JujuTarget,
    applications: tuple[str, ...] | None,
    goals: dict[str, str],
    timeout: float,
    idle: float,
    error_grace: float,
    patience: Patience,
) -> None:
    """Wait until everything in a model is active and idle.

    Applications that come meanwhile are waited for, those that are removed are not. A model that
    has been idle for long enough already is not waited for.

    Ends with exit code 7 as soon as waiting is of no use: a unit stays in error, an image cannot be
    pulled, something stays blocked, or nothing changes any more; with 8 on timeout, and with 5
    when the model is destroyed.
    """
    from ckf_airgap.cli.modelview import describe_counts
    from ckf_airgap.cli.progress import ProgressView
    from ckf_airgap.cli.reports import wait_document
    from ckf_airgap.cli.runner import run

    terminal = Terminal.current()
    view = ProgressView(terminal, f"waiting for {target.model}")
    operation = ckf_airgap.wait_for_model(
        target,
        applications=applications,
        goals=goals,
        timeout_s=timeout,
        idle_period_s=idle,
        error_grace_s=error_grace,
        patience=patience,
        observer=view,
    )
    try:
        with view:
            report = run(operation, on_stop=view.on_stop)
    except (WorkloadError, WaitTimeoutError):
        view.print_standing()
        raise
    warnings = _warnings(report)
    for warning in warnings:
        terminal.warn(str(warning))
    reached = "as expected" if goals else "active and idle"
    terminal.result(
        f"{reached} after {duration(report.took_s)}: {describe_counts(report.snapshot)}",
        document={
            **wait_document(SCHEMA, report),
            "warnings": [warning.to_json() for warning in warnings],
        },
    )


def _warnings(report: WaitReport) -> list[Problem]:
    """Return why a wait that succeeded may not mean what it seems to."""
    found = [
        Problem(f"application {name} was removed while it was waited for")
        for name in report.removed
    ]
    if not report.snapshot.applications and not found:
        found.append(
            Problem(f"model {report.snapshot.model} is empty: there was nothing to wait for")
        )
    return found
