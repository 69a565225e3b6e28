"""A login stays with its registry, and plain HTTP with the hosts that were named for it."""

from __future__ import annotations

import contextlib
import itertools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp import web
from yarl import URL

from ckf_airgap.errors import InputError, LoginError, TransferError
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.logins.credentials import Credentials
from ckf_airgap.net.patience import Retrying
from ckf_airgap.transfer.events import ImageResult, ImageStatus, TransferEvent
from ckf_airgap.transfer.pull import pull
from ckf_airgap.transfer.push import PushItem, push
from ckf_airgap.transfer.registry.endpoint import ClientOptions, Endpoint
from ckf_airgap.transfer.registry.origins import Origins
from ckf_airgap.transfer.registry.remote import RegistryClient
from ckf_airgap.transfer.registry.session import Request
from ckf_airgap.transfer.stores.layout import LayoutDirectory
from tests.integration.transfer.conftest import logged_in, make_client
from tests.integration.transfer.faults import Exchange, FaultProxy
from tests.integration.transfer.samples import image, layer, publish
from tests.integration.transfer.servers import PASSWORD, USER, RegistryServer, TokenServer
from tests.integration.transfer.stored import put_image

SMALL, LARGE = layer("small"), layer("large", 400_000)
SAMPLE = image([SMALL, LARGE])

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Elsewhere:
    """Another server, which remembers what it was asked."""

    def __init__(self, host: str, requests: list[web.Request]) -> None:
        self.host = host
        self.requests = requests

    @property
    def logins(self) -> list[str]:
        """The logins that were sent here."""
        return [one.headers["Authorization"] for one in self.requests if _has_login(one)]


def _has_login(request: web.Request) -> bool:
    return "Authorization" in request.headers


@contextlib.asynccontextmanager
async def elsewhere(
    answer: Answering, authority: trustme.CA | None = None
) -> AsyncIterator[Elsewhere]:
    """Serve, with TLS when an authority is given."""
    seen: list[web.Request] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        return await answer(request)

    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", handle)
    context = None
    if authority is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield Elsewhere(f"127.0.0.1:{runner.addresses[0][1]}", seen)
    finally:
        await runner.cleanup()


async def nothing(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=404)


def token_realm(url: str) -> web.Response:
    challenge = f'Bearer realm="{url}",service="s"'
    return web.Response(status=401, headers={"WWW-Authenticate": challenge})


def wants_token(realm: str) -> Callable[[Exchange], Awaitable[web.Response | None]]:
    """Return a fault: a registry that wants the token ``good`` of a realm."""

    async def fault(exchange: Exchange) -> web.Response | None:
        if exchange.request.headers.get("Authorization") == "Bearer good":
            return None
        if exchange.request.can_read_body:
            await exchange.request.read()
        return token_realm(realm)

    return fault


async def give_token(_request: web.Request) -> web.StreamResponse:
    return web.json_response({"token": "good"})


async def pull_from(client: RegistryClient, host: str, path: Path) -> ImageResult:
    with LayoutDirectory.create(path) as layout:
        (result,) = await pull(client, [ImageReference(host, "some/image", "1")], layout)
    return result


async def push_to(client: RegistryClient, host: str, path: Path) -> ImageResult:
    with LayoutDirectory.create(path) as layout:
        await put_image(layout, "some/image:1", SAMPLE)
        item = PushItem(source="some/image:1", target=ImageReference(host, "some/image", "1"))
        (result,) = await push(client, layout, [item])
    return result


def basic() -> str:
    return Credentials(username=USER, password=PASSWORD).basic()


# Token servers


@pytest.mark.parametrize("who", ["a user", "nobody"])
@pytest.mark.parametrize("where", ["127.0.0.1", "localhost"])
async def test_a_token_server_without_tls_is_asked_only_when_it_was_named(
    private: RegistryServer, proxy: FaultProxy, tmp_path: Path, who: str, where: str
) -> None:
    """Another port of the same host is another server, too."""
    store = logged_in(proxy.host) if who == "a user" else None
    async with elsewhere(give_token) as tokens:
        port = tokens.host.rpartition(":")[2]
        proxy.faults.append(wants_token(f"http://{where}:{port}/token"))
        async with make_client(proxy.host, credentials=store) as client:
            result = await push_to(client, proxy.host, tmp_path / "one")
        assert isinstance(result.error, LoginError)
        assert "unencrypted" in str(result.error)
        assert f"--plain-http {where}:{port}" in str(result.error)
        assert tokens.requests == []
        async with make_client(proxy.host, f"{where}:{port}", credentials=store) as client:
            result = await push_to(client, proxy.host, tmp_path / "two")
        assert result.status is ImageStatus.COPIED
        assert set(tokens.logins) == ({basic()} if who == "a user" else set())
    assert private.stored_blobs() == SAMPLE.digests


async def test_a_token_server_with_tls_may_be_anywhere(
    proxy: FaultProxy, authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    async with elsewhere(give_token, authority) as tokens:
        proxy.faults.append(wants_token(f"https://{tokens.host}/token"))
        store = logged_in(proxy.host)
        async with make_client(proxy.host, ca_file=ca_file, credentials=store) as client:
            result = await push_to(client, proxy.host, tmp_path / "there")
        assert result.status is ImageStatus.COPIED
        assert set(tokens.logins) == {basic()}


async def test_a_registry_with_tls_cannot_have_its_login_sent_without(
    authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    async with elsewhere(give_token) as tokens:

        async def challenge(_request: web.Request) -> web.StreamResponse:
            return token_realm(f"http://{tokens.host}/token")

        async with elsewhere(challenge, authority) as there:
            for named in ((), (tokens.host,)):
                store = logged_in(there.host)
                async with make_client(*named, ca_file=ca_file, credentials=store) as client:
                    result = await pull_from(client, there.host, tmp_path / "back")
                assert isinstance(result.error, LoginError)
                assert (tokens.requests != []) is bool(named)


@pytest.mark.parametrize("realm", ["", "file:///etc/passwd", "https:///x", "https://h:99999999/"])
async def test_a_realm_that_is_nowhere_is_told(
    proxy: FaultProxy, tmp_path: Path, realm: str
) -> None:
    proxy.faults.append(wants_token(realm))
    async with make_client(proxy.host, credentials=logged_in(proxy.host)) as client:
        result = await pull_from(client, proxy.host, tmp_path / "back")
    assert isinstance(result.error, LoginError)
    assert f"names an invalid token server: {realm!r}" in str(result.error)


@pytest.mark.parametrize("what", ["/v2/", "/manifests/", "/blobs/sha256:", "/blobs/uploads/"])
async def test_no_login_goes_to_a_token_server_that_another_host_names(
    private: RegistryServer,
    proxy: FaultProxy,
    authority: trustme.CA,
    ca_file: Path,
    tmp_path: Path,
    *,
    what: str,
) -> None:
    """The other host is one that the registry sends a client on to."""
    pushing = what == "/blobs/uploads/"
    if not pushing:
        await publish(f"http://{private.host}", "some/image", "1", SAMPLE)

    async def challenge(request: web.Request) -> web.StreamResponse:
        await request.read()
        return token_realm(f"https://{request.host}/token")

    async with elsewhere(challenge, authority) as other:

        async def send_on(exchange: Exchange) -> web.Response | None:
            headers = {"Location": f"https://{other.host}{exchange.request.raw_path}"}
            if pushing:
                if exchange.method == "POST" and what in exchange.path:
                    return web.Response(status=202, headers=headers)
            elif exchange.path.endswith(what) or (what != "/v2/" and what in exchange.path):
                return web.Response(status=307, headers=headers)
            return None

        proxy.faults.append(wants_token(f"http://{proxy.host}/token"))
        proxy.faults.insert(0, send_on)
        proxy.faults.insert(0, tokens_of_its_own)
        store = logged_in(proxy.host)
        async with make_client(proxy.host, ca_file=ca_file, credentials=store) as client:
            carry = push_to if pushing else pull_from
            result = await carry(client, proxy.host, tmp_path / "there")
        assert other.requests
        assert other.logins == []
        assert "/token" not in [one.path for one in other.requests]
        if what != "/v2/":
            assert isinstance(result.error, LoginError)
            assert f"to {other.host}, which wants a login" in str(result.error)


async def tokens_of_its_own(exchange: Exchange) -> web.Response | None:
    if exchange.path == "/token":
        return web.json_response({"token": "good"})
    return None


# Redirects and uploads


@pytest.mark.parametrize("tls", [True, False], ids=["TLS", "plain"])
async def test_storage_without_tls_is_read_only_when_it_was_named_and_without_the_login(
    public: RegistryServer,
    public_proxy: FaultProxy,
    authority: trustme.CA,
    ca_file: Path,
    tmp_path: Path,
    *,
    tls: bool,
) -> None:
    await publish(f"http://{public.host}", "some/image", "1", SAMPLE)

    async def registry(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != basic():
            return web.Response(status=401, headers={"WWW-Authenticate": "Basic"})
        if request.path == "/v2/":
            return web.Response()
        place = f"http://{public_proxy.host}{request.path}?X-Signature=a%2Fb%3D"
        return web.Response(status=307, headers={"Location": place})

    async with elsewhere(registry, authority if tls else None) as there:
        store, own = logged_in(there.host), () if tls else (there.host,)
        async with make_client(*own, ca_file=ca_file, credentials=store) as client:
            result = await pull_from(client, there.host, tmp_path / "one")
        assert isinstance(result.error, TransferError)
        assert f"to {public_proxy.host} without TLS" in str(result.error)
        assert f"--plain-http {public_proxy.host}" in str(result.error)
        assert public_proxy.records == []
        own = (*own, public_proxy.host)
        async with make_client(*own, ca_file=ca_file, credentials=store) as client:
            result = await pull_from(client, there.host, tmp_path / "two")
    assert (result.status, result.digest) == (ImageStatus.COPIED, SAMPLE.digest)
    for record in public_proxy.records:
        assert "Authorization" not in record.headers
        assert record.query == "X-Signature=a%2Fb%3D"


@pytest.mark.parametrize("relative", [False, True])
async def test_uploads_go_to_a_host_without_tls_only_when_it_was_named(
    private: RegistryServer, proxy: FaultProxy, tmp_path: Path, relative: bool
) -> None:
    """A place that this host names relative to itself is there, and not in the registry."""
    storage = FaultProxy(private.host)
    async with storage.running():
        host = f"127.0.0.1:{storage._port}"

        begun = itertools.count()

        async def move(exchange: Exchange) -> web.Response | None:
            if exchange.method == "POST" and exchange.is_upload:
                place = f"http://{host}{exchange.request.raw_path}?begin={next(begun)}"
                return web.Response(status=202, headers={"Location": place})
            return None

        places: dict[str, str] = {}

        async def begin(exchange: Exchange) -> web.Response | None:
            """Open the upload at its first byte, and name its place as asked for."""
            return await begin_upload(private.host, exchange, places, relative=relative)

        proxy.faults += [basic_login, move]
        storage.faults.append(begin)
        async with make_client(proxy.host, credentials=logged_in(proxy.host)) as client:
            result = await push_to(client, proxy.host, tmp_path / "one")
        assert isinstance(result.error, TransferError)
        assert f"--plain-http {host}" in str(result.error)
        assert storage.records == []
        async with make_client(proxy.host, host, credentials=logged_in(proxy.host)) as client:
            result = await push_to(client, proxy.host, tmp_path / "two")
        assert result.status is ImageStatus.COPIED
        assert proxy.uploaded == 0
    assert private.stored_blobs() == SAMPLE.digests
    assert [one for one in storage.records if "Authorization" in one.headers] == []


async def basic_login(exchange: Exchange) -> web.Response | None:
    if exchange.request.headers.get("Authorization") == basic():
        return None
    return web.Response(status=401, headers={"WWW-Authenticate": "Basic"})


async def begin_upload(
    upstream: str, exchange: Exchange, places: dict[str, str], *, relative: bool
) -> web.Response | None:
    """Answer as storage that takes uploads which it has never heard of."""
    request = exchange.request
    body = await request.read()
    # Blobs of one repository are uploaded at the same time: each upload has a number.
    key = f"{request.path}?begin={request.query['begin']}"
    async with aiohttp.ClientSession() as http:
        if key not in places:
            async with http.post(f"http://{upstream}{request.path}") as opened:
                places[key] = opened.headers["Location"]
        url = URL(places[key], encoded=True)
        digest = request.query.get("digest")
        url = url.update_query(digest=digest) if digest else url
        headers = {
            name: request.headers[name] for name in ("Content-Range",) if name in request.headers
        }
        async with http.request(request.method, url, data=body, headers=headers) as answer:
            if digest:
                del places[key]
                return web.Response(status=answer.status, text=await answer.text())
            places[key] = answer.headers["Location"]
            named = {"Location": key if relative else f"http://{request.host}{key}"}
            if "Range" in answer.headers:
                named["Range"] = answer.headers["Range"]
            return web.Response(status=answer.status, headers=named)


async def test_a_login_for_a_registrys_own_api_does_not_follow_a_redirect(
    proxy: FaultProxy, authority: trustme.CA, ca_file: Path
) -> None:
    async with elsewhere(nothing, authority) as other:

        async def send_on(exchange: Exchange) -> web.Response | None:
            if exchange.path.startswith("/api/"):
                place = f"https://{other.host}{exchange.path}"
                return web.Response(status=302, headers={"Location": place})
            return None

        proxy.faults.append(send_on)
        store = logged_in(proxy.host)
        async with make_client(proxy.host, ca_file=ca_file, credentials=store) as client:
            session = (await client.registry(proxy.host)).session
            request = Request(
                method="GET", url="/api/v2.0/x", what="the API", accept=frozenset({404})
            )
            await session.ask_as_user(request)
        assert [one.path for one in other.requests] == ["/api/v2.0/x"]
        assert other.logins == []
    (asked,) = [one for one in proxy.records if one.path.startswith("/api/")]
    assert asked.headers["Authorization"] == basic()


@pytest.mark.parametrize(
    "place",
    ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "https:///x", "https://h:99999999/"],
)
async def test_what_is_not_on_the_web_is_refused_at_once(
    proxy: FaultProxy, tmp_path: Path, place: str
) -> None:
    events: list[TransferEvent] = []

    async def send_on(exchange: Exchange) -> web.Response | None:
        if "/manifests/" in exchange.path:
            return web.Response(status=307, headers={"Location": place})
        return None

    proxy.faults.append(send_on)
    async with make_client(proxy.host, listener=events.append) as client:
        result = await pull_from(client, proxy.host, tmp_path / "back")
    assert type(result.error) is TransferError
    assert "redirects" in str(result.error)
    assert [one for one in events if isinstance(one, Retrying)] == []
    assert proxy.count("GET", "/manifests/") == 1


async def test_another_host_that_does_not_speak_tls_is_not_told_as_the_registry(
    proxy: FaultProxy, tmp_path: Path
) -> None:
    """So that nobody is advised to speak plain HTTP with the registry because of its storage."""
    async with elsewhere(nothing) as other:

        async def send_on(exchange: Exchange) -> web.Response | None:
            if "/manifests/" in exchange.path:
                headers = {"Location": f"https://{other.host}/x"}
                return web.Response(status=307, headers=headers)
            return None

        proxy.faults.append(send_on)
        async with make_client(proxy.host) as client:
            result = await pull_from(client, proxy.host, tmp_path / "back")
    assert f"{other.host} (named by {proxy.host}) does not speak TLS" in str(result.error)
    assert "--plain-http" not in str(result.error)


async def test_a_login_in_an_address_that_a_registry_names_is_not_used(
    private: RegistryServer, proxy: FaultProxy, tmp_path: Path
) -> None:
    await publish(f"http://{private.host}", "some/image", "1", SAMPLE)

    async def send_on(exchange: Exchange) -> web.Response | None:
        if "/manifests/" in exchange.path and not exchange.request.query:
            place = f"http://other:secret@{proxy.host}{exchange.path}?again=1"
            return web.Response(status=307, headers={"Location": place})
        return await basic_login(exchange)

    proxy.faults.append(send_on)
    async with make_client(proxy.host, credentials=logged_in(proxy.host)) as client:
        result = await pull_from(client, proxy.host, tmp_path / "back")
    assert result.status is ImageStatus.COPIED
    sent = {one.headers["Authorization"] for one in proxy.records if one.query == "again=1"}
    assert sent == {basic()}


async def test_a_registry_that_is_named_in_capitals_gets_its_login(
    private: RegistryServer, proxy: FaultProxy, tmp_path: Path
) -> None:
    await publish(f"http://{private.host}", "some/image", "1", SAMPLE)
    proxy.faults.append(basic_login)
    host = proxy.host.upper()
    async with make_client(host, credentials=logged_in(host)) as client:
        result = await pull_from(client, host, tmp_path / "back")
    assert result.status is ImageStatus.COPIED


async def test_a_registry_behind_a_token_server_of_another_port_works_when_both_are_named(
    token_registry: RegistryServer, tokens: TokenServer, tmp_path: Path
) -> None:
    host = token_registry.host
    async with make_client(host, credentials=logged_in(host)) as client:
        result = await push_to(client, host, tmp_path / "one")
    assert f"--plain-http {tokens.host}" in str(result.error)
    assert tokens.requests == []
    async with make_client(host, tokens.host, credentials=logged_in(host)) as client:
        result = await push_to(client, host, tmp_path / "two")
    assert result.status is ImageStatus.COPIED


@pytest.mark.parametrize(
    ("url", "allowed", "own"),
    [
        ("https://reg.example/v2/", True, True),
        ("https://reg.example:443/v2/", True, True),
        ("https://REG.example/v2/", True, True),
        ("https://reg.example:8443/v2/", True, False),
        ("http://reg.example/v2/", False, False),
        ("http://reg.example:443/v2/", False, False),
        ("https://other.example/", True, False),
        ("http://other.example/", False, False),
        ("http://named.example/", True, False),
        ("http://named.example:80/", True, False),
        ("http://named.example:81/", False, False),
        ("http://sub.named.example/", False, False),
        ("http://Ported.Example:9000/", True, False),
        ("http://ported.example/", False, False),
        ("http://[fd00::1]:5000/", True, False),
        ("http://[fd00::1]:5001/", False, False),
        ("file:///etc/passwd", False, False),
        ("https:///nowhere", False, False),
    ],
)
def test_only_what_was_named_is_allowed_without_tls(url: str, *, allowed: bool, own: bool) -> None:
    named = ("named.example", "ported.example:9000", "[fd00::1]:5000")
    origins = Origins(Endpoint("reg.example"), named)
    assert (origins.allows(URL(url)), origins.is_own(URL(url))) == (allowed, own)


def test_plain_http_for_a_registrys_port_80_leaves_the_registry_itself_with_tls() -> None:
    """So that a token server which names itself without TLS can be allowed on its own."""
    options = ClientOptions(plain_http=frozenset({"reg.example:80"}))
    endpoint = options.endpoint("reg.example")
    assert endpoint.base == "https://reg.example"
    assert Origins(endpoint, options.plain_http).allows(URL("http://reg.example/token"))


@pytest.mark.parametrize("host", ["http://reg:5", "reg:port", "u:p@reg", "", "reg?x"])
def test_a_host_for_plain_http_is_host_and_port(host: str) -> None:
    with pytest.raises(InputError, match="without scheme and path"):
        ClientOptions(plain_http=frozenset({host}))
