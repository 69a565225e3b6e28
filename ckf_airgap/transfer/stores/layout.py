"""An OCI image layout in a directory: each blob once, whole or not at all, ``index.json`` last.

A blob is written to ``blobs/ALGORITHM/HEX.part`` and gets its name once its digest is right and its
bytes are on the disk, so a file with the name of a digest is a finished blob, whatever interrupted
the run before. What a killed run left of a blob is continued from.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, final

from ckf_airgap.concurrency import in_thread, in_thread_to_end
from ckf_airgap.documents import Document, parse_json
from ckf_airgap.errors import (
    AbsentError,
    InputError,
    IntegrityError,
    StorageFullError,
    TransferError,
)
from ckf_airgap.files import (
    FileLock,
    disk_error,
    open_regular,
    read_small,
    require_directory,
    write_text,
)
from ckf_airgap.files.sizes import size_text
from ckf_airgap.transfer.names import kept_entries, named_images
from ckf_airgap.transfer.oci import (
    MAX_MANIFEST_BYTES,
    OCI_INDEX,
    REF_NAME,
    Descriptor,
    Digest,
    Manifest,
    descriptor_document,
    descriptor_from_document,
    parse_manifest,
)
from ckf_airgap.transfer.stores.archive import MAX_INDEX_BYTES
from ckf_airgap.transfer.stores.partial import (
    CHUNK_BYTES,
    PART_SUFFIX,
    PartialBlob,
    file_size,
    hash_stream,
)

_LAYOUT: Final = '{"imageLayoutVersion": "1.0.0"}'
_LOCK_NAME: Final = ".lock"


@final
class LayoutDirectory:
    """An OCI image layout; a `BlobStore`.

    One process writes to a directory at a time: it holds a lock on it until `close`.

    Args:
        path: The directory; `create` and `open` are the ways to get one.
        lock: The lock on it; ``None`` when it is only read.
        entries: The descriptors of ``index.json``.
    """

    def __init__(self, path: Path, lock: FileLock | None, entries: list[Descriptor]) -> None:
        self.path = path
        self._lock = lock
        self._entries = entries
        self._index_lock = asyncio.Lock()
        self._verified: dict[Digest, tuple[int, int, int]] = {}

    @classmethod
    def create(cls, path: Path) -> LayoutDirectory:
        """Open a layout for writing, and make it when there is none; blocks on the disk.

        Raises:
            InputError: when something other than a layout is there or an empty directory.
            TransferError: when it is in use by another run, or cannot be written.
        """
        require_directory(path, may_be_missing=True)
        try:
            fresh = not (path / "oci-layout").exists()
            if fresh and path.is_dir() and _strangers(path):
                raise InputError(
                    f"{path} is not empty, and is not an OCI image layout",
                    fix="Name a new directory, or one that an earlier run made.",
                )
            (path / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
            lock = _lock(path)
            if fresh:
                write_text(path / "oci-layout", _LAYOUT)
                write_text(path / "index.json", _index_text([]))
        except OSError as exc:
            raise disk_error(exc, path) from exc
        return cls(path, lock, _read_index(path))

    @classmethod
    def open(cls, path: Path) -> LayoutDirectory:
        """Open a layout for reading; blocks on the disk.

        Raises:
            AbsentError: when there is none.
            IntegrityError: when its ``index.json`` is damaged.
        """
        if not (path / "oci-layout").is_file():
            raise AbsentError(
                f"{path} is not an OCI image layout: it has no file oci-layout",
                fix="Name the directory that `ckf-airgap images pull` made.",
            )
        return cls(path, None, _read_index(path))

    def close(self) -> None:
        """Give up the lock."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> LayoutDirectory:
        """Return the layout, to be closed at the end of the block."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close it."""
        self.close()

    def blob_path(self, digest: Digest) -> Path:
        """Return where a finished blob is."""
        return self.path / "blobs" / digest.algorithm / digest.hexadecimal

    async def has(self, descriptor: Descriptor) -> bool:
        """Whether the blob is here with its size."""
        return await in_thread(file_size, self.blob_path(descriptor.digest)) == descriptor.size

    async def read(self, descriptor: Descriptor, offset: int = 0) -> AsyncIterator[bytes]:
        """Yield the bytes of a blob from `offset` on.

        Raises:
            AbsentError: when it is not here.
            IntegrityError: when it ends early.
            TransferError: when the disk fails.
        """
        path = self.blob_path(descriptor.digest)
        try:
            stream = await in_thread_to_end(lambda: _open(path), discard=BinaryIO.close)
        except OSError as exc:
            raise self._absent(descriptor.digest, exc) from exc
        try:
            await in_thread(stream.seek, offset)
            left = descriptor.size - offset
            while left > 0:
                chunk = await in_thread(stream.read, min(CHUNK_BYTES, left))
                if not chunk:
                    raise IntegrityError(f"{path} ends {left} bytes early")
                left -= len(chunk)
                yield chunk
        except OSError as exc:
            raise disk_error(exc, path) from exc
        finally:
            stream.close()

    async def verify(self, descriptor: Descriptor) -> bool:
        """Hash a blob, unless the file has not changed since this object last did.

        Raises:
            AbsentError: when it is not here.
            IntegrityError: when its digest or size differ.
        """
        path = self.blob_path(descriptor.digest)
        try:
            await in_thread(self._verify, path, descriptor)
        except FileNotFoundError as exc:
            raise self._absent(descriptor.digest, exc) from exc
        except OSError as exc:
            raise disk_error(exc, path) from exc
        return True

    async def manifest(self, digest: Digest) -> Manifest:
        """Return a manifest.

        Raises:
            AbsentError: when it is not here.
            IntegrityError: when its bytes are not what the digest says.
        """
        path = self.blob_path(digest)
        try:
            content = await in_thread(
                read_small, path, MAX_MANIFEST_BYTES, what="a manifest", error=IntegrityError
            )
        except OSError as exc:
            raise self._absent(digest, exc) from exc
        named = next((one.media_type for one in self._entries if one.digest == digest), None)
        try:
            return parse_manifest(content, named, expected=digest)
        except IntegrityError as exc:
            raise IntegrityError(f"{path} is damaged: {exc.message}", fix=exc.fix) from exc

    async def references(self) -> Mapping[str, Descriptor]:
        """Return the images of ``index.json`` that have a name.

        Raises:
            IntegrityError: when a name is that of different images.
        """
        return await named_images(self._entries, self.manifest, where=str(self.path))

    @contextlib.asynccontextmanager
    async def writer(self, descriptor: Descriptor) -> AsyncIterator[PartialBlob]:
        """Write a blob, continuing what an earlier run left of it."""
        path = self.blob_path(descriptor.digest)
        blob = await in_thread_to_end(
            partial(PartialBlob.begin, path, descriptor), discard=PartialBlob.close
        )
        try:
            yield blob
            if blob.finished:
                self._verified[descriptor.digest] = _state(await in_thread(path.stat))
        finally:
            blob.close()

    async def check_room(self, blobs: Iterable[Descriptor]) -> None:
        """Compare the bytes of `blobs` that are not here yet with the room on the disk.

        Raises:
            StorageFullError: when they do not fit.
        """
        needed = await in_thread(_missing_bytes, self, tuple(blobs))
        free = (await in_thread(shutil.disk_usage, self.path)).free
        if needed > free:
            raise StorageFullError(
                f"{self.path} needs {size_text(needed)} more, and its disk has {size_text(free)}",
                fix="Free some space there, or use another directory.",
            )

    async def set_reference(self, reference: str, descriptor: Descriptor) -> None:
        """Name an image in ``index.json``, which is replaced as a whole.

        Raises:
            StorageFullError: when the disk is full; ``index.json`` is as it was.
        """
        named = replace(descriptor, annotations={**descriptor.annotations, REF_NAME: reference})
        async with self._index_lock:
            entries = [*kept_entries(self._entries, reference, named.digest), named]
            if entries == self._entries and named.annotations == self._entries[-1].annotations:
                return
            path = self.path / "index.json"
            try:
                await in_thread(write_text, path, _index_text(entries))
            except OSError as exc:
                raise disk_error(exc, path) from exc
            self._entries = entries

    def _verify(self, path: Path, descriptor: Descriptor) -> None:
        with _open(path) as stream:
            status = os.fstat(stream.fileno())
            state = _state(status)
            if self._verified.get(descriptor.digest) == state:
                return
            if status.st_size != descriptor.size:
                raise IntegrityError(
                    f"{path} has {status.st_size} bytes instead of {descriptor.size}",
                    fix="Remove the file and run `ckf-airgap images pull` again.",
                )
            found = hash_stream(stream, descriptor.digest).hexdigest()
        if found != descriptor.digest.hexadecimal:
            raise IntegrityError(
                f"{path} is damaged: its digest is {descriptor.digest.algorithm}:{found}",
                fix="Remove the file and run `ckf-airgap images pull` again.",
            )
        self._verified[descriptor.digest] = state

    def _absent(self, digest: Digest, error: OSError) -> TransferError:
        if isinstance(error, FileNotFoundError):
            return AbsentError(f"{self.path} has no blob {digest}")
        return disk_error(error, self.blob_path(digest))


def _state(status: os.stat_result) -> tuple[int, int, int]:
    """Return what changes when a file does."""
    return (status.st_ino, status.st_size, status.st_mtime_ns)


def _strangers(path: Path) -> bool:
    """Whether a directory without ``oci-layout`` has what an interrupted `create` did not make."""
    return any(child.name not in ("blobs", "index.json", _LOCK_NAME) for child in path.iterdir())


def _lock(path: Path) -> FileLock:
    """Return the lock on a directory, which is on a file in it."""
    lock = FileLock.take(path / _LOCK_NAME, create=True, mode=0o666)
    if lock is None:
        raise TransferError(
            f"{path} is in use by another run of ckf-airgap",
            fix="Wait until it has ended, or name another directory.",
        )
    return lock


def _open(path: Path) -> BinaryIO:
    """Open a blob: a layout that came from elsewhere may have anything under that name."""
    return open_regular(path, error=IntegrityError)


def _read_index(path: Path) -> list[Descriptor]:
    """Return the descriptors of ``index.json``.

    Raises:
        AbsentError: when there is none.
        IntegrityError: when it is damaged.
    """
    index = path / "index.json"
    try:
        content = read_small(
            index, MAX_INDEX_BYTES, what="an index", follow=False, error=IntegrityError
        )
        document = parse_json(content)
    except FileNotFoundError as exc:
        raise AbsentError(f"{path} has no index.json") from exc
    except ValueError as exc:
        raise IntegrityError(f"{index} is damaged: {exc}") from exc
    manifests = document.get("manifests") if isinstance(document, dict) else None
    if not isinstance(manifests, list):
        raise IntegrityError(f"{index} is damaged: it has no list of manifests")
    return [descriptor_from_document(item, where=str(index)) for item in manifests]


def _index_text(entries: list[Descriptor]) -> str:
    """Return the text of ``index.json``."""
    document: Document = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [descriptor_document(entry) for entry in entries],
    }
    return json.dumps(document, indent=1) + "\n"


def _missing_bytes(layout: LayoutDirectory, blobs: tuple[Descriptor, ...]) -> int:
    """Return how many bytes of some blobs are not in a layout yet."""
    missing = 0
    for blob in blobs:
        path = layout.blob_path(blob.digest)
        if file_size(path) != blob.size:
            part = file_size(path.with_name(path.name + PART_SUFFIX)) or 0
            missing += max(blob.size - part, 0)
    return missing
