"""Which charm files a bundle, its overlays and a directory come to, by the commands' operations."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ckf_airgap import CharmSources, Inputs, list_charms
from ckf_airgap.errors import CharmNotFoundError, InputError
from ckf_airgap.images.reference import Registry
from ckf_airgap.operations.rendering import find_bundle, read_and_render, render_by_rule
from ckf_airgap.rendering.overlay import Rendering
from tests.charms import write_charm


def base(version: str, *architectures: str) -> dict[str, str]:
    entry = {"name": "ubuntu", "channel": version, "architectures": list(architectures)}
    return {"manifest.yaml": yaml.safe_dump({"bases": [entry]})}


def charm(directory: Path, file: str, version: str = "22.04", arch: str = "amd64") -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return write_charm(directory, "pets", filename=file, members=base(version, arch))


def bundle(path: Path, **charms: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"  {name}: {{charm: {text}, scale: 1}}" for name, text in charms.items()]
    path.write_text("\n".join(["bundle: kubernetes", "applications:", *lines]), encoding="utf-8")
    return path


def rendered(
    path: Path, charms: Path, *overlays: Path, relative_to: Path | None = None
) -> Rendering:
    inputs = Inputs(bundle=path, charms=charms, overlays=overlays, relative_to=relative_to)
    return render_by_rule(inputs, find_bundle(path), Registry.parse("r.io:5000"))


def files(rendering: Rendering) -> dict[str, Path]:
    return {name: one.path.resolve() for name, one in rendering.charms.items() if one.path}


def test_a_path_starts_from_the_directory_of_the_bundle(tmp_path: Path) -> None:
    beside = charm(tmp_path / "here", "pets_a.charm")
    charm(tmp_path / "charms", "pets_a.charm", arch="arm64")
    path = bundle(tmp_path / "here" / "bundle.yaml", a="./pets_a.charm")
    rendering = rendered(path, tmp_path / "charms")
    assert files(rendering) == {"a": beside}
    assert rendering.bundle.applications["a"].charm == "../here/pets_a.charm"
    rendering = rendered(path, tmp_path / "charms", relative_to=tmp_path)
    assert rendering.bundle.applications["a"].charm == "./here/pets_a.charm"


def test_a_path_in_an_overlay_starts_from_the_directory_of_the_overlay(tmp_path: Path) -> None:
    first = charm(tmp_path / "here", "pets.charm")
    second = charm(tmp_path / "there", "pets.charm", "24.04")
    path = bundle(tmp_path / "here" / "bundle.yaml", a="./pets.charm", b="./pets.charm")
    overlay = tmp_path / "there" / "overlay.yaml"
    overlay.write_text("applications: {b: {charm: ./pets.charm}, c: {charm: ./pets.charm}}")
    found = files(rendered(path, tmp_path / "none", overlay))
    assert found == {"a": first, "b": second, "c": second}


def test_the_directory_of_charms_may_be_missing_when_all_are_named(tmp_path: Path) -> None:
    charm(tmp_path, "pets.charm")
    path = bundle(tmp_path / "bundle.yaml", a="./pets.charm")
    assert rendered(path, tmp_path / "none").charms["a"].name == "pets"
    path = bundle(tmp_path / "other.yaml", a="./pets.charm", b="pets")
    with pytest.raises(CharmNotFoundError, match="there is no charms directory"):
        rendered(path, tmp_path / "none")


def test_a_copy_among_the_charms_is_taken_for_the_file_itself(tmp_path: Path) -> None:
    """As in a pack, whose bundle and overlay name the files that it carries."""
    original = charm(tmp_path / "here", "pets.charm")
    copy = tmp_path / "charms" / "pets.charm"
    copy.parent.mkdir()
    copy.write_bytes(original.read_bytes())
    path = bundle(tmp_path / "here" / "bundle.yaml", a="./pets.charm")
    assert files(rendered(path, tmp_path / "charms")) == {"a": copy}
    charm(tmp_path / "charms", "pets.charm", "24.04")
    assert files(rendered(path, tmp_path / "charms")) == {"a": original}


def test_what_was_rendered_elsewhere_finds_its_files_by_their_names(tmp_path: Path) -> None:
    old, _new = (charm(tmp_path / "charms", f"pets_r{number}.charm") for number in (1, 2))
    path = bundle(tmp_path / "bundle.yaml", a="../elsewhere/pets_r1.charm", b="pets")
    rendering = rendered(path, tmp_path / "charms")
    assert files(rendering)["a"] == old
    merged = tmp_path / "charms" / "merged.yaml"
    merged.write_text(rendering.bundle_yaml(), encoding="utf-8")
    assert files(rendered(merged, tmp_path / "none")) == files(rendering)


def test_each_of_three_files_of_one_charm_goes_to_who_names_it(tmp_path: Path) -> None:
    names = {}
    for number, version in enumerate(("20.04", "22.04", "24.04")):
        file = f"pets_ubuntu@{version}-amd64.charm"
        names[f"a{number}"] = f"./{file}"
        charm(tmp_path / "charms", file, version)
    path = bundle(tmp_path / "bundle.yaml", **names)
    found = files(rendered(path, tmp_path / "charms"))
    assert {name: f"./{file.name}" for name, file in found.items()} == names


def test_broken_and_contradicting_files_of_other_charms_stop_nothing(tmp_path: Path) -> None:
    charm(tmp_path / "charms", "pets_r1.charm")
    for number in range(2):
        file = f"other_{number}.charm"
        write_charm(tmp_path / "charms", "other", filename=file, members={"x": str(number)})
    (tmp_path / "charms" / "broken_r1.charm").write_bytes(b"x")
    assert rendered(bundle(tmp_path / "bundle.yaml", a="pets"), tmp_path / "charms").charms


async def listed(path: Path, charms: Path, arch: str = "amd64") -> dict[str, str]:
    lines = await list_charms(CharmSources(bundle=path, architecture=arch), charms)
    return {line.file or line.name: line.state for line in lines}


async def test_the_list_shows_the_same_choice(tmp_path: Path) -> None:
    charm(tmp_path / "charms", "pets_r100.charm")
    charm(tmp_path / "charms", "pets_r101.charm", arch="arm64")
    path = bundle(tmp_path / "bundle.yaml", a="pets")
    amd, arm = "pets_r100.charm", "pets_r101.charm"
    assert await listed(path, tmp_path / "charms") == {amd: "present", arm: "surplus"}
    assert await listed(path, tmp_path / "charms", "arm64") == {arm: "present", amd: "surplus"}
    path.write_text("applications: {a: {charm: pets, scale: 1, constraints: arch=arm64}}")
    assert await listed(path, tmp_path / "charms") == {arm: "present", amd: "surplus"}
    path.write_text("applications: {a: {charm: pets, scale: 1, base: ubuntu@24.04}}")
    lines = await list_charms(CharmSources(bundle=path), tmp_path / "charms")
    assert (lines.charms[0].name, lines.charms[0].state) == ("pets", "missing")
    assert "pets_r100.charm (ubuntu@22.04 amd64)" in lines.charms[0].note
    assert "is for ubuntu@24.04 on amd64" in lines.charms[0].note


async def test_files_beside_the_bundle_and_among_the_charms_are_listed(tmp_path: Path) -> None:
    charm(tmp_path / "charms", "pets.charm")
    path = bundle(tmp_path / "bundle.yaml", a="./pets.charm")
    assert await listed(path, tmp_path / "charms") == {"pets.charm": "present"}
    with pytest.raises(CharmNotFoundError, match="application a, a charm that is named as a file"):
        await listed(bundle(tmp_path / "other.yaml", a="./cats.charm"), tmp_path / "charms")


async def test_two_files_of_one_name_cannot_lie_in_one_directory(tmp_path: Path) -> None:
    charm(tmp_path / "one", "pets.charm")
    charm(tmp_path / "two", "pets.charm")
    path = bundle(tmp_path / "bundle.yaml", a="./one/pets.charm", b="./two/pets.charm")
    (tmp_path / "charms").mkdir()
    with pytest.raises(InputError, match=r"two/pets\.charm would be one file"):
        await listed(path, tmp_path / "charms")


def test_a_warning_tells_of_charms_that_the_client_refuses(tmp_path: Path) -> None:
    write_charm(tmp_path, "pets", files={"policy": ""})
    path = bundle(tmp_path / "bundle.yaml", a="pets", b="pets")
    (warning,) = rendered(path, tmp_path).warnings
    assert warning.where == "application a, b"
    assert "client refuses the charm pets" in warning.what
    assert "resource missing filename" in warning.what


def test_the_architecture_is_that_of_the_inputs(tmp_path: Path) -> None:
    charm(tmp_path, "pets_r100.charm")
    charm(tmp_path, "pets_r101.charm", arch="arm64")
    path = bundle(tmp_path / "bundle.yaml", a="pets")
    (tmp_path / "images.txt").write_text("r.io:5000/a:1\n", encoding="utf-8")
    found = {}
    for name in ("amd64", "arm64", None):
        inputs = Inputs(
            bundle=path, charms=tmp_path, images=tmp_path / "images.txt", architecture=name
        )
        rendering = read_and_render(inputs)
        assert bool(rendering.warnings) is (name is None)
        found[name] = rendering.charms["a"].revision
    assert found == {"amd64": 100, "arm64": 101, None: 100}
