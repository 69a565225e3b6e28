"""What a wait that fails says: the reason first, then all that is in the way."""

from __future__ import annotations

import pytest

from ckf_airgap.errors import (
    AirgapError,
    BlockedError,
    ExitCode,
    ImagePullError,
    ModelDestroyedError,
    Problem,
    StalledError,
    WaitTimeoutError,
    WorkloadError,
)
from ckf_airgap.juju.snapshots.snapshot import ModelSnapshot
from ckf_airgap.juju.watching.endings import destroyed, ended_early, silence, timed_out
from ckf_airgap.juju.watching.idle import IdleTracker, Verdict
from ckf_airgap.juju.watching.patience import Ending, EndKind, Patience
from tests.unit.juju.states import model, unit

WHILE = "while nothing ran that could unblock it"

STUCK = model(
    unit("c/0"),
    unit("b/0", "waiting: db"),
    unit("a/0", "blocked: x"),
    unit("a/1", "blocked: x"),
)


def seen(snapshot: ModelSnapshot, *earlier: ModelSnapshot) -> tuple[IdleTracker, Verdict]:
    """Return a tracker of a whole model, and its last verdict."""
    tracker = IdleTracker(
        {}, whole_model=True, idle_period_s=10, patience=Patience(pull_s=0, blocked_s=0, stall_s=0)
    )
    for number, before in enumerate(earlier):
        tracker.observe(before, number)
    return tracker, tracker.observe(snapshot, 100)


def early(kind: EndKind, *names: str) -> AirgapError:
    tracker, verdict = seen(STUCK)
    culprits = tuple(one for one in verdict.obstacles if one.name in names)
    ending = Ending(kind=kind, obstacles=culprits, lasted_s=90)
    places = {culprits[0]: "option x"} if kind is EndKind.PULL else {}
    return ended_early("m", tracker, verdict, ending, places)


@pytest.mark.parametrize(
    ("reason", "names", "kind", "message", "option"),
    [
        (
            EndKind.PULL,
            ["a/0"],
            ImagePullError,
            "an image of 1 application in model m could not be pulled for 90 s",
            "--pull-grace",
        ),
        (
            EndKind.PULL,
            ["a/0", "b/0"],
            ImagePullError,
            "images of 2 applications in model m could not be pulled for 90 s",
            "--pull-grace",
        ),
        (
            EndKind.ERROR,
            ["a/0", "a/1"],
            WorkloadError,
            "1 application in model m failed and did not recover within 90 s",
            "ckf-airgap wait'.",
        ),
        (
            EndKind.BLOCKED,
            ["a/0"],
            BlockedError,
            f"1 application in model m was blocked for 90 s, {WHILE}",
            "--blocked-grace",
        ),
        (
            EndKind.BLOCKED,
            ["a/0", "b/0"],
            BlockedError,
            f"2 applications in model m were blocked for 90 s, {WHILE}",
            "--blocked-grace",
        ),
        (
            EndKind.STALL,
            [],
            StalledError,
            "nothing has changed in model m for 90 s, and 2 applications of 3 are not as expected",
            "--stall",
        ),
    ],
)
def test_each_reason_has_its_error(
    reason: EndKind, names: list[str], kind: type[AirgapError], message: str, option: str
) -> None:
    error = early(reason, *names)
    assert type(error) is kind
    assert error.exit_code is ExitCode.WORKLOAD
    assert error.message == message
    assert option in error.fix
    assert error.fix.startswith("Fix that, then continue with 'ckf-airgap wait'")
    assert "juju debug-log -m m --include b/0" in str(error)


def test_the_reason_comes_first_and_everything_else_worst_first() -> None:
    error = early(EndKind.ERROR, "b/0")
    assert [problem.where for problem in error.problems] == ["b/0", "a/0", "a/1"]
    error = early(EndKind.PULL, "a/1")
    assert [problem.what for problem in error.problems] == [
        "blocked: x (option x)",
        "blocked: x",
        "waiting: db",
    ]
    error = early(EndKind.STALL)
    assert [problem.where for problem in error.problems] == ["a/0", "a/1", "b/0"]


def test_one_application_that_stalls_is_one() -> None:
    tracker, verdict = seen(model(unit("a/0", "waiting")))
    ending = Ending(kind=EndKind.STALL, obstacles=(), lasted_s=1)
    error = ended_early("m", tracker, verdict, ending, {})
    assert error.message.endswith("and 1 application of 1 is not as expected")


def test_a_timeout_tells_what_is_in_the_way() -> None:
    tracker, verdict = seen(STUCK)
    error = timed_out(
        "m",
        tracker,
        verdict,
        timeout_s=30,
        now=100,
        places={verdict.obstacles[0]: "resource y"},
    )
    assert error.message == "2 applications of 3 in model m not active/idle within 30 s"
    assert [problem.what for problem in error.problems] == [
        "blocked: x",
        "blocked: x",
        "waiting: db (resource y)",
    ]
    assert "--timeout" in error.fix
    assert error.exit_code is ExitCode.TIMEOUT


def test_a_timeout_with_a_silent_controller_says_so_first() -> None:
    tracker, verdict = seen(STUCK)
    error = timed_out("m", tracker, verdict, timeout_s=30, now=100, silent_s=61.7)
    assert error.problems[0] == silence(61.7)
    assert error.problems[0] == Problem(
        "has not answered for 62 s; the state of the model is as of then",
        "the controller",
        "look at it: juju status -m controller",
    )
    assert len(error.problems) == 4


def test_a_timeout_of_what_seems_ready_says_what_is_missing() -> None:
    tracker, verdict = seen(model(unit("a/0")))
    short = timed_out("m", tracker, verdict, timeout_s=30, now=103)
    assert short.message == (
        "model m was active/idle, but not for 10 s without a change within 30 s"
    )
    assert short.fix == "Wait again with a longer --timeout."
    assert [problem.what for problem in short.problems] == ["has been active/idle for only 3.0 s"]
    silent = timed_out("m", tracker, verdict, timeout_s=30, now=103, silent_s=5)
    unconfirmed = timed_out(
        "m", tracker, tracker.observe(model(unit("a/0")), 110), timeout_s=30, now=110
    )
    for error, count in ((silent, 1), (unconfirmed, 0)):
        assert error.message == (
            "model m was active/idle when the controller answered last, and the controller did not "
            "confirm it within 30 s"
        )
        assert len(error.problems) == count
        assert isinstance(error, WaitTimeoutError)


def test_what_comes_and_goes_is_told() -> None:
    ready, not_ready = model(unit("a/0")), model(unit("a/0", "waiting: db"))
    tracker, verdict = seen(not_ready, ready, not_ready, ready)
    (problem,) = timed_out("m", tracker, verdict, timeout_s=30, now=100).problems
    assert problem.what == "waiting: db; a was active/idle twice before"


def test_a_model_that_is_gone_is_named() -> None:
    error = destroyed("m")
    assert isinstance(error, ModelDestroyedError)
    assert error.message == "model m was destroyed while it was watched"
    assert "juju models" in error.fix
    assert error.exit_code is ExitCode.CONTROLLER
