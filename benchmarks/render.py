"""How long rendering takes, how it grows, and how much memory it needs.

Run it from a checkout: ``python benchmarks/render.py``. It writes stand-in charms to a temporary
directory, and measures each case in a process of its own: the CPU seconds of reading the charms and
of rendering, and the peak of its memory.

Cases: Charmed Kubeflow 1.11; 250, 500 and 1,000 applications with a charm each; and 1.11 with
charms of 500 MB (sparse files on the disk, whole ones for a reader).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.choosing import choose_charms
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.documents import Document
from ckf_airgap.facts.releases import Release, load_release
from ckf_airgap.images.discover import discover_images
from ckf_airgap.images.lists import ImageList, RetaggedImages
from ckf_airgap.images.reference import Registry
from ckf_airgap.rehearsal.standin import write_standin, write_standins
from ckf_airgap.rendering.overlay import render

REGISTRY = Registry.parse("registry.airgap.internal:5000")
MEGABYTE = 1024 * 1024


def large_bundle(release: Release, count: int, directory: Path) -> Bundle:
    """Write `count` charms that are copies of the release's under other names; return a bundle."""
    applications: Document = {}
    originals = [
        application
        for application in release.bundle.applications.values()
        if application.charm_name in release.charms
    ]
    for number in range(count):
        original = originals[number % len(originals)]
        name = f"{original.charm_name}-copy{number}x"
        charm = dataclasses.replace(release.charms[original.charm_name], name=name, metadata={})
        write_standin(charm, directory, revision=number)
        applications[name] = {"charm": name, "channel": "latest/stable", "scale": 1}
    document: Document = {"bundle": "kubernetes", "applications": applications}
    return Bundle.from_document(document, where="benchmark")


def grow(file: Path, size_bytes: int) -> None:
    """Put `size_bytes` of nothing in front of a zip archive, as a hole in the file.

    A zip archive is found from its end, so the reader sees a charm of that size.
    """
    content = file.read_bytes()
    with file.open("wb") as stream:
        stream.seek(size_bytes)
        stream.write(content)


def measure(case: str, directory: Path) -> dict[str, float]:
    """Read the charms of a case and render it; called in a process of its own."""
    release = load_release("1.11")
    rules = release.rules
    bundle = release.bundle
    if case.startswith("apps-"):
        names = sorted(file.name.rpartition("_r")[0] for file in directory.glob("*.charm"))
        applications: Document = {
            name: {"charm": name, "channel": "latest/stable", "scale": 1} for name in names
        }
        bundle = Bundle.from_document({"applications": applications}, where="benchmark")
    listed = needed_list(bundle, directory, release)
    before = time.process_time()
    charms = CharmDirectory.scan(directory)
    read = time.process_time()
    rendering = render(
        bundle, charms=charms, images=ImageList.parse(listed, where="list"), rules=rules
    )
    rendering.overlay_yaml()
    done = time.process_time()
    return {
        "applications": len(bundle.applications),
        "images": len(rendering.replacements),
        "read_s": read - before,
        "render_s": done - read,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def needed_list(bundle: Bundle, directory: Path, release: Release) -> str:
    """Return the retagged list that the bundle needs, as the text of a file."""
    charms = choose_charms(bundle, CharmDirectory.scan(directory)).charms
    needs = [
        need.source
        for entry in discover_images(bundle, charms, release.rules)
        for need in entry.needs()
    ]
    images = RetaggedImages.by_rule(needs, REGISTRY).images
    return "\n".join(str(reference) for reference in images) + "\n"


def in_process(case: str, directory: Path) -> dict[str, float]:
    """Measure a case in a new process, so that memory is its own."""
    output = subprocess.run(
        [sys.executable, __file__, "--case", case, "--directory", str(directory)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    result: dict[str, float] = json.loads(output)
    return result


def main() -> None:
    """Run all cases and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measure(arguments.case, arguments.directory)))
        return
    release = load_release("1.11")
    print(f"{'case':<22}{'apps':>6}{'images':>8}{'read s':>9}{'render s':>10}{'peak MB':>9}")
    with tempfile.TemporaryDirectory() as temporary:
        for case in ("1.11", "1.11, 500 MB charms", "apps-250", "apps-500", "apps-1000"):
            directory = Path(temporary) / case.replace(" ", "-")
            if case.startswith("apps-"):
                large_bundle(release, int(case.partition("-")[2]), directory)
            else:
                files = write_standins(release, directory)
                if "500 MB" in case:
                    for file in files:
                        grow(file, 500 * MEGABYTE)
            result = in_process(case, directory)
            print(
                f"{case:<22}{result['applications']:>6.0f}{result['images']:>8.0f}"
                f"{result['read_s']:>9.2f}{result['render_s']:>10.2f}{result['peak_mb']:>9.0f}"
            )


if __name__ == "__main__":
    main()
