"""A Docker Engine, through the docker SDK: the only module that imports it.

The SDK blocks, and hands errors of a running pull, push or load out as ordinary progress. Here each
call has a thread, an error in the progress is raised, and a cancelled call is not waited for: its
thread ends when the engine next sends something.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import docker
import requests
import urllib3
from docker import errors as docker_errors

from ckf_airgap.concurrency import in_thread
from ckf_airgap.errors import (
    AbsentError,
    AirgapError,
    ConnectionFailedError,
    LoginError,
    StorageFullError,
    TransferError,
)
from ckf_airgap.transfer.oci import Digest

Event = Mapping[str, Any]
"""A line of the engine's progress."""

TIMEOUT_S: Final = 3600.0
"""Seconds that the engine may be silent: it copies and unpacks all layers before it answers."""

_ANSWER_S: Final = 60.0
_SOCKET: Final = "unix:///var/run/docker.sock"
_CHUNK_BYTES: Final = 1024 * 1024
_AHEAD: Final = 4

# While the progress is read, the SDK lets through what the layers below it raise.
_ENGINE_ERRORS: Final = (
    docker_errors.DockerException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineImage:
    """An image in a Docker Engine.

    Attributes:
        id: Its ID, the digest of its config.
        tags: Its tags with their repositories, as Docker shortens them.
        digests: Where it was pulled from or pushed to, as ``name@digest``.
        diff_ids: The digests of its raw layers.
    """

    id: Digest
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    diff_ids: tuple[Digest, ...]


class _Client(docker.APIClient):  # type: ignore[misc]  # the SDK has no types
    """The SDK's client, with what the engine can and the SDK does not offer."""

    def get_images(self, names: Iterable[str]) -> Iterator[bytes]:
        """Yield the bytes of one ``docker save`` archive of several images."""
        url = self._url("/images/get")
        response = self._get(url, params={"names": list(names)}, stream=True)
        self._raise_for_status(response)
        yield from response.iter_content(_CHUNK_BYTES)


class DockerEngine:
    """A Docker Engine.

    Args:
        config: Docker's ``config.json`` with logins; the user's own when left out.
        timeout_s: Seconds that the engine may be silent.
    """

    def __init__(self, *, config: Path | None = None, timeout_s: float = TIMEOUT_S) -> None:
        self._config = config
        self._timeout_s = timeout_s

    async def version(self) -> str:
        """Return the engine's version.

        Raises:
            ConnectionFailedError: when there is no engine, or access to it is denied.
        """
        answer = await self._call(lambda client: client.version())
        return str(answer.get("Version", ""))

    async def image(self, name: str) -> EngineImage | None:
        """Return an image by tag, ``name@digest`` or ID; ``None`` if the engine lacks it."""
        try:
            found = await self._call(lambda client: client.inspect_image(name))
        except AbsentError:
            return None
        layers = (found.get("RootFS") or {}).get("Layers") or []
        return EngineImage(
            id=Digest.parse(found["Id"]),
            tags=tuple(found.get("RepoTags") or ()),
            digests=tuple(found.get("RepoDigests") or ()),
            diff_ids=tuple(Digest.parse(layer) for layer in layers),
        )

    async def tag(self, name: str, repository: str, tag: str) -> None:
        """Give an image one more name.

        Raises:
            AbsentError: when the engine has no such image.
        """
        await self._call(lambda client: client.tag(name, repository, tag, force=True))

    def pull(self, repository: str, tag: str, platform: str | None) -> AsyncGenerator[Event, None]:
        """Yield the progress of a pull; `tag` may be a digest."""
        return self._progress(
            lambda client: client.pull(
                repository, tag=tag, stream=True, decode=True, platform=platform
            )
        )

    def push(self, repository: str, tag: str) -> AsyncGenerator[Event, None]:
        """Yield the progress of a push."""
        return self._progress(
            lambda client: client.push(repository, tag=tag, stream=True, decode=True)
        )

    def load(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[Event, None]:
        """Yield the progress of loading the bytes of a ``docker save`` archive."""
        loop = asyncio.get_running_loop()
        body = BlockingChunks(chunks, loop)
        return self._progress(lambda client: client.load_image(body), body)

    def save(self, names: Iterable[str]) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of one ``docker save`` archive of some images."""
        wanted = tuple(names)
        return self._stream(lambda client: client.get_images(wanted))

    async def _progress(
        self, start: Callable[[_Client], Iterator[Event]], body: BlockingChunks | None = None
    ) -> AsyncGenerator[Event, None]:
        """Yield progress, and raise the error that is in it."""
        try:
            async with contextlib.aclosing(self._stream(start)) as events:
                async for event in events:
                    message = _message(event)
                    if message:
                        raise engine_error(message)
                    yield event
        except AirgapError:
            if body is not None and body.error is not None:
                raise body.error from None
            raise

    async def _call(self, work: Callable[[_Client], _T]) -> Any:
        def run() -> _T:
            client = self._client(_ANSWER_S)
            try:
                return work(client)
            finally:
                client.close()

        try:
            return await in_thread(run)
        except _ENGINE_ERRORS as exc:
            raise _translate(exc) from exc

    async def _stream(self, start: Callable[[_Client], Iterator[_T]]) -> AsyncGenerator[_T, None]:
        """Yield what a blocking iterator yields in a thread of its own.

        The thread is not one of the event loop's: it may be blocked in a read for as long as the
        engine likes, and must not keep the program from ending.
        """
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[_T | None, BaseException | None]] = asyncio.Queue()
        room = threading.Semaphore(_AHEAD)
        stopped = threading.Event()

        def hand_over(item: _T | None, error: BaseException | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is waiting
                loop.call_soon_threadsafe(queue.put_nowait, (item, error))

        def work() -> None:
            error: BaseException | None = None
            try:
                client = self._client(self._timeout_s)
                try:
                    for item in start(client):
                        room.acquire()
                        if stopped.is_set():
                            return
                        hand_over(item, None)
                finally:
                    client.close()
            except BaseException as exc:  # noqa: BLE001 - raised on the event loop
                error = exc
            hand_over(None, error)

        threading.Thread(target=work, name="docker-engine", daemon=True).start()
        try:
            while True:
                item, error = await queue.get()
                room.release()
                if isinstance(error, _ENGINE_ERRORS):
                    raise _translate(error) from error
                if error is not None:
                    raise error
                if item is None:
                    return
                yield item
        finally:
            stopped.set()
            room.release()

    def _client(self, timeout_s: float) -> _Client:
        try:
            settings = docker.utils.kwargs_from_env()
            _probe(str(settings.get("base_url") or _SOCKET))
            client = _Client(timeout=timeout_s, version="auto", **settings)
        except (docker_errors.DockerException, OSError) as exc:
            raise ConnectionFailedError(
                f"cannot reach a Docker Engine: {_words(exc)}",
                fix="Is it running, and are you allowed to use it (group docker, DOCKER_HOST)?"
                " Without --engine docker, no Docker Engine is needed.",
            ) from exc
        if self._config is not None:
            client.reload_config(str(self._config))
        return client


class BlockingChunks:
    """Asynchronous chunks as a blocking iterator, for a thread next to the event loop.

    Attributes:
        error: What reading them raised.
    """

    def __init__(self, chunks: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self.error: AirgapError | None = None
        self._chunks = chunks
        self._loop = loop
        self._held = b""

    def __iter__(self) -> Iterator[bytes]:
        """Return itself."""
        return self

    def __next__(self) -> bytes:
        """Return the next chunk.

        Raises:
            OSError: when it cannot be read; `error` says why.
        """

        async def advance() -> bytes | None:
            return await anext(self._chunks, None)

        waiting = advance()
        try:
            chunk = asyncio.run_coroutine_threadsafe(waiting, self._loop).result()
        except AirgapError as exc:
            self.error = exc
            raise OSError("cannot be read") from exc
        except (RuntimeError, CancelledError) as exc:
            waiting.close()
            raise OSError("stopped") from exc
        if chunk is None:
            raise StopIteration
        return chunk

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes; fewer only at the end."""
        pieces, have = [self._held], len(self._held)
        while have < size:
            chunk = next(self, b"")
            if not chunk:
                break
            pieces.append(chunk)
            have += len(chunk)
        data = b"".join(pieces)
        self._held = data[size:]
        return data[:size]


def _probe(url: str) -> None:
    """Connect to a socket of the engine, which the SDK would leak when that fails.

    Raises:
        OSError: when nothing listens there, or access is denied.
    """
    scheme, _, path = url.partition("://")
    if scheme not in ("unix", "http+unix"):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_ANSWER_S)
        try:
            probe.connect(path)
        except OSError as exc:
            raise OSError(f"{path}: {exc.strerror or exc}") from exc


def engine_error(message: str) -> TransferError:
    """Return the error that a message of the engine means."""
    lowered = message.lower()
    if "no space left" in lowered:
        return StorageFullError(
            f"Docker: {message}", fix="Free some space where Docker keeps its images."
        )
    if "unauthorized" in lowered or "denied" in lowered or "basic auth" in lowered:
        return LoginError(
            f"Docker: {message}",
            fix="Log in with `docker login REGISTRY`, or name the file with --docker-config.",
        )
    if "gave http response to https client" in lowered:
        return ConnectionFailedError(
            f"Docker: {message}",
            fix='Docker uses plain HTTP only for the "insecure-registries" in its daemon.json.',
        )
    if "x509" in lowered or "certificate" in lowered:
        return ConnectionFailedError(
            f"Docker: {message}",
            fix="Put the registry's CA into /etc/docker/certs.d/HOST:PORT/ca.crt.",
        )
    if "not found" in lowered or "manifest unknown" in lowered or "no such image" in lowered:
        return AbsentError(f"Docker: {message}")
    if "connection refused" in lowered or "timeout" in lowered or "no such host" in lowered:
        return ConnectionFailedError(f"Docker: {message}")
    return TransferError(f"Docker: {message}")


def _message(event: Event) -> str:
    """Return the error that a line of progress is, or an empty text."""
    detail = event.get("errorDetail")
    if isinstance(detail, dict) and detail.get("message"):
        return str(detail["message"]).strip()
    if event.get("error"):
        return str(event["error"]).strip()
    # An error that came before any progress is a plain answer: {"message": "..."}.
    return str(event["message"]).strip() if set(event) == {"message"} else ""


def _translate(error: Exception) -> TransferError:
    if isinstance(error, docker_errors.NotFound):
        return AbsentError(f"Docker: {_words(error)}")
    if isinstance(error, docker_errors.APIError):
        return engine_error(_words(error))
    return ConnectionFailedError(f"the Docker Engine went away: {_words(error)}")


def _words(error: Exception) -> str:
    explanation = getattr(error, "explanation", None)
    return str(explanation or error).strip()
