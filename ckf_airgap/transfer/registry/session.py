"""Requests to one registry: TLS, proxy, login, redirects, and retries for the small ones."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from ckf_airgap._version import __version__
from ckf_airgap.documents import parse_json
from ckf_airgap.errors import ConnectionFailedError, LoginError, TransferError
from ckf_airgap.logins.credentials import CredentialStore
from ckf_airgap.net.limits import Policy
from ckf_airgap.net.patience import Health, Patience, TransientError, retry_after_s
from ckf_airgap.net.proxies import Proxies
from ckf_airgap.transfer.events import Listener
from ckf_airgap.transfer.oci import MAX_MANIFEST_BYTES
from ckf_airgap.transfer.registry.answers import TRANSIENT, Refusal
from ckf_airgap.transfer.registry.auth import Authorizer
from ckf_airgap.transfer.registry.endpoint import Endpoint
from ckf_airgap.transfer.registry.origins import Origins, address_of
from ckf_airgap.transfer.registry.uploadbody import Body, Feed

USER_AGENT: Final = f"ckf-airgap/{__version__}"

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5
_WANTS_CERTIFICATE: Final = re.compile(
    r"ALERT_(?:BAD_CERTIFICATE|CERTIFICATE_REQUIRED|CERTIFICATE_UNKNOWN|UNKNOWN_CA)|HANDSHAKE_FAILURE"
)
_ERROR_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to a registry.

    Attributes:
        method: The HTTP method.
        url: The path below the registry's root, or a whole URL; encoded already.
        what: What it is for, for messages.
        repository: The repository that it is for.
        scopes: What a token for it must allow.
        accept: The statuses that are answers; others are errors.
        headers: More headers.
        body: The body.
        writing: Whether it is part of a push.
        patience_s: Seconds to wait for the answer once the body is sent, if not the usual.
        login: An ``Authorization`` header that goes to the registry instead of a token.
    """

    method: str
    url: str
    what: str
    repository: str = ""
    scopes: tuple[str, ...] = ()
    accept: frozenset[int] = frozenset({200})
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Body | None = None
    writing: bool = False
    patience_s: float | None = None
    login: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """A small answer, read whole."""

    status: int
    headers: CIMultiDictProxy[str]
    content: bytes
    url: URL


class RegistrySession:
    """Speaks with one registry; made by `RegistryClient`.

    Args:
        http: The HTTP client, which is shared.
        endpoint: The registry's address.
        context: The TLS context.
        store: The logins.
        plain_http: All hosts that are contacted without TLS.
        proxies: The proxies.
        policy: Limits, timeouts, retries.
        listener: Is notified of retries.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        endpoint: Endpoint,
        context: ssl.SSLContext,
        *,
        store: CredentialStore,
        plain_http: frozenset[str],
        proxies: Proxies,
        policy: Policy,
        listener: Listener,
    ) -> None:
        self._http = http
        self.endpoint = endpoint
        self.policy = policy
        self.listener = listener
        self._context = context
        self._proxies = proxies
        self._health = Health()
        self._origins = Origins(endpoint, plain_http)
        self._small = asyncio.Semaphore(policy.limits.requests)
        self._greeting: asyncio.Future[None] | None = None
        self._answered = False
        self.auth = Authorizer(endpoint.host, store, self._fetch_token, self._origins)

    def patience(self, what: str) -> Patience:
        """Return the count of attempts for one thing."""
        return Patience(what, self.endpoint.host, self.policy.retries, self._health, self.listener)

    async def greet(self) -> None:
        """Ask once whether this is a registry, and how requests are to be authorised.

        Raises:
            TransferError: when it cannot be reached, or is not a registry.
        """
        while True:
            if self._greeting is None or self._greeting.cancelled():
                self._greeting = asyncio.ensure_future(self._greet())
            greeting = self._greeting
            try:
                await asyncio.wait((greeting,))
            except asyncio.CancelledError:
                greeting.cancel()  # others that wait for it greet again
                await asyncio.wait((greeting,))
                if not greeting.cancelled():
                    greeting.exception()
                raise
            if not greeting.cancelled():
                greeting.result()
                return

    async def ask(self, request: Request) -> Answer:
        """Make a small request, again if need be, and return its answer.

        Raises:
            TransferError: when it is refused, or not answered.
        """
        await self.greet()
        return await self._ask(request)

    async def ask_as_user(self, request: Request) -> Answer:
        """Make a request with user name and password, as a registry's own API wants it.

        Raises:
            LoginError: when there is no login for this registry.
            TransferError: when it is refused, or not answered.
        """
        login = await self.auth.credentials(request.repository)
        if login is None or not login.username:
            raise await self.auth.refusal(
                f"{self.endpoint.host} wants a login for {request.what};", request.repository
            )
        return await self._ask(replace(request, login=login.basic()), authorized=False)

    @contextlib.asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        """Make a request once, login and redirects included, and hand out its response.

        Raises:
            TransientError: when trying again may help.
            TransferError: when it does not.
        """
        await self.greet()
        async with self._open(request, True) as response:
            yield response

    @contextlib.asynccontextmanager
    async def _open(
        self, request: Request, authorized: bool
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        attempts = self.auth.attempts(request.scopes, request.repository)
        while True:
            used = await attempts.header() if authorized else request.login
            try:
                async with self._send(request, used) as response:
                    self._health.given_up = False
                    self._answered = True
                    if response.status != 401 or not self._origins.is_own(response.url):
                        attempts.accepted()
                    elif authorized:
                        named = response.headers.getall("WWW-Authenticate", [])
                        if named and attempts.refused(named):
                            continue
                    if response.status not in request.accept:
                        raise await self._refusal(request, response)
                    yield response
                    return
            finally:
                attempts.end()

    def locate(self, location: str, response_url: URL) -> str:
        """Return the URL of an upload by its ``Location`` header.

        Raises:
            TransferError: when it leads to another host without TLS that was not named.
        """
        return self._origins.upload(response_url, location)

    async def _greet(self) -> None:
        request = Request(
            method="GET",
            url="/v2/",
            what="its API (/v2/)",
            accept=frozenset({200, 301, 302, 307, 400, 401, 403, 404, 405}),
        )
        answer = await self._ask(request, authorized=False)
        if answer.status == 401 and self._origins.is_own(answer.url):
            self.auth.challenged(answer.headers.getall("WWW-Authenticate", []), frozenset())
        if answer.status == 400 and b"HTTPS server" in answer.content:
            raise TransferError(
                f"{self.endpoint.host} speaks HTTPS", fix="Leave out --plain-http for it."
            )
        if answer.status == 404 and "Docker-Distribution-Api-Version" not in answer.headers:
            raise TransferError(
                f"{self.endpoint.host} is not a registry: it has no /v2/",
                fix="Give host and port of the registry, HOST[:PORT][/PATH].",
            )

    async def _ask(self, request: Request, *, authorized: bool = True) -> Answer:
        patience = self.patience(request.what)
        while True:
            try:
                async with self._small, self._open(request, authorized) as response:
                    content = await self._content(response)
                    return Answer(response.status, response.headers, content, response.url)
            except TransientError as exc:
                error = exc
            await patience.wait(error)

    @contextlib.asynccontextmanager
    async def _send(
        self, request: Request, authorization: str | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        url = URL(
            f"{self.endpoint.base}{request.url}" if request.url.startswith("/") else request.url,
            encoded=True,
        )
        for _ in range(_MOST_REDIRECTS + 1):
            headers = CIMultiDict(request.headers)
            if authorization is not None and self._origins.is_own(url):
                headers["Authorization"] = authorization
            async with self._exchange(request, url, headers) as response:
                target = response.headers.get("Location", "")
                reading = request.method in ("GET", "HEAD")
                if response.status not in _REDIRECTS or not target or not reading:
                    yield response
                    return
                url = self._origins.follow(response.url, target, request.what)
        raise TransferError(f"{self.endpoint.host} redirects {request.what} too many times")

    @contextlib.asynccontextmanager
    async def _exchange(
        self, request: Request, url: URL, headers: CIMultiDict[str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        feed = Feed(request.body) if isinstance(request.body, Body) else None
        data: io.BytesIO | AsyncIterator[memoryview] | None = None
        if feed is not None:
            headers["Content-Length"] = str(feed.length)
            data = feed.chunks()
        elif isinstance(request.body, bytes):
            data = io.BytesIO(request.body)
        timeouts = self.policy.timeouts
        sending = self._http.request(
            request.method,
            url,
            headers=headers,
            data=data,
            ssl=self._context,
            proxy=self._proxies.for_url(url),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(
                total=None,
                sock_connect=timeouts.connect_s,
                sock_read=request.patience_s or timeouts.stall_s,
            ),
        )
        try:
            response = await (feed.watch(sending, timeouts.stall_s) if feed else sending)
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as exc:
            if feed is not None and feed.error is not None:
                raise feed.error from exc
            raise self._failure(exc, url) from exc
        try:
            async with response:
                yield response
        except (aiohttp.ClientError, asyncio.TimeoutError, ConnectionError) as exc:
            raise TransientError(_text(exc), unreachable=True) from exc

    def _failure(self, error: BaseException, url: URL) -> Exception:
        """Return what an error of the HTTP client is: transient, or an `AirgapError`."""
        host = self.endpoint.host
        where = host if self._origins.is_own(url) else f"{address_of(url)} (named by {host})"
        text = _text(error)
        cause = error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return TransferError(
                f"the certificate of {where} is not trusted: {text}",
                fix=f"Give its CA with --ca FILE, or as /etc/docker/certs.d/{host}/ca.crt.",
            )
        if "WRONG_VERSION_NUMBER" in str(cause) or "RECORD_LAYER_FAILURE" in str(cause):
            fix = f"If it is meant to be plain HTTP, allow it with --plain-http {host}."
            if where != host:
                fix = f"Its address begins with https in the configuration of {host}: correct that."
            return TransferError(f"{where} does not speak TLS", fix=fix)
        if _WANTS_CERTIFICATE.search(str(cause)):
            return LoginError(
                f"{where} wants a client certificate: {text}",
                fix=f"Put client.cert and client.key into /etc/docker/certs.d/{host}/.",
            )
        unknown = isinstance(getattr(error, "os_error", None), socket.gaierror)
        if unknown and not self._answered:
            return ConnectionFailedError(
                f"the host of {where} cannot be found: {text}",
                fix="Check the address; a name without a dot may need its domain.",
            )
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return TransientError(f"the proxy answered {error.status} {error.message}")
        if isinstance(error, aiohttp.InvalidURL):
            return TransferError(f"{host} returned an invalid URL")
        return TransientError(text, unreachable=True)

    def refused(self, answer: Answer, *, what: str, repository: str, writing: bool) -> Refusal:
        """Return an answer as the refusal that it is."""
        return Refusal(
            status=answer.status,
            body=answer.content,
            registry=self.endpoint.host,
            repository=repository,
            what=what,
            writing=writing,
        )

    async def _refusal(self, request: Request, response: aiohttp.ClientResponse) -> Exception:
        body = await self._content(response, _ERROR_BYTES)
        refusal = self.refused(
            Answer(response.status, response.headers, body, response.url),
            what=request.what,
            repository=request.repository,
            writing=request.writing,
        )
        if refusal.is_transient:
            after = retry_after_s(response.headers.get("Retry-After"))
            return TransientError(refusal.words, retry_after_s=after)
        if response.status == 401 and not self._origins.is_own(response.url):
            elsewhere = address_of(response.url)
            return LoginError(
                f"{self.endpoint.host} redirects {request.what} to {elsewhere}, which wants a"
                f" login: {refusal.words}",
                fix=f"The login of {self.endpoint.host} is not sent there. If {elsewhere} is the"
                " registry, give that as its address, and log in to it.",
            )
        error = refusal.error()
        if response.status == 401 and isinstance(error, LoginError):
            if await self.auth.credentials(request.repository) is None:
                action = f"{'write to' if request.writing else 'read'} {request.repository}"
                return await self.auth.refusal(
                    f"{self.endpoint.host} refused to {action} ({refusal.words})",
                    request.repository,
                )
            return await self.auth.refusal(error.message, request.repository)
        return error

    async def _content(self, response: aiohttp.ClientResponse, most: int = 0) -> bytes:
        """Return the body of a response, which must be small."""
        limit = most or MAX_MANIFEST_BYTES
        content = bytearray()
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > limit:
                if most:
                    break
                raise TransferError(
                    f"{self.endpoint.host} sent more than {limit} bytes where a manifest was due"
                )
        return bytes(content[:limit])

    async def _fetch_token(
        self, method: str, url: URL, *, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> tuple[int, Mapping[str, object]]:
        request = Request(
            method=method,
            url=str(url),
            what="a token",
            headers={**headers, "Accept": "application/json"}
            | ({"Content-Type": "application/x-www-form-urlencoded"} if form else {}),
            body=str(URL.build(query=dict(form)).raw_query_string).encode() if form else None,
        )
        patience = self.patience(request.what)
        while True:
            try:
                async with self._exchange(request, url, CIMultiDict(request.headers)) as response:
                    content = await self._content(response, _ERROR_BYTES)
                    if response.status not in TRANSIENT:
                        return response.status, _json_object(content)
                    error = TransientError(
                        f"the token server answered {response.status}",
                        retry_after_s=retry_after_s(response.headers.get("Retry-After")),
                    )
            except TransientError as exc:
                error = exc
            await patience.wait(error)


def _json_object(content: bytes) -> Mapping[str, object]:
    try:
        document = parse_json(content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _text(error: BaseException) -> str:
    """Return what an error of the HTTP client says, on one line and without addresses."""
    if isinstance(error, asyncio.TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return str(getattr(error.certificate_error, "verify_message", error.certificate_error))
    if isinstance(error, aiohttp.ClientConnectorError):
        return " ".join((error.os_error.strerror or str(error.os_error)).split())
    return " ".join(str(error).split()) or type(error).__name__
