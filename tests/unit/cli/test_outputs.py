"""Where commands write what, and what they say when they cannot."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from ckf_airgap.errors import ExitCode
from tests.unit.cli.conftest import World

Invoke = Callable[..., Result]


@pytest.mark.parametrize("command", ["render", "list", "retag"])
def test_a_dash_is_standard_output_and_no_file(
    world: World, invoke: Invoke, command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images.txt").write_text("a/b:1\n")
    words: tuple[object, ...] = {
        "render": ("render", *world.args),
        "list": ("images", "list", "1.11"),
        "retag": ("images", "retag", "images.txt", "--registry", "reg.io:5000"),
    }[command]
    with_dash, without = invoke(*words, "-o", "-"), invoke(*words)
    assert (with_dash.exit_code, with_dash.stdout) == (0, without.stdout)
    assert without.stdout
    assert not Path("-").exists()


def test_an_archive_goes_where_it_can_be_written_in_places(tmp_path: Path, invoke: Invoke) -> None:
    images = tmp_path / "images.txt"
    images.write_text("a/b:1\n")
    dash = invoke("images", "save", images, "-o", "-")
    directory = invoke("images", "save", images, "-o", tmp_path)
    assert (dash.exit_code, directory.exit_code) == (ExitCode.USAGE, ExitCode.INPUT)
    assert "cannot be written to standard output" in dash.stderr
    assert f"cannot write {tmp_path}: it is a directory" in directory.stderr


@pytest.mark.parametrize("length", [1, 2])
def test_a_link_that_leads_back_to_itself_is_told_and_kept(
    world: World, invoke: Invoke, tmp_path: Path, length: int
) -> None:
    links = [tmp_path / f"link-{number}" for number in range(length)]
    for number, link in enumerate(links):
        link.symlink_to(links[(number + 1) % length])
    for words in (
        ("render", *world.args, "-o", links[0]),
        ("images", "list", "1.11", "-o", links[0]),
    ):
        result = invoke(*words)
        assert result.exit_code == ExitCode.INPUT
        assert f"{links[0]} is a symbolic link that leads back to itself" in result.stderr
    assert all(link.is_symlink() for link in links)


def test_a_file_that_is_no_list_is_told_soon(tmp_path: Path, invoke: Invoke) -> None:
    images = tmp_path / "images.txt"
    images.write_text("no reference !\n" * 300_000)
    started = time.monotonic()
    result = invoke("images", "retag", images, "--registry", "reg.io:5000", "--json")
    assert result.exit_code == ExitCode.INPUT
    assert "is not a list of images" in result.stderr
    assert len(json.loads(result.stdout)["problems"]) == 100
    assert time.monotonic() - started < 5


def test_problems_without_end_are_counted(tmp_path: Path, invoke: Invoke) -> None:
    """Every file of a pack that does not belong to it is a problem."""
    from tests.integration.packing.smallpack import seal

    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "README.txt").write_text("x")
    seal(pack)
    for number in range(600):
        os.mkfifo(pack / f"{number}.txt")
    result = invoke("verify", pack)
    assert result.exit_code == ExitCode.TRANSFER
    assert len(result.stderr.splitlines()) < 520
    assert "more; with --json all of them are in the result" in result.stderr
    told = json.loads(invoke("verify", pack, "--json").stdout)
    assert len(told["problems"]) >= 600
