"""What the API server answers when no handler matches a request."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

_UUID: Final = re.compile(r"[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}")


@web.middleware
async def in_words_of_go(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse unknown paths, methods and models in the words of Juju's server.

    Those words are Go's own for the first two (``net/http`` and the multiplexer ``pat``), and
    ``validateModelAndServe`` of ``apiserver/httpcontext`` for the last.
    """
    uuid = request.match_info.get("model_uuid")
    if uuid is not None and _UUID.search(uuid) is None:
        return web.Response(status=400, text=f'invalid model UUID "{uuid}"\n')
    if request.match_info.http_exception is None:
        return await handler(request)
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return web.Response(status=404, text="404 page not found\n")
    except web.HTTPMethodNotAllowed as refusal:
        headers = {"Allow": refusal.headers["Allow"]}
        return web.Response(status=405, text="Method Not Allowed\n", headers=headers)
