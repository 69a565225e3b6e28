"""The second witness: every answer that a controller gives in a test is held against the facts.

`install` listens where answers leave the controller; what is wrong with one is kept in `WITNESS`
until the test that runs is failed for it (``tests/conftest.py``).
"""

from __future__ import annotations

import json
from collections import deque
from typing import Any, Final

from aiohttp import web

from ckf_airgap.rehearsal.api.session import Session
from tests.witness.facts import FACTS

_REHEARSAL: Final = "ckf_airgap.rehearsal."
_STORE: Final = "ckf_airgap.rehearsal.api.charmhubinfo"
"""What speaks the charm store's API, on a port of its own."""
_ENVELOPE: Final = frozenset({"request-id", "response", "error", "error-code", "error-info"})
_OLDEST: Final = {
    "RequestId": "request-id",
    "Response": "response",
    "Error": "error",
    "ErrorCode": "error-code",
    "ErrorInfo": "error-info",
}


class Witness:
    """Hears answers, from any thread, and keeps what is wrong with them."""

    def __init__(self) -> None:
        self._deviations: deque[str] = deque(maxlen=200)

    def take(self) -> list[str]:
        """Return each deviation once, and forget them."""
        taken: dict[str, None] = {}
        while self._deviations:
            taken[self._deviations.popleft()] = None
        return list(taken)

    def response(self, facade: str, version: int, method: str, response: Any) -> None:
        """Hear the response to a call that was not refused."""
        call = f"{facade}({version}).{method}"
        signature = FACTS.signature(facade, version, method)
        if signature is None:
            self._deviations.append(f"{call}: Juju {FACTS.juju} has no such method")
            return
        self._deviations.extend(f"{call} {fault}" for fault in FACTS.faults(signature[1], response))

    def frame(self, request: str, answer: str) -> None:
        """Hear the answer to a request on a websocket of the API."""
        asked, answered = _envelope(request), _envelope(answer)
        facade, method = str(asked.get("type", "")), str(asked.get("request", ""))
        version = int(asked.get("version") or 0)
        call = f"{facade}({version}).{method}"
        if strange := sorted(answered.keys() - _ENVELOPE):
            self._deviations.append(f"{call}: an answer has no {strange}")
        if "error" not in answered:
            self.response(facade, version, method, answered.get("response"))
            return
        if not isinstance(answered["error"], str) or not answered["error"]:
            self._deviations.append(f"{call}: an error without a text")
        if fault := FACTS.code_fault(answered.get("error-code", "")):
            self._deviations.append(f"{call}: {fault}")

    def reply(self, method: str, path: str, status: int, content_type: str, body: bytes) -> None:
        """Hear a reply over HTTP."""
        call = f"{method} {path} {status}"
        endpoint = FACTS.endpoint(method, path)
        if endpoint is None:
            # not found and method not allowed are all that such a path can say
            if status < 400:
                self._deviations.append(f"{call}: Juju {FACTS.juju} serves no such path")
            return
        if not content_type.startswith("application/json"):
            return
        if content_type != "application/json":
            self._deviations.append(f"{call}: {content_type}; clients want application/json alone")
        document = json.loads(body)
        kind = endpoint.get("ok" if status < 400 else "refused")
        if status == 401 and _asks_for_a_discharge(document):
            kind = "ErrorResult"  # said before the request comes to the handler of the path
        if kind is None:
            self._deviations.append(f"{call}: no JSON is answered here")
            return
        self._deviations.extend(f"{call} {fault}" for fault in FACTS.faults(kind, document))
        if status >= 400 and kind != "any" and isinstance(document, dict):
            self._refused(call, status, document)

    def _refused(self, call: str, status: int, document: dict[str, Any]) -> None:
        if "Message" in document:
            if status not in FACTS.bakery_statuses.get(document.get("Code", ""), [500]):
                self._deviations.append(f"{call}: not the status of {document.get('Code')!r}")
            return
        error = document.get("error")
        code = error.get("code") if isinstance(error, dict) else document.get("error-code", "")
        if fault := FACTS.code_fault(code):
            self._deviations.append(f"{call}: {fault}")
        elif (wanted := FACTS.statuses.get(str(code), 500)) != status:
            self._deviations.append(f"{call}: the status of {code!r} is {wanted}")


WITNESS: Final = Witness()


def install() -> None:
    """Listen to every session and reply from now on."""
    handle, prepare = Session.handle, web.Response.prepare

    async def heard_handle(self: Session, frame: str) -> str:
        answer = await handle(self, frame)
        WITNESS.frame(frame, answer)
        return answer

    async def heard_prepare(self: web.Response, request: Any) -> Any:
        try:
            handler = getattr(getattr(request, "match_info", None), "handler", None)
        except AssertionError:  # aiohttp's, of a request that no route was looked up for
            handler = None
        module = str(getattr(handler, "__module__", ""))
        if module.startswith(_REHEARSAL) and module != _STORE:
            body = self.body if isinstance(self.body, bytes) else b""
            content_type = self.headers.get("Content-Type", "")
            WITNESS.reply(request.method, request.path, self.status, content_type, body)
        return await prepare(self, request)

    setattr(Session, "handle", heard_handle)  # noqa: B010
    setattr(web.Response, "prepare", heard_prepare)  # noqa: B010


def _asks_for_a_discharge(document: Any) -> bool:
    error = document.get("error") if isinstance(document, dict) else None
    return isinstance(error, dict) and error.get("code") == "macaroon discharge required"


def _envelope(frame: str) -> dict[str, Any]:
    """Return the fields of a frame under their newer names."""
    document = json.loads(frame)
    if "RequestId" in document:
        return {_OLDEST.get(key, key.lower()): value for key, value in document.items()}
    return {key.lower(): value for key, value in document.items()}
