"""Which API calls a model's blocks forbid.

A lookup table: the ``BlockChecker`` check that each method of the real facades
(``apiserver/facades/client``) makes. Destroying a model is checked per model, so it is not listed.
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
"""Calls on a model connection: that model's blocks apply."""

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
"""Calls on a controller connection: the blocks of the controller model apply."""


def check_blocks(
    model: Model | None, controller_model: Model, *, facade: str, method: str, params: Document
) -> None:
    """Check that no block forbids an API call.

    Args:
        model: The model of the connection, if it is a model connection.
        controller_model: The controller model.
        facade: The facade being called.
        method: The method being called.
        params: Its parameters.

    Raises:
        ApiError: with the block's message and the code ``operation is blocked``.
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
