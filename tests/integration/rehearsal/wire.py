"""A client that speaks the wire itself: websocket frames and HTTPS requests, nothing added."""

from __future__ import annotations

import asyncio
import base64
import itertools
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Store:
    """What a client finds in the store files."""

    endpoint: str
    ca_cert: str
    user: str
    password: str
    models: dict[str, str]

    @classmethod
    def read(cls, directory: Path) -> Store:
        def load(name: str) -> Any:
            return yaml.safe_load((directory / name).read_text())

        controllers = load("controllers.yaml")
        name = controllers["current-controller"]
        account = load("accounts.yaml")["controllers"][name]
        models = load("models.yaml")["controllers"][name]["models"]
        return cls(
            endpoint=controllers["controllers"][name]["api-endpoints"][0],
            ca_cert=controllers["controllers"][name]["ca-cert"],
            user=account["user"],
            password=account["password"],
            models={key.partition("/")[2]: model["uuid"] for key, model in models.items()},
        )

    def ssl_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.ca_cert)

    def authorization(self) -> dict[str, str]:
        token = base64.b64encode(f"user-{self.user}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {token}"}


class Wire:
    """One websocket; answers are matched to requests by their id, in whatever order they come."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self._ids = itertools.count(1)
        self._answers: dict[int, dict[str, Any]] = {}

    async def send(self, facade: str, method: str, *, version: int = 1, **more: Any) -> int:
        request_id = next(self._ids)
        await self.socket.send_json(
            {
                "request-id": request_id,
                "type": facade,
                "version": version,
                "request": method,
                "params": {},
                **more,
            }
        )
        return request_id

    async def receive(self, request_id: int) -> dict[str, Any]:
        while request_id not in self._answers:
            answer = await asyncio.wait_for(self.socket.receive_json(), TIMEOUT_S)
            self._answers[answer["request-id"]] = answer
        return self._answers.pop(request_id)

    async def call(
        self, facade: str, method: str, params: dict[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        """Return the whole answer."""
        return await self.receive(await self.send(facade, method, params=params or {}, **more))

    async def ask(
        self, facade: str, method: str, params: dict[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        """Return the response of a call that must succeed."""
        answer = await self.call(facade, method, params, **more)
        assert "error" not in answer, answer
        return dict(answer["response"])

    async def login(self, user: str, password: str) -> dict[str, Any]:
        params = {"auth-tag": f"user-{user}", "credentials": password, "client-version": "3.6.1"}
        return await self.call("Admin", "Login", params, version=3)


class Client:
    """Opens connections and makes requests as the store says."""

    def __init__(self, store: Store, session: aiohttp.ClientSession) -> None:
        self.store = store
        self.session = session
        self._wires: list[tuple[Wire, Any]] = []

    async def close(self) -> None:
        """Close every connection that was dialled, and wait until TLS has said goodbye."""
        for wire, _ in self._wires:
            await wire.socket.close()
        await self.session.close()
        while any(socket.fileno() != -1 for _, socket in self._wires):  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    async def dial(self, path: str = "/api", *, headers: dict[str, str] | None = None) -> Wire:
        """Return a connection that is not logged in."""
        socket = await self.session.ws_connect(
            f"wss://{self.store.endpoint}{path}",
            ssl=self.store.ssl_context(),
            max_msg_size=0,
            headers=headers,
        )
        wire = Wire(socket)
        self._wires.append((wire, socket.get_extra_info("socket")))
        return wire

    async def controller(self) -> Wire:
        """Return a connection to the controller, logged in."""
        wire = await self.dial("/api")
        assert "error" not in await wire.login(self.store.user, self.store.password)
        return wire

    async def model(self, name: str = "kubeflow") -> Wire:
        """Return a connection to a model of the store, logged in."""
        wire = await self.dial(f"/model/{self.store.models[name]}/api")
        assert "error" not in await wire.login(self.store.user, self.store.password)
        return wire

    async def http(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **more: Any
    ) -> tuple[int, Any, dict[str, str]]:
        """Return status, body (read when it is JSON) and headers of an authenticated request.

        JSON is what the type says exactly: with a charset, Juju's own client does not read it.
        """
        url = f"https://{self.store.endpoint}{path}"
        headers = {**self.store.authorization(), **(headers or {})}
        context = self.store.ssl_context()
        async with self.session.request(method, url, headers=headers, ssl=context, **more) as reply:
            is_json = reply.headers.get("Content-Type") == "application/json"
            body = await reply.json() if is_json else await reply.read()
            return reply.status, body, dict(reply.headers)
