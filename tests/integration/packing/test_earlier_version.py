"""What an earlier version left unfinished is continued: no blob that it had is fetched again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.documents import ROOT
from tests.integration.packing.conftest import Pets
from tests.integration.packing.connected import contents
from tests.integration.packing.test_killed import blobs_sent

UNFINISHED = ROOT / "tests" / "fixtures" / "unfinished"


def finished_blobs(journal: Path) -> set[str]:
    """Return the blobs that a journal says are whole."""
    records = [json.loads(line) for line in journal.read_text().splitlines() if line]
    return {record["blob"] for record in records if "checksum" in record}


@pytest.fixture
def sent_since(pets: Pets) -> object:
    """Returns what the registry has sent since the fixture was made."""
    log = pets.side.images.root / "log.txt"
    before = len(log.read_text(errors="replace"))
    return lambda: blobs_sent(log.read_text(errors="replace")[before:])


def test_an_unfinished_save_is_continued(pets: Pets, sent_since: object, tmp_path: Path) -> None:
    assert callable(sent_since)
    save = tmp_path / "save"
    shutil.copytree(UNFINISHED / "save", save)
    had = finished_blobs(save / "images.tar.gz.part.journal")
    assert len(had) == 3
    options = [option for option in pets.side.options if not option.startswith("--store")]
    archive = save / "images.tar.gz"
    result = pets.call("images", "save", save / "images.txt", "-o", archive, *options)
    assert result.exit_code == 0, result.output
    sent = sent_since()
    assert sent
    assert not had & sent.keys()
    assert sorted(path.name for path in save.iterdir()) == ["images.tar.gz", "images.txt"]

    fresh = tmp_path / "fresh.tar.gz"
    again = pets.call("images", "save", save / "images.txt", "-o", fresh, *options)
    assert again.exit_code == 0, again.output
    assert archive.stat().st_size == fresh.stat().st_size
    assert archive.read_bytes() == fresh.read_bytes()


def test_an_unfinished_pack_is_continued(pets: Pets, sent_since: object, tmp_path: Path) -> None:
    assert callable(sent_since)
    for name in ("out", "out.work"):
        shutil.copytree(UNFINISHED / "pack" / name, pets.out.with_name(name))
    # The store still has what the earlier version fetched; stand-ins have changed since.
    store = pets.side.store
    channels = {offer.name: offer.channel for offer in store.offers}
    store.offers.clear()
    store.offer_files(sorted((UNFINISHED / "pack/out.work/charms").glob("*.charm")), channels)
    had = finished_blobs(pets.out / "images.tar.gz.part.journal")
    assert len(had) == 3
    pets.packed()
    sent = sent_since()
    assert sent
    assert not had & sent.keys()
    assert store.times_sent() == {}
    assert pets.call("verify", pets.out).exit_code == 0
    assert contents(pets.out) == contents(pets.packed(out=tmp_path / "fresh"))
