"""Files are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ckf_airgap.errors import InputError
from ckf_airgap.files import write_text


def test_new_file_has_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "new.yaml", "é\n")
    finally:
        os.umask(before)
    assert (tmp_path / "new.yaml").read_bytes() == "é\n".encode()
    assert (tmp_path / "new.yaml").stat().st_mode & 0o777 == 0o640


def test_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "old.yaml"
    path.write_text("old")
    path.chmod(0o600)
    write_text(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_pipe_is_written_to(tmp_path: Path) -> None:
    write_text(Path("/dev/null"), "gone")
    assert not Path("/dev/null").is_file()


def test_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "overlay.yaml"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_text(path, "new")
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["overlay.yaml"]


def test_missing_directory_is_named(tmp_path: Path) -> None:
    path = tmp_path / "no" / "dir" / "overlay.yaml"
    with pytest.raises(InputError, match=f"there is no directory {path.parent}") as raised:
        write_text(path, "new")
    assert raised.value.exit_code == 3
    assert "Make the directory" in raised.value.fix


def test_file_in_the_place_of_the_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(InputError, match=f"there is no directory {tmp_path}/file"):
        write_text(tmp_path / "file" / "overlay.yaml", "new")


def test_directory_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it is a directory"):
        write_text(tmp_path, "new")


def test_link_into_a_missing_directory_names_that(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "no" / "overlay.yaml")
    with pytest.raises(InputError, match=f"there is no directory {tmp_path}/no"):
        write_text(tmp_path / "link", "new")
