from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Charm
from ckf_airgap.concurrency import timeout
from ckf_airgap.documents import Document
from ckf_airgap.errors import (
    BlockedError,
    ControllerError,
    ImagePullError,
    ModelDestroyedError,
    StalledError,
    WaitTimeoutError,
    WorkloadError,
)
from ckf_airgap.juju.controller.connection import Session, connect
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.juju.snapshots.snapshot import Change, ModelSnapshot
from ckf_airgap.juju.watching.obstacles import marks_of
from ckf_airgap.juju.watching.patience import Patience
from ckf_airgap.juju.watching.watch import Progress, wait_active_idle, watch
from ckf_airgap.operations.watching import wait_for_model
from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.units.course import Course, Step
from tests.faultproxy import FaultProxy
from tests.integration.juju.world import QUICK, REGISTRY, SCALES, client_tasks, deploy

Charms = Mapping[str, Charm]


async def wait(session: Session, *, timeout_s: float = 30, error_grace_s: float = 60) -> float:
    report = await wait_active_idle(
        session,
        expected_scale=SCALES,
        idle_period_s=0.3,
        error_grace_s=error_grace_s,
        timeout_s=timeout_s,
    )
    return report.took_s


async def test_waiting_ends_when_all_units_are_active_and_idle(
    kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    changes: list[Change] = []
    progress: list[Progress] = []
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
        report = await wait_active_idle(
            session,
            expected_scale=SCALES,
            idle_period_s=0.5,
            timeout_s=30,
            on_change=changes.append,
            on_progress=progress.append,
        )
    units = list(report.snapshot.units)
    assert len(units) == 5
    assert {(unit.workload.current, unit.agent.current) for unit in units} == {("active", "idle")}
    assert set(report.ready_after_s) == set(SCALES)
    assert max(report.ready_after_s.values()) + 0.5 <= report.took_s
    final = {change.unit: change.after for change in changes if change.unit}
    assert set(final) == {"minio/0", "minio/1", "kfp-db/0", "katib-db/0", "kfp-api/0"}
    assert {status.current for status in final.values() if status} == {"active"}
    assert progress[-1].verdict.done
    assert not progress[0].verdict.done
    assert report.to_json()["model"] == "kubeflow"


async def test_a_settled_model_is_waited_for_one_idle_period_only(
    kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
        await wait(session)
        assert await wait(session) < 1.5
        report = await wait_active_idle(session, idle_period_s=0.1, timeout_s=5)
        assert set(report.snapshot.applications) == set(SCALES)


async def test_the_timeout_names_what_is_not_ready_and_why(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    controller.script.set_course(
        Course.stuck("blocked", "Missing relation with a database"), application="kfp-api"
    )
    controller.script.set_course(Course.stuck("waiting", "Waiting for pods"), application="kfp-db")
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
        with pytest.raises(WaitTimeoutError) as caught:
            await wait(session, timeout_s=2)
    text = str(caught.value)
    assert "2 applications of 4 in model kubeflow not active/idle within 2 s" in text
    assert "kfp-api/0: blocked: Missing relation with a database (it needs action" in text
    assert "kfp-db/0: waiting: Waiting for pods (give it more time" in text
    assert "ckf-airgap wait" in text


async def test_an_error_that_lasts_ends_the_wait(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    controller.script.set_course(
        Course(steps=(Step.hook_failed("install"),), begins="install"), application="kfp-api"
    )
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
        with pytest.raises(WorkloadError) as caught:
            await wait(session, error_grace_s=0.5)
    text = str(caught.value)
    assert "1 application in model kubeflow failed and did not recover within 0.5 s" in text
    assert 'kfp-api/0: error: hook failed: "install"' in text
    assert "juju debug-log" in text


async def test_an_error_that_is_overcome_does_not(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    course = Course(
        steps=(Step.hook_failed("install", duration_s=300),), begins="install", ends="settle"
    )
    controller.script.set_course(course, application="kfp-api")
    seen: list[str] = []
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
        await wait_active_idle(
            session,
            expected_scale=SCALES,
            idle_period_s=0.3,
            timeout_s=30,
            on_change=lambda change: seen.append(str(change)),
        )
    assert any("kfp-api/0" in line and "error" in line for line in seen)


async def test_waiting_for_nothing_that_is_there_times_out(kubeflow: JujuTarget) -> None:
    async with connect(kubeflow, timeouts=QUICK) as session:
        with pytest.raises(WaitTimeoutError, match="minio: is not in the model"):
            await wait_active_idle(session, applications=["minio"], timeout_s=0.3)


async def test_the_stream_begins_with_what_is_there_and_goes_on_with_changes(
    kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    async with connect(kubeflow, timeouts=QUICK) as session:
        stream = watch(session)
        assert (await anext(stream)).applications == {}
        await deploy(session, bundle, charms)
        seen: list[ModelSnapshot] = []
        async with timeout(20):
            async for snapshot in stream:
                seen.append(snapshot)
                if len(list(snapshot.units)) == 5 and snapshot.relations:
                    break
        await stream.aclose()
    assert set(seen[-1].applications) == set(SCALES)
    assert client_tasks() == []


async def test_no_history_is_kept(
    kubeflow: JujuTarget, bundle: Bundle, charms: Charms, controller: RehearsalController
) -> None:
    flapping = Course.flapping(
        Step(workload="active", duration_s=3), Step(workload="waiting", duration_s=3)
    )
    controller.script.set_course(flapping, application="kfp-api")
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
        await asyncio.sleep(1.5)
        history = session.model.state.entity_history("unit", "kfp-api/0")
        assert len(history) == 2
        assert session.model.units["kfp-api/0"].previous() is not None


async def test_libjujus_own_observers_and_waiting_still_work(
    kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    async with connect(kubeflow, timeouts=QUICK) as session:
        seen: list[str] = []

        async def note(delta: object, old: object, new: object, model: object) -> None:
            seen.append(str(getattr(delta, "type", "")))

        session.model.add_observer(note, "unit")
        await deploy(session, bundle, charms)
        await wait(session)
        await session.model.wait_for_idle(status="active", idle_period=0.5, timeout=20)
        assert "add" in seen
        assert "change" in seen


async def until(condition: Callable[[], bool]) -> None:
    """Return when something holds."""
    while not condition():  # noqa: ASYNC110 - looks at state that nobody tells about
        await asyncio.sleep(0)


async def drop(controller: RehearsalController) -> None:
    """Close every websocket, as a controller that restarts does."""
    for session in list(controller.state.sessions):
        session.disconnect()


async def test_a_broken_connection_comes_back_and_the_wait_goes_on(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    controller.script.set_course(
        Course(steps=(Step(workload="waiting", message="x", duration_s=900),)),
        application="kfp-api",
    )
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
        waiting = asyncio.ensure_future(wait(session))
        for _ in range(2):
            await asyncio.sleep(0.4)
            await drop(controller)
        assert await waiting > 1
        assert set(session.feed.snapshot().applications) == set(SCALES)
    assert client_tasks() == []


async def test_what_was_removed_while_the_connection_was_away_is_gone(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
        await wait(session)
        model = controller.models["kubeflow"]
        await drop(controller)
        async with timeout(10):
            await until(lambda: session.feed.is_interrupted)
            model.topology.remove_application(model.applications["minio"], force=True)
            await until(lambda: not session.feed.is_interrupted)
            await until(lambda: "minio" not in session.feed.snapshot().applications)
        assert "minio" not in session.model.applications


async def test_a_connection_that_does_not_come_back_ends_the_wait(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
        controller.script.set_course(Course.stuck("waiting"), application="kfp-api")
        waiting = asyncio.ensure_future(
            wait_active_idle(session, expected_scale={"kfp-api": 9}, timeout_s=60)
        )
        await asyncio.sleep(0.2)
        await controller.stop()
        started = time.monotonic()
        with pytest.raises(
            ControllerError,
            match=r"was lost and could not be restored within 3.* s: it cannot be reached",
        ):
            await waiting
        assert time.monotonic() - started < 10
    assert client_tasks() == []


async def test_waiting_can_be_cancelled(
    kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
        waiting = asyncio.ensure_future(wait(session))
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert client_tasks() == []


# What happens to the model meanwhile.


async def test_an_application_that_comes_is_waited_for_and_one_that_goes_is_not(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    controller.script.set_course(Course.stuck("blocked", "please configure"), application="kfp-api")
    first = dataclasses.replace(
        bundle,
        applications={name: bundle.applications[name] for name in ("minio", "kfp-db")},
        relations=(),
    )
    model = controller.models["kubeflow"]
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, first, charms)
        waiting = asyncio.ensure_future(wait_active_idle(session, idle_period_s=0.3, timeout_s=30))
        await deploy(session, bundle, charms)
        async with timeout(20):
            await until(lambda: is_blocked(session.feed.snapshot(), "kfp-api/0"))
        await asyncio.sleep(0.6)
        assert not waiting.done()
        model.topology.remove_application(model.applications["kfp-api"], force=False)
        report = await waiting
        assert set(report.snapshot.applications) == {"minio", "kfp-db", "katib-db"}
        assert report.removed == ("kfp-api",)


def is_blocked(snapshot: ModelSnapshot, unit: str) -> bool:
    return any(one.name == unit and one.workload.current == "blocked" for one in snapshot.units)


@pytest.mark.parametrize("is_connected", [True, False])
async def test_a_model_that_is_destroyed_ends_the_wait(
    controller: RehearsalController,
    kubeflow: JujuTarget,
    bundle: Bundle,
    charms: Charms,
    *,
    is_connected: bool,
) -> None:
    controller.script.set_course(Course.stuck("waiting"), application="kfp-api")
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
        waiting = asyncio.ensure_future(wait_active_idle(session, timeout_s=60))
        await asyncio.sleep(0.2)
        if not is_connected:
            await drop(controller)
        started = time.monotonic()
        controller.state.destroy_model(
            controller.models["kubeflow"], force=not is_connected, destroy_storage=True
        )
        with pytest.raises(ModelDestroyedError, match="destroyed while"):
            await waiting
        assert time.monotonic() - started < 20
    assert client_tasks() == []


async def test_an_application_with_no_units_on_purpose_is_ready(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
        await wait(session)
        for scale, count in ((0, 0), (2, 2)):
            application: Document = {"application-tag": "application-minio", "scale": scale}
            await session.api.call(
                "Application", "ScaleApplications", {"applications": [application]}
            )
            report = await wait_active_idle(session, idle_period_s=0.3, timeout_s=30)
            assert len(report.snapshot.applications["minio"].units) == count


async def test_a_model_that_has_been_idle_is_done_at_once_and_one_that_has_not_is_not(
    kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
        await wait_active_idle(session, idle_period_s=1, timeout_s=30)
    started = time.monotonic()
    report = await wait_for_model(kubeflow, idle_period_s=0.9, timeout_s=30)
    assert report.took_s < 0.8
    report = await wait_for_model(kubeflow, idle_period_s=3, timeout_s=30)
    assert 1 < time.monotonic() - started < 4
    assert report.took_s < 2.5


async def test_units_that_run_the_old_charm_are_waited_for(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
        await wait_active_idle(session, idle_period_s=0.3, timeout_s=30)
        model = controller.models["kubeflow"]
        old = model.applications["kfp-api"].stored
        url = await model.add_charm(old.archive.path)
        origin: Document = {"source": "local", "base": {"name": "ubuntu", "channel": "22.04"}}
        before = marks_of(session.feed.snapshot(), ["kfp-api"])
        await session.api.call(
            "Application",
            "SetCharm",
            {"application": "kfp-api", "charm-url": url, "charm-origin": origin},
        )
        report = await wait_active_idle(session, idle_period_s=0.3, timeout_s=30)
        (unit,) = report.snapshot.applications["kfp-api"].units
        assert unit.charm_url == url
        assert unit.agent.since != before["kfp-api"][unit.name]


# Early ends.


async def test_a_unit_that_stays_blocked_ends_it_once_nothing_runs_any_more(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    controller.script.set_course(Course.stuck("blocked", "please configure"), application="kfp-api")
    busy = Course(steps=(Step(workload="active", agent="executing", duration_s=600),))
    controller.script.set_course(busy, application="katib-db")
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
        started = time.monotonic()
        with pytest.raises(BlockedError) as caught:
            await wait_active_idle(session, patience=Patience(blocked_s=0.5), timeout_s=30)
        assert time.monotonic() - started > 1.4
    assert [problem.where for problem in caught.value.problems] == ["kfp-api/0"]
    assert "please configure" in caught.value.problems[0].what


async def test_an_image_that_cannot_be_pulled_ends_it_and_names_the_resource(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    text = f'OCI image pull error: failed to pull image "{REGISTRY}/minio:1": not found'
    controller.script.set_course(Course.stuck("error", text), application="minio")
    controller.script.set_course(Course.stuck("blocked", "no minio"), application="kfp-api")
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
        with pytest.raises(ImagePullError) as caught:
            await wait_active_idle(session, patience=Patience(pull_s=0.5), timeout_s=30)
    assert f"{text} (resource oci-image)" in caught.value.problems[0].what
    assert caught.value.problems[-1].where == "kfp-api/0"


async def test_a_model_in_which_nothing_happens_ends_it(
    controller: RehearsalController, kubeflow: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    controller.script.set_course(Course.stuck("waiting", "for ever"), application="kfp-api")
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
        with pytest.raises(StalledError, match="1 application of 4 is not as expected"):
            await wait_active_idle(session, patience=Patience(stall_s=1.0), timeout_s=30)


async def test_the_time_is_kept_and_old_state_told_as_old_when_the_controller_is_silent(
    controller: RehearsalController,
    kubeflow: JujuTarget,
    bundle: Bundle,
    charms: Charms,
    tmp_path: Path,
) -> None:
    controller.script.set_course(Course.stuck("waiting", "hold"), application="kfp-api")
    async with connect(kubeflow, timeouts=QUICK) as session:
        await deploy(session, bundle, charms)
    async with FaultProxy(controller.endpoint) as proxy:
        store = proxy.client_store(controller.juju_data, tmp_path)
        target = JujuTarget(model="kubeflow", juju_data=store)
        started = time.monotonic()
        waiting = asyncio.ensure_future(wait_for_model(target, timeout_s=3))
        await asyncio.sleep(0.8)
        proxy.freeze()
        with pytest.raises(WaitTimeoutError) as caught:
            await waiting
        assert 3 <= time.monotonic() - started < 5
    assert "has not answered for" in caught.value.problems[0].what
    assert caught.value.problems[-1].what == "waiting: hold"
    assert client_tasks() == []
