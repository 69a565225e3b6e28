"""The files of resources in a pack: put into it, and laid out again."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

from ckf_airgap.errors import IntegrityError
from ckf_airgap.files import open_regular, replacing
from ckf_airgap.images.resources import ResourceFiles
from ckf_airgap.packing.checksums import FileSum
from ckf_airgap.packing.names import RESOURCES

_CHUNK_BYTES: Final = 1024 * 1024
_SAFE_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,254}\Z")


def carry_resources(found: ResourceFiles, pack: Path, layout: Path) -> ResourceFiles:
    """Copy the files of resources into a pack, and return them where they will be.

    Files with logins are not copied: a pack carries no password. Their images are written in place
    of them.

    Args:
        found: The files.
        pack: The directory of the pack.
        layout: The directory that stands for the one that the pack is laid out in.
    """
    shutil.rmtree(pack / RESOURCES, ignore_errors=True)  # of an earlier run
    placed = {}
    for (application, resource), path in found.files.items():
        name = path.name if _SAFE_NAME.match(path.name) else resource
        relative = Path(RESOURCES, application, resource, name)
        target = pack / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        with open_regular(path) as source, replacing(target) as copy:
            shutil.copyfileobj(source, copy, _CHUNK_BYTES)
        placed[application, resource] = layout / relative
    return replace(found, files=placed, images_only=True)


def lay_out(source: Path, target: Path, expected: FileSum) -> None:
    """Copy a file of a directory out of a pack.

    Raises:
        IntegrityError: when it is not the file that was packed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    try:
        with (
            open_regular(source, follow=False, error=IntegrityError) as stream,
            replacing(target) as copy,
        ):
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
                copy.write(chunk)
            if FileSum(digest.hexdigest(), size) != expected:
                raise IntegrityError(
                    f"{source} is not the file that was packed",
                    fix="Copy the pack again; `ckf-airgap verify DIR` names all that is wrong.",
                )
    except FileNotFoundError:
        raise IntegrityError(f"{source} is missing") from None
