"""A directory of mirrors: written, written again, and never over what is somebody else's."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import trustme

from ckf_airgap import InputError, MissingError, UsageError
from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.images.retag import retag_images
from ckf_airgap.mirrors.files import mirror_files
from ckf_airgap.mirrors.formats import MIRROR_FORMATS
from ckf_airgap.operations.mirrors import has_mirrors, plan_mirrors, write_mirrors

REGISTRY = Registry.parse("reg.airgap:5000/team/ckf")
OTHER = Registry.parse("other.airgap:5000")


def contents(directory: Path) -> dict[str, str]:
    return {
        path.relative_to(directory).as_posix(): path.read_text()
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_the_files_are_those_of_the_plan(tmp_path: Path) -> None:
    plan = plan_mirrors(REGISTRY)
    written = write_mirrors(plan, tmp_path / "a" / "mirrors")
    assert contents(tmp_path / "a" / "mirrors") == mirror_files(plan)
    assert written.files == tuple(sorted(mirror_files(plan)))
    assert written.changed == len(written.files)
    assert written.formats == MIRROR_FORMATS


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    plan = plan_mirrors(REGISTRY)
    write_mirrors(plan, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert write_mirrors(plan, tmp_path).changed == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_run_with_other_options_leaves_nothing_of_the_first_one(tmp_path: Path) -> None:
    write_mirrors(plan_mirrors(REGISTRY), tmp_path)
    other = plan_mirrors(OTHER)
    write_mirrors(other, tmp_path, ["k3s"])
    assert contents(tmp_path) == mirror_files(other, ["k3s"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "README.txt",
        "k3s",
        "mirrors.json",
    ]


def test_a_run_that_was_stopped_is_continued(tmp_path: Path) -> None:
    write_mirrors(plan_mirrors(REGISTRY), tmp_path)
    for path in ("mirrors.json", "k3s/registries.yaml"):
        (tmp_path / path).unlink()
    assert write_mirrors(plan_mirrors(REGISTRY), tmp_path).changed == 2
    assert contents(tmp_path) == mirror_files(plan_mirrors(REGISTRY))


def test_what_somebody_else_wrote_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    (tmp_path / "README.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "thesis.txt")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="would be lost") as caught:
        write_mirrors(plan_mirrors(REGISTRY), tmp_path)
    named = [problem.where for problem in caught.value.problems]
    assert named == ["README.txt", "link", "pipe", "thesis.txt"]
    assert (tmp_path / "README.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == named


def test_a_login_that_somebody_filled_in_is_not_lost(tmp_path: Path) -> None:
    write_mirrors(plan_mirrors(REGISTRY), tmp_path)
    login = tmp_path / "crio" / "auth.json"
    login.write_text("filled in")
    before = contents(tmp_path)
    for registry in (REGISTRY, OTHER):
        with pytest.raises(InputError) as caught:
            write_mirrors(plan_mirrors(registry), tmp_path)
        (problem,) = caught.value.problems
        assert problem.where == "crio/auth.json"
        assert "changed" in problem.what
        assert contents(tmp_path) == before


def test_a_document_of_another_kind_makes_no_file_ours(tmp_path: Path) -> None:
    write_mirrors(plan_mirrors(REGISTRY), tmp_path)
    document = json.loads((tmp_path / "mirrors.json").read_text())
    for text in (json.dumps({**document, "schema": "x"}), "[]", "{", '{"schema": "x"}'):
        (tmp_path / "mirrors.json").write_text(text)
        with pytest.raises(InputError) as caught:
            write_mirrors(plan_mirrors(OTHER), tmp_path)
        assert len(caught.value.problems) > 10


def test_a_directory_full_of_files_is_not_read_through(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number}.txt").write_text("")
    with pytest.raises(InputError) as caught:
        write_mirrors(plan_mirrors(REGISTRY), tmp_path)
    assert len(caught.value.problems) == 100


def test_an_empty_directory_of_somebody_else_stays(tmp_path: Path) -> None:
    write_mirrors(plan_mirrors(REGISTRY), tmp_path)
    (tmp_path / "mine").mkdir()
    write_mirrors(plan_mirrors(REGISTRY), tmp_path, ["crio"])
    assert (tmp_path / "mine").is_dir()
    assert not (tmp_path / "k3s").exists()


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "mirrors").write_text("")
    with pytest.raises(InputError, match="is not a directory"):
        write_mirrors(plan_mirrors(REGISTRY), tmp_path / "mirrors")


class TestAuthority:
    def test_only_certificates_are_taken_of_the_file(self, tmp_path: Path) -> None:
        authority = trustme.CA()
        pair = authority.issue_cert("reg.airgap")
        path = tmp_path / "all.pem"
        path.write_bytes(
            b"# the site's\n" + pair.private_key_pem.bytes() + authority.cert_pem.bytes()
        )
        plan = plan_mirrors(REGISTRY, ca_file=path)
        assert plan.authority == authority.cert_pem.bytes().decode()
        assert not any("PRIVATE" in text for text in mirror_files(plan).values())

    def test_a_registry_without_tls_has_none(self, tmp_path: Path) -> None:
        plan = plan_mirrors(REGISTRY, ca_file=tmp_path / "none", plain_http=["reg.airgap:5000"])
        assert (plan.authority, plan.plain_http) == ("", True)

    def test_another_host_without_tls_does_not_count(self) -> None:
        assert not plan_mirrors(REGISTRY, plain_http=["reg.airgap", "other:5000"]).plain_http

    @pytest.mark.parametrize("content", [b"", b"meow", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----"])
    def test_a_file_without_certificates_is_refused(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "ca.crt"
        path.write_bytes(content)
        with pytest.raises(InputError, match="has no certificate authority in PEM"):
            plan_mirrors(REGISTRY, ca_file=path)

    def test_a_file_that_is_not_there_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(MissingError):
            plan_mirrors(REGISTRY, ca_file=tmp_path / "ca.crt")


def test_a_mapping_that_no_mirror_gives_anything_of_is_refused() -> None:
    images = map(ImageReference.parse, ["gcr.io/a/b:1", "alpine:3.10"])
    mapping = retag_images(images, REGISTRY, max_depth=3)
    with pytest.raises(UsageError, match="folded"):
        plan_mirrors(REGISTRY, mapping=mapping)


def test_what_a_mirror_does_not_give_is_warned_of(tmp_path: Path) -> None:
    names = ["gcr.io/a/b:1", "gcr.io/c/d:1", "gcr.io/e/f:1", "gcr.io/g/h:1", "gcr.io/x:1"]
    mapping = retag_images(map(ImageReference.parse, names), REGISTRY, max_depth=3)
    written = write_mirrors(plan_mirrors(REGISTRY, mapping=mapping), tmp_path)
    (warning,) = written.warnings
    assert warning.what.startswith("4 images are not to be had through mirrors")
    assert warning.what.endswith("gcr.io/a/b:1, gcr.io/c/d:1, gcr.io/e/f:1, ...")


def test_mirrors_lie_beside_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pack").mkdir()
    assert not has_mirrors(tmp_path / "pack" / "images.tar")
    (tmp_path / "pack" / "mirrors").write_text("no directory")
    assert not has_mirrors(tmp_path / "pack" / "images.tar")
    (tmp_path / "pack" / "mirrors").unlink()
    (tmp_path / "pack" / "mirrors").mkdir()
    assert has_mirrors(tmp_path / "pack" / "images.tar")
    monkeypatch.chdir(tmp_path / "pack")
    assert has_mirrors(Path("images.tar"))
    monkeypatch.chdir(tmp_path)
    assert not has_mirrors(Path("images.tar"))
