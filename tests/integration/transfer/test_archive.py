"""The archive: written once, read in place, continued after a stop, never wrong."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckf_airgap.errors import (
    AbsentError,
    InputError,
    IntegrityError,
    StorageFullError,
    TransferError,
)
from ckf_airgap.transfer.oci import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    Descriptor,
    Digest,
    Manifest,
    parse_manifest,
)
from ckf_airgap.transfer.relay import relay
from ckf_airgap.transfer.stores.archive import Archive
from ckf_airgap.transfer.stores.archivefiles import part_path
from ckf_airgap.transfer.stores.archivewriter import ArchiveWriter
from ckf_airgap.transfer.tree import keep_manifest
from tests.integration.transfer.samples import Sample, empty_layer, image, index, layer
from tests.integration.transfer.stored import (
    descriptors,
    put_blob,
    put_image,
    read_image,
    write_archive,
)
from tests.integration.transfer.tools import run

NAMES = ["images.tar", "images.tar.gz"]


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if path.name != "home")


def some_images() -> dict[str, Sample]:
    base = layer("base", 150_000)
    multi = index(
        [
            (image([base, layer("amd")], media_type=DOCKER_MANIFEST), "amd64"),
            (
                image([base, layer("arm")], media_type=DOCKER_MANIFEST, architecture="arm64"),
                "arm64",
            ),
        ],
        media_type=DOCKER_LIST,
    )
    plain = image([base, layer("python", 90_000)])
    return {
        "docker.io/kubeflow/notebook:v1": plain,
        "quay.io/minio/minio:2": image([base, layer("minio")], media_type=DOCKER_MANIFEST),
        f"gcr.io/knative/queue@{multi.digest}": multi,
        "docker.io/kubeflow/same:v1": plain,
        "docker.io/library/hollow:1": image([empty_layer()]),
        "docker.io/library/bare:1": image([]),
    }


@pytest.mark.parametrize("name", NAMES)
async def test_all_images_come_out_as_they_went_in(tmp_path: Path, name: str) -> None:
    images = some_images()
    summary = await write_archive(tmp_path / name, images)
    assert (summary.images, summary.unused, summary.changed) == (len(images), 0, True)
    assert summary.size == (tmp_path / name).stat().st_size
    with Archive.open(tmp_path / name) as archive:
        assert list(await archive.references()) == sorted(images)
        for reference, sample in images.items():
            assert await read_image(archive, reference) == sample.digests
    assert names_in(tmp_path) == [name]


@pytest.mark.parametrize("name", NAMES)
async def test_each_blob_is_in_it_once_and_the_overhead_is_small(tmp_path: Path, name: str) -> None:
    images = some_images()
    summary = await write_archive(tmp_path / name, images)
    with tarfile.open(tmp_path / name) as tar:
        members = tar.getnames()
    assert len(members) == len(set(members))
    assert members[-1] == "index.json"
    blobs = {digest: len(blob) for one in images.values() for digest, blob in one.blobs.items()}
    assert summary.size < sum(blobs.values()) + 40_000


async def test_the_same_images_give_the_same_bytes(tmp_path: Path) -> None:
    images = some_images()
    await write_archive(tmp_path / "a.tar.gz", images)
    await write_archive(tmp_path / "b.tar.gz", images)
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()


@pytest.mark.parametrize("name", NAMES)
async def test_a_second_run_leaves_the_archive_as_it_is(tmp_path: Path, name: str) -> None:
    images = some_images()
    await write_archive(tmp_path / name, images)
    before = (tmp_path / name).stat()
    assert not (await write_archive(tmp_path / name, images)).changed
    assert (tmp_path / name).stat() == before
    assert names_in(tmp_path) == [name]


async def test_an_image_that_changed_is_the_only_one_that_is_moved_again(tmp_path: Path) -> None:
    path = tmp_path / "images.tar.gz"
    images = some_images()
    await write_archive(path, images)
    fresh = image([layer("base", 150_000), layer("python, newer", 9_000)])
    images["docker.io/kubeflow/notebook:v1"] = fresh
    with ArchiveWriter.create(path) as writer:
        moved = sum([await put_image(writer, name, one) for name, one in images.items()])
        summary = await writer.finish()
    assert summary.changed
    assert 9_000 < moved < 12_000
    with Archive.open(path) as archive:
        for name, sample in images.items():
            assert await read_image(archive, name) == sample.digests


@pytest.mark.parametrize("name", NAMES)
async def test_a_run_that_stopped_is_continued_within_a_blob(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    images = some_images()
    (first, *_) = images
    sample = images[first]
    big, *others = sorted(descriptors(sample), key=lambda blob: -blob.size)
    writer = ArchiveWriter.create(path)
    for blob in others:
        await put_blob(writer, blob, sample.blobs[str(blob.digest)])
    async with writer.writer(big) as blob_writer:
        await blob_writer.write(sample.blobs[str(big.digest)][:100_000])
    writer.close()
    assert not path.exists()
    assert part_path(path).exists()
    with ArchiveWriter.create(path) as writer:
        assert await put_image(writer, first, sample) == big.size - 100_000
        for reference, other in images.items():
            await put_image(writer, reference, other)
        await writer.finish()
    with Archive.open(path) as archive:
        for reference, other in images.items():
            assert await read_image(archive, reference) == other.digests


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 60_000), min_size=1, max_size=4),
    torn=st.integers(0, 40),
    gzip=st.booleans(),
)
async def test_whatever_a_kill_leaves_the_next_run_ends_with_a_right_archive(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], torn: int, gzip: bool
) -> None:
    path = tmp_path_factory.mktemp("archive") / ("i.tar.gz" if gzip else "i.tar")
    sample = image([layer(f"{number}", 50_000 + number) for number in range(3)])
    for cut in cuts:
        # A killed process: nothing is closed in order, and the journal's last line is torn.
        writer = ArchiveWriter.create(path)
        for blob in descriptors(sample):
            if await writer.has(blob):
                continue
            async with writer.writer(blob) as blob_writer:
                content = sample.blobs[str(blob.digest)][blob_writer.offset :]
                await blob_writer.write(content[:cut])
                if cut >= len(content):
                    await blob_writer.commit()
        writer.close()
        journal = part_path(path).with_name(f"{part_path(path).name}.journal")
        if journal.exists():
            journal.write_bytes(journal.read_bytes()[: -torn or None])
    await write_archive(path, {"docker.io/a/b:1": sample})
    with Archive.open(path) as archive:
        assert await read_image(archive, "docker.io/a/b:1") == sample.digests
    if gzip:
        await run("gzip", "-t", path)


@pytest.mark.parametrize("name", NAMES)
async def test_what_no_image_needs_any_more_does_no_harm(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    gone = image([layer("gone", 200_000), layer("gone, too", 100_000)])
    blobs = descriptors(gone)
    writer = ArchiveWriter.create(path)
    await put_blob(writer, blobs[0], gone.blobs[str(blobs[0].digest)])
    async with writer.writer(blobs[1]) as half:  # this one never gets whole
        await half.write(gone.blobs[str(blobs[1].digest)][:50_000])
    await put_blob(writer, blobs[2], gone.blobs[str(blobs[2].digest)])
    writer.close()
    images = some_images()
    with ArchiveWriter.create(path) as writer:
        for reference, sample in images.items():
            await put_image(writer, reference, sample)
        assert (await writer.finish()).unused > 300_000
    with Archive.open(path) as archive:
        for reference, sample in images.items():
            assert await read_image(archive, reference) == sample.digests
    await run("tar", "-tf", path)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("claimed", [40_000, 200_000])
async def test_a_blob_that_was_first_given_another_size_leaves_no_hole(
    tmp_path: Path, name: str, claimed: int
) -> None:
    """As after a run against a registry whose manifest was wrong, and was mended."""
    path = tmp_path / name
    images = some_images()
    blob = max(descriptors(images["docker.io/kubeflow/same:v1"]), key=lambda one: one.size)
    with ArchiveWriter.create(path) as writer:
        async with writer.writer(replace(blob, size=claimed)) as half:
            await half.write(bytes(10_000))
    with ArchiveWriter.create(path) as writer:
        async with writer.writer(replace(blob, size=claimed + 1)) as half:
            await half.write(bytes(10_000))
        for reference, sample in images.items():
            await put_image(writer, reference, sample)
        assert (await writer.finish()).unused > 2 * claimed
    with Archive.open(path) as archive:
        for reference, sample in images.items():
            assert await read_image(archive, reference) == sample.digests
    await run("tar", "-tf", path)
    if name.endswith("gz"):
        await run("gzip", "-t", path)


@pytest.mark.parametrize("name", NAMES)
async def test_a_cut_archive_is_refused_and_written_anew_from_what_is_whole(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    images = some_images()
    await write_archive(path, images)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    with pytest.raises(IntegrityError, match="truncated"):
        Archive.open(path)
    with ArchiveWriter.create(path) as writer:
        moved = sum([await put_image(writer, one, sample) for one, sample in images.items()])
        await writer.finish()
    assert 0 < moved < len(whole) // 2
    with Archive.open(path) as archive:
        for reference, sample in images.items():
            assert await read_image(archive, reference) == sample.digests


@pytest.mark.parametrize("name", NAMES)
async def test_a_flipped_byte_is_found_in_the_blob_that_has_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    sample = image([layer("one", 80_000), layer("two", 80_000)])
    await write_archive(path, {"docker.io/a/b:1": sample})
    blob = max(descriptors(sample), key=lambda one: one.size)
    place = path.read_bytes().index(sample.blobs[str(blob.digest)][40_000:40_050])
    with path.open("r+b") as stream:
        stream.seek(place)
        stream.write(b"\x00\xff")
    with Archive.open(path) as archive:
        with pytest.raises(IntegrityError, match=blob.digest.hexadecimal):
            await archive.verify(blob)
        for other in descriptors(sample):
            if other != blob:
                assert await archive.verify(other)


@pytest.mark.parametrize("name", NAMES)
async def test_a_run_that_was_killed_at_its_very_end_begins_anew(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    journal = part_path(path).with_name(f"{part_path(path).name}.journal")
    sample = image([layer("one"), layer("two")])
    with ArchiveWriter.create(path) as writer:
        await put_image(writer, "docker.io/a/b:1", sample)
        left = journal.read_bytes()
        await writer.finish()
    journal.write_bytes(left)  # as if it had been killed between the rename and the removal
    path.unlink()
    await write_archive(path, {"docker.io/a/b:1": sample})
    with Archive.open(path) as archive:
        assert await read_image(archive, "docker.io/a/b:1") == sample.digests
    assert names_in(tmp_path) == [name]


async def test_damage_in_what_an_earlier_run_left_is_found_before_the_archive_gets_its_name(
    tmp_path: Path,
) -> None:
    path = tmp_path / "images.tar"
    images = some_images()
    await write_archive(path, images)
    sample = images["docker.io/kubeflow/notebook:v1"]
    blob = max(descriptors(sample), key=lambda one: one.size)
    place = path.read_bytes().index(sample.blobs[str(blob.digest)][40_000:40_050])
    with path.open("r+b") as stream:
        stream.seek(place)
        stream.write(b"\x00\xff")
    images["docker.io/one/more:1"] = image([layer("more")])
    with ArchiveWriter.create(path) as writer:
        for name, one in images.items():
            await put_image(writer, name, one)
        with pytest.raises(IntegrityError, match="earlier runs") as caught:
            await writer.finish()
    assert len(caught.value.problems) == 1
    with ArchiveWriter.create(path) as writer:
        for name, one in images.items():
            for found in descriptors(one):
                with contextlib.suppress(TransferError):
                    await writer.verify(found)  # --recheck
            await put_image(writer, name, one)
        await writer.finish()
    with Archive.open(path) as archive:
        for name, one in images.items():
            assert await read_image(archive, name) == one.digests


async def test_wrong_bytes_never_become_a_blob(tmp_path: Path) -> None:
    content = b"right" * 1000
    blob = Descriptor("application/octet-stream", Digest.of(content), len(content))
    with ArchiveWriter.create(tmp_path / "i.tar") as writer:
        async with writer.writer(blob) as one:
            await one.write(b"wrong" * 1000)
            with pytest.raises(IntegrityError, match="arrived with the digest"):
                await one.commit()
            assert one.offset == 0
            with pytest.raises(IntegrityError, match="longer than"):
                await one.write(content + b"!")
            await one.write(content[:10])
            with pytest.raises(IntegrityError, match="ended after 10"):
                await one.commit()
        assert not await writer.has(blob)


async def test_an_image_with_a_missing_blob_does_not_get_into_an_archive(tmp_path: Path) -> None:
    sample = image([layer("one")])
    with ArchiveWriter.create(tmp_path / "i.tar") as writer:
        await put_image(writer, "docker.io/a/b:1", sample)
        lacking = image([layer("one"), layer("missing")])
        await keep_manifest(writer, await _manifest(lacking))
        await writer.set_reference("docker.io/a/c:1", (await _manifest(lacking)).descriptor)
        with pytest.raises(AbsentError, match="lacks"):
            await writer.finish()
    assert not (tmp_path / "i.tar").exists()


async def test_what_is_taken_from_the_archive_before_needs_room_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = some_images()
    await write_archive(tmp_path / "i.tar", images)
    images["docker.io/one/more:1"] = image([layer("more")])
    await write_archive(tmp_path / "all.tar", images)
    usage = type(shutil.disk_usage("/"))(10**12, 10**12, 100_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with (
        Archive.open(tmp_path / "all.tar") as source,
        ArchiveWriter.create(tmp_path / "i.tar") as writer,
        pytest.raises(StorageFullError, match="B more"),
    ):
        await relay(source, writer, images)


async def test_two_runs_do_not_write_the_same_archive(tmp_path: Path) -> None:
    with (
        ArchiveWriter.create(tmp_path / "i.tar"),
        pytest.raises(TransferError, match="another run"),
    ):
        ArchiveWriter.create(tmp_path / "i.tar")


def test_a_file_that_is_no_archive_of_images_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "backup.tar"
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo("letters")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"dear "))
    before = path.read_bytes()
    with pytest.raises(InputError, match="not an archive of images"):
        ArchiveWriter.create(path)
    assert path.read_bytes() == before
    assert names_in(tmp_path) == ["backup.tar"]


async def test_docker_gets_one_image_of_an_index_and_a_tag_for_a_digest(tmp_path: Path) -> None:
    images = some_images()
    with ArchiveWriter.create(tmp_path / "i.tar") as writer:
        for reference, sample in images.items():
            await put_image(writer, reference, sample)
        await writer.finish(names=lambda name: [f"reg:5000/{name.partition('/')[2]}"][:1])
    with tarfile.open(tmp_path / "i.tar") as tar:
        member = tar.extractfile("manifest.json")
        assert member is not None
        document = json.load(member)
    tags = [tag for entry in document for tag in entry["RepoTags"]]
    (queue,) = [name for name in images if "@" in name]
    hexadecimal = queue.rpartition(":")[2]
    assert f"gcr.io/knative/queue:{hexadecimal}" in tags
    assert f"reg:5000/knative/queue:{hexadecimal}" in tags
    same = next(one for one in document if "docker.io/kubeflow/same:v1" in one["RepoTags"])
    assert "docker.io/kubeflow/notebook:v1" in same["RepoTags"]
    paths = {path for entry in document for path in (entry["Config"], *entry["Layers"])}
    amd64 = json.loads(images[queue].children[0][1])
    assert f"blobs/sha256/{amd64['config']['digest'].partition(':')[2]}" in paths


async def _manifest(sample: Sample) -> Manifest:
    return parse_manifest(sample.content, sample.media_type)


async def test_a_run_that_waited_for_another_one_does_not_write_into_what_that_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other run finishes when this one has opened the file and not locked it yet."""
    path = tmp_path / "i.tar"
    images = some_images()
    await write_archive(path, images)
    finished = path.read_bytes()
    path.rename(part_path(path))
    lock = fcntl.flock

    def finish_first(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        part_path(path).rename(path)
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", finish_first)
    with ArchiveWriter.create(path) as writer:
        assert path.read_bytes() == finished
        await put_image(writer, "docker.io/library/bare:1", images["docker.io/library/bare:1"])
        assert path.read_bytes() == finished
        await writer.finish()
    with Archive.open(path) as archive:
        assert list(await archive.references()) == ["docker.io/library/bare:1"]


async def test_a_run_that_has_finished_leaves_the_file_of_the_next_one_alone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "i.tar"
    images = some_images()
    name = "docker.io/kubeflow/notebook:v1"
    first = ArchiveWriter.create(path)
    await put_image(first, "docker.io/library/bare:1", images["docker.io/library/bare:1"])
    await first.finish()
    with ArchiveWriter.create(path) as second:
        first.close()
        await put_image(second, name, images[name])
        await second.finish()
    with Archive.open(path) as archive:
        assert await read_image(archive, name) == images[name].digests
    assert names_in(tmp_path) == ["i.tar"]


async def test_a_link_at_the_place_of_an_archive_is_followed(tmp_path: Path) -> None:
    """As it is where texts are written."""
    (tmp_path / "elsewhere").mkdir()
    link, target = tmp_path / "images.tar.gz", tmp_path / "elsewhere" / "real.tar.gz"
    link.symlink_to("elsewhere/real.tar.gz")
    for _ in range(2):
        await write_archive(link, {"docker.io/pets/cat:1": image([layer("a")])})
        assert link.is_symlink()
        assert not target.is_symlink()
        with Archive.open(target) as archive:
            assert [*await archive.references()] == ["docker.io/pets/cat:1"]
