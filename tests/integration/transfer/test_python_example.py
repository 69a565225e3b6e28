"""The Python of docs/images-transfer.md, between two real registries."""

from __future__ import annotations

from pathlib import Path

import pytest

from ckf_airgap import ImageStatus
from tests.documents import ROOT, blocks, execute
from tests.integration.transfer.samples import publish_set
from tests.integration.transfer.servers import RegistryServer

EXAMPLE = next(
    block for block in blocks(ROOT / "docs" / "images-transfer.md") if block.language == "python"
)


async def test_the_example_carries_all_images(
    public: RegistryServer,
    private: RegistryServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    published = await publish_set(public.host)
    Path("images.txt").write_text("".join(f"{one}\n" for one in published))
    changes = {
        "172.17.0.2:5000": private.host,
        "TransferSettings(jobs=4)": f"TransferSettings(plain_http=[{public.host!r}, "
        f"{private.host!r}])",
        "await verify_images": "verified = await verify_images",
    }

    names = await execute(EXAMPLE, changes)

    assert names["report"].count(ImageStatus.COPIED) == len(published)
    assert len(names["verified"].results) == len(published)
    assert not names["verified"].failed
