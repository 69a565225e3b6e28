"""Brings the images of ``docker save`` archives into a store: layers compressed, each once."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from ckf_airgap.concurrency import in_thread, in_thread_to_end
from ckf_airgap.errors import AirgapError, IntegrityError, TransferError
from ckf_airgap.files import disk_error, disk_errors, write_text
from ckf_airgap.transfer.events import (
    BlobDone,
    BlobsPlanned,
    BlobWay,
    BytesMoved,
    ImageDone,
    ImageResult,
    ImageStatus,
    Listener,
    ignore,
)
from ckf_airgap.transfer.oci import Descriptor, Digest, Manifest
from ckf_airgap.transfer.protocols import BlobStore
from ckf_airgap.transfer.stores.dockersave import (
    DOCKER_LAYER,
    SavedImage,
    config_descriptor,
    image_manifest,
    layer_chunks,
)
from ckf_airgap.transfer.stores.layers import LayerPacker, PackedLayer
from ckf_airgap.transfer.tree import keep_manifest

_KNOWN: Final = "layers.json"

NEW_DIGEST: Final = (
    "a docker save archive has no manifests: the image got a new one, with a new digest"
)


class DockerImport:
    """Imports images into a store, and remembers across runs what each layer became.

    Args:
        store: Where they go.
        scratch: A directory for layers while they are compressed; the caller removes it when all
            is done.
        listener: Is notified of progress.
    """

    def __init__(self, store: BlobStore, scratch: Path, listener: Listener = ignore) -> None:
        self._store = store
        self.scratch = scratch
        self._listener = listener
        self._stop = threading.Event()
        self._packer = LayerPacker(scratch, self._stop.is_set)
        self._layers: dict[Digest, PackedLayer] = {}

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[DockerImport]:
        """Make the scratch directory, and close all at the end."""
        try:
            await in_thread(self._begin)
            yield self
        except OSError as exc:
            raise disk_error(exc, self.scratch) from exc
        finally:
            self._stop.set()
            self._packer.close()

    def stop(self) -> None:
        """Have compression end at its next piece."""
        self._stop.set()

    def packer(self) -> LayerPacker:
        """Return what compresses layers for this import."""
        return self._packer

    def add_packed(self, layer: PackedLayer) -> None:
        """Take a layer that was compressed already."""
        self._layers[layer.diff_id] = layer

    async def run(self, images: Sequence[SavedImage]) -> list[ImageResult]:
        """Bring in all images; one that fails does not stop the others.

        Returns:
            A result for each name of each image.
        """
        results = []
        for image in images:
            names = image.names or (f"sha256:{Digest.of(image.config).hexadecimal}",)
            try:
                manifest, moved = await self._add(image)
                for name in image.names:
                    await self._store.set_reference(name, manifest.descriptor)
                status = ImageStatus.COPIED if moved else ImageStatus.PRESENT
                found = [
                    ImageResult(
                        source=name,
                        target=name,
                        digest=manifest.digest,
                        status=status,
                        bytes_sent=moved if number == 0 else 0,
                        notes=(NEW_DIGEST,),
                    )
                    for number, name in enumerate(image.names)
                ]
                if not image.names:
                    found = [_failed(names[0], TransferError("it has no tag"))]
            except AirgapError as exc:
                found = [_failed(name, exc) for name in names]
            for result in found:
                self._listener(ImageDone(result=result))
            results += found
        return results

    async def _add(self, image: SavedImage) -> tuple[Manifest, int]:
        moved = 0
        layers = []
        for diff_id, chunks in zip(image.diff_ids, image.layers, strict=True):
            layer = self._layers.get(diff_id)
            if layer is None or not (layer.path.exists() or await self._store.has(_blob(layer))):
                layer = await self._pack(chunks)
            if layer.diff_id != diff_id:
                layer.path.unlink(missing_ok=True)
                raise IntegrityError(
                    f"a layer has the digest {layer.diff_id}, but the image says {diff_id}",
                    fix="Save or copy the archive again.",
                )
            moved += await self._put(layer)
            layers.append(layer)
        config = config_descriptor(image.config)
        if not await self._store.has(config):
            async with self._store.writer(config) as blob:
                await blob.restart()
                await blob.write(image.config)
                await blob.commit()
            moved += config.size
        manifest = image_manifest(image.config, layers)
        await keep_manifest(self._store, manifest)
        return manifest, moved

    async def _pack(self, chunks: Callable[[], Iterator[bytes]]) -> PackedLayer:
        with disk_errors(self.scratch):
            return await in_thread_to_end(lambda: self._packer.pack(chunks()), on_cancel=self.stop)

    async def _put(self, layer: PackedLayer) -> int:
        """Put a layer into the store, unless it is there; return the bytes that were moved."""
        blob = _blob(layer)
        moved = 0
        if not await self._store.has(blob):
            self._listener(BlobsPlanned(count=1, size=layer.size))
            async with self._store.writer(blob) as writer:
                await writer.restart()
                chunks = layer_chunks(layer.path)
                while chunk := await in_thread(next, chunks, b""):
                    await writer.write(chunk)
                    self._listener(BytesMoved(digest=layer.digest, count=len(chunk)))
                await writer.commit()
            moved = layer.size
            self._listener(BlobDone(descriptor=blob, way=BlobWay.COPIED))
        self._layers[layer.diff_id] = layer
        await in_thread(self._remember)
        await in_thread(lambda: layer.path.unlink(missing_ok=True))
        return moved

    def _begin(self) -> None:
        self.scratch.mkdir(parents=True, exist_ok=True)
        for stale in self.scratch.glob("layer-*.gz"):
            stale.unlink()
        try:
            known = json.loads((self.scratch / _KNOWN).read_text(encoding="utf-8"))
            for diff_id, (digest, size) in known.items():
                layer = PackedLayer(
                    Digest.parse(diff_id), Digest.parse(digest), int(size), self.scratch / "gone"
                )
                self._layers[layer.diff_id] = layer
        except (OSError, ValueError, TypeError, AttributeError, IntegrityError):
            self._layers.clear()

    def _remember(self) -> None:
        known = {
            str(layer.diff_id): [str(layer.digest), layer.size] for layer in self._layers.values()
        }
        write_text(self.scratch / _KNOWN, json.dumps(known))


def remove_scratch(scratch: Path) -> None:
    """Remove the directory of an import that is done; blocks on the disk."""
    shutil.rmtree(scratch, ignore_errors=True)


def _blob(layer: PackedLayer) -> Descriptor:
    return Descriptor(DOCKER_LAYER, layer.digest, layer.size)


def _failed(name: str, error: AirgapError) -> ImageResult:
    return ImageResult(source=name, target=name, status=ImageStatus.FAILED, error=error)


def failures(results: Iterable[ImageResult]) -> list[ImageResult]:
    """Return the results of images that failed."""
    return [result for result in results if result.status is ImageStatus.FAILED]
