"""A pack has what nodes need to find public images, and its lock the second names of images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trustme

from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.mirrors.files import mirror_files
from ckf_airgap.mirrors.plan import plan_of
from ckf_airgap.operations.lock import Lock
from tests.integration.packing.conftest import PRIVATE, Pets
from tests.integration.packing.connected import contents
from tests.integration.transfer.servers import RegistryServer

IMAGES = ["docker.io/pets/cat:1.0", "ghcr.io/pets/flea:2", "alpine:3.10", "example.org:5000/a:1"]


@pytest.fixture
def more(pets: Pets, tmp_path: Path) -> Path:
    """A list with an official image and one of a registry that is not mirrored in any case."""
    names = ["alpine:3.10", "example.org:5000/a:1"]
    pets.side.publish([ImageReference.parse(name) for name in names])
    path = tmp_path / "more.txt"
    path.write_text("".join(f"{name}\n" for name in names))
    return path


def pack(pets: Pets, more: Path, *args: object, out: Path | None = None) -> Path:
    mirror = f"--mirror=example.org:5000={pets.side.images.host}"
    return pets.packed("--append", more, mirror, *args, out=out)


def mirrors_in(directory: Path) -> dict[str, str]:
    return {
        name.removeprefix("mirrors/"): content.decode()
        for name, content in contents(directory).items()
        if name.startswith("mirrors/")
    }


def locked(directory: Path) -> dict[str, Any]:
    document = json.loads((directory / "ckf-airgap.lock").read_text())
    return {image["source"]: image for image in document["images"]}


def test_a_pack_has_mirrors_for_all_its_images(pets: Pets, more: Path, tmp_path: Path) -> None:
    made = pack(pets, more)
    plan = plan_of(Registry.parse(PRIVATE), map(ImageReference.parse, IMAGES))
    assert "example.org:5000" in plan.hosts
    found = mirrors_in(made)
    assert found.keys() == mirror_files(plan).keys()
    path = "containerd/certs.d/example.org_5000_/hosts.toml"
    assert found[path] == mirror_files(plan)[path]
    page = (made / "README.txt").read_text()
    assert "put the files of ~/mirrors on every node" in page
    assert "mirrors/                   what nodes need" in page
    assert "mirrors/README.txt" in (made / "SHA256SUMS").read_text()
    assert pets.call("verify", made).exit_code == 0
    assert contents(pack(pets, more, out=tmp_path / "again")) == contents(made)
    (made / "mirrors" / "k3s" / "registries.yaml").write_text("altered")
    done = pets.call("verify", made)
    assert done.exit_code == 9
    assert "mirrors/k3s/registries.yaml" in done.stderr


def test_the_lock_has_the_second_names_and_is_made_again(
    pets: Pets, more: Path, tmp_path: Path
) -> None:
    made = pack(pets, more)
    images = locked(made)
    second = {source: one["library"] for source, one in images.items() if "library" in one}
    assert second == {"alpine:3.10": f"{PRIVATE}/library/alpine:3.10"}
    given = ["--lock", made / "ckf-airgap.lock"]
    assert contents(pack(pets, more, *given, out=tmp_path / "again")) == contents(made)
    # A lock from before there were second names gives a lock without any.
    document = json.loads((made / "ckf-airgap.lock").read_text())
    for image in document["images"]:
        image.pop("library", None)
    old = tmp_path / "old.lock"
    old.write_text(Lock.from_text(json.dumps(document), where="old").to_text())
    older = pack(pets, more, "--lock", old, out=tmp_path / "older")
    assert (older / "ckf-airgap.lock").read_text() == old.read_text()


def test_nodes_get_the_authority_that_the_pack_was_given(
    pets: Pets, more: Path, tmp_path: Path
) -> None:
    ca = tmp_path / "ca.crt"
    trustme.CA().cert_pem.write_to_path(ca)
    found = mirrors_in(pack(pets, more, "--ca", ca))
    assert found["k3s/ca.crt"] == ca.read_text()
    assert "https://registry.airgap:5000" in found["k3s/registries.yaml"]
    found = mirrors_in(pack(pets, more, "--plain-http", PRIVATE))
    assert "k3s/ca.crt" not in found
    assert "http://registry.airgap:5000" in found["k3s/registries.yaml"]


def test_folded_images_are_warned_of(pets: Pets, more: Path) -> None:
    mirror = f"--mirror=example.org:5000={pets.side.images.host}"
    done = pets.pack("--append", more, mirror, "--max-depth", "1", "--json")
    assert done.exit_code == 0, done.output
    warnings = [one["what"] for one in json.loads(done.stdout)["warnings"]]
    (warning,) = [one for one in warnings if "through mirrors" in one]
    assert "docker.io/pets/cat:1.0" in warning
    assert "alpine:3.10" in warning
    assert "library" not in locked(pets.out)["alpine:3.10"]
    assert "docker.io/pets/cat:1.0" in mirrors_in(pets.out)["README.txt"]


def test_a_pack_whose_images_no_mirror_gives_is_made_without(pets: Pets) -> None:
    pets.packed()
    assert mirrors_in(pets.out)
    done = pets.pack("--max-depth", "1", "--json")
    assert done.exit_code == 0, done.output
    assert "no mirrors for nodes" in json.loads(done.stdout)["warnings"][-1]["what"]
    assert mirrors_in(pets.out) == {}
    assert "mirrors" not in (pets.out / "README.txt").read_text()


def test_images_that_collide_with_second_names_leave_the_pack_without_mirrors(
    pets: Pets, tmp_path: Path
) -> None:
    names = ["alpine:3.10", "quay.io/library/alpine:3.10"]
    pets.side.publish([ImageReference.parse(names[0])])
    more = tmp_path / "more.txt"
    more.write_text("".join(f"{name}\n" for name in names))
    done = pets.pack("--append", more, "--json")
    assert done.exit_code == 0, done.output
    warning = json.loads(done.stdout)["warnings"][-1]["what"]
    assert "no mirrors for nodes" in warning
    assert "quay.io/library/alpine:3.10" in warning
    assert mirrors_in(pets.out) == {}
    assert "library" not in locked(pets.out)["alpine:3.10"]


@pytest.mark.parametrize("split", [False, True])
def test_pushing_from_a_pack_gives_the_second_names(
    pets: Pets, more: Path, other_server: RegistryServer, tmp_path: Path, split: bool
) -> None:
    """From where the archive is: in the pack, or joined where the pack was laid out."""
    other_server.empty()
    made = pack(pets, more, *(["--split", "64KiB"] if split else []))
    home = tmp_path / "home"
    laid_out = json.loads(pets.call("unpack", made, "--to", home, "--json").stdout)
    assert mirrors_in(home) == mirrors_in(made)
    archive = laid_out["images"]
    assert Path(archive).is_relative_to(home) == split
    there = ["--registry", other_server.host, "--plain-http", other_server.host, "--json"]
    pushed = json.loads(pets.call("images", "push", archive, *there).stdout)
    targets = [one["target"] for one in pushed["images"]]
    assert f"{other_server.host}/library/alpine:3.10" in targets
    assert pets.call("images", "verify", "--from", archive, *there).exit_code == 0
