"""A small registry in this process that is strict about the protocol, and can be told to misbehave.

It follows the distribution specification 1.1 where a client can go wrong: an upload goes on at the
address that the last answer named and at the byte where it stopped, a digest is compared before
anything is kept, a manifest needs all its parts, and with `Login` every request needs a token for
just what it does.
"""

from __future__ import annotations

import base64
import contextlib
import re
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from aiohttp import web

from ckf_airgap.transfer.oci import Digest, parse_manifest
from tests.images import Sample, digest_of

USER, PASSWORD = "carrier", "only-in-tests"

Fault: TypeAlias = "Callable[[web.Request], web.StreamResponse | None]"
"""Answers a request in the place of the registry, or returns None to leave it alone."""


def error(status: int, code: str = "", message: str = "", **headers: str) -> web.Response:
    """Return an error as registries put it."""
    body = {"errors": [{"code": code, "message": message}]} if code else {}
    named = {key.replace("_", "-"): text for key, text in headers.items()}
    return web.json_response(body, status=status, headers=named)


def times(count: int, fault: Fault) -> Fault:
    """Return a fault that happens so many times."""
    left = [count]

    def once(request: web.Request) -> web.StreamResponse | None:
        answer = fault(request) if left[0] else None
        left[0] -= answer is not None
        return answer

    return once


def on(method: str, pattern: str, answer: Callable[[], web.StreamResponse]) -> Fault:
    """Return a fault for requests of a method whose path and query match."""

    def fault(request: web.Request) -> web.StreamResponse | None:
        matches = request.method == method and re.search(pattern, str(request.rel_url))
        return answer() if matches else None

    return fault


@dataclass
class Seen:
    """A request that the registry got, and the status of its answer."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = field(default=b"", repr=False)
    status: int = 0

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


@dataclass
class Login:
    """How the registry wants to be asked.

    Attributes:
        scheme: ``basic`` or ``bearer``.
        anonymous: What a token without a login allows.
        lifetime_s: Seconds that tokens last, as the token server says; ``None`` says nothing.
        asked: The scopes of each request for a token, and the login that came along.
        refresh_token: The identity token that is taken in the place of the login.
    """

    scheme: str = "bearer"
    anonymous: frozenset[str] = frozenset()
    lifetime_s: object = 300
    asked: list[tuple[str, list[str], str]] = field(default_factory=list)
    refresh_token: str = "refresh-only-in-tests"
    tokens: dict[str, set[str]] = field(default_factory=dict)


@dataclass
class _Upload:
    repository: str
    content: bytearray = field(default_factory=bytearray)
    state: int = 0


class Registry:
    """A registry.

    Attributes:
        blobs: What each repository has: the blobs by digest.
        manifests: The manifests of each repository by digest, with their media types.
        tags: The tags of each repository.
        faults: Are asked in turn about each request.
        seen: All requests.
        login: How it wants to be asked.
        ranges: Whether it does ranges of blobs.
        cuts: After how many bytes each of the next answers with a blob is cut.
        keeps: How many bytes of each of the next chunks are kept before the connection is cut.
        chunk_min: The smallest chunk that it takes.
        mounts: Whether it mounts blobs; else it opens an upload in the place of a mount.
        strict: Whether an index needs all its children.
        immutable: Whether a tag stays what it is.
    """

    def __init__(self) -> None:
        self.blobs: dict[str, dict[str, bytes]] = {}
        self.manifests: dict[str, dict[str, tuple[str, bytes]]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.faults: list[Fault] = []
        self.seen: list[Seen] = []
        self.login: Login | None = None
        self.ranges = True
        self.cuts: list[int] = []
        self.keeps: list[int] = []
        self.chunk_min: int | None = None
        self.mounts = True
        self.strict = True
        self.immutable = False
        self.host = ""
        self._uploads: dict[str, _Upload] = {}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Registry]:
        """Serve while the block runs."""
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.host = f"127.0.0.1:{runner.addresses[0][1]}"
            yield self
        finally:
            await runner.cleanup()

    def put(self, repository: str, tag: str, sample: Sample) -> None:
        """Put a whole image in."""
        self.blobs.setdefault(repository, {}).update(sample.blobs)
        manifests = self.manifests.setdefault(repository, {})
        for media_type, content in (*sample.children, (sample.media_type, sample.content)):
            manifests[digest_of(content)] = (media_type, content)
        self.tags.setdefault(repository, {})[tag] = str(sample.digest)

    def holds(self, repository: str, tag: str, sample: Sample) -> bool:
        """Whether a repository has all of an image, byte for byte, under a tag."""
        manifests = self.manifests.get(repository, {})
        return (
            self.tags.get(repository, {}).get(tag) == str(sample.digest)
            and sample.blobs.items() <= self.blobs.get(repository, {}).items()
            and all(
                manifests.get(digest_of(content)) == (media_type, content)
                for media_type, content in (*sample.children, (sample.media_type, sample.content))
            )
        )

    def requests(self, pattern: str) -> list[Seen]:
        """Return the requests that match, as ``METHOD URL``."""
        return [one for one in self.seen if re.search(pattern, str(one))]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(request.method, str(request.rel_url), dict(request.headers))
        self.seen.append(seen)
        for fault in self.faults:
            answer = fault(request)
            if answer is not None:
                await request.read()
                break
        else:
            answer = await self._answer(request, seen)
        seen.status = answer.status
        return answer

    async def _answer(self, request: web.Request, seen: Seen) -> web.StreamResponse:
        path = request.path
        if path == "/token":
            return await self._token(request)
        refused = self._refuse(request)
        if refused is not None:
            await request.read()
            return refused
        if path == "/v2/":
            return web.Response(headers={"Docker-Distribution-Api-Version": "registry/2.0"})
        match = re.fullmatch(r"/v2/(.+)/blobs/uploads/([^/]*)", path)
        if match:
            return await self._upload(request, seen, match[1], match[2])
        match = re.fullmatch(r"/v2/(.+)/blobs/([^/]+)", path)
        if match:
            return await self._blob(request, match[1], match[2])
        match = re.fullmatch(r"/v2/(.+)/manifests/([^/]+)", path)
        if match:
            return await self._manifest(request, match[1], match[2])
        return error(404, "NOT_FOUND")

    # Logins

    async def _token(self, request: web.Request) -> web.Response:
        assert self.login is not None
        header = request.headers.get("Authorization", "")
        if request.method == "POST":
            form = await request.post()
            assert form["grant_type"] == "refresh_token"
            assert form["client_id"] == "ckf-airgap"
            scopes = str(form["scope"]).split()
            known, who = form["refresh_token"] == self.login.refresh_token, "identity"
        else:
            scopes, who = request.query.getall("scope", []), header and "login"
            known = header in ("", basic(USER, PASSWORD))
        service = (await request.post() if request.method == "POST" else request.query)["service"]
        assert service == "the service"
        self.login.asked.append((request.method, scopes, who))
        if not known:
            return error(401, "UNAUTHORIZED", f"not {header}")
        token = secrets.token_hex(8)
        granted = self.login.tokens[token] = set()
        for scope in scopes:
            kind, name, actions = scope.split(":")
            allowed = set(actions.split(",")) & (self.login.anonymous if not who else {*_ALL})
            granted |= {f"{kind}:{name}:{action}" for action in allowed}
        lifetime = self.login.lifetime_s
        document: dict[str, object] = {"token": token}
        return web.json_response(document | ({} if lifetime is None else {"expires_in": lifetime}))

    def _refuse(self, request: web.Request) -> web.Response | None:
        if self.login is None:
            return None
        header = request.headers.get("Authorization", "")
        if self.login.scheme == "basic":
            if header == basic(USER, PASSWORD):
                return None
            return error(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="the registry"')
        granted = self.login.tokens.get(header.removeprefix("Bearer "))
        match = re.match(r"/v2/(.+)/(?:blobs|manifests)/", request.path)
        action = "pull" if request.method in ("GET", "HEAD") else "push"
        if "/uploads/" in request.path:
            action = "push"
        if granted is not None and (match is None or f"repository:{match[1]}:{action}" in granted):
            return None
        realm = f'Bearer realm="http://{self.host}/token",service="the service"'
        return error(401, "UNAUTHORIZED", WWW_Authenticate=realm)

    # Blobs

    async def _blob(self, request: web.Request, repository: str, digest: str) -> web.StreamResponse:
        content = self.blobs.get(repository, {}).get(digest)
        if content is None:
            return error(404, "BLOB_UNKNOWN")
        if request.method == "HEAD":
            return web.Response(headers={"Content-Length": str(len(content))})
        headers = {"Docker-Content-Digest": digest}
        start, status = 0, 200
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        if wanted and self.ranges:
            start, status = int(wanted[1]), 206
            if start >= len(content):
                return error(416)
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        headers["Content-Length"] = str(len(content) - start)
        response = web.StreamResponse(status=status, headers=headers)
        await response.prepare(request)
        cut = self.cuts.pop(0) if self.cuts else None
        await response.write(content[start:] if cut is None else content[start : start + cut])
        if cut is not None and start + cut < len(content):
            hang_up(request)
        return response

    # Uploads

    async def _upload(
        self, request: web.Request, seen: Seen, repository: str, name: str
    ) -> web.StreamResponse:
        if not name:
            return await self._open(request, repository)
        upload = self._uploads.get(name)
        if upload is None or upload.repository != repository:
            await request.read()
            return error(404, "BLOB_UPLOAD_UNKNOWN")
        if request.query.get("state") != str(upload.state):
            await request.read()
            return error(400, "BLOB_UPLOAD_INVALID", "that is not the address it goes on at")
        if request.method == "GET":
            return self._accepted(name, 204)
        if request.method == "DELETE":
            del self._uploads[name]
            return web.Response(status=204)
        if request.method == "PATCH":
            return await self._chunk(request, seen, name)
        seen.body = await request.read()
        content = bytes(upload.content) + seen.body
        del self._uploads[name]
        wanted = request.query["digest"]
        if str(Digest.of(content, wanted.partition(":")[0])) != wanted:
            return error(400, "DIGEST_INVALID", f"got {len(content)} bytes")
        self.blobs.setdefault(repository, {})[wanted] = content
        return web.Response(status=201, headers={"Location": f"/v2/{repository}/blobs/{wanted}"})

    async def _open(self, request: web.Request, repository: str) -> web.Response:
        assert request.method == "POST"
        assert not await request.read()
        digest, donor = request.query.get("mount"), request.query.get("from", "")
        if digest and self.mounts and digest in self.blobs.get(donor, {}):
            self.blobs.setdefault(repository, {})[digest] = self.blobs[donor][digest]
            return web.Response(status=201)
        name = secrets.token_hex(4)
        self._uploads[name] = _Upload(repository)
        return self._accepted(name, 202)

    async def _chunk(self, request: web.Request, seen: Seen, name: str) -> web.StreamResponse:
        upload = self._uploads[name]
        span = re.fullmatch(r"(\d+)-(\d+)", request.headers.get("Content-Range", ""))
        assert span, "a chunk says which bytes it has"
        start, end = int(span[1]), int(span[2])
        assert request.content_length == end - start + 1
        if start != len(upload.content):
            await request.read()
            return self._accepted(name, 416)
        if self.keeps:
            upload.content += await request.content.readexactly(self.keeps.pop(0))
            hang_up(request)
            return web.Response()
        seen.body = await request.read()
        upload.content += seen.body
        return self._accepted(name, 202)

    def _accepted(self, name: str, status: int) -> web.Response:
        upload = self._uploads[name]
        upload.state += 1
        headers = {
            "Location": f"/v2/{upload.repository}/blobs/uploads/{name}?state={upload.state}",
            "Range": f"0-{max(len(upload.content) - 1, 0)}",
        }
        if self.chunk_min is not None:
            headers["OCI-Chunk-Min-Length"] = str(self.chunk_min)
        return web.Response(status=status, headers=headers)

    # Manifests

    async def _manifest(self, request: web.Request, repository: str, name: str) -> web.Response:
        manifests = self.manifests.setdefault(repository, {})
        tags = self.tags.setdefault(repository, {})
        if request.method == "PUT":
            content = await request.read()
            media_type = request.headers["Content-Type"]
            manifest = parse_manifest(content, media_type)
            if ":" in name and name != digest_of(content):
                return error(400, "DIGEST_INVALID")
            if self.immutable and name in tags and tags[name] != digest_of(content):
                return error(409, "DENIED", "the tag is immutable")
            blobs = self.blobs.get(repository, {})
            if any(str(one.digest) not in blobs for one in manifest.blobs if not one.urls):
                return error(404, "MANIFEST_BLOB_UNKNOWN")
            if self.strict and any(str(one.digest) not in manifests for one in manifest.children):
                return error(404, "MANIFEST_UNKNOWN")
            manifests[digest_of(content)] = (media_type, content)
            if ":" not in name:
                tags[name] = digest_of(content)
            headers = {"Docker-Content-Digest": digest_of(content)}
            return web.Response(status=201, headers=headers)
        digest = name if ":" in name else tags.get(name, "")
        if digest not in manifests:
            return error(404, "MANIFEST_UNKNOWN")
        media_type, content = manifests[digest]
        assert media_type in request.headers["Accept"]
        headers = {"Docker-Content-Digest": digest, "Content-Type": media_type}
        return web.Response(body=content, headers=headers)


_ALL = ("pull", "push")


def basic(user: str, password: str) -> str:
    """Return the header of a login."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def hang_up(request: web.Request) -> None:
    """Cut the connection of a request."""
    assert request.transport is not None
    request.transport.abort()
