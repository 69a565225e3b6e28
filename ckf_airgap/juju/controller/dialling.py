"""The first address of a controller that answers, as an open socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ckf_airgap.concurrency import run_to_end, timeout
from ckf_airgap.documents import decimal
from ckf_airgap.errors import ControllerError
from ckf_airgap.juju.controller.reasons import in_seconds, reason_of
from ckf_airgap.juju.controller.store import StoredController

_PREFERENCE_S: Final = 0.1
"""How much later each further address is dialled, so that the first one is preferred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialled:
    """An address that was dialled.

    Attributes:
        endpoint: ``host:port``.
        sock: The open socket; ``None`` when it could not be reached.
        why: Why not.
    """

    endpoint: str
    sock: socket.socket | None = None
    why: str = ""


class UnreachableError(ControllerError):
    """No address of a controller could be reached.

    Attributes:
        because: Each address, and what is wrong with it.
    """

    def __init__(self, message: str, *, because: str, fix: str) -> None:
        super().__init__(message, fix=fix)
        self.because = because


async def dial(controller: StoredController, timeout_s: float) -> tuple[socket.socket, str]:
    """Return an open socket to a controller, and which of its addresses that is.

    All addresses are dialled, the first ones a little earlier, and the first that answers is taken.

    Raises:
        UnreachableError: naming each address and what is wrong with it.
    """
    tasks = [
        asyncio.create_task(_dial(endpoint, _PREFERENCE_S * index, timeout_s))
        for index, endpoint in enumerate(controller.endpoints)
    ]
    taken: socket.socket | None = None
    try:
        for finished in asyncio.as_completed(tasks):
            dialled = await finished
            if dialled.sock is not None:
                taken = dialled.sock
                await run_to_end(_give_up(tasks, keep=taken))
                return taken, dialled.endpoint
    except BaseException:
        await run_to_end(_give_up(tasks, keep=None))
        raise
    because = "; ".join(f"{one.endpoint}: {one.why}" for one in (task.result() for task in tasks))
    raise UnreachableError(
        f"controller {controller.name} cannot be reached ({because})",
        because=because,
        fix="Check that it is running and reachable from this host; its addresses are in "
        f"{controller.juju_data / 'controllers.yaml'}.",
    )


async def _give_up(tasks: Sequence[asyncio.Task[Dialled]], keep: socket.socket | None) -> None:
    """End all dials, and close what they have opened but for one socket."""
    for task in tasks:
        task.cancel()
    for one in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(one, Dialled) and one.sock is not None and one.sock is not keep:
            one.sock.close()


async def _dial(endpoint: str, delay_s: float, timeout_s: float) -> Dialled:
    host, _, port = endpoint.partition("/")[0].rpartition(":")
    number = decimal(port, most=65535)
    if not host or number is None:
        return Dialled(endpoint=endpoint, why="is not host:port")
    await asyncio.sleep(delay_s)
    try:
        async with timeout(timeout_s):
            return Dialled(endpoint=endpoint, sock=await _open(host.strip("[]"), number))
    except TimeoutError:
        return Dialled(endpoint=endpoint, why=f"no answer within {in_seconds(timeout_s)}")
    except OSError as exc:
        return Dialled(endpoint=endpoint, why=reason_of(exc))


async def _open(host: str, port: int) -> socket.socket:
    """Return a socket that is connected to the first address of a host that answers."""
    loop = asyncio.get_running_loop()
    failure = OSError()
    for family, kind, protocol, _, address in await loop.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        with contextlib.ExitStack() as undo:
            try:
                sock = socket.socket(family, kind, protocol)
                undo.callback(sock.close)
                sock.setblocking(False)
                await loop.sock_connect(sock, address)
            except OSError as exc:
                failure = exc
                continue
            undo.pop_all()
            return sock
    raise failure
