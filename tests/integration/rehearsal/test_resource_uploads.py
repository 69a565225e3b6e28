"""Resources over HTTPS, as both clients send them, and every refusal."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.rehearsal.host.thread import ControllerThread
from tests.charms import write_charm
from tests.integration.rehearsal.wire import Client

DETAILS = b"registrypath: 10.0.0.1:5000/minio:1\nusername: ''\npassword: ''\n"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def path(client: Client, resource: str, pending_id: str | None, application: str = "minio") -> str:
    base = f"/model/{client.store.models['kubeflow']}/applications/{application}"
    query = f"?pendingid={pending_id}" if pending_id else ""
    return f"{base}/resources/{resource}{query}"


def headers(data: bytes, **changes: str | None) -> dict[str, str]:
    """Return the headers of python-libjuju, with some of them changed or left out."""
    sent: dict[str, str | None] = {
        "Content-Type": "application/octet-stream",
        "Content-Sha384": hashlib.sha384(data).hexdigest(),
        "Content-Disposition": 'multipart/form-data; filename="minio:1"',
    }
    sent.update({key.replace("_", "-"): value for key, value in changes.items()})
    return {key: value for key, value in sent.items() if value is not None}


async def announce(client: Client, **resource: Any) -> str:
    common = {"type": "oci-image", "path": "minio:1", "origin": "upload"}
    wire = await client.model()
    reply = await wire.ask(
        "Resources",
        "AddPendingResources",
        {
            "tag": "application-minio",
            "url": "local:minio-0",
            "resources": [{"name": "oci-image", **common, **resource}],
        },
        version=3,
    )
    return str(reply["pending-ids"][0])


async def test_an_image_is_taken_and_described_and_recorded(
    client: Client, controller: ControllerThread
) -> None:
    pending_id = await announce(client)
    status, body, _ = await client.http(
        "PUT", path(client, "oci-image", pending_id), data=DETAILS, headers=headers(DETAILS)
    )
    assert status == 200
    resource = body["resource"]
    assert resource["name"] == "oci-image"
    assert resource["type"] == "oci-image"
    assert resource["origin"] == "upload"
    assert resource["id"] == "minio/oci-image"
    assert resource["pending-id"] == pending_id
    assert resource["application"] == "minio"
    model = controller.controller.models["kubeflow"]
    (upload,) = controller.call(lambda: list(model.uploads))
    assert (upload.method, upload.made) == ("PUT", "minio/oci-image")
    assert upload.path == path(client, "oci-image", None)
    assert (upload.size_bytes, upload.sha256) == (len(DETAILS), hashlib.sha256(DETAILS).hexdigest())


async def test_details_may_be_json(client: Client) -> None:
    data = json.dumps({"ImageName": "10.0.0.1:5000/minio:1"}).encode()
    pending_id = await announce(client)
    status, _, _ = await client.http(
        "PUT", path(client, "oci-image", pending_id), data=data, headers=headers(data)
    )
    assert status == 200


async def test_the_hash_of_an_image_is_not_compared(client: Client) -> None:
    pending_id = await announce(client)
    status, _, _ = await client.http(
        "PUT", path(client, "oci-image", pending_id), data=DETAILS, headers=headers(b"another")
    )
    assert status == 200


@pytest.mark.parametrize(
    ("resource", "data", "changes", "status", "message"),
    [
        ({}, DETAILS, {"Content_Type": "text/plain"}, 500, 'unsupported content type "text/plain"'),
        ({}, DETAILS, {"Content_Sha384": "xyz"}, 500, "invalid fingerprint: "),
        ({}, DETAILS, {"Content_Sha384": "abcd"}, 500, "invalid fingerprint: "),
        ({}, DETAILS, {"Content_Disposition": None}, 500, "badly formatted Content-Disposition: "),
        (
            {},
            DETAILS,
            {"Content_Disposition": "form-data"},
            500,
            "missing filename in resource upload request",
        ),
        (
            {},
            b"{[",
            {},
            500,
            "docker resource is neither valid json or yaml: ",
        ),
        (
            {"type": "file", "path": "data.json"},
            b"x",
            {"Content_Disposition": 'form-data; filename="a.txt"'},
            500,
            'incorrect extension on resource upload "a.txt", expected ".json"',
        ),
        (
            {"type": "file", "path": "data.json"},
            b"x",
            {
                "Content_Disposition": 'form-data; filename="a.json"',
                "Content_Sha384": hashlib.sha384(b"y").hexdigest(),
            },
            500,
            "",
        ),
    ],
)
async def test_what_an_upload_is_refused_for(  # noqa: PLR0917 - the columns of the table
    client: Client,
    controller: ControllerThread,
    resource: dict[str, str],
    data: bytes,
    changes: dict[str, str | None],
    status: int,
    message: str,
) -> None:
    pending_id = await announce(client, **resource)
    found, body, _ = await client.http(
        "PUT",
        path(client, "oci-image", pending_id),
        data=data,
        headers=headers(data, **changes),
        skip_auto_headers=["Content-Type"],
    )
    assert found == status
    assert set(body) == {"error"}
    assert body["error"]["message"].startswith(message)
    assert body["error"]["code"] == ""
    kept = controller.controller.state.directory.rglob("*")
    assert [file for file in kept if file.is_file()] == []


@pytest.mark.parametrize(
    ("resource", "pending_id", "message"),
    [
        ("oci-image", UNKNOWN, f'pending resource "oci-image" ({UNKNOWN}) not found'),
        ("oci-image", None, 'application "minio" not found'),
    ],
)
async def test_what_is_not_there_is_not_found(
    client: Client, resource: str, pending_id: str | None, message: str
) -> None:
    status, body, _ = await client.http(
        "PUT", path(client, resource, pending_id), data=DETAILS, headers=headers(DETAILS)
    )
    assert (status, body) == (404, {"error": {"message": message, "code": "not found"}})


async def test_without_good_credentials_nothing_is_taken(client: Client) -> None:
    pending_id = await announce(client)
    status, body, _ = await client.http(
        "PUT",
        path(client, "oci-image", pending_id),
        data=DETAILS,
        headers={**headers(DETAILS), "Authorization": "Basic dXNlci1hZG1pbjp3cm9uZw=="},
    )
    assert (status, body) == (401, b"authentication failed: invalid entity name or password\n")


async def test_an_unsupported_method_has_its_own_answer(client: Client) -> None:
    status, body, _ = await client.http("POST", path(client, "oci-image", None), data=b"")
    assert (status, body) == (405, b"Method Not Allowed\n")


async def test_a_file_comes_back_once_its_application_is_deployed(
    client: Client, tmp_path: Path
) -> None:
    charm = write_charm(tmp_path, "minio", files={"policy": "policy.json"})
    uuid = client.store.models["kubeflow"]
    await client.http(
        "POST",
        f"/model/{uuid}/charms?series=",
        data=charm.read_bytes(),
        headers={"Content-Type": "application/zip"},
    )
    pending_id = await announce(client, name="policy", type="file", path="policy.json")
    data = b'{"a": "\xc3\xa9"}'
    name = {"Content_Disposition": "form-data; filename==?utf-8?b?cG9saWN5LsOpLmpzb24=?="}
    status, _, _ = await client.http(
        "PUT", path(client, "policy", pending_id), data=data, headers=headers(data, **name)
    )
    assert status == 200
    missing, body, _ = await client.http("GET", path(client, "policy", None))
    assert (missing, body["error"]["code"]) == (404, "not found")
    wire = await client.model()
    reply = await wire.ask(
        "Application",
        "Deploy",
        {
            "applications": [
                {
                    "application": "minio",
                    "charm-url": "local:minio-0",
                    "charm-origin": {
                        "source": "local",
                        "base": {"name": "ubuntu", "channel": "22.04/stable"},
                        "architecture": "amd64",
                    },
                    "num-units": 1,
                    "resources": {"policy": pending_id},
                }
            ]
        },
        version=20,
    )
    assert reply == {"results": [{}]}
    assert (await client.http("GET", path(client, "policy", None)))[:2] == (200, data)
