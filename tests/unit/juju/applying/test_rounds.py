"""What is done after a lost connection, and when somebody else deploys, too."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.errors import (
    ControllerError,
)
from ckf_airgap.juju.applying.converge import converge
from ckf_airgap.juju.applying.events import DeployEvent
from ckf_airgap.juju.applying.failures import (
    DeploymentCutOffError,
    DeploymentRefusedError,
)
from ckf_airgap.juju.controller.api import ConnectionLostError
from ckf_airgap.juju.planning.differences import Difference, Refusal
from ckf_airgap.juju.planning.offers import MakeOffer
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import (
    DeployApplication,
    Scale,
    SetOptions,
    UploadCharm,
)
from tests.unit.juju.applying.fakes import FakeController, refused, replanning
from tests.unit.juju.applying.steps import (
    deploy,
    image,
    plan,
    record,
    refresh,
    relate,
    upload,
)


async def test_what_juju_cannot_change_any_more_ends_a_deployment_that_was_cut() -> None:
    controller = FakeController(a="x", b="x")
    controller.loses["AddRelation"] = (1, False)
    whole = plan(Scale(application="a", scale=2, was=1), relate("a:x", "b:y"))
    moved = dataclasses.replace(
        whole, refused=(Refusal(application="b", kind="storage", what="it moves"),)
    )
    with pytest.raises(DeploymentRefusedError, match="was changed meanwhile") as caught:
        await converge(controller.session(), whole, controller.conduct(replan=replanning(moved)))
    assert [str(problem) for problem in caught.value.problems] == ["application b: it moves"]
    assert caught.value.report.changed == ("a",)
    assert "so far 0 of 0 applications were deployed" in caught.value.message


async def test_a_lost_answer_is_looked_up_and_not_asked_for_again(charm: Path, other: Path) -> None:
    controller = FakeController()
    controller.loses["Deploy"] = (1, True)
    first = plan(
        upload("a", path=charm),
        deploy("a", path=charm, resources=(image(),)),
        record("a"),
        upload("b", path=other),
        deploy("b", path=other),
        record("b"),
        relate("a:x", "b:y"),
    )
    events: list[DeployEvent] = []

    async def replan() -> Plan:
        there = {*controller.applications}
        assert there, "it was carried out, although the answer was lost"
        left = [
            step
            for step in first.steps
            if not (
                isinstance(step, DeployApplication | UploadCharm)
                and there.intersection(_about(step))
            )
        ]
        return dataclasses.replace(first, steps=tuple(left))

    report = await converge(controller.session(), first, controller.conduct(events, replan=replan))
    assert {*report.deployed} == {"a", "b"}
    assert report.interruptions == 1
    assert report.related == ("a:x b:y",)
    assert sorted(call for call in controller.sent if call.endswith("charm")) == [
        "x.charm",
        "y.charm",
    ]
    assert controller.calls.count("reconnected") == 1
    assert events[-1].done == events[-1].total
    assert "continued with m" in " ".join(map(str, events))


def _about(step: DeployApplication | UploadCharm) -> tuple[str, ...]:
    return step.applications if isinstance(step, UploadCharm) else (step.application,)


async def test_a_call_that_was_not_carried_out_is_made_again(charm: Path) -> None:
    controller = FakeController()
    controller.loses["Deploy"] = (1, False)
    whole = plan(
        upload("a", path=charm), deploy("a", path=charm, resources=(image(),)), record("a")
    )
    report = await converge(
        controller.session(), whole, controller.conduct(replan=replanning(whole))
    )
    assert report.deployed == ("a",)
    assert report.uploads == 1
    assert sorted(controller.sent) == ["a/oci-image=r/x:1 id-0", "x.charm"]
    assert controller.of("Deploy", "AddPendingResources") == [
        "AddPendingResources a",
        "Deploy a",
        "Deploy a",
    ]


async def test_a_connection_that_breaks_again_and_again_is_given_up(charm: Path) -> None:
    controller = FakeController(a="x")
    whole = plan(Scale(application="a", scale=2, was=1))

    async def replan() -> Plan:
        controller.loses["ScaleApplications"] = (1, False)
        return whole

    controller.loses["ScaleApplications"] = (1, False)
    with pytest.raises(DeploymentCutOffError, match="it broke; so far") as caught:
        await converge(controller.session(), whole, controller.conduct(replan=replan))
    assert len(controller.of("ScaleApplications")) == 6
    assert caught.value.report.interruptions == 5


async def test_each_step_that_succeeds_gives_new_patience() -> None:
    controller = FakeController(**{f"a{number}": "x" for number in range(9)})
    steps = [Scale(application=name, scale=2, was=1) for name in controller.applications]
    left = [*steps]

    async def replan() -> Plan:
        left.pop(0)
        controller.loses["ScaleApplications"] = (1, True)
        return plan(left[0])

    controller.loses["ScaleApplications"] = (1, True)
    with pytest.raises(IndexError):
        await converge(controller.session(), plan(steps[0]), controller.conduct(replan=replan))
    assert len(controller.of("ScaleApplications")) == 9


async def test_a_lost_connection_ends_it_without_a_plan_or_time() -> None:
    controller = FakeController(a="x")
    whole = plan(Scale(application="a", scale=2, was=1))
    controller.loses["ScaleApplications"] = (1, False)
    with pytest.raises(DeploymentCutOffError, match="it broke; so far 0 of 0 applications"):
        await converge(controller.session(), whole, controller.conduct())
    controller.loses["ScaleApplications"] = (1, False)
    with pytest.raises(DeploymentCutOffError):
        await converge(
            controller.session(until=time.monotonic()),
            whole,
            controller.conduct(replan=replanning(whole)),
        )
    assert "reconnected" not in controller.calls


async def test_another_error_of_the_controller_ends_it_with_what_was_done() -> None:
    controller = FakeController(a="x", b="x")
    controller.refuses["ScaleApplications b"] = ControllerError("gone", fix="look")
    whole = plan(SetOptions(application="a", options={}), Scale(application="b", scale=2, was=1))
    with pytest.raises(DeploymentCutOffError, match="gone; so far") as caught:
        await converge(controller.session(), whole, controller.conduct(replan=replanning(whole)))
    assert caught.value.fix == "look"
    assert not isinstance(caught.value, ConnectionLostError)


async def test_what_failed_before_the_loss_is_tried_again_and_told_once(charm: Path) -> None:
    controller = FakeController(a="x", b="x")
    controller.refuses["SetConfigs a"] = refused("bad")
    controller.loses["AddRelation"] = (1, False)
    whole = plan(
        SetOptions(application="a", options={"x": "1"}),
        relate("a:x", "b:y"),
    )
    with pytest.raises(DeploymentRefusedError) as caught:
        await converge(controller.session(), whole, controller.conduct(replan=replanning(whole)))
    assert len(caught.value.problems) == 1
    assert len(controller.of("SetConfigs")) == 2
    assert caught.value.report.related == ("a:x b:y",)


def differing(application: str, *, is_known: bool, kind: Any = "charm") -> Any:
    return refresh(
        application,
        differences=(
            Difference(application=application, kind="option", is_known=True),
            Difference(application=application, kind=kind, is_known=is_known),
        ),
    )


async def test_somebody_else_who_deploys_the_same_is_no_trouble(
    charm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ckf_airgap.juju.applying.converge._LOOK_AGAIN_S", 0.001)
    controller = FakeController(a="local:x-7")
    whole = plan(
        upload("a", "b", path=charm),
        deploy("a", path=charm, resources=(image(),)),
        record("a"),
        deploy("b", path=charm),
        relate("a:x", "b:y"),
        MakeOffer(application="a", offer="web", endpoints=("x",)),
    )
    events: list[DeployEvent] = []
    report = await converge(
        controller.session(),
        whole,
        controller.conduct(
            events,
            replan=replanning(
                plan(differing("a", is_known=False)),
                plan(relate("a:x", "b:y"), MakeOffer(application="a", offer="web", endpoints=())),
            ),
        ),
    )
    assert report.deployed == ("b",)
    assert report.related == ("a:x b:y",)
    assert report.offered == ("web",)
    assert report.skipped == ()
    assert report.interruptions == 0
    assert any("somebody else is deploying into it, too" in str(event) for event in events)
    assert controller.applications["a"] == "local:x-7"


@pytest.mark.parametrize(
    "seen",
    [
        differing("a", is_known=True),
        differing("a", is_known=True, kind="resource"),
        None,
    ],
    ids=["another charm", "another image", "no plan"],
)
async def test_somebody_else_who_deploys_something_else_is_told(
    charm: Path, monkeypatch: pytest.MonkeyPatch, seen: Any
) -> None:
    monkeypatch.setattr("ckf_airgap.juju.applying.converge._LOOK_AGAIN_S", 0.001)
    controller = FakeController(a="local:x-7")
    whole = plan(upload("a", path=charm), deploy("a", path=charm))
    replan = replanning(plan(seen)) if seen is not None else None
    with pytest.raises(
        DeploymentRefusedError, match="somebody else is deploying into model m: a came meanwhile"
    ):
        await converge(controller.session(), whole, controller.conduct(replan=replan))


async def test_patience_with_somebody_else_has_an_end(
    charm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ckf_airgap.juju.applying.converge._LOOK_AGAIN_S", 0.001)
    monkeypatch.setattr("ckf_airgap.juju.applying.converge._PATIENCE_S", 0.02)
    controller = FakeController(a="local:x-7")
    whole = plan(upload("a", path=charm), deploy("a", path=charm))
    looked: list[None] = []

    async def replan() -> Plan:
        looked.append(None)
        return plan(differing("a", is_known=False))

    with pytest.raises(DeploymentRefusedError, match="somebody else"):
        await converge(controller.session(), whole, controller.conduct(replan=replan))
    assert len(looked) > 1
