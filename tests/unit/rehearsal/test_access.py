"""Who may call what: the table of requirements, and that it is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.rehearsal.api.facades import FACADES
from ckf_airgap.rehearsal.api.permissions import REQUIREMENTS, check_call
from ckf_airgap.rehearsal.model.permission import (
    CLOUD_ACCESS,
    CONTROLLER_ACCESS,
    MODEL_ACCESS,
    OFFER_ACCESS,
    at_least,
    check_access,
)
from ckf_airgap.rehearsal.model.state import ControllerState
from ckf_airgap.rehearsal.model.users import User, Users
from ckf_airgap.rehearsal.wire import ApiError
from tests.witness.facts import FACTS

MODEL = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def controller(tmp_path: Path) -> ControllerState:
    """A controller with the users of every access to one model that has no owner."""
    admin = User(name="admin", password="secret", access="superuser")
    users = Users(admin)
    for name, access in zip(("reader", "writer", "adminer"), MODEL_ACCESS[1:], strict=True):
        users.add(name, password="apple")
        users.of_models.add(MODEL, name, display_name="", access=access)
    users.add("stranger", password="apple")

    def no_model(**_keys: Any) -> Any:
        raise NotImplementedError

    return ControllerState(
        name="rehearsal",
        uuid="22222222-2222-4222-8222-222222222222",
        ca_cert="",
        users=users,
        admin=admin,
        directory=tmp_path,
        make_model=no_model,
    )


def may(controller: ControllerState, name: str, call: str) -> bool:
    user = controller.users.get(name)
    facade, method = call.split(".")
    try:
        check_call(controller, user, MODEL, facade=facade, method=method)
    except ApiError:
        return False
    return True


USERS = ("stranger", "reader", "writer", "adminer", "admin")


@pytest.mark.parametrize(
    ("call", "allowed"),
    [
        # every user who may log in to the model
        ("Application.ApplicationsInfo", "stranger reader writer adminer admin"),
        ("Application.UnitsInfo", "stranger reader writer adminer admin"),
        ("Resources.ListResources", "stranger reader writer adminer admin"),
        ("Resources.AddPendingResources", "stranger reader writer adminer admin"),
        ("ModelConfig.SLALevel", "stranger reader writer adminer admin"),
        ("Pinger.Ping", "stranger reader writer adminer admin"),
        # read access, and superusers without it
        ("Client.FullStatus", "reader writer adminer admin"),
        ("Client.WatchAll", "reader writer adminer admin"),
        ("ModelConfig.ModelGet", "reader writer adminer admin"),
        ("Storage.ListStorageDetails", "reader writer adminer admin"),
        # read access that was granted on this model
        ("Application.Get", "reader writer adminer"),
        ("Application.CharmConfig", "reader writer adminer"),
        ("Annotations.Get", "reader writer adminer"),
        ("Action.Operations", "reader writer adminer"),
        ("Block.List", "reader writer adminer"),
        ("Bundle.ExportBundle", "reader writer adminer"),
        ("Charms.CharmInfo", "reader writer adminer"),
        ("Secrets.ListSecrets", "reader writer adminer"),
        # write access
        ("Application.Deploy", "writer adminer"),
        ("Application.GetCharmURLOrigin", "writer adminer"),
        ("Application.SetConfigs", "writer adminer"),
        ("Action.EnqueueOperation", "writer adminer"),
        ("Action.ApplicationsCharmsActions", "writer adminer"),
        ("Annotations.Set", "writer adminer"),
        ("Block.SwitchBlockOn", "writer adminer"),
        ("ModelConfig.ModelSet", "writer adminer"),
        ("Secrets.CreateSecrets", "writer adminer"),
        ("Storage.Remove", "writer adminer"),
        ("Charms.AddCharm", "writer adminer admin"),
        # administrators
        ("Action.Run", "adminer"),
        ("SSHClient.Proxy", "adminer admin"),
    ],
)
def test_who_may_call_what_on_a_model(controller: ControllerState, call: str, allowed: str) -> None:
    assert [name for name in USERS if may(controller, name, call)] == allowed.split()


@pytest.mark.parametrize(
    ("facade", "method"),
    [(facade, method) for facade, methods in REQUIREMENTS.items() for method in methods],
)
def test_no_requirement_is_met_by_nobody(
    controller: ControllerState, facade: str, method: str
) -> None:
    call = f"{facade}.{method}"
    assert may(controller, "adminer", call)
    assert not may(controller, "stranger", call)


def test_too_little_access_is_permission_denied(controller: ControllerState) -> None:
    with pytest.raises(ApiError) as caught:
        check_call(
            controller,
            controller.users.get("reader"),
            MODEL,
            facade="Block",
            method="SwitchBlockOn",
        )
    assert (caught.value.message, caught.value.code) == ("permission denied", "unauthorized access")


def test_facades_of_the_controller_check_by_themselves(controller: ControllerState) -> None:
    for call in ("UserManager.AddUser", "ModelManager.DestroyModels", "Controller.AllModels"):
        assert may(controller, "stranger", call)


@pytest.mark.parametrize(
    ("change", "text"), [("disabled", "is disabled"), ("removed", "is permanently deleted")]
)
@pytest.mark.parametrize(("of_model", "kind"), [(True, "model"), (False, "controller")])
def test_a_user_who_was_locked_out_may_do_nothing_any_more(
    controller: ControllerState, change: str, text: str, of_model: bool, kind: str
) -> None:
    user = controller.users.get("writer")
    setattr(user, change, True)
    with pytest.raises(ApiError) as caught:
        check_call(controller, user, MODEL, facade="Bundle", method="GetChanges", of_model=of_model)
    assert caught.value.message == (
        f'checking entity "user-writer" has permission: while obtaining {kind} user: '
        f'while obtaining {kind} user: user "writer" {text}'
    )


UNCHECKED = {
    "Action.WatchActionsProgress",
    "AllWatcher.Next",
    "AllWatcher.Stop",
    "Application.ApplicationsInfo",
    "Application.Destroy",
    "Application.DestroyUnits",
    "Application.Leader",
    "Application.UnitsInfo",
    "Bundle.GetChanges",
    "Bundle.GetChangesMapArgs",
    "HighAvailability.EnableHA",  # by whether one is a superuser
    "MigrationStatusWatcher.Next",
    "MigrationStatusWatcher.Stop",
    "ModelConfig.SLALevel",
    "NotifyWatcher.Next",
    "NotifyWatcher.Stop",
    "Payloads.List",
    "Pinger.Ping",
    "Pinger.Stop",
    "Resources.AddPendingResources",
    "Resources.ListResources",
    "Storage.CreatePool",
    "StringsWatcher.Next",
    "StringsWatcher.Stop",
}
"""What Juju answers to everybody who may log in to the model."""


def test_the_table_is_complete_and_names_nothing_else() -> None:
    """Held against the table of Juju's API, which was made without this one."""
    wanted = {
        f"{name}.{method}"
        for name, facade in FACTS.facades.items()
        if facade["on"] != "controller" and facade.get("on_kubernetes") is not False
        for method in facade["methods"]
        if name != "Admin"
    }
    told = {f"{name}.{method}" for name, methods in REQUIREMENTS.items() for method in methods}
    assert told | UNCHECKED == wanted
    assert not told & UNCHECKED


def test_every_facade_has_a_name_of_its_own_and_versions_in_order() -> None:
    names = [facade.name for facade in FACADES]
    assert len(names) == len(set(names))
    for facade in FACADES:
        assert list(facade.versions) == sorted(facade.versions), facade.name


@pytest.mark.parametrize(
    ("levels", "good", "bad", "target"),
    [
        (CONTROLLER_ACCESS, ["login", "superuser"], ["", "add-model", "read"], "controller"),
        (MODEL_ACCESS, ["read", "write", "admin"], ["", "consume", "superuser"], "model"),
        (OFFER_ACCESS, ["read", "consume", "admin"], ["", "write"], "offer"),
        (CLOUD_ACCESS, ["add-model", "admin"], ["", "login"], "cloud"),
    ],
)
def test_what_can_be_granted_on_what(
    levels: tuple[str, ...], good: list[str], bad: list[str], target: str
) -> None:
    for access in good:
        check_access(levels, access)
    for access in bad:
        with pytest.raises(ApiError) as caught:
            check_access(levels, access)
        assert (caught.value.message, caught.value.code) == (
            f'"{access}" {target} access not valid',
            "not valid",
        )


def test_access_of_another_kind_is_never_enough() -> None:
    assert at_least(MODEL_ACCESS, "admin", "read")
    assert at_least(MODEL_ACCESS, "read", "read")
    assert not at_least(MODEL_ACCESS, "read", "write")
    assert not at_least(MODEL_ACCESS, "superuser", "read")
    assert not at_least(MODEL_ACCESS, "admin", "login")
