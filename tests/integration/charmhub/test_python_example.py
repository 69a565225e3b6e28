"""The Python of docs/charmhub.md, with a store of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from ckf_airgap import StoreOptions
from ckf_airgap.rehearsal.standin import write_standin
from tests.documents import ROOT, blocks, execute
from tests.integration.charmhub.store import CharmStoreServer
from tests.unit.cli.conftest import BUNDLE, CAT, DOG

EXAMPLE = next(
    block for block in blocks(ROOT / "docs" / "charmhub.md") if block.language == "python"
)


async def test_the_example_fetches_and_lists_charms(
    server: CharmStoreServer,
    options: StoreOptions,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    files = [write_standin(CAT, "shelf", 3), write_standin(DOG, "shelf", 5)]
    server.offer_files(files, {"cat": "2/stable", "dog": "latest/edge"})
    Path("bundle.yaml").write_text(BUNDLE)

    await execute(
        EXAMPLE, {'bundle="1.11"': 'bundle="bundle.yaml", store=options'}, options=options
    )

    assert capsys.readouterr().out.splitlines() == [
        "2 fetched, 2 there",
        "present cat_r3.charm",
        "present dog_r5.charm",
    ]
