"""``ckf-airgap mirrors``: output, files and exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from click.testing import Result

from ckf_airgap.errors import ExitCode

Invoke = Callable[..., Result]

REGISTRY = ("--registry", "reg.airgap:5000/team/ckf")


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    path = tmp_path / "ca.crt"
    trustme.CA().cert_pem.write_to_path(path)
    return path


def test_help_has_an_example(invoke: Invoke) -> None:
    result = invoke("mirrors", "--help")
    assert "ckf-airgap mirrors --registry" in result.stdout.partition("Examples")[2]


def test_all_kinds_of_nodes_are_written(invoke: Invoke, ca: Path, tmp_path: Path) -> None:
    out = tmp_path / "mirrors"
    result = invoke("mirrors", *REGISTRY, "--ca", ca, "-o", out, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["schema"] == "ckf-airgap/mirrors-written/v1"
    assert document["formats"] == ["containerd", "k3s", "microk8s", "crio"]
    assert document["written"] == len(document["files"])
    assert {"docker.io", "gcr.io", "ghcr.io", "quay.io", "registry.k8s.io", "nvcr.io"} <= set(
        document["hosts"]
    )
    assert all((out / path).is_file() for path in document["files"])
    assert (out / "k3s" / "ca.crt").read_text() == ca.read_text()
    again = json.loads(invoke("mirrors", *REGISTRY, "--ca", ca, "-o", out, "--json").stdout)
    assert again == {**document, "written": 0}


def test_some_kinds_of_nodes_and_the_registries_of_lists(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("example.org/a/b:1\n")
    (tmp_path / "two.txt").write_text("example.net:5000/a/c:1\n")
    lists = ["--images", tmp_path / "one.txt", "--images", tmp_path / "two.txt"]
    kinds = ["--format", "crio", "--format", "containerd"]
    result = invoke("mirrors", *REGISTRY, *lists, *kinds, "-o", tmp_path / "mirrors")
    assert result.exit_code == 0, result.output
    assert "11 registries are looked for in reg.airgap:5000/team/ckf, for containerd, crio" in (
        result.stdout
    )
    assert "README.txt says where each file goes" in result.stderr
    assert (tmp_path / "mirrors/containerd/certs.d/example.net_5000_/hosts.toml").is_file()
    assert not (tmp_path / "mirrors" / "k3s").exists()


def test_a_registry_without_tls(invoke: Invoke, tmp_path: Path) -> None:
    words = ["mirrors", *REGISTRY, "--format", "k3s", "-o", tmp_path / "mirrors", "--plain-http"]
    assert invoke(*words, "reg.airgap:5000").exit_code == 0
    assert "http://reg.airgap:5000" in (tmp_path / "mirrors/k3s/registries.yaml").read_text()
    result = invoke(*words, "reg.airgap")
    assert result.exit_code == ExitCode.USAGE
    assert "Give --plain-http reg.airgap:5000" in result.stderr


def test_images_that_were_folded_are_named(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "images.txt").write_text("gcr.io/a/b/c:1\ngcr.io/a:1\n")
    mapping = tmp_path / "mapping.json"
    words = [*REGISTRY, "--max-depth", "4", "--mapping", mapping, "-o", tmp_path / "retagged.txt"]
    assert invoke("images", "retag", tmp_path / "images.txt", *words).exit_code == 0
    out = ["-o", tmp_path / "mirrors"]
    result = invoke("mirrors", *REGISTRY, "--mapping", mapping, *out, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["unreachable"] == ["gcr.io/a/b/c:1"]
    assert "not to be had through mirrors" in document["warnings"][0]["what"]
    assert "warning: 1 image is not to be had through mirrors" in result.stderr
    lists = ["--images", tmp_path / "images.txt", "--max-depth"]
    again = json.loads(invoke("mirrors", *REGISTRY, *lists, 4, *out, "--json").stdout)
    assert again["unreachable"] == ["gcr.io/a/b/c:1"]
    assert json.loads(invoke("mirrors", *REGISTRY, *lists, 5, *out, "--json").stdout) == {
        **document,
        "unreachable": [],
        "warnings": [],
        "written": 2,
    }
    other = invoke("mirrors", "--registry", "other:5000", "--mapping", mapping, *out)
    assert other.exit_code == ExitCode.USAGE
    assert "is for the registry reg.airgap:5000/team/ckf" in other.stderr


def test_the_files_of_others_are_not_written_over(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    result = invoke("mirrors", *REGISTRY, "-o", tmp_path)
    assert result.exit_code == ExitCode.INPUT
    assert "thesis.txt" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_authority_that_is_not_there_is_missing(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("mirrors", *REGISTRY, "--ca", tmp_path / "ca.crt", "-o", tmp_path / "mirrors")
    assert result.exit_code == ExitCode.MISSING
    assert not (tmp_path / "mirrors").exists()


@pytest.mark.parametrize("more", [[], ["--images", "{list}", "--mapping", "{list}"]])
def test_a_depth_is_that_of_a_list(more: list[str], invoke: Invoke, tmp_path: Path) -> None:
    words = [word.replace("{list}", str(tmp_path / "images.txt")) for word in more]
    out = tmp_path / "mirrors"
    result = invoke("mirrors", *REGISTRY, "--max-depth", 4, *words, "-o", out)
    assert result.exit_code == ExitCode.USAGE
    assert "--max-depth needs --images" in result.stderr


def test_a_depth_at_which_no_image_would_be_found_is_refused(
    invoke: Invoke, tmp_path: Path
) -> None:
    (tmp_path / "images.txt").write_text("gcr.io/a/b/c:1\nalpine:3.10\n")
    words = ["--images", tmp_path / "images.txt", "--max-depth", 3, "-o", tmp_path / "mirrors"]
    result = invoke("mirrors", *REGISTRY, *words)
    assert result.exit_code == ExitCode.USAGE
    assert "no image in reg.airgap:5000/team/ckf is where a mirror looks for it" in result.stderr
    assert not (tmp_path / "mirrors").exists()
