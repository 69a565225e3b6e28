from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.rehearsal.api.facades.resources import Resources
from ckf_airgap.rehearsal.entities.resources import disposition_filename
from ckf_airgap.rehearsal.model import applications
from ckf_airgap.rehearsal.model.model import Finding
from ckf_airgap.rehearsal.model.modelresources import add_pending_resources
from ckf_airgap.rehearsal.wire import BAD_REQUEST, NOT_FOUND, NOT_VALID, ApiError
from tests.unit.rehearsal.harness import Rehearsal

IMAGE = {"oci-image": {"type": "oci-image"}}


async def refusal(rehearsal: Rehearsal, *arguments: Any, **keys: Any) -> tuple[str, str]:
    with pytest.raises(ApiError) as caught:
        await rehearsal.put(*arguments, **keys)
    return caught.value.message, caught.value.code


async def test_an_uploaded_image_is_told_with_its_fingerprint(rehearsal: Rehearsal) -> None:
    (pending_id,) = rehearsal.announce("minio", "oci-image")
    body = json.dumps({"ImageName": "r/minio:1", "username": "u", "password": "p"})
    reply: Any = await rehearsal.put("minio", "oci-image", pending_id, body)
    resource = reply["resource"]
    assert resource["id"] == "minio/oci-image"
    assert (resource["origin"], resource["revision"], resource["size"]) == ("upload", 0, len(body))
    assert len(base64.b64decode(resource["fingerprint"])) == 48
    url = await rehearsal.upload("minio", resources=IMAGE)
    live = rehearsal.deploy("minio", url, resources={"oci-image": pending_id}).resources
    assert live["oci-image"].registrypath == "r/minio:1"
    assert live["oci-image"].image is not None
    assert live["oci-image"].image.username == "u"
    assert "password" not in repr(live["oci-image"])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"content_type": "text/plain"}, 'unsupported content type "text/plain"'),
        ({"fingerprint_hex": "zz"}, "invalid fingerprint: "),
        ({"fingerprint_hex": "00"}, "invalid fingerprint: "),
        ({"filename": ""}, "missing filename in resource upload request"),
    ],
)
async def test_an_upload_with_bad_headers_is_refused(
    rehearsal: Rehearsal, keys: dict[str, str], message: str
) -> None:
    (pending_id,) = rehearsal.announce("minio", "oci-image")
    found, code = await refusal(
        rehearsal, "minio", "oci-image", pending_id, "registrypath: r/m", **keys
    )
    assert found.startswith(message)
    assert code == ""


async def test_unknown_pending_ids_and_applications_are_not_found(rehearsal: Rehearsal) -> None:
    (pending_id,) = rehearsal.announce("minio", "oci-image")
    for application, name in (("minio", "other"), ("dex", "oci-image")):
        assert await refusal(rehearsal, application, name, pending_id, "{}") == (
            f'pending resource "{name}" ({pending_id}) not found',
            NOT_FOUND,
        )
    assert await refusal(rehearsal, "minio", "oci-image", None, "{}") == (
        'application "minio" not found',
        NOT_FOUND,
    )


@pytest.mark.parametrize("body", ["a: [", "- a", "just text", "a: &a [*a]"])
async def test_image_details_must_be_a_mapping(rehearsal: Rehearsal, body: str) -> None:
    (pending_id,) = rehearsal.announce("minio", "oci-image")
    message, _ = await refusal(rehearsal, "minio", "oci-image", pending_id, body)
    assert message.startswith("docker resource is neither valid json or yaml: ")


async def test_a_file_has_the_extension_and_the_hash_that_were_declared(
    rehearsal: Rehearsal,
) -> None:
    (pending_id,) = rehearsal.announce("minio", "policy", kind="file")
    message, _ = await refusal(rehearsal, "minio", "policy", pending_id, "{}", filename="a.txt")
    assert message == 'incorrect extension on resource upload "a.txt", expected ".yaml"'
    message, _ = await refusal(rehearsal, "minio", "policy", pending_id, "{}", filename="policy")
    assert message == 'incorrect extension on resource upload "policy", expected ".yaml"'
    message, _ = await refusal(
        rehearsal, "minio", "policy", pending_id, "{}", fingerprint_hex="0" * 96
    )
    assert message == "storing resource blob: hash mismatch"
    reply: Any = await rehearsal.put("minio", "policy", pending_id, "{}")
    assert reply["resource"]["size"] == 2


async def test_a_point_that_begins_a_name_begins_its_extension(rehearsal: Rehearsal) -> None:
    (pending_id,) = rehearsal.announce("minio", "policy", kind="file")
    await rehearsal.put("minio", "policy", pending_id, "{}", filename="own/.yaml")


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ({"name": "a", "type": ""}, 'bad resource info for "a": unsupported resource type ""'),
        (
            {"name": "a", "type": "file", "origin": "cloud"},
            'bad resource info for "a": unknown origin "cloud"',
        ),
        ({"type": "file"}, 'bad resource info for "": bad metadata: resource missing name'),
        (
            {"name": "a", "type": "file"},
            'bad resource info for "a": bad metadata: resource missing filename',
        ),
        (
            {"name": "a", "type": "file", "path": "b/c"},
            'bad resource info for "a": bad metadata: filename cannot contain "/" (got "b/c")',
        ),
        (
            {"name": "a", "type": "iso", "path": "b"},
            'bad resource info for "a": unsupported resource type "iso"',
        ),
    ],
)
async def test_resources_are_announced_with_type_and_file_name(
    rehearsal: Rehearsal, resource: dict[str, str], message: str
) -> None:
    resources = [{"origin": "upload", **resource}]
    params = {"tag": "application-minio", "url": "local:minio-0", "resources": resources}
    reply: Any = await rehearsal.call(Resources, "AddPendingResources", params)
    assert reply["error"]["message"] == message
    assert (reply["error"]["code"] == NOT_VALID) is ("bad metadata" in message)
    assert len(rehearsal.model.pending) == 0


async def test_resources_are_announced_for_an_application_tag(rehearsal: Rehearsal) -> None:
    reply: Any = await rehearsal.call(Resources, "AddPendingResources", {"tag": "minio"})
    assert reply["error"] == {
        "message": '"minio" is not a valid application tag',
        "code": BAD_REQUEST,
    }


async def test_an_image_is_announced_without_file_name(rehearsal: Rehearsal) -> None:
    """Charms give a file name for files only, and the ``juju`` client sends what the charm says."""
    resource = {"name": "oci-image", "type": "oci-image", "path": "", "origin": "upload"}
    params = {"tag": "application-minio", "url": "local:minio-0", "resources": [resource]}
    reply: Any = await rehearsal.call(Resources, "AddPendingResources", params)
    (pending_id,) = reply["pending-ids"]
    uploaded: Any = await rehearsal.put("minio", "oci-image", pending_id, "registrypath: r/m:1")
    assert uploaded["resource"]["path"] == "oci-image.yaml"


async def test_ids_come_in_the_order_of_the_request(rehearsal: Rehearsal) -> None:
    names = ("b", "a")
    common = {"type": "oci-image", "origin": "upload"}
    resources = [{"name": name, "path": name, **common} for name in names]
    params = {"tag": "application-minio", "resources": resources}
    reply: Any = await rehearsal.call(Resources, "AddPendingResources", params)
    for name, pending_id in zip(("b", "a"), reply["pending-ids"], strict=True):
        await rehearsal.put("minio", name, pending_id, "registrypath: r/x")


async def test_resources_of_an_application_are_listed(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload("minio", resources=IMAGE)
    rehearsal.deploy(
        "minio", url, resources={"oci-image": rehearsal.announce("minio", "oci-image")[0]}
    )
    entities = [{"tag": "application-minio"}, {"tag": "application-dex"}]
    reply: Any = await rehearsal.call(Resources, "ListResources", {"entities": entities})
    listed, missing = reply["results"]
    assert [resource["name"] for resource in listed["resources"]] == ["oci-image"]
    assert [unit["tag"] for unit in listed["unit-resources"]] == ["unit-minio-0"]
    (stored,) = listed["charm-store-resources"]
    assert set(stored) == {
        *("name", "type", "path", "description", "origin", "revision", "fingerprint", "size"),
    }
    assert stored.items() <= listed["resources"][0].items()
    assert missing["error"] == {"message": 'application "dex" not found', "code": NOT_FOUND}


async def test_an_empty_image_is_found_and_keeps_the_unit_waiting(rehearsal: Rehearsal) -> None:
    await rehearsal.upload_and_deploy("minio", resources=IMAGE)
    rehearsal.settle()
    assert rehearsal.model.findings == [
        Finding(
            application="minio",
            what="image resource oci-image is empty",
            why="the controller waits for an upload, so its units never get a pod",
        )
    ]
    assert rehearsal.workload("minio/0") == "waiting installing agent"
    assert rehearsal.agent("minio/0") == "allocating"
    status: Any = rehearsal.model.full_status()
    assert status["applications"]["minio"]["status"]["info"] == "installing agent"
    assert "address" not in status["applications"]["minio"]["units"]["minio/0"]


async def test_a_resource_that_nobody_registered_is_not_listed_and_cannot_be_attached(
    rehearsal: Rehearsal,
) -> None:
    await rehearsal.upload_and_deploy("minio", resources=IMAGE)
    entities = [{"tag": "application-minio"}]
    reply: Any = await rehearsal.call(Resources, "ListResources", {"entities": entities})
    assert reply["results"][0]["resources"] == []
    with pytest.raises(ApiError) as caught:
        await rehearsal.put("minio", "oci-image", None, "registrypath: r/minio:2")
    assert caught.value.message == 'resource "minio/oci-image" not found'
    assert caught.value.code == NOT_FOUND


async def test_attaching_the_image_later_starts_the_unit(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload("minio", resources=IMAGE)
    (pending_id,) = rehearsal.announce("minio", "oci-image")
    rehearsal.deploy("minio", url, resources={"oci-image": pending_id})
    rehearsal.settle()
    await rehearsal.put("minio", "oci-image", None, "registrypath: r/minio:2")
    rehearsal.settle()
    assert rehearsal.workload("minio/0") == "active"
    assert rehearsal.model.applications["minio"].resources["oci-image"].registrypath == "r/minio:2"


async def test_attaching_another_image_restarts_the_unit(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload("minio", resources=IMAGE, containers={"minio": {}})
    pending_id = await rehearsal.image("minio", "oci-image", "r/minio:1")
    rehearsal.deploy("minio", url, resources={"oci-image": pending_id})
    rehearsal.settle()
    await rehearsal.put("minio", "oci-image", None, "registrypath: r/minio:2")
    rehearsal.clock.advance(2)
    assert rehearsal.agent("minio/0") == "executing running stop hook"
    rehearsal.settle()
    assert rehearsal.workload("minio/0") == "active"


async def test_an_integer_revision_is_found(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload("minio", resources=IMAGE)
    (pending_id,) = add_pending_resources(
        rehearsal.model,
        "minio",
        url,
        [
            {
                "name": "oci-image",
                "type": "oci-image",
                "path": "x",
                "origin": "store",
                "revision": 17,
            }
        ],
    )
    rehearsal.deploy("minio", url, resources={"oci-image": pending_id})
    assert [finding.what for finding in rehearsal.model.findings] == [
        "resource oci-image was given as revision 17",
        "image resource oci-image is empty",
    ]


async def test_an_image_without_reference_or_from_elsewhere_is_found(tmp_path: Path) -> None:
    rehearsal = Rehearsal(tmp_path, registry="registry.internal:5000/ckf")
    for name, reference in (
        ("a", ""),
        ("b", "docker.io/minio:1"),
        ("c", "registry.internal:5000/ckf/minio:1"),
        ("d", "registry.internal:5000/ckf2/minio:1"),
        ("e", "Bad/Name"),
    ):
        await rehearsal.image("minio", name, reference)
    assert [finding.what for finding in rehearsal.model.findings] == [
        "image resource a has no registrypath",
        "image resource b is docker.io/minio:1",
        "image resource d is registry.internal:5000/ckf2/minio:1",
        "image resource e is Bad/Name",
    ]


async def test_what_may_be_an_image_elsewhere_is_found(tmp_path: Path) -> None:
    rehearsal = Rehearsal(tmp_path, registry="registry.internal:5000/ckf")
    defaults = {
        "helper": "ghcr.io/acme/helper",
        "worker": "quay.io/acme/worker:stable",
        "image-registry": "quay.io",
        "cat-image-registry": "registry.internal:5000/ckf",
        "cat-image-name": "acme/cat",
        "cat-image-tag": "1",
        "dog-image": "acme/dog",
        "dog-image-tag": "2",
        "own-image-prefix": "registry.internal:5000/ckf/acme/",
        "other-image-prefix": "registry.internal:5000/ckf2/",
        "url-image-registry": "https://registry.internal:5000/ckf",
        "own": "registry.internal:5000/ckf/acme/helper:stable",
    }
    options = {name: {"type": "string", "default": text} for name, text in defaults.items()}
    application = await rehearsal.upload_and_deploy("minio", options=options)
    front = "which may be the beginning of names of images"
    assert sorted(finding.what for finding in rehearsal.model.findings) == [
        "option dog-image has the default acme/dog:2",
        "option helper has the default ghcr.io/acme/helper, which may be an image",
        f"option image-registry has the default quay.io, {front}",
        f"option other-image-prefix has the default registry.internal:5000/ckf2/, {front}",
        "option worker has the default quay.io/acme/worker:stable",
    ]
    assert application.name == "minio"


async def test_images_in_options_that_are_elsewhere_are_found(tmp_path: Path) -> None:
    rehearsal = Rehearsal(tmp_path, registry="registry.internal:5000")
    options = {
        "sidecar-image": {"type": "string", "default": "gcr.io/sidecar:v1"},
        "images": {"type": "string", "default": "- a/b:v1\n- registry.internal:5000/a/b:v2"},
        "port": {"type": "int", "default": 1},
        "url": {"type": "string", "default": "http://minio:9000"},
    }
    application = await rehearsal.upload_and_deploy("minio", options=options)
    assert [finding.what for finding in rehearsal.model.findings] == [
        "option images has the default a/b:v1",
        "option sidecar-image has the default gcr.io/sidecar:v1",
    ]
    rehearsal.model.findings.clear()
    strings = {"sidecar-image": "registry.internal:5000/sidecar:v1", "images": "[quay.io/x/y:v3]"}
    applications.configure(rehearsal.model, application, strings=strings)
    assert [finding.what for finding in rehearsal.model.findings] == [
        "option images names quay.io/x/y:v3"
    ]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('form-data; filename="a b.json"', "a b.json"),
        ('multipart/form-data; filename="r:5000/x@sha256:00"', "r:5000/x@sha256:00"),
        ("form-data; filename=plain", "plain"),
    ],
)
def test_the_file_name_stands_in_the_disposition(header: str, name: str) -> None:
    assert disposition_filename(header) == name


@pytest.mark.parametrize("header", ["", "form-data", "a b; filename=x", "filename=x"])
def test_a_disposition_without_file_name_is_refused(header: str) -> None:
    with pytest.raises(ApiError, match=r"badly formatted|missing filename"):
        disposition_filename(header)
