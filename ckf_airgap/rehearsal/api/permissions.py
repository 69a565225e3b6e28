"""The access that each call on a model connection requires.

A lookup table: what the method of the real facade (``apiserver/facades/client``) checks before
anything else. A method that is not listed checks nothing, or its check depends on its parameters
and is made in the method itself. The controller facades, which check per entity, do the same.
Nearly all methods require access granted on this very model, and refuse even superusers who have
not been granted it; the exceptions are marked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ckf_airgap.rehearsal.model.permission import ADMIN, MODEL_ACCESS, READ, WRITE, at_least
from ckf_airgap.rehearsal.model.state import ControllerState
from ckf_airgap.rehearsal.model.users import User
from ckf_airgap.rehearsal.wire import ApiError, unauthorized


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a user needs to call a method.

    Attributes:
        access: The access to the model.
        or_superuser: Whether controller superusers may call it without that access.
    """

    access: str
    or_superuser: bool = False


_READ: Final = Requirement(READ)
_WRITE: Final = Requirement(WRITE)
_ADMIN: Final = Requirement(ADMIN)
_READ_OR_SUPERUSER: Final = Requirement(READ, or_superuser=True)
_WRITE_OR_SUPERUSER: Final = Requirement(WRITE, or_superuser=True)
_ADMIN_OR_SUPERUSER: Final = Requirement(ADMIN, or_superuser=True)


def _each(requirement: Requirement, *methods: str) -> dict[str, Requirement]:
    return dict.fromkeys(methods, requirement)


REQUIREMENTS: Final[Mapping[str, Mapping[str, Requirement]]] = {
    "Action": {
        **_each(_READ, "Actions", "ListOperations", "Operations"),
        **_each(_WRITE, "ApplicationsCharmsActions", "Cancel", "EnqueueOperation"),
        **_each(_ADMIN, "Run", "RunOnAllMachines"),
    },
    "Annotations": {**_each(_READ, "Get"), **_each(_WRITE, "Set")},
    "Application": {
        **_each(
            _READ,
            "CharmConfig",
            "CharmRelations",
            "Get",
            "GetApplicationStorage",
            "GetConfig",
            "GetConstraints",
        ),
        **_each(
            _WRITE,
            "AddRelation",
            "AddUnits",
            "Consume",
            "Deploy",
            "DeployFromRepository",
            "DestroyApplication",
            "DestroyConsumedApplications",
            "DestroyRelation",
            "DestroyUnit",
            "Expose",
            "GetCharmURLOrigin",
            "MergeBindings",
            "ResolveUnitErrors",
            "ScaleApplications",
            "SetCharm",
            "SetConfigs",
            "SetConstraints",
            "SetMetricCredentials",
            "SetRelationsSuspended",
            "Unexpose",
            "UnsetApplicationsConfig",
            "UpdateApplicationBase",
            "UpdateApplicationStorage",
        ),
    },
    "Block": {**_each(_READ, "List"), **_each(_WRITE, "SwitchBlockOff", "SwitchBlockOn")},
    "Bundle": _each(_READ, "ExportBundle"),
    "Charms": {
        **_each(
            _READ,
            "CharmInfo",
            "CheckCharmPlacement",
            "GetDownloadInfos",
            "IsMetered",
            "List",
            "ListCharmResources",
            "ResolveCharms",
        ),
        **_each(_WRITE_OR_SUPERUSER, "AddCharm", "AddCharmWithAuthorization"),
    },
    "Client": {
        **_each(_READ_OR_SUPERUSER, "FullStatus", "StatusHistory", "WatchAll"),
        **_each(_WRITE_OR_SUPERUSER, "FindTools"),
    },
    "ModelConfig": {
        **_each(_READ_OR_SUPERUSER, "GetModelConstraints", "ModelGet", "Sequences"),
        **_each(_WRITE, "ModelSet", "ModelUnset", "SetModelConstraints", "SetSLALevel"),
    },
    "SSHClient": _each(
        _ADMIN_OR_SUPERUSER,
        "AllAddresses",
        "ModelCredentialForSSH",
        "PrivateAddress",
        "Proxy",
        "PublicAddress",
        "PublicKeys",
    ),
    "Secrets": {
        **_each(_READ, "ListSecrets"),
        **_each(
            _WRITE, "CreateSecrets", "GrantSecret", "RemoveSecrets", "RevokeSecret", "UpdateSecrets"
        ),
    },
    "Storage": {
        **_each(
            _READ_OR_SUPERUSER,
            "ListFilesystems",
            "ListPools",
            "ListStorageDetails",
            "ListVolumes",
            "StorageDetails",
        ),
        **_each(
            _WRITE,
            "AddToUnit",
            "Attach",
            "DetachStorage",
            "Import",
            "Remove",
            "RemovePool",
            "UpdatePool",
        ),
    },
}


def check_call(
    controller: ControllerState,
    user: User,
    model_uuid: str,
    *,
    facade: str,
    method: str,
    of_model: bool = True,
) -> None:
    """Check that a user may call a method.

    Args:
        controller: The controller.
        user: The calling user.
        model_uuid: The model; the controller model on a controller connection.
        facade: The name of the facade.
        method: The name of its method.
        of_model: Whether this is a model connection, which affects the error message.

    Raises:
        ApiError: ``permission denied``, or that the user has been disabled or removed.
    """
    try:
        user.check_may_have_access()
    except ApiError as error:
        kind = "model" if of_model else "controller"
        prefix = f'checking entity "{user.tag}" has permission'
        raise error.annotated(
            f"{prefix}: while obtaining {kind} user: while obtaining {kind} user"
        ) from error
    needed = REQUIREMENTS.get(facade, {}).get(method)
    if needed is None or (needed.or_superuser and user.is_superuser):
        return
    held = controller.users.of_models.access(model_uuid, user.name)
    if not at_least(MODEL_ACCESS, held, needed.access):
        raise unauthorized()
