"""``ckf-airgap deploy``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.core import ParameterSource

import ckf_airgap
from ckf_airgap.cli.options import (
    UserPath,
    jobs_option,
    json_option,
    timeout_option,
    verbosity_options,
)
from ckf_airgap.cli.planoptions import (
    create_model_option,
    login_options,
    naming_create_model,
    policy_options,
    skip_releases_option,
)
from ckf_airgap.cli.renderoptions import INPUT_FIELDS, rendering_options
from ckf_airgap.cli.targets import error_grace_option, idle_option, juju_options, patience_options
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.errors import (
    AirgapError,
    InterruptedRunError,
    UsageError,
    WaitTimeoutError,
    WorkloadError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from ckf_airgap import Inputs, JujuTarget, Patience, Policy, RegistryLogin, SavedPlan

SCHEMA: Final = "ckf-airgap/deploy/v1"

_Error = TypeVar("_Error", bound=AirgapError)


class _DeployCommand(click.Command):
    """A command whose flag ``--no-wait`` may have the value ``force``.

    An option of click that may have a value takes the next argument for it, which is the bundle.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse arguments, with the value made an option of its own."""
        found = ["--no-wait-force" if text == "--no-wait=force" else text for text in args]
        return super().parse_args(ctx, found)


@click.command(
    "deploy",
    cls=_DeployCommand,
    epilog="""\b
Examples:
  ckf-airgap deploy 1.11 --dry-run
  ckf-airgap deploy 1.11 --create-model --timeout 1h
""",
)
@rendering_options(may_be_saved=True)
@juju_options
@create_model_option
@click.option(
    "--dry-run", is_flag=True, help="Print what would be done as `plan` does, without doing it."
)
@click.option(
    "--plan",
    "plan_file",
    type=UserPath(),
    metavar="FILE",
    help="Carry out the plan that `plan -o FILE` wrote, or nothing when something has changed. "
    "BUNDLE and options are taken from it.",
)
@policy_options
@skip_releases_option
@click.option(
    "--manual-steps-done",
    is_flag=True,
    help="Confirm that the steps of an upgrade that are done by hand have been done.",
)
@click.option(
    "--wait/--no-wait",
    default=True,
    help="Whether to wait until everything is active. When groups of applications should come one "
    "after the other, it takes --no-wait=force not to wait between them.  [default: --wait]",
)
@click.option("--no-wait-force", "hurries", is_flag=True, hidden=True)
@timeout_option("1h")
@idle_option
@error_grace_option
@patience_options
@jobs_option
@login_options
@json_option
@verbosity_options
def command(
    *,
    inputs: Inputs,
    target: JujuTarget,
    create_model: bool,
    dry_run: bool,
    plan_file: Path | None,
    policy: Policy,
    skip_releases: bool,
    manual_steps_done: bool,
    wait: bool,
    hurries: bool,
    timeout: float,
    idle: float,
    error_grace: float,
    patience: Patience,
    jobs: int,
    registry_login: RegistryLogin | None,
    registry_config: Path | None,
) -> None:
    """Deploy a bundle from local charms and wait until it is active.

    Applications that are there become what the bundle says: charms are refreshed in place, and what
    it says of images, options and the rest is set. `ckf-airgap plan` shows that first.

    To continue a deployment that was stopped or failed, run the same command again. Everything that
    can be checked is checked before the first step.
    """
    from ckf_airgap.cli.plan import print_plan
    from ckf_airgap.cli.progress import ProgressView
    from ckf_airgap.cli.reports import (
        deployment_document,
        finished,
        say_what_remains,
        say_what_was_skipped,
    )
    from ckf_airgap.cli.runner import run

    terminal = Terminal.current()
    review = None
    if plan_file is not None:
        saved = _with_given(ckf_airgap.load_plan(plan_file))
        inputs, target, policy = saved.inputs, saved.target, _policy(saved.policy, policy)
        create_model = create_model or saved.create_model
        skip_releases = skip_releases or saved.skip_releases
        review = saved.check
    elif not inputs.bundle:
        raise click.UsageError("Missing argument 'BUNDLE'.", click.get_current_context())
    view = ProgressView(terminal, f"deploying {inputs.bundle} into {target.model}")
    operation = ckf_airgap.deploy(
        inputs,
        target,
        create_model=create_model,
        dry_run=dry_run,
        wait_idle=wait and not hurries,
        hurries=hurries,
        timeout_s=timeout,
        idle_period_s=idle,
        error_grace_s=error_grace,
        patience=patience,
        jobs=jobs,
        registry_login=registry_login,
        registry_config=registry_config,
        policy=policy,
        skip_releases=skip_releases,
        manual_steps_done=manual_steps_done,
        review=review,
        observer=view,
    )
    try:
        with view, naming_create_model():
            deployment = run(operation, on_stop=view.on_stop)
    except InterruptedRunError as stopped:
        told = view.interrupted(stopped)
        raise (_of_plan(told, plan_file) if view.has_begun else told) from None
    except AirgapError as failure:
        if isinstance(failure, WorkloadError | WaitTimeoutError):
            view.print_standing()
        if isinstance(failure, ckf_airgap.IncompleteDeployment):
            say_what_was_skipped(terminal, failure.report)
            _of_plan(failure, plan_file)
        raise
    if dry_run:
        print_plan(terminal, deployment, skip_releases=skip_releases)
        return
    terminal.result(finished(deployment), document=deployment_document(SCHEMA, deployment))
    say_what_remains(terminal, deployment)


def _of_plan(error: _Error, plan_file: Path | None) -> _Error:
    """Return an error with another advice when a saved plan was carried out in part."""
    if plan_file is not None:
        error.fix = (
            "What is left is not the plan in the file any more: make a new one, or deploy without "
            "--plan."
        )
    return error


def _with_given(saved: SavedPlan) -> SavedPlan:
    """Return a saved plan with what was given on the command line in place of what it says.

    Raises:
        UsageError: when a setting is missing whose value the plan does not keep.
    """
    given = _given()
    settings = given.get("settings", ())
    missing = [
        place for place in saved.again if not any(text.startswith(f"{place}=") for text in settings)
    ]
    if missing:
        raise UsageError(
            f"the plan was made with --set of {', '.join(missing)}, whose values may be secret and "
            "are not kept",
            fix=f"Give --set {missing[0]}=... again.",
        )
    inputs = dataclasses.replace(
        saved.inputs,
        **{
            name: value
            for name, value in given.items()
            if name in INPUT_FIELDS and name != "settings"
        },
        settings=_settings(saved, settings),
    )
    target = dataclasses.replace(
        saved.target, **{name: given[name] for name in ("controller", "juju_data") if name in given}
    )
    if "model" in given:
        target = ckf_airgap.JujuTarget.parse(given["model"], juju_data=target.juju_data)
    return dataclasses.replace(saved, inputs=inputs.absolute(), target=target)


def _given() -> dict[str, Any]:
    """Return the parameters that are on the command line, with their values."""
    context = click.get_current_context()
    return {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }


def _policy(saved: Policy, given: Policy) -> Policy:
    """Return the policy of a saved plan, with what was given on the command line."""
    names = _given().keys() & {field.name for field in dataclasses.fields(saved)}
    return dataclasses.replace(saved, **{name: getattr(given, name) for name in names})


def _settings(saved: SavedPlan, given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the settings of a saved plan, and those that are given in place of some of them."""
    places = {text.partition("=")[0] for text in given}
    kept = [text for text in saved.inputs.settings if text.partition("=")[0] not in places]
    return (*kept, *given)
