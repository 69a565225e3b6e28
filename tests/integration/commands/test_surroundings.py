"""Streams that are closed, links that lead nowhere, arguments that are no text."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from ckf_airgap.errors import ExitCode
from ckf_airgap.operations.lock import Lock
from tests.integration.commands.conftest import Run, World
from tests.integration.packing.smallpack import seal

CLOSED = {0: "<&-", 1: ">&-", 2: "2>&-"}


def closing(world: World, streams: tuple[int, ...], *arguments: str | Path) -> Run:
    """Run a command as a job that has no such streams."""
    words = shlex.join(world.command(*arguments))
    done = subprocess.run(
        ["sh", "-c", " ".join(["exec", words, *(CLOSED[number] for number in streams)])],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=world.path,
        env=world.environment(),
    )
    return Run(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("streams", [(1,), (0, 1, 2)])
def test_a_closed_stream_is_one_that_nobody_reads(world: World, streams: tuple[int, ...]) -> None:
    """A file that is written then has what belongs into it, and nothing that was printed."""
    written = world.path / "overlay.yaml"
    files = ("--charms", world.charms, "--images", world.images)
    done = closing(world, streams, "render", world.bundle, *files, "-v", "-o", written)
    assert (done.code, done.out) == (0, "")
    assert ("wrote the overlay" in done.err) == (2 not in streams)
    assert written.read_text(encoding="utf-8").startswith("applications:")
    assert "wrote" not in written.read_text(encoding="utf-8")


@pytest.mark.parametrize("arguments", [("releases",), ("images", "push")])
def test_a_closed_standard_output_is_no_defect(world: World, arguments: tuple[str, ...]) -> None:
    done = closing(world, (1,), *arguments)
    assert done.code == (ExitCode.USAGE if "push" in arguments else 0)
    assert "unexpected" not in done.err
    assert "Traceback" not in done.err


def test_a_link_that_leads_back_to_itself_is_told(world: World) -> None:
    (world.path / "one").symlink_to("two")
    (world.path / "two").symlink_to("one")
    done = world.run("controller", "--juju-data", world.path / "one")
    assert done.code == ExitCode.INPUT
    assert f"{world.path}/one is a symbolic link that leads back to itself" in done.err


def test_an_argument_that_is_no_text_is_refused_unless_it_names_a_file(world: World) -> None:
    byte = os.fsdecode(b"\xff")
    files = ("--charms", world.charms, "--images", world.images)
    for option, word in (
        ("--set", f"minio.port={byte}"),
        ("--set", f"{byte}.port=1"),
        ("--registry", f"{byte}:5000"),
    ):
        done = world.run("render", world.bundle, *files, option, word)
        assert done.code == ExitCode.USAGE
        assert f"Invalid value for '{option}'" in done.err
        assert "is not UTF-8 text" in done.err

    world.bundle.rename(world.path / f"{byte}.yaml")
    done = world.run("render", f"{byte}.yaml", *files, "-o", f"overlay-{byte}.yaml")
    assert done.code == 0
    assert r"wrote the overlay to overlay-\xff.yaml" in done.err
    assert (world.path / f"overlay-{byte}.yaml").exists()


def test_a_directory_in_place_of_a_file_of_a_pack_is_named(world: World) -> None:
    pack = world.path / "pack"
    pack.mkdir()
    lock = Lock(tool="0", bundle="b", bundle_sha256="0" * 64, architecture="amd64")
    (pack / "ckf-airgap.lock").write_text(lock.to_text(), encoding="utf-8")
    (pack / "charms.tar.gz").write_text("x")
    seal(pack)
    (pack / "charms.tar.gz").unlink()
    (pack / "charms.tar.gz").mkdir()
    done = world.run("unpack", pack, "--to", world.path / "home")
    assert done.code == ExitCode.TRANSFER
    assert f"{pack / 'charms.tar.gz'}: Is a directory" in done.err
