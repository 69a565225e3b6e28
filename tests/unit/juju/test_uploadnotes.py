from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.juju.planning.identity import DeploymentRecord, HeldIdentity, Ownership
from ckf_airgap.juju.planning.live import LiveApplication, LiveModel
from ckf_airgap.juju.planning.uploadnotes import UploadNotes, with_notes

SHA256 = "ab" * 32
HEX = st.text(alphabet="0123456789abcdef", min_size=64, max_size=64)


@given(
    st.dictionaries(HEX, st.text(max_size=20), max_size=5),
    st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=5),
)
def test_what_is_written_is_read_again(charms: dict[str, str], resources: dict[str, str]) -> None:
    notes = UploadNotes(charms=charms, resources=resources)
    assert UploadNotes.parse(notes.to_text()) == notes


def test_the_annotation_maps_checksums_to_urls() -> None:
    assert json.loads(UploadNotes(charms={SHA256: "local:x-0"}).to_text()) == {SHA256: "local:x-0"}
    both = UploadNotes(charms={SHA256: "local:x-0"}, resources={"a/image": "id-1"})
    assert json.loads(both.to_text()) == {SHA256: "local:x-0", "pending": {"a/image": "id-1"}}
    released = UploadNotes(charms={SHA256: "local:x-0"}, release="1.11")
    assert json.loads(released.to_text()) == {SHA256: "local:x-0", "release": "1.11"}
    assert UploadNotes.parse(released.to_text()) == released
    assert UploadNotes.parse('{"a":"b","release":7}') == UploadNotes(charms={"a": "b"})
    assert UploadNotes(release="1.11").to_text() == "", "there is nothing to note"


def test_nothing_is_no_annotation() -> None:
    assert UploadNotes().to_text() == ""
    assert UploadNotes.parse("") == UploadNotes.parse(None) == UploadNotes()


@pytest.mark.parametrize(
    "text", ["{", "[]", "7", '"x"', "[" * 100_000, "{" + " " * 1_000_000 + "}", 7, {"a": "b"}]
)
def test_what_somebody_else_wrote_there_is_nothing(text: object) -> None:
    assert UploadNotes.parse(text) == UploadNotes()  # type: ignore[arg-type]


def test_notes_are_as_long_as_they_may_be() -> None:
    text = '{"a":"b"' + " " * (1_000_000 - 9) + "}"
    assert UploadNotes.parse(text) == UploadNotes(charms={"a": "b"})
    assert UploadNotes.parse(text + " ") == UploadNotes()


def test_notes_that_are_as_long_as_may_be_are_read() -> None:
    text = '{"a":"' + "x" * (1_000_000 - 8) + '"}'
    assert len(text) == 1_000_000
    assert set(UploadNotes.parse(text).charms) == {"a"}
    assert UploadNotes.parse(text + " ") == UploadNotes()


def test_what_is_no_text_in_it_is_left_out() -> None:
    text = json.dumps({"a": "local:x-0", "b": 7, "pending": {"x/y": "id", "x/z": None}})
    assert UploadNotes.parse(text) == UploadNotes(
        charms={"a": "local:x-0"}, resources={"x/y": "id"}
    )
    assert UploadNotes.parse('{"pending": [1]}') == UploadNotes()


def test_a_charm_is_found_by_its_url() -> None:
    notes = UploadNotes(charms={SHA256: "local:x-0", "cd": "local:y-0"})
    assert notes.sha256_of("local:y-0") == "cd"
    assert notes.sha256_of("local:y-1") == ""


def test_a_model_knows_the_charms_that_were_noted_and_not_recorded() -> None:
    owned = Ownership(options=frozenset({"port"}))
    former = DeploymentRecord(charm_url="local:x-0", charm_sha256="00", owned=owned)
    valid = DeploymentRecord(charm_url="local:y-0", charm_sha256="11")
    held = {
        "a": HeldIdentity(charm_url="local:x-1", former=former),
        "b": HeldIdentity(charm_url="local:y-0", record=valid),
        "c": HeldIdentity(charm_url="local:z-0"),
    }
    live = LiveModel(
        name="m",
        applications={
            name: LiveApplication(name=name, charm="x", identity=identity)
            for name, identity in held.items()
        },
    )
    notes = UploadNotes(charms={"aa": "local:x-1", "bb": "local:y-0"}, release="1.11")
    found = {name: app.identity for name, app in with_notes(live, notes).applications.items()}
    record = found["a"].record
    assert record is not None
    assert (record.charm_url, record.charm_sha256, record.release) == ("local:x-1", "aa", "1.11")
    assert found["a"].owned == owned
    assert found["b"] == held["b"]
    assert found["c"] == held["c"]
