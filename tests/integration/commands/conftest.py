"""The installed command, run as a user runs it, and small sets of files to run it on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ckf_airgap.charms.charm import Base, Charm, Endpoint, Option, Resource
from ckf_airgap.rehearsal.host.controller import RehearsalController
from ckf_airgap.rehearsal.host.thread import ControllerThread
from ckf_airgap.rehearsal.standin import write_standin

IMAGE = "registry.airgap.internal:5000/minio/minio:RELEASE.2021"

BUNDLE = """\
bundle: kubernetes
applications:
  minio:
    charm: minio
    channel: 1.10/stable
    scale: 1
    options: {port: 9000}
  argo:
    charm: argo
    channel: 3.4/stable
    scale: 1
    trust: true
relations:
- [argo, minio]
"""


@dataclass(frozen=True)
class Run:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass
class World:
    """A directory with a bundle, charms and a list of images, all as they should be."""

    path: Path
    juju_data: Path
    arguments: list[str] = field(default_factory=list)

    @property
    def bundle(self) -> Path:
        return self.path / "bundle.yaml"

    @property
    def charms(self) -> Path:
        return self.path / "charms"

    @property
    def images(self) -> Path:
        return self.path / "retagged-images.txt"

    def environment(self) -> dict[str, str]:
        return {**os.environ, "JUJU_DATA": str(self.juju_data), "HOME": str(self.path)}

    def command(self, *arguments: str | Path) -> list[str]:
        return [sys.executable, "-m", "ckf_airgap", *(str(argument) for argument in arguments)]

    def run(self, *arguments: str | Path) -> Run:
        done = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=self.path,
            env=self.environment(),
        )
        return Run(done.returncode, done.stdout, done.stderr)

    def deploy(self, *more: str | Path, bundle: str | Path | None = None) -> Run:
        """Deploy the bundle as `ckf-airgap deploy` does, with what there is."""
        files = ("--charms", self.charms, "--images", self.images)
        return self.run("deploy", bundle or self.bundle, *files, "--timeout", "60s", *more)


def charm(name: str, *, role: str = "provider") -> Charm:
    image = Resource(name="oci-image", upstream_source="minio/minio:RELEASE.2021")
    endpoint = Endpoint(
        name="object-storage",
        role="requirer" if role == "requirer" else "provider",
        interface="object-storage",
    )
    port = Option(name="port", type="int", default=9000)
    return Charm(
        name=name,
        bases=(Base.parse("ubuntu@22.04"),),
        resources={image.name: image},
        endpoints={endpoint.name: endpoint},
        options={port.name: port},
    )


@pytest.fixture(scope="module")
def controller() -> Iterator[ControllerThread]:
    with ControllerThread(RehearsalController(speed=300.0)) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, controller: ControllerThread) -> World:
    world = World(path=tmp_path, juju_data=controller.juju_data)
    world.bundle.write_text(BUNDLE, encoding="utf-8")
    world.images.write_text(f"{IMAGE}\n", encoding="utf-8")
    write_standin(charm("minio"), world.charms, revision=3)
    write_standin(charm("argo", role="requirer"), world.charms, revision=5)
    return world


@pytest.fixture
def deployed(controller: ControllerThread) -> Callable[[], list[str]]:
    """Return what tells which applications the model kubeflow has."""

    def names() -> list[str]:
        return controller.call(
            lambda: sorted(controller.controller.models["kubeflow"].applications)
        )

    return names
