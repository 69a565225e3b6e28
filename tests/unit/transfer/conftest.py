"""A registry in this process, and a client that waits for nothing long."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping

import pytest

from ckf_airgap.logins.credentials import Credentials, CredentialStore
from ckf_airgap.net.limits import HttpTimeouts, Limits, Policy, Retries
from ckf_airgap.net.trust import TrustStore
from ckf_airgap.transfer.events import Listener, ignore
from ckf_airgap.transfer.registry.endpoint import ClientOptions
from ckf_airgap.transfer.registry.remote import RegistryClient
from tests.unit.transfer.registry import PASSWORD, USER, Registry

KIB = 1024

POLICY = Policy(
    limits=Limits(
        jobs=3,
        requests=6,
        chunk_above_bytes=32 * KIB,
        chunk_bytes=8 * KIB,
        smallest_chunk_bytes=2 * KIB,
    ),
    timeouts=HttpTimeouts(connect_s=2, stall_s=2, commit_s=2, helper_s=2),
    retries=Retries(attempts=3, first_delay_s=0, longest_delay_s=0, longest_retry_after_s=0.01),
)

LOGIN = Credentials(username=USER, password=PASSWORD, origin="the tests")


class NoTrust(TrustStore):
    """Trusts nobody: reading the system's authorities takes longer than a test here."""

    def context(self, host: str) -> ssl.SSLContext:
        return _CONTEXT


_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def make_client(
    *hosts: str,
    login: Credentials | None = None,
    policy: Policy = POLICY,
    mirrors: Mapping[str, tuple[str, ...]] | None = None,
    listener: Listener = ignore,
) -> RegistryClient:
    """Return a client that speaks plain HTTP with some hosts, and has a login for them or none."""
    return RegistryClient(
        ClientOptions(
            plain_http=frozenset(hosts), policy=policy, mirrors=mirrors or {}, trust_env=False
        ),
        credentials=CredentialStore(
            (), given=dict.fromkeys(hosts, login) if login is not None else {}
        ),
        trust=NoTrust(),
        listener=listener,
    )


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    """A registry that everybody may read and write; empty."""
    async with Registry().running() as running:
        yield running


@pytest.fixture
async def mirror() -> AsyncIterator[Registry]:
    """Another one."""
    async with Registry().running() as running:
        yield running


@pytest.fixture
async def client(registry: Registry, mirror: Registry) -> AsyncIterator[RegistryClient]:
    """A client of both, without a login."""
    async with make_client(registry.host, mirror.host) as made:
        yield made
