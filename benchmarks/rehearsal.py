"""How long a rehearsal takes, from the bundle to all active/idle, and how much memory it needs.

Run it from a checkout: ``python benchmarks/rehearsal.py``. Cases: Charmed Kubeflow 1.11; and about
300 applications, which are eight copies of it, relations and all, in one model. Each case runs in a
process of its own that holds both the rehearsal controller and the deployment through libjuju. The
clock of the units is the default one, and is counted: `units` are the seconds that they take to
settle at that speed, whatever the machine does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.documents import Document, dump_yaml
from ckf_airgap.facts.releases import Release, load_release
from ckf_airgap.operations.rehearsing import rehearse
from ckf_airgap.operations.rendering import Inputs
from ckf_airgap.rehearsal.standin import write_standins

RELEASE = "1.11"
CASES = {"1.11": 1, "300 applications": 8}


def copies(release: Release, count: int, *, most: int | None = None) -> Document:
    """Return a bundle with `count` copies of a release, of `most` applications at most."""
    applications: Document = {}
    relations: list[list[str]] = []
    for number in range(count):
        suffix = f"-copy{number}x" if number else ""
        for name, application in release.bundle.applications.items():
            fields: Document = {"charm": application.charm, "channel": application.channel}
            fields |= {"scale": application.scale, "trust": application.trust}
            fields |= {"options": dict(application.options), "constraints": application.constraints}
            applications[name + suffix] = fields
        for relation in release.bundle.relations:
            ends = [f"{end.application}{suffix}:{end.endpoint or ''}" for end in relation.ends]
            relations.append([end.rstrip(":") for end in ends])
    kept = dict(list(applications.items())[:most])
    return {
        "bundle": "kubernetes",
        "applications": kept,
        "relations": [
            [*ends] for ends in relations if all(end.partition(":")[0] in kept for end in ends)
        ],
    }


def measure(case: str) -> dict[str, float]:
    """Rehearse a case; called in a process of its own."""
    release = load_release(RELEASE)
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        document = copies(release, CASES[case])
        bundle = Bundle.from_document(document, where=case)
        (directory / "bundle.yaml").write_text(dump_yaml(document), encoding="utf-8")
        write_standins(release, directory / "charms")
        inputs = Inputs(bundle=str(directory / "bundle.yaml"), charms=directory / "charms")
        wall, cpu = time.monotonic(), time.process_time()
        rehearsal = asyncio.run(rehearse(inputs))
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    seconds = rehearsal.deployment.seconds
    return {
        "applications": len(bundle.applications),
        "relations": len(bundle.relations),
        "deploy_s": seconds["deploy"],
        "wait_s": seconds["wait"],
        "wall_s": wall,
        "cpu_s": cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def in_process(case: str) -> dict[str, float]:
    """Measure a case in a new process, so that memory is its own."""
    output = subprocess.run(
        [sys.executable, __file__, "--case", case], check=True, capture_output=True, text=True
    ).stdout
    result: dict[str, float] = json.loads(output)
    return result


def main() -> None:
    """Run all cases and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measure(arguments.case)))
        return
    print(
        f"{'case':<18}{'apps':>6}{'relations':>11}{'deploy s':>10}{'wait s':>8}"
        f"{'wall s':>8}{'CPU s':>7}{'peak MB':>9}"
    )
    for case in CASES:
        result = in_process(case)
        print(
            f"{case:<18}{result['applications']:>6.0f}{result['relations']:>11.0f}"
            f"{result['deploy_s']:>10.1f}{result['wait_s']:>8.1f}{result['wall_s']:>8.1f}"
            f"{result['cpu_s']:>7.1f}{result['peak_mb']:>9.0f}"
        )


if __name__ == "__main__":
    main()
