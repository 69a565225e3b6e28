"""Files of resources beside the charms of a directory that is the charm store."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.rehearsal.api.facades.application import Application
from ckf_airgap.rehearsal.api.facades.charms import Charms
from ckf_airgap.rehearsal.api.facades.resources import Resources
from ckf_airgap.rehearsal.host.charmfiles import ReadStore, read_store
from ckf_airgap.rehearsal.model.modelresources import resource_body
from ckf_airgap.rehearsal.wire import NOT_FOUND
from tests.unit.rehearsal.harness import Rehearsal, charm_zip

BASES: Any = [{"name": "ubuntu", "channel": "22.04", "architectures": ["amd64"]}]
IMAGE = {"type": "oci-image", "upstream-source": "docker.io/x:1"}
NOTES = {"type": "file", "filename": "notes.txt"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    found = tmp_path / "store"
    found.mkdir()
    for name, resources in (("web", {"image": IMAGE, "notes": NOTES}), ("db", {"image": IMAGE})):
        metadata = {"name": name, "summary": name, "resources": resources}
        charm_zip(found / f"{name}_r3.charm", metadata, bases=BASES)
    (found / "resource_notes_r7_notes.txt").write_text("seven")
    (found / "resource_notes_r11_notes.txt").write_text("eleven")
    (found / "web_resource_image_r5").write_text(
        '{"ImageName": "reg.internal/web:5", "Username": "u", "Password": "hidden"}'
    )
    return found


def stocked(rehearsal: Rehearsal, directory: Path) -> ReadStore:
    read = read_store(directory)
    rehearsal.model.charms.repository = read.repository
    return read


async def deploy(rehearsal: Rehearsal, name: str, **resources: str) -> Any:
    keys = {"CharmName": name, "resources": resources, "num-units": 1}
    reply = await rehearsal.call(Application, "DeployFromRepository", {"Args": [keys]})
    (result,) = reply["Results"]
    return result


async def test_a_file_beside_the_charm_is_its_resource(
    rehearsal: Rehearsal, directory: Path
) -> None:
    assert stocked(rehearsal, directory).problems == ()
    assert (await deploy(rehearsal, "web"))["Errors"] is None
    model = rehearsal.model
    notes = model.applications["web"].resources["notes"]
    assert (notes.revision, notes.size_bytes) == (11, 6)
    assert notes.fingerprint == hashlib.sha384(b"eleven").hexdigest()
    assert resource_body(model, "web", "notes").read_text() == "eleven"
    image = model.applications["web"].resources["image"]
    assert (image.revision, image.registrypath) == (5, "reg.internal/web:5")
    assert "hidden" not in repr(image)
    rehearsal.settle()
    assert rehearsal.workload("web/0") == "active"


async def test_a_revision_that_is_asked_for_is_taken(rehearsal: Rehearsal, directory: Path) -> None:
    stocked(rehearsal, directory)
    assert (await deploy(rehearsal, "web", notes="7"))["Errors"] is None
    assert resource_body(rehearsal.model, "web", "notes").read_text() == "seven"
    reply = await rehearsal.call(
        Resources, "ListResources", {"entities": [{"tag": "application-web"}]}
    )
    (listed,) = reply["results"]
    assert {one["name"]: one["revision"] for one in listed["resources"]} == {"image": 5, "notes": 7}
    store = {one["name"]: one["revision"] for one in listed["charm-store-resources"]}
    assert store == {"image": 5, "notes": 11}


@pytest.mark.parametrize(
    ("charm", "resource", "revision"),
    [("web", "notes", 8), ("web", "image", 1), ("db", "image", 2)],
)
async def test_a_revision_that_the_store_does_not_have_is_refused(
    rehearsal: Rehearsal, directory: Path, charm: str, resource: str, revision: int
) -> None:
    stocked(rehearsal, directory)
    message = f'charm resource "{resource}" at revision {revision} not found'
    refused = await deploy(rehearsal, charm, **{resource: str(revision)})
    assert refused["Errors"] == [{"message": message, "code": NOT_FOUND}]
    assert not rehearsal.model.applications
    assert not list(rehearsal.model.charms)

    await deploy(rehearsal, charm)
    url = f"ch:amd64/{charm}-3"
    kind = "file" if resource == "notes" else "oci-image"
    document = {"name": resource, "type": kind, "path": "notes.txt", "origin": "store"}
    entries = [{**document, "revision": -1}, {**document, "revision": revision}]
    params = {"tag": f"application-{charm}", "url": url, "resources": entries}
    announced = await rehearsal.call(Resources, "AddPendingResources", params)
    assert announced == {"error": {"message": message, "code": NOT_FOUND}, "pending-ids": []}
    assert len(rehearsal.model.pending) == 0


async def test_the_store_lists_its_files(rehearsal: Rehearsal, directory: Path) -> None:
    stocked(rehearsal, directory)
    entity = {"charm-url": "ch:amd64/web-3", "charm-origin": {"source": "charm-hub"}}
    reply = await rehearsal.call(Charms, "ListCharmResources", {"entities": [entity]})
    notes = next(one for one in reply["results"][0] if one["name"] == "notes")
    assert (notes["revision"], notes["size"]) == (11, 6)
    assert base64.b64decode(notes["fingerprint"]) == hashlib.sha384(b"eleven").digest()


def test_files_that_are_no_resources_are_told_of(directory: Path) -> None:
    (directory / "resource_image_r2").write_text("{}")
    (directory / "resource_notes_r2_other.txt").touch()
    (directory / "db_resource_image_r2").write_text("[]")
    (directory / "resource_notes_r12_notes.txt").mkdir()
    (directory / "my_resource_list").touch()
    problems = "\n".join(read_store(directory).problems)
    assert "resource_image_r2 is not used: db, web declare such a resource; put" in problems
    assert "as in db_resource_image_r2" in problems
    assert "resource_notes_r2_other.txt is not used: no charm beside it" in problems
    assert "db_resource_image_r2 is no resource of db: docker resource" in problems
    assert "resource_notes_r12_notes.txt" in problems
    assert "my_resource_list" not in problems
