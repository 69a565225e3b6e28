"""What is wrong in overlays, or has no effect there, is said by every command, with its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ckf_airgap import CharmSources, Inputs, ListingInputs, download_charms, list_charms
from ckf_airgap.cli import main
from ckf_airgap.errors import BundleError, CharmNotFoundError, InputError
from ckf_airgap.images.reference import Registry
from ckf_airgap.operations.inventory import read_listing
from ckf_airgap.operations.rendering import find_bundle, render_by_rule
from tests.charms import write_charm

BUNDLE = """\
bundle: kubernetes
applications:
  pets: {charm: ./charms/pets.charm, scale: 1}
  flea: {charm: ./charms/flea.charm, scale: 1}
"""
NO_EFFECT = "applications: {pets: {scale: 0, option: {}}}\n---\napplications: {flea: {scale: }}\n"


class Place:
    """A bundle with two charms, and an overlay in ``site/``."""

    def __init__(self, directory: Path, overlay: str) -> None:
        self.charms = directory / "charms"
        self.charms.mkdir()
        for name in ("pets", "flea"):
            write_charm(self.charms, name)
        self.bundle = directory / "bundle.yaml"
        self.bundle.write_text(BUNDLE, encoding="utf-8")
        self.overlay = directory / "site" / "overlay.yaml"
        self.overlay.parent.mkdir()
        self.overlay.write_text(overlay, encoding="utf-8")

    @property
    def sources(self) -> CharmSources:
        return CharmSources(bundle=self.bundle, overlays=(self.overlay,))

    def render(self) -> tuple[str, ...]:
        inputs = Inputs(bundle=self.bundle, charms=self.charms, overlays=(self.overlay,))
        rendering = render_by_rule(inputs, find_bundle(self.bundle), Registry.parse("r.io:5000"))
        return tuple(map(str, rendering.warnings))


async def test_every_command_warns_of_what_has_no_effect(tmp_path: Path) -> None:
    place = Place(tmp_path, NO_EFFECT)
    listed = await list_charms(place.sources, place.charms)
    downloaded = await download_charms(place.sources, place.charms)
    images = read_listing(
        ListingInputs(bundle=place.bundle, charms=place.charms, overlays=(place.overlay,))
    )
    for warnings in (listed.warnings, downloaded.warnings, images.inventory.warnings):
        told = [str(warning) for warning in warnings]
        assert len(told) == 3
        assert set(told) <= set(place.render())
        assert f"{place.overlay}, line 1: Juju does not know the key" in told[0]
        assert f"{place.overlay}, document 1, application pets: scale: 0" in told[1]
        assert f"{place.overlay}, document 2, application flea: scale: null" in told[2]


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (("charms", "list"), "--charms"),
        (("charms", "download"), "-d"),
        (("images", "list"), "--charms"),
    ],
)
def test_warnings_are_on_standard_error_and_in_the_document(
    tmp_path: Path, command: tuple[str, str], option: str
) -> None:
    place = Place(tmp_path, "applications: {pets: {scale: 0}}\n")
    named = [str(place.bundle), "--overlay", str(place.overlay), option, str(place.charms)]
    result = CliRunner().invoke(main, [*command, *named, "--json"])
    assert result.exit_code == 0, result.stderr
    where = f"{place.overlay}, application pets"
    assert f"warning: {where}: scale: 0 in an overlay changes nothing in Juju" in result.stderr
    (warning,) = json.loads(result.stdout)["warnings"]
    assert (warning["where"], warning["fix"]) == (where, "write num_units: 0")


@pytest.mark.parametrize(
    ("overlay", "told"),
    [
        ("applications: {pet: {scale: 2}}", "{overlay}: there is no application pet"),
        ("---\n{}\n---\napplications: {pet: {scale: 2}}", "{overlay}, document 2: there is no app"),
        ("services: {pets: {scale: 2}}", "{overlay}: bundle overlay file used deprecated"),
        ("applications: {pets: {placement: a=b}}", "the overlay {overlay} cannot be used"),
    ],
)
async def test_what_is_wrong_names_the_file(tmp_path: Path, overlay: str, told: str) -> None:
    place = Place(tmp_path, overlay)
    for run in (place.render, lambda: find_warnings(place)):
        with pytest.raises(InputError) as caught:
            run()
        assert told.format(overlay=place.overlay) in str(caught.value)
    with pytest.raises(BundleError) as caught:
        await list_charms(place.sources, place.charms)
    assert told.format(overlay=place.overlay) in str(caught.value)


def find_warnings(place: Place) -> None:
    read_listing(ListingInputs(bundle=place.bundle, charms=place.charms, overlays=(place.overlay,)))


@pytest.mark.parametrize(
    ("path", "file"), [("./mice.charm", "site/mice.charm"), ("../mice.charm", "mice.charm")]
)
async def test_a_missing_charm_is_missed_where_the_overlay_names_it(
    tmp_path: Path, path: str, file: str
) -> None:
    place = Place(tmp_path, f"applications: {{flea: {{charm: {path}}}}}")
    missing = f"there is no file {tmp_path / file}"
    with pytest.raises(CharmNotFoundError) as caught:
        place.render()
    assert f"{missing}, and {place.charms} has no file of the charm mice" in str(
        caught.value.problems[0]
    )
    with pytest.raises(CharmNotFoundError) as caught:
        await list_charms(place.sources, place.charms)
    assert missing in str(caught.value.problems[0])


def test_a_missing_charm_is_missed_where_the_bundle_names_it(tmp_path: Path) -> None:
    place = Place(tmp_path, "")
    (place.charms / "flea.charm").unlink()
    with pytest.raises(CharmNotFoundError) as caught:
        place.render()
    assert f"no file {place.charms}/flea.charm, and" in str(caught.value.problems[0])
