"""``install.sh``, wherever it is told to install: what was there survives."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.packing.smallpack import Far


def _as_it_is(far: Far) -> str:
    return str(far.home / "docs")


def _relative_with_dots(far: Far) -> str:
    return "docs/../docs/"


def _by_a_link(far: Far) -> str:
    (far.home / "link").symlink_to("docs")
    return "link/"


def _up_from_a_link(far: Far) -> str:
    """By its letters this is ``~/new``, but the kernel goes up from where the link leads."""
    elsewhere = far.home.parent / "elsewhere"
    (elsewhere / "new").mkdir(parents=True)
    (elsewhere / "new" / "thesis.txt").write_text("more of it")
    (elsewhere / "sub").mkdir()
    (far.home / "link").symlink_to(elsewhere / "sub")
    return "link/../new"


def _with_a_blank(far: Far) -> str:
    (far.home / "docs").rename(far.home / "my docs")
    return "my docs"


def _only_hidden_files(far: Far) -> str:
    (far.home / "mail").mkdir()
    (far.home / "mail" / ".inbox").write_text("letters")
    return "mail"


def _home(far: Far) -> str:
    return str(far.home)


def _current(far: Far) -> str:
    return "."


def _pretended_by_a_link(far: Far) -> str:
    (far.home / "docs" / ".made-by-ckf-airgap").symlink_to("thesis.txt")
    return "docs"


@pytest.mark.parametrize(
    "name",
    [
        _as_it_is,
        _relative_with_dots,
        _by_a_link,
        _up_from_a_link,
        _with_a_blank,
        _only_hidden_files,
        _home,
        _current,
        _pretended_by_a_link,
    ],
)
def test_a_directory_with_files_in_it_survives(far: Far, name: Callable[[Far], str]) -> None:
    argument = name(far)
    before = far.tree()

    refused = far.install(argument)

    assert refused.returncode == 1
    assert "is not empty, and install.sh did not make it" in refused.stderr
    assert "sh install.sh DIRECTORY" in refused.stderr
    assert far.tree() == before


def test_the_default_directory_survives_when_it_has_files_in_it(far: Far) -> None:
    (far.home / "docs").rename(far.home / "ckf-airgap")
    before = far.tree()

    refused = far.install()

    assert refused.returncode == 1
    assert f"{far.home}/ckf-airgap is not empty" in refused.stderr
    assert far.tree() == before


def test_the_virtual_environment_of_somebody_else_survives(far: Far) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", far.home / "env"], check=True)
    before = far.tree()

    refused = far.install("env")

    assert refused.returncode == 1
    assert "is a virtual environment that install.sh did not make" in refused.stderr
    assert far.tree() == before


def _the_pack(far: Far) -> Path:
    return far.pack


def _in_the_pack(far: Far) -> Path:
    return far.pack / "new" / "one"


def _the_pack_by_a_link(far: Far) -> Path:
    (far.home / "link").symlink_to(far.pack)
    return far.home / "link"


def _above_the_pack(far: Far) -> Path:
    return far.pack.parent


def _made_before_and_the_pack_copied_into_it(far: Far) -> Path:
    (far.pack.parent / ".made-by-ckf-airgap").write_text("")
    return far.pack.parent


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (_the_pack, "is in the pack"),
        (_in_the_pack, "is in the pack"),
        (_the_pack_by_a_link, "is in the pack"),
        (_above_the_pack, "the pack is in"),
        (_made_before_and_the_pack_copied_into_it, "the pack is in"),
    ],
)
def test_the_pack_survives(far: Far, place: Callable[[Far], Path], why: str) -> None:
    target = place(far)
    before = sorted(far.pack.parent.rglob("*"))

    refused = far.install(target)

    assert refused.returncode == 1
    assert why in refused.stderr
    assert sorted(far.pack.parent.rglob("*")) == before


def test_the_pack_survives_when_it_is_run_from_within(far: Far) -> None:
    moved = Far(far.pack.rename(far.home / "ckf-airgap"), far.home)
    before = sorted(moved.pack.rglob("*"))

    assert "is in the pack" in moved.install(cwd=moved.pack).stderr  # ~/ckf-airgap, by default
    assert "is in the pack" in moved.install(".", cwd=moved.pack).stderr
    assert sorted(moved.pack.rglob("*")) == before


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("docs/thesis.txt", "docs/thesis.txt is not a directory"),
        ("docs/thesis.txt/new", "Not a directory"),
        ("unmounted", "unmounted is a link to something that does not exist"),
        ("unmounted/new", "unmounted is a link to something that does not exist"),
        ("a:b", "Python cannot make a virtual environment at"),
        (os.fsdecode(b"caf\xe9"), "Python cannot make a virtual environment at"),
    ],
)
def test_what_cannot_become_a_directory_is_refused(far: Far, target: str, why: str) -> None:
    (far.home / "unmounted").symlink_to(far.home.parent / "disks" / "of" / "others")
    before = far.tree()

    refused = far.install(target)

    assert refused.returncode == 1
    assert why in refused.stderr
    assert "Traceback" not in refused.stderr
    assert far.tree() == before


# -- how it is called ---------------------------------------------------------------------------


@pytest.mark.parametrize("args", [["--clear"], ["-x", "new"], ["new", "more"], [""]])
def test_what_it_does_not_know_is_answered_with_its_usage(far: Far, args: list[str]) -> None:
    before = far.tree()

    refused = far.install(*args)

    assert refused.returncode == 2
    assert "usage: sh install.sh [DIRECTORY]" in refused.stderr
    assert far.tree() == before


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_is_its_usage(far: Far, option: str) -> None:
    helped = far.install(option, PYTHON="/nowhere/python")

    assert helped.returncode == 0
    assert helped.stdout.startswith("usage: sh install.sh [DIRECTORY]\n")
    assert helped.stderr == ""


def test_without_a_home_it_asks_for_a_directory(far: Far) -> None:
    refused = far.install(HOME="")

    assert refused.returncode == 2
    assert "HOME: is not set: name a DIRECTORY" in refused.stderr


def test_a_python_that_does_not_run_is_named(far: Far) -> None:
    refused = far.install("new", PYTHON="pythonx")

    assert refused.returncode == 1
    assert "pythonx is not a Python 3 that runs" in refused.stderr
    assert "Name another one with PYTHON=..." in refused.stderr


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_a_script_that_was_cut_short_does_nothing(far: Far, shell: str) -> None:
    text = far.script.read_text()
    before = far.tree()
    lines = text.splitlines(keepends=True)
    begins = next(number for number, line in enumerate(lines, 1) if line.startswith("{"))

    for count in range(begins, len(lines), 7 if shell == "dash" else 50):
        far.script.write_text("".join(lines[:count]))
        assert far.install("new", shell=shell).returncode != 0, f"cut after line {count}"
    far.script.write_text(text.removesuffix("}\n"))
    assert far.install("new", shell=shell).returncode != 0
    assert far.tree() == before
