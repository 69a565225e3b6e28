"""What Juju cannot change in place is found before the first step, with both values."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ckf_airgap.charms.charm import Base, Charm
from ckf_airgap.errors import Problem, RefusedError
from ckf_airgap.juju.planning.charmshape import shape_of_charm
from ckf_airgap.juju.planning.differences import Policy
from ckf_airgap.juju.planning.identity import DeploymentRecord, HeldIdentity, WantedIdentity
from ckf_airgap.juju.planning.live import LiveApplication, LiveModel, LiveRelation
from ckf_airgap.juju.planning.offers import LiveOffer
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.planner import plan_deployment
from ckf_airgap.juju.planning.steps import (
    DeployApplication,
    RefreshApplication,
    RemoveApplication,
    RemoveRelation,
    WriteRecord,
)
from tests.unit.juju.samples import bundle, charm

BASE = "name: db, containers: {c: }, options: {a: {type: string}}"
OLD = "provides: {sql: {interface: sql}, web: {interface: http}}, peers: {peer: {interface: p}}"
RECORD = DeploymentRecord(charm_url="local:db-0", charm_sha256="a" * 64)


def db(fields: str, **more: Any) -> Charm:
    return charm(f"{{{BASE}, {fields}}}", **more)


def model(
    old: Charm,
    relations: tuple[LiveRelation, ...] = (),
    *,
    record: DeploymentRecord | None = RECORD,
    **fields: Any,
) -> LiveModel:
    identity = HeldIdentity(
        charm_url="local:db-0", record=record, fingerprints={}, option_types={"a": "string"}
    )
    application = LiveApplication(
        **{
            "name": "db",
            "charm": "db",
            "scale": 1,
            "identity": identity,
            "shape": shape_of_charm(old),
            "storage_ids": ("data/0", "data/1"),
            **fields,
        }
    )
    other = LiveApplication(name="app", charm="app", scale=1)
    return LiveModel(name="m", applications={"db": application, "app": other}, relations=relations)


def plan(
    new: Charm, live: LiveModel, fields: str = "", *, sha256: str = "b" * 64, **policy: Any
) -> Plan:
    text = (
        "bundle: kubernetes\napplications:\n"
        f"  db: {{charm: ./db.charm, scale: 1, {fields}}}\n"
        "  app: {charm: ./app.charm, scale: 1}\n"
    )
    app = charm("{name: app, requires: {sql: {interface: sql}, web: {interface: http}}}")
    identities = {"db": WantedIdentity(charm_file="db_r2.charm", charm_sha256=sha256)}
    return plan_deployment(
        bundle(text), {"db": new, "app": app}, live, identities, Policy(**policy)
    )


def whats(new: Charm, live: LiveModel, fields: str = "", **more: Any) -> list[str]:
    found = plan(new, live, fields, **more).refused
    assert {item.application for item in found} <= {"db"}
    assert {item.kind for item in found} <= KINDS
    assert all(item.name or item.kind not in ("storage", "device") for item in found)
    assert all(item.fix for item in found)
    return [item.what for item in found]


KINDS = {"charm", "storage", "device", "base", "relation", "constraints"}
STORED = "storage: {data: {type: filesystem, location: /data}}"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (STORED, STORED, []),
        (
            STORED,
            "storage: {data: {type: filesystem}}",
            ["Juju cannot change the storage data of an application: location /data -> none"],
        ),
        (
            STORED,
            "storage: {data: {type: filesystem, location: /data, shared: true, minimum-size: 1G}}",
            [
                (
                    "Juju cannot change the storage data of an application: minimum-size "
                    "0 -> 1024, shared false -> true"
                )
            ],
        ),
        (
            STORED,
            "summary: x",
            [
                (
                    "Juju cannot change the storage data of an application: the charm in the model "
                    "declares it, and the new one does not"
                )
            ],
        ),
        (
            "summary: x",
            STORED,
            [
                (
                    "Juju cannot change the storage data of an application: the charm in the model "
                    "does not declare it"
                )
            ],
        ),
        (
            "devices: {gpu: {type: g}}",
            "devices: {gpu: {type: h, countmin: 2}}",
            ["Juju cannot change the device gpu of an application: countmin 1 -> 2, type g -> h"],
        ),
        (
            "series: [kubernetes], deployment: {type: stateful, mode: workload}",
            "series: [kubernetes], deployment: {type: stateless, mode: operator}",
            [
                (
                    "Juju cannot change the deployment of an application: mode workload "
                    "-> operator, type stateful -> stateless"
                )
            ],
        ),
        (
            "series: [kubernetes], deployment: {type: stateful}",
            "series: [kubernetes]",
            [
                (
                    "Juju cannot change the deployment of an application: the charm in the model "
                    "declares it, and the new one does not"
                )
            ],
        ),
        (
            "summary: x",
            "subordinate: true",
            ["its charm is not subordinate, and db.charm is subordinate"],
        ),
        (
            "subordinate: true",
            "summary: x",
            ["its charm is subordinate, and db.charm is not subordinate"],
        ),
        (
            "summary: x",
            "series: [kubernetes]",
            [
                (
                    "its charm has metadata of format 2, and db.charm of format 1, to which Juju "
                    "does not go back"
                )
            ],
        ),
    ],
)
def test_what_must_not_change_of_a_charm(old: str, new: str, expected: list[str]) -> None:
    assert whats(db(new), model(db(old))) == expected


def test_nothing_is_refused_while_the_charm_stays() -> None:
    live = model(db(STORED))
    assert plan(db("summary: x"), live, sha256="a" * 64).refused == ()


def test_what_is_not_known_of_a_charm_is_left_to_the_controller() -> None:
    live = model(db(STORED), shape=None)
    assert plan(db("summary: x"), live).refused == ()


class TestPodSpec:
    OLD = charm("{name: db, series: [kubernetes]}", bases="[]")

    @pytest.mark.parametrize("scale", [0, 1, 3])
    def test_a_pod_spec_charm_hands_no_units_over(self, scale: int) -> None:
        found = plan(db("summary: x"), model(self.OLD, scale=scale)).refused
        if not scale:
            assert found == ()
            return
        (refusal,) = found
        assert f"it has {scale}, and must have 0" in refusal.what
        assert "juju scale-application db 0" in refusal.fix

    def test_nor_does_it_matter_between_charms_of_one_kind(self) -> None:
        assert whats(self.OLD, model(self.OLD)) == []
        machine = charm("{name: db}")
        assert whats(machine, model(self.OLD)) == []
        assert whats(db("summary: x"), model(charm("{name: db, series: [focal]}"))) == []


class TestBase:
    FOCAL = Base(name="ubuntu", channel="20.04/stable")
    JAMMY = Base(name="ubuntu", channel="22.04/stable")

    def refresh(self, new: Charm, old: Charm, base: Base | None) -> RefreshApplication:
        done = plan(new, model(old, base=base))
        assert done.refused == ()
        (step,) = [step for step in done.steps if isinstance(step, RefreshApplication)]
        assert step.base == Base(name="ubuntu", channel="22.04")
        return step

    @pytest.mark.parametrize("series", ["", ", series: [jammy], containers: {c: }"])
    def test_juju_is_told_that_a_charm_without_containers_changes_its_base(
        self, series: str
    ) -> None:
        bare = charm(f"{{name: db{series}}}")
        assert self.refresh(bare, bare, self.FOCAL).forces_base
        assert not self.refresh(bare, bare, self.JAMMY).forces_base
        assert not self.refresh(bare, bare, None).forces_base
        both = charm(f"{{name: db{series}}}", bases="[ubuntu@22.04, ubuntu@20.04]")
        assert not self.refresh(both, both, self.FOCAL).forces_base

    def test_a_sidecar_charm_may_change_it(self) -> None:
        subject = db("summary: x")
        assert not self.refresh(subject, subject, self.FOCAL).forces_base

    def test_another_system_is_refused(self) -> None:
        bare = charm("{name: db, options: {a: {type: string}}}")
        assert whats(bare, model(bare, base=Base(name="centos", channel="9"))) == [
            "it runs on centos@9, and db.charm only on ubuntu@22.04"
        ]
        assert whats(bare, model(bare)) == []
        sidecar = db("summary: x")
        assert whats(sidecar, model(sidecar, base=Base(name="centos", channel="9"))) == []


RELATED = (
    LiveRelation(requirer="app:sql", provider="db:sql"),
    LiveRelation(requirer="db:peer"),
    LiveRelation(requirer="app:other", provider="db:juju-info"),
)


class TestEndpoints:
    @pytest.mark.parametrize(
        ("new", "why"),
        [
            ("provides: {web: {interface: http}}", "sql is gone"),
            ("provides: {sql: {interface: mysql}}", "sql had the interface sql and has mysql"),
            ("requires: {sql: {interface: sql}}", "sql was a provider and is a requirer"),
            (
                "provides: {sql: {interface: sql, scope: container}}",
                "sql had the scope global and has container",
            ),
            ("provides: {sql: {interface: sql, limit: 1}}", None),
        ],
    )
    def test_one_that_is_related_must_stay(self, new: str, why: str | None) -> None:
        done = plan(db(new), model(db(OLD), RELATED))
        if why is None:
            assert done.refused == ()
            return
        (refusal,) = done.refused
        assert refusal.what == f"it is related by an endpoint that db.charm breaks: {why}"
        assert (refusal.kind, refusal.name) == ("relation", "app:sql db:sql")
        assert "juju remove-relation app:sql db:sql" in refusal.fix
        assert "--replace db" in refusal.fix

    def test_one_that_is_not_related_may_go(self) -> None:
        gone = db("provides: {sql: {interface: sql}}")
        assert whats(gone, model(db(OLD), RELATED)) == []

    def test_a_relation_that_is_going_does_not_count(self) -> None:
        going = (LiveRelation(requirer="app:sql", provider="db:sql", life="dying"),)
        assert whats(db("summary: x"), model(db(OLD), going)) == []

    def test_a_relation_that_is_pruned_does_not_count(self) -> None:
        done = plan(db("summary: x"), model(db(OLD), RELATED[:1]), prune=True)
        assert done.refused == ()
        kinds = [type(step) for step in done.steps]
        assert kinds.index(RemoveRelation) < kinds.index(RefreshApplication)

    def test_a_relation_that_goes_with_a_replaced_application_does_not_count(self) -> None:
        """Both refuse, one is replaced: what held the other is gone with it."""
        live = model(db(OLD), RELATED[:1])
        app = dataclasses.replace(live.applications["app"], charm="other")
        live = dataclasses.replace(live, applications={**live.applications, "app": app})
        assert {item.application for item in plan(db("summary: x"), live).refused} == {"app", "db"}
        done = plan(db("summary: x"), live, replace=frozenset({"app"}))
        assert done.refused == ()

    @pytest.mark.parametrize(("limit", "refused"), [(1, True), (2, False)])
    def test_a_lower_limit(self, limit: int, refused: bool) -> None:
        two = (
            LiveRelation(requirer="app:sql", provider="db:sql"),
            LiveRelation(requirer="far:sql", provider="db:sql"),
        )
        found = whats(
            db(f"provides: {{sql: {{interface: sql, limit: {limit}}}}}"), model(db(OLD), two)
        )
        text = "it has 2 relations at sql, and db.charm allows 1"
        assert found == ([text] if refused else [])

    def test_what_becomes_a_peer_relation_has_no_limit(self) -> None:
        two = (
            LiveRelation(requirer="app:sql", provider="db:sql"),
            LiveRelation(requirer="far:sql", provider="db:sql"),
        )
        found = whats(db("peers: {sql: {interface: sql, limit: 1}}"), model(db(OLD), two))
        assert len(found) == 2
        assert all(text.endswith("sql was a provider and is a peer") for text in found)


def test_each_refusal_tells_what_it_is_about_and_what_to_do() -> None:
    old = db(
        f"{STORED}, provides: {{sql: {{interface: sql}}}}, devices: {{gpu: {{type: g}}}},"
        " deployment: {type: stateful}, series: [kubernetes]"
    )
    new = db("provides: {sql: {interface: sql, limit: 1}}, requires: {web: {interface: http}}")
    two = (
        LiveRelation(requirer="app:sql", provider="db:sql"),
        LiveRelation(requirer="far:sql", provider="db:sql"),
    )
    live = model(old, two, base=Base(name="centos", channel="9"))
    replace = "replace the application (--replace db): it is removed, deployed and related again"
    keep = f"leave that as it is in the model, or {replace}"
    found = [*plan(new, live).refused, *plan(charm("{name: db, series: [jammy]}"), live).refused]
    assert [(item.kind, item.name, item.fix) for item in found] == [
        ("charm", "deployment", keep),
        ("storage", "data", keep),
        ("device", "gpu", keep),
        (
            "charm",
            "",
            "scale it to 0 first (juju scale-application db 0), or replace it (--replace db)",
        ),
        ("relation", "sql", "remove those that the bundle does not have (--prune)"),
        ("charm", "deployment", keep),
        ("storage", "data", keep),
        ("device", "gpu", keep),
        ("base", "", keep),
        *(
            (
                "relation",
                f"{name}:sql db:sql",
                (
                    f"remove the relation (juju remove-relation {name}:sql db:sql; --prune does, "
                    "if the bundle does not have it), or replace the application (--replace db)"
                ),
            )
            for name in ("app", "far")
        ),
    ]
    assert [
        (item.kind, item.name, item.fix) for item in plan(charm("{name: cat}"), live).refused
    ] == [
        (
            "charm",
            "",
            "replace it (--replace db), deploy into another model, or rename it in the bundle",
        )
    ]


class TestTogether:
    """Three applications in a row, each of which breaks the relation with the next."""

    ENDS = "provides: {{out: {{interface: {0}}}}}, requires: {{in: {{interface: {0}}}}}"
    OLD = charm("{name: x, containers: {c: }, " + ENDS.format("a") + "}")
    NEW = charm("{name: x, containers: {c: }, " + ENDS.format("b") + "}")
    STUCK = charm("{name: x, subordinate: true, " + ENDS.format("b") + "}")

    def plan(self, stuck: str = "", **policy: Any) -> Plan:
        names = ("one", "two", "three")
        identity = HeldIdentity(
            charm_url="local:x-0", record=RECORD, fingerprints={}, option_types={}
        )
        live = LiveModel(
            name="m",
            applications={
                name: LiveApplication(
                    name=name,
                    charm="x",
                    scale=1,
                    identity=dataclasses.replace(
                        identity, record=dataclasses.replace(RECORD, charm_url="local:x-0")
                    ),
                    shape=shape_of_charm(self.OLD),
                )
                for name in names
            },
            relations=(
                LiveRelation(requirer="one:in", provider="two:out"),
                LiveRelation(requirer="two:in", provider="three:out"),
            ),
        )
        text = "applications:\n" + "".join(
            f"  {name}: {{charm: ./x.charm, scale: 1}}\n" for name in names
        )
        text += "relations: [['one:in', 'two:out'], ['two:in', 'three:out']]"
        charms = {name: self.STUCK if name == stuck else self.NEW for name in names}
        identities = {
            name: WantedIdentity(charm_file="x.charm", charm_sha256="b" * 64) for name in names
        }
        return plan_deployment(bundle(text), charms, live, identities, Policy(**policy))

    def replaced(self, done: Plan) -> list[str]:
        return [step.application for step in done.removals if isinstance(step, RemoveApplication)]

    def test_all_are_named(self) -> None:
        assert [item.application for item in self.plan().refused] == ["one", "two", "two", "three"]

    def test_one_that_takes_both_relations_with_it_is_enough(self) -> None:
        done = self.plan(replace=frozenset({"two"}))
        assert done.refused == ()
        assert self.replaced(done) == ["two"]
        assert [step.describe() for step in done.relations] == [
            "relate one:in with two:out",
            "relate two:in with three:out",
        ]

    def test_one_at_the_end_is_not(self) -> None:
        done = self.plan(replace=frozenset({"three"}))
        assert self.replaced(done) == ["three"]
        assert [item.application for item in done.refused] == ["one", "two"]

    def test_no_more_is_replaced_than_must_be(self) -> None:
        done = self.plan(replace=frozenset({"one", "two", "three"}))
        assert done.refused == ()
        assert self.replaced(done) == ["one", "two"]
        assert [step.differences[0].reason for step in done.relations] == [
            "one and two deployed again",
            "two deployed again",
        ]
        assert [item.where for item in done.warnings] == ["application three"]

    def test_what_must_be_replaced_anyway_comes_first(self) -> None:
        done = self.plan("two", replace=frozenset({"one", "two", "three"}))
        assert done.refused == ()
        assert self.replaced(done) == ["two"]
        assert len(done.warnings) == 2


class TestDirectives:
    @pytest.mark.parametrize(
        ("fields", "live", "expected"),
        [
            ("storage: {data: '1G'}", {"data": "kubernetes,1,1024M"}, []),
            ("storage: {data: 'kubernetes,1G'}", {"data": "kubernetes,1,1024M"}, []),
            (
                "storage: {data: 'fast,2G'}",
                {"data": "kubernetes,1,1024M"},
                [
                    (
                        "storage data is only set when an application is deployed: pool "
                        "kubernetes -> fast, size 1024 -> 2048"
                    )
                ],
            ),
            ("storage: {data: '1G'}", {"data": "-"}, []),
            ("storage: {data: '1G'}", None, []),
            ("summary: x", {"data": "kubernetes,1,1024M"}, []),
        ],
    )
    def test_storage_is_compared_with_what_the_controller_tells(
        self, fields: str, live: dict[str, str] | None, expected: list[str]
    ) -> None:
        there = model(db(STORED), storage=live)
        assert whats(db(STORED), there, fields, sha256="a" * 64) == expected

    def test_storage_is_compared_with_the_record_where_the_controller_tells_nothing(self) -> None:
        record = dataclasses.replace(RECORD, storage={"data": "1G"})
        there = model(db(STORED), record=record)
        assert whats(db(STORED), there, "storage: {data: 1024M}", sha256="a" * 64) == []
        assert whats(db(STORED), there, "storage: {data: 2G}", sha256="a" * 64) == [
            "storage data is only set when an application is deployed: size 1024 -> 2048"
        ]

    def test_what_cannot_be_read_does_not_hide_the_next(self) -> None:
        two = db("storage: {data: {type: filesystem}, logs: {type: filesystem}}")
        there = model(two, storage={"data": "-", "logs": "kubernetes,1,1M"})
        assert whats(two, there, "storage: {data: 1G, logs: 2M}", sha256="a" * 64) == [
            "storage logs is only set when an application is deployed: size 1 -> 2"
        ]

    def test_what_nobody_tells_is_a_warning(self) -> None:
        fields = "storage: {data: 1G}, devices: {gpu: '1,g'}"
        subject = db(f"{STORED}, devices: {{gpu: {{type: g}}}}")
        done = plan(subject, model(subject, record=None), fields)
        assert done.warnings == (
            Problem(
                "no controller tells with which devices it was deployed, and no record does, so "
                "they were not compared with the bundle",
                "application db",
            ),
            Problem(
                "the controller does not tell with which storage it was deployed, so that was not "
                "compared with the bundle",
                "application db",
            ),
        )
        told = plan(subject, model(subject, record=None, storage={"data": "1G"}), fields)
        assert len(told.warnings) == 1

    def test_a_device_that_was_not_asked_for_is_not_added(self) -> None:
        subject = db("devices: {gpu: {type: g, countmin: 0}}")
        there = model(subject, record=dataclasses.replace(RECORD, devices={}))
        assert len(whats(subject, there, "devices: {gpu: '1,g'}", sha256="a" * 64)) == 1
        there = model(subject)  # with a record of an earlier version
        done = plan(subject, there, "devices: {gpu: '1,g'}", sha256="a" * 64)
        assert done.refused == ()
        assert len(done.warnings) == 1

    def test_devices_are_compared_with_the_record(self) -> None:
        subject = db("devices: {gpu: {type: g}}")
        record = dataclasses.replace(RECORD, devices={"gpu": "1,g"})
        there = model(subject, record=record)
        assert whats(subject, there, "devices: {gpu: '1,g'}", sha256="a" * 64) == []
        assert whats(subject, there, "devices: {gpu: '2,g,a=b'}", sha256="a" * 64) == [
            (
                "device gpu is only set when an application is deployed: count 1 -> 2, attributes "
                "none -> {'a': 'b'}"
            )
        ]

    @pytest.mark.parametrize(
        ("live", "fields", "refused"),
        [
            ({"arch": "amd64"}, "constraints: arch=arm64", True),
            ({}, "constraints: arch=arm64", True),
            ({}, "constraints: arch=amd64", False),
            ({"arch": "arm64"}, "constraints: arch=arm64", False),
            ({"arch": "arm64"}, "constraints: mem=1G", False),
        ],
    )
    def test_architecture(self, live: Any, fields: str, refused: bool) -> None:
        there = model(db(STORED), constraints=live)
        assert bool(whats(db(STORED), there, fields, sha256="a" * 64)) is refused

    def test_what_the_bundle_no_longer_says_is_listed_and_stays_recorded(self) -> None:
        record = dataclasses.replace(RECORD, storage={"data": "1G"}, devices={"gpu": "1,g"})
        subject = db(f"{STORED}, devices: {{gpu: {{type: g}}}}")
        done = plan(subject, model(subject, record=record))
        assert done.refused == ()
        fix = "write it in the bundle again, or replace the application (--replace db)"
        assert {item.fix for item in done.foreign if item.application == "db"} == {fix}
        assert [
            (item.kind, item.name, item.value) for item in done.foreign if item.application == "db"
        ] == [
            ("storage", "data", "1G"),
            ("device", "gpu", "1,g"),
        ]
        (note,) = [
            step
            for step in done.steps
            if isinstance(step, WriteRecord) and step.application == "db"
        ]
        assert note.record.storage == {"data": "1G"}
        assert note.record.devices == {"gpu": "1,g"}


class TestGoing:
    @pytest.mark.parametrize("life", ["dying", "dead"])
    def test_an_application_that_is_being_removed_is_told_at_once(self, life: str) -> None:
        done = plan(db(STORED), model(db(STORED), life=life))
        (refusal,) = done.refused
        assert refusal.what == f"it is being removed from the model (its life is {life})"
        assert "wait until it is gone" in refusal.fix
        assert not [step for step in done.steps if isinstance(step, RefreshApplication)]

    def test_it_may_be_replaced(self) -> None:
        done = plan(db(STORED), model(db(STORED), life="dying"), replace=frozenset({"db"}))
        assert done.refused == ()
        assert [
            type(step)
            for step in done.steps
            if isinstance(step, RemoveApplication | DeployApplication)
        ] == [
            RemoveApplication,
            DeployApplication,
        ]


class TestReplacing:
    NEW = db("storage: {data: {type: filesystem}}, provides: {sql: {interface: sql}}")
    RELATIONS = "relations: [['app:sql', 'db:sql']]"

    def live(self) -> LiveModel:
        live = model(
            db(f"{STORED}, {OLD}"),
            (*RELATED[:1], LiveRelation(requirer="app:web", provider="db:web")),
        )
        offer = LiveOffer(application="db", endpoints=frozenset({"sql"}))
        return dataclasses.replace(live, offers={"sql-offer": offer})

    def plan(self, **policy: Any) -> Plan:
        text = f"""
        bundle: kubernetes
        applications:
          db: {{charm: ./db.charm, scale: 1, offers: {{sql-offer: {{endpoints: [sql]}}}}}}
          app: {{charm: ./app.charm, scale: 1}}
        {self.RELATIONS}
        """
        app = charm("{name: app, requires: {sql: {interface: sql}, web: {interface: http}}}")
        identities = {"db": WantedIdentity(charm_file="db.charm", charm_sha256="b" * 64)}
        return plan_deployment(
            bundle(text), {"db": self.NEW, "app": app}, self.live(), identities, Policy(**policy)
        )

    def test_without_it_the_application_is_named_with_what_would_be_lost(self) -> None:
        done = self.plan()
        first, second = done.refused
        assert (first.kind, first.name) == ("storage", "data")
        assert first.fix.endswith(
            "or replace the application (--replace db): it is removed, deployed and related again"
        )
        assert (second.kind, second.name) == ("relation", "app:web db:web")
        assert (
            first.lost
            == second.lost
            == (
                "storage data/0 (detached, and not attached again)",
                "storage data/1 (detached, and not attached again)",
                "relation app:web db:web (not made again)",
                "offer sql-offer (with the relations of other models to it)",
            )
        )
        assert not [step for step in done.steps if getattr(step, "application", "") == "db"]
        with pytest.raises(RefusedError) as caught:
            done.raise_refused()
        assert "nothing was changed" in caught.value.message
        assert len(caught.value.problems) == 2
        assert caught.value.problems[0].where == "application db"

    def test_with_it_the_application_is_removed_deployed_and_related_again(self) -> None:
        done = self.plan(replace=frozenset({"db"}))
        done.raise_refused()
        assert [step.describe().partition(" (")[0] for step in done.steps] == [
            "upload charm db.charm",
            "remove db",
            "deploy db",
            "note what db was deployed from",
            "relate app:sql with db:sql",
            "offer sql of db as sql-offer",
        ]
        (remove,) = [step for step in done.steps if isinstance(step, RemoveApplication)]
        assert remove.deploys_again
        assert len(remove.lost) == 4
        assert "location /data -> none" in remove.differences[0].reason
        assert remove.differences[0].old == "local:db-0"
        (relate,) = done.relations
        assert relate.differences[0].reason == "db deployed again"
        assert done.warnings == ()

    def test_every_reason_is_told(self) -> None:
        done = plan(db("subordinate: true"), model(db(STORED)), replace=frozenset({"db"}))
        (remove,) = done.removals
        assert remove.differences[0].reason == (
            "Juju cannot change the storage data of an application: the charm in the model "
            "declares it, and the new one does not; its charm is not subordinate, and db.charm is "
            "subordinate"
        )

    def test_what_juju_can_change_in_place_is_not_replaced(self) -> None:
        subject = db(STORED)
        done = plan(subject, model(subject), replace=frozenset({"db"}))
        assert not done.removals
        (warning,) = done.warnings
        assert warning.where == "application db"
        assert "Juju can change it in place" in warning.what
        assert "juju remove-application db" in warning.fix

    def test_what_is_as_the_bundle_says_is_not_replaced_again(self) -> None:
        subject = db(STORED)
        done = plan(
            subject,
            model(subject, record=self.record()),
            replace=frozenset({"db"}),
            sha256="a" * 64,
        )
        assert (done.steps, done.warnings) == ((), ())

    def record(self) -> DeploymentRecord:
        return dataclasses.replace(RECORD, charm_file="db.charm", devices={})

    def test_a_refused_plan_that_is_empty_of_refusals_raises_nothing(self) -> None:
        Plan(model="m").raise_refused()
