"""Which calls a block of a model forbids.

A table of facts: what the methods of the real facades (``apiserver/facades/client``) ask their
``BlockChecker``. Destroying a model is checked for each model, so it is not in here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.model.blocks import CHANGE, REMOVE
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.wire import bool_field


def _each(kind: str, facade: str, *methods: str) -> dict[tuple[str, str], str]:
    return {(facade, method): kind for method in methods}


CHECKS: Final[Mapping[tuple[str, str], str]] = {
    **_each(CHANGE, "Action", "Run", "RunOnAllMachines"),
    **_each(
        CHANGE,
        "Application",
        "AddRelation",
        "Consume",
        "Deploy",
        "Expose",
        "MergeBindings",
        "ResolveUnitErrors",
        "ScaleApplications",
        "SetCharm",
        "SetConfigs",
        "SetConstraints",
        "SetRelationsSuspended",
        "Unexpose",
        "UnsetApplicationsConfig",
        "UpdateApplicationBase",
    ),
    **_each(
        REMOVE,
        "Application",
        "DeployFromRepository",
        "Destroy",
        "DestroyApplication",
        "DestroyConsumedApplications",
        "DestroyRelation",
    ),
    **_each(CHANGE, "HighAvailability", "EnableHA"),
    **_each(CHANGE, "ModelConfig", "ModelSet", "ModelUnset", "SetModelConstraints"),
    **_each(CHANGE, "Storage", "AddToUnit", "Attach", "DetachStorage", "Import"),
    **_each(REMOVE, "Storage", "Remove"),
}
"""Calls on a connection to a model: its own blocks count."""

CONTROLLER_CHECKS: Final[Mapping[tuple[str, str], str]] = {
    **_each(
        CHANGE, "ModelManager", "ChangeModelCredential", "SetModelDefaults", "UnsetModelDefaults"
    ),
    **_each(CHANGE, "ModelUpgrader", "AbortModelUpgrade", "UpgradeModel"),
    **_each(
        CHANGE,
        "UserManager",
        "AddUser",
        "DisableUser",
        "EnableUser",
        "RemoveUser",
        "ResetPassword",
        "SetPassword",
    ),
}
"""Calls on a connection to the controller: the blocks of its own model count."""


def check_blocks(
    model: Model | None, controller_model: Model, *, facade: str, method: str, params: Document
) -> None:
    """Check that no block forbids a call.

    Args:
        model: The model of the connection, if it is one to a model.
        controller_model: The controller's own model.
        facade: The facade that is called.
        method: The method that is called.
        params: Its parameters.

    Raises:
        ApiError: with the message of the block, and the code ``operation is blocked``.
    """
    call = (facade, method)
    if call == ("Application", "SetCharm") and bool_field(params, "force-units"):
        return
    kind = CHECKS.get(call)
    if kind is not None and model is not None:
        model.blocks.check(kind)
    kind = CONTROLLER_CHECKS.get(call)
    if kind is not None:
        controller_model.blocks.check(kind)
