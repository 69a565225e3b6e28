from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.rehearsal.api.facades.action import Action, StringsWatcher
from ckf_airgap.rehearsal.model.operations import PICKED_UP_AFTER_S
from ckf_airgap.rehearsal.units.actionresults import ActionResult
from ckf_airgap.rehearsal.wire import NOT_FOUND, NOT_SUPPORTED, STOPPED, UNAUTHORIZED, ApiError
from tests.unit.rehearsal.controllers import RehearsedController
from tests.unit.rehearsal.harness import Rehearsal

ACTIONS = """
backup:
  description: Back up
  parallel: true
  execution-group: io
  params:
    target: {type: string, default: s3}
    level: {type: integer, minimum: 0, maximum: 9}
  required: [level]
  additionalProperties: false
restore: {}
"""


@pytest.fixture
def controller(tmp_path: Path) -> RehearsedController:
    return RehearsedController(tmp_path)


@pytest.fixture
async def kubeflow(controller: RehearsedController) -> Rehearsal:
    rehearsal = controller.add_model("kubeflow")
    await rehearsal.upload_and_deploy("db", units=2, members={"actions.yaml": ACTIONS})
    await rehearsal.upload_and_deploy("plain")
    return rehearsal


class Client:
    """A client of the facade on one model."""

    def __init__(self, controller: RehearsedController, model: Rehearsal) -> None:
        self.controller, self.model = controller, model

    async def __call__(self, method: str, **params: Any) -> Any:
        return await self.controller.call(Action, method, params, on=self.model)

    async def enqueue(self, name: str, *units: str, **params: Any) -> Any:
        actions = [{"receiver": unit, "name": name, "parameters": params} for unit in units]
        return await self("EnqueueOperation", actions=actions)

    async def task(self, number: int) -> Any:
        reply = await self("Actions", entities=[{"tag": f"action-{number}"}])
        return reply["results"][0]


@pytest.fixture
def client(controller: RehearsedController, kubeflow: Rehearsal) -> Client:
    return Client(controller, kubeflow)


async def test_the_actions_of_a_charm_are_its_schemas(client: Client) -> None:
    tags = ["application-db", "application-plain", "application-none", "db"]
    reply = await client("ApplicationsCharmsActions", entities=[{"tag": tag} for tag in tags])
    db, plain, missing, nonsense = reply["results"]
    assert db["actions"]["backup"] == {
        "description": "Back up",
        "params": {
            "description": "Back up",
            "type": "object",
            "title": "backup",
            "properties": {
                "target": {"type": "string", "default": "s3"},
                "level": {"type": "integer", "minimum": 0, "maximum": 9},
            },
            "required": ["level"],
            "additionalProperties": False,
        },
    }
    assert db["actions"]["restore"]["description"] == "No description"
    assert plain == {"application-tag": "application-plain"}
    assert missing["error"]["code"] == NOT_FOUND
    assert nonsense["error"]["message"] == "id not found"


@pytest.mark.parametrize(
    ("name", "unit", "params", "message"),
    [
        ("backup", "unit-db-9", {}, '"unit-db-9" not found'),
        ("backup", "unit-gone-0", {}, '"unit-gone-0" not found'),
        ("backup", "db/0", {}, '"db/0" not valid'),
        ("backup", "gone/leader", {}, 'could not determine leader for "gone"'),
        ("dump", "unit-db-0", {}, 'action "dump" not defined on unit "db/0"'),
        ("dump", "unit-plain-0", {}, 'no actions defined on charm "local:plain-0"'),
        (
            "backup",
            "unit-db-0",
            {"level": "x"},
            'validation failed: (root).level : must be of type integer, given "x"',
        ),
        (
            "backup",
            "db/leader",
            {"speed": 1},
            (
                'validation failed: (root) : "level" property is missing and required, given '
                '{"speed":1}; (root) : '
                'additional property "speed" is not allowed, given {"speed":1}'
            ),
        ),
    ],
)
async def test_what_needs_no_charm_code_is_checked_first(
    client: Client, name: str, unit: str, params: Any, message: str
) -> None:
    reply = await client.enqueue(name, unit, **params)
    (action,) = reply["actions"]
    assert action["error"]["message"] == message
    listed = await client("Operations", entities=[{"tag": reply["operation"]}])
    (operation,) = listed["results"]
    assert operation["status"] == "error"
    assert operation["fail"] == f"error(s) enqueueing action(s): {message}"
    assert operation["summary"] == f"{name} run on {unit}"


async def test_without_a_scripted_result_nothing_is_enqueued(client: Client) -> None:
    with pytest.raises(ApiError, match="runs no charm code") as refused:
        await client.enqueue("restore", "unit-db-0")
    assert refused.value.code == NOT_SUPPORTED
    with pytest.raises(ApiError, match="cannot run commands on db/0"):
        await client("Run", commands="hostname", units=["db/leader"], timeout=1)
    assert (await client("ListOperations"))["results"] == []


async def test_a_scripted_action_runs_and_ends(client: Client) -> None:
    model = client.model
    model.settle()
    result = ActionResult(results={"size": "1G"}, message="done", after_s=10, log=("half",))
    model.script.actions.set_result("backup", result, application="db")
    reply = await client.enqueue("backup", "unit-db-0", level=3)
    assert reply["operation"] == "operation-1"
    assert reply["actions"][0]["action"]["tag"] == "action-2"
    model.clock.advance(PICKED_UP_AFTER_S)
    running = await client.task(2)
    assert running["status"] == "running"
    assert running["action"]["parameters"] == {"target": "s3", "level": 3}
    assert running["action"]["execution-group"] == "io"
    assert running["action"]["parallel"] is True
    assert running["completed"] == "0001-01-01T00:00:00Z"
    model.clock.advance(10)
    ended = await client.task(2)
    assert (ended["status"], ended["message"]) == ("completed", "done")
    assert ended["output"] == {"return-code": 0, "size": "1G"}
    assert [line["message"] for line in ended["log"]] == ["half"]
    (operation,) = (await client("ListOperations", applications=["db"]))["results"]
    assert operation["status"] == "completed"
    assert "output" not in operation["actions"][0]
    delta = [
        d for d in await model.model.watch().next() if isinstance(d, list) and d[0] == "action"
    ]
    assert delta[0][2]["results"] == {"return-code": 0, "size": "1G"}  # type: ignore[index, call-overload]


async def test_tasks_of_a_unit_wait_for_their_group(client: Client) -> None:
    client.model.settle()
    client.model.script.actions.set_result("backup", ActionResult(after_s=10), charm="db")
    await client.enqueue("backup", "unit-db-0", "unit-db-1", level=1)
    await client.enqueue("backup", "unit-db-0", level=2)
    client.model.clock.advance(PICKED_UP_AFTER_S)
    assert [(await client.task(n))["status"] for n in (2, 3, 5)] == ["running"] * 2 + ["pending"]
    client.model.clock.advance(10)
    assert (await client.task(5))["status"] == "running"


async def test_a_task_is_pending_until_the_agent_has_picked_it_up(client: Client) -> None:
    """libjuju's own suite sees it so in the first delta."""
    client.model.settle()
    client.model.script.actions.set_result("backup", ActionResult(after_s=10), charm="db")
    watcher = client.model.model.watch()
    await watcher.next()
    await client.enqueue("backup", "unit-db-0", level=1)
    deltas = await watcher.next()
    assert [d[2]["status"] for d in deltas if d[0] == "action"] == ["pending"]  # type: ignore[index, call-overload]
    client.model.clock.advance(PICKED_UP_AFTER_S)
    assert (await client.task(2))["status"] == "running"


async def test_a_task_waits_for_its_unit_and_goes_with_it(client: Client) -> None:
    model = client.model
    model.script.actions.set_result("restore", ActionResult(after_s=math.inf), charm="db")
    await client.enqueue("restore", "unit-db-1")
    assert (await client.task(2))["status"] == "pending"
    model.settle()
    assert (await client.task(2))["status"] == "running"
    model.model.topology.scale(model.model.applications["db"], 1)
    model.settle()
    gone = await client.task(2)
    assert (gone["status"], gone["message"]) == ("cancelled", "unit removed")


async def test_tasks_are_cancelled(client: Client) -> None:
    model = client.model
    model.settle()
    model.script.actions.set_result("restore", ActionResult(after_s=math.inf), charm="db")
    await client.enqueue("restore", "unit-db-0")
    await client.enqueue("restore", "unit-db-0")
    tags = [{"tag": tag} for tag in ("action-4", "action-2", "action-99", "unit-db-0")]
    pending, running, missing, nonsense = (await client("Cancel", entities=tags))["results"]
    assert (pending["status"], pending["message"]) == ("cancelled", "action cancelled via the API")
    assert running["status"] == "aborting"
    assert missing["error"]["message"] == 'action "99" not found'
    assert nonsense["error"]["message"] == "id not found"
    model.settle()
    assert (await client.task(2))["status"] == "aborted"


async def test_exec_runs_on_units_applications_and_leaders(client: Client) -> None:
    model = client.model
    model.settle()
    model.script.actions.set_exec(ActionResult.of_command(stdout="db-0\n"), application="db")
    reply = await client(
        "Run",
        commands="hostname",
        applications=["db"],
        units=["db/leader"],
        timeout=5 * 10**9,
        parallel=True,
    )
    assert [a["action"]["receiver"] for a in reply["actions"]] == ["unit-db-0", "unit-db-1"]
    model.settle()
    assert (await client.task(2))["output"] == {"return-code": 0, "stdout": "db-0\n"}


@pytest.mark.parametrize("after_s", [3.0, math.inf])
async def test_a_command_is_killed_when_its_timeout_passes(client: Client, after_s: float) -> None:
    model = client.model
    model.settle()
    hello = ActionResult.of_command(stdout="hello", after_s=after_s)
    model.script.actions.set_exec(hello, application="db")
    await client("Run", commands="sleep 3", units=["db/0"], timeout=2 * 10**9)
    model.clock.advance(PICKED_UP_AFTER_S + 1.9)
    assert (await client.task(2))["status"] == "running"
    model.clock.advance(0.2)
    task = await client.task(2)
    assert (task["status"], task["message"]) == ("failed", "command cancelled")
    assert task["output"] == {"return-code": 0}
    model.settle()
    assert (await client.task(2))["status"] == "failed"


async def test_an_action_has_no_timeout_on_the_unit(client: Client) -> None:
    model = client.model
    model.settle()
    model.script.actions.set_result("restore", ActionResult(after_s=3.0), application="db")
    await client.enqueue("restore", "unit-db-0", timeout=1)
    model.settle()
    assert (await client.task(2))["status"] == "completed"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"units": ["gone/0"]}, None),
        ({"applications": ["gone"]}, 'application "gone" not found'),
        ({"units": ["gone/leader"]}, 'could not determine leader for "gone"'),
        ({"units": ["a b/0"]}, 'invalid unit name "a b/0"'),
        ({"machines": ["x"]}, 'invalid machine id "x"'),
        ({"commands": "juju-exec x"}, 'cannot use "juju-exec x" as an action command'),
    ],
)
async def test_exec_checks_its_targets(client: Client, params: Any, message: str | None) -> None:
    given = {"commands": "hostname", "timeout": 1} | params
    if message is None:
        reply = await client("Run", **given)
        assert reply["actions"][0]["error"]["message"] == '"unit-gone-0" not found'
        return
    with pytest.raises(ApiError) as refused:
        await client("Run", **given)
    assert refused.value.message == message


async def test_exec_needs_an_administrator_and_no_machines(
    controller: RehearsedController, kubeflow: Rehearsal
) -> None:
    with pytest.raises(ApiError, match="cannot run on all machines with a caas model"):
        await controller.call(Action, "RunOnAllMachines", {}, on=kubeflow)
    bob = controller.add_user("bob")
    with pytest.raises(ApiError) as refused:
        await controller.call(Action, "Run", {"units": ["db/0"]}, on=kubeflow, user=bob)
    assert refused.value.code == UNAUTHORIZED


async def test_operations_are_listed_by_what_is_asked_for(client: Client) -> None:
    model = client.model
    model.settle()
    model.script.actions.set_result("restore", ActionResult(), charm="db")
    model.script.actions.set_result("backup", ActionResult(status="failed"), charm="db")
    await client.enqueue("restore", "unit-db-0")
    await client.enqueue("backup", "unit-db-1", level=1)
    model.settle()

    async def listed(**params: Any) -> list[str]:
        reply = await client("ListOperations", **params)
        return [operation["operation"] for operation in reply["results"]]

    assert await listed() == ["operation-1", "operation-3"]
    assert await listed(actions=["backup"]) == ["operation-3"]
    assert await listed(units=["db/0"]) == ["operation-1"]
    assert await listed(status=["failed"]) == ["operation-3"]
    assert await listed(offset=1) == ["operation-3"]
    first = await client("ListOperations", limit=1)
    assert (len(first["results"]), first["truncated"]) == (1, True)
    missing = await client("Operations", entities=[{"tag": "operation-9"}, {"tag": "x"}])
    assert missing["results"][0]["error"]["message"] == "operation 9 not found"
    assert missing["results"][1]["error"]["message"] == '"x" is not a valid operation tag'


async def test_progress_is_watched(controller: RehearsedController, client: Client) -> None:
    client.model.settle()
    result = ActionResult(after_s=9, log=("one", "two"))
    client.model.script.actions.set_result("restore", result, charm="db")
    await client.enqueue("restore", "unit-db-0")
    client.model.clock.advance(PICKED_UP_AFTER_S + 3)
    reply = await client("WatchActionsProgress", entities=[{"tag": "action-2"}])
    (watched,) = reply["results"]
    assert [json.loads(line)["message"] for line in watched["changes"]] == ["one"]
    client.model.settle()

    async def call(method: str) -> Any:
        return await controller.call(
            StringsWatcher, method, {}, on=client.model, object_id=watched["watcher-id"]
        )

    assert [json.loads(line)["message"] for line in (await call("Next"))["changes"]] == ["two"]
    await call("Stop")
    with pytest.raises(ApiError) as stopped:
        await call("Next")
    assert stopped.value.code == STOPPED
