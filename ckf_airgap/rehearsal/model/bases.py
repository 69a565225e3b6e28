"""Changing the base of an application's units, as ``juju set-application-base`` does."""

from __future__ import annotations

from ckf_airgap.charms.charm import Base
from ckf_airgap.rehearsal.entities.entities import Application
from ckf_airgap.rehearsal.wire import (
    BAD_REQUEST,
    INCOMPATIBLE_BASE,
    NOT_SUPPORTED,
    ApiError,
)


def update_base(application: Application, channel: str, *, force: bool) -> None:
    """Change the OS version in an application's base.

    Args:
        application: The application.
        channel: The base channel, ``22.04`` or ``22.04/stable``.
        force: Whether a base that the charm does not support is allowed.

    Raises:
        ApiError: when the channel is missing, or the charm does not support the base.
    """
    if not channel:
        raise ApiError("base missing from args", BAD_REQUEST)
    if application.charm.subordinate:
        raise ApiError(
            f'"{application.name}" is a subordinate application, update-series not supported',
            NOT_SUPPORTED,
        )
    charm = application.charm
    base = Base(
        name=application.base.name,
        channel=channel if "/" in channel else f"{channel}/stable",
    )
    if not charm.bases:
        raise ApiError(f'charm "{charm.name}" does not support any bases. Not valid', NOT_SUPPORTED)
    if not force and not any(base.same_os(supported) for supported in charm.bases):
        supported_bases = ", ".join(_shown(supported) for supported in charm.bases)
        raise ApiError(
            f'base "{_shown(base)}" not supported by charm "{charm.name}", supported bases are: '
            f"{supported_bases}",
            INCOMPATIBLE_BASE,
        )
    application.base = base


def _shown(base: Base) -> str:
    return f"{base.name}@{base.channel.removesuffix('/stable')}"
