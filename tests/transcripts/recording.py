"""What a real client asks of a controller, written down so that it can be asked again.

A transcript holds the steps of a scene with the client's exit code and output, and below each the
events on the wire, one to a line:

* ``dial``: a connection, the user who logs in on it and how (``password``, ``macaroons``,
  ``nothing``), with the error when nobody does;
* ``ask``: a call, as ``Facade(version).Method``, its parameters, its errors by their path;
* ``http``: a request, its path, what matters of its headers, its body (a file of
  `tests.transcripts.workshop`, or a text), the status and the error of the reply;
* ``stream``: a websocket that is no API.

Identifiers are made anew by each controller. Where one that an answer told occurs in a later
request, ``keep`` of the answer's event names it and the path that it is found at, and the request
has ``{name}``.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from ckf_airgap.rehearsal.api import bodies, charmuploads, resourceuploads
from ckf_airgap.rehearsal.api.session import Session
from ckf_airgap.rehearsal.host.thread import ControllerThread
from tests.transcripts import running, workshop
from tests.transcripts.scenes import Scene, juju_version
from tests.witness.watching import WITNESS

SPEED: Final = 600.0
MADE: Final = re.compile(
    r"(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})|(?<![0-9a-z])(?P<id>[0-9a-v]{20})(?![0-9a-z])"
)
"""Identifiers that a controller makes: UUIDs, and the ids of secrets."""

_SSH_KEY: Final = re.compile(r"ssh-\w+ AAAA[\w+/=]{60,}[^\n]*")
_A_KEY: Final = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 somebody"
BAKERY: Final = ("/auth/", "/register")
"""Where macaroons and keys are exchanged."""

_HEADERS: Final = ("Content-Type", "Content-Disposition", "Content-Sha384", "Juju-Curl")
_FIRST_RUN: Final = ('ERROR Get "https://streams.', "Since Juju 3 is being run for the first time")
_OUTPUT_LINES: Final = 8
_OUTPUT_WIDTH: Final = 260

Event = dict[str, Any]


@dataclass
class Transcript:
    """The steps of one scene with their events."""

    scene: str
    steps: list[dict[str, Any]] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write it, one event to a line."""
        lines = [f'{{"juju": "{juju_version()}", "scene": "{self.scene}", "steps": [']
        for number, step in enumerate(self.steps):
            head = {key: value for key, value in step.items() if key != "events"}
            lines.append(f'{json.dumps(head)[:-1]}, "events": [')
            events = [f"  {json.dumps(event)}" for event in step["events"]]
            lines.append(",\n".join(events) + ("]}," if number < len(self.steps) - 1 else "]}"))
        path.write_text("\n".join(lines) + "\n]}\n")


class Recorder:
    """Listens to one controller, and gathers the events of the step that is played."""

    def __init__(self, controller: ControllerThread, directory: Path) -> None:
        state = controller.controller.state
        self._names: dict[str, str] = {state.uuid: "controller"}
        self._names |= {model.uuid: f"model-{model.name}" for model in state}
        self._seen: dict[str, tuple[Event, str]] = {}
        self._counts: dict[str, int] = {}
        self._connections: dict[int, tuple[int, Event]] = {}
        self._bodies = workshop.bodies(directory / "work")
        self._port = str(state.address).rpartition(":")[2]
        self._directory = str(directory)
        self._events: list[Event] = []
        self._user = ""
        self._dialled = 0
        self._received: dict[int, bytes] = {}

    def take(self) -> list[Event]:
        """Return the events of a step, without those that only repeat another."""
        events, self._events = self._events, []
        kept: list[Event] = []
        known: set[str] = set()
        for event in events:
            line = json.dumps(event, sort_keys=True)
            if "ask" in event and "keep" not in event and line in known:
                continue
            known.add(line)
            kept.append(event)
        used = {event.get("on") for event in kept if "ask" in event}
        return [
            event
            for event in kept
            if "dial" not in event or event["on"] in used or "refused" in event
        ]

    def hear_dial(self, session: Session, path: str) -> None:
        """Note a connection."""
        self._dialled += 1
        number = self._dialled
        event: Event = {"dial": self._named(path), "on": number}
        self._connections[id(session)] = (number, event)
        self._events.append(event)

    def hear_call(self, session: Session, frame: str) -> Event | None:
        """Note a call when it arrives; return its event."""
        asked = json.loads(frame)
        number, dialled = self._connections[id(session)]
        params = asked.get("params") or {}
        call = f"{asked['type']}({asked.get('version', 0)}).{asked['request']}"
        if call == "Admin(3).Login":
            dialled["as"] = params.get("auth-tag", "")
            dialled["with"] = _credentials(params)
            self._user = dialled["as"]
            return dialled
        event: Event = {"ask": call, "on": number}
        if asked.get("id"):
            event["id"] = asked["id"]
        event["params"] = self._named(params)
        self._events.append(event)
        return event

    def hear_answer(self, event: Event, answer: str) -> None:
        """Note what came of a call."""
        answered = json.loads(answer)
        if "error" in answered:
            event["refused"] = _error(answered["error"], answered.get("error-code", ""))
            return
        if errors := dict(errors_in(answered["response"])):
            event["errors"] = errors
        self._look_for_identifiers(event, answered["response"])

    def hear_reply(self, request: web.Request, reply: web.Response) -> None:
        """Note a request over HTTP."""
        path = request.path_qs
        if path.startswith(BAKERY):
            path = request.path  # what follows is sealed, and good for one controller only
        event: Event = {"http": request.method, "path": self._named(path)}
        if self._user and "Authorization" in request.headers:
            event["as"] = self._user
        headers = {
            name: request.headers[name].replace(self._directory, "/DIRECTORY")
            for name in _HEADERS
            if name in request.headers
        }
        body = self._received.pop(id(request), None)
        if body is None:
            body = getattr(request, "_read_bytes", None) or b""
        if headers:
            event["headers"] = headers
        if body in self._bodies:
            event["file"] = self._bodies[body]
        elif body and not path.startswith(BAKERY):
            event["text"] = self._named(body.decode(errors="replace"))
        event["status"] = reply.status
        if reply.content_type == "application/json" and isinstance(reply.body, bytes):
            document = json.loads(reply.body)
            if errors := dict(errors_in(document)):
                event["errors"] = errors
            self._look_for_identifiers(event, document)
        self._events.append(event)

    def hear_body(self, request: web.Request, body: bytes) -> None:
        """Note the body of an upload, until its reply is heard."""
        self._received[id(request)] = body

    def hear_stream(self, path: str) -> None:
        """Note a websocket that is no API."""
        self._events.append({"stream": self._named(path)})

    def shown(self, output: str) -> list[str]:
        """Return the first lines of an output, without what differs each time."""
        text = output.replace(self._directory, "DIRECTORY")
        text = re.sub(rf"\b{self._port}\b", "PORT", text)
        text = MADE.sub(lambda found: "UUID" if found["uuid"] else "ID", text)
        text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(Z|[+-]\d\d:?\d\d)?", "TIME", text)
        text = re.sub(r"\b\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)?", "TIME", text)
        text = re.sub(
            r"\d{4}-\d\d-\d\d(T\d\d:\d\d)?|\d\d \w{3} \d{4}|just now|never connected|\d+ \w+ ago",
            "DATE",
            text,
        )
        text = re.sub(r"[\w+/=-]{60,}", "TOKEN", text)
        lines = [
            line.rstrip()[:_OUTPUT_WIDTH]
            for line in text.splitlines()
            if line.strip() and not line.startswith(_FIRST_RUN)
        ]
        return lines[:_OUTPUT_LINES]

    def _named(self, value: Any) -> Any:
        """Return a value in which identifiers that were told before have their names."""
        if isinstance(value, str):
            return MADE.sub(self._name, _SSH_KEY.sub(_A_KEY, value))
        if isinstance(value, list):
            return [self._named(item) for item in value]
        if isinstance(value, dict):
            return {self._named(key): self._named(item) for key, item in value.items()}
        return value

    def _name(self, found: re.Match[str]) -> str:
        value = found[0]
        if value not in self._names:
            told = self._seen.get(value)
            if told is None:
                return value  # made by the client
            event, path = told
            kind = "uuid" if found["uuid"] else "id"
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._names[value] = f"{kind}-{self._counts[kind]}"
            event.setdefault("keep", {})[self._names[value]] = path
        return f"{{{self._names[value]}}}"

    def _look_for_identifiers(self, event: Event, document: Any) -> None:
        for path, text in texts_in(document):
            for found in MADE.finditer(text):
                self._seen.setdefault(found[0], (event, path))


def record(juju: str, scene: Scene, directory: Path) -> tuple[Transcript, list[str]]:
    """Run a scene with a client; return its transcript, and what was not as expected."""
    transcript, faults = Transcript(scene.name), []
    with running.stage(directory, scene=scene.name, speed=SPEED) as controller:
        recorder = Recorder(controller, directory)
        with _listening(recorder):
            for step, outcome in running.run_scene(juju, scene, controller, directory):
                if outcome is None:
                    transcript.steps.append({"settle": True, "events": []})
                    continue
                found = [*outcome.faults(step), *WITNESS.take()]
                if found:
                    faults.append(f"juju {step.command}: {'; '.join(found)}\n{outcome.output}")
                entry = {"run": step.command, "exit": outcome.exit_code}
                entry["output"] = recorder.shown(outcome.output)
                transcript.steps.append({**entry, "events": recorder.take()})
    return transcript, faults


def texts_in(document: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text of a document with its path, keys of mappings as well (``path.~``)."""
    if isinstance(document, str):
        yield path, document
    elif isinstance(document, list):
        for index, item in enumerate(document):
            yield from texts_in(item, f"{path}/{index}")
    elif isinstance(document, dict):
        for key, item in document.items():
            yield from texts_in(item, f"{path}/{key}")


def errors_in(document: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the errors in a response, each with its path, identifiers left out."""
    if isinstance(document, list):
        for index, item in enumerate(document):
            yield from errors_in(item, f"{path}/{index}")
    elif isinstance(document, dict):
        error = document.get("error")
        if isinstance(error, str) and error:
            yield path, _error(error, document.get("error-code", ""))
        if "message" in document and "code" in document:
            yield path, _error(document["message"], document["code"])
            return
        for key, item in document.items():
            yield from errors_in(item, f"{path}/{key}")


def plain_error(answered: dict[str, Any]) -> str:
    """Return the error of a refused call as transcripts have it."""
    return _error(answered["error"], answered.get("error-code", ""))


def _error(message: str, code: str) -> str:
    message = MADE.sub("*", message)
    return f"{message} [{code}]" if code else message


def _credentials(params: dict[str, Any]) -> str:
    if params.get("macaroons"):
        return "macaroons"
    return "password" if params.get("credentials") else "nothing"


@contextmanager
def _listening(recorder: Recorder) -> Iterator[None]:
    """Let a recorder hear all that reaches a controller of this process."""
    handle, start = Session.handle, Session.__init__
    prepare, open_socket = web.Response.prepare, web.WebSocketResponse.prepare
    receive = bodies.received
    paths: list[str] = []

    def heard_start(self: Session, *args: Any, **keys: Any) -> None:
        start(self, *args, **keys)
        recorder.hear_dial(self, paths.pop())

    async def heard_handle(self: Session, frame: str) -> str:
        event = recorder.hear_call(self, frame)
        answer = await handle(self, frame)
        if event is not None:
            recorder.hear_answer(event, answer)
        return answer

    async def heard_prepare(self: web.Response, request: Any) -> Any:
        if hasattr(request, "path_qs"):
            recorder.hear_reply(request, self)
        return await prepare(self, request)

    async def heard_socket(self: web.WebSocketResponse, request: Any) -> Any:
        if request.path.endswith("/api") or request.path == "/":
            paths.append(request.path)
        else:
            recorder.hear_stream(request.path_qs)
        return await open_socket(self, request)

    @asynccontextmanager
    async def heard_body(request: web.Request, *args: Any, **keys: Any) -> AsyncIterator[Any]:
        async with receive(request, *args, **keys) as body:
            recorder.hear_body(request, body.path.read_bytes())
            yield body

    changes: list[tuple[Any, str, Any]] = [
        (Session, "__init__", heard_start),
        (Session, "handle", heard_handle),
        (web.Response, "prepare", heard_prepare),
        (web.WebSocketResponse, "prepare", heard_socket),
        (charmuploads, "received", heard_body),
        (resourceuploads, "received", heard_body),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in changes]
    for owner, name, changed in changes:
        setattr(owner, name, changed)
    try:
        yield
    finally:
        for owner, name, original in before:
            setattr(owner, name, original)
