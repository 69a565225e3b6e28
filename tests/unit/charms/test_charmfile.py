"""``.charm`` files are read without unpacking, and found by the names inside them."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from ckf_airgap.charms import charmfile
from ckf_airgap.charms.charm import Base
from ckf_airgap.charms.charmfile import (
    MAX_DOCUMENT_BYTES,
    read_charm,
    read_default_images,
    revision_of,
)
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.documents import JSONValue, composing
from ckf_airgap.errors import CharmError, CharmNotFoundError, ExitCode

SAID = "summary: s\ndescription: d\n"
METADATA = (
    f"name: minio\n{SAID}resources: {{oci-image: {{type: oci-image, upstream-source: a/b:1}}}}\n"
)
FILES = {
    "metadata.yaml": METADATA,
    "config.yaml": "options: {port: {type: int, default: 9000}}",
    "manifest.yaml": "bases: [{name: ubuntu, channel: '22.04', architectures: [amd64]}]",
}


def pack(
    path: Path, files: Mapping[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED
) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def named(directory: Path, file: str, charm: str = "minio", extra: str = "") -> Path:
    return pack(directory / file, {"metadata.yaml": f"name: {charm}\n{SAID}", "extra": extra})


def refused(path: Path) -> str:
    with pytest.raises(CharmError) as raised:
        read_charm(path)
    assert str(path) in str(raised.value)
    assert raised.value.exit_code is ExitCode.INPUT
    return str(raised.value)


# One file


def test_metadata_config_and_manifest_are_read(tmp_path: Path) -> None:
    path = pack(tmp_path / "minio_r7.charm", FILES)
    found = read_charm(path)
    assert (found.name, found.revision, found.path) == ("minio", 7, path)
    assert found.size_bytes == path.stat().st_size
    assert found.resources["oci-image"].upstream_source == "a/b:1"
    assert found.options["port"].default == 9000
    assert found.bases == (Base(name="ubuntu", channel="22.04", architectures=("amd64",)),)


def test_charmcraft_yaml_alone_is_enough(tmp_path: Path) -> None:
    config = "config: {options: {port: {type: int, default: 9000}}}"
    text = f"{METADATA}{config}\nbase: jammy\nplatforms: {{amd64: }}"
    found = read_charm(pack(tmp_path / "m.charm", {"charmcraft.yaml": text}))
    assert found.options["port"].default == 9000
    assert str(found.bases[0]) == "ubuntu@22.04"


def test_metadata_yaml_outdoes_charmcraft_yaml(tmp_path: Path) -> None:
    files = {"metadata.yaml": f"name: right\n{SAID}", "charmcraft.yaml": "name: wrong\nbase: jammy"}
    assert read_charm(pack(tmp_path / "m.charm", files)).name == "right"


def test_the_documents_of_the_file_are_recorded(tmp_path: Path) -> None:
    found = read_charm(pack(tmp_path / "m.charm", FILES | {"lib/config.yaml": "", "README.md": ""}))
    assert found.documents == frozenset({"metadata.yaml", "config.yaml", "manifest.yaml"})
    found = read_charm(pack(tmp_path / "n.charm", {"charmcraft.yaml": METADATA}))
    assert found.documents == frozenset({"charmcraft.yaml"})


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ("dispatch", True),
        ("hooks/install", True),
        ("src/dispatch.sh", True),
        ("hooks/", False),
        ("hooks/install.d/", False),
        ("hooks/install.d/first", False),
        ("src/hooks/install", False),
        ("src/charm.py", False),
    ],
)
def test_whether_a_charm_has_something_to_run(tmp_path: Path, member: str, expected: bool) -> None:
    assert read_charm(pack(tmp_path / "m.charm", FILES | {member: "x"})).has_code is expected


def test_the_last_of_repeated_keys_counts_as_juju_has_it(tmp_path: Path) -> None:
    files = {"metadata.yaml": "name: a\ndescription: d\nsummary: first\nsummary: last\n"}
    assert read_charm(pack(tmp_path / "m.charm", files)).summary == "last"


def test_files_of_default_images_are_read(tmp_path: Path) -> None:
    files = FILES | {
        "src/default-custom-images.json": '{\n\t"a": "b/c:1"}',
        "src/default-jupyter-images.yaml": "- b/c:1\n",
        "src/default-other.yaml": "- b/c:1\n",
        "lib/default-custom-images.json": "{",
        "src/sub/default-custom-images.json": "{",
        "src/charm.py": "{",
    }
    found = read_charm(pack(tmp_path / "m.charm", files))
    assert {file.path: file.value for file in found.default_images} == {
        "src/default-custom-images.json": {"a": "b/c:1"},
        "src/default-jupyter-images.yaml": ["b/c:1"],
    }
    assert found.default_images[0].text == '{\n\t"a": "b/c:1"}'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{\n\t"a": "b/c:1",\n\t"d": ""\n}\n', {"a": "b/c:1", "d": ""}),
        ('{"a":\t"b/c:1"\t,\t"l": [\n\t\t1e3, null\n\t]}', {"a": "b/c:1", "l": [1000.0, None]}),
        ('{"a": "b/c:1", "a": "b/d:2"}', {"a": "b/d:2"}),
    ],
)
def test_json_is_read_as_json_whatever_yaml_was_built_with(
    monkeypatch: pytest.MonkeyPatch, text: str, value: JSONValue
) -> None:
    monkeypatch.setattr(composing, "EventLoader", yaml.SafeLoader)
    assert read_default_images("src/default-custom-images.json", text, "a.charm").value == value


def test_tabs_are_none_of_yamls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "EventLoader", yaml.SafeLoader)
    with pytest.raises(CharmError, match=r"default-a-images\.yaml is not valid YAML.*t'"):
        read_default_images("src/default-a-images.yaml", '{\n\t"a": "b/c:1"}', "a.charm")


def test_a_file_called_json_that_is_none_is_read_as_yaml() -> None:
    found = read_default_images("src/default-custom-images.json", "a: b/c:1  # more\n", "a.charm")
    assert found.value == {"a": "b/c:1"}


@pytest.mark.parametrize("text", ['{"a": "\\ud800"}', '{"a": "\\UD800"}'])
def test_json_with_half_a_character_is_refused(text: str) -> None:
    with pytest.raises(CharmError, match=r"default-custom-images\.json"):
        read_default_images("src/default-custom-images.json", text, "a.charm")


def test_json_keeps_the_limits_of_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "EventLoader", yaml.SafeLoader)
    monkeypatch.setattr(charmfile, "MAX_NODES", 6)
    within, beyond = '{\t"a": [1, 2, 3]}', '{\t"a": [1, 2, 3, 4]}'
    assert read_default_images("src/default-a-images.json", within, "w").value == {"a": [1, 2, 3]}
    with pytest.raises(CharmError, match="not valid YAML"):
        read_default_images("src/default-a-images.json", beyond, "a.charm")


def test_a_broken_file_of_default_images_is_named(tmp_path: Path) -> None:
    files = FILES | {"src/default-custom-images.json": "{"}
    message = refused(pack(tmp_path / "m.charm", files))
    assert "src/default-custom-images.json is not valid" in message


@pytest.mark.parametrize(
    ("name", "revision"),
    [
        ("minio_r42.charm", 42),
        ("mysql-k8s_r0.charm", 0),
        ("minio_r007.charm", 7),
        ("minio_42.charm", None),
        ("minio_rabc.charm", None),
        ("minio_r4a2b9c.charm", None),
        ("minio.charm", None),
        ("minio_ubuntu-22.04-amd64.charm", None),
        ("minio_r42.zip", None),
        ("minio_r٤.charm", None),
        ("_r42.charm", None),
        ("minio_r42.charm\n", None),
    ],
)
def test_the_revision_is_in_the_name_of_the_file(name: str, revision: int | None) -> None:
    assert revision_of(name) == revision


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_stored_and_deflated_documents_are_read(tmp_path: Path, compression: int) -> None:
    assert read_charm(pack(tmp_path / "m.charm", FILES, compression)).name == "minio"


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_juju_cannot_unpack_is_refused(tmp_path: Path, compression: int) -> None:
    message = refused(pack(tmp_path / "m.charm", FILES, compression))
    assert "metadata.yaml is compressed in a way that Juju cannot read" in message


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "none.charm")
    assert "cannot read the charm" in refused(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip", b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.charm"
    path.write_bytes(content)
    assert "not a zip archive, or it is truncated" in refused(path)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    path = pack(tmp_path / "m.charm", FILES | {"src/charm.py": "x" * 5000})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "truncated" in refused(path)


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "m.charm", FILES, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"name: minio", b"name: miniO"))
    assert "CRC" in refused(path)


VALID = io.BytesIO()
with zipfile.ZipFile(VALID, "w", zipfile.ZIP_DEFLATED) as _archive:
    for _name, _content in FILES.items():
        _archive.writestr(_name, _content)


@example([(VALID.getvalue().index(b"PK\x01\x02") + 9, 8), (-30, 0xFF)])
@given(
    st.lists(
        st.tuples(st.integers(0, len(VALID.getvalue()) - 1), st.integers(0, 255)),
        min_size=1,
        max_size=4,
    )
)
def test_no_damage_leads_to_anything_but_a_charm_error(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int]]
) -> None:
    content = bytearray(VALID.getvalue())
    for position, value in damage:
        content[position] = value
    path = tmp_path_factory.getbasetemp() / "damaged.charm"
    path.write_bytes(content)
    try:
        read_charm(path)
    except CharmError as exc:
        assert str(path) in str(exc)  # noqa: PT017


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "m.charm", {"metadata.yaml": METADATA}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    central = content.index(b"PK\x01\x02")
    content[6] |= 1
    content[central + 8] |= 1
    path.write_bytes(content)
    assert "encrypted" in refused(path)


def test_an_archive_without_metadata_is_no_charm(tmp_path: Path) -> None:
    assert "no metadata.yaml" in refused(pack(tmp_path / "m.charm", {"src/metadata.yaml": "a"}))
    path = pack(tmp_path / "n.charm", {"charmcraft.yaml": "type: charm"})
    assert "no charmcraft.yaml with a name" in refused(path)
    assert "no metadata.yaml" in refused(pack(tmp_path / "o.charm", {}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "metadata: name: expected string, got nothing"),
        ("- a", "metadata.yaml must be a mapping, not a list"),
        ("a: [", "metadata.yaml is not valid YAML"),
        (b"name: \xff\xfe", "metadata.yaml is not UTF-8 text"),
        (f"name: Minio\n{SAID}", "no valid charm name (found 'Minio')"),
        ("a: &a [x]\n" + "".join(f"b{i}: &b{i} [*a, *a]\n" for i in range(3)), "metadata: name"),
    ],
)
def test_bad_metadata_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    assert message in refused(pack(tmp_path / "m.charm", {"metadata.yaml": content}))


def test_a_yaml_bomb_in_a_charm_is_refused(tmp_path: Path) -> None:
    bomb = "a0: &a0 x\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 20)
    )
    message = refused(pack(tmp_path / "m.charm", FILES | {"config.yaml": bomb}))
    assert "config.yaml expands to more than" in message


# Bombs and unsafe archives


def test_a_zip_bomb_is_refused_without_being_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.charm"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("metadata.yaml", METADATA)
        with archive.open("bomb", "w") as stream:
            for _ in range(300):
                stream.write(bytes(1024 * 1024))
    tracemalloc.start()
    try:
        assert "(a zip bomb?)" in refused(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_members_of_one_name_count_each(tmp_path: Path) -> None:
    path = tmp_path / "bomb.charm"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        archive.writestr("metadata.yaml", METADATA)
        for _ in range(5):
            archive.writestr("bomb", bytes(50 * 1024 * 1024))
    assert "(a zip bomb?)" in refused(path)


def test_a_document_that_is_said_to_be_huge_is_refused(tmp_path: Path) -> None:
    text = "name: minio\n" + "# padding\n" * (MAX_DOCUMENT_BYTES // 10)
    message = refused(pack(tmp_path / "m.charm", {"metadata.yaml": text}, zipfile.ZIP_STORED))
    assert "metadata.yaml is too large" in message


def test_a_document_that_lies_about_its_size_is_not_read_whole(tmp_path: Path) -> None:
    text = "name: minio\n" + "# padding\n" * 3_000_000
    path = pack(tmp_path / "m.charm", {"metadata.yaml": text})
    content = bytearray(path.read_bytes())
    central = content.index(b"PK\x01\x02")
    struct.pack_into("<I", content, central + 24, 100)
    path.write_bytes(content)
    tracemalloc.start()
    try:
        refused(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../../evil"])
def test_unsafe_paths_are_refused(tmp_path: Path, name: str) -> None:
    message = refused(pack(tmp_path / "m.charm", FILES | {name: "x"}))
    assert f"unsafe path {name!r}" in message


@pytest.mark.parametrize("name", ["a..b", "..a", "a/.hidden", "venv/x/__init__.py"])
def test_paths_that_only_look_unsafe_are_taken(tmp_path: Path, name: str) -> None:
    assert read_charm(pack(tmp_path / "m.charm", FILES | {name: "x"})).name == "minio"


def test_memory_does_not_grow_with_the_charm(tmp_path: Path) -> None:
    def peak(size: int) -> int:
        path = tmp_path / f"m{size}.charm"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for name, content in FILES.items():
                archive.writestr(name, content)
            with archive.open("venv/big", "w", force_zip64=True) as stream:
                for _ in range(size):
                    stream.write(os.urandom(1024) * 1024)
        tracemalloc.start()
        try:
            read_charm(path)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)
    assert peak(64) < peak(1) + 100_000


# A directory


def test_the_newest_revision_is_found_by_number(tmp_path: Path) -> None:
    for revision in (9, 10, 2):
        named(tmp_path, f"minio_r{revision}.charm", extra=str(revision))
    directory = CharmDirectory.scan(tmp_path)
    assert directory.find("minio").revision == 10
    assert directory.find("minio", revision=2).revision == 2
    assert [charm.revision for charm in directory.all_files] == [2, 9, 10]
    assert [charm.revision for charm in directory] == [10]


def test_a_known_revision_is_newer_than_an_unknown_one(tmp_path: Path) -> None:
    named(tmp_path, "minio_r1.charm")
    named(tmp_path, "minio_zzz.charm", extra="x")
    assert CharmDirectory.scan(tmp_path).find("minio").revision == 1


def test_the_name_inside_the_file_decides(tmp_path: Path) -> None:
    named(tmp_path, "minio_r9.charm", charm="mysql-k8s")
    directory = CharmDirectory.scan(tmp_path)
    assert set(directory.charms) == {"mysql-k8s"}
    assert directory.find("mysql-k8s").revision == 9
    with pytest.raises(CharmNotFoundError):
        directory.find("minio")


def test_a_charm_is_never_found_by_a_part_of_its_name(tmp_path: Path) -> None:
    named(tmp_path, "katib-db-manager_r1.charm", charm="katib-db-manager")
    directory = CharmDirectory.scan(tmp_path)
    for name in ("katib-db", "katib", "katib-db-manager-x", "db-manager"):
        with pytest.raises(CharmNotFoundError) as raised:
            directory.find(name)
        assert raised.value.message.endswith(f"no file of the charm {name}")
        assert raised.value.exit_code is ExitCode.MISSING
        assert "katib-db-manager" in raised.value.fix


def test_a_missing_revision_is_named(tmp_path: Path) -> None:
    named(tmp_path, "minio_r9.charm")
    with pytest.raises(CharmNotFoundError, match="no file of the charm minio revision 8") as raised:
        CharmDirectory.scan(tmp_path).find("minio", revision=8)
    assert "revision 9" in raised.value.fix


def test_copies_of_one_file_are_no_error(tmp_path: Path) -> None:
    path = named(tmp_path, "minio_r9.charm")
    (tmp_path / "copy_r9.charm").write_bytes(path.read_bytes())
    assert CharmDirectory.scan(tmp_path).find("minio").revision == 9


def test_every_broken_file_is_reported(tmp_path: Path) -> None:
    named(tmp_path, "dex_r1.charm", charm="dex")
    (tmp_path / "minio_r1.charm").write_bytes(b"x")
    pack(tmp_path / "mlmd_r1.charm", {})
    with pytest.raises(CharmError) as raised:
        CharmDirectory.scan(tmp_path)
    assert len(raised.value.problems) == 2
    assert "minio_r1.charm" in str(raised.value)
    assert "mlmd_r1.charm" in str(raised.value)


def test_a_broken_file_that_nobody_wants_is_passed_over(tmp_path: Path) -> None:
    named(tmp_path, "dex_r1.charm", charm="dex")
    (tmp_path / "minio_r1.charm").write_bytes(b"x")
    assert CharmDirectory.scan(tmp_path, wanted=["dex"]).find("dex").revision == 1
    with pytest.raises(CharmError, match=r"minio_r1\.charm"):
        CharmDirectory.scan(tmp_path, wanted=["dex", "minio"])
    with pytest.raises(CharmError, match=r"minio_r1\.charm"):
        CharmDirectory.scan(tmp_path, wanted=["dex", "mlmd"])


def test_only_charm_files_of_the_directory_itself_are_read(tmp_path: Path) -> None:
    named(tmp_path, "dex_r1.charm", charm="dex")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "._dex_r1.charm").write_bytes(b"a Mac's resource fork")
    (tmp_path / "below").mkdir()
    named(tmp_path / "below", "minio_r1.charm")
    assert set(CharmDirectory.scan(tmp_path).charms) == {"dex"}


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(CharmNotFoundError, match="no charms directory") as raised:
        CharmDirectory.scan(tmp_path / "none")
    assert "--charms" in raised.value.fix


def test_an_empty_directory_has_no_charm(tmp_path: Path) -> None:
    with pytest.raises(CharmNotFoundError) as raised:
        CharmDirectory.scan(tmp_path).find("minio")
    assert raised.value.fix.startswith(f"{tmp_path} has no charm file at all: ")
    assert "--charms DIR" in raised.value.fix
