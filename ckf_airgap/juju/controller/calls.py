"""`Api` over a connection of libjuju that may break and come back."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Final, Protocol

import websockets
from juju.errors import JujuAPIError

from ckf_airgap.concurrency import Deadline, timeout
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import ControllerError
from ckf_airgap.juju.controller.api import (
    PASSING,
    CallRefusedError,
    ConnectionLostError,
    JujuTimeouts,
    odd_answer,
)
from ckf_airgap.juju.controller.directconnection import DirectConnection, NotSentError
from ckf_airgap.juju.controller.reasons import in_seconds, reason_of

_READS: Final = (
    "AllModels",
    "ApplicationsInfo",
    "Charm",
    "Cloud",
    "Export",
    "Full",
    "Get",
    "List",
    "ModelGet",
    "ModelInfo",
    "UserInfo",
)
"""What the names of methods begin with that change nothing, and of no other method."""

_ODD: Final = (TypeError, ValueError, KeyError, AttributeError, RecursionError)
"""What taking apart an answer raises whose shape no Juju controller gives."""

_REPEATS: Final = 5
"""How often a call that only reads is made again when the connection breaks each time."""

_BUSY_DELAYS_S: Final = (0.1, 0.3, 1.0, 3.0)
"""Seconds before a controller that is busy is asked again."""


class Restoring(Protocol):
    """Waits until a connection that broke is back."""

    @property
    def is_open(self) -> bool:
        """Whether the connection can be used now."""

    async def until_open(self, until: float | None = None) -> None:
        """Return as soon as the connection can be used.

        Raises:
            ControllerError: when it does not come back by then, a monotonic time, or at all.
        """


class LibjujuApi:
    """`Api` over a connection of libjuju.

    Args:
        connection: The connection.
        where: What messages call the controller.
        timeouts: How long a call may take.
        deadline: What shortens that.
        link: Restores the connection; without one, a call on a broken connection fails.
    """

    def __init__(
        self,
        connection: DirectConnection,
        where: str,
        timeouts: JujuTimeouts,
        deadline: Deadline,
        link: Restoring | None = None,
    ) -> None:
        self._connection = connection
        self._where = where
        self._timeouts = timeouts
        self._deadline = deadline
        self._link = link

    async def call(self, facade: str, method: str, params: Document | None = None) -> Document:
        """See `Api.call`."""
        response = await self._response(facade, method, params)
        with self._odd_answers(f"{facade}.{method}") as what:
            errors = [
                error
                for entry in _entries(response, what)
                if (error := _error_of(entry)) is not None
            ]
        if errors:
            codes = {error.code for error in errors}
            raise CallRefusedError(
                "; ".join(error.message for error in errors),
                code=codes.pop() if len(codes) == 1 else "",
            )
        return response

    async def call_each(
        self, facade: str, method: str, params: Document | None = None
    ) -> list[Document | CallRefusedError]:
        """See `Api.call_each`."""
        response = await self._response(facade, method, params)
        with self._odd_answers(f"{facade}.{method}") as what:
            return [_error_of(entry) or entry for entry in _entries(response, what)]

    async def _response(self, facade: str, method: str, params: Document | None) -> Document:
        """Return the response to a call, which has no error as a whole.

        A controller that is busy is asked again: it has done nothing.
        """
        for delay_s in (*_BUSY_DELAYS_S, None):
            try:
                return await self._answered(facade, method, params)
            except CallRefusedError as exc:
                if exc.code not in PASSING or delay_s is None or self._deadline.is_over:
                    raise
            await asyncio.sleep(self._deadline.left_s(delay_s) or 0.0)
        raise AssertionError("unreachable")

    async def _answered(self, facade: str, method: str, params: Document | None) -> Document:
        """Return the response to a call; one that only reads is made again when it is lost."""
        repeats = 0
        while True:
            if self._link is not None:
                await self._link.until_open()
            try:
                return await self._once(facade, method, params or {})
            except (OSError, websockets.WebSocketException) as exc:
                is_safe = isinstance(exc, NotSentError) or is_read(method)
                if self._link is None or repeats == _REPEATS or not is_safe:
                    raise self._lost(f"{facade}.{method}", exc) from exc
                repeats += 1

    async def _once(self, facade: str, method: str, params: Document) -> Document:
        """Return the response to a call that is made once; what the connection raises passes."""
        if facade not in self._connection.facades:
            raise ControllerError(
                f"{self._where} offers no facade {facade} that libjuju knows",
                fix="Use a Juju 3.6 controller.",
            )
        started = time.monotonic()
        with self._odd_answers(f"{facade}.{method}"):
            try:
                async with timeout(self._deadline.left_s(self._timeouts.call_s)):
                    response = await self._connection.request(facade, method, params)
            except JujuAPIError as exc:
                raise CallRefusedError(
                    _text(exc), code=str(exc.error_code or ""), is_of_call=True
                ) from exc
            except TimeoutError as exc:
                raise self._unanswered(facade, method, time.monotonic() - started) from exc
            error = _error_of(response)
        if error is not None:
            error.is_of_call = True
            raise error
        return response

    def _odd_answers(self, what: str) -> _OddAnswers:
        return _OddAnswers(self._where, what)

    def _lost(self, what: str, error: Exception) -> ConnectionLostError:
        return ConnectionLostError(
            f"the connection to {self._where} broke during {what}: {reason_of(error)}",
            fix="Run the command again; completed steps are skipped.",
        )

    def _unanswered(self, facade: str, method: str, took_s: float) -> ControllerError:
        """Return the error of a call without an answer: one that changes something may have."""
        kind = ControllerError if is_read(method) else ConnectionLostError
        return kind(
            f"{self._where} did not answer {facade}.{method} within {in_seconds(took_s)}",
            fix="Look at the controller: juju status -m controller.",
        )


def is_read(method: str) -> bool:
    """Whether a method of the API changes nothing, so that it may be called again at any time."""
    return method.startswith(_READS)


class _OddAnswers:
    """Turns what taking an answer apart raises into the error of an answer that is none of Juju."""

    def __init__(self, where: str, what: str) -> None:
        self._where = where
        self._what = what

    def __enter__(self) -> str:
        return self._what

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, _ODD):
            raise odd_answer(self._where, self._what, error) from error


def _entries(response: Document, what: str) -> Iterator[Document]:
    """Yield the entries of a response's ``results``; a few methods spell it ``Results``."""
    found = response.get("results", response.get("Results"))
    if found is None:
        return
    if not isinstance(found, list):
        raise TypeError(f"the results of {what} are no list")
    for entry in found:
        if not isinstance(entry, dict):
            raise TypeError(f"a result of {what} is no mapping")
        yield entry


def _error_of(entry: Document) -> CallRefusedError | None:
    """Return the error that an entry or a whole response holds."""
    error: JSONValue = entry.get("error")
    if error is None:
        return None
    if not isinstance(error, dict):
        raise TypeError("an error is no mapping")
    message, code = error.get("message"), error.get("code")
    if not message and not code:
        return None
    return CallRefusedError(str(message or code).strip(), code=str(code or ""))


def _text(error: JujuAPIError) -> str:
    """Return what the controller said, without the newline that some of its messages end with."""
    message: object = error.message
    return message.strip() if isinstance(message, str) else json.dumps(message)
