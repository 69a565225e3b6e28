"""The base that an application is deployed on, chosen as Juju chooses. Pure."""

from __future__ import annotations

from ckf_airgap.bundle.bundle import Application, Bundle
from ckf_airgap.charms.bases import KUBERNETES_SERIES, PODSPEC_BASE, select_base, series_base
from ckf_airgap.charms.charm import Base, Charm


def requested_base(application: Application, bundle: Bundle) -> Base | None:
    """Return the base that a bundle asks for; ``None`` when it asks for none.

    In this order: the application's ``series`` if that is ``kubernetes``, its ``base``, its other
    ``series``, the bundle's ``default-base``, its ``series`` (of a bundle, ``kubernetes`` says no
    more than that it is for Kubernetes, as in bundles from before Juju 2.9, and is ignored).

    Raises:
        CharmError: when Juju does not know a series.
    """
    if application.series == KUBERNETES_SERIES:
        return PODSPEC_BASE
    if application.base is not None:
        return application.base
    if application.series:
        return series_base(application.series)
    if bundle.default_base is not None:
        return bundle.default_base
    if bundle.series and bundle.series != KUBERNETES_SERIES:
        return series_base(bundle.series)
    return None


def choose_base(application: Application, bundle: Bundle, charm: Charm) -> Base:
    """Return the base that an application is deployed on.

    It is what the bundle asks for (`requested_base`), else the first base of the charm's manifest,
    else the first series of its metadata (``kubernetes`` is 20.04).

    Raises:
        CharmError: when the charm does not support what the bundle asks for, or declares no base,
            or Juju does not support it.
    """
    return select_base(charm, requested_base(application, bundle))


def written(base: Base) -> str:
    """Return a base as Juju writes it, with its risk: ``ubuntu@24.04/stable``."""
    return f"{base.name}@{base.channel}" if "/" in base.channel else f"{base}/stable"
