"""A plan is carried out: what goes together, what stops what, and what is done after a loss."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import time
from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.bundle.exposure import ExposedEndpoint
from ckf_airgap.documents import parse_json
from ckf_airgap.errors import (
    ControllerError,
    MissingError,
    Problem,
    RefusedError,
    WaitTimeoutError,
    WorkloadError,
)
from ckf_airgap.juju.applying.converge import converge, refuse_haste
from ckf_airgap.juju.applying.events import DeployEvent
from ckf_airgap.juju.applying.execution import upload_order
from ckf_airgap.juju.applying.failures import (
    DeploymentCutOffError,
    DeploymentFailedError,
    DeploymentRefusedError,
    DeploymentTimeoutError,
    failing,
)
from ckf_airgap.juju.applying.stages import Ordering
from ckf_airgap.juju.controller.api import CallRefusedError, ConnectionLostError
from ckf_airgap.juju.planning.differences import Difference, Refusal
from ckf_airgap.juju.planning.identity import RECORD_KEY, DeploymentRecord
from ckf_airgap.juju.planning.offers import GrantOffer, MakeOffer
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import (
    AttachResources,
    DeployApplication,
    Expose,
    RemoveApplication,
    Scale,
    SetAnnotations,
    SetOptions,
    UploadCharm,
)
from ckf_airgap.juju.planning.uploadnotes import NOTES_KEY, UploadNotes
from tests.unit.juju.applying.fakes import FakeController, replanning
from tests.unit.juju.applying.steps import (
    deploy,
    image,
    plan,
    record,
    refresh,
    relate,
    replace,
    unrelate,
    upload,
)


@pytest.fixture
def charm(tmp_path: Path) -> Path:
    path = tmp_path / "x.charm"
    path.write_bytes(b"a charm")
    return path


@pytest.fixture
def other(tmp_path: Path) -> Path:
    path = tmp_path / "y.charm"
    path.write_bytes(b"another charm")
    return path


def refused(text: str = "no") -> CallRefusedError:
    return CallRefusedError(text)


def record_of(controller: FakeController, application: str) -> DeploymentRecord | None:
    annotations = controller.annotations.get(f"application-{application}", {})
    return DeploymentRecord.parse(annotations.get(RECORD_KEY))


def notes_of(controller: FakeController) -> UploadNotes:
    return UploadNotes.parse(controller.annotations.get("model-u", {}).get(NOTES_KEY))


async def test_applications_are_deployed_related_and_recorded(charm: Path) -> None:
    controller = FakeController()
    whole = plan(
        upload("a", "b", path=charm),
        deploy("a", path=charm, resources=(image(),), expose=True, annotations={"gui": "1"}),
        record("a"),
        deploy("b", path=charm),
        record("b"),
        relate("a:x", "b:y"),
    )
    report = await converge(controller.session(), whole, controller.conduct())
    assert sorted(report.deployed) == ["a", "b"]
    assert report.related == ("a:x b:y",)
    assert (report.uploads, report.upload_bytes) == (1, len(b"a charm"))
    assert controller.applications == {"a": "local:x-0", "b": "local:x-0"}
    assert sorted(controller.sent) == ["a/oci-image=r/x:1 id-0", "x.charm"]
    assert controller.of("Expose") == ["Expose a"]
    for name in "ab":
        found = record_of(controller, name)
        assert found is not None
        assert found.charm_url == "local:x-0"
        assert len(found.charm_sha256) == 64
    assert controller.annotations["application-a"]["gui"] == "1"
    assert notes_of(controller) == UploadNotes()
    assert "model-u" not in [tag for tag, held in controller.annotations.items() if held]


async def test_what_is_ready_goes_in_one_call(tmp_path: Path) -> None:
    names = [f"a{number}" for number in range(8)]
    charm = tmp_path / "x.charm"
    charm.write_bytes(b"1")
    whole = plan(
        upload(*names, path=charm),
        *(deploy(name, path=charm) for name in names),
        *(record(name) for name in names),
    )
    controller = FakeController()
    await converge(controller.session(), whole, controller.conduct())
    assert len(controller.of("Deploy")) <= 4
    assert len([call for call in controller.of("Set") if "application-" in call]) <= 2


async def test_a_charm_is_noted_before_it_is_used(charm: Path) -> None:
    controller = FakeController()
    seen: list[UploadNotes] = []

    def look(call: str) -> None:
        if call.startswith("Deploy"):
            seen.append(notes_of(controller))

    controller.before = look
    whole = plan(upload("a", path=charm), deploy("a", path=charm), record("a"))
    await converge(controller.session(), whole, controller.conduct())
    (notes,) = seen
    assert [*notes.charms.values()] == ["local:x-0"]


async def test_a_refresh_is_one_call_with_its_resources_and_options(charm: Path) -> None:
    controller = FakeController(a="local:x-9")
    step = refresh("a", path=charm, resources=(image(),), options={"port": "1"})
    whole = plan(upload("a", path=charm), step, record("a"))
    events: list[DeployEvent] = []
    report = await converge(controller.session(), whole, controller.conduct(events))
    assert "[1/3] uploaded x.charm: local:x-0" in map(str, events)
    assert report.refreshed == ("a",)
    assert report.changed == ()
    assert controller.applications == {"a": "local:x-0"}
    sent = controller.params["SetCharm"]
    assert sent["resource-ids"] == {"oci-image": "id-0"}
    assert sent["config-settings"] == {"port": "1"}
    found = record_of(controller, "a")
    assert found is not None
    assert found.charm_url == "local:x-0"
    assert "[2/3] refreshed a" in map(str, events)


async def test_resources_are_replaced_without_announcing_them() -> None:
    controller = FakeController(a="local:x-9")
    step = AttachResources(application="a", resources=(image("one"), image("two")))
    note = record("a", url="local:x-9", sha256="ff")
    report = await converge(controller.session(), plan(step, note), controller.conduct())
    assert controller.sent == ["a/one=r/x:1 None", "a/two=r/x:1 None"]
    assert not controller.of("AddPendingResources", "SetCharm")
    assert report.changed == ("a",)
    assert record_of(controller, "a") == note.record


async def test_annotations_of_several_applications_are_one_call() -> None:
    controller = FakeController(a="local:x-9", b="local:x-9")
    steps = [SetAnnotations(application=name, annotations={"n": name}) for name in "ab"]
    await converge(controller.session(), plan(*steps), controller.conduct())
    assert controller.of("Set") == ["Set application-a application-b"]
    assert controller.annotations == {"application-a": {"n": "a"}, "application-b": {"n": "b"}}


async def test_a_refused_annotation_is_that_of_its_application_alone() -> None:
    controller = FakeController(a="local:x-9", b="local:x-9")
    controller.refuses["annotations application-a"] = refused("invalid key")
    steps = [SetAnnotations(application=name, annotations={"n": name}) for name in "ab"]
    with pytest.raises(DeploymentRefusedError) as caught:
        await converge(controller.session(), plan(*steps), controller.conduct())
    (problem,) = caught.value.problems
    assert caught.value.message == (
        "1 of 2 steps failed; 0 of 0 applications were deployed and 0 of 0 relations made"
    )
    assert problem.where == "application a"
    assert problem.what == 'while setting annotations to "application-a": invalid key'
    assert caught.value.report.changed == ("b",)


async def test_a_refused_step_stops_those_after_it_and_no_other_application(charm: Path) -> None:
    controller = FakeController(a="local:x-9", c="local:x-9", d="local:x-9")
    controller.refuses["SetConfigs a"] = refused("bad value")
    controller.refuses["Deploy b"] = refused("no quota")
    whole = plan(
        upload("b", path=charm),
        SetOptions(application="a", options={"x": "1"}),
        Scale(application="a", scale=2, was=1),
        record("a"),
        deploy("b", path=charm, annotations={"gui": "1"}),
        record("b"),
        Scale(application="c", scale=2, was=1),
        relate("a:x", "c:y"),
        relate("a:z", "b:y"),
        relate("c:x", "d:y"),
    )
    events: list[DeployEvent] = []
    with pytest.raises(DeploymentRefusedError) as caught:
        await converge(controller.session(), whole, controller.conduct(events))
    error = caught.value
    assert [str(problem) for problem in error.problems] == [
        "application a: bad value",
        "application b: no quota",
    ]
    report = error.report
    assert [(step.where, step.reason) for step in report.skipped] == [
        ("application a", "a step before it failed: configure a: x=1"),
        ("application a", "a step before it failed: configure a: x=1"),
        ("application b", f"a step before it failed: {whole.deploys[0].describe()}"),
        ("relation a:z b:y", "b was not deployed or refreshed"),
    ]
    assert report.changed == ("c",)
    assert {*report.related} == {"a:x c:y", "c:x d:y"}
    assert record_of(controller, "a") is record_of(controller, "b") is None
    assert events[-1].done == events[-1].total == len(whole.steps)
    assert "2 of 10 steps failed" in error.message
    assert "4 were skipped for that" in error.message


async def test_what_was_uploaded_and_not_used_stays_noted(charm: Path) -> None:
    controller = FakeController()
    controller.refuses["Deploy a"] = refused()
    step = deploy("a", path=charm, resources=(image(),))
    with pytest.raises(DeploymentRefusedError):
        await converge(
            controller.session(), plan(upload("a", path=charm), step), controller.conduct()
        )
    notes = notes_of(controller)
    assert [*notes.charms.values()] == ["local:x-0"]
    assert notes.resources == {}, "with the deployment the controller drops them"
    del controller.refuses["Deploy a"]
    again = plan(upload("a", path=charm), step, record("a"))
    events: list[DeployEvent] = []
    report = await converge(controller.session(), again, controller.conduct(events))
    assert report.uploads == 0
    assert controller.sent.count("x.charm") == 1
    assert controller.applications == {"a": "local:x-0"}
    assert "[1/3] uploaded x.charm: local:x-0, which it had already" in map(str, events)
    assert notes_of(controller) == UploadNotes()


async def test_notes_are_void_when_file_or_controller_have_changed(charm: Path) -> None:
    controller = FakeController()
    controller.refuses["Deploy a"] = refused()
    whole = plan(upload("a", path=charm), deploy("a", path=charm))
    with pytest.raises(DeploymentRefusedError):
        await converge(controller.session(), whole, controller.conduct())
    charm.write_bytes(b"a new build")
    with pytest.raises(DeploymentRefusedError):
        await converge(controller.session(), whole, controller.conduct())
    assert controller.charms == ["local:x-0", "local:x-1"]
    controller.charms.clear()
    controller.refuses.clear()
    await converge(controller.session(), whole, controller.conduct())
    assert controller.sent.count("x.charm") == 3


async def test_resources_that_an_earlier_run_announced_are_sent_under_their_ids(
    charm: Path,
) -> None:
    controller = FakeController()
    controller.pending = {"id-0": "a/oci-image", "id-1": "z/oci-image"}
    notes = UploadNotes(resources={"a/oci-image": "id-0", "z/oci-image": "id-1"})
    step = deploy("a", path=charm, resources=(image(), image("more")))
    whole = plan(upload("a", path=charm), step, record("a"))
    await converge(controller.session(), whole, controller.conduct(notes=notes))
    assert sorted(controller.sent) == [
        "a/more=r/x:1 id-2",
        "a/oci-image=r/x:1 id-0",
        "x.charm",
    ]
    assert notes_of(controller) == UploadNotes(), "all is done, and nobody needs the other"


async def test_resources_are_announced_anew_when_the_controller_has_dropped_them(
    charm: Path,
) -> None:
    controller = FakeController()
    controller.pending = {"id-0": "a/oci-image"}
    controller.refuses["a/oci-image=r/x:1 id-0"] = RefusedError("pending resource not found")
    step = deploy("a", path=charm, resources=(image(),))
    whole = plan(upload("a", path=charm), step)
    await converge(
        controller.session(),
        whole,
        controller.conduct(notes=UploadNotes(resources={"a/oci-image": "id-0"})),
    )
    assert "a/oci-image=r/x:1 id-1" in controller.sent
    controller.refuses["b/oci-image=r/x:1 id-2"] = RefusedError("full")
    with pytest.raises(DeploymentRefusedError, match="full"):
        await converge(
            controller.session(),
            plan(upload("b", path=charm), deploy("b", path=charm, resources=(image(),))),
            controller.conduct(),
        )


async def test_a_charm_that_cannot_be_sent_is_told_once(tmp_path: Path, charm: Path) -> None:
    controller = FakeController()
    gone = tmp_path / "gone.charm"
    whole = plan(
        upload("a", "b", path=gone),
        upload("c", path=charm),
        deploy("a", path=gone),
        record("a"),
        deploy("b", path=gone),
        deploy("c", path=charm),
        relate("a:x", "c:y"),
    )
    with pytest.raises(DeploymentRefusedError) as caught:
        await converge(controller.session(), whole, controller.conduct())
    (problem,) = caught.value.problems
    assert problem.where == "application a, b"
    assert "cannot read" in problem.what
    assert {step.reason for step in caught.value.report.skipped} == {
        "its charm gone.charm was not uploaded",
        f"a step before it failed: {whole.deploys[0].describe()}",
        "a was not deployed or refreshed",
    }
    assert controller.applications == {"c": "local:x-0"}
    charm.write_bytes(b"a new build")
    controller.refuses["x.charm"] = MissingError("away")
    with pytest.raises(DeploymentRefusedError, match="away"):
        await converge(
            controller.session(),
            plan(upload("d", path=charm), deploy("d", path=charm)),
            controller.conduct(),
        )


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


async def test_relations_are_made_side_by_side_and_those_that_exist_are_no_failure() -> None:
    controller = FakeController(a="x", b="x", c="x", d="x")
    controller.relations = ["a:x b:y"]
    whole = plan(relate("a:x", "b:y"), relate("c:x", "d:y"), relate("a:z", "d:z"))
    report = await converge(controller.session(), whole, controller.conduct())
    assert {*report.related} == {"a:x b:y", "c:x d:y", "a:z d:z"}
    assert {*controller.relations} == {*report.related}
    controller.refuses["AddRelation a:q b:q"] = refused("no such endpoint")
    with pytest.raises(DeploymentRefusedError, match="relation a:q b:q: no such endpoint"):
        await converge(controller.session(), plan(relate("a:q", "b:q")), controller.conduct())


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


async def test_it_is_told_which_of_many_steps_was_refused() -> None:
    controller = FakeController(a="x")
    controller.refuses["ScaleApplications a"] = refused("too many")
    whole = plan(
        SetOptions(application="a", options={"x": "1"}),
        Expose(application="a"),
        SetAnnotations(application="a", annotations={"n": "1"}),
        Scale(application="a", scale=2, was=1),
        record("a"),
    )
    with pytest.raises(DeploymentRefusedError) as caught:
        await converge(controller.session(), whole, controller.conduct())
    report = caught.value.report
    assert [step.step for step in report.failed] == ["scale a from 1 to 2"]
    assert [step.step for step in report.skipped] == ["note what a was deployed from"]
    assert caught.value.fix.startswith("Fix what it reports and run the command again")
    assert caught.value.details() == {"report": report.to_json()}


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


async def test_groups_are_refreshed_when_those_before_them_are_active(charm: Path) -> None:
    controller = FakeController(db="x", api="x", ui="x", dash="x")
    whole = plan(
        upload("db", "api", "ui", path=charm),
        refresh("db", path=charm),
        refresh("api", path=charm),
        refresh("ui", path=charm),
        relate("dash:links", "ui:links"),
        providers=(("api", "db"), ("ui", "db")),
    )
    waited: list[tuple[frozenset[str], list[str]]] = []

    async def wait(names: frozenset[str]) -> None:
        waited.append((names, controller.of("SetCharm", "AddRelation")))

    events: list[DeployEvent] = []
    await converge(controller.session(), whole, controller.conduct(events, wait=wait))
    assert waited == [(frozenset({"db"}), ["SetCharm db"])]
    assert controller.of("AddRelation") == ["AddRelation dash:links ui:links"]
    assert any(str(event).endswith("waiting for db") for event in events)
    again = FakeController(db="x", api="x", ui="x", dash="x")
    await converge(again.session(), whole, again.conduct(wait=wait, waits_for_groups=False))
    assert len(waited) == 1


async def test_each_group_is_waited_for_once(charm: Path) -> None:
    names = ("db", "api", "ui", "end")
    controller = FakeController(**dict.fromkeys(names, "x"))
    whole = plan(
        upload(*names, path=charm),
        *(refresh(name, path=charm) for name in names),
        providers=(("api", "db"), ("ui", "api"), ("end", "ui")),
    )
    waited: list[set[str]] = []

    async def wait(names: frozenset[str]) -> None:
        waited.append({*names})

    await converge(controller.session(), whole, controller.conduct(wait=wait, jobs=3))
    assert waited == [{"db"}, {"api"}, {"ui"}]
    assert controller.connections == 6, "for charms, and as many for resources"


async def test_a_failed_provider_takes_only_the_relation_from_what_is_new(charm: Path) -> None:
    controller = FakeController(api="x", site="x")
    controller.refuses["SetCharm api"] = refused()
    whole = plan(
        upload("api", "late", path=charm),
        refresh("api", path=charm),
        deploy("late", path=charm, placement=("zone=a",)),
        relate("late:x", "api:y"),
        providers=(("late", "api"),),
    )

    async def wait(_names: frozenset[str]) -> None:
        return

    conduct = controller.conduct(
        wait=wait, ordering=Ordering(prerequisites={"late": frozenset({"site"})})
    )
    with pytest.raises(DeploymentRefusedError) as caught:
        await converge(controller.session(), whole, conduct)
    assert caught.value.report.deployed == ("late",)
    assert [step.where for step in caught.value.report.skipped] == ["relation late:x api:y"]
    sent: Any = controller.params["Deploy"]
    assert sent["applications"][0]["placement"] == [{"scope": "u", "directive": "zone=a"}]


async def test_what_needs_a_failed_prerequisite_is_skipped(charm: Path) -> None:
    controller = FakeController()
    controller.refuses["Deploy site"] = refused()
    whole = plan(
        upload("site", "late", "later", path=charm),
        deploy("site", path=charm),
        deploy("late", path=charm),
        deploy("later", path=charm),
    )
    ordering = Ordering(prerequisites={"late": frozenset({"site"}), "later": frozenset({"late"})})
    with pytest.raises(DeploymentRefusedError) as caught:
        await converge(controller.session(), whole, controller.conduct(ordering=ordering))
    assert [(step.application, step.reason) for step in caught.value.report.skipped] == [
        ("late", "it comes after site"),
        ("later", "it comes after late"),
    ]


async def test_only_what_is_not_in_use_stays_noted(charm: Path, other: Path) -> None:
    controller = FakeController()
    controller.refuses["Deploy b"] = refused()
    whole = plan(
        upload("a", path=charm),
        upload("b", path=other),
        deploy("a", path=charm),
        record("a"),
        deploy("b", path=other),
        record("b"),
    )
    with pytest.raises(DeploymentRefusedError):
        await converge(controller.session(), whole, controller.conduct(release="1.11"))
    notes = notes_of(controller)
    assert [url.partition("-")[0] for url in notes.charms.values()] == ["local:y"]
    assert notes.release == "1.11"


async def test_prerequisites_are_waited_for_even_in_haste(charm: Path) -> None:
    controller = FakeController(site="x")
    waited: list[frozenset[str]] = []

    async def wait(names: frozenset[str]) -> None:
        waited.append(names)

    conduct = controller.conduct(
        wait=wait,
        waits_for_groups=False,
        ordering=Ordering(prerequisites={"a": frozenset({"site"})}),
    )
    whole = plan(upload("a", path=charm), deploy("a", path=charm))
    await converge(controller.session(), whole, conduct)
    assert waited == [frozenset({"site"})]


async def test_what_comes_after_a_failed_refresh_is_skipped_and_the_rest_is_not(
    charm: Path,
) -> None:
    controller = FakeController(db="x", api="x", ui="x", other="x", last="x")
    controller.refuses["SetCharm api"] = refused("would break relation")
    whole = plan(
        upload("db", "api", "ui", "other", "last", path=charm),
        refresh("db", path=charm),
        refresh("api", path=charm),
        refresh("other", path=charm),
        refresh("ui", path=charm),
        record("ui"),
        refresh("last", path=charm),
        providers=(("api", "db"), ("other", "db"), ("ui", "api"), ("last", "other")),
    )

    async def wait(_names: frozenset[str]) -> None:
        return

    with pytest.raises(DeploymentRefusedError) as caught:
        await converge(controller.session(), whole, controller.conduct(wait=wait))
    report = caught.value.report
    assert {*report.refreshed} == {"db", "other", "last"}
    assert [(step.application, step.reason) for step in report.skipped] == [
        ("ui", "it comes after api"),
        ("ui", "it comes after api"),
    ]
    assert "3 of 5 applications refreshed" in str(caught.value)


async def test_an_application_that_does_not_come_back_holds_up_those_that_need_it(
    charm: Path,
) -> None:
    controller = FakeController(db="x", other="x", api="x", rest="x")
    whole = plan(
        upload("db", "other", "api", "rest", path=charm),
        refresh("db", path=charm),
        refresh("other", path=charm),
        refresh("api", path=charm),
        refresh("rest", path=charm),
        providers=(("api", "db"), ("rest", "other")),
    )

    waited: list[frozenset[str]] = []

    async def wait(names: frozenset[str]) -> None:
        waited.append(names)
        if "db" in names:
            error = WorkloadError(
                "x",
                problems=[Problem("hook failed", "db/0", "see"), Problem("waits", "other/0")],
            )
            error.applications = ("db",)
            raise error

    with pytest.raises(DeploymentFailedError) as caught:
        await converge(controller.session(), whole, controller.conduct(wait=wait))
    error = caught.value
    assert [str(problem) for problem in error.problems] == ["application db: db/0: hook failed"]
    assert {*error.report.refreshed} == {"db", "other", "rest"}
    assert [step.application for step in error.report.skipped] == ["api"]
    assert waited == [frozenset({"db", "other"}), frozenset({"other"})]
    assert "1 applications did not become active again" in error.message


def test_which_applications_failed() -> None:
    error = WorkloadError("all is lost", problems=[Problem("bad", "a/0"), Problem("worse", "a")])
    awaited = frozenset({"a", "b"})
    assert failing(error, awaited) == {"a": "a/0: bad", "b": "all is lost"}
    error.applications = ("a", "elsewhere")
    assert failing(error, awaited) == {"a": "a/0: bad"}
    own = WorkloadError("x", problems=[Problem("bad", "b")])
    own.applications = ("b",)
    assert failing(own, awaited) == {"b": "b: bad"}
    error.applications = ("elsewhere",)
    assert {*failing(error, awaited)} == {"a", "b"}


async def test_a_wait_that_takes_too_long_ends_it(charm: Path) -> None:
    controller = FakeController(db="x", api="x")
    whole = plan(
        upload("db", "api", path=charm),
        refresh("db", path=charm),
        refresh("api", path=charm),
        providers=(("api", "db"),),
    )

    async def wait(_names: frozenset[str]) -> None:
        raise WaitTimeoutError("too long", problems=[Problem("waiting", "db/0")], fix="wait")

    with pytest.raises(DeploymentTimeoutError) as caught:
        await converge(controller.session(), whole, controller.conduct(wait=wait))
    assert caught.value.report.refreshed == ("db",)
    assert caught.value.fix == "wait"
    assert [str(problem) for problem in caught.value.problems] == ["db/0: waiting"]
    assert str(caught.value).startswith("too long; so far 0 of 0 applications were deployed")
    assert controller.of("SetCharm") == ["SetCharm db"]


def test_several_groups_are_not_refreshed_in_haste() -> None:
    two = plan(refresh("api"), refresh("db"), providers=(("api", "db"),))
    with pytest.raises(RefusedError) as caught:
        refuse_haste(two, Ordering())
    assert [str(problem) for problem in caught.value.problems] == ["group 1: db", "group 2: api"]
    assert "--no-wait=force" in caught.value.fix
    refuse_haste(plan(refresh("api"), refresh("db")), Ordering())
    refuse_haste(plan(deploy("a")), Ordering())


async def test_what_juju_cannot_change_is_refused_before_anything_is_done() -> None:
    controller = FakeController(a="x")
    whole = dataclasses.replace(
        plan(Scale(application="a", scale=2, was=1)),
        refused=(Refusal(application="a", kind="storage", what="it moves", fix="replace"),),
    )
    with pytest.raises(RefusedError, match="nothing was changed") as caught:
        await converge(controller.session(), whole, controller.conduct())
    assert [str(problem) for problem in caught.value.problems] == [
        "application a: it moves (replace)"
    ]
    assert controller.calls == []


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


async def test_the_logins_go_with_every_resource(charm: Path) -> None:
    logins: Any = object()
    controller = FakeController(b="local:x-9")
    whole = plan(
        upload("a", path=charm),
        deploy("a", path=charm, resources=(image(),)),
        AttachResources(application="b", resources=(image(),)),
    )
    await converge(controller.session(), whole, controller.conduct(logins=logins))
    assert controller.logins == [logins, logins]


async def test_too_few_announced_resources_are_a_refusal(
    charm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = FakeController()
    monkeypatch.setattr(controller, "on_add_pending_resources", lambda _: {"pending-ids": []})
    whole = plan(
        upload("a", "b", path=charm),
        deploy("a", path=charm, resources=(image(),)),
        deploy("b", path=charm),
    )
    with pytest.raises(DeploymentRefusedError, match="did not accept all resources") as caught:
        await converge(controller.session(), whole, controller.conduct())
    assert caught.value.report.deployed == ("b",), "the charm is not taken from the others"


def test_hubs_are_uploaded_first_and_then_the_largest() -> None:
    small, large, hub = (
        upload("s", path="s", size=1),
        upload("l", path="l", size=9),
        upload("h", path="h", size=0),
    )
    four = [relate(f"x{number}:a", "h:b") for number in range(4)]
    assert upload_order([small, hub, large], four) == [large, small, hub]
    five = [*four, relate("h:c", "y:d")]
    assert upload_order([small, hub, large], five) == [hub, large, small]
    shared = upload("s", "h", path="s", size=1)
    assert upload_order([large, shared], five) == [shared, large]
    six = [*five, *(relate(f"x{number}:a", "l:b") for number in range(6))]
    assert upload_order([small, hub, large], six) == [large, hub, small]


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


async def test_offers_are_made_last_and_skipped_with_what_is_not_there(charm: Path) -> None:
    controller = FakeController(a="x")
    controller.refuses["Deploy b"] = refused()
    whole = plan(
        upload("b", path=charm),
        deploy("b", path=charm),
        MakeOffer(application="a", offer="web", endpoints=("x",)),
        GrantOffer(application="a", offer="web", user="me", access="read"),
        MakeOffer(application="b", offer="other", endpoints=("x",)),
    )
    with pytest.raises(DeploymentRefusedError) as caught:
        await converge(controller.session(), whole, controller.conduct())
    assert caught.value.report.offered == ("web",)
    assert [(step.where, step.reason) for step in caught.value.report.skipped] == [
        ("offer other", "b is not there")
    ]
    assert controller.of("Offer", "ModifyOfferAccess") == ["Offer", "ModifyOfferAccess"]


async def test_notes_are_removed_when_nothing_is_left_to_do() -> None:
    controller = FakeController(a="x")
    controller.annotations["model-u"] = {NOTES_KEY: '{"ff":"local:x-0"}'}
    await converge(controller.session(), plan(), controller.conduct())
    assert notes_of(controller) == UploadNotes()
    assert controller.of("Set") == ["Set model-u"]
    await converge(controller.session(), plan(), controller.conduct())
    assert controller.of("Set") == ["Set model-u"]


async def test_notes_that_cannot_be_read_or_written_are_no_failure(charm: Path) -> None:
    controller = FakeController()
    controller.refuses["Get"] = refused("permission denied")
    controller.refuses["annotations model-u"] = refused("permission denied")
    whole = plan(upload("a", path=charm), deploy("a", path=charm))
    report = await converge(controller.session(), whole, controller.conduct())
    assert report.deployed == ("a",)


async def test_an_exposure_may_be_of_some_endpoints(charm: Path) -> None:
    controller = FakeController()
    endpoints = {"web": ExposedEndpoint(cidrs=("10.0.0.0/8",))}
    step = deploy("a", path=charm, expose=True, exposed_endpoints=endpoints)
    await converge(controller.session(), plan(upload("a", path=charm), step), controller.conduct())
    assert controller.params["Expose"]["exposed-endpoints"] == {
        "web": {"expose-to-spaces": [], "expose-to-cidrs": ["10.0.0.0/8"]}
    }


async def test_an_exposure_that_is_refused_is_told_of_the_deployment(charm: Path) -> None:
    controller = FakeController(b="x")
    controller.refuses["Expose a"] = refused("no hostname")
    whole = plan(
        upload("a", path=charm),
        deploy("a", path=charm, expose=True),
        record("a"),
        Expose(application="b"),
    )
    with pytest.raises(DeploymentRefusedError, match="application a: no hostname"):
        await converge(controller.session(), whole, controller.conduct())
    assert controller.applications["a"] == "local:x-0"
    assert notes_of(controller).charms, "nobody knows yet what it was deployed from"


def test_notes_are_json() -> None:
    assert parse_json(UploadNotes(charms={"a": "b"}).to_text()) == {"a": "b"}
