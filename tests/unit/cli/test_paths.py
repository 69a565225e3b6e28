"""Paths on the command line: 4 for one that is not there, 3 for one that is not what it must be.

The tables have a row for every argument and option of every command that is a path; a test compares
them with the commands.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import Result

from ckf_airgap.charms.charm import Charm
from ckf_airgap.cli import main
from ckf_airgap.cli.options import BundleName, UserPath
from ckf_airgap.rehearsal.standin import write_standin
from tests.unit.cli.commandtree import commands
from tests.unit.cli.conftest import REGISTRY, World

Invoke = Callable[..., Result]

IMAGE = "docker.io/pets/cat:1.0"
TO = f"--registry {REGISTRY}"
RENDERED = "{bundle} --charms {charms} --images {images}"
PACK = f"pack {{bundle}} {TO} -o {{new}} --no-tool"

READ_FILES = {
    "charms download bundle": "charms download {path} -d {new}",
    "charms download overlays": "charms download {bundle} -d {new} --overlay {path}",
    "charms download lock": "charms download {bundle} -d {new} --lock {path}",
    "charms download store_ca": "charms download {bundle} -d {new} --store-ca {path}",
    "controller script_file": "controller --script {path}",
    "rehearse script_file": "rehearse 1.11 --script {path}",
    "charms list bundle": "charms list {path} --charms {charms}",
    "charms list overlays": "charms list {bundle} --charms {charms} --overlay {path}",
    "charms list lock": "charms list {bundle} --charms {charms} --lock {path}",
    "images list bundle": "images list {path} --charms {charms}",
    "images list overlays": "images list {bundle} --charms {charms} --overlay {path}",
    "images list rules": "images list {bundle} --charms {charms} --rules {path}",
    "images list append": "images list {bundle} --charms {charms} --append {path}",
    "images explain bundle": f"images explain {IMAGE} --bundle {{path}} --charms {{charms}}",
    "images explain overlays": f"images explain {IMAGE} --bundle 1.11 --overlay {{path}}",
    "images explain rules": f"images explain {IMAGE} --bundle 1.11 --rules {{path}}",
    "images explain append": f"images explain {IMAGE} --bundle 1.11 --append {{path}}",
    "images audit bundle": "images audit {path} --charms {charms}",
    "images audit overlays": "images audit {bundle} --charms {charms} --overlay {path}",
    "images audit rules": "images audit {bundle} --charms {charms} --rules {path}",
    "images audit append": "images audit {bundle} --charms {charms} --append {path}",
    "images retag images": f"images retag {{path}} {TO}",
    "images pull images": "images pull {path} -o {new}",
    "images pull ca": "images pull {images} -o {new} --ca {path}",
    "images pull docker_config": "images pull {images} -o {new} --docker-config {path}",
    "images save images": "images save {path} -o {new}",
    "images save mapping": "images save {images} -o {new} --mapping {path}",
    "images save ca": "images save {images} -o {new} --ca {path}",
    "images save docker_config": "images save {images} -o {new} --docker-config {path}",
    "images load archive": "images load {path} -o {new}",
    "images load mapping": "images load {layout} -o {new} --mapping {path}",
    "images load ca": "images load {layout} -o {new} --ca {path}",
    "images load docker_config": "images load {layout} -o {new} --docker-config {path}",
    "images push source": f"images push {{path}} {TO}",
    "images push mapping": "images push {layout} --mapping {path}",
    "images push ca": f"images push {{layout}} {TO} --ca {{path}}",
    "images push docker_config": f"images push {{layout}} {TO} --docker-config {{path}}",
    "images verify images": f"images verify {{path}} {TO}",
    "images verify source": f"images verify --from {{path}} {TO}",
    "images verify mapping": "images verify {images} --mapping {path}",
    "images verify ca": f"images verify {{images}} {TO} --ca {{path}}",
    "images verify docker_config": f"images verify {{images}} {TO} --docker-config {{path}}",
    "images copy images": f"images copy {{path}} {TO}",
    "images copy mapping": "images copy {images} --mapping {path}",
    "images copy ca": f"images copy {{images}} {TO} --ca {{path}}",
    "images copy docker_config": f"images copy {{images}} {TO} --docker-config {{path}}",
    "mirrors images": f"mirrors {TO} -o {{new}} --images {{path}}",
    "mirrors mapping": f"mirrors {TO} -o {{new}} --mapping {{path}}",
    "mirrors ca": f"mirrors {TO} -o {{new}} --ca {{path}}",
    "pack bundle": f"pack {{path}} {TO} -o {{new}} --no-tool",
    "pack overlays": f"{PACK} --overlay {{path}}",
    "pack lock": f"{PACK} --lock {{path}}",
    "pack store_ca": f"{PACK} --store-ca {{path}}",
    "pack ca": f"{PACK} --ca {{path}}",
    "pack docker_config": f"{PACK} --docker-config {{path}}",
    "pack append": f"{PACK} --append {{path}}",
    "pack rules": f"{PACK} --rules {{path}}",
    "pack since": f"{PACK} --since {{path}}",
    "pack signing_key": f"{PACK} --sign {{path}}",
    "verify key": "verify {folder} --key {path}",
    "unpack key": "unpack {folder} --to {new} --key {path}",
    "render bundle": "render {path} --charms {charms} --images {images}",
    "render images": "render {bundle} --charms {charms} --images {path}",
    "render mapping": "render {bundle} --charms {charms} --mapping {path}",
    "render overlays": f"render {RENDERED} --overlay {{path}}",
    "render rules": f"render {RENDERED} --rules {{path}}",
    "plan bundle": "plan {path} --charms {charms} --images {images}",
    "plan images": "plan {bundle} --charms {charms} --images {path}",
    "plan mapping": "plan {bundle} --charms {charms} --mapping {path}",
    "plan overlays": f"plan {RENDERED} --overlay {{path}}",
    "plan rules": f"plan {RENDERED} --rules {{path}}",
    "plan registry_password_file": (
        f"plan {RENDERED} --registry-username ann --registry-password-file {{path}}"
    ),
    "plan registry_config": f"plan {RENDERED} --registry-config {{path}}",
    "deploy bundle": "deploy {path} --charms {charms} --images {images}",
    "deploy images": "deploy {bundle} --charms {charms} --images {path}",
    "deploy mapping": "deploy {bundle} --charms {charms} --mapping {path}",
    "deploy overlays": f"deploy {RENDERED} --overlay {{path}}",
    "deploy rules": f"deploy {RENDERED} --rules {{path}}",
    "deploy registry_password_file": (
        f"deploy {RENDERED} --registry-username ann --registry-password-file {{path}}"
    ),
    "deploy registry_config": f"deploy {RENDERED} --registry-config {{path}}",
    "deploy plan_file": "deploy --plan {path}",
    "rehearse registry_password_file": (
        f"rehearse {RENDERED} --registry-username ann --registry-password-file {{path}}"
    ),
    "rehearse registry_config": f"rehearse {RENDERED} --registry-config {{path}}",
    "rehearse bundle": "rehearse {path} --charms {charms} --images {images}",
    "rehearse images": "rehearse {bundle} --charms {charms} --images {path}",
    "rehearse mapping": "rehearse {bundle} --charms {charms} --mapping {path}",
    "rehearse overlays": f"rehearse {RENDERED} --overlay {{path}}",
    "rehearse rules": f"rehearse {RENDERED} --rules {{path}}",
}
"""What is read as a file, or where a directory with that file in it will do."""

READ_DIRECTORIES = {
    "controller charms": "controller --charms {path}",
    "charms list charms": "charms list {bundle} --charms {path}",
    "images list charms": "images list {bundle} --charms {path}",
    "images explain charms": f"images explain {IMAGE} --bundle {{bundle}} --charms {{path}}",
    "images audit charms": "images audit {bundle} --charms {path}",
    "images save source": "images save --from {path} -o {new}",
    "verify directory": "verify {path}",
    "unpack directory": "unpack {path} --to {new}",
    "render charms": "render {bundle} --charms {path} --images {images}",
    "plan charms": "plan {bundle} --charms {path} --images {images}",
    "plan juju_data": f"plan {RENDERED} --juju-data {{path}}",
    "deploy charms": "deploy {bundle} --charms {path} --images {images}",
    "deploy juju_data": f"deploy {RENDERED} --juju-data {{path}}",
    "rehearse charms": "rehearse {bundle} --charms {path} --images {images}",
    "status juju_data": "status --juju-data {path}",
    "wait juju_data": "wait --juju-data {path}",
}

WRITTEN_FILES = {
    "charms download write_lock": "charms download {local} -d {new} --write-lock {path}",
    "images list output": "images list {bundle} --charms {charms} -o {path}",
    "images retag output": f"images retag {{images}} {TO} -o {{path}}",
    "images retag mapping": f"images retag {{images}} {TO} --mapping {{path}}",
    "images save output": "images save {images} -o {path}",
    "render output": f"render {RENDERED} -o {{path}}",
    "plan output": f"plan {RENDERED} -o {{path}}",
    "render bundle_out": f"render {RENDERED} --bundle-out {{path}}",
}

WRITTEN_DIRECTORIES = {
    "charms download directory": "charms download {bundle} -d {path}",
    "images pull output": "images pull {images} -o {path}",
    "images load output": "images load {layout} -o {path}",
    "mirrors output": f"mirrors {TO} -o {{path}}",
    "pack output": f"pack {{bundle}} {TO} -o {{path}} --no-tool",
    "unpack target": "unpack {folder} --to {path}",
    "controller juju_data": "controller --juju-data {path}",
}
"""What is made when it is not there."""

NO_PATHS = {
    "render relative_to": "where a file will lie: never looked at",
    "controller release": "the name of a shipped release",
}


@dataclass(frozen=True)
class Places:
    """What the placeholders of the tables stand for."""

    names: dict[str, Path]

    def words(self, template: str, path: Path) -> list[str]:
        return [word.format(path=path, **self.names) for word in template.split()]


@pytest.fixture
def places(world: World, tmp_path: Path) -> Places:
    layout, folder = tmp_path / "layout", tmp_path / "folder"
    for directory in (layout, folder):
        directory.mkdir()
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": []}))
    write_standin(Charm(name="own", metadata={"name": "own"}), tmp_path, 1)
    local = tmp_path / "local.yaml"
    local.write_text("applications: {own: {charm: ./own_r1.charm, scale: 1}}")
    names = {
        "bundle": world.bundle,
        "charms": world.charms,
        "images": world.images,
        "layout": layout,
        "folder": folder,
        "local": local,
        "new": tmp_path / "new",
    }
    return Places(names)


@pytest.fixture(params=["text", "noise"])
def other_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file that is nothing that any command reads."""
    path = tmp_path / "other"
    path.write_bytes(b"# ]\n}{ !\n" * 99 if request.param == "text" else bytes(range(256)) * 9)
    return path


def check(result: Result, code: int, path: Path) -> None:
    assert result.exit_code == code, result.output
    assert "error: " in result.stderr
    assert str(path) in result.stderr
    assert "Errno" not in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("row", sorted(READ_FILES | READ_DIRECTORIES))
@pytest.mark.parametrize("name", ["nothing", "bundle.yaml/nothing"])
def test_a_path_that_is_not_there_is_missing(
    row: str, name: str, places: Places, invoke: Invoke, tmp_path: Path
) -> None:
    path = tmp_path / name
    check(invoke(*places.words((READ_FILES | READ_DIRECTORIES)[row], path)), 4, path)


@pytest.mark.parametrize("row", sorted(READ_FILES))
def test_a_directory_is_not_the_file_that_it_must_be(
    row: str, places: Places, invoke: Invoke
) -> None:
    path = places.names["folder"]
    check(invoke(*places.words(READ_FILES[row], path)), 3, path)


@pytest.mark.parametrize("row", sorted(READ_FILES))
def test_another_file_is_not_the_file_that_it_must_be(
    row: str, places: Places, invoke: Invoke, other_file: Path
) -> None:
    if row.endswith("registry_password_file") and other_file.read_bytes().startswith(b"#"):
        other_file.write_text("\n")  # any other text is a password
        result = invoke(*places.words(READ_FILES[row], other_file))
        assert result.exit_code == 3
        assert "there is no password for ann" in result.stderr
        return
    check(invoke(*places.words(READ_FILES[row], other_file)), 3, other_file)


@pytest.mark.parametrize("row", sorted(READ_DIRECTORIES | WRITTEN_DIRECTORIES))
def test_a_file_is_not_the_directory_that_it_must_be(
    row: str, places: Places, invoke: Invoke, other_file: Path
) -> None:
    before = other_file.read_bytes()
    words = places.words((READ_DIRECTORIES | WRITTEN_DIRECTORIES)[row], other_file)
    check(invoke(*words), 3, other_file)
    assert other_file.read_bytes() == before


@pytest.mark.parametrize("row", ["images save source", "verify directory", "unpack directory"])
def test_another_directory_is_not_the_one_that_it_must_be(
    row: str, places: Places, invoke: Invoke
) -> None:
    path = places.names["folder"]
    check(invoke(*places.words(READ_DIRECTORIES[row], path)), 3, path)


@pytest.mark.parametrize(
    "row", ["images load output", "images pull output", "mirrors output", "pack output"]
)
def test_a_directory_of_something_else_is_not_written_to(
    row: str, places: Places, invoke: Invoke
) -> None:
    path = places.names["folder"]
    (path / "thesis.txt").write_text("precious")
    check(invoke(*places.words(WRITTEN_DIRECTORIES[row], path)), 3, path)
    assert [child.name for child in path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("row", sorted(WRITTEN_FILES))
def test_a_directory_is_not_a_file_to_write(row: str, places: Places, invoke: Invoke) -> None:
    path = places.names["folder"]
    check(invoke(*places.words(WRITTEN_FILES[row], path)), 3, path)
    assert list(path.iterdir()) == []


@pytest.mark.parametrize("row", sorted(set(WRITTEN_FILES) - {"images save output"}))
def test_a_file_to_write_needs_its_directory(
    row: str, places: Places, invoke: Invoke, tmp_path: Path
) -> None:
    path = tmp_path / "nowhere" / "file"
    check(invoke(*places.words(WRITTEN_FILES[row], path)), 3, path)


def test_every_path_of_every_command_has_a_row() -> None:
    rows = READ_FILES | READ_DIRECTORIES | WRITTEN_FILES | WRITTEN_DIRECTORIES | NO_PATHS
    found = {
        f"{words} {param.name}"
        for words, command in commands(main)
        for param in command.params
        if isinstance(param.type, UserPath | BundleName)
    }
    assert found == set(rows)
