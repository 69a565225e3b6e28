"""Registries, images and clients for the tests of ``ckf_airgap.transfer``."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest
import trustme

from ckf_airgap.logins.credentials import Credentials, CredentialStore
from ckf_airgap.net.limits import HttpTimeouts, Limits, Policy, Retries
from ckf_airgap.net.trust import TrustStore
from ckf_airgap.transfer.events import Listener, ignore
from ckf_airgap.transfer.registry.endpoint import ClientOptions
from ckf_airgap.transfer.registry.remote import RegistryClient
from tests.integration.transfer.faults import FaultProxy
from tests.integration.transfer.servers import (
    PASSWORD,
    USER,
    RegistryServer,
    TokenServer,
    htpasswd,
    scratch,
)
from tests.integration.transfer.tools import Engine
from tests.ports import free_port

QUICK = Policy(
    limits=Limits(
        chunk_above_bytes=256 * 1024, chunk_bytes=64 * 1024, smallest_chunk_bytes=8 * 1024
    ),
    timeouts=HttpTimeouts(connect_s=2, stall_s=3, commit_s=5, helper_s=5),
    retries=Retries(attempts=5, first_delay_s=0.02, longest_delay_s=0.2, longest_retry_after_s=1),
)
"""Small chunks and short waits, so that faults show in small images and short tests."""


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy, login or CA of this machine gets into a test."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """The certificate authority of the registries that speak TLS."""
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    """Its certificate."""
    path = tmp_path / "ca.crt"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory for the storage of registries."""
    path = scratch(tmp_path_factory.mktemp("registries"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def public_server(storage: Path) -> Iterator[RegistryServer]:
    yield from _serve(RegistryServer(storage / "public"))


@pytest.fixture(scope="session")
def private_server(storage: Path) -> Iterator[RegistryServer]:
    yield from _serve(RegistryServer(storage / "private"))


@pytest.fixture(scope="session")
def tls_server(storage: Path, authority: trustme.CA) -> Iterator[RegistryServer]:
    config = htpasswd(storage / "htpasswd")
    yield from _serve(RegistryServer(storage / "tls", config, authority))


@pytest.fixture(scope="session")
def token_service(storage: Path) -> TokenServer:
    return TokenServer(storage, free_port())


@pytest.fixture(scope="session")
def token_registry(storage: Path, token_service: TokenServer) -> Iterator[RegistryServer]:
    yield from _serve(RegistryServer(storage / "token", token_service.config))


@pytest.fixture
def public(public_server: RegistryServer) -> RegistryServer:
    """A registry that everybody may read and write, over plain HTTP; empty."""
    public_server.empty()
    return public_server


@pytest.fixture
def private(private_server: RegistryServer) -> RegistryServer:
    """Another one; empty."""
    private_server.empty()
    return private_server


@pytest.fixture
def secured(tls_server: RegistryServer) -> RegistryServer:
    """A registry with TLS of an own CA and basic auth; empty."""
    tls_server.empty()
    return tls_server


@pytest.fixture
async def tokens(
    token_service: TokenServer, token_registry: RegistryServer
) -> AsyncIterator[TokenServer]:
    """The token server, serving."""
    token_registry.empty()
    token_service.lifetime_s = 300
    token_service.allow, token_service.anonymous = {"pull", "push"}, {"pull"}
    token_service.requests.clear()
    async with token_service.running():
        yield token_service


@pytest.fixture
async def proxy(private: RegistryServer) -> AsyncIterator[FaultProxy]:
    """A proxy in front of the private registry."""
    async with FaultProxy(private.host).running() as running:
        yield running


@pytest.fixture
async def public_proxy(public: RegistryServer) -> AsyncIterator[FaultProxy]:
    """A proxy in front of the public registry."""
    async with FaultProxy(public.host).running() as running:
        yield running


@pytest.fixture(scope="session")
def engine_server() -> Iterator[Engine]:
    """A Docker Engine, started once."""
    engine = Engine(Path(tempfile.mkdtemp(prefix="engine-", dir="/tmp")))
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()


@pytest.fixture
async def engine(engine_server: Engine, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    """A Docker Engine without images, which is the one that our code finds."""
    monkeypatch.setenv("DOCKER_HOST", engine_server.url)
    yield engine_server
    await engine_server.forget_all()


def logged_in(*hosts: str, password: str = PASSWORD) -> CredentialStore:
    """Return the login of the tests for some registries, and for no other."""
    login = Credentials(username=USER, password=password, origin="the tests")
    return CredentialStore((), given=dict.fromkeys(hosts, login))


def make_client(
    *plain: str,
    policy: Policy = QUICK,
    ca_file: Path | None = None,
    credentials: CredentialStore | None = None,
    mirrors: Mapping[str, tuple[str, ...]] | None = None,
    listener: Listener = ignore,
) -> RegistryClient:
    """Return a client that speaks plain HTTP with some hosts, and waits for nothing long."""
    return RegistryClient(
        ClientOptions(
            plain_http=frozenset(plain), ca_file=ca_file, policy=policy, mirrors=mirrors or {}
        ),
        credentials=credentials or CredentialStore(()),
        trust=TrustStore(ca_file, ()),
        listener=listener,
    )


def _serve(server: RegistryServer) -> Iterator[RegistryServer]:
    server.start()
    try:
        yield server
    finally:
        server.stop()
