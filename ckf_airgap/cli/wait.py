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
from ckf_airgap.cli.targets import error_grace_option, idle_option, juju_options
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.cli.wording import duration
from ckf_airgap.errors import WaitTimeoutError, WorkloadError

if TYPE_CHECKING:
    from ckf_airgap import JujuTarget

SCHEMA: Final = "ckf-airgap/wait/v1"


@click.command(
    "wait",
    epilog="""\b
Example:
  ckf-airgap wait --model kubeflow --timeout 30m
""",
)
@juju_options
@timeout_option("1h")
@idle_option
@error_grace_option
@json_option
@verbosity_options
def command(target: JujuTarget, timeout: float, idle: float, error_grace: float) -> None:
    """Wait until everything in a model is active and idle.

    Ends with exit code 7 when a unit stays in error, and with 8 on timeout.
    """
    from ckf_airgap.cli.modelview import describe_counts
    from ckf_airgap.cli.progress import ProgressView
    from ckf_airgap.cli.reports import standing, wait_document
    from ckf_airgap.cli.runner import run

    terminal = Terminal.current()
    view = ProgressView(terminal, f"waiting for {target.model}")
    operation = ckf_airgap.wait_for_model(
        target, timeout_s=timeout, idle_period_s=idle, error_grace_s=error_grace, observer=view
    )
    try:
        with view:
            report = run(operation, on_stop=view.on_stop)
    except (WorkloadError, WaitTimeoutError):
        if view.snapshot is not None and not terminal.json:
            terminal.print(standing(view.snapshot))
        raise
    if not report.snapshot.applications:
        terminal.warn(f"model {report.snapshot.model} is empty: there was nothing to wait for")
    terminal.result(
        f"active and idle after {duration(report.took_s)}: {describe_counts(report.snapshot)}",
        document=wait_document(SCHEMA, report),
    )
