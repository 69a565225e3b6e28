"""Stand-in charms: real ``.charm`` files with the declarations of a charm, but no behaviour.

They have the layout of a packed charm, so that every client accepts them as one, and the same bytes
wherever they are made: nothing in them is compressed, dated or ordered by chance.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias

from ckf_airgap.charms.charm import ROLES, Base, Charm, Endpoint, Option, Resource
from ckf_airgap.documents import Document, JSONValue, dump_yaml
from ckf_airgap.facts.releases import Release
from ckf_airgap.files import replacing
from ckf_airgap.files.paths import StrPath

Layout: TypeAlias = Literal["metadata", "charmcraft"]
"""Where the charm says what it declares: ``metadata.yaml`` and ``config.yaml``, as packed charms
do, or everything in ``charmcraft.yaml``."""

FIRST_REVISION: Final = 100
REVISION_STEP: Final = 7

_CREATED: Final = (2024, 1, 1, 0, 0, 0)
"""The date of every member; a zip archive cannot leave it out."""

_CHUNK: Final = bytes(1024 * 1024)

_PADDING_FILE: Final = "venv/padding.bin"

_DISPATCH: Final = """\
#!/bin/sh
JUJU_DISPATCH_PATH="${JUJU_DISPATCH_PATH:-$0}" PYTHONPATH=lib:venv exec ./src/charm.py
"""

_CHARM_PY: Final = '''\
#!/usr/bin/env python3
"""A stand-in for the charm {name}, made by ckf-airgap for rehearsals.

It declares the resources, options and endpoints of the charm, and holds none of its code.
A rehearsal lets its units go on to ActiveStatus, as those of the charm itself do.
"""

raise SystemExit("this is a stand-in for the charm {name}: it declares the charm, and does nothing")
'''


def standin_revisions(release: Release) -> Mapping[str, int]:
    """Return a revision for each charm of a release.

    The facts of a release have no revisions, so these are invented, but always the same: 100
    for the first charm by name, 107 for the second, and so on, 7 apart.
    """
    return {
        name: FIRST_REVISION + REVISION_STEP * position
        for position, name in enumerate(sorted(release.charms))
    }


def write_standins(release: Release, directory: StrPath, *, padding_bytes: int = 0) -> list[Path]:
    """Write a stand-in for each charm of a release, with the revisions of `standin_revisions`.

    Args:
        release: The release.
        directory: Where to write; created if missing.
        padding_bytes: What to add to the size of each file.

    Returns:
        The files, in the order of the charms' names.
    """
    directory = Path(directory)
    return [
        write_standin(
            release.charms[name],
            directory,
            revision,
            padding_bytes=padding_bytes,
            empty_config="config.yaml" in release.files[name],
        )
        for name, revision in standin_revisions(release).items()
    ]


def write_standin(
    charm: Charm,
    directory: StrPath,
    revision: int,
    *,
    padding_bytes: int = 0,
    layout: Layout = "metadata",
    empty_config: bool = False,
) -> Path:
    """Write ``<charm>_r<revision>.charm``, which declares what `charm` does.

    Blocks on the disk. The file appears under its name only once it is complete.

    Args:
        charm: What to declare. ``needed`` marks of endpoints are left out, as charms have none.
        directory: Where to write; created if missing.
        revision: The revision in the file's name.
        padding_bytes: The size of a member of zeros to add, for files as large as real ones. It is
            written as a stream: memory does not grow with it.
        layout: Which documents to write.
        empty_config: Write a ``config.yaml`` even when the charm has no options, as some charms do.

    Returns:
        The path of the file.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{charm.name}_r{revision}.charm"
    with (
        # Not synced to disk: a rehearsal writes some fifty of them and can recreate them.
        replacing(path, mode=0o644, durable=False) as stream,
        zipfile.ZipFile(stream, mode="w", compression=zipfile.ZIP_STORED) as archive,
    ):
        files = standin_files(charm, layout=layout, empty_config=empty_config)
        for name, text in sorted(files.items()):
            executable = name in ("dispatch", "src/charm.py")
            archive.writestr(_member(name, executable=executable), text.encode("utf-8"))
        if padding_bytes > 0:
            _pad(archive, padding_bytes)
    return path


def standin_files(
    charm: Charm, *, layout: Layout = "metadata", empty_config: bool = False
) -> dict[str, str]:
    """Return the text files of a stand-in, by their path in the archive; see `write_standin`."""
    metadata = _metadata(charm)
    config = _config(charm) if charm.options or empty_config else None
    charmcraft: Document = {"type": "charm"}
    if layout == "charmcraft":
        charmcraft |= metadata
        if config is not None:
            charmcraft["config"] = config
    charmcraft["platforms"] = {
        f"{base}:{architecture}": None
        for base in charm.bases
        for architecture in base.architectures or ("amd64",)
    }
    charmcraft["parts"] = {"charm": {"plugin": "charm"}}
    files = {
        "charmcraft.yaml": dump_yaml(charmcraft),
        "dispatch": _DISPATCH,
        "manifest.yaml": dump_yaml({"bases": [_base(base) for base in charm.bases]}),
        "src/charm.py": _CHARM_PY.format(name=charm.name),
    }
    if layout == "metadata":
        files["metadata.yaml"] = dump_yaml(metadata)
        if config is not None:
            files["config.yaml"] = dump_yaml(config)
    return files | {file.path: file.text for file in charm.default_images}


def _metadata(charm: Charm) -> Document:
    """Return the metadata document, with the texts that Juju insists on.

    Whatever the charm's own document lacks is generated from its values, so that a `Charm` built by
    hand in a test is declared in full.
    """
    metadata: Document = {
        "name": charm.name,
        "summary": charm.summary or f"Stand-in for the charm {charm.name}.",
        "description": f"Declares what the charm {charm.name} declares, and does nothing.\n",
    }
    if charm.subordinate:
        metadata["subordinate"] = True
    if charm.resources:
        metadata["resources"] = {
            name: _resource(resource) for name, resource in charm.resources.items()
        }
    for key, role in ROLES:
        ends = {name: _endpoint(end) for name, end in charm.endpoints.items() if end.role == role}
        if ends:
            metadata[key] = ends
    if charm.series:
        metadata["series"] = list(charm.series)
    return metadata | dict(charm.metadata)


def _resource(resource: Resource) -> JSONValue:
    fields: Document = {"type": resource.type}
    if resource.filename:
        fields["filename"] = resource.filename
    if resource.description:
        fields["description"] = resource.description
    if resource.upstream_source:
        fields["upstream-source"] = resource.upstream_source
    return fields


def _endpoint(endpoint: Endpoint) -> JSONValue:
    fields: Document = {"interface": endpoint.interface}
    if endpoint.limit is not None:
        fields["limit"] = endpoint.limit
    if endpoint.optional:
        fields["optional"] = True
    if endpoint.scope != "global":
        fields["scope"] = endpoint.scope
    return fields


def _config(charm: Charm) -> Document:
    return {"options": {name: _option(option) for name, option in charm.options.items()}}


def _option(option: Option) -> JSONValue:
    fields: Document = {"type": option.type}
    if option.default is not None:
        fields["default"] = option.default
    if option.description:
        fields["description"] = option.description
    return fields


def _base(base: Base) -> JSONValue:
    fields: Document = {"name": base.name, "channel": base.channel}
    if base.architectures:
        fields["architectures"] = list(base.architectures)
    return fields


def _member(name: str, *, executable: bool = False) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, date_time=_CREATED)
    member.create_system = 3  # Unix, so that the mode below counts
    member.external_attr = (0o100755 if executable else 0o100644) << 16
    return member


def _pad(archive: zipfile.ZipFile, size_bytes: int) -> None:
    member = _member(_PADDING_FILE)
    member.file_size = size_bytes
    with archive.open(member, mode="w") as stream:
        left = size_bytes
        while left > 0:
            left -= stream.write(_CHUNK[: min(left, len(_CHUNK))])
