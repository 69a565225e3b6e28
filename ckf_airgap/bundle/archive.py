"""Bundle archives: the ``.bundle`` files of ``juju download`` and ``charmcraft pack``."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Final

from ckf_airgap.documents import MAX_BYTES
from ckf_airgap.errors import BundleError

_SIGNATURE: Final = b"PK\x03\x04"
_MEMBER: Final = "bundle.yaml"
_MAX_MEMBERS: Final = 10_000


def is_archive(content: bytes) -> bool:
    """Whether the content of a file is that of a zip archive."""
    return content.startswith(_SIGNATURE)


def read_archive(content: bytes, file: Path) -> bytes:
    """Return the ``bundle.yaml`` of an archive; nothing else of it is read.

    Args:
        content: The archive.
        file: Its path, for messages.

    Raises:
        BundleError: when it is damaged, has no ``bundle.yaml``, or one that is too large.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            found = [member for member in members if member.filename == _MEMBER]
            if len(members) > _MAX_MEMBERS or len(found) > 1:
                raise BundleError(f"{file} is not a bundle: it has {len(members)} members")
            if not found:
                fix = "This is a charm: name a bundle." if _is_charm(members) else ""
                raise BundleError(f"{file} is an archive without a {_MEMBER}", fix=fix)
            if found[0].file_size > MAX_BYTES or found[0].flag_bits & 1:
                what = "is encrypted" if found[0].flag_bits & 1 else "is too large"
                raise BundleError(f"the {_MEMBER} of {file} {what}")
            with archive.open(found[0]) as stream:
                text = stream.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, OSError, RuntimeError) as exc:
        raise BundleError(f"{file} is a damaged archive: {exc}") from exc
    except ValueError as exc:
        raise BundleError(f"{file} is an archive that cannot be read: {exc}") from exc
    if len(text) > MAX_BYTES:
        raise BundleError(f"the {_MEMBER} of {file} is larger than the archive says")
    return text


def _is_charm(members: list[zipfile.ZipInfo]) -> bool:
    return any(member.filename == "metadata.yaml" for member in members)
