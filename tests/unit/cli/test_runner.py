"""Signals cancel what runs, and clean-up is waited for."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading

import pytest

from ckf_airgap import __main__ as entry
from ckf_airgap.cli.runner import run
from ckf_airgap.errors import ExitCode, InterruptedRunError


async def _work(log: list[str], number: signal.Signals) -> str:
    try:
        os.kill(os.getpid(), number)
        await asyncio.sleep(30)
    except asyncio.CancelledError:
        await asyncio.sleep(0.01)
        log.append("cleaned up")
        raise
    return "never"


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")]
)
def test_signal_cancels_and_waits_for_the_clean_up(number: signal.Signals, name: str) -> None:
    log: list[str] = []
    before = signal.getsignal(number)
    with pytest.raises(InterruptedRunError) as caught:
        run(_work(log, number), on_stop=log.append)
    assert caught.value.message == f"stopped by {name}"
    assert caught.value.exit_code == 130
    assert log == [name, "cleaned up"]
    assert signal.getsignal(number) == before


def test_second_ctrl_c_does_not_wait() -> None:
    async def stubborn() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0)
            raise

    with pytest.raises(InterruptedRunError, match="stopped by Ctrl-C"):
        run(stubborn())


def test_result_and_errors_pass_through() -> None:
    async def answer() -> int:
        return 42

    async def fail() -> None:
        raise ValueError("no")

    assert run(answer()) == 42
    with pytest.raises(ValueError, match="no"):
        run(fail())


def test_operation_that_reports_its_own_interruption_is_heard() -> None:
    async def operation() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            raise InterruptedRunError("stopped; 3 applications stand") from None

    with pytest.raises(InterruptedRunError, match="3 applications stand"):
        run(operation())


def test_works_outside_of_the_main_thread() -> None:
    results: list[int] = []

    async def answer() -> int:
        return 42

    thread = threading.Thread(target=lambda: results.append(run(answer())))
    thread.start()
    thread.join(10)
    assert results == [42]


def test_ctrl_c_while_modules_are_imported_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Importing:
        @property
        def main(self) -> object:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "ckf_airgap.cli", Importing())
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == "error: stopped by Ctrl-C\n"
