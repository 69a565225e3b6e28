"""Disabled commands: which calls they refuse, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from ckf_airgap.rehearsal.api.blockchecks import CHECKS, CONTROLLER_CHECKS, check_blocks
from ckf_airgap.rehearsal.api.facades import FACADES
from ckf_airgap.rehearsal.api.facades.block import Block
from ckf_airgap.rehearsal.model.blocks import CHANGE, DESTROY, KINDS, REMOVE
from ckf_airgap.rehearsal.wire import OPERATION_BLOCKED, ApiError
from tests.unit.rehearsal.harness import Rehearsal


async def switch(rehearsal: Rehearsal, method: str, kind: str, message: str = "") -> Any:
    return await rehearsal.call(Block, method, {"type": kind, "message": message})


def forbidden(rehearsal: Rehearsal, facade: str, method: str, **params: Any) -> str:
    """Return why a call is refused; empty when it is not."""
    try:
        check_blocks(rehearsal.model, rehearsal.model, facade=facade, method=method, params=params)
    except ApiError as error:
        return error.message if error.code == OPERATION_BLOCKED else error.code
    return ""


async def test_blocks_are_switched_on_and_off(rehearsal: Rehearsal) -> None:
    assert await rehearsal.call(Block, "List", {}) == {"results": []}
    assert await switch(rehearsal, "SwitchBlockOn", DESTROY, "keep it") == {}
    assert await switch(rehearsal, "SwitchBlockOn", CHANGE) == {}
    assert await switch(rehearsal, "SwitchBlockOn", DESTROY, "really") == {}
    uuid = rehearsal.model.uuid
    blocks = [block["result"] for block in (await rehearsal.call(Block, "List", {}))["results"]]
    assert blocks == [
        {"id": f"{uuid}:0", "tag": f"model-{uuid}", "type": DESTROY, "message": "really"},
        {"id": f"{uuid}:1", "tag": f"model-{uuid}", "type": CHANGE, "message": ""},
    ]
    assert await switch(rehearsal, "SwitchBlockOff", DESTROY) == {}
    assert await switch(rehearsal, "SwitchBlockOff", REMOVE) == {}
    assert [block.kind for block in rehearsal.model.blocks] == [CHANGE]
    for method in ("SwitchBlockOn", "SwitchBlockOff"):
        reply = await switch(rehearsal, method, "BlockAll")
        assert reply["error"]["message"] == "unknown block type BlockAll"


@pytest.mark.parametrize(
    ("kind", "change", "remove", "destroy"),
    [
        (DESTROY, False, False, True),
        (REMOVE, False, True, True),
        (CHANGE, True, True, True),
    ],
)
async def test_each_block_forbids_what_the_milder_ones_forbid(
    rehearsal: Rehearsal, kind: str, change: bool, remove: bool, destroy: bool
) -> None:
    rehearsal.model.blocks.switch_on(kind, "no")
    assert bool(forbidden(rehearsal, "Application", "Deploy")) is change
    assert bool(forbidden(rehearsal, "Application", "DestroyApplication")) is remove
    assert not forbidden(rehearsal, "Application", "Get")
    if destroy:
        with pytest.raises(ApiError, match="no"):
            rehearsal.model.destroy(destroy_storage=True)
    assert rehearsal.model.life == "alive"


async def test_a_block_without_a_message_has_one_of_juju(rehearsal: Rehearsal) -> None:
    rehearsal.model.blocks.switch_on(CHANGE, "")
    assert forbidden(rehearsal, "ModelConfig", "ModelSet") == "the operation has been blocked"
    assert forbidden(rehearsal, "UserManager", "AddUser") == "the operation has been blocked"


async def test_a_refresh_with_forced_units_is_not_blocked(rehearsal: Rehearsal) -> None:
    rehearsal.model.blocks.switch_on(CHANGE, "no")
    assert forbidden(rehearsal, "Application", "SetCharm") == "no"
    assert not forbidden(rehearsal, "Application", "SetCharm", **{"force-units": True})


def test_the_table_names_kinds_and_facades_that_there_are() -> None:
    facades = {facade.name for facade in FACADES} | {"Action", "ModelUpgrader"}
    for (facade, _), kind in [*CHECKS.items(), *CONTROLLER_CHECKS.items()]:
        assert facade in facades
        assert kind in KINDS
