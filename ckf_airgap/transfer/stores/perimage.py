"""The layout of the guide: an archive with one tar for each image, for those who load by hand."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from ckf_airgap.concurrency import in_thread_to_end
from ckf_airgap.errors import AirgapError, TransferError
from ckf_airgap.files import Replacement, disk_errors
from ckf_airgap.transfer.events import (
    BlobsPlanned,
    BytesMoved,
    ImageDone,
    ImageResult,
    ImagesPlanned,
    ImageStatus,
    Listener,
    ignore,
)
from ckf_airgap.transfer.oci import Descriptor, Manifest, Platform
from ckf_airgap.transfer.protocols import BlobSource
from ckf_airgap.transfer.stores.archive import blob_name
from ckf_airgap.transfer.stores.archivefiles import is_gzip_name
from ckf_airgap.transfer.stores.archivetail import (
    DEFAULT_PLATFORM,
    Names,
    docker_image,
    docker_names,
)
from ckf_airgap.transfer.stores.region import member_bytes, member_header
from ckf_airgap.transfer.stores.storedgzip import StoredGzipFile
from ckf_airgap.transfer.stores.tarwriter import PlainFile

_END: Final = bytes(1024)


async def write_per_image(
    source: BlobSource,
    names: Iterable[str],
    path: Path,
    *,
    prefer: Platform = DEFAULT_PLATFORM,
    tags: Names = docker_names,
    listener: Listener = ignore,
) -> list[ImageResult]:
    """Write an archive with one tar for each image, which ``docker load`` takes.

    A layer that several images share is in each of their tars, so this is several times larger
    than an archive of `ArchiveWriter`. Nothing is written under the name of `path` unless all
    images are in.

    Args:
        source: Where the images are.
        names: The images by their names there.
        path: The archive, gzipped when its name ends in ``.gz`` or ``.tgz``.
        prefer: Which image of an index is taken, since a tar can have one only.
        tags: The names that Docker gives to an image; its file is named after the first.
        listener: Is notified of progress.

    Returns:
        A result for each image.
    """
    references = await source.references()
    results: list[ImageResult] = []
    chosen: list[tuple[str, Descriptor, Manifest]] = []
    wanted = tuple(names)
    listener(ImagesPlanned(count=len(wanted)))
    for name in wanted:
        try:
            manifest = await _choose(source, references, name, prefer)
        except AirgapError as exc:
            results.append(
                ImageResult(source=name, target=name, status=ImageStatus.FAILED, error=exc)
            )
            listener(ImageDone(result=results[-1]))
            continue
        chosen.append((name, references[name], manifest))
    if results:
        return results
    sizes = [blob.size for _, _, manifest in chosen for blob in manifest.blobs]
    listener(BlobsPlanned(count=len(sizes), size=sum(sizes)))
    output = await _Output.create(path)
    try:
        for name, descriptor, manifest in chosen:
            texts = tuple(dict.fromkeys(tags(name)))
            moved = await _write_image(output, source, manifest, texts, listener)
            result = ImageResult(
                source=name,
                target=tar_name(texts[0]),
                digest=descriptor.digest,
                status=ImageStatus.COPIED,
                bytes_sent=moved,
            )
            results.append(result)
            listener(ImageDone(result=result))
        await output.finish()
    finally:
        output.close()
    return results


def tar_name(reference: str) -> str:
    """Return the file that the guide's scripts have for an image."""
    return reference.replace("/", "-").replace(":", "-") + ".tar"


async def _choose(
    source: BlobSource, references: Mapping[str, Descriptor], name: str, prefer: Platform
) -> Manifest:
    if name not in references:
        raise TransferError(f"{name} is not among the images that were carried")
    manifest = await docker_image(source, references[name], prefer)
    if manifest is None:
        raise TransferError(f"{name} holds nothing that Docker can run, or lacks a layer")
    for blob in manifest.blobs:
        await source.verify(blob)
    return manifest


async def _write_image(
    output: _Output,
    source: BlobSource,
    manifest: Manifest,
    tags: tuple[str, ...],
    listener: Listener,
) -> int:
    blobs = manifest.blobs
    document = [
        {
            "Config": blob_name(manifest.config.digest) if manifest.config else "",
            "RepoTags": list(tags),
            "Layers": [blob_name(layer.digest) for layer in manifest.layers],
        }
    ]
    tail = member_bytes("manifest.json", json.dumps(document).encode()) + _END
    size = sum(
        len(member_header(blob_name(blob.digest), blob.size)) + blob.size + -blob.size % 512
        for blob in blobs
    ) + len(tail)
    await output.append(member_header(tar_name(tags[0]), size))
    moved = 0
    for blob in blobs:
        await output.append(member_header(blob_name(blob.digest), blob.size))
        async for chunk in source.read(blob):
            await output.append(chunk)
            moved += len(chunk)
            listener(BytesMoved(digest=blob.digest, count=len(chunk)))
        await output.append(bytes(-blob.size % 512))
    await output.append(tail)
    return moved


class _Output:
    """A tar that is written from beginning to end."""

    def __init__(self, path: Path, new: Replacement) -> None:
        self._path = path
        self._new = new
        fd = new.stream.fileno()
        self._file = StoredGzipFile(fd) if is_gzip_name(path) else PlainFile(fd)
        self._size = 0
        self._checksum = 0

    @classmethod
    async def create(cls, path: Path) -> _Output:
        def create() -> _Output:
            path.parent.mkdir(parents=True, exist_ok=True)
            return cls(path, Replacement(path))

        with disk_errors(path):
            return await in_thread_to_end(create, discard=_Output.close)

    async def append(self, data: bytes) -> None:
        if data:
            with disk_errors(self._path):
                await in_thread_to_end(lambda: self._append(data))

    async def finish(self) -> None:
        with disk_errors(self._path):
            await in_thread_to_end(self._finish)

    def close(self) -> None:
        self._new.discard()

    def _append(self, data: bytes) -> None:
        self._file.pwrite(self._size, data)
        self._checksum = zlib.crc32(data, self._checksum)
        self._size += len(data)

    def _finish(self) -> None:
        self._append(_END)
        self._file.finish(self._size, self._checksum)
        self._new.commit()
