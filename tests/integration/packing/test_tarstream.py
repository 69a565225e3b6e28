"""The tar reader: what is safe comes out as it went in, and nothing else comes out at all."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ckf_airgap.errors import AirgapError, IntegrityError
from ckf_airgap.packing.tarstream import open_tar
from ckf_airgap.transfer.stores.archive import Archive
from ckf_airgap.transfer.stores.tarindex import TarIndex
from ckf_airgap.transfer.stores.volume import open_volume

NAMES = st.text("abcxyz.-_ é", min_size=1, max_size=180).filter(
    lambda name: name.strip(".") == name and name.strip() == name
)


def tar_of(*members: tarfile.TarInfo | tuple[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=form) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member, io.BytesIO(bytes(member.size)) if member.isreg() else None)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return raw.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def read(data: bytes, *, zipped: bool = False) -> dict[str, bytes]:
    tar = open_tar(io.BytesIO(data), "a.tar", gzip=zipped, max_bytes=10**7)
    return {file.name: b"".join(tar.chunks()) for file in tar}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@given(files=st.dictionaries(NAMES, st.binary(max_size=2000), max_size=8))
def test_files_come_out_as_they_went_in(form: int, files: dict[str, bytes]) -> None:
    if form == tarfile.USTAR_FORMAT:
        files = {name: content for name, content in files.items() if len(name.encode()) < 100}
    data = tar_of(*files.items(), form=form)

    assert read(data) == files
    assert read(gzip.compress(data), zipped=True) == files


def test_long_paths_of_each_kind_are_read() -> None:
    name = "/".join(["directory"] * 12) + "/file"

    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        assert read(tar_of((name, b"x"), form=form)) == {name: b"x"}


def test_bytes_that_nobody_reads_are_passed_over() -> None:
    tar = open_tar(io.BytesIO(tar_of(("a", b"1" * 5000), ("b", b"2"))), "a.tar", gzip=False)

    assert [file.name for file in tar] == ["a", "b"]


HOSTILE: dict[str, tuple[bytes, str]] = {
    "a path that leads out": (tar_of(("../evil", b"x")), "unsafe path"),
    "a path that leads out and in again": (tar_of(("a/../../b", b"x")), "unsafe path"),
    "an absolute path": (tar_of(("/etc/passwd", b"x")), "unsafe path"),
    "a backslash": (tar_of(("a\\b", b"x")), "unsafe path"),
    "a line end in a name": (tar_of(("a\nb", b"x")), "unsafe path"),
    "a symbolic link": (tar_of(member("a", tarfile.SYMTYPE, linkname="b")), "symbolic link"),
    "a hard link": (tar_of(member("a", tarfile.LNKTYPE, linkname="/etc/shadow")), "hard link"),
    "a character device": (tar_of(member("a", tarfile.CHRTYPE)), "character device"),
    "a block device": (tar_of(member("a", tarfile.BLKTYPE)), "block device"),
    "a pipe": (tar_of(member("a", tarfile.FIFOTYPE)), "a pipe"),
    "a sparse file": (tar_of(member("a", tarfile.GNUTYPE_SPARSE)), "sparse"),
    "a kind of its own": (tar_of(member("a", b"Z")), "unknown kind"),
    "a name twice": (tar_of(("a", b"1"), ("./a", b"2")), "twice"),
    "a link in a long header": (
        tar_of(member("a", tarfile.SYMTYPE, linkname="b" * 200)),
        "link",
    ),
}


def with_size(text: bytes, kind: bytes = b"0") -> bytes:
    """Return a tar whose first member claims another size."""
    data = bytearray(tar_of(("a", b"x"), form=tarfile.USTAR_FORMAT))
    data[156:157] = kind
    data[124:136] = text.ljust(12, b"\0")
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)


HOSTILE |= {
    "a huge size": (with_size(b"77777777777"), "an implausible size"),
    "a huge binary size": (with_size(b"\x80" + b"\0" * 3 + b"\x7f" * 8), "an implausible size"),
    "a negative size": (with_size(b"\xff" * 12), "negative size"),
    "a size that is none": (with_size(b"12x"), "not a number"),
    "a huge extended header": (with_size(b"77777777777", b"x"), "header of 8589934591 bytes"),
    "a huge long name": (with_size(b"77777777777", b"L"), "header of 8589934591 bytes"),
    "a directory with bytes": (with_size(b"1000", b"5"), "directory of 512 bytes"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("zipped", [False, True])
def test_what_is_hostile_is_refused(name: str, zipped: bool) -> None:
    data, message = HOSTILE[name]

    with pytest.raises(IntegrityError, match=message):
        read(gzip.compress(data) if zipped else data, zipped=zipped)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:0],
        lambda data: data[:512],
        lambda data: data[:700],
        lambda data: data[:1024],
        lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
        lambda data: data + b"more",
    ],
)
def test_what_is_cut_or_altered_or_longer_is_refused(change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(IntegrityError):
        read(change(tar_of(("a", b"x" * 100), form=tarfile.USTAR_FORMAT)))


def test_a_gzip_stream_that_is_cut_or_followed_by_something_is_refused() -> None:
    data = gzip.compress(tar_of(("a", random.Random(1).randbytes(5000))))  # noqa: S311

    for wrong in (data[:-1], data[:-9], data[: len(data) // 2], data + b"x"):
        with pytest.raises(IntegrityError):
            read(wrong, zipped=True)


def test_a_small_stream_that_unpacks_to_much_is_refused_by_what_it_claims() -> None:
    bomb = gzip.compress(tar_of(member("a", size=10**8)))

    with pytest.raises(IntegrityError, match="an implausible size"):
        read(bomb, zipped=True)


SEED = tar_of(("cat_r1.charm", b"cat" * 300), ("dog_r2.charm", b"dog"), form=tarfile.PAX_FORMAT)


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(st.integers(0, len(SEED) - 1), st.binary(min_size=1, max_size=20)), max_size=6
    ),
    st.integers(0, len(SEED)),
    st.booleans(),
)
@example([(156, b"2")], len(SEED), False)
def test_fuzz_nothing_but_our_own_error_comes_out(
    changes: list[tuple[int, bytes]], end: int, mend: bool
) -> None:
    """Changed anywhere, cut anywhere: it is read, or it is an `IntegrityError`."""
    data = bytearray(SEED)
    for at, piece in changes:
        data[at : at + len(piece)] = piece
    if mend:  # a header whose sum is right gets deeper
        for start in range(0, len(data) - 511, 512):
            block = data[start : start + 512]
            block[148:156] = b" " * 8
            if data[start + 257 : start + 262] == b"ustar":
                data[start + 148 : start + 156] = b"%06o\0 " % sum(block)
    try:
        found = read(bytes(data[:end]))
    except IntegrityError:
        return
    assert all(not name.startswith("/") and ".." not in name.split("/") for name in found)
    assert sum(map(len, found.values())) <= end


@settings(max_examples=100)
@given(st.binary(max_size=3000), st.booleans())
def test_fuzz_bytes_of_any_kind(data: bytes, zipped: bool) -> None:
    try:
        read(data, zipped=zipped)
    except IntegrityError:
        return


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(SEED) - 1), st.binary(min_size=1, max_size=20)), max_size=6
    ),
    st.integers(0, len(SEED)),
)
def test_fuzz_the_archive_of_images_is_opened_with_the_same_care(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, bytes]], end: int
) -> None:
    """What `images load` and `images push` open."""
    data = bytearray(SEED)
    for at, piece in changes:
        data[at : at + len(piece)] = piece
    path = tmp_path_factory.getbasetemp() / "fuzzed.tar"
    path.write_bytes(data[:end])
    try:
        Archive.open(path).close()
    except AirgapError:
        return


@pytest.mark.parametrize(
    "name",
    ["a path that leads out", "an absolute path", "a character device", "a pipe", "a huge size"],
)
def test_loading_images_refuses_what_is_hostile_too(name: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile.tar"
    path.write_bytes(HOSTILE[name][0])
    volume = open_volume(path)
    try:
        with pytest.raises(IntegrityError):
            TarIndex.scan(volume, str(path))
    finally:
        volume.close()
