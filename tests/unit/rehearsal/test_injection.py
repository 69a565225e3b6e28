"""What faults do to calls and uploads, on lines and requests that are not real."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from ckf_airgap.rehearsal.api.bodies import IGNORED, TAP
from ckf_airgap.rehearsal.api.faults import IGNORABLE, Faults
from ckf_airgap.rehearsal.api.ignored import ignored_reply
from ckf_airgap.rehearsal.api.injection import Injection
from ckf_airgap.rehearsal.api.session import Session
from ckf_airgap.rehearsal.wire import ApiError, Request
from tests.unit.rehearsal.harness import Rehearsal

_SOON_S = 0.02


class _Transport:
    """A transport that only remembers what was done to it."""

    def __init__(self, *, reading: bool = True) -> None:
        self.reading = reading
        self.done: list[str] = []
        self.closing = False

    def is_reading(self) -> bool:
        return self.reading

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.done.append("pause_reading")

    def resume_reading(self) -> None:
        self.done.append("resume_reading")

    def abort(self) -> None:
        self.done.append("abort")

    def get_extra_info(self, _name: str) -> None:
        return None


class _Payload:
    """A body of two parts that remembers whether it was read."""

    def __init__(self) -> None:
        self.read = 0

    async def iter_any(self) -> AsyncIterator[bytes]:
        for part in (b"1234", b"567890"):
            self.read += len(part)
            yield part


@dataclass
class _Line:
    """A connection that remembers what was done to it."""

    speaking: asyncio.Event = field(default_factory=asyncio.Event)
    aborted: bool = False
    silent_for: list[float | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.speaking.set()

    def abort(self) -> None:
        self.aborted = True

    def fall_silent(self, for_s: float | None) -> None:
        self.silent_for.append(for_s)
        self.speaking.clear()


class _World:
    """An injection, and everything that it touches."""

    def __init__(self, *faults: str) -> None:
        self.faults = Faults()
        for fault in faults:
            self.faults.add(fault)
        self.transports: list[Any] = [_Transport(), _Transport(reading=False)]
        self.restarts: list[float] = []
        self.handled: list[str] = []
        self.line = _Line()
        self.injection = Injection(
            self.faults, transports=lambda: self.transports, restart=self.restarts.append
        )

    async def handle(self, frame: str) -> str:
        self.handled.append(frame)
        return "answered"

    async def call(self, name: str = "Client.FullStatus", **params: Any) -> str | None:
        """Serve a call; return its answer."""
        facade, _, method = name.partition(".")
        frame = {"request-id": 7, "type": facade, "version": 8, "request": method, "params": params}
        return await self.injection.served(self.line, cast("Session", self), json.dumps(frame))

    async def upload(self, path: str, *, method: str = "PUT", handler: Any = None) -> Any:
        """Serve an upload; return its response."""
        self.payload = _Payload()
        payload: Any = self.payload
        transport = self.transports[0]
        request = make_mocked_request(method, path, transport=transport, payload=payload)
        return await self.injection.into_uploads(request, handler or self.take)

    async def take(self, request: web.Request) -> web.Response:
        """Take an upload of 10 bytes that come in two parts."""
        self.handled.append(f"{request.path} {'ignored' if IGNORED.get() else ''}".strip())
        tap = TAP.get()
        if tap is not None:
            for received, is_all in ((0, False), (4, False), (10, False), (10, True)):
                await tap(received, is_all)
                self.handled.append(f"{received}{'.' if is_all else ''}")
        return web.Response(text="taken")


async def _ends(work: Any) -> bool:
    """Whether something ends soon; it is cancelled otherwise."""
    try:
        await asyncio.wait_for(work, _SOON_S)
    except asyncio.TimeoutError:
        return False
    return True


CHARMS = "/model/u/charms"
RESOURCE = "/model/u/applications/web/resources/conf"


async def test_without_a_fault_everything_is_served() -> None:
    world = _World()
    assert await world.call() == "answered"
    assert (await world.upload(CHARMS, method="POST")).text == "taken"
    assert len(world.handled) == 2
    with pytest.raises(ValueError, match="request"):
        await world.injection.served(world.line, cast("Session", world), "{}")


@pytest.mark.parametrize(
    ("kind", "answer", "handled", "aborted"),
    [("close", None, 0, True), ("lose-reply", None, 1, True), ("restart", None, 0, False)],
)
async def test_a_call_without_an_answer(
    kind: str, answer: str | None, handled: int, aborted: bool
) -> None:
    world = _World(f"{kind}@request=1")
    assert await world.call() == answer
    assert (len(world.handled), world.line.aborted) == (handled, aborted)
    assert world.restarts == ([2.0] if kind == "restart" else [])
    assert await world.call() == "answered"


async def test_a_restart_lasts_as_long_as_it_says() -> None:
    world = _World("restart@request=1,for=0", "restart@request=2,for=7s")
    await world.call()
    await world.call()
    assert world.restarts == [0.0, 7.0]


async def test_a_call_that_is_refused() -> None:
    world = _World("error@Client.FullStatus,code=not found,message=no, not now")
    answer = json.loads(str(await world.call()))
    assert answer == {
        "request-id": 7,
        "error": "no, not now",
        "error-code": "not found",
        "response": {},
    }
    assert not world.handled


async def test_a_call_that_is_late() -> None:
    world = _World("delay@request=1,for=60s", "delay@request=2,for=1ms")
    assert not await _ends(world.call())
    assert not world.handled
    assert await world.call() == "answered"


async def test_a_line_that_is_silent() -> None:
    world = _World("silence@request=1", "silence@request=2,for=3s")
    assert not await _ends(world.call())
    assert world.line.silent_for == [None]
    assert not world.handled
    world.line.speaking.set()
    waiting = asyncio.create_task(world.call())
    await asyncio.sleep(0)
    assert world.line.silent_for == [None, 3.0]
    world.line.speaking.set()
    assert await waiting == "answered"


async def test_a_controller_that_hangs_serves_nothing_until_it_goes_on() -> None:
    world = _World("hang@request=1,for=300ms")
    waiting = [asyncio.create_task(world.call()), asyncio.create_task(world.call())]
    waiting.append(asyncio.create_task(world.upload(CHARMS)))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not world.handled
    assert [one.done for one in world.transports] == [["pause_reading"], []]
    await asyncio.gather(*waiting)
    assert len(world.handled) == 3
    assert [one.done for one in world.transports] == [["pause_reading", "resume_reading"], []]


async def test_a_connection_that_was_closed_meanwhile_is_left_alone() -> None:
    world = _World("hang@request=1,for=1ms", "hang@request=2,for=1ms")
    world.transports[0].closing = True
    await world.call()
    assert world.transports[0].done == ["pause_reading"]
    world.transports[0].closing = False
    await world.call()
    assert world.transports[0].done == ["pause_reading", "pause_reading", "resume_reading"]


async def test_a_controller_that_hangs_for_ever_goes_on_when_it_is_closed() -> None:
    world = _World("hang@request=1")
    waiting = asyncio.create_task(world.call())
    await asyncio.sleep(_SOON_S)
    assert not waiting.done()
    assert world.transports[0].done == ["pause_reading"]
    world.injection.close()
    assert await waiting == "answered"
    assert world.transports[0].done == ["pause_reading", "abort"]


@pytest.mark.parametrize(
    ("method", "path", "counted"),
    [
        ("POST", "/charms", True),
        ("POST", CHARMS, True),
        ("PUT", "/model-u/charms/web-1234567", True),
        ("PUT", RESOURCE, True),
        ("GET", CHARMS, False),
        ("POST", "/auth/charms-not", False),
        ("PUT", "/model/u/applications/web", False),
        ("POST", "/model/u/charms/web/more", False),
    ],
)
async def test_what_counts_as_an_upload(method: str, path: str, counted: bool) -> None:
    world = _World()
    await world.upload(path, method=method)
    assert world.faults.counts.get("upload", 0) == counted
    assert len(world.handled) == 1


@pytest.mark.parametrize("body", ["before", "after"])
async def test_an_upload_that_is_refused(body: str) -> None:
    world = _World(f"refuse@upload,status=502,body={body}")
    response = await world.upload(CHARMS)
    assert (response.status, world.handled) == (502, [])
    assert world.payload.read == (10 if body == "after" else 0)


async def test_an_upload_whose_answer_is_lost_or_late() -> None:
    world = _World("lose-reply@upload=1", "delay@upload=2,for=1ms", "delay@upload=3,for=60s")
    await world.upload(CHARMS)
    assert (world.handled, world.transports[0].done) == ([CHARMS], ["abort"])
    assert (await world.upload(CHARMS)).text == "taken"
    assert not await _ends(world.upload(CHARMS))
    assert world.handled == [CHARMS, CHARMS]


@pytest.mark.parametrize(
    ("byte", "before"), [(0, []), (1, ["0"]), (4, ["0"]), (5, ["0", "4"]), (99, ["0", "4", "10"])]
)
async def test_an_upload_that_is_cut_where_it_is_said(byte: int, before: list[str]) -> None:
    world = _World(f"cut@upload,byte={byte}")
    assert not await _ends(world.upload(CHARMS))
    assert world.handled == [CHARMS, *before]
    assert world.transports[0].done == ["abort"]
    assert TAP.get() is None


async def test_an_upload_that_freezes_goes_on_after_a_while_and_freezes_once() -> None:
    world = _World("freeze@upload=1,byte=4,for=1ms", "freeze@upload=2")
    assert (await world.upload(CHARMS)).text == "taken"
    assert world.handled == [CHARMS, "0", "4", "10", "10."]
    assert not await _ends(world.upload(CHARMS))
    assert TAP.get() is None


async def test_an_upload_during_which_the_controller_restarts_or_hangs() -> None:
    world = _World("restart@upload=1,for=3s", "hang@upload=2,byte=5,for=1ms")
    assert not await _ends(world.upload(CHARMS))
    assert world.restarts == [3.0]
    assert (await world.upload(CHARMS)).text == "taken"
    assert world.transports[0].done == ["pause_reading", "resume_reading"]


async def test_a_resource_is_ignored_and_a_charm_is_refused_instead() -> None:
    world = _World("ignore@upload,times=2")
    assert (await world.upload(RESOURCE)).text == "taken"
    assert world.handled == [f"{RESOURCE} ignored"]
    assert not IGNORED.get()
    assert (await world.upload(CHARMS)).status == 503
    assert len(world.handled) == 1


@pytest.mark.parametrize("name", sorted(IGNORABLE - {"Application.AddRelation"}))
async def test_every_call_that_can_be_ignored_has_an_answer(name: str) -> None:
    world = _World(f"ignore@{name}")
    lists = ("applications", "args", "Args", "storage-updates", "annotations")
    answer = json.loads(
        str(await world.call(name, **{key: [{"scale": 2}, {"scale": 3}] for key in lists}))
    )
    assert not world.handled
    response = answer["response"]
    if name == "Annotations.Set":
        assert response == {"results": []}
    elif name == "Application.ScaleApplications":
        assert response == {"results": [{"info": {"num-units": n}} for n in (2, 3)]}
    elif name == "Application.DestroyApplication":
        assert response == {"results": [{"info": {}}, {"info": {}}]}
    elif "results" in response:
        assert response == {"results": [{}, {}]}
    else:
        assert response == {}
    assert ("results" in response) == (
        name.partition(".")[2]
        in (
            *("Deploy", "MergeBindings", "SetConfigs", "UnsetApplicationsConfig", "Set"),
            *("UpdateApplicationStorage", "ScaleApplications", "DestroyApplication"),
        )
    )


async def test_a_relation_that_is_ignored_names_its_endpoints(rehearsal: Rehearsal) -> None:
    await rehearsal.upload_and_deploy("web", requires={"backend": {"interface": "http"}})
    await rehearsal.upload_and_deploy("minio", provides={"http": {"interface": "http"}})
    session = cast("Session", SimpleNamespace(model=rehearsal.model))

    def asked(*endpoints: str) -> Any:
        frame = {
            "request-id": 1,
            "type": "Application",
            "version": 20,
            "request": "AddRelation",
            "params": {"endpoints": [*endpoints]},
        }
        return ignored_reply(session, Request.parse(json.dumps(frame)))

    endpoints = asked("web", "minio")["endpoints"]
    assert {name: end["name"] for name, end in endpoints.items()} == {
        "web": "backend",
        "minio": "http",
    }
    assert not rehearsal.model.relations
    with pytest.raises(ApiError, match='application "nobody" not found'):
        asked("web", "nobody")


async def test_a_relation_that_cannot_be_is_refused_though_it_is_ignored() -> None:
    world = _World("ignore@Application.AddRelation")
    world_any: Any = world
    world_any.model = SimpleNamespace(
        topology=SimpleNamespace(infer=lambda _names: _refuse("no relations found"))
    )
    answer = json.loads(str(await world.call("Application.AddRelation", endpoints=["a", "b"])))
    assert answer["error"] == "no relations found"


def _refuse(message: str) -> Any:
    raise ApiError(message)
