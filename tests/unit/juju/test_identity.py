"""What an application of a model is made of is compared with what a bundle gives it."""

from __future__ import annotations

import dataclasses

import pytest

from ckf_airgap.errors import Problem, RefusedError
from ckf_airgap.images.reference import Registry
from ckf_airgap.juju.controller.upload import RegistryAuth, image_details, image_documents
from ckf_airgap.juju.planning.identity import (
    DeploymentRecord,
    HeldIdentity,
    WantedIdentity,
    WantedResource,
    compare,
    sha384,
)
from ckf_airgap.juju.planning.live import LiveApplication, LiveModel
from ckf_airgap.juju.planning.planner import plan_deployment
from tests.unit.juju.samples import MINIO, bundle

IMAGE = "reg:5000/minio:1"
AUTH = RegistryAuth(username="me", password="secret", registry=Registry.parse("reg:5000"))
TYPES = {name: option.type for name, option in MINIO.options.items()}
RECORD = DeploymentRecord(
    charm_url="local:minio-0",
    charm_sha256="a" * 64,
    charm_file="minio_r278.charm",
    images={"oci-image": IMAGE},
)


def fingerprint(image: str, auth: RegistryAuth | None = None) -> str:
    return sha384(image_details(image, auth))


def wanted(image: str = IMAGE, auth: RegistryAuth | None = None) -> WantedIdentity:
    bare = frozenset(map(sha384, image_documents(image, None)))
    forms = frozenset(map(sha384, image_documents(image, auth)))
    resource = WantedResource(value=image, fingerprints=forms, without_login=bare - forms)
    return WantedIdentity(
        charm_file="minio_r278.charm", charm_sha256="a" * 64, resources={"oci-image": resource}
    )


HELD = HeldIdentity(
    charm_url="local:minio-0",
    record=RECORD,
    fingerprints={"oci-image": fingerprint(IMAGE)},
    option_types=TYPES,
)


def differences(want: WantedIdentity, held: HeldIdentity) -> list[str]:
    return [problem.what for problem in compare("minio", MINIO, want, held).differences]


def test_the_same_charm_and_image_do_not_differ() -> None:
    found = compare("minio", MINIO, wanted(), HELD)
    assert (found.differences, found.unknown) == ((), ())


def test_an_image_that_jujus_own_client_uploaded_is_recognised() -> None:
    theirs = f'registrypath: {IMAGE}\nusername: ""\npassword: ""\n'.encode()
    held = dataclasses.replace(HELD, record=None, fingerprints={"oci-image": sha384(theirs)})
    found = compare("minio", MINIO, wanted(), held)
    assert (found.differences, found.unknown) == ((), ("charm",))


def test_another_build_under_the_same_file_name_differs() -> None:
    want = dataclasses.replace(wanted(), charm_sha256="b" * 64)
    assert differences(want, HELD) == [
        "its charm local:minio-0 was deployed from another minio_r278.charm, not from this file"
    ]


def test_another_file_is_named_with_the_one_that_was_deployed() -> None:
    want = dataclasses.replace(wanted(), charm_sha256="b" * 64, charm_file="minio_r300.charm")
    assert differences(want, HELD) == [
        "its charm local:minio-0 was deployed from minio_r278.charm, not from minio_r300.charm"
    ]


def test_without_record_another_set_of_options_shows_another_charm() -> None:
    types = {**TYPES, "port": "string", "old": "int"}
    held = dataclasses.replace(HELD, record=None, option_types=types)
    assert differences(wanted(), held) == [
        (
            "its charm local:minio-0 is not the one in minio_r278.charm: they declare different "
            "options (old, port)"
        )
    ]


def test_without_record_the_same_options_leave_the_charm_unknown() -> None:
    held = dataclasses.replace(HELD, record=None)
    found = compare("minio", MINIO, wanted(), held)
    assert (found.differences, found.unknown) == ((), ("charm",))


def test_another_image_is_named_with_the_one_that_was_deployed() -> None:
    assert differences(wanted("new:5000/minio:2"), HELD) == [
        "the image is reg:5000/minio:1, not new:5000/minio:2"
    ]


def test_an_image_that_was_attached_by_hand_differs() -> None:
    held = dataclasses.replace(HELD, fingerprints={"oci-image": fingerprint("evil/minio:666")})
    assert differences(wanted(), held) == [
        (
            "reg:5000/minio:1 was deployed with a different login, or the resource has been "
            "attached again since"
        )
    ]


def test_another_pull_login_differs_and_no_login_says_so() -> None:
    (other,) = differences(
        wanted(auth=AUTH),
        dataclasses.replace(
            HELD,
            fingerprints={
                "oci-image": fingerprint(IMAGE, dataclasses.replace(AUTH, password="old"))
            },
        ),
    )
    assert "a different login" in other
    assert differences(wanted(auth=AUTH), HELD) == [
        "the model has no login for pulling it from the registry"
    ]
    held = dataclasses.replace(HELD, fingerprints={"oci-image": fingerprint(IMAGE, AUTH)})
    assert differences(wanted(auth=AUTH), held) == []


def test_an_unknown_image_without_record_is_unknown() -> None:
    held = dataclasses.replace(HELD, record=None, fingerprints={"oci-image": "ab" * 48})
    assert compare("minio", MINIO, wanted(), held).unknown == ("charm", "resource oci-image")


def test_a_resource_that_was_never_uploaded_or_is_not_declared_differs() -> None:
    empty = dataclasses.replace(HELD, fingerprints={"oci-image": ""})
    assert differences(wanted(), empty) == ["it was never uploaded, but should be reg:5000/minio:1"]
    none = dataclasses.replace(HELD, fingerprints={})
    assert differences(wanted(), none) == [
        "the charm in the model has no such resource, so it cannot have reg:5000/minio:1"
    ]


def test_resources_that_were_not_asked_for_are_unknown() -> None:
    held = dataclasses.replace(HELD, fingerprints=None)
    assert compare("minio", MINIO, wanted(), held).unknown == ("resource oci-image",)


def test_a_file_with_other_content_differs() -> None:
    resource = WantedResource(value="t.cnf", fingerprints=frozenset({"cd" * 48}), is_image=False)
    want = dataclasses.replace(wanted(), resources={"tuning": resource})
    held = dataclasses.replace(HELD, fingerprints={"tuning": "ef" * 48})
    assert differences(want, held) == ["the file in the model differs from t.cnf"]


class TestRecord:
    def test_reads_back_what_it_wrote(self) -> None:
        assert DeploymentRecord.parse(RECORD.to_text()) == RECORD

    @pytest.mark.parametrize(
        "text",
        [None, 7, "", "{", "[]", "{}", '{"charm": 1}', "[" * 100_000, '{"images": {}}'],
    )
    def test_what_cannot_be_read_is_no_record(self, text: str) -> None:
        assert DeploymentRecord.parse(text) is None

    def test_no_image_may_be_anything_but_text(self) -> None:
        assert DeploymentRecord.parse(RECORD.to_text().replace(f'"{IMAGE}"', "{}")) is None


BUNDLE = f"""
bundle: kubernetes
applications:
  minio:
    charm: ./minio_r278.charm
    scale: 1
    options: {{port: 9001, mode: gateway}}
    resources: {{oci-image: "{IMAGE}"}}
"""


def live(held: HeldIdentity, **options: str | int) -> LiveModel:
    minio = LiveApplication(
        name="minio", charm="minio", scale=1, options={**options}, identity=held
    )
    return LiveModel(name="kubeflow", applications={"minio": minio})


def test_a_plan_refuses_every_difference_at_once() -> None:
    held = dataclasses.replace(HELD, option_types={"mode": "string"})
    want = dataclasses.replace(wanted("new:5000/minio:2"), charm_sha256="b" * 64)
    with pytest.raises(RefusedError) as caught:
        plan_deployment(bundle(BUNDLE), {"minio": MINIO}, live(held), {"minio": want})
    assert caught.value.exit_code == 6
    assert "nothing was changed" in caught.value.message
    assert "later version" in caught.value.fix
    assert [problem.where for problem in caught.value.problems] == [
        "application minio",
        "application minio, resource oci-image",
        "application minio",
    ]
    assert caught.value.problems[-1] == Problem(
        "its charm local:minio-0 in the model has no option port", "application minio"
    )


def test_a_plan_warns_once_of_all_that_has_no_record() -> None:
    held = dataclasses.replace(HELD, record=None)
    found = plan_deployment(
        bundle(BUNDLE), {"minio": MINIO}, live(held, port=9001), {"minio": wanted()}
    )
    (warning,) = found.warnings
    assert "compared with the bundle: minio" in warning.what
    assert len(found.steps) == 1
