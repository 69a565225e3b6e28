"""Charms over HTTPS: both ways in, every refusal, and the ways back."""

from __future__ import annotations

import asyncio
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.host.thread import ControllerThread
from tests.charms import write_charm
from tests.integration.rehearsal.wire import Client, Store

ZIP = {"Content-Type": "application/zip"}


@pytest.fixture
def charm(tmp_path: Path) -> bytes:
    return write_charm(tmp_path, "minio", images=("oci-image",)).read_bytes()


def posted(client: Client, query: str = "?series=", model: str = "kubeflow") -> str:
    return f"/model/{client.store.models[model]}/charms{query}"


def put_path(client: Client, charm: bytes, name: str = "minio") -> str:
    digest = hashlib.sha256(charm).hexdigest()
    return f"/model-{client.store.models['kubeflow']}/charms/{name}-{digest[:7]}"


def uploaded_files(controller: ControllerThread) -> list[Path]:
    return [path for path in controller.controller.state.directory.rglob("*") if path.is_file()]


async def test_post_answers_with_the_url_and_counts_revisions(client: Client, charm: bytes) -> None:
    for revision in (0, 1):
        status, body, headers = await client.http("POST", posted(client), data=charm, headers=ZIP)
        assert (status, body) == (200, {"charm-url": f"local:minio-{revision}"})
        assert headers["Juju-Curl"] == f"local:minio-{revision}"


async def test_models_count_for_themselves(client: Client, charm: bytes) -> None:
    for model in ("kubeflow", "other"):
        path = posted(client, model=model)
        _, body, _ = await client.http("POST", path, data=charm, headers=ZIP)
        assert body == {"charm-url": "local:minio-0"}


async def test_the_path_without_a_model_is_the_controllers_own(
    client: Client, controller: ControllerThread, charm: bytes
) -> None:
    status, _, _ = await client.http("POST", "/charms?series=", data=charm, headers=ZIP)
    assert status == 200
    state = controller.controller.state
    url = "local:minio-0"
    assert controller.call(lambda: state.controller_model.charm_archive(url)).is_file()


@pytest.mark.parametrize(
    ("query", "url"),
    [
        ("?series=focal", "local:focal/minio-0"),
        ("?series=&revision=7", "local:minio-7"),
        ("?schema=local&series=&name=other-name", "local:other-name-0"),
    ],
)
async def test_what_a_post_may_ask_for(client: Client, charm: bytes, query: str, url: str) -> None:
    _, body, _ = await client.http("POST", posted(client, query), data=charm, headers=ZIP)
    assert body == {"charm-url": url}


async def test_put_answers_in_the_header_that_the_go_client_reads(
    client: Client, charm: bytes
) -> None:
    headers = {**ZIP, "Juju-Curl": "local:minio-0"}
    path = put_path(client, charm)
    status, body, answered = await client.http("PUT", path, data=charm, headers=headers)
    assert (status, body) == (200, {"charm-url": "local:minio-0"})
    assert answered["Juju-Curl"] == "local:minio-0"
    status, content, _ = await client.http("GET", path)
    assert (status, content) == (200, charm)


async def test_every_upload_is_recorded_with_what_came_of_it(
    client: Client, controller: ControllerThread, charm: bytes
) -> None:
    await client.http("POST", posted(client), data=charm, headers=ZIP)
    await client.http("POST", posted(client), data=nothing(), headers=ZIP)
    curl = {**ZIP, "Juju-Curl": "local:minio-7"}
    await client.http("PUT", put_path(client, charm), data=charm, headers=curl)
    model = controller.controller.models["kubeflow"]
    uploads = controller.call(lambda: list(model.uploads))
    path = posted(client, "")
    digest = hashlib.sha256(charm).hexdigest()
    assert [
        (upload.method, upload.path, upload.size_bytes, upload.sha256, upload.made, upload.user)
        for upload in uploads
        if not upload.refusal
    ] == [
        ("POST", path, len(charm), digest, "local:minio-0", "admin"),
        ("PUT", put_path(client, charm), len(charm), digest, "local:minio-7", "admin"),
    ]
    (refused,) = [upload for upload in uploads if upload.refusal]
    assert (refused.path, refused.made, refused.size_bytes) == (path, "", len(nothing()))
    assert "zip" in refused.refusal


def nothing() -> bytes:
    return b"this is no zip"


def without_metadata() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("dispatch"), "")
    return stream.getvalue()


def two_roots() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a/metadata.yaml"), "name: a")
        archive.writestr(zipfile.ZipInfo("b/metadata.yaml"), "name: b")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "query", "headers", "error"),
    [
        (
            None,
            "",
            {"Content-Type": "text/plain"},
            "expected Content-Type: application/zip, got: text/plain",
        ),
        (nothing(), "", ZIP, "cannot open charm archive: zip: not a valid zip file"),
        (
            without_metadata(),
            "",
            ZIP,
            "cannot read charm archive: invalid charm archive: missing metadata.yaml",
        ),
        (
            two_roots(),
            "",
            ZIP,
            "cannot read charm archive: invalid charm archive: ambiguous root directory",
        ),
        (None, "?schema=ch", ZIP, "charms may only be uploaded during model migration import"),
        (None, "?schema=cs", ZIP, "charms may only be uploaded during model migration import"),
        (None, "?series=None", ZIP, 'series name "None" not valid'),
        (None, "?revision=new", ZIP, 'revision: strconv.Atoi: parsing "new": invalid syntax'),
        (
            None,
            f"?revision={'9' * 5000}",
            ZIP,
            f'revision: strconv.Atoi: parsing "{"9" * 5000}": value out of range',
        ),
    ],
)
async def test_what_a_post_is_refused_for(  # noqa: PLR0917 - the columns of the table
    client: Client,
    controller: ControllerThread,
    charm: bytes,
    data: bytes | None,
    query: str,
    headers: dict[str, str],
    error: str,
) -> None:
    content = charm if data is None else data
    status, body, _ = await client.http(
        "POST", posted(client, query), data=content, headers=headers
    )
    assert status == 400
    assert body["error-code"] == "bad request"
    assert body["error"].startswith("cannot upload charm: ")
    assert body["error"].endswith(error)
    assert uploaded_files(controller) == []


@pytest.mark.parametrize(
    ("path", "url", "data", "error"),
    [
        (None, "local:minio-0", nothing(), "invalid charm archive: zip: not a valid zip file"),
        (
            "minio-0000000",
            "local:minio-0",
            None,
            "Uploaded charm sha256 ({sha}) does not match sha in url (0000000)",
        ),
        (None, "no charm", None, '"no charm" is not a valid charm url'),
        (None, "", None, '"" is not a valid charm url'),
        ("minio", "local:minio-0", None, '"minio" is not a valid charm object path'),
        (
            None,
            "ch:minio-3",
            None,
            "non-local charms may only be uploaded during model migration import",
        ),
    ],
)
async def test_what_a_put_is_refused_for(  # noqa: PLR0917 - the columns of the table
    client: Client,
    controller: ControllerThread,
    charm: bytes,
    path: str | None,
    url: str,
    data: bytes | None,
    error: str,
) -> None:
    content = charm if data is None else data
    full = put_path(client, content)
    if path is not None:
        full = f"{full.rpartition('/')[0]}/{path}"
    headers = {**ZIP, "Juju-Curl": url}
    status, body, _ = await client.http("PUT", full, data=content, headers=headers)
    sha = hashlib.sha256(content).hexdigest()[:7]
    assert (status, body) == (
        400,
        {"error": f"cannot upload charm: {error.format(sha=sha)}", "error-code": "bad request"},
    )
    assert uploaded_files(controller) == []


async def test_put_wants_a_zip_too(client: Client, charm: bytes) -> None:
    headers = {"Content-Type": "text/plain", "Juju-Curl": "local:minio-0"}
    path = put_path(client, charm)
    status, body, _ = await client.http("PUT", path, data=charm, headers=headers)
    assert status == 400
    assert body["error"] == (
        "cannot upload charm: expected Content-Type: application/zip, got: text/plain"
    )


async def test_a_charm_in_one_sub_directory_is_taken(client: Client) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("inner/metadata.yaml", "name: nested\nsummary: s\ndescription: d\n")
        archive.writestr("inner/dispatch", "")
    status, body, _ = await client.http("POST", posted(client), data=stream.getvalue(), headers=ZIP)
    assert (status, body) == (200, {"charm-url": "local:nested-0"})


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        ("Basic dXNlci1hZG1pbjp3cm9uZw==", "invalid entity name or password"),  # user-admin:wrong
        ("Basic dXNlci1ub2JvZHk6eA==", "invalid entity name or password"),  # user-nobody:x
        ("Basic YWRtaW46eA==", '"admin" is not a valid tag'),  # admin:x
        ("Basic !!!", "authentication not found"),
        ("Bearer token", "authentication not found"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_without_good_credentials_nothing_is_taken(
    client: Client, charm: bytes, authorization: str, reason: str, method: str
) -> None:
    status, body, headers = await client.http(
        method, posted(client), data=charm, headers={**ZIP, "Authorization": authorization}
    )
    assert status == 401
    assert body.decode().strip() == f"authentication failed: {reason}"
    assert headers["Content-Type"].startswith("text/plain")


async def test_an_unknown_model_is_refused_like_bad_credentials(
    client: Client, charm: bytes
) -> None:
    path = "/model/00000000-0000-4000-8000-000000000000/charms"
    status, body, _ = await client.http("POST", path, data=charm, headers=ZIP)
    assert (status, body) == (401, b"authentication failed: invalid entity name or password\n")


async def test_a_reader_of_the_model_may_not_upload(client: Client, charm: bytes) -> None:
    wire = await client.controller()
    user = {"username": "eve", "password": "apple"}
    await wire.ask("UserManager", "AddUser", {"users": [user]}, version=3)
    change = {
        "user-tag": "user-eve",
        "action": "grant",
        "access": "read",
        "model-tag": f"model-{client.store.models['kubeflow']}",
    }
    await wire.ask("ModelManager", "ModifyModelAccess", {"changes": [change]}, version=10)
    headers = {**ZIP, "Authorization": "Basic dXNlci1ldmU6YXBwbGU="}  # user-eve:apple
    status, body, _ = await client.http("POST", posted(client), data=charm, headers=headers)
    assert (status, body) == (403, b"authorization failed: permission denied\n")


async def test_an_unsupported_method_has_its_own_answer(client: Client) -> None:
    status, body, headers = await client.http("DELETE", posted(client))
    assert (status, body) == (405, b"Method Not Allowed\n")
    assert set(headers["Allow"].split(",")) == {"GET", "HEAD", "POST"}


async def test_a_charm_is_found_by_the_beginning_of_its_digest(
    client: Client, charm: bytes
) -> None:
    await client.http("POST", posted(client), data=charm, headers=ZIP)
    sha = hashlib.sha256(charm).hexdigest()
    below = f"/model-{client.store.models['kubeflow']}/charms"
    for name in (f"minio-{sha[:7]}", f"any-name-{sha}"):
        status, body, headers = await client.http("GET", f"{below}/{name}")
        assert (status, body, headers["Juju-Curl"]) == (200, charm, "local:minio-0")
    elsewhere = f"/model-{client.store.models['other']}/charms/minio-{sha}"
    for path, refusal in (
        (
            f"{below}/minio-0000000",
            'cannot get charm from state: charm with sha256 "0000000" not found',
        ),
        (elsewhere, f'cannot get charm from state: charm with sha256 "{sha}" not found'),
        (f"{below}/minio", '"minio" is not a valid charm object path'),
    ):
        _, body, _ = await client.http("GET", path)
        assert body["error"] == f"cannot retrieve charm: {refusal}"


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/model/nope/charms", 400, 'invalid model UUID "nope"'),
        ("/model/nope/api", 400, 'invalid model UUID "nope"'),
        ("/nowhere", 404, "404 page not found"),
    ],
)
async def test_paths_that_lead_nowhere(client: Client, path: str, status: int, text: str) -> None:
    found, body, headers = await client.http("GET", path)
    assert (found, body) == (status, f"{text}\n".encode())
    assert headers["Content-Type"] == "text/plain; charset=utf-8"


async def test_a_charm_comes_back_whole_by_member_and_as_a_list(
    client: Client, charm: bytes
) -> None:
    await client.http("POST", posted(client), data=charm, headers=ZIP)
    url = "?url=local:minio-0"
    assert (await client.http("GET", posted(client, f"{url}&file=*")))[:2] == (200, charm)
    _, member, _ = await client.http("GET", posted(client, f"{url}&file=dispatch"))
    assert member == b"#!/bin/sh\nstatus-set active\n"
    _, listing, _ = await client.http("GET", posted(client, url))
    assert listing == {"files": ["dispatch", "manifest.yaml", "metadata.yaml"]}


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ("", 400, "expected url=CharmURL query argument"),
        (
            "?url=local:minio-9&file=*",
            404,
            'cannot get charm from state: charm "local:minio-9" not found',
        ),
        ("?url=local:minio-0&file=none", 404, "charm file none not found"),
    ],
)
async def test_what_a_get_is_refused_for(
    client: Client, charm: bytes, query: str, status: int, error: str
) -> None:
    await client.http("POST", posted(client), data=charm, headers=ZIP)
    found, body, _ = await client.http("GET", posted(client, query))
    assert (found, body["error"]) == (status, f"cannot retrieve charm: {error}")


async def test_a_body_above_the_limit_is_refused_and_leaves_nothing(
    tmp_path: Path, charm: bytes
) -> None:
    async def chunks() -> Any:  # no Content-Length: the size shows while it streams
        for _ in range(40):
            yield bytes(1000)

    async with RehearsalController(limit_bytes=20_000) as controller:
        store = Store.read(controller.juju_data)
        async with aiohttp.ClientSession() as session:
            client = Client(store, session)
            for data in (bytes(20_001), chunks()):
                status, body, _ = await client.http("POST", posted(client), data=data, headers=ZIP)
                assert status == 400
                assert body["error"] == (
                    "cannot upload charm: the body is larger than the 20000 bytes allowed"
                )
            assert not [p for p in controller.state.directory.rglob("*") if p.is_file()]
            ok, _, _ = await client.http("POST", posted(client), data=charm, headers=ZIP)
            assert ok == 200


async def test_an_upload_that_breaks_off_leaves_nothing(
    client: Client, controller: ControllerThread
) -> None:
    host, port = client.store.endpoint.split(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=client.store.ssl_context())
    head = (
        f"POST {posted(client)} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/zip\r\n"
        f"Authorization: {client.store.authorization()['Authorization']}\r\n"
        "Content-Length: 100000\r\n\r\n"
    )
    writer.write(head.encode() + bytes(5000))
    await writer.drain()

    async def files(number: int) -> None:
        while len(uploaded_files(controller)) != number:  # noqa: ASYNC110 - another thread's disk
            await asyncio.sleep(0.01)

    await asyncio.wait_for(files(1), 10)
    writer.close()
    await writer.wait_closed()
    assert await reader.read() == b""
    await asyncio.wait_for(files(0), 10)


async def test_the_files_of_a_model_go_with_it(
    client: Client, controller: ControllerThread, charm: bytes
) -> None:
    await client.http("POST", posted(client), data=charm, headers=ZIP)
    assert len(uploaded_files(controller)) == 1
    wire = await client.controller()
    tag = f"model-{client.store.models['kubeflow']}"
    await wire.ask("ModelManager", "DestroyModels", {"models": [{"model-tag": tag}]}, version=10)

    async def gone() -> None:
        while uploaded_files(controller):  # noqa: ASYNC110 - another thread's disk
            await asyncio.sleep(0.01)

    await asyncio.wait_for(gone(), 10)
