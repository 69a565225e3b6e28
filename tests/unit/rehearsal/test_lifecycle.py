from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.rehearsal.model import applications
from ckf_airgap.rehearsal.model.deployment import Deployment
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.units.clock import LoopClock
from ckf_airgap.rehearsal.wire import ALREADY_EXISTS, QUOTA_LIMIT_EXCEEDED, ApiError
from tests.unit.rehearsal.harness import LOCAL, Rehearsal, charm_zip

KFP_API: dict[str, Any] = {
    "requires": {
        "object-storage": {"interface": "object-storage", "limit": 1},
        "relational-db": {"interface": "mysql", "limit": 1},
        "logging": {"interface": "loki"},
    }
}
MINIO: dict[str, Any] = {"provides": {"object-storage": {"interface": "object-storage"}}}
DB: dict[str, Any] = {
    "provides": {"database": {"interface": "mysql"}},
    "peers": {"p": {"interface": "db-peers"}},
}


def course(rehearsal: Rehearsal, unit: str, *, limit_s: int = 400) -> Iterator[tuple[str, str]]:
    """Yield each new pair of agent and workload status of a unit, second by second."""
    before = None
    for _ in range(limit_s * 4):
        if unit.partition("/")[0] not in rehearsal.model.applications:
            return
        now = (rehearsal.agent(unit), rehearsal.workload(unit))
        if now != before:
            yield now
        before = now
        rehearsal.clock.advance(0.25)


async def deploy_kfp(rehearsal: Rehearsal) -> None:
    await rehearsal.upload_and_deploy("kfp-api", **KFP_API)
    await rehearsal.upload_and_deploy("minio", **MINIO)
    await rehearsal.upload_and_deploy("db", **DB)


def relate(rehearsal: Rehearsal, *names: str) -> None:
    rehearsal.model.topology.add_relation(names)


async def test_a_unit_lives_through_its_hooks(rehearsal: Rehearsal) -> None:
    await rehearsal.upload_and_deploy(
        "minio",
        containers={"minio": {}},
        storage={"data": {"type": "filesystem"}},
        peers={"peers": {"interface": "p"}},
    )
    installing, starting = (
        "maintenance installing charm software",
        "waiting Waiting for container minio",
    )
    assert list(course(rehearsal, "minio/0")) == [
        ("allocating", "waiting installing agent"),
        ("allocating", "waiting agent initialising"),
        ("executing running data-storage-attached hook", installing),
        ("executing running install hook", installing),
        ("executing running peers-relation-created hook", starting),
        ("executing running leader-elected hook", starting),
        ("executing running config-changed hook", starting),
        ("executing running start hook", starting),
        ("executing running minio-pebble-ready hook", starting),
        ("idle", "active"),
    ]


async def test_a_unit_is_blocked_until_each_needed_relation_is_made(rehearsal: Rehearsal) -> None:
    await deploy_kfp(rehearsal)
    rehearsal.settle()
    assert rehearsal.states() == {
        "kfp-api/0": "blocked Missing relation object-storage",
        "minio/0": "active",
        "db/0": "active",
    }
    relate(rehearsal, "kfp-api", "minio")
    rehearsal.settle()
    assert rehearsal.workload("kfp-api/0") == "blocked Missing relation relational-db"
    relate(rehearsal, "kfp-api", "db:database")
    assert list(course(rehearsal, "kfp-api/0"))[-3:] == [
        (
            "executing running relational-db-relation-joined hook for db/0",
            "waiting Waiting for relational-db relation data",
        ),
        (
            "executing running relational-db-relation-changed hook for db/0",
            "waiting Waiting for relational-db relation data",
        ),
        ("idle", "active"),
    ]


async def test_relations_made_at_once_settle_with_the_units(rehearsal: Rehearsal) -> None:
    await deploy_kfp(rehearsal)
    relate(rehearsal, "kfp-api", "minio")
    relate(rehearsal, "db", "kfp-api")
    rehearsal.settle()
    assert set(rehearsal.states().values()) == {"active"}


async def test_every_pair_of_units_meets_once_on_each_side(rehearsal: Rehearsal) -> None:
    minio = await rehearsal.upload_and_deploy("minio", units=3, **MINIO)
    kfp = await rehearsal.upload_and_deploy("kfp-api", units=2, **KFP_API)
    relate(rehearsal, "kfp-api", "minio")
    seen: list[str] = []
    for _ in range(800):
        rehearsal.clock.advance(0.25)
        for unit in (*minio.units.values(), *kfp.units.values()):
            line = f"{unit.name} {unit.agent.message}"
            if "relation-joined" in line and line not in seen:
                seen.append(line)
    rehearsal.settle()
    assert len(seen) == 2 * 3 * 2


async def test_removing_a_relation_blocks_again(rehearsal: Rehearsal) -> None:
    await deploy_kfp(rehearsal)
    relate(rehearsal, "kfp-api", "minio")
    relate(rehearsal, "db", "kfp-api")
    rehearsal.settle()
    relation = rehearsal.model.topology.relation_between(["minio", "kfp-api"])
    rehearsal.model.topology.remove_relation(relation)
    with pytest.raises(ApiError) as caught:
        relate(rehearsal, "kfp-api", "minio")
    key = "kfp-api:object-storage minio:object-storage"
    assert caught.value.message == (
        f'cannot add relation "{key}": relation {key} is dying, but not yet removed'
    )
    assert caught.value.code == ALREADY_EXISTS
    agents = [agent for agent, _ in course(rehearsal, "kfp-api/0")]
    assert agents == [
        "executing running object-storage-relation-departed hook for minio/0",
        "executing running object-storage-relation-broken hook",
        "idle",
    ]
    assert rehearsal.workload("kfp-api/0") == "blocked Missing relation object-storage"
    relate(rehearsal, "kfp-api", "minio")
    rehearsal.settle()
    assert rehearsal.workload("kfp-api/0") == "active"


@pytest.mark.parametrize(
    ("names", "message", "code"),
    [
        (
            ("kfp-api:object-storage", "minio"),
            (
                'cannot add relation "kfp-api:object-storage minio:object-storage": relation '
                "kfp-api:object-storage minio:object-storage"
            ),
            ALREADY_EXISTS,
        ),
        (
            ("kfp-api", "other"),
            (
                'cannot add relation "kfp-api:object-storage other:object-storage": establishing '
                "a new relation for kfp-api:object-storage would exceed its maximum "
                "relation limit of 1"
            ),
            QUOTA_LIMIT_EXCEEDED,
        ),
        (("db",), 'cannot add relation "db:p": relation must have two endpoints', ""),
        (
            ("dying", "kfp-api"),
            (
                'cannot add relation "kfp-api:relational-db dying:database": application "dying" '
                "is not alive"
            ),
            "",
        ),
    ],
)
async def test_relations_that_cannot_be_made_are_refused(
    rehearsal: Rehearsal, names: tuple[str, ...], message: str, code: str
) -> None:
    await deploy_kfp(rehearsal)
    rehearsal.deploy("other", "local:minio-0")
    rehearsal.deploy("dying", "local:db-0")
    rehearsal.settle()
    rehearsal.model.topology.remove_application(rehearsal.model.topology.application("dying"))
    relate(rehearsal, "kfp-api", "minio")
    with pytest.raises(ApiError) as caught:
        relate(rehearsal, *names)
    assert (caught.value.message, caught.value.code) == (message, code)


async def test_a_subordinate_has_the_base_of_its_principal(rehearsal: Rehearsal) -> None:
    logs = {"interface": "logs", "scope": "container"}
    focal = {"name": "ubuntu", "channel": "20.04/stable"}
    url = await rehearsal.upload("minio", provides={"logs": logs}, bases=[])
    rehearsal.deploy("old", url, origin={**LOCAL, "base": focal})
    rehearsal.deploy("new", url)
    agent = await rehearsal.upload("agent", subordinate=True, requires={"logs": logs})
    rehearsal.deploy("agent", agent, units=0)
    with pytest.raises(ApiError) as caught:
        relate(rehearsal, "old", "agent")
    assert caught.value.message == (
        'cannot add relation "agent:logs old:logs": subordinate must support principal '
        "application's base; subordinate only supports: [ubuntu@22.04/stable]"
    )
    relate(rehearsal, "new", "agent")
    assert [relation.key for relation in rehearsal.model.relations] == ["agent:logs new:logs"]


async def test_a_config_change_runs_its_hook_once(rehearsal: Rehearsal) -> None:
    options = {"port": {"type": "int", "default": 1}}
    minio = await rehearsal.upload_and_deploy("minio", options=options)
    rehearsal.settle()
    for port in ("2", "3"):
        applications.configure(rehearsal.model, minio, strings={"port": port})
    assert list(course(rehearsal, "minio/0")) == [
        ("executing running config-changed hook", "active"),
        ("idle", "active"),
    ]
    applications.configure(rehearsal.model, minio, strings={"port": "3"})
    assert rehearsal.agent("minio/0") == "idle"


async def test_scaling_up_adds_units_and_scaling_down_takes_the_youngest(
    rehearsal: Rehearsal,
) -> None:
    minio = await rehearsal.upload_and_deploy("minio", **DB)
    rehearsal.settle()
    rehearsal.model.topology.scale(minio, 3)
    rehearsal.settle()
    assert rehearsal.states() == {f"minio/{number}": "active" for number in range(3)}
    rehearsal.model.topology.scale(minio, 1)
    assert rehearsal.workload("minio/2") == "active"
    assert minio.units["minio/2"].life == "dying"
    rehearsal.settle()
    assert list(minio.units) == ["minio/0"]
    rehearsal.model.topology.scale(minio, 2)
    rehearsal.settle()
    assert list(minio.units) == ["minio/0", "minio/1"]
    assert rehearsal.model.sequences()["application-minio"] == 3


async def test_scaling_up_while_scaling_down_reaches_the_number(rehearsal: Rehearsal) -> None:
    minio = await rehearsal.upload_and_deploy("minio", units=3, **DB)
    rehearsal.settle()
    rehearsal.model.topology.scale(minio, 1)
    rehearsal.clock.advance(1)
    rehearsal.model.topology.scale(minio, 3)
    rehearsal.settle()
    assert len(minio.units) == 3
    assert set(rehearsal.states().values()) == {"active"}


async def test_another_unit_leads_when_the_leader_is_gone(rehearsal: Rehearsal) -> None:
    minio = await rehearsal.upload_and_deploy("minio", units=2)
    rehearsal.settle()
    assert minio.leader == "minio/0"
    rehearsal.model.topology.scale(minio, 0)
    rehearsal.settle()
    assert (minio.leader, minio.scale) == ("", 0)
    rehearsal.model.topology.scale(minio, 1)
    rehearsal.settle()
    assert minio.leader == "minio/0"


async def test_removal_runs_the_last_hooks_and_leaves_nothing(rehearsal: Rehearsal) -> None:
    await deploy_kfp(rehearsal)
    relate(rehearsal, "kfp-api", "minio")
    relate(rehearsal, "kfp-api", "db")
    rehearsal.settle()
    topology = rehearsal.model.topology
    topology.remove_application(topology.application("minio"))
    assert topology.application("minio").life == "dying"
    assert list(course(rehearsal, "minio/0")) == [
        ("executing running object-storage-relation-departed hook for kfp-api/0", "active"),
        ("executing running object-storage-relation-broken hook", "active"),
        ("executing running stop hook", "maintenance stopping charm software"),
        ("executing running remove hook", "maintenance cleaning up prior to charm deletion"),
    ]
    rehearsal.settle()
    assert rehearsal.states() == {
        "kfp-api/0": "blocked Missing relation object-storage",
        "db/0": "active",
    }
    assert [relation.key for relation in rehearsal.model.relations] == [
        "db:p",
        "kfp-api:relational-db db:database",
    ]


@pytest.mark.parametrize("after_s", [0, 1, 24, 30, 33, 36, 60])
async def test_an_application_can_be_removed_at_any_time(
    rehearsal: Rehearsal, after_s: float
) -> None:
    await deploy_kfp(rehearsal)
    relate(rehearsal, "kfp-api", "minio")
    relate(rehearsal, "kfp-api", "db")
    rehearsal.clock.advance(after_s)
    topology = rehearsal.model.topology
    for name in ("kfp-api", "minio", "db"):
        topology.remove_application(topology.application(name))
        rehearsal.clock.advance(2)
    rehearsal.settle()
    assert not rehearsal.model.applications
    assert not rehearsal.model.relations


async def test_an_application_without_units_goes_at_once(rehearsal: Rehearsal) -> None:
    minio = await rehearsal.upload_and_deploy("minio", units=0, **DB)
    rehearsal.model.topology.remove_application(minio)
    assert not rehearsal.model.applications
    assert not rehearsal.model.relations


async def test_a_unit_that_waits_for_its_image_can_be_removed(rehearsal: Rehearsal) -> None:
    minio = await rehearsal.upload_and_deploy("minio", resources={"i": {"type": "oci-image"}})
    rehearsal.settle()
    rehearsal.model.topology.remove_application(minio)
    rehearsal.settle()
    assert not rehearsal.model.applications


async def test_a_destroyed_model_dies_when_all_is_gone(rehearsal: Rehearsal) -> None:
    await deploy_kfp(rehearsal)
    relate(rehearsal, "kfp-api", "minio")
    rehearsal.settle()
    calls: list[str] = []
    rehearsal.model.destroy(on_dead=lambda: calls.append("dead"))
    rehearsal.clock.advance(1)
    assert (rehearsal.model.life, calls) == ("dying", [])
    rehearsal.settle()
    assert (rehearsal.model.life, calls) == ("dead", ["dead"])


async def test_an_empty_model_lives_on_until_its_namespace_is_gone(rehearsal: Rehearsal) -> None:
    """Clients look a destroyed model up by its name once more, and wait for ever without it."""
    calls: list[str] = []
    rehearsal.model.destroy(on_dead=lambda: calls.append("dead"))
    rehearsal.clock.advance(5)
    assert (rehearsal.model.life, calls) == ("dying", [])
    rehearsal.settle()
    assert (rehearsal.model.life, calls) == ("dead", ["dead"])


async def test_a_closed_model_does_nothing_more(rehearsal: Rehearsal) -> None:
    await deploy_kfp(rehearsal)
    rehearsal.clock.advance(30)
    before = rehearsal.states()
    rehearsal.model.close()
    rehearsal.settle()
    assert rehearsal.states() == before


async def test_the_life_of_units_runs_on_the_event_loop(tmp_path: Path) -> None:
    model = Model(
        uuid="11111111-1111-4111-8111-111111111111",
        name="m",
        owner="admin",
        controller_uuid="c",
        clock=LoopClock(speed=10_000),
    )
    url = await model.add_charm(charm_zip(tmp_path / "minio", {"name": "minio"}))
    request = Deployment(application="minio", charm_url=url, origin=LOCAL, units=1)
    applications.deploy(model, request)
    unit = model.applications["minio"].units["minio/0"]
    watcher = model.watch()
    while (unit.agent.current, unit.workload.current) != ("idle", "active"):
        await asyncio.wait_for(watcher.next(), 10)
    model.close()


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_clock_goes_forward(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be above 0"):
        LoopClock(speed)
