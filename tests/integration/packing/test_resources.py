"""Files of resources are carried and laid out; files with logins are not."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import yaml

from ckf_airgap.charms.charm import Resource
from ckf_airgap.rehearsal.standin import write_standin
from tests.integration.packing.conftest import PRIVATE, Pets
from tests.integration.packing.connected import contents
from tests.unit.cli.conftest import CAT

LOGIN = (
    '{"ImageName": "docker.io/pets/cat:1.0", "username": "u", "password": "s3cret-of-the-registry"}'
)


def with_files(pets: Pets, directory: Path) -> None:
    """Give the cat a file, and its image a login; both lie beside the bundle."""
    resources = {**CAT.resources, "policy": Resource(name="policy", type="file")}
    cat = write_standin(dataclasses.replace(CAT, resources=resources), directory / "new", 6)
    dog = directory / "shelf" / "dog_r5.charm"
    pets.side.store.offer_files([cat, dog], {"cat": "2/stable", "dog": "latest/edge"})
    (directory / "files").mkdir()
    (directory / "files" / "my policy.tar").write_bytes(b"policy" * 1000)
    (directory / "cat.json").write_text(LOGIN)
    document = yaml.safe_load(pets.bundle.read_text())
    document["applications"]["cat"]["resources"] = {
        "cat-image": "./cat.json",
        "policy": "files/my policy.tar",
    }
    pets.bundle.write_text(yaml.safe_dump(document, sort_keys=False))


def test_files_of_resources_go_along_and_logins_do_not(pets: Pets, tmp_path: Path) -> None:
    with_files(pets, tmp_path)
    result = pets.pack()
    assert result.exit_code == 0, result.output
    pack = pets.out
    assert "the login in" in " ".join(result.stderr.split())
    assert "s3cret" not in result.output + result.stderr
    carried = pack / "resources" / "cat" / "policy" / "policy"
    assert carried.read_bytes() == b"policy" * 1000
    for file in pack.rglob("*"):
        assert not file.is_file() or b"s3cret" not in file.read_bytes()

    overlay = yaml.safe_load((pack / "overlay.yaml").read_text())
    resources = overlay["applications"]["cat"]["resources"]
    assert resources["policy"] == "./resources/cat/policy/policy"
    assert resources["cat-image"].startswith(PRIVATE)
    assert pets.call("verify", pack).exit_code == 0

    again = pets.packed(out=tmp_path / "again")
    assert contents(again) == contents(pack)

    target = tmp_path / "there"
    assert pets.call("unpack", pack, "--to", target).exit_code == 0
    assert (target / "resources" / "cat" / "policy" / "policy").read_bytes() == b"policy" * 1000
    render = pets.call(
        "render",
        target / "merged-bundle.yaml",
        "--charms",
        target / "charms",
        "--images",
        target / "retagged-images.txt",
    )
    assert render.exit_code == 0, render.output
    assert re.search(r"policy: .*there/resources/cat/policy/policy", render.output)


def test_a_damaged_file_of_a_resource_is_not_laid_out(pets: Pets, tmp_path: Path) -> None:
    with_files(pets, tmp_path)
    pack = pets.packed()
    carried = pack / "resources" / "cat" / "policy" / "policy"
    carried.write_bytes(b"Policy" + b"policy" * 999)
    result = pets.call("unpack", pack, "--to", tmp_path / "there")
    assert result.exit_code == 9, result.output
    assert "is not the file that was packed" in " ".join(result.stderr.split())
    assert not (tmp_path / "there" / "resources" / "cat" / "policy" / "policy").exists()


def test_a_file_that_is_missing_is_told_before_anything_is_fetched(
    pets: Pets, tmp_path: Path
) -> None:
    with_files(pets, tmp_path)
    (tmp_path / "cat.json").unlink()
    result = pets.pack()
    assert result.exit_code == 3, result.output
    assert "there is no file" in result.stderr
    assert not (pets.out.with_name("out.work") / "charms").exists()
