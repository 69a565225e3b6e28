"""Who may call what on a controller: a user who may log in and no more, and a superuser.

The facades of a controller check by themselves, some for the whole call and some for each entity;
which, is a fact about ``apiserver/facades/client``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.rehearsal.api.facades import FACADES
from ckf_airgap.rehearsal.wire import ApiError
from tests.unit.rehearsal.test_users import World

BY_NAME = {facade.name: facade for facade in FACADES}

WHOLE, EACH, ALLOWED = "the whole call", "each entity", "nothing"
"""What is refused."""

CREDENTIAL = "cloudcred-k8s_admin_k8s"
ADMIN: Any = {"entities": [{"tag": "user-admin"}]}
OWN: Any = {"entities": [{"tag": "user-bob"}]}

CALLS: list[tuple[str, Any, str]] = [
    ("UserManager.AddUser", {"users": [{"username": "eve"}]}, WHOLE),
    ("UserManager.AddUser", {"users": []}, ALLOWED),
    ("UserManager.RemoveUser", OWN, WHOLE),
    ("UserManager.DisableUser", OWN, WHOLE),
    ("UserManager.EnableUser", OWN, WHOLE),
    ("UserManager.ModelUserInfo", {"entities": [{"tag": "MODEL"}]}, WHOLE),
    ("UserManager.UserInfo", ADMIN, EACH),
    ("UserManager.UserInfo", OWN, ALLOWED),
    ("UserManager.SetPassword", {"changes": [{"tag": "user-admin", "password": "x"}]}, EACH),
    ("UserManager.SetPassword", {"changes": [{"tag": "user-bob", "password": "x"}]}, ALLOWED),
    ("Controller.AllModels", {}, WHOLE),
    ("Controller.ConfigSet", {"config": {"audit-log-max-backups": 1}}, WHOLE),
    ("Controller.HostedModelConfigs", {}, WHOLE),
    ("Controller.ListBlockedModels", {}, WHOLE),
    ("Controller.MongoVersion", {}, WHOLE),
    ("Controller.ControllerConfig", {}, ALLOWED),
    ("Controller.ControllerVersion", {}, ALLOWED),
    ("Controller.IdentityProviderURL", {}, ALLOWED),
    ("Controller.ControllerAPIInfoForModels", {"entities": [{"tag": "MODEL"}]}, ALLOWED),
    ("Controller.GetControllerAccess", ADMIN, EACH),
    ("Controller.GetControllerAccess", OWN, ALLOWED),
    ("Controller.ModelStatus", {"entities": [{"tag": "MODEL"}]}, EACH),
    (
        "Controller.ModifyControllerAccess",
        {"changes": [{"user-tag": "user-bob", "action": "grant", "access": "superuser"}]},
        EACH,
    ),
    ("ModelManager.ListModels", {"tag": "user-admin"}, WHOLE),
    ("ModelManager.ListModels", {"tag": "user-bob"}, ALLOWED),
    ("ModelManager.ListModelSummaries", {"user-tag": "user-admin"}, WHOLE),
    ("ModelManager.ListModelSummaries", {"user-tag": "user-bob"}, ALLOWED),
    ("ModelManager.CreateModel", {"name": "new", "owner-tag": "user-bob"}, WHOLE),
    ("ModelManager.ModelInfo", {"entities": [{"tag": "MODEL"}]}, EACH),
    ("ModelManager.ModelStatus", {"entities": [{"tag": "MODEL"}]}, EACH),
    ("ModelManager.DestroyModels", {"models": [{"model-tag": "MODEL"}]}, EACH),
    (
        "ModelManager.ModifyModelAccess",
        {
            "changes": [
                {
                    "user-tag": "user-bob",
                    "action": "grant",
                    "access": "read",
                    "model-tag": "MODEL",
                }
            ]
        },
        EACH,
    ),
    (
        "ModelManager.ChangeModelCredential",
        {"model-credentials": [{"model-tag": "MODEL", "credential-tag": CREDENTIAL}]},
        EACH,
    ),
    ("ModelManager.ModelDefaultsForClouds", {"entities": [{"tag": "cloud-k8s"}]}, WHOLE),
    ("ModelManager.SetModelDefaults", {"config": [{"config": {"development": True}}]}, EACH),
    ("ModelManager.UnsetModelDefaults", {"keys": [{"keys": ["development"]}]}, WHOLE),
    ("Cloud.AddCloud", {"name": "c", "cloud": {"type": "kubernetes"}}, WHOLE),
    (
        "Cloud.UpdateCloud",
        {"clouds": [{"name": "k8s", "cloud": {"type": "kubernetes"}}]},
        WHOLE,
    ),
    ("Cloud.RemoveClouds", {"entities": [{"tag": "cloud-k8s"}]}, EACH),
    (
        "Cloud.ModifyCloudAccess",
        {
            "changes": [
                {
                    "user-tag": "user-eve",
                    "action": "grant",
                    "access": "admin",
                    "cloud-tag": "cloud-k8s",
                }
            ]
        },
        EACH,
    ),
    ("Cloud.Credential", {"entities": [{"tag": CREDENTIAL}]}, EACH),
    (
        "Cloud.UserCredentials",
        {"user-clouds": [{"user-tag": "user-admin", "cloud-tag": "cloud-k8s"}]},
        EACH,
    ),
    ("Cloud.Clouds", {}, ALLOWED),
    ("Cloud.CredentialContents", {"credentials": []}, ALLOWED),
]


@pytest.fixture
async def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    await world.add("bob")
    return world


async def refused(world: World, call: str, params: Any, user: str) -> str:
    """Return how much of a call is refused."""
    facade, method = call.split(".")
    tag = f"model-{world.model.uuid}"
    filled = {
        key: [
            {name: tag if value == "MODEL" else value for name, value in entry.items()}
            for entry in value
        ]
        if isinstance(value, list)
        else value
        for key, value in params.items()
    }
    try:
        reply = await world.call(BY_NAME[facade], method, filled, user=user)
    except ApiError as error:
        return WHOLE if error.code == "unauthorized access" else ALLOWED
    results = reply.get("results") or reply.get("models") or []
    codes = [(entry.get("error") or {}).get("code") for entry in results]
    return EACH if codes and set(codes) == {"unauthorized access"} else ALLOWED


@pytest.mark.parametrize(("call", "params", "what"), CALLS)
async def test_who_may_log_in_and_no_more(world: World, call: str, params: Any, what: str) -> None:
    assert await refused(world, call, params, "bob") == what


@pytest.mark.parametrize(("call", "params", "what"), CALLS)
async def test_a_superuser_may_call_all_of_them(
    world: World, call: str, params: Any, what: str
) -> None:
    assert await refused(world, call, params, "admin") == ALLOWED
