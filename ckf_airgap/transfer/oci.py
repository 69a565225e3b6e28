"""Digests, descriptors and manifests of the OCI image and distribution specifications.

Pure. A manifest is kept as the bytes that its registry sent: they are what its digest is of, so
they are parsed to see what belongs to the image, and never rewritten.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import InputError, IntegrityError

DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"

MANIFEST_TYPES: Final = (OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST)
"""The media types of manifests that are understood; the value of an ``Accept`` header."""

INDEX_TYPES: Final = frozenset({OCI_INDEX, DOCKER_LIST})

REF_NAME: Final = "org.opencontainers.image.ref.name"
"""The annotation that names an image in ``index.json``."""

CONTAINERD_NAME: Final = "io.containerd.image.name"
"""The annotation by which containerd, and Docker from 25 on, name an image in ``index.json``."""

STAND_IN: Final = "ckf-airgap.stands-in-for"
"""Marks an entry of ``index.json`` that is there for skopeo below 1.14 only.

Those look up names among OCI media types alone. In an archive, an image of Docker's media types has
a second entry, an OCI index that points at the very same manifest; only the first one is read.
"""

MAX_MANIFEST_BYTES: Final = 4 * 1024 * 1024
"""The size that registries must accept a manifest up to (distribution specification)."""

_SCHEMA_1: Final = "application/vnd.docker.distribution.manifest.v1"
_HEX_DIGITS: Final = {"sha256": 64, "sha384": 96, "sha512": 128}
_HEX_RE: Final = re.compile(r"[0-9a-f]+\Z")


class Hasher(Protocol):
    """What `Digest.hasher` returns: a running hash of :mod:`hashlib`."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Add bytes."""

    def hexdigest(self) -> str:
        """Return the digits of what was added."""

    def copy(self) -> Hasher:
        """Return an independent copy."""


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A digest: its algorithm and its lower-case hexadecimal digits; safe as a file name."""

    algorithm: str
    hexadecimal: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Return the digest that ``ALGORITHM:HEX`` is.

        Raises:
            IntegrityError: when it is not a digest, or its algorithm is not supported.
        """
        algorithm, _, digits = text.partition(":")
        if _HEX_DIGITS.get(algorithm) != len(digits) or not _HEX_RE.match(digits):
            raise IntegrityError(f"{text[:150]!r} is not a digest of {', '.join(_HEX_DIGITS)}")
        return cls(algorithm, digits)

    @classmethod
    def of(cls, content: bytes, algorithm: str = "sha256") -> Digest:
        """Return the digest of some bytes."""
        return cls(algorithm, hashlib.new(algorithm, content).hexdigest())

    def hasher(self) -> Hasher:
        """Return an empty hash of this digest's algorithm."""
        return hashlib.new(self.algorithm)

    def __str__(self) -> str:
        """Return ``ALGORITHM:HEX``."""
        return f"{self.algorithm}:{self.hexadecimal}"

    @property
    def short(self) -> str:
        """The first twelve digits with the algorithm, for messages."""
        return f"{self.algorithm}:{self.hexadecimal[:12]}"


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """What an image of an index runs on, such as ``linux/arm64/v8``."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Return the platform that ``OS/ARCHITECTURE[/VARIANT]`` names.

        Raises:
            InputError: when it has another form.
        """
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(parts):
            raise InputError(
                f"{text!r} is not a platform", fix="Write OS/ARCHITECTURE, such as linux/amd64."
            )
        return cls(*parts)

    def __str__(self) -> str:
        """Return ``OS/ARCHITECTURE[/VARIANT]``."""
        return f"{self.os}/{self.architecture}" + (f"/{self.variant}" if self.variant else "")

    def includes(self, other: Platform) -> bool:
        """Whether `other` is this platform; without a variant here, each variant is."""
        same = (self.os, self.architecture) == (other.os, other.architecture)
        return same and self.variant in ("", other.variant)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a manifest says of a blob or of another manifest.

    Attributes:
        media_type: Its media type.
        digest: Its digest.
        size: Its size in bytes.
        platform: The platform of an index's child.
        annotations: Its annotations.
        urls: Where a foreign layer may be had instead of from the registry.
        beside: What else ``index.json`` has under the name of this image, such as its signature.
    """

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = field(default=None, compare=False)
    annotations: Mapping[str, str] = field(default_factory=dict, compare=False)
    urls: tuple[str, ...] = field(default=(), compare=False)
    beside: tuple[Digest, ...] = field(default=(), compare=False)

    @property
    def is_index(self) -> bool:
        """Whether it describes a manifest of manifests."""
        return self.media_type in INDEX_TYPES

    @property
    def is_manifest(self) -> bool:
        """Whether it describes a manifest, rather than a blob."""
        return self.media_type in MANIFEST_TYPES


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest, and what belongs to it.

    Attributes:
        content: Its bytes, as they were received.
        media_type: Its media type.
        digest: The digest of `content`.
        children: The manifests of an index, in its order; none for an image.
        blobs: Config and layers of an image, each once; none for an index.
        config: The image's config, one of `blobs`; ``None`` for an index.
        layers: The image's layers in order, repeated ones included.
    """

    content: bytes = field(repr=False)
    media_type: str
    digest: Digest
    children: tuple[Descriptor, ...] = ()
    blobs: tuple[Descriptor, ...] = ()
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()

    @property
    def is_index(self) -> bool:
        """Whether it is a manifest of manifests."""
        return self.media_type in INDEX_TYPES

    @property
    def descriptor(self) -> Descriptor:
        """The descriptor of this manifest."""
        return Descriptor(self.media_type, self.digest, len(self.content))


def parse_manifest(
    content: bytes, media_type: str | None = None, *, expected: Digest | None = None
) -> Manifest:
    """Return the manifest that some bytes are.

    Args:
        content: The bytes.
        media_type: The media type that came with them (parameters are ignored); without one, or
            with a general one, it is derived from the document.
        expected: The digest that the bytes must have.

    Raises:
        IntegrityError: when the digest differs, the document is not what its media type says, or
            it is both an index and an image at once (CVE-2021-41190).
    """
    digest = Digest.of(content, expected.algorithm if expected else "sha256")
    if expected is not None and digest != expected:
        raise IntegrityError(f"a manifest has the digest {digest} where {expected} was requested")
    document = _document(content, digest)
    named = _media_type(document, media_type, digest)
    index = named in INDEX_TYPES
    for stranger in ("layers", "config", "fsLayers") if index else ("manifests", "fsLayers"):
        if stranger in document:
            raise IntegrityError(f"the manifest {digest} is a {named} and has {stranger!r}")
    if index:
        children = tuple(_descriptors(document.get("manifests"), digest, "manifests"))
        return Manifest(content, named, digest, children=children)
    (config,) = _descriptors([document.get("config")], digest, "config")
    layers = tuple(_descriptors(document.get("layers"), digest, "layers"))
    unique = {blob.digest: blob for blob in reversed((config, *layers))}
    for blob in (config, *layers):
        if unique[blob.digest].size != blob.size:
            raise IntegrityError(f"the manifest {digest} gives {blob.digest} two sizes")
    blobs = tuple(dict.fromkeys(unique[blob.digest] for blob in (config, *layers)))
    return Manifest(content, named, digest, blobs=blobs, config=config, layers=layers)


def descriptor_from_document(document: JSONValue, *, where: str) -> Descriptor:
    """Return the descriptor that a JSON object is.

    Raises:
        IntegrityError: when it has no media type, digest or size.
    """
    if not isinstance(document, dict):
        raise IntegrityError(f"{where} has a descriptor that is not an object")
    media_type, digest, size = (document.get(key) for key in ("mediaType", "digest", "size"))
    if not isinstance(media_type, str) or not isinstance(digest, str):
        raise IntegrityError(f"{where} has a descriptor without mediaType or digest")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise IntegrityError(f"{where} gives {digest[:80]} the size {size!r}")
    annotations = document.get("annotations")
    urls = document.get("urls")
    return Descriptor(
        media_type,
        Digest.parse(digest),
        size,
        platform=_platform(document.get("platform")),
        annotations={str(key): str(text) for key, text in annotations.items()}
        if isinstance(annotations, dict)
        else {},
        urls=tuple(str(url) for url in urls) if isinstance(urls, list) else (),
    )


def descriptor_document(descriptor: Descriptor) -> Document:
    """Return a descriptor as the JSON object that it is in ``index.json``."""
    document: Document = {
        "mediaType": descriptor.media_type,
        "digest": str(descriptor.digest),
        "size": descriptor.size,
    }
    if descriptor.platform is not None:
        platform: Document = {
            "architecture": descriptor.platform.architecture,
            "os": descriptor.platform.os,
        }
        if descriptor.platform.variant:
            platform["variant"] = descriptor.platform.variant
        document["platform"] = platform
    if descriptor.annotations:
        document["annotations"] = dict(descriptor.annotations)
    return document


def select_children(
    manifest: Manifest, platforms: Iterable[Platform]
) -> tuple[tuple[Descriptor, ...], tuple[Descriptor, ...]]:
    """Return the children of an index that are for `platforms`, and the others.

    A child is taken when its platform is one of them. What carries no runnable platform goes with
    its image: BuildKit's attestations (``unknown/unknown`` with ``vnd.docker.reference.digest``)
    are taken when the child that they are about is. A child without any platform is taken.
    """
    wanted = tuple(platforms)
    if not wanted:
        return manifest.children, ()
    taken = {
        child.digest
        for child in manifest.children
        if child.platform is None or any(one.includes(child.platform) for one in wanted)
    }
    taken |= {
        child.digest
        for child in manifest.children
        if child.annotations.get("vnd.docker.reference.digest", "") in {str(d) for d in taken}
    }
    return (
        tuple(child for child in manifest.children if child.digest in taken),
        tuple(child for child in manifest.children if child.digest not in taken),
    )


def _document(content: bytes, digest: Digest) -> Document:
    if len(content) > MAX_MANIFEST_BYTES:
        raise IntegrityError(f"the manifest {digest} is larger than {MAX_MANIFEST_BYTES} bytes")
    try:
        document: JSONValue = json.loads(content)
    except (ValueError, RecursionError) as exc:
        raise IntegrityError(f"the manifest {digest} is not JSON: {exc}") from exc
    if not isinstance(document, dict):
        raise IntegrityError(f"the manifest {digest} is not a JSON object")
    return document


def _media_type(document: Document, given: str | None, digest: Digest) -> str:
    """Return the media type of a manifest: its own word, else the given one, else its shape."""
    served = (given or "").partition(";")[0].strip().lower()
    own = document.get("mediaType")
    named = own if isinstance(own, str) and own else served
    if named in MANIFEST_TYPES and served in MANIFEST_TYPES and named != served:
        raise IntegrityError(f"the manifest {digest} is a {named} and was served as {served}")
    if named in MANIFEST_TYPES:
        return named
    if named.startswith(_SCHEMA_1) or document.get("schemaVersion") == 1:
        raise IntegrityError(
            f"the manifest {digest} is of Docker's schema 1, which newer registries refuse",
            fix="Build and push the image again with a Docker of 2017 or later.",
        )
    if isinstance(document.get("manifests"), list):
        return OCI_INDEX
    if isinstance(document.get("layers"), list) and isinstance(document.get("config"), dict):
        return OCI_MANIFEST
    raise IntegrityError(f"the manifest {digest} is of an unknown kind ({named or 'none named'})")


def _descriptors(items: JSONValue, digest: Digest, key: str) -> list[Descriptor]:
    if not isinstance(items, list):
        raise IntegrityError(f"the manifest {digest} has no list {key!r}")
    return [descriptor_from_document(item, where=f"the manifest {digest}") for item in items]


def _platform(document: JSONValue) -> Platform | None:
    if not isinstance(document, dict):
        return None
    os, architecture = document.get("os"), document.get("architecture")
    if not isinstance(os, str) or not isinstance(architecture, str):
        return None
    variant = document.get("variant")
    return Platform(os, architecture, variant if isinstance(variant, str) else "")
