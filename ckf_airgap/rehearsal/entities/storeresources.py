"""The resources in a directory that serves as a charm store. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from ckf_airgap.charms.charm import Resource
from ckf_airgap.rehearsal.entities.imagedetails import ImageDetails
from ckf_airgap.rehearsal.entities.resources import STORE, LiveResource, placeholder
from ckf_airgap.rehearsal.wire import NOT_FOUND, ApiError

FIRST_REVISION: Final = 1
"""The revision of a resource for which the directory has no file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreResource:
    """A revision of a resource: a file next to the charm.

    Attributes:
        name: The resource.
        revision: Its revision in the store.
        path: The file.
        size_bytes: Its size.
        fingerprint: Its SHA-384, hexadecimal.
        image: The image that the file names, for the type ``oci-image``.
    """

    name: str
    revision: int
    path: Path
    size_bytes: int
    fingerprint: str
    image: ImageDetails | None = None


def resource_revision(file_name: str, resource: Resource, *, charm: str) -> int | None:
    """Return which revision of a charm's resource a file is, or ``None`` when it is not one.

    The name is that of ``juju download --resources``: ``resource_<resource>_r<N>`` followed by
    ``_<file>``. Where several charms have a resource of that name, it is prefixed with
    ``<charm>_``.

    Args:
        file_name: The name of the file.
        resource: The resource.
        charm: The charm's name in the store.
    """
    match = re.fullmatch(
        rf"(?P<charm>{re.escape(charm)}_)?resource_{re.escape(resource.name)}"
        r"_r(?P<revision>[0-9]{1,9})(?:_(?P<file>.+))?",
        file_name,
    )
    if match is None or (not resource.is_image and match["file"] not in (None, resource.filename)):
        return None
    return int(match["revision"])


def store_resource(
    application: str,
    resource: Resource,
    *,
    charm: str,
    known: Sequence[StoreResource],
    revision: int | None,
    now: datetime,
) -> LiveResource:
    """Return what a store charm gets for a resource that is not uploaded.

    Without a file, an image is the upstream source in the charm's metadata, or else one in the
    store's registry, and the only revision of any resource is `FIRST_REVISION`.

    Args:
        application: The application.
        resource: What the charm declares.
        charm: The charm's name in the store.
        known: The revisions with a file, lowest first.
        revision: The requested revision; ``None`` for the newest.
        now: The time.

    Raises:
        ApiError: ``charm resource "x" at revision 9 not found``, as in ``resourceInfo`` of Juju's
            ``core/charm/repository``.
    """
    revisions = [one.revision for one in known] or [FIRST_REVISION]
    if revision is None:
        revision = revisions[-1]
    elif revision not in revisions:
        raise ApiError(
            f'charm resource "{resource.name}" at revision {revision} not found', NOT_FOUND
        )
    filled = replace(
        placeholder(application, resource),
        uploaded=True,
        origin=STORE,
        revision=revision,
        timestamp=now,
    )
    for one in known:
        if one.revision == revision:
            return replace(
                filled,
                size_bytes=one.size_bytes,
                fingerprint=one.fingerprint,
                body=one.path,
                image=one.image,
            )
    image = resource.upstream_source or f"registry.jujucharms.com/charm/{charm}/{resource.name}"
    return replace(filled, image=ImageDetails(registrypath=image) if resource.is_image else None)
