"""Ask a fresh controller what a transcript's client asked, and tell what came out differently.

Each answer is also heard by the witness of `tests.witness`, so only errors are compared here.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp

from ckf_airgap.rehearsal.host.thread import ControllerThread
from tests.integration.rehearsal.wire import Client, Store, Wire
from tests.transcripts import running
from tests.transcripts.recording import BAKERY, MADE, errors_in, plain_error, texts_in
from tests.transcripts.scenes import Scene

SPEED: Final = math.inf
_POLL_S: Final = 0.3
_GONE_TRIES: Final = 100
_CALL: Final = re.compile(r"(\w+)\((\d+)\)\.(\w+)")


def replay(scene: Scene, directory: Path) -> list[str]:
    """Replay a transcript; return what came out differently from what was recorded."""
    transcript = json.loads(scene.transcript.read_text())
    with running.stage(directory, speed=SPEED) as controller:
        return asyncio.run(_replay(transcript["steps"], controller, directory))


async def _replay(
    steps: list[dict[str, Any]], controller: ControllerThread, directory: Path
) -> list[str]:
    differences: list[str] = []
    async with aiohttp.ClientSession() as session:
        client = Client(Store.read(controller.juju_data), session)
        player = _Player(client, controller, directory)
        try:
            for step in steps:
                if "settle" in step:
                    await asyncio.to_thread(running.settle, controller)
                for event in step["events"]:
                    found = [f"juju {step['run']}: {text}" async for text in player.play(event)]
                    differences += found
        finally:
            await client.close()
    return differences


class _Player:
    """Plays the events of a transcript on connections of its own."""

    def __init__(self, client: Client, controller: ControllerThread, directory: Path) -> None:
        state = controller.controller.state
        self._client = client
        self._controller = controller
        self._directory = directory
        self._values = {"controller": state.uuid}
        self._values |= {f"model-{model.name}": model.uuid for model in state}
        self._wires: dict[int, Wire] = {}

    async def play(self, event: dict[str, Any]) -> Any:
        """Play one event; yield what is different."""
        if "dial" in event:
            different = await self._dial(event)
        elif "ask" in event:
            different = await self._ask(event)
        elif "http" in event:
            different = await self._http(event)
        else:
            different = await self._stream(event)
        for text in different:
            yield text

    async def _dial(self, event: dict[str, Any]) -> list[str]:
        wire = await self._client.dial(self._filled(event["dial"]))
        self._wires[event["on"]] = wire
        name = event.get("as", "").removeprefix("user-")
        if event.get("with") == "nothing":
            params = {"auth-tag": event["as"], "client-version": "3.6.28"}
            answer = await wire.call("Admin", "Login", params, version=3)
        elif event.get("refused") and event["with"] == "password":
            answer = await wire.login(name, "no such password")
        else:
            # macaroons are bound to their bakery: the same user comes in by password instead
            answer = await wire.login(name, self._password(name))
        found = plain_error(answer) if "error" in answer else None
        return list(_differences(f"login of {name}", event.get("refused"), found))

    async def _ask(self, event: dict[str, Any]) -> list[str]:
        call = _CALL.fullmatch(event["ask"])
        assert call is not None, event
        facade, version, method = call.groups()
        wire = self._wires[event["on"]]
        more = {"id": event["id"]} if "id" in event else {}
        params = self._filled(event["params"])
        if method == "ModelStatus" and "errors" in event:
            # the client asks again and again until the model is gone
            await self._gone(wire, facade, int(version), params)
        request = await wire.send(facade, method, version=int(version), params=params, **more)
        try:
            # a watcher tells when something happens, which need not be as often as it was
            limit_s = _POLL_S if method == "Next" else None
            answer = await asyncio.wait_for(wire.receive(request), limit_s)
        except asyncio.TimeoutError:
            if method == "Next":
                return []
            raise
        if method == "Next":
            return []  # changes and the end of the watcher come when they come
        if "error" in answer:
            return list(_differences(event["ask"], event.get("refused"), plain_error(answer)))
        self._keep(event, answer["response"])
        errors = dict(errors_in(answer["response"]))
        return [
            *_differences(event["ask"], event.get("refused"), None),
            *_differences(event["ask"], event.get("errors", {}), errors),
        ]

    async def _gone(self, wire: Wire, facade: str, version: int, params: dict[str, Any]) -> None:
        for _ in range(_GONE_TRIES):
            answer = await wire.call(facade, "ModelStatus", params, version=version)
            if dict(errors_in(answer)):
                return
            await asyncio.sleep(_POLL_S / 10)

    async def _http(self, event: dict[str, Any]) -> list[str]:
        path = self._filled(event["path"])
        if path.startswith(BAKERY):
            return []  # sealed with keys of the controller that was recorded
        body: bytes | None = None
        if "file" in event:
            body = (self._directory / "work" / event["file"]).read_bytes()
        elif "text" in event:
            body = self._filled(event["text"]).encode()
        headers = {**event.get("headers", {}), **self._authorization(event.get("as", ""))}
        status, reply, _ = await self._client.http(event["http"], path, headers=headers, data=body)
        if isinstance(reply, dict):
            self._keep(event, reply)
        errors = dict(errors_in(reply))
        call = f"{event['http']} {event['path']}"
        return [
            *_differences(call, event["status"], status),
            *_differences(call, event.get("errors", {}), errors),
        ]

    async def _stream(self, event: dict[str, Any]) -> list[str]:
        store = self._client.store
        url = f"wss://{store.endpoint}{self._filled(event['stream'])}"
        async with self._client.session.ws_connect(
            url, ssl=store.ssl_context(), headers=store.authorization()
        ) as socket:
            first = await asyncio.wait_for(socket.receive_json(), 5)
        return list(_differences(event["stream"], None, first.get("error")))

    def _authorization(self, tag: str) -> dict[str, str]:
        if not tag:
            return {}
        password = self._password(tag.removeprefix("user-"))
        token = base64.b64encode(f"{tag}:{password}".encode()).decode()
        return {"Authorization": f"Basic {token}"}

    def _password(self, name: str) -> str:
        state = self._controller.controller.state

        def find() -> str:
            user = state.users.get(name)
            if not user.password:
                user.set_password("set by a registration")  # which cannot be replayed
            return user.password

        return self._controller.call(find)

    def _keep(self, event: dict[str, Any], document: Any) -> None:
        texts = dict(texts_in(document))
        for name, path in event.get("keep", {}).items():
            kind = name.partition("-")[0]
            for found in MADE.finditer(texts.get(path, "")):
                if found[kind]:
                    self._values[name] = found[kind]
                    break

    def _filled(self, value: Any) -> Any:
        """Return a value in which names of identifiers are what this controller has made."""
        if isinstance(value, str):
            return re.sub(
                r"\{([\w-]+)\}", lambda found: self._values.get(found[1], found[0]), value
            )
        if isinstance(value, list):
            return [self._filled(item) for item in value]
        if isinstance(value, dict):
            return {self._filled(key): self._filled(item) for key, item in value.items()}
        return value


def _differences(what: str, recorded: Any, found: Any) -> Iterator[str]:
    if recorded != found:
        yield f"{what}: recorded {recorded!r}, found {found!r}"
