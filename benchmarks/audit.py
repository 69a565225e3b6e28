"""How long listing and auditing the images of large charms takes, and how much memory it needs.

Run it from a checkout: ``python benchmarks/audit.py``. It writes 40 charms of 20 MB to a temporary
directory, of the make of real ones: templates and custom resource definitions, charm libraries of a
few thousand lines, and some thousand files of Python dependencies in ``venv``. A third of the
libraries mention an image, and no two are equal, though real charms share most of theirs. Each run
is measured in a process of its own: first without, then with the dependencies.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.documents import Document
from ckf_airgap.facts.releases import load_release
from ckf_airgap.images.audit import audit_charms
from ckf_airgap.images.inventory import take_inventory
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.rehearsal.standin import write_standin

MEGABYTE = 1024 * 1024
PLANTED = "quay.io/planted/image:1.0"


def library(random_: random.Random, lines: int, *, about: str = "a resource") -> str:
    """Return a charm library: documentation, classes, strings, and paths that are no images."""
    parts = [f'"""A library.\n\nFor {about}, take an image.\n"""\nimport ops\n']
    while len(parts) < lines // 8:
        name = f"handler_{random_.randrange(10**6)}"
        parts.append(
            f"\n\ndef {name}(self, event, image=None):\n"
            f'    """Handle http://{name}.example.com:8080/{name}."""\n'
            f'    path = f"/etc/{{self.app}}/{name}.yaml"\n'
            f'    self.log.info("wrote %s for {name}", path)\n'
            f'    return {{"image": image, "port": "{random_.randrange(9999)}"}}\n'
        )
    return "".join(parts)


def definitions(random_: random.Random, size_bytes: int) -> str:
    """Return custom resource definitions, which are the largest files of real charms."""
    lines = ["apiVersion: apiextensions.k8s.io/v1", "kind: CustomResourceDefinition", "spec:"]
    size = 0
    while size < size_bytes:
        name = f"field{random_.randrange(10**6)}"
        more = [
            f"                {name}:",
            f"                  description: The {name}, see https://kubernetes.io/docs/{name}/.",
            "                  type: string",
        ]
        if not random_.randrange(20):
            more += ["                image:", "                  description: As docker.io/a/b:1."]
        lines += more
        size += sum(len(line) + 1 for line in more)
    return "\n".join(lines) + "\n"


def fill(file: Path, number: int, size_bytes: int) -> None:
    """Add to a charm what real charms hold, up to `size_bytes`; plant one image."""
    random_ = random.Random(number)  # noqa: S311 - the same files in each run
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("src/crds/crds.yaml.j2", definitions(random_, 500_000))
        archive.writestr(
            "src/templates/deployment.yaml.j2",
            f"kind: Deployment\nspec:\n  image: {{{{ image }}}}\n  sidecar: {PLANTED}\n",
        )
        for position in range(6):
            about = "docker.io/a/b:1.0" if position % 3 == 0 else "a resource"
            text = library(random_, 2_000, about=about)
            archive.writestr(f"lib/charms/library_{position}/v0/library_{position}.py", text)
        for position in range(1_500):
            text = library(random_, 200)
            archive.writestr(f"venv/lib/python3.12/site-packages/package/m{position}.py", text)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        missing = size_bytes - file.stat().st_size
        if missing > 0:
            archive.writestr("venv/lib/native.so", random_.randbytes(missing))


def measure(directory: Path) -> dict[str, float]:
    """List and audit the charms of a directory; called in a process of its own."""
    started, cpu = time.perf_counter(), time.process_time()
    charms = CharmDirectory.scan(directory)
    by_name = {charm.name: charm for charm in charms}
    applications: Document = {
        name: {"charm": name, "channel": "latest/stable", "scale": 1} for name in by_name
    }
    bundle = Bundle.from_document({"applications": applications}, where="benchmark")
    rules = ImageRules.empty()
    inventory = take_inventory(bundle, by_name, rules)
    listed = time.perf_counter()
    report = audit_charms(by_name, inventory, rules)
    audited = time.perf_counter()
    assert len(report.of_standing("hidden")) == len(by_name)  # noqa: S101 - what was planted
    cpu_s = time.process_time() - cpu
    audit_charms(by_name, inventory, rules, dependencies=True)
    with_dependencies_s = time.process_time() - cpu - cpu_s
    return {
        "charms": len(by_name),
        "images": len(inventory),
        "files_read": sum(audit.files_read for audit in report.charms),
        "list_s": round(listed - started, 2),
        "audit_s": round(audited - listed, 2),
        "cpu_s": round(cpu_s, 2),
        "dependencies_cpu_s": round(with_dependencies_s, 2),
        "dependencies_ratio": round(with_dependencies_s / cpu_s, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def write_charms(directory: Path, count: int, size_bytes: int) -> None:
    release = load_release("1.11")
    originals = sorted(release.charms)
    for number in range(count):
        charm = release.charms[originals[number % len(originals)]]
        name = f"{charm.name}-copy{number}x"
        copy = dataclasses.replace(charm, name=name, metadata={})
        fill(write_standin(copy, directory, revision=1), number, size_bytes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charms", type=int, default=40, help="how many charms")
    parser.add_argument("--size", type=int, default=20, help="megabytes of each")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        write_charms(Path(temporary), arguments.charms, arguments.size * MEGABYTE)
        command = [sys.executable, __file__, "--measure", temporary]
        for run in ("first", "again"):
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            print(f"{run}: {output.strip()}", flush=True)


if __name__ == "__main__":
    main()
