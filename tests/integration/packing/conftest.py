"""Small and whole connected sides."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ckf_airgap.cli import main
from ckf_airgap.rehearsal.standin import write_standin
from tests.integration.packing.connected import PRIVATE, ConnectedSide, connected_side
from tests.integration.packing.smallpack import Far, write_small_pack
from tests.integration.transfer.servers import RegistryServer, scratch
from tests.unit.cli.conftest import BUNDLE, CAT, DOG

__all__ = ["PRIVATE"]


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "CHARMHUB_URL"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker"))
    for name in ("REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "CKF_AIRGAP_REGISTRY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def image_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    """The registry that stands for all public ones."""
    root = scratch(tmp_path_factory.mktemp("images"))
    server = RegistryServer(root / "public", {"log": {"level": "error"}})  # with an access log
    server.start()
    try:
        yield server
    finally:
        server.stop()
        subprocess.run(["rm", "-rf", root], check=True)


@pytest.fixture(scope="session")
def other_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    """The private registry on the other side."""
    root = scratch(tmp_path_factory.mktemp("private"))
    server = RegistryServer(root / "private")
    server.start()
    try:
        yield server
    finally:
        server.stop()
        subprocess.run(["rm", "-rf", root], check=True)


@pytest.fixture
def side(image_server: RegistryServer, tmp_path: Path) -> Iterator[ConnectedSide]:
    """A store and a registry, empty."""
    image_server.empty()
    with connected_side(image_server, tmp_path) as running:
        yield running


@pytest.fixture
def command() -> Callable[..., Result]:
    """Run ``ckf-airgap`` here."""

    def call(*args: object) -> Result:
        return CliRunner().invoke(main, [str(arg) for arg in args])

    return call


@dataclass
class Pets:
    """The bundle of two charms, and the side that has all that it needs."""

    side: ConnectedSide
    bundle: Path
    out: Path
    call: Callable[..., Result]

    def pack(self, *args: object, out: Path | None = None) -> Result:
        return self.call(
            "pack",
            self.bundle,
            "--registry",
            PRIVATE,
            "-o",
            out or self.out,
            "--no-tool",
            *self.side.options,
            *args,
        )

    def packed(self, *args: object, out: Path | None = None) -> Path:
        result = self.pack(*args, out=out)
        assert result.exit_code == 0, result.output
        return out or self.out


@pytest.fixture
def pets(side: ConnectedSide, command: Callable[..., Result], tmp_path: Path) -> Pets:
    """A small bundle, ready to be packed."""
    from ckf_airgap.operations.inventory import ListingInputs, read_listing

    bundle = tmp_path / "bundle.yaml"
    bundle.write_text(BUNDLE)
    shelf = tmp_path / "shelf"
    files = [
        write_standin(CAT, shelf, 3, padding_bytes=40_000),
        write_standin(DOG, shelf, 5, padding_bytes=70_000),
    ]
    side.store.offer_files(files, {"cat": "2/stable", "dog": "latest/edge"})
    listing = read_listing(ListingInputs(bundle=bundle, charms=shelf))
    side.publish([one.reference for one in listing.inventory])
    return Pets(side, bundle, tmp_path / "out", command)


@pytest.fixture(scope="session")
def small_pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack that only a stand-in for the tool can be installed from; not to be altered."""
    return write_small_pack(tmp_path_factory.mktemp("small") / "pack")


@pytest.fixture(scope="session")
def small_tool(small_pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was installed from it; not to be altered."""
    far = Far(small_pack, tmp_path_factory.mktemp("installed"))
    assert far.install("tool").returncode == 0
    return far.home / "tool"


@pytest.fixture
def far(small_pack: Path, tmp_path: Path) -> Far:
    """The other side."""
    home = tmp_path / "home"
    (home / "docs").mkdir(parents=True)
    (home / "docs" / "thesis.txt").write_text("years of work")
    return Far(shutil.copytree(small_pack, tmp_path / "disk" / "pack"), home)


@pytest.fixture
def tool(small_tool: Path, far: Far) -> Path:
    """An installation that an earlier run made."""
    return shutil.copytree(small_tool, far.home / "tool", symlinks=True)


@pytest.fixture(scope="session")
def python() -> str:
    return sys.executable
