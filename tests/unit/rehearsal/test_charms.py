from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.rehearsal.api.facades.charms import Charms
from ckf_airgap.rehearsal.archives import members
from ckf_airgap.rehearsal.entities.charmurl import CharmURL
from ckf_airgap.rehearsal.wire import BAD_REQUEST, NOT_FOUND, NOT_VALID, ApiError
from tests.unit.rehearsal.harness import Rehearsal, charm_zip


async def refusal(rehearsal: Rehearsal, path: Path, **keys: Any) -> str:
    with pytest.raises(ApiError) as caught:
        await rehearsal.model.add_charm(path, **keys)
    assert caught.value.code == BAD_REQUEST
    return caught.value.message


async def test_revisions_are_counted_per_url_with_its_series(rehearsal: Rehearsal) -> None:
    path = charm_zip(rehearsal.directory / "minio.charm", {"name": "minio"})
    upload = rehearsal.model.add_charm
    assert [await upload(path) for _ in range(2)] == ["local:minio-0", "local:minio-1"]
    assert await upload(path, series="focal") == "local:focal/minio-0"
    assert await upload(path, name="other") == "local:other-0"


async def test_the_revision_begins_at_the_one_asked_for_or_the_archives_own(
    rehearsal: Rehearsal,
) -> None:
    path = charm_zip(rehearsal.directory / "a", {"name": "minio"}, members={"revision": "7\n"})
    upload = rehearsal.model.add_charm
    assert await upload(path) == "local:minio-7"
    assert await upload(path, revision=3) == "local:minio-8"
    assert await upload(path, revision=20) == "local:minio-20"


async def test_unknown_charm_is_not_found(rehearsal: Rehearsal) -> None:
    with pytest.raises(ApiError) as caught:
        rehearsal.model.charm_archive("local:x-9")
    assert (caught.value.message, caught.value.code) == ('charm "local:x-9" not found', NOT_FOUND)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("POST", "cannot upload charm: cannot open charm archive: zip: not a valid zip file"),
        ("PUT", "cannot upload charm: invalid charm archive: zip: not a valid zip file"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut off"])
async def test_what_is_no_zip_is_refused(
    rehearsal: Rehearsal, method: str, message: str, content: bytes
) -> None:
    path = rehearsal.directory / "x.charm"
    path.write_bytes(content)
    assert await refusal(rehearsal, path, method=method) == message


async def test_a_truncated_charm_is_refused(rehearsal: Rehearsal) -> None:
    path = charm_zip(rehearsal.directory / "x.charm", {"name": "x"})
    path.write_bytes(path.read_bytes()[:-30])
    assert "not a valid zip file" in await refusal(rehearsal, path)


async def test_a_charm_without_metadata_is_refused(rehearsal: Rehearsal) -> None:
    path = rehearsal.directory / "x.charm"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("charmcraft.yaml", "name: x")
    message = "cannot upload charm: cannot read charm archive: invalid charm archive: "
    assert await refusal(rehearsal, path) == f"{message}missing metadata.yaml"
    assert (
        await refusal(rehearsal, path, method="PUT")
        == 'cannot upload charm: invalid charm archive: archive file "metadata.yaml" not found'
    )


async def test_a_charm_in_one_directory_is_taken_and_two_are_ambiguous(
    rehearsal: Rehearsal,
) -> None:
    path = charm_zip(rehearsal.directory / "x.charm", {"name": "x"}, root="build/x/")
    assert await rehearsal.model.add_charm(path) == "local:x-0"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("build/y/metadata.yaml", "name: y")
    assert await refusal(rehearsal, path) == (
        "cannot upload charm: cannot read charm archive: invalid charm archive: "
        "ambiguous root directory"
    )


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"series": "None"}, 'cannot upload charm: series name "None" not valid'),
        ({"name": "Bad_Name"}, 'cannot upload charm: charm name "Bad_Name" not valid'),
    ],
)
async def test_series_and_name_follow_their_grammar(
    rehearsal: Rehearsal, keys: dict[str, str], message: str
) -> None:
    path = charm_zip(rehearsal.directory / "x.charm", {"name": "x"})
    assert await refusal(rehearsal, path, **keys) == message


@pytest.mark.parametrize(
    "members",
    [
        {"metadata.yaml": "name: [x"},
        {"metadata.yaml": "name: Not_A_Name"},
        {"metadata.yaml": b"\xff\xfe\x00"},
        {"config.yaml": "options: {a: {type: nonsense}}"},
        {"metadata.yaml": "name: x\na: &a [1,1]\nb: &b [*a,*a]\n" + "c: [" + "*b," * 500_000 + "]"},
    ],
)
async def test_broken_documents_are_refused(
    rehearsal: Rehearsal, members: dict[str, str | bytes]
) -> None:
    path = rehearsal.directory / "x.charm"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"metadata.yaml": "name: x", **members}.items():
            archive.writestr(name, content)
    assert "invalid charm archive: " in await refusal(rehearsal, path)


async def test_zip_bombs_are_refused_unread(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "MAX_RATIO", 1)
    path = charm_zip(
        rehearsal.directory / "x.charm", {"name": "x"}, members={"zeros": b"\0" * 10_000_000}
    )
    assert "(a zip bomb?)" in await refusal(rehearsal, path)


async def test_charm_info_tells_all_that_a_charm_declares(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload(
        "minio",
        summary="Objects",
        description="Stores objects.",
        subordinate=False,
        assumes=["juju >= 3.1"],
        provides={"object-storage": {"interface": "object-storage", "limit": 2}},
        requires={"logging": {"interface": "loki", "optional": True, "scope": "container"}},
        peers={"peers": {"interface": "p"}},
        resources={"oci-image": {"type": "oci-image", "description": "The image"}},
        containers={
            "minio": {
                "resource": "oci-image",
                "mounts": [{"storage": "data", "location": "/data"}],
                "uid": 1,
            }
        },
        storage={
            "data": {"type": "filesystem", "minimum-size": "10G", "multiple": {"range": "0-2"}}
        },
        devices={"gpu": {"type": "nvidia.com/gpu", "countmin": 1, "countmax": 2}},
        options={"port": {"type": "int", "default": 9000, "description": "Port"}},
        members={"actions.yaml": "list:\n  description: List\n  params: {a: {type: string}}\n"},
    )
    info = await rehearsal.call(Charms, "CharmInfo", {"url": url})
    endpoint = {"interface": "object-storage", "optional": False, "limit": 2, "scope": "global"}
    assert info == {
        "revision": 0,
        "url": "local:minio-0",
        "config": {"port": {"type": "int", "description": "Port", "default": 9000}},
        "meta": {
            "name": "minio",
            "summary": "Objects",
            "description": "Stores objects.",
            "subordinate": False,
            "min-juju-version": "0.0.0",
            "provides": {
                "object-storage": {"name": "object-storage", "role": "provider"} | endpoint
            },
            "requires": {
                "logging": {
                    "name": "logging",
                    "role": "requirer",
                    "interface": "loki",
                    "optional": True,
                    "limit": 0,
                    "scope": "container",
                }
            },
            "peers": {
                "peers": {
                    "name": "peers",
                    "role": "peer",
                    "interface": "p",
                    "optional": False,
                    "limit": 0,
                    "scope": "global",
                }
            },
            "storage": {
                "data": {
                    "name": "data",
                    "description": "",
                    "type": "filesystem",
                    "shared": False,
                    "read-only": False,
                    "count-min": 0,
                    "count-max": 2,
                    "minimum-size": 10240,
                }
            },
            "devices": {
                "gpu": {
                    "Name": "gpu",
                    "Description": "",
                    "Type": "nvidia.com/gpu",
                    "CountMin": 1,
                    "CountMax": 2,
                }
            },
            "containers": {
                "minio": {
                    "resource": "oci-image",
                    "mounts": [{"storage": "data", "location": "/data"}],
                    "uid": 1,
                }
            },
            "resources": {
                "oci-image": {
                    "name": "oci-image",
                    "type": "oci-image",
                    "path": "",
                    "description": "The image",
                }
            },
            "assumes-expr": ["juju >= 3.1"],
        },
        "actions": {
            "specs": {
                "list": {
                    "description": "List",
                    "params": {
                        "title": "list",
                        "type": "object",
                        "description": "List",
                        "properties": {"a": {"type": "string"}},
                    },
                }
            }
        },
        "manifest": {"bases": [{"name": "ubuntu", "channel": "22.04/stable", "architectures": []}]},
    }


async def test_the_store_cannot_be_reached(rehearsal: Rehearsal) -> None:
    with pytest.raises(ApiError, match="behind an air gap"):
        await rehearsal.call(Charms, "AddCharm", {"url": "ch:amd64/minio-42"})
    reply = await rehearsal.call(
        Charms, "ResolveCharms", {"resolve": [{"reference": "ch:minio", "charm-origin": None}]}
    )
    (result,) = reply["Results"]
    # entries of this answer have no error of their own
    with pytest.raises(ApiError, match="behind an air gap"):
        await rehearsal.call(
            Charms, "GetDownloadInfos", {"entities": [{"charm-url": "ch:minio-1"}]}
        )
    assert "behind an air gap" in result["error"]["message"]


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("ResolveCharms", {"resolve": [{"reference": "minio"}]}),
        ("ListCharmResources", {"entities": [{"charm-url": "ch:minio-1"}]}),
    ],
)
async def test_whatever_needs_the_store_is_refused(
    rehearsal: Rehearsal, method: str, params: dict[str, Any]
) -> None:
    assert "behind an air gap" in str(await rehearsal.call(Charms, method, params))


async def test_what_does_not_need_the_store_is_answered(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload("minio")
    placements = {"placements": [{"application": "minio", "charm-url": url}]}
    reply = await rehearsal.call(Charms, "CheckCharmPlacement", placements)
    assert reply == {"results": [{}]}
    assert await rehearsal.call(Charms, "IsMetered", {"url": url}) == {"metered": False}
    with pytest.raises(ApiError, match="unknown schema"):
        await rehearsal.call(Charms, "AddCharm", {"url": url})
    with pytest.raises(ApiError) as caught:
        await rehearsal.call(Charms, "ListCharmResources", {"entities": [{"charm-url": url}]})
    assert (caught.value.message, caught.value.code) == ('charm "minio" not valid', NOT_VALID)


async def test_the_oldest_version_adds_charms_with_authorization(rehearsal: Rehearsal) -> None:
    params = {"url": "local:minio-0", "charm-origin": {"source": "local"}, "force": False}
    for version, message in ((5, "unknown schema"), (6, "up to version 5")):
        with pytest.raises(ApiError, match=message):
            await rehearsal.call(Charms, "AddCharmWithAuthorization", params, version=version)


async def test_rare_sections_of_the_metadata_are_shown(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload(
        "old",
        tags=["database"],
        terms=["owner/term/1"],
        payloads={"monitor": {"type": "docker"}},
        deployment={"type": "daemon"},
        series=["kubernetes"],
    )
    info: Any = await rehearsal.call(Charms, "CharmInfo", {"url": url})
    meta = info["meta"]
    assert (meta["tags"], meta["terms"]) == (["database"], ["owner/term/1"])
    assert meta["payload-classes"] == {"monitor": {"name": "monitor", "type": "docker"}}
    assert meta["deployment"] == {
        "type": "daemon",
        "mode": "workload",
        "service": "",
        "min-version": "",
    }


@pytest.mark.parametrize(
    ("storage", "least", "most", "mebibytes"),
    [
        ({}, 1, 1, 0),
        ({"minimum-size": "512M"}, 1, 1, 512),
        ({"minimum-size": "1.5G", "multiple": {"range": "2+"}}, 2, -1, 1536),
        ({"minimum-size": "1T", "multiple": {"range": "3"}}, 3, 3, 1024**2),
        ({"minimum-size": "2GiB", "multiple": {"range": "1-"}}, 1, -1, 2048),
    ],
)
async def test_storage_has_a_count_and_a_size(
    rehearsal: Rehearsal, storage: dict[str, Any], least: int, most: int, mebibytes: int
) -> None:
    url = await rehearsal.upload("db", storage={"data": {"type": "filesystem", **storage}})
    info = await rehearsal.call(Charms, "CharmInfo", {"url": url})
    data = info["meta"]["storage"]["data"]
    assert (data["count-min"], data["count-max"], data["minimum-size"]) == (least, most, mebibytes)


async def test_charms_are_listed_all_or_by_name(rehearsal: Rehearsal) -> None:
    urls = [await rehearsal.upload(name) for name in ("minio", "dex")]
    assert await rehearsal.call(Charms, "List", {"names": []}) == {"charm-urls": urls}
    assert await rehearsal.call(Charms, "List", {"names": ["dex"]}) == {"charm-urls": urls[1:]}


@pytest.mark.parametrize(
    "url", ["local:minio-0", "local:focal/minio-12", "ch:minio", "local:a-b-3", "ch:amd64/x-1"]
)
def test_charm_urls_are_read_and_written_the_same(url: str) -> None:
    assert str(CharmURL.parse(url)) == url


@pytest.mark.parametrize(
    ("url", "written"),
    [("ch:amd64/jammy/minio-2", "ch:amd64/minio-2"), ("ch:jammy/minio", "ch:minio")],
)
def test_a_series_of_a_charm_of_the_store_is_left_out(url: str, written: str) -> None:
    assert str(CharmURL.parse(url)) == written


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("minio", "not valid"),
        ("cs:minio-1", "not valid"),
        ("local:", "not valid"),
        ("local:a/b/c-1", "has invalid form"),
        ("local:A-1", "not valid"),
        ("ch:tin/jammy/minio", 'architecture name "tin" not valid'),
        ("ch:amd64/2204/minio", 'series name "2204" not valid'),
    ],
)
def test_what_is_no_charm_url_is_refused(url: str, message: str) -> None:
    with pytest.raises(ApiError, match=message):
        CharmURL.parse(url)
