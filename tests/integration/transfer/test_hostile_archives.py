"""Archives that mean harm, or are nonsense: refused with a message, nothing written anywhere."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckf_airgap.errors import AirgapError, InputError, IntegrityError
from ckf_airgap.operations.images import load_images
from ckf_airgap.operations.imagesettings import TransferSettings
from ckf_airgap.transfer.oci import Descriptor, Digest
from ckf_airgap.transfer.stores.archive import Archive
from ckf_airgap.transfer.stores.layout import LayoutDirectory
from ckf_airgap.transfer.stores.opening import open_source
from tests.integration.transfer.samples import image, layer
from tests.integration.transfer.stored import write_archive


def member(name: str, content: bytes = b"") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info, content


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def write(path: Path, members: list[tuple[tarfile.TarInfo, bytes]], *, packed: bool) -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    path.write_bytes(gzip.compress(raw.getvalue()) if packed else raw.getvalue())


INDEX = member("index.json", json.dumps({"schemaVersion": 2, "manifests": []}).encode())


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("evil", "message"),
    [
        (member("../../etc/cron.d/evil", b"x"), "leads out of it"),
        (member("blobs/../../evil", b"x"), "leads out of it"),
        (member("/etc/passwd", b"x"), "leads out of it"),
        (special("layer.tar", tarfile.SYMTYPE, "/etc/shadow"), "leads out of it"),
        (special("a/layer.tar", tarfile.SYMTYPE, "../../x"), "leads out of it"),
        (special("layer.tar", tarfile.LNKTYPE, "../x"), "leads out of it"),
        (special("sda", tarfile.BLKTYPE), "not a file"),
        (special("null", tarfile.CHRTYPE), "not a file"),
        (special("pipe", tarfile.FIFOTYPE), "not a file"),
        (INDEX, "two members"),
        (member("x" * 5000, b"x"), "leads out of it"),
    ],
)
def test_a_member_that_no_honest_archive_has_is_named(
    tmp_path: Path, packed: bool, evil: tuple[tarfile.TarInfo, bytes], message: str
) -> None:
    path = tmp_path / "evil.tar"
    write(path, [INDEX, evil], packed=packed)
    with pytest.raises(IntegrityError, match=message):
        open_source(path)


def test_links_in_a_circle_are_no_file(tmp_path: Path) -> None:
    path = tmp_path / "evil.tar"
    circle = [
        special("index.json", tarfile.SYMTYPE, "b"),
        special("b", tarfile.SYMTYPE, "index.json"),
    ]
    write(path, circle, packed=False)
    with pytest.raises(InputError, match="holds no images"):
        open_source(path)


@pytest.mark.parametrize(
    ("name", "wrong"), [("blobs/sha256/" + "0" * 64, IntegrityError), ("letters", InputError)]
)
def test_an_archive_without_its_list_is_damaged_and_another_tar_is_none(
    tmp_path: Path, name: str, wrong: type[AirgapError]
) -> None:
    path = tmp_path / "some.tar"
    write(path, [(tarfile.TarInfo(name), b"")], packed=False)
    with pytest.raises(wrong, match="holds no images"):
        open_source(path)


def test_a_size_beyond_the_end_is_a_cut_archive(tmp_path: Path) -> None:
    path = tmp_path / "evil.tar"
    info = tarfile.TarInfo("blobs/sha256/" + "0" * 64)
    info.size = 1 << 50
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    with pytest.raises(IntegrityError, match="reaches beyond the end of the file"):
        Archive.open(path)


def test_a_header_that_claims_to_be_huge_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "evil.tar"
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 1 << 40
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    with pytest.raises(IntegrityError):
        Archive.open(path)


@pytest.mark.parametrize(
    "index",
    [
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"manifests": [1]}',
        b'{"manifests": [{"mediaType": "x", "digest": "sha256:../../x", "size": 1}]}',
        b'{"manifests": [{"mediaType": "x", "digest": "sha256:' + b"0" * 64 + b'", "size": -1}]}',
        b"\xff\xfe",
    ],
)
def test_an_index_that_is_nonsense_is_refused(tmp_path: Path, index: bytes) -> None:
    path = tmp_path / "evil.tar"
    write(path, [member("index.json", index)], packed=False)
    with pytest.raises(IntegrityError):
        Archive.open(path)


async def test_a_layer_of_docker_save_that_is_not_what_the_config_says_is_refused(
    tmp_path: Path,
) -> None:
    config = json.dumps({"rootfs": {"diff_ids": ["sha256:" + "0" * 64]}}).encode()
    entry = {"Config": "config.json", "RepoTags": ["a/b:1"], "Layers": ["1/layer.tar"]}
    members = {
        "config.json": config,
        "1/layer.tar": b"not this one" * 100,
        "manifest.json": json.dumps([entry]).encode(),
    }
    with tarfile.open(tmp_path / "i.tar", "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    report = await load_images(tmp_path / "i.tar", tmp_path / "layout", TransferSettings())
    (result,) = report.results
    assert isinstance(result.error, IntegrityError)
    assert "a layer has the digest" in str(result.error)
    with LayoutDirectory.open(tmp_path / "layout") as layout:
        assert await layout.references() == {}


async def test_a_blob_that_is_not_what_its_name_says_is_never_handed_on_as_a_manifest(
    tmp_path: Path,
) -> None:
    path = tmp_path / "evil.tar"
    digest = Digest.of(b"something else")
    entry = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": str(digest),
        "size": 2,
        "annotations": {"org.opencontainers.image.ref.name": "docker.io/a/b:1"},
    }
    index = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    blob = member(f"blobs/sha256/{digest.hexadecimal}", b"{}")
    write(path, [blob, member("index.json", index)], packed=False)
    with Archive.open(path) as archive, pytest.raises(IntegrityError, match="damaged"):
        await archive.manifest(digest)


DAMAGES: list[Callable[[bytes, int, int], bytes]] = [
    lambda whole, place, _: whole[:place],
    lambda whole, place, value: whole[:place] + bytes([value]) + whole[place + 1 :],
    lambda whole, place, value: whole[:place] + bytes(value) + whole[place:],
    lambda whole, place, value: whole[:place] + whole[place + value :],
]


@settings(max_examples=80, deadline=None)
@given(
    damage=st.sampled_from(DAMAGES),
    place=st.floats(0, 1),
    value=st.integers(0, 255),
    packed=st.booleans(),
)
async def test_whatever_happens_to_an_archive_it_is_refused_or_every_blob_is_right(
    tmp_path_factory: pytest.TempPathFactory,
    damage: Callable[[bytes, int, int], bytes],
    place: float,
    value: int,
    packed: bool,
) -> None:
    path = tmp_path_factory.mktemp("damaged") / ("i.tar.gz" if packed else "i.tar")
    await write_archive(path, {"docker.io/a/b:1": image([layer("a", 3_000), layer("b", 70_000)])})
    whole = path.read_bytes()
    path.write_bytes(damage(whole, int(place * (len(whole) - 1)), value))
    try:
        opened = open_source(path)
    except AirgapError:
        return
    assert isinstance(opened, Archive)
    with opened:
        for digest in opened.blobs():
            content = b""
            try:
                member_size = opened.blobs()[digest].size
                blob = Descriptor("application/octet-stream", digest, member_size)
                await opened.verify(blob)
                content = b"".join([chunk async for chunk in opened.read(blob)])
            except AirgapError:
                continue
            assert Digest.of(content) == digest
