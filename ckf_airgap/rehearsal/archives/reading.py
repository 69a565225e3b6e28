"""A ``.charm`` archive as the controller reads it when it is uploaded.

The order of the checks is that of ``apiserver/charms.go`` and ``apiserver/objects.go`` of Juju 3.6:
the archive is read, extracted, and read again from what was extracted.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from ckf_airgap.charms.charm import Base, Charm, Option
from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.archives.charmcode import sets_status
from ckf_airgap.rehearsal.archives.config import read_config
from ckf_airgap.rehearsal.archives.extraction import PLACE, Node, Tree
from ckf_airgap.rehearsal.archives.manifest import read_manifest
from ckf_airgap.rehearsal.archives.members import (
    NOT_A_ZIP,
    check_limits,
    clean_name,
    content,
    decoded,
)
from ckf_airgap.rehearsal.archives.metadata import endpoints_of, read_metadata, resources_of
from ckf_airgap.rehearsal.archives.refusals import UnreadableCharmError
from ckf_airgap.rehearsal.archives.sidefiles import (
    check_metrics,
    check_profile,
    read_revision,
    read_version,
)
from ckf_airgap.rehearsal.entities.actionspecs import ActionsError, ActionSpec, action_specs
from ckf_airgap.rehearsal.entities.charmarchive import CharmArchive
from ckf_airgap.rehearsal.golang.formatting import quoted
from ckf_airgap.rehearsal.wire import BAD_REQUEST, ApiError

UploadMethod = Literal["POST", "PUT"]

_DOCUMENTS: Final = (
    "metadata.yaml",
    "manifest.yaml",
    "config.yaml",
    "metrics.yaml",
    "actions.yaml",
    "revision",
    "lxd-profile.yaml",
    "version",
)
_ANNOTATED_IN_ARCHIVE: Final = ("manifest.yaml",)
_ANNOTATED_IN_DIRECTORY: Final = tuple(
    name for name in _DOCUMENTS if name not in ("actions.yaml", "revision")
)


@dataclass(slots=True)
class _Declared:
    """What the documents of a charm say."""

    metadata: Document = field(default_factory=dict)
    bases: tuple[Base, ...] = ()
    options: dict[str, Option] = field(default_factory=dict)
    actions: dict[str, ActionSpec] = field(default_factory=dict)
    revision: int = 0
    version: str = ""

    def take(self, name: str, text: str) -> None:
        """Read a document; raise `UnreadableCharmError` in Juju's words."""
        readers: dict[str, Callable[[str], Any]] = {
            "metadata.yaml": self._take_metadata,
            "manifest.yaml": self._take_manifest,
            "config.yaml": self._take_config,
            "metrics.yaml": lambda found: check_metrics(found, where=name),
            "actions.yaml": self._take_actions,
            "revision": self._take_revision,
            "lxd-profile.yaml": lambda found: check_profile(found, where=name),
            "version": self._take_version,
        }
        readers[name](text)

    def _take_metadata(self, text: str) -> None:
        self.metadata = read_metadata(text, where="metadata.yaml")

    def _take_manifest(self, text: str) -> None:
        self.bases = read_manifest(text, where="manifest.yaml") or ()

    def _take_config(self, text: str) -> None:
        self.options = read_config(text, where="config.yaml")

    def _take_actions(self, text: str) -> None:
        try:
            self.actions = action_specs(str(self.metadata.get("name", "")), text)
        except ActionsError as exc:
            raise UnreadableCharmError(exc.message) from exc

    def _take_revision(self, text: str) -> None:
        self.revision = read_revision(text)

    def _take_version(self, text: str) -> None:
        self.version = read_version(text)


def read_archive(path: Path, *, method: UploadMethod = "POST") -> CharmArchive:
    """Return what an uploaded archive holds; blocks while it reads all of it.

    A charm in a sub-directory of the archive is accepted when it is POSTed, as by a real
    controller.

    Raises:
        ApiError: ``cannot upload charm: ...`` in the words of the upload method.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as exc:
        opening = "cannot open charm archive" if method == "POST" else "invalid charm archive"
        raise refused(f"{opening}: {NOT_A_ZIP}") from exc
    with archive:
        size_bytes = path.stat().st_size
        try:
            check_limits(archive.infolist(), size_bytes)
        except UnreadableCharmError as exc:
            raise refused(f"invalid charm archive: {exc.message}") from exc
        try:
            root = _root(archive) if method == "POST" else ""
            declared = _read_below(archive, root) if root else _read_whole(archive)
        except UnreadableCharmError as exc:
            raise refused(exc.message) from exc
        metadata = declared.metadata
        series = metadata.get("series")
        charm = Charm(
            name=str(metadata.get("name", "")),
            path=path,
            size_bytes=size_bytes,
            summary=str(metadata.get("summary", "")),
            subordinate=metadata.get("subordinate") is True,
            resources=resources_of(metadata),
            options=declared.options,
            endpoints=endpoints_of(metadata),
            bases=declared.bases,
            series=tuple(map(str, series)) if isinstance(series, list) else (),
            metadata=metadata,
        )
        return CharmArchive(
            path=path,
            charm=charm,
            actions=declared.actions,
            version=declared.version,
            revision=declared.revision,
            sets_status=sets_status(archive, f"{root}/" if root else ""),
        )


def refused(why: str) -> ApiError:
    """Return the error of an upload that is refused."""
    return ApiError(f"cannot upload charm: {why}", BAD_REQUEST)


def _root(archive: zipfile.ZipFile) -> str:
    """Return the directory that holds the charm; empty for the archive itself."""
    names = sorted(map(clean_name, archive.infolist()), key=lambda name: name.count("/"))
    found = [name for name in names if name.rpartition("/")[2] == "metadata.yaml"]
    opening = "cannot read charm archive: invalid charm archive: "
    if not found:
        raise UnreadableCharmError(f"{opening}missing metadata.yaml")
    if len(found) > 1 and found[0].count("/") == found[1].count("/"):
        raise UnreadableCharmError(f"{opening}ambiguous root directory")
    return found[0].rpartition("/")[0]


def _read_whole(archive: zipfile.ZipFile) -> _Declared:
    """Read the documents of an archive, and the extracted ones where they differ."""
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        members.setdefault(member.filename, member)  # duplicates: the first is read
    try:
        declared = _Declared()
        for name in _DOCUMENTS:
            if name in members:
                _take(declared, name, _member_text(archive, members[name]), _ANNOTATED_IN_ARCHIVE)
            elif name == "metadata.yaml":
                raise _not_found(f"archive file {quoted(name)} not found")
    except UnreadableCharmError as exc:
        raise exc.annotated("invalid charm archive") from exc
    tree = _extracted(archive, "", "cannot extract uploaded charm")
    if isinstance(tree.find("revision"), dict):
        raise UnreadableCharmError(
            f"cannot extract uploaded charm: open {PLACE}/revision: is a directory"
        )
    extracted = {name: tree.find(name) for name in _DOCUMENTS if name != "revision"}
    others = {name: node for name, node in extracted.items() if node is not members.get(name)}
    if others:
        again = _read_tree(archive, extracted, "cannot read extracted charm")
        declared.version = again.version
    return declared


def _read_below(archive: zipfile.ZipFile, root: str) -> _Declared:
    """Read the documents of a directory of an archive after extracting it."""
    tree = _extracted(archive, root, "cannot extract charm archive")
    nodes = {name: tree.find(name) for name in _DOCUMENTS}
    return _read_tree(archive, nodes, "cannot read extracted archive")


def _extracted(archive: zipfile.ZipFile, root: str, prefix: str) -> Tree:
    tree = Tree(archive)
    try:
        tree.extract(root)
    except UnreadableCharmError as exc:
        raise exc.annotated(prefix) from exc
    return tree


def _read_tree(archive: zipfile.ZipFile, nodes: dict[str, Node | None], prefix: str) -> _Declared:
    declared = _Declared()
    try:
        for name, node in nodes.items():
            if node is not None:
                text = _node_text(archive, node, name)
                _take(declared, name, text, _ANNOTATED_IN_DIRECTORY)
            elif name == "metadata.yaml":
                raise _not_found(
                    f"reading {quoted(name)} file: open {PLACE}/{name}: no such file or directory"
                )
    except UnreadableCharmError as exc:
        raise exc.annotated(prefix) from exc
    return declared


def _not_found(message: str) -> UnreadableCharmError:
    return UnreadableCharmError(message)


def _take(
    declared: _Declared, name: str, text: Callable[[], str], annotated: tuple[str, ...]
) -> None:
    try:
        declared.take(name, text())
    except UnreadableCharmError as exc:
        if name not in annotated:
            raise
        raise exc.annotated(f'parsing "{name}" file') from exc


def _member_text(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Callable[[], str]:
    is_yaml = member.filename.endswith(".yaml")

    def text() -> str:
        data = content(archive, member)
        return decoded(data) if is_yaml else data.decode(errors="replace")

    return text


def _node_text(archive: zipfile.ZipFile, node: Node, name: str) -> Callable[[], str]:
    if isinstance(node, zipfile.ZipInfo):
        return _member_text(archive, node)

    def text() -> str:
        if name == "revision":
            raise UnreadableCharmError("invalid revision file")
        opening = "cannot read version file: " if name == "version" else ""
        raise UnreadableCharmError(f"{opening}read {PLACE}/{name}: is a directory")

    return text
