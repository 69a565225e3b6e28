"""Packing: the same bytes each time, only what is new, exactly what a lock says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ckf_airgap.rehearsal.standin import write_standin
from tests.integration.packing.conftest import PRIVATE, Pets
from tests.integration.packing.connected import contents
from tests.unit.cli.conftest import CAT


def test_two_packs_have_the_same_bytes(pets: Pets, tmp_path: Path) -> None:
    first = pets.packed(out=tmp_path / "first")
    second = pets.packed("--jobs", "1", out=tmp_path / "second")

    assert contents(first) == contents(second)
    assert not first.with_name("first.work").exists()


def test_a_second_run_fetches_no_charm_and_no_blob(pets: Pets) -> None:
    before = contents(pets.packed())
    sent = len(pets.side.store.downloads)

    result = pets.pack("--json")

    assert contents(pets.out) == before
    assert len(pets.side.store.downloads) == sent
    document = json.loads(result.stdout)
    assert (document["charms-fetched"], document["image-bytes-received"]) == (0, 0)


def test_a_second_run_with_other_parts_has_the_same_archive(pets: Pets) -> None:
    whole = (pets.packed() / "images.tar.gz").read_bytes()

    pets.packed("--split", "64KiB")
    parts = sorted(pets.out.glob("images.tar.gz.*"))
    assert b"".join(part.read_bytes() for part in parts) == whole
    pets.packed("--split", "80KB")
    assert len(list(pets.out.glob("images.tar.gz.*"))) <= len(parts)
    pets.packed()

    assert (pets.out / "images.tar.gz").read_bytes() == whole
    assert not list(pets.out.glob("*.0*"))
    assert pets.call("verify", pets.out).exit_code == 0


def test_a_new_revision_replaces_the_old_one(pets: Pets, tmp_path: Path) -> None:
    pets.packed()
    pets.side.store.offer_files([write_standin(CAT, tmp_path / "new", 4)], {"cat": "2/stable"})

    pets.packed()

    lock = json.loads((pets.out / "ckf-airgap.lock").read_text())
    assert [one["file"] for one in lock["charms"]] == ["cat_r4.charm", "dog_r5.charm"]
    assert pets.call("verify", pets.out).exit_code == 0


def test_a_lock_makes_the_same_pack_when_channels_and_tags_have_moved(
    pets: Pets, tmp_path: Path
) -> None:
    first = pets.packed(out=tmp_path / "first")
    pets.side.store.offer_files([write_standin(CAT, tmp_path / "new", 4)], {"cat": "2/stable"})
    move_a_tag(pets)

    second = pets.packed("--lock", first / "ckf-airgap.lock", out=tmp_path / "second")
    third = pets.packed(out=tmp_path / "third")

    assert contents(second) == contents(first)
    assert (third / "images.tar.gz").read_bytes() != (first / "images.tar.gz").read_bytes()


def test_a_lock_that_does_not_fit_the_options_is_refused(pets: Pets, tmp_path: Path) -> None:
    first = pets.packed(out=tmp_path / "first")

    result = pets.call(
        "pack",
        pets.bundle,
        "--registry",
        "elsewhere:5000",
        "-o",
        tmp_path / "second",
        "--no-tool",
        "--lock",
        first / "ckf-airgap.lock",
        *pets.side.options,
    )

    assert result.exit_code == 9
    assert "cannot be made again with these options" in result.stderr
    assert not (tmp_path / "second" / "SHA256SUMS").exists()


def test_a_directory_of_something_else_is_refused(pets: Pets) -> None:
    pets.out.mkdir()
    (pets.out / "thesis.txt").write_text("precious")

    result = pets.pack()

    assert result.exit_code == 3
    assert "thesis.txt: it is not part of a pack" in result.stderr
    assert (pets.out / "thesis.txt").exists()


def test_an_image_that_is_missing_leaves_an_unfinished_pack_that_can_be_finished(
    pets: Pets,
) -> None:
    sample = pets.side.published["docker.io/pets/cat:1.0"]
    pets.side.images.lose(str(next(iter(sample.blobs))), "pets/cat")

    result = pets.pack()

    assert result.exit_code == 9
    assert "docker.io/pets/cat:1.0" in result.stderr
    assert not (pets.out / "SHA256SUMS").exists()
    assert pets.call("verify", pets.out).exit_code == 9
    pets.side.published.clear()
    from ckf_airgap.images.reference import ImageReference

    pets.side.publish([ImageReference.parse("docker.io/pets/cat:1.0")])
    pets.packed()
    assert pets.call("verify", pets.out).exit_code == 0


def test_a_plain_tar_and_an_own_depth(pets: Pets) -> None:
    pack = pets.packed("--format", "tar", "--max-depth", "1")

    assert (pack / "images.tar").exists()
    assert f"{PRIVATE}/pets--cat:1.0" in (pack / "retagged-images.txt").read_text()
    assert (pack / "retag-mapping.yaml").exists()
    assert pets.call("verify", pack).exit_code == 0


def test_room_is_checked_before_anything_is_fetched(
    pets: Pets, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = pets.packed(out=pets.out.with_name("first")) / "ckf-airgap.lock"
    sent = len(pets.side.store.downloads)
    import shutil

    real = shutil.disk_usage(pets.out.parent)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: real._replace(free=1000))

    result = pets.pack("--lock", lock)

    assert result.exit_code == 9
    assert "B more" in result.stderr
    assert len(pets.side.store.downloads) == sent


async def test_images_are_weighed_each_blob_once(pets: Pets) -> None:
    from ckf_airgap.images.reference import ImageReference
    from ckf_airgap.operations.imagesettings import TransferSettings
    from ckf_airgap.packing.imagesarchive import weigh_images
    from ckf_airgap.transfer.oci import Digest

    host = pets.side.images.host
    settings = TransferSettings(
        plain_http=frozenset({host}), mirrors={"docker.io": (host,), "ghcr.io": (host,)}
    )
    blobs = {
        digest: len(content)
        for sample in pets.side.published.values()
        for digest, content in sample.blobs.items()
    }
    names = [ImageReference.parse(name) for name in pets.side.published]
    gone = ImageReference.parse(f"{host}/no/such:1")
    largest = max(blobs, key=lambda digest: blobs[digest])

    assert await weigh_images([*names, gone], settings, frozenset()) == (3, sum(blobs.values()))
    _, lighter = await weigh_images(names, settings, frozenset({Digest.parse(largest)}))
    assert lighter == sum(blobs.values()) - blobs[largest]


def test_a_charm_that_the_bundle_brings_itself_is_packed(pets: Pets, tmp_path: Path) -> None:
    (tmp_path / "shelf" / "dog_r5.charm").rename(tmp_path / "my-dog.charm")
    text = pets.bundle.read_text()
    text = text.replace("charm: dog\n    channel: latest/edge", "charm: ./my-dog.charm")
    pets.bundle.write_text(text)

    pack = pets.packed()

    lock = json.loads((pack / "ckf-airgap.lock").read_text())
    assert [(one["file"], one["revision"]) for one in lock["charms"]] == [
        ("cat_r3.charm", 3),
        ("my-dog.charm", None),
    ]
    assert pets.call("verify", pack).exit_code == 0
    again = pets.packed("--lock", pack / "ckf-airgap.lock", out=tmp_path / "again")
    assert contents(again) == contents(pack)


@pytest.mark.parametrize("size", ["0", "x", "1", "3X", "-1G"])
def test_what_is_no_size_is_refused(pets: Pets, size: str) -> None:
    assert pets.pack(f"--split={size}").exit_code == 2


def move_a_tag(pets: Pets) -> None:
    """Let the tag of an image mean another one."""
    import asyncio

    from tests.integration.transfer.samples import image, layer, publish

    moved = image([layer("moved")])
    asyncio.run(publish(f"http://{pets.side.images.host}", "pets/cat", "1.0", moved))


def test_overlay_may_have_offers(pets: Pets, tmp_path: Path) -> None:
    overlay = tmp_path / "offers.yaml"
    overlay.write_text("applications: {dog: {offers: {o1: {endpoints: [prey]}}}}\n")

    result = pets.pack("--overlay", overlay)

    assert result.exit_code == 0, result.output


def test_mistyped_application_in_an_overlay_is_refused_with_a_hint(
    pets: Pets, tmp_path: Path
) -> None:
    overlay = tmp_path / "typo.yaml"
    overlay.write_text("applications: {dogg: {scale: 2}}\n")

    result = pets.pack("--overlay", overlay)

    assert result.exit_code == 3, result.output
    assert "there is no application dogg" in " ".join(result.stderr.split())
    assert "did you mean 'dog'?" in result.stderr
