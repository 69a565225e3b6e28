"""The options of the commands that are about charm files."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

import ckf_airgap
from ckf_airgap.charmhub.channel import ARCHITECTURES
from ckf_airgap.cli.options import BundleName, UserPath, apply, overlay_option
from ckf_airgap.errors import AirgapError, UsageError
from ckf_airgap.facts.defaults import DEFAULT_ARCHITECTURE, DEFAULT_STORE

if TYPE_CHECKING:
    from pathlib import Path

    from ckf_airgap import Base, WantedCharm

_F = TypeVar("_F", bound=Callable[..., Any])


def charm_options(*, bundle_required: bool = False) -> Callable[[_F], _F]:
    """Return the options that say which charms are meant, as one argument ``sources``.

    Args:
        bundle_required: Whether charms alone are not enough.
    """

    def decorate(function: _F) -> _F:
        @functools.wraps(function)
        def with_sources(
            *args: Any,
            bundle: str | None,
            charm_names: tuple[str, ...],
            channels: tuple[str, ...],
            overlays: tuple[Path, ...],
            architecture: str,
            base: str | None,
            lock: Path | None,
            **rest: Any,
        ) -> Any:
            sources = ckf_airgap.CharmSources(
                bundle=bundle,
                extra=_extra(charm_names, channels),
                overlays=overlays,
                architecture=architecture,
                base=_base(base),
                lock=ckf_airgap.Lock.read(lock) if lock is not None else None,
            )
            return function(*args, sources=sources, **rest)

        return cast(
            "_F",
            apply(
                [
                    click.argument("bundle", type=BundleName(), required=bundle_required),
                    click.option(
                        "--charm",
                        "charm_names",
                        multiple=True,
                        metavar="NAME",
                        help="An additional charm; may be repeated, each with its --channel.",
                    ),
                    click.option(
                        "--channel",
                        "channels",
                        multiple=True,
                        metavar="CHANNEL",
                        help="The channel of the --charm in the same position.  [default: stable]",
                    ),
                    overlay_option,
                    click.option(
                        "--arch",
                        "architecture",
                        type=click.Choice(ARCHITECTURES),
                        default=DEFAULT_ARCHITECTURE,
                        show_default=True,
                        help="The architecture of the charms.",
                    ),
                    click.option(
                        "--base",
                        metavar="NAME@VERSION",
                        help="The base of the charms, such as ubuntu@22.04.  [default: that of the "
                        "bundle, or the newest of the channel]",
                    ),
                    click.option(
                        "--lock",
                        type=UserPath(),
                        metavar="FILE",
                        help="Use exactly the revisions in this lock.",
                    ),
                ],
                with_sources,
            ),
        )

    return decorate


def store_options(function: _F) -> _F:
    """Add ``--store`` and ``--store-ca``, as one argument ``store``."""

    @functools.wraps(function)
    def with_store(*args: Any, store: str, store_ca: Path | None, **rest: Any) -> Any:
        if store_ca is not None:
            from ckf_airgap.net.trust import check_authorities

            check_authorities(store_ca)
        return function(*args, store=ckf_airgap.StoreOptions(url=store, ca_file=store_ca), **rest)

    return apply(
        [
            click.option(
                "--store",
                envvar="CHARMHUB_URL",
                show_envvar=True,
                default=DEFAULT_STORE,
                show_default=True,
                metavar="URL",
                help="The charm store: Charmhub, a mirror, or an on-premises one.",
            ),
            click.option(
                "--store-ca",
                type=UserPath(),
                envvar="CKF_AIRGAP_STORE_CA",
                show_envvar=True,
                metavar="FILE",
                help="A CA certificate for the store.  [default: the system's]",
            ),
        ],
        cast("_F", with_store),
    )


def _extra(names: tuple[str, ...], channels: tuple[str, ...]) -> tuple[WantedCharm, ...]:
    from ckf_airgap.charms.charm import CHARM_NAME

    if channels and len(channels) != len(names):
        raise UsageError(
            f"{len(names)} --charm and {len(channels)} --channel are given",
            fix="Give a --channel for every --charm, or for none.",
        )
    wrong = [name for name in names if not CHARM_NAME.match(name)]
    if wrong:
        raise UsageError(f"{wrong[0]!r} is not the name of a charm")
    wanted = channels or ("stable",) * len(names)
    try:
        return tuple(
            ckf_airgap.WantedCharm(name=name, channel=ckf_airgap.Channel.parse(channel))
            for name, channel in zip(names, wanted, strict=True)
        )
    except AirgapError as exc:
        raise UsageError(exc.message) from exc


def _base(text: str | None) -> Base | None:
    if text is None:
        return None
    try:
        return ckf_airgap.Base.parse(text, where="--base")
    except AirgapError as exc:
        raise UsageError(exc.message) from exc
