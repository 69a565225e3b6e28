"""When waiting longer is of no use: each limit from both sides, and what does not count."""

from __future__ import annotations

import dataclasses

import pytest

from ckf_airgap.juju.snapshots.snapshot import ModelSnapshot
from ckf_airgap.juju.watching.obstacles import Expectation, Obstacle, obstacles_of
from ckf_airgap.juju.watching.patience import TRANSIT_S, EarlyEnds, Ending, EndKind, Patience
from tests.unit.juju.states import changed, model, unit

OFF = Patience(pull_s=0, blocked_s=0, stall_s=0)
PULL = "error: OCI image pull error: r/x:1"


class Watching:
    """Shows models to `EarlyEnds`, with the obstacles that they have."""

    def __init__(self, *, error_s: float = 1e9, **limits: float) -> None:
        self.ends = EarlyEnds(dataclasses.replace(OFF, **limits), error_grace_s=error_s)

    def see(
        self, snapshot: ModelSnapshot, at: float, *, is_live: bool = True, only: str = ""
    ) -> tuple[EndKind | None, float | None]:
        ending, check_at = self.look(snapshot, at, is_live=is_live, only=only)
        return ending.kind if ending is not None else None, check_at

    def look(
        self, snapshot: ModelSnapshot, at: float, *, is_live: bool = True, only: str = ""
    ) -> tuple[Ending | None, float | None]:
        found = [
            obstacle
            for name, application in snapshot.applications.items()
            if not only or name == only
            for obstacle in obstacles_of(name, application, Expectation())
        ]
        return self.ends.observe(snapshot, found, at, is_live=is_live)


def names(ending: Ending | None) -> list[str]:
    assert ending is not None
    return [obstacle.name for obstacle in ending.obstacles]


# Images.


def test_an_image_that_cannot_be_pulled_ends_it_after_its_grace() -> None:
    watching = Watching(pull_s=60)
    stuck = model(unit("a/0", PULL), unit("b/0"))
    assert watching.see(stuck, 100) == (None, 160)
    assert watching.see(stuck, 159) == (None, 160)
    ending, check_at = watching.look(stuck, 160)
    assert ending is not None
    assert (ending.kind, ending.lasted_s, check_at) == (EndKind.PULL, 60, None)
    assert names(ending) == ["a/0"]


def test_an_image_that_was_pulled_in_time_is_forgotten() -> None:
    watching = Watching(pull_s=60)
    watching.see(model(unit("a/0", PULL)), 0)
    watching.see(model(unit("a/0", "waiting: x")), 50)
    assert watching.see(model(unit("a/0", PULL)), 61) == (None, 121)


def test_the_reason_may_alternate_and_need_not_be_an_error() -> None:
    watching = Watching(pull_s=60)
    watching.see(model(unit("a/0", "waiting: ErrImagePull")), 0)
    assert watching.see(model(unit("a/0", "waiting: ImagePullBackOff")), 60)[0] is EndKind.PULL


def test_an_image_has_no_longer_grace_than_an_error_when_it_is_one() -> None:
    watching = Watching(pull_s=60, error_s=5)
    assert watching.see(model(unit("a/0", PULL)), 0) == (None, 5)
    assert watching.see(model(unit("a/0", PULL)), 5)[0] is EndKind.PULL
    watching = Watching(pull_s=60, error_s=5)
    assert watching.see(model(unit("a/0", "waiting: ErrImagePull")), 0) == (None, 60)


def test_without_a_grace_for_images_they_are_waited_for() -> None:
    watching = Watching(pull_s=0, error_s=5)
    watching.see(model(unit("a/0", PULL)), 0)
    assert watching.see(model(unit("a/0", PULL)), 9e6) == (None, None)


# Errors.


def test_an_error_ends_it_after_its_grace() -> None:
    watching = Watching(error_s=60)
    broken = model(unit("a/0", "error: x"), unit("b/0", "error: y"), unit("c/0", "waiting"))
    assert watching.see(broken, 0) == (None, 60)
    assert watching.see(broken, 59.9)[0] is None
    ending, _ = watching.look(broken, 60)
    assert ending is not None
    assert (ending.kind, ending.lasted_s, names(ending)) == (EndKind.ERROR, 60, ["a/0", "b/0"])


def test_missing_images_come_before_errors_and_those_before_blocked_units() -> None:
    everything = model(unit("a/0", "blocked"), unit("b/0", "error"), unit("c/0", PULL))
    for limits, kind in (
        ({"pull_s": 5.0, "blocked_s": 5.0, "error_s": 5.0, "stall_s": 5.0}, EndKind.PULL),
        ({"blocked_s": 5.0, "error_s": 5.0, "stall_s": 5.0}, EndKind.ERROR),
        ({"blocked_s": 5.0, "stall_s": 5.0}, EndKind.BLOCKED),
        ({"stall_s": 5.0}, EndKind.STALL),
    ):
        watching = Watching(**limits)
        watching.see(everything, 0)
        assert watching.see(everything, 5)[0] is kind


# Blocked.


def test_what_is_blocked_ends_it_after_its_grace() -> None:
    watching = Watching(blocked_s=300)
    stuck = model(unit("a/0", "blocked: Missing relation"), unit("b/0"))
    assert watching.see(stuck, 1000) == (None, 1300)
    assert watching.see(stuck, 1299) == (None, 1300)
    ending, check_at = watching.look(stuck, 1300)
    assert ending is not None
    assert (ending.kind, ending.lasted_s, check_at) == (EndKind.BLOCKED, 300, None)
    assert names(ending) == ["a/0"]


def test_an_application_may_be_blocked_by_itself() -> None:
    watching = Watching(blocked_s=300)
    stuck = model(unit("a/0"), status={"a": "blocked"})
    watching.see(stuck, 0)
    assert names(watching.look(stuck, 300)[0]) == ["a"]


@pytest.mark.parametrize(
    "busy",
    [
        unit("b/0", "active", "executing"),
        unit("b/0", "waiting: installing agent", "allocating"),
        unit("b/0", "active", "rebooting"),
        unit("a/1", "active", "executing"),
    ],
)
def test_it_is_not_counted_while_an_agent_runs_something(busy: object) -> None:
    watching = Watching(blocked_s=300)
    blocked = unit("a/0", "blocked")
    waiting = model(blocked, busy)  # type: ignore[arg-type]
    quiet = model(blocked, unit("b/0"))
    assert watching.see(waiting, 0) == (None, None)
    assert watching.see(waiting, 5000) == (None, None)
    assert watching.see(quiet, 5000) == (None, 5300)
    assert watching.see(quiet, 5100) == (None, 5300)
    watching.see(waiting, 5200)  # 200 s were counted
    assert watching.see(quiet, 9000) == (None, 9100)
    assert watching.see(quiet, 9100)[0] is EndKind.BLOCKED


@pytest.mark.parametrize("agent", ["allocating", "idle", ""])
def test_an_agent_of_a_blocked_unit_that_only_waits_does_not_count(agent: str) -> None:
    watching = Watching(blocked_s=300)
    stuck = model(unit("a/0", "blocked: 0/3 nodes are available", agent), unit("b/0"))
    assert watching.see(stuck, 0) == (None, 300)


def test_an_agent_of_a_blocked_unit_that_runs_a_hook_counts() -> None:
    watching = Watching(blocked_s=300)
    assert watching.see(model(unit("a/0", "blocked", "executing")), 0) == (None, None)


@pytest.mark.parametrize("workload", ["waiting: db", "maintenance: x", "allocating", ""])
def test_it_is_not_counted_while_another_unit_is_in_transit(workload: str) -> None:
    watching = Watching(blocked_s=10)
    stuck = model(unit("a/0", "blocked"), unit("b/0", workload))
    assert watching.see(stuck, 0) == (None, TRANSIT_S)
    assert watching.see(stuck, TRANSIT_S - 1) == (None, TRANSIT_S)
    assert watching.see(stuck, TRANSIT_S) == (None, TRANSIT_S + 10)
    assert watching.see(stuck, TRANSIT_S + 10)[0] is EndKind.BLOCKED


def test_a_transit_that_goes_on_begins_anew() -> None:
    watching = Watching(blocked_s=10)
    blocked = unit("a/0", "blocked")
    watching.see(model(blocked, unit("b/0", "waiting: x")), 0)
    watching.see(model(blocked, unit("b/0", "waiting: y")), 200)
    assert watching.see(model(blocked, unit("b/0", "waiting: y")), 300) == (None, 200 + TRANSIT_S)
    watching.see(model(blocked, unit("b/0", "waiting: y", since="t1")), 400)
    at = 400 + TRANSIT_S
    assert watching.see(model(blocked, unit("b/0", "waiting: y", since="t1")), 450) == (None, at)


def test_the_last_transit_counts() -> None:
    watching = Watching(blocked_s=10)
    blocked = unit("a/0", "blocked")
    watching.see(model(blocked, unit("b/0", "waiting")), 0)
    stuck = model(blocked, unit("b/0", "waiting"), unit("c/0", "waiting"))
    watching.see(stuck, 100)
    assert watching.see(stuck, TRANSIT_S) == (None, 100 + TRANSIT_S)
    assert watching.see(stuck, 100 + TRANSIT_S) == (None, 110 + TRANSIT_S)


def test_applications_that_come_go_or_wait_by_themselves_are_in_transit() -> None:
    blocked = model(unit("a/0", "blocked"), unit("b/0"))
    for other in (
        changed(blocked, "b", life="dying"),
        changed(blocked, "b", scale=2),
        changed(blocked, "b", scale=0),
        model(unit("a/0", "blocked"), unit("b/0"), status={"b": "waiting"}),
        model(unit("a/0", "blocked"), unit("b/0"), status={"b": "maintenance"}),
    ):
        assert Watching(blocked_s=10).see(other, 0, only="a") == (None, TRANSIT_S)
    for other in (
        changed(blocked, "b", scale=1),
        changed(blocked, "b", life=""),
        model(unit("a/0", "blocked"), unit("b/0"), status={"b": "active"}),
        model(unit("a/0", "blocked"), unit("b/0"), status={"b": "blocked"}),
    ):
        assert Watching(blocked_s=10).see(other, 0, only="a") == (None, 10)


def test_what_was_unblocked_in_between_begins_anew() -> None:
    watching = Watching(blocked_s=300)
    stuck = model(unit("a/0", "blocked"))
    watching.see(stuck, 0)
    watching.see(model(unit("a/0")), 200)
    assert watching.see(stuck, 250) == (None, 550)


def test_another_message_does_not_begin_it_anew() -> None:
    watching = Watching(blocked_s=300)
    watching.see(model(unit("a/0", "blocked: x")), 0)
    assert watching.see(model(unit("a/0", "blocked: y")), 200) == (None, 300)


def test_only_those_that_were_blocked_long_enough_are_named() -> None:
    watching = Watching(blocked_s=300)
    watching.see(model(unit("a/0", "blocked"), unit("b/0")), 0)
    both = model(unit("a/0", "blocked"), unit("b/0", "blocked"))
    watching.see(both, 100)
    assert names(watching.look(both, 300)[0]) == ["a/0"]


def test_without_a_grace_blocked_units_are_waited_for() -> None:
    watching = Watching()
    stuck = model(unit("a/0", "blocked"))
    watching.see(stuck, 0)
    assert watching.see(stuck, 9e6) == (None, None)


# A model in which nothing happens.


def test_a_model_in_which_nothing_changes_ends_it() -> None:
    watching = Watching(stall_s=900)
    stuck = model(unit("a/0", "waiting: db"), unit("b/0", "maintenance", "executing"))
    assert watching.see(stuck, 0) == (None, 900)
    assert watching.see(stuck, 899)[0] is None
    ending, check_at = watching.look(stuck, 900)
    assert ending is not None
    assert (ending.kind, ending.lasted_s, check_at) == (EndKind.STALL, 900, None)
    assert ending.obstacles == ()


def test_any_change_begins_it_anew() -> None:
    watching = Watching(stall_s=900)
    watching.see(model(unit("a/0", "waiting"), unit("b/0")), 0)
    other = model(unit("a/0", "waiting"), unit("b/0", since="t1"))
    assert watching.see(other, 800) == (None, 1700)
    assert watching.see(other, 1699)[0] is None
    assert watching.see(other, 1700)[0] is EndKind.STALL


@pytest.mark.parametrize(
    "coming",
    [
        unit("b/0", "waiting: installing agent", "allocating"),
        unit("b/0", "active", "allocating"),
        unit("b/0", "waiting: waiting for container"),
        unit("b/0", "waiting: agent initialising", "executing"),
        unit("b/0", "maintenance: creating pod container(s)"),
        unit("b/0", "maintenance: pod initializing"),
        unit("b/0", "waiting: installing agent"),
    ],
)
def test_it_is_not_counted_while_a_container_is_made(coming: object) -> None:
    watching = Watching(stall_s=900)
    waiting = model(unit("a/0", "waiting"), coming)  # type: ignore[arg-type]
    assert watching.see(waiting, 0) == (None, None)
    assert watching.see(waiting, 5000) == (None, None)
    there = model(unit("a/0", "waiting"), unit("b/0"))
    assert watching.see(there, 5000) == (None, 5900)


@pytest.mark.parametrize("workload", ["blocked", "error", "terminated"])
def test_a_unit_without_a_node_to_run_on_does_not_hold_it_up(workload: str) -> None:
    stuck = model(unit("a/0", f"{workload}: no room", "allocating"))
    assert Watching(stall_s=900).see(stuck, 0) == (None, 900)


def test_what_is_ready_does_not_stall() -> None:
    watching = Watching(stall_s=900)
    ready = model(unit("a/0"))
    assert watching.see(ready, 0) == (None, None)
    assert watching.see(ready, 1000) == (None, None)
    stuck = model(unit("a/0", "waiting"))
    assert watching.see(stuck, 1000) == (None, 1900)


def test_an_application_that_gets_ready_and_back_begins_it_anew() -> None:
    watching = Watching(stall_s=900)
    stuck = model(unit("a/0", "waiting"), unit("b/0"))
    watching.see(stuck, 0, only="a")
    watching.see(stuck, 100, only="b")  # nothing is in the way
    assert watching.see(stuck, 200, only="a") == (None, 1000)


# A controller that is silent.


def test_nothing_is_counted_while_the_controller_is_silent() -> None:
    for limits, workload, kind in (
        ({"pull_s": 60.0}, PULL, EndKind.PULL),
        ({"error_s": 60.0}, "error", EndKind.ERROR),
        ({"blocked_s": 60.0}, "blocked", EndKind.BLOCKED),
        ({"stall_s": 60.0}, "waiting", EndKind.STALL),
    ):
        watching = Watching(**limits)
        stuck = model(unit("a/0", workload))
        assert watching.see(stuck, 100) == (None, 160)
        assert watching.see(stuck, 150) == (None, 160)
        assert watching.see(stuck, 400, is_live=False) == (None, 410)
        assert watching.see(stuck, 409)[0] is None
        assert watching.see(stuck, 410)[0] is kind


def test_what_is_in_the_way_need_not_be_in_the_model() -> None:
    ends = EarlyEnds(Patience(pull_s=1, blocked_s=1, stall_s=10))
    missing = Obstacle(application="a", unit=None, what="is not in the model")
    assert ends.observe(model(), [missing], 0) == (None, 10)
    ending, _ = ends.observe(model(), [missing], 10)
    assert ending is not None
    assert ending.kind is EndKind.STALL
