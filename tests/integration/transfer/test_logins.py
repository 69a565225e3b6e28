"""Logins, tokens, certificates: who may, how it is found out, and what is told when not."""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import shutil
import ssl
import time
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from yarl import URL

from ckf_airgap.errors import InputError, LoginError, TransferError
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.logins.credentials import CredentialStore, config_paths
from ckf_airgap.net.trust import TrustStore
from ckf_airgap.transfer.events import ImageResult, ImageStatus
from ckf_airgap.transfer.pull import pull
from ckf_airgap.transfer.push import PushItem, push
from ckf_airgap.transfer.registry.endpoint import ClientOptions
from ckf_airgap.transfer.registry.remote import RegistryClient
from ckf_airgap.transfer.stores.layout import LayoutDirectory
from tests.integration.transfer.conftest import QUICK, logged_in, make_client
from tests.integration.transfer.faults import Exchange, FaultProxy
from tests.integration.transfer.samples import image, layer, publish
from tests.integration.transfer.servers import PASSWORD, USER, RegistryServer, TokenServer

SAMPLE = image([layer("one"), layer("two")])


@pytest.fixture
async def carried(public: RegistryServer, tmp_path: Path) -> Path:
    """A layout with an image."""
    await publish(f"http://{public.host}", "some/image", "1", SAMPLE)
    async with make_client(public.host) as client:
        with LayoutDirectory.create(tmp_path / "carried") as layout:
            await pull(client, [ImageReference(public.host, "some/image", "1")], layout)
    return tmp_path / "carried"


@pytest.fixture
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that programs are found in."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    return directory


async def push_to(client: RegistryClient, path: Path, host: str) -> ImageResult:
    with LayoutDirectory.open(path) as layout:
        (source,) = await layout.references()
        target = ImageReference(host, "some/image", "1")
        (result,) = await push(client, layout, [PushItem(source=source, target=target)])
    return result


def write_config(directory: Path, document: object) -> Path:
    path = directory / "config.json"
    path.write_text(json.dumps(document))
    return path


def auth_entry(user: str = USER, password: str = PASSWORD) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def write_helper(directory: Path, name: str, script: str) -> None:
    path = directory / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("scheme", ["", "https://", "https://{}/v1/"])
async def test_the_login_of_docker_is_used(
    secured: RegistryServer, carried: Path, ca_file: Path, tmp_path: Path, scheme: str
) -> None:
    key = scheme.format(secured.host) if "{}" in scheme else f"{scheme}{secured.host}"
    config = write_config(tmp_path, {"auths": {"other:1": {}, key: auth_entry()}})
    async with make_client(ca_file=ca_file, credentials=CredentialStore((config,))) as client:
        result = await push_to(client, carried, secured.host)
    assert result.status is ImageStatus.COPIED


@pytest.mark.parametrize("path", ["some", "some/image"])
async def test_the_login_of_podman_for_a_namespace_is_used_for_what_is_below_it(
    secured: RegistryServer, carried: Path, ca_file: Path, tmp_path: Path, path: str
) -> None:
    host = secured.host
    entries = {host: auth_entry("nobody"), f"{host}/{path}": auth_entry(), f"{host}/so": {}}
    config = write_config(tmp_path, {"auths": entries})
    async with make_client(ca_file=ca_file, credentials=CredentialStore((config,))) as client:
        result = await push_to(client, carried, host)
    assert result.status is ImageStatus.COPIED


@pytest.mark.parametrize("key", ["credsStore", "credHelpers"])
async def test_a_credential_helper_is_asked(
    secured: RegistryServer, carried: Path, ca_file: Path, helpers: Path, key: str
) -> None:
    answer = json.dumps({"ServerURL": "x", "Username": USER, "Secret": PASSWORD})
    script = f"read server; test $1 = get -a $server = {secured.host} && echo '{answer}'"
    write_helper(helpers, "tests", script)
    value = "tests" if key == "credsStore" else {secured.host: "tests"}
    config = write_config(helpers, {key: value})
    async with make_client(ca_file=ca_file, credentials=CredentialStore((config,))) as client:
        result = await push_to(client, carried, secured.host)
    assert result.status is ImageStatus.COPIED


FAILURES: list[tuple[str | None, str]] = [
    (None, "docker-credential-tests of {} is not installed"),
    ("echo secret-in-output; exit 3", "ended with exit code 3"),
    ("echo not json", "its answer is not a login"),
    ("sleep 20", "no answer in 0.3 s"),
]


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_helper_that_fails_is_told_when_the_login_is_refused(
    secured: RegistryServer,
    carried: Path,
    ca_file: Path,
    helpers: Path,
    failure: tuple[str | None, str],
) -> None:
    script, text = failure
    if script is not None:
        write_helper(helpers, "tests", script)
    config = write_config(helpers, {"credsStore": "tests"})
    store = CredentialStore((config,), helper_timeout_s=0.3)
    started = time.monotonic()
    async with make_client(ca_file=ca_file, credentials=store) as client:
        result = await push_to(client, carried, secured.host)
    assert time.monotonic() - started < 10
    assert isinstance(result.error, LoginError)
    assert text.format(config) in str(result.error)
    assert "secret-in-output" not in str(result.error)


async def test_a_helper_without_the_login_leaves_it_to_the_file(helpers: Path) -> None:
    write_helper(helpers, "tests", "echo 'credentials not found in native keychain'; exit 1")
    config = write_config(helpers, {"credsStore": "tests", "auths": {"reg:5": auth_entry()}})
    store = CredentialStore((config,))
    found = await store.find("reg:5")
    assert found is not None
    assert (found.username, found.password) == (USER, PASSWORD)
    assert store.troubles == []


async def test_docker_hub_is_found_under_the_name_that_docker_gives_it(tmp_path: Path) -> None:
    config = write_config(tmp_path, {"auths": {"https://index.docker.io/v1/": auth_entry()}})
    found = await CredentialStore((config,)).find("docker.io")
    assert found is not None
    assert found.username == USER


def test_the_files_of_docker_and_podman_are_looked_in() -> None:
    paths = config_paths({"HOME": "/home/u", "XDG_RUNTIME_DIR": "/run/user/1"})
    assert [str(path) for path in paths] == [
        "/home/u/.docker/config.json",
        "/run/user/1/containers/auth.json",
        "/home/u/.config/containers/auth.json",
    ]
    assert config_paths({"HOME": "/h", "DOCKER_CONFIG": "/x"})[0] == Path("/x/config.json")
    assert config_paths({"HOME": "/h", "REGISTRY_AUTH_FILE": "/a.json"})[0] == Path("/a.json")


@pytest.mark.parametrize("password", [None, "wrong-password-7"])
async def test_a_refused_login_is_told_without_the_password(
    secured: RegistryServer,
    carried: Path,
    ca_file: Path,
    password: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    store = logged_in(secured.host, password=password) if password else CredentialStore(())
    async with make_client(ca_file=ca_file, credentials=store) as client:
        result = await push_to(client, carried, secured.host)
    assert isinstance(result.error, LoginError)
    assert f"docker login {secured.host}" in str(result.error)
    told = "with the login of the tests" if password else "refused to read .* without a login"
    assert re.search(told, str(result.error))
    basic = base64.b64encode(f"{USER}:{password}".encode()).decode()
    for secret in (password or PASSWORD, basic):
        assert secret not in str(result.error)
        assert secret not in caplog.text
        assert secret not in repr(store._given)


async def test_a_login_that_may_only_read_is_told_so_and_finds_what_is_there(
    token_registry: RegistryServer, tokens: TokenServer, carried: Path
) -> None:
    host = token_registry.host
    async with make_client(host, tokens.host, credentials=logged_in(host)) as client:
        assert (await push_to(client, carried, host)).status is ImageStatus.COPIED
    tokens.allow = {"pull"}
    async with make_client(host, tokens.host, credentials=logged_in(host)) as client:
        assert (await push_to(client, carried, host)).status is ImageStatus.PRESENT
    token_registry.empty()
    async with make_client(host, tokens.host, credentials=logged_in(host)) as client:
        result = await push_to(client, carried, host)
    assert isinstance(result.error, LoginError)
    assert "does not allow this login to write to some/image" in str(result.error)


async def test_tokens_that_last_a_moment_are_renewed(
    token_registry: RegistryServer, tokens: TokenServer, carried: Path
) -> None:
    tokens.lifetime_s = 1
    host = token_registry.host
    async with FaultProxy(host).running() as proxy:

        async def slow(exchange: Exchange) -> None:
            if exchange.is_data:
                exchange.rate = 20_000

        proxy.faults.append(slow)
        store = logged_in(proxy.host)
        async with make_client(proxy.host, tokens.host, credentials=store) as client:
            result = await push_to(client, carried, proxy.host)
    assert result.status is ImageStatus.COPIED
    assert len(tokens.requests) > 1


async def test_the_scope_that_a_registry_names_is_asked_for_too(
    private: RegistryServer, proxy: FaultProxy, carried: Path
) -> None:
    asked: list[str] = []

    async def rename(exchange: Exchange) -> web.Response | None:
        if exchange.path == "/token":
            asked.extend(exchange.request.query.getall("scope", []))
            allowed = "repository:inner/some/image:pull,push" in asked
            return web.json_response({"token": "good" if allowed else "bad"})
        if exchange.request.headers.get("Authorization") == "Bearer good":
            return None
        challenge = f'Bearer realm="http://{proxy.host}/token",service="s"'
        if "/some/image/" in exchange.path:
            challenge += ',scope="repository:inner/some/image:pull,push"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    proxy.faults.append(rename)
    async with make_client(proxy.host) as client:
        result = await push_to(client, carried, proxy.host)
    assert result.status is ImageStatus.COPIED


async def test_an_identity_token_is_used_to_get_tokens(
    token_registry: RegistryServer, tokens: TokenServer, carried: Path, tmp_path: Path
) -> None:
    host = token_registry.host
    config = write_config(
        tmp_path, {"auths": {host: {"auth": "", "identitytoken": tokens.refresh_token}}}
    )
    async with make_client(host, tokens.host, credentials=CredentialStore((config,))) as client:
        result = await push_to(client, carried, host)
    assert result.status is ImageStatus.COPIED


async def test_credentials_do_not_go_to_a_token_server_without_tls(
    secured: RegistryServer, carried: Path, authority: trustme.CA, ca_file: Path
) -> None:
    """A registry with TLS that names a realm without it gets no credentials."""
    import ssl

    seen: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        seen.extend(request.headers.getall("Authorization", []))
        challenge = 'Bearer realm="http://tokens.example.com/token",service="s"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "localhost", 0, ssl_context=context)
    await site.start()
    assert site._server is not None
    host = f"localhost:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    try:
        async with make_client(ca_file=ca_file, credentials=logged_in(host)) as client:
            result = await push_to(client, carried, host)
    finally:
        await runner.cleanup()
    assert isinstance(result.error, LoginError)
    assert "unencrypted" in str(result.error)
    assert seen == []


async def test_a_redirect_to_another_host_gets_no_credentials(
    token_registry: RegistryServer,
    tokens: TokenServer,
    public: RegistryServer,
    public_proxy: FaultProxy,
    tmp_path: Path,
) -> None:
    """As registries do that keep their blobs in an object store."""
    await publish(f"http://{public.host}", "some/image", "1", SAMPLE)
    host = token_registry.host
    async with make_client(public.host, host, tokens.host, credentials=logged_in(host)) as client:
        with LayoutDirectory.create(tmp_path / "there") as layout:
            await pull(client, [ImageReference(public.host, "some/image", "1")], layout)
        await push_to(client, tmp_path / "there", host)
    async with FaultProxy(host).running() as front:

        async def redirect(exchange: Exchange) -> web.Response | None:
            if exchange.is_blob_get:
                place = f"http://127.0.0.1:{public_proxy._port}{exchange.path}?X-Signature=a%2Fb%3D"
                return web.Response(status=307, headers={"Location": place})
            return None

        front.faults.append(redirect)
        tokens.anonymous = set()
        plain = (front.host, tokens.host, f"127.0.0.1:{public_proxy._port}")
        async with make_client(*plain, credentials=logged_in(front.host)) as client:
            with LayoutDirectory.create(tmp_path / "back") as layout:
                reference = ImageReference(front.host, "some/image", "1")
                (result,) = await pull(client, [reference], layout)
    assert result.status is ImageStatus.COPIED
    assert public_proxy.records
    for record in public_proxy.records:
        assert "Authorization" not in record.headers
        assert record.query == "X-Signature=a%2Fb%3D"


# Certificates


async def test_nothing_is_read_from_where_a_registry_with_tls_sends_on_without(
    authority: trustme.CA, ca_file: Path, public: RegistryServer, tmp_path: Path
) -> None:
    await publish(f"http://{public.host}", "some/image", "1", SAMPLE)

    async def send_on(request: web.Request) -> web.Response:
        if request.path == "/v2/":
            return web.Response()
        raise web.HTTPTemporaryRedirect(f"http://{public.host}{request.path}")

    app = web.Application()
    app.router.add_get("/{path:.*}", send_on)
    runner = web.AppRunner(app, access_log=None)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    await runner.setup()
    try:
        await web.TCPSite(runner, "localhost", 0, ssl_context=context).start()
        host = f"localhost:{runner.addresses[0][1]}"
        async with make_client(ca_file=ca_file) as client:
            with LayoutDirectory.create(tmp_path / "from") as layout:
                (result,) = await pull(client, [ImageReference(host, "some/image", "1")], layout)
    finally:
        await runner.cleanup()
    assert f"to {public.host} without TLS" in str(result.error)


async def test_nothing_is_sent_where_a_registry_with_tls_names_an_upload_without() -> None:
    there = URL("https://registry.example.com/v2/a/b/blobs/uploads/")
    async with make_client() as client:
        session = (await client.registry("registry.example.com")).session
        assert session.locate("http://registry.example.com:5000/v2/x?a=%2F", there) == (
            "https://registry.example.com/v2/x?a=%2F"
        )
        with pytest.raises(TransferError, match=r"to other\.example\.com:80 without TLS"):
            session.locate("http://other.example.com/v2/x", there)


async def test_a_ca_that_is_not_known_is_told(secured: RegistryServer, carried: Path) -> None:
    async with make_client(credentials=logged_in(secured.host)) as client:
        result = await push_to(client, carried, secured.host)
    assert f"the certificate of {secured.host} is not trusted" in str(result.error)
    assert f"/etc/docker/certs.d/{secured.host}/ca.crt" in str(result.error)


async def test_the_ca_of_dockers_directory_is_used(
    secured: RegistryServer, carried: Path, ca_file: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "certs.d" / secured.host
    directory.mkdir(parents=True)
    shutil.copy(ca_file, directory / "ca.crt")
    async with _client(secured.host, TrustStore(None, (tmp_path / "certs.d",))) as client:
        result = await push_to(client, carried, secured.host)
    assert result.status is ImageStatus.COPIED


async def test_the_ca_of_the_environment_is_used(
    secured: RegistryServer, carried: Path, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    async with _client(secured.host, TrustStore(None, ())) as client:
        result = await push_to(client, carried, secured.host)
    assert result.status is ImageStatus.COPIED


# Python 3.10 warns about each TLS transport that the peer has ended with an alert.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_client_certificate_of_dockers_directory_is_used(
    storage: Path, authority: trustme.CA, carried: Path, tmp_path: Path, ca_file: Path
) -> None:
    clients = trustme.CA()
    clients.cert_pem.write_to_path(tmp_path / "clients.crt")
    server = RegistryServer(storage / "mutual", authority=authority)
    server.client_authority = tmp_path / "clients.crt"
    server.start()
    try:
        directory = tmp_path / "certs.d" / server.host
        directory.mkdir(parents=True)
        shutil.copy(ca_file, directory / "ca.crt")
        trust = TrustStore(None, (tmp_path / "certs.d",))
        async with _client(server.host, trust) as client:
            result = await push_to(client, carried, server.host)
        assert isinstance(result.error, LoginError)
        assert "wants a client certificate" in str(result.error)
        pair = clients.issue_cert("carrier@example.com")
        pair.private_key_pem.write_to_path(directory / "client.key")
        pair.cert_chain_pems[0].write_to_path(directory / "client.cert")
        trust = TrustStore(None, (tmp_path / "certs.d",))
        async with _client(server.host, trust) as client:
            result = await push_to(client, carried, server.host)
        assert result.status is ImageStatus.COPIED
    finally:
        server.stop()


@pytest.mark.parametrize("name", ["ca.crt", "client.cert"])
async def test_a_file_that_is_no_certificate_is_named(
    secured: RegistryServer, carried: Path, tmp_path: Path, name: str
) -> None:
    directory = tmp_path / "certs.d" / secured.host
    directory.mkdir(parents=True)
    (directory / name).write_text("nothing")
    async with _client(secured.host, TrustStore(None, (tmp_path / "certs.d",))) as client:
        result = await push_to(client, carried, secured.host)
    assert isinstance(result.error, InputError)
    assert str(directory / name) in str(result.error)


async def test_plain_http_is_spoken_only_when_asked_for(
    private: RegistryServer, carried: Path
) -> None:
    async with make_client() as client:
        result = await push_to(client, carried, private.host)
    assert isinstance(result.error, TransferError)
    assert f"--plain-http {private.host}" in str(result.error)


async def test_plain_http_asked_of_a_registry_with_tls_is_told(
    secured: RegistryServer, carried: Path
) -> None:
    async with make_client(secured.host) as client:
        result = await push_to(client, carried, secured.host)
    assert "speaks HTTPS" in str(result.error)


# Mirrors and proxies


async def test_mirrors_are_tried_first_and_the_registry_itself_last(
    public: RegistryServer, private: RegistryServer, tmp_path: Path
) -> None:
    other = image([layer("only at home")])
    await publish(f"http://{private.host}", "mirror/of/some/image", "1", SAMPLE)
    await publish(f"http://{public.host}", "some/other", "1", other)
    mirrors = {public.host: ("localhost:9", f"{private.host}/mirror/of")}
    hosts = (public.host, private.host, "localhost:9")
    async with make_client(*hosts, mirrors=mirrors) as client:
        with LayoutDirectory.create(tmp_path / "layout") as layout:
            names = [
                ImageReference(public.host, f"some/{name}", "1") for name in ("image", "other")
            ]
            results = await pull(client, names, layout)
            assert [result.digest for result in results] == [SAMPLE.digest, other.digest]
            assert set(await layout.references()) == {str(name) for name in names}


async def test_a_proxy_of_the_environment_is_used(
    public: RegistryServer,
    public_proxy: FaultProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await publish(f"http://{public.host}", "some/image", "1", SAMPLE)
    monkeypatch.setenv("HTTP_PROXY", f"http://{public_proxy.host}")
    monkeypatch.setenv("NO_PROXY", "other.example.com,10.0.0.0/8")
    options = ClientOptions(plain_http=frozenset({"registry.example.com"}), policy=QUICK)
    async with RegistryClient(options, credentials=CredentialStore(())) as client:
        with LayoutDirectory.create(tmp_path / "layout") as layout:
            reference = ImageReference("registry.example.com", "some/image", "1")
            (result,) = await pull(client, [reference], layout)
    assert result.error is None
    assert {record.headers["Host"] for record in public_proxy.records} == {"registry.example.com"}


def _client(host: str, trust: TrustStore) -> RegistryClient:
    return RegistryClient(
        ClientOptions(policy=QUICK, trust_env=False), credentials=logged_in(host), trust=trust
    )
