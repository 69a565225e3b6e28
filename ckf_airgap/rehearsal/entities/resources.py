"""Resources of applications: pending, uploaded, and in use."""

from __future__ import annotations

import asyncio
import base64
import email.message
import hashlib
import posixpath
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from ckf_airgap.charms.charm import Resource
from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.entities.imagedetails import ImageDetails, read_image_details
from ckf_airgap.rehearsal.wire import NOT_FOUND, NOT_VALID, ApiError, int_field, text_field

OCI_IMAGE: Final = "oci-image"
UPLOAD: Final = "upload"
STORE: Final = "store"
_ORIGINS: Final = (UPLOAD, STORE)
_SHA384_BYTES: Final = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveResource:
    """A resource of an application, or a pending one.

    Attributes:
        asked_revision: The store revision that a client asked for, which a local charm does
            not get; ``None`` when it did not ask for any.
        is_from_store: Whether a client registered it as coming from the store.
        uploaded: Whether it has a body; without a body it is an empty placeholder.
        image: The image, for the type ``oci-image``.
        origin: Where it comes from: ``upload`` or ``store``.
        revision: Its revision in the store; 0 for uploads.
    """

    application: str
    name: str
    type: str
    path: str = ""
    description: str = ""
    pending_id: str = ""
    asked_revision: int | None = None
    is_from_store: bool = False
    uploaded: bool = False
    size_bytes: int = 0
    fingerprint: str = ""
    timestamp: datetime | None = None
    body: Path | None = None
    image: ImageDetails | None = None
    origin: str = UPLOAD
    revision: int = 0

    @property
    def registrypath(self) -> str:
        """The image's reference; empty for a placeholder and for files."""
        return self.image.registrypath if self.image else ""

    def charm_document(self) -> Document:
        """Return the charm's part of the resource: ``CharmResource`` of the API."""
        return {
            "name": self.name,
            "type": self.type,
            "path": self.path,
            "description": self.description,
            "origin": self.origin,
            "revision": self.revision,
            "fingerprint": base64.b64encode(bytes.fromhex(self.fingerprint)).decode(),
            "size": self.size_bytes,
        }

    def as_document(self) -> Document:
        """Return the resource as the API shows it: ``Resource``."""
        return {
            **self.charm_document(),
            "id": f"{self.application}/{self.name}",
            "pending-id": self.pending_id,
            "application": self.application,
            "username": "admin" if self.uploaded and self.origin == UPLOAD else "",
            "timestamp": rfc3339(self.timestamp) if self.timestamp else "0001-01-01T00:00:00Z",
        }


def rfc3339(moment: datetime) -> str:
    """Return a time in UTC as Juju writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def placeholder(application: str, resource: Resource) -> LiveResource:
    """Return the placeholder for a resource of an application that was never uploaded."""
    return LiveResource(
        application=application,
        name=resource.name,
        type=resource.type,
        path=resource.filename or "",
        description=resource.description,
    )


class PendingResources:
    """The pending resources, registered for future applications."""

    def __init__(self) -> None:
        self._by_id: dict[str, LiveResource] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def announce(self, application: str, documents: Iterable[Document]) -> list[str]:
        """Register resources; return a pending id for each, in order.

        Raises:
            ApiError: naming the invalid resource; none is registered then.
        """
        announced = [_announced(application, document) for document in documents]
        self._by_id.update((resource.pending_id, resource) for resource in announced)
        return [resource.pending_id for resource in announced]

    def keep(self, resource: LiveResource) -> str:
        """Keep a resource for a future application; return its pending id."""
        kept = replace(resource, pending_id=str(uuid.uuid4()))
        self._by_id[kept.pending_id] = kept
        return kept.pending_id

    def get(self, pending_id: str) -> LiveResource:
        """Return the resource of a known pending id; `KeyError` for any other."""
        return self._by_id[pending_id]

    def find(self, application: str, name: str, pending_id: str, *, shown_as: str) -> LiveResource:
        """Return a pending resource.

        Args:
            application: The application that it is for.
            name: Its name.
            pending_id: Its pending id.
            shown_as: Its name in the message, which differs between uploads and deployments.

        Raises:
            ApiError: (not found) unless all three match.
        """
        found = self._by_id.get(pending_id)
        if found is None or (found.application, found.name) != (application, name):
            raise ApiError(f'pending resource "{shown_as}" ({pending_id}) not found', NOT_FOUND)
        return found

    def store(self, resource: LiveResource) -> None:
        """Keep the new state of a pending resource."""
        self._by_id[resource.pending_id] = resource

    def drop(self, pending_ids: Iterable[str]) -> None:
        """Drop pending resources, which are in use now, or whose deployment failed."""
        for pending_id in pending_ids:
            self._by_id.pop(pending_id, None)


def _announced(application: str, document: Document) -> LiveResource:
    name, kind, path = (text_field(document, name) for name in ("name", "type", "path"))
    origin = text_field(document, "origin")
    prefix = f'bad resource info for "{name}": '
    if kind not in (OCI_IMAGE, "file"):
        raise ApiError(f'{prefix}unsupported resource type "{kind}"')
    if origin not in _ORIGINS:
        raise ApiError(f'{prefix}unknown origin "{origin}"')
    if not name:
        raise ApiError(f"{prefix}bad metadata: resource missing name", NOT_VALID)
    if kind == "file" and not path:
        raise ApiError(f"{prefix}bad metadata: resource missing filename", NOT_VALID)
    if kind == "file" and "/" in path:
        raise ApiError(
            f'{prefix}bad metadata: filename cannot contain "/" (got "{path}")', NOT_VALID
        )
    asked = int_field(document, "revision", -1)
    from_store = origin == "store"
    return LiveResource(
        application=application,
        name=name,
        type=kind,
        path=path,
        description=text_field(document, "description"),
        pending_id=str(uuid.uuid4()),
        asked_revision=asked if from_store and asked >= 0 else None,
        is_from_store=from_store,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceUpload:
    """The body of a resource and the headers it came with."""

    filename: str
    fingerprint_hex: str
    body: Path

    async def apply(self, resource: LiveResource, now: datetime) -> LiveResource:
        """Return the resource with this body.

        Raises:
            ApiError: when the upload does not match the resource.
        """
        self._check_headers(resource)
        if resource.type == OCI_IMAGE:
            image, size = await asyncio.to_thread(read_image_details, self.body)
        else:
            image, size = None, await asyncio.to_thread(self._check_body)
        return replace(
            resource,
            uploaded=True,
            path=resource.path or self.filename,
            size_bytes=size,
            fingerprint=self.fingerprint_hex,
            timestamp=now,
            body=self.body,
            image=image,
            origin=UPLOAD,
            revision=0,
        )

    def _check_headers(self, resource: LiveResource) -> None:
        try:
            digest = bytes.fromhex(self.fingerprint_hex)
        except ValueError as exc:
            raise ApiError(f"invalid fingerprint: {exc}") from exc
        if len(digest) != _SHA384_BYTES:
            raise ApiError("invalid fingerprint: invalid fingerprint (too small)")
        if not self.filename:
            raise ApiError("missing filename in resource upload request")
        wanted = _extension(resource.path)
        if resource.type != OCI_IMAGE and _extension(self.filename) != wanted:
            raise ApiError(
                f'incorrect extension on resource upload "{self.filename}", expected "{wanted}"'
            )

    def _check_body(self) -> int:
        digest, size = hashlib.sha384(), 0
        with self.body.open("rb") as body:
            while chunk := body.read(1024 * 1024):
                digest.update(chunk)
                size += len(chunk)
        if digest.hexdigest() != self.fingerprint_hex.lower():
            raise ApiError("storing resource blob: hash mismatch")
        return size


def disposition_filename(header: str) -> str:
    """Return the file name of a ``Content-Disposition``.

    Raises:
        ApiError: when the header is malformed or names no file.
    """
    message = email.message.Message()
    message["Content-Disposition"] = header
    kind = message.get_content_disposition()
    if not kind or " " in kind or "=" in kind:
        raise ApiError("badly formatted Content-Disposition: mime: no media type")
    name = message.get_filename()
    if not name:
        raise ApiError("missing filename in resource upload request")
    return name


def _extension(path: str) -> str:
    """Return the extension with its point, which may begin the name, as Go's ``path.Ext`` does."""
    name = posixpath.basename(path)
    return name[name.rfind(".") :] if "." in name else ""
