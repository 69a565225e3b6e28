"""What a rehearsal does not simulate, and the errors for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ckf_airgap.rehearsal.wire import NOT_SUPPORTED, ApiError

_WHAT: Final[Mapping[str, str]] = {
    "Controller.DashboardConnectionInfo": "the dashboard",
    "Controller.InitiateMigration": "migrations",
    "HighAvailability": "more than one controller",
    "ModelUpgrader": "upgrades of Juju",
    "SSHClient": "ssh, scp and debug-hooks, since its units are not pods",
}
"""By facade, or by facade and method: what is not simulated when a call is refused."""

_INSTEAD: Final[Mapping[str, str]] = {
    "Controller.DashboardConnectionInfo": "juju status shows the model",
    "Controller.InitiateMigration": "deploy the bundle into a model of the other controller",
    "ModelUpgrader": "its version stays what it is; rehearse the upgrade on a cluster",
    "HighAvailability": "a rehearsal is one process, and ends with it",
    "SSHClient": "juju debug-log and juju show-status-log tell what units went through",
}
"""What to do instead, by facade, or by facade and method."""


def not_played(facade: str, method: str) -> ApiError:
    """Return the refusal of something that Juju has and a rehearsal does not simulate.

    Its code is not ``not implemented``, which Juju uses for an unknown call: the ``juju`` client
    would advise users to re-install it.
    """
    call = f"{facade}.{method}"
    what = _WHAT.get(call) or _WHAT.get(facade)
    instead = _INSTEAD.get(call) or _INSTEAD.get(facade)
    named = f"{what} ({call})" if what else call
    advice = f": {instead}" if instead else ""
    return ApiError(f"a rehearsal does not simulate {named}{advice}", NOT_SUPPORTED)


def other_version(facade: str, version: int, method: str, *, has: str) -> ApiError:
    """Return the refusal of a method that only other versions of the facade have.

    Args:
        facade: The facade.
        version: The version that was called.
        method: The method.
        has: The versions that have it: ``from 22 on``.
    """
    return ApiError(
        f"no such request - method {facade}({version}).{method}: {facade} has it {has}",
        NOT_SUPPORTED,
    )
