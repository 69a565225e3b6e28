"""``ckf-airgap rehearse``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

import ckf_airgap
from ckf_airgap.cli.options import (
    jobs_option,
    json_option,
    script_option,
    timeout_option,
    verbosity_options,
)
from ckf_airgap.cli.planoptions import login_options, only_option
from ckf_airgap.cli.renderoptions import rendering_options
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.cli.wording import plural
from ckf_airgap.errors import ExitCode, InterruptedRunError, WaitTimeoutError, WorkloadError
from ckf_airgap.facts.defaults import DEFAULT_MODEL, DEFAULT_SPEED

if TYPE_CHECKING:
    from pathlib import Path

    from ckf_airgap import Inputs, RegistryLogin

SCHEMA: Final = "ckf-airgap/rehearse/v1"


@click.command(
    "rehearse",
    epilog="""\b
Examples, the second with everything that was carried over:
  ckf-airgap rehearse 1.11
  ckf-airgap rehearse 1.11 --charms ~/charms --images ~/retagged-images.txt
""",
)
@rendering_options(stand_ins=True)
@click.option(
    "-m", "--model", default=DEFAULT_MODEL, show_default=True, metavar="NAME", help="The model."
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=DEFAULT_SPEED,
    show_default=True,
    help="How much faster units settle than in a cluster.",
)
@script_option
@only_option
@login_options
@timeout_option("5m")
@jobs_option
@json_option
@verbosity_options
def command(
    *,
    inputs: Inputs,
    model: str,
    speed: float,
    script_file: Path | None,
    only: tuple[str, ...],
    registry_login: RegistryLogin | None,
    registry_config: Path | None,
    timeout: float,
    jobs: int,
) -> None:
    """Deploy a bundle on the embedded controller.

    The controller lives as long as the command, and is as strict as Juju's. Without --charms
    stand-ins are made from what the release's charms declare; without --images every image is
    assumed to be in the registry.
    """
    from ckf_airgap.cli.progress import ProgressView
    from ckf_airgap.cli.reports import (
        deployment_document,
        findings_document,
        finished,
        say_what_remains,
    )
    from ckf_airgap.cli.runner import run

    terminal = Terminal.current()
    view = ProgressView(terminal, f"rehearsing {inputs.bundle}")
    operation = ckf_airgap.rehearse(
        inputs,
        model=model,
        speed=speed,
        timeout_s=timeout,
        jobs=jobs,
        script_file=script_file,
        registry_login=registry_login,
        registry_config=registry_config,
        only=only or None,
        observer=view,
    )
    try:
        with view:
            rehearsal = run(operation, on_stop=view.on_stop)
    except InterruptedRunError as stopped:
        message = f"{stopped.message}; the embedded controller is gone, and nothing of it is left"
        raise InterruptedRunError(message) from None
    except (WorkloadError, WaitTimeoutError):
        view.print_standing()
        raise
    findings = rehearsal.findings
    document = deployment_document(SCHEMA, rehearsal.deployment)
    document["findings"] = findings_document(findings)
    terminal.result(finished(rehearsal.deployment, findings), document=document)
    if findings:
        terminal.fail(f"the rehearsal has {plural(len(findings), 'finding')}", ExitCode.WORKLOAD)
    say_what_remains(terminal, rehearsal.deployment)
