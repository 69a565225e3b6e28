"""A network namespace whose loopback is far away from this host's. Linux, root.

Clients that run in it reach a port of this host's loopback at the same address, only later: what
passes is held back for half of a round trip in each direction, and a new connection for a whole
one, as the handshake of TCP would take. Addresses that a server tells its clients stay valid.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

_CLONE_NEWNET = 0x40000000
_CHUNK_BYTES = 256 * 1024


@dataclass
class Distance:
    """A loopback at a distance.

    Attributes:
        port: The port that is passed on.
        one_way_s: How long a byte is on its way, in seconds.
        sent_bytes: What clients have sent since it was last set to 0.
        connections: How many connections they have made.
    """

    port: int
    one_way_s: float = 0.0
    sent_bytes: int = 0
    connections: int = 0
    _holder: int = field(default=0, repr=False)

    def command(self, arguments: Sequence[str]) -> list[str]:
        """Return a command that runs at the other end."""
        return ["nsenter", f"--net=/proc/{self._holder}/ns/net", *arguments]

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass a connection on, both ways."""
        self.connections += 1
        await asyncio.sleep(2 * self.one_way_s)
        there, back = await asyncio.open_connection("127.0.0.1", self.port)
        ways = (self._copy(reader, back, counted=True), self._copy(there, writer))
        tasks = [asyncio.ensure_future(way) for way in ways]
        try:
            await asyncio.wait(tasks)
        finally:
            for task in tasks:
                task.cancel()
            for end in (writer, back):
                end.close()

    async def _copy(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, counted: bool = False
    ) -> None:
        loop = asyncio.get_running_loop()
        underway: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, chunk = await underway.get()
                await asyncio.sleep(due - loop.time())
                if not chunk:
                    break
                target.write(chunk)
                await target.drain()
            with contextlib.suppress(OSError):
                target.write_eof()

        delivery = asyncio.ensure_future(deliver())
        try:
            while chunk := await source.read(_CHUNK_BYTES):
                if counted:
                    self.sent_bytes += len(chunk)
                underway.put_nowait((loop.time() + self.one_way_s, chunk))
            underway.put_nowait((loop.time() + self.one_way_s, b""))
            await delivery
        except (OSError, NotImplementedError):  # TLS has no half-closed connections
            target.close()
        finally:
            delivery.cancel()


@contextlib.contextmanager
def distance_to(port: int) -> Iterator[Distance]:
    """Return the other end of a port of this host's loopback, open for a block."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    holder = os.fork()
    if holder == 0:
        _hold(theirs, port)
    theirs.close()
    _, (descriptor, *_), _, _ = socket.recv_fds(ours, 1, 1)
    distance = Distance(port=port, _holder=holder)
    listening = socket.socket(fileno=descriptor)
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    @contextlib.asynccontextmanager
    async def serving() -> AsyncIterator[None]:
        server = await asyncio.start_server(distance._pass, sock=listening)  # noqa: SLF001
        async with server:
            yield

    async def main() -> None:
        async with serving():
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True)
    thread.start()
    try:
        yield distance
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        ours.close()
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)


def _hold(channel: socket.socket, port: int) -> None:
    """Be the process whose namespace it is: listen there, and hand the socket over."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "cannot make a network namespace; are you root?")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    listening = socket.socket()
    listening.bind(("127.0.0.1", port))
    listening.listen(128)
    socket.send_fds(channel, [b"x"], [listening.fileno()])
    while True:
        signal.pause()
