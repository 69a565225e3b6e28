"""``ckf-airgap plan``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

import ckf_airgap
from ckf_airgap.cli.options import UserPath, json_option, verbosity_options
from ckf_airgap.cli.planoptions import (
    create_model_option,
    login_options,
    naming_create_model,
    policy_options,
    skip_releases_option,
)
from ckf_airgap.cli.renderoptions import rendering_options
from ckf_airgap.cli.targets import juju_options
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.cli.wording import plural
from ckf_airgap.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from ckf_airgap import Deployment, Inputs, JujuTarget, Policy, RegistryLogin

SCHEMA: Final = "ckf-airgap/plan/v2"


@click.command(
    "plan",
    epilog="""\b
Examples, the second for a script:
  ckf-airgap plan 1.11
  ckf-airgap plan 1.11 --exit-code -q -o upgrade.plan
""",
)
@rendering_options()
@juju_options
@create_model_option
@policy_options
@skip_releases_option
@login_options
@click.option(
    "--exit-code",
    is_flag=True,
    help=f"End with {int(ExitCode.CHANGES)} when there is something to do.",
)
@click.option(
    "-o",
    "--output",
    type=UserPath(),
    metavar="FILE",
    help="Write the plan to this file, for `deploy --plan FILE`.",
)
@json_option
@verbosity_options
def command(
    *,
    inputs: Inputs,
    target: JujuTarget,
    create_model: bool,
    policy: Policy,
    skip_releases: bool,
    registry_login: RegistryLogin | None,
    registry_config: Path | None,
    exit_code: bool,
    output: Path | None,
) -> None:
    """Show what deploying a bundle would change in a model.

    Each change is shown with the old and the new value, + for what comes and - for what goes. What
    somebody else has set is left alone and listed, and so is what Juju cannot change in place.
    """
    from ckf_airgap.cli.progress import ProgressView
    from ckf_airgap.cli.runner import run
    from ckf_airgap.files import writable

    terminal = Terminal.current()
    if output is not None:
        writable(output)
    view = ProgressView(terminal, f"planning {inputs.bundle} in {target.model}")
    inputs = inputs.absolute() if output is not None else inputs
    with view, naming_create_model():
        deployment = run(
            ckf_airgap.deploy(
                inputs,
                target,
                create_model=create_model,
                dry_run=True,
                registry_login=registry_login,
                registry_config=registry_config,
                policy=policy,
                skip_releases=skip_releases,
                observer=view,
            ),
            on_stop=view.on_stop,
        )
        refusal = _refusal(deployment, skip_releases=skip_releases)
        if output is not None and not refusal:
            run(
                ckf_airgap.save_plan(
                    output,
                    deployment.plan,
                    inputs=inputs,
                    target=target,
                    policy=policy,
                    create_model=create_model,
                    skip_releases=skip_releases,
                )
            )
    print_plan(terminal, deployment, skip_releases=skip_releases)
    if output is not None:
        terminal.note(f"carry it out with: ckf-airgap deploy --plan {output}")
    if exit_code and deployment.plan.steps:
        click.get_current_context().exit(ExitCode.CHANGES)


def print_plan(terminal: Terminal, deployment: Deployment, *, skip_releases: bool) -> None:
    """Print a plan; end the command with an error when deploying would be refused.

    Args:
        terminal: Where to.
        deployment: What came of a dry run.
        skip_releases: Whether releases may be left out.
    """
    from ckf_airgap.cli.planview import PlanView
    from ckf_airgap.cli.reports import plan_document

    terminal.result(
        PlanView(deployment.plan, deployment.upgrade), document=plan_document(SCHEMA, deployment)
    )
    refusal = _refusal(deployment, skip_releases=skip_releases)
    if refusal:
        terminal.fail(f"deploying this would be refused: {refusal}", ExitCode.REFUSED)
    terminal.note(f"{plural(len(deployment.plan.steps), 'step')}; nothing was done")


def _refusal(deployment: Deployment, *, skip_releases: bool) -> str:
    """Return why deploying would be refused, as far as no option has been given for it."""
    reasons = []
    applications = sorted({refusal.application for refusal in deployment.plan.refused})
    if applications:
        reasons.append(f"Juju does not change {', '.join(applications)} in place")
    upgrade = deployment.upgrade
    if upgrade.far and not skip_releases:
        reasons.append(
            f"{', '.join(upgrade.far)} would not come from the release before {upgrade.release} "
            "(--skip-releases)"
        )
    return "; ".join(reasons)
