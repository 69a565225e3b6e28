"""A directory of charms as the charm store."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from ckf_airgap.charms.charm import Base
from ckf_airgap.errors import CharmError, CharmNotFoundError
from ckf_airgap.rehearsal.api.facades.application import Application
from ckf_airgap.rehearsal.api.facades.bundle import Bundle
from ckf_airgap.rehearsal.api.facades.charms import Charms
from ckf_airgap.rehearsal.api.facades.resources import Resources
from ckf_airgap.rehearsal.entities.repository import CharmRepository, Wanted, normal_channel
from ckf_airgap.rehearsal.host.charmfiles import read_store
from ckf_airgap.rehearsal.wire import ApiError
from tests.unit.rehearsal.harness import Rehearsal, charm_zip

IMAGE = {"image": {"type": "oci-image", "description": "x", "upstream-source": "docker.io/x:1"}}
OPTIONS = {"port": {"type": "int", "default": 80}}
JAMMY: Any = {"name": "ubuntu", "channel": "22.04", "architectures": ["amd64"]}
FOCAL: Any = {"name": "ubuntu", "channel": "20.04", "architectures": ["amd64", "arm64"]}


def write(directory: Path, name: str, revision: int, bases: Any = None, **keys: Any) -> None:
    metadata = {"name": name, "summary": name, "resources": IMAGE, **keys}
    path = directory / f"{name}_r{revision}.charm"
    charm_zip(path, metadata, options=OPTIONS, bases=bases or [JAMMY, FOCAL])


@pytest.fixture
def store(tmp_path: Path) -> CharmRepository:
    directory = tmp_path / "store"
    directory.mkdir()
    write(directory, "minio", 100)
    write(directory, "minio", 120, [JAMMY])
    write(directory, "minio", 130, [FOCAL])
    write(directory, "db", 7)
    (directory / "db_r8.charm").write_bytes(b"damaged")
    released = {("minio", 100): ["1.9/stable"], ("minio", 120): ["1.10"], ("minio", 130): ["edge"]}
    read = read_store(directory, released=released)
    assert len(read.problems) == 1
    assert "db_r8.charm" in read.problems[0]
    return read.repository


@pytest.fixture
def stocked(rehearsal: Rehearsal, store: CharmRepository) -> Rehearsal:
    rehearsal.model.charms.repository = store
    return rehearsal


@pytest.mark.parametrize(
    ("wanted", "revision", "base"),
    [
        ({}, 130, "ubuntu@20.04"),
        ({"channel": "stable"}, 120, "ubuntu@22.04"),
        ({"channel": "edge"}, 130, "ubuntu@20.04"),
        ({"channel": "1.9/stable"}, 100, "ubuntu@22.04"),
        ({"channel": "1.10/stable"}, 120, "ubuntu@22.04"),
        ({"revision": 100, "channel": "1.10/stable"}, 100, "ubuntu@22.04"),
        ({"base": Base(name="ubuntu", channel="22.04/stable")}, 120, "ubuntu@22.04"),
        ({"architecture": "arm64"}, 130, "ubuntu@20.04"),
        ({"architecture": "arm64", "channel": "1.9/stable"}, 100, "ubuntu@20.04"),
    ],
)
def test_a_request_comes_to_the_highest_revision_that_fits(
    store: CharmRepository, wanted: Any, revision: int, base: str
) -> None:
    resolved = store.resolve(Wanted(name="minio", **wanted))
    assert (resolved.file.revision, str(resolved.base)) == (revision, base)


def test_a_charm_of_unknown_channels_is_in_every_channel(store: CharmRepository) -> None:
    resolved = store.resolve(Wanted(name="db", channel="8.0/candidate"))
    assert (resolved.file.revision, resolved.channel) == (7, "8.0/candidate")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            {"name": "nope"},
            "resolving error: The Charm with the given name was not found in the Store.",
        ),
        ({"name": "minio", "revision": 1}, "selecting releases: no releases available"),
        (
            {"name": "minio", "architecture": "s390x"},
            'selecting next bases: bases matching architecture "s390x" not found',
        ),
        (
            {"name": "minio", "channel": "2.0/stable"},
            (
                'selecting releases: charm or bundle not found for channel "2.0/stable", '
                'base "amd64"\navailable releases are:\n'
                '  channel "1.10/stable": available bases are: ubuntu@22.04\n'
                '  channel "1.9/stable": available bases are: ubuntu@22.04, ubuntu@20.04\n'
                '  channel "latest/edge": available bases are: ubuntu@20.04'
            ),
        ),
        (
            {"name": "db", "base": Base(name="ubuntu", channel="24.04")},
            (
                'selecting releases: charm or bundle not found for channel "latest/stable", '
                'base "amd64/ubuntu/24.04/stable"'
            ),
        ),
    ],
)
def test_what_the_store_does_not_have_is_refused(
    store: CharmRepository, wanted: Any, message: str
) -> None:
    with pytest.raises(ApiError) as caught:
        store.resolve(Wanted(**wanted))
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("edge", "latest/edge"),
        ("1.10", "1.10/stable"),
        ("1.10/beta", "1.10/beta"),
        ("edge/fix", "latest/edge/fix"),
    ],
)
def test_channels_have_a_track_and_a_risk(text: str, expected: str) -> None:
    assert normal_channel(text) == expected


@pytest.mark.parametrize("text", ["", "a/b", "a/edge/b/c", "/edge"])
def test_what_is_no_channel_is_refused(text: str) -> None:
    with pytest.raises(ApiError, match="not valid"):
        normal_channel(text)


def test_a_directory_without_charms_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(CharmNotFoundError, match="there is no charms directory"):
        read_store(tmp_path / "gone")
    (tmp_path / "file").touch()
    with pytest.raises(CharmError, match="is not a directory"):
        read_store(tmp_path / "file")
    (tmp_path / "x_r1.charm").write_bytes(b"x")
    with pytest.raises(CharmError, match=r"holds no charm: .*x_r1\.charm"):
        read_store(tmp_path)


async def deploy(rehearsal: Rehearsal, **keys: Any) -> Any:
    reply = await rehearsal.call(Application, "DeployFromRepository", {"Args": [keys]}, version=19)
    (result,) = reply["Results"]
    return result


async def test_a_charm_is_deployed_by_its_name(stocked: Rehearsal) -> None:
    result = await deploy(
        stocked,
        CharmName="minio",
        channel="1.10/stable",
        ConfigYAML="minio:\n  port: 81\n",
        Trust=True,
        **{"num-units": 2},
    )
    assert result["Errors"] is None
    assert result["Info"] == {
        "architecture": "amd64",
        "base": {"name": "ubuntu", "channel": "22.04/stable"},
        "channel": "1.10/stable",
        "name": "minio",
        "revision": 120,
    }
    assert result["PendingResourceUploads"] == []
    application = stocked.model.applications["minio"]
    assert application.charm_url == "ch:amd64/minio-120"
    assert application.origin["id"]
    file = stocked.directory / "store" / "minio_r120.charm"
    assert application.origin["hash"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert application.config["port"] == 81
    assert application.own_settings["trust"] is True
    assert application.resources["image"].registrypath == "docker.io/x:1"
    stocked.settle()
    assert set(stocked.states()) == {"minio/0", "minio/1"}
    status = stocked.model.full_status()["applications"]
    assert status["minio"]["charm-channel"] == "1.10/stable"  # type: ignore[index, call-overload]


@pytest.mark.parametrize("storage", ["Storage", "storage"])
async def test_a_storage_is_what_is_asked_for_in_the_words_of_either_juju(
    tmp_path: Path, storage: str
) -> None:
    """Clients made for Juju 4, as Terraform's provider, write the names of some fields small."""
    write(tmp_path, "db", 1, storage={"data": {"type": "filesystem", "minimum-size": "1G"}})
    rehearsal = Rehearsal(tmp_path, repository=read_store(tmp_path).repository)
    asked = {storage: {"data": {"Pool": "", "Size": 2048, "Count": 1}}}
    result = await deploy(rehearsal, CharmName="db", **asked)
    assert result["Errors"] is None
    rehearsal.settle()
    (filesystem,) = rehearsal.model.storage.filesystems.values()
    assert filesystem.size_mib == 2048


async def test_images_of_the_store_are_findings_where_there_is_a_private_registry(
    tmp_path: Path, store: CharmRepository
) -> None:
    rehearsal = Rehearsal(tmp_path, registry="reg.internal:5000", repository=store)
    result = await deploy(rehearsal, CharmName="minio", resources={"image": "1"})
    assert result["Errors"] is None
    (finding,) = rehearsal.model.findings
    assert (finding.application, finding.what) == ("minio", "image resource image is docker.io/x:1")
    assert rehearsal.model.applications["minio"].resources["image"].revision == 1


async def test_a_file_of_the_client_is_left_to_upload(stocked: Rehearsal) -> None:
    result = await deploy(stocked, CharmName="db", resources={"image": "reg/x:2"})
    (upload,) = result["PendingResourceUploads"]
    assert upload == {"Name": "image", "Type": "oci-image", "Filename": "reg/x:2"}
    stocked.settle()
    assert not stocked.workload("db/0").startswith("active")
    assert [finding.what for finding in stocked.model.findings] == ["image resource image is empty"]
    await stocked.put("db", "image", None, "registrypath: reg/x:2\n")
    assert not stocked.model.findings
    stocked.settle()
    assert stocked.workload("db/0") == "active"


async def test_a_charm_has_another_name_in_the_store_than_in_its_metadata(tmp_path: Path) -> None:
    directory = tmp_path / "store"
    directory.mkdir()
    metadata = {
        "name": "dummy-source",
        "summary": "x",
        "resources": {"image": {"type": "oci-image"}},
    }
    charm_zip(directory / "qa-source_r6.charm", metadata, options=OPTIONS, bases=[JAMMY])
    released = {("qa-source", 6): ["2.0/edge"]}
    repository = read_store(directory, released=released).repository
    rehearsal = Rehearsal(tmp_path, repository=repository)
    by_metadata = await deploy(rehearsal, CharmName="dummy-source")
    assert "was not found in the Store" in by_metadata["Errors"][0]["message"]

    result = await deploy(
        rehearsal, CharmName="qa-source", channel="2.0/edge", ConfigYAML="qa-source: {port: 81}"
    )
    assert result["Errors"] is None
    assert (result["Info"]["name"], result["Info"]["channel"]) == ("dummy-source", "2.0/edge")
    application = rehearsal.model.applications["dummy-source"]
    assert application.charm_url == "ch:amd64/qa-source-6"
    assert application.config["port"] == 81
    image = application.resources["image"].registrypath
    assert image == "registry.jujucharms.com/charm/qa-source/image"
    named = await deploy(
        rehearsal,
        CharmName="qa-source",
        channel="2.0/edge",
        ApplicationName="yin",
        ConfigYAML="yin: {port: 82}",
    )
    assert named["Errors"] is None
    assert rehearsal.model.applications["yin"].config["port"] == 82


async def test_a_file_without_a_revision_has_the_name_that_its_charm_declares(
    tmp_path: Path,
) -> None:
    charm_zip(tmp_path / "mine.charm", {"name": "minio", "summary": "x"}, bases=[JAMMY])
    resolved = read_store(tmp_path).repository.resolve(Wanted(name="minio"))
    assert str(resolved.url) == "ch:amd64/minio-0"


async def test_an_exported_bundle_has_the_revisions_of_resources_of_the_store(
    stocked: Rehearsal,
) -> None:
    await deploy(stocked, CharmName="minio", resources={"image": "-1"})
    await deploy(stocked, CharmName="db")

    async def resources() -> dict[str, Any]:
        reply = await stocked.call(Bundle, "ExportBundle", {})
        bundle: Any = yaml.safe_load(reply["result"])
        return {name: spec.get("resources") for name, spec in bundle["applications"].items()}

    assert await resources() == {"minio": {"image": 1}, "db": {"image": 1}}
    await stocked.put("db", "image", None, "registrypath: reg/x:2\n")
    assert await resources() == {"minio": {"image": 1}, "db": None}


async def test_a_dry_run_deploys_nothing(stocked: Rehearsal) -> None:
    result = await deploy(stocked, CharmName="ch:db", ApplicationName="mysql", DryRun=True)
    assert result["Info"]["name"] == "mysql"
    assert not stocked.model.applications
    assert not list(stocked.model.charms)
    again = await deploy(stocked, CharmName="db", DryRun=True, ConfigYAML="db: {nope: 1}")
    assert 'unknown option "nope"' in again["Errors"][0]["message"]


async def test_what_cannot_be_deployed_is_refused(stocked: Rehearsal) -> None:
    await deploy(stocked, CharmName="db")
    again = await deploy(stocked, CharmName="db")
    assert "application already exists" in again["Errors"][0]["message"]
    assert again["Info"]["revision"] == 0
    local = await deploy(stocked, CharmName="local:db")
    assert local["Errors"][0]["message"] == 'unknown schema for charm URL "local:db"'
    assert len(stocked.model.pending) == 0


async def resolve(rehearsal: Rehearsal, reference: str, *, version: int = 7, **origin: Any) -> Any:
    item = {"reference": reference, "charm-origin": {"source": "charm-hub", **origin}}
    reply = await rehearsal.call(Charms, "ResolveCharms", {"resolve": [item]}, version=version)
    (result,) = reply["Results"]
    return result


async def test_charms_are_resolved_added_and_refreshed(stocked: Rehearsal) -> None:
    found = await resolve(stocked, "minio", track="1.9", risk="stable", architecture="amd64")
    assert found["url"] == "ch:amd64/minio-100"
    assert [base["channel"] for base in found["supported-bases"]] == [
        "22.04/stable",
        "20.04/stable",
    ]
    old = await resolve(stocked, "ch:minio", version=6, track="1.9", architecture="amd64")
    assert old["supported-series"] == ["jammy", "focal"]

    params = {"url": found["url"], "charm-origin": found["charm-origin"]}
    added = await stocked.call(Charms, "AddCharm", params)
    assert added["charm-origin"]["revision"] == 100
    pending = await stocked.call(
        Resources,
        "AddPendingResources",
        {
            "tag": "application-minio",
            "url": found["url"],
            "resources": [{"name": "image", "type": "oci-image", "origin": "store", "revision": 1}],
        },
    )
    await stocked.call(
        Application,
        "Deploy",
        {
            "applications": [
                {
                    "application": "minio",
                    "charm-url": found["url"],
                    "charm-origin": found["charm-origin"],
                    "channel": "1.9/stable",
                    "num-units": 1,
                    "resources": {"image": pending["pending-ids"][0]},
                }
            ]
        },
        version=19,
    )
    stocked.settle()
    assert stocked.workload("minio/0") == "active"
    resource = stocked.model.applications["minio"].resources["image"]
    assert (resource.origin, resource.revision) == ("store", 1)

    newer = await resolve(stocked, "minio", track="1.10", risk="stable", architecture="amd64")
    params = {"url": newer["url"], "charm-origin": newer["charm-origin"]}
    await stocked.call(Charms, "AddCharm", params)
    await stocked.call(
        Application,
        "SetCharm",
        {
            "application": "minio",
            "charm-url": newer["url"],
            "charm-origin": {**newer["charm-origin"], "id": "", "hash": ""},
            "channel": "1.10/stable",
        },
        version=19,
    )
    assert stocked.model.applications["minio"].charm_url == "ch:amd64/minio-120"
    assert stocked.model.applications["minio"].channel == "1.10/stable"
    assert stocked.model.applications["minio"].origin["id"]


@pytest.mark.parametrize(
    ("origin", "revision"),
    [
        # As ``juju refresh --channel`` asks: the revision is the one that there is.
        ({"id": "abc", "hash": "def", "revision": 120, "track": "1.9"}, 100),
        # As ``juju refresh --revision`` asks: a switch, without an id.
        ({"revision": 100, "track": "1.10"}, 100),
        # The reference's own revision decides nothing.
        ({"track": "1.10"}, 120),
    ],
)
async def test_a_downloaded_charm_is_refreshed_to_the_newest_of_the_channel(
    stocked: Rehearsal, origin: Any, revision: int
) -> None:
    found = await resolve(
        stocked, "ch:amd64/minio-130", risk="stable", architecture="amd64", **origin
    )
    assert found["url"] == f"ch:amd64/minio-{revision}"
    kept = found["charm-origin"]
    assert (kept["id"], kept["hash"]) == (origin.get("id", ""), origin.get("hash", ""))
    assert (kept["track"], kept["revision"]) == (origin["track"], revision)


async def test_resources_of_the_store_are_listed(stocked: Rehearsal) -> None:
    entity = {"charm-url": "ch:amd64/minio-120", "charm-origin": {"source": "charm-hub"}}
    reply = await stocked.call(Charms, "ListCharmResources", {"entities": [entity]})
    ((resource,),) = reply["results"]
    assert (resource["name"], resource["origin"]) == ("image", "store")


async def test_a_charm_without_a_base_is_not_added(stocked: Rehearsal) -> None:
    params = {"url": "ch:amd64/minio-120", "charm-origin": {"source": "charm-hub"}}
    with pytest.raises(ApiError, match="base required for Charmhub charms"):
        await stocked.call(Charms, "AddCharm", params)
