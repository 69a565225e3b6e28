"""Watching without a controller: a feed that the test fills, and an API that it plays."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from ckf_airgap.concurrency import timeout
from ckf_airgap.documents import Document
from ckf_airgap.errors import (
    AirgapError,
    BlockedError,
    ControllerError,
    ImagePullError,
    ModelDestroyedError,
    Problem,
    StalledError,
    WaitTimeoutError,
    WorkloadError,
)
from ckf_airgap.juju.controller.api import CallRefusedError
from ckf_airgap.juju.snapshots.modelfeed import ModelFeed
from ckf_airgap.juju.snapshots.snapshot import Change
from ckf_airgap.juju.watching import reader
from ckf_airgap.juju.watching.obstacles import marks_of
from ckf_airgap.juju.watching.patience import Patience
from ckf_airgap.juju.watching.watch import Progress, wait_active_idle, watch


class FakeApi:
    """Answers with what the test says, and counts the calls of ``FullStatus``."""

    def __init__(self) -> None:
        self.status: Callable[[], Document] = lambda: {"applications": {}}
        self.resources: Document = {}
        self.options: Document = {}
        self.calls = 0
        self.is_silent = False
        self.is_refusing = False

    async def call(self, facade: str, method: str, params: Document | None = None) -> Document:
        await asyncio.sleep(3600 if self.is_silent else 0)
        match facade, method:
            case "Client", "FullStatus":
                assert params == {"patterns": []}
                self.calls += 1
                return self.status()
            case "Application", "Get":
                if self.is_refusing:
                    raise CallRefusedError("no")
                return {"config": self.options}
        raise AssertionError(f"{facade}.{method}")

    async def call_each(
        self, facade: str, method: str, params: Document | None = None
    ) -> list[Document | CallRefusedError]:
        await asyncio.sleep(3600 if self.is_silent else 0)
        assert (facade, method) == ("Resources", "ListResources")
        assert params is not None
        tags = params["entities"]
        assert isinstance(tags, list)
        return [self.resources for _ in tags]


class FakeSource:
    def __init__(self) -> None:
        self.api = FakeApi()
        self.feed = ModelFeed("kubeflow")
        self.model_name = "kubeflow"
        self.known: dict[str, Any] = {}

    def unit(self, name: str, workload: str, agent: str = "idle", since: str = "t") -> None:
        """Tell of a unit and its application, as the watcher does."""
        application = name.partition("/")[0]
        self.feed.apply(
            "application",
            {"name": application, "charm-url": f"local:{application}-0", "life": "alive"},
            removed=False,
        )
        self.feed.apply(
            "unit",
            {
                "name": name,
                "application": application,
                "workload-status": {"current": workload, "message": "", "since": since},
                "agent-status": {"current": agent, "message": "", "since": since},
            },
            removed=False,
        )
        known = self.known.setdefault(application, {"charm": "local:a-0", "units": {}})
        known["units"][name] = {"workload-status": {"status": workload}}
        known["int"] = len(known["units"])
        self.api.status = lambda: {"applications": self.known}


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


async def test_each_reader_gets_what_is_there_and_then_each_change(source: FakeSource) -> None:
    source.unit("a/0", "waiting")
    first, second = watch(source), watch(source)
    for stream in (first, second):
        (unit,) = (await anext(stream)).units
        assert unit.workload.current == "waiting"
    source.unit("a/0", "active")
    for stream in (first, second):
        (unit,) = (await anext(stream)).units
        assert unit.workload.current == "active"
        await stream.aclose()


async def test_many_changes_at_once_are_one_snapshot(source: FakeSource) -> None:
    stream = watch(source)
    await anext(stream)
    for number in range(50):
        source.unit(f"a/{number}", "active")
    assert len(list((await anext(stream)).units)) == 50
    with pytest.raises(TimeoutError):
        async with timeout(0.3):
            await anext(stream)


async def test_the_whole_status_is_asked_for_now_and_then_only(source: FakeSource) -> None:
    stream = watch(source, status_every_s=0.2)
    await anext(stream)
    assert source.api.calls == 1
    task = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0.5)
    assert 2 <= source.api.calls <= 4
    task.cancel()


async def test_a_pod_that_cannot_start_ends_the_wait_though_the_watcher_is_silent(
    source: FakeSource,
) -> None:
    source.unit("a/0", "waiting", "allocating")
    source.api.status = lambda: {
        "applications": {
            "a": {
                "charm": "local:a-0",
                "units": {
                    "a/0": {
                        "workload-status": {
                            "status": "error",
                            "info": "OCI image pull error: reg/x:1 not found",
                        }
                    }
                },
            }
        }
    }
    with pytest.raises(WorkloadError) as caught:
        await wait_active_idle(source, error_grace_s=0.3, timeout_s=10, status_every_s=0.1)
    assert "a/0: error: OCI image pull error: reg/x:1 not found (check that" in str(caught.value)
    assert caught.value.applications == ("a",)


async def test_the_idle_period_is_kept_without_any_change(source: FakeSource) -> None:
    source.unit("a/0", "active")
    report = await wait_active_idle(source, idle_period_s=0.3, timeout_s=5)
    assert 0.3 <= report.took_s < 1
    assert report.ready_after_s.keys() == {"a"}


async def until(condition: Callable[[], bool]) -> None:
    """Return when something holds."""
    async with timeout(10):
        while not condition():  # noqa: ASYNC110 - looks at state that nobody tells about
            await asyncio.sleep(0.01)


def status(workload: str, *, leader: bool = False) -> Document:
    unit: Document = {"workload-status": {"status": workload, "info": "x"}, "leader": leader}
    return {"applications": {"a": {"charm": "local:a-0", "units": {"a/0": unit}}}}


async def test_the_report_has_the_status_of_the_end_and_not_of_the_beginning(
    source: FakeSource,
) -> None:
    source.unit("a/0", "active")
    source.api.status = lambda: status("active", leader=source.api.calls > 1)
    report = await wait_active_idle(source, idle_period_s=0.2, timeout_s=5, status_every_s=60)
    assert [unit.leader for unit in report.snapshot.units] == [True]
    assert source.api.calls == 2


async def test_a_pod_that_failed_since_the_last_status_keeps_the_wait_going(
    source: FakeSource,
) -> None:
    source.unit("a/0", "active")
    source.api.status = lambda: status("error" if source.api.calls == 2 else "active")
    report = await wait_active_idle(source, idle_period_s=0.2, timeout_s=5, status_every_s=0.5)
    assert source.api.calls >= 4
    assert report.took_s > 0.6


async def test_activity_during_the_idle_period_prolongs_it(source: FakeSource) -> None:
    source.unit("a/0", "active", since="1")

    async def hook() -> None:
        await asyncio.sleep(0.25)
        source.unit("a/0", "active", since="2")

    task = asyncio.ensure_future(hook())
    report = await wait_active_idle(source, idle_period_s=0.4, timeout_s=5)
    await task
    assert report.took_s >= 0.65


async def test_a_timeout_while_all_is_well_but_not_long_enough(source: FakeSource) -> None:
    source.unit("a/0", "active")
    with pytest.raises(WaitTimeoutError, match=r"but not for 60 s without a change within 0\.2 s"):
        await wait_active_idle(source, idle_period_s=60, timeout_s=0.2)


async def test_a_timeout_names_the_application_that_comes_and_goes(source: FakeSource) -> None:
    source.unit("calm/0", "active")
    source.unit("busy/0", "active")

    async def hooks() -> None:
        for number in range(100):
            await asyncio.sleep(0.25)
            source.unit("busy/0", "active", since=f"t{number}")

    task = asyncio.ensure_future(hooks())
    with pytest.raises(WaitTimeoutError) as caught:
        await wait_active_idle(source, idle_period_s=0.6, timeout_s=1.5)
    task.cancel()
    (problem,) = caught.value.problems
    assert problem.where == "busy"
    assert re.search(r"for only 0\.\d s, after it was interrupted [345] times", problem.what)
    assert "--include busy" in problem.fix


async def test_a_timeout_in_the_middle_of_a_hook_tells_of_the_times_before(
    source: FakeSource,
) -> None:
    source.unit("a/0", "active")

    async def hook() -> None:
        await asyncio.sleep(0.3)
        source.unit("a/0", "active", "executing")

    task = asyncio.ensure_future(hook())
    with pytest.raises(WaitTimeoutError, match="executing; a was active/idle once before"):
        await wait_active_idle(source, idle_period_s=0.6, timeout_s=0.8)
    await task


async def test_callbacks_are_told_each_change_once(source: FakeSource) -> None:
    changes: list[Change] = []
    source.unit("a/0", "waiting")

    async def course() -> None:
        await asyncio.sleep(0.2)
        source.unit("a/0", "active")

    task = asyncio.ensure_future(course())
    await wait_active_idle(source, idle_period_s=0.2, timeout_s=5, on_change=changes.append)
    await task
    assert [str(change) for change in changes] == ["a/0: waiting", "a/0: waiting -> active"]


async def test_a_lost_connection_is_told_to_everybody_who_waits(source: FakeSource) -> None:
    source.unit("a/0", "waiting")
    waits = [
        asyncio.ensure_future(wait_active_idle(source, timeout_s=30)),
        asyncio.ensure_future(wait_active_idle(source, timeout_s=30)),
    ]
    await asyncio.sleep(0.05)
    source.feed.fail(ControllerError("gone"))
    for task in waits:
        with pytest.raises(ControllerError, match="gone"):
            await task


async def test_the_state_stands_while_the_connection_is_away(source: FakeSource) -> None:
    source.unit("a/0", "active")
    source.feed.interrupt()
    seen = source.feed.version
    source.unit("b/0", "active")  # the new watcher begins to tell
    assert set(source.feed.snapshot().applications) == {"a"}
    assert source.feed.version == seen
    source.feed.resume()
    assert set(source.feed.snapshot().applications) == {"b"}
    assert source.feed.version > seen


async def test_a_status_that_cannot_be_had_does_not_end_the_watch(source: FakeSource) -> None:
    def broken() -> Document:
        raise ControllerError("away")

    source.unit("a/0", "active")
    source.api.status = broken
    stream = watch(source)
    assert set((await anext(stream)).applications) == {"a"}
    await stream.aclose()


async def test_what_the_controller_does_not_confirm_is_not_the_end(source: FakeSource) -> None:
    def broken() -> Document:
        raise ControllerError("away")

    source.unit("a/0", "active")
    source.api.status = broken
    with pytest.raises(WaitTimeoutError, match=r"did not confirm it within 0\.4 s"):
        await wait_active_idle(source, idle_period_s=0.1, timeout_s=0.4)
    source.unit("a/0", "active")
    report = await wait_active_idle(source, idle_period_s=0.1, timeout_s=5)
    assert set(report.snapshot.applications) == {"a"}


# What ends a wait.


async def ending(source: FakeSource, kind: type[AirgapError], **how: Any) -> AirgapError:
    """Return what a wait ends with, which must be in time."""
    with pytest.raises(kind) as caught:
        await wait_active_idle(source, **{"timeout_s": 5.0, "idle_period_s": 0.1, **how})
    assert type(caught.value) is kind
    return caught.value


def text(name: str, workload: str, message: str) -> Document:
    """Return a delta of a unit with a message."""
    return {
        "name": name,
        "application": name.partition("/")[0],
        "workload-status": {"current": workload, "message": message, "since": "t"},
        "agent-status": {"current": "idle", "message": "", "since": "t"},
    }


async def test_all_that_is_in_the_way_is_told_worst_first(source: FakeSource) -> None:
    for name, workload, message in (
        ("calm/0", "active", ""),
        ("wait/0", "waiting", "for db"),
        ("lame/0", "blocked", "needs relation"),
        ("sick/10", "error", 'hook failed: "start"'),
        ("sick/2", "error", 'hook failed: "start"'),
        ("pull/0", "error", 'OCI image pull error: image "r/x:1" not found'),
    ):
        source.unit(name, workload)
        source.feed.apply("unit", text(name, workload, message), removed=False)
    error = await ending(
        source,
        ImagePullError,
        error_grace_s=0.2,
        image_places={"r/x:1": "resource oci-image"},
    )
    assert error.message == (
        "an image of 1 application in model kubeflow could not be pulled for 0.2 s"
    )
    assert [problem.where for problem in error.problems] == [
        "pull/0",
        "sick/2",
        "sick/10",
        "lame/0",
        "wait/0",
    ]
    assert error.problems[0].what == (
        'error: OCI image pull error: image "r/x:1" not found (resource oci-image)'
    )
    assert "--pull-grace" in error.fix
    assert error.exit_code == 7


async def test_the_place_of_an_image_is_looked_for_in_the_model(source: FakeSource) -> None:
    source.unit("a/0", "waiting")
    message = 'Back-off pulling image "r/x:1"'
    source.feed.apply("unit", text("a/0", "waiting", message), removed=False)
    source.api.resources = {"resources": [{"name": "oci-image", "type": "oci-image"}]}
    how = {"patience": Patience(pull_s=0.1)}
    error = await ending(source, ImagePullError, **how)
    assert error.problems[0].what.endswith("(resource oci-image)")
    source.api.options = {"helper": {"value": "image: r/x:1"}, "other": {"value": 1}}
    error = await ending(source, ImagePullError, **how)
    assert error.problems[0].what.endswith("(option helper)")
    source.api.resources, source.api.options = {}, {}
    error = await ending(source, ImagePullError, **how)
    assert error.problems[0].what == f"waiting: {message}"
    source.api.is_refusing = True
    error = await ending(source, ImagePullError, **how)
    assert error.problems[0].what == f"waiting: {message}"


async def test_a_unit_that_stays_blocked_ends_it(source: FakeSource) -> None:
    source.unit("a/0", "blocked")
    error = await ending(source, BlockedError, patience=Patience(blocked_s=0.3))
    assert error.message == (
        "1 application in model kubeflow was blocked for 0.3 s, while nothing ran that could "
        "unblock it"
    )
    assert [problem.where for problem in error.problems] == ["a/0"]
    assert "--blocked-grace" in error.fix


async def test_a_model_in_which_nothing_changes_ends_it(source: FakeSource) -> None:
    source.unit("a/0", "waiting")
    source.unit("b/0", "maintenance")
    source.unit("c/0", "active")
    error = await ending(source, StalledError, patience=Patience(stall_s=0.3), status_every_s=60)
    assert error.message == (
        "nothing has changed in model kubeflow for 0.3 s, and 2 applications of 3 are not as "
        "expected"
    )
    assert [problem.where for problem in error.problems] == ["a/0", "b/0"]
    assert "--stall" in error.fix


@pytest.mark.parametrize("life", ["dying", "dead"])
async def test_a_model_that_is_destroyed_ends_it(source: FakeSource, life: str) -> None:
    source.unit("a/0", "waiting")
    task = asyncio.ensure_future(ending(source, ModelDestroyedError))
    await asyncio.sleep(0.1)
    source.feed.apply("model", {"name": "kubeflow", "life": life}, removed=life == "dead")
    error = await task
    assert error.message == "model kubeflow was destroyed while it was watched"
    assert error.exit_code == 5


async def test_a_status_of_a_model_that_is_being_destroyed_ends_it(source: FakeSource) -> None:
    source.unit("a/0", "waiting")
    source.api.status = lambda: {"model": {"model-status": {"status": "destroying"}}}
    await ending(source, ModelDestroyedError)


async def test_a_model_that_the_controller_does_not_know_any_more_ends_it(
    source: FakeSource,
) -> None:
    def gone() -> Document:
        raise CallRefusedError("gone", code="model not found")

    source.unit("a/0", "waiting")
    source.api.status = gone
    await ending(source, ModelDestroyedError)
    stream = watch(source)
    with pytest.raises(ModelDestroyedError):
        await anext(stream)


async def test_a_status_that_is_refused_ends_it(source: FakeSource) -> None:
    def refused() -> Document:
        raise CallRefusedError("permission denied", code="unauthorized access")

    source.unit("a/0", "waiting")
    source.api.status = refused
    await ending(source, CallRefusedError)


async def test_a_model_that_is_followed_shows_that_it_is_dying_and_ends_when_it_is_gone(
    source: FakeSource,
) -> None:
    stream = watch(source)
    assert (await anext(stream)).life == "alive"
    source.feed.apply("model", {"life": "dying"}, removed=False)
    assert (await anext(stream)).life == "dying"
    source.feed.apply("model", {"life": "dying"}, removed=True)
    assert (await anext(stream)).life == "dead"
    with pytest.raises(ModelDestroyedError):
        await anext(stream)


async def test_an_application_that_comes_is_waited_for_and_one_that_goes_is_not(
    source: FakeSource,
) -> None:
    source.unit("a/0", "waiting")
    waiting = asyncio.ensure_future(wait_active_idle(source, idle_period_s=0.1, timeout_s=5))
    await asyncio.sleep(0.1)
    source.unit("b/0", "active")
    source.unit("c/0", "blocked")
    source.unit("a/0", "active")
    await asyncio.sleep(0.5)
    assert not waiting.done()
    del source.known["c"]
    source.feed.apply("unit", {"name": "c/0"}, removed=True)
    source.feed.apply("application", {"name": "c"}, removed=True)
    report = await waiting
    assert (set(report.snapshot.applications), report.removed) == ({"a", "b"}, ("c",))
    assert report.to_json()["removed"] == ["c"]


async def test_what_the_status_has_before_the_watcher_is_waited_for(source: FakeSource) -> None:
    source.unit("a/0", "active")
    source.known["b"] = {"charm": "local:b-0", "int": 1, "units": {}}
    waiting = asyncio.ensure_future(wait_active_idle(source, idle_period_s=0, timeout_s=5))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    source.unit("b/0", "active")
    assert set((await waiting).ready_after_s) == {"a", "b"}


async def test_only_named_applications_are_waited_for(source: FakeSource) -> None:
    source.unit("a/0", "active")
    source.unit("b/0", "blocked")
    report = await wait_active_idle(source, applications=["a"], idle_period_s=0.1, timeout_s=5)
    assert set(report.ready_after_s) == {"a"}
    report = await wait_active_idle(source, goals={"b": "blocked"}, idle_period_s=0.1, timeout_s=5)
    assert set(report.ready_after_s) == {"a", "b"}


# What is known of the model beside its statuses.


async def test_a_model_that_has_been_idle_already_is_done_at_once(source: FakeSource) -> None:
    source.unit("a/0", "active", since="2030-01-01T00:00:30Z")
    known = source.api.status()
    source.api.status = lambda: {**known, "controller-timestamp": "2030-01-01T00:00:40Z"}
    report = await wait_active_idle(source, idle_period_s=10, counts_earlier_idle=True, timeout_s=5)
    assert report.took_s < 1
    with pytest.raises(WaitTimeoutError):
        await wait_active_idle(source, idle_period_s=10, timeout_s=0.3)
    with pytest.raises(WaitTimeoutError):
        await wait_active_idle(source, idle_period_s=11, counts_earlier_idle=True, timeout_s=0.3)


async def test_resources_from_before_a_change_count_even_where_it_has_been_idle(
    source: FakeSource,
) -> None:
    source.unit("a/0", "active", since="2030-01-01T00:00:30Z")
    known = source.api.status()
    source.api.status = lambda: {**known, "controller-timestamp": "2030-01-01T00:00:40Z"}
    source.api.resources = {"resources": [{"name": "x", "timestamp": "2030-01-01T00:00:35Z"}]}
    with pytest.raises(WaitTimeoutError, match="but not for 10 s"):
        await wait_active_idle(source, idle_period_s=10, counts_earlier_idle=True, timeout_s=0.3)
    await wait_active_idle(source, idle_period_s=5, counts_earlier_idle=True, timeout_s=0.3)


async def test_a_unit_that_has_other_resources_is_waited_for(source: FakeSource) -> None:
    source.unit("a/0", "active", since="2030-01-01T00:00:30Z")
    source.api.resources = {
        "resources": [{"name": "x", "fingerprint": "n", "timestamp": "2030-01-01T00:00:35Z"}],
        "unit-resources": [
            {"tag": "unit-a-0", "resources": [{"name": "x", "fingerprint": "o"}]},
        ],
    }
    waiting = asyncio.ensure_future(wait_active_idle(source, idle_period_s=0.1, timeout_s=5))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    source.unit("a/0", "active", since="2030-01-01T00:00:36Z")
    await waiting


async def test_marks_are_heeded(source: FakeSource) -> None:
    source.unit("a/0", "active", since="1")
    marks = marks_of(source.feed.snapshot(), ["a"])
    with pytest.raises(WaitTimeoutError, match="done nothing since the application was changed"):
        await wait_active_idle(source, marks=marks, idle_period_s=0.1, timeout_s=0.3)
    source.unit("a/0", "active", since="2")
    await wait_active_idle(source, marks=marks, idle_period_s=0.1, timeout_s=5)


async def test_the_scale_is_asked_for_when_units_come(
    source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "UNITS_SETTLE_S", 0.1)
    source.unit("a/0", "active")
    subject = reader.Reader(source, 60)
    await subject.next()
    for name, workload, calls in (("a/0", "waiting", 1), ("a/1", "waiting", 2), ("a/1", "x", 2)):
        source.unit(name, workload)
        await subject.next()
        await subject.next(until=time.monotonic() + 0.2)
        assert source.api.calls == calls
    source.feed.apply("unit", {"name": "a/1"}, removed=True)
    await subject.next()
    await subject.next(until=time.monotonic() + 0.2)
    assert source.api.calls == 3
    await subject.close()


# A controller that says nothing.


async def test_the_time_is_kept_when_the_controller_is_silent(source: FakeSource) -> None:
    source.unit("a/0", "waiting")
    source.api.is_silent = True
    started = time.monotonic()
    error = await ending(source, WaitTimeoutError, timeout_s=0.4)
    assert 0.4 <= time.monotonic() - started < 1
    assert "1 application of 1 in model kubeflow not active/idle within 0.4 s" in error.message


async def test_a_last_status_that_is_not_answered_does_not_hold_it_up(source: FakeSource) -> None:
    source.unit("a/0", "active")
    stream: list[Progress] = []

    def note(progress: Progress) -> None:
        stream.append(progress)
        source.api.is_silent = True

    started = time.monotonic()
    error = await ending(source, WaitTimeoutError, timeout_s=0.6, on_progress=note)
    assert 0.6 <= time.monotonic() - started < 1.2
    assert "the controller did not confirm it within 0.6 s" in error.message


async def test_old_state_is_told_as_old(
    source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "AWAY_AFTER_S", 0.3)
    source.unit("a/0", "waiting")
    seen: list[Progress] = []

    def note(progress: Progress) -> None:
        seen.append(progress)
        if not source.feed.is_interrupted:
            source.feed.interrupt()
            source.api.is_silent = True

    error = await ending(source, WaitTimeoutError, timeout_s=0.8, on_progress=note)
    assert error.problems[0] == Problem(
        "has not answered for 1 s; the state of the model is as of then",
        "the controller",
        "look at it: juju status -m controller",
    )
    assert error.problems[1].where == "a/0"
    assert [progress.silent_since for progress in seen] == [
        None,
        source.feed.heard_at,
        source.feed.heard_at,
    ]


async def test_a_controller_that_tells_nothing_is_silent_when_a_status_is_overdue(
    source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "SILENT_AFTER_S", 0.2)
    told: list[float | None] = []
    source.unit("a/0", "waiting")
    stream = watch(source, status_every_s=0.2, on_silence=told.append)
    await anext(stream)
    task = asyncio.ensure_future(anext(stream))
    await until(lambda: source.api.calls > 2)
    told.clear()  # of a machine that is too slow for the test
    source.api.is_silent = True
    await until(lambda: bool(told))
    assert time.monotonic() - source.feed.heard_at >= 0.4
    assert told == [source.feed.heard_at]
    source.unit("a/0", "active")
    await task
    assert told[1:] == [None]
    await stream.aclose()


async def test_whoever_follows_a_model_is_told_of_silence_and_its_end(
    source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "AWAY_AFTER_S", 0.3)
    told: list[float | None] = []
    source.unit("a/0", "waiting")
    stream = watch(source, on_silence=told.append)
    await anext(stream)
    heard_at = source.feed.heard_at
    source.feed.interrupt()
    task = asyncio.ensure_future(anext(stream))
    await until(lambda: bool(told))
    assert time.monotonic() - heard_at >= 0.3
    assert told == [heard_at]
    assert not task.done()
    source.known.clear()
    source.unit("b/0", "active")
    source.feed.resume()
    assert set((await task).applications) == {"b"}
    assert told == [heard_at, None]
    await stream.aclose()
