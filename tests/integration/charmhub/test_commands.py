"""``ckf-airgap charms download`` and ``list``, as a person runs them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from ckf_airgap.facts.releases import load_release
from ckf_airgap.operations.lock import Lock
from ckf_airgap.rehearsal.standin import write_standin, write_standins
from tests.integration.charmhub.store import CharmStoreServer, served
from tests.unit.cli.conftest import CAT, DOG, World, invoke, world

__all__ = ["invoke", "world"]

Invoke = Callable[..., Result]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[CharmStoreServer]:
    """A store that has the charms of the small world and of release 1.11."""
    server = CharmStoreServer()
    release = load_release("1.11")
    channels = {one.charm: one.channel or "" for one in release.bundle.applications.values()}
    server.offer_files(write_standins(release, tmp_path / "shelf"), channels)
    pets = [write_standin(CAT, tmp_path / "pets", 3), write_standin(DOG, tmp_path / "pets", 5)]
    server.offer_files(pets, {"cat": "2/stable", "dog": "latest/edge"})
    with served(server):
        server.authority.cert_pem.write_to_path(tmp_path / "ca.crt")
        yield server


@pytest.fixture
def download(shop: CharmStoreServer, invoke: Invoke, tmp_path: Path) -> Invoke:
    def call(*args: object) -> Result:
        store = ("--store", shop.url, "--store-ca", tmp_path / "ca.crt")
        return invoke("charms", "download", *args, "-d", tmp_path / "got", *store)

    return call


def test_a_whole_release_is_fetched_once(
    shop: CharmStoreServer, download: Invoke, tmp_path: Path
) -> None:
    first = download("1.11", "--json")
    again = download("1.11")

    names = {one["name"] for one in json.loads(first.stdout)["charms"]}
    release = load_release("1.11")
    assert names == {one.charm_name for one in release.bundle.applications.values()}
    assert len(names) < len(release.bundle.applications), "a charm of two applications counts once"
    assert len(list((tmp_path / "got").glob("*_r*.charm"))) == len(names)
    assert set(shop.times_sent().values()) == {1}
    assert f"0 fetched (0 B), {len(names)} were already there" in again.stderr


def test_further_charms_come_with_their_channels(
    world: World, download: Invoke, tmp_path: Path
) -> None:
    result = download(
        "--charm", "cat", "--channel", "2/stable", "--charm", "dog", "--channel", "latest/edge"
    )

    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in (tmp_path / "got").iterdir()) == [
        "cat_r3.charm",
        "dog_r5.charm",
    ]


def test_channels_and_charms_must_be_of_one_number(download: Invoke) -> None:
    result = download("--charm", "cat", "--charm", "dog", "--channel", "edge")

    assert result.exit_code == 2
    assert "2 --charm and 1 --channel" in result.stderr


def test_what_the_store_lacks_ends_with_the_code_for_missing(download: Invoke) -> None:
    result = download("--charm", "cow")

    assert result.exit_code == 4
    assert "cow stable: the store has no charm of this name" in result.stderr


def test_a_lock_brings_the_same_files_when_the_channel_has_moved_on(
    shop: CharmStoreServer, world: World, download: Invoke, tmp_path: Path
) -> None:
    lock = tmp_path / "charms.lock"
    assert download(world.bundle, "--write-lock", lock).exit_code == 0
    before = lock.read_bytes()
    shop.offer_files([write_standin(CAT, tmp_path / "new", 4)], {"cat": "2/stable"})
    (tmp_path / "got" / "cat_r3.charm").unlink()

    result = download(world.bundle, "--lock", lock, "--write-lock", lock)

    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "got" / "cat_r3.charm").exists()
    assert not (tmp_path / "got" / "cat_r4.charm").exists()
    assert lock.read_bytes() == before


def test_a_lock_needs_no_store_when_all_is_there(
    shop: CharmStoreServer, world: World, download: Invoke, tmp_path: Path
) -> None:
    lock = tmp_path / "charms.lock"
    download(world.bundle, "--write-lock", lock)
    asked = len(shop.requests)

    assert download(world.bundle, "--lock", lock).exit_code == 0

    assert len(shop.requests) == asked


def test_a_lock_of_another_bundle_is_refused(
    world: World, download: Invoke, tmp_path: Path
) -> None:
    lock = tmp_path / "charms.lock"
    download(world.bundle, "--write-lock", lock)
    world.bundle.write_text(world.bundle.read_text().replace("scale: 1", "scale: 3"))

    result = download(world.bundle, "--lock", lock)

    assert result.exit_code == 2
    assert "the lock is for" in result.stderr


def test_the_list_tells_what_is_there_what_is_missing_and_what_nobody_asks_for(
    world: World, invoke: Invoke, tmp_path: Path
) -> None:
    charms = tmp_path / "some"
    write_standin(CAT, charms, 3)
    write_standin(CAT, charms, 2)
    (charms / "broken_r1.charm").write_bytes(b"no zip")

    result = invoke("charms", "list", world.bundle, "--charms", charms, "--json")

    lines = json.loads(result.stdout)["charms"]
    assert {(one["name"], one["revision"], one["state"]) for one in lines} == {
        ("cat", 3, "present"),
        ("dog", None, "missing"),
        ("cat", 2, "surplus"),
        ("broken", None, "damaged"),
    }
    assert result.exit_code == 3


def test_the_list_ends_with_the_code_for_missing(
    world: World, invoke: Invoke, tmp_path: Path
) -> None:
    write_standin(CAT, tmp_path / "some", 3)

    result = invoke("charms", "list", world.bundle, "--charms", tmp_path / "some")

    assert result.exit_code == 4
    assert "1 charms are missing" in result.stderr


def test_the_list_compares_with_a_lock(
    world: World, download: Invoke, invoke: Invoke, tmp_path: Path
) -> None:
    lock, charms = tmp_path / "charms.lock", tmp_path / "got"
    download(world.bundle, "--write-lock", lock)
    assert invoke("charms", "list", "--charms", charms, "--lock", lock).exit_code == 0
    (charms / "cat_r3.charm").write_bytes((charms / "dog_r5.charm").read_bytes())

    result = invoke("charms", "list", "--charms", charms, "--lock", lock)

    assert result.exit_code == 3
    assert "its sha384 is not the one in the lock" in result.stderr


def test_a_lock_reads_back_as_it_was_written(
    world: World, download: Invoke, tmp_path: Path
) -> None:
    lock = tmp_path / "charms.lock"
    download(world.bundle, "--write-lock", lock)

    assert Lock.read(lock).to_text() == lock.read_text()


@pytest.mark.parametrize("command", ["download", "list"])
def test_overlay_may_have_what_only_an_overlay_may_have(
    shop: CharmStoreServer, invoke: Invoke, world: World, tmp_path: Path, command: str
) -> None:
    overlay = tmp_path / "offers.yaml"
    overlay.write_text("applications: {dog: {offers: {o1: {endpoints: [prey]}}}}\n")
    store = ("--store", shop.url, "--store-ca", tmp_path / "ca.crt", "-d", tmp_path / "got")
    more = store if command == "download" else ("--charms", world.charms)

    result = invoke("charms", command, world.bundle, "--overlay", overlay, *more)

    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("command", ["download", "list"])
def test_mistyped_application_in_an_overlay_gets_the_message_of_images_list(
    shop: CharmStoreServer, invoke: Invoke, world: World, tmp_path: Path, command: str
) -> None:
    overlay = tmp_path / "typo.yaml"
    overlay.write_text("applications: {dogg: {scale: 2}}\n")
    store = ("--store", shop.url, "--store-ca", tmp_path / "ca.crt", "-d", tmp_path / "got")
    more = store if command == "download" else ("--charms", world.charms)

    listed = invoke("images", "list", world.bundle, "--charms", world.charms, "--overlay", overlay)
    result = invoke("charms", command, world.bundle, "--overlay", overlay, *more)

    assert "there is no application dogg" in " ".join(listed.stderr.split())
    assert "did you mean 'dog'?" in listed.stderr
    assert (result.exit_code, result.stderr) == (listed.exit_code, listed.stderr)
