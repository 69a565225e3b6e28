"""Access levels, and which of them apply to which kind of entity, as in ``core/permission``."""

from __future__ import annotations

from typing import Final

from ckf_airgap.rehearsal.wire import NOT_VALID, ApiError

NO_ACCESS: Final = ""
READ: Final = "read"
WRITE: Final = "write"
CONSUME: Final = "consume"
ADMIN: Final = "admin"
LOGIN: Final = "login"
ADD_MODEL: Final = "add-model"
SUPERUSER: Final = "superuser"

CONTROLLER_ACCESS: Final = (NO_ACCESS, LOGIN, SUPERUSER)
"""Access to the controller, in growing order."""

MODEL_ACCESS: Final = (NO_ACCESS, READ, WRITE, ADMIN)
"""Access to a model, in growing order."""

OFFER_ACCESS: Final = (NO_ACCESS, READ, CONSUME, ADMIN)
"""Access to an offer, in growing order."""

CLOUD_ACCESS: Final = (NO_ACCESS, ADD_MODEL, ADMIN)
"""Access to a cloud, in growing order."""

_TARGETS: Final = {
    CONTROLLER_ACCESS: "controller",
    MODEL_ACCESS: "model",
    OFFER_ACCESS: "offer",
    CLOUD_ACCESS: "cloud",
}


def check_access(levels: tuple[str, ...], access: str) -> None:
    """Check that `access` can be granted and revoked.

    Args:
        levels: One of `CONTROLLER_ACCESS`, `MODEL_ACCESS`, `OFFER_ACCESS`, `CLOUD_ACCESS`.
        access: What a client asks for.

    Raises:
        ApiError: ``"x" model access not valid``.
    """
    if access not in levels[1:]:
        raise ApiError(f'"{access}" {_TARGETS[levels]} access not valid', NOT_VALID)


def at_least(levels: tuple[str, ...], held: str, wanted: str) -> bool:
    """Whether `held` is at least `wanted`; anything not in `levels` is never enough."""
    if held not in levels or wanted not in levels:
        return False
    return levels.index(held) >= levels.index(wanted)
