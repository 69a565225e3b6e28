"""Users and their access, through the facades that change and tell them."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ckf_airgap.rehearsal.api.facade import Caller, Facade
from ckf_airgap.rehearsal.api.facades.controller import Controller
from ckf_airgap.rehearsal.api.facades.modelmanager import ModelManager
from ckf_airgap.rehearsal.api.facades.usermanager import UserManager
from ckf_airgap.rehearsal.api.login import Credentials, authenticate
from ckf_airgap.rehearsal.model.bakery import DischargeRequiredError
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.state import ControllerState
from ckf_airgap.rehearsal.model.usernames import is_user_id, parse_user_tag, user_name
from ckf_airgap.rehearsal.model.users import User, Users, timestamp
from ckf_airgap.rehearsal.units.clock import ManualClock
from ckf_airgap.rehearsal.units.course import Script
from ckf_airgap.rehearsal.wire import ApiError

UNKNOWN = "00000000-0000-4000-8000-000000000000"
NOT_LOCAL = 'user "nobody" does not exist locally: user "nobody" not found'


class World:
    """A controller of admin with the model kubeflow, and short ways to ask it as somebody."""

    def __init__(self, directory: Path) -> None:
        admin = User(name="admin", display_name="admin", password="secret", access="superuser")

        def make(**keys: Any) -> Model:
            return Model(clock=ManualClock(), script=Script(), batch_s=0, **keys)

        self.state = ControllerState(
            name="rehearsal",
            uuid="22222222-2222-4222-8222-222222222222",
            ca_cert="",
            users=Users(admin),
            admin=admin,
            directory=directory,
            make_model=make,
        )
        self.state.create_model("controller", owner="admin")
        self.model = self.state.create_model("kubeflow", owner="admin")

    async def call(
        self, facade: type[Facade], method: str, params: Any = None, *, user: str = "admin"
    ) -> Any:
        session = SimpleNamespace(controller=self.state, user=self.state.users.get(user))
        instance = facade(cast("Caller", session))
        return await getattr(instance, facade.methods[method])(params or {})

    async def one(
        self, facade: type[Facade], method: str, params: Any, *, user: str = "admin"
    ) -> Any:
        """Return the only result, an error as text and code."""
        (result,) = (await self.call(facade, method, params, user=user))["results"]
        return outcome(result)

    async def add(self, name: str, **keys: str) -> Any:
        keys = {"username": name, "password": "apple"} | keys
        return await self.one(UserManager, "AddUser", {"users": [keys]})

    async def on_controller(
        self, action: str, access: str, name: str = "bob", user: str = "admin"
    ) -> Any:
        change = {"user-tag": f"user-{name}", "action": action, "access": access}
        params = {"changes": [change]}
        return await self.one(Controller, "ModifyControllerAccess", params, user=user)

    async def on_model(
        self, action: str, access: str, name: str = "bob", *, user: str = "admin", uuid: str = ""
    ) -> Any:
        change = {
            "user-tag": f"user-{name}",
            "action": action,
            "access": access,
            "model-tag": f"model-{uuid or self.model.uuid}",
        }
        params = {"changes": [change]}
        return await self.one(ModelManager, "ModifyModelAccess", params, user=user)

    def log_in(self, name: str, password: str = "apple", *, model: Model | None = None) -> User:
        credentials = Credentials(tag=f"user-{name}", password=password, host="127.0.0.1:1")
        uuid = (model or self.state.controller_model).uuid
        return authenticate(self.state, credentials, model_uuid=uuid)


def outcome(result: Any) -> Any:
    error = result.get("error")
    return (error["message"], error["code"]) if error else result


def tags(*names: str) -> Any:
    return {"entities": [{"tag": f"user-{name}"} for name in names]}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
async def bob(world: World) -> World:
    """A world with the user bob, who may log in and no more."""
    assert await world.add("bob", **{"display-name": "Bob"}) == {"tag": "user-bob"}
    return world


class TestUserManager:
    async def test_names_are_checked_and_used_once(self, bob: World) -> None:
        for name in ("b", "b!", "-bob", "", "bob@x-y", "bob\n"):
            assert await bob.add(name) == (f'failed to create user: invalid user name "{name}"', "")
        for name in ("bob", "BOB"):
            expected = (f"failed to create user: user {name} already exists", "already exists")
            assert await bob.add(name) == expected

    async def test_a_removed_name_comes_back_with_nothing(self, bob: World) -> None:
        await bob.on_model("grant", "admin")
        await bob.on_controller("grant", "superuser")
        bob.state.clouds.grant("k8s", "bob", "admin")
        old = bob.state.users.get("bob")
        assert await bob.one(UserManager, "RemoveUser", tags("bob")) == {}
        assert old.removed
        assert not bob.state.users.of_models.find(bob.model.uuid, "bob")
        assert not bob.state.clouds.access("k8s", "bob")
        (added,) = (await bob.call(UserManager, "AddUser", {"users": [{"username": "bob"}]}))[
            "results"
        ]
        assert len(base64.b64decode(added["secret-key"])) == 32
        new = bob.state.users.get("bob")
        assert (new.access, new.password, new.removed) == ("login", "", False)
        with pytest.raises(ApiError, match="invalid entity name or password"):
            bob.log_in("bob")

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("admin", ('cannot delete controller owner "admin"', "")),
            ("Admin", ('cannot delete controller owner "Admin"', "")),
            ("nobody", ('failed to delete user "nobody": user "nobody" not found', "not found")),
            ("b@x", ('"user-b@x" is not a valid user tag', "")),
            (
                "bob@elsewhere",
                (
                    'failed to delete user "bob@elsewhere": user "bob@elsewhere" not found',
                    "not found",
                ),
            ),
        ],
    )
    async def test_who_cannot_be_removed(
        self, bob: World, name: str, expected: tuple[str, str]
    ) -> None:
        assert await bob.one(UserManager, "RemoveUser", tags(name)) == expected

    async def test_a_removed_user_is_gone_for_good(self, bob: World) -> None:
        await bob.one(UserManager, "RemoveUser", tags("bob"))
        assert await bob.one(UserManager, "RemoveUser", tags("bob")) == (
            'failed to delete user "bob": user "bob" is permanently deleted',
            "",
        )
        denied = ("permission denied", "unauthorized access")
        assert await bob.one(UserManager, "UserInfo", tags("bob")) == denied
        with pytest.raises(ApiError, match=r'^user "bob" is permanently deleted$') as caught:
            bob.log_in("bob")
        assert caught.value.code == "unauthorized access"

    async def test_disabled_users(self, bob: World) -> None:
        assert await bob.one(UserManager, "DisableUser", tags("bob")) == {}
        listed = await bob.call(UserManager, "UserInfo", {"entities": []})
        assert [entry["result"]["username"] for entry in listed["results"]] == ["admin"]
        every = await bob.call(UserManager, "UserInfo", {"include-disabled": True})
        (_, described) = [entry["result"] for entry in every["results"]]
        assert (described["username"], described["access"], described["disabled"]) == (
            "bob",
            "",
            True,
        )
        with pytest.raises(ApiError, match='user "bob" is disabled'):
            bob.log_in("bob")
        assert await bob.one(UserManager, "ResetPassword", tags("bob")) == (
            'cannot reset password for user "bob": user deactivated',
            "",
        )
        assert await bob.one(Controller, "GetControllerAccess", tags("bob")) == (
            'user "bob" is disabled',
            "",
        )
        assert await bob.on_controller("revoke", "superuser") == (
            'could not look up controller access for user: user "bob" is disabled',
            "",
        )
        assert await bob.one(UserManager, "EnableUser", tags("bob")) == {}
        assert bob.log_in("bob").name == "bob"

    async def test_the_owner_of_the_controller_is_not_disabled(self, bob: World) -> None:
        assert await bob.one(UserManager, "DisableUser", tags("admin")) == (
            "failed to disable user: cannot disable controller model owner",
            "",
        )
        denied = ("permission denied", "unauthorized access")
        assert await bob.one(UserManager, "DisableUser", tags("nobody")) == denied

    @pytest.mark.parametrize(
        ("method", "params"),
        [
            ("AddUser", {"users": [{"username": "eve"}]}),
            ("RemoveUser", tags("bob")),
            ("DisableUser", tags("bob")),
            ("EnableUser", tags("bob")),
        ],
    )
    async def test_what_superusers_alone_do(self, bob: World, method: str, params: Any) -> None:
        with pytest.raises(ApiError, match="permission denied") as caught:
            await bob.call(UserManager, method, params, user="bob")
        assert caught.value.code == "unauthorized access"

    async def test_one_sees_oneself_and_a_superuser_everybody(self, bob: World) -> None:
        every = await bob.call(UserManager, "UserInfo")
        assert [entry["result"]["username"] for entry in every["results"]] == ["admin", "bob"]
        own = await bob.call(UserManager, "UserInfo", user="bob")
        assert [entry["result"]["username"] for entry in own["results"]] == ["bob"]
        both = await bob.call(UserManager, "UserInfo", tags("admin", "bob"), user="bob")
        assert outcome(both["results"][0]) == ("permission denied", "unauthorized access")
        described = both["results"][1]["result"]
        created = described.pop("date-created")
        assert len(created) == len("2026-11-25T00:00:00Z")
        assert described == {
            "username": "bob",
            "display-name": "Bob",
            "access": "login",
            "created-by": "admin",
            "disabled": False,
        }
        bob.log_in("bob")
        (entry,) = (await bob.call(UserManager, "UserInfo", user="bob"))["results"]
        assert entry["result"]["last-connection"].endswith("Z")

    async def test_users_of_other_domains_are_known_by_their_access_alone(self, bob: World) -> None:
        for expected in ("", "login"):
            result = await bob.one(UserManager, "UserInfo", tags("amy@elsewhere"))
            assert result["result"]["access"] == expected
            await bob.on_controller("grant", "login", "amy@elsewhere")

    async def test_passwords(self, bob: World) -> None:
        def change(name: str, password: str) -> Any:
            return {"changes": [{"tag": f"user-{name}", "password": password}]}

        denied = ("permission denied", "unauthorized access")
        assert await bob.one(UserManager, "SetPassword", change("admin", "x"), user="bob") == denied
        assert await bob.one(UserManager, "SetPassword", change("nobody", "x")) == denied
        assert await bob.one(UserManager, "SetPassword", change("bob", ""), user="bob") == (
            "cannot use an empty password",
            "",
        )
        assert await bob.one(UserManager, "SetPassword", change("bob", "y"), user="bob") == {}
        with pytest.raises(ApiError, match="invalid entity name or password"):
            bob.log_in("bob", "apple")
        assert bob.log_in("bob", "y").name == "bob"
        assert await bob.one(UserManager, "SetPassword", change("bob", "z")) == {}
        assert bob.log_in("BOB", "z").name == "bob"

    async def test_nobody_resets_their_own_password(self, bob: World) -> None:
        for who in ("admin", "bob"):
            result = await bob.one(UserManager, "ResetPassword", tags(who), user=who)
            assert result == ("permission denied", "unauthorized access")
        reset = await bob.one(UserManager, "ResetPassword", tags("bob"))
        assert reset["tag"] == "user-bob"
        assert base64.b64decode(reset["secret-key"]) == bob.state.users.get("bob").secret_key
        bob.state.users.get("bob").set_password("new")
        assert bob.state.users.get("bob").secret_key == b""

    async def test_users_of_a_model(self, bob: World) -> None:
        entity = {"entities": [{"tag": f"model-{bob.model.uuid}"}]}
        with pytest.raises(ApiError, match="permission denied"):
            await bob.call(UserManager, "ModelUserInfo", entity, user="bob")
        await bob.on_model("grant", "read")
        bob.log_in("bob", model=bob.model)
        for user in ("admin", "bob"):
            listed = await bob.call(UserManager, "ModelUserInfo", entity, user=user)
            first, second = [entry["result"] for entry in listed["results"]]
            assert first == {
                "model-tag": f"model-{bob.model.uuid}",
                "user": "admin",
                "display-name": "admin",
                "last-connection": None,
                "access": "admin",
            }
            assert (second["user"], second["access"]) == ("bob", "read")
            assert second["last-connection"] is not None
        with pytest.raises(ApiError, match=f'model "{UNKNOWN}" not found') as caught:
            await bob.call(
                UserManager, "ModelUserInfo", {"entities": [{"tag": f"model-{UNKNOWN}"}]}
            )
        assert caught.value.code == "not found"


class TestControllerAccess:
    async def test_grants_and_revocations(self, bob: World) -> None:
        users = bob.state.users
        assert await bob.on_controller("grant", "login") == (
            'could not grant controller access: user already has "login" access or greater',
            "",
        )
        assert await bob.on_controller("grant", "superuser") == {}
        assert users.get("bob").is_superuser
        assert await bob.on_controller("grant", "login") == (
            'could not grant controller access: user already has "login" access or greater',
            "",
        )
        assert await bob.on_controller("revoke", "superuser") == {}
        assert users.get("bob").access == "login"
        assert await bob.on_controller("revoke", "superuser") == {}
        assert users.get("bob").access == "login"
        assert await bob.on_controller("revoke", "login") == {}
        assert users.get("bob").access == ""
        assert await bob.on_controller("revoke", "login") == (
            'could not revoke controller access: controller user "bob" does not exist',
            "not found",
        )
        assert await bob.on_controller("revoke", "superuser") == (
            'could not look up controller access for user: controller user "bob" not found',
            "not found",
        )
        assert await bob.on_controller("grant", "login") == {}

    @pytest.mark.parametrize(
        ("action", "access", "name", "expected"),
        [
            ("grant", "add-model", "bob", ('"add-model" controller access not valid', "not valid")),
            ("grant", "", "bob", ('"" controller access not valid', "not valid")),
            ("take", "login", "bob", ('unknown action "take"', "")),
            (
                "grant",
                "login",
                "nobody",
                (f"could not grant controller access: {NOT_LOCAL}", "not found"),
            ),
            (
                "revoke",
                "superuser",
                "nobody",
                (
                    'could not look up controller access for user: user "nobody" not found',
                    "not found",
                ),
            ),
            (
                "grant",
                "login",
                "x",
                ('could not modify controller access: "user-x" is not a valid user tag', ""),
            ),
        ],
    )
    async def test_what_is_refused(
        self, bob: World, action: str, access: str, name: str, expected: tuple[str, str]
    ) -> None:
        assert await bob.on_controller(action, access, name) == expected

    async def test_superusers_alone_change_it(self, bob: World) -> None:
        denied = ("permission denied", "unauthorized access")
        assert await bob.on_controller("grant", "superuser", user="bob") == denied
        assert await bob.one(Controller, "GetControllerAccess", tags("admin"), user="bob") == denied
        own = await bob.one(Controller, "GetControllerAccess", tags("bob"), user="bob")
        assert own == {"result": {"user-tag": "user-bob", "access": "login"}}
        for method in ("AllModels", "MongoVersion", "ListBlockedModels", "HostedModelConfigs"):
            with pytest.raises(ApiError, match="permission denied"):
                await bob.call(Controller, method, user="bob")


class TestModelAccess:
    async def test_grants_and_revocations(self, bob: World) -> None:
        def held() -> str:
            return bob.state.users.of_models.access(bob.model.uuid, "bob")

        steps = [
            ("grant", "read", "read"),
            ("grant", "admin", "admin"),
            ("revoke", "admin", "write"),
            ("revoke", "write", "read"),
            ("revoke", "admin", "write"),  # as a real controller does
            ("revoke", "read", ""),
            ("grant", "write", "write"),
        ]
        for action, access, left in steps:
            assert await bob.on_model(action, access) == {}
            assert held() == left
        assert await bob.on_model("grant", "read") == (
            'user already has "read" access or greater',
            "",
        )

    @pytest.mark.parametrize(
        ("action", "access", "name", "expected"),
        [
            (
                "grant",
                "superuser",
                "bob",
                ('could not modify model access: "superuser" model access not valid', "not valid"),
            ),
            ("take", "read", "bob", ('unknown action "take"', "")),
            (
                "grant",
                "read",
                "nobody",
                (f"could not grant model access: {NOT_LOCAL}", "not found"),
            ),
            (
                "revoke",
                "read",
                "bob",
                ('could not revoke model access: model user "bob" does not exist', "not found"),
            ),
            (
                "revoke",
                "write",
                "bob",
                (
                    'could not look up model access for user: model user "bob" not found',
                    "not found",
                ),
            ),
            (
                "revoke",
                "admin",
                "nobody",
                ('could not look up model access for user: user "nobody" not found', "not found"),
            ),
            (
                "grant",
                "read",
                "x",
                ('could not modify model access: "user-x" is not a valid user tag', ""),
            ),
        ],
    )
    async def test_what_is_refused(
        self, bob: World, action: str, access: str, name: str, expected: tuple[str, str]
    ) -> None:
        assert await bob.on_model(action, access, name) == expected

    async def test_administrators_of_a_model_share_it(self, bob: World) -> None:
        denied = ("permission denied", "unauthorized access")
        await bob.add("eve")
        for access in ("read", "write"):
            await bob.on_model("grant", access)
            assert await bob.on_model("grant", "read", "eve", user="bob") == denied
        await bob.on_model("grant", "admin")
        assert await bob.on_model("grant", "read", "eve", user="bob") == {}
        assert await bob.on_model("grant", "read", "eve", user="bob", uuid=UNKNOWN) == denied
        assert await bob.on_model("grant", "read", "eve", uuid=UNKNOWN) == (
            f'could not lookup model: model "{UNKNOWN}" not found',
            "not found",
        )
        assert await bob.on_model("grant", "read", "amy@elsewhere", user="bob") == {}

    async def test_what_model_info_tells_of_users(self, bob: World) -> None:
        await bob.on_model("grant", "write")

        async def users(user: str) -> list[tuple[str, str]]:
            entity = {"entities": [{"tag": f"model-{bob.model.uuid}"}]}
            (entry,) = (await bob.call(ModelManager, "ModelInfo", entity, user=user))["results"]
            return [(each["user"], each["access"]) for each in entry["result"]["users"]]

        assert await users("admin") == [("admin", "admin"), ("bob", "write")]
        assert await users("bob") == [("bob", "write")]
        await bob.on_model("grant", "admin")
        assert await users("bob") == [("admin", "admin"), ("bob", "admin")]

    async def test_superusers_list_their_own_models_and_all_when_asked(self, bob: World) -> None:
        await bob.on_controller("grant", "superuser")

        async def names(method: str, user: str, **params: Any) -> list[str]:
            given = {"tag": "user-bob", "user-tag": "user-bob", **params}
            reply = await bob.call(ModelManager, method, given, user=user)
            found = reply.get("user-models") or [entry["result"] for entry in reply["results"]]
            return [entry.get("model", entry)["name"] for entry in found]

        assert await names("ListModelSummaries", "bob") == []
        assert await names("ListModelSummaries", "bob", all=True) == ["controller", "kubeflow"]
        assert await names("ListModels", "bob") == ["controller", "kubeflow"]
        await bob.on_controller("revoke", "superuser")
        await bob.on_model("grant", "read")
        for method in ("ListModels", "ListModelSummaries"):
            assert await names(method, "bob", all=True) == ["kubeflow"]

    async def test_a_model_that_is_gone_is_nobodys(self, bob: World) -> None:
        await bob.on_model("grant", "read")
        bob.state.destroy_model(bob.model, force=True)
        cast("ManualClock", bob.model.clock).run()
        assert not bob.state.users.of_models.of(bob.model.uuid)


class TestLogin:
    async def test_last_connections_are_kept_by_model(self, bob: World) -> None:
        await bob.on_model("grant", "read")

        def seen() -> datetime | None:
            held = bob.state.users.of_models.find(bob.model.uuid, "bob")
            return held.last_connection if held else None

        bob.log_in("bob")
        assert seen() is None
        bob.log_in("bob", model=bob.model)
        assert seen() == bob.state.users.get("bob").last_connection
        assert isinstance(seen(), datetime)

    async def test_who_may_log_in_to_nothing_is_not_known(self, bob: World) -> None:
        await bob.on_controller("revoke", "login")
        with pytest.raises(ApiError, match="invalid entity name or password"):
            bob.log_in("bob")
        await bob.on_model("grant", "read")
        assert bob.log_in("bob", model=bob.model).name == "bob"

    def test_no_password_asks_for_a_discharge(self, world: World) -> None:
        with pytest.raises(DischargeRequiredError):
            world.log_in("admin", "")

    @pytest.mark.parametrize(
        ("tag", "message"),
        [
            ("machine-0", "invalid entity name or password"),
            ("unit-minio-0", "invalid entity name or password"),
            ("", "no credentials provided"),
            ("user-admin@elsewhere", "no credentials provided"),
            ("cloud-k8s", '"cloud-k8s" is not a valid user tag'),
            ("admin", '"admin" is not a valid tag'),
        ],
    )
    def test_tags_of_others(self, world: World, tag: str, message: str) -> None:
        credentials = Credentials(tag=tag, password="secret")
        with pytest.raises(ApiError) as caught:
            authenticate(world.state, credentials, model_uuid=world.model.uuid)
        assert caught.value.message == message

    def test_a_user_without_a_password_is_not_let_in_by_an_empty_one(self) -> None:
        user = User(name="bob")
        assert not user.password_valid("")
        user.set_password("x")
        assert user.password_valid("x")


@pytest.mark.parametrize(
    ("tag", "user_id"),
    [("user-bob", "bob"), ("user-bob@local", "bob"), ("user-bob@x-y", "bob@x-y")],
)
def test_tags_name_users(tag: str, user_id: str) -> None:
    assert parse_user_tag(tag) == user_id
    assert user_name(tag) == user_id


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("bob", '"bob" is not a valid tag'),
        ("user-", '"user-" is not a valid tag'),
        ("unit-a-0", '"unit-a-0" is not a valid user tag'),
        ("user-b", '"user-b" is not a valid user tag'),
        ("user-b b", '"user-b b" is not a valid user tag'),
    ],
)
def test_other_tags_are_refused(tag: str, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_user_tag(tag)
    assert caught.value.message == message


def test_ids_of_users() -> None:
    assert is_user_id("bob@elsewhere")
    assert not is_user_id("bob@")


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [(0, "2026-11-25T01:02:03Z"), (500_000, "2026-11-25T01:02:03.5Z")],
)
def test_times_are_written_as_go_writes_them(microseconds: int, text: str) -> None:
    zone = timezone(timedelta(hours=1))
    assert timestamp(datetime(2026, 11, 25, 2, 2, 3, microseconds, zone)) == text


async def test_models_that_are_not_there(bob: World) -> None:
    model = f"model-{UNKNOWN}"
    gone = (f'model "{UNKNOWN}" not found', "not found")
    for user in ("admin", "bob"):
        params: Any = {"models": [{"model-tag": model}]}
        assert await bob.one(ModelManager, "DestroyModels", params, user=user) == gone
    mine = {"models": [{"model-tag": f"model-{bob.model.uuid}"}]}
    denied = ("permission denied", "unauthorized access")
    assert await bob.one(ModelManager, "DestroyModels", mine, user="bob") == denied
    where = {"entities": [{"tag": model}]}
    assert await bob.one(Controller, "ControllerAPIInfoForModels", where, user="bob") == (
        "migration not found",
        "not found",
    )
