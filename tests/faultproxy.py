"""A TCP proxy that delays, cuts, freezes and goes away, for tests and benchmarks of bad networks.

TLS passes through it. What it does is decided by its caller, or by a seed::

    async with FaultProxy(controller.endpoint, latency_s=0.05) as proxy:
        target = JujuTarget(model="kubeflow", juju_data=proxy.client_store(controller, tmp_path))
        proxy.cut_after(10_000)
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import socket
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Final

import yaml
from typing_extensions import Self

from tests.ports import free_port

_CHUNK: Final = 65_536
_RESET: Final = struct.pack("ii", 1, 0)
"""``SO_LINGER`` that makes closing a socket send a reset."""


class FaultProxy:
    """Passes TCP connections on to a server, and disturbs them.

    Args:
        target: ``host:port`` of the server; it may be changed for connections that come.
        latency_s: How long each direction takes. A new connection takes one round trip more, as
            the handshake of TCP does, which a proxy on the same machine cannot delay.
        seed: For `random_cut`.

    Attributes:
        target: Where connections go.
        latency_s: As above; counts at once.
        sent_bytes: How many bytes have been passed to the server.
        received_bytes: How many have been passed to the clients.
        connections: How many connections there have been.
    """

    def __init__(self, target: str, *, latency_s: float = 0.0, seed: int = 0) -> None:
        self.target = target
        self.latency_s = latency_s
        self.sent_bytes = 0
        self.received_bytes = 0
        self.connections = 0
        self.random = random.Random(seed)  # noqa: S311 - to be repeated
        self.port = free_port()
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._open: set[_Pair] = set()
        self._cut_at: int | None = None
        self._freezes_for_s: float | None = None
        self._only_answers = False
        self._on_cut: Callable[[], object] = lambda: None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def endpoint(self) -> str:
        """Where it listens, ``host:port``."""
        return f"127.0.0.1:{self.port}"

    @property
    def total_bytes(self) -> int:
        """How many bytes have passed in both directions."""
        return self.sent_bytes + self.received_bytes

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop_listening()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def listen(self) -> None:
        """Take connections."""
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port)

    async def stop_listening(self) -> None:
        """Refuse new connections; those that there are go on."""
        if self._server is not None:
            self._server.close()
            self._server = None
            await asyncio.sleep(0)

    def cut(self) -> None:
        """Reset all connections."""
        for pair in list(self._open):
            pair.reset()

    def cut_after(
        self, more_bytes: int, then: Callable[[], object] = lambda: None, *, answers: bool = False
    ) -> None:
        """Reset all connections, once, when so many more bytes have passed.

        Args:
            more_bytes: How many; the last of them are not passed on any more.
            then: Called right after that.
            answers: Count what the server sends alone, so that 1 loses the next answer.
        """
        self._only_answers = answers
        self._cut_at = self._passed + more_bytes
        self._on_cut = then
        self._freezes_for_s = None

    def freeze_after(self, more_bytes: int, for_s: float) -> None:
        """Freeze for some seconds, once, when so many more bytes have passed."""
        self.cut_after(more_bytes)
        self._freezes_for_s = for_s

    def random_cut(self, least: int, most: int) -> int:
        """Cut after a number of bytes that the seed decides, and return it."""
        after = self.random.randint(least, most)
        self.cut_after(after)
        return after

    def freeze(self) -> None:
        """Pass nothing on any more, and say nothing about it."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Pass everything on again, what was held back first."""
        self._flowing.set()

    def away_for(self, seconds: float) -> None:
        """Reset all connections, and refuse new ones for a while."""

        async def away() -> None:
            await self.stop_listening()
            self.cut()
            await asyncio.sleep(seconds)
            await self.listen()

        self._spawn(away())

    def client_store(self, juju_data: Path, directory: Path) -> Path:
        """Return a copy of a client store whose controllers are reached through the proxy."""
        store = Path(shutil.copytree(juju_data, directory / f"store-{self.port}"))
        path = store / "controllers.yaml"
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for controller in document["controllers"].values():
            controller["api-endpoints"] = [self.endpoint]
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return store

    @property
    def _passed(self) -> int:
        return self.received_bytes if self._only_answers else self.total_bytes

    def counted(self, size: int, *, is_up: bool) -> bool:
        """Return whether a piece of this size may pass: the connections may be cut at it."""
        if self._cut_at is None or (is_up and self._only_answers):
            return True
        if self._passed + size < self._cut_at:
            return True
        self._cut_at = None
        if self._freezes_for_s is not None:
            self.freeze()
            asyncio.get_running_loop().call_later(self._freezes_for_s, self.thaw)
            return True
        self.cut()
        self._on_cut()
        return False

    async def flowing(self) -> None:
        """Return when nothing is frozen."""
        await self._flowing.wait()

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._spawn(self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self.target.rpartition(":")
        try:
            await self.flowing()
            there_reader, there_writer = await asyncio.open_connection(host, int(port))
        except (OSError, asyncio.CancelledError):
            _reset(writer)
            return
        pair = _Pair(writer, there_writer)
        self._open.add(pair)
        try:
            await asyncio.gather(
                self._pass_on(reader, there_writer, is_up=True, extra_s=2 * self.latency_s),
                self._pass_on(there_reader, writer, is_up=False),
                return_exceptions=True,
            )
        finally:
            self._open.discard(pair)
            pair.close()

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        is_up: bool,
        extra_s: float = 0.0,
    ) -> None:
        """Pass one direction on until it ends; each piece is late, none waits for another."""
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        not_before = loop.time() + extra_s

        async def deliver() -> None:
            while True:
                due, piece = await pieces.get()
                delay = due - loop.time()
                if delay > 0:
                    await asyncio.sleep(delay)
                await self.flowing()
                if not piece:
                    if writer.can_write_eof():
                        writer.write_eof()
                    return
                if not self.counted(len(piece), is_up=is_up):
                    return
                if is_up:
                    self.sent_bytes += len(piece)
                else:
                    self.received_bytes += len(piece)
                writer.write(piece)
                await writer.drain()

        delivering = asyncio.ensure_future(deliver())
        try:
            while piece := await reader.read(_CHUNK):
                pieces.put_nowait((max(loop.time(), not_before) + self.latency_s, piece))
            pieces.put_nowait((loop.time() + self.latency_s, b""))
            await delivering
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)


class _Pair:
    """Both ends of a connection."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self._writers = writers

    def reset(self) -> None:
        """Reset both ends."""
        for writer in self._writers:
            _reset(writer)

    def close(self) -> None:
        """Close both ends."""
        for writer in self._writers:
            with contextlib.suppress(Exception):
                writer.transport.abort()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
