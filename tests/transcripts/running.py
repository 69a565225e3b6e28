"""A real ``juju`` client, run as the scenes say against a controller of this process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.host.thread import ControllerThread
from ckf_airgap.rehearsal.units.actionresults import ActionResult
from ckf_airgap.rehearsal.units.course import Script
from tests.transcripts import workshop
from tests.transcripts.scenes import SETTLE, Scene, Step

PASSWORD: Final = "rehearsal-password"
MODEL: Final = "lab"
TIMEOUT_S: Final = 60.0
_PATIENCE_S: Final = 20.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command came to."""

    exit_code: int
    output: str

    def faults(self, step: Step) -> Iterator[str]:
        """Yield what is not as the step expects."""
        wants_success = step.outcome == "works"
        if (self.exit_code == 0) is not wants_success:
            yield f"exit code {self.exit_code}"
        if step.says and step.says not in _plain(self.output):
            yield f"does not say {step.says!r}"
        for word in ("not implemented", "panic", "re-install"):
            if word in self.output:
                yield f"says {word!r}"


def client_on_path() -> str | None:
    """Return the path of the ``juju`` on the PATH, or ``None``."""
    return shutil.which("juju")


@contextmanager
def stage(directory: Path, *, speed: float) -> Iterator[ControllerThread]:
    """Yield a controller for one scene, and furnish `directory` with what its commands name."""
    workshop.furnish(directory / "work")
    script = Script()
    script.actions.set_result("backup", ActionResult(results={"state": "written"}), charm="store")
    controller = RehearsalController(
        models=(MODEL,),
        speed=speed,
        password=PASSWORD,
        script=script,
        juju_data=directory / "juju",
    )
    with ControllerThread(controller) as running:
        yield running


def run_step(juju: str, step: Step, directory: Path, *, registration: str = "") -> Outcome:
    """Run one command with the client.

    Args:
        juju: The client.
        step: The command.
        directory: The directory of the scene.
        registration: What ``{registration}`` stands for.

    Raises:
        subprocess.TimeoutExpired: when it does not end.
    """
    home = directory / f"home{step.client}"
    home.mkdir(exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "JUJU_DATA": str(home / "juju" if step.client else directory / "juju"),
        "NO_COLOR": "1",
        "TERM": "dumb",
    }
    done = subprocess.run(
        [juju, *(word.replace("{registration}", registration) for word in step.words)],
        input=step.stdin,
        capture_output=True,
        text=True,
        cwd=directory / "work",
        env=environment,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Outcome(exit_code=done.returncode, output=done.stdout + done.stderr)


def run_scene(
    juju: str, scene: Scene, controller: ControllerThread, directory: Path
) -> Iterator[tuple[Step, Outcome | None]]:
    """Run the commands of a scene; yield each with what it came to.

    A step that lets time pass comes without an outcome.
    """
    registration = ""
    for step in scene.steps:
        if step.outcome == SETTLE:
            settle(controller)
            yield step, None
            continue
        outcome = run_step(juju, step, directory, registration=registration)
        if printed := re.search(r"juju register (\S+)", outcome.output):
            registration = printed[1]
        yield step, outcome


def settle(controller: ControllerThread) -> None:
    """Wait until every unit of every model has come to rest."""

    def is_settled() -> bool:
        return all(
            model.topology.unit(name).agent.current == "idle"
            for model in controller.controller.state
            for application in model.applications.values()
            for name in application.units
        )

    pause = threading.Event()
    for _ in range(int(_PATIENCE_S / 0.02)):
        if controller.call(is_settled):
            return
        pause.wait(0.02)
    raise TimeoutError("units have not come to rest")


def _plain(output: str) -> str:
    """Return an output as one line, since the client breaks long ones."""
    return re.sub(r"\s+", " ", output)
