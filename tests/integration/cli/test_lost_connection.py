"""A connection that is lost while a command waits: told on standard error, and in the document."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable

from click.testing import Result

from ckf_airgap.rehearsal.host.thread import ControllerThread
from ckf_airgap.rehearsal.units.course import Course, Step
from tests.integration.cli.test_commands import applications

Invoke = Callable[..., Result]


def lose_connections(controller: ControllerThread) -> None:
    """Close every connection once both applications are there."""
    until = time.monotonic() + 30
    while len(applications(controller)) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.3)

    def close() -> None:
        for session in list(controller.controller.state.sessions):
            session.disconnect()

    controller.call(close)


def test_a_lost_connection_is_a_warning(deploy: Invoke, controller: ControllerThread) -> None:
    slowly = Course(steps=(Step(workload="waiting", message="pulling", duration_s=600),))
    controller.call(lambda: controller.controller.script.set_course(slowly, application="dog"))
    losing = threading.Thread(target=lose_connections, args=(controller,))
    losing.start()
    result = deploy("--json")
    losing.join()
    assert result.exit_code == 0, result.stderr
    lost, back = [line for line in result.stderr.splitlines() if "the connection to" in line]
    name = "the connection to controller rehearsal"
    assert re.fullmatch(rf"warning: {name} was lost \(it .*\); reconnecting", lost)
    assert re.fullmatch(rf"{name} is back after [\d.]+ s", back)
    (warning,) = [
        one["what"]
        for one in json.loads(result.stdout)["warnings"]
        if "the connection to" in one["what"]
    ]
    assert re.fullmatch(rf"{name} was lost for [\d.]+ s \(it .*\), and restored", warning)
