"""Laying out: what is there stays, what differs is not overwritten, nothing is half-done."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ckf_airgap.errors import IntegrityError
from ckf_airgap.packing.unpack import unpack_pack
from ckf_airgap.rehearsal.standin import write_standin
from tests.integration.packing.conftest import Pets
from tests.integration.packing.connected import contents
from tests.integration.packing.test_verify import flip, reseal, rewrite_tar
from tests.unit.cli.conftest import CAT


@pytest.fixture
def pack(pets: Pets) -> Path:
    return pets.packed()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_the_guide_finds_what_it_looks_for(pets: Pets, pack: Path, home: Path) -> None:
    result = pets.call("unpack", pack, "--to", home, "--json")

    assert result.exit_code == 0, result.output
    laid_out = contents(home)
    mirrors = {name for name in laid_out if name.startswith("mirrors/")}
    assert {name: laid_out[name] for name in mirrors} == {
        name: content for name, content in contents(pack).items() if name.startswith("mirrors/")
    }
    assert sorted(laid_out.keys() - mirrors) == [
        "bundle.yaml",
        "charms/cat_r3.charm",
        "charms/dog_r5.charm",
        "ckf-airgap.lock",
        "images.txt",
        "merged-bundle.yaml",
        "overlay.yaml",
        "retagged-images.txt",
    ]
    assert json.loads(result.stdout)["images"] == str(pack / "images.tar.gz")


def test_the_old_way_works_too(pack: Path, tmp_path: Path) -> None:
    for name in ("charms", "images"):
        (tmp_path / name).mkdir()
        archive = pack / f"{name}.tar.gz"
        subprocess.run(["tar", "-xzf", archive, "-C", tmp_path / name], check=True)

    lock = json.loads((pack / "ckf-airgap.lock").read_text())
    for charm in lock["charms"]:
        content = (tmp_path / "charms" / charm["file"]).read_bytes()
        assert hashlib.sha384(content).hexdigest() == charm["sha384"]
    for digest in lock["blobs"]:
        content = (tmp_path / "images" / "blobs" / digest.replace(":", "/")).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest.partition(":")[2]


def test_a_second_time_nothing_is_written(pets: Pets, pack: Path, home: Path) -> None:
    pets.call("unpack", pack, "--to", home)
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}

    result = pets.call("unpack", pack, "--to", home)

    count = sum(path.is_file() for path in home.rglob("*"))
    assert f"0 files written, {count} were already there" in result.stdout
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before


def test_files_that_differ_are_all_named_and_nothing_is_written(
    pets: Pets, pack: Path, home: Path
) -> None:
    (home / "charms").mkdir(parents=True)
    (home / "charms" / "dog_r5.charm").write_bytes(b"mine")
    (home / "retagged-images.txt").write_text("mine")

    result = pets.call("unpack", pack, "--to", home)

    assert result.exit_code == 3
    assert "dog_r5.charm: it is a different file" in result.stderr
    assert "retagged-images.txt: it is a different file" in result.stderr
    assert sorted(contents(home)) == ["charms/dog_r5.charm", "retagged-images.txt"]


def test_force_overwrites_what_differs(pets: Pets, pack: Path, home: Path) -> None:
    (home / "charms").mkdir(parents=True)
    (home / "charms" / "dog_r5.charm").write_bytes(b"mine")

    assert pets.call("unpack", pack, "--to", home, "--force").exit_code == 0
    assert len((home / "charms" / "dog_r5.charm").read_bytes()) > 70_000


def test_a_link_at_the_place_of_a_file_is_not_followed(
    pets: Pets, pack: Path, home: Path, tmp_path: Path
) -> None:
    (home / "charms").mkdir(parents=True)
    (home / "charms" / "dog_r5.charm").symlink_to(tmp_path / "precious")

    refused = pets.call("unpack", pack, "--to", home)
    forced = pets.call("unpack", pack, "--to", home, "--force")

    assert (refused.exit_code, forced.exit_code) == (3, 0)
    assert not (tmp_path / "precious").exists()
    assert not (home / "charms" / "dog_r5.charm").is_symlink()


@pytest.mark.parametrize("name", ["../evil.charm", "/tmp/evil.charm", "sub/evil.charm", "evil.sh"])  # noqa: S108
def test_members_that_do_not_belong_are_refused(
    pets: Pets, pack: Path, home: Path, name: str
) -> None:
    rewrite_tar(pack / "charms.tar.gz", lambda members: members.update({name: b"evil"}))
    reseal(pack)

    result = pets.call("unpack", pack, "--to", home)

    assert result.exit_code == 9
    assert not [path for path in home.parent.rglob("evil*") if "shelf" not in path.parts]


def test_an_altered_charm_is_not_laid_out(pets: Pets, pack: Path, home: Path) -> None:
    rewrite_tar(pack / "charms.tar.gz", lambda members: members.update({"dog_r5.charm": b"evil"}))

    result = pets.call("unpack", pack, "--to", home)

    assert result.exit_code == 9
    assert "the charm dog_r5.charm is not the one in the lock" in result.stderr
    assert sorted(contents(home)) == ["charms/cat_r3.charm"]


@pytest.mark.parametrize("change", [-1, 1, 40_000_000])
def test_a_charm_of_another_size_than_in_the_lock_is_not_even_written(
    pack: Path, home: Path, change: int
) -> None:
    """A small gzip may claim to hold more than the disk has room for."""
    size = json.loads((pack / "ckf-airgap.lock").read_text())["charms"][0]["size"]
    rewrite_tar(
        pack / "charms.tar.gz",
        lambda members: members.update({"cat_r3.charm": bytes(size + change)}),
    )
    largest: list[int] = [0]

    def watch(_count: int) -> None:
        largest.append(max((one.stat().st_size for one in home.rglob("*.part")), default=0))

    with pytest.raises(IntegrityError, match="is not the one in the lock"):
        unpack_pack(pack, home, watch=watch)
    assert contents(home) == {}
    assert max(largest) == 0


def test_an_altered_text_is_not_laid_out(pets: Pets, pack: Path, home: Path) -> None:
    flip(pack / "retagged-images.txt", 3)

    result = pets.call("unpack", pack, "--to", home)

    assert result.exit_code == 9
    assert not home.exists()


def test_parts_are_joined(pets: Pets, home: Path, tmp_path: Path) -> None:
    whole = pets.packed(out=tmp_path / "whole")
    pack = pets.packed("--split", "64KiB")

    result = pets.call("unpack", pack, "--to", home, "--json")

    assert json.loads(result.stdout)["images"] == str(home / "images.tar.gz")
    assert (home / "images.tar.gz").read_bytes() == (whole / "images.tar.gz").read_bytes()
    assert "cat images.tar.gz.* > images.tar.gz" in (pack / "README.txt").read_text()


def test_an_altered_part_is_not_joined(pets: Pets, home: Path) -> None:
    pack = pets.packed("--split", "64KiB")
    flip(pack / "images.tar.gz.002", 10)

    result = pets.call("unpack", pack, "--to", home)

    assert result.exit_code == 9
    assert not (home / "images.tar.gz").exists()


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A directory that nobody may write to, and what the system says of it."""
    directory = tmp_path / "sealed"
    directory.mkdir(mode=0o500)
    if os.geteuid() != 0:
        yield directory, "Permission denied"
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", directory], check=True)
    try:
        yield directory, "Read-only file system"
    finally:
        subprocess.run(["umount", directory], check=True)


def test_a_place_that_cannot_be_written_is_told(
    pets: Pets, pack: Path, sealed: tuple[Path, str]
) -> None:
    directory, why = sealed

    result = pets.call("unpack", pack, "--to", directory)

    assert result.exit_code == 9
    assert why in result.stderr


@pytest.mark.timeout(60)
def test_a_pipe_where_a_file_will_be_laid_out_is_another_file(
    pets: Pets, pack: Path, home: Path
) -> None:
    (home / "charms").mkdir(parents=True)
    os.mkfifo(home / "charms" / "cat_r3.charm")

    refused = pets.call("unpack", pack, "--to", home)
    forced = pets.call("unpack", pack, "--to", home, "--force")

    assert refused.exit_code == 3
    assert "cat_r3.charm: it is a different file" in " ".join(refused.output.split())
    assert forced.exit_code == 0, forced.output
    assert (home / "charms" / "cat_r3.charm").is_file()


def test_two_runs_at_once_lay_out_whole_files(pets: Pets, tmp_path: Path) -> None:
    large = write_standin(CAT, tmp_path / "large", 4, padding_bytes=4_000_000)
    pets.side.store.offer_files([large], {"cat": "2/stable"})
    pack, home, alone = pets.packed(), tmp_path / "home", tmp_path / "alone"
    unpack_pack(pack, alone)
    expected = contents(alone)
    inner: list[int] = []

    def run_another(_count: int) -> None:
        half_written = [one for one in home.rglob(".*.part") if one.stat().st_size]
        if half_written and not inner:
            inner.append(1)
            unpack_pack(pack, home)
            assert contents(home).items() >= expected.items()
        for name, content in contents(home).items():
            assert name not in expected or content == expected[name]

    unpack_pack(pack, home, watch=run_another)

    assert inner, "the other run began while a charm was half written"
    assert contents(home) == expected
