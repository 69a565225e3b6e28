"""What breaks a connection is told in words that need no knowledge of the libraries in use."""

from __future__ import annotations

import errno
import socket
import ssl
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
import websockets
from websockets.frames import Close

from ckf_airgap.juju.controller.reasons import in_seconds, reason_of


def closed(rcvd: Close | None, sent: Close | None, *, they_first: bool | None) -> Exception:
    return websockets.ConnectionClosedError(rcvd, sent, they_first)


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def certificate() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL] certificate verify failed (_ssl.c:1006)")
    error.verify_message = "self-signed certificate"
    return error


def tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, "x (_ssl.c:1006)")
    error.reason = reason
    return error


KEY = cast("Any", SimpleNamespace(ssl=True, host="h", port=1))
SILENT = "it stopped responding"
CUT = "the connection was cut"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (closed(None, None, they_first=None), CUT),
        (closed(None, Close(1011, "keepalive ping timeout"), they_first=None), SILENT),
        (closed(None, Close(1011, "x"), they_first=None), "what it sent was not readable"),
        (closed(None, Close(1009, ""), they_first=None), "its answer was too large"),
        (closed(None, Close(1002, "bad opcode"), they_first=None), "what it sent was not readable"),
        (closed(None, Close(1000, ""), they_first=None), CUT),
        (closed(Close(1000, ""), Close(1000, ""), they_first=True), "it closed the connection"),
        (closed(Close(1001, ""), Close(1001, ""), they_first=True), "it is shutting down"),
        (closed(Close(1012, ""), None, they_first=None), "it is shutting down"),
        (
            closed(Close(1001, "the controller\nstops"), None, they_first=None),
            "it closed the connection: the controller stops",
        ),
        (
            closed(Close(1011, "x" * 130), None, they_first=None),
            f"it closed the connection: {'x' * 120}",
        ),
        (closed(Close(1000, "ok"), Close(1009, ""), they_first=False), "its answer was too large"),
        (certificate(), "its certificate does not verify (self-signed certificate)"),
        (
            aiohttp.ClientConnectorCertificateError(KEY, certificate()),
            "its certificate does not verify (self-signed certificate)",
        ),
        (ssl.SSLZeroReturnError(), CUT),
        (ssl.SSLEOFError(), CUT),
        (tls("WRONG_VERSION_NUMBER"), "there is no TLS connection with it (wrong version number)"),
        (ssl.SSLError(), "there is no TLS connection with it (no handshake)"),
        (
            websockets.InvalidStatus(cast("Any", SimpleNamespace(status_code=404))),
            "it answered with HTTP status 404",
        ),
        (caused(websockets.InvalidMessage("x"), EOFError()), CUT),
        (caused(websockets.InvalidMessage("x"), ConnectionResetError()), CUT),
        (caused(websockets.InvalidMessage("x"), ValueError("y")), "what it sends is not HTTP"),
        (websockets.InvalidUpgrade("Upgrade"), "it does not take websocket connections"),
        (aiohttp.ServerDisconnectedError(), "it closed the connection without an answer"),
        (aiohttp.ClientPayloadError("x"), "its answer was cut off"),
        (
            aiohttp.ClientResponseError(cast("Any", SimpleNamespace(real_url="u")), ()),
            "what it sends is not HTTP",
        ),
        (socket.gaierror(-2, "Name or service not known"), "its name cannot be resolved"),
        (TimeoutError("timed out during opening handshake"), "it did not answer"),
        (TimeoutError(errno.ETIMEDOUT, "Connection timed out"), "it did not answer"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "nothing listens there"),
        (ConnectionResetError("Cannot write to closing transport"), CUT),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), CUT),
        (OSError(errno.EHOSTUNREACH, "x"), "no route to host"),
        (OSError(errno.ENETUNREACH, "x"), "network is unreachable"),
        (OSError(-5, "x"), CUT),
        (OSError(), CUT),
        (
            aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(errno.ECONNREFUSED, "x")),
            "nothing listens there",
        ),
        (
            aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(-2, "x")),
            "its name cannot be resolved",
        ),
        (
            caused(aiohttp.ClientOSError(None, "Can not write request body"), BrokenPipeError()),
            CUT,
        ),
        (
            caused(
                aiohttp.ClientOSError(None, "Can not write request body"),
                OSError(errno.EHOSTUNREACH, "x"),
            ),
            "no route to host",
        ),
        (EOFError(), CUT),
    ],
)
def test_every_failure_of_a_connection_has_words(error: Exception, words: str) -> None:
    assert reason_of(error) == words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0123, "0.0123 s"), (1.0, "1 s"), (63.58, "63.6 s"), (100, "100 s"), (3600.4, "3600 s")],
)
def test_a_duration_has_no_more_digits_than_matter(seconds: float, text: str) -> None:
    assert in_seconds(seconds) == text
