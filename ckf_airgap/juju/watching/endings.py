"""The errors that a wait ends with: the reason first, then everything that is in the way. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from ckf_airgap.errors import (
    BlockedError,
    ImagePullError,
    ModelDestroyedError,
    Problem,
    StalledError,
    WaitTimeoutError,
    WorkloadError,
)
from ckf_airgap.juju.watching.idle import IdleTracker, Verdict, times
from ckf_airgap.juju.watching.obstacles import Obstacle, worst_first
from ckf_airgap.juju.watching.patience import Ending, EndKind

_CONTINUE: Final = "Continue waiting with 'ckf-airgap wait', with a longer --timeout if needed."


def destroyed(model: str) -> ModelDestroyedError:
    """Return the error of a wait whose model is being, or has been, destroyed."""
    return ModelDestroyedError(
        f"model {model} was destroyed while it was watched",
        fix="Nothing of it is left to wait for; see juju models.",
    )


def ended_early(
    model: str,
    tracker: IdleTracker,
    verdict: Verdict,
    ending: Ending,
    places: Mapping[Obstacle, str],
) -> WorkloadError:
    """Return the error of a wait that has become pointless.

    Args:
        model: The model's name.
        tracker: What was waited for.
        verdict: The last look at the model.
        ending: Why it ended.
        places: The resource or option that each image comes from that cannot be pulled.
    """
    error = _ended_early(model, tracker, verdict, ending, places)
    pointless = verdict.obstacles if ending.kind is EndKind.STALL else ending.obstacles
    error.applications = tuple(_applications(pointless))
    return error


def _ended_early(
    model: str,
    tracker: IdleTracker,
    verdict: Verdict,
    ending: Ending,
    places: Mapping[Obstacle, str],
) -> WorkloadError:
    names = _applications(ending.obstacles)
    lasted = f"{ending.lasted_s:g} s"
    others = [one for one in verdict.obstacles if one not in ending.obstacles]
    problems = [
        _problem(one, tracker, model, places)
        for one in (*worst_first(ending.obstacles), *worst_first(others))
    ]
    fix = "Fix that, then continue with 'ckf-airgap wait'"
    match ending.kind:
        case EndKind.PULL:
            images = "an image" if len(names) == 1 else "images"
            return ImagePullError(
                f"{images} of {_count(names)} in model {model} could not be pulled for {lasted}",
                problems=problems,
                fix=f"{fix}; --pull-grace sets how long pulling is tried.",
            )
        case EndKind.ERROR:
            return WorkloadError(
                f"{_count(names)} in model {model} failed and did not recover within {lasted}",
                problems=problems,
                fix=f"{fix}.",
            )
        case EndKind.BLOCKED:
            verb = "was" if len(names) == 1 else "were"
            return BlockedError(
                f"{_count(names)} in model {model} {verb} blocked for {lasted}, while nothing ran "
                "that could unblock it",
                problems=problems,
                fix=f"{fix}; --blocked-grace sets how long to wait for it.",
            )
        case EndKind.STALL:
            waiting = _applications(verdict.obstacles)
            return StalledError(
                f"nothing has changed in model {model} for {lasted}, and {_count(waiting)} of "
                f"{len(tracker.expected)} {_are(waiting)} not as expected",
                problems=problems,
                fix=f"{fix}; --stall sets how long to wait for a change.",
            )


def timed_out(
    model: str,
    tracker: IdleTracker,
    verdict: Verdict,
    *,
    timeout_s: float,
    now: float,
    silent_s: float | None = None,
    places: Mapping[Obstacle, str] | None = None,
) -> WaitTimeoutError:
    """Return the error of a wait whose time is over.

    Args:
        model: The model's name.
        tracker: What was waited for.
        verdict: The last look at the model.
        timeout_s: How long it was waited, in seconds.
        now: The monotonic time of that look.
        silent_s: How long ago the controller was heard last; ``None`` when the state is current.
        places: The resource or option that each image comes from that cannot be pulled.
    """
    problems = [] if silent_s is None else [silence(silent_s)]
    names = _applications(verdict.obstacles)
    if names:
        problems += [
            _problem(one, tracker, model, places or {}) for one in worst_first(verdict.obstacles)
        ]
        return WaitTimeoutError(
            f"{_count(names)} of {len(tracker.expected)} in model {model} not active/idle within "
            f"{timeout_s:g} s",
            problems=problems,
            fix=_CONTINUE,
        )
    if verdict.done or silent_s is not None:
        return WaitTimeoutError(
            f"model {model} was active/idle when the controller answered last, and the controller "
            f"did not confirm it within {timeout_s:g} s",
            problems=problems,
            fix=_CONTINUE,
        )
    return WaitTimeoutError(
        f"model {model} was active/idle, but not for {tracker.idle_period_s:g} s without a "
        f"change within {timeout_s:g} s",
        problems=[short.problem(model) for short in tracker.short_of_idle(now)],
        fix="Wait again with a longer --timeout.",
    )


def silence(silent_s: float) -> Problem:
    """Return what it means that the controller has not been heard for so many seconds."""
    return Problem(
        f"has not answered for {silent_s:.0f} s; the state of the model is as of then",
        "the controller",
        "look at it: juju status -m controller",
    )


def _problem(
    obstacle: Obstacle, tracker: IdleTracker, model: str, places: Mapping[Obstacle, str]
) -> Problem:
    """Return an obstacle as a problem, which also says if the application comes and goes."""
    problem = obstacle.problem(model, places.get(obstacle, ""))
    before = tracker.interruptions.get(obstacle.application, 0)
    if not before:
        return problem
    what = f"{problem.what}; {obstacle.application} was active/idle {times(before)} before"
    return replace(problem, what=what)


def _applications(obstacles: Iterable[Obstacle]) -> list[str]:
    return sorted({obstacle.application for obstacle in obstacles})


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _count(names: list[str]) -> str:
    return f"{len(names)} application" if len(names) == 1 else f"{len(names)} applications"
