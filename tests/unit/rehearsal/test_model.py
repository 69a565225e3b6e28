from __future__ import annotations

from ckf_airgap.rehearsal.model.modelresources import resource_body
from ckf_airgap.rehearsal.model.recording import MAX_REQUESTS
from tests.unit.rehearsal.harness import Rehearsal


def test_requests_are_remembered(rehearsal: Rehearsal) -> None:
    rehearsal.model.record_request(
        facade="Application", version=20, method="Deploy", params={"x": 1}, user="admin"
    )
    (request,) = rehearsal.model.requests
    assert (request.facade, request.version, request.method) == ("Application", 20, "Deploy")
    assert (request.params, request.user, request.at) == ({"x": 1}, "admin", rehearsal.clock.now())


def test_memory_for_requests_is_bounded(rehearsal: Rehearsal) -> None:
    assert rehearsal.model.requests.maxlen == MAX_REQUESTS


async def test_files_of_charms_and_resources_are_given_back(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload("minio", resources={"image": {"type": "oci-image"}})
    pending_id = await rehearsal.image("minio", "image", "r/minio:1")
    rehearsal.deploy("minio", url, resources={"image": pending_id})
    assert rehearsal.model.charm_archive(url) == rehearsal.directory / "minio"
    body = resource_body(rehearsal.model, "minio", "image")
    assert body.read_text() == "registrypath: r/minio:1\n"
