"""The options that say what an inventory is taken of."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

import ckf_airgap
from ckf_airgap.cli.options import (
    UserPath,
    append_option,
    apply,
    arch_option,
    juju_version_option,
    overlay_option,
    rules_option,
)
from ckf_airgap.facts.defaults import DEFAULT_CHARMS

if TYPE_CHECKING:
    from pathlib import Path

_F = TypeVar("_F", bound=Callable[..., Any])


def listing_options(*, files_only: bool = False) -> Callable[[_F], _F]:
    """Return the options of an inventory, which reach the command as one argument ``inputs``.

    The command's own argument or option ``bundle`` goes into it.

    Args:
        files_only: Whether only charm files count: no facts of a release, no controller.
    """
    decorators = [
        click.option(
            "--charms",
            type=UserPath("directory"),
            envvar="CKF_AIRGAP_CHARMS",
            show_envvar=True,
            metavar="DIR",
            help=f"The .charm files.  [default: {DEFAULT_CHARMS}]"
            if files_only
            else "The .charm files.  [default: the facts of a shipped release, "
            f"{DEFAULT_CHARMS} for another bundle]",
        ),
        overlay_option,
        rules_option,
        arch_option,
        append_option,
    ]
    if not files_only:
        decorators.append(juju_version_option)

    def decorate(function: _F) -> _F:
        @functools.wraps(function)
        def with_inputs(
            *args: Any,
            bundle: str | None,
            charms: Path | None,
            overlays: tuple[Path, ...],
            rules: Path | None,
            architecture: str | None,
            append: tuple[Path, ...],
            juju_version: str | None = None,
            **rest: Any,
        ) -> Any:
            inputs = ckf_airgap.ListingInputs(
                bundle=bundle or "",
                charms=charms,
                overlays=overlays,
                rules=rules,
                juju_version=juju_version,
                append=append,
                architecture=architecture,
            )
            return function(*args, inputs=inputs, **rest)

        return cast("_F", apply(decorators, with_inputs))

    return decorate
