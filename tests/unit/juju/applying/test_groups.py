"""What is waited for between groups, and what is skipped when one of them fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.errors import (
    Problem,
    RefusedError,
    WaitTimeoutError,
    WorkloadError,
)
from ckf_airgap.juju.applying.converge import converge, refuse_haste
from ckf_airgap.juju.applying.events import DeployEvent
from ckf_airgap.juju.applying.failures import (
    DeploymentFailedError,
    DeploymentRefusedError,
    DeploymentTimeoutError,
    failing,
)
from ckf_airgap.juju.applying.stages import Ordering
from tests.unit.juju.applying.fakes import FakeController, refused
from tests.unit.juju.applying.steps import (
    deploy,
    plan,
    record,
    refresh,
    relate,
    upload,
)


async def test_groups_are_refreshed_when_those_before_them_are_active(charm: Path) -> None:
    controller = FakeController(db="x", api="x", ui="x", dash="x")
    whole = plan(
        upload("db", "api", "ui", path=charm),
        refresh("db", path=charm),
        refresh("api", path=charm),
        refresh("ui", path=charm),
        relate("dash:links", "ui:links"),
        providers=(("api", "db"), ("ui", "db")),
    )
    waited: list[tuple[frozenset[str], list[str]]] = []

    async def wait(names: frozenset[str]) -> None:
        waited.append((names, controller.of("SetCharm", "AddRelation")))

    events: list[DeployEvent] = []
    await converge(controller.session(), whole, controller.conduct(events, wait=wait))
    assert waited == [(frozenset({"db"}), ["SetCharm db"])]
    assert controller.of("AddRelation") == ["AddRelation dash:links ui:links"]
    assert any(str(event).endswith("waiting for db") for event in events)
    again = FakeController(db="x", api="x", ui="x", dash="x")
    await converge(again.session(), whole, again.conduct(wait=wait, waits_for_groups=False))
    assert len(waited) == 1


async def test_each_group_is_waited_for_once(charm: Path) -> None:
    names = ("db", "api", "ui", "end")
    controller = FakeController(**dict.fromkeys(names, "x"))
    whole = plan(
        upload(*names, path=charm),
        *(refresh(name, path=charm) for name in names),
        providers=(("api", "db"), ("ui", "api"), ("end", "ui")),
    )
    waited: list[set[str]] = []

    async def wait(names: frozenset[str]) -> None:
        waited.append({*names})

    await converge(controller.session(), whole, controller.conduct(wait=wait, jobs=3))
    assert waited == [{"db"}, {"api"}, {"ui"}]
    assert controller.connections == 6, "for charms, and as many for resources"


async def test_a_failed_provider_takes_only_the_relation_from_what_is_new(charm: Path) -> None:
    controller = FakeController(api="x", site="x")
    controller.refuses["SetCharm api"] = refused()
    whole = plan(
        upload("api", "late", path=charm),
        refresh("api", path=charm),
        deploy("late", path=charm, placement=("zone=a",)),
        relate("late:x", "api:y"),
        providers=(("late", "api"),),
    )

    async def wait(_names: frozenset[str]) -> None:
        return

    conduct = controller.conduct(
        wait=wait, ordering=Ordering(prerequisites={"late": frozenset({"site"})})
    )
    with pytest.raises(DeploymentRefusedError) as caught:
        await converge(controller.session(), whole, conduct)
    assert caught.value.report.deployed == ("late",)
    assert [step.where for step in caught.value.report.skipped] == ["relation late:x api:y"]
    sent: Any = controller.params["Deploy"]
    assert sent["applications"][0]["placement"] == [{"scope": "u", "directive": "zone=a"}]


async def test_what_needs_a_failed_prerequisite_is_skipped(charm: Path) -> None:
    controller = FakeController()
    controller.refuses["Deploy site"] = refused()
    whole = plan(
        upload("site", "late", "later", path=charm),
        deploy("site", path=charm),
        deploy("late", path=charm),
        deploy("later", path=charm),
    )
    ordering = Ordering(prerequisites={"late": frozenset({"site"}), "later": frozenset({"late"})})
    with pytest.raises(DeploymentRefusedError) as caught:
        await converge(controller.session(), whole, controller.conduct(ordering=ordering))
    assert [(step.application, step.reason) for step in caught.value.report.skipped] == [
        ("late", "it comes after site"),
        ("later", "it comes after late"),
    ]


async def test_prerequisites_are_waited_for_even_in_haste(charm: Path) -> None:
    controller = FakeController(site="x")
    waited: list[frozenset[str]] = []

    async def wait(names: frozenset[str]) -> None:
        waited.append(names)

    conduct = controller.conduct(
        wait=wait,
        waits_for_groups=False,
        ordering=Ordering(prerequisites={"a": frozenset({"site"})}),
    )
    whole = plan(upload("a", path=charm), deploy("a", path=charm))
    await converge(controller.session(), whole, conduct)
    assert waited == [frozenset({"site"})]


async def test_what_comes_after_a_failed_refresh_is_skipped_and_the_rest_is_not(
    charm: Path,
) -> None:
    controller = FakeController(db="x", api="x", ui="x", other="x", last="x")
    controller.refuses["SetCharm api"] = refused("would break relation")
    whole = plan(
        upload("db", "api", "ui", "other", "last", path=charm),
        refresh("db", path=charm),
        refresh("api", path=charm),
        refresh("other", path=charm),
        refresh("ui", path=charm),
        record("ui"),
        refresh("last", path=charm),
        providers=(("api", "db"), ("other", "db"), ("ui", "api"), ("last", "other")),
    )

    async def wait(_names: frozenset[str]) -> None:
        return

    with pytest.raises(DeploymentRefusedError) as caught:
        await converge(controller.session(), whole, controller.conduct(wait=wait))
    report = caught.value.report
    assert {*report.refreshed} == {"db", "other", "last"}
    assert [(step.application, step.reason) for step in report.skipped] == [
        ("ui", "it comes after api"),
        ("ui", "it comes after api"),
    ]
    assert "3 of 5 applications refreshed" in str(caught.value)


async def test_an_application_that_does_not_come_back_holds_up_those_that_need_it(
    charm: Path,
) -> None:
    controller = FakeController(db="x", other="x", api="x", rest="x")
    whole = plan(
        upload("db", "other", "api", "rest", path=charm),
        refresh("db", path=charm),
        refresh("other", path=charm),
        refresh("api", path=charm),
        refresh("rest", path=charm),
        providers=(("api", "db"), ("rest", "other")),
    )

    waited: list[frozenset[str]] = []

    async def wait(names: frozenset[str]) -> None:
        waited.append(names)
        if "db" in names:
            error = WorkloadError(
                "x",
                problems=[Problem("hook failed", "db/0", "see"), Problem("waits", "other/0")],
            )
            error.applications = ("db",)
            raise error

    with pytest.raises(DeploymentFailedError) as caught:
        await converge(controller.session(), whole, controller.conduct(wait=wait))
    error = caught.value
    assert [str(problem) for problem in error.problems] == ["application db: db/0: hook failed"]
    assert {*error.report.refreshed} == {"db", "other", "rest"}
    assert [step.application for step in error.report.skipped] == ["api"]
    assert waited == [frozenset({"db", "other"}), frozenset({"other"})]
    assert "1 applications did not become active again" in error.message


def test_which_applications_failed() -> None:
    error = WorkloadError("all is lost", problems=[Problem("bad", "a/0"), Problem("worse", "a")])
    awaited = frozenset({"a", "b"})
    assert failing(error, awaited) == {"a": "a/0: bad", "b": "all is lost"}
    error.applications = ("a", "elsewhere")
    assert failing(error, awaited) == {"a": "a/0: bad"}
    own = WorkloadError("x", problems=[Problem("bad", "b")])
    own.applications = ("b",)
    assert failing(own, awaited) == {"b": "b: bad"}
    error.applications = ("elsewhere",)
    assert {*failing(error, awaited)} == {"a", "b"}


async def test_a_wait_that_takes_too_long_ends_it(charm: Path) -> None:
    controller = FakeController(db="x", api="x")
    whole = plan(
        upload("db", "api", path=charm),
        refresh("db", path=charm),
        refresh("api", path=charm),
        providers=(("api", "db"),),
    )

    async def wait(_names: frozenset[str]) -> None:
        raise WaitTimeoutError("too long", problems=[Problem("waiting", "db/0")], fix="wait")

    with pytest.raises(DeploymentTimeoutError) as caught:
        await converge(controller.session(), whole, controller.conduct(wait=wait))
    assert caught.value.report.refreshed == ("db",)
    assert caught.value.fix == "wait"
    assert [str(problem) for problem in caught.value.problems] == ["db/0: waiting"]
    assert str(caught.value).startswith("too long; so far 0 of 0 applications were deployed")
    assert controller.of("SetCharm") == ["SetCharm db"]


def test_several_groups_are_not_refreshed_in_haste() -> None:
    two = plan(refresh("api"), refresh("db"), providers=(("api", "db"),))
    with pytest.raises(RefusedError) as caught:
        refuse_haste(two, Ordering())
    assert [str(problem) for problem in caught.value.problems] == ["group 1: db", "group 2: api"]
    assert "--no-wait=force" in caught.value.fix
    refuse_haste(plan(refresh("api"), refresh("db")), Ordering())
    refuse_haste(plan(deploy("a")), Ordering())
