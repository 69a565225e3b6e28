"""``--since``: 1.11 after 1.10 carries only what changed, and wants its base."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.integration.packing.connected import PRIVATE, connected_side
from tests.integration.transfer.servers import RegistryServer


@pytest.fixture(scope="module")
def packs(
    image_server: RegistryServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Path]]:
    """The pack of 1.10, that of 1.11, and that of 1.11 since 1.10."""
    from click.testing import CliRunner

    from ckf_airgap.cli import main

    directory = tmp_path_factory.mktemp("packs")
    image_server.empty()
    made: dict[str, Path] = {}
    with connected_side(image_server, directory) as side:
        bundles = {release: side.offer_release(release) for release in ("1.10", "1.11")}

        def pack(name: str, release: str, *args: object) -> None:
            made[name] = directory / name
            words = [
                "pack",
                *bundles[release],
                "--registry",
                PRIVATE,
                "-o",
                made[name],
                "--no-tool",
            ]
            result = CliRunner().invoke(main, [str(one) for one in [*words, *side.options, *args]])
            assert result.exit_code == 0, result.output

        pack("1.10", "1.10")
        pack("1.11", "1.11")
        pack("since", "1.11", "--since", made["1.10"] / "ckf-airgap.lock")
        yield made


def lock_of(pack: Path) -> Any:
    return json.loads((pack / "ckf-airgap.lock").read_text())


def members(archive: Path) -> set[str]:
    with tarfile.open(archive) as tar:
        return set(tar.getnames())


def test_the_packs_are_made_on_one_worker_only(
    request: pytest.FixtureRequest, packs: dict[str, Path]
) -> None:
    grouped = getattr(request.config.option, "loadgroup", False)
    assert request.node.nodeid.endswith("@since") is grouped


def test_only_what_changed_is_carried(packs: dict[str, Path]) -> None:
    before, now = lock_of(packs["1.10"]), lock_of(packs["1.11"])
    assumes = json.loads((packs["since"] / "assumes.json").read_text())
    known = {one["sha384"] for one in before["charms"]}

    assert members(packs["since"] / "charms.tar.gz") == {
        one["file"] for one in now["charms"] if one["sha384"] not in known
    }
    carried = {
        name.removeprefix("blobs/").replace("/", ":")
        for name in members(packs["since"] / "images.tar.gz")
        if name.startswith("blobs/")
    }
    places = {image["target"].rpartition(":")[0] for image in now["images"]}
    brought = {
        digest
        for image in before["images"]
        if image["target"].rpartition(":")[0] in places
        for digest in image["blobs"]
    }
    left_out = set(assumes["blobs"])
    assert left_out, "1.11 shares layers with 1.10"
    assert left_out <= brought
    assert not carried & left_out
    assert carried | left_out >= set(now["blobs"])
    small = (packs["since"] / "images.tar.gz").stat().st_size
    assert small < (packs["1.11"] / "images.tar.gz").stat().st_size


def test_the_lock_is_that_of_the_whole_pack(packs: dict[str, Path]) -> None:
    whole, since = packs["1.11"] / "ckf-airgap.lock", packs["since"] / "ckf-airgap.lock"

    assert since.read_bytes() == whole.read_bytes()


def test_what_it_assumes_is_said(packs: dict[str, Path], command: Callable[..., Result]) -> None:
    result = command("verify", packs["since"])

    assert result.exit_code == 0, result.output
    assert "only what is new since the pack of bundle-1.10.yaml" in result.stderr
    assert (
        "only what is new since the pack of bundle-1.10.yaml"
        in (packs["since"] / "README.txt").read_text()
    )


def test_it_loads_over_the_older_one(
    packs: dict[str, Path], command: Callable[..., Result], tmp_path: Path
) -> None:
    layout, home = tmp_path / "images", tmp_path / "home"
    for name in ("1.10", "since"):
        loaded = command("images", "load", packs[name] / "images.tar.gz", "-o", layout)
        assert loaded.exit_code == 0, loaded.output
        laid_out = command("unpack", packs[name], "--to", home, "--force")
        assert laid_out.exit_code == 0, laid_out.output

    there = {path.name for path in (layout / "blobs" / "sha256").iterdir()}
    assert {digest.partition(":")[2] for digest in lock_of(packs["1.11"])["blobs"]} <= there
    charms = {path.name for path in (home / "charms").iterdir()}
    assert {one["file"] for one in lock_of(packs["1.11"])["charms"]} <= charms


def test_it_is_pushed_over_the_older_one(
    packs: dict[str, Path], command: Callable[..., Result], other_server: RegistryServer
) -> None:
    other_server.empty()
    place = ["--registry", other_server.host, "--plain-http", other_server.host]
    for name in ("1.10", "since"):
        pushed = command("images", "push", packs[name] / "images.tar.gz", *place)
        assert pushed.exit_code == 0, pushed.output

    stored = other_server.stored_blobs()
    assert set(lock_of(packs["1.11"])["blobs"]) <= stored


def test_it_is_refused_where_its_base_is_missing(
    packs: dict[str, Path],
    command: Callable[..., Result],
    other_server: RegistryServer,
    tmp_path: Path,
) -> None:
    other_server.empty()
    archive = packs["since"] / "images.tar.gz"
    place = ["--registry", other_server.host, "--plain-http", other_server.host]

    loaded = command("images", "load", archive, "-o", tmp_path / "images")
    pushed = command("images", "push", archive, *place)
    laid_out = command("unpack", packs["since"], "--to", tmp_path / "home")

    assert (loaded.exit_code, pushed.exit_code, laid_out.exit_code) == (9, 9, 4)
    for result in (loaded, pushed):
        assert "left out as part of the pack of bundle-1.10.yaml" in result.stderr
    assert "holds only what is new since the pack of bundle-1.10.yaml" in laid_out.stderr
    assert not (tmp_path / "home").exists()
