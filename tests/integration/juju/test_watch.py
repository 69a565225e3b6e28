from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import pytest

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Charm
from ckf_airgap.concurrency import timeout
from ckf_airgap.errors import ControllerError, WaitTimeoutError, WorkloadError
from ckf_airgap.juju.controller.connection import Session, connect
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.juju.snapshots.snapshot import Change, ModelSnapshot
from ckf_airgap.juju.watching.watch import Progress, wait_active_idle, watch
from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.units.course import Course, Step
from tests.integration.juju.world import QUICK, SCALES, client_tasks, deploy

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
