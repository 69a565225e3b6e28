"""The options of commands that use a model of a controller."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

import ckf_airgap
from ckf_airgap.cli.options import Duration, UserPath, apply
from ckf_airgap.facts.defaults import (
    DEFAULT_BLOCKED_GRACE_S,
    DEFAULT_ERROR_GRACE_S,
    DEFAULT_IDLE_PERIOD_S,
    DEFAULT_MODEL,
    DEFAULT_PULL_GRACE_S,
    DEFAULT_STALL_S,
)

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


def patience_options(function: _F) -> _F:
    """Add ``--pull-grace``, ``--blocked-grace`` and ``--stall``, as one argument ``patience``."""

    @functools.wraps(function)
    def with_patience(
        *args: Any, pull_grace: float, blocked_grace: float, stall: float, **rest: Any
    ) -> Any:
        patience = ckf_airgap.Patience(pull_s=pull_grace, blocked_s=blocked_grace, stall_s=stall)
        return function(*args, patience=patience, **rest)

    def option(name: str, default_s: float, text: str) -> Callable[[Any], Any]:
        return click.option(
            name,
            type=Duration(zero=True),
            default=f"{default_s:g}s",
            show_default=True,
            help=f"{text}; 0 does not end it.",
        )

    return apply(
        [
            option(
                "--pull-grace",
                DEFAULT_PULL_GRACE_S,
                "How long an image may fail to be pulled before the wait ends",
            ),
            option(
                "--blocked-grace",
                DEFAULT_BLOCKED_GRACE_S,
                "How long something may be blocked before the wait ends, while nothing runs that "
                "could unblock it",
            ),
            option(
                "--stall",
                DEFAULT_STALL_S,
                "How long nothing at all may change before the wait ends, while no unit is "
                "allocated or waits for its container",
            ),
        ],
        cast("_F", with_patience),
    )


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
