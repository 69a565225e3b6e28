"""``.charm`` files: read what a charm declares without unpacking it.

A ``.charm`` is a zip archive. Only its small documents are read, so that the cost does not depend
on the size of the charm.
"""

from __future__ import annotations

import contextlib
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from ckf_airgap.charms.charm import Charm, DefaultImages, charm_from_documents
from ckf_airgap.charms.checks.documents import document_problems, load_typed
from ckf_airgap.charms.checks.members import DOCUMENTS as CHECKED
from ckf_airgap.charms.checks.members import damaged_members, member_problems
from ckf_airgap.documents import MAX_NODES, Document, JSONValue, as_mapping, load_yaml, parse_json
from ckf_airgap.errors import CharmError
from ckf_airgap.files import open_regular
from ckf_airgap.files.paths import StrPath

MAX_DOCUMENT_BYTES: Final = 4 * 1024 * 1024
"""Largest document that is read in a charm; the largest known has 60 kB."""

MAX_MEMBERS: Final = 200_000
"""Most files that a charm may have; the largest known has about 10,000."""

MAX_UNPACKED_BYTES: Final = 16 * 1024**3
"""Most bytes that a charm may have when unpacked."""

MAX_RATIO: Final = 200
"""How many times its packed size a charm may unpack to; deflate reaches 10 on text."""

_COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What Go's archive/zip, and so Juju, can unpack."""

DOCUMENTS: Final = ("metadata.yaml", "config.yaml", "manifest.yaml", "charmcraft.yaml")
"""The documents of a charm that are read."""

_DEFAULT_IMAGES: Final = re.compile(r"^src/default-[A-Za-z0-9_-]*images?\.(json|ya?ml)$")
_REVISION: Final = re.compile(r"^(?P<charm>.+)_r(?P<revision>[0-9]+)\.charm\Z")


def revision_of(file_name: str) -> int | None:
    """Return N for ``<charm>_r<N>.charm`` (as ``juju download`` names it), else ``None``."""
    match = _REVISION.match(file_name)
    return int(match["revision"]) if match else None


def store_name_of(file_name: str) -> str | None:
    """Return ``<charm>`` for ``<charm>_r<N>.charm``: its name in the store, else ``None``.

    The store's name need not be the one in the metadata: Juju's ``juju-qa-dummy-source`` declares
    the name ``dummy-source``.
    """
    match = _REVISION.match(file_name)
    return match["charm"] if match else None


def read_charm(path: StrPath) -> Charm:
    """Return what the charm in a ``.charm`` file declares.

    Reads ``metadata.yaml`` and ``config.yaml``, or ``charmcraft.yaml`` where that holds everything;
    ``manifest.yaml`` for the bases; ``src/default-*images.json`` and ``.yaml`` for default images.

    Members are not read beyond that (`check_members`), but for symlinks.

    Raises:
        CharmError: when the file cannot be read, is not a regular file, is truncated, is not a
            zip archive, is a zip bomb, has no valid metadata, or has anything else that the
            controller refuses; the message names the file, and has Juju's words for that.
    """
    path = Path(path)
    with opened_charm(path) as archive:
        return _read_archive(archive, path)


def check_members(path: StrPath) -> None:
    """Read every byte of a ``.charm`` file, once, and compare it with the checksums in it.

    The controller extracts a charm to pack it again, and refuses one with a damaged member even if
    nobody ever reads that; `read_charm` reads the documents only.

    Raises:
        CharmError: naming the damaged members.
    """
    path = Path(path)
    with opened_charm(path) as archive:
        found = damaged_members(archive)
    if found:
        raise _refused(path, found)


@contextlib.contextmanager
def opened_charm(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a charm's archive, and tell what is wrong with it as a `CharmError`.

    Raises:
        CharmError: when it cannot be read, also while the body reads its members.
    """
    try:
        with open_regular(path, error=CharmError) as stream, zipfile.ZipFile(stream) as archive:
            yield archive
    except zipfile.BadZipFile as exc:
        raise CharmError(
            f"{path} is not a charm: it is not a zip archive, or it is truncated ({exc})",
            fix="Fetch the file again and compare its checksum.",
        ) from exc
    except (zlib.error, struct.error, EOFError, RuntimeError, ValueError) as exc:
        raise CharmError(f"{path} cannot be unpacked: {exc}", fix="Fetch the file again.") from exc
    except OSError as exc:
        raise CharmError(f"cannot read the charm {path}: {exc.strerror or exc}") from exc


def _refused(path: Path, texts: Sequence[str]) -> CharmError:
    return CharmError(
        f"Juju refuses the charm {path}: {'; '.join(texts)}",
        fix="Fetch the file again, or pack the charm again with what is wrong put right.",
    )


def _read_archive(archive: zipfile.ZipFile, path: Path) -> Charm:
    where = str(path)
    size_bytes = path.stat().st_size
    refuse_bomb(archive.infolist(), where, size_bytes)
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        members.setdefault(member.filename, member)  # Juju reads the first of equal names

    def text(name: str) -> str | None:
        member = members.get(name)
        return None if member is None else _text(archive, member, where)

    def document(name: str) -> Document | None:
        content = text(name)
        if content is None:
            return None
        value = load_yaml(
            content,
            where=f"{where}: {name}",
            error=CharmError,
            allow_duplicate_keys=True,
            only_first=True,
            typed_keys=True,
        )
        if value is None and name == "manifest.yaml":  # as if it were not there, in Juju, too
            return None
        return as_mapping(value, where=f"{where}: {name}", error=CharmError)

    metadata, charmcraft = document("metadata.yaml"), document("charmcraft.yaml")
    if metadata is None and (charmcraft is None or "name" not in charmcraft):
        raise CharmError(
            f"{where} is not a charm: it has no metadata.yaml, and no charmcraft.yaml with a name"
        )
    manifest = document("manifest.yaml")
    content = text("config.yaml")
    config: JSONValue = {"options": None}
    if content is not None:
        config = load_typed(content, "config.yaml", where)
    problems = member_problems(archive)
    problems += [
        f"{name} is there twice, with different content"
        for name in CHECKED
        if name.endswith(".yaml")
        and len({one.CRC for one in archive.infolist() if one.filename == name}) > 1
    ]
    if metadata is not None:
        problems += document_problems(metadata, manifest, config, text, where)
    if problems:
        raise _refused(path, problems)
    return charm_from_documents(
        metadata=metadata if metadata is not None else charmcraft or {},
        config=config if content is not None and isinstance(config, dict) else None,
        manifest=manifest,
        charmcraft=charmcraft,
        default_images=[
            read_default_images(name, text(name) or "", where)
            for name in sorted(members)
            if _DEFAULT_IMAGES.match(name)
        ],
        where=where,
        revision=revision_of(path.name),
        path=path,
        size_bytes=size_bytes,
        documents=frozenset(DOCUMENTS).intersection(members)
        - frozenset({"manifest.yaml"} if manifest is None else ()),
        has_code=any(is_code(name) for name in members),
    )


def _text(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> str:
    name = member.filename
    if member.file_size > MAX_DOCUMENT_BYTES:
        raise CharmError(f"{where}: {name} is too large ({member.file_size} bytes)")
    if member.compress_type not in _COMPRESSIONS:
        raise CharmError(f"{where}: {name} is compressed in a way that Juju cannot read")
    with archive.open(member) as stream:
        data = stream.read(MAX_DOCUMENT_BYTES + 1)
    if len(data) > MAX_DOCUMENT_BYTES:
        raise CharmError(f"{where}: {name} is larger than the archive says")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise CharmError(f"{where}: {name} is not UTF-8 text") from exc


def is_code(member: str) -> bool:
    """Whether a member of a charm is one that Juju can run.

    The rule is that of ``juju deploy``, which refuses a charm without any: a file directly in
    ``hooks``, or whatever has ``dispatch`` in its path.
    """
    path = PurePosixPath(member)
    is_hook = path.parent == PurePosixPath("hooks") and not member.endswith("/")
    return is_hook or "dispatch" in member


def read_default_images(name: str, text: str, where: str) -> DefaultImages:
    """Return the default images in the charm's file `name`.

    Charms read theirs with ``json.load``, so a ``.json`` file is read as JSON: as YAML, whether
    tabs may indent it depends on how PyYAML was built. What is no JSON is read as YAML after all.
    """
    if name.endswith(".json") and _is_plain_json(text):
        with contextlib.suppress(ValueError):
            return DefaultImages(path=name, text=text, value=parse_json(text))
    value = load_yaml(text, where=f"{where}: {name}", error=CharmError, allow_duplicate_keys=True)
    return DefaultImages(path=name, text=text, value=value)


def _is_plain_json(text: str) -> bool:
    """Whether a text is within the limits of documents, and escapes no half of a character."""
    return sum(map(text.count, ",:[{")) < MAX_NODES and "\\ud" not in text.lower()


def refuse_bomb(members: Sequence[zipfile.ZipInfo], where: str, size_bytes: int) -> None:
    """Raise `CharmError` when an archive would fill the disk, or write outside its directory.

    Args:
        members: Its members, as its directory lists them.
        where: The archive, for the message.
        size_bytes: Its size.
    """
    if len(members) > MAX_MEMBERS:
        raise CharmError(f"{where} is not a charm: it has {len(members)} members (a zip bomb?)")
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED_BYTES or unpacked > MAX_RATIO * max(size_bytes, 1024 * 1024):
        raise CharmError(
            f"{where} is not a charm: {size_bytes} bytes would unpack to {unpacked} (a zip bomb?)"
        )
    for member in members:
        path = PurePosixPath(member.filename)
        if path.is_absolute() or ".." in path.parts:
            raise CharmError(
                f"{where} is not a charm: it holds the unsafe path {member.filename!r}"
            )
