"""A bundle of a pack names files that came with it, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from ckf_airgap.bundle.bundlefile import load_bundle, load_overlay
from ckf_airgap.bundle.nearby import MARKS
from ckf_airgap.errors import BundleError
from ckf_airgap.packing import names

HIDDEN = "is hidden in"
OUTSIDE = "leads out of"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with files in it, beside it, and links to these."""
    directory = tmp_path / "home"
    (directory / "values").mkdir(parents=True)
    (directory / ".ssh").mkdir()
    for file in ("home/values/motd", "home/.ssh/key", "home/.token", "outside", "homes"):
        (tmp_path / file).write_text(f"content of {file}")
    (directory / "link").symlink_to("../outside")
    (directory / "inner").symlink_to("values/motd")
    (directory / "away").symlink_to(tmp_path)
    (directory / "loop").symlink_to("loop")
    return directory


def write(directory: Path, text: str) -> Path:
    path = directory / "bundle.yaml"
    option = f"{{applications: {{cat: {{charm: cat, options: {{x: {text!r}}}}}}}}}"
    path.write_text(option.replace("'", '"'))
    return path


def test_the_marks_are_files_of_every_pack() -> None:
    assert MARKS == (names.LOCK_NAME, names.CHECKSUMS)


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("../outside", OUTSIDE),
        ("values/../../outside", OUTSIDE),
        ("/etc/passwd", OUTSIDE),
        ("../homes", OUTSIDE),
        ("link", OUTSIDE),
        ("away/outside", OUTSIDE),
        (".ssh/key", HIDDEN),
        ("values/../.token", HIDDEN),
    ],
)
@pytest.mark.parametrize("scheme", ["include-file", "include-base64"])
def test_a_bundle_of_a_pack_includes_nothing_that_did_not_come_with_it(
    directory: Path, mark: str, path: str, why: str, scheme: str
) -> None:
    (directory / mark).write_text("")
    bundle = write(directory, f"{scheme}://{path}")
    for load in (load_bundle, load_overlay):
        with pytest.raises(BundleError) as caught:
            load(bundle)
        message = str(caught.value)
        assert f"cannot include {path}" in message
        assert why in message
        assert mark in message


@pytest.mark.parametrize(
    "path", ["values/motd", "inner", "values/../values/motd", "away/home/inner"]
)
def test_a_bundle_of_a_pack_includes_what_came_with_it(directory: Path, path: str) -> None:
    (directory / MARKS[0]).write_text("")
    bundle = load_bundle(write(directory, f"include-file://{path}"))
    assert bundle.applications["cat"].options == {"x": "content of home/values/motd"}


@pytest.mark.parametrize("path", ["../outside", ".ssh/key", "link"])
def test_a_bundle_of_ones_own_includes_what_its_user_may_read(directory: Path, path: str) -> None:
    bundle = load_bundle(write(directory, f"include-file://{path}"))
    assert "content of" in str(bundle.applications["cat"].options["x"])


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("path", ["a\\0b", "loop", "missing", "values", "a" * 300])
def test_what_is_no_file_is_told_with_its_option(directory: Path, packed: bool, path: str) -> None:
    if packed:
        (directory / MARKS[0]).write_text("")
    bundle = write(directory, f"include-file://{path}".encode().decode("unicode_escape"))
    with pytest.raises(BundleError, match="application cat, option x: cannot include"):
        load_bundle(bundle)
