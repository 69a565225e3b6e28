"""``--need``: the overlay is about all images, the archive has those that were asked for."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from ckf_airgap.images.reference import ImageReference
from ckf_airgap.operations.lock import Lock
from tests.integration.packing.conftest import PRIVATE, Pets
from tests.integration.packing.connected import contents
from tests.jsonkeys import wrong_keys

FLEA = "ghcr.io/pets/flea:2"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Rules by which the image of an option of dog is used later."""
    options = {"helper_image": {"used": "later", "why": "its pods come with users"}}
    charms = {"dog": {"channel": "latest/edge", "options": options}}
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"release": "mine", "rules": charms}))
    return path


def lines(pack: Path, name: str) -> list[str]:
    return (pack / name).read_text().splitlines()


def carried(pack: Path) -> set[str]:
    """Return the names in the archive of images."""
    with tarfile.open(pack / "images.tar.gz") as tar:
        index = tar.extractfile("index.json")
        assert index is not None
        manifests = json.load(index)["manifests"]
    return {one["annotations"]["org.opencontainers.image.ref.name"] for one in manifests}


def test_the_archive_has_the_required_images_and_the_overlay_names_all(
    pets: Pets, rules: Path
) -> None:
    result = pets.pack("--need", "required", "--rules", rules, "--json")

    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert (document["need"], document["images-left-out"]) == ("required", 1)
    listed = lines(pets.out, "images.txt")
    assert "docker.io/pets/cat:1.0" in listed
    assert FLEA not in listed
    assert carried(pets.out) == set(listed)
    assert document["images"] == len(listed)
    assert lines(pets.out, "left-out-images.txt") == [FLEA]
    assert f"{PRIVATE}/pets/flea:2" in lines(pets.out, "retagged-images.txt")
    assert f"{PRIVATE}/pets/flea:2" in (pets.out / "merged-bundle.yaml").read_text()
    lock = Lock.read(pets.out / "ckf-airgap.lock")
    assert lock.need == "required"
    assert [one.source for one in lock.images] == sorted(listed)


def test_the_page_says_what_is_not_in_it_and_how_to_bring_it(pets: Pets, rules: Path) -> None:
    pets.packed("--need", "required", "--rules", rules)
    page = (pets.out / "README.txt").read_text()
    pets.packed("--rules", rules)
    whole = (pets.out / "README.txt").read_text()

    count = len(lines(pets.out, "images.txt"))
    assert f"required to reach active/idle:\n{count - 1} of {count}, listed in images.txt" in page
    assert "left-out-images.txt lists the 1 that" in page
    assert "pack again with --need later --since ckf-airgap.lock" in page
    assert "left-out" not in whole


def test_it_is_whole_to_verify_and_unpack(pets: Pets, rules: Path, tmp_path: Path) -> None:
    pets.packed("--need", "required", "--rules", rules)

    verified = pets.call("verify", pets.out, "--json")
    unpacked = pets.call("unpack", pets.out, "--to", tmp_path / "home", "--json")

    assert (verified.exit_code, unpacked.exit_code) == (0, 0)
    assert wrong_keys(json.loads(verified.stdout)) == set()
    assert wrong_keys(json.loads(unpacked.stdout)) == set()
    assert lines(tmp_path / "home", "left-out-images.txt") == [FLEA]
    rendered = pets.call(
        *("render", tmp_path / "home" / "bundle.yaml", "--charms", tmp_path / "home" / "charms"),
        *("--images", tmp_path / "home" / "retagged-images.txt"),
    )
    assert rendered.exit_code == 0, rendered.stderr


def test_the_rest_comes_with_a_second_pack(pets: Pets, rules: Path, tmp_path: Path) -> None:
    first = pets.packed("--need", "required", "--rules", rules, out=tmp_path / "first")

    second = pets.packed(
        *("--need", "later", "--rules", rules, "--since", first / "ckf-airgap.lock"),
        out=tmp_path / "second",
    )

    assert carried(second) == {FLEA}
    assert not (second / "left-out-images.txt").exists()
    assert "left-out" not in (second / "README.txt").read_text()
    assert pets.call("verify", second).exit_code == 0


def test_a_pack_of_some_images_over_a_whole_one_has_the_same_bytes_as_a_new_one(
    pets: Pets, rules: Path, tmp_path: Path
) -> None:
    whole = pets.packed("--rules", rules, out=tmp_path / "pack")
    before = contents(whole)

    some = pets.packed("--need", "required", "--rules", rules, out=tmp_path / "pack")
    fresh = pets.packed("--need", "required", "--rules", rules, out=tmp_path / "fresh")
    kept = ("lock", "images.txt", "overlay.yaml", "README.txt", "SHA256SUMS")
    assert {name for name in contents(some) if name.endswith(kept)} == {
        name for name in contents(fresh) if name.endswith(kept)
    }
    assert carried(some) == carried(fresh)
    assert pets.call("verify", some).exit_code == 0

    assert contents(pets.packed("--rules", rules, out=tmp_path / "again")) == before


def test_a_lock_makes_the_same_pack_of_some_images(pets: Pets, rules: Path, tmp_path: Path) -> None:
    words = ("--need", "required", "--rules", rules)
    first = pets.packed(*words, out=tmp_path / "first")
    lock = ("--lock", first / "ckf-airgap.lock")

    assert contents(pets.packed(*words, *lock, out=tmp_path / "second")) == contents(first)

    refused = pets.pack("--rules", rules, *lock, out=tmp_path / "third")
    assert refused.exit_code == 2
    assert "Give --need required, or leave out --lock." in refused.stderr
    assert not (tmp_path / "third").exists()


def test_names_whose_tag_users_choose_are_packed_on_request_only(
    pets: Pets, tmp_path: Path
) -> None:
    viewer, tagged = "ghcr.io/pets/viewer", "ghcr.io/pets/viewer:2.1"
    pets.side.publish([ImageReference.parse(f"{viewer}:latest"), ImageReference.parse(tagged)])
    rules, more = tmp_path / "rules.yaml", tmp_path / "more.txt"
    extra = [{"image": viewer, "tag": "chosen-by-user", "charm": "dog"}]
    rules.write_text(yaml.safe_dump({"release": "mine", "extra-images": extra}))
    more.write_text(f"{tagged}\n")
    words = ("--rules", rules, "--append", more)

    result = pets.pack(*words, "--json")
    document = json.loads(result.stdout)
    assert (document["need"], document["user-tagged"]) == ("all", [viewer])
    assert document["images-left-out"] == 0
    assert wrong_keys(document) == set()
    assert tagged in carried(pets.out)
    assert viewer not in carried(pets.out)
    assert f"{PRIVATE}/pets/viewer" not in lines(pets.out, "retagged-images.txt")
    lock = Lock.read(pets.out / "ckf-airgap.lock")
    assert lock.need is None
    assert "need" not in json.loads(lock.to_text())

    some = pets.pack(*words, "--need", "required", out=tmp_path / "some")
    assert f"not packed, since its users choose the tag: {viewer};" in some.stdout
    assert not (tmp_path / "some" / "left-out-images.txt").exists()

    whole = pets.pack(*words, "--need", "all", "--json", out=tmp_path / "whole")
    assert json.loads(whole.stdout)["user-tagged"] == []
    assert carried(tmp_path / "whole") == {*carried(pets.out), viewer}
    assert f"{PRIVATE}/pets/viewer" in lines(tmp_path / "whole", "retagged-images.txt")
    again = Lock.read(tmp_path / "whole" / "ckf-airgap.lock")
    assert again.need == "all"
    refused = pets.pack(*words, "--lock", tmp_path / "whole" / "ckf-airgap.lock")
    assert refused.exit_code == 2
    assert "made with --need all, this one has no --need" in refused.stderr


def test_a_bundle_without_such_images_is_refused(pets: Pets) -> None:
    result = pets.pack("--need", "later")

    assert result.exit_code == 2
    assert "no image of" in result.stderr
    assert not (pets.out / "SHA256SUMS").exists()


def test_every_file_that_is_written_has_keys_in_kebab_case(
    pets: Pets, rules: Path, tmp_path: Path
) -> None:
    first = pets.packed("--need", "required", "--rules", rules, out=tmp_path / "first")
    since = ("--since", first / "ckf-airgap.lock", "--max-depth", "3")
    result = pets.pack("--rules", rules, *since, "--json", out=tmp_path / "second")

    assert result.exit_code == 0, result.output
    assert wrong_keys(json.loads(result.stdout)) == set()
    for name in ("ckf-airgap.lock", "assumes.json", "retag-mapping.yaml"):
        document: Any = yaml.safe_load((tmp_path / "second" / name).read_text())
        document["blobs"] = None  # by digest, in the lock
        assert wrong_keys(document) == set(), name


def test_an_archive_of_some_images_is_saved_from_the_document_of_the_list(
    pets: Pets, rules: Path, tmp_path: Path
) -> None:
    shelf = tmp_path / "shelf"
    words = ("images", "list", pets.bundle, "--charms", shelf, "--rules", rules)
    document, plain = tmp_path / "images.json", tmp_path / "images.txt"
    document.write_text(pets.call(*words, "--json").stdout)
    plain.write_text(pets.call(*words, "-q").stdout)
    moved = [one for one in pets.side.options if not one.startswith("--store")]
    saved = pets.out.with_name("saved")
    saved.mkdir()

    done = pets.call(
        *("images", "save", document, "--need", "later", "-o", saved / "images.tar.gz", "--json"),
        *moved,
    )
    refused = pets.call(
        "images", "save", plain, "--need", "later", "-o", saved / "other.tar.gz", *moved
    )

    assert done.exit_code == 0, done.output
    assert wrong_keys(json.loads(done.stdout)) == set()
    assert carried(saved) == {FLEA}
    assert refused.exit_code == 2
    assert "does not say which of its images are later" in refused.stderr
    assert sorted(path.name for path in saved.iterdir()) == ["images.tar.gz"]
