"""Streams that are closed, links that lead nowhere, arguments that are no text."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from ckf_airgap.errors import ExitCode
from tests.integration.commands.conftest import Run, World

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


@pytest.mark.parametrize("streams", [(1,), (2,), (0, 1, 2)])
def test_a_closed_stream_is_one_that_nobody_reads(world: World, streams: tuple[int, ...]) -> None:
    """A file that is written then has what belongs into it, and nothing that was printed."""
    written = world.path / "overlay.yaml"
    files = ("--charms", world.charms, "--images", world.images)
    done = closing(world, streams, "render", world.bundle, *files, "-v", "-o", written)
    assert (done.code, done.out) == (0, "")
    assert ("wrote the overlay" in done.err) == (2 not in streams)
    assert written.read_text(encoding="utf-8").startswith("applications:")
    assert "wrote" not in written.read_text(encoding="utf-8")


@pytest.mark.parametrize("arguments", [("releases",), ("--help",), ("images", "push")])
def test_a_closed_standard_output_is_no_defect(world: World, arguments: tuple[str, ...]) -> None:
    done = closing(world, (1,), *arguments)
    assert done.code == (ExitCode.USAGE if "push" in arguments else 0)
    assert "unexpected" not in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("length", [1, 2])
def test_a_link_that_leads_back_to_itself_is_told(world: World, length: int) -> None:
    links = [world.path / f"link-{number}" for number in range(length)]
    for number, link in enumerate(links):
        link.symlink_to(links[(number + 1) % length])
    files = ("--charms", world.charms, "--images", world.images)
    for command in (
        ("render", world.bundle, *files, "-o", links[0]),
        ("controller", "--juju-data", links[0]),
    ):
        done = world.run(*command)
        assert done.code == ExitCode.INPUT
        assert f"{links[0]} is a symbolic link that leads back to itself" in done.err
    assert all(link.is_symlink() for link in links)


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
