"""Watching without a controller: a feed that the test fills, and an API that it plays."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import pytest

from ckf_airgap.concurrency import timeout
from ckf_airgap.documents import Document
from ckf_airgap.errors import ControllerError, WaitTimeoutError, WorkloadError
from ckf_airgap.juju.snapshots.modelfeed import ModelFeed
from ckf_airgap.juju.snapshots.snapshot import Change
from ckf_airgap.juju.watching.watch import wait_active_idle, watch


class FakeApi:
    """Answers with what the test says, and counts the calls of ``FullStatus``."""

    def __init__(self) -> None:
        self.status: Callable[[], Document] = lambda: {"applications": {}}
        self.resources: Callable[[str], Document] = lambda _name: {}
        self.options: Document = {}
        self.calls = 0
        self.is_silent = False

    async def call(self, facade: str, method: str, params: Document | None = None) -> Document:
        await asyncio.sleep(3600 if self.is_silent else 0)
        match facade, method:
            case "Client", "FullStatus":
                assert params == {"patterns": []}
                self.calls += 1
                return self.status()
            case "Resources", "ListResources":
                assert params is not None
                tags = params["entities"]
                assert isinstance(tags, list)
                names = [
                    str(tag["tag"]).removeprefix("application-")
                    for tag in tags
                    if isinstance(tag, dict)
                ]
                return {"results": [self.resources(name) for name in names]}
            case "Application", "Get":
                return {"config": self.options}
        raise AssertionError(f"{facade}.{method}")


class FakeSource:
    def __init__(self) -> None:
        self.api = FakeApi()
        self.feed = ModelFeed("kubeflow")
        self.model_name = "kubeflow"

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
        self.api.status = lambda: {
            "applications": {
                application: {
                    "charm": "local:a-0",
                    "int": 1,
                    "units": {name: {"workload-status": {"status": workload}}},
                }
            }
        }


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


async def test_the_idle_period_is_kept_without_any_change(source: FakeSource) -> None:
    source.unit("a/0", "active")
    report = await wait_active_idle(source, idle_period_s=0.3, timeout_s=5)
    assert 0.3 <= report.took_s < 1
    assert report.ready_after_s.keys() == {"a"}


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
    source.api.status = lambda: {
        "applications": {name: {"units": {f"{name}/0": {}}} for name in ("calm", "busy")}
    }

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
