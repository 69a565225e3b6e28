"""Charms over HTTPS: the two ways to upload a charm, and the ways to download it.

python-libjuju posts to ``/model/<uuid>/charms``, the Go client puts "objects" to
``/model-<uuid>/charms/<name>-<sha7>``. Errors have a flat body on both,
``{"error": "...", "error-code": "..."}``.
"""

from __future__ import annotations

import asyncio
import hashlib
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from aiohttp import web

from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.api.bodies import received
from ckf_airgap.rehearsal.api.httpauth import authenticated
from ckf_airgap.rehearsal.api.jsonreply import challenge, json_reply
from ckf_airgap.rehearsal.archives.members import chunks
from ckf_airgap.rehearsal.archives.refusals import UnreadableCharmError
from ckf_airgap.rehearsal.entities.charmurl import CharmURL
from ckf_airgap.rehearsal.golang.formatting import quoted
from ckf_airgap.rehearsal.golang.numbers import parse_int
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.model.permission import NO_ACCESS
from ckf_airgap.rehearsal.model.state import ControllerState
from ckf_airgap.rehearsal.model.users import User
from ckf_airgap.rehearsal.wire import BAD_REQUEST, NOT_FOUND, ApiError

CHARM_URL_HEADER: Final = "Juju-Curl"
_ZIP: Final = "application/zip"
_UPLOAD_FAILED: Final = "cannot upload charm"
_DOWNLOAD_FAILED: Final = "cannot retrieve charm"
_NOT_IN_STATE: Final = "cannot get charm from state"
_ONLY_MIGRATION: Final = "only be uploaded during model migration import"


class CharmUploads:
    """The handlers for charms.

    Args:
        controller: The controller.
        limit_bytes: The size of the largest charm that is accepted.
    """

    def __init__(self, controller: ControllerState, *, limit_bytes: int) -> None:
        self._controller = controller
        self._limit_bytes = limit_bytes
        self._urls: dict[tuple[str, str], str] = {}

    def add_routes(self, app: web.Application) -> None:
        """Register the handlers."""
        for path in ("/model/{model_uuid}/charms", "/charms"):
            app.router.add_post(path, self.post)
            app.router.add_get(path, self.get, allow_head=True)
        path = "/model-{model_uuid}/charms/{object}"
        app.router.add_put(path, self.put)
        app.router.add_get(path, self.get_object, allow_head=True)

    async def post(self, request: web.Request) -> web.Response:
        """Accept a charm as python-libjuju and older clients send it."""
        user, model = authenticated(request, self._controller, access="write")

        async def take() -> str:
            _check_content_type(request)
            schema = request.query.get("schema", "local")
            if schema != "local":
                raise ApiError(f"charms may {_ONLY_MIGRATION}")
            return await self._store(
                request,
                model,
                user,
                series=request.query.get("series", ""),
                name=request.query.get("name") or None,
                revision=_asked_revision(request.query.get("revision", "")),
            )

        return await _answer_upload(take)

    async def put(self, request: web.Request) -> web.Response:
        """Accept a charm as the Go client of 3.6 sends it."""
        user, model = authenticated(request, self._controller, access="write")
        path = request.match_info["object"]

        async def take() -> str:
            _check_content_type(request)
            name, dash, sha = path.rpartition("-")
            if not (name and dash and sha):
                raise ApiError(f'"{path}" is not a valid charm object path')
            header = request.headers.get(CHARM_URL_HEADER, "")
            try:
                wanted = CharmURL.parse(header)
            except ApiError as error:
                raise ApiError(f'"{header}" is not a valid charm url') from error
            if wanted.schema != "local":
                raise ApiError(f"non-local charms may {_ONLY_MIGRATION}")
            return await self._store(
                request,
                model,
                user,
                series=wanted.series,
                name=name,
                revision=wanted.revision if wanted.revision >= 0 else None,
                sha=sha,
            )

        return await _answer_upload(take)

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Return a charm, a member of it (``file=``), or the list of its members."""
        _, model = authenticated(request, self._controller, access=NO_ACCESS)
        try:
            archive = _archive(model, _wanted_url(request))
            member = request.query.get("file", "")
            if member == "*":
                return web.FileResponse(archive, headers={"Content-Type": _ZIP})
            return await asyncio.to_thread(_member_response, archive, member)
        except ApiError as error:
            return flat_error(error.annotated(_DOWNLOAD_FAILED))

    async def get_object(self, request: web.Request) -> web.StreamResponse:
        """Return the charm whose SHA-256 starts with the end of the path; the name is ignored."""
        _, model = authenticated(request, self._controller, access=NO_ACCESS)
        path = request.match_info["object"]
        try:
            url = self._url_of(model, path)
            headers = {"Content-Type": _ZIP, CHARM_URL_HEADER: url}
            return web.FileResponse(_archive(model, url), headers=headers)
        except ApiError as error:
            return flat_error(error.annotated(_DOWNLOAD_FAILED))

    def _url_of(self, model: Model, path: str) -> str:
        _, dash, sha = path.rpartition("-")
        if not dash:
            raise ApiError(f'"{path}" is not a valid charm object path', BAD_REQUEST)
        for (uuid, sha256), url in self._urls.items():
            if uuid == model.uuid and sha256.startswith(sha):
                return url
        raise ApiError(f'{_NOT_IN_STATE}: charm with sha256 "{sha}" not found', NOT_FOUND)

    async def _store(
        self,
        request: web.Request,
        model: Model,
        user: User,
        *,
        series: str,
        name: str | None,
        revision: int | None,
        sha: str | None = None,
    ) -> str:
        """Receive the body and pass it to the model; return the charm URL."""
        directory = self._controller.files_of(model)
        limit_bytes = self._limit_bytes
        async with received(request, directory, model, user, limit_bytes=limit_bytes) as body:
            if sha is not None and not body.sha256.startswith(sha):
                raise ApiError(
                    f"Uploaded charm sha256 ({body.sha256[:7]}) does not match sha in url ({sha})"
                )
            url = await model.add_charm(
                body.path,
                series=series,
                name=name,
                revision=revision,
                method="POST" if sha is None else "PUT",
            )
            body.keep(url)
            self._urls.setdefault((model.uuid, body.sha256), url)
            return url


def flat_error(error: ApiError) -> web.Response:
    """Return an error in the flat format of refused charm requests."""
    document: Document = {"error": error.message, "error-code": error.code}
    status = error.http_status
    return json_reply(document, status=status, headers=challenge(status))


def _archive(model: Model, url: str) -> Path:
    """Return the file of a charm; `ApiError` (not found) when the model does not have it."""
    try:
        return model.charm_archive(url)
    except ApiError as error:
        raise error.annotated(_NOT_IN_STATE) from error


def _wanted_url(request: web.Request) -> str:
    url = request.query.get("url", "")
    if not url:
        raise ApiError("expected url=CharmURL query argument", BAD_REQUEST)
    return url


def _asked_revision(text: str) -> int | None:
    """Return the revision that a query asks for; ``None`` when the controller is to choose it.

    Raises:
        ApiError: as ``strconv.Atoi`` words it, when it is not a 64-bit number.
    """
    if not text:
        return None
    number = parse_int(text)
    if number is None:
        is_number = text.lstrip("+-").isascii() and text.lstrip("+-").isdecimal()
        why = "value out of range" if is_number else "invalid syntax"
        raise ApiError(f"revision: strconv.Atoi: parsing {quoted(text)}: {why}")
    return number if number >= 0 else None


def _check_content_type(request: web.Request) -> None:
    found = request.headers.get("Content-Type", "")
    if found != _ZIP:
        raise ApiError(f"expected Content-Type: {_ZIP}, got: {found}")


async def _answer_upload(take: Callable[[], Awaitable[str]]) -> web.Response:
    """Answer with the charm URL, or with what is wrong: always a bad request."""
    try:
        url = await take()
    except ApiError as error:
        message = error.message
        if not message.startswith(_UPLOAD_FAILED):
            message = f"{_UPLOAD_FAILED}: {message}"
        return flat_error(ApiError(message, BAD_REQUEST))
    return json_reply({"charm-url": url}, headers={CHARM_URL_HEADER: url})


def _member_response(archive: Path, member: str) -> web.Response:
    """Return a member of a charm, or the names of all of them."""
    try:
        with zipfile.ZipFile(archive) as charm:
            if not member:
                names = sorted(name for name in charm.namelist() if not name.endswith("/"))
                return json_reply({"files": [*names]})
            found = [one for one in charm.infolist() if one.filename == member]
            if member.endswith("/") or not found:
                raise ApiError(f"charm file {member} not found", NOT_FOUND)
            content = b"".join(chunks(charm, found[0]))
    except (zipfile.BadZipFile, OSError) as error:
        raise ApiError(f"cannot open charm archive: {error}") from error
    except UnreadableCharmError as error:
        raise ApiError(f"unable to read file {quoted(member)}: {error.message}") from error
    digest = hashlib.sha256(content).hexdigest()
    return web.Response(
        body=content, content_type="application/octet-stream", headers={"ETag": f'"{digest}"'}
    )
