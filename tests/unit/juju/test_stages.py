"""Plans in stages: what must wait for others, and what need not."""

from __future__ import annotations

from ckf_airgap.juju.applying.stages import Ordering, Stage, in_stages, unsettled_by
from ckf_airgap.juju.planning.offers import MakeOffer
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import (
    RemoveApplication,
    SetOptions,
    Step,
)
from tests.unit.juju.applying.steps import (
    deploy,
    plan,
    record,
    refresh,
    relate,
    replace,
    unrelate,
    upload,
)


def fresh(*names: str) -> Plan:
    """Return a plan that deploys applications, the last of which requires the first."""
    relation = relate(f"{names[-1]}:bowl", f"{names[0]}:food")
    return plan(upload(*names), *map(deploy, names), *map(record, names), relation)


def names(stages: list[Stage]) -> list[list[str]]:
    return [sorted(step.application for step in stage.plan.deploys) for stage in stages]


def texts(stages: list[Stage]) -> list[set[str]]:
    return [{step.describe() for step in stage.plan.steps} for stage in stages]


def described(*steps: Step) -> set[str]:
    return {step.describe() for step in steps}


def test_one_stage_as_a_rule() -> None:
    whole = fresh("a", "b")
    (stage,) = in_stages(whole, Ordering())
    assert stage.plan is whole
    assert not stage.active_before
    assert not stage.is_ordered


def test_what_waits_is_deployed_and_related_later() -> None:
    whole = fresh("a", "b", "c")
    first, second = in_stages(whole, Ordering(prerequisites={"c": frozenset({"b"})}))
    assert names([first, second]) == [["a", "b"], ["c"]]
    assert not first.active_before
    assert second.active_before == {"b"}
    assert not second.is_ordered
    assert not first.plan.relations
    assert second.plan.relations == whole.relations
    assert first.plan.uploads == whole.uploads
    assert len(first.plan.steps) + len(second.plan.steps) == len(whole.steps)


def test_chains_and_circles() -> None:
    whole = fresh("a", "b", "c")
    chain = in_stages(whole, Ordering(prerequisites={"c": frozenset({"b"}), "b": frozenset({"a"})}))
    assert names(chain) == [["a"], ["b"], ["c"]]
    assert [stage.active_before for stage in chain] == [set(), {"a"}, {"b"}]
    circle = in_stages(
        whole, Ordering(prerequisites={"a": frozenset({"b"}), "b": frozenset({"a"})})
    )
    deployed = [name for stage in circle for name in names([stage])[0]]
    assert sorted(deployed) == ["a", "b", "c"]


def test_what_is_in_the_model_already_must_be_active_too() -> None:
    ordering = Ordering(prerequisites={"b": frozenset({"elsewhere"})})
    first, second = in_stages(fresh("a", "b"), ordering)
    assert names([first, second]) == [["a"], ["b"]]
    assert second.active_before == {"elsewhere"}


def test_prerequisites_of_what_is_not_deployed_hold_up_nothing() -> None:
    whole = plan(SetOptions(application="a", options={"x": "1"}))
    (stage,) = in_stages(whole, Ordering(prerequisites={"a": frozenset({"b"})}))
    assert stage.plan is whole


def test_applications_are_refreshed_in_groups_providers_first() -> None:
    whole = plan(
        upload("db", "api", "ui"),
        refresh("db"),
        record("db"),
        refresh("api"),
        SetOptions(application="api", options={"x": "1"}),
        record("api"),
        refresh("ui"),
        SetOptions(application="other", options={"y": "1"}),
        relate("ui:links", "other:links"),
        relate("api:new", "db:new"),
        providers=(("api", "db"), ("ui", "api")),
    )
    ordering = Ordering()
    assert ordering.groups(whole) == (("db",), ("api",), ("ui",))
    stages = in_stages(whole, ordering)
    assert texts(stages) == [
        described(
            upload("db", "api", "ui"),
            refresh("db"),
            record("db"),
            SetOptions(application="other", options={"y": "1"}),
        ),
        described(
            refresh("api"),
            SetOptions(application="api", options={"x": "1"}),
            record("api"),
            relate("api:new", "db:new"),
        ),
        described(refresh("ui"), relate("ui:links", "other:links")),
    ]
    assert [stage.is_ordered for stage in stages] == [True, True, True]
    assert not any(stage.active_before for stage in stages)


def test_what_is_replaced_has_its_place_among_what_is_refreshed() -> None:
    whole = plan(
        *replace("db"),
        refresh("api"),
        relate("api:db", "db:db"),
        RemoveApplication(application="old"),
        providers=(("api", "db"),),
    )
    first, second = in_stages(whole, Ordering())
    assert texts([first, second]) == [
        described(*replace("db"), RemoveApplication(application="old")),
        described(refresh("api"), relate("api:db", "db:db")),
    ]


def test_the_facts_name_what_is_refreshed_first() -> None:
    whole = plan(refresh("a"), refresh("b"), refresh("c"), providers=(("a", "b"),))
    ordering = Ordering(first=("c", "a", "gone"))
    assert ordering.groups(whole) == (("c",), ("a",), ("b",))
    assert [stage.is_ordered for stage in in_stages(whole, ordering)] == [True] * 3


def test_a_relation_is_removed_before_either_end_is_refreshed() -> None:
    whole = plan(
        unrelate("api:old", "db:old"),
        refresh("db"),
        refresh("api"),
        providers=(("api", "db"),),
    )
    first, second = in_stages(whole, Ordering())
    assert first.plan.removals == (unrelate("api:old", "db:old"),)
    assert second.plan.steps == (refresh("api"),)
    later = plan(
        refresh("db"),
        unrelate("ui:old", "api:old"),
        refresh("api"),
        refresh("ui"),
        providers=(("api", "db"), ("ui", "api")),
    )
    removals = [stage.plan.removals for stage in in_stages(later, Ordering())]
    assert removals == [(), (unrelate("ui:old", "api:old"),), ()]


def test_offers_come_last() -> None:
    offer = MakeOffer(application="db", offer="db", endpoints=("db",))
    whole = plan(refresh("db"), refresh("api"), offer, providers=(("api", "db"),))
    assert [stage.plan.offers for stage in in_stages(whole, Ordering())] == [(), (offer,)]


def test_a_replaced_application_waits_for_its_prerequisites_and_for_its_group() -> None:
    whole = plan(
        refresh("db"),
        *replace("late"),
        deploy("later"),
        providers=(("late", "db"),),
    )
    ordering = Ordering(
        prerequisites={"late": frozenset({"elsewhere"}), "later": frozenset({"late"})}
    )
    stages = in_stages(whole, ordering)
    assert names(stages) == [[], ["late"], ["later"]]
    assert [stage.active_before for stage in stages] == [set(), {"elsewhere"}, {"late"}]
    assert [stage.is_ordered for stage in stages] == [True, True, False]


def test_what_an_application_comes_after() -> None:
    whole = plan(providers=(("ui", "api"), ("api", "db"), ("db", "ui"), ("x", "y")))
    ordering = Ordering(prerequisites={"x": frozenset({"z"})}, first=("istio", "dex"))
    assert ordering.needs("ui", whole) == {"api", "db", "istio", "dex"}
    assert ordering.needs("x", whole) == {"y", "z", "istio", "dex"}
    branches = plan(
        providers=(("top", "left"), ("top", "right"), ("left", "far"), ("right", "other"))
    )
    assert Ordering().needs("top", branches) == {"left", "right", "far", "other"}
    assert ordering.needs("istio", whole) == frozenset()
    assert ordering.needs("dex", whole) == {"istio"}


def test_what_is_unsettled_afterwards() -> None:
    steps = (
        refresh("a"),
        *replace("b"),
        RemoveApplication(application="c"),
        deploy("d"),
        SetOptions(application="e", options={}),
    )
    assert unsettled_by(steps) == {"a", "b"}
    assert unsettled_by(()) == frozenset()
