"""The files of a pack."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final

from ckf_airgap.errors import IntegrityError
from ckf_airgap.operations.lock import LOCK_NAME as LOCK_NAME  # noqa: PLC0414
from ckf_airgap.operations.mirrors import DIRECTORY

CHECKSUMS: Final = "SHA256SUMS"
"""The checksums of all other files, as ``sha256sum -c`` reads them."""

SIGNATURE: Final = "SHA256SUMS.sig"
"""The Ed25519 signature of the checksums: 64 bytes in base64."""

CHARMS: Final = "charms.tar.gz"
IMAGES: Final = ("images.tar.gz", "images.tar")
IMAGE_LIST: Final = "images.txt"
LEFT_OUT: Final = "left-out-images.txt"
"""Images in the overlay that no pack brought; only in a pack of some of them (``--need``)."""

RETAGGED: Final = "retagged-images.txt"
MAPPING: Final = "retag-mapping.yaml"
BUNDLE: Final = "bundle.yaml"
OVERLAY: Final = "overlay.yaml"
MERGED: Final = "merged-bundle.yaml"
ASSUMES: Final = "assumes.json"
"""What a pack takes to be on the other side already; only in one that was made ``--since``."""

README: Final = "README.txt"
INSTALL: Final = "install.sh"
WHEELS: Final = "wheels"
RESOURCES: Final = "resources"
"""The files of resources, ``resources/APPLICATION/RESOURCE/FILE``; only when the bundle has any."""

MIRRORS: Final = DIRECTORY
"""What nodes need to find public images in the private registry."""

BEGUN: Final = (*IMAGES, *(f"{name}.part" for name in IMAGES), CHARMS, LOCK_NAME, README)
"""Files that show that a directory without checksums is an unfinished pack."""

LAID_OUT: Final = (RETAGGED, MAPPING, IMAGE_LIST, LEFT_OUT, BUNDLE, OVERLAY, MERGED, LOCK_NAME)
"""Small files that unpacking copies as they are."""

_PART: Final = re.compile(r"^(?P<whole>.+)\.(?P<number>[0-9]{3,9})\Z")
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f\\]")


def part_name(name: str, number: int) -> str:
    """Return the name of a part of a file, counted from 1: ``images.tar.gz.001``."""
    return f"{name}.{number:03}"


def whole_of(name: str) -> tuple[str, int] | None:
    """Return the file that a part belongs to and its number, or ``None`` for no part."""
    match = _PART.match(name)
    if match is None or match["whole"] not in (CHARMS, *IMAGES) or int(match["number"]) < 1:
        return None
    return match["whole"], int(match["number"])


def safe_path(name: str, where: str) -> str:
    """Return a relative path that stays below the directory that it starts from.

    Raises:
        IntegrityError: when it does not, or has characters that no file of a pack has.
    """
    path = PurePosixPath(name)
    if (
        not name
        or path.is_absolute()
        or ".." in path.parts
        or not path.parts
        or len(name) > 4096
        or _UNSAFE.search(name)
    ):
        raise IntegrityError(
            f"{where} has the unsafe path {name[:200]!r}",
            fix="Do not use it; ask where it comes from.",
        )
    return str(path)
