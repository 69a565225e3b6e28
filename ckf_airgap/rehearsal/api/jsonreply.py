"""JSON over HTTP as Juju's API server sends it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import web

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.wire import ApiError

_JSON: Final = "application/json"


def json_reply(
    document: Document, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return a reply whose ``Content-Type`` is exactly ``application/json``.

    aiohttp appends ``; charset=utf-8`` to text; with that, the ``juju`` client does not parse the
    body and shows the whole reply instead of the error message.
    """
    body = json.dumps(document).encode()
    return web.Response(body=body, content_type=_JSON, status=status, headers=headers)


def nested_error(error: ApiError) -> web.Response:
    """Return an error as ``sendError`` of ``apiserver/httpcontext.go`` sends it.

    That is ``{"error": {"message": "...", "code": "..."}}``, with the status of its code.
    """
    document: Document = {"error": error.as_document()}
    return json_reply(document, status=error.http_status, headers=challenge(error.http_status))


def challenge(status: int) -> dict[str, str]:
    """Return the header that goes with a status: 401 asks for authentication."""
    return {"WWW-Authenticate": 'Basic realm="juju"'} if status == HTTPStatus.UNAUTHORIZED else {}
