"""The charms of a model: uploaded ones with the revisions they got, and those of the store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ckf_airgap.rehearsal.entities.charmarchive import UploadMethod, read_archive, refused
from ckf_airgap.rehearsal.entities.charmurl import CharmURL
from ckf_airgap.rehearsal.entities.entities import StoredCharm
from ckf_airgap.rehearsal.entities.repository import Resolved
from ckf_airgap.rehearsal.wire import NOT_FOUND, ApiError


class CharmStore:
    """Uploaded charms by URL. Revisions are counted per URL without revision, series included."""

    def __init__(self) -> None:
        self._by_url: dict[str, StoredCharm] = {}
        self._next_revision: dict[str, int] = {}

    def __iter__(self) -> Iterator[StoredCharm]:
        return iter(self._by_url.values())

    def find(self, url: str) -> StoredCharm | None:
        """Return the charm of a URL, if there is one."""
        return self._by_url.get(url)

    def get(self, url: str) -> StoredCharm:
        """Return the charm of a URL.

        Raises:
            ApiError: ``charm "local:x-9" not found``.
        """
        found = self._by_url.get(url)
        if found is None:
            raise ApiError(f'charm "{url}" not found', NOT_FOUND)
        return found

    async def add_from_store(self, resolved: Resolved) -> StoredCharm:
        """Read a charm of the store, unless the model has it already.

        Raises:
            ApiError: when the file is damaged.
        """
        known = self._by_url.get(str(resolved.url))
        if known is not None:
            return known
        read = await asyncio.to_thread(read_archive, resolved.file.path, method="PUT")
        stored = StoredCharm(url=resolved.url, archive=read)
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
