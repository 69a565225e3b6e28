"""Talk to the store: small requests and large files, through proxies, cuts and refusals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, final

import aiohttp
from yarl import URL

from ckf_airgap._version import __version__
from ckf_airgap.charmhub.refresh import (
    TRANSIENT_CODES,
    Answer,
    Download,
    Refused,
    StoreCharm,
    WantedCharm,
    on_base,
    read_error_list,
    read_refresh,
    refresh_request,
    runs_on,
)
from ckf_airgap.concurrency import in_thread
from ckf_airgap.documents import JSONValue, decimal, parse_json
from ckf_airgap.errors import (
    AbsentError,
    CharmNotFoundError,
    InputError,
    IntegrityError,
    Problem,
    TransferError,
)
from ckf_airgap.facts.defaults import DEFAULT_STORE
from ckf_airgap.files.paths import settle
from ckf_airgap.net.limits import HttpTimeouts, Retries
from ckf_airgap.net.patience import (
    Health,
    OnRetry,
    Patience,
    TransientError,
    ignore_retry,
    retry_after_s,
)
from ckf_airgap.net.proxies import Proxies
from ckf_airgap.net.trust import TrustStore

_BATCH: Final = 20
"""Charms that one request asks for; the store's limit is not published."""

_MAX_JSON_BYTES: Final = 64 * 1024 * 1024
_MOST_REDIRECTS: Final = 10
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_EXPIRED: Final = frozenset({401, 403, 404, 410})
"""Responses to a download after which a fresh address may help."""

_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)\Z")
_PROGRESS_BYTES: Final = 64 * 1024
_CHUNK_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """How to talk to the store.

    Attributes:
        url: Its address, which may have a path: the public one, a mirror, a store on premises.
        ca_file: Certificate authorities to trust in addition to the system's.
        retries: How often to try again.
        timeouts: How long to wait.
        proxies: The proxies; by default those of the environment.
    """

    url: str = DEFAULT_STORE
    ca_file: Path | None = None
    retries: Retries = field(default_factory=Retries)
    timeouts: HttpTimeouts = field(default_factory=HttpTimeouts)
    proxies: Proxies = field(default_factory=Proxies.from_environment)

    def __post_init__(self) -> None:
        settle(self)


class ExpiredAddressError(TransferError):
    """The address of a file is no longer valid; the store has to be asked again."""


@final
class CharmStore:
    """A client of the store; use it as ``async with``.

    Args:
        options: How to talk to it.
        listener: Called when something is tried again.

    Raises:
        InputError: when the address is not valid.
    """

    def __init__(self, options: StoreOptions, listener: OnRetry = ignore_retry) -> None:
        self._url = _store_url(options.url)
        self._options = options
        self._listener = listener
        self._health = Health()
        self._http: aiohttp.ClientSession | None = None
        self._context: ssl.SSLContext | None = None

    @property
    def host(self) -> str:
        """Host and port of the store."""
        return self._url.authority

    async def __aenter__(self) -> CharmStore:
        """Open the client."""
        trust = TrustStore(self._options.ca_file, ())
        self._context = await in_thread(trust.context, self.host)
        self._http = aiohttp.ClientSession(
            headers={"User-Agent": f"ckf-airgap/{__version__}"},
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        if self._http is not None:
            await self._http.close()

    async def resolve(self, wanted: Sequence[WantedCharm]) -> list[StoreCharm]:
        """Return what the store has for each charm.

        A charm that has nothing on the base that was tried first is requested again on the newest
        base that the store names, unless its base was given.

        Raises:
            CharmNotFoundError: naming every charm that the store does not have, and why.
            TransferError: when the store cannot be reached, or its answer makes no sense.
        """
        answers = await self._ask_all(wanted)
        again = {
            number: on_base(charm, bases[0])
            for number, (charm, answer) in enumerate(zip(wanted, answers, strict=True))
            if isinstance(answer, Refused)
            and charm.base is None
            and charm.revision is None
            and (bases := answer.bases_for(charm))
        }
        second = await self._ask_all(list(again.values()))
        for number, answer in zip(again, second, strict=True):
            if not isinstance(answer, Refused) or answer.releases:
                answers[number] = answer
        found: list[StoreCharm] = []
        problems: list[Problem] = []
        for charm, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, Refused):
                problems.append(_problem(charm, answer))
            elif not runs_on(answer, charm.architecture):
                there = ", ".join(sorted({a for base in answer.bases for a in base.architectures}))
                problems.append(
                    Problem(f"it is built for {there}, not {charm.architecture}", str(charm))
                )
            else:
                found.append(answer)
        if problems:
            raise CharmNotFoundError(
                f"{self.host} does not have {len(problems)} of {len(wanted)} charms",
                problems=problems,
            )
        return found

    async def read(self, download: Download, what: str, offset: int) -> AsyncIterator[bytes | None]:
        """Yield a file's bytes from `offset` on, even if the connection is cut.

        ``None`` among them means that the server does not support ranges: all bytes follow again,
        from the first.

        Raises:
            ExpiredAddressError: when the address is no longer valid.
            IntegrityError: when the file has another size.
            TransferError: when it cannot be fetched.
        """
        patience = self._patience(what)
        while offset < download.size:
            begun = offset
            try:
                async with contextlib.aclosing(self._attempt(download, what, offset)) as chunks:
                    async for chunk in chunks:
                        if chunk is None:
                            offset = begun = 0
                        else:
                            offset += len(chunk)
                        yield chunk
                if offset == download.size:
                    return
                error = TransientError(
                    f"the answer ended after {offset} of {download.size} bytes", kind=IntegrityError
                )
            except TransientError as exc:
                error = exc
            if offset - begun >= _PROGRESS_BYTES:
                patience.progressed()
            await patience.wait(error)

    async def _ask_all(self, wanted: Sequence[WantedCharm]) -> list[Answer]:
        answers: list[Answer] = []
        for start in range(0, len(wanted), _BATCH):
            answers += await self._ask(wanted[start : start + _BATCH])
        return answers

    async def _ask(self, wanted: Sequence[WantedCharm]) -> list[Answer]:
        """Ask for some charms, and again for those that the store was too busy for."""
        patience = self._patience("the charm look-up")
        answers: dict[int, Answer] = {}
        left = list(range(len(wanted)))
        while True:
            part = [wanted[number] for number in left]
            try:
                document = await self._post("/v2/charms/refresh", refresh_request(part))
                answers.update(zip(left, read_refresh(document, part), strict=True))
                busy = [
                    number
                    for number in left
                    if isinstance(answer := answers[number], Refused) and answer.is_transient
                ]
                if not busy:
                    return [answers[number] for number in range(len(wanted))]
                left = busy
                first = answers[busy[0]]
                error = TransientError(str(getattr(first, "message", "")))
            except TransientError as exc:
                error = exc
            await patience.wait(error)

    async def _post(self, path: str, body: JSONValue) -> JSONValue:
        url = self._url.with_path(self._url.path.rstrip("/") + path)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        content = json.dumps(body).encode()
        async with self._exchange("POST", url, headers=headers, body=content) as response:
            text = await self._content(response)
            try:
                document = parse_json(text)
            except ValueError:
                document = None
            errors = read_error_list(document)
            after = retry_after_s(response.headers.get("Retry-After"))
            words = "; ".join(message or code for code, message in errors)
            said = f"status {response.status}" + (f", {_printable(words)}" if words else "")
            busy = bool(errors) and errors[0][0] in TRANSIENT_CODES
            if response.status in _TRANSIENT or busy:
                raise TransientError(said, retry_after_s=after)
            if response.status == 404:
                raise AbsentError(
                    f"{url} does not exist: {said}",
                    fix="Check the address of the store (--store).",
                )
            if not 200 <= response.status <= 204 or errors or document is None:
                raise TransferError(f"{self.host} refused the charm look-up: {said}")
            return document

    async def _attempt(
        self, download: Download, what: str, offset: int
    ) -> AsyncGenerator[bytes | None, None]:
        url = URL(download.url, encoded=True)
        headers = {"Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        async with self._exchange("GET", url, headers=headers) as response:
            status = response.status
            if status in _TRANSIENT:
                after = retry_after_s(response.headers.get("Retry-After"))
                raise TransientError(f"status {status}", retry_after_s=after)
            if status in _EXPIRED:
                raise ExpiredAddressError(f"{response.url.host} refused {what}: status {status}")
            if status == 416 or (status == 206 and not _fits(response, offset)):
                yield None
                return
            if status not in (200, 206):
                raise TransferError(f"{response.url.host} refused {what}: status {status}")
            left = download.size
            if status == 206:
                left -= offset
            elif offset:
                yield None
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                left -= len(chunk)
                if left < 0:
                    raise IntegrityError(
                        f"{what} is longer than the {download.size} bytes that the store announced"
                    )
                yield chunk

    @contextlib.asynccontextmanager
    async def _exchange(
        self, method: str, url: URL, *, headers: dict[str, str], body: bytes | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Make a request, and follow redirects."""
        for _ in range(_MOST_REDIRECTS + 1):
            async with self._send(method, url, headers, body) as response:
                self._health.given_up = False
                target = response.headers.get("Location", "")
                if response.status not in _REDIRECTS or not target:
                    yield response
                    return
                if method != "GET" and response.status not in (307, 308):
                    raise TransferError(f"{self.host} redirects the look-up to {target[:200]}")
                url = response.url.join(URL(target, encoded=True))
        raise TransferError(f"{url.host} redirects too many times")

    @contextlib.asynccontextmanager
    async def _send(
        self, method: str, url: URL, headers: dict[str, str], body: bytes | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        # No login goes to a store, and a file must have the checksum that the store gave. So one
        # that was named without TLS may have its files on other hosts without TLS.
        allowed = {"https", self._url.scheme}
        if url.scheme not in allowed or not url.host:
            raise TransferError(f"{self.host} returned an address without TLS: {url.scheme}://...")
        assert self._http is not None  # noqa: S101 - open, or nobody could call this
        timeouts = self._options.timeouts
        try:
            async with self._http.request(
                method,
                url,
                headers=headers,
                data=body,
                ssl=self._context or True,
                proxy=self._options.proxies.for_url(url),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=timeouts.connect_s, sock_read=timeouts.stall_s
                ),
            ) as response:
                yield response
        except aiohttp.ClientConnectorCertificateError as exc:
            said = getattr(exc.certificate_error, "verify_message", exc.certificate_error)
            raise TransferError(
                f"the certificate of {url.host} is not trusted: {said}",
                fix="Give its CA with --ca FILE.",
            ) from exc
        except aiohttp.ClientHttpProxyError as exc:
            raise TransientError(f"the proxy answered {exc.status} {exc.message}") from exc
        except asyncio.TimeoutError as exc:
            raise TransientError("no answer in time", unreachable=True) from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise TransientError(_printable(str(exc)) or "cut off", unreachable=True) from exc

    async def _content(self, response: aiohttp.ClientResponse) -> bytes:
        content = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            content += chunk
            if len(content) > _MAX_JSON_BYTES:
                raise TransferError(f"{self.host} sent more than {_MAX_JSON_BYTES} bytes of JSON")
        return bytes(content)

    def _patience(self, what: str) -> Patience:
        return Patience(what, self.host, self._options.retries, self._health, self._listener)


def _store_url(text: str) -> URL:
    try:
        url = URL(text.rstrip("/"))
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host or url.user or url.query_string:
        raise InputError(f"{text!r} is not the address of a store such as {DEFAULT_STORE}")
    return url


def _fits(response: aiohttp.ClientResponse, offset: int) -> bool:
    match = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
    return match is not None and decimal(match[1]) == offset


def _problem(wanted: WantedCharm, refused: Refused) -> Problem:
    if refused.code == "name-not-found":
        return Problem("the store has no charm of this name", str(wanted))
    fix = ""
    if wanted.base is not None and (bases := refused.bases_for(wanted)):
        fix = f"it is available for {', '.join(map(str, bases))}"
    elif wanted.revision is None and refused.channels:
        fix = f"it has {', '.join(refused.channels[:12])}"
    return Problem(f"{_printable(refused.message)} ({refused.code})", str(wanted), fix)


def _printable(text: str) -> str:
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())[:300]
