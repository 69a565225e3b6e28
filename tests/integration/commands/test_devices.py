"""Pipes, devices and links where files belong: a clear error at once, and never without limit."""

from __future__ import annotations

import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ckf_airgap.errors import ExitCode
from ckf_airgap.operations.lock import Lock
from ckf_airgap.packing.since import Assumes
from tests.integration.commands.conftest import IMAGE, World
from tests.integration.packing.smallpack import seal

MEMORY = 2 * 1024**3
"""The address space that a command may have: far less than an endless file would fill."""

Place = Callable[[Path], None]


def zero(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


both = pytest.mark.parametrize("place", [zero, pipe], ids=["device", "pipe"])


def bounded(
    world: World, *arguments: str | Path, script: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command with little memory and little time."""
    command = ["bash", "-c", script] if script is not None else world.command(*arguments)
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        cwd=world.path,
        env=world.environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )


SEVERAL = """
import json, sys
from click.testing import CliRunner
from ckf_airgap.cli import main
for words in json.loads(sys.argv[1]):
    done = CliRunner().invoke(main, words)
    print(json.dumps([done.exit_code, " ".join((done.stderr + done.stdout).split())]))
"""


def several(world: World, *commands: Sequence[str | Path]) -> list[tuple[int, str]]:
    """Run commands one after the other as `bounded` does, in one process; return code and text."""
    words = json.dumps([[str(word) for word in command] for command in commands])
    done = bounded(world, script=shlex.join([sys.executable, "-c", SEVERAL, words]))
    assert done.returncode == 0, done.stderr
    ends = [json.loads(line) for line in done.stdout.splitlines()]
    return [(code, said) for code, said in ends]


def refused(
    ends: Sequence[tuple[int, str]], expected: Sequence[str], code: ExitCode = ExitCode.INPUT
) -> None:
    """Check that each command ended with a code, and said something."""
    assert len(ends) == len(expected)
    for (ended, said), what in zip(ends, expected, strict=True):
        assert (ended, what in said) == (code, True), (what, said)
        assert "Traceback" not in said
        assert "unexpected" not in said


PACKED = ("bundle.yaml", "ckf-airgap.lock", "charms.tar.gz", "images.tar.gz", "assumes.json")


@pytest.fixture
def pack(world: World) -> Path:
    """A directory that looks like a pack, as far as its names and checksums go."""
    pack = world.path / "pack"
    pack.mkdir()
    for name in PACKED:
        (pack / name).write_text("{}\n", encoding="utf-8")
    lock = Lock(tool="0", bundle="b", bundle_sha256="0" * 64, architecture="amd64")
    (pack / "ckf-airgap.lock").write_text(lock.to_text(), encoding="utf-8")
    assumes = Assumes(bundle="b", lock_sha256="0" * 64)
    (pack / "assumes.json").write_text(assumes.to_text(), encoding="utf-8")
    return seal(pack)


@both
def test_pack_is_neither_verified_nor_unpacked(world: World, pack: Path, place: Place) -> None:
    key, public = world.path / "key.pem", world.path / "public.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
    commands: list[list[str | Path]] = []
    expected = []
    for name in (*PACKED, "SHA256SUMS", "SHA256SUMS.sig"):
        spoiled = world.path / f"pack-{len(commands)}"
        shutil.copytree(pack, spoiled)
        place(spoiled / name)
        with_key: list[str | Path] = ["--key", public] if name == "SHA256SUMS.sig" else []
        commands += [["verify", spoiled, *with_key]]
        expected += [name]
        if name != "images.tar.gz":  # one that is whole stays where it is, and is not read
            commands += [["unpack", spoiled, *with_key, "--to", world.path / "home"]]
            expected += [name]

    refused(several(world, *commands), expected, ExitCode.TRANSFER)
    assert not [path for path in (world.path / "home").rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["assumes.json", "ckf-airgap.lock"])
def test_document_of_a_pack_that_is_none_is_damage_to_verify_and_to_unpack(
    world: World, pack: Path, name: str
) -> None:
    (pack / name).write_text('{"schema": "ckf-airgap/none/v1"}\n', encoding="utf-8")
    seal(pack)

    ends = several(world, ["verify", pack], ["unpack", pack, "--to", world.path / "home"])

    refused(ends, [name, name], ExitCode.TRANSFER)


def test_altered_file_of_assumptions_is_damage_to_verify_and_to_unpack(
    world: World, pack: Path
) -> None:
    (pack / "assumes.json").write_text(
        Assumes(bundle="b", lock_sha256="1" * 64).to_text(), encoding="utf-8"
    )

    ends = several(world, ["verify", pack], ["unpack", pack, "--to", world.path / "home"])

    refused(ends, ["assumes.json", "assumes.json"], ExitCode.TRANSFER)


def test_file_of_assumptions_without_a_checksum_is_not_believed(world: World, pack: Path) -> None:
    assumes = (pack / "assumes.json").read_text(encoding="utf-8")
    (pack / "assumes.json").unlink()
    seal(pack)
    (pack / "assumes.json").write_text(assumes.replace("[]", '["minio_r3.charm"]'))

    verified, unpacked = several(
        world, ["verify", pack], ["unpack", pack, "--to", world.path / "home"]
    )

    refused([verified], ["assumes.json: the file is not part of the pack"], ExitCode.TRANSFER)
    refused([unpacked], ["charms.tar.gz"], ExitCode.TRANSFER)  # it is read, and is not one


@both
def test_charm_and_bundle_are_not_read(world: World, place: Place) -> None:
    files = ("--charms", world.charms, "--images", world.images)
    directory = world.path / "unpacked"
    directory.mkdir()
    place(directory / "bundle.yaml")
    in_directory = several(world, ["render", directory, *files])
    place(world.charms / "minio_r3.charm")
    with_charm = several(
        world,
        ["render", world.bundle, *files],
        ["charms", "list", world.bundle, "--charms", world.charms],
    )

    refused(in_directory, ["bundle.yaml is not a regular file"])
    refused(with_charm, ["minio_r3.charm is not a regular file"] * 2)


def test_charm_is_damaged_in_a_list_that_compares_it_with_a_lock(world: World) -> None:
    content = (world.charms / "minio_r3.charm").read_bytes()
    (world.path / "minio.charm").write_bytes(content)
    bundle = world.path / "local.yaml"
    bundle.write_text("bundle: kubernetes\napplications: {minio: {charm: ./minio.charm}}\n")
    got, lock = world.path / "got", world.path / "charms.lock"
    made = world.run("charms", "download", bundle, "-d", got, "--write-lock", lock)
    assert made.code == 0, made.err
    pipe(got / "minio.charm")

    ends = several(world, ["charms", "list", "--charms", got, "--lock", lock])

    refused(ends, ["damaged"])


@pytest.mark.parametrize("mark", ["include-file", "include-base64"])
def test_included_file_is_not_read(world: World, mark: str) -> None:
    files = ("--charms", world.charms, "--images", world.images)
    commands: list[list[str | Path]] = []
    for name in ("a-device", "a-pipe", "a-large-file"):
        bundle = world.path / f"{name}.yaml"
        text = world.bundle.read_text(encoding="utf-8")
        included = text.replace("{port: 9000}", f"{{port: '{mark}://{world.path}/{name}'}}")
        bundle.write_text(included, encoding="utf-8")
        commands.append(["render", bundle, *files])
    zero(world.path / "a-device")
    pipe(world.path / "a-pipe")
    with (world.path / "a-large-file").open("wb") as stream:
        stream.truncate(17 * 1024**2)

    regular, large = "is not a regular file", "too large for an option: it has more than 16 MiB"
    where = f"application minio, option port: cannot include {world.path}"
    ends = several(world, *commands)
    refused(ends, [f"{where}/{name}" for name in ("a-device", "a-pipe", "a-large-file")])
    refused(ends, [regular, regular, large])


@both
def test_index_and_blob_of_a_layout_are_not_read(world: World, place: Place) -> None:
    digest = "0" * 64
    for name in ("no-index", "no-blob"):
        (world.path / name / "blobs" / "sha256").mkdir(parents=True)
        (world.path / name / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    place(world.path / "no-index" / "index.json")
    manifest = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": f"sha256:{digest}",
        "size": 100,
        "annotations": {"org.opencontainers.image.ref.name": "docker.io/pets/cat:1.0"},
    }
    (world.path / "no-blob" / "index.json").write_text(
        json.dumps({"schemaVersion": 2, "manifests": [manifest]})
    )
    place(world.path / "no-blob" / "blobs" / "sha256" / digest)

    push: list[list[str | Path]] = [
        ["images", "push", world.path / name, "--registry", "localhost:1"]
        for name in ("no-index", "no-blob")
    ]
    refused(several(world, *push), ["index.json", digest], ExitCode.TRANSFER)


@both
def test_archive_of_images_is_not_read(world: World, place: Place) -> None:
    (world.path / "tars").mkdir()
    place(world.path / "images.tar.gz")
    place(world.path / "tars" / "cat.tar")

    push: list[list[str | Path]] = [
        ["images", "push", world.path / name, "--registry", "localhost:1"]
        for name in ("images.tar.gz", "tars")
    ]
    names = ["images.tar.gz is not a regular file", "cat.tar is not a regular file"]
    refused(several(world, *push), names)


def test_endless_file_that_somebody_names_is_too_large(world: World) -> None:
    files = ("--charms", world.charms, "--images", world.images)
    render = ("render", world.bundle, *files)
    login = ("--registry-username", "me", "--registry-password-file", "/dev/zero")
    commands: dict[str, Sequence[str | Path]] = {
        "a list of images": ("images", "retag", "/dev/zero", "--registry", "reg.io:5000"),
        "a mapping": (*render, "--mapping", "/dev/zero"),
        "a bundle": ("render", "/dev/zero", *files),
        "an overlay": (*render, "--overlay", "/dev/zero"),
        "a file of rules": (*render, "--rules", "/dev/zero"),
        "a lock": ("charms", "list", "--lock", "/dev/zero"),
        "a key": ("verify", world.path, "--key", "/dev/zero"),
        "a password": ("deploy", world.bundle, *files, *login),
    }
    said = [f"/dev/zero is too large for {what}: it has more than" for what in commands]
    refused(several(world, *commands.values()), said)


def test_endless_list_of_checksums_is_too_large(world: World, pack: Path) -> None:
    with (pack / "SHA256SUMS").open("ab") as stream:
        stream.truncate(17 * 1024**2)

    said = "too large for a list of checksums: it has more than 16 MiB"
    refused(several(world, ["verify", pack]), [said], ExitCode.TRANSFER)


@pytest.mark.parametrize("source", ["/dev/stdin < list.txt", "<(cat list.txt)"])
def test_list_of_images_may_come_from_a_pipe(world: World, source: str) -> None:
    (world.path / "list.txt").write_text("docker.io/minio/minio:1\n", encoding="utf-8")
    command = " ".join(world.command("images", "retag"))
    done = bounded(world, script=f"{command} --registry reg.io:5000 {source}")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "reg.io:5000/minio/minio:1\n"


def test_bundle_may_come_from_a_pipe(world: World) -> None:
    files = ["--charms", str(world.charms), "--images", str(world.images)]
    command = shlex.join(world.command("render", *files))
    done = bounded(world, script=f"{command} <(cat bundle.yaml)")
    assert done.returncode == 0, done.stderr
    assert IMAGE in done.stdout


@both
def test_client_store_is_not_read(world: World, place: Place) -> None:
    """Neither by what connects to its controller, nor by what would write another into it."""
    commands: list[list[str | Path]] = []
    for command in ("status", "controller"):
        store = world.path / command
        store.mkdir()
        place(store / "controllers.yaml")
        commands.append([command, "--juju-data", store])
    refused(several(world, *commands), ["controllers.yaml"] * 2, ExitCode.CONTROLLER)


@both
@pytest.mark.parametrize("name", ["ckf-airgap.lock", "minio_r3.charm"])
def test_store_of_charms_of_a_rehearsal_is_not_read(world: World, place: Place, name: str) -> None:
    charms = world.path / "store"
    charms.mkdir()
    place(charms / name)
    refused(several(world, ["controller", "--charms", charms]), [name])
