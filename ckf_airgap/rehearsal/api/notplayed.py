"""What a rehearsal does not simulate, and how it says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ckf_airgap.rehearsal.wire import NOT_SUPPORTED, ApiError

_DEFAULTS: Final = "the defaults of new models"
_END: Final = "the end of its controller: stop the process that runs it"

_WHAT: Final[Mapping[str, str]] = {
    "Block": "disabled commands",
    "Client.StatusHistory": "the history of statuses",
    "Cloud": "clouds beyond the one that it has",
    "Controller.CloudSpec": _END,
    "Controller.ConfigSet": "changes of the controller's configuration",
    "Controller.DashboardConnectionInfo": "the dashboard",
    "Controller.DestroyController": _END,
    "Controller.InitiateMigration": "migrations",
    "HighAvailability": "more than one controller",
    "ModelManager.ChangeModelCredential": "changes of a model's credential",
    "ModelManager.ModelDefaultsForClouds": _DEFAULTS,
    "ModelManager.SetModelDefaults": _DEFAULTS,
    "ModelManager.UnsetModelDefaults": _DEFAULTS,
    "ModelUpgrader": "upgrades of Juju",
    "Payloads": "payloads",
    "SSHClient": "ssh, scp and debug-hooks, since its units are not pods",
    "Storage": "storage",
    "UserManager.ModelUserInfo": "the list of a model's users",
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
