from __future__ import annotations

from ckf_airgap.errors import RefusedError, WorkloadError
from ckf_airgap.juju.applying.events import DeployEvent
from ckf_airgap.juju.applying.report import UnfinishedStep
from ckf_airgap.juju.applying.tally import Tally
from ckf_airgap.juju.planning.offers import GrantOffer, MakeOffer
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import RemoveApplication, Scale, SetOptions
from tests.unit.juju.applying.steps import (
    deploy,
    plan,
    record,
    refresh,
    relate,
    unrelate,
    upload,
)

OPTIONS = SetOptions(application="c", options={"x": "1"})
SCALE = Scale(application="b", scale=2, was=1)
OFFER = MakeOffer(application="a", offer="web", endpoints=("web",))
GRANT = GrantOffer(application="a", offer="web", user="me", access="read")
WHOLE = plan(
    upload("a"),
    deploy("a"),
    record("a"),
    refresh("b"),
    SCALE,
    OPTIONS,
    unrelate("c:x", "d:x"),
    RemoveApplication(application="d"),
    relate("a:y", "b:y"),
    OFFER,
    GRANT,
)


def tally_of(whole: Plan) -> tuple[Tally, list[DeployEvent]]:
    events: list[DeployEvent] = []
    return Tally(whole, events.append), events


def test_every_step_is_told_and_counted() -> None:
    tally, events = tally_of(WHOLE)
    for step in WHOLE.steps:
        tally.begin(step)
        tally.succeed(step, "detail")
    assert [str(event).removesuffix(": detail") for event in events] == [
        "[1/11] uploaded x.charm",
        "[2/11] deployed a",
        "[3/11] recorded a",
        "[4/11] refreshed b",
        "[5/11] changed b",
        "[6/11] changed c",
        "[7/11] removed c:x d:x",
        "[8/11] removed d",
        "[9/11] related a:y b:y",
        "[10/11] offered web",
        "[11/11] granted me",
    ]
    report = tally.report()
    assert report.plan is WHOLE
    assert report.deployed == ("a",)
    assert report.refreshed == ("b",)
    assert report.changed == ("c",)
    assert report.removed == ("c:x d:x", "d")
    assert report.related == ("a:y b:y",)
    assert report.offered == ("web",)
    assert report.failed == report.skipped == ()
    assert tally.succeeded == 11
    assert report.so_far == (
        "1 of 1 applications were deployed, 1 of 1 relations made, 1 of 1 applications refreshed "
        "and 2 applications and relations removed"
    )


def test_failures_and_what_was_skipped_for_them() -> None:
    tally, events = tally_of(WHOLE)
    before = tally.has_failures
    tally.fail(deploy("a"), RefusedError("no", fix="do"))
    assert (before, tally.has_failures) == (False, True)
    tally.skip(record("a"), "since")
    tally.skip(relate("a:y", "b:y"), "a is not there")
    tally.skip(OFFER, "a is not there")
    tally.fail(upload("a", "z"), RefusedError("gone"))
    assert [str(event) for event in events] == [
        "[1/11] refused application a: no",
        "[2/11] skipped a: since",
        "[3/11] skipped a:y b:y: a is not there",
        "[4/11] skipped offer web: a is not there",
        "[5/11] refused application a, z: gone",
    ]
    report = tally.report()
    assert report.failed[0] == UnfinishedStep(
        application="a",
        where="application a",
        step=deploy("a").describe(),
        reason="no",
        fix="do",
    )
    assert [str(problem) for problem in report.problems] == [
        "application a: no (do)",
        "application a, z: gone",
    ]
    assert [(step.application, step.where) for step in report.skipped] == [
        ("a", "application a"),
        ("a", "relation a:y b:y"),
        ("a", "offer web"),
    ]
    assert tally.succeeded == 0
    assert report.so_far == (
        "0 of 1 applications were deployed, 0 of 1 relations made and 0 of 1 applications refreshed"
    )


def test_what_was_under_way_and_is_not_planned_again_was_carried_out() -> None:
    tally, events = tally_of(WHOLE)
    tally.begin(deploy("a"))
    tally.succeed(deploy("a"))
    for step in (refresh("b"), relate("a:y", "b:y"), SCALE, OPTIONS):
        tally.begin(step)
    tally.withdraw(OPTIONS)
    tally.fail(record("a"), RefusedError("no"))
    tally.skip(GRANT, "no")
    tally.plan_again(plan(SCALE, record("a")), "again")
    assert str(events[-1]) == "[3/5] continued with m: again"
    report = tally.report()
    assert report.deployed == ("a",)
    assert report.refreshed == ("b",)
    assert report.related == ("a:y b:y",)
    assert report.changed == (), "neither what is planned again nor what somebody else did"
    assert report.failed == report.skipped == ()
    tally.succeed(SCALE)
    tally.succeed(record("a"))
    assert str(events[-1]) == "[5/5] recorded a"


def test_grants_to_several_users_are_steps_of_their_own() -> None:
    other = GrantOffer(application="a", offer="web", user="you", access="read")
    tally, events = tally_of(plan(GRANT, other))
    tally.succeed(GRANT)
    tally.succeed(other)
    assert [str(event) for event in events] == ["[1/2] granted me", "[2/2] granted you"]


def test_something_done_twice_counts_once() -> None:
    tally, events = tally_of(plan(upload("a")))
    tally.succeed(upload("a"))
    tally.plan_again(plan(upload("a"), deploy("a")))
    assert str(events[-1]) == "[1/3] continued with m"
    tally.succeed(upload("a"))
    tally.succeed(deploy("a"))
    assert events[-1].done == events[-1].total == 3
    assert tally.report().deployed == ("a",)


def test_an_application_that_does_not_come_back_is_no_refused_step() -> None:
    tally, events = tally_of(WHOLE)
    tally.fail_application("b", WorkloadError("x", fix="look"), "b/0: hook failed")
    tally.plan_again(plan())
    assert tally.has_failures
    (failed,) = tally.report().failed
    assert failed.is_wait
    assert (failed.application, failed.reason, failed.fix) == ("b", "b/0: hook failed", "look")
    assert str(events[0]) == "[0/11] failed b: b/0: hook failed"
    assert failed.to_json() == {
        "application": "b",
        "where": "application b",
        "step": "wait for b",
        "reason": "b/0: hook failed",
        "fix": "look",
    }


def test_the_report_as_json() -> None:
    tally, _ = tally_of(Plan(model="m", steps=(deploy("a"),), unchanged=("z",), kept_relations=2))
    tally.succeed(deploy("a"))
    tally.uploads, tally.upload_bytes, tally.interruptions = 1, 10, 2
    document = tally.report().to_json()
    took_s = document.pop("took-s")
    assert isinstance(took_s, float)
    assert 0 <= took_s < 60
    assert document == {
        "model": "m",
        "deployed": ["a"],
        "refreshed": [],
        "changed": [],
        "related": [],
        "removed": [],
        "offered": [],
        "failed": [],
        "skipped": [],
        "uploads": 1,
        "upload-bytes": 10,
        "interruptions": 2,
        "unchanged": ["z"],
        "kept-relations": 2,
    }
    assert tally.succeeded == 2
