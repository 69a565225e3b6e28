"""Resource files in a directory of charms."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ckf_airgap.charms.charm import Resource
from ckf_airgap.errors import AirgapError
from ckf_airgap.files import open_regular
from ckf_airgap.rehearsal.entities.imagedetails import read_image_details
from ckf_airgap.rehearsal.entities.repository import StoreFile
from ckf_airgap.rehearsal.entities.storeresources import StoreResource, resource_revision
from ckf_airgap.rehearsal.wire import ApiError

_NAME: Final = re.compile(r"^(?:[a-z0-9][a-z0-9-]*_)?resource_.+_r[0-9]+(?:_.+)?\Z")
"""Names that look like those of resource files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadResources:
    """The resources in a directory.

    Attributes:
        by_charm: The resources by the charm's name in the store.
        problems: What is wrong with the other files, a sentence each.
    """

    by_charm: Mapping[str, Sequence[StoreResource]]
    problems: tuple[str, ...] = ()

    def attached(self, files: Iterable[StoreFile]) -> Iterator[StoreFile]:
        """Yield the charms, each with the files found for the resources that it declares."""
        for file in files:
            found = sorted(self.by_charm.get(file.name, ()), key=lambda one: one.revision)
            resources = {
                name: tuple(one for one in found if one.name == name)
                for name in file.charm.resources
            }
            yield replace(file, resources={name: some for name, some in resources.items() if some})


def read_resources(directory: Path, files: Sequence[StoreFile]) -> ReadResources:
    """Return the resources next to charms; blocks on the disk.

    A file is named as by ``juju download --resources``, ``resource_<resource>_r<N>`` followed by
    ``_<file>``, and belongs to the charm that declares the resource. If several charms do, the
    name must include the charm: ``<charm>_resource_<resource>_r<N>``. A file that does not belong
    to a charm, or cannot be read, is skipped, and reported.

    Args:
        directory: The directory of the charms.
        files: The charms.
    """
    by_charm: dict[str, list[StoreResource]] = {}
    problems: list[str] = []
    for path in sorted(directory.glob("*resource_*_r*")):
        if not _NAME.match(path.name) or path.suffix == ".charm":
            continue
        owners = {
            file.name: (resource, revision)
            for file in files
            for resource in file.charm.resources.values()
            if (revision := resource_revision(path.name, resource, charm=file.name)) is not None
        }
        if len(owners) != 1:
            problems.append(_unclear(path, sorted(owners)))
            continue
        ((charm, (resource, revision)),) = owners.items()
        try:
            by_charm.setdefault(charm, []).append(_read(path, resource, revision))
        except (AirgapError, ApiError) as error:
            problems.append(f"{path} is no resource of {charm}: {error.message}")
        except OSError as error:
            problems.append(f"cannot read {path}: {error.strerror or error}")
    return ReadResources(by_charm=by_charm, problems=tuple(problems))


def _unclear(path: Path, owners: Sequence[str]) -> str:
    if not owners:
        return f"{path} is not used: no charm beside it declares such a resource"
    return (
        f"{path} is not used: {', '.join(owners)} declare such a resource; put the charm's name "
        f"first, as in {owners[0]}_{path.name}"
    )


def _read(path: Path, resource: Resource, revision: int) -> StoreResource:
    digest, size = hashlib.sha384(), 0
    with open_regular(path) as body:
        while chunk := body.read(1024 * 1024):
            digest.update(chunk)
            size += len(chunk)
    return StoreResource(
        name=resource.name,
        revision=revision,
        path=path.absolute(),
        size_bytes=size,
        fingerprint=digest.hexdigest(),
        image=read_image_details(path)[0] if resource.is_image else None,
    )
