"""Calls of a controller's API: the Protocol that the room works with, its limits and its errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from ckf_airgap.documents import Document
from ckf_airgap.errors import ControllerError, RefusedError

ALREADY_EXISTS: Final = "already exists"
"""The code for an application or relation that exists already; the text need not say so."""

NOT_FOUND: Final = "not found"
MODEL_NOT_FOUND: Final = "model not found"
UNAUTHORIZED: Final = "unauthorized access"
NOT_YET_AVAILABLE: Final = "not yet available; try again later"
PASSING: Final = frozenset({NOT_YET_AVAILABLE, "excessive contention", "try again"})
"""The codes of a controller that is busy, and has not done what it was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionNotice:
    """A connection was lost, or is back.

    Attributes:
        text: That, as a sentence without a full stop.
        is_back: Which of the two.
    """

    text: str
    is_back: bool

    def __str__(self) -> str:
        """Return the text."""
        return self.text


OnNotice: TypeAlias = Callable[[ConnectionNotice], None]
"""Is told that a connection was lost or is back; called on the event loop."""


def ignore_notice(_notice: ConnectionNotice) -> None:
    """Ignore it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JujuTimeouts:
    """How long each kind of waiting for a controller may take, in seconds.

    The deadline of a session shortens each of them.

    Attributes:
        connect_s: To reach the port; twice as long to shake hands and log in.
        call_s: One API call; with 300 applications a full status takes a few.
        upload_s: One upload, in addition to the time that its size takes.
        upload_bytes_per_s: The slowest rate at which an upload may go.
        reconnect_s: To restore a broken connection when the session has no deadline; also how long
            a reason that does not pass by itself, such as another certificate, must last.
        ping_s: How often a connection on which nothing arrives is tried.
        silence_s: How long the answer to that may take before the connection counts as lost.
        close_s: To close the connection.
    """

    connect_s: float = 10.0
    call_s: float = 60.0
    upload_s: float = 120.0
    upload_bytes_per_s: float = 262_144.0
    reconnect_s: float = 60.0
    ping_s: float = 10.0
    silence_s: float = 20.0
    close_s: float = 10.0

    def upload(self, size_bytes: int) -> float:
        """Return how long an upload of that size may take."""
        return self.upload_s + size_bytes / self.upload_bytes_per_s


class CallRefusedError(RefusedError):
    """The controller answered a call, or one entry of it, with an error.

    Attributes:
        code: The API's error code, such as ``already exists``; empty when it has none, and when
            several entries of one call failed for different reasons.
        is_of_call: Whether the call was refused as a whole, so that no entry was tried.
    """

    def __init__(self, message: str, *, code: str = "", is_of_call: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.is_of_call = is_of_call


class ConnectionLostError(ControllerError):
    """The answer to a call or an upload never came: it may have been carried out all the same.

    Whoever made it looks at the model before making it again.
    """


class Api(Protocol):
    """A connection on which the API's facades can be called."""

    async def call(self, facade: str, method: str, params: Document | None = None) -> Document:
        """Return the response to a call.

        While the connection is down, the call waits until it is back. A call that only reads is
        made again when the connection breaks before its answer is there.

        Args:
            facade: The facade's name; its version is the one negotiated at login.
            method: The method's name.
            params: As the API expects them.

        Raises:
            CallRefusedError: with the controller's text, when it or a part of it failed.
            ConnectionLostError: when there was no answer, and the call may have changed something.
            ControllerError: when the controller cannot be called.
        """

    async def call_each(
        self, facade: str, method: str, params: Document | None = None
    ) -> list[Document | CallRefusedError]:
        """Return the entries of a response's ``results``, each with its own error.

        Most methods have one entry for each thing that they were asked to do, in that order;
        ``Annotations.Set`` has entries for what failed alone.

        Args:
            facade: As `call`.
            method: As `call`.
            params: As `call`.

        Returns:
            For each entry the entry itself, or its error with its code, not raised.

        Raises:
            CallRefusedError: when the call as a whole was refused.
            ConnectionLostError: as `call`.
            ControllerError: as `call`.
        """


def odd_answer(where: str, what: str, error: Exception) -> ControllerError:
    """Return the error of an answer whose shape no Juju controller gives.

    Args:
        where: The controller.
        what: What was asked of it.
        error: What reading it, which takes the shape for granted, made of it.
    """
    text = " ".join(str(error).split())[:_MAX_SHOWN]
    return ControllerError(
        f"{where} answered {what} with something that is no answer of Juju "
        f"({type(error).__name__}: {text})",
        fix="Check that the address is that of a Juju 3.6 controller, and what is in between.",
    )


_MAX_SHOWN: Final = 200
"""Characters of an error that a message quotes."""
