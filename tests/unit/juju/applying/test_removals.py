"""What is removed is gone before what depends on that is done."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from ckf_airgap.juju.applying.converge import converge
from ckf_airgap.juju.applying.events import DeployEvent
from ckf_airgap.juju.applying.failures import (
    DeploymentRefusedError,
)
from ckf_airgap.juju.planning.steps import (
    RemoveApplication,
)
from tests.unit.juju.applying.fakes import FakeController
from tests.unit.juju.applying.steps import (
    deploy,
    plan,
    record,
    refresh,
    replace,
    unrelate,
    upload,
)


async def test_a_removed_relation_is_gone_before_its_ends_are_refreshed(charm: Path) -> None:
    controller = FakeController(a="x", b="x", c="x")
    controller.relations = ["a:old b:old", "a:too c:too"]
    whole = plan(
        upload("a", path=charm),
        unrelate("a:old", "b:old"),
        unrelate("b:gone", "c:gone"),
        refresh("a", path=charm),
    )
    report = await converge(controller.session(), whole, controller.conduct())
    assert report.removed == ("b:gone c:gone", "a:old b:old")
    calls = controller.of("DestroyRelation", "FullStatus", "SetCharm")
    assert calls.index("FullStatus") > calls.index("DestroyRelation a:old b:old")
    assert calls[-1] == "SetCharm a"
    assert calls.count("FullStatus") == 1, "nobody waits for the other one"


@pytest.mark.parametrize("name", ["a", "b"])
async def test_a_refresh_waits_until_the_relation_is_gone(charm: Path, name: str) -> None:
    controller = FakeController(a="x", b="x")
    controller.relations = ["a:old b:old"]
    controller.lingering = {"a:old b:old": 3}

    def look(call: str) -> None:
        if call.startswith("SetCharm"):
            assert controller.relations == []

    controller.before = look
    whole = plan(upload(name, path=charm), unrelate("a:old", "b:old"), refresh(name, path=charm))
    report = await converge(controller.session(), whole, controller.conduct())
    assert report.refreshed == (name,)
    assert len(controller.of("FullStatus")) == 4


async def test_a_relation_that_does_not_go_is_told(
    charm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = FakeController(a="x", b="x")
    controller.relations = ["a:old b:old"]
    monkeypatch.setattr(controller, "on_destroy_relation", lambda _: {})
    whole = plan(upload("a", path=charm), unrelate("a:old", "b:old"), refresh("a", path=charm))
    with pytest.raises(DeploymentRefusedError) as caught:
        await converge(
            controller.session(until=time.monotonic() + 0.1), whole, controller.conduct()
        )
    (problem,) = caught.value.problems
    assert problem.where == "relation a:old b:old"
    assert re.match(r"it was removed, and is still there after [01]\.\d+ s: ", problem.what)
    assert "unit a/0 is executing; unit b/0 is executing" in problem.what


async def test_a_replaced_application_is_deployed_when_it_is_gone(charm: Path) -> None:
    controller = FakeController(a="local:x-9", old="x")
    controller.going = {"a": 2}
    remove, _ = replace("a")
    whole = plan(
        upload("a", path=charm),
        remove,
        RemoveApplication(application="old"),
        RemoveApplication(application="never"),
        deploy("a", path=charm),
        record("a"),
    )
    events: list[DeployEvent] = []
    report = await converge(controller.session(), whole, controller.conduct(events))
    assert report.deployed == ("a",)
    assert {*report.removed} == {"a", "old", "never"}
    assert controller.applications == {"a": "local:x-0"}
    assert controller.of("FullStatus") == ["FullStatus"] * 3
    kinds = [event.kind.value for event in events if event.subject == "a"]
    assert kinds == ["removing", "removed", "deployed", "recorded"]


async def test_an_application_that_does_not_go_is_told_with_what_holds_it(charm: Path) -> None:
    controller = FakeController(a="local:x-9", b="x")
    controller.going = {"a": 1000}
    controller.relations = ["a:x b:y", "a:peers", "b:z b:z"]
    remove, _ = replace("a")
    whole = plan(upload("a", path=charm), remove, deploy("a", path=charm))
    with pytest.raises(DeploymentRefusedError) as caught:
        await converge(
            controller.session(until=time.monotonic() + 0.1), whole, controller.conduct()
        )
    (problem,) = caught.value.problems
    assert problem.what.partition(" s: ")[2] == (
        "unit a/0 is error: hook failed: stop, its agent executing; relation a:x b:y"
    )
    assert "juju remove-application -m m --force a" in problem.fix
    assert [step.where for step in caught.value.report.skipped] == ["application a"]
    assert not controller.of("Deploy")
