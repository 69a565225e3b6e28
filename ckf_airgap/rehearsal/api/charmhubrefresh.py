"""Which revision a channel has: Charmhub's ``POST /v2/charms/refresh``, from a directory.

Actions are ``install``, ``download`` and ``refresh``; what goes wrong with one is part of its
result, as in the store, and the others have theirs.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ckf_airgap.charms.charm import Base, Resource
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.archives.members import content, decoded
from ckf_airgap.rehearsal.archives.refusals import UnreadableCharmError
from ckf_airgap.rehearsal.entities.repository import (
    DEFAULT_CHANNEL,
    CharmRepository,
    StoreFile,
    asked_channel,
    store_id,
)
from ckf_airgap.rehearsal.entities.storeresources import FIRST_REVISION
from ckf_airgap.rehearsal.wire import ApiError

CHARM_FILES: Final = "/api/v1/charms/download/"
RESOURCE_FILES: Final = "/api/v1/resources/download/"

_ACTIONS: Final = frozenset({"install", "download", "refresh"})
_UNKNOWN: Final = "NA"
"""The name of a base that the client does not know, and asks for."""
_CHUNK_BYTES: Final = 1024 * 1024


class RequestError(ValueError):
    """A request that is refused as a whole.

    Attributes:
        code: The code of the error.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _ActionError(Exception):
    """What is wrong with one action."""

    def __init__(self, code: str, message: str, extra: Document | None = None) -> None:
        super().__init__(message)
        self.document: Document = {"code": code, "message": message}
        if extra is not None:
            self.document["extra"] = extra


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceBody:
    """The content of a revision of a resource: a file, or what is made in its place."""

    revision: int
    content: Path | bytes

    def hashes(self) -> Document:
        """Return size and checksums; blocks on the disk."""
        return _hashes(self.content, "sha256", "sha384")


def refresh(repository: CharmRepository, request: JSONValue, origin: str) -> Document:
    """Return the store's answer; blocks on the disk.

    Args:
        repository: The charms.
        request: The body of the request.
        origin: Where files can be downloaded: ``http://HOST:PORT``.

    Raises:
        RequestError: when the request has no actions, or one without a key.
    """
    if not isinstance(request, dict) or not isinstance(request.get("actions"), list):
        raise RequestError("missing-key", "'actions' is a required property")
    contexts = {_text(one, "instance-key"): one for one in _mappings(request.get("context"))}
    results: list[JSONValue] = []
    actions = request["actions"]
    for action in actions if isinstance(actions, list) else ():
        if not isinstance(action, dict) or not _text(action, "instance-key"):
            raise RequestError("missing-instance-key", "'instance-key' is a required property")
        results.append(_result(repository, action, contexts, origin))
    return {"error-list": [], "results": results}


def charm_of_file(repository: CharmRepository, name: str) -> StoreFile | None:
    """Return the charm whose file has a name in `CHARM_FILES`: ``ID_REVISION.charm``."""
    stem, dot, ending = name.rpartition(".")
    found, _, revision = stem.rpartition("_")
    for file in _files_of_id(repository, found) if dot and ending == "charm" else ():
        if str(file.revision) == revision:
            return file
    return None


def resource_of_file(repository: CharmRepository, name: str) -> ResourceBody | None:
    """Return what has a name in `RESOURCE_FILES`: ``charm_ID.RESOURCE_REVISION``."""
    found, _, rest = name.removeprefix("charm_").partition(".")
    resource, _, revision = rest.rpartition("_")
    for file in _files_of_id(repository, found):
        for body in _bodies(file, resource):
            if str(body.revision) == revision:
                return body
    return None


def _result(
    repository: CharmRepository,
    action: Document,
    contexts: Mapping[str, Document],
    origin: str,
) -> Document:
    kind, key = _text(action, "action"), _text(action, "instance-key")
    result: Document = {"instance-key": key, "id": "", "name": _text(action, "name"), "charm": {}}
    try:
        context = contexts.get(key, {}) if kind == "refresh" else {}
        files = _files(repository, action, kind)
        result |= {"id": store_id(files[0].name), "name": files[0].name}
        file, channel = _chosen(files, action, context)
        charm = _charm(file, action, origin)
    except _ActionError as error:
        return {**result, "result": "error", "error": error.document}
    return {
        **result,
        "result": kind,
        "effective-channel": channel,
        "released-at": None,
        "charm": charm,
    }


def _files(repository: CharmRepository, action: Document, kind: str) -> tuple[StoreFile, ...]:
    """Return the files of the charm that an action is about, the highest revision first."""
    if kind not in _ACTIONS:
        raise _ActionError("unexpected-data", f"{kind!r} is not one of {sorted(_ACTIONS)}")
    name, identity = _text(action, "name"), _text(action, "id")
    files = repository.files.get(name, ()) if name else _files_of_id(repository, identity)
    if not files:
        code = "name-not-found" if name else "id-not-found"
        known_by = "name" if name else "id"
        raise _ActionError(code, f"The Charm with the given {known_by} was not found in the Store.")
    return files


def _files_of_id(repository: CharmRepository, identity: str) -> tuple[StoreFile, ...]:
    return next(
        (files for name, files in repository.files.items() if store_id(name) == identity), ()
    )


def _chosen(
    files: tuple[StoreFile, ...], action: Document, context: Document
) -> tuple[StoreFile, str]:
    """Return the newest file that an action asks for, and its channel."""
    revision = action.get("revision")
    if revision is not None:
        for file in files:
            if file.revision == revision:
                return file, ""
        raise _ActionError("revision-not-found", f"No revision {revision} was found in the Store.")
    asked = _text(action, "channel") or _text(context, "tracking-channel") or "stable"
    try:
        wanted = asked_channel(asked)
    except ApiError as error:
        raise _ActionError("invalid-channel", error.message) from error
    base = action.get("base") or context.get("base")
    if not isinstance(base, dict):
        raise _ActionError("missing-charm-base", "'base' is required without a revision.")
    architecture = _text(base, "architecture")
    there = [file for file in files if file.channel(wanted) is not None]
    if _UNKNOWN in (_text(base, "name"), _text(base, "channel")):
        bases: list[JSONValue] = [entry for file in there[:1] for entry in _bases(file)]
        raise _ActionError("invalid-charm-base", "The base is not known.", {"default-bases": bases})
    named = Base(name=_text(base, "name"), channel=_text(base, "channel"))
    for file in there:
        if any(one.same_os(named) for one in file.bases(architecture)):
            return file, file.channel(wanted) or DEFAULT_CHANNEL
    releases: list[JSONValue] = [
        {"channel": channel, "base": entry}
        for file in files
        for channel in sorted(file.channels) or [DEFAULT_CHANNEL]
        for entry in _bases(file)
    ]
    raise _ActionError(
        "revision-not-found", "No revision was found in the Store.", {"releases": releases}
    )


def _charm(file: StoreFile, action: Document, origin: str) -> Document:
    identity, charm = store_id(file.name), file.charm
    texts = _texts(file.path)
    asked = {
        _text(one, "name"): one.get("revision")
        for one in _mappings(action.get("resource-revisions"))
    }
    by_revision = action.get("revision") is not None
    return {
        "id": identity,
        "name": file.name,
        "type": "charm",
        "revision": file.revision,
        "version": str(file.revision),
        "summary": charm.summary,
        "license": "",
        "publisher": {},
        "bases": [*_bases(file)],
        "metadata-yaml": texts.get("metadata.yaml", ""),
        "config-yaml": texts.get("config.yaml", "{}\n"),
        "actions-yaml": texts.get("actions.yaml", "{}\n"),
        "download": {
            "url": f"{origin}{CHARM_FILES}{identity}_{file.revision}.charm",
            **_hashes(file.path, "sha256"),
        },
        "resources": [
            _resource(file, resource, asked.get(resource.name), origin)
            for resource in charm.resources.values()
            if not by_revision or resource.name in asked  # as the store does
        ],
    }


def _resource(file: StoreFile, resource: Resource, revision: JSONValue, origin: str) -> Document:
    bodies = _bodies(file, resource.name)
    body = next((one for one in bodies if one.revision == revision), None)
    if body is None and revision is not None:
        raise _ActionError(
            "charm-resource-not-found",
            f"The resource {resource.name} has no revision {revision}.",
        )
    body = body or bodies[-1]
    name = f"charm_{store_id(file.name)}.{resource.name}_{body.revision}"
    return {
        "name": resource.name,
        "type": resource.type,
        "revision": body.revision,
        "filename": resource.filename or "",
        "description": resource.description,
        "download": {"url": f"{origin}{RESOURCE_FILES}{name}", **body.hashes()},
    }


def _bodies(file: StoreFile, name: str) -> list[ResourceBody]:
    """Return the revisions of a resource, lowest first; without a file there is one, as it is."""
    resource = file.charm.resources.get(name)
    if resource is None:
        return []
    known = [
        ResourceBody(revision=one.revision, content=one.path)
        for one in file.resources.get(name, ())
    ]
    if known:
        return known
    image = resource.upstream_source or f"registry.jujucharms.com/charm/{file.name}/{name}"
    made = json.dumps({"ImageName": image, "Username": "", "Password": ""}).encode()
    return [ResourceBody(revision=FIRST_REVISION, content=made if resource.is_image else b"")]


def _bases(file: StoreFile) -> Iterable[Document]:
    for base in file.charm.bases:
        for architecture in base.architectures or ("all",):
            yield {"name": base.name, "channel": base.track, "architecture": architecture}


def _texts(path: Path) -> dict[str, str]:
    """Return the documents of a charm as they are in its file; blocks on the disk."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {
                member.filename: decoded(content(archive, member))
                for member in archive.infolist()
                if member.filename in ("metadata.yaml", "config.yaml", "actions.yaml")
            }
    except (OSError, zipfile.BadZipFile, UnreadableCharmError) as error:
        raise _ActionError("api-error", f"The file {path.name} cannot be read.") from error


def _hashes(source: Path | bytes, *algorithms: str) -> Document:
    digests = {name: hashlib.new(name) for name in algorithms}
    size = 0
    if isinstance(source, bytes):
        size = len(source)
        for digest in digests.values():
            digest.update(source)
    else:
        try:
            with source.open("rb") as stream:
                while chunk := stream.read(_CHUNK_BYTES):
                    size += len(chunk)
                    for digest in digests.values():
                        digest.update(chunk)
        except OSError as error:
            raise _ActionError("api-error", f"The file {source.name} cannot be read.") from error
    found: Document = {"size": size}
    for name, digest in digests.items():
        found[f"hash-sha-{name.removeprefix('sha')}"] = digest.hexdigest()
    return found


def _mappings(value: JSONValue) -> list[Document]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(document: Document, key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""
