"""A small world for the commands: a bundle, its charms, and the list of images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ckf_airgap.charms.charm import Base, Charm, Endpoint, Option, Resource
from ckf_airgap.cli import main
from ckf_airgap.rehearsal.standin import write_standin

REGISTRY = "registry.test:5000"

BUNDLE = """\
bundle: kubernetes
name: pets
applications:
  cat:
    charm: cat
    channel: 2/stable
    scale: 1
    trust: true
  dog:
    charm: dog
    channel: latest/edge
    scale: 2
    options: {volume: 3}
relations:
- [cat:prey, dog:prey]
"""

CAT = Charm(
    name="cat",
    bases=(Base(name="ubuntu", channel="22.04", architectures=("amd64",)),),
    resources={"cat-image": Resource(name="cat-image", upstream_source="docker.io/pets/cat:1.0")},
    endpoints={"prey": Endpoint(name="prey", role="requirer", interface="prey")},
)

DOG = Charm(
    name="dog",
    bases=(Base(name="ubuntu", channel="22.04", architectures=("amd64",)),),
    options={
        "helper_image": Option(name="helper_image", type="string", default="ghcr.io/pets/flea:2"),
        "volume": Option(name="volume", type="int", default=1),
    },
    endpoints={"prey": Endpoint(name="prey", role="provider", interface="prey")},
)


@dataclass(frozen=True)
class World:
    """The files, and the arguments that name them."""

    bundle: Path
    charms: Path
    images: Path

    @property
    def args(self) -> list[str]:
        return [str(self.bundle), "--charms", str(self.charms), "--images", str(self.images)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    bundle = tmp_path / "bundle.yaml"
    bundle.write_text(BUNDLE)
    charms = tmp_path / "charms"
    write_standin(CAT, charms, 3)
    write_standin(CAT, charms, 12)
    write_standin(DOG, charms, 5)
    images = tmp_path / "retagged-images.txt"
    images.write_text(f"{REGISTRY}/pets/cat:1.0\n{REGISTRY}/pets/flea:2\n")
    return World(bundle, charms, images)


@pytest.fixture
def invoke() -> Callable[..., Result]:
    """Run a command line without the caller's environment variables of Juju and ours."""

    def call(*args: object, env: dict[str, str | None] | None = None) -> Result:
        clean: dict[str, str | None] = dict.fromkeys(
            (
                "JUJU_DATA",
                "JUJU_MODEL",
                "JUJU_CONTROLLER",
                "CKF_AIRGAP_CHARMS",
                "CKF_AIRGAP_IMAGES",
                "CKF_AIRGAP_REGISTRY",
            )
        )
        return CliRunner().invoke(main, [str(arg) for arg in args], env=clean | (env or {}))

    return call
