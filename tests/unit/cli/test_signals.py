"""SIGTERM at every moment of a command: while it starts, runs, reports and ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = """
import sys
sys.argv[0] = "ckf-airgap"
{before}
from ckf_airgap.__main__ import main
main()
"""

AT_IMPORT = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGTERM)
sys.meta_path.insert(0, Finder())
"""
"""Sends SIGTERM when a module is about to be imported."""

AT_CALL = """
import functools, importlib, os, signal
module = importlib.import_module({module!r})
place = getattr(module, {owner!r}) if {owner!r} else module
function = getattr(place, {function!r})
@functools.wraps(function)
def stopped(*arguments, **named):
    os.kill(os.getpid(), signal.SIGTERM)
    return function(*arguments, **named)
setattr(place, {function!r}, stopped)
"""
"""Sends SIGTERM when a function is called."""


WHEN_WATCHED = """
from ckf_airgap.cli import signals
watch = signals.watch
def watched():
    watch()
    print("started", flush=True)
signals.watch = watched
"""
"""Tells when the program has reached its first line."""


def run(before: str, *args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before), *args],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
    )


@pytest.mark.parametrize(
    "module",
    ["ckf_airgap.cli.app", "click", "ckf_airgap.cli.releases", "ckf_airgap.cli.logs", "yaml"],
)
def test_while_it_starts_nothing_was_changed(module: str) -> None:
    done = run(AT_IMPORT.format(name=module), "releases")
    assert done.returncode == 130
    assert done.stderr == "error: stopped by SIGTERM; nothing was changed\n"
    assert done.stdout == ""


@pytest.mark.parametrize("module", ["juju", "asyncio", "aiohttp"])
def test_while_a_command_is_loaded_nothing_was_changed(module: str, tmp_path: Path) -> None:
    before = AT_IMPORT.format(name=module)
    done = run(before, "status", "--juju-data", str(tmp_path))
    assert done.returncode == 130
    assert done.stderr == "error: stopped by SIGTERM; nothing was changed\n"


def test_while_it_runs_it_is_cancelled(tmp_path: Path) -> None:
    before = AT_CALL.format(module="ckf_airgap.operations.watching", owner="", function="connect")
    done = run(before, "status", "--json", "--juju-data", str(tmp_path))
    assert done.returncode == 130
    assert done.stderr == "error: stopped by SIGTERM\n"
    assert json.loads(done.stdout)["message"] == "stopped by SIGTERM"


def test_while_its_result_is_reported_that_is_said(tmp_path: Path) -> None:
    before = AT_CALL.format(module="ckf_airgap.cli.terminal", owner="Terminal", function="text")
    done = run(before, "images", "list", "1.11", cwd=tmp_path)
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == (
        "error: stopped by SIGTERM while the result was reported"
    )


def test_while_a_failure_is_reported_it_ends_at_once() -> None:
    before = AT_CALL.format(module="ckf_airgap.cli.app", owner="", function="report_failure")
    done = run(before, "status", "--juju-data", "/nowhere/at/all")
    assert done.returncode == 130
    assert done.stderr == "error: stopped by SIGTERM\n"


def test_when_all_is_said_it_comes_too_late() -> None:
    before = "import atexit, os, signal\natexit.register(os.kill, os.getpid(), signal.SIGTERM)\n"
    done = run(before, "releases", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)
    assert done.stderr == ""


def test_a_second_one_does_not_wait() -> None:
    script = """
import asyncio, os, signal
from ckf_airgap.cli.runner import run
from ckf_airgap.errors import InterruptedRunError
async def stubborn():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(30)
    except asyncio.CancelledError:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0)
        raise
try:
    run(stubborn())
except InterruptedRunError as error:
    print(error.message)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "stopped by SIGTERM, without cleaning up\n"


@pytest.mark.parametrize("delay_s", [0.05, 0.2, 0.5, 0.9])
def test_at_any_time_the_code_says_how_it_ended(delay_s: float, tmp_path: Path) -> None:
    program = PROGRAM.format(before=WHEN_WATCHED)
    with subprocess.Popen(
        [sys.executable, "-c", program, "images", "list", "1.11"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        time.sleep(delay_s)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    if process.returncode == 130:
        assert "stopped by SIGTERM" in errors
    else:  # it was done by then
        assert process.returncode in (0, 4)
