"""The bytes of a tar within gzip: written anywhere, read anywhere."""

from __future__ import annotations

import gzip
import os
import subprocess
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckf_airgap.errors import AbsentError, InputError, IntegrityError
from ckf_airgap.transfer.stores.storedgzip import (
    BLOCK_BYTES,
    StoredGzipFile,
    StoredGzipVolume,
    combine_checksums,
)
from ckf_airgap.transfer.stores.volume import InflateVolume, open_volume


def content(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def write(path: Path, data: bytes, cuts: list[int]) -> None:
    """Write the pieces of `data` between the cuts, the last ones first."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        file = StoredGzipFile(fd)
        borders = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
        pieces = list(pairwise(borders))
        checksum = 0
        for start, end in pieces:
            piece = data[start:end]
            checksum = combine_checksums(checksum, zlib.crc32(piece), len(piece))
        for start, end in reversed(pieces):
            file.pwrite(start, data[start:end])
        assert file.pread(0, len(data)) == data
        file.finish(len(data), checksum)
    finally:
        os.close(fd)


sizes = st.sampled_from([1, 511, 512, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1]) | st.integers(
    1, 4 * BLOCK_BYTES
)


@settings(max_examples=60, deadline=None)
@given(size=sizes, cuts=st.lists(st.integers(0, 1 << 30), max_size=8), data=st.data())
def test_pieces_written_in_any_order_are_one_plain_gzip_file_that_is_read_in_place(
    tmp_path_factory: pytest.TempPathFactory, size: int, cuts: list[int], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("volume") / "file.gz"
    expected = content(size)
    write(path, expected, cuts)
    assert gzip.decompress(path.read_bytes()) == expected
    volume = open_volume(path)
    assert isinstance(volume, StoredGzipVolume)
    assert volume.size == size
    offset = data.draw(st.integers(0, size))
    count = data.draw(st.integers(0, size))
    assert volume.pread(offset, count) == expected[offset : offset + count]
    volume.close()


def test_stock_gzip_accepts_the_checksum(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    write(path, content(3 * BLOCK_BYTES + 17), [5, BLOCK_BYTES, 100_000])
    subprocess.run(["gzip", "-t", path], check=True)


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(1, 3_000_000),
    level=st.integers(0, 9),
    split=st.floats(0, 1),
    reads=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 400_000)), min_size=1, max_size=6),
)
def test_a_gzip_file_of_another_make_is_read_anywhere(
    tmp_path_factory: pytest.TempPathFactory,
    size: int,
    level: int,
    split: float,
    reads: list[tuple[float, int]],
) -> None:
    path = tmp_path_factory.mktemp("volume") / "file.gz"
    expected = content(size)
    cut = int(size * split)
    path.write_bytes(gzip.compress(expected[:cut], level) + gzip.compress(expected[cut:], level))
    volume = open_volume(path)
    assert isinstance(volume, InflateVolume)
    assert volume.size == size
    for place, count in reads:
        offset = int(place * size)
        assert volume.pread(offset, count) == expected[offset : offset + count]
    volume.close()


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize("kept", [0.3, 0.99, 0.9999])
def test_a_gzip_file_that_was_cut_is_refused(tmp_path: Path, ours: bool, kept: float) -> None:
    path = tmp_path / "file.gz"
    data = os.urandom(300_000)
    if ours:
        write(path, data, [])
    else:
        path.write_bytes(gzip.compress(data))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(IntegrityError, match="truncated"):
        open_volume(path)


def test_a_flipped_byte_in_a_gzip_file_of_another_make_is_found_when_it_is_opened(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file.gz"
    packed = bytearray(gzip.compress(os.urandom(300_000)))
    packed[150_000] ^= 1
    path.write_bytes(packed)
    with pytest.raises(IntegrityError, match="damaged"):
        open_volume(path)


def test_another_compression_is_named(tmp_path: Path) -> None:
    path = tmp_path / "file.tar.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(100))
    with pytest.raises(InputError, match="compressed with zstd"):
        open_volume(path)
    with pytest.raises(AbsentError, match=r"nothing\.tar"):
        open_volume(tmp_path / "nothing.tar")


@pytest.mark.parametrize("name", ["plain", "stored.gz"])
def test_file_systems_that_give_less_than_asked_for_are_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    data = content(3 * BLOCK_BYTES + 100)
    path = tmp_path / name
    if name == "plain":
        path.write_bytes(data)
    else:
        write(path, data, [])
    whole = os.preadv

    def a_little(fd: int, buffers: list[memoryview], offset: int) -> int:
        left, some = 999, []
        for buffer in buffers:
            some.append(buffer[:left])
            left -= len(some[-1])
        return whole(fd, some, offset)

    monkeypatch.setattr(os, "preadv", a_little)
    volume = open_volume(path)
    buffer = bytearray(len(data) - 50)
    assert volume.readinto(50, memoryview(buffer)) == len(buffer)
    assert buffer == data[50:]
    volume.close()
