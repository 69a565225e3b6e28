"""Blocks of all models, as the controller lists and takes away."""

from __future__ import annotations

from tests.integration.rehearsal.wire import Client


async def test_blocks_of_every_model_are_listed_and_taken_away(client: Client) -> None:
    controller = await client.controller()
    assert await controller.ask("Controller", "ListBlockedModels", version=12) == {}
    for name, kind in (("other", "BlockRemove"), ("kubeflow", "BlockDestroy")):
        wire = await client.model(name)
        await wire.ask("Block", "SwitchBlockOn", {"type": kind, "message": ""}, version=2)
    assert await controller.ask("Controller", "ListBlockedModels", version=12) == {
        "models": [
            {
                "name": name,
                "model-uuid": client.store.models[name],
                "owner-tag": "user-admin",
                "blocks": [kind],
            }
            for name, kind in (("kubeflow", "BlockDestroy"), ("other", "BlockRemove"))
        ]
    }
    answer = await controller.call("Controller", "RemoveBlocks", {"all": False}, version=12)
    assert (answer["error"], answer.get("error-code")) == ("not supported", None)
    await controller.ask("Controller", "RemoveBlocks", {"all": True}, version=12)
    assert await controller.ask("Controller", "ListBlockedModels", version=12) == {}
