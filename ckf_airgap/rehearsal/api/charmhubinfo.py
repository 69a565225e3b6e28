"""What clients ask Charmhub directly, answered from a directory of charms.

python-libjuju asks it, at the model's ``charmhub-url``, whether a charm is a subordinate before it
deploys one, and which resources it has before it refreshes one; other clients ask which revision a
channel has. The answers are those of ``GET /v2/charms/info/NAME`` and ``POST /v2/charms/refresh``
of the store's public API, with the fields that clients read, and the files that they name. They
are sent over plain HTTP, since that client does not trust this controller's certificate here; they
contain nothing secret.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from aiohttp import web

from ckf_airgap.documents import Document, JSONValue, dump_yaml, parse_json
from ckf_airgap.errors import ControllerError
from ckf_airgap.rehearsal.api.charmhubrefresh import (
    CHARM_FILES,
    RESOURCE_FILES,
    RequestError,
    charm_of_file,
    refresh,
    resource_of_file,
)
from ckf_airgap.rehearsal.api.jsonreply import json_reply
from ckf_airgap.rehearsal.entities.repository import (
    DEFAULT_CHANNEL,
    CharmRepository,
    StoreFile,
    base_channel,
    store_id,
)
from ckf_airgap.rehearsal.entities.storeresources import FIRST_REVISION

_STOP_S: Final = 1.0


class CharmhubInfo:
    """Serves the answers on a separate port.

    Args:
        repository: The charms.
    """

    def __init__(self, repository: CharmRepository) -> None:
        self._repository = repository
        app = web.Application()
        app.router.add_get("/v2/charms/info/{name}", self._info)
        app.router.add_post("/v2/charms/refresh", self._refresh)
        app.router.add_get(f"{CHARM_FILES}{{file}}", self._charm_file)
        app.router.add_get(f"{RESOURCE_FILES}{{file}}", self._resource_file)
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=_STOP_S
        )

    async def start(self, host: str) -> int:
        """Start listening on any free port; return the port.

        Raises:
            ControllerError: when the address cannot be used.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, 0).start()
        except OSError as error:
            await self.stop()
            raise ControllerError(
                f"the rehearsal controller cannot listen on {host}: {error.strerror}"
            ) from error
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _info(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        files = self._repository.files.get(name, ())
        if not files:
            problem: Document = {
                "code": "resource-not-found",
                "message": f"Name {name} not found in the charm namespace",
            }
            return json_reply({"error-list": [problem]}, status=HTTPStatus.NOT_FOUND)
        return json_reply(charm_info(files))

    async def _refresh(self, request: web.Request) -> web.Response:
        try:
            body = parse_json(await request.read())
            origin = str(request.url.origin())
            answer = await asyncio.to_thread(refresh, self._repository, body, origin)
        except (ValueError, RecursionError) as error:
            code = error.code if isinstance(error, RequestError) else "unexpected-data"
            problem: Document = {"code": code, "message": str(error)}
            return json_reply({"error-list": [problem]}, status=HTTPStatus.BAD_REQUEST)
        return json_reply(answer)

    async def _charm_file(self, request: web.Request) -> web.StreamResponse:
        file = charm_of_file(self._repository, request.match_info["file"])
        return web.FileResponse(file.path) if file is not None else _nothing()

    async def _resource_file(self, request: web.Request) -> web.StreamResponse:
        body = resource_of_file(self._repository, request.match_info["file"])
        if body is None:
            return _nothing()
        if isinstance(body.content, bytes):
            return web.Response(body=body.content)
        return web.FileResponse(body.content)


def _nothing() -> web.Response:
    return web.Response(status=HTTPStatus.NOT_FOUND, text="archive not found")


def charm_info(files: tuple[StoreFile, ...]) -> Document:
    """Return what the store says about a charm.

    Args:
        files: Its revisions, highest first; the highest is the default release.
    """
    newest = files[0]
    return {
        "type": "charm",
        "id": store_id(newest.name),
        "name": newest.name,
        "default-release": _release(newest, _channels(newest)[0]),
        "channel-map": [_release(file, channel) for file in files for channel in _channels(file)],
    }


def _channels(file: StoreFile) -> list[str]:
    return sorted(file.channels) or [DEFAULT_CHANNEL]


def _release(file: StoreFile, channel: str) -> Document:
    charm = file.charm
    track, _, risk = channel.partition("/")
    bases: list[JSONValue] = [
        {"name": base.name, "channel": base_channel(base).partition("/")[0], "architecture": arch}
        for base in charm.bases
        for arch in base.architectures or ("all",)
    ]
    return {
        "channel": {
            "name": channel,
            "track": track,
            "risk": risk,
            "base": bases[0] if bases else None,
        },
        "revision": {
            "revision": file.revision,
            "version": str(file.revision),
            "bases": bases,
            "subordinate": charm.subordinate,
            "metadata-yaml": dump_yaml(dict(charm.metadata)),
        },
        "resources": [
            {
                "name": resource.name,
                "type": resource.type,
                "filename": resource.filename or "",
                "description": resource.description,
                "revision": known[-1].revision
                if (known := file.resources.get(resource.name, ()))
                else FIRST_REVISION,
            }
            for resource in charm.resources.values()
        ],
    }
