from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.documents import Document, natural
from ckf_airgap.juju.snapshots.snapshot import (
    ApplicationSnapshot,
    ModelSnapshot,
    RelationSnapshot,
    StatusInfo,
    UnitSnapshot,
    changes_between,
)
from ckf_airgap.juju.snapshots.tables import ModelTables, snapshot_of_status


def unit_delta(name: str, workload: str, agent: str = "idle", message: str = "") -> Document:
    return {
        "name": name,
        "application": name.partition("/")[0],
        "workload-status": {"current": workload, "message": message, "since": "t"},
        "agent-status": {"current": agent, "message": "", "since": "t"},
    }


def app_delta(name: str) -> Document:
    return {
        "name": name,
        "charm-url": f"local:{name}-3",
        "life": "alive",
        "exposed": False,
        "status": {"current": "unset", "message": ""},
    }


def full(**units: tuple[str, str]) -> Document:
    """Return a full status of application ``a`` with units ``a/N`` for ``aN=(state, info)``."""
    items: Document = {
        f"a/{name[1:]}": {
            "workload-status": {"status": state, "info": info, "data": {}, "since": "t"},
            "agent-status": {"status": "idle", "info": "", "since": "t"},
            "leader": name == "a0",
            "address": "10.1.0.9",
        }
        for name, (state, info) in units.items()
    }
    return {
        "applications": {
            "a": {
                "charm": "local:a-3",
                "base": {"name": "ubuntu", "channel": "22.04/stable"},
                "status": {"status": "active", "info": "", "since": "t"},
                "units": items,
                "int": len(items),
                "life": "",
                "exposed": True,
                "public-address": "10.2.0.1",
            }
        },
        "relations": [
            {
                "id": 4,
                "key": "a:db b:db",
                "interface": "mysql",
                "endpoints": [
                    {"application": "a", "name": "db", "role": "requirer"},
                    {"application": "b", "name": "db", "role": "provider"},
                ],
            }
        ],
    }


def tables(*deltas: tuple[str, Document]) -> ModelTables:
    subject = ModelTables("kubeflow")
    for kind, data in deltas:
        subject.apply(kind, data, removed=False)
    return subject


def test_full_status_becomes_a_snapshot() -> None:
    found = snapshot_of_status(
        "kubeflow", full(a0=("active", ""), a10=("waiting", "x"), a9=("", ""))
    )
    application = found.applications["a"]
    assert [unit.name for unit in application.units] == ["a/0", "a/9", "a/10"]
    assert application.charm == "a"
    assert (application.base, application.scale, application.life) == ("ubuntu@22.04", 3, "alive")
    assert application.units[0].leader
    assert str(application.units[2].workload) == "waiting: x"
    assert found.relations[0].ends == ("a:db", "b:db")
    document = found.to_json()
    assert document["model"] == "kubeflow"
    assert document["relations"] == [
        {"id": 4, "key": "a:db b:db", "interface": "mysql", "ends": ["a:db", "b:db"]}
    ]


def test_deltas_keep_the_tables_current() -> None:
    subject = tables(("unit", unit_delta("a/0", "waiting")), ("application", app_delta("a")))
    assert [unit.workload.current for unit in subject.snapshot().units] == ["waiting"]
    subject.apply("unit", unit_delta("a/0", "active"), removed=False)
    assert [unit.workload.current for unit in subject.snapshot().units] == ["active"]
    subject.apply(
        "relation",
        {
            "id": 2,
            "key": "a:p",
            "endpoints": [
                {"application-name": "a", "relation": {"name": "p", "interface": "peer"}}
            ],
        },
        removed=False,
    )
    assert subject.snapshot().relations[0].ends == ("a:p",)
    assert subject.apply("unit", unit_delta("a/0", "active"), removed=True) is True
    assert subject.apply("relation", {"id": 2}, removed=True) is True
    assert list(subject.snapshot().units) == []
    assert subject.snapshot().relations == ()
    assert subject.apply("machine", {"id": "0"}, removed=False) is False


def test_pod_errors_come_from_the_status_and_go_with_the_next_delta() -> None:
    subject = tables(("application", app_delta("a")), ("unit", unit_delta("a/0", "active")))
    asked = subject.snapshot()
    status = full(a0=("error", "OCI image pull error: not found"))
    assert subject.apply_status(status, asked_at=asked) is True
    assert subject.apply_status(status, asked_at=asked) is False
    (unit,) = subject.snapshot().units
    assert str(unit.workload) == "error: OCI image pull error: not found"
    subject.apply("unit", unit_delta("a/0", "maintenance"), removed=False)
    assert [unit.workload.current for unit in subject.snapshot().units] == ["maintenance"]


def test_other_states_of_a_pod_do_not_hide_what_the_charm_says() -> None:
    subject = tables(("application", app_delta("a")), ("unit", unit_delta("a/0", "waiting")))
    subject.apply_status(full(a0=("running", "")), asked_at=subject.snapshot())
    assert [unit.workload.current for unit in subject.snapshot().units] == ["waiting"]


def test_leader_base_and_addresses_come_from_the_status_and_survive_deltas() -> None:
    subject = ModelTables("kubeflow")
    subject.apply("application", app_delta("a"), removed=False)
    for name in ("a/0", "a/1"):
        subject.apply("unit", unit_delta(name, "active"), removed=False)
    assert [unit.leader for unit in subject.snapshot().units] == [False, False]
    status = full(a0=("active", ""), a1=("active", ""))
    assert subject.apply_status(status, asked_at=subject.snapshot()) is True
    subject.apply("unit", unit_delta("a/0", "maintenance"), removed=False)
    subject.apply("application", app_delta("a"), removed=False)
    application = subject.snapshot().applications["a"]
    assert [unit.leader for unit in application.units] == [True, False]
    assert application.units[0].workload.current == "maintenance"
    assert {unit.address for unit in application.units} == {"10.1.0.9"}
    assert (application.base, application.address, application.scale) == (
        "ubuntu@22.04",
        "10.2.0.1",
        2,
    )
    subject.clear()
    subject.apply("application", app_delta("a"), removed=False)
    assert subject.snapshot().applications["a"].base == ""


def test_what_went_unseen_is_dropped_and_what_came_since_is_kept() -> None:
    subject = tables(
        ("application", app_delta("a")),
        ("application", app_delta("gone")),
        ("unit", unit_delta("a/0", "active")),
        ("unit", unit_delta("a/1", "active")),
    )
    asked = subject.snapshot()
    subject.apply("application", app_delta("new"), removed=False)
    subject.apply("unit", unit_delta("a/2", "waiting"), removed=False)
    subject.apply_status(full(a0=("active", "")), asked_at=asked)
    found = subject.snapshot()
    assert set(found.applications) == {"a", "new"}
    assert [unit.name for unit in found.units] == ["a/0", "a/2"]
    assert found.applications["a"].scale == 1


def snapshot(*units: tuple[str, str, str], status: str = "unset") -> ModelSnapshot:
    return ModelSnapshot(
        model="m",
        applications={
            "a": ApplicationSnapshot(
                name="a",
                status=StatusInfo(current=status),
                units=tuple(
                    UnitSnapshot(
                        name=name,
                        application="a",
                        workload=StatusInfo(current=workload),
                        agent=StatusInfo(current=agent),
                    )
                    for name, workload, agent in units
                ),
            )
        },
    )


def test_changes_tell_workloads_and_not_agents() -> None:
    before = snapshot(("a/0", "waiting", "allocating"), ("a/1", "active", "idle"))
    after = snapshot(("a/0", "active", "idle"), ("a/2", "waiting", "allocating"), status="active")
    assert [str(change) for change in changes_between(before, after)] == [
        "a: active",
        "a/0: waiting -> active",
        "a/1: removed",
        "a/2: waiting",
    ]
    busy = snapshot(("a/0", "active", "executing"), ("a/2", "waiting", "idle"), status="active")
    assert changes_between(after, busy) == []
    assert [str(change) for change in changes_between(None, before)] == [
        "a/0: waiting",
        "a/1: active",
    ]
    gone = changes_between(before, ModelSnapshot(model="m"))
    assert [str(change) for change in gone] == ["a: removed", "a/0: removed", "a/1: removed"]


def test_units_sort_by_number() -> None:
    names = ["b/0", "a/10", "a/9", "a-1/2"]
    assert sorted(names, key=natural) == ["a-1/2", "a/9", "a/10", "b/0"]


def test_the_scale_of_nothing_is_not_told_on_kubernetes() -> None:
    status = full()
    applications = status["applications"]
    assert isinstance(applications, dict)
    application = applications["a"]
    assert isinstance(application, dict)
    del application["int"]
    assert snapshot_of_status("m", status).applications["a"].scale is None
    kubernetes: Document = {**status, "model": {"type": "caas"}}
    assert snapshot_of_status("m", kubernetes).applications["a"].scale == 0
    assert (
        snapshot_of_status("m", {**status, "model": {"type": "iaas"}}).applications["a"].scale
        is None
    )
    told = snapshot_of_status("m", {**full(a0=("", "")), "model": {"type": "caas"}})
    assert told.applications["a"].scale == 1


def test_units_tell_the_charm_that_they_run() -> None:
    status: Any = full(a0=("active", ""), a1=("active", ""))
    status["applications"]["a"]["units"]["a/1"]["charm"] = "local:a-2"
    found = snapshot_of_status("m", status)
    assert [unit.charm_url for unit in found.units] == ["local:a-3", "local:a-2"]
    subject = tables(
        ("application", app_delta("a")),
        ("unit", {**unit_delta("a/0", "active"), "charm-url": "local:a-2"}),
        ("unit", unit_delta("a/1", "active")),
    )
    assert [unit.charm_url for unit in subject.snapshot().units] == ["local:a-2", ""]


def test_the_model_itself_may_be_on_its_way_out() -> None:
    subject = tables(("application", app_delta("a")))
    assert subject.apply("model", {"life": "alive"}, removed=False) is False
    assert subject.apply("model", {}, removed=False) is False
    assert subject.snapshot().life == "alive"
    assert subject.apply("model", {"life": "dying"}, removed=False) is True
    assert subject.snapshot().life == "dying"
    assert subject.apply("model", {"life": "dying"}, removed=True) is True
    assert subject.snapshot().life == "dead"
    subject.clear()
    assert subject.snapshot().life == "alive"
    ending: Document = {"model": {"model-status": {"status": "destroying"}}}
    assert subject.apply_status(ending, asked_at=subject.snapshot()) is True
    assert subject.snapshot().life == "dying"
    assert snapshot_of_status("m", {"model": {"model-status": {"status": "available"}}}).life == (
        "alive"
    )


def test_since_when_a_relation_is_what_it_is_comes_from_the_status() -> None:
    relation: Document = {"id": 4, "key": "a:db b:db", "endpoints": []}
    subject = tables(("application", app_delta("a")), ("relation", relation))
    assert subject.snapshot().relations[0].since == ""
    status = full()
    relations = status["relations"]
    assert isinstance(relations, list)
    assert isinstance(relations[0], dict)
    relations[0]["status"] = {"status": "joined", "since": "t1"}
    assert subject.apply_status(status, asked_at=subject.snapshot()) is True
    assert subject.snapshot().relations[0].since == "t1"
    subject.apply("relation", relation, removed=False)
    assert subject.snapshot().relations[0].since == "t1"


def test_units_that_come_and_go_are_counted() -> None:
    subject = tables(("unit", unit_delta("a/0", "waiting")))
    counts = [subject.population]
    for delta, removed in (
        (unit_delta("a/0", "active"), False),
        (unit_delta("a/1", "active"), False),
        (unit_delta("a/1", "active"), True),
        (unit_delta("a/1", "active"), True),
    ):
        subject.apply("unit", delta, removed=removed)
        counts.append(subject.population)
    assert counts == [1, 1, 2, 3, 3]


NAMES = st.sampled_from(["a", "b"])
EVENTS = st.one_of(
    st.builds(
        lambda name, url, removed: ("application", {**app_delta(name), "charm-url": url}, removed),
        NAMES,
        st.sampled_from(["local:x-1", "local:x-2"]),
        st.booleans(),
    ),
    st.builds(
        lambda name, number, state, removed: (
            "unit",
            unit_delta(f"{name}/{number}", state),
            removed,
        ),
        NAMES,
        st.integers(0, 2),
        st.sampled_from(["active", "waiting"]),
        st.booleans(),
    ),
    st.builds(
        lambda number, key, removed: ("relation", {"id": number, "key": key}, removed),
        st.integers(0, 2),
        st.sampled_from(["k", "l"]),
        st.booleans(),
    ),
    st.builds(
        lambda states: ("status", full(**{f"a{n}": (s, "") for n, s in enumerate(states)}), False),
        st.lists(st.sampled_from(["active", "error"]), max_size=3),
    ),
)


@given(st.lists(EVENTS, max_size=12))
def test_what_was_looked_at_in_between_makes_no_difference(
    events: list[tuple[str, Document, bool]],
) -> None:
    looked_at, apart = ModelTables("m"), ModelTables("m")
    for kind, data, removed in events:
        for subject in (looked_at, apart):
            if kind == "status":
                subject.apply_status(data, asked_at=ModelSnapshot(model="m"))
            else:
                subject.apply(kind, data, removed=removed)
        before = looked_at.snapshot()
        assert looked_at.snapshot() == before
        apart._forget_built()
    assert looked_at.snapshot() == apart.snapshot()


def test_what_has_not_changed_is_the_same_object() -> None:
    subject = tables(
        ("application", app_delta("a")),
        ("application", app_delta("b")),
        ("unit", unit_delta("a/0", "active")),
    )
    before = subject.snapshot()
    subject.apply("unit", unit_delta("a/0", "waiting"), removed=False)
    after = subject.snapshot()
    assert after.applications["b"] is before.applications["b"]
    assert after.applications["a"] is not before.applications["a"]
    assert after.relations is before.relations


def test_all_that_a_delta_says_is_kept() -> None:
    application: Document = {
        "name": "a",
        "charm-url": "local:a-3",
        "life": "dying",
        "exposed": True,
        "status": {"current": "blocked", "message": "x", "since": "t1"},
    }
    unit: Document = {
        "name": "a/0",
        "application": "a",
        "charm-url": "local:a-2",
        "private-address": "10.1.0.1",
        "workload-status": {"current": "waiting", "message": "y", "since": "t2"},
        "agent-status": {"current": "executing", "message": "z", "since": "t3"},
    }
    relation: Document = {
        "id": 7,
        "key": "a:x b:y",
        "endpoints": [
            {"application-name": "a", "relation": {"name": "x", "interface": "i"}},
            {"application-name": "b", "relation": {"name": "y", "interface": "i"}},
        ],
    }
    subject = tables(("application", application), ("unit", unit), ("relation", relation))
    assert subject.snapshot() == ModelSnapshot(
        model="kubeflow",
        applications={
            "a": ApplicationSnapshot(
                name="a",
                charm_url="local:a-3",
                life="dying",
                exposed=True,
                status=StatusInfo(current="blocked", message="x", since="t1"),
                units=(
                    UnitSnapshot(
                        name="a/0",
                        application="a",
                        charm_url="local:a-2",
                        address="10.1.0.1",
                        workload=StatusInfo(current="waiting", message="y", since="t2"),
                        agent=StatusInfo(current="executing", message="z", since="t3"),
                    ),
                ),
            )
        },
        relations=(RelationSnapshot(id=7, key="a:x b:y", interface="i", ends=("a:x", "b:y")),),
    )
    bare = tables(("application", {"name": "a", "exposed": False}))
    assert bare.snapshot().applications == {"a": ApplicationSnapshot(name="a")}


def test_all_that_a_status_says_of_an_application_is_kept() -> None:
    status: Any = full(a0=("waiting", "x"))
    status["applications"]["a"]["life"] = "dying"
    assert snapshot_of_status("m", status).applications["a"] == ApplicationSnapshot(
        name="a",
        charm_url="local:a-3",
        life="dying",
        exposed=True,
        base="ubuntu@22.04",
        address="10.2.0.1",
        scale=1,
        status=StatusInfo(current="active", since="t"),
        units=(
            UnitSnapshot(
                name="a/0",
                application="a",
                charm_url="local:a-3",
                leader=True,
                address="10.1.0.9",
                workload=StatusInfo(current="waiting", message="x", since="t"),
                agent=StatusInfo(current="idle", since="t"),
            ),
        ),
    )


def test_a_status_is_ahead_of_the_watcher() -> None:
    subject = tables(("application", app_delta("b")))
    asked = subject.snapshot()
    assert subject.apply_status(full(a0=("waiting", "x")), asked_at=asked) is True
    assert {name: len(app.units) for name, app in subject.snapshot().applications.items()} == {
        "a": 1
    }  # what the status does not have any more is gone
    subject.apply("application", app_delta("a"), removed=False)
    assert len(subject.snapshot().applications["a"].units) == 0
    subject.apply("application", app_delta("a"), removed=True)
    assert subject.snapshot().applications == {}


def test_what_was_removed_since_a_status_was_asked_for_does_not_come_back() -> None:
    subject = tables(("application", app_delta("a")))
    asked = subject.snapshot()
    subject.apply("application", app_delta("a"), removed=True)
    subject.apply_status(full(), asked_at=asked)
    assert subject.snapshot().applications == {}
    early = ModelTables("kubeflow")
    early.apply_status(full(), asked_at=early.snapshot())
    assert set(early.snapshot().applications) == {"a"}
    early.clear()
    assert early.snapshot().applications == {}


def test_a_charm_that_the_status_tells_is_newer_unless_the_watcher_told_another_since() -> None:
    unit = {**unit_delta("a/0", "active"), "charm-url": "local:a-2"}
    old: Document = {**app_delta("a"), "charm-url": "local:a-2"}
    subject = tables(("application", old), ("unit", unit))
    asked = subject.snapshot()
    status: Any = full(a0=("active", ""))
    status["applications"]["a"]["units"]["a/0"]["charm"] = "local:a-2"
    assert subject.apply_status(status, asked_at=asked) is True
    application = subject.snapshot().applications["a"]
    assert (application.charm_url, application.units[0].charm_url) == ("local:a-3", "local:a-2")
    asked = subject.snapshot()
    subject.apply("application", {**old, "charm-url": "local:a-4"}, removed=False)
    subject.apply("unit", {**unit, "charm-url": "local:a-4"}, removed=False)
    subject.apply_status(status, asked_at=asked)
    application = subject.snapshot().applications["a"]
    assert (application.charm_url, application.units[0].charm_url) == ("local:a-4", "local:a-4")
    status["applications"]["a"]["units"]["a/0"]["charm"] = "local:a-5"
    subject.apply_status(status, asked_at=subject.snapshot())
    application = subject.snapshot().applications["a"]
    assert (application.charm_url, application.units[0].charm_url) == ("local:a-3", "local:a-5")
