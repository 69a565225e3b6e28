"""Archives of ``docker save``, of one image or many, and the guide's tar of such tars.

They hold raw layers and no manifests, so an image gets a new manifest here, and with it a new
digest; the config, which is Docker's image ID, stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import InputError, IntegrityError
from ckf_airgap.transfer.names import one_each
from ckf_airgap.transfer.oci import (
    DOCKER_MANIFEST,
    Descriptor,
    Digest,
    Manifest,
    descriptor_document,
    parse_manifest,
)
from ckf_airgap.transfer.stores.archive import READ_BYTES, load_json
from ckf_airgap.transfer.stores.archivetail import DOCKER_CONFIG, MAX_CONFIG_BYTES
from ckf_airgap.transfer.stores.layers import PackedLayer
from ckf_airgap.transfer.stores.tarindex import Member, TarIndex

DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"

_TAR_MAGIC: Final = (257, b"ustar")


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedImage:
    """An image of a ``docker save`` archive.

    Attributes:
        names: Its tags with their repositories.
        config: The bytes of its config.
        diff_ids: The digests of its raw layers, the lowest first.
        layers: Opens each layer, in the same order.
    """

    names: tuple[str, ...]
    config: bytes
    diff_ids: tuple[Digest, ...]
    layers: tuple[Callable[[], Iterator[bytes]], ...]

    @property
    def image_id(self) -> Digest:
        """The digest of its config, by which Docker knows it."""
        return Digest.of(self.config)


def saved_images(index: TarIndex) -> tuple[SavedImage, ...]:
    """Return the images of an archive of ``docker save``, or of a tar of such archives.

    Raises:
        InputError: when it is neither.
        IntegrityError: when it is damaged.
    """
    if index.find("manifest.json") is not None:
        return tuple(
            saved_image(
                entry,
                where=index.where,
                read=lambda name: index.read(name, MAX_CONFIG_BYTES),
                opener=lambda name: _opener(index, name),
            )
            for entry in manifest_entries(load_json(index, "manifest.json"), index.where)
        )
    nested = [member for member in index.members.values() if _is_tar(index, member)]
    if not nested:
        raise (IntegrityError if _is_begun(index) else InputError)(
            f"{index.where} holds no images: neither index.json nor manifest.json is in it, and no"
            " tar that might have them",
            fix="If it should, it was truncated while being written or copied; do that again.",
        )
    images: list[SavedImage] = []
    for member in nested:
        inner = TarIndex.scan(index.part(member), f"{index.where}: {member.name}")
        if inner.find("manifest.json") is None:
            raise InputError(f"{inner.where} is not a docker save archive")
        images += saved_images(inner)
    return tuple(images)


def _is_begun(index: TarIndex) -> bool:
    """Whether a tar has what only archives of images have, if not their list."""
    return any(
        name.startswith("blobs/") or name in ("oci-layout", "index.json") for name in index.members
    )


def distinct_images(images: Sequence[SavedImage], where: str) -> tuple[SavedImage, ...]:
    """Return images with each name once; one that is there again under the same names goes.

    Raises:
        IntegrityError: when different images have the same name.
    """
    one_each([(name, image.image_id) for image in images for name in image.names], where=where)
    known: set[str] = set()
    distinct: list[SavedImage] = []
    for image in images:
        fresh = tuple(name for name in dict.fromkeys(image.names) if name not in known)
        known.update(fresh)
        if fresh or not image.names:
            distinct.append(replace(image, names=fresh))
    return tuple(distinct)


def manifest_entries(document: JSONValue, where: str) -> list[Document]:
    """Return the entries of a ``manifest.json``.

    Raises:
        IntegrityError: when it is something else.
    """
    if not isinstance(document, list) or not document:
        raise IntegrityError(f"{where}: manifest.json is not a list of images")
    entries = [entry for entry in document if isinstance(entry, dict)]
    if len(entries) != len(document):
        raise IntegrityError(f"{where}: manifest.json has an entry that is not an object")
    return entries


def saved_image(
    entry: Mapping[str, JSONValue],
    *,
    where: str,
    read: Callable[[str], bytes],
    opener: Callable[[str], Callable[[], Iterator[bytes]]],
) -> SavedImage:
    """Return the image that an entry of ``manifest.json`` is about.

    Args:
        entry: The entry.
        where: The archive, for messages.
        read: Gives the bytes of a small member.
        opener: Gives what opens a layer, by its member.

    Raises:
        IntegrityError: when the entry or the config is not what it must be.
    """
    config_name, layers, tags = (entry.get(key) for key in ("Config", "Layers", "RepoTags"))
    if not isinstance(config_name, str) or not isinstance(layers, list):
        raise IntegrityError(f"{where}: manifest.json has an image without config or layers")
    config = read(config_name)
    digits = config_name.rpartition("/")[2].removesuffix(".json")
    if len(digits) == 64 and Digest.of(config).hexadecimal != digits:
        raise IntegrityError(f"{where} is damaged: the config {config_name} has another digest")
    diff_ids = config_diff_ids(config, f"{where}: {config_name}")
    if len(diff_ids) != len(layers):
        raise IntegrityError(
            f"{where}: the config {config_name} has {len(diff_ids)} layers, and manifest.json"
            f" {len(layers)}"
        )
    return SavedImage(
        names=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        config=config,
        diff_ids=diff_ids,
        layers=tuple(opener(str(layer)) for layer in layers),
    )


def config_diff_ids(config: bytes, where: str) -> tuple[Digest, ...]:
    """Return the digests of the raw layers that a config names.

    Raises:
        IntegrityError: when it names none.
    """
    try:
        document = json.loads(config)
    except (ValueError, RecursionError) as exc:
        raise IntegrityError(f"{where} is not JSON: {exc}") from exc
    rootfs = document.get("rootfs") if isinstance(document, dict) else None
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if diff_ids is None and isinstance(rootfs, dict):
        return ()
    if not isinstance(diff_ids, list):
        raise IntegrityError(f"{where} has no rootfs.diff_ids")
    return tuple(Digest.parse(str(diff_id)) for diff_id in diff_ids)


def image_manifest(config: bytes, layers: Sequence[PackedLayer]) -> Manifest:
    """Return a manifest of Docker's schema 2, with the same bytes for the same image."""
    document: Document = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": descriptor_document(config_descriptor(config)),
        "layers": [
            descriptor_document(Descriptor(DOCKER_LAYER, layer.digest, layer.size))
            for layer in layers
        ],
    }
    return parse_manifest(json.dumps(document, indent=3).encode())


def config_descriptor(config: bytes) -> Descriptor:
    """Return the descriptor of a config."""
    return Descriptor(DOCKER_CONFIG, Digest.of(config), len(config))


def layer_chunks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file; blocks on the disk."""
    with path.open("rb") as stream:
        while chunk := stream.read(READ_BYTES):
            yield chunk


def _opener(index: TarIndex, name: str) -> Callable[[], Iterator[bytes]]:
    member = index.find(name)
    if member is None:
        raise IntegrityError(
            f"{index.where} lacks the layer {name}",
            fix="It was truncated while being written or copied; do that again.",
        )

    def read() -> Iterator[bytes]:
        for at in range(0, member.size, READ_BYTES):
            yield index.volume.pread(member.offset + at, min(READ_BYTES, member.size - at))

    return read


def _is_tar(index: TarIndex, member: Member) -> bool:
    offset, magic = _TAR_MAGIC
    return index.volume.pread(member.offset + offset, len(magic)) == magic
