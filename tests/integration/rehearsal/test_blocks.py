"""Disabled commands, over the wire: what is refused, and with which code."""

from __future__ import annotations

from typing import Any

from ckf_airgap.rehearsal.host.thread import ControllerThread
from tests.integration.rehearsal.wire import Client

BLOCKED = "operation is blocked"


async def test_a_block_refuses_changes_until_it_is_taken_away(client: Client) -> None:
    model, controller = await client.model(), await client.controller()
    tag = f"model-{client.store.models['kubeflow']}"

    async def switch(method: str, kind: str) -> None:
        params = {"type": kind, "message": "frozen"}
        assert await model.ask("Block", method, params, version=2) == {}

    async def destroy() -> Any:
        params = {"models": [{"model-tag": tag, "destroy-storage": True}]}
        return await controller.ask("ModelManager", "DestroyModels", params, version=10)

    await switch("SwitchBlockOn", "BlockDestroy")
    refused = await destroy()
    assert refused["results"][0]["error"] == {"message": "frozen", "code": BLOCKED}
    deploy: dict[str, Any] = {"applications": []}
    assert await model.ask("Application", "Deploy", deploy, version=19) == {"results": []}
    await switch("SwitchBlockOn", "BlockChange")
    answer = await model.call("Application", "Deploy", deploy, version=19)
    assert (answer["error"], answer["error-code"]) == ("frozen", BLOCKED)
    status, reply, _ = await client.http(
        "PUT",
        f"/model/{client.store.models['kubeflow']}/applications/minio/resources/image",
        data=b"",
    )
    assert (status, reply["error"]["code"]) == (400, BLOCKED)
    listed = await controller.ask("Controller", "ListBlockedModels", {}, version=12)
    (blocked,) = listed["models"]
    assert (blocked["name"], blocked["blocks"]) == ("kubeflow", ["BlockDestroy", "BlockChange"])
    answer = await controller.call("Controller", "RemoveBlocks", {"all": False}, version=12)
    assert answer["error"] == "not supported"
    await controller.ask("Controller", "RemoveBlocks", {"all": True}, version=12)
    assert await controller.ask("Controller", "ListBlockedModels", {}, version=12) == {}
    assert await destroy() == {"results": [{}]}


async def test_blocks_of_the_controllers_own_model_guard_its_users(
    client: Client, controller: ControllerThread
) -> None:
    del controller
    wire = await client.controller()
    models = (await wire.ask("ModelManager", "ListModels", {"tag": "user-admin"}, version=10))[
        "user-models"
    ]
    uuid = next(one["model"]["uuid"] for one in models if one["model"]["name"] == "controller")
    own = await client.dial(f"/model/{uuid}/api")
    await own.login(client.store.user, client.store.password)
    await own.ask("Block", "SwitchBlockOn", {"type": "BlockChange", "message": ""}, version=2)
    users = {"users": [{"username": "bob", "password": "secret"}]}
    answer = await wire.call("UserManager", "AddUser", users, version=3)
    assert (answer["error"], answer["error-code"]) == ("the operation has been blocked", BLOCKED)
    await own.ask("Block", "SwitchBlockOff", {"type": "BlockChange"}, version=2)
    assert "error" not in await wire.call("UserManager", "AddUser", users, version=3)
