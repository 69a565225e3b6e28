"""Relations are made, kept, listed or removed; those of other models and among peers never."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ckf_airgap.errors import BundleError
from ckf_airgap.juju.planning.differences import Difference, Policy
from ckf_airgap.juju.planning.live import LiveApplication, LiveModel, LiveRelation
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.planner import charms_to_read, plan_deployment
from ckf_airgap.juju.planning.steps import AddRelation, DeployApplication, RemoveRelation
from tests.unit.juju.samples import bundle, charm

CHARMS = {
    "api": charm("{name: api, requires: {db: {interface: sql}, log: {interface: loki}}}"),
    "ui": charm("{name: ui, requires: {db: {interface: sql, limit: 1}}}"),
    "db": charm("{name: db, provides: {sql: {interface: sql, limit: 2}}}"),
    "spare": charm("{name: spare, provides: {sql: {interface: sql}}}"),
}
TEXT = """
applications:
  api: {charm: ./a.charm, scale: 1}
  ui: {charm: ./u.charm, scale: 1}
  db: {charm: ./d.charm, scale: 1}
  spare: {charm: ./s.charm, scale: 1}
relations: [['api:db', 'db:sql'], ['ui:db', 'db:sql']]
"""
API = LiveRelation(requirer="api:db", provider="db:sql", interface="sql")
UI = LiveRelation(requirer="ui:db", provider="db:sql", interface="sql")
PEER = LiveRelation(requirer="db:peers")


def model(*relations: LiveRelation, names: str = "api ui db spare", **lives: str) -> LiveModel:
    return LiveModel(
        name="m",
        applications={
            name: LiveApplication(name=name, charm=name, scale=1, life=lives.get(name, "alive"))
            for name in names.split()
        },
        relations=relations,
    )


def plan(live: LiveModel, text: str = TEXT, **policy: Any) -> Plan:
    return plan_deployment(bundle(text), CHARMS, live, None, Policy(**policy))


def shown(done: Plan) -> list[str]:
    return [step.describe() for step in done.steps]


def test_those_that_are_missing_are_made() -> None:
    done = plan(model(API, PEER))
    assert shown(done) == ["relate ui:db with db:sql"]
    assert done.kept_relations == 1
    (found,) = done.relations[0].differences
    assert found.to_json() == {
        "application": "ui",
        "kind": "relation",
        "name": "ui:db db:sql",
        "old": None,
        "new": "ui:db db:sql",
        "reason": "",
    }
    assert done.providers == (("api", "db"), ("ui", "db"))


EXTRA = LiveRelation(requirer="api:db", provider="spare:sql", interface="sql")


def test_those_that_the_bundle_lacks_are_listed_and_left_alone() -> None:
    done = plan(model(API, UI, EXTRA, PEER))
    assert done.steps == ()
    (found,) = done.foreign
    assert found.to_json() == {
        "application": "api",
        "kind": "relation",
        "name": "api:db spare:sql",
        "value": "sql",
        "fix": "remove it with --prune",
    }


def test_those_that_the_bundle_lacks_are_pruned() -> None:
    done = plan(model(API, UI, EXTRA, PEER), prune=True)
    (step,) = done.steps
    assert isinstance(step, RemoveRelation)
    assert step.applications == ("api", "spare")
    assert step.describe() == "remove the relation of api:db with spare:sql"
    assert step.differences == (
        Difference(
            application="api",
            kind="relation",
            name="api:db spare:sql",
            old="api:db spare:sql",
            reason="the bundle does not have it",
        ),
    )
    assert done.foreign == ()


def test_those_with_other_models_are_never_pruned() -> None:
    consumed = LiveRelation(requirer="api:log", provider="loki:logging")
    offered = LiveRelation(requirer="remote-12ab:db", provider="db:sql")
    done = plan(model(API, UI, consumed, offered), prune=True)
    assert done.steps == ()
    assert [(item.name, item.fix) for item in done.foreign] == [
        ("api:log loki:logging", "remove it: juju remove-relation api:log loki:logging"),
        ("remote-12ab:db db:sql", "remove it: juju remove-relation remote-12ab:db db:sql"),
    ]


def test_those_between_applications_that_the_bundle_lacks_are_not_listed_with_them() -> None:
    other = LiveRelation(requirer="x:a", provider="y:a")
    done = plan(model(API, UI, other, names="api ui db spare x y"))
    assert [item.to_json() for item in done.foreign] == [
        {
            "application": name,
            "kind": "application",
            "name": "",
            "value": name,
            "fix": "remove it with --prune",
        }
        for name in ("x", "y")
    ]


def test_those_of_an_application_that_is_pruned_go_with_it() -> None:
    extra = LiveRelation(requirer="x:a", provider="db:sql")
    live = model(API, UI, extra, names="api ui db spare x")
    assert [item.kind for item in plan(live).foreign] == ["application", "relation"]
    done = plan(live, prune=True)
    assert shown(done) == ["remove x"]
    (remove,) = done.removals
    assert remove.to_json() == {
        "step": "remove",
        "application": "x",
        "lost": ["relation x:a db:sql (not made again)"],
    }
    assert remove.differences == (
        Difference(
            application="x",
            kind="application",
            old="x",
            reason="the bundle does not have it",
        ),
    )
    assert done.foreign == ()


class TestGoing:
    def test_one_that_is_being_removed_is_told_at_once(self) -> None:
        done = plan(model(API, dataclasses.replace(UI, life="dying")))
        (refusal,) = done.refused
        assert refusal.what == "its relation ui:db db:sql is being removed"
        assert (refusal.application, refusal.kind) == ("ui", "relation")
        assert refusal.name == "ui:db db:sql"
        assert "juju remove-relation --force ui:db db:sql" in refusal.fix
        assert done.kept_relations == 1

    def test_one_that_the_bundle_lacks_and_that_goes_is_not_listed(self) -> None:
        done = plan(model(API, UI, dataclasses.replace(EXTRA, life="dying")), prune=True)
        assert (done.steps, done.foreign) == ((), ())

    def test_an_application_that_the_bundle_lacks_and_that_goes_is_not_listed(self) -> None:
        extra = LiveRelation(requirer="x:a", provider="db:sql")
        live = model(API, UI, extra, names="api ui db spare x", x="dying")
        for prune in (True, False):
            done = plan(live, prune=prune)
            assert (done.steps, done.foreign) == ((), ())


class TestLimits:
    FULL = (API, UI, LiveRelation(requirer="far:db", provider="db:sql"))

    def test_an_endpoint_that_is_full_takes_no_other_relation(self) -> None:
        moved = LiveRelation(requirer="ui:db", provider="spare:sql")
        done = plan(model(API, moved))
        (refusal,) = done.refused
        assert refusal.what == (
            "the relations of its endpoint db are limited to 1, and it has ui:db spare:sql"
        )
        assert (refusal.application, refusal.name) == ("ui", "db")
        assert "--prune" in refusal.fix
        pruned = plan(model(API, moved), prune=True)
        assert pruned.refused == ()
        assert shown(pruned) == [
            "remove the relation of ui:db with spare:sql",
            "relate ui:db with db:sql",
        ]

    def test_relations_that_are_made_together_count_together(self) -> None:
        far = LiveRelation(requirer="far:db", provider="db:sql")
        (refusal,) = plan(model(far)).refused
        assert (refusal.application, refusal.kind, refusal.name) == ("db", "relation", "sql")
        assert refusal.what == (
            "the relations of its endpoint sql are limited to 2, and it has far:db db:sql"
        )
        assert refusal.fix == "remove those that the bundle does not have (--prune)"
        assert plan(model()).refused == ()

    def test_what_is_on_its_way_out_leaves_room(self) -> None:
        moved = LiveRelation(requirer="ui:db", provider="spare:sql", life="dying")
        assert plan(model(API, moved)).refused == ()

    def test_an_endpoint_with_room_takes_another(self) -> None:
        assert plan(model(API)).refused == ()
        two = (LiveRelation(requirer="far:db", provider="db:sql"), API)
        assert [item.application for item in plan(model(*two)).refused] == ["db"]


class TestOnly:
    def test_a_plan_may_be_about_some_applications_alone(self) -> None:
        done = plan(model(names="api"), only=frozenset({"ui", "db"}))
        assert [step.application for step in done.deploys] == ["ui", "db"]
        assert [step.describe() for step in done.relations] == [
            "relate api:db with db:sql",  # api is there already
            "relate ui:db with db:sql",
        ]
        assert done.unchanged == ()

    def test_a_relation_with_what_is_neither_there_nor_meant_is_left_for_later(self) -> None:
        done = plan(model(), only=frozenset({"ui"}))
        assert shown(done) == ["relate ui:db with db:sql"]
        done = plan(LiveModel(name="m"), only=frozenset({"ui"}))
        assert [
            type(step) for step in done.steps if isinstance(step, DeployApplication | AddRelation)
        ] == [DeployApplication]

    def test_what_it_is_not_about_is_neither_listed_nor_removed(self) -> None:
        extra = LiveRelation(requirer="ui:db", provider="x:a")
        live = model(API, UI, extra, EXTRA, names="api ui db spare x")
        assert plan(live, only=frozenset({"db"})).foreign == ()
        assert plan(live, only=frozenset({"db"}), prune=True).steps == ()
        assert [item.name for item in plan(live, only=frozenset({"api"})).foreign] == [
            "api:db spare:sql"
        ]
        assert shown(plan(live, only=frozenset({"x"}), prune=True)) == ["remove x"]

    def test_problems_of_others_do_not_matter(self) -> None:
        text = TEXT.replace("./u.charm,", "./u.charm, options: {none: 1},")
        assert plan(model(API, UI), text, only=frozenset({"api"})).steps == ()
        with pytest.raises(BundleError, match="none"):
            plan(model(API, UI), text, only=frozenset({"ui"}))

    def test_names_that_there_are_not_are_problems(self) -> None:
        with pytest.raises(BundleError) as caught:
            plan(model(), only=frozenset({"dbx", "api"}), replace=frozenset({"uix", "ui"}))
        first, second = caught.value.problems
        assert first.what == "neither the bundle nor the model has an application dbx"
        assert (first.where, second.where) == (
            "the applications to plan for",
            "the applications to replace",
        )
        assert "did you mean 'db'" in first.fix
        assert second.what == "the bundle has no application uix, so it cannot be deployed again"
        assert "did you mean 'ui'" in second.fix


def test_only_charms_that_change_or_go_must_be_known() -> None:
    def asked(live: LiveModel, **policy: Any) -> tuple[str, ...]:
        return charms_to_read(bundle(TEXT), CHARMS, live, {}, Policy(**policy))

    live = model(names="api ui db x")
    assert asked(live) == ()
    assert asked(live, prune=True) == ("x",)
    assert asked(live, replace=frozenset({"ui"})) == ("ui",)
    assert asked(model(names="api ui db", db="dying")) == ("db",)
    other = dataclasses.replace(live.applications["db"], charm="mysql")
    changed = dataclasses.replace(live, applications={**live.applications, "db": other})
    assert asked(changed) == ("db",)
    without = dataclasses.replace(live, applications={"unknown": live.applications["x"]})
    assert charms_to_read(bundle(TEXT), {}, without, {}, Policy(prune=True)) == ("unknown",)
    assert charms_to_read(bundle(TEXT), {}, model(names="db"), {}, Policy(prune=True)) == ()
