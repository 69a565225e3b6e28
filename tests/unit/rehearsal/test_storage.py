"""Storage of a model: what units get, what becomes of it, what users do to it."""

from __future__ import annotations

from typing import Any

import pytest

from ckf_airgap.rehearsal.api.facades.application import Application
from ckf_airgap.rehearsal.api.facades.client import Client
from ckf_airgap.rehearsal.api.facades.storage import Storage
from ckf_airgap.rehearsal.entities.storage import StorageConstraints
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.wire import (
    NOT_FOUND,
    NOT_SUPPORTED,
    NOT_VALID,
    PERSISTENT_STORAGE,
    STORAGE_ATTACHED,
    ApiError,
)
from tests.unit.rehearsal.harness import LOCAL, Rehearsal

DATA: dict[str, Any] = {
    "storage": {"data": {"type": "filesystem", "location": "/data", "minimum-size": "10G"}}
}
MULTI: dict[str, Any] = {
    "storage": {
        "db": {"type": "filesystem", "multiple": {"range": "1-2"}},
        "logs": {"type": "filesystem", "multiple": {"range": "0-3"}},
    }
}


@pytest.fixture
async def minio(rehearsal: Rehearsal) -> Rehearsal:
    """The model with minio, whose unit has its storage."""
    await rehearsal.upload_and_deploy("minio", **DATA)
    rehearsal.settle()
    return rehearsal


async def call(rehearsal: Rehearsal, method: str, params: Any, **more: Any) -> Any:
    return await rehearsal.call(Storage, method, params, **more)


async def result(rehearsal: Rehearsal, method: str, key: str, entry: Any, **more: Any) -> Any:
    reply = await call(rehearsal, method, {key: [entry]}, **more)
    return reply["results"][0]


def shown(model: Model) -> dict[str, tuple[str, str]]:
    """Return the unit and the status of each storage instance."""
    return {
        known.id: (known.unit, known.filesystem.status.current)
        for known in model.storage.instances.values()
    }


def refused(rehearsal: Rehearsal, url: str, **keys: Any) -> tuple[str, str]:
    with pytest.raises(ApiError) as caught:
        rehearsal.deploy("app", url, **keys)
    assert "app" not in rehearsal.model.applications
    return caught.value.message, caught.value.code


async def test_a_unit_gets_a_filesystem_on_a_volume_for_what_its_charm_declares(
    rehearsal: Rehearsal,
) -> None:
    await rehearsal.upload_and_deploy("minio", **DATA)
    reply = await call(rehearsal, "ListFilesystems", {"filters": [{}, {"machines": ["machine-0"]}]})
    (pending,) = reply["results"][0]["result"]
    assert pending["info"] == {"filesystem-id": "", "pool": "", "size": 0}
    assert pending["status"]["status"] == "pending"
    assert reply["results"][1] == {}
    rehearsal.settle()
    reply = await call(rehearsal, "ListFilesystems", {"filters": [{}]})
    (filesystem,) = reply["results"][0]["result"]
    claim = filesystem["info"].pop("filesystem-id")
    assert filesystem["info"] == {"pool": "kubernetes", "size": 10240}
    assert (filesystem["filesystem-tag"], filesystem["volume-tag"]) == ("filesystem-0", "volume-0")
    assert filesystem["unit-attachments"] == {
        "unit-minio-0": {"life": "alive", "mount-point": "/data"}
    }
    assert filesystem["status"]["info"] == f"Successfully provisioned volume pvc-{claim}"
    reply = await call(rehearsal, "ListVolumes", {"filters": [{}]})
    (volume,) = reply["results"][0]["result"]
    assert volume["info"] == {
        "volume-id": f"pvc-{claim}",
        "pool": "kubernetes",
        "size": 10240,
        "persistent": True,
    }
    assert volume["storage"]["storage-tag"] == "storage-data-0"
    found, missing, wrong = (
        await call(
            rehearsal,
            "StorageDetails",
            {
                "entities": [
                    {"tag": tag} for tag in ("storage-data-0", "storage-data-9", "unit-a-0")
                ]
            },
        )
    )["results"]
    assert found["result"]["owner-tag"] == "unit-minio-0"
    assert found["result"]["attachments"]["unit-minio-0"]["life"] == "alive"
    assert missing["error"] == {"message": 'storage "data/9" not found', "code": NOT_FOUND}
    assert wrong["error"]["message"] == '"unit-a-0" is not a valid storage tag'


@pytest.mark.parametrize(
    ("storage", "message", "code"),
    [
        (
            {"data": {"Pool": "ebs", "Size": 10240, "Count": 1}},
            'getting workload storage params for "app": pool "ebs" not found',
            NOT_FOUND,
        ),
        (
            {"data": {"Pool": "loop", "Size": 10240, "Count": 1}},
            'getting workload storage params for "app": storage provider "loop" not valid',
            NOT_VALID,
        ),
        (
            {"data": {"Size": 1024, "Count": 1}},
            (
                'cannot add application "app": charm "minio" store "data": '
                "minimum storage size is 10 GB, 1.0 GB specified"
            ),
            "",
        ),
        (
            {"data": {"Size": 10240, "Count": 2}},
            (
                'cannot add application "app": charm "minio" store "data": '
                "storage is singular, 2 specified"
            ),
            "",
        ),
        (
            {"nope": {"Size": 10240, "Count": 1}},
            'cannot add application "app": charm "minio" has no store called "nope"',
            "",
        ),
    ],
)
async def test_storage_that_does_not_fit_is_refused(
    rehearsal: Rehearsal, storage: Any, message: str, code: str
) -> None:
    url = await rehearsal.upload("minio", **DATA)
    assert refused(rehearsal, url, storage=storage) == (message, code)


@pytest.mark.parametrize(
    ("storage", "message"),
    [
        ({"db": {"Count": 3}}, 'store "db": at most 2 instances supported, 3 specified'),
        ({"logs": {"Count": 4}}, 'store "logs": at most 3 instances supported, 4 specified'),
    ],
)
async def test_as_many_as_the_charm_allows_can_be_asked_for(
    rehearsal: Rehearsal, storage: Any, message: str
) -> None:
    url = await rehearsal.upload("multi", **MULTI)
    assert refused(rehearsal, url, storage=storage)[0].endswith(message)
    rehearsal.deploy("app", url, storage={"logs": {"Count": 2, "Size": 2048}})
    rehearsal.settle()
    assert shown(rehearsal.model) == {
        "db/0": ("app/0", "attached"),
        "logs/1": ("app/0", "attached"),
        "logs/2": ("app/0", "attached"),
    }
    mounted = [known.mount_point for known in rehearsal.model.storage.filesystems.values()]
    assert mounted == [
        "/var/lib/juju/storage/db/0",
        "/var/lib/juju/storage/logs/0",
        "/var/lib/juju/storage/logs/1",
    ]


async def test_shared_storage_is_not_implemented_as_in_juju(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload("db", storage={"data": {"type": "filesystem", "shared": True}})
    prefix = 'cannot add application "app": '
    assert refused(rehearsal, url)[0] == (
        f'{prefix}no constraints specified for shared charm storage "data"'
    )
    assert refused(rehearsal, url, storage={"data": {"Count": 1}})[0] == (
        f'{prefix}charm "db" store "data": shared storage support not implemented'
    )


async def test_storage_of_a_pod_lives_and_dies_with_its_unit(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload("minio", **DATA)
    rehearsal.deploy("minio", url, storage={"data": {"Pool": "tmpfs"}})
    rehearsal.settle()
    (filesystem,) = rehearsal.model.storage.filesystems.values()
    assert (filesystem.id, filesystem.volume, filesystem.detachable) == ("minio/0/0", None, False)
    assert filesystem.provider_id == "minio-data"
    assert not rehearsal.model.storage.is_persistent
    rehearsal.model.topology.scale(rehearsal.model.applications["minio"], 0)
    rehearsal.settle()
    assert not rehearsal.model.storage.filesystems


async def test_a_unit_that_comes_again_finds_its_storage(minio: Rehearsal) -> None:
    application = minio.model.applications["minio"]
    minio.model.topology.scale(application, 2)
    minio.settle()
    volume = minio.model.storage.instance("data/1").filesystem.provider_id
    minio.model.topology.scale(application, 1)
    minio.settle()
    assert shown(minio.model) == {"data/0": ("minio/0", "attached"), "data/1": ("", "detached")}
    minio.model.topology.scale(application, 3)
    minio.settle()
    assert shown(minio.model) == {
        "data/0": ("minio/0", "attached"),
        "data/1": ("minio/1", "attached"),
        "data/2": ("minio/2", "attached"),
    }
    assert minio.model.storage.instance("data/1").filesystem.provider_id == volume


@pytest.mark.parametrize(
    ("destroy", "key"), [(False, "detached-storage"), (True, "destroyed-storage")]
)
async def test_a_removal_says_what_becomes_of_storage(
    minio: Rehearsal, destroy: bool, key: str
) -> None:
    entry = {"application-tag": "application-minio", "destroy-storage": destroy}
    expected = {"destroyed-units": [{"tag": "unit-minio-0"}], key: [{"tag": "storage-data-0"}]}
    for dry_run in (True, False):
        reply = await minio.call(
            Application,
            "DestroyApplication",
            {"applications": [{**entry, "dry-run": dry_run}]},
        )
        assert reply["results"] == [{"info": expected}]
        assert ("minio" in minio.model.applications) or not dry_run
    minio.settle()
    assert shown(minio.model) == ({} if destroy else {"data/0": ("", "detached")})
    assert bool(minio.model.storage.filesystems) is not destroy


async def test_an_application_deployed_again_does_not_get_the_storage_of_the_old(
    minio: Rehearsal,
) -> None:
    minio.model.topology.remove_application(minio.model.applications["minio"])
    minio.settle()
    await minio.upload_and_deploy("minio", **DATA)
    minio.settle()
    assert shown(minio.model) == {"data/0": ("", "detached"), "data/1": ("minio/0", "attached")}


async def test_a_unit_that_goes_runs_storage_detaching_before_stop(minio: Rehearsal) -> None:
    minio.model.topology.scale(minio.model.applications["minio"], 0)
    assert minio.agent("minio/0") == "executing running data-storage-detaching hook"
    instance = minio.model.storage.instance("data/0")
    assert (instance.unit, instance.attachment) == ("minio/0", "dying")
    minio.clock.advance(1)
    assert minio.agent("minio/0") == "executing running stop hook"


async def test_storage_is_added_to_a_unit_within_the_limits_of_its_charm(
    rehearsal: Rehearsal,
) -> None:
    await rehearsal.upload_and_deploy("multi", **MULTI)
    rehearsal.settle()

    async def add(name: str, unit: str = "unit-multi-0", **storage: int) -> Any:
        entry = {"unit": unit, "name": name, "storage": storage}
        return await result(rehearsal, "AddToUnit", "storages", entry)

    assert await add("logs", count=2) == {
        "result": {"storage-tags": ["storage-logs-1", "storage-logs-2"]}
    }
    assert rehearsal.agent("multi/0") == "executing running logs-storage-attached hook"
    rehearsal.settle()
    assert shown(rehearsal.model)["logs/2"] == ("multi/0", "attached")
    refusal = await add("logs", count=2)
    assert refusal["error"]["message"] == (
        "attaching 2 storage instances brings the total to 4, exceeding the maximum of 3"
    )
    assert (await add("logs"))["error"] == {
        "message": "adding storage where instance count is 0 not valid",
        "code": NOT_VALID,
    }
    assert (await add("nope", count=1))["error"] == {
        "message": 'charm storage "nope" not found',
        "code": NOT_FOUND,
    }
    assert (await add("logs", "unit-nobody-0", count=1))["error"]["code"] == NOT_FOUND


async def test_storage_is_detached_and_attached_again(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload("multi", **MULTI)
    rehearsal.deploy("multi", url, storage={"logs": {"Count": 1}})
    rehearsal.settle()

    async def detach(instance: str, unit: str = "") -> Any:
        ids = {"ids": [{"storage-tag": instance, "unit-tag": unit}]}
        return (await call(rehearsal, "DetachStorage", {"ids": ids}))["results"][0]

    assert (await detach("storage-db-0"))["error"]["message"] == (
        "cannot destroy storage attachment db/0:multi/0: detaching 1 storage instance brings the "
        "total to 0, which is less than the minimum of 1"
    )
    assert (await detach("storage-logs-9"))["error"]["code"] == NOT_FOUND
    assert (await detach("storage-logs-1", "unit-multi-7"))["error"]["code"] == NOT_FOUND
    assert await detach("storage-logs-1") == {}
    assert shown(rehearsal.model)["logs/1"] == ("multi/0", "detaching")
    rehearsal.settle()
    assert shown(rehearsal.model)["logs/1"] == ("", "detached")

    async def attach(instance: str) -> Any:
        entry = {"storage-tag": instance, "unit-tag": "unit-multi-0"}
        return await result(rehearsal, "Attach", "ids", entry)

    assert await attach("storage-logs-1") == {}
    assert await attach("storage-logs-1") == {}
    rehearsal.settle()
    assert shown(rehearsal.model)["logs/1"] == ("multi/0", "attached")
    assert (await attach("storage-logs-9"))["error"]["message"] == (
        'cannot attach storage logs/9 to unit multi/0: storage "logs/9" not found'
    )


async def test_storage_is_removed_once_nobody_has_it(minio: Rehearsal) -> None:
    async def remove(how: str = "", instance: str = "storage-data-0") -> Any:
        keys = {how: True} if how else {}
        return await result(minio, "Remove", "storage", {"tag": instance, **keys})

    assert (await remove("destroy-storage"))["error"] == {
        "message": 'cannot destroy storage "data/0": storage is attached',
        "code": STORAGE_ATTACHED,
    }
    assert (await remove(instance="storage-data-7"))["error"]["message"] == (
        'cannot release storage "data/7": storage "data/7" not found'
    )
    assert (await remove("destroy-attachments"))["error"]["message"] == (
        'cannot release storage "data/0": cannot detach, storage is singular'
    )
    minio.model.topology.remove_application(minio.model.applications["minio"])
    minio.settle()
    assert await remove("destroy-storage") == {}
    assert shown(minio.model) == {}
    minio.settle()
    assert not minio.model.storage.filesystems
    assert not minio.model.storage.cluster.released


async def test_a_released_volume_can_be_imported(minio: Rehearsal) -> None:
    minio.model.topology.remove_application(minio.model.applications["minio"])
    minio.settle()
    (volume,) = minio.model.storage.volumes
    assert await result(minio, "Remove", "storage", {"tag": "storage-data-0"}) == {}
    minio.settle()

    async def imported(name: str = volume.provider_id, *, version: int = 7, **keys: Any) -> Any:
        entry = {
            "kind": 2,
            "pool": "kubernetes",
            "provider-id": name,
            "storage-name": "data",
            **keys,
        }
        return await result(minio, "Import", "storage", entry, version=version)

    assert (await imported())["error"] == {
        "message": (
            f'importing volume: importing volume "{volume.provider_id}" with reclaim policy '
            '"Delete" not supported (must be "Retain")'
        ),
        "code": NOT_SUPPORTED,
    }
    assert "error" in await imported(force=True, version=6)
    assert (await imported("pvc-x"))["error"]["message"] == (
        'importing volume: persistent volume "pvc-x" not found'
    )
    assert (await imported(pool="tmpfs"))["error"]["message"] == (
        'importing filesystem with storage provider "tmpfs" not supported'
    )
    assert (await imported(pool="ebs"))["error"]["message"] == 'storage provider "ebs" not found'
    assert (await imported(kind=1))["error"]["message"] == 'storage kind "block" not supported'
    assert await imported(force=True) == {"result": {"storage-tag": "storage-data-1"}}
    assert shown(minio.model) == {"data/1": ("", "detached")}
    minio.deploy("again", await minio.upload("minio", **DATA), attach_storage=["storage-data-1"])
    minio.settle()
    assert shown(minio.model) == {"data/1": ("again/0", "attached")}
    (kept,) = minio.model.storage.volumes
    assert kept.provider_id == volume.provider_id


async def test_storage_to_attach_must_be_there_and_free(minio: Rehearsal) -> None:
    url = await minio.upload("minio", **DATA)
    assert refused(minio, url, attach_storage=["storage-data-9"]) == (
        'cannot add application "app": storage "data/9" not found',
        NOT_FOUND,
    )
    assert refused(minio, url, attach_storage=["storage-data-0"])[0] == (
        'cannot add application "app": cannot attach storage owned by unit minio/0 to unit app/0'
    )
    assert refused(minio, url, attach_storage=["storage-data-0"], units=2)[0] == (
        "AttachStorage is non-empty, but NumUnits is 2"
    )
    entry = {"charm-url": url, "charm-origin": LOCAL, "num-units": 1, "application": "app"}
    with pytest.raises(ApiError, match="may not be specified for container models"):
        await minio.call(
            Application,
            "Deploy",
            {"applications": [{**entry, "attach-storage": ["storage-data-0"]}]},
            version=20,
        )


async def test_a_new_unit_can_get_storage_that_is_there(minio: Rehearsal) -> None:
    minio.model.topology.scale(minio.model.applications["minio"], 0)
    minio.settle()

    async def scale(**keys: Any) -> Any:
        entry = {"application-tag": "application-minio", "scale-change": 1, **keys}
        reply = await minio.call(Application, "ScaleApplications", {"applications": [entry]})
        return reply["results"][0]

    wrong = await scale(**{"attach-storage": ["data"]})
    assert wrong["error"]["message"] == (
        'failed to scale a application: storage name "data" not valid'
    )
    wrong = await scale(**{"attach-storage": ["data/0"], "scale-change": 2})
    assert wrong["error"]["message"] == (
        "failed to scale a application: AttachStorage is non-empty, but NumUnits is 2"
    )
    wrong = await scale(**{"attach-storage": ["data/9"]})
    assert wrong["error"]["message"] == (
        'cannot set scale for application "minio" to 1: storage "data/9" not found'
    )
    assert await scale(**{"attach-storage": ["data/0"]}) == {"info": {"num-units": 1}}
    minio.settle()
    assert shown(minio.model) == {"data/0": ("minio/0", "attached")}


async def test_pools_are_made_changed_and_removed(minio: Rehearsal) -> None:
    pool = {"name": "fast", "provider": "kubernetes", "attrs": {"storage-class": "nvme"}}

    async def create(**keys: Any) -> Any:
        return (await result(minio, "CreatePool", "pools", {**pool, **keys})).get("error", {})

    assert await create() == {}
    assert (await create())["message"] == (
        'creating pool "fast": cannot overwrite existing settings'
    )
    assert await create(provider="ebs") == {
        "message": 'storage provider "ebs" not found',
        "code": NOT_FOUND,
    }
    assert (await create(name=""))["message"] == "pool name is missing"
    assert (await create(provider=""))["message"] == "provider type is missing"
    prefix = "validating storage provider config: "
    assert (await create(attrs={"storage-provisioner": "x"}))["message"] == (
        f"{prefix}storage-class must be specified if storage-provisioner is specified"
    )
    assert await create(attrs={"storage-mode": "x"}) == {
        "message": f'{prefix}storage mode "x" not supported',
        "code": NOT_SUPPORTED,
    }

    async def listed(**item: Any) -> Any:
        found = await result(minio, "ListPools", "filters", item)
        return [known["name"] for known in found.get("storage-pools", [])] or found

    assert await listed() == ["fast", "kubernetes"]
    assert await listed(names=["fast"]) == ["fast"]
    assert await listed(providers=["tmpfs"]) == ["fast", "kubernetes", "tmpfs"]
    assert (await listed(providers=["ebs"]))["error"]["code"] == NOT_FOUND
    assert (await listed(names=["1x"]))["error"]["message"] == 'pool name "1x" not valid'
    changed = {"name": "fast", "attrs": {"storage-class": "gold"}}
    assert await result(minio, "UpdatePool", "pools", changed) == {}
    assert minio.model.storage.pools.get("fast").attributes == {"storage-class": "gold"}
    missing = await result(minio, "UpdatePool", "pools", {**changed, "name": "slow"})
    assert missing["error"]["message"] == 'pool "slow" not found'
    url = await minio.upload("minio", **DATA)
    minio.deploy("app", url, storage={"data": {"Pool": "fast"}})
    used = await result(minio, "RemovePool", "pools", {"name": "fast"})
    assert used["error"]["message"] == 'storage pool "fast" in use'
    minio.model.topology.remove_application(
        minio.model.applications["app"], force=True, destroy_storage=True
    )
    minio.settle()
    assert await result(minio, "RemovePool", "pools", {"name": "fast"}) == {}
    missing = await result(minio, "RemovePool", "pools", {"name": "fast"})
    assert missing["error"]["message"] == 'storage pool "fast" not found'


async def test_the_status_shows_storage_when_it_is_asked_for(minio: Rehearsal) -> None:
    await minio.upload_and_deploy("web")
    status = await minio.call(Client, "FullStatus", {"patterns": []})
    assert not {"storage", "filesystems", "volumes"} & set(status)
    asked = {"include-storage": True}
    status = await minio.call(Client, "FullStatus", {"patterns": [], **asked})
    assert [len(status[key]) for key in ("storage", "filesystems", "volumes")] == [1, 1, 1]
    status = await minio.call(Client, "FullStatus", {"patterns": ["minio/0"], **asked})
    assert [len(status[key]) for key in ("storage", "filesystems", "volumes")] == [1, 1, 1]
    status = await minio.call(Client, "FullStatus", {"patterns": ["web"], **asked})
    assert not {"storage", "filesystems", "volumes"} & set(status)


@pytest.mark.parametrize("destroy", [True, False])
async def test_a_model_with_storage_is_destroyed_when_it_is_said_what_becomes_of_it(
    minio: Rehearsal, destroy: bool
) -> None:
    for force in (False, True):
        with pytest.raises(ApiError) as caught:
            minio.model.destroy(force=force)
        assert (caught.value.message, caught.value.code) == (
            (
                "initiating destroy model operation: failed to destroy model: "
                "model contains persistent storage"
            ),
            PERSISTENT_STORAGE,
        )
    dead: list[bool] = []
    minio.model.destroy(destroy_storage=destroy, on_dead=lambda: dead.append(True))
    minio.settle()
    assert dead == [True]
    assert not minio.model.storage.filesystems
    assert bool(minio.model.storage.cluster.released) is not destroy


async def test_storage_constraints_of_an_application_can_change(minio: Rehearsal) -> None:
    entities = {"entities": [{"tag": "application-minio"}, {"tag": "application-dex"}]}
    found, missing = (await minio.call(Application, "GetApplicationStorage", entities))["results"]
    assert found["storage-constraints"] == {
        "data": {"pool": "kubernetes", "size": 10240, "count": 1}
    }
    assert missing["Error"]["code"] == NOT_FOUND

    async def update(**constraints: Any) -> Any:
        entry = {"application-tag": "application-minio", "storage-constraints": constraints}
        reply = await minio.call(
            Application, "UpdateApplicationStorage", {"storage-updates": [entry]}
        )
        return reply["results"][0].get("error", {}).get("message")

    prefix = "cannot update storage constraints: "
    assert await update(data={"pool": "tmpfs"}) == (
        f'{prefix}changing provider type from "kubernetes" to "tmpfs" is not allowed'
    )
    assert await update(data={"size": 1024}) == (
        f'{prefix}validating storage constraints: charm "minio" store "data": '
        "minimum storage size is 10 GB, 1.0 GB specified"
    )
    assert await update(data={"size": 20480}) is None
    minio.model.topology.scale(minio.model.applications["minio"], 2)
    minio.settle()
    assert minio.model.storage.instance("data/1").size_mib == 20480
    with pytest.raises(ApiError, match="GetApplicationStorage"):
        await minio.call(Application, "GetApplicationStorage", entities, version=21)


async def test_a_refresh_can_change_the_storage_of_units_to_come(minio: Rehearsal) -> None:
    params: Any = {
        "application": "minio",
        "charm-url": await minio.upload("minio", **DATA),
        "charm-origin": LOCAL,
        "storage-constraints": {"data": {"pool": "ebs", "size": 20480, "count": 1}},
    }
    with pytest.raises(ApiError) as caught:
        await minio.call(Application, "SetCharm", params)
    assert caught.value.message == (
        'updating charm config: cannot upgrade application "minio" to charm "local:minio-1": '
        'validating storage constraints: pool "ebs" not found'
    )
    params["storage-constraints"]["data"]["pool"] = "kubernetes"
    await minio.call(Application, "SetCharm", params)
    application = minio.model.applications["minio"]
    assert application.storage_constraints["data"] == StorageConstraints(
        pool="kubernetes", size_mib=20480, count=1
    )


@pytest.mark.parametrize(
    ("devices", "message"),
    [
        ({"tpu": {"Count": 1}}, 'charm "ml" has no device called "tpu"'),
        ({"gpu": {"Count": 1}}, 'charm "ml" device "gpu": minimum device size is 2, 1 specified'),
        ({}, 'no constraints specified for device "gpu"'),
    ],
)
async def test_devices_are_checked_against_the_charm(
    rehearsal: Rehearsal, devices: Any, message: str
) -> None:
    url = await rehearsal.upload("ml", devices={"gpu": {"type": "gpu", "countmin": 2}})
    assert refused(rehearsal, url, devices=devices)[0] == f'cannot add application "app": {message}'
    assert rehearsal.deploy("app", url, devices={"gpu": {"Type": "gpu", "Count": 2}}).devices
