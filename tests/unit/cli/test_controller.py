"""``ckf-airgap controller``, as the process that it is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import Result

from ckf_airgap.errors import InterruptedRunError
from ckf_airgap.rehearsal.host.controller import RehearsalController


def start(*args: str, scratch: Path | None = None) -> subprocess.Popen[str]:
    """Start the command; `scratch` is its directory for temporary files."""
    return subprocess.Popen(
        [sys.executable, "-m", "ckf_airgap", "controller", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **({"TMPDIR": str(scratch)} if scratch else {})},
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_says_when_it_is_ready_and_ends_well_on_a_signal(
    tmp_path: Path, number: signal.Signals
) -> None:
    store = tmp_path / "store"
    with start("--juju-data", str(store), "--model", "one", "--model", "two") as process:
        assert process.stdout is not None
        ready = process.stdout.readline().split()
        assert ready[0] == "ready"
        assert ready[2] == f"JUJU_DATA={store}"
        controllers = yaml.safe_load((store / "controllers.yaml").read_text())["controllers"]
        assert controllers["rehearsal"]["api-endpoints"] == [ready[1]]
        models = yaml.safe_load((store / "models.yaml").read_text())["controllers"]["rehearsal"]
        assert {"admin/one", "admin/two"} <= set(models["models"])
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out == ""
    assert err == f"stopped by {'Ctrl-C' if number == signal.SIGINT else 'SIGTERM'}\n"


def test_json_is_one_line_and_a_private_store_is_removed() -> None:
    with start("--json", "-q") as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["schema"] == "ckf-airgap/controller/v1"
        assert ready["models"] == ["kubeflow"]
        assert Path(ready["juju-data"], "controllers.yaml").is_file()
        process.terminate()
        assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0
    assert not os.path.lexists(ready["juju-data"])


def test_store_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "controllers.yaml").write_text("controllers: {mine: {uuid: x}}\n")
    with start("--juju-data", str(tmp_path)) as process:
        out, err = process.communicate(timeout=20)
    assert process.returncode in {3, 5}
    assert out == ""
    assert str(tmp_path) in err
    assert (tmp_path / "controllers.yaml").read_text() == "controllers: {mine: {uuid: x}}\n"


def test_port_that_is_taken_is_a_clear_error(tmp_path: Path) -> None:
    with start("--juju-data", str(tmp_path / "a")) as first:
        assert first.stdout is not None
        port = first.stdout.readline().split()[1].rpartition(":")[2]
        with start("--juju-data", str(tmp_path / "b"), "--port", port) as second:
            _, err = second.communicate(timeout=20)
        first.terminate()
    assert second.returncode == 5
    assert port in err
    assert "Traceback" not in err


def test_store_of_one_that_runs_is_refused_and_that_of_a_killed_one_taken_over(
    tmp_path: Path,
) -> None:
    store, scratch = tmp_path / "store", tmp_path / "scratch"
    scratch.mkdir()
    with start("--juju-data", str(store), scratch=scratch) as first:
        assert first.stdout is not None
        endpoint = first.stdout.readline().split()[1]
        with start("--juju-data", str(store), scratch=scratch) as second:
            out, err = second.communicate(timeout=20)
        assert (second.returncode, out) == (5, "")
        assert f"{store} is the client store of a rehearsal controller" in err
        assert f"(pid {first.pid})" in err
        assert endpoint in (store / "controllers.yaml").read_text()
        first.kill()
        first.communicate(timeout=20)
    assert list(scratch.iterdir())
    with start("--juju-data", str(store), scratch=scratch) as third:
        assert third.stdout is not None
        assert third.stdout.readline().split()[1] in (store / "controllers.yaml").read_text()
        third.terminate()
        third.communicate(timeout=20)
    assert third.returncode == 0
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("command", [("controller",), ("rehearse", "1.11")])
def test_model_name_that_juju_refuses_is_a_usage_error_with_the_rule(
    invoke: Callable[..., Result], command: tuple[str, ...]
) -> None:
    result = invoke(*command, "--model", "Bad_Name")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "model names may only contain lowercase letters, digits and hyphens" in result.stderr
    assert result.stderr.endswith("Give another --model.\n")


def test_faults_are_told_when_they_happen(tmp_path: Path) -> None:
    faults = ("--fault", "error@Admin.Login,message=not now", "--fault", "cut@upload=9")
    with start("--juju-data", str(tmp_path), *faults) as process:
        assert process.stdout is not None
        process.stdout.readline()
        login = subprocess.run(
            [sys.executable, "-m", "ckf_airgap", "status", "--juju-data", str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        process.terminate()
        _, err = process.communicate(timeout=20)
    assert login.returncode == 5
    assert "not now" in login.stderr
    first, *_ = err.splitlines()
    assert first.startswith("fault error@Admin.Login=1,message=not now at Admin.Login, request 1")
    assert "cut@upload" not in err


def test_a_text_that_is_no_fault_is_a_usage_error(invoke: Callable[..., Result]) -> None:
    result = invoke("controller", "--fault", "clos@request")
    assert result.exit_code == 2
    assert "'clos@request' is no fault: there is no kind 'clos': did you mean 'close'?" in (
        result.stderr
    )
    assert "docs/rehearsal.md" in result.stderr


def test_a_fault_of_its_own_makes_it_fail_in_the_end(
    invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(controller: RehearsalController, _terminal: object) -> None:
        async with controller:
            model = controller.models["kubeflow"]

            def fail() -> None:
                raise KeyError("minio/0")

            model.clock.call_later(0, fail)
            await asyncio.sleep(0.01)
            raise asyncio.CancelledError

    async def interrupted(controller: RehearsalController, terminal: object) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await serve(controller, terminal)
        raise InterruptedRunError("stopped by Ctrl-C")

    monkeypatch.setattr("ckf_airgap.cli.controller._serve", interrupted)
    result = invoke("controller", "--speed", "1000")
    assert result.exit_code == 1
    assert "the rehearsal controller itself failed 1 times" in result.stderr
    assert "KeyError: 'minio/0'" in result.stderr
