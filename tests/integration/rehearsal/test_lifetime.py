"""The controller's own life: in a loop, in a thread, as a process; what it leaves behind."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
import yaml
from juju.controller import Controller

from ckf_airgap.errors import ControllerError, UsageError
from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.host.thread import ControllerThread
from tests.integration.rehearsal.wire import Client, Store


def answers(endpoint: str) -> bool:
    host, port = endpoint.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), timeout=2):
            return True
    except OSError:
        return False


def listing(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def test_in_the_callers_loop_it_leaves_no_task_file_or_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = asyncio.all_tasks()
    async with RehearsalController() as controller:
        monkeypatch.setenv("JUJU_DATA", str(controller.juju_data))
        assert controller.juju_data.is_relative_to(tmp_path)
        juju = Controller()
        await juju.connect()
        assert await juju.list_models() == ["controller", "kubeflow"]
        await juju.disconnect()
        endpoint = controller.endpoint
        assert answers(endpoint)
    assert not answers(endpoint)
    assert listing(tmp_path) == []
    assert asyncio.all_tasks() == before


async def test_stopping_closes_connections_that_wait_for_changes(client: Client) -> None:
    async with RehearsalController() as controller:
        inner = Client(Store.read(controller.juju_data), client.session)
        wire = await inner.model()
        watcher = (await wire.ask("Client", "WatchAll", version=8))["watcher-id"]
        await wire.ask("AllWatcher", "Next", version=3, id=watcher)
        await wire.send("AllWatcher", "Next", version=3, id=watcher)
        await asyncio.wait_for(controller.stop(), 10)
        while not wire.socket.closed:
            await asyncio.wait_for(wire.socket.receive(), 10)


async def test_it_can_be_started_again(tmp_path: Path) -> None:
    controller = RehearsalController(juju_data=tmp_path / "store")
    async with controller:
        first = controller.state.uuid
        with pytest.raises(RuntimeError, match="already running"):
            await controller.start()
    async with controller:
        assert controller.state.uuid != first
        assert list(controller.models) == ["kubeflow"]
    await controller.stop()


async def test_a_port_that_is_taken_is_a_clear_error(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ControllerError, match=f"cannot listen on 127.0.0.1:{port}: "):
            await RehearsalController(port=port, juju_data=store).start()
    assert not store.exists()


async def test_somebody_elses_store_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    (tmp_path / "controllers.yaml").write_text(yaml.safe_dump({"controllers": {"prod": {}}}))
    with pytest.raises(ControllerError, match="prod"):
        await RehearsalController(juju_data=tmp_path).start()
    assert listing(tmp_path) == ["controllers.yaml"]


@pytest.mark.parametrize(
    ("models", "rule"),
    [
        (["Bad_Name"], "model names may only contain lowercase letters, digits and hyphens"),
        (["ml", "ml"], "namespace with the proposed"),
        (["controller"], "namespace with the proposed"),
    ],
)
async def test_a_model_that_juju_refuses_is_refused_with_the_rule(
    tmp_path: Path, models: list[str], rule: str
) -> None:
    store = tmp_path / "store"
    with pytest.raises(UsageError, match=rule) as caught:
        await RehearsalController(juju_data=store, models=models).start()
    assert repr(models[-1]) in caught.value.message
    assert not store.exists()


async def test_the_password_is_in_the_store_and_nowhere_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    async with RehearsalController(juju_data=tmp_path / "store") as controller:
        password = Store.read(tmp_path / "store").password
        assert len(password) >= 24
        assert password not in repr(controller.state)
    holders = [
        path.name
        for path in (tmp_path / "store").rglob("*")
        if path.is_file() and password in path.read_text()
    ]
    assert holders == ["accounts.yaml"]
    assert password not in caplog.text + "".join(capfd.readouterr())


async def test_what_it_is_named_and_has_is_up_to_the_caller(tmp_path: Path) -> None:
    async with RehearsalController(
        juju_data=tmp_path / "store", name="lab", user="ann", password="given", models=["a", "b"]
    ) as controller:
        store = Store.read(tmp_path / "store")
        assert (store.user, store.password) == ("ann", "given")
        assert set(store.models) == {"controller", "a", "b"}
        assert set(controller.models) == {"a", "b"}
        models = yaml.safe_load((tmp_path / "store" / "models.yaml").read_text())
        assert models["controllers"]["lab"]["current-model"] == "ann/a"


def test_a_thread_runs_what_it_is_given_in_its_own_loop() -> None:
    with ControllerThread(RehearsalController()) as running:
        assert running.call(lambda: threading.current_thread().name) == "rehearsal"
        assert running.run(asyncio.sleep(0, result=42)) == 42
        endpoint = running.endpoint
        assert answers(endpoint)
        running.stop()
    assert not answers(endpoint)
    with pytest.raises(RuntimeError, match="is not running"):
        running.call(lambda: None)


def test_a_thread_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "controllers.yaml").write_text(yaml.safe_dump({"controllers": {"prod": {}}}))
    thread = ControllerThread(RehearsalController(juju_data=tmp_path))
    with pytest.raises(ControllerError, match="prod"):
        thread.start()
    thread.stop()


def test_several_controllers_run_side_by_side() -> None:
    with (
        ControllerThread(RehearsalController()) as first,
        ControllerThread(RehearsalController()) as second,
    ):
        assert first.endpoint != second.endpoint
        assert first.juju_data != second.juju_data


async def test_a_second_loop_may_use_a_threads_controller(controller: ControllerThread) -> None:
    juju = Controller()
    await juju.connect()
    assert "kubeflow" in await juju.list_models()
    await juju.disconnect()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("as_json", [False, True])
def test_as_a_process_it_says_when_it_is_ready_and_ends_cleanly(
    tmp_path: Path, number: signal.Signals, as_json: bool
) -> None:
    store = tmp_path / "store"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    options = ["--juju-data", str(store), "--quiet", *(["--json"] if as_json else [])]
    command = [sys.executable, "-m", "ckf_airgap", "controller", *options]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if as_json:
                ready = json.loads(line)
                assert ready["event"] == "ready"
                assert ready["models"] == ["kubeflow"]
                assert ready["juju-data"] == str(store)
                endpoint = ready["endpoint"]
            else:
                match = re.fullmatch(r"ready (\S+) JUJU_DATA=(.*)\n", line)
                assert match, line
                assert match[2] == str(store)
                endpoint = match[1]
            assert Store.read(store).endpoint == endpoint
            assert answers(endpoint)
            process.send_signal(number)
            output, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (process.returncode, output, errors) == (0, "", "")
    assert not answers(endpoint)
    assert listing(scratch) == []
