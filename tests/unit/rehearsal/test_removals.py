"""Removing what is related: whatever goes, and however, its neighbours settle."""

from __future__ import annotations

import contextlib
import random
from typing import Any, Final

import pytest

from ckf_airgap.rehearsal.api.facades.application import Application
from ckf_airgap.rehearsal.units.course import Course, Step
from ckf_airgap.rehearsal.wire import ApiError
from tests.unit.rehearsal.harness import LOCAL, Rehearsal

_STORE: Final[dict[str, Any]] = {
    "provides": {"objects": {"interface": "s3"}},
    "peers": {"members": {"interface": "members"}},
}
_FRONT: Final[dict[str, Any]] = {
    "requires": {"objects": {"interface": "s3"}, "other": {"interface": "s3"}},
    "provides": {"site": {"interface": "http"}},
    "containers": {"front": {}},
}
_PROXY: Final[dict[str, Any]] = {
    "requires": {"site": {"interface": "http"}},
    "storage": {"cache": {"type": "filesystem", "location": "/cache"}},
}
_CHARMS: Final = {"store": _STORE, "front": _FRONT, "proxy": _PROXY}


class _Chaos:
    """Asks for random changes, allowed or not, while the units go on."""

    def __init__(self, rehearsal: Rehearsal, seed: int) -> None:
        self.rehearsal = rehearsal
        self.random = random.Random(seed)  # noqa: S311 - no cryptography

    async def step(self) -> None:
        """Ask for one thing, and let some time pass."""
        asked = (self.deploy, self.relate, self.relate, self.scale, self.refresh, self.unrelate)
        with contextlib.suppress(ApiError):
            await self.random.choice((*asked, self.remove))()
        self.rehearsal.clock.advance(self.random.choice((0, 0.5, 2, 7, 30)))

    async def deploy(self) -> None:
        charm = self.random.choice(sorted(_CHARMS))
        units = self.random.choice((0, 1, 1, 2, 3))
        name = f"{charm}-{self.random.choice('abc')}"
        self.rehearsal.deploy(name, f"local:{charm}-0", units=units)

    async def relate(self) -> None:
        endpoints: list[Any] = [self.any_application(), self.any_application()]
        await self.rehearsal.call(Application, "AddRelation", {"endpoints": endpoints})

    async def scale(self) -> None:
        tag = f"application-{self.any_application()}"
        params: Any = {
            "applications": [{"application-tag": tag, "scale": self.random.choice((0, 1, 3))}]
        }
        await self.rehearsal.call(Application, "ScaleApplications", params)

    async def refresh(self) -> None:
        name = self.any_application()
        charm = name.partition("-")[0]
        url = f"local:{charm}-{self.random.choice((0, 1))}"
        params: Any = {"application": name, "charm-url": url, "charm-origin": LOCAL}
        await self.rehearsal.call(Application, "SetCharm", params)

    async def unrelate(self) -> None:
        relations = [known for known in self.rehearsal.model.relations if not known.is_peer]
        if relations:
            params: Any = {"relation-id": self.random.choice(relations).id, **self.force()}
            await self.rehearsal.call(Application, "DestroyRelation", params)

    async def remove(self) -> None:
        tag = f"application-{self.any_application()}"
        params: Any = {"applications": [{"application-tag": tag, **self.force()}]}
        await self.rehearsal.call(Application, "DestroyApplication", params)

    def force(self) -> dict[str, Any]:
        """Return how a removal is forced: not at all, at once, soon, or after a minute."""
        return self.random.choice(
            (
                {},
                {"force": True, "max-wait": 0},
                {"force": True, "max-wait": 5_000_000_000},
                {"force": True},
            )
        )

    def any_application(self) -> str:
        return self.random.choice(sorted(self.rehearsal.model.applications) or ["nobody"])


@pytest.mark.parametrize("seed", range(25))
async def test_whatever_is_removed_the_units_that_stay_become_idle(
    rehearsal: Rehearsal, seed: int
) -> None:
    for name, charm in (*_CHARMS.items(), *_CHARMS.items()):
        await rehearsal.upload(name, **charm)
    chaos = _Chaos(rehearsal, seed)
    for _ in range(60):
        await chaos.step()
    rehearsal.settle()
    model = rehearsal.model
    assert all(application.life == "alive" for application in model.applications.values())
    assert all(relation.life == "alive" for relation in model.relations)
    units = {
        name: unit
        for application in model.applications.values()
        for name, unit in application.units.items()
    }
    assert {name: unit.agent.current for name, unit in units.items()} == dict.fromkeys(
        units, "idle"
    )
    for application in model.applications.values():
        assert len(application.units) == application.scale, application.name
    for relation in model.relations:
        assert set(relation.in_scope) == {
            unit for side in relation.sides for unit in model.applications[side.application].units
        }


async def _pair(rehearsal: Rehearsal) -> Any:
    """Deploy two related applications, of which `store` is stuck in a failed hook."""
    await rehearsal.upload_and_deploy("store", **_STORE)
    await rehearsal.upload_and_deploy("front", **_FRONT)
    relation = rehearsal.model.topology.add_relation(["front:objects", "store"])
    rehearsal.settle()
    stuck = Course(steps=(Step.hook_failed("objects-relation-changed"),))
    rehearsal.script.set_course(stuck, application="store")
    return relation


@pytest.mark.parametrize(("asked", "seconds"), [(None, 60), (0, 0), (20_000_000_000, 20)])
async def test_force_gives_hooks_the_time_that_was_asked_for(
    rehearsal: Rehearsal, asked: int | None, seconds: int
) -> None:
    await _pair(rehearsal)
    target = {"application-tag": "application-store", "force": True, "max-wait": asked}
    await rehearsal.call(Application, "DestroyApplication", {"applications": [target]})
    if seconds:
        rehearsal.clock.advance(seconds - 0.5)
        assert rehearsal.workload("store/0") == 'error hook failed: "objects-relation-changed"'
    rehearsal.clock.advance(2)
    assert list(rehearsal.model.applications) == ["front"]
    rehearsal.settle()
    assert rehearsal.agent("front/0") == "idle"
    assert not [known for known in rehearsal.model.relations if not known.is_peer]


async def test_without_force_a_failed_hook_holds_up_the_removal(rehearsal: Rehearsal) -> None:
    await _pair(rehearsal)
    target = {"application-tag": "application-store", "max-wait": 0}
    await rehearsal.call(Application, "DestroyApplication", {"applications": [target]})
    rehearsal.settle()
    assert rehearsal.workload("store/0") == 'error hook failed: "objects-relation-changed"'


@pytest.mark.parametrize(("asked", "seconds"), [(None, 60), (0, 0), (20_000_000_000, 20)])
async def test_a_relation_is_forced_apart_after_a_while(
    rehearsal: Rehearsal, asked: int | None, seconds: int
) -> None:
    relation = await _pair(rehearsal)
    params: Any = {"relation-id": relation.id, "force": True, "max-wait": asked}
    await rehearsal.call(Application, "DestroyRelation", params)
    if seconds:
        rehearsal.clock.advance(seconds - 0.5)
        assert relation in rehearsal.model.relations
    rehearsal.clock.advance(1)
    assert relation not in rehearsal.model.relations
    rehearsal.settle()
    assert rehearsal.agent("front/0") == "idle"


async def test_force_runs_the_hooks_of_what_works(rehearsal: Rehearsal) -> None:
    await rehearsal.upload_and_deploy("store", **_STORE)
    rehearsal.settle()
    target = {"application-tag": "application-store", "force": True}
    await rehearsal.call(Application, "DestroyApplication", {"applications": [target]})
    assert rehearsal.agent("store/0").startswith("executing running")
    again = rehearsal.model.applications["store"]
    rehearsal.clock.advance(30)
    assert not rehearsal.model.applications
    rehearsal.deploy("store", "local:store-0")
    rehearsal.settle()
    assert rehearsal.model.applications["store"] is not again
    assert rehearsal.states() == {"store/0": "active"}


@pytest.mark.parametrize("destroys", [True, False])
@pytest.mark.parametrize("max_wait", [0, 5_000_000_000])
async def test_a_forced_removal_destroys_storage_when_it_was_asked_to(
    rehearsal: Rehearsal, destroys: bool, max_wait: int
) -> None:
    await rehearsal.upload_and_deploy("proxy", **_PROXY)
    rehearsal.settle()
    stuck = Course(steps=(Step.hook_failed("stop"),))
    rehearsal.script.set_course(stuck, application="proxy")
    target = {
        "application-tag": "application-proxy",
        "force": True,
        "max-wait": max_wait,
        "destroy-storage": destroys,
    }
    await rehearsal.call(Application, "DestroyApplication", {"applications": [target]})
    rehearsal.settle()
    assert not rehearsal.model.applications
    assert list(rehearsal.model.storage.instances) == ([] if destroys else ["cache/0"])


async def test_an_application_that_goes_gets_no_more_units(rehearsal: Rehearsal) -> None:
    await rehearsal.upload_and_deploy("store", units=2, **_STORE)
    rehearsal.settle()
    target: Any = {"application-tag": "application-store"}
    await rehearsal.call(Application, "DestroyApplication", {"applications": [target]})
    scaled: Any = {"applications": [{**target, "scale": 3}, {**target, "scale-change": 1}]}
    reply: Any = await rehearsal.call(Application, "ScaleApplications", scaled)
    assert [result["error"]["message"] for result in reply["results"]] == [
        'cannot set scale for application "store" to 3: application is not found or not alive'
    ] * 2
    assert len(rehearsal.model.applications["store"].units) == 2
    rehearsal.settle()
    assert not rehearsal.model.applications
