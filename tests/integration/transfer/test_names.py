"""Entries that share a name: an image keeps its place, and two images of one name are refused."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from ckf_airgap.errors import AirgapError, IntegrityError
from ckf_airgap.images.reference import Registry
from ckf_airgap.images.retag import retag_images
from ckf_airgap.operations.images import (
    load_images,
    push_images,
    save_images,
    save_per_image,
)
from ckf_airgap.operations.imagesettings import TransferReport, TransferSettings
from ckf_airgap.operations.imageverification import verify_images
from ckf_airgap.operations.places import Mapper
from ckf_airgap.transfer.events import ImageStatus
from ckf_airgap.transfer.oci import MANIFEST_TYPES, OCI_MANIFEST
from ckf_airgap.transfer.stores.archive import Archive
from ckf_airgap.transfer.stores.archivewriter import ArchiveWriter
from ckf_airgap.transfer.stores.layout import LayoutDirectory
from ckf_airgap.transfer.stores.opening import DockerTars, open_source
from tests.integration.transfer.samples import Sample, digest_of, image, index, layer
from tests.integration.transfer.servers import RegistryServer
from tests.integration.transfer.stored import config_of, put_image, read_image
from tests.integration.transfer.tools import images

NAME, FULL = "kubeflow/a:v1", "quay.io/kubeflow/a:v1"
REF, CONTAINERD = "org.opencontainers.image.ref.name", "io.containerd.image.name"

APP = image([layer("app")])
OTHER = image([layer("other")])
MULTI = index([(image([layer("x")]), "amd64"), (image([layer("y")]), "arm64")])


def artifact(*layers: tuple[str, bytes], config: tuple[str, bytes], **more: object) -> Sample:
    """Return a manifest of something that is no image."""
    blobs = {digest_of(content): content for _, content in (*layers, config)}

    def part(media_type: str, content: bytes) -> dict[str, object]:
        return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}

    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": part(*config),
        "layers": [part(*one) for one in layers],
        **more,
    }
    return Sample(OCI_MANIFEST, json.dumps(document).encode(), blobs)


IMAGE_CONFIG = ("application/vnd.oci.image.config.v1+json", b'{"rootfs": {"type": "layers"}}')
EMPTY = ("application/vnd.oci.empty.v1+json", b"{}")
SUBJECT = {"mediaType": OCI_MANIFEST, "digest": str(APP.digest), "size": len(APP.content)}

SIGNATURE = artifact(
    ("application/vnd.dev.cosign.simplesigning.v1+json", b'{"critical": {}}'), config=IMAGE_CONFIG
)
ATTESTATION = artifact(("application/vnd.dsse.envelope.v1+json", b"{}"), config=IMAGE_CONFIG)
SBOM = artifact(("text/spdx", b"SPDXVersion: SPDX-2.3"), config=IMAGE_CONFIG)
REFERRER = artifact(
    ("application/vnd.dev.sigstore.bundle.v0.3+json", b"{} "),
    config=EMPTY,
    artifactType="application/vnd.dev.sigstore.bundle.v0.3+json",
    subject=SUBJECT,
)
BARE_REFERRER = artifact(config=IMAGE_CONFIG, subject=SUBJECT)
BARE = artifact(config=IMAGE_CONFIG)
"""Looks like an image without layers; only its entry says what it is."""


def named(full: str = FULL, ref: str = NAME, **more: str) -> dict[str, str]:
    """Return the annotations of an entry as hauler writes them."""
    return {REF: ref, CONTAINERD: full, **more}


Entries = list[tuple[Sample, dict[str, str]]]


def write_layout(path: Path, entries: Entries) -> Path:
    """Write a layout as other tools do, entries in their order."""
    blobs = path / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    documents = []
    for sample, says in entries:
        contents = [sample.content, *(content for _, content in sample.children)]
        for content in (*sample.blobs.values(), *contents):
            (blobs / digest_of(content).partition(":")[2]).write_bytes(content)
        documents.append(
            {
                "mediaType": sample.media_type,
                "digest": str(sample.digest),
                "size": len(sample.content),
                "annotations": says,
            }
        )
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": documents}))
    return path


def write_tar(path: Path, entries: Entries) -> Path:
    """Write the same as an archive."""
    layout = write_layout(path.with_suffix(".dir"), entries)
    with tarfile.open(path, "w") as tar:
        for child in sorted(layout.iterdir()):
            tar.add(child, child.name)
    return path


Write = Callable[[Path, Entries], Path]
SHAPES: list[Write] = [write_layout, write_tar]


def mapper(host: str) -> Mapper:
    return lambda references: retag_images(references, Registry(host, "ckf"))


def settings(host: str = "localhost:9") -> TransferSettings:
    return TransferSettings(plain_http=frozenset({host}))


async def in_registry(host: str, repository: str, tag: str) -> bytes | None:
    """Return the manifest that a registry has under a tag."""
    headers = {"Accept": ", ".join(MANIFEST_TYPES)}
    url = f"http://{host}/v2/{repository}/manifests/{tag}"
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
        return await answer.read() if answer.status == 200 else None


def good(report: TransferReport) -> TransferReport:
    assert [str(one.error) for one in report.results if one.error] == []
    assert report.results
    return report


@dataclass(frozen=True)
class Companion:
    """Something about an image, and the annotations of its entry and of the image's."""

    sample: Sample
    says: dict[str, str] = field(default_factory=dict)
    image_says: dict[str, str] = field(default_factory=dict)


COMPANIONS = [
    Companion(SIGNATURE),
    Companion(ATTESTATION),
    Companion(SBOM),
    Companion(REFERRER),
    Companion(BARE_REFERRER),
    Companion(BARE, {"kind": "dev.hauler/sigs"}, {"kind": "dev.hauler/image"}),
    Companion(BARE, {"kind": "dev.cosignproject.cosign/atts"}),
    Companion(BARE, {"kind": "dev.hauler/sboms/0123abcd"}),
    Companion(BARE, {"kind": "dev.hauler/referrers/1f"}, {"kind": "dev.hauler/imageIndex"}),
]


@pytest.mark.parametrize("order", [1, -1], ids=["image first", "image last"])
@pytest.mark.parametrize("other", COMPANIONS)
async def test_what_is_about_an_image_never_takes_its_place(
    private: RegistryServer, tmp_path: Path, other: Companion, order: int
) -> None:
    entries = [(MULTI, named(**other.image_says)), (other.sample, named(**other.says))]
    where = write_layout(tmp_path / "there", entries[::order])
    report = good(await push_images(where, mapper(private.host), settings(private.host)))
    (result,) = report.results
    assert (result.source, result.digest) == (FULL, MULTI.digest)
    assert await in_registry(private.host, "ckf/kubeflow/a", "v1") == MULTI.content
    (note,) = result.notes
    assert str(other.sample.digest) in note


@pytest.mark.parametrize("write", SHAPES)
async def test_every_command_takes_the_image_and_not_its_signature(
    private: RegistryServer, tmp_path: Path, write: Write
) -> None:
    entries = [(APP, named()), (SIGNATURE, named(kind="dev.hauler/sigs")), (SBOM, named())]
    where, how = write(tmp_path / "there.tar", entries), settings(private.host)
    good(await push_images(where, mapper(private.host), how))
    assert await in_registry(private.host, "ckf/kubeflow/a", "v1") == APP.content
    verified = await verify_images((), how, source=where, mapping=mapper(private.host))
    assert good(verified).results[0].digest == APP.digest
    good(await load_images(where, tmp_path / "loaded", how))
    with LayoutDirectory.open(tmp_path / "loaded") as layout:
        assert await read_image(layout, FULL) == APP.digests
    good(await save_images(None, tmp_path / "saved.tar", how, source=where))
    with Archive.open(tmp_path / "saved.tar") as archive:
        assert await read_image(archive, FULL) == APP.digests
        assert str(SIGNATURE.digest) not in {str(one) for one in archive.blobs()}
    good(await save_per_image(None, tmp_path / "each.tar", how, source=where))


@pytest.mark.parametrize("write", SHAPES)
async def test_two_images_of_one_name_are_refused_with_both_digests(
    private: RegistryServer, tmp_path: Path, write: Write
) -> None:
    entries = [(APP, named()), (SIGNATURE, named()), (OTHER, named())]
    where, how, to = write(tmp_path / "t.tar", entries), settings(private.host), private.host
    fine = image([layer("fine")])
    good(await push_images(write(tmp_path / "f.tar", [(fine, named())]), mapper(to), how))
    tries = [
        push_images(where, mapper(to), how),
        verify_images((), how, source=where, mapping=mapper(to)),
        load_images(where, tmp_path / "loaded", how),
        save_images(None, tmp_path / "saved.tar", how, source=where),
        save_per_image(None, tmp_path / "each.tar", how, source=where),
    ]
    for one in tries:
        with pytest.raises(IntegrityError) as caught:
            await one
        told = str(caught.value)
        assert f"{FULL} is {APP.digest} and {OTHER.digest}" in told
        assert str(SIGNATURE.digest) not in told
    assert await in_registry(private.host, "ckf/kubeflow/a", "v1") == fine.content
    assert not (tmp_path / "saved.tar").exists()
    assert not (tmp_path / "each.tar").exists()


async def test_all_names_that_mean_two_images_are_told_at_once_and_the_command_ends_with_9(
    private: RegistryServer, tmp_path: Path
) -> None:
    entries = [
        (APP, {REF: "quay.io/a/b:1"}),
        (OTHER, {REF: "quay.io/a/b:1"}),
        (APP, {REF: "nginx:1"}),
        (OTHER, {REF: "docker.io/library/nginx:1"}),
        (APP, {REF: "quay.io/a/fine:1"}),
    ]
    write_layout(tmp_path / "there", entries)
    words = ["push", "there", "--registry", private.host, "--plain-http", private.host]
    done = await images(*words, cwd=tmp_path, check=False)
    assert done.code == 9
    assert f"quay.io/a/b:1 is {APP.digest} and {OTHER.digest}" in done.err
    assert "nginx:1 or docker.io/library/nginx:1 is" in done.err
    assert "quay.io/a/fine" not in done.err
    assert private.stored_blobs() == set()


async def test_entries_of_one_name_and_one_digest_are_one_image(
    private: RegistryServer, tmp_path: Path
) -> None:
    entries = [(APP, named()), (APP, named()), (APP, named(ref="v1")), (APP, named(ref=FULL))]
    where = write_layout(tmp_path / "there", entries)
    report = good(await push_images(where, mapper(private.host), settings(private.host)))
    assert [one.source for one in report.results] == [FULL]


async def test_a_name_that_has_signatures_only_is_refused(tmp_path: Path) -> None:
    entries = [(SIGNATURE, named(kind="dev.hauler/sigs")), (ATTESTATION, named())]
    for number, chosen in enumerate((entries[:1], [*entries[1:], (SBOM, named())])):
        where = write_layout(tmp_path / f"{number}", chosen)
        refused = pytest.raises(IntegrityError, match="not an image")
        with LayoutDirectory.open(where) as layout, refused as caught:
            await layout.references()
        assert str(chosen[0][0].digest) in str(caught.value)


async def test_images_of_one_short_name_from_two_registries_are_two(
    private: RegistryServer, tmp_path: Path
) -> None:
    entries = [(APP, named()), (OTHER, named("ghcr.io/kubeflow/a:v1"))]
    with LayoutDirectory.open(write_layout(tmp_path / "there", entries)) as layout:
        found = {name: one.digest for name, one in (await layout.references()).items()}
    assert found == {FULL: APP.digest, "ghcr.io/kubeflow/a:v1": OTHER.digest}
    with pytest.raises(AirgapError, match="collide"):
        await push_images(tmp_path / "there", mapper(private.host), settings(private.host))


@pytest.mark.parametrize("says", [{}, {"kind": "dev.hauler/sigs"}])
async def test_a_signature_with_a_name_of_its_own_is_carried_by_it(
    private: RegistryServer, tmp_path: Path, says: dict[str, str]
) -> None:
    tag = f"sha256-{APP.digest.hexadecimal}.sig"
    own = f"kubeflow/a:{tag}"
    referrer = f"kubeflow/a@{REFERRER.digest}"
    entries: Entries = [
        (APP, named()),
        (SIGNATURE, named(ref=own, **says)),
        (REFERRER, named(ref=referrer)),
        (SBOM, {REF: f"quay.io/kubeflow/a:sha256-{APP.digest.hexadecimal}.sbom"}),
    ]
    where = write_layout(tmp_path / "there", entries)
    report = good(await push_images(where, mapper(private.host), settings(private.host)))
    assert {one.source: one.digest for one in report.results} == {
        FULL: APP.digest,
        f"quay.io/{own}": SIGNATURE.digest,
        f"quay.io/{referrer}": REFERRER.digest,
        f"quay.io/kubeflow/a:sha256-{APP.digest.hexadecimal}.sbom": SBOM.digest,
    }
    assert await in_registry(private.host, "ckf/kubeflow/a", tag) == SIGNATURE.content
    assert await in_registry(private.host, "ckf/kubeflow/a", "v1") == APP.content
    where = tmp_path / "saved.tar"
    good(await save_images(None, where, settings(), source=tmp_path / "there"))
    with Archive.open(where) as archive:
        assert len(await archive.references()) == 4


@pytest.mark.parametrize(
    ("ref", "full", "name"),
    [
        ("v1", "docker.io/kubeflow/a:v1", "docker.io/kubeflow/a:v1"),
        ("kubeflow/a:v1", "quay.io/kubeflow/a:v1", "quay.io/kubeflow/a:v1"),
        ("kubeflow/a:v1", "docker.io/kubeflow/a:v1", "kubeflow/a:v1"),
        ("nginx", "docker.io/library/nginx:latest", "nginx"),
        ("quay.io/a/b:v1", "", "quay.io/a/b:v1"),
        ("", "quay.io/a/b:v1", "quay.io/a/b:v1"),
        ("some words", "quay.io/a/b:v1", "quay.io/a/b:v1"),
        ("quay.io/a/b:v1", "some words", "quay.io/a/b:v1"),
        ("quay.io/a/b:v1", "docker.io/a/b:v1", "docker.io/a/b:v1"),
    ],
)
async def test_the_full_name_goes_before_a_short_one(
    tmp_path: Path, ref: str, full: str, name: str
) -> None:
    annotations = {key: text for key, text in ((REF, ref), (CONTAINERD, full)) if text}
    with LayoutDirectory.open(write_layout(tmp_path / "there", [(APP, annotations)])) as layout:
        assert list(await layout.references()) == [name]


async def test_an_image_that_moved_replaces_what_had_its_name_however_that_was_spelled(
    tmp_path: Path,
) -> None:
    """Also in a layout of another tool, so that no name ends up with two images."""
    signature = named(kind="dev.hauler/sigs")
    entries: Entries = [
        (APP, named()),
        (SIGNATURE, signature),
        (APP, {REF: "nginx:1"}),
        (APP, {REF: "docker.io/nginx:1"}),
        (APP, {REF: "quay.io/kubeflow/b:v1"}),
    ]
    write_layout(tmp_path / "there", entries)
    with LayoutDirectory.create(tmp_path / "there") as layout:
        await put_image(layout, FULL, OTHER)
        await put_image(layout, "docker.io/nginx:1", APP)
        assert {"nginx:1", "docker.io/nginx:1"} < set(await layout.references())
        await put_image(layout, "nginx:1", OTHER)
    with LayoutDirectory.open(tmp_path / "there") as layout:
        found = {name: one.digest for name, one in (await layout.references()).items()}
    assert found == {
        FULL: OTHER.digest,
        "nginx:1": OTHER.digest,
        "quay.io/kubeflow/b:v1": APP.digest,
    }
    kept = json.loads((tmp_path / "there" / "index.json").read_text())["manifests"]
    assert signature in [one["annotations"] for one in kept]


async def test_an_archive_whose_names_are_unclear_is_replaced_by_a_good_one(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "i.tar", [(APP, named()), (OTHER, named())])
    with ArchiveWriter.create(path) as writer:
        assert await put_image(writer, FULL, APP) == 0
        assert (await writer.finish()).changed
    with Archive.open(path) as archive:
        assert await read_image(archive, FULL) == APP.digests


# Tars of docker save


def write_saved(path: Path, saved: list[tuple[Sample, list[str]]]) -> Path:
    """Write an archive as ``docker save`` does: raw layers and manifest.json."""
    members: dict[str, bytes] = {}
    entries = []
    for sample, tags in saved:
        document = json.loads(sample.content)
        config = sample.blobs[document["config"]["digest"]]
        name = f"{digest_of(config).partition(':')[2]}.json"
        layers = []
        for one in document["layers"]:
            layers.append(f"{one['digest'].partition(':')[2]}/layer.tar")
            members[layers[-1]] = gzip.decompress(sample.blobs[one["digest"]])
        members[name] = config
        entries.append({"Config": name, "RepoTags": tags, "Layers": layers})
    members["manifest.json"] = json.dumps(entries).encode()
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def saved_in_one(tmp_path: Path, saved: list[tuple[Sample, list[str]]]) -> Path:
    return write_saved(tmp_path / "one.tar", saved)


def saved_each(tmp_path: Path, saved: list[tuple[Sample, list[str]]]) -> Path:
    """Write a directory of tars, as unpacking the archive of the guide gives."""
    (tmp_path / "tars").mkdir()
    for number, one in enumerate(saved):
        write_saved(tmp_path / "tars" / f"{number}.tar", [one])
    return tmp_path / "tars"


def saved_nested(tmp_path: Path, saved: list[tuple[Sample, list[str]]]) -> Path:
    """Write the archive of the guide: a tar of tars."""
    with tarfile.open(tmp_path / "nested.tar.gz", "w:gz") as tar:
        for path in sorted(saved_each(tmp_path, saved).iterdir()):
            tar.add(path, path.name)
    return tmp_path / "nested.tar.gz"


SavedShape = Callable[[Path, list[tuple[Sample, list[str]]]], Path]
SAVED: list[SavedShape] = [saved_in_one, saved_each, saved_nested]


@pytest.mark.parametrize("shape", SAVED)
async def test_a_tag_of_two_images_of_docker_save_is_refused_with_both(
    private: RegistryServer, tmp_path: Path, shape: SavedShape
) -> None:
    where = shape(tmp_path, [(APP, ["nginx:1", "a/b:2"]), (OTHER, ["docker.io/library/nginx:1"])])
    for one in (
        push_images(where, mapper(private.host), settings(private.host)),
        load_images(where, tmp_path / "loaded", settings()),
    ):
        with pytest.raises(IntegrityError, match="different images of the same name") as caught:
            await one
        assert f"nginx:1 is {config_of(APP)} and {config_of(OTHER)}" in str(caught.value)
        assert "a/b:2" not in str(caught.value)
    assert private.stored_blobs() == set()
    assert not (tmp_path / "loaded").exists()


@pytest.mark.parametrize("shape", SAVED)
async def test_a_tag_that_docker_save_lists_twice_is_one_image(
    private: RegistryServer, tmp_path: Path, shape: SavedShape
) -> None:
    where = shape(tmp_path, [(APP, ["a/b:1", "a/b:1"]), (APP, ["a/b:1", "a/b:2"])])
    report = good(await load_images(where, tmp_path / "loaded", settings()))
    assert [one.source for one in report.results] == ["a/b:1", "a/b:2"]
    opened = open_source(where)
    assert isinstance(opened, DockerTars)
    opened.close()
    assert [one.names for one in opened.images] == [("a/b:1",), ("a/b:2",)]
    report = good(await push_images(where, mapper(private.host), settings(private.host)))
    assert [one.status for one in report.results] == [ImageStatus.COPIED] * 2
