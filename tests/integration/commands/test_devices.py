"""Pipes, devices and links where files belong: a clear error at once, and never without limit."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ckf_airgap.errors import ExitCode
from ckf_airgap.operations.lock import Lock
from tests.integration.commands.conftest import World
from tests.integration.packing.smallpack import seal

MEMORY = 2 * 1024**3
"""The address space that a command may have: far less than an endless file would fill."""

Place = Callable[[Path], None]


def zero(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


both = pytest.mark.parametrize("place", [zero, pipe], ids=["device", "pipe"])


def bounded(
    world: World, *arguments: str | Path, script: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command with little memory and little time."""
    command = ["bash", "-c", script] if script is not None else world.command(*arguments)
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        cwd=world.path,
        env=world.environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )


def refuses(
    world: World, name: str, *arguments: str | Path, code: ExitCode = ExitCode.INPUT
) -> None:
    """Check that a command ends at once with an error that names the file."""
    done = bounded(world, *arguments)
    message = " ".join(done.stderr.split())
    assert done.returncode == code, done.stderr
    assert name in message, done.stderr
    assert "Traceback" not in message
    assert "unexpected" not in message


@pytest.fixture
def pack(world: World) -> Path:
    """A directory that looks like a pack, as far as its names and checksums go."""
    pack = world.path / "pack"
    pack.mkdir()
    for name in ("bundle.yaml", "ckf-airgap.lock", "charms.tar.gz", "images.tar.gz"):
        (pack / name).write_text("{}\n", encoding="utf-8")
    lock = Lock(tool="0", bundle="b", bundle_sha256="0" * 64, architecture="amd64")
    (pack / "ckf-airgap.lock").write_text(lock.to_text(), encoding="utf-8")
    return seal(pack)


@both
@pytest.mark.parametrize("name", ["SHA256SUMS", "SHA256SUMS.sig", "assumes.json"])
def test_pack_is_not_verified(world: World, pack: Path, name: str, place: Place) -> None:
    place(pack / name)
    key, public = world.path / "key.pem", world.path / "public.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
    if name == "SHA256SUMS.sig":
        refuses(world, name, "verify", pack, "--key", public, code=ExitCode.TRANSFER)
    else:
        refuses(world, name, "verify", pack, code=ExitCode.TRANSFER)


@both
@pytest.mark.parametrize(
    "name", ["bundle.yaml", "charms.tar.gz", "ckf-airgap.lock", "SHA256SUMS", "assumes.json"]
)
def test_pack_is_not_unpacked(world: World, pack: Path, name: str, place: Place) -> None:
    place(pack / name)
    code = ExitCode.INPUT if name == "assumes.json" else ExitCode.TRANSFER
    refuses(world, name, "unpack", pack, "--force", code=code)


@both
def test_charm_is_not_read(world: World, place: Place) -> None:
    place(world.charms / "minio_r3.charm")
    refuses(
        world,
        "minio_r3.charm",
        "render",
        world.bundle,
        "--charms",
        world.charms,
        "--images",
        world.images,
    )


@both
def test_included_file_is_not_read(world: World, place: Place) -> None:
    place(world.path / "included")
    text = world.bundle.read_text(encoding="utf-8")
    text = text.replace("{port: 9000}", f"{{port: 'include-file://{world.path}/included'}}")
    world.bundle.write_text(text, encoding="utf-8")
    refuses(
        world,
        "included",
        "render",
        world.bundle,
        "--charms",
        world.charms,
        "--images",
        world.images,
    )


@both
def test_index_of_a_layout_is_not_read(world: World, place: Place) -> None:
    layout = world.path / "layout"
    (layout / "blobs" / "sha256").mkdir(parents=True)
    (layout / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    place(layout / "index.json")
    refuses(
        world,
        "index.json",
        "images",
        "push",
        layout,
        "--registry",
        "localhost:1",
        code=ExitCode.TRANSFER,
    )


def test_pipe_is_no_archive_of_images(world: World) -> None:
    pipe(world.path / "images.tar.gz")
    refuses(
        world,
        "images.tar.gz",
        "images",
        "push",
        "images.tar.gz",
        "--registry",
        "localhost:1",
        code=ExitCode.INPUT,
    )


def test_endless_list_of_images_is_refused(world: World) -> None:
    refuses(world, "/dev/zero", "images", "retag", "/dev/zero", "--registry", "reg.io:5000")


def test_endless_password_is_refused(world: World) -> None:
    login = ("--registry-username", "me", "--registry-password-file", "/dev/zero")
    files = ("--charms", world.charms, "--images", world.images)
    refuses(world, "/dev/zero", "deploy", world.bundle, *files, *login)


@pytest.mark.parametrize("source", ["/dev/stdin < list.txt", "<(cat list.txt)"])
def test_list_of_images_may_come_from_a_pipe(world: World, source: str) -> None:
    (world.path / "list.txt").write_text("docker.io/minio/minio:1\n", encoding="utf-8")
    command = " ".join(world.command("images", "retag"))
    done = bounded(world, script=f"{command} --registry reg.io:5000 {source}")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "reg.io:5000/minio/minio:1\n"
