"""The Python of docs/pack.md, with a store and a registry of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from ckf_airgap import StoreOptions, TransferSettings
from tests.documents import ROOT, blocks, execute
from tests.integration.packing.conftest import Pets
from tests.integration.packing.connected import HOSTS

EXAMPLE = next(block for block in blocks(ROOT / "docs" / "pack.md") if block.language == "python")


async def test_the_example_packs_verifies_and_unpacks(
    pets: Pets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = StoreOptions(url=pets.side.store.url, ca_file=pets.side.directory / "store-ca.crt")
    host = pets.side.images.host
    transfer = TransferSettings(plain_http=frozenset({host}), mirrors=dict.fromkeys(HOSTS, (host,)))
    changes = {
        'bundle="1.11"': "bundle=bundle, store=store",
        'output=Path("kubeflow-1.11")': 'output="kubeflow-1.11", transfer=transfer',
        "Path.home()": '"home"',
    }

    names = await execute(EXAMPLE, changes, bundle=pets.bundle, store=store, transfer=transfer)

    assert names["packed"].directory == Path("kubeflow-1.11")
    assert sorted(path.name for path in Path("home/charms").iterdir()) == [
        "cat_r3.charm",
        "dog_r5.charm",
    ]
