"""Charms and resources over HTTP, streamed from disk, separate from the websocket.

Shapes and headers are those of Juju 3.6 (``POST /model/UUID/charms``,
``PUT /model/UUID/applications/APP/resources/NAME``).
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, final
from urllib.parse import quote

import aiohttp

from ckf_airgap.bundle.login import ImageLogin, PullLogins
from ckf_airgap.concurrency import Deadline, in_thread
from ckf_airgap.documents import dump_yaml
from ckf_airgap.errors import (
    MissingError,
    ReferenceSyntaxError,
    RefusedError,
)
from ckf_airgap.files import open_regular
from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.juju.controller.access import HttpAccess
from ckf_airgap.juju.controller.api import JujuTimeouts
from ckf_airgap.juju.controller.calls import Restoring
from ckf_airgap.juju.controller.sending import RETRIES, Sender
from ckf_airgap.juju.planning.steps import ResourceUpload
from ckf_airgap.net.limits import Retries

CHUNK_BYTES: Final = 1024 * 1024
"""How much of a file is in memory at once."""

_NO_LOGIN: Final = ImageLogin(fields={"username": "", "password": ""})
"""What clients send for an image that is pulled without a login."""

OnProgress = Callable[[int], None]
"""Called with the number of bytes just sent; with a negative one when they are sent again."""


class Hash(Protocol):
    """A running checksum, such as those of `hashlib`."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedCharm:
    """A charm that a controller has accepted.

    Attributes:
        url: The URL that the controller gave it, ``local:minio-0``.
        sha256: The SHA-256 of what was sent, in hexadecimal.
    """

    url: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryLogin:
    """A login to the private registry, before it is known which registry that is.

    Attributes:
        username: The user.
        password: The password or token.
    """

    username: str
    password: str = field(repr=False)

    def at(self, registry: Registry) -> RegistryAuth:
        """Return the login to this registry, and to no other."""
        return RegistryAuth(username=self.username, password=self.password, registry=registry)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAuth:
    """A login to the private registry, which the cluster needs to pull the images of the charms.

    It is sent to the controller inside the description of each image of that registry, and of no
    other; it is never written to a file or a log.

    Attributes:
        username: The user.
        password: The password or token.
        registry: What the login is for. There is no default: a login for every image would be
            given to whatever registry an overlay names.
    """

    username: str
    password: str = field(repr=False)
    registry: Registry

    def is_for(self, reference: str) -> bool:
        """Whether an image is in the registry of the login; never for an invalid reference."""
        try:
            return self.registry.holds(ImageReference.parse(reference))
        except ReferenceSyntaxError:
            return False

    def login_for(self, reference: str) -> ImageLogin | None:
        """Return the login for an image that is in the registry; see `PullLogins`."""
        if not self.is_for(reference):
            return None
        return ImageLogin(fields={"username": self.username, "password": self.password})


@final
class Uploader:
    """Uploads to one model, on connections of its own; use it as ``async with``.

    Args:
        http: Where to, and how to log in; a function when that may change in between.
        timeouts: How long an upload may take.
        connections: How many uploads may run at once.
        deadline: When all uploads must be over.
        link: The connection to the model: while it is being restored, uploads wait.
        retries: How often and when an upload is tried again.
    """

    def __init__(
        self,
        http: HttpAccess | Callable[[], HttpAccess],
        timeouts: JujuTimeouts,
        connections: int,
        *,
        deadline: Deadline | None = None,
        link: Restoring | None = None,
        retries: Retries = RETRIES,
    ) -> None:
        current = http if callable(http) else lambda: http
        self._http = current
        self._connections = connections
        self._timeouts = timeouts
        self._client: aiohttp.ClientSession | None = None
        self._sender = Sender(
            current, timeouts, deadline if deadline is not None else Deadline(), link, retries
        )

    async def __aenter__(self) -> Uploader:
        """Open the client."""
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, ssl=self._http().ssl_context),
            headers=self._http().headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._timeouts.connect_s),
            trust_env=False,
        )
        self._sender.client = self._client
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.close()

    async def upload_charm(
        self, path: Path, on_progress: OnProgress | None = None
    ) -> UploadedCharm:
        """Upload a ``.charm`` file and return what the controller made of it.

        Raises:
            MissingError: when the file is gone.
            RefusedError: naming the file, with the controller's text.
            ConnectionLostError: when no answer came, also after further attempts.
            ControllerError: when the controller cannot be reached, or refuses the login.
        """
        size_bytes = await in_thread(_size, path)
        sent = _SentFile(path, on_progress)
        reply = await self._sender.send(
            "POST",
            "charms?series=",
            sent.begin,
            what=f"charm {path.name}",
            size_bytes=size_bytes,
            headers={"Content-Type": "application/zip"},
        )
        url = reply.get("charm-url")
        if not isinstance(url, str) or not url:
            raise RefusedError(f"the controller accepted charm {path.name}, but returned no URL")
        return UploadedCharm(url=url, sha256=sent.digest.hexdigest())

    async def upload_resource(
        self,
        application: str,
        resource: ResourceUpload,
        pending_id: str | None,
        auth: PullLogins | None = None,
    ) -> None:
        """Upload a resource that was announced with ``AddPendingResources``, or replace one.

        Args:
            application: The application that will have it.
            resource: An image reference, which is sent with the login to its registry, or a file.
            pending_id: What the controller calls it until an application uses it; without it, the
                resource of an application that is in the model is replaced at once.
            auth: The logins to registries.

        Raises:
            MissingError: when the file is gone.
            RefusedError: naming application and resource, with the controller's text.
            ConnectionLostError: when no answer came, also after further attempts.
            ControllerError: when the controller cannot be reached, or refuses the login.
        """
        begin: Callable[[], bytes | AsyncIterator[bytes]]
        if resource.type == "oci-image":
            body = image_details(resource.value, auth, resource.login)
            digest, size_bytes = hashlib.sha384(body).hexdigest(), len(body)
            begin = functools.partial(bytes, body)
        else:
            path = Path(resource.value)
            digest, size_bytes = await in_thread(file_digest, path)
            begin = _SentFile(path, None).begin
        await self._sender.send(
            "PUT",
            f"applications/{application}/resources/{quote(resource.name)}"
            + (f"?pendingid={quote(pending_id)}" if pending_id is not None else ""),
            begin,
            what=f"resource {resource.name} of application {application}",
            size_bytes=size_bytes,
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Sha384": digest,
                "Content-Disposition": f'form-data; filename="{quote(resource.value, "/:@.")}"',
            },
        )


def image_details(reference: str, auth: PullLogins | None, own: ImageLogin | None = None) -> bytes:
    """Return the body of an image resource: where it is, and how to log in to the registry.

    Args:
        reference: The image.
        auth: The logins to registries.
        own: The login of this image alone, which goes before those.
    """
    login = own or (auth.login_for(reference) if auth is not None else None)
    return dump_yaml((login or _NO_LOGIN).describe(reference)).encode()


def image_documents(
    reference: str, auth: PullLogins | None, own: ImageLogin | None = None
) -> tuple[bytes, ...]:
    """Return the body of an image resource in each form in which clients are known to send it.

    The first is that of `image_details`. Juju's own client writes the same three keys in the same
    order, but empty strings in double quotes; its form is known only for an image without a login
    whose reference needs no quotes.
    """
    ours = image_details(reference, auth, own)
    plain = ours == f"registrypath: {reference}\nusername: ''\npassword: ''\n".encode()
    return (ours, ours.replace(b"''", b'""')) if plain else (ours,)


class _SentFile:
    """A file that is sent in pieces, once or several times, and its checksum."""

    def __init__(self, path: Path, on_progress: OnProgress | None) -> None:
        self._path = path
        self._on_progress = on_progress
        self._sent = 0
        self.digest = hashlib.sha256()

    def begin(self) -> AsyncIterator[bytes]:
        """Return the pieces, from the first one; what was sent before counts no more."""
        self.digest = hashlib.sha256()
        self._progress(-self._sent)
        return self._pieces(self.digest)

    async def _pieces(self, digest: Hash) -> AsyncIterator[bytes]:
        """Yield the pieces, read and hashed off the event loop.

        Each piece opens the file again, so that no thread holds an open file when the caller is
        cancelled; at a megabyte a piece that costs nothing.
        """
        offset = 0
        while chunk := await in_thread(_read_piece, self._path, offset, digest):
            yield chunk
            offset += len(chunk)
            self._progress(len(chunk))

    def _progress(self, size: int) -> None:
        self._sent += size
        if size and self._on_progress is not None:
            self._on_progress(size)


def _read_piece(path: Path, offset: int, digest: Hash) -> bytes:
    with path.open("rb") as stream:
        stream.seek(offset)
        piece = stream.read(CHUNK_BYTES)
    digest.update(piece)
    return piece


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as exc:
        raise _gone(path, exc) from exc


def file_digest(path: Path) -> tuple[str, int]:
    """Return the hex SHA-384 of a file, and its size in bytes; blocks.

    Raises:
        MissingError: when it cannot be read.
        InputError: when it is not a regular file: a bundle may name anything as a resource.
    """
    digest = hashlib.sha384()
    size_bytes = 0
    try:
        with open_regular(path) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
                size_bytes += len(chunk)
    except OSError as exc:
        raise _gone(path, exc) from exc
    return digest.hexdigest(), size_bytes


def _gone(path: Path, error: OSError) -> MissingError:
    return MissingError(f"cannot read {path}: {error.strerror or error}")
