"""``ckf-airgap deploy``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import click

import ckf_airgap
from ckf_airgap.cli.options import (
    UserPath,
    jobs_option,
    json_option,
    timeout_option,
    verbosity_options,
)
from ckf_airgap.cli.renderoptions import rendering_options
from ckf_airgap.cli.targets import error_grace_option, idle_option, juju_options
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.cli.wording import plural
from ckf_airgap.errors import (
    InputError,
    InterruptedRunError,
    ModelNotFoundError,
    WaitTimeoutError,
    WorkloadError,
    unreadable,
)

if TYPE_CHECKING:
    from pathlib import Path

    from ckf_airgap import Deployment, Inputs, JujuTarget, RegistryLogin

SCHEMA: Final = "ckf-airgap/deploy/v1"
PLAN_SCHEMA: Final = "ckf-airgap/plan/v1"
PASSWORD_VARIABLE: Final = "CKF_AIRGAP_REGISTRY_PASSWORD"  # noqa: S105 - a name
MAX_PASSWORD_BYTES: Final = 64 * 1024
"""Size of a password's file; tokens that registries take for one have a few thousand bytes."""


@click.command(
    "deploy",
    epilog="""\b
Examples:
  ckf-airgap deploy 1.11 --dry-run
  ckf-airgap deploy 1.11 --create-model --timeout 1h
""",
)
@rendering_options()
@juju_options
@click.option("--create-model", is_flag=True, help="Create the model if it does not exist.")
@click.option("--dry-run", is_flag=True, help="Print what would be done, without doing it.")
@click.option(
    "--wait/--no-wait",
    default=True,
    help="Whether to wait until everything is active.  [default: --wait]",
)
@timeout_option("1h")
@idle_option
@error_grace_option
@jobs_option
@click.option(
    "--registry-username",
    envvar="CKF_AIRGAP_REGISTRY_USERNAME",
    show_envvar=True,
    metavar="NAME",
    help="User name with which the cluster pulls images from the registry.",
)
@click.option(
    "--registry-password-file",
    type=UserPath(),
    metavar="FILE",
    help=f"File with the password for that user.  [default: ${PASSWORD_VARIABLE}]",
)
@json_option
@verbosity_options
def command(
    *,
    inputs: Inputs,
    target: JujuTarget,
    create_model: bool,
    dry_run: bool,
    wait: bool,
    timeout: float,
    idle: float,
    error_grace: float,
    jobs: int,
    registry_username: str | None,
    registry_password_file: Path | None,
) -> None:
    """Deploy a bundle from local charms and wait until it is active.

    To continue a deployment that was stopped or failed, run the same command again. If an existing
    application has another charm, image or pull login, nothing is changed: differences are listed.
    Everything that can be checked is checked before the first step.
    """
    from ckf_airgap.cli.progress import ProgressView
    from ckf_airgap.cli.reports import deployment_document, finished, standing
    from ckf_airgap.cli.runner import run

    terminal = Terminal.current()
    view = ProgressView(terminal, f"deploying {inputs.bundle} into {target.model}")
    operation = ckf_airgap.deploy(
        inputs,
        target,
        create_model=create_model,
        dry_run=dry_run,
        wait_idle=wait,
        timeout_s=timeout,
        idle_period_s=idle,
        error_grace_s=error_grace,
        jobs=jobs,
        registry_login=_registry_login(registry_username, registry_password_file),
        observer=view,
    )
    try:
        with view:
            deployment = run(operation, on_stop=view.on_stop)
    except InterruptedRunError as stopped:
        raise view.interrupted(stopped) from None
    except ModelNotFoundError as missing:
        raise ModelNotFoundError(
            missing.message, fix=f"{missing.fix} Use --create-model to create it."
        ) from missing
    except (WorkloadError, WaitTimeoutError):
        if view.snapshot is not None and not terminal.json:
            terminal.print(standing(view.snapshot))
        raise
    if dry_run:
        _print_plan(terminal, deployment)
    else:
        terminal.result(finished(deployment), document=deployment_document(SCHEMA, deployment))


def _print_plan(terminal: Terminal, deployment: Deployment) -> None:
    from ckf_airgap.cli.reports import plan_document

    plan = deployment.plan
    terminal.result([*plan.describe()], document=plan_document(PLAN_SCHEMA, deployment))
    terminal.note(f"{plural(len(plan.steps), 'step')}; nothing was done")


def _registry_login(username: str | None, password_file: Path | None) -> RegistryLogin | None:
    """Return the login to the registry; a password never comes from the command line."""
    from ckf_airgap.files import read_small_text

    if username is None:
        return None
    if password_file is not None:
        try:
            text = read_small_text(password_file, MAX_PASSWORD_BYTES, what="a password", pipes=True)
            password = text.rstrip("\r\n")
        except UnicodeDecodeError as exc:
            raise InputError(f"the password file {password_file} is not UTF-8 text") from exc
        except OSError as exc:
            raise unreadable(exc, f"the password file {password_file}") from exc
    else:
        password = os.environ.get(PASSWORD_VARIABLE, "")
    if not password:
        raise InputError(
            f"there is no password for {username} at the registry",
            fix=f"Set {PASSWORD_VARIABLE}, or name a file with --registry-password-file.",
        )
    return ckf_airgap.RegistryLogin(username=username, password=password)
