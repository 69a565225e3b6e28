"""The charms of a model: uploaded ones with their allocated revisions, and store charms."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ckf_airgap.rehearsal.archives.reading import UploadMethod, read_archive, refused
from ckf_airgap.rehearsal.entities.charmurl import CharmURL
from ckf_airgap.rehearsal.entities.entities import StoredCharm
from ckf_airgap.rehearsal.entities.repository import SCHEMA, CharmRepository, Resolved
from ckf_airgap.rehearsal.entities.resources import PendingResources
from ckf_airgap.rehearsal.wire import NOT_FOUND, ApiError


class CharmStore:
    """Charms by URL. Revisions are counted per URL without revision, but with series.

    Attributes:
        repository: The charm store, for charms that are not uploaded; ``None`` without a store.
    """

    def __init__(self) -> None:
        self.repository: CharmRepository | None = None
        self._by_url: dict[str, StoredCharm] = {}
        self._next_revision: dict[str, int] = {}

    def __iter__(self) -> Iterator[StoredCharm]:
        return iter(self._by_url.values())

    def find(self, url: str) -> StoredCharm | None:
        """Return the charm with a URL, if there is one; a series in the URL is ignored."""
        found = self._by_url.get(url)
        if found is None and url.startswith(f"{SCHEMA}:"):
            try:
                return self._by_url.get(str(CharmURL.parse(url)))
            except ApiError:
                return None
        return found

    def get(self, url: str) -> StoredCharm:
        """Return the charm with a URL.

        Raises:
            ApiError: ``charm "local:x-9" not found``.
        """
        found = self.find(url)
        if found is None:
            raise ApiError(f'charm "{url}" not found', NOT_FOUND)
        return found

    async def add_from_store(self, resolved: Resolved) -> StoredCharm:
        """Read a charm from the store, unless the model has it already.

        Raises:
            ApiError: when the file is damaged.
        """
        known = self._by_url.get(str(resolved.url))
        if known is not None:
            return known
        path = resolved.file.path
        read = await asyncio.to_thread(read_archive, path, method="PUT")
        stored = StoredCharm(
            url=resolved.url,
            archive=read,
            sha256=await asyncio.to_thread(_sha256, path),
            resources=resolved.file.resources,
        )
        self._by_url[str(stored.url)] = stored
        return stored

    async def add(
        self,
        archive: Path,
        *,
        series: str,
        name: str | None,
        revision: int | None,
        method: UploadMethod,
    ) -> StoredCharm:
        """Read an uploaded archive and give it a URL of its own.

        Raises:
            ApiError: ``cannot upload charm: ...``.
        """
        read = await asyncio.to_thread(read_archive, archive, method=method)
        url = CharmURL(schema="local", name=name or read.charm.name, series=series)
        try:
            url.check()
        except ApiError as exc:
            raise refused(exc.message) from exc
        least = read.revision if revision is None else revision
        allocated = max(self._next_revision.get(url.base, 0), least, 0)
        self._next_revision[url.base] = allocated + 1
        stored = StoredCharm(url=replace(url, revision=allocated), archive=read)
        self._by_url[str(stored.url)] = stored
        return stored


def fill_from_store(
    pending: PendingResources, pending_ids: Sequence[str], stored: StoredCharm, *, now: datetime
) -> None:
    """Set pending resources to what the store has, unless they will be uploaded.

    Args:
        pending: The pending resources of future applications.
        pending_ids: The ids of those to set.
        stored: The charm that they are for.
        now: The time.

    Raises:
        ApiError: when the store does not have a resource in that revision; all are dropped then.
    """
    try:
        for pending_id in pending_ids:
            announced = pending.get(pending_id)
            declared = stored.charm.resources.get(announced.name)
            if declared is None or not announced.is_from_store:
                continue
            filled = stored.store_resource(
                announced.application, declared, revision=announced.asked_revision, now=now
            )
            pending.store(replace(filled, pending_id=pending_id))
    except ApiError:
        pending.drop(pending_ids)
        raise


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1024 * 1024):
            digest.update(chunk)
    return digest.hexdigest()
