"""What a pack made ``--since`` a lock takes to be on the other side already."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ckf_airgap.documents import JSONValue
from ckf_airgap.errors import IntegrityError
from ckf_airgap.files import read_small_text
from ckf_airgap.images.reference import ImageReference
from ckf_airgap.operations.lock import MAX_LOCK_BYTES, Lock
from ckf_airgap.packing.names import ASSUMES

SCHEMA: Final = "ckf-airgap/assumes/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumes:
    """What is left out of a pack.

    Attributes:
        bundle: What the earlier pack was for.
        lock_sha256: The checksum of its lock.
        charms: The files of charms that are left out.
        blobs: The digests of blobs that are left out.
    """

    bundle: str
    lock_sha256: str
    charms: frozenset[str] = field(default=frozenset(), repr=False)
    blobs: frozenset[str] = field(default=frozenset(), repr=False)

    def __str__(self) -> str:
        """Return how the earlier pack is named in messages."""
        return f"the pack of {self.bundle} with the lock {self.lock_sha256[:16]}"

    @classmethod
    def read(cls, directory: Path) -> Assumes | None:
        """Return what a pack assumes, or ``None``; blocks on the disk.

        Its checksum is not looked at.

        Raises:
            IntegrityError: when the file is damaged, or not a regular one.
        """
        path = directory / ASSUMES
        try:
            # The names in it are some of those in a lock.
            text = read_small_text(
                path,
                MAX_LOCK_BYTES,
                what="a list of what is left out",
                follow=False,
                error=IntegrityError,
            )
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as exc:
            raise IntegrityError(f"{path} cannot be read: {exc}") from exc
        return cls.from_text(text, where=str(path))

    @classmethod
    def from_text(cls, text: str, *, where: str) -> Assumes:
        """Return what a file of this text says.

        Args:
            text: The text.
            where: What it is called in messages.

        Raises:
            IntegrityError: when it is not such a file.
        """
        try:
            document: JSONValue = json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise IntegrityError(f"{where} cannot be read: {exc}") from exc
        fields = document if isinstance(document, dict) else {}
        bundle, lock = fields.get("bundle"), fields.get("lock-sha256")
        lists = [fields.get("charms"), fields.get("blobs")]
        if fields.get("schema") != SCHEMA or not isinstance(bundle, str):
            raise IntegrityError(f"{where} is not in the format {SCHEMA}")
        if not isinstance(lock, str) or not all(isinstance(one, list) for one in lists):
            raise IntegrityError(f"{where} lacks keys of the format {SCHEMA}")
        charms, blobs = (
            frozenset(str(item) for item in one) if isinstance(one, list) else frozenset()
            for one in lists
        )
        return cls(bundle=bundle, lock_sha256=lock, charms=charms, blobs=blobs)

    def to_text(self) -> str:
        """Return the file's text."""
        document = {
            "schema": SCHEMA,
            "bundle": self.bundle,
            "lock-sha256": self.lock_sha256,
            "charms": sorted(self.charms),
            "blobs": sorted(self.blobs),
        }
        return json.dumps(document, indent=1) + "\n"


def unchanged_charms(before: Lock, now: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Return the files that an earlier pack brought as they are now.

    Args:
        before: The earlier pack's lock.
        now: Name and sha384 of each file.
    """
    known = before.charm_checksums
    return frozenset(file for file, sha384 in now if known.get(file) == sha384)


def known_blobs(before: Lock, targets: Iterable[ImageReference]) -> frozenset[str]:
    """Return the blobs that the private registry has, where a push will find them.

    A registry looks for a blob in one repository, so those count that the earlier pack brought
    into a repository that the images go to now.

    Args:
        before: The earlier pack's lock.
        targets: Where the images go now.
    """
    places = {(one.registry, one.repository) for one in targets}
    found: set[str] = set()
    for image in before.images:
        target = ImageReference.parse(image.target)
        if (target.registry, target.repository) in places:
            found.update(image.blobs)
    return frozenset(found)
