"""What an application of a model is made of is compared with what a bundle gives it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Base
from ckf_airgap.images.reference import Registry
from ckf_airgap.juju.controller.upload import RegistryAuth, image_details, image_documents
from ckf_airgap.juju.planning.comparing import charm_differences, resource_differences
from ckf_airgap.juju.planning.differences import Difference, Kind
from ckf_airgap.juju.planning.identity import (
    DeploymentRecord,
    HeldIdentity,
    Ownership,
    RecordedResource,
    WantedIdentity,
    WantedResource,
    sha384,
)
from ckf_airgap.juju.planning.live import LiveApplication
from ckf_airgap.juju.planning.requested import RequestedApplication, requested
from tests.unit.juju.samples import MINIO, bundle

IMAGE = "reg:5000/minio:1"
AUTH = RegistryAuth(username="me", password="secret", registry=Registry.parse("reg:5000"))
TYPES = {name: option.type for name, option in MINIO.options.items()}


def document_sha(image: str) -> str:
    return hashlib.sha256(image_documents(image, None)[0]).hexdigest()


RECORD = DeploymentRecord(
    charm_url="local:minio-0",
    charm_sha256="a" * 64,
    charm_file="minio_r278.charm",
    resources={"oci-image": RecordedResource(value=IMAGE, sha256=document_sha(IMAGE))},
)


def fingerprint(image: str, auth: RegistryAuth | None = None) -> str:
    return sha384(image_details(image, auth))


def wanted(image: str = IMAGE, auth: RegistryAuth | None = None) -> WantedIdentity:
    bare = frozenset(map(sha384, image_documents(image, None)))
    forms = frozenset(map(sha384, image_documents(image, auth)))
    resource = WantedResource(
        value=image,
        fingerprints=forms,
        without_login=bare - forms,
        sha256=document_sha(image),
        has_login=auth is not None,
    )
    return WantedIdentity(
        charm_file="minio_r278.charm", charm_sha256="a" * 64, resources={"oci-image": resource}
    )


HELD = HeldIdentity(
    charm_url="local:minio-0",
    record=RECORD,
    fingerprints={"oci-image": fingerprint(IMAGE)},
    option_types=TYPES,
)
BUNDLE = f"""
bundle: kubernetes
applications:
  minio:
    charm: ./minio_r278.charm
    scale: 1
    options: {{port: 9001, mode: gateway}}
    resources: {{oci-image: "{IMAGE}"}}
"""


def asked(identity: WantedIdentity | None, parsed: Bundle | None = None) -> RequestedApplication:
    parsed = parsed or bundle(BUNDLE)
    return requested(parsed.applications["minio"], parsed, MINIO, identity)


def charm_of(identity: WantedIdentity | None, held: HeldIdentity, **live: Any) -> list[Difference]:
    present = LiveApplication(name="minio", charm="minio", identity=held, **live)
    return [*charm_differences(asked(identity), present)]


def resources_of(identity: WantedIdentity | None, held: HeldIdentity) -> list[Difference]:
    return [*resource_differences(asked(identity), held)]


def without_record(**changes: Any) -> HeldIdentity:
    return dataclasses.replace(HELD, record=None, **changes)


def differing(kind: Kind = "resource", *, is_known: bool = False, **fields: Any) -> Difference:
    return Difference(application="minio", kind=kind, name="oci-image", is_known=is_known, **fields)


class TestCharm:
    def test_the_same_file_does_not_differ(self) -> None:
        assert charm_of(wanted(), HELD) == []

    def test_another_build_under_the_same_name_is_told_by_its_digest(self) -> None:
        want = dataclasses.replace(wanted(), charm_sha256="b" * 64)
        assert charm_of(want, HELD) == [
            Difference(
                application="minio",
                kind="charm",
                old="minio_r278.charm (sha256 aaaaaaaa)",
                new="minio_r278.charm (sha256 bbbbbbbb)",
                reason="another file of that name",
            )
        ]

    def test_another_file_is_named_with_the_one_that_was_deployed(self) -> None:
        record = dataclasses.replace(RECORD, charm_file="minio_r9.charm", charm_sha256="b" * 64)
        assert charm_of(wanted(), dataclasses.replace(HELD, record=record)) == [
            Difference(
                application="minio", kind="charm", old="minio_r9.charm", new="minio_r278.charm"
            )
        ]

    def test_a_record_without_the_name_of_the_file_names_the_charm_in_the_model(self) -> None:
        record = dataclasses.replace(RECORD, charm_file="", charm_sha256="b" * 64)
        (found,) = charm_of(wanted(), dataclasses.replace(HELD, record=record))
        assert (found.old, found.new) == ("local:minio-0", "minio_r278.charm")

    def test_without_record_the_charm_is_brought_in_line(self) -> None:
        assert charm_of(wanted(), without_record()) == [
            Difference(
                application="minio",
                kind="charm",
                old="local:minio-0",
                new="minio_r278.charm",
                reason="no record says which file it was deployed from",
                is_known=False,
            )
        ]
        (found,) = charm_of(wanted(), without_record(charm_url=""))
        assert found.old is None

    def test_a_charm_that_was_refreshed_since_says_so(self) -> None:
        (found,) = charm_of(wanted(), without_record(former=RECORD, charm_url="local:minio-1"))
        assert found.old == "local:minio-1"
        assert found.reason == (
            "it has been refreshed since minio_r278.charm was deployed, and no record says from "
            "which file"
        )
        bare = dataclasses.replace(RECORD, charm_file="")
        (found,) = charm_of(wanted(), without_record(former=bare))
        assert "refreshed since local:minio-0 was" in found.reason

    def test_a_file_that_was_not_read_is_not_compared(self) -> None:
        assert charm_of(dataclasses.replace(wanted(), charm_sha256=""), HELD) == []

    def test_nothing_is_compared_without_an_identity(self) -> None:
        assert charm_of(None, without_record()) == []

    def test_an_option_that_the_charm_lacks_takes_another_charm(self) -> None:
        held = dataclasses.replace(HELD, option_types={"mode": "string"})
        for want in (wanted(), None):
            assert charm_of(want, held) == [
                Difference(
                    application="minio",
                    kind="charm",
                    old="local:minio-0",
                    new="minio_r278.charm",
                    reason="the charm in the model has no option port",
                )
            ]
        (found,) = charm_of(None, dataclasses.replace(held, charm_url=""))
        assert found.old is None

    def test_everything_that_the_charm_lacks_is_named(self) -> None:
        held = dataclasses.replace(HELD, option_types={}, fingerprints={})
        (found,) = charm_of(wanted(), held)
        assert found.reason == (
            "the charm in the model has no option mode, option port, resource oci-image"
        )
        (found,) = charm_of(None, held)
        assert found.reason == "the charm in the model has no option mode, option port"

    def test_options_that_are_not_known_lack_nothing(self) -> None:
        assert charm_of(wanted(), dataclasses.replace(HELD, option_types=None)) == []

    def test_a_resource_that_the_charm_lacks_takes_another_charm(self) -> None:
        (found,) = charm_of(wanted(), dataclasses.replace(HELD, fingerprints={"other": "ab"}))
        assert found.reason == "the charm in the model has no resource oci-image"

    def test_another_base_takes_the_charm_again(self) -> None:
        same = Base(name="ubuntu", channel="22.04/stable")
        other = Base(name="ubuntu", channel="20.04/stable")
        assert charm_of(wanted(), HELD, base=same) == []
        assert charm_of(None, HELD, base=other) == []
        assert charm_of(wanted(), HELD, base=other) == [
            Difference(application="minio", kind="base", old="ubuntu@20.04", new="ubuntu@22.04")
        ]


class TestResources:
    def test_the_same_image_does_not_differ(self) -> None:
        assert resources_of(wanted(), HELD) == []
        assert resources_of(None, dataclasses.replace(HELD, fingerprints={})) == []

    def test_an_image_that_jujus_own_client_uploaded_is_recognised(self) -> None:
        theirs = f'registrypath: {IMAGE}\nusername: ""\npassword: ""\n'.encode()
        held = without_record(fingerprints={"oci-image": sha384(theirs)})
        assert resources_of(wanted(), held) == []

    def test_another_image_is_named_with_the_one_that_was_deployed(self) -> None:
        assert resources_of(wanted("new:5000/minio:2"), HELD) == [
            differing(old=IMAGE, new="new:5000/minio:2", is_known=True)
        ]

    def test_an_image_that_was_attached_by_hand_is_not_known(self) -> None:
        held = dataclasses.replace(HELD, fingerprints={"oci-image": fingerprint("evil/minio:666")})
        reason = f"{IMAGE} has been attached again since it was deployed"
        assert resources_of(wanted(), held) == [differing(new=IMAGE, reason=reason)]

    def test_a_login_that_the_model_lacks(self) -> None:
        assert resources_of(wanted(auth=AUTH), HELD) == [
            differing(
                kind="pull-login",
                old="no login",
                new="login of the registry",
                reason="the model has no login for pulling it",
                is_known=True,
            )
        ]

    def test_another_login_is_the_only_difference(self) -> None:
        old = fingerprint(IMAGE, dataclasses.replace(AUTH, password="old"))
        resource = RecordedResource(value=IMAGE, sha256=document_sha(IMAGE), has_login=True)
        held = dataclasses.replace(
            HELD,
            record=dataclasses.replace(RECORD, resources={"oci-image": resource}),
            fingerprints={"oci-image": old},
        )
        assert resources_of(wanted(auth=AUTH), held) == [
            differing(
                kind="pull-login",
                old="another login, or none",
                new="login of the registry",
                reason=f"{IMAGE} was deployed with another login, or has been attached again since",
            )
        ]
        (found,) = resources_of(wanted(), held)  # the login is taken back
        assert (found.kind, found.new) == ("pull-login", "no login")
        held = dataclasses.replace(held, fingerprints={"oci-image": fingerprint(IMAGE, AUTH)})
        assert resources_of(wanted(auth=AUTH), held) == []

    def test_a_record_of_an_earlier_version_knows_the_image_by_its_name(self) -> None:
        record = dataclasses.replace(RECORD, resources={"oci-image": RecordedResource(value=IMAGE)})
        held = dataclasses.replace(HELD, record=record, fingerprints={"oci-image": "ab" * 48})
        (found,) = resources_of(wanted(), held)
        assert found.kind == "pull-login"
        (found,) = resources_of(wanted("r/other:1"), held)
        assert (found.kind, found.old) == ("resource", IMAGE)

    def test_without_record_it_is_brought_in_line(self) -> None:
        held = without_record(fingerprints={"oci-image": "ab" * 48})
        assert resources_of(wanted(), held) == [
            differing(new=IMAGE, reason="no record says what was uploaded")
        ]

    def test_one_that_was_never_uploaded_is_uploaded(self) -> None:
        for fingerprints in ({"oci-image": ""}, {}):
            held = dataclasses.replace(HELD, fingerprints=fingerprints)
            assert resources_of(wanted(), held) == [
                differing(new=IMAGE, reason="it was never uploaded", is_known=True)
            ]

    def test_one_that_the_controller_does_not_tell_is_uploaded_again(self) -> None:
        assert resources_of(wanted(), without_record(fingerprints=None)) == [
            differing(new=IMAGE, reason="the controller does not tell its resources")
        ]

    def test_a_file_is_compared_by_its_content_and_shown_by_its_name(self) -> None:
        resource = WantedResource(
            value="/srv/a/t.cnf", fingerprints=frozenset({"cd"}), sha256="1" * 64, is_image=False
        )
        want = dataclasses.replace(wanted(), resources={"tuning": resource})
        assert resources_of(want, dataclasses.replace(HELD, fingerprints={"tuning": "cd"})) == []
        for sha256, old in (("2" * 64, "old.cnf"), ("1" * 64, None)):
            known = RecordedResource(value="old.cnf", sha256=sha256, is_image=False)
            record = dataclasses.replace(RECORD, resources={"tuning": known})
            held = dataclasses.replace(HELD, record=record, fingerprints={"tuning": "ef"})
            (found,) = resources_of(want, held)
            assert (found.kind, found.old, found.new) == ("resource", old, "t.cnf")

    def test_a_file_of_an_earlier_record_is_not_known_by_its_name(self) -> None:
        resource = WantedResource(value="t.cnf", fingerprints=frozenset({"cd"}), is_image=False)
        known = RecordedResource(value="t.cnf", is_image=False)
        held = dataclasses.replace(
            HELD,
            record=dataclasses.replace(RECORD, resources={"tuning": known}),
            fingerprints={"tuning": "ef"},
        )
        want = dataclasses.replace(wanted(), resources={"tuning": resource})
        (found,) = resources_of(want, held)
        assert (found.kind, found.old) == ("resource", "t.cnf")


FULL = dataclasses.replace(
    RECORD,
    release="1.10",
    resources={
        "oci-image": RecordedResource(value=IMAGE, sha256="1" * 64, has_login=True),
        "conf": RecordedResource(value="a.cnf", sha256="2" * 64, is_image=False),
    },
    owned=Ownership(
        options=frozenset({"port", "mode"}),
        annotations=frozenset({"gui-x"}),
        constraints=frozenset({"mem"}),
        exposed=frozenset({"", "web"}),
        trust=True,
    ),
    storage={"data": "kubernetes,10G"},
    devices={"gpu": "1,nvidia.com/gpu"},
    version="0.1",
)


class TestRecord:
    def test_reads_back_what_it_wrote(self) -> None:
        assert DeploymentRecord.parse(RECORD.to_text()) == RECORD
        assert DeploymentRecord.parse(FULL.to_text()) == FULL

    def test_is_short(self) -> None:
        assert " " not in RECORD.to_text()

    def test_a_resource_need_not_have_a_checksum(self) -> None:
        document = json.loads(RECORD.to_text())
        document["resources"] = {"a": {"value": "x"}}
        record = DeploymentRecord.parse(json.dumps(document))
        assert record is not None
        assert record.resources == {"a": RecordedResource(value="x")}

    def test_knows_its_images(self) -> None:
        assert FULL.images == {"oci-image": IMAGE}

    def test_a_record_of_an_earlier_version_is_read_and_owns_nothing(self) -> None:
        text = json.dumps(
            {
                "charm": "local:minio-0",
                "file": "minio_r278.charm",
                "sha256": "a" * 64,
                "images": {"oci-image": IMAGE},
                "version": "0.9",
            }
        )
        assert DeploymentRecord.parse(text) == DeploymentRecord(
            charm_url="local:minio-0",
            charm_sha256="a" * 64,
            charm_file="minio_r278.charm",
            resources={"oci-image": RecordedResource(value=IMAGE)},
            version="0.9",
        )

    @pytest.mark.parametrize(
        "text",
        [None, 7, "", "{", "[]", "{}", '{"charm": 1}', "[" * 100_000, '{"images": {}}'],
    )
    def test_what_cannot_be_read_is_no_record(self, text: str) -> None:
        assert DeploymentRecord.parse(text) is None

    @pytest.mark.parametrize(
        "changes",
        [
            {"resources": []},
            {"resources": {"a": "b"}},
            {"resources": {"a": {"value": 1}}},
            {"resources": {"a": {"value": "x", "sha256": 1}}},
            {"resources": None, "images": {"a": {}}},
            {"owned": []},
            {"owned": {"options": "x"}},
            {"owned": {"options": [1]}},
            {"storage": {"a": 1}},
            {"devices": {"a": 1}},
            {"release": 1},
            {"version": None},
            {"charm": None},
        ],
    )
    def test_a_record_with_anything_else_in_it_is_none(self, changes: dict[str, Any]) -> None:
        document = {**json.loads(FULL.to_text()), **changes}
        assert DeploymentRecord.parse(json.dumps(document)) is None

    def test_a_record_without_resources_is_none(self) -> None:
        document = json.loads(FULL.to_text())
        del document["resources"]
        assert DeploymentRecord.parse(json.dumps(document)) is None

    @pytest.mark.parametrize(
        ("changes", "same"),
        [
            ({"version": "9"}, True),
            ({"charm_file": "other.charm"}, True),
            ({"release": "1.11"}, False),
            ({"charm_url": "local:minio-1"}, False),
            ({"charm_sha256": "b" * 64}, False),
            ({"owned": Ownership(trust=True)}, False),
            ({"storage": {}}, False),
            ({"resources": {}}, False),
        ],
    )
    def test_says_the_same_whatever_files_are_called(
        self, changes: dict[str, Any], same: bool
    ) -> None:
        assert FULL.says(dataclasses.replace(FULL, **changes)) is same

    def test_the_name_of_a_file_does_not_matter_and_that_of_an_image_does(self) -> None:
        for name, same in (("conf", True), ("oci-image", False)):
            other = dataclasses.replace(FULL.resources[name], value="other")
            record = dataclasses.replace(FULL, resources={**FULL.resources, name: other})
            assert FULL.says(record) is same

    def test_what_is_set_is_owned_also_after_a_refresh_by_hand(self) -> None:
        owned = FULL.owned
        assert HeldIdentity(record=FULL).owned == owned
        assert HeldIdentity(former=FULL).owned == owned
        assert HeldIdentity().owned == Ownership()
