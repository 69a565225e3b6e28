"""Files are written whole or not at all, locked, and read within limits."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ckf_airgap.errors import InputError, StorageFullError
from ckf_airgap.files import (
    FileLock,
    Replacement,
    disk_error,
    open_locked,
    read_small,
    remove_unfinished,
    replacing,
    write_text,
)


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


def test_two_runs_at_once_publish_whole_files_and_the_last_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first = Replacement(path)
    second = Replacement(path)
    first.stream.write(b"first " * 1000)
    second.stream.write(b"second " * 10)
    second.commit()
    assert path.read_bytes() == b"second " * 10
    first.commit()
    assert path.read_bytes() == b"first " * 1000
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_run_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import os, pathlib, sys\n"
        "from ckf_airgap.files import Replacement\n"
        "new = Replacement(pathlib.Path(sys.argv[1]))\n"
        "new.stream.write(b'half'); new.stream.flush(); os._exit(9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, path], check=False, timeout=20)
    assert killed.returncode == 9
    assert [one.suffix for one in tmp_path.iterdir()] == [".part"]
    with replacing(path) as stream:
        stream.write(b"whole")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"whole"


def test_what_a_living_run_writes_is_left_alone(tmp_path: Path) -> None:
    other = Replacement(tmp_path / "lock")
    remove_unfinished(tmp_path)
    other.stream.write(b"whole")
    other.commit()
    assert (tmp_path / "lock").read_bytes() == b"whole"


def test_lock_is_had_by_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    held = FileLock.take(path, create=True)
    assert held is not None
    assert FileLock.take(path) is None
    held.release()
    again = FileLock.take(path)
    assert again is not None
    again.release()


def test_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe is not a regular file"):
        read_small(tmp_path / "pipe", 10, what="a list")


def test_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "zero").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="zero is not a regular file"):
        read_small(tmp_path / "zero", 10, what="a list")


def test_device_that_may_be_read_is_read_up_to_the_limit() -> None:
    with pytest.raises(InputError, match=r"/dev/zero is too large for a list: .* more than 1 KiB"):
        read_small(Path("/dev/zero"), 1024, what="a list", pipes=True)


def test_link_is_refused_where_none_is_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    (tmp_path / "link").symlink_to("file")
    assert read_small(tmp_path / "link", 10, what="a list") == b"text"
    with pytest.raises(InputError, match="link is a symbolic link"):
        read_small(tmp_path / "link", 10, what="a list", follow=False)


def test_limit_is_the_last_size_that_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    assert read_small(path, 10, what="a list") == b"x" * 10
    with pytest.raises(InputError, match="more than 9 bytes"):
        read_small(path, 9, what="a list")


def test_full_disk_is_named_by_the_file_that_was_to_be_written(tmp_path: Path) -> None:
    path = tmp_path / "file"

    def fill() -> None:
        with replacing(path) as stream:
            with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123 - unbuffered
                os.dup2(full.fileno(), stream.fileno())
            stream.write(b"x" * 100_000)

    with pytest.raises(OSError, match="No space left") as caught:
        fill()
    assert caught.value.filename == str(path)
    assert list(tmp_path.iterdir()) == []
    error = disk_error(caught.value, path)
    assert isinstance(error, StorageFullError)
    assert str(tmp_path) in error.message


@pytest.mark.parametrize("how", ["renamed", "removed"])
def test_the_lock_is_on_the_file_of_that_name_and_not_on_one_that_had_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Another run finishes between the opening and the locking."""
    path, final = tmp_path / "images.tar.part", tmp_path / "images.tar"
    path.write_bytes(b"whole")
    lock = fcntl.flock

    def finished_meanwhile(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        path.rename(final) if how == "renamed" else path.unlink()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", finished_meanwhile)
    descriptor = open_locked(path, os.O_RDWR | os.O_CREAT)

    assert descriptor is not None
    os.write(descriptor, b"mine")
    os.close(descriptor)
    assert path.read_bytes() == b"mine"
    assert not final.exists() or final.read_bytes() == b"whole"


def test_files_are_written_where_they_cannot_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    write_text(tmp_path / "list", "one\n")
    write_text(tmp_path / "list", "two\n")
    assert (tmp_path / "list").read_text() == "two\n"
    assert [path.name for path in tmp_path.iterdir()] == ["list"]


def test_a_directory_that_cannot_be_synced_is_no_error_but_a_broken_disk_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = errno.EINVAL
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112 - follows the link
            raise OSError(code, os.strerror(code))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_text(tmp_path / "list", "one\n")
    code = errno.EIO
    with pytest.raises(OSError, match="Input/output error"):
        write_text(tmp_path / "list", "two\n")


def test_a_full_disk_is_that_of_the_directory_or_of_the_one_of_the_file(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    for path in (tmp_path, tmp_path / "file"):
        error = disk_error(full, path)
        assert isinstance(error, StorageFullError)
        assert error.message == f"no room left on the disk of {tmp_path}"
