from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckf_airgap.errors import Problem
from ckf_airgap.juju.snapshots.clock import ControllerClock
from ckf_airgap.juju.snapshots.snapshot import ModelSnapshot, RelationSnapshot, UnitSnapshot
from ckf_airgap.juju.watching import idle
from ckf_airgap.juju.watching.idle import MARKS_S, Evidence, IdleTracker, Verdict
from ckf_airgap.juju.watching.obstacles import (
    HeldResource,
    Obstacle,
    marks_of,
    obstacles_of,
    worst_first,
)
from ckf_airgap.juju.watching.patience import EndKind, Patience
from tests.unit.juju.states import changed, model, unit

ENDLESS = Patience(pull_s=0, blocked_s=0, stall_s=0)


def tracker(*names: str, idle: float = 10, grace: float = 60, scale: int | None = 1) -> IdleTracker:
    return IdleTracker(
        dict.fromkeys(names, scale), idle_period_s=idle, error_grace_s=grace, patience=ENDLESS
    )


def whats(verdict: Verdict) -> list[str]:
    return [f"{obstacle.name} {obstacle.what}" for obstacle in verdict.obstacles]


def test_all_must_be_ready_for_the_whole_idle_period() -> None:
    subject = tracker("a", "b")
    first = subject.observe(model(unit("a/0"), unit("b/0", "waiting: x", "executing")), 100)
    assert (first.done, first.ready) == (False, ("a",))
    assert first.next_check_at is None
    second = subject.observe(model(unit("a/0"), unit("b/0")), 105)
    assert (second.done, second.next_check_at) == (False, 115)
    assert not subject.observe(model(unit("a/0"), unit("b/0")), 114.9).done
    assert subject.observe(model(unit("a/0"), unit("b/0")), 115).done
    assert subject.first_ready_at == {"a": 100, "b": 105}


def test_leaving_the_state_begins_the_period_anew() -> None:
    subject = tracker("a")
    subject.observe(model(unit("a/0")), 0)
    subject.observe(model(unit("a/0", "maintenance", "executing")), 9)
    assert subject.observe(model(unit("a/0")), 9.5).next_check_at == 19.5


def test_a_hook_that_ran_between_two_snapshots_begins_the_period_anew() -> None:
    subject = tracker("a")
    subject.observe(model(unit("a/0", since="t0")), 0)
    verdict = subject.observe(model(unit("a/0", since="t1")), 9)
    assert (verdict.done, verdict.next_check_at) == (False, 19)


def test_applications_that_come_and_go_are_counted() -> None:
    subject = tracker("a", "b", "c")
    for at, since in ((0, "t0"), (4, "t1"), (6, "t2")):
        subject.observe(model(unit("a/0", since=since), unit("b/0"), unit("c/0")), at)
    subject.observe(model(unit("a/0", "maintenance"), unit("b/0", agent="executing")), 7)
    subject.observe(model(unit("a/0", since="t3"), unit("b/0", since="t3"), unit("c/0")), 8)
    subject.observe(model(unit("a/0", since="t3"), unit("b/0", since="t3"), unit("c/0")), 9)
    assert subject.interruptions == {"a": 3, "b": 1, "c": 1}
    short = subject.short_of_idle(9.5)
    assert [(item.application, item.idle_s, item.interruptions) for item in short] == [
        ("a", 1.5, 3),
        ("b", 1.5, 1),
        ("c", 1.5, 1),
    ]
    assert str(short[0].problem("m")) == (
        "a: has been active/idle for only 1.5 s, after it was interrupted 3 times "
        "(see what it runs: juju debug-log -m m --replay --include a)"
    )
    assert subject.short_of_idle(18) == []


@pytest.mark.parametrize("agent", ["allocating", "executing: running install hook", "rebooting"])
def test_active_before_the_agent_is_idle_does_not_count(agent: str) -> None:
    subject = tracker("a", idle=0)
    verdict = subject.observe(model(unit("a/0", "active", agent)), 0)
    assert not verdict.done
    assert whats(verdict) == [f"a/0 active, agent {agent}"]
    assert subject.observe(model(unit("a/0")), 1).done


def test_an_application_without_its_units_is_not_ready() -> None:
    empty = model(status={"a": "active"})
    assert whats(tracker("a").observe(empty, 0)) == ["a has 0 of 1 unit"]
    assert whats(tracker("a", scale=None).observe(empty, 0)) == ["a has no units yet"]
    assert whats(tracker("a").observe(model(), 0)) == ["a is not in the model"]
    assert whats(tracker("a", scale=2).observe(model(unit("a/0")), 0)) == ["a has 1 of 2 units"]
    two = model(unit("a/0"), unit("a/1"))
    assert whats(tracker("a").observe(two, 0)) == ["a has 2 of 1 unit"]
    assert tracker("a", scale=None, idle=0).observe(two, 0).done
    assert tracker("a", scale=0, idle=0).observe(empty, 0).done


def test_the_applications_own_status_counts_where_the_charm_set_it() -> None:
    for status, ready in (
        ("active", True),
        ("unset", True),
        ("waiting", False),
        ("blocked", False),
    ):
        verdict = tracker("a", idle=0).observe(model(unit("a/0"), status={"a": status}), 0)
        assert verdict.done is ready
    verdict = tracker("a").observe(model(unit("a/0", "blocked: x"), status={"a": "blocked"}), 0)
    assert whats(verdict) == ["a/0 blocked: x"]  # told once


def test_only_the_expected_applications_matter() -> None:
    subject = tracker("a", idle=0, grace=0)
    verdict = subject.observe(model(unit("a/0"), unit("z/0", "error: hook failed")), 0)
    assert verdict.done
    assert verdict.failures == ()


@pytest.mark.parametrize("life", ["dying", "dead"])
def test_an_application_that_is_going_away_is_not_ready(life: str) -> None:
    running = model(unit("a/0"))
    ending = dataclasses.replace(running.applications["a"], life=life)
    verdict = tracker("a", idle=0).observe(
        dataclasses.replace(running, applications={"a": ending}), 0
    )
    assert not verdict.done
    assert whats(verdict) == [f"a is {life}"]


def test_nothing_to_wait_for_is_done_at_once() -> None:
    assert tracker().observe(model(), 5).done


def test_an_error_must_outlast_the_grace_period() -> None:
    subject = tracker("a", "b")
    broken = model(unit("a/0", 'error: hook failed: "install"'), unit("b/0"))
    first = subject.observe(broken, 0)
    assert (first.failures, first.next_check_at) == ((), 60)
    assert subject.observe(broken, 59).failures == ()
    (failure,) = subject.observe(broken, 60).failures
    assert failure.unit == "a/0"
    assert "juju debug-log -m kubeflow --replay --include a/0" in str(failure.problem("kubeflow"))


def test_a_hook_that_is_run_again_and_fails_again_is_one_error() -> None:
    subject = tracker("a")
    broken = model(unit("a/0", 'error: hook failed: "install"'))
    again = model(unit("a/0", "maintenance", "executing: running install hook"))
    subject.observe(broken, 0)
    assert subject.observe(again, 55).failures == ()
    assert len(subject.observe(broken, 60).failures) == 1


def test_an_error_that_was_overcome_is_forgotten() -> None:
    subject = tracker("a")
    broken = model(unit("a/0", 'error: hook failed: "install"'))
    subject.observe(broken, 0)
    subject.observe(model(unit("a/0", "waiting: db", "idle")), 30)
    assert subject.observe(broken, 61).failures == ()
    assert len(subject.observe(broken, 121).failures) == 1


def test_blocked_is_no_error_however_long() -> None:
    subject = tracker("a", grace=0)
    verdict = subject.observe(model(unit("a/0", "blocked: Missing relation with mysql")), 9999)
    assert verdict.failures == ()
    (obstacle,) = verdict.obstacles
    assert "it needs action" in str(obstacle.problem("kubeflow"))


def test_an_image_that_cannot_be_pulled_says_what_to_look_at() -> None:
    text = 'error: unknown container reason "ImagePullBackOff": Back-off pulling image "x"'
    (obstacle,) = tracker("a").observe(model(unit("a/0", text, "idle")), 0).obstacles
    assert obstacle.is_error
    assert "kubectl -n kubeflow describe pod a-0" in str(obstacle.problem("kubeflow"))


def test_a_lost_agent_is_an_error() -> None:
    subject = tracker("a", grace=0)
    verdict = subject.observe(model(unit("a/0", "active", "lost: agent is not communicating")), 0)
    assert [failure.status for failure in verdict.failures] == ["lost"]


def test_an_error_is_looked_at_again_when_its_grace_period_ends_and_not_later() -> None:
    subject = tracker("a")
    broken = model(unit("a/0", "error: x"))
    assert subject.observe(broken, 1000).next_check_at == 1060
    ended = subject.observe(broken, 1060)
    assert (len(ended.failures), ended.next_check_at) == (1, None)


def test_what_is_done_is_not_looked_at_again() -> None:
    verdict = tracker("a", idle=0).observe(model(unit("a/0")), 5)
    assert (verdict.done, verdict.next_check_at) == (True, None)


def test_an_application_whose_life_is_not_known_may_be_ready() -> None:
    running = model(unit("a/0"))
    unknown = dataclasses.replace(running.applications["a"], life="")
    assert (
        tracker("a", idle=0)
        .observe(dataclasses.replace(running, applications={"a": unknown}), 0)
        .done
    )


def test_an_application_may_be_in_error_by_itself() -> None:
    for current, is_error in (("error", True), ("waiting", False)):
        found = tracker("a").observe(model(unit("a/0"), status={"a": current}), 0).obstacles
        assert found == (
            Obstacle(application="a", unit=None, what=current, status=current, is_error=is_error),
        )


@pytest.mark.parametrize(
    ("workload", "agent", "what", "status"),
    [
        ("active", "executing: x", "active, agent executing: x", "active"),
        ("waiting: db", "executing", "waiting: db (agent executing)", "waiting"),
        ("waiting: db", "", "waiting: db", "waiting"),
        ("error: x", "executing", "error: x", "error"),
        ("active", "lost: x", "agent lost: x", "lost"),
        ("", "idle", "no status yet", ""),
    ],
)
def test_an_obstacle_says_what_workload_and_agent_do(
    workload: str, agent: str, what: str, status: str
) -> None:
    (found,) = tracker("a").observe(model(unit("a/0", workload, agent)), 0).obstacles
    assert (found.what, found.status) == (what, status)


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ([], "deploy it first"),
        ([unit("a/0"), unit("a/1")], "see kubectl -n m get pods,events"),
        (
            [unit("a/0", 'error: hook failed: "install"')],
            "see why: juju debug-log -m m --replay --include a/0",
        ),
        (
            [unit("a/0", "error: crash loop")],
            "see kubectl -n m describe pod a-0, and juju debug-log -m m",
        ),
        (
            [unit("a/0", "blocked: x")],
            "it needs action: add the relation or set the option that it asks for",
        ),
        *(
            (
                [unit("a/0", status, "executing")],
                "give it more time; see juju debug-log -m m --include a/0",
            )
            for status in ("waiting", "maintenance", "active", "unknown")
        ),
        ([unit("a/0", "terminated")], "see kubectl -n m get pods,events"),
    ],
)
def test_each_obstacle_says_what_to_do(units: list[UnitSnapshot], expected: str) -> None:
    (obstacle,) = tracker("a").observe(model(*units), 0).obstacles
    assert obstacle.problem("m").fix == expected


def test_an_application_that_was_not_idle_for_long_is_named() -> None:
    subject = tracker("a", "b")
    subject.observe(model(unit("a/0"), unit("b/0")), 0)
    subject.observe(model(unit("a/0"), unit("b/0", since="t1")), 8)
    worst, other = subject.short_of_idle(9)
    assert worst.problem("m") == Problem(
        "has been active/idle for only 1.0 s, after it was interrupted once",
        "b",
        "see what it runs: juju debug-log -m m --replay --include b",
    )
    assert other.problem("m") == Problem("has been active/idle for only 9.0 s", "a")


STATES = st.sampled_from(
    [("active", "idle"), ("active", "executing"), ("waiting", "idle"), ("error", "idle")]
)


@given(
    course=st.lists(
        st.tuples(st.floats(min_value=0.1, max_value=8), STATES, STATES), min_size=1, max_size=40
    )
)
def test_done_means_that_the_last_idle_period_was_all_ready(
    course: list[tuple[float, tuple[str, str], tuple[str, str]]],
) -> None:
    subject = tracker("a", "b", idle=5, grace=1e9)
    now = 0.0
    quiet_since: float | None = None
    for step, a, b in course:
        now += step
        verdict = subject.observe(model(unit("a/0", *a), unit("b/0", *b)), now)
        if a == b == ("active", "idle"):
            quiet_since = now if quiet_since is None else quiet_since
        else:
            quiet_since = None
        assert verdict.done == (quiet_since is not None and now - quiet_since >= 5)


@pytest.mark.parametrize(("asked", "obstacles"), [(0, []), (1, ["a has no units yet"])])
def test_an_application_of_which_the_model_asks_for_no_unit_needs_none(
    asked: int, obstacles: list[str]
) -> None:
    application = dataclasses.replace(model(status={"a": "unset"}).applications["a"], scale=asked)
    snapshot = ModelSnapshot(model="kubeflow", applications={"a": application})
    assert whats(tracker("a", scale=None).observe(snapshot, 0)) == obstacles


def test_obstacles_are_told_worst_first_and_by_name() -> None:
    stuck = changed(
        model(
            unit("b/0", "waiting: x"),
            unit("a/10", "blocked: x"),
            unit("a/9", "blocked: x"),
            unit("z/0", "error: x"),
            unit("zz/0", "waiting: ErrImagePull"),
            unit("zz/1", "error: ErrImagePull"),
            unit("c/0", "terminated"),
            unit("d/0", ""),
            unit("e/0"),
            unit("a-2/0", "blocked"),
        ),
        "e",
        life="dying",
    )
    obstacles = whole().observe(stuck, 0).obstacles
    assert [obstacle.name for obstacle in worst_first(obstacles)] == [
        "zz/0",
        "zz/1",
        "z/0",
        "a/9",
        "a/10",
        "a-2/0",
        "c/0",
        "d/0",
        "e",
        "b/0",
    ]


def test_an_obstacle_names_the_image_and_where_it_comes_from() -> None:
    text = 'error: ErrImagePull: failed to pull image "r/x:1"'
    (obstacle,) = whole().observe(model(unit("a/0", text)), 0).obstacles
    assert (obstacle.is_pull, obstacle.image) == (True, "r/x:1")
    assert obstacle.problem("m").what == text
    assert obstacle.problem("m", "option x").what == f"{text} (option x)"
    (obstacle,) = whole().observe(model(unit("a/0", 'waiting: for image "r/x:1"')), 0).obstacles
    assert (obstacle.is_pull, obstacle.image) == (False, "")


def test_an_application_that_misses_its_goal_has_the_status_that_it_has() -> None:
    for own, status in (("unset", "active"), ("", "active"), ("unknown", "unknown")):
        snapshot = model(unit("a/0"), status={"a": own})
        (obstacle,) = whole(goals={"a": "blocked"}).observe(snapshot, 0).obstacles
        assert (obstacle.status, obstacle.unit) == (status, None)


def test_an_error_about_an_image_says_so_though_nothing_is_pulled() -> None:
    (obstacle,) = whole().observe(model(unit("a/0", "error: bad image option")), 0).obstacles
    assert not obstacle.is_pull
    assert "check that the image is in the registry" in obstacle.problem("m").fix


def test_what_has_been_looked_at_is_not_looked_at_again_unless_something_is_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[str] = []

    def noting(name: str, *rest: object) -> object:
        looked.append(name)
        return obstacles_of(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(idle, "obstacles_of", noting)
    subject, snapshot = whole(), model(unit("a/0"), unit("b/0"))
    held = {"a/0": HeldResource(name="x", changed_at="t")}
    other = changed(snapshot, "b", exposed=True)
    for seen, known in ((snapshot, None), (snapshot, None), (other, None)):
        subject.observe(seen, 0, known)
    assert looked == ["a", "b", "b"]
    for _ in range(2):
        subject.observe(other, 0, Evidence(held=held))
    assert looked == ["a", "b", "b", "a", "b"]


# The model, and not a list.


def whole(
    *, idle: float = 0, goals: dict[str, str] | None = None, patience: Patience = ENDLESS
) -> IdleTracker:
    return IdleTracker(
        {}, whole_model=True, goals=goals, idle_period_s=idle, error_grace_s=60, patience=patience
    )


def test_applications_that_come_are_waited_for() -> None:
    subject = whole()
    assert subject.observe(model(unit("a/0")), 0).done
    verdict = subject.observe(model(unit("a/0"), unit("b/0", "blocked")), 1)
    assert (verdict.done, whats(verdict)) == (False, ["b/0 blocked"])
    assert subject.expected == ("a", "b")
    assert subject.observe(model(unit("a/0"), unit("b/0")), 2).done


def test_applications_that_go_are_not() -> None:
    subject = whole()
    assert not subject.observe(model(unit("a/0"), unit("b/0", "waiting")), 0).done
    assert not subject.removed
    assert subject.observe(model(unit("a/0")), 1).done
    assert (subject.expected, subject.removed) == (("a",), ("b",))
    back = subject.observe(model(unit("a/0"), unit("b/0", "waiting")), 2)
    assert (back.done, subject.expected, subject.removed) == (False, ("a", "b"), ())


def test_a_named_application_that_goes_is_not_waited_for_but_one_that_never_came_is() -> None:
    subject = tracker("a", "b", "c", idle=0, scale=None)
    verdict = subject.observe(model(unit("a/0"), unit("b/0", "waiting")), 0)
    assert whats(verdict) == ["b/0 waiting", "c is not in the model"]
    verdict = subject.observe(model(unit("a/0")), 1)
    assert whats(verdict) == ["c is not in the model"]
    assert subject.removed == ("b",)


def test_what_is_not_named_does_not_matter_even_when_it_comes() -> None:
    subject = tracker("a", idle=0)
    subject.observe(model(unit("a/0")), 0)
    assert subject.observe(model(unit("a/0"), unit("b/0", "blocked")), 1).done
    assert subject.expected == ("a",)


def test_as_many_units_are_waited_for_as_the_model_says() -> None:
    for scale, count, obstacles in (
        (3, 3, []),
        (3, 2, ["a has 2 of 3 units"]),
        (1, 2, ["a has 2 of 1 unit"]),
        (0, 1, ["a has 1 of 0 units"]),
        (0, 0, []),
        (2, 0, ["a has no units yet"]),
        (None, 2, []),
        (None, 0, ["a has no units yet"]),
    ):
        units = [unit(f"a/{number}") for number in range(count)]
        snapshot = changed(model(*units, status={"a": "unset"}), "a", scale=scale)
        assert whats(whole().observe(snapshot, 0)) == obstacles


def test_an_explicit_scale_outdoes_that_of_the_model() -> None:
    snapshot = changed(model(unit("a/0")), "a", scale=3)
    assert whats(tracker("a", scale=1).observe(snapshot, 0)) == []
    assert whats(tracker("a", scale=2).observe(snapshot, 0)) == ["a has 1 of 2 units"]


# Goals.


@pytest.mark.parametrize(
    ("units", "own", "goal", "obstacles"),
    [
        ([unit("a/0", "blocked: x")], "unset", "blocked", []),
        ([unit("a/0", "blocked"), unit("a/1")], "unset", "blocked", []),
        ([unit("a/0")], "blocked", "blocked", []),
        ([unit("a/0")], "unset", "blocked", ["a is active, not blocked"]),
        ([unit("a/0")], "active", "blocked", ["a is active, not blocked"]),
        ([unit("a/0")], "", "blocked", ["a is active, not blocked"]),
        ([unit("a/0", "waiting: db")], "unset", "blocked", ["a/0 waiting: db"]),
        (
            [unit("a/0", "blocked", "executing")],
            "unset",
            "blocked",
            ["a/0 blocked (agent executing)"],
        ),
        ([unit("a/0", "blocked")], "waiting", "blocked", ["a waiting"]),
        ([unit("a/0", "waiting: db")], "unset", "waiting", []),
        ([unit("a/0", "unknown")], "unset", "unknown", []),
        ([unit("a/0", "unknown")], "unset", "active", ["a/0 unknown"]),
        ([unit("a/0", "maintenance")], "unset", "maintenance", []),
        ([unit("a/0", "error: x")], "unset", "error", []),
        ([unit("a/0")], "unset", "active", []),
    ],
)
def test_an_application_may_be_expected_to_have_another_status(
    units: list[UnitSnapshot], own: str, goal: str, obstacles: list[str]
) -> None:
    verdict = whole(goals={"a": goal}).observe(model(*units, status={"a": own}), 0)
    assert (whats(verdict), verdict.done) == (obstacles, not obstacles)


def test_an_application_with_a_goal_is_waited_for_though_others_are_named() -> None:
    subject = IdleTracker({"b": 1}, goals={"a": "blocked"}, idle_period_s=0)
    assert whats(subject.observe(model(unit("b/0")), 0)) == ["a is not in the model"]
    assert subject.observe(model(unit("b/0"), unit("a/0", "blocked"), unit("c/0", "x")), 1).done


def test_an_error_that_is_expected_is_no_failure_and_a_lost_agent_is() -> None:
    subject = IdleTracker({}, goals={"a": "error"}, error_grace_s=0, patience=ENDLESS)
    assert subject.observe(model(unit("a/0", "error: x", "executing")), 0).failures == ()
    assert len(subject.observe(model(unit("a/0", "error: x", "lost")), 1).failures) == 1


# From before a change.


def test_what_units_said_before_a_change_does_not_count() -> None:
    before = model(unit("a/0", since="t1"), unit("a/1", since="t1"), unit("b/0"))
    marks = marks_of(before, ["a", "gone"])
    assert marks == {"a": {"a/0": "t1", "a/1": "t1"}}
    subject = IdleTracker({"a": None, "b": 1}, marks=marks, idle_period_s=0)
    half = model(unit("a/0", since="t2"), unit("a/1", since="t1"), unit("b/0"))
    assert whats(subject.observe(half, 0)) == [
        "a/1 active, but has done nothing since the application was changed"
    ]
    after = model(unit("a/0", since="t2"), unit("a/2", since="t1"), unit("b/0"))
    assert subject.observe(after, 1).done


def test_a_unit_that_does_nothing_for_long_enough_has_nothing_to_do() -> None:
    before = model(unit("a/0"), unit("b/0", "waiting"))
    subject = IdleTracker(
        {"a": 1}, marks=marks_of(before, ["a", "b"]), idle_period_s=10, patience=ENDLESS
    )
    first = subject.observe(before, 1000)
    assert first.next_check_at == 1000 + MARKS_S
    assert [obstacle.is_unmoved for obstacle in first.obstacles] == [True]
    assert len(subject.observe(before, 999 + MARKS_S).obstacles) == 1
    last = subject.observe(before, 1000 + MARKS_S)
    assert (last.obstacles, last.next_check_at) == ((), 1010 + MARKS_S)
    assert subject.observe(before, 1010 + MARKS_S).done


def test_other_obstacles_are_no_matter_of_marks() -> None:
    before = model(unit("a/0", "waiting"))
    subject = IdleTracker({"a": 1}, marks=marks_of(before, ["a"]), patience=ENDLESS)
    verdict = subject.observe(before, 0)
    assert (whats(verdict), verdict.next_check_at) == (["a/0 waiting"], None)


def test_a_time_that_is_not_known_is_no_mark() -> None:
    before = model(unit("a/0", since=""))
    subject = IdleTracker({"a": 1}, marks=marks_of(before, ["a"]), idle_period_s=0)
    assert subject.observe(before, 0).done


@pytest.mark.parametrize(
    ("of_unit", "of_application", "obstacles"),
    [
        ("local:a-0", "local:a-1", ["a/0 active, but still runs local:a-0, not local:a-1"]),
        ("local:a-1", "local:a-1", []),
        ("", "local:a-1", []),
        ("local:a-0", "", []),
    ],
)
def test_a_unit_must_run_the_charm_of_its_application(
    of_unit: str, of_application: str, obstacles: list[str]
) -> None:
    snapshot = changed(model(unit("a/0", charm_url=of_unit)), "a", charm_url=of_application)
    verdict = tracker("a", idle=0).observe(snapshot, 0)
    assert whats(verdict) == obstacles
    assert {obstacle.status for obstacle in verdict.obstacles} <= {"active"}


@pytest.mark.parametrize(
    ("since", "is_old"),
    [
        ("2030-01-01T00:00:09Z", True),
        ("2030-01-01T00:00:10Z", True),
        ("2030-01-01T00:00:10.1Z", False),
        ("", False),
    ],
)
def test_a_unit_must_have_the_resources_of_its_application_or_have_run_since(
    since: str, is_old: bool
) -> None:
    held = {"a/0": HeldResource(name="conf", changed_at="2030-01-01T00:00:10Z")}
    snapshot = model(unit("a/0", since=since), unit("b/0", since=since))
    verdict = whole().observe(snapshot, 0, Evidence(held=held))
    old = "a/0 active, but still has the resource conf from before it was changed"
    assert whats(verdict) == ([old] if is_old else [])


def test_a_resource_whose_time_is_not_known_is_no_obstacle() -> None:
    held = {"a/0": HeldResource(name="conf", changed_at="")}
    snapshot = model(unit("a/0", since="2030-01-01T00:00:00Z"))
    assert whole().observe(snapshot, 0, Evidence(held=held)).done


# How long it has been idle already.

CLOCK = ControllerClock.read("2030-01-01T00:01:00Z", received_at=1000)


def at(second: int) -> str:
    return f"2030-01-01T00:00:{second:02d}Z"


def idle_since(snapshot: ModelSnapshot, **known: object) -> float | None:
    """Return the seconds before now since which a model counts as idle."""
    evidence = Evidence(clock=CLOCK, **known)  # type: ignore[arg-type]
    verdict = whole(idle=500).observe(snapshot, 1000, evidence)
    assert verdict.next_check_at is not None
    return 1500 - verdict.next_check_at


def test_the_time_that_a_model_has_been_idle_counts() -> None:
    snapshot = model(unit("a/0", since=at(20)), unit("b/0", since=at(48)))
    assert idle_since(snapshot) == 12
    verdict = whole(idle=12).observe(snapshot, 1000, Evidence(clock=CLOCK))
    assert (verdict.done, verdict.next_check_at) == (True, None)
    assert not whole(idle=13).observe(snapshot, 1000, Evidence(clock=CLOCK)).done
    assert not whole(idle=12).observe(snapshot, 1000).done


def test_the_last_that_happened_to_an_application_counts() -> None:
    idle = unit("a/0", since=at(20))
    workload = dataclasses.replace(idle.workload, since=at(30))
    snapshot = model(dataclasses.replace(idle, workload=workload))
    assert idle_since(snapshot) == 30
    own = dataclasses.replace(snapshot.applications["a"].status, since=at(35))
    assert idle_since(changed(snapshot, "a", status=own)) == 25
    assert idle_since(snapshot, resources_at={"a": (at(10), at(40)), "b": (at(59),)}) == 20
    relations = (
        RelationSnapshot(id=1, key="", ends=("a:x", "b:y"), since=at(50)),
        RelationSnapshot(id=2, key="", ends=("aa:x", "b:a"), since=at(55)),
    )
    assert idle_since(dataclasses.replace(snapshot, relations=relations)) == 10


def test_without_the_times_of_all_agents_it_counts_from_now_on() -> None:
    assert idle_since(model(unit("a/0", since=at(20)), unit("a/1", since=""))) == 0
    assert idle_since(model(unit("a/0", since="garbage"))) == 0
    assert idle_since(changed(model(status={"a": "unset"}), "a", scale=0)) == 0


def test_a_controller_that_is_ahead_of_itself_gives_no_time_of_its_own() -> None:
    assert idle_since(model(unit("a/0", since="2030-01-01T00:01:05Z"))) == 0


def test_the_time_before_a_wait_counts_only_for_what_was_idle_when_it_began() -> None:
    subject = whole(idle=30)
    known = Evidence(clock=CLOCK)
    subject.observe(model(unit("a/0", "error: x", since=at(10))), 1000, known)
    verdict = subject.observe(model(unit("a/0", since=at(10))), 1005, known)
    assert (verdict.done, verdict.next_check_at) == (False, 1035)
    other = subject.observe(model(unit("a/0", since=at(10)), unit("b/0", since=at(1))), 1006, known)
    assert other.next_check_at == 1035
    again = subject.observe(model(unit("a/0", since=at(11)), unit("b/0", since=at(1))), 1010, known)
    assert again.next_check_at == 1040


# Ending early.


def test_a_verdict_says_why_waiting_is_of_no_use() -> None:
    subject = whole(patience=Patience(pull_s=0, blocked_s=30, stall_s=0))
    stuck = model(unit("a/0", "blocked"), unit("b/0"))
    first = subject.observe(stuck, 0)
    assert (first.ending, first.next_check_at) == (None, 30)
    silent = subject.observe(stuck, 20, Evidence(is_live=False))
    assert silent.next_check_at == 50
    last = subject.observe(stuck, 50)
    assert last.ending is not None
    assert last.ending.kind is EndKind.BLOCKED
    assert [failure.name for failure in last.failures] == ["a/0"]
    assert last.next_check_at is None


def test_the_first_of_all_times_is_looked_at() -> None:
    subject = whole(idle=10, patience=Patience(pull_s=5, blocked_s=30, stall_s=0))
    assert subject.observe(model(unit("a/0")), 0).next_check_at == 10
    stuck = model(unit("a/0", "error: ErrImagePull"), unit("b/0", "blocked"))
    assert subject.observe(stuck, 1).next_check_at == 6
