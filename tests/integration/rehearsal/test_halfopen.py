"""Connections that ask for nothing are closed, and those that ask stay."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from ckf_airgap.rehearsal.api import halfopen
from ckf_airgap.rehearsal.host.controller import RehearsalController

REQUEST = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_connections_without_a_request_are_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halfopen.HalfOpenConnections.__init__, "__defaults__", (0.4,))
    async with RehearsalController(juju_data=tmp_path) as controller:
        host, _, port = controller.endpoint.rpartition(":")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

        async def connect(tls: ssl.SSLContext | None, sent: bytes) -> asyncio.StreamReader:
            reader, writer = await asyncio.open_connection(host, int(port), ssl=tls)
            writers.append(writer)
            writer.write(sent)
            await writer.drain()
            return reader

        writers: list[asyncio.StreamWriter] = []
        silent = [await connect(None, b""), await connect(context, b"")]
        halves = [await connect(context, REQUEST[:20]) for _ in range(3)]
        whole = await connect(context, REQUEST)
        assert b"200" in await whole.readline()
        for reader in (*silent, *halves):
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await asyncio.wait_for(reader.readexactly(1), 5)
        writers[-1].write(REQUEST)
        assert b"200" in await asyncio.wait_for(whole.readuntil(b"200"), 5)
        for writer in writers:
            writer.close()
        await asyncio.gather(*(w.wait_closed() for w in writers), return_exceptions=True)
