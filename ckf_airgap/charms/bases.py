"""The base that a charm is deployed on, and which bases and architectures its file is for. Pure.

The rules are those of Juju 3.6: ``core/charm/computedbase.go`` for the bases that a charm has,
``core/charm/baseselector.go`` for the one that is taken, ``core/base/supported.go`` for those that
Juju itself has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ckf_airgap.charms.charm import Base, Charm
from ckf_airgap.errors import CharmError

KUBERNETES_SERIES: Final = "kubernetes"
"""The series of podspec charms; Juju 3.6 takes it for `PODSPEC_BASE`."""

PODSPEC_BASE: Final = Base(name="ubuntu", channel="20.04/stable")
"""What the series ``kubernetes`` stands for in Juju 3.6 (``corebase.LegacyKubernetesBase``)."""

SERIES: Final[Mapping[str, str]] = {
    "precise": "12.04",
    "quantal": "12.10",
    "raring": "13.04",
    "saucy": "13.10",
    "trusty": "14.04",
    "utopic": "14.10",
    "vivid": "15.04",
    "wily": "15.10",
    "xenial": "16.04",
    "yakkety": "16.10",
    "zesty": "17.04",
    "artful": "17.10",
    "bionic": "18.04",
    "cosmic": "18.10",
    "disco": "19.04",
    "eoan": "19.10",
    "focal": "20.04",
    "groovy": "20.10",
    "hirsute": "21.04",
    "impish": "21.10",
    "jammy": "22.04",
    "kinetic": "22.10",
    "lunar": "23.04",
    "mantic": "23.10",
    "noble": "24.04",
    "resolute": "26.04",
}
"""The series of Ubuntu that Juju 3.6 knows by name, and their versions."""

SUPPORTED: Final[Mapping[str, frozenset[str]]] = {
    "ubuntu": frozenset({"20.04", "22.04", "24.04", "26.04"}),
    "centos": frozenset({"7", "9"}),
    "genericlinux": frozenset({"genericlinux"}),
}
"""The versions of each system that Juju 3.6 deploys on; it refuses charms for others only."""

ARCHITECTURES: Final = ("amd64", "arm64", "ppc64el", "riscv64", "s390x")
"""The architectures that Juju 3.6 knows."""

DEFAULT_ARCHITECTURE: Final = "amd64"
"""What Juju takes when neither an application nor its model has a constraint ``arch``."""

_ANY_ARCHITECTURE: Final = "all"


def declared_bases(charm: Charm) -> tuple[Base, ...]:
    """Return the bases of a charm: those of its manifest, else what its series stand for.

    Raises:
        CharmError: when it names a series that Juju does not know, and has no manifest.
    """
    return charm.bases or tuple(series_base(series) for series in charm.series)


def series_base(series: str) -> Base:
    """Return the base that the name of a series stands for.

    Raises:
        CharmError: when Juju does not know the series.
    """
    if series == KUBERNETES_SERIES:
        return PODSPEC_BASE
    if series not in SERIES:
        known = ", ".join(
            name for name, version in SERIES.items() if version in SUPPORTED["ubuntu"]
        )
        raise CharmError(f'series "{series}" is not known', fix=f"use one of {known}, or base:")
    return Base(name="ubuntu", channel=f"{SERIES[series]}/stable")


def select_base(charm: Charm, requested: Base | None) -> Base:
    """Return the base that Juju deploys a charm on.

    Args:
        charm: The charm.
        requested: What the bundle asks for; ``None`` takes the first base of the charm.

    Returns:
        The base as it was requested, risk and all; its architectures are those of the charm for it.

    Raises:
        CharmError: when the charm does not have the base, or declares none, or Juju does not
            support it.
    """
    declared = declared_bases(charm)
    if not declared:
        raise CharmError(f"charm {charm.name} does not define any bases")
    supported = [base for base in declared if _is_supported(base)]
    names = ", ".join(dict.fromkeys(map(str, supported)))
    if not supported:
        every = ", ".join(dict.fromkeys(map(str, declared)))
        raise CharmError(
            f'the charm defined bases "{every}" not supported',
            fix=f"take a charm {charm.name} for a base that Juju 3.6 supports: {_known()}",
        )
    wanted = requested or declared[0]
    matching = [base for base in supported if base.same_os(wanted)]
    if matching:
        architectures = (name for base in matching for name in base.architectures)
        limited = all(base.architectures for base in matching)
        return Base(
            name=wanted.name,
            channel=wanted.channel,
            architectures=tuple(dict.fromkeys(architectures)) if limited else (),
        )
    if requested is None or not _is_supported(wanted):
        raise CharmError(
            f'base "{wanted}" is not supported by Juju 3.6',
            fix=f"name another one with base:; charm {charm.name} also has {names}",
        )
    raise CharmError(
        f'base "{wanted}" is not supported by charm {charm.name}, supported bases are: {names}'
    )


def runs_on(base: Base, architecture: str) -> bool:
    """Whether a base is for an architecture; one that names none is for any."""
    return not base.architectures or bool({_ANY_ARCHITECTURE, architecture} & {*base.architectures})


def described(charm: Charm) -> str:
    """Return what a charm's file is for, for a person: ``ubuntu@22.04 amd64, ubuntu@24.04``."""
    try:
        bases = declared_bases(charm)
    except CharmError as exc:
        return exc.message
    texts = (" ".join([str(base), *base.architectures]) for base in bases)
    return ", ".join(dict.fromkeys(texts)) or "no base"


def _is_supported(base: Base) -> bool:
    return base.track in SUPPORTED.get(base.name, ())


def _known() -> str:
    return ", ".join(f"ubuntu@{version}" for version in sorted(SUPPORTED["ubuntu"]))
