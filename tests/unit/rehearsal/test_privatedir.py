"""Private directories: removed by whoever made them, else by whoever comes next."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ckf_airgap.rehearsal.privatedir import PrivateDirectory, remove_left_behind


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def killed(scratch: Path) -> Path:
    """Return the directory of a process that was killed."""
    script = (
        "import os, signal\n"
        "from ckf_airgap.rehearsal.privatedir import PrivateDirectory\n"
        "directory = PrivateDirectory()\n"
        "(directory.path / 'models').mkdir()\n"
        "(directory.path / 'models' / 'upload').write_text('x')\n"
        "print(directory.path, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return Path(done.stdout.strip())


def test_it_is_private_and_gone_in_the_end(scratch: Path) -> None:
    with PrivateDirectory() as directory:
        assert directory.path.parent == scratch
        assert directory.path.stat().st_mode & 0o777 == 0o700
        (directory.path / "file").write_text("x")
    assert list(scratch.iterdir()) == []
    directory.remove()


def test_what_a_killed_process_left_behind_is_removed(scratch: Path) -> None:
    left = killed(scratch)
    assert (left / "models" / "upload").is_file()
    remove_left_behind()
    assert list(scratch.iterdir()) == []


def test_what_somebody_still_uses_stays(scratch: Path) -> None:
    with PrivateDirectory() as used:
        remove_left_behind()
        assert used.path.is_dir()


def test_what_is_no_private_directory_stays(scratch: Path) -> None:
    elsewhere = killed(scratch)
    target = scratch / "elsewhere"
    elsewhere.rename(target)
    (scratch / "ckf-airgap-link").symlink_to(target)
    (scratch / "ckf-airgap-file").write_text("x")
    (scratch / "ckf-airgap-unlocked").mkdir()
    linked = scratch / "ckf-airgap-linked-lock"
    linked.mkdir()
    (linked / "lock").symlink_to(target / "lock")
    before = sorted(scratch.rglob("*"))
    remove_left_behind()
    assert sorted(scratch.rglob("*")) == before


def test_what_belongs_to_somebody_else_stays(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = killed(scratch)
    monkeypatch.setattr(os, "geteuid", lambda: left.stat().st_uid + 1)
    remove_left_behind()
    assert left.is_dir()
