"""The base that an application is deployed on, chosen as Juju chooses. Pure."""

from __future__ import annotations

from typing import Final

from ckf_airgap.bundle.bundle import Application, Bundle
from ckf_airgap.charms.charm import SERIES_CHANNELS, Base, Charm
from ckf_airgap.errors import CharmError

KUBERNETES_SERIES: Final = "kubernetes"
"""The series of podspec charms; Juju 3.6 takes it for `PODSPEC_BASE`."""

PODSPEC_BASE: Final = Base(name="ubuntu", channel="20.04/stable")
"""What ``series: [kubernetes]`` stands for in Juju 3.6 (``corebase.LegacyKubernetesBase``)."""


def choose_base(application: Application, bundle: Bundle, charm: Charm) -> Base:
    """Return the base that an application is deployed on.

    In this order: the application's ``base``, its ``series``, the bundle's ``default-base``, its
    ``series`` (``kubernetes`` names no base and is ignored), the first base of the charm's
    manifest, the first series of its metadata (``kubernetes`` is 20.04).

    Raises:
        CharmError: when the charm does not support what the bundle asks for, or declares no base.
    """
    supported = charm.bases or tuple(
        PODSPEC_BASE
        if series == KUBERNETES_SERIES
        else Base(name="ubuntu", channel=f"{SERIES_CHANNELS[series]}/stable")
        for series in charm.series
        if series == KUBERNETES_SERIES or series in SERIES_CHANNELS
    )
    if not supported:
        raise CharmError(f"charm {charm.name} does not define any bases")
    wanted = (
        application.base
        or _series_base(application.series)
        or bundle.default_base
        or _series_base(bundle.series)
    )
    if wanted is None:
        return supported[0]
    for base in supported:
        if base.same_os(wanted):
            return base
    names = ", ".join(dict.fromkeys(str(base) for base in supported))
    raise CharmError(
        f'base "{wanted}" is not supported by charm {charm.name}, supported bases are: {names}'
    )


def written(base: Base) -> str:
    """Return a base as Juju writes it, with its risk: ``ubuntu@24.04/stable``."""
    return f"{base.name}@{base.channel}" if "/" in base.channel else f"{base}/stable"


def _series_base(series: str | None) -> Base | None:
    if not series or series == KUBERNETES_SERIES:
        return None
    if series in SERIES_CHANNELS:
        return Base(name="ubuntu", channel=SERIES_CHANNELS[series])
    known = ", ".join(SERIES_CHANNELS)
    raise CharmError(f'series "{series}" is not known', fix=f"use one of {known}, or base:")
