"""Charms and resources are sent once, and noted before they are used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.documents import parse_json
from ckf_airgap.errors import (
    MissingError,
    RefusedError,
)
from ckf_airgap.juju.applying.converge import converge
from ckf_airgap.juju.applying.events import DeployEvent
from ckf_airgap.juju.applying.execution import upload_order
from ckf_airgap.juju.applying.failures import (
    DeploymentRefusedError,
)
from ckf_airgap.juju.planning.steps import (
    AttachResources,
)
from ckf_airgap.juju.planning.uploadnotes import NOTES_KEY, UploadNotes
from tests.unit.juju.applying.fakes import FakeController, notes_of, refused
from tests.unit.juju.applying.steps import (
    deploy,
    image,
    plan,
    record,
    relate,
    upload,
)


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


def test_notes_are_json() -> None:
    assert parse_json(UploadNotes(charms={"a": "b"}).to_text()) == {"a": "b"}
