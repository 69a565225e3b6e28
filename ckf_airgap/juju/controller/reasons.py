"""What a broken connection means, in words that do not need knowledge of the libraries in use."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from typing import Final

import aiohttp
import websockets

_MAX_QUOTED: Final = 120
"""Characters of what a peer gives as its reason."""

_CUT: Final = "the connection was cut"
_SILENT: Final = "it stopped responding"
_NORMAL: Final = 1000
_GOING_AWAY: Final = (1001, 1012)
_TOO_LARGE: Final = 1009
_INTERNAL: Final = 1011


def reason_of(error: BaseException) -> str:
    """Return why a connection failed, as a clause: ``it closed the connection``.

    "It" is the other side. Only what the other side or the operating system said is quoted, never
    the text of a library.

    Args:
        error: What asyncio, `ssl`, `websockets` or `aiohttp` raised.
    """
    if isinstance(error, websockets.ConnectionClosed):
        return _closed(error)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return reason_of(error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorError):
        return reason_of(error.os_error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not verify ({error.verify_message})"
    if isinstance(error, ssl.SSLZeroReturnError | ssl.SSLEOFError | ssl.SSLSyscallError):
        return _CUT
    if isinstance(error, ssl.SSLError):
        return f"there is no TLS connection with it ({_tls(error)})"
    if isinstance(error, websockets.InvalidStatus):
        return f"it answered with HTTP status {error.response.status_code}"
    if isinstance(error, websockets.InvalidMessage):
        cut = isinstance(error.__cause__, EOFError | ConnectionError)
        return _CUT if cut else "what it sends is not HTTP"
    if isinstance(error, websockets.InvalidHandshake):
        return "it does not take websocket connections"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "it closed the connection without an answer"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "its answer was cut off"
    if isinstance(error, aiohttp.ClientResponseError):
        return "what it sends is not HTTP"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "it did not answer"
    if isinstance(error, OSError):
        return _of_the_system(error)
    return _CUT


def in_seconds(seconds: float) -> str:
    """Return a duration for a message, in seconds, with no more digits than matter: ``63.6 s``."""
    return f"{seconds:.0f} s" if seconds >= 100 else f"{seconds:.3g} s"


def _closed(error: websockets.ConnectionClosed) -> str:
    """Return why a websocket is closed: the side that closed it first is the one that says."""
    if error.rcvd is not None and error.rcvd_then_sent is not False:
        said = " ".join(error.rcvd.reason.split())[:_MAX_QUOTED]
        if said:
            return f"it closed the connection: {said}"
        leaves = error.rcvd.code in _GOING_AWAY
        return "it is shutting down" if leaves else "it closed the connection"
    if error.sent is not None:
        if error.sent.code == _INTERNAL and "ping" in error.sent.reason:
            return _SILENT
        if error.sent.code == _TOO_LARGE:
            return "its answer was too large"
        if error.sent.code != _NORMAL:
            return "what it sent was not readable"
    return _CUT


def _of_the_system(error: OSError) -> str:
    cause = error.__cause__
    if error.errno is None and isinstance(cause, Exception):  # aiohttp: while a body was sent
        return reason_of(cause)
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, ConnectionError):
        return _CUT
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()
    return _CUT


def _tls(error: ssl.SSLError) -> str:
    return (getattr(error, "reason", None) or "").replace("_", " ").lower() or "no handshake"
