"""The options of commands that use a model of a controller."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

import ckf_airgap
from ckf_airgap.cli.options import Duration, UserPath, apply
from ckf_airgap.facts.defaults import DEFAULT_ERROR_GRACE_S, DEFAULT_IDLE_PERIOD_S, DEFAULT_MODEL

if TYPE_CHECKING:
    from pathlib import Path

_F = TypeVar("_F", bound=Callable[..., Any])

idle_option = click.option(
    "--idle",
    type=Duration(),
    default=f"{DEFAULT_IDLE_PERIOD_S:g}s",
    show_default=True,
    help="How long everything must stay active and idle.",
)
"""``--idle``"""

error_grace_option = click.option(
    "--error-grace",
    type=Duration(),
    default=f"{DEFAULT_ERROR_GRACE_S:g}s",
    show_default=True,
    help="How long an error must last to end the wait: Juju runs failed hooks again.",
)
"""``--error-grace``"""


def juju_options(function: _F) -> _F:
    """Add ``--model``, ``--controller`` and ``--juju-data``, as one argument ``target``."""

    @functools.wraps(function)
    def with_target(
        *args: Any, model: str, controller: str | None, juju_data: Path | None, **rest: Any
    ) -> Any:
        target = ckf_airgap.JujuTarget.parse(model, juju_data=juju_data)
        if controller is not None:
            if target.controller not in {None, controller}:
                raise click.UsageError(
                    f"--model says controller {target.controller}, --controller says {controller}"
                )
            target = dataclasses.replace(target, controller=controller)
        return function(*args, target=target, **rest)

    return apply(
        [
            click.option(
                "-m",
                "--model",
                default=DEFAULT_MODEL,
                show_default=True,
                envvar="JUJU_MODEL",
                show_envvar=True,
                metavar="[CONTROLLER:][USER/]MODEL",
                help="The model.",
            ),
            click.option(
                "-c",
                "--controller",
                envvar="JUJU_CONTROLLER",
                show_envvar=True,
                metavar="NAME",
                help="The controller.  [default: the current one]",
            ),
            click.option(
                "--juju-data",
                type=UserPath("directory"),
                envvar="JUJU_DATA",
                show_envvar=True,
                metavar="DIR",
                help="Juju's client store.  [default: that of the juju client]",
            ),
        ],
        cast("_F", with_target),
    )
