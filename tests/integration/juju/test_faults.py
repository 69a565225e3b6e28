"""Connections that break, freeze and stay away, by way of a proxy before a real controller."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.concurrency import Deadline, timeout
from ckf_airgap.documents import Document
from ckf_airgap.errors import ControllerError
from ckf_airgap.juju.controller.api import (
    CallRefusedError,
    ConnectionLostError,
    ConnectionNotice,
    JujuTimeouts,
)
from ckf_airgap.juju.controller.connection import Session, connect
from ckf_airgap.juju.controller.status import read_status
from ckf_airgap.juju.controller.store import JujuTarget
from ckf_airgap.rehearsal.host.controller import RehearsalController
from tests.faultproxy import FaultProxy
from tests.integration.juju.test_watch import Charms, until
from tests.integration.juju.world import QUICK, client_tasks, deploy
from tests.told import seconds_told

WORDS_OF_LIBRARIES = ("frame", "Errno", "1011", "websocket", "keepalive", "Error", "HTTP response")


@pytest.fixture
async def proxy(controller: RehearsalController) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(controller.endpoint) as made:
        yield made


@pytest.fixture
def target(controller: RehearsalController, proxy: FaultProxy, tmp_path: Path) -> JujuTarget:
    """The model kubeflow, by way of the proxy."""
    store = proxy.client_store(controller.juju_data, tmp_path)
    return JujuTarget(model="kubeflow", juju_data=store)


class Notices(list[ConnectionNotice]):
    @property
    def texts(self) -> list[str]:
        return [notice.text for notice in self]


def says(error: ControllerError, *texts: str) -> None:
    """Check an error: it says this, and nothing of a library."""
    assert error.fix
    for text in texts:
        assert text in str(error)
    for word in WORDS_OF_LIBRARIES:
        assert word not in str(error)


async def status(session: Session) -> set[str]:
    return set((await read_status(session.api, "kubeflow")).applications)


async def lose(session: Session, proxy: FaultProxy) -> None:
    """Cut the connection, and return when that has been noticed."""
    proxy.cut()
    await until(lambda: not session.is_connected)


async def test_a_read_that_is_cut_off_is_repeated_and_its_loss_told_once(
    proxy: FaultProxy, target: JujuTarget
) -> None:
    notices = Notices()
    async with connect(target, timeouts=QUICK, on_notice=notices.append) as session:
        proxy.cut_after(1, answers=True)
        assert await status(session) == set()
        assert session.is_connected
    assert [notice.is_back for notice in notices] == [False, True]
    lost, back = notices.texts
    name = "the connection to controller rehearsal"
    assert lost == f"{name} was lost (the connection was cut); reconnecting"
    assert back.startswith(f"{name} is back after ")
    assert len(session.outages) == 1
    assert session.outages[0].what.startswith(f"{name} was lost for 0.")
    assert not client_tasks()


async def test_a_change_that_is_cut_off_is_left_to_the_caller(
    controller: RehearsalController, proxy: FaultProxy, target: JujuTarget
) -> None:
    async with connect(target, timeouts=QUICK) as session:
        proxy.cut_after(1, answers=True)
        with pytest.raises(ConnectionLostError) as caught:
            await session.api.call("ModelConfig", "SetModelConstraints", {"constraints": {}})
        says(caught.value, "broke during ModelConfig.SetModelConstraints: the connection was cut")
        await session.reconnected()
        assert await status(session) == set()
    calls = [request.method for request in controller.models["kubeflow"].requests]
    assert calls.count("SetModelConstraints") == 1


async def test_a_call_waits_for_a_controller_that_is_away(
    controller: RehearsalController,
    proxy: FaultProxy,
    target: JujuTarget,
    bundle: Bundle,
    charms: Charms,
) -> None:
    notices = Notices()
    limits = dataclasses.replace(QUICK, reconnect_s=0.1)
    deadline = Deadline.after(20)
    async with connect(
        target, timeouts=limits, deadline=deadline, on_notice=notices.append
    ) as session:
        proxy.away_for(1.0)
        await until(lambda: not session.is_connected)
        started = time.monotonic()
        await deploy(session, bundle, charms)
        assert time.monotonic() - started > 0.5
    assert [notice.is_back for notice in notices] == [False, True]
    assert set(controller.models["kubeflow"].applications) == set(bundle.applications)
    assert not client_tasks()


async def test_another_controller_in_its_place_is_named_as_the_reason(
    proxy: FaultProxy, target: JujuTarget
) -> None:
    limits = dataclasses.replace(QUICK, reconnect_s=0.5)
    async with RehearsalController(models=("kubeflow",)) as other:
        async with connect(target, timeouts=limits, deadline=Deadline.after(30)) as session:
            proxy.target = other.endpoint
            started = time.monotonic()
            await lose(session, proxy)
            with pytest.raises(ControllerError) as caught:
                await session.reconnected(time.monotonic() + 20)
            assert await failed(session) == caught.value.message
        assert 0.4 < time.monotonic() - started < 5
    says(
        caught.value,
        "was lost and could not be restored within ",
        "it is not trusted: its certificate does not verify against the CA in",
        "Another controller answers there",
    )


async def failed(session: Session) -> str:
    """Return the error of a session that is lost for good, which every use of it has."""
    with pytest.raises(ControllerError) as caught:
        await session.api.call("Client", "FullStatus", {"patterns": []})
    with pytest.raises(ControllerError):
        session.feed.snapshot()
    return caught.value.message


async def test_waiting_for_the_connection_ends_with_the_callers_deadline(
    proxy: FaultProxy, target: JujuTarget
) -> None:
    async with connect(target, timeouts=QUICK, deadline=Deadline.after(30)) as session:
        await proxy.stop_listening()
        await lose(session, proxy)
        started = time.monotonic()
        with pytest.raises(ControllerError) as caught:
            await session.reconnected(time.monotonic() + 0.3)
        assert 0.25 < time.monotonic() - started < 2
        says(caught.value, f"it cannot be reached ({proxy.endpoint}: nothing listens there)")
        await proxy.listen()
        await session.reconnected(time.monotonic() + 10)
        assert await status(session) == set()


async def test_the_sessions_deadline_ends_it_however_long_the_limits_are(
    proxy: FaultProxy, target: JujuTarget
) -> None:
    async with connect(target, timeouts=JujuTimeouts()) as session:
        session.deadline.until = time.monotonic() + 0.5
        await proxy.stop_listening()
        proxy.cut()
        started = time.monotonic()
        await until(lambda: not session.is_connected)
        with pytest.raises(ControllerError, match="could not be restored"):
            await status(session)
        assert time.monotonic() - started < 2


async def test_a_silent_controller_is_not_waited_for_longer_than_the_deadline(
    proxy: FaultProxy, target: JujuTarget
) -> None:
    async with connect(target, timeouts=JujuTimeouts(close_s=1)) as session:
        proxy.freeze()
        session.deadline.until = time.monotonic() + 0.4
        started = time.monotonic()
        with pytest.raises(ControllerError) as caught:
            await status(session)
        assert time.monotonic() - started < 2
        says(caught.value, "controller rehearsal did not answer Client.FullStatus within ")
        assert 0.35 < seconds_told(caught.value.message) < 2
        session.deadline.until = time.monotonic() + 0.2
        with pytest.raises(ConnectionLostError, match=r"did not answer Application.Deploy within"):
            await session.api.call("Application", "Deploy", {"applications": []})
    assert time.monotonic() - started < 4


async def test_silence_is_noticed_and_told_and_the_connection_made_again(
    proxy: FaultProxy, target: JujuTarget
) -> None:
    notices = Notices()
    limits = dataclasses.replace(QUICK, ping_s=0.1, silence_s=0.2, connect_s=0.3)
    async with connect(target, timeouts=limits, on_notice=notices.append) as session:
        proxy.freeze()
        await until(lambda: bool(notices))
        assert "was lost (it stopped responding); reconnecting" in notices.texts[0]
        proxy.thaw()
        await session.reconnected()
        assert await status(session) == set()
    assert not client_tasks()


async def test_a_login_that_is_not_answered_tells_the_true_time(
    proxy: FaultProxy, target: JujuTarget
) -> None:
    proxy.freeze()
    started = time.monotonic()
    with pytest.raises(ControllerError) as caught:
        async with connect(target, timeouts=JujuTimeouts(connect_s=0.2)):
            pass
    assert time.monotonic() - started < 2
    says(caught.value, "accepts connections, but login took longer than ")
    assert 0.4 <= seconds_told(caught.value.message) < 2


@pytest.mark.parametrize("after", [1, 700, 2500, 4000, 6000, 9000])
async def test_connecting_survives_a_cut(proxy: FaultProxy, target: JujuTarget, after: int) -> None:
    proxy.cut_after(after)
    async with connect(target, timeouts=QUICK) as session:
        assert session.feed.snapshot().applications == {}
    assert not client_tasks()


async def test_two_sessions_are_both_restored(
    proxy: FaultProxy, target: JujuTarget, bundle: Bundle, charms: Charms
) -> None:
    async with (
        connect(target, timeouts=QUICK) as one,
        connect(target, timeouts=QUICK) as other,
    ):
        await deploy(one, bundle, charms)
        proxy.cut()
        expected = set(bundle.applications)
        for found in await asyncio.gather(status(one), status(other)):
            assert found == expected
        for session in (one, other):
            async with timeout(10):
                await until(lambda: set(session.feed.snapshot().applications) == expected)  # noqa: B023


async def test_a_controller_that_comes_back_at_another_address_is_found(
    controller: RehearsalController, proxy: FaultProxy, target: JujuTarget, tmp_path: Path
) -> None:
    path = tmp_path / f"store-{proxy.port}" / "controllers.yaml"
    document = yaml.safe_load(path.read_text())
    document["controllers"]["rehearsal"]["api-endpoints"] = [proxy.endpoint, controller.endpoint]
    path.write_text(yaml.safe_dump(document))
    async with connect(target, timeouts=QUICK) as session:
        assert session.endpoint == proxy.endpoint
        await proxy.stop_listening()
        proxy.cut()
        assert await status(session) == set()
        assert session.endpoint == controller.endpoint


async def test_each_result_of_a_call_has_its_own_error(
    controller: RehearsalController, proxy: FaultProxy, target: JujuTarget
) -> None:
    unknown = "model-00000000-0000-4000-8000-000000000000"
    async with connect(target, timeouts=QUICK) as session, session.controller_api() as api:
        entities: Document = {"entities": [{"tag": f"model-{session.uuid}"}, {"tag": unknown}]}
        found = await api.call_each("ModelManager", "ModelInfo", entities)
        with pytest.raises(CallRefusedError) as caught:
            await api.call("ModelManager", "ModelInfo", entities)
        with pytest.raises(CallRefusedError) as whole:
            await api.call_each("ModelManager", "CreateModel", {"name": "", "owner-tag": "x"})
    assert isinstance(found[0], dict)
    assert isinstance(found[1], CallRefusedError)
    assert (found[1].message, found[1].code) == ("permission denied", "unauthorized access")
    assert caught.value.code == "unauthorized access"
    assert whole.value.message


@pytest.mark.parametrize("uuid", ["00000000-0000-4000-8000-000000000000", "../x", ""])
async def test_an_old_client_store_does_not_mislead(
    controller: RehearsalController, target: JujuTarget, uuid: str
) -> None:
    assert target.juju_data is not None
    path = target.juju_data / "models.yaml"
    document = yaml.safe_load(path.read_text())
    models = document["controllers"]["rehearsal"]["models"]
    models["admin/kubeflow"]["uuid"] = uuid or controller.models["other"].uuid
    path.write_text(yaml.safe_dump(document))
    async with connect(target, timeouts=QUICK) as session:
        assert session.uuid == controller.models["kubeflow"].uuid
        assert session.feed.snapshot().model == "kubeflow"
        assert await status(session) == set()
    async with connect(target, timeouts=QUICK, watch=False, confirm=False) as session:
        assert session.uuid == controller.models["kubeflow"].uuid or not uuid
    path.write_text("{")
    async with connect(target, timeouts=QUICK, watch=False) as session:
        assert session.uuid == controller.models["kubeflow"].uuid
        await session.watching()
        assert session.feed.snapshot().applications == {}
    assert not client_tasks()


async def test_a_model_that_the_store_knows_takes_one_connection_to_read(
    controller: RehearsalController, proxy: FaultProxy, target: JujuTarget
) -> None:
    async with connect(target, timeouts=QUICK, watch=False, confirm=False) as session:
        assert await status(session) == set()
        assert session.entry.qualified_name == "admin/kubeflow"
        assert session.uuid == controller.models["kubeflow"].uuid
        assert proxy.connections == 1
        async with session.controller_api() as api:
            assert await api.call("ModelManager", "ListModels", {"tag": "user-admin"})
        assert proxy.connections == 2
    assert not client_tasks()


async def test_without_confirmation_a_wrong_password_is_told_as_always(
    target: JujuTarget,
) -> None:
    assert target.juju_data is not None
    path = target.juju_data / "accounts.yaml"
    document = yaml.safe_load(path.read_text())
    document["controllers"]["rehearsal"]["password"] = "wrong"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(ControllerError, match="refused the login of user admin"):
        async with connect(target, timeouts=QUICK, watch=False, confirm=False):
            pass


@pytest.mark.parametrize(
    ("watch", "confirm", "trips"),
    [(True, True, 6), (False, True, 5), (False, False, 4)],
)
async def test_connecting_takes_few_round_trips(
    proxy: FaultProxy, target: JujuTarget, watch: bool, confirm: bool, trips: int
) -> None:
    for latency_s in (
        0.03,
        0.03,
        0.1,
        0.3,
    ):  # the slower the network, the less a busy machine counts
        proxy.latency_s = latency_s
        started = time.monotonic()
        async with connect(target, timeouts=QUICK, watch=watch, confirm=confirm):
            taken = (time.monotonic() - started) / (2 * latency_s)
        if taken < trips + 1:
            break
    assert trips - 0.1 < taken < trips + 1
