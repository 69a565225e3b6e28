"""Parts: cut, killed at any point, joined again, and the bytes are the same."""

from __future__ import annotations

import contextlib
import os
import random
from pathlib import Path

import pytest

from ckf_airgap.errors import IntegrityError
from ckf_airgap.packing.checksums import FileSum
from ckf_airgap.packing.parts import PartsReader, find_parts, join, join_in_place, split

CONTENT = random.Random(3).randbytes(10_500)  # noqa: S311 - the same each time
NAME = "images.tar.gz"


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    path.write_bytes(CONTENT)
    return path


class KilledError(BaseException):
    """Stands for kill -9: nothing after it runs in our code."""


def test_parts_are_numbered_and_of_one_size(whole: Path) -> None:
    parts = split(whole, 4000)

    assert [part.name for part in parts] == [f"{NAME}.001", f"{NAME}.002", f"{NAME}.003"]
    assert [part.stat().st_size for part in parts] == [4000, 4000, 2500]
    assert b"".join(part.read_bytes() for part in parts) == CONTENT
    assert not whole.exists()


def test_a_file_that_fits_is_not_cut(whole: Path) -> None:
    assert split(whole, len(CONTENT)) == [whole]


def test_cutting_needs_the_room_of_one_part_only(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 0
    truncate = os.truncate

    def measured(path: Path, length: int) -> None:
        nonlocal most
        most = max(most, sum(one.stat().st_size for one in whole.parent.iterdir()))
        truncate(path, length)

    monkeypatch.setattr(os, "truncate", measured)
    split(whole, 2000)

    assert most <= len(CONTENT) + 2000


@pytest.mark.parametrize("point", range(14))
@pytest.mark.parametrize("joining", [False, True])
def test_killed_anywhere_nothing_is_lost(
    whole: Path, monkeypatch: pytest.MonkeyPatch, point: int, joining: bool
) -> None:
    if joining:
        split(whole, 2000)
    left = point

    def count(*_args: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KilledError

    for owner, name in ((os, "truncate"), (os, "fsync"), (Path, "replace"), (Path, "unlink")):
        original = getattr(owner, name)

        def watched(*args: object, _original: object = original, **rest: object) -> object:
            count()
            assert callable(_original)
            return _original(*args, **rest)

        monkeypatch.setattr(owner, name, watched)
    with contextlib.suppress(KilledError):
        join_in_place(whole, 2000) if joining else split(whole, 2000)
    monkeypatch.undo()

    join_in_place(whole, 2000)

    assert whole.read_bytes() == CONTENT
    assert [path.name for path in whole.parent.iterdir()] == [NAME]


def test_parts_are_read_as_one_and_each_is_hashed(whole: Path) -> None:
    expected = _sum(whole)
    parts = split(whole, 4000)

    reader = PartsReader(find_parts(whole.parent, NAME))
    content = b"".join(iter(lambda: reader.read(999), b""))

    assert content == CONTENT
    assert reader.whole == expected
    assert list(reader.sums) == parts


def test_parts_are_joined_elsewhere_when_they_are_right(whole: Path, tmp_path: Path) -> None:
    expected = _sum(whole)
    parts = split(whole, 4000)
    target = tmp_path / "there" / NAME
    target.parent.mkdir()

    join(parts, target, expected)

    assert target.read_bytes() == CONTENT
    assert all(part.exists() for part in parts)


def test_parts_in_the_wrong_order_are_not_joined(whole: Path, tmp_path: Path) -> None:
    expected = _sum(whole)
    parts = split(whole, 4000)

    with pytest.raises(IntegrityError, match="do not add up to the file"):
        join(parts[::-1], tmp_path / "joined", expected)

    assert not (tmp_path / "joined").exists()
    assert not list(tmp_path.glob(".*"))


def _sum(path: Path) -> FileSum:
    reader = PartsReader([path])
    reader.drain()
    return reader.whole
