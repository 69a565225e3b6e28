"""Ports for the servers of tests, which no client and no other worker of pytest-xdist takes."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path
from typing import Final

WORKERS: Final = 64
"""Workers that have ports of their own."""

_LOWEST: Final = 10_000
_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on, and nobody will until it is used.

    The kernel's own choice (port 0) would be of the range that it hands out to clients: between
    the moment when it is known to be free and the one when a server takes it, any connection of
    another test may have it, and a server that is started again at its port may find it taken.
    """
    first_of_clients = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    chance = random.SystemRandom()
    for _ in range(1000):
        port = chance.randrange(_LOWEST, first_of_clients - WORKERS) // WORKERS * WORKERS + worker
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no port below {first_of_clients} is free")
