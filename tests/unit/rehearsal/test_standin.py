"""Stand-in charms are read back as the facts they were made from, and are always the same."""

from __future__ import annotations

import dataclasses
import hashlib
import stat
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from ckf_airgap.charms.charm import Base, Charm, Endpoint, Option, Resource
from ckf_airgap.charms.charmfile import read_charm
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.facts.releases import Release, load_release, release_names
from ckf_airgap.rehearsal.standin import (
    Layout,
    standin_revisions,
    write_standin,
    write_standins,
)

TEXTS = ("summary", "description")


@pytest.fixture(params=release_names())
def release(request: pytest.FixtureRequest) -> Release:
    return load_release(request.param)


def declared(charm: Charm) -> Charm:
    """What a charm declares, less the file it lies in, our marks, and prose."""
    return dataclasses.replace(
        charm,
        revision=None,
        path=None,
        documents=None,
        size_bytes=0,
        summary="",
        endpoints={
            name: dataclasses.replace(end, needed=False) for name, end in charm.endpoints.items()
        },
        metadata={key: value for key, value in charm.metadata.items() if key not in TEXTS},
    )


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_standins_declare_what_the_charms_of_the_release_declare(
    release: Release, tmp_path: Path
) -> None:
    write_standins(release, tmp_path)
    found = CharmDirectory.scan(tmp_path)
    assert set(found.charms) == set(release.charms)
    for name, charm in release.charms.items():
        assert declared(found.find(name)) == declared(charm)


def test_standins_have_the_documents_of_the_packed_charm(release: Release, tmp_path: Path) -> None:
    for path in write_standins(release, tmp_path):
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            names = archive.namelist()
        name = read_charm(path).name
        assert set(names) - {"dispatch", "src/charm.py"} == set(release.files[name])


def test_each_charm_has_one_file_under_a_fixed_revision(tmp_path: Path) -> None:
    paths = write_standins(load_release("1.9"), tmp_path)
    assert len(paths) == 36
    assert [path.name for path in paths[:3]] == [
        "admission-webhook_r100.charm",
        "argo-controller_r107.charm",
        "dex-auth_r114.charm",
    ]
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_revisions_are_told_apart(release: Release) -> None:
    revisions = standin_revisions(release)
    assert set(revisions) == set(release.charms)
    assert len(set(revisions.values())) == len(revisions)


def test_the_same_charm_gives_the_same_bytes(tmp_path: Path) -> None:
    charm = load_release("1.11").charms["jupyter-ui"]
    first = write_standin(charm, tmp_path / "a", 5, padding_bytes=100)
    again = write_standin(charm, tmp_path / "b", 5, padding_bytes=100)
    assert digest(first) == digest(again)
    with zipfile.ZipFile(first) as archive:
        assert archive.namelist()[:-1] == sorted(archive.namelist()[:-1])
        assert {member.date_time for member in archive.infolist()} == {(2024, 1, 1, 0, 0, 0)}


def test_dispatch_and_charm_can_be_executed(tmp_path: Path) -> None:
    path = write_standin(load_release("1.11").charms["dex-auth"], tmp_path, 1)
    with zipfile.ZipFile(path) as archive:
        modes = {
            member.filename: stat.filemode(member.external_attr >> 16)
            for member in archive.infolist()
        }
        source = archive.read("src/charm.py").decode()
    assert modes["dispatch"] == modes["src/charm.py"] == "-rwxr-xr-x"
    assert modes["metadata.yaml"] == "-rw-r--r--"
    compile(source, "charm.py", "exec")
    assert "stand-in for the charm dex-auth" in source


def test_metadata_has_the_texts_that_juju_insists_on(tmp_path: Path) -> None:
    charm = read_charm(write_standin(load_release("1.11").charms["dex-auth"], tmp_path, 1))
    assert all(charm.metadata[key] for key in ("name", *TEXTS))


@pytest.mark.parametrize("layout", ["metadata", "charmcraft"])
def test_a_charm_made_by_hand_is_declared_in_full_in_both_layouts(
    tmp_path: Path, layout: Layout
) -> None:
    charm = Charm(
        name="my-charm",
        resources={
            "image": Resource(name="image", upstream_source="me/image:1", description="mine"),
            "notes": Resource(name="notes", type="file", filename="notes.txt"),
        },
        options={
            "text": Option(name="text", type="string", default="a: b  \n", description="says"),
            "none": Option(name="none", type="int"),
        },
        endpoints={
            "db": Endpoint(name="db", role="requirer", interface="sql", limit=1, needed=True),
            "web": Endpoint(name="web", role="provider", interface="http", optional=True),
            "log": Endpoint(name="log", role="requirer", interface="log", scope="container"),
            "us": Endpoint(name="us", role="peer", interface="us"),
        },
        bases=(
            Base(name="ubuntu", channel="22.04", architectures=("amd64", "arm64")),
            Base(name="ubuntu", channel="24.04", architectures=("amd64",)),
        ),
        subordinate=True,
    )
    path = write_standin(charm, tmp_path, 3, layout=layout)
    found = read_charm(path)
    assert found.revision == 3
    assert found.size_bytes == path.stat().st_size
    assert dataclasses.replace(declared(found), metadata={}) == declared(charm)
    with zipfile.ZipFile(path) as archive:
        assert ("metadata.yaml" in archive.namelist()) == (layout == "metadata")
        assert ("config.yaml" in archive.namelist()) == (layout == "metadata")


def test_padding_makes_a_large_file_and_costs_no_memory(tmp_path: Path) -> None:
    charm = load_release("1.11").charms["minio"]
    padding_bytes = 64 * 1024 * 1024 + 1
    plain_bytes = write_standin(charm, tmp_path / "plain", 1).stat().st_size
    tracemalloc.start()
    try:
        path = write_standin(charm, tmp_path, 1, padding_bytes=padding_bytes)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert path.stat().st_size - plain_bytes - padding_bytes < 1024
    assert peak_bytes < 8 * 1024 * 1024
    assert declared(read_charm(path)) == declared(charm)


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    charm = load_release("1.11").charms["minio"]
    path = write_standin(charm, tmp_path, 1)
    before = digest(path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(OSError, match="No space left"):
        write_standin(charm, tmp_path, 1, padding_bytes=10)
    assert digest(path) == before
    assert list(tmp_path.iterdir()) == [path]
