"""Calls of a controller's API: the Protocol that the room works with, and libjuju behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

import websockets
from juju.errors import JujuAPIError, JujuError

from ckf_airgap.concurrency import timeout
from ckf_airgap.documents import Document
from ckf_airgap.errors import ControllerError, RefusedError

ALREADY_EXISTS: Final = "already exists"
"""The code for an application or relation that exists already; the text need not say so."""

NOT_FOUND: Final = "not found"
UNAUTHORIZED: Final = "unauthorized access"

_MAX_SHOWN: Final = 200
"""Characters of an error of libjuju that a message quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JujuTimeouts:
    """How long each kind of waiting for a controller may take, in seconds.

    Attributes:
        connect_s: To reach the port, to shake hands and to log in, each.
        call_s: One API call; with 300 applications a full status takes a few.
        upload_s: One upload, in addition to the time that its size takes.
        upload_bytes_per_s: The slowest rate at which an upload may go.
        reconnect_s: To reconnect after the connection broke.
        close_s: To close the connection.
    """

    connect_s: float = 10.0
    call_s: float = 60.0
    upload_s: float = 120.0
    upload_bytes_per_s: float = 262_144.0
    reconnect_s: float = 60.0
    close_s: float = 10.0

    def upload(self, size_bytes: int) -> float:
        """Return how long an upload of that size may take."""
        return self.upload_s + size_bytes / self.upload_bytes_per_s


class CallRefusedError(RefusedError):
    """The controller answered a call with an error.

    Attributes:
        code: The API's error code, such as ``already exists``; empty when it has none, and for
            errors inside a list of results, whose codes libjuju drops.
    """

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Api(Protocol):
    """A connection on which the API's facades can be called."""

    async def call(self, facade: str, method: str, params: Document | None = None) -> Document:
        """Return the response to a call.

        Args:
            facade: The facade's name; its version is the one negotiated at login.
            method: The method's name.
            params: As the API expects them.

        Raises:
            CallRefusedError: with the controller's text, when it or a part of it failed.
            ControllerError: when the controller cannot be called.
        """


class LibjujuApi:
    """`Api` over a connection of libjuju."""

    def __init__(self, connection: Any, where: str, timeouts: JujuTimeouts) -> None:
        self._connection = connection
        self._where = where
        self._timeouts = timeouts

    async def call(self, facade: str, method: str, params: Document | None = None) -> Document:
        """See `Api.call`."""
        connection = self._connection
        if facade not in connection.facades:
            raise ControllerError(
                f"{self._where} offers no facade {facade} that libjuju knows",
                fix="Use a Juju 3.6 controller.",
            )
        try:
            async with timeout(self._timeouts.call_s):
                reply = await connection.rpc(
                    {
                        "type": facade,
                        "request": method,
                        "version": connection.facades[facade],
                        "params": params or {},
                    }
                )
        except JujuAPIError as exc:
            raise CallRefusedError(_text(exc), code=str(exc.error_code or "")) from exc
        except TimeoutError as exc:
            raise ControllerError(
                f"{self._where} did not answer {facade}.{method} within "
                f"{self._timeouts.call_s:g} s",
                fix="Look at the controller: juju status -m controller.",
            ) from exc
        except (OSError, websockets.WebSocketException) as exc:
            raise ControllerError(
                f"the connection to {self._where} broke during {facade}.{method}: {exc}",
                fix="Run the command again; completed steps are skipped.",
            ) from exc
        except JujuError as exc:
            raise CallRefusedError(_text(exc)) from exc
        except Exception as exc:
            raise odd_answer(self._where, f"{facade}.{method}", exc) from exc
        response = reply.get("response") if isinstance(reply, dict) else reply
        if not isinstance(response, dict | None):
            raise odd_answer(self._where, f"{facade}.{method}", TypeError("it is no mapping"))
        return cast("Document", response or {})


def odd_answer(where: str, what: str, error: Exception) -> ControllerError:
    """Return the error of an answer whose shape no Juju controller gives.

    Args:
        where: The controller.
        what: What was asked of it.
        error: What libjuju, which takes the shape for granted, made of it.
    """
    text = " ".join(str(error).split())[:_MAX_SHOWN]
    return ControllerError(
        f"{where} answered {what} with something that is no answer of Juju "
        f"({type(error).__name__}: {text})",
        fix="Check that the address is that of a Juju 3.6 controller, and what is in between.",
    )


def _text(error: JujuError) -> str:
    """Return what the controller said, without the newline that some of its messages end with."""
    return "; ".join(str(item).strip() for item in error.errors) or str(error.message).strip()
