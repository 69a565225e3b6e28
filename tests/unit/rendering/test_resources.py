"""Resources that are files, and the login of an image, in what is rendered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ckf_airgap.bundle.bundlefile import load_bundle, load_overlays
from ckf_airgap.bundle.checks import overlaid
from ckf_airgap.charms.charm import Base, Charm, Resource
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.documents import Document, mappings
from ckf_airgap.images.lists import ImageList
from ckf_airgap.images.resourcefiles import read_resource_files
from ckf_airgap.images.resources import ResourceFiles
from ckf_airgap.rendering.overlay import Rendering, render

LIST = ImageList.parse("r.io:5000/acme/cat:1\nr.io:5000/team/cat:2\n", where="images.txt")
ELSEWHERE = '{"ImageName": "reg.example/team/cat:2", "username": "u", "password": "s3cret"}'
HERE = ELSEWHERE.replace("reg.example", "r.io:5000")


def pets(
    directory: Path,
    resources: str,
    *,
    overlay: str = "",
    images_only: bool = False,
    scale: str = "scale: 1, ",
) -> Rendering:
    """Render a bundle in ``own/`` with a charm in ``charms/``."""
    charm = Charm(
        name="pets",
        revision=1,
        path=directory / "charms" / "pets_r1.charm",
        resources={
            "image": Resource(name="image", upstream_source="acme/cat:1"),
            "policy": Resource(name="policy", type="file"),
        },
        bases=(Base(name="ubuntu", channel="22.04/stable"),),
    )
    own = directory / "own"
    own.mkdir(exist_ok=True)
    (own / "bundle.yaml").write_text(
        f"applications: {{pets: {{charm: pets, {scale}resources: {resources}}}}}"
    )
    files = []
    if overlay:
        files = [own / "overlay.yaml"]
        files[0].write_text(f"applications: {{pets: {{resources: {overlay}}}}}")
    loaded = load_bundle(own)
    overlays = load_overlays(files, loaded.directory)
    found = read_resource_files(overlaid(loaded, overlays.documents), {"pets": charm})
    if images_only:
        found = ResourceFiles(files=found.files, images=found.images, images_only=True)
    return render(
        loaded,
        charms=CharmDirectory.of([charm], path=directory / "charms"),
        images=LIST,
        overlays=overlays.documents,
        resources=found,
    )


def written(document: Document) -> object:
    return dict(mappings(document["applications"]))["pets"]["resources"]


def warnings(rendering: Rendering) -> Sequence[str]:
    return [str(warning) for warning in rendering.warnings]


def test_a_file_below_the_charms_starts_from_there_and_others_are_in_full(tmp_path: Path) -> None:
    (tmp_path / "charms" / "files").mkdir(parents=True)
    (tmp_path / "charms" / "files" / "p.tar").touch()
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "p.tar").touch()

    inside = pets(tmp_path, "{policy: ../charms/files/p.tar}")
    assert written(inside.overlay) == {
        "policy": "./files/p.tar",
        "image": "r.io:5000/acme/cat:1",
    }
    outside = pets(tmp_path, "{policy: ./p.tar}")
    assert written(outside.overlay) == {
        "policy": str(tmp_path / "own" / "p.tar"),
        "image": "r.io:5000/acme/cat:1",
    }
    for rendering, path in (
        (inside, tmp_path / "charms" / "files" / "p.tar"),
        (outside, tmp_path / "own" / "p.tar"),
    ):
        assert written(rendering.bundle.document) == written(rendering.overlay)
        value = rendering.bundle.applications["pets"].resources["policy"]
        assert Path(str(value)).resolve() == path
        assert warnings(rendering) == []


def test_an_image_of_another_registry_comes_from_ours_without_its_login(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "cat.json").write_text(ELSEWHERE)
    rendering = pets(tmp_path, "{image: ./cat.json}")

    assert written(rendering.overlay) == {"image": "r.io:5000/team/cat:2"}
    application = rendering.bundle.applications["pets"]
    assert (application.resources["image"], application.logins) == ("r.io:5000/team/cat:2", {})
    assert [str(one.need.source) for one in rendering.replacements] == ["reg.example/team/cat:2"]
    (warning,) = warnings(rendering)
    assert warning == (
        f"application pets, resource image: the login in {tmp_path}/own/cat.json is not used: the "
        "image comes from r.io:5000 (if that needs a login, give deploy --registry-username)"
    )
    assert "s3cret" not in repr(rendering) + rendering.overlay_yaml() + rendering.bundle_yaml()


@pytest.mark.parametrize("overlay", [False, True])
def test_a_login_to_the_private_registry_stays_with_its_image(
    tmp_path: Path, *, overlay: bool
) -> None:
    (tmp_path / "own").mkdir()
    path = tmp_path / "own" / "cat.json"
    path.write_text(HERE)
    given = "{image: cat.json}"
    rendering = pets(tmp_path, "{}" if overlay else given, overlay=given if overlay else "")

    assert written(rendering.overlay) == {"image": str(path)}
    assert written(rendering.bundle.document) == {"image": str(path)}
    application = rendering.bundle.applications["pets"]
    assert application.resources["image"] == "r.io:5000/team/cat:2"
    login = application.logins["image"]
    assert login.fields == {"username": "u", "password": "s3cret"}
    assert warnings(rendering) == []
    assert "s3cret" not in repr(rendering) + rendering.overlay_yaml() + rendering.bundle_yaml()


def test_an_image_that_the_user_sets_with_a_login_elsewhere_stays_and_is_told(
    tmp_path: Path,
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "cat.json").write_text(ELSEWHERE)
    rendering = pets(tmp_path, "{}", overlay="{image: cat.json}")
    assert written(rendering.overlay) == {"image": str(tmp_path / "own" / "cat.json")}
    assert set(rendering.bundle.applications["pets"].logins) == {"image"}
    (warning,) = warnings(rendering)
    assert "reg.example/team/cat:2 is not in r.io:5000, and stays since you set it" in warning


@pytest.mark.parametrize("overlay", [False, True])
def test_where_no_password_may_go_images_are_written_in_place_of_files(
    tmp_path: Path, *, overlay: bool
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "cat.json").write_text(HERE)
    given = "{image: cat.json}"
    rendering = pets(
        tmp_path, "{}" if overlay else given, overlay=given if overlay else "", images_only=True
    )
    assert written(rendering.overlay) == {"image": "r.io:5000/team/cat:2"}
    assert rendering.bundle.applications["pets"].logins == {}
    (warning,) = warnings(rendering)
    assert "the login in" in warning


@pytest.mark.parametrize("scale", ["", "scale: , ", "num_units: , "])
def test_a_scale_that_nobody_gives_is_told_with_the_line_to_add(tmp_path: Path, scale: str) -> None:
    rendering = pets(tmp_path, "{}", scale=scale)
    assert rendering.bundle.applications["pets"].scale == 0
    assert warnings(rendering) == [
        (
            "application pets: it has no units, as in Juju, since neither scale nor num_units is "
            "given (add the line scale: 1)"
        )
    ]
