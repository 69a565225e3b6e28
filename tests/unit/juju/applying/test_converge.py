"""A plan is carried out: what goes together, what stops what, and what is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from ckf_airgap.bundle.exposure import ExposedEndpoint
from ckf_airgap.errors import (
    RefusedError,
)
from ckf_airgap.juju.applying.converge import converge
from ckf_airgap.juju.applying.events import DeployEvent
from ckf_airgap.juju.applying.failures import (
    DeploymentRefusedError,
)
from ckf_airgap.juju.planning.differences import Refusal
from ckf_airgap.juju.planning.offers import GrantOffer, MakeOffer
from ckf_airgap.juju.planning.steps import (
    AttachResources,
    Expose,
    Scale,
    SetAnnotations,
    SetOptions,
)
from ckf_airgap.juju.planning.uploadnotes import UploadNotes
from tests.unit.juju.applying.fakes import FakeController, notes_of, record_of, refused
from tests.unit.juju.applying.steps import (
    deploy,
    image,
    plan,
    record,
    refresh,
    relate,
    upload,
)


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
