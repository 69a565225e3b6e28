"""A store for the tests: Charmhub's API over TLS, with its errors, ranges and bad days.

It speaks what ``docs/charmhub.md`` says that Charmhub speaks: a POST with actions and fields, an
answer for each action with the instance key, ``error`` inside a result with status 200, an
``error-list`` for a whole request. Files come from another path, with ranges. It refuses what the
real one refuses: unknown keys, an action without base, channel and revision together.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
from aiohttp import web

Fault = Callable[[web.Request], "web.StreamResponse | None"]

_ACTION_KEYS = {"action", "instance-key", "name", "channel", "revision", "base"}


@dataclass(frozen=True)
class Offer:
    """A revision of a charm in the store."""

    name: str
    revision: int
    content: bytes = field(repr=False)
    channel: str = "latest/stable"
    base: str = "22.04"
    architecture: str = "amd64"

    @property
    def bases(self) -> list[dict[str, str]]:
        return [{"architecture": self.architecture, "name": "ubuntu", "channel": self.base}]


@dataclass
class Download:
    """A GET of a file that was answered."""

    name: str
    start: int
    status: int
    sent: int = 0


@dataclass
class CharmStoreServer:
    """The store.

    Attributes:
        offers: What it has.
        hashes: Which checksums its answers carry.
        ranges: Whether it does ranges.
        faults: Called for each request; what they return is the answer.
        cuts: How many bytes of a file it sends before it hangs up, one entry for each download.
        questions: The actions that it was asked.
        downloads: The files that it sent.
    """

    offers: list[Offer] = field(default_factory=list)
    hashes: tuple[str, ...] = ("hash-sha-256", "hash-sha-384")
    ranges: bool = True
    faults: list[Fault] = field(default_factory=list)
    always: Fault = lambda _request: None
    cuts: list[int] = field(default_factory=list)
    chunk: int = 64 * 1024
    pause_s: float = 0.0
    redirect: bool = False
    questions: list[dict[str, Any]] = field(default_factory=list)
    requests: list[web.Request] = field(default_factory=list)
    downloads: list[Download] = field(default_factory=list)
    authority: trustme.CA = field(default_factory=trustme.CA)
    url: str = ""
    generation: int = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[CharmStoreServer]:
        app = web.Application()
        app.router.add_post("/v2/charms/refresh", self._refresh)
        app.router.add_get("/files/{generation}/{file}", self._file)
        app.router.add_get("/moved/{generation}/{file}", self._moved)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        runner = web.AppRunner(app, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        try:
            self.url = f"https://localhost:{runner.addresses[0][1]}"
            yield self
        finally:
            await runner.cleanup()

    def offer(self, *offers: Offer) -> None:
        self.offers.extend(offers)

    def offer_files(self, paths: Iterable[Path], channels: dict[str, str]) -> None:
        """Offer charm files that are called ``NAME_rREVISION.charm``."""
        for path in paths:
            name, _, revision = path.stem.rpartition("_r")
            channel = channels.get(name, "latest/stable")
            self.offer(Offer(name, int(revision), path.read_bytes(), channel=channel))

    def fail_next(self, count: int, *answers: Fault) -> None:
        """Answer the next requests so, whatever they are."""
        self.faults += [answer for _ in range(count) for answer in answers]

    @property
    def bytes_sent(self) -> int:
        return sum(one.sent for one in self.downloads)

    def times_sent(self) -> Counter[str]:
        """How many times the bytes of each file were sent whole, rounded down."""
        sizes = {f"{one.name}_{one.revision}.charm": len(one.content) for one in self.offers}
        sent: Counter[str] = Counter()
        for one in self.downloads:
            sent[one.name] += one.sent
        return Counter({name: count // max(sizes[name], 1) for name, count in sent.items()})

    def _fault(self, request: web.Request) -> web.StreamResponse | None:
        self.requests.append(request)
        fault = self.faults.pop(0) if self.faults else self.always
        return fault(request)

    async def _refresh(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if (fault := self._fault(request)) is not None:
            return fault
        wrong = set(body) ^ {"context", "actions", "fields"}
        keys = [action.get("instance-key") for action in body.get("actions", [])]
        if wrong or body["context"] != [] or len(set(keys)) != len(keys):
            return error_list("missing-key", f"bad request: {sorted(wrong)}", status=400)
        results = [self._result(action, set(body["fields"])) for action in body["actions"]]
        return web.json_response({"error-list": [], "results": results[::-1]})

    def _result(self, action: dict[str, Any], fields: set[str]) -> dict[str, Any]:
        self.questions.append(action)
        assert set(action) <= _ACTION_KEYS, action
        assert "base" in action, "the key base is always sent"
        assert ("channel" in action) != ("revision" in action), action
        base = action["base"]
        named = [one for one in self.offers if one.name == action["name"]]
        answer = {"instance-key": action["instance-key"], "name": action["name"], "id": "x" * 32}
        if not named:
            return answer | _error("name-not-found", "The Charm with the given name was not found.")
        if "revision" in action:
            assert base is None
            found = [one for one in named if one.revision == action["revision"]]
        else:
            assert base["channel"] == base["channel"].partition("/")[0]
            found = [
                one
                for one in named
                if _full(one.channel) == _full(action["channel"])
                and base["channel"] in (one.base, "all")
                and one.architecture in (base["architecture"], "all")
            ]
        if not found:
            releases = [{"channel": one.channel, "base": one.bases[0]} for one in named]
            extra = {"extra": {"releases": releases}} if "channel" in action else {}
            return answer | _error("revision-not-found", "No revision was found.", extra)
        best = max(found, key=lambda one: one.revision)
        charm = {
            "id": "x" * 32,
            "name": best.name,
            "type": "charm",
            "revision": best.revision,
            "version": str(best.revision),
            "bases": best.bases,
            "download": self._download(best),
        }
        shown = {key: value for key, value in charm.items() if key in fields | {"revision"}}
        return answer | {
            "result": "install",
            "effective-channel": best.channel,
            "released-at": "2026-05-04T09:12:33.123456+00:00",
            "charm": shown,
        }

    def _download(self, offer: Offer) -> dict[str, Any]:
        known = {
            "hash-sha-256": hashlib.sha256,
            "hash-sha-384": hashlib.sha384,
            "hash-sha-512": hashlib.sha512,
            "hash-sha3-384": hashlib.sha3_384,
        }
        where = "moved" if self.redirect else "files"
        return {
            "url": f"{self.url}/{where}/{self.generation}/{offer.name}_{offer.revision}.charm",
            "size": len(offer.content),
        } | {name: known[name](offer.content).hexdigest() for name in self.hashes}

    async def _moved(self, request: web.Request) -> web.StreamResponse:
        return web.Response(
            status=302, headers={"Location": request.path.replace("moved", "files")}
        )

    async def _file(self, request: web.Request) -> web.StreamResponse:
        if (fault := self._fault(request)) is not None:
            return fault
        if int(request.match_info["generation"]) != self.generation:
            return web.Response(status=403)
        name = request.match_info["file"]
        offer = next(one for one in self.offers if f"{one.name}_{one.revision}.charm" == name)
        content, size = offer.content, len(offer.content)
        start, status, headers = 0, 200, {}
        match = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        if match and self.ranges:
            start, status = int(match[1]), 206
            if start >= size:
                return web.Response(status=416)
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        headers["Content-Length"] = str(size - start)
        log = Download(name, start, status)
        self.downloads.append(log)
        response = web.StreamResponse(status=status, headers=headers)
        await response.prepare(request)
        left = self.cuts.pop(0) if self.cuts else size
        for at in range(start, size, self.chunk):
            piece = content[at : min(at + self.chunk, size)][:left]
            await response.write(piece)
            log.sent += len(piece)
            left -= len(piece)
            if left <= 0:
                break
            if self.pause_s:
                await asyncio.sleep(self.pause_s)
        if start + log.sent < size and request.transport is not None:
            request.transport.abort()
        return response


def error_list(code: str, message: str, *, status: int) -> web.Response:
    return web.json_response({"error-list": [{"code": code, "message": message}]}, status=status)


def busy(status: int, retry_after: str | None = None) -> Fault:
    """Return a fault: this status, for a request of any kind."""

    def answer(_request: web.Request) -> web.Response:
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return web.Response(status=status, headers=headers, text="busy")

    return answer


def _full(channel: str) -> str:
    return channel if "/" in channel else f"latest/{channel}"


def _error(code: str, message: str, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "result": "error",
        "charm": {},
        "error": {"code": code, "message": message} | (extra or {}),
    }


@contextlib.contextmanager
def served(server: CharmStoreServer) -> Iterator[CharmStoreServer]:
    """Run a store in a thread of its own, for commands and other processes."""
    loop = asyncio.new_event_loop()
    started, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with server.running():
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert started.wait(20)
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
