from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ckf_airgap.rehearsal.views.watcher import ModelWatcher
from ckf_airgap.rehearsal.wire import STOPPED, ApiError
from tests.unit.rehearsal.harness import Rehearsal

OPTIONS = {"port": {"type": "int", "default": 9000}, "name": {"type": "string"}}


async def read(watcher: ModelWatcher) -> list[Any]:
    """Return the deltas that are there; fail when there are none."""
    return await asyncio.wait_for(watcher.next(), 1)


def names(deltas: list[Any]) -> list[str]:
    keys = ("name", "charm-url", "key", "tag")
    return [
        f"{kind} {change} {next(body[key] for key in keys if body.get(key))}"
        for kind, change, body in deltas
    ]


async def deployed(rehearsal: Rehearsal) -> None:
    await rehearsal.upload_and_deploy(
        "minio", options=OPTIONS, provides={"http": {"interface": "http"}}
    )
    await rehearsal.upload_and_deploy("web", requires={"backend": {"interface": "http"}})
    rehearsal.model.topology.add_relation(["web", "minio"])


async def test_the_first_answer_is_the_whole_model_in_the_order_of_kinds(
    rehearsal: Rehearsal,
) -> None:
    await deployed(rehearsal)
    rehearsal.model.annotate("application-web", {"a": "b"})
    assert names(await read(rehearsal.model.watch())) == [
        "model change kubeflow",
        "charm change local:minio-0",
        "charm change local:web-0",
        "application change minio",
        "application change web",
        "unit change minio/0",
        "unit change web/0",
        "relation change web:backend minio:http",
        "annotation change application-web",
    ]


async def test_deltas_have_the_keys_of_the_api(rehearsal: Rehearsal) -> None:
    await deployed(rehearsal)
    rehearsal.settle()
    deltas = await read(rehearsal.model.watch())
    bodies = {f"{kind} {body.get('name', '')}".strip(): body for kind, _, body in deltas}
    for body in bodies.values():
        assert body["model-uuid"] == rehearsal.model.uuid
    status = {"message", "since", "version", "data", "current"}
    application, unit = bodies["application minio"], bodies["unit minio/0"]
    assert set(application) == {
        *("model-uuid", "name", "exposed", "charm-url", "owner-tag", "life", "min-units"),
        *("constraints", "config", "subordinate", "status", "workload-version"),
    }
    assert (application["life"], application["status"]["current"]) == ("alive", "unset")
    assert application["owner-tag"] == "user-admin"
    assert set(application["status"]) == status
    assert set(unit) == {
        *("model-uuid", "name", "application", "base", "charm-url", "life", "public-address"),
        *("private-address", "machine-id", "ports", "port-ranges", "principal", "subordinate"),
        *("workload-status", "agent-status"),
    }
    assert (unit["base"], unit["machine-id"], unit["principal"]) == ("ubuntu@22.04", "", "")
    assert unit["agent-status"]["current"] == "idle"
    assert unit["workload-status"]["since"].endswith("Z")
    assert set(unit["workload-status"]) == status
    assert bodies["charm"]["charm-url"] == "local:web-0"
    assert set(bodies["charm"]) == {
        *("model-uuid", "charm-url", "charm-version", "life", "profile", "config"),
    }
    relation = bodies["relation"]
    assert (relation["id"], relation["key"]) == (0, "web:backend minio:http")
    assert relation["endpoints"][0] == {
        "application-name": "web",
        "relation": {
            "name": "backend",
            "role": "requirer",
            "interface": "http",
            "optional": False,
            "limit": 0,
            "scope": "global",
        },
    }
    model = bodies["model kubeflow"]
    assert set(model) == {
        *("model-uuid", "name", "life", "owner", "controller-uuid", "is-controller", "config"),
        *("status", "constraints", "sla", "type", "cloud", "cloud-region", "version"),
    }
    assert model["config"]["agent-version"] == "3.6.28"


async def test_charm_deltas_hold_the_defaults(rehearsal: Rehearsal) -> None:
    await rehearsal.upload("minio", options=OPTIONS)
    ((_, _, charm),) = (await read(rehearsal.model.watch()))[1:]
    assert charm["config"] == {"port": 9000}


async def test_changes_of_one_entity_are_one_delta_with_its_latest_state(
    rehearsal: Rehearsal,
) -> None:
    await deployed(rehearsal)
    watcher = rehearsal.model.watch()
    await read(watcher)
    rehearsal.settle()
    deltas = await read(watcher)
    assert sorted(names(deltas)) == [
        "application change minio",
        "application change web",
        "unit change minio/0",
        "unit change web/0",
    ]
    assert {body["workload-status"]["current"] for *_, body in deltas[2:]} == {"active"}


async def test_an_application_is_sent_again_with_the_unit_that_changes_its_status(
    rehearsal: Rehearsal,
) -> None:
    """``juju wait-for model`` derives an application's status once from each of its deltas."""
    await deployed(rehearsal)
    rehearsal.deploy("pair", "local:minio-0", units=2)
    watcher = rehearsal.model.watch()
    units: dict[str, str] = {}
    kept: dict[str, bool] = {}
    sent = 0
    pending = asyncio.ensure_future(watcher.next())
    for _ in range(300):
        rehearsal.clock.advance(1)
        await asyncio.wait({pending}, timeout=0.001)
        if not pending.done():
            continue
        deltas: list[Any] = pending.result()
        pending = asyncio.ensure_future(watcher.next())
        bodies = {kind: [body for of, _, body in deltas if of == kind] for kind, *_ in deltas}
        for body in bodies.get("unit", []):
            units[body["name"]] = body["workload-status"]["current"]
        for body in bodies.get("application", []):
            own = [units[name] for name in units if name.startswith(f"{body['name']}/")]
            kept[body["name"]] = set(own) == {"active"}
            sent += 1
    pending.cancel()
    assert kept == {"minio": True, "web": True, "pair": True}
    assert sent < 20


async def test_next_waits_for_a_change(rehearsal: Rehearsal) -> None:
    await deployed(rehearsal)
    watcher = rehearsal.model.watch()
    await read(watcher)
    waiting = asyncio.ensure_future(watcher.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    rehearsal.model.annotate("application-web", {"x": "1"})
    assert names(await asyncio.wait_for(waiting, 1)) == ["annotation change application-web"]


async def test_every_watcher_sees_every_change(rehearsal: Rehearsal) -> None:
    watchers = [rehearsal.model.watch(), rehearsal.model.watch()]
    assert watchers[0].id != watchers[1].id
    for watcher in watchers:
        await read(watcher)
    await rehearsal.upload_and_deploy("minio")
    for watcher in watchers:
        assert names(await read(watcher)) == [
            "charm change local:minio-0",
            "application change minio",
            "unit change minio/0",
        ]


async def test_what_is_removed_is_told_with_its_last_state(rehearsal: Rehearsal) -> None:
    await deployed(rehearsal)
    rehearsal.settle()
    watcher = rehearsal.model.watch()
    await read(watcher)
    topology = rehearsal.model.topology
    topology.remove_application(topology.application("minio"))
    lives = {body["name"]: body["life"] for _, _, body in await read(watcher)}
    assert lives == {"minio": "dying", "minio/0": "dying", "web/0": "alive"}
    rehearsal.settle()
    deltas = await read(watcher)
    assert names(deltas) == [
        "application remove minio",
        "unit change web/0",
        "unit remove minio/0",
        "relation remove web:backend minio:http",
    ]
    assert deltas[2][2]["application"] == "minio"
    assert deltas[3][2]["id"] == 0


async def test_what_came_and_went_between_two_calls_is_not_told(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload("minio")
    watcher = rehearsal.model.watch()
    await read(watcher)
    rehearsal.model.topology.remove_application(rehearsal.deploy("minio", url, units=0))
    waiting = asyncio.ensure_future(watcher.next())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    rehearsal.deploy("dex", url, units=0)
    assert names(await asyncio.wait_for(waiting, 1)) == ["application change dex"]


async def test_a_stopped_watcher_refuses(rehearsal: Rehearsal) -> None:
    watcher, other = rehearsal.model.watch(), rehearsal.model.watch()
    await read(watcher)
    await read(other)
    waiting = asyncio.ensure_future(watcher.next())
    await asyncio.sleep(0)
    watcher.stop()
    with pytest.raises(ApiError) as caught:
        await asyncio.wait_for(waiting, 1)
    assert (caught.value.message, caught.value.code) == ("watcher was stopped", STOPPED)
    with pytest.raises(ApiError):
        await watcher.next()
    rehearsal.model.touch()
    assert names(await read(other)) == ["model change kubeflow"]


async def test_closing_the_model_stops_its_watchers(rehearsal: Rehearsal) -> None:
    watcher = rehearsal.model.watch()
    await read(watcher)
    rehearsal.model.close()
    with pytest.raises(ApiError, match="watcher was stopped"):
        await read(watcher)


async def test_many_changes_are_few_deltas(rehearsal: Rehearsal) -> None:
    url = await rehearsal.upload("minio", peers={"p": {"interface": "p"}})
    for number in range(300):
        rehearsal.deploy(f"app{number}", url)
    watcher = rehearsal.model.watch()
    await read(watcher)
    rehearsal.settle()
    assert len(await read(watcher)) == 600
