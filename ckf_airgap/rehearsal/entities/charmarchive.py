"""A ``.charm`` archive as the controller reads it when it is uploaded."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ckf_airgap.charms.charm import Charm, charm_from_documents
from ckf_airgap.charms.charmfile import MAX_DOCUMENT_BYTES, refuse_bomb
from ckf_airgap.documents import Document, load_mapping
from ckf_airgap.errors import CharmError, InputError
from ckf_airgap.rehearsal.entities.actionspecs import ActionSpec, action_specs
from ckf_airgap.rehearsal.entities.charmcode import sets_status
from ckf_airgap.rehearsal.wire import BAD_REQUEST, ApiError

UploadMethod = Literal["POST", "PUT"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CharmArchive:
    """What the controller takes from an archive."""

    path: Path
    charm: Charm
    actions: Mapping[str, ActionSpec] = field(default_factory=dict, repr=False)
    version: str = ""
    """The file ``version``: a VCS revision, shown in the status."""
    revision: int = 0
    """The file ``revision``; 0 when there is none."""
    sets_status: bool = True
    """Whether its code says how its units are."""


def read_archive(path: Path, *, method: UploadMethod = "POST") -> CharmArchive:
    """Return what an uploaded archive holds; blocks while it reads.

    A charm in one sub-directory of the archive is taken when it is POSTed, as the real
    controller does.

    Raises:
        ApiError: ``cannot upload charm: ...`` in the words of the upload method.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            refuse_bomb(archive.infolist(), "the upload", path.stat().st_size)
            return _read(archive, path, method)
    except CharmError as exc:
        raise refused(f"invalid charm archive: {exc.message}") from exc
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError) as exc:
        opening = "cannot open charm archive" if method == "POST" else "invalid charm archive"
        raise refused(f"{opening}: zip: not a valid zip file") from exc


def refused(why: str) -> ApiError:
    """Return the error of an upload that is not taken."""
    return ApiError(f"cannot upload charm: {why}", BAD_REQUEST)


def _read(archive: zipfile.ZipFile, path: Path, method: UploadMethod) -> CharmArchive:
    opening = "cannot read charm archive: " if method == "POST" else ""
    names = set(archive.namelist())
    root = _root(names, opening) if method == "POST" else ""
    if f"{root}metadata.yaml" not in names:
        raise refused('invalid charm archive: archive file "metadata.yaml" not found')

    def document(name: str) -> Document | None:
        if root + name not in names:
            return None
        return load_mapping(_text(archive, root + name), where=name, allow_duplicate_keys=True)

    def line(name: str) -> str:
        return _text(archive, root + name).strip() if root + name in names else ""

    try:
        charm = charm_from_documents(
            metadata=document("metadata.yaml") or {},
            config=document("config.yaml") or {},
            manifest=document("manifest.yaml"),
            where="metadata.yaml",
            path=path,
            size_bytes=path.stat().st_size,
        )
        actions = action_specs(charm.name, document("actions.yaml") or {})
    except InputError as exc:
        raise refused(f"{opening}invalid charm archive: {exc.message}") from exc
    revision = line("revision")
    if revision and not revision.isdecimal():
        raise refused(f"{opening}invalid charm archive: invalid revision file")
    return CharmArchive(
        path=path,
        charm=charm,
        actions=actions,
        version=line("version"),
        revision=int(revision or 0),
        sets_status=sets_status(archive, root),
    )


def _root(names: set[str], opening: str) -> str:
    """Return the directory that holds the charm, with a slash at its end, or nothing."""
    found = sorted(
        (name.count("/"), name.rpartition("metadata.yaml")[0])
        for name in names
        if name.rpartition("/")[2] == "metadata.yaml"
    )
    if not found:
        raise refused(f"{opening}invalid charm archive: missing metadata.yaml")
    if len(found) > 1 and found[0][0] == found[1][0]:
        raise refused(f"{opening}invalid charm archive: ambiguous root directory")
    return found[0][1]


def _text(archive: zipfile.ZipFile, name: str) -> str:
    """Return a small member's text; its declared size is not believed."""
    with archive.open(name) as member:
        data = member.read(MAX_DOCUMENT_BYTES + 1)
    if len(data) > MAX_DOCUMENT_BYTES:
        raise refused(f'invalid charm archive: "{name}" is larger than {MAX_DOCUMENT_BYTES} bytes')
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        raise refused(f'invalid charm archive: "{name}" is not UTF-8') from exc
