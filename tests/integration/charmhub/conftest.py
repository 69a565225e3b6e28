"""A store with stand-in charms, and a client that does not wait long."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ckf_airgap.charmhub.store import StoreOptions
from ckf_airgap.net.limits import HttpTimeouts, Retries
from ckf_airgap.net.proxies import Proxies
from tests.integration.charmhub.store import CharmStoreServer

QUICK = Retries(attempts=4, first_delay_s=0.01, longest_delay_s=0.05, longest_retry_after_s=1)


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "CHARMHUB_URL"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
async def server() -> AsyncIterator[CharmStoreServer]:
    async with CharmStoreServer().running() as running:
        yield running


@pytest.fixture
def options(server: CharmStoreServer, tmp_path: Path) -> StoreOptions:
    """How to speak with the store, with short waits."""
    path = tmp_path / "store-ca.crt"
    server.authority.cert_pem.write_to_path(path)
    return StoreOptions(
        url=server.url,
        ca_file=path,
        retries=QUICK,
        timeouts=HttpTimeouts(connect_s=2, stall_s=2),
        proxies=Proxies({}),
    )
