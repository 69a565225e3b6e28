"""Models: several of them, made and destroyed by real clients, shared among users."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from juju.controller import Controller
from juju.errors import JujuAPIError, JujuError
from juju.model import Model

from ckf_airgap.rehearsal.api.facades.modelaccess import NEVER
from ckf_airgap.rehearsal.host.thread import ControllerThread
from tests.integration.rehearsal.wire import Client, Wire

OWN_CREDENTIAL = "cloudcred-k8s_admin_k8s"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def juju(controller: ControllerThread) -> AsyncIterator[Controller]:
    connected = Controller()
    await connected.connect()
    yield connected
    await connected.disconnect()


async def until(condition: Any, timeout_s: float = 10.0) -> None:
    async def poll() -> None:
        while not await condition():  # noqa: ASYNC110 - there is no event on the wire
            await asyncio.sleep(0.02)

    await asyncio.wait_for(poll(), timeout_s)


async def test_models_come_and_go(juju: Controller) -> None:
    assert await juju.list_models() == ["controller", "kubeflow", "other"]
    model = await juju.add_model("second")
    try:
        assert model.name == "second"
        assert (await model.get_config())["name"].value == "second"
        assert await juju.list_models() == ["controller", "kubeflow", "other", "second"]
    finally:
        await model.disconnect()
    await juju.destroy_models("second", "other")

    async def gone() -> bool:
        return bool(await juju.list_models() == ["controller", "kubeflow"])

    await until(gone)


async def test_a_model_can_be_added_with_keys_and_config(juju: Controller) -> None:
    model = await juju.add_model(
        "tuned", config={"authorized-keys": "ssh-rsa AAAA", "logging-config": "<root>=DEBUG"}
    )
    try:
        config = await model.get_config()
        assert config["logging-config"].value == "<root>=DEBUG"
        assert config["logging-config"].source == "model"
        assert "authorized-keys" not in config
    finally:
        await model.disconnect()


async def test_a_name_that_is_taken_is_refused(juju: Controller) -> None:
    with pytest.raises(JujuAPIError, match="namespace with the proposed") as caught:
        await juju.add_model("kubeflow")
    assert caught.value.error_code == "already exists"


async def test_a_name_that_is_no_model_name_is_refused(juju: Controller) -> None:
    with pytest.raises(JujuAPIError, match='"Kube_flow" is not a valid name: model names may'):
        await juju.add_model("Kube_flow")


async def test_a_cloud_that_is_not_there_is_refused(juju: Controller) -> None:
    with pytest.raises(JujuAPIError, match='cloud "aws" not found') as caught:
        await juju.add_model("second", cloud_name="aws")
    assert caught.value.error_code == "not found"


async def test_the_controllers_own_model_cannot_be_destroyed(juju: Controller) -> None:
    with pytest.raises(JujuError, match="cannot destroy the controller model"):
        await juju.destroy_models("controller")
    assert "controller" in await juju.list_models()


async def test_connections_to_a_destroyed_model_are_closed(client: Client) -> None:
    on_model = await client.model("other")
    manager = await client.controller()
    uuid = client.store.models["other"]
    reply = await manager.ask(
        "ModelManager", "DestroyModels", {"models": [{"model-tag": f"model-{uuid}"}]}, version=10
    )
    assert reply == {"results": [{}]}
    await asyncio.wait_for(on_model.socket.receive(), 10)
    assert on_model.socket.closed
    again = await (await client.dial(f"/model/{uuid}/api")).login("admin", client.store.password)
    assert (again["error"], again["error-code"]) == (f'unknown model: "{uuid}"', "model not found")


async def test_info_of_an_unknown_model_is_a_matter_of_permission(client: Client) -> None:
    wire = await client.controller()
    known = client.store.models["kubeflow"]
    tags = [f"model-{known}", "model-00000000-0000-4000-8000-000000000000", "kubeflow"]
    reply = await wire.ask(
        "ModelManager", "ModelInfo", {"entities": [{"tag": tag} for tag in tags]}, version=10
    )
    info, unknown, malformed = reply["results"]
    assert info["result"]["uuid"] == known
    assert info["result"]["type"] == "caas"
    assert info["result"]["agent-version"] == "3.6.28"
    assert "default-series" not in info["result"]
    assert {feature["name"] for feature in info["result"]["supported-features"]} == {
        "juju",
        "k8s-api",
    }
    assert unknown["error"] == {"message": "permission denied", "code": "unauthorized access"}
    assert malformed["error"]["message"] == '"kubeflow" is not a valid model tag'


def sorted_by_name(models: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(models["user-models"], key=lambda entry: str(entry["model"]["name"]))


async def test_models_are_listed_alike_by_every_method(client: Client) -> None:
    wire = await client.controller()
    listed = await wire.ask("ModelManager", "ListModels", {"tag": "user-admin"}, version=10)
    every = await wire.ask("Controller", "AllModels", version=12)
    summaries = await wire.ask(
        "ModelManager", "ListModelSummaries", {"user-tag": "user-admin"}, version=10
    )
    for entry in listed["user-models"]:
        if entry["last-connection"] == NEVER:
            entry["last-connection"] = None  # the one difference between the two
    assert sorted_by_name(listed) == sorted_by_name(every)
    names = {entry["model"]["name"]: entry["model"]["uuid"] for entry in every["user-models"]}
    assert names == {
        summary["result"]["name"]: summary["result"]["uuid"] for summary in summaries["results"]
    }
    assert set(names) == {"controller", "kubeflow", "other"}


async def test_two_clients_see_each_others_changes(controller: ControllerThread) -> None:
    first, second = Model(), Model()
    await first.connect()
    await second.connect()
    try:
        await first.set_config({"logging-config": "<root>=TRACE"})
        assert (await second.get_config())["logging-config"].value == "<root>=TRACE"
    finally:
        await first.disconnect()
        await second.disconnect()


async def test_models_do_not_share_their_settings(client: Client) -> None:
    first, second = await client.model("kubeflow"), await client.model("other")
    await first.ask("ModelConfig", "ModelSet", {"config": {"proxy-ssh": True}}, version=3)
    config = (await second.ask("ModelConfig", "ModelGet", version=3))["config"]
    assert config["proxy-ssh"] == {"value": False, "source": "default"}
    assert config["name"]["value"] == "other"


async def test_config_is_set_and_taken_back_to_its_default(client: Client) -> None:
    wire = await client.model()

    async def config() -> dict[str, Any]:
        return dict((await wire.ask("ModelConfig", "ModelGet", version=3))["config"])

    before = await config()
    assert before["default-series"] == {"value": "", "source": "default"}
    changes = {"workload-storage": "fast", "mine": "1"}
    await wire.ask("ModelConfig", "ModelSet", {"config": changes}, version=3)
    assert before["workload-storage"] == {"value": "standard", "source": "controller"}
    assert (await config())["workload-storage"] == {"value": "fast", "source": "model"}
    await wire.ask("ModelConfig", "ModelUnset", {"keys": ["workload-storage", "mine"]}, version=3)
    assert await config() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"agent-version": "3.9.9"}, "agent-version cannot be changed"),
        (
            {"name": "new"},
            'invalid k8s provider config: cannot change name from "kubeflow" to "new"',
        ),
        (
            {"type": "ec2"},
            'invalid k8s provider config: cannot change type from "kubernetes" to "ec2"',
        ),
    ],
)
async def test_what_a_model_is_cannot_be_set(
    client: Client, change: dict[str, str], message: str
) -> None:
    wire = await client.model()
    answer = await wire.call(
        "ModelConfig", "ModelSet", {"config": {"mine": 1, **change}}, version=3
    )
    assert answer["error"] == message
    config = (await wire.ask("ModelConfig", "ModelGet", version=3))["config"]
    assert "mine" not in config


async def test_constraints_of_a_model(client: Client) -> None:
    wire = await client.model()
    assert await wire.ask("ModelConfig", "GetModelConstraints", version=3) == {"constraints": {}}
    await wire.ask("ModelConfig", "SetModelConstraints", {"constraints": {"mem": 4096}}, version=3)
    reply = await wire.ask("ModelConfig", "GetModelConstraints", version=3)
    assert reply == {"constraints": {"mem": 4096}}


async def test_a_change_of_config_reaches_the_watchers(client: Client) -> None:
    wire = await client.model()
    watcher = (await wire.ask("Client", "WatchAll", version=8))["watcher-id"]
    await wire.ask("AllWatcher", "Next", version=3, id=watcher)
    await wire.ask("ModelConfig", "ModelSet", {"config": {"mine": "1"}}, version=3)
    [[kind, change, body]] = (await wire.ask("AllWatcher", "Next", version=3, id=watcher))["deltas"]
    assert (kind, change, body["config"]["mine"]) == ("model", "change", "1")


class TestUsers:
    """A second user: what the administrator grants, and nothing more."""

    @pytest.fixture
    async def admin(self, client: Client) -> Wire:
        wire = await client.controller()
        reply = await wire.ask(
            "UserManager",
            "AddUser",
            {"users": [{"username": "eve", "password": "apple", "display-name": "Eve"}]},
            version=3,
        )
        assert reply == {"results": [{"tag": "user-eve"}]}
        return wire

    async def grant(self, client: Client, admin: Wire, access: str) -> dict[str, Any]:
        change = {
            "user-tag": "user-eve",
            "action": "grant",
            "access": access,
            "model-tag": f"model-{client.store.models['kubeflow']}",
        }
        reply = await admin.ask(
            "ModelManager", "ModifyModelAccess", {"changes": [change]}, version=10
        )
        return dict(reply["results"][0])

    async def dial(self, client: Client) -> tuple[Wire, dict[str, Any]]:
        wire = await client.dial(f"/model/{client.store.models['kubeflow']}/api")
        return wire, await wire.login("eve", "apple")

    @pytest.mark.usefixtures("admin")
    async def test_without_a_grant_models_are_closed(self, client: Client) -> None:
        _, answer = await self.dial(client)
        assert (answer["error"], answer["error-code"]) == (
            "permission denied",
            "unauthorized access",
        )
        wire = await client.dial()
        assert "error" not in await wire.login("eve", "apple")
        reply = await wire.ask(
            "ModelManager", "ListModelSummaries", {"user-tag": "user-eve"}, version=10
        )
        assert reply["results"] == []
        for facade, method, version in (
            ("Controller", "AllModels", 12),
            ("ModelManager", "CreateModel", 10),
            ("UserManager", "AddUser", 3),
        ):
            evil = {"name": "evil", "users": [{"username": "evil"}]}
            refused = await wire.call(facade, method, evil, version=version)
            assert refused["error"] == "permission denied"

    async def test_a_reader_changes_nothing(self, client: Client, admin: Wire) -> None:
        assert await self.grant(client, admin, "read") == {}
        wire, answer = await self.dial(client)
        assert answer["response"]["user-info"]["model-access"] == "read"
        await wire.ask("Client", "FullStatus", version=8)
        refused = await wire.call("ModelConfig", "ModelSet", {"config": {}}, version=3)
        assert refused["error"] == "permission denied"

    async def test_a_writer_does_not_administer(self, client: Client, admin: Wire) -> None:
        await self.grant(client, admin, "write")
        wire, _ = await self.dial(client)
        await wire.ask("ModelConfig", "ModelSet", {"config": {"proxy-ssh": True}}, version=3)
        refused = await wire.call(
            "ModelConfig", "ModelSet", {"config": {"logging-config": "<root>=TRACE"}}, version=3
        )
        assert refused["error"] == (
            "only controller admins can set a model's logging level to TRACE"
        )
        wire = await client.dial()
        assert "error" not in await wire.login("eve", "apple")
        entities = {"entities": [{"tag": f"model-{client.store.models['kubeflow']}"}]}
        (status,) = (await wire.ask("ModelManager", "ModelStatus", entities, version=10))["models"]
        assert status["error"]["message"] == "permission denied"

    async def test_granting_twice_is_told(self, client: Client, admin: Wire) -> None:
        await self.grant(client, admin, "write")
        again = await self.grant(client, admin, "read")
        assert again["error"]["message"] == 'user already has "read" access or greater'

    async def test_a_disabled_user_is_locked_out(self, client: Client, admin: Wire) -> None:
        entities = {"entities": [{"tag": "user-eve"}]}
        await admin.ask("UserManager", "DisableUser", entities, version=3)
        answer = await (await client.dial()).login("eve", "apple")
        assert answer["error"] == 'user "eve" is disabled'
        await admin.ask("UserManager", "EnableUser", entities, version=3)
        assert "error" not in await (await client.dial()).login("eve", "apple")

    async def test_a_name_is_used_once(self, admin: Wire) -> None:
        reply = await admin.ask(
            "UserManager", "AddUser", {"users": [{"username": "eve"}]}, version=3
        )
        assert reply["results"][0]["error"]["message"] == (
            "failed to create user: user eve already exists"
        )
        assert reply["results"][0]["error"]["code"] == "already exists"


async def test_libjuju_manages_users(juju: Controller) -> None:
    user = await juju.add_user("bob", "secret")
    assert user.username == "bob"
    assert await juju.grant("bob", "superuser")
    assert {user.username for user in await juju.get_users()} == {"admin", "bob"}
    await juju.remove_user("bob")
    assert {user.username for user in await juju.get_users()} == {"admin"}


async def test_clouds_and_credentials(client: Client) -> None:
    wire = await client.controller()
    clouds = (await wire.ask("Cloud", "Clouds", version=7))["clouds"]
    assert {tag: cloud["type"] for tag, cloud in clouds.items()} == {"cloud-k8s": "kubernetes"}
    tag = "cloudcred-k8s_admin_mine"
    credential = {"auth-type": "userpass", "attrs": {"username": "u", "password": "hidden"}}
    await wire.ask(
        "Cloud",
        "UpdateCredentialsCheckModels",
        {"credentials": [{"tag": tag, "credential": credential}]},
        version=7,
    )
    pairs = {"user-clouds": [{"user-tag": "user-admin", "cloud-tag": "cloud-k8s"}]}
    reply = await wire.ask("Cloud", "UserCredentials", pairs, version=7)
    assert reply == {"results": [{"result": [OWN_CREDENTIAL, tag]}]}
    reply = await wire.ask("Cloud", "Credential", {"entities": [{"tag": tag}]}, version=7)
    assert reply["results"][0]["result"]["redacted"] == ["password"]
    assert reply["results"][0]["result"]["attrs"] == {"username": "u"}
    assert "hidden" not in str(reply)


async def test_the_admin_has_the_one_credential_that_models_are_made_with(client: Client) -> None:
    """The ``juju`` client adds a model with a user's only credential, and fails without one."""
    wire = await client.controller()
    pairs = {"user-clouds": [{"user-tag": "user-admin", "cloud-tag": "cloud-k8s"}]}
    reply = await wire.ask("Cloud", "UserCredentials", pairs, version=7)
    assert reply == {"results": [{"result": [OWN_CREDENTIAL]}]}
    entities = {"entities": [{"tag": OWN_CREDENTIAL}]}
    (found,) = (await wire.ask("Cloud", "Credential", entities, version=7))["results"]
    assert found["result"]["auth-type"] == "oauth2"
    new = {"name": "new", "owner-tag": "user-admin", "credential": OWN_CREDENTIAL}
    made = await wire.ask("ModelManager", "CreateModel", new, version=10)
    assert made["cloud-credential-tag"] == OWN_CREDENTIAL
    assert made["cloud-credential-validity"] is True


async def test_a_model_with_an_unknown_credential_is_refused(client: Client) -> None:
    wire = await client.controller()
    new = {"name": "new", "owner-tag": "user-admin", "credential": "cloudcred-k8s_admin_my_own"}
    answer = await wire.call("ModelManager", "CreateModel", new, version=10)
    assert (answer["error"], answer["error-code"]) == (
        'getting credential: cloud credential "k8s/admin/my_own" not found',
        "not found",
    )


async def test_a_model_of_another_owner_needs_a_credential(client: Client) -> None:
    wire = await client.controller()
    new = {"name": "new", "owner-tag": "user-eve"}
    answer = await wire.call("ModelManager", "CreateModel", new, version=10)
    assert (answer["error"], answer["error-code"]) == ("no credential specified", "not valid")
    made = await wire.ask(
        "ModelManager", "CreateModel", {**new, "credential": OWN_CREDENTIAL}, version=10
    )
    assert (made["owner-tag"], made["cloud-region"]) == ("user-eve", "default")


# The life of models


@pytest.mark.parametrize(("facade", "version"), [("ModelManager", 10), ("Controller", 12)])
async def test_the_status_of_models_comes_as_models(
    client: Client, facade: str, version: int
) -> None:
    wire = await client.controller()
    known = client.store.models["kubeflow"]
    tags = [f"model-{known}", f"model-{UNKNOWN}", "kubeflow"]
    reply = await wire.ask(
        facade, "ModelStatus", {"entities": [{"tag": tag} for tag in tags]}, version=version
    )
    status, gone, malformed = reply["models"]
    assert set(reply) == {"models"}
    assert (status["model-tag"], status["life"], status["type"]) == (tags[0], "alive", "caas")
    assert (status["application-count"], status["applications"], status["unit-count"]) == (0, [], 0)
    assert gone["error"] == {"message": f'model "{UNKNOWN}" not found', "code": "not found"}
    assert malformed["error"]["message"] == '"kubeflow" is not a valid model tag'


async def test_the_status_of_a_destroyed_model_is_not_found(client: Client) -> None:
    """That is how the ``juju`` client sees that a model has been destroyed."""
    wire = await client.controller()
    tag = {"tag": f"model-{client.store.models['other']}"}
    await wire.ask(
        "ModelManager", "DestroyModels", {"models": [{"model-tag": tag["tag"]}]}, version=10
    )

    async def gone() -> bool:
        reply = await wire.ask("ModelManager", "ModelStatus", {"entities": [tag]}, version=10)
        (status,) = reply["models"]
        return bool(status.get("error", {}).get("code") == "not found")

    await until(gone)


async def test_the_controller_names_the_database_that_its_version_of_juju_runs(
    client: Client,
) -> None:
    wire = await client.controller()
    assert await wire.ask("Controller", "MongoVersion", version=12) == {"result": "4.4.30"}


async def test_on_a_controller_connection_the_model_is_the_controllers(client: Client) -> None:
    wire = await client.controller()
    config = (await wire.ask("ModelConfig", "ModelGet", version=3))["config"]
    assert config["name"]["value"] == "controller"
    users = {"users": [{"username": "eve", "password": "apple"}]}
    await wire.ask("UserManager", "AddUser", users, version=3)
    eve = await client.dial()
    await eve.login("eve", "apple")
    answer = await eve.call("ModelConfig", "ModelGet", version=3)
    assert (answer["error"], answer["error-code"]) == ("permission denied", "unauthorized access")
