"""Tokens that many requests share, and that are good for few of them."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from ckf_airgap.errors import LoginError
from ckf_airgap.transfer.oci import Descriptor, Digest
from ckf_airgap.transfer.registry.remote import RegistryClient
from tests.integration.transfer.conftest import logged_in, make_client
from tests.integration.transfer.faults import Exchange, FaultProxy

BLOBS = [Descriptor("some/thing", Digest.of(str(number).encode()), 1) for number in range(8)]


class OneUse:
    """A registry whose tokens are good for one request each, whichever comes first.

    The requests with one token wait until all are there that have had no success yet, so that all
    but one of them are refused, each time.

    Attributes:
        given: How many tokens were given.
    """

    def __init__(self, host: str, requests: int) -> None:
        self.given = 0
        self._host = host
        self._left = requests
        self._waiting: list[asyncio.Future[bool]] = []

    async def __call__(self, exchange: Exchange) -> web.Response | None:
        if exchange.path == "/token":
            self.given += 1
            return web.json_response({"token": f"token-{self.given}", "expires_in": 300})
        if exchange.request.headers.get("Authorization") == f"Bearer token-{self.given}":
            turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            if len(self._waiting) == self._left:
                waiting, self._waiting = self._waiting, []
                self._left -= 1
                for number, one in enumerate(waiting):
                    one.set_result(number == self._left // 2)
            if await turn:
                return web.Response(headers={"Content-Length": "1"})
        challenge = f'Bearer realm="http://{self._host}/token",service="s"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})


async def ask_for_all(client: RegistryClient, host: str) -> list[bool]:
    registry = await client.registry(host)
    questions = (registry.has_blob("some/image", blob, writing=True) for blob in BLOBS)
    return list(await asyncio.wait_for(asyncio.gather(*questions), 120))


async def test_a_request_asks_anew_as_long_as_others_use_the_tokens_up(proxy: FaultProxy) -> None:
    registry = OneUse(proxy.host, len(BLOBS))
    proxy.faults.append(registry)
    async with make_client(proxy.host) as client:
        assert await ask_for_all(client, proxy.host) == [True] * len(BLOBS)
    assert registry.given == len(BLOBS)


async def test_a_login_that_gets_tokens_without_an_end_is_given_up_soon(proxy: FaultProxy) -> None:
    """As token servers give them to who may read only, and the registry refuses each."""
    given = 0

    async def refuse(exchange: Exchange) -> web.Response | None:
        nonlocal given
        if exchange.path == "/token":
            given += 1
            return web.json_response({"token": f"token-{given}", "expires_in": 300})
        challenge = f'Bearer realm="http://{proxy.host}/token",service="s"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    proxy.faults.append(refuse)
    async with make_client(proxy.host, credentials=logged_in(proxy.host)) as client:
        registry = await client.registry(proxy.host)
        with pytest.raises(LoginError, match="with the login of the tests"):
            await registry.has_blob("some/image", BLOBS[0])
        assert given == 3
        with pytest.raises(LoginError):
            await ask_for_all(client, proxy.host)
    assert given <= 3 + 3 * len(BLOBS)
