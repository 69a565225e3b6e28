"""What is on its way when the connection breaks, or when something else is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ckf_airgap.errors import RefusedError
from ckf_airgap.juju.applying.converge import converge
from ckf_airgap.juju.applying.failures import DeploymentRefusedError
from ckf_airgap.juju.controller.api import CallRefusedError, ConnectionLostError
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import Scale
from ckf_airgap.juju.planning.uploadnotes import UploadNotes
from tests.unit.juju.applying.fakes import FakeController, notes_of, refused, replanning
from tests.unit.juju.applying.steps import deploy, image, plan, record, upload


async def test_what_was_announced_for_a_call_that_was_refused_as_a_whole_stays_noted(
    charm: Path,
) -> None:
    controller = FakeController()
    blocked = CallRefusedError("the operation has been blocked", is_of_call=True)
    controller.refuses["Deploy a"] = blocked
    whole = plan(upload("a", path=charm), deploy("a", path=charm, resources=(image(),)))
    with pytest.raises(DeploymentRefusedError, match="blocked"):
        await converge(controller.session(), whole, controller.conduct())
    assert notes_of(controller).resources == {"a/oci-image": "id-0"}
    controller.refuses.clear()
    await converge(controller.session(), whole, controller.conduct())
    assert controller.of("AddPendingResources") == ["AddPendingResources a"]
    assert notes_of(controller) == UploadNotes()


async def test_what_is_being_announced_when_the_charm_is_refused_is_noted(charm: Path) -> None:
    controller = FakeController(s="x")
    controller.refuses["x.charm"] = refused()
    controller.answers_in_s = {"AddPendingResources": 0.05, "ScaleApplications": 0.2}
    whole = plan(
        upload("a", path=charm),
        deploy("a", path=charm, resources=(image(),)),
        Scale(application="s", scale=2, was=1),
    )
    with pytest.raises(DeploymentRefusedError):
        await converge(controller.session(), whole, controller.conduct())
    assert [*controller.pending] == ["id-0"]
    assert notes_of(controller).resources == {"a/oci-image": "id-0"}


async def test_a_charm_is_sent_although_a_resource_of_one_who_waits_for_it_is_refused(
    charm: Path,
) -> None:
    for first in ("a", "b"):  # who asks for it, and who waits for it
        controller = FakeController()
        controller.sends_in_s = {"x.charm": 0.02}
        controller.refuses[f"{first}/oci-image=r/x:1 id-0"] = RefusedError("full")
        controller.refuses[f"{first}/oci-image=r/x:1 id-1"] = RefusedError("full")
        whole = plan(
            *(deploy(name, path=charm, resources=(image(),)) for name in ("a", "b")),
            deploy("c", path=charm),
            upload("a", "b", "c", path=charm),
        )
        with pytest.raises(DeploymentRefusedError, match="1 of 4 steps failed") as caught:
            await converge(controller.session(), whole, controller.conduct())
        assert caught.value.report.uploads == 1
        assert {*controller.applications} == {"a", "b", "c"} - {first}


async def test_a_charm_on_its_way_is_not_sent_again_when_the_connection_breaks(
    charm: Path, other: Path
) -> None:
    controller = FakeController()
    controller.sends_in_s = {"x.charm": 0.1}
    controller.loses["Deploy"] = (1, False)
    whole = plan(
        upload("a", path=charm),
        deploy("a", path=charm),
        upload("b", path=other),
        deploy("b", path=other),
    )
    conduct = controller.conduct(replan=replanning(whole))
    report = await converge(controller.session(), whole, conduct)
    assert (report.interruptions, report.uploads) == (1, 2)
    assert sorted(controller.sent) == ["x.charm", "y.charm"]


async def test_a_charm_that_was_cut_off_is_sent_again(charm: Path) -> None:
    controller = FakeController()
    controller.refuses["x.charm"] = ConnectionLostError("it broke")
    whole = plan(upload("a", path=charm), deploy("a", path=charm))

    async def replan() -> Plan:
        del controller.refuses["x.charm"]
        return whole

    report = await converge(controller.session(), whole, controller.conduct(replan=replan))
    assert (report.uploads, controller.sent) == (1, ["x.charm", "x.charm"])


async def test_a_charm_is_noted_before_it_is_used_also_when_noting_it_was_cut_off(
    charm: Path,
) -> None:
    controller = FakeController()
    controller.loses["Set"] = (1, False)
    whole = plan(upload("a", path=charm), deploy("a", path=charm))
    conduct = controller.conduct(replan=replanning(whole))
    report = await converge(controller.session(), whole, conduct)
    assert report.uploads == 1
    assert controller.of("Set", "Deploy")[:3] == ["Set model-u", "Set model-u", "Deploy a"]


@pytest.mark.parametrize("is_carried_out", [True, False])
async def test_notes_are_removed_also_when_the_answer_to_that_is_lost(
    charm: Path, is_carried_out: bool
) -> None:
    controller = FakeController()
    whole = plan(upload("a", path=charm), deploy("a", path=charm), record("a"))
    # What is uploaded, the record, and that nothing is left to note.
    controller.loses["Set"] = (3, is_carried_out)
    conduct = controller.conduct(replan=replanning(plan()))
    report = await converge(controller.session(), whole, conduct)
    assert report.interruptions == 1
    assert notes_of(controller) == UploadNotes()


async def test_what_is_being_sent_is_stopped_when_the_deployment_is(charm: Path) -> None:
    controller = FakeController()
    controller.sends_in_s = {"x.charm": 60}
    whole = plan(upload("a", path=charm), deploy("a", path=charm))
    task = asyncio.ensure_future(converge(controller.session(), whole, controller.conduct()))
    while "x.charm" not in controller.under_way:  # noqa: ASYNC110 - a fake tells nobody
        await asyncio.sleep(0.001)
    before = asyncio.all_tasks()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert {one for one in before if not one.done()} == {asyncio.current_task()}
