"""The log of a model over a websocket: ``/model/UUID/log``, which ``juju debug-log`` reads.

As Juju does, it accepts every connection, and says in the first message what is wrong: with the
login, with the user's permissions, or with the query.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final

from aiohttp import WSCloseCode, web
from multidict import MultiMapping

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.httpauth import identify
from ckf_airgap.rehearsal.entities.resources import rfc3339
from ckf_airgap.rehearsal.golang.formatting import go_value
from ckf_airgap.rehearsal.model.goscalars import parse_bool, parse_duration
from ckf_airgap.rehearsal.model.loggingconfig import parse_level
from ckf_airgap.rehearsal.model.state import ControllerState
from ckf_airgap.rehearsal.units.journal import Journal, LogFilter, LogRecord
from ckf_airgap.rehearsal.wire import ApiError, unauthorized

_CLOSE_TIMEOUT_S: Final = 2.0
_MAX_UINT: Final = 2**64
_MAX_NEWEST: Final = 10_000
_MAX_PATTERNS: Final = 1000
_LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Which records of a log a client asks for.

    Attributes:
        chosen: Which records are shown.
        newest: How many of the existing records are shown, counted from the newest; 0 for all.
        follows: Whether future records are shown as well.
    """

    chosen: LogFilter
    newest: int = 0
    follows: bool = True

    @classmethod
    def parse(cls, query: MultiMapping[str]) -> LogQuery:
        """Return what the query of a request asks for.

        Raises:
            ApiError: for an invalid value.
        """
        newest = 0
        for name in ("backlog", "maxLines"):
            if text := query.get(name, ""):
                newest = _unsigned(name, text)
        ends, replays = _flag(query, "noTail"), _flag(query, "replay")
        level = "UNSPECIFIED"
        if text := query.get("level", ""):
            level = parse_level(text) or ""
            if level not in _LEVELS:
                known = ", ".join(f'"{known}"' for known in _LEVELS)
                raise ApiError(f"level value {go_value(text)} is not one of {known}")
        since = None
        if text := query.get("startTime", ""):
            since = _start_time(text)
        patterns = _patterns(query)
        return cls(
            chosen=LogFilter(
                level=level,
                since=since,
                include_entities=patterns["includeEntity"],
                exclude_entities=patterns["excludeEntity"],
                include_modules=patterns["includeModule"],
                exclude_modules=patterns["excludeModule"],
                include_labels=patterns["includeLabel"],
                exclude_labels=patterns["excludeLabel"],
            ),
            newest=0 if replays else newest,
            follows=not ends,
        )


class DebugLog:
    """Shows the logs of models to those who may read them.

    Args:
        controller: The controller.
    """

    def __init__(self, controller: ControllerState) -> None:
        self._controller = controller
        self._sockets: set[web.WebSocketResponse] = set()

    def add_routes(self, app: web.Application) -> None:
        """Serve the log of each model, and that of the controller model at ``/log``."""
        for path in ("/model/{model_uuid}/log", "/log"):
            app.router.add_get(path, self._serve, allow_head=False)
        app.on_shutdown.append(self._close_sockets)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=False, timeout=_CLOSE_TIMEOUT_S)
        if not socket.can_prepare(request).ok:
            return web.Response(status=400, text="Bad Request\n")
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            await self._answer(request, socket)
        except ConnectionError:
            pass
        finally:
            self._sockets.discard(socket)
        return socket

    async def _answer(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        try:
            journal = self._journal(request)
            query = LogQuery.parse(request.query)
        except ApiError as error:
            await socket.send_str(json.dumps({"error": error.as_document()}) + "\n")
            await socket.close(code=WSCloseCode.GOING_AWAY)
            return
        await socket.send_str("{}\n")
        if query.newest <= _MAX_NEWEST:
            await self._show(socket, journal, query)
        await socket.close()

    async def _show(self, socket: web.WebSocketResponse, journal: Journal, query: LogQuery) -> None:
        """Send records until there are no more, the client disconnects, or the time is up."""
        longest = parse_duration(str(self._controller.config["max-debug-log-duration"]))
        sending = asyncio.create_task(_send(socket, journal, query))
        reading = asyncio.create_task(_until_closed(socket))
        try:
            await asyncio.wait(
                {sending, reading},
                timeout=longest.total_seconds(),
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            for task in (sending, reading):
                task.cancel()
            ended = await asyncio.gather(sending, reading, return_exceptions=True)
        for outcome in ended:
            if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionError):
                raise outcome

    def _journal(self, request: web.Request) -> Journal:
        try:
            user, model = identify(request, self._controller)
        except ApiError as error:
            raise error.annotated("authentication failed") from error
        if not (user.is_superuser or self._controller.may(user, model, "read")):
            raise unauthorized().annotated("authorization failed")
        return model.chronicle.journal

    async def _close_sockets(self, _app: web.Application) -> None:
        closing = [socket.close(code=WSCloseCode.GOING_AWAY) for socket in self._sockets]
        await asyncio.gather(*closing, return_exceptions=True)


async def _send(socket: web.WebSocketResponse, journal: Journal, query: LogQuery) -> None:
    number = journal.next_number
    for record in journal.records(query.chosen, newest=query.newest):
        await socket.send_str(json.dumps(_document(record)))
    while query.follows:
        records = await journal.after(number)
        if records is None:
            return
        for record in records:
            if query.chosen.shows(record):
                await socket.send_str(json.dumps(_document(record)))
        number = records[-1].number + 1


async def _until_closed(socket: web.WebSocketResponse) -> None:
    """Read until the client disconnects; what it sends is ignored."""
    async for _ in socket:
        pass


def _document(record: LogRecord) -> Document:
    return {
        "tag": record.entity,
        "ts": rfc3339(record.at),
        "sev": record.level,
        "mod": record.module,
        "loc": record.location,
        "msg": record.message,
        "lab": [*record.labels] or None,
    }


def _unsigned(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 20 or int(text) >= _MAX_UINT:
        raise ApiError(f"{name} value {go_value(text)} is not a valid unsigned number")
    return int(text)


def _flag(query: MultiMapping[str], name: str) -> bool:
    text = query.get(name, "")
    flag = parse_bool(text) if text else False
    if flag is None:
        raise ApiError(f"{name} value {go_value(text)} is not a valid boolean")
    return flag


def _start_time(text: str) -> datetime:
    refused = ApiError(f"start time {go_value(text)} is not a valid time in RFC3339 format")
    try:
        moment = datetime.fromisoformat(_microseconds(text).replace("Z", "+00:00"))
    except ValueError:
        raise refused from None
    if "T" not in text or moment.tzinfo is None:
        raise refused
    return moment.astimezone(timezone.utc)


def _microseconds(text: str) -> str:
    """Return a time with at most six fractional digits, which is what Python parses."""
    whole, dot, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return f"{whole}.{digits[:6].ljust(6, '0')}{rest[len(digits) :]}" if dot else text


def _patterns(query: MultiMapping[str]) -> Mapping[str, list[str]]:
    names = [f"{verb}{what}" for verb in ("include", "exclude") for what in _KINDS]
    found = {name: query.getall(name, []) for name in names}
    if sum(map(len, found.values())) > _MAX_PATTERNS:
        raise ApiError(f"a log is filtered by {_MAX_PATTERNS} entities, modules and labels at most")
    return found


_KINDS: Final = ("Entity", "Module", "Label")
