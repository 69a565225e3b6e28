"""One upload over HTTP, tried again when what failed may pass."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import aiohttp

from ckf_airgap.concurrency import Deadline, timeout
from ckf_airgap.documents import Document, JSONValue, parse_json
from ckf_airgap.errors import ControllerError, RefusedError
from ckf_airgap.juju.controller.access import HttpAccess
from ckf_airgap.juju.controller.api import NOT_YET_AVAILABLE, ConnectionLostError, JujuTimeouts
from ckf_airgap.juju.controller.calls import Restoring
from ckf_airgap.juju.controller.reasons import in_seconds, reason_of
from ckf_airgap.net.limits import Retries
from ckf_airgap.net.patience import (
    Health,
    Patience,
    Retrying,
    TransientError,
    in_attempts,
    retry_after_s,
)

Body: TypeAlias = Callable[[], bytes | AsyncIterator[bytes]]
"""Makes the body of a request, anew for each attempt."""

RETRIES: Final = Retries(attempts=7, first_delay_s=0.3, longest_delay_s=8.0)
"""How often an upload is tried: about half a minute with what may pass by itself."""

_OK: Final = 200
_UNAUTHORIZED: Final = (401, 403)
_OVERLOADED: Final = (408, 425, 429, 502, 503, 504)
"""What a proxy says before a controller that is starting, or too busy."""

_CONFLICT: Final = 409
_INTERNAL: Final = 500
_MAX_SHOWN: Final = 500
"""Characters of a body that is no JSON which a message quotes."""

_log: Final = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class _Upload:
    """What is sent, and what has been answered."""

    method: str
    path: str
    what: str
    limit_s: float
    headers: Mapping[str, str]
    failed_inside: bool = False

    def may_pass(self, status: int, text: str) -> bool:
        """Whether another attempt may be answered otherwise.

        Juju has no other status than 500 for most of what it refuses, and for a database that is
        busy: only the second one counts.
        """
        if status == _INTERNAL and not self.failed_inside:
            self.failed_inside = True
            return True
        return status in _OVERLOADED or (status == _CONFLICT and NOT_YET_AVAILABLE in text)


class Sender:
    """Sends bodies to one model.

    Args:
        http: Where to, and how to log in.
        timeouts: How long an upload may take.
        deadline: When all must be over.
        link: The connection to the model; uploads wait while it is being restored.
        retries: How often and when an upload is tried again.
    """

    def __init__(
        self,
        http: Callable[[], HttpAccess],
        timeouts: JujuTimeouts,
        deadline: Deadline,
        link: Restoring | None,
        retries: Retries,
    ) -> None:
        self._http = http
        self._timeouts = timeouts
        self._deadline = deadline
        self._link = link
        self._retries = retries
        self.client: aiohttp.ClientSession | None = None
        """The open client."""

    async def send(
        self,
        method: str,
        path: str,
        body: Body,
        *,
        what: str,
        size_bytes: int,
        headers: Mapping[str, str],
    ) -> Document:
        """Send a body and return the answer, after as many attempts as it takes.

        Args:
            method: ``POST`` or ``PUT``.
            path: The path below the model.
            body: Makes the body.
            what: What messages call it.
            size_bytes: Its size.
            headers: Beside those that log in.

        Raises:
            RefusedError: naming it, with the controller's text.
            ConnectionLostError: when no answer came: it may have been received all the same.
            ControllerError: when the controller refuses the login, or is not to be trusted.
        """
        started = time.monotonic()

        def final(error: TransientError, attempts: int) -> ControllerError:
            return self._given_up(what, size_bytes, error, attempts, time.monotonic() - started)

        patience = Patience(
            what,
            "the controller",
            self._retries,
            Health(),
            _note,
            deadline=self._deadline,
            final=final,
        )
        upload = _Upload(
            method=method,
            path=path,
            what=what,
            limit_s=self._timeouts.upload(size_bytes),
            headers={**headers, "Content-Length": str(size_bytes)},
        )
        while True:
            if self._link is not None:
                await self._link.until_open()
            try:
                status, text = await self._attempt(upload, body())
            except TransientError as exc:
                if self._link is not None and not self._link.is_open:
                    patience.progressed()  # the link has a patience of its own
                await patience.wait(exc)
            else:
                return self._answer(what, status, text)

    @property
    def _where(self) -> str:
        return f"controller at {self._http().endpoint}"

    async def _attempt(
        self, upload: _Upload, data: bytes | AsyncIterator[bytes]
    ) -> tuple[int, str]:
        """Return status and body of an answer that will not change.

        Raises:
            TransientError: when there is none, or another one may come.
            ControllerError: when the controller is not to be trusted.
        """
        if self.client is None:
            raise RuntimeError("the uploader is not open")
        started = time.monotonic()
        try:
            async with (
                timeout(self._deadline.left_s(upload.limit_s)),
                self.client.request(
                    upload.method,
                    f"{self._http().model_url}/{upload.path}",
                    data=data,
                    headers=upload.headers,
                ) as response,
            ):
                text = await response.text(errors="replace")
        except aiohttp.ConnectionTimeoutError as exc:
            took = in_seconds(time.monotonic() - started)
            raise TransientError(f"no connection within {took}", unreachable=True) from exc
        except TimeoutError as exc:
            took = in_seconds(time.monotonic() - started)
            raise TransientError(f"it did not finish within {took}") from exc
        except ssl.SSLCertVerificationError as exc:
            raise ControllerError(
                f"the upload of {upload.what} to the {self._where} broke off: {reason_of(exc)}",
                fix="Another controller answers there, or it has a new CA: register it again.",
            ) from exc
        except (aiohttp.ClientError, ssl.SSLError, OSError) as exc:
            unreachable = isinstance(exc, aiohttp.ClientConnectorError)
            raise TransientError(reason_of(exc), unreachable=unreachable) from exc
        if upload.may_pass(response.status, text):
            raise TransientError(
                f"it answered {_reason(response.status, text)}",
                retry_after_s=retry_after_s(response.headers.get("Retry-After")),
            )
        return response.status, text

    def _answer(self, what: str, status: int, text: str) -> Document:
        """Return the document of an answer, or raise what it says."""
        if status == _OK:
            return _document(text)
        if status in _UNAUTHORIZED:
            raise ControllerError(
                f"the {self._where} refused the upload of {what}: {_reason(status, text)}",
                fix="Use an account that may write to the model.",
            )
        raise RefusedError(f"the controller refused {what}: {_reason(status, text)}")

    def _given_up(
        self, what: str, size_bytes: int, error: TransientError, attempts: int, took_s: float
    ) -> ControllerError:
        kind = ControllerError if error.unreachable else ConnectionLostError
        return kind(
            f"the upload of {what} ({size_bytes} bytes) to the {self._where} failed after "
            f"{in_attempts(attempts)} in {in_seconds(took_s)}: {error.why}",
            fix="Check the connection to the controller, and the disk of its pod; then run the "
            "command again: completed steps are skipped.",
        )


def error_text(body: str) -> str:
    """Return what the controller says in a body: charms have flat errors, resources nested ones."""
    document = _document(body)
    error: JSONValue = document.get("error")
    if isinstance(error, dict):
        error = error.get("message")
    return error.strip() if isinstance(error, str) else body.strip()[:_MAX_SHOWN]


def _reason(status: int, text: str) -> str:
    return error_text(text) or f"HTTP status {status}"


def _document(body: str) -> Document:
    try:
        value = parse_json(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _note(retrying: Retrying) -> None:
    _log.info(
        "the upload of %s failed (%s), trying again in %.1f s",
        retrying.what,
        retrying.why,
        retrying.delay_s,
    )
