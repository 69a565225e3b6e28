"""How long it takes to ask a controller for a whole release, here and far away, in several ways.

Run it from a checkout, as root (clients run in a network namespace at a distance)::

    python -m benchmarks.deploy [--also LABEL=/path/to/another/ckf-airgap]

Ways: this tool; other versions of it, given with ``--also``; ``Model.deploy`` of libjuju with the
merged bundle; libjuju with one application after the other; and ``juju deploy`` when there is a
``juju`` on the PATH. The controller is the embedded one, which takes no time of its own. Each way
gets a controller of its own and a process of its own, and does not wait for the units. Figures are
seconds of the whole process, and calls and bytes that it sends for an application.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.distance import Distance, distance_to
from benchmarks.rehearsal import RELEASE, copies
from ckf_airgap.documents import dump_yaml
from ckf_airgap.facts.releases import Release, load_release
from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.host.thread import ControllerThread
from ckf_airgap.rehearsal.standin import write_standins

OURS = Path(sys.executable).with_name("ckf-airgap")
LIBJUJU = str(Path(__file__).with_name("libjuju.py"))
REGISTRY = "registry.example:5000"
TIMEOUT_S = 600
WATCHING = ("Next", "Ping")
"""Calls of the watcher and to keep a connection, which are not counted."""


@dataclass(frozen=True)
class Case:
    """What is deployed: the files of a number of applications."""

    applications: int
    directory: Path

    @property
    def inputs(self) -> list[str]:
        """The inputs of this tool's commands."""
        return [
            "bundle.yaml",
            *("--charms", "charms", "--images", "retagged-images.txt", "--registry", REGISTRY),
        ]


def prepare(release: Release, applications: int, directory: Path) -> Case:
    """Write a bundle of that many applications, its charms, and what other clients deploy."""
    directory.mkdir()
    count = -(-applications // len(release.bundle.applications))
    document = copies(release, count, most=applications)
    (directory / "bundle.yaml").write_text(dump_yaml(document), encoding="utf-8")
    write_standins(release, directory / "charms")
    case = Case(applications, directory)

    def run(*arguments: str) -> str:
        return subprocess.run(
            [OURS, *arguments], cwd=directory, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    listed = run("images", "list", RELEASE, "-q")
    (directory / "images.txt").write_text(listed, encoding="utf-8")
    run("images", "retag", "images.txt", "--registry", REGISTRY, "-o", "retagged-images.txt", "-q")
    run("render", *case.inputs, "--bundle-out", "charms/bundle.yaml", "-o", "overlay.yaml", "-q")
    return case


def clients(also: list[str]) -> dict[str, list[str]]:
    """Return the command of each way, by its label."""
    found = {"this tool": [str(OURS), "deploy", "{inputs}", "--no-wait", "-q"]}
    for item in also:
        label, _, program = item.partition("=")
        found[label] = [program, "deploy", "{inputs}", "--no-wait", "-q"]
    found["libjuju, bundle"] = [sys.executable, LIBJUJU, "bundle", "charms"]
    found["libjuju, one by one"] = [sys.executable, LIBJUJU, "one-by-one", "charms"]
    if juju := shutil.which("juju"):
        found["juju deploy"] = [juju, "deploy", "./charms/bundle.yaml", "--trust"]
    return found


def measure(case: Case, command: list[str], one_way_s: float) -> tuple[float, float, float] | str:
    """Deploy in one way; return seconds, calls and bytes, or what went wrong."""
    full = [part for item in command for part in (case.inputs if item == "{inputs}" else [item])]
    controller = RehearsalController(models=("kubeflow",))
    with (
        ControllerThread(controller) as running,
        distance_to(int(running.endpoint.rpartition(":")[2])) as far,
    ):
        far.one_way_s = one_way_s
        return _measured(case, running, far, full)


def _measured(
    case: Case, running: ControllerThread, far: Distance, command: list[str]
) -> tuple[float, float, float] | str:
    environment = {**os.environ, "JUJU_DATA": str(running.juju_data)}
    started = time.monotonic()
    try:
        done = subprocess.run(
            far.command(command),
            cwd=case.directory,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"over {TIMEOUT_S} s"
    took_s = time.monotonic() - started

    def state() -> tuple[int, int]:
        model = running.controller.models["kubeflow"]
        calls = sum(request.method not in WATCHING for request in model.requests)
        return len(model.applications), calls

    applications, calls = running.call(state)
    if done.returncode or applications != case.applications:
        tail = " ".join(done.stdout.split())[-200:]
        return f"exit {done.returncode}, {applications} applications: {tail}"
    return took_s, calls / applications, far.sent_bytes / applications


def main() -> None:
    """Run all cases and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--also", action="append", default=[], metavar="LABEL=PROGRAM")
    parser.add_argument("--apps", type=int, action="append", metavar="N")
    parser.add_argument("--ms", type=int, action="append", metavar="MS", help="each way")
    parser.add_argument("--way", action="append", metavar="LABEL", help="only these ways")
    arguments = parser.parse_args()
    release = load_release(RELEASE)
    print(f"{'apps':>5}{'ms each way':>13}  {'way':<22}{'s':>8}{'calls/app':>11}{'kB/app':>8}")
    with tempfile.TemporaryDirectory() as temporary:
        for applications in arguments.apps or [37, 100, 300]:
            case = prepare(release, applications, Path(temporary) / str(applications))
            for milliseconds in arguments.ms or [0, 50, 200]:
                for label, command in clients(arguments.also).items():
                    if arguments.way and label not in arguments.way:
                        continue
                    found = measure(case, command, milliseconds / 1000)
                    row = f"{applications:>5}{milliseconds:>13}  {label:<22}"
                    if isinstance(found, str):
                        print(f"{row}  {found}", flush=True)
                        continue
                    took_s, calls, sent = found
                    print(f"{row}{took_s:>8.1f}{calls:>11.1f}{sent / 1000:>8.1f}", flush=True)


if __name__ == "__main__":
    main()
