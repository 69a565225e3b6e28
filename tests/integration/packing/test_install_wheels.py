"""``install.sh``, whatever was done to the pack: the listed wheels are installed, and no others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ckf_airgap._version import __version__
from ckf_airgap.packing.texts import Share, readme
from tests.integration.packing.smallpack import (
    TOOL,
    Far,
    packages,
    says,
    seal,
    write_petlib,
    write_tool,
    write_wheel,
)

EVIL = "EVIL CODE RUNS"

PETLIB = "petlib-1.0-py3-none-any.whl"


def _evil(folder: Path, version: str = "1.0", *, build: str = "") -> Path:
    code = f"print({EVIL!r})\nNAME = 'evil'\n"
    return write_wheel(folder, "petlib", version, {"petlib/__init__.py": code}, build=build)


def a_build_is_added(pack: Path) -> str:
    return _evil(pack / "wheels", build="1").name


def a_higher_version_is_added(pack: Path) -> str:
    return _evil(pack / "wheels", "1.99").name


def a_pip_is_added(pack: Path) -> str:
    code = f"print({EVIL!r})\n"
    wheel = write_wheel(pack / "wheels", "pip", "1.0", {"pip/__main__.py": code})
    return wheel.name


def a_wheel_is_swapped(pack: Path) -> str:
    return _evil(pack / "wheels").name


def pip_is_swapped(pack: Path) -> str:
    pip = next((pack / "wheels").glob("pip-*.whl"))
    code = f"print({EVIL!r})\n"
    version = pip.name.split("-")[1]
    return write_wheel(pack / "wheels", "pip", version, {"pip/__main__.py": code}).name


def a_wheel_is_cut(pack: Path) -> str:
    wheel = pack / "wheels" / PETLIB
    wheel.write_bytes(wheel.read_bytes()[:-1])
    return PETLIB


def a_wheel_is_missing(pack: Path) -> str:
    (pack / "wheels" / PETLIB).unlink()
    return PETLIB


def a_wheel_is_a_link(pack: Path) -> str:
    wheel = pack / "wheels" / PETLIB
    wheel.rename(pack / PETLIB)
    wheel.symlink_to(pack / PETLIB)
    return PETLIB


def a_wheel_is_a_pipe(pack: Path) -> str:
    (pack / "wheels" / PETLIB).unlink()
    os.mkfifo(pack / "wheels" / PETLIB)
    return PETLIB


def a_file_is_added(pack: Path) -> str:
    (pack / "wheels" / "pip.conf").write_text("")
    return "pip.conf"


def a_directory_is_added(pack: Path) -> str:
    (pack / "wheels" / "more").mkdir()
    return "more"


def a_name_with_an_escape_is_added(pack: Path) -> str:
    (pack / "wheels" / "\x1b[2Jpetlib-1.0-1-py3-none-any.whl").write_text("")
    return r"'\x1b[2Jpetlib-1.0-1-py3-none-any.whl'"


def all_wheels_are_missing(pack: Path) -> str:
    shutil.rmtree(pack / "wheels")
    return TOOL


@pytest.mark.parametrize(
    "tamper",
    [
        a_build_is_added,
        a_higher_version_is_added,
        a_pip_is_added,
        a_wheel_is_swapped,
        pip_is_swapped,
        a_wheel_is_cut,
        a_wheel_is_missing,
        a_wheel_is_a_link,
        a_wheel_is_a_pipe,
        a_file_is_added,
        a_directory_is_added,
        a_name_with_an_escape_is_added,
        all_wheels_are_missing,
    ],
)
def test_other_wheels_than_those_of_the_checksums_are_refused(
    far: Far, tamper: Callable[[Path], str]
) -> None:
    named = tamper(far.pack)

    refused = far.install("new")

    assert refused.returncode == 1
    assert "the wheels are not those that were packed" in refused.stderr
    assert f"\n  {named}: " in refused.stderr
    assert EVIL not in refused.stdout + refused.stderr
    assert not (far.home / "new").exists()


def checksums_are_missing(pack: Path) -> str:
    (pack / "SHA256SUMS").unlink()
    return "there is no file SHA256SUMS next to install.sh"


def checksums_are_a_link(pack: Path) -> str:
    (pack / "SHA256SUMS").rename(pack / "sums")
    (pack / "SHA256SUMS").symlink_to("sums")
    return "there is no file SHA256SUMS next to install.sh"


def checksums_are_a_pipe(pack: Path) -> str:
    (pack / "SHA256SUMS").unlink()
    os.mkfifo(pack / "SHA256SUMS")
    return "there is no file SHA256SUMS next to install.sh"


def checksums_have_other_line_ends(pack: Path) -> str:
    sums = pack / "SHA256SUMS"
    sums.write_bytes(sums.read_bytes().replace(b"\n", b"\r\n"))
    return "is not a checksum"


def checksums_say_two_things(pack: Path) -> str:
    with (pack / "SHA256SUMS").open("a") as sums:
        sums.write(f"{'0' * 64}  wheels/{PETLIB}\n")
    return f"has two checksums of wheels/{PETLIB}"


def checksums_list_no_pip(pack: Path) -> str:
    next((pack / "wheels").glob("pip-*")).unlink()
    seal(pack)
    return "does not list exactly one wheel pip-*.whl"


def checksums_list_two_pips(pack: Path) -> str:
    a_pip_is_added(pack)
    seal(pack)
    return "does not list exactly one wheel pip-*.whl"


def checksums_are_of_another_version(pack: Path) -> str:
    (pack / "wheels" / TOOL).unlink()
    write_tool(pack / "wheels", version="0.0.1")
    seal(pack)
    return f"does not list exactly one wheel ckf_airgap-{__version__}-*.whl"


@pytest.mark.parametrize(
    "tamper",
    [
        checksums_are_missing,
        checksums_are_a_link,
        checksums_are_a_pipe,
        checksums_have_other_line_ends,
        checksums_say_two_things,
        checksums_list_no_pip,
        checksums_list_two_pips,
        checksums_are_of_another_version,
    ],
)
def test_checksums_that_cannot_be_relied_on_are_refused(
    far: Far, tamper: Callable[[Path], str]
) -> None:
    why = tamper(far.pack)

    refused = far.install("new")

    assert refused.returncode == 1
    assert why in refused.stderr
    assert EVIL not in refused.stdout + refused.stderr
    assert not (far.home / "new").exists()


def test_many_wrong_files_are_counted(far: Far) -> None:
    for number in range(30):
        (far.pack / "wheels" / f"{number:02}").write_text("")

    refused = far.install("new")

    assert refused.returncode == 1
    assert "09: is not listed" in refused.stderr
    assert "and 20 more" in refused.stderr


def test_exactly_the_listed_wheels_are_installed_whatever_surrounds_them(
    far: Far, tmp_path: Path
) -> None:
    """Settings of pip, modules beside the caller, and names that confuse shells and pip."""
    traps = far.home / "-current directory"
    traps.mkdir()
    for module in ("platform", "hashlib", "runpy", "venv", "pip", "sitecustomize"):
        (traps / f"{module}.py").write_text(f"raise SystemExit({EVIL!r})\n")
    (tmp_path / "etc" / "pip").mkdir(parents=True)
    (tmp_path / "etc" / "pip" / "pip.conf").write_text(
        f"[install]\nno-binary = :all:\ntarget = {tmp_path / 'astray'}\n"
    )
    (tmp_path / "tmp").mkdir()
    (tmp_path / "real").mkdir()
    (traps / "link").symlink_to(tmp_path / "real")
    empty = tmp_path / "a & b #1%20"
    empty.mkdir()
    disk = tmp_path / os.fsdecode(b"My Disk --hash $HOME \xe9")
    moved = Far(far.pack.rename(disk), far.home)

    installed = moved.install(
        "link/../a & b #1%20/",
        cwd=traps,
        PYTHONPATH=str(traps),
        PYTHONHOME=str(traps),
        PIP_TARGET=str(tmp_path / "astray"),
        XDG_CONFIG_DIRS=str(tmp_path / "etc"),
        TMPDIR=str(tmp_path / "tmp"),
    )

    assert installed.returncode == 0, installed.stderr
    assert installed.stdout == f"installed: {empty}/bin/ckf-airgap\n"
    assert installed.stderr == ""
    assert says(empty) == "meow petlib 1.0"
    listed = {path.name.rsplit("-", 3)[0] for path in disk.glob("wheels/*.whl")}
    assert set(packages(empty)) == listed
    assert not (tmp_path / "astray").exists()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_another_run_renews_what_is_its_own_and_leaves_the_rest(far: Far, tool: Path) -> None:
    site = next(tool.glob("lib/python*/site-packages"))
    mine = [tool / "notes.txt", tool / "bin" / "mine", site / "petlib" / "mine.txt"]
    for path in mine:
        path.write_text("mine")
    write_wheel(far.home, "hamster", "3.0", {"hamster.py": ""})
    own = next(far.home.glob("hamster*.whl"))
    python = tool / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-index", own], check=True, env={})
    (site / "ckf_airgap" / "__init__.py").unlink()
    (far.pack / "wheels" / PETLIB).unlink()
    write_petlib(far.pack / "wheels", "2.0")
    seal(far.pack)

    again = far.install(tool)

    assert again.returncode == 0, again.stderr
    assert again.stderr == ""
    assert says(tool) == "meow petlib 2.0"
    assert [path.read_text() for path in mine] == ["mine"] * 3
    assert (site / "hamster.py").exists()
    assert [name for name in packages(tool) if name.startswith("petlib")] == ["petlib-2.0"]
    assert not (site / "petlib" / "only_in_1.py").exists()


def test_a_run_that_broke_off_is_continued_by_the_next(far: Far) -> None:
    target = far.home / "tool"
    target.mkdir()  # an even earlier run was stopped before there was a Python in it
    (target / ".made-by-ckf-airgap").write_text("")
    (target / "mine.txt").write_text("mine")
    write_petlib(far.pack / "wheels", padding=8_000_000)
    seal(far.pack)
    limited = 'ulimit -f 10000; exec dash "$0" "$1"'  # in blocks of 512 bytes

    broken = subprocess.run(
        ["dash", "-c", limited, far.script, target],
        env={"HOME": str(far.home), "PATH": os.environ["PATH"], "PYTHON": sys.executable},
        check=False,
        capture_output=True,
        text=True,
    )
    site = next(target.glob("lib/python*/site-packages"))
    assert broken.returncode == 1
    assert f"pip could not install the wheels, so {target} is not complete" in broken.stderr
    assert (site / "petlib-1.0.dist-info" / "METADATA").exists()
    assert not (site / "petlib-1.0.dist-info" / "RECORD").exists()
    # What pip leaves when it is killed while it replaces a package:
    shutil.copytree(site / "petlib-1.0.dist-info", site / "~etlib-1.0.dist-info")

    continued = far.install(target)

    assert continued.returncode == 0, continued.stderr
    assert continued.stderr == ""
    assert says(target) == "meow petlib 1.0"
    assert (site / "petlib" / "zeros.bin").stat().st_size == 8_000_000
    assert (target / "mine.txt").read_text() == "mine"


def _no_longer_runs(python: Path) -> None:
    python.symlink_to(python.parent / "removed")


def _is_another(python: Path) -> None:
    python.write_text("#!/bin/sh\nprintf '3.9 on %s\\n1\\n/lib\\n' pdp11\n")
    python.chmod(0o755)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_no_longer_runs, "tool no longer runs"),
        (_is_another, "was made with Python 3.9 on pdp11, and the wheels are for"),
    ],
)
def test_an_older_installation_with_another_python_is_refused(
    far: Far, change: Callable[[Path], None], why: str
) -> None:
    tool = far.home / "tool"
    (tool / "bin").mkdir(parents=True)
    (tool / ".made-by-ckf-airgap").write_text("")
    change(tool / "bin" / "python")
    before = far.tree()

    refused = far.install("tool")

    assert refused.returncode == 1
    assert why in refused.stderr
    assert "name another directory" in refused.stderr
    assert far.tree() == before


def test_without_its_configuration_an_older_installation_does_not_touch_the_python_below(
    far: Far, tool: Path
) -> None:
    """A ``bin/python`` without ``pyvenv.cfg`` is the Python that it links to."""
    (tool / "pyvenv.cfg").unlink()

    again = far.install("tool")

    assert again.returncode == 0, again.stderr
    assert (tool / "pyvenv.cfg").exists()
    assert says(tool) == "meow petlib 1.0"


@pytest.mark.parametrize("signed", [True, False])
def test_the_page_of_a_pack_has_it_checked_before_anything_in_it_is_run(signed: bool) -> None:
    page = readme(
        bundle="1.11",
        version=__version__,
        registry="registry.airgap:5000",
        images="images.tar.gz",
        split=False,
        tool=True,
        mapping=False,
        mirrors=True,
        signed=signed,
        assumes=None,
        share=Share(need="all", carried=2, total=2, left_out=0),
    )

    before, _, _ = page.partition("sh install.sh ~/ckf-airgap")
    assert "  sha256sum -c --quiet SHA256SUMS\n" in before
    assert ("openssl pkeyutl -verify -pubin -inkey ~/pub.pem" in before) == signed
