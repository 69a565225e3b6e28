"""The options of the commands that render a bundle."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import click

import ckf_airgap
from ckf_airgap.cli.options import (
    BundleName,
    UserPath,
    allow_public_option,
    apply,
    arch_option,
    overlay_option,
    registry_option,
    rules_option,
)
from ckf_airgap.facts.defaults import DEFAULT_CHARMS, DEFAULT_IMAGES

if TYPE_CHECKING:
    from pathlib import Path

_F = TypeVar("_F", bound=Callable[..., Any])


INPUT_FIELDS: Final = (
    "bundle",
    "charms",
    "images",
    "mapping",
    "registry",
    "settings",
    "overlays",
    "rules",
    "architecture",
    "allow_public",
)
"""The fields of `Inputs` that are options, by the same names."""


def rendering_options(*, stand_ins: bool = False, may_be_saved: bool = False) -> Callable[[_F], _F]:
    """Return ``BUNDLE`` and the options that say how it is rendered, as one argument ``inputs``.

    Args:
        stand_ins: Whether charms and image list may be left out, to be made up.
        may_be_saved: Whether the bundle may be left out, since a saved plan names it.
    """
    charms_default = "stand-in charms" if stand_ins else str(DEFAULT_CHARMS)
    images_default = "as if all were in --registry" if stand_ins else str(DEFAULT_IMAGES)

    def decorate(function: _F) -> _F:
        @functools.wraps(function)
        def with_inputs(
            *args: Any,
            bundle: str | None,
            charms: Path | None,
            images: Path | None,
            mapping: Path | None,
            registry: str | None,
            settings: tuple[str, ...],
            overlays: tuple[Path, ...],
            rules: Path | None,
            architecture: str | None,
            allow_public: tuple[str, ...],
            **rest: Any,
        ) -> Any:
            inputs = ckf_airgap.Inputs(
                bundle=bundle or "",
                charms=charms,
                images=images,
                mapping=mapping,
                registry=registry,
                settings=settings,
                overlays=overlays,
                rules=rules,
                architecture=architecture,
                allow_public=allow_public,
            )
            return function(*args, inputs=inputs, **rest)

        return cast(
            "_F",
            apply(
                [
                    click.argument("bundle", type=BundleName(), required=not may_be_saved),
                    click.option(
                        "--charms",
                        type=UserPath("directory"),
                        envvar="CKF_AIRGAP_CHARMS",
                        show_envvar=True,
                        metavar="DIR",
                        help=f"The .charm files.  [default: {charms_default}]",
                    ),
                    click.option(
                        "--images",
                        type=UserPath(),
                        envvar="CKF_AIRGAP_IMAGES",
                        show_envvar=True,
                        metavar="FILE",
                        help=f"The list of images in the registry.  [default: {images_default}]",
                    ),
                    click.option(
                        "--mapping",
                        type=UserPath(),
                        envvar="CKF_AIRGAP_MAPPING",
                        show_envvar=True,
                        metavar="FILE",
                        help="The mapping of `images retag`; needed when it folded paths.",
                    ),
                    registry_option(),
                    click.option(
                        "--set",
                        "settings",
                        multiple=True,
                        metavar="APP.OPTION=VALUE",
                        help="Set an option of an application; may be repeated.",
                    ),
                    overlay_option,
                    rules_option,
                    allow_public_option,
                    arch_option,
                ],
                with_inputs,
            ),
        )

    return decorate
