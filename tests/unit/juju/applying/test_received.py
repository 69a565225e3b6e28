from __future__ import annotations

from pathlib import Path

from ckf_airgap.juju.applying.received import FileState, Received
from ckf_airgap.juju.controller.upload import UploadedCharm
from ckf_airgap.juju.planning.uploadnotes import UploadNotes
from tests.unit.juju.applying.steps import image, upload

STATE = FileState(size_bytes=3, modified_ns=1)
CHARM = UploadedCharm(url="local:x-0", sha256="aa")


def test_a_charm_is_not_sent_again_while_its_file_is_the_same(tmp_path: Path) -> None:
    step = upload("a", path=tmp_path / "x.charm")
    step.path.write_text("one")
    received = Received(UploadNotes())
    state = FileState.of(step.path)
    assert received.charm(step.path, state) is None
    assert received.url_of(step.path) is None
    received.add_charm(step, state, CHARM)
    assert received.charm(step.path, FileState.of(step.path)) == CHARM
    assert received.url_of(step.path) == CHARM
    step.path.write_text("other")
    assert received.charm(step.path, FileState.of(step.path)) is None


def test_a_noted_charm_is_used_when_checksum_name_and_controller_agree() -> None:
    received = Received(UploadNotes(charms={"aa": "local:x-0", "bb": "local:y-3"}))
    assert received.noted_charm(upload("a"), "aa") == CHARM
    assert received.noted_charm(upload("a"), "cc") is None
    assert received.noted_charm(upload("a"), "bb") is None, "it is another charm"
    received.confirm(["local:y-3"])
    assert received.noted == {"bb": "local:y-3"}
    assert received.noted_charm(upload("a"), "aa") is None


def test_it_is_known_which_run_has_sent_a_charm() -> None:
    received = Received(UploadNotes(charms={"aa": "local:x-0"}))
    assert received.is_from_before(CHARM)
    assert not received.is_from_before(UploadedCharm(url="local:x-1", sha256="aa"))
    assert not received.is_from_before(UploadedCharm(url="local:x-0", sha256="bb"))


def test_a_charm_is_noted_until_all_its_applications_are_recorded() -> None:
    received = Received(UploadNotes())
    assert not received.is_noted
    received.add_charm(upload("a", "b"), STATE, CHARM)
    assert received.notes() == UploadNotes(charms={"aa": "local:x-0"})
    received.recorded("a")
    assert received.notes() == UploadNotes(charms={"aa": "local:x-0"})
    received.recorded("b")
    assert received.notes() == UploadNotes()


def test_notes_of_earlier_runs_are_kept_until_their_charm_is_used() -> None:
    notes = UploadNotes(charms={"aa": "local:x-0", "bb": "local:y-3"})
    received = Received(notes)
    assert received.is_noted
    assert received.notes() == notes
    received.add_charm(upload("a"), STATE, CHARM)
    assert received.notes() == notes
    received.recorded("a")
    assert received.notes() == UploadNotes(charms={"bb": "local:y-3"})


def test_resources_keep_the_id_under_which_they_were_announced() -> None:
    received = Received(UploadNotes(resources={"a/oci-image": "id-1", "b/oci-image": "id-2"}))
    assert received.is_noted
    assert received.pending_id("a", "oci-image") == "id-1"
    assert received.pending_id("a", "other") == ""
    assert not received.was_sent("a", image())
    assert not received.was_sent("a", image("other"))
    received.sent("a", image())
    assert received.was_sent("a", image())
    assert not received.was_sent("a", image(value="r/x:2"))
    received.announce("a", "other", "id-3")
    assert received.notes().resources == {
        "a/oci-image": "id-1",
        "b/oci-image": "id-2",
        "a/other": "id-3",
    }
    received.forget_resources("a")
    assert received.notes().resources == {"b/oci-image": "id-2"}
    assert not received.was_sent("a", image())


def test_nothing_is_noted_when_everything_is_as_it_should_be() -> None:
    received = Received(UploadNotes(charms={"bb": "local:y-3"}, resources={"a/b": "id"}))
    received.add_charm(upload("a"), STATE, CHARM)
    received.forget()
    assert received.notes() == UploadNotes()
    assert received.is_noted


def test_the_release_goes_with_the_notes() -> None:
    received = Received(UploadNotes(release="1.10"), "1.11")
    received.add_charm(upload("a"), STATE, CHARM)
    assert received.notes() == UploadNotes(charms={"aa": "local:x-0"}, release="1.11")
