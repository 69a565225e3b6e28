"""Requests to one registry: greeting, retries, redirects, logins, and what a refusal means."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from aiohttp import web

from ckf_airgap.errors import (
    AbsentError,
    ConnectionFailedError,
    ImmutableTagError,
    IntegrityError,
    LoginError,
    NameRefusedError,
    ProjectMissingError,
    StorageFullError,
    TransferError,
)
from ckf_airgap.logins.credentials import Credentials
from ckf_airgap.net.patience import Retrying
from ckf_airgap.transfer.events import TransferEvent
from ckf_airgap.transfer.oci import MAX_MANIFEST_BYTES, Digest, parse_manifest
from ckf_airgap.transfer.registry.harbor import create_project
from ckf_airgap.transfer.registry.remote import RegistryClient, RemoteRegistry
from tests.images import image, layer
from tests.unit.transfer.conftest import LOGIN, POLICY, make_client
from tests.unit.transfer.memory import blob
from tests.unit.transfer.registry import (
    PASSWORD,
    USER,
    Login,
    Registry,
    basic,
    error,
    hang_up,
    on,
    times,
)

PLAIN = image([layer("base"), layer("small", 500)])
MANIFEST = parse_manifest(PLAIN.content, PLAIN.media_type)
ATTEMPTS = POLICY.retries.attempts

Asking = Callable[[RemoteRegistry], object]


async def manifest(client: RegistryClient, registry: Registry, name: str = "1") -> Digest:
    remote = await client.registry(registry.host)
    return (await remote.manifest("a/b", name)).digest


async def find(client: RegistryClient, registry: Registry, name: str = "1") -> Digest | None:
    remote = await client.registry(registry.host)
    return await remote.find_manifest("a/b", name)


# Greeting


async def test_a_registry_is_greeted_once_whoever_asks_first(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", PLAIN)
    await asyncio.gather(*(find(client, registry) for _ in range(5)))
    await manifest(client, registry)
    assert len(registry.requests("GET /v2/$")) == 1


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (lambda: web.Response(status=404), "is not a registry: it has no /v2/"),
        (
            lambda: web.Response(
                status=400, text="Client sent an HTTP request to an HTTPS server."
            ),
            "speaks HTTPS",
        ),
    ],
)
async def test_what_is_no_registry_is_told_before_anything_else_is_asked(
    client: RegistryClient, registry: Registry, answer: Callable[[], web.Response], text: str
) -> None:
    registry.faults.append(on("GET", "/v2/$", answer))
    for _ in range(2):
        with pytest.raises(TransferError, match=text):
            await find(client, registry)
    assert len(registry.seen) == 1


@pytest.mark.parametrize("status", [200, 400, 403, 405])
async def test_a_registry_that_greets_oddly_may_still_be_one(
    client: RegistryClient, registry: Registry, status: int
) -> None:
    registry.put("a/b", "1", PLAIN)
    registry.faults.append(on("GET", "/v2/$", lambda: web.Response(status=status)))
    assert await find(client, registry) == PLAIN.digest


async def test_one_who_is_cancelled_while_greeting_leaves_the_others_their_answer(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", PLAIN)
    first = asyncio.ensure_future(find(client, registry))
    second = asyncio.ensure_future(find(client, registry))
    while not registry.seen:  # noqa: ASYNC110 - until it has begun
        await asyncio.sleep(0)
    first.cancel()
    assert await second == PLAIN.digest
    with pytest.raises(asyncio.CancelledError):
        await first


# Trying again


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_statuses_that_may_not_repeat_are_tried_again_up_to_the_limit(
    registry: Registry, status: int
) -> None:
    registry.put("a/b", "1", PLAIN)
    events: list[TransferEvent] = []
    fault = on("HEAD", "/manifests/", lambda: error(status, "UNAVAILABLE", "soon"))
    registry.faults.append(times(ATTEMPTS - 1, fault))
    async with make_client(registry.host, listener=events.append) as client:
        assert await find(client, registry) == PLAIN.digest
        retries = [event for event in events if isinstance(event, Retrying)]
        assert [event.attempt for event in retries] == [1, 2]
        assert all(event.what == "the manifest a/b:1" for event in retries)
        registry.faults[:] = [on("GET", "/manifests/", lambda: error(status, "X", "soon"))]
        with pytest.raises(TransferError, match=f"after 3 attempts: status {status}, X: soon"):
            await manifest(client, registry)
    assert len(registry.requests("GET .*/manifests/")) == ATTEMPTS


@pytest.mark.parametrize("status", [400, 401, 403, 404, 406, 409, 412, 413, 501])
async def test_other_refusals_are_final_at_once(
    client: RegistryClient, registry: Registry, status: int
) -> None:
    registry.faults.append(on("GET", "/manifests/", lambda: error(status)))
    with pytest.raises(TransferError):
        await manifest(client, registry)
    assert len(registry.requests("/manifests/")) == 1


@pytest.mark.parametrize("asked", [0, 3, 3600])
async def test_a_registry_is_given_the_time_that_it_asks_for_to_a_limit(
    registry: Registry, asked: int
) -> None:
    registry.put("a/b", "1", PLAIN)
    events: list[TransferEvent] = []
    fault = on("HEAD", "/manifests/", lambda: error(429, Retry_After=str(asked)))
    registry.faults.append(times(1, fault))
    async with make_client(registry.host, listener=events.append) as client:
        await find(client, registry)
    (retry,) = (event for event in events if isinstance(event, Retrying))
    longest = POLICY.retries.longest_retry_after_s
    assert min(asked, longest) <= retry.delay_s <= longest * 1.1 + 0.05


async def test_a_connection_that_is_cut_is_tried_again(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", PLAIN)

    def cut(request: web.Request) -> web.StreamResponse | None:
        if "/manifests/" not in request.path:
            return None
        hang_up(request)
        return web.Response()

    registry.faults.append(times(2, cut))
    assert await manifest(client, registry) == PLAIN.digest


async def test_one_who_waited_in_vain_spares_the_others_the_wait() -> None:
    policy = replace(POLICY, retries=replace(POLICY.retries, attempts=4))
    events: list[TransferEvent] = []
    async with make_client("127.0.0.1:1", policy=policy, listener=events.append) as client:
        remote = await client.registry("127.0.0.1:1")
        for _ in range(3):
            with pytest.raises(ConnectionFailedError, match="could not be reached"):
                await remote.find_manifest("a/b", "1")
    assert len(events) == 3, "waits of the first one"


async def test_an_answer_that_is_too_large_for_a_manifest_is_not_read_on(
    client: RegistryClient, registry: Registry
) -> None:
    registry.faults.append(
        on("GET", "/manifests/", lambda: web.Response(body=bytes(MAX_MANIFEST_BYTES + 1)))
    )
    with pytest.raises(TransferError, match="more than 4194304 bytes where a manifest was due"):
        await manifest(client, registry)


# Redirects


async def test_reading_follows_a_redirect_and_takes_the_login_to_no_other_place(
    registry: Registry, mirror: Registry
) -> None:
    content = b"some bytes"
    digest = str(Digest.of(content))
    registry.login = Login(scheme="basic")
    mirror.blobs["x"] = {digest: content}
    place = f"http://{mirror.host}/v2/x/blobs/{digest}"
    registry.faults.append(
        lambda request: error(307, Location=place) if "/blobs/" in request.path else None
    )
    async with make_client(registry.host, mirror.host, login=LOGIN) as client:
        remote = await client.registry(registry.host)
        assert await remote.has_blob("a/b", blob(content))
    assert "Authorization" in registry.requests("/blobs/")[0].headers
    assert [one.headers.get("Authorization") for one in mirror.seen] == [None]


async def test_redirects_in_a_circle_end(client: RegistryClient, registry: Registry) -> None:
    registry.faults.append(
        on("GET", "/manifests/", lambda: error(302, Location="/v2/a/b/manifests/1"))
    )
    with pytest.raises(TransferError, match="redirects the manifest a/b:1 too many times"):
        await manifest(client, registry)
    assert len(registry.requests("/manifests/")) == 6


async def test_a_redirect_without_an_address_is_a_refusal(
    client: RegistryClient, registry: Registry
) -> None:
    registry.faults.append(on("GET", "/manifests/", lambda: error(302)))
    with pytest.raises(TransferError, match="status 302"):
        await manifest(client, registry)


async def test_a_redirect_to_another_host_without_tls_is_not_followed(
    registry: Registry,
) -> None:
    registry.faults.append(
        on("GET", "/manifests/", lambda: error(302, Location="http://elsewhere.invalid/x"))
    )
    async with make_client(registry.host) as client:
        with pytest.raises(TransferError, match=r"elsewhere\.invalid.* without TLS"):
            await manifest(client, registry)


async def test_what_is_written_is_not_sent_on(client: RegistryClient, registry: Registry) -> None:
    registry.faults.append(
        on("PUT", "/manifests/", lambda: error(307, Location="http://elsewhere.invalid/x"))
    )
    remote = await client.registry(registry.host)
    with pytest.raises(TransferError, match="status 307"):
        await remote.put_manifest("a/b", "1", MANIFEST)


# Logins


async def test_a_login_goes_along_with_each_request_after_the_challenge(
    registry: Registry,
) -> None:
    registry.put("a/b", "1", PLAIN)
    registry.login = Login(scheme="basic")
    async with make_client(registry.host, login=LOGIN) as client:
        await manifest(client, registry)
        await find(client, registry)
    assert [one.headers.get("Authorization") for one in registry.seen] == [
        None,
        *[basic(USER, PASSWORD)] * 2,
    ]


async def test_a_refused_login_is_told_with_where_it_is_from_and_without_the_password(
    registry: Registry,
) -> None:
    registry.login = Login(scheme="basic")
    wrong = Credentials(username=USER, password="wrong-secret", origin="config.json")
    async with make_client(registry.host, login=wrong) as client:
        with pytest.raises(LoginError, match=r"with the login of config\.json") as raised:
            await manifest(client, registry)
    assert "wrong-secret" not in f"{raised.value}{raised.value.fix}"
    assert len(registry.requests("/manifests/")) == 1, "it is not sent again"


async def test_without_a_login_the_registry_lets_nobody_in(
    client: RegistryClient, registry: Registry
) -> None:
    registry.login = Login(scheme="basic")
    with pytest.raises(LoginError, match=r"refused to read a/b .*without a login"):
        await manifest(client, registry)


async def test_a_token_is_asked_for_once_for_what_is_done_and_used_until_it_expires(
    registry: Registry,
) -> None:
    registry.put("a/b", "1", PLAIN)
    login = registry.login = Login()
    async with make_client(registry.host, login=LOGIN) as client:
        remote = await client.registry(registry.host)
        for _ in range(3):
            await manifest(client, registry)
        await remote.find_manifest("a/b", "1", writing=True)
    assert login.asked == [
        ("GET", ["repository:a/b:pull"], "login"),
        ("GET", ["repository:a/b:pull,push"], "login"),
    ]


async def test_without_a_login_an_anonymous_token_will_do_for_reading(
    client: RegistryClient, registry: Registry
) -> None:
    registry.put("a/b", "1", PLAIN)
    login = registry.login = Login(anonymous=frozenset({"pull"}))
    assert await manifest(client, registry) == PLAIN.digest
    assert [who for _, _, who in login.asked] == [""]


@pytest.mark.parametrize("lifetime", [300, None, "soon", -1, 0])
async def test_a_token_of_any_lifetime_is_used_while_it_lasts(
    registry: Registry, lifetime: object
) -> None:
    registry.put("a/b", "1", PLAIN)
    login = registry.login = Login(lifetime_s=lifetime)
    async with make_client(registry.host, login=LOGIN) as client:
        for _ in range(3):
            assert await manifest(client, registry) == PLAIN.digest
    assert len(login.asked) == 1


async def test_a_token_that_has_expired_is_not_tried(registry: Registry) -> None:
    registry.put("a/b", "1", PLAIN)
    login = registry.login = Login(lifetime_s=0.000001)
    async with make_client(registry.host, login=LOGIN) as client:
        for _ in range(3):
            await manifest(client, registry)
    assert len(login.asked) == 3
    assert [one.status for one in registry.requests("/manifests/")] == [200] * 3


async def test_a_token_that_is_refused_is_asked_for_anew(registry: Registry) -> None:
    registry.put("a/b", "1", PLAIN)
    login = registry.login = Login()
    async with make_client(registry.host, login=LOGIN) as client:
        await manifest(client, registry)
        login.tokens.clear()
        assert await manifest(client, registry) == PLAIN.digest
    assert len(login.asked) == 2


async def test_an_identity_token_is_posted_in_the_place_of_a_login(registry: Registry) -> None:
    registry.put("a/b", "1", PLAIN)
    login = registry.login = Login()
    identity = Credentials(identity_token=login.refresh_token, origin="a helper")
    async with make_client(registry.host, login=identity) as client:
        assert await manifest(client, registry) == PLAIN.digest
    assert login.asked == [("POST", ["repository:a/b:pull"], "identity")]


async def test_a_token_server_that_refuses_the_login_is_named(registry: Registry) -> None:
    registry.login = Login()
    wrong = Credentials(username=USER, password="wrong-secret", origin="config.json")
    async with make_client(registry.host, login=wrong) as client:
        with pytest.raises(LoginError, match=r"the token server 127\.0\.0\.1 .*answered 401") as no:
            await manifest(client, registry)
    assert "wrong-secret" not in str(no.value)


async def test_a_token_server_that_is_busy_is_asked_again(registry: Registry) -> None:
    registry.put("a/b", "1", PLAIN)
    registry.login = Login()
    registry.faults.append(times(2, on("GET", "/token", lambda: error(503))))
    async with make_client(registry.host, login=LOGIN) as client:
        assert await manifest(client, registry) == PLAIN.digest


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.json_response({}),
        lambda: web.json_response({"token": ""}),
        lambda: web.json_response({"token": 3}),
        lambda: web.json_response([]),
        lambda: web.Response(text="<html>"),
        lambda: web.json_response({"token": "x"}, status=302),
    ],
)
async def test_a_token_server_that_gives_no_token_is_an_error(
    registry: Registry, answer: Callable[[], web.Response]
) -> None:
    registry.login = Login()
    registry.faults.append(on("GET", "/token", answer))
    async with make_client(registry.host, login=LOGIN) as client:
        with pytest.raises(LoginError, match="sent no token"):
            await manifest(client, registry)


async def test_the_token_may_have_the_name_of_oauth(registry: Registry) -> None:
    registry.put("a/b", "1", PLAIN)
    login = registry.login = Login()
    login.tokens["by-its-other-name"] = {"repository:a/b:pull"}
    answer = {"access_token": "by-its-other-name", "expires_in": 60}
    registry.faults.append(on("GET", "/token", lambda: web.json_response(answer)))
    async with make_client(registry.host, login=LOGIN) as client:
        assert await manifest(client, registry) == PLAIN.digest


@pytest.mark.parametrize(
    ("challenge", "text"),
    [
        ("Negotiate", "wants a login by negotiate, which is not supported"),
        ('Bearer realm="ftp://x/token"', "names an invalid token server: 'ftp://x/token'"),
        ('Bearer service="s"', "names an invalid token server: ''"),
    ],
)
async def test_a_challenge_that_nobody_can_meet_is_told(
    client: RegistryClient, registry: Registry, challenge: str, text: str
) -> None:
    registry.faults.append(lambda _: error(401, WWW_Authenticate=challenge))
    with pytest.raises(LoginError, match=text):
        await manifest(client, registry)


async def test_a_login_goes_to_no_token_server_without_tls_that_was_not_named(
    registry: Registry,
) -> None:
    challenge = 'Bearer realm="http://tokens.invalid/token",service="s"'
    registry.faults.append(lambda _: error(401, WWW_Authenticate=challenge))
    async with make_client(registry.host, login=LOGIN) as client:
        with pytest.raises(LoginError, match=r"unencrypted.*tokens\.invalid|tokens\.invalid"):
            await manifest(client, registry)


# Manifests


async def test_a_digest_that_is_announced_must_be_that_of_the_bytes(
    client: RegistryClient, registry: Registry
) -> None:
    other = Digest.of(b"other")
    headers = {"Docker-Content-Digest": str(other), "Content-Type": PLAIN.media_type}
    registry.faults.append(
        on("GET", "/manifests/", lambda: web.Response(body=PLAIN.content, headers=headers))
    )
    with pytest.raises(IntegrityError, match=f"a/b:1: .* where {other} was requested"):
        await manifest(client, registry)


@pytest.mark.parametrize("announced", ["", "md5:1", "sha256:zz"])
async def test_a_registry_that_announces_no_digest_is_asked_for_the_manifest(
    client: RegistryClient, registry: Registry, announced: str
) -> None:
    registry.put("a/b", "1", PLAIN)
    headers = {"Docker-Content-Digest": announced} if announced else {}
    registry.faults.append(on("HEAD", "/manifests/", lambda: web.Response(headers=headers)))
    assert await find(client, registry) == PLAIN.digest
    assert len(registry.requests("GET .*/manifests/")) == 1


async def test_what_is_not_there_is_none_when_asked_for_and_an_error_when_wanted(
    client: RegistryClient, registry: Registry
) -> None:
    assert await find(client, registry) is None
    with pytest.raises(AbsentError, match="has no image a/b:1"):
        await manifest(client, registry)


@pytest.mark.parametrize(
    ("size", "there"), [("10", True), ("11", False), ("", True), ("many", True)]
)
async def test_a_blob_of_another_size_is_not_there(
    client: RegistryClient, registry: Registry, size: str, there: bool
) -> None:
    content = b"ten  bytes"
    answer = web.Response(headers={"Content-Length": size} if size.isdigit() else {})
    registry.faults.append(on("HEAD", "/blobs/", lambda: answer))
    remote = await client.registry(registry.host)
    assert await remote.has_blob("a/b", blob(content)) is there if size.isdigit() else True


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((507, "", ""), StorageFullError),
        ((403, "DENIED", "quota exceeded by 3 GiB"), StorageFullError),
        ((409, "DENIED", "immutable tag"), ImmutableTagError),
        ((412, "PRECONDITION", "the tag is configured as immutable"), ImmutableTagError),
        ((400, "NAME_INVALID", ""), NameRefusedError),
        ((404, "NAME_UNKNOWN", "repository name not known"), ProjectMissingError),
        ((403, "DENIED", "project x not found"), ProjectMissingError),
        ((403, "DENIED", "no"), LoginError),
        ((400, "DIGEST_INVALID", ""), IntegrityError),
        ((418, "TEAPOT", ""), TransferError),
    ],
)
async def test_what_a_registry_refuses_has_its_own_error(
    client: RegistryClient,
    registry: Registry,
    answer: tuple[int, str, str],
    kind: type[Exception],
) -> None:
    registry.faults.append(on("PUT", "/manifests/", lambda: error(*answer)))
    remote = await client.registry(registry.host)
    with pytest.raises(TransferError) as raised:
        await remote.put_manifest("a/b", "1", MANIFEST)
    assert type(raised.value) is kind
    assert registry.host in raised.value.message


# Projects


@pytest.mark.parametrize("status", [201, 409])
async def test_a_project_is_created_with_the_login_or_is_there(
    registry: Registry, status: int
) -> None:
    registry.login = Login()
    registry.faults.append(on("POST", "/api/v2.0/projects", lambda: error(status)))
    async with make_client(registry.host, login=LOGIN) as client:
        await create_project(await client.registry(registry.host), "kubeflow")
    (asked,) = registry.requests("/projects")
    assert asked.headers["Authorization"] == basic(USER, PASSWORD)


@pytest.mark.parametrize(
    ("status", "login", "kind", "text"),
    [
        (404, LOGIN, TransferError, "is not Harbor"),
        (403, LOGIN, LoginError, "'kubeflow' cannot be created"),
        (201, None, LoginError, "wants a login for the project 'kubeflow'"),
    ],
)
async def test_a_project_that_cannot_be_created_is_told_with_what_to_leave_out(
    registry: Registry,
    status: int,
    login: Credentials | None,
    kind: type[TransferError],
    text: str,
) -> None:
    registry.faults.append(on("POST", "/projects", lambda: error(status)))
    async with make_client(registry.host, login=login) as client:
        with pytest.raises(kind, match=text) as raised:
            await create_project(await client.registry(registry.host), "kubeflow")
    assert "leave out --create-project" in raised.value.fix


async def test_a_client_that_was_not_opened_says_how_it_is_used() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await make_client().registry("r.example")
