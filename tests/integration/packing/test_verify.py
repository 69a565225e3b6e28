"""Tampering: whatever is done to a pack, `verify` names it and ends with the documented code."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ckf_airgap.packing.checksums import Checksums, FileSum
from tests.integration.packing.conftest import Pets

EXIT = 9

Tamper = Callable[[Path], None]


@pytest.fixture
def pack(pets: Pets) -> Path:
    return pets.packed()


def rewrite_tar(path: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    """Write an archive anew, with other members."""
    with tarfile.open(path) as tar:
        members = {one.name: _content(tar, one) for one in tar}
    change(members)
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    path.write_bytes(gzip.compress(raw.getvalue(), 0, mtime=0))


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(member)
    assert stream is not None
    return stream.read()


def reseal(pack: Path) -> None:
    """Make the checksums fit again, as somebody does who alters a pack on purpose."""
    files = {
        path.relative_to(pack).as_posix(): FileSum(
            hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size
        )
        for path in pack.rglob("*")
        if path.is_file() and not path.name.startswith("SHA256SUMS")
    }
    old, _ = Checksums.read(pack)
    (pack / "SHA256SUMS").write_text(Checksums(files=files, wholes=old.wholes).to_text())


def a_blob(pack: Path) -> str:
    """Return a layer: the digest of the largest blob."""
    blobs = json.loads((pack / "ckf-airgap.lock").read_text())["blobs"]
    return max(map(str, blobs), key=lambda digest: int(blobs[digest]))


def member_of(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def flip_in_a_blob(pack: Path) -> None:
    with tarfile.open(pack / "images.tar.gz") as tar:
        content = _content(tar, tar.getmember(member_of(a_blob(pack))))
    path = pack / "images.tar.gz"
    flip(path, path.read_bytes().index(content[:64]) + 100)


def drop_a_blob(pack: Path) -> None:
    rewrite_tar(pack / "images.tar.gz", lambda members: members.pop(member_of(a_blob(pack))))


def add_a_blob(pack: Path) -> None:
    digest = hashlib.sha256(b"more").hexdigest()
    rewrite_tar(
        pack / "images.tar.gz", lambda members: members.update({f"blobs/sha256/{digest}": b"more"})
    )


def swap(members: dict[str, bytes]) -> None:
    cat, dog = members["cat_r3.charm"], members["dog_r5.charm"]
    members.update({"cat_r3.charm": dog, "dog_r5.charm": cat})


def exchange_images(members: dict[str, bytes]) -> None:
    index = json.loads(members["index.json"])
    name = "org.opencontainers.image.ref.name"
    first, second = index["manifests"][0], index["manifests"][1]
    first["annotations"][name], second["annotations"][name] = (
        second["annotations"][name],
        first["annotations"][name],
    )
    members["index.json"] = json.dumps(index).encode()


def change_lock(pack: Path) -> None:
    path = pack / "ckf-airgap.lock"
    path.write_text(path.read_text().replace('"revision": 3', '"revision": 4'))


TABLE: dict[str, tuple[Tamper, list[str]]] = {
    "a byte of the archive of charms": (
        lambda pack: flip(pack / "charms.tar.gz", 30_000),
        ["charms.tar.gz: the file is altered", "cat_r3.charm is not the charm in the lock"],
    ),
    "a byte of a blob": (
        flip_in_a_blob,
        ["images.tar.gz: the file is altered", "images.tar.gz: the blob sha256:"],
    ),
    "a byte of a text": (
        lambda pack: flip(pack / "overlay.yaml", 5),
        ["overlay.yaml: the file is altered"],
    ),
    "a blob dropped": (
        drop_a_blob,
        ["images.tar.gz: the file is", "images.tar.gz: the blob sha256:", "is missing"],
    ),
    "an archive truncated": (
        lambda pack: _truncate(pack / "images.tar.gz", 50_000),
        ["images.tar.gz: the file is truncated: 50000 of", "images.tar.gz: is truncated"],
    ),
    "two charms swapped": (
        lambda pack: rewrite_tar(pack / "charms.tar.gz", swap),
        [
            "charms.tar.gz: cat_r3.charm holds the charm dog_r5.charm",
            "charms.tar.gz: dog_r5.charm holds the charm cat_r3.charm",
        ],
    ),
    "a file added": (
        lambda pack: _write(pack / "wheels" / "evil.whl", "x"),
        ["wheels/evil.whl: the file is not part of the pack"],
    ),
    "a link added": (
        lambda pack: (pack / "more").symlink_to("/etc/passwd"),
        ["more: the file is not part of the pack"],
    ),
    "a file replaced by a link": (
        lambda pack: _to_link(pack / "images.txt"),
        ["images.txt: it is not a regular file"],
    ),
    "a file removed": (
        lambda pack: (pack / "retagged-images.txt").unlink(),
        ["retagged-images.txt: the file is missing"],
    ),
    "the archive of charms removed": (
        lambda pack: (pack / "charms.tar.gz").unlink(),
        ["charms.tar.gz: the file is missing"],
    ),
    "the lock changed": (change_lock, ["ckf-airgap.lock: the file is altered"]),
    "the lock made nonsense": (
        lambda pack: _write(pack / "ckf-airgap.lock", "{"),
        ["ckf-airgap.lock: the file is truncated", "is not a lock"],
    ),
}


@pytest.mark.parametrize("what", TABLE)
def test_each_kind_of_damage_is_named(pets: Pets, pack: Path, what: str) -> None:
    tamper, findings = TABLE[what]
    tamper(pack)

    result = pets.call("verify", pack)

    assert result.exit_code == EXIT, result.output
    for finding in findings:
        assert finding in result.stderr
    assert "is not the pack that was made" in result.stderr


SEALED: dict[str, tuple[Tamper, str]] = {
    "a blob dropped": (drop_a_blob, "is missing"),
    "a blob added": (add_a_blob, "is not expected there"),
    "two charms swapped": (
        lambda pack: rewrite_tar(pack / "charms.tar.gz", swap),
        "cat_r3.charm holds the charm dog_r5.charm",
    ),
    "a charm dropped": (
        lambda pack: rewrite_tar(pack / "charms.tar.gz", lambda all_: all_.pop("cat_r3.charm")),
        "the charm cat_r3.charm is missing",
    ),
    "a charm added": (
        lambda pack: rewrite_tar(
            pack / "charms.tar.gz", lambda all_: all_.update({"cow_r1.charm": b"cow"})
        ),
        "cow_r1.charm is not expected there",
    ),
    "two images exchanged": (
        lambda pack: rewrite_tar(pack / "images.tar.gz", exchange_images),
        "is not the one in the lock",
    ),
    "a member that leads out": (
        lambda pack: rewrite_tar(
            pack / "charms.tar.gz", lambda all_: all_.update({"../evil.charm": b"evil"})
        ),
        "unsafe path '../evil.charm'",
    ),
}


@pytest.mark.parametrize("what", SEALED)
def test_an_archive_is_compared_with_the_lock_although_its_checksum_fits(
    pets: Pets, pack: Path, what: str
) -> None:
    tamper, finding = SEALED[what]
    tamper(pack)
    reseal(pack)

    result = pets.call("verify", pack)

    assert result.exit_code == EXIT, result.output
    assert finding in result.stderr


def test_what_is_wrong_is_named_all_at_once(pets: Pets, pack: Path) -> None:
    flip_in_a_blob(pack)
    rewrite_tar(pack / "charms.tar.gz", swap)
    (pack / "images.txt").unlink()
    (pack / "more").write_text("x")

    result = pets.call("verify", pack, "--json")

    problems = json.loads(result.stdout)["problems"]
    assert {problem["where"] for problem in problems} == {
        "images.tar.gz",
        "charms.tar.gz",
        "images.txt",
        "more",
    }


def test_a_pack_without_checksums_is_not_finished(pets: Pets, pack: Path) -> None:
    (pack / "SHA256SUMS").unlink()

    result = pets.call("verify", pack)

    assert result.exit_code == EXIT
    assert "the pack is unfinished, or the file was lost" in result.stderr


def test_truncated_missing_and_exchanged_parts_are_named(pets: Pets) -> None:
    pack = pets.packed("--split", "64KiB")
    assert pets.call("verify", pack).exit_code == 0
    first, second = pack / "images.tar.gz.001", pack / "images.tar.gz.002"
    content = first.read_bytes()

    first.write_bytes(content[:-10])
    truncated = pets.call("verify", pack)
    first.write_bytes(second.read_bytes())
    exchanged = pets.call("verify", pack)
    first.write_bytes(content)
    second.unlink()
    missing = pets.call("verify", pack)

    assert {truncated.exit_code, exchanged.exit_code, missing.exit_code} == {EXIT}
    assert "images.tar.gz.001: the file is truncated: 65526 of 65536 bytes" in truncated.stderr
    assert "images.tar.gz.001: the file is" in exchanged.stderr
    assert "images.tar.gz.002: the file is missing" in missing.stderr


def test_stock_tools_check_the_same_checksums(pack: Path) -> None:
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=pack, check=False)
    flip(pack / "images.txt", 3)
    failed = subprocess.run(
        ["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=pack, check=False, capture_output=True
    )

    assert done.returncode == 0
    assert failed.returncode == 1


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """A key pair, made by openssl as the documentation says."""
    private, public = tmp_path / "key.pem", tmp_path / "pub.pem"
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519", "-out", private],
        check=True,
        capture_output=True,
    )
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    return private, public


def test_a_signed_pack_is_verified_with_the_key(pets: Pets, keys: tuple[Path, Path]) -> None:
    private, public = keys
    pack = pets.packed("--sign", private)

    with_key = pets.call("verify", pack, "--key", public)
    without = pets.call("verify", pack)

    assert with_key.exit_code == 0, with_key.output
    assert "signed with the key" in with_key.stdout
    assert without.exit_code == 0
    assert "its signature was not checked" in without.stderr


def test_an_altered_pack_that_was_sealed_again_fails_by_its_signature(
    pets: Pets, keys: tuple[Path, Path]
) -> None:
    private, public = keys
    pack = pets.packed("--sign", private)
    flip(pack / "README.txt", 3)
    reseal(pack)

    assert pets.call("verify", pack).exit_code == 0, "the checksums fit"
    result = pets.call("verify", pack, "--key", public)
    laid_out = pets.call("unpack", pack, "--to", pack.parent / "home", "--key", public)

    assert result.exit_code == laid_out.exit_code == EXIT
    assert "SHA256SUMS.sig: the signature cannot be trusted" in result.stderr
    assert not (pack.parent / "home").exists()


def test_a_pack_without_signature_fails_when_a_key_is_given(
    pets: Pets, keys: tuple[Path, Path], pack: Path
) -> None:
    result = pets.call("verify", pack, "--key", keys[1])

    assert result.exit_code == EXIT
    assert "the pack has no signature, although a key was given" in result.stderr


@pytest.mark.parametrize("which", ["swapped", "rsa", "none"])
def test_what_is_no_key_is_refused(
    pets: Pets, keys: tuple[Path, Path], pack: Path, tmp_path: Path, which: str
) -> None:
    private, _public = keys
    key = {"swapped": private, "rsa": tmp_path / "rsa.pem", "none": tmp_path / "no.pem"}[which]
    if which == "rsa":
        rsa = tmp_path / "rsa.key"
        subprocess.run(["openssl", "genrsa", "-out", rsa, "2048"], check=True, capture_output=True)
        subprocess.run(
            ["openssl", "rsa", "-in", rsa, "-pubout", "-out", key], check=True, capture_output=True
        )

    result = pets.call("verify", pack, "--key", key)

    assert result.exit_code == (4 if which == "none" else 3)
    assert str(key) in result.stderr


def _truncate(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def _to_link(path: Path) -> None:
    elsewhere = path.parent.parent / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
