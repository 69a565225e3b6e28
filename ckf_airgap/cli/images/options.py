"""The options that tell what an inventory is taken of."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from ckf_airgap.cli.options import UserPath
from ckf_airgap.inputs import DEFAULT_CHARMS
from ckf_airgap.listing import ListingInputs

_F = TypeVar("_F", bound=Callable[..., Any])


def listing_options(*, more_images: bool = True) -> Callable[[_F], _F]:
    """Return the options of an inventory, which reach the command as one argument ``inputs``.

    The command's own argument or option ``bundle`` goes into it.

    Args:
        more_images: Whether images beside those of the bundle can be added.
    """
    decorators = [
        click.option(
            "--charms",
            type=UserPath("directory"),
            envvar="CKF_AIRGAP_CHARMS",
            metavar="DIR",
            help="The .charm files.  [default: the facts of a shipped release, "
            f"{DEFAULT_CHARMS} for another bundle]"
            if more_images
            else f"The .charm files.  [default: {DEFAULT_CHARMS}]",
        ),
        click.option(
            "--overlay",
            "overlays",
            type=UserPath(),
            multiple=True,
            metavar="FILE",
            help="An overlay of yours; may be repeated.",
        ),
        click.option(
            "--rules",
            type=UserPath(),
            metavar="FILE",
            help="Image rules for charms that no release describes (docs/bundles.md).",
        ),
    ]
    if more_images:
        decorators += [
            click.option(
                "--append",
                type=UserPath(),
                multiple=True,
                metavar="FILE",
                help="A list of further images; may be repeated.",
            ),
            click.option(
                "--juju-version",
                metavar="VERSION",
                help="Add the images of an offline controller of this version, such as 3.6.9.",
            ),
        ]

    def decorate(function: _F) -> _F:
        @functools.wraps(function)
        def with_inputs(
            *args: Any,
            bundle: str | None,
            charms: Path | None,
            overlays: tuple[Path, ...],
            rules: Path | None,
            append: tuple[Path, ...] = (),
            juju_version: str | None = None,
            **rest: Any,
        ) -> Any:
            inputs = ListingInputs(
                bundle=bundle or "",
                charms=charms,
                overlays=overlays,
                rules=rules,
                juju_version=juju_version,
                append=append,
            )
            return function(*args, inputs=inputs, **rest)

        decorated: Any = with_inputs
        for decorator in reversed(decorators):
            decorated = decorator(decorated)
        return cast("_F", decorated)

    return decorate
