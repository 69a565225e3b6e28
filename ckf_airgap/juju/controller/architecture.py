"""The architecture that a model puts its applications on."""

from __future__ import annotations

from typing import Final

from ckf_airgap.charms.bases import DEFAULT_ARCHITECTURE
from ckf_airgap.juju.controller.api import Api, CallRefusedError

_NOT_THERE: Final = frozenset({"not implemented", "not supported"})


async def model_architecture(api: Api) -> str | None:
    """Return the architecture of applications that have no constraint ``arch`` of their own.

    It is that of the model's constraints, else amd64: the controller writes it into the
    application's constraints (``state.AddApplication``).

    Args:
        api: A connection to the model.

    Returns:
        ``None`` when the controller cannot be asked: some before Juju 3.1 have no such call.

    Raises:
        RefusedError: with the controller's text, when it does not answer.
        ControllerError: when it cannot be called.
    """
    try:
        reply = await api.call("ModelConfig", "GetModelConstraints")
    except CallRefusedError as exc:
        if exc.code in _NOT_THERE:
            return None
        raise
    constraints = reply.get("constraints")
    named = constraints.get("arch") if isinstance(constraints, dict) else None
    return named if isinstance(named, str) and named else DEFAULT_ARCHITECTURE
