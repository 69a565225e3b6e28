"""The live view on a terminal."""

from __future__ import annotations

import dataclasses
import io
import time

from rich.console import Console

from ckf_airgap.bundle.bundle import EndpointRef
from ckf_airgap.cli.progress import ProgressView
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.errors import InterruptedRunError
from ckf_airgap.juju.applying.events import DeployEvent, DeployEventKind
from ckf_airgap.juju.controller.api import ConnectionNotice
from ckf_airgap.juju.planning.live import LiveModel
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.planner import plan_deployment
from ckf_airgap.juju.planning.steps import (
    AddRelation,
    Scale,
)
from ckf_airgap.juju.snapshots.snapshot import (
    ApplicationSnapshot,
    Change,
    ModelSnapshot,
    StatusInfo,
    UnitSnapshot,
)
from ckf_airgap.juju.watching.idle import IdleTracker
from ckf_airgap.juju.watching.watch import Progress
from tests.unit.juju.samples import KFP, MINIO, bundle


def terminal(*, width: int = 80, height: int = 12) -> Terminal:
    made = Terminal()
    made.err = Console(
        file=io.StringIO(), force_terminal=True, width=width, height=height, _environ={}
    )
    return made


def drawn(view: ProgressView) -> str:
    console = Console(file=io.StringIO(), width=80)
    with console.capture() as capture:
        console.print(view._draw())
    return capture.get()


def snapshot(count: int, settled: int) -> ModelSnapshot:
    return ModelSnapshot(
        model="m",
        applications={
            f"app-{number}": ApplicationSnapshot(
                name=f"app-{number}",
                units=(
                    UnitSnapshot(
                        name=f"app-{number}/0",
                        application=f"app-{number}",
                        workload=StatusInfo(current="active" if number < settled else "blocked"),
                        agent=StatusInfo(current="idle"),
                    ),
                ),
            )
            for number in range(count)
        },
    )


def progress(model: ModelSnapshot) -> Progress:
    tracker = IdleTracker(dict.fromkeys(model.applications))
    return Progress(
        snapshot=model,
        verdict=tracker.observe(model, 0.0),
        expected=tuple(model.applications),
        elapsed_s=1.0,
    )


def plan() -> Plan:
    text = """
    applications:
      minio: {charm: ./minio_r1.charm, resources: {oci-image: "r:5000/a:1"}}
      kfp-api: {charm: ./kfp-api_r1.charm, resources: {oci-image: "r:5000/b:1"}}
    """
    charms = {"minio": MINIO, "kfp-api": KFP}
    return plan_deployment(bundle(text), charms, LiveModel(name="m"))


def test_draws_what_is_not_active_and_counts_the_rest() -> None:
    view = ProgressView(terminal(), "deploying")
    view.on_progress(progress(snapshot(4, settled=3)))
    text = drawn(view)
    assert "3/4" in text
    assert "app-3  blocked" in text
    assert "app-0" not in text


def test_does_not_draw_more_than_the_terminal_has_room_for() -> None:
    view = ProgressView(terminal(height=12), "deploying")
    view.on_progress(progress(snapshot(50, settled=0)))
    lines = drawn(view).splitlines()
    assert len(lines) < 12
    assert "and 45 more" in lines[-1]


def test_live_view_leaves_nothing_behind_and_hides_the_many_lines() -> None:
    where = terminal()
    with ProgressView(where, "deploying") as view:
        view.on_change(
            Change(application="a", unit="a/0", before=None, after=StatusInfo(current="active"))
        )
    assert isinstance(where.err.file, io.StringIO)
    assert "a/0" not in where.err.file.getvalue()
    assert where.err.file.getvalue().endswith("\x1b[2K")


def test_refusals_are_told_in_any_case() -> None:
    where = terminal()
    where.verbosity = -1
    with ProgressView(where, "deploying") as view:
        view.on_step(
            DeployEvent(kind=DeployEventKind.REFUSED, subject="cat", done=1, total=2, detail="no")
        )
    assert isinstance(where.err.file, io.StringIO)
    assert "[1/2] refused cat: no" in where.err.file.getvalue()


def test_interruption_says_what_stands() -> None:
    view = ProgressView(terminal(), "deploying")
    stopped = InterruptedRunError("stopped by Ctrl-C")
    assert view.interrupted(stopped).message == "stopped by Ctrl-C; nothing was changed"
    view.on_planned(plan())
    view.on_step(
        DeployEvent(kind=DeployEventKind.DEPLOYED, subject="minio", done=1, total=4, detail="")
    )
    assert view.interrupted(stopped).message == (
        "stopped by Ctrl-C; 1 of 2 applications deployed in model m; completed steps are kept"
    )


def test_interruption_of_a_resumed_deployment_says_that_nothing_was_left_to_do() -> None:
    view = ProgressView(terminal(), "deploying")
    view.on_planned(Plan(model="m", unchanged=("minio",)))
    stopped = view.interrupted(InterruptedRunError("stopped by SIGTERM"))
    assert stopped.message == (
        "stopped by SIGTERM; nothing was left to do in model m, and nothing was changed"
    )
    assert "ckf-airgap wait" in stopped.fix


def test_interruption_tells_of_changes_and_relations_that_the_plan_has() -> None:
    view = ProgressView(terminal(), "deploying")
    ends = EndpointRef("a", "x"), EndpointRef("b", "y")
    steps = (
        Scale(application="a", scale=2, was=1),
        AddRelation(requirer=ends[0], provider=ends[1]),
    )
    view.on_planned(Plan(model="m", steps=steps))
    view.on_step(DeployEvent(kind=DeployEventKind.CHANGED, subject="a", done=1, total=2))
    assert view.interrupted(InterruptedRunError("stopped by SIGTERM")).message == (
        "stopped by SIGTERM; 0 of 1 relation made and 1 of 1 change made in model m; "
        "completed steps are kept"
    )


def said(where: Terminal) -> str:
    assert isinstance(where.err.file, io.StringIO)
    return where.err.file.getvalue()


def test_old_state_is_told_as_old() -> None:
    where = terminal()
    where.out = Console(file=io.StringIO(), width=80)
    view = ProgressView(where, "waiting")
    fresh = progress(snapshot(2, settled=1))
    view.on_progress(fresh)
    assert "answer" not in drawn(view)
    old = dataclasses.replace(fresh, silent_since=time.monotonic() - 65)
    for _ in range(2):
        view.on_progress(old)
    text = "the controller no longer answers; the last state is 1 min 05 s old"
    assert said(where).count(text) == 1
    assert "as of 1 min 05 s ago: the controller no longer answers" in drawn(view)
    view.print_standing()
    assert isinstance(where.out.file, io.StringIO)
    assert where.out.file.getvalue().startswith(
        "as of 1 min 05 s ago: the controller no longer answers\n"
    )
    view.on_progress(fresh)
    assert said(where).count("the controller answers again") == 1
    assert "no longer answers" not in drawn(view)


def test_a_lost_connection_is_not_told_twice() -> None:
    where = terminal()
    view = ProgressView(where, "waiting")
    view.on_progress(progress(snapshot(1, settled=1)))
    view.on_notice(ConnectionNotice(text="the connection was lost", is_back=False))
    old = dataclasses.replace(progress(snapshot(1, settled=1)), silent_since=time.monotonic() - 9)
    view.on_progress(old)
    assert said(where).count("the connection was lost") == 1
    assert "no longer answers" not in said(where)
    assert "no longer answers" in drawn(view)


def test_the_last_state_is_for_people_and_only_when_there_is_one() -> None:
    where = terminal()
    where.out = Console(file=io.StringIO(), width=80)
    view = ProgressView(where, "waiting")
    view.print_standing()
    view.on_progress(progress(snapshot(1, settled=1)))
    where.json = True
    view.print_standing()
    assert isinstance(where.out.file, io.StringIO)
    assert where.out.file.getvalue() == ""
    where.json = False
    view.print_standing()
    assert where.out.file.getvalue().startswith("application")
