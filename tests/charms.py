"""Small charms for tests: real ``.charm`` files, written from a few arguments."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

JAMMY = {"name": "ubuntu", "channel": "22.04", "architectures": ["amd64"]}


def write_charm(
    directory: Path,
    name: str,
    *,
    images: tuple[str, ...] = (),
    files: Mapping[str, str] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    requires: Mapping[str, str] | None = None,
    provides: Mapping[str, str] | None = None,
    peers: Mapping[str, str] | None = None,
    members: Mapping[str, str | bytes | None] | None = None,
    filename: str | None = None,
) -> Path:
    """Write ``<name>.charm`` and return its path.

    Args:
        directory: Where to write.
        name: The charm's name.
        images: Names of resources that are OCI images.
        files: Names of resources that are files, with their file names.
        options: Options as in ``config.yaml``.
        requires: Endpoint to interface.
        provides: Endpoint to interface.
        peers: Endpoint to interface.
        members: More members; ``None`` leaves one out that would be there.
        filename: Another name for the file.
    """
    resources: dict[str, Any] = {image: {"type": "oci-image"} for image in images}
    resources |= {key: {"type": "file", "filename": path} for key, path in (files or {}).items()}
    metadata: dict[str, Any] = {"name": name, "summary": name, "description": f"The charm {name}."}
    for key, endpoints in (("requires", requires), ("provides", provides), ("peers", peers)):
        if endpoints:
            metadata[key] = {ep: {"interface": interface} for ep, interface in endpoints.items()}
    if resources:
        metadata["resources"] = resources
    content: dict[str, str | bytes | None] = {
        "metadata.yaml": yaml.safe_dump(metadata),
        "config.yaml": yaml.safe_dump({"options": dict(options)}) if options else None,
        "manifest.yaml": yaml.safe_dump({"bases": [JAMMY]}),
        "dispatch": "#!/bin/sh\nstatus-set active\n",
        **(members or {}),
    }
    path = directory / (filename or f"{name}.charm")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in content.items():
            if data is not None:
                archive.writestr(member, data)
    return path
