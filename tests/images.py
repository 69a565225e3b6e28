"""Small images for tests: layers, manifests and indexes, with all their bytes."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field

from ckf_airgap.transfer.oci import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Digest

_CONFIG_TYPES = {
    DOCKER_MANIFEST: "application/vnd.docker.container.image.v1+json",
    OCI_MANIFEST: "application/vnd.oci.image.config.v1+json",
}
_LAYER_TYPES = {
    DOCKER_MANIFEST: "application/vnd.docker.image.rootfs.diff.tar.gzip",
    OCI_MANIFEST: "application/vnd.oci.image.layer.v1.tar+gzip",
}


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Layer:
    """A layer: its blob, and the digest of what it unpacks to."""

    blob: bytes = field(repr=False)
    diff_id: str

    @property
    def digest(self) -> str:
        return digest_of(self.blob)


def layer(name: str, size: int = 20_000) -> Layer:
    """Return a layer with one file of `size` bytes that hardly compress, the same for a name."""
    content = random.Random(name).randbytes(size)  # noqa: S311 - the same for a name
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        info = tarfile.TarInfo(f"opt/{name}")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return Layer(gzip.compress(raw.getvalue(), 1, mtime=0), digest_of(raw.getvalue()))


def empty_layer() -> Layer:
    """Return a layer without any file."""
    raw = bytes(1024)
    return Layer(gzip.compress(raw, 9, mtime=0), digest_of(raw))


@dataclass
class Sample:
    """An image: its manifests, children first, and its blobs.

    Attributes:
        media_type: The media type of its top manifest.
        content: Its top manifest.
        blobs: All blobs by digest.
        children: The manifests below, with their media types, those without parents first.
    """

    media_type: str
    content: bytes
    blobs: dict[str, bytes]
    children: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def digest(self) -> Digest:
        return Digest.of(self.content)

    @property
    def digests(self) -> set[str]:
        """The digests of all that belongs to it."""
        manifests = [self.content, *(content for _, content in self.children)]
        return {*self.blobs, *map(digest_of, manifests)}


def image(
    layers: Iterable[Layer],
    *,
    media_type: str = OCI_MANIFEST,
    architecture: str = "amd64",
    label: str = "",
) -> Sample:
    """Return an image of one platform.

    Its manifest has spaces that nobody would write, so that one that is written anew shows.
    """
    parts = list(layers)
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {"Labels": {"label": label}, "Cmd": ["/opt/none"]},
            "rootfs": {"type": "layers", "diff_ids": [part.diff_id for part in parts]},
        }
    ).encode()
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {
            "mediaType": _CONFIG_TYPES[media_type],
            "digest": digest_of(config),
            "size": len(config),
        },
        "layers": [
            {"mediaType": _LAYER_TYPES[media_type], "digest": part.digest, "size": len(part.blob)}
            for part in parts
        ],
    }
    blobs = {digest_of(config): config, **{part.digest: part.blob for part in parts}}
    return Sample(media_type, json.dumps(document, indent=5).encode() + b"\n ", blobs)


def index(children: Iterable[tuple[Sample, str | None]], *, media_type: str = OCI_INDEX) -> Sample:
    """Return an image index; each child comes with its architecture, or none."""
    document: dict[str, object] = {"schemaVersion": 2, "mediaType": media_type}
    entries: list[dict[str, object]] = []
    blobs: dict[str, bytes] = {}
    manifests: list[tuple[str, bytes]] = []
    for child, architecture in children:
        entry: dict[str, object] = {
            "mediaType": child.media_type,
            "digest": str(child.digest),
            "size": len(child.content),
        }
        if architecture is not None:
            entry["platform"] = {"os": "linux", "architecture": architecture}
        entries.append(entry)
        blobs |= child.blobs
        manifests += [*child.children, (child.media_type, child.content)]
    document["manifests"] = entries
    return Sample(media_type, json.dumps(document, indent=7).encode(), blobs, manifests)
