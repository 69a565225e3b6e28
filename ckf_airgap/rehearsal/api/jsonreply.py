"""JSON over HTTP as Juju's server sends it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from ckf_airgap.documents import Document

_JSON: Final = "application/json"


def json_reply(
    document: Document, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return a reply whose ``Content-Type`` is ``application/json``, and nothing more.

    With ``; charset=utf-8`` after it, which aiohttp adds to text, the ``juju`` client does not read
    the body, and shows the whole reply where the message of the error belongs.
    """
    body = json.dumps(document).encode()
    return web.Response(body=body, content_type=_JSON, status=status, headers=headers)
