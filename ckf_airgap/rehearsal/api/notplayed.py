"""What a rehearsal does not simulate, and how it says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ckf_airgap.rehearsal.wire import NOT_SUPPORTED, ApiError

_ELSEWHERE: Final = "relations to other models"

_WHAT: Final[Mapping[str, str]] = {
    "Action": "actions, run and exec, since no charm code runs",
    "ApplicationOffers": _ELSEWHERE,
    "Application.Consume": _ELSEWHERE,
    "Application.DestroyConsumedApplications": _ELSEWHERE,
    "Bundle.ExportBundle": "the export of a model as a bundle",
    "Controller.DashboardConnectionInfo": "the dashboard",
    "Controller.InitiateMigration": "migrations",
    "HighAvailability": "more than one controller",
    "ModelUpgrader": "upgrades of Juju",
    "Payloads": "payloads",
    "SSHClient": "ssh, scp and debug-hooks, since its units are not pods",
    "SecretBackends": "secrets",
    "Secrets": "secrets",
}
"""By facade, or by facade and method: what is missing when a call leads nowhere."""


def not_played(facade: str, method: str) -> ApiError:
    """Return the refusal of something that Juju has and a rehearsal does not.

    Its code is not ``not implemented``, Juju's own for an unknown call: the ``juju`` client would
    advise its user to re-install it.
    """
    call = f"{facade}.{method}"
    what = _WHAT.get(call) or _WHAT.get(facade)
    return ApiError(
        f"a rehearsal does not simulate {f'{what} ({call})' if what else call}", NOT_SUPPORTED
    )
