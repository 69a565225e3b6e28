"""``can-upgrade-to`` of a status: what the store has that is newer than what runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ckf_airgap.rehearsal.api.facades.application import Application
from ckf_airgap.rehearsal.api.facades.charms import Charms
from ckf_airgap.rehearsal.host.charmfiles import read_store
from tests.unit.rehearsal.harness import Rehearsal, charm_zip

BASE: Any = {"name": "ubuntu", "channel": "22.04", "architectures": ["amd64"]}
RELEASED = {
    ("minio", 1): ["1.9/stable"],
    ("minio", 2): ["1.9/stable"],
    ("minio", 3): ["1.10/stable"],
    ("minio", 4): ["1.10/stable"],
}


@pytest.fixture
def stocked(rehearsal: Rehearsal, tmp_path: Path) -> Rehearsal:
    directory = tmp_path / "store"
    directory.mkdir()
    for name, revision in RELEASED:
        metadata = {"name": name, "summary": name}
        charm_zip(directory / f"{name}_r{revision}.charm", metadata, bases=[BASE])
    rehearsal.model.charms.repository = read_store(directory, released=RELEASED).repository
    return rehearsal


async def deploy(rehearsal: Rehearsal, application: str, revision: int, channel: str) -> None:
    entry = {
        "CharmName": "minio",
        "ApplicationName": application,
        "channel": channel,
        "revision": revision,
    }
    reply = await rehearsal.call(Application, "DeployFromRepository", {"Args": [entry]})
    assert reply["Results"][0]["Errors"] is None


def updates(rehearsal: Rehearsal) -> dict[str, str]:
    status: Any = rehearsal.model.full_status()["applications"]
    return {name: shown["can-upgrade-to"] for name, shown in status.items()}


async def test_the_newest_charm_of_the_channel_is_told_of(stocked: Rehearsal) -> None:
    await deploy(stocked, "old", 1, "1.9/stable")
    assert updates(stocked) == {"old": "ch:amd64/minio-2"}
    await deploy(stocked, "newest", 2, "1.9/stable")
    # The model has revision 2 now, so a real controller keeps no placeholder of it.
    assert updates(stocked) == {"old": "", "newest": ""}


async def test_all_applications_of_a_charm_hear_of_the_newest(stocked: Rehearsal) -> None:
    await deploy(stocked, "nine", 1, "1.9/stable")
    await deploy(stocked, "ten", 3, "1.10/stable")
    assert updates(stocked) == {"nine": "ch:amd64/minio-4", "ten": "ch:amd64/minio-4"}


async def test_a_refresh_leaves_nothing_newer(stocked: Rehearsal) -> None:
    await deploy(stocked, "minio", 1, "1.9/stable")
    origin = {**stocked.model.applications["minio"].origin, "track": "1.9", "risk": "stable"}
    added = await stocked.call(
        Charms, "AddCharm", {"url": "ch:amd64/minio-2", "charm-origin": origin}
    )
    refresh = {
        "application": "minio",
        "charm-url": "ch:amd64/minio-2",
        "charm-origin": added["charm-origin"],
        "channel": "1.9/stable",
    }
    await stocked.call(Application, "SetCharm", refresh, version=19)
    assert stocked.model.applications["minio"].charm_url == "ch:amd64/minio-2"
    assert updates(stocked) == {"minio": ""}


async def test_nothing_is_newer_than_a_local_charm_or_without_a_store(stocked: Rehearsal) -> None:
    await stocked.upload_and_deploy("minio")
    await deploy(stocked, "old", 1, "1.9/stable")
    assert updates(stocked) == {"minio": "", "old": "ch:amd64/minio-2"}
    stocked.model.charms.repository = None
    assert updates(stocked) == {"minio": "", "old": ""}
