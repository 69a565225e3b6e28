"""The lock: exactly which charms and images were taken, so that they can be taken again.

JSON with a schema of its own, whose bytes depend on nothing but its content; ``docs/pack.md``
describes it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ckf_airgap.charms.charm import CHARM_NAME
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import InputError, unreadable
from ckf_airgap.files import read_small_text
from ckf_airgap.files.paths import StrPath
from ckf_airgap.images.lists import NEEDS, Need
from ckf_airgap.images.reference import DIGEST

SCHEMA: Final = "ckf-airgap/lock/v1"
LOCK_NAME: Final = "ckf-airgap.lock"
MAX_LOCK_BYTES: Final = 64 * 1024 * 1024
"""The largest size of a lock; an image of twenty layers takes some 4 kB."""


FILE_NAME: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*\.charm\Z")
"""What a charm's file may be called: it becomes a path."""

_SHA384: Final = re.compile(r"^[0-9a-f]{96}\Z")
_SHA256: Final = re.compile(r"^[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedCharm:
    """A charm file.

    Attributes:
        name: The charm.
        channel: The channel that it was taken from; ``None`` for a revision or a local file.
        revision: Its revision in the store; ``None`` for a local file.
        file: The file's name.
        size: Its bytes.
        sha384: Its checksum.
        bases: The bases that it runs on, such as ``ubuntu@24.04``.
    """

    name: str
    channel: str | None = None
    revision: int | None = None
    file: str
    size: int
    sha384: str
    bases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedImage:
    """An image.

    Attributes:
        source: Its reference, as the charm names it.
        target: Its reference in the private registry.
        library: The second name that an official image of Docker Hub has there for nodes with
            mirrors; ``None`` for all others.
        digest: The digest of its top manifest.
        media_type: The media type of that.
        platforms: The platforms that were taken of it, such as ``linux/amd64``.
        blobs: The digests of its blobs, without its manifests.
    """

    source: str
    target: str
    library: str | None = None
    digest: str
    media_type: str
    platforms: tuple[str, ...] = ()
    blobs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What was taken.

    Attributes:
        tool: The version of ckf-airgap that took it.
        bundle: What the bundle was called: a release or a file name.
        bundle_sha256: The checksum of the bundle with its overlays; see `document_sha256`.
        architecture: The architecture of the charms.
        registry: The private registry; ``None`` when only charms were taken.
        need: Which images of the bundle these are; ``None`` is all whose tag is known.
        charms: In the order of their files' names.
        images: In the order of their sources.
        blobs: The size of each blob of an image, in bytes.
    """

    tool: str
    bundle: str
    bundle_sha256: str
    architecture: str
    registry: str | None = None
    need: Need | None = None
    charms: tuple[LockedCharm, ...] = field(default=(), repr=False)
    images: tuple[LockedImage, ...] = field(default=(), repr=False)
    blobs: Mapping[str, int] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, path: StrPath, *, pipes: bool = True) -> Lock:
        """Read a lock; blocks on the disk.

        Args:
            path: The file.
            pipes: Whether it may be a pipe, as what a person names may be.

        Raises:
            MissingError: when the file does not exist.
            InputError: when it is not a lock, or has another schema.
        """
        path = Path(path)
        try:
            text = read_small_text(path, MAX_LOCK_BYTES, what="a lock", pipes=pipes)
        except UnicodeDecodeError as exc:
            raise InputError(f"{path} is not a lock: it is not UTF-8 text") from exc
        except OSError as exc:
            raise unreadable(exc, f"the lock {path}") from exc
        return cls.from_text(text, where=str(path))

    @classmethod
    def from_text(cls, text: str, *, where: str) -> Lock:
        """Return the lock that a text is.

        Raises:
            InputError: naming `where` and what is wrong.
        """
        try:
            document: JSONValue = json.loads(text, object_pairs_hook=_no_repetition)
        except (ValueError, RecursionError) as exc:
            raise InputError(f"{where} is not a lock: {exc}") from exc
        return _Reader(where).lock(document)

    def to_text(self) -> str:
        """Return the lock as text: the same bytes for the same content."""
        document: Document = {
            "schema": SCHEMA,
            "tool": self.tool,
            "bundle": {"name": self.bundle, "sha256": self.bundle_sha256},
            "architecture": self.architecture,
            "registry": self.registry,
            # Left out where nobody asked for a part, as in locks from before there were parts.
            **({} if self.need is None else {"need": self.need}),
            "charms": [
                {
                    "name": one.name,
                    "channel": one.channel,
                    "revision": one.revision,
                    "file": one.file,
                    "size": one.size,
                    "sha384": one.sha384,
                    "bases": list(one.bases),
                }
                for one in sorted(self.charms, key=lambda one: one.file)
            ],
            "images": [
                {
                    "source": one.source,
                    "target": one.target,
                    **({} if one.library is None else {"library": one.library}),
                    "digest": one.digest,
                    "media-type": one.media_type,
                    "platforms": list(one.platforms),
                    "blobs": list(one.blobs),
                }
                for one in sorted(self.images, key=lambda one: one.source)
            ],
            "blobs": dict(sorted(self.blobs.items())),
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    @property
    def sha256(self) -> str:
        """The checksum of the lock's text, by which other packs name it."""
        return hashlib.sha256(self.to_text().encode()).hexdigest()

    @property
    def charm_checksums(self) -> dict[str, str]:
        """The sha384 of each charm file, by the file's name."""
        return {one.file: one.sha384 for one in self.charms}


def document_sha256(document: Document) -> str:
    """Return a checksum of a document's meaning: the order of its keys does not matter."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _no_repetition(pairs: Sequence[tuple[str, JSONValue]]) -> Document:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key is repeated")
    return document


class _Reader:
    """Turns a document into a `Lock`; refuses what it does not know."""

    def __init__(self, where: str) -> None:
        self._where = where

    def lock(self, value: JSONValue) -> Lock:
        if not isinstance(value, dict) or value.get("schema") != SCHEMA:
            found = value.get("schema") if isinstance(value, dict) else None
            raise InputError(
                f"{self._where} is not a lock in the format {SCHEMA} (it says {found!r})",
                fix="It may be of another version of ckf-airgap.",
            )
        fields = self._fields(
            value,
            "the lock",
            "schema tool bundle architecture registry charms images blobs",
            optional=("need",),
        )
        need = fields.get("need")
        if need is not None and need not in NEEDS:
            raise self._wrong("need", f"must be one of {', '.join(NEEDS)}, not {need!r}")
        bundle = self._fields(fields["bundle"], "bundle", "name sha256")
        registry = fields["registry"]
        lock = Lock(
            tool=self._text(fields, "tool"),
            bundle=self._text(bundle, "name"),
            bundle_sha256=self._match(bundle, "sha256", _SHA256),
            architecture=self._text(fields, "architecture"),
            registry=None if registry is None else self._text(fields, "registry"),
            need=need,
            charms=tuple(self._charm(one) for one in self._list(fields, "charms")),
            images=tuple(self._image(one) for one in self._list(fields, "images")),
            blobs=self._blobs(fields["blobs"]),
        )
        names = [one.file for one in lock.charms]
        if len(set(names)) != len(names):
            raise self._wrong("charms", "two have the same file")
        for image in lock.images:
            strange = next((one for one in image.blobs if one not in lock.blobs), None)
            if strange:
                raise self._wrong(image.source, f"blobs lacks the size of {strange}")
        return lock

    def _charm(self, value: JSONValue) -> LockedCharm:
        fields = self._fields(value, "a charm", "name channel revision file size sha384 bases")
        channel, revision = fields["channel"], fields["revision"]
        return LockedCharm(
            name=self._match(fields, "name", CHARM_NAME),
            channel=None if channel is None else self._text(fields, "channel"),
            revision=None if revision is None else self._number(fields, "revision"),
            file=self._match(fields, "file", FILE_NAME),
            size=self._number(fields, "size"),
            sha384=self._match(fields, "sha384", _SHA384),
            bases=self._texts(fields, "bases"),
        )

    def _image(self, value: JSONValue) -> LockedImage:
        fields = self._fields(
            value,
            "an image",
            "source target digest media-type platforms blobs",
            optional=("library",),
        )
        return LockedImage(
            source=self._text(fields, "source"),
            target=self._text(fields, "target"),
            library=self._text(fields, "library") if "library" in fields else None,
            digest=self._match(fields, "digest", DIGEST),
            media_type=self._text(fields, "media-type"),
            platforms=self._texts(fields, "platforms"),
            blobs=self._texts(fields, "blobs"),
        )

    def _blobs(self, value: JSONValue) -> dict[str, int]:
        if not isinstance(value, dict):
            raise self._wrong("blobs", "must be a mapping")
        for digest in value:
            if not DIGEST.match(digest):
                raise self._wrong("blobs", f"{digest!r} is not a digest")
        return {digest: self._number(value, digest) for digest in value}

    def _fields(
        self, value: JSONValue, what: str, names: str, optional: Sequence[str] = ()
    ) -> Document:
        if not isinstance(value, dict):
            raise self._wrong(what, "must be a mapping")
        wrong = set(value).difference(optional) ^ set(names.split())
        if wrong:
            raise self._wrong(what, f"unknown or missing keys: {', '.join(sorted(wrong))}")
        return value

    def _list(self, fields: Document, key: str) -> list[JSONValue]:
        value = fields[key]
        if not isinstance(value, list):
            raise self._wrong(key, "must be a list")
        return value

    def _text(self, fields: Document, key: str) -> str:
        value = fields[key]
        if not isinstance(value, str) or not value:
            raise self._wrong(key, f"must be text, not {value!r}")
        return value

    def _texts(self, fields: Document, key: str) -> tuple[str, ...]:
        return tuple(self._text({key: one}, key) for one in self._list(fields, key))

    def _match(self, fields: Document, key: str, pattern: re.Pattern[str]) -> str:
        text = self._text(fields, key)
        if not pattern.match(text):
            raise self._wrong(key, f"{text[:120]!r} is not valid there")
        return text

    def _number(self, fields: Document, key: str) -> int:
        value = fields[key]
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._wrong(key, f"must be a number, zero or greater, not {value!r}")
        return value

    def _wrong(self, key: str, what: str) -> InputError:
        return InputError(f"{self._where} is not a usable lock: {key}: {what}")


def released_channels(directory: StrPath) -> dict[tuple[str, int], tuple[str, ...]]:
    """Return the channels that the charms of a directory were taken from; blocks on the disk.

    They are in the lock that `download_charms` leaves beside them; without one, nothing is known.

    Returns:
        Channels by charm name and revision.

    Raises:
        InputError: when the lock cannot be read.
    """
    path = Path(directory) / LOCK_NAME
    if not path.exists():
        return {}
    return {
        (charm.name, charm.revision): (charm.channel,)
        for charm in Lock.read(path, pipes=False).charms
        if charm.revision is not None and charm.channel is not None
    }
