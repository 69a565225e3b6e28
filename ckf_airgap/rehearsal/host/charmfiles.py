"""A directory of ``.charm`` files as the charm store of a controller."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ckf_airgap.charms.charmfile import read_charm, store_name_of
from ckf_airgap.errors import AirgapError, CharmError, CharmNotFoundError
from ckf_airgap.rehearsal.entities.repository import CharmRepository, StoreFile, normal_channel
from ckf_airgap.rehearsal.host.resourcefiles import read_resources
from ckf_airgap.rehearsal.wire import ApiError

ReleasedTo: TypeAlias = "Mapping[tuple[str, int], Iterable[str]]"
"""The channels of charms, by their name in the store and revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadStore:
    """The contents of a directory.

    Attributes:
        repository: The charms that can be deployed.
        problems: What is wrong with the other files, a sentence each.
    """

    repository: CharmRepository
    problems: tuple[str, ...] = ()


def read_store(directory: Path, *, released: ReleasedTo | None = None) -> ReadStore:
    """Return the charms of a directory; blocks on the disk.

    ``<charm>_r<N>.charm`` (as ``juju download`` names it) gives the name in the store and the
    revision. Any other file has the name that its charm declares, and revision 0. For the names of
    resource files see `read_resources`. A file that cannot be read is skipped, and reported.

    Args:
        directory: The directory; its sub-directories and hidden files are ignored.
        released: The channels of charms, as far as known; other charms are in every channel.

    Raises:
        CharmNotFoundError: when the directory does not exist.
        CharmError: when it is not a directory, or contains no readable charm.
    """
    if not directory.exists():
        raise CharmNotFoundError(
            f"there is no charms directory {directory}", fix="Name it with --charms DIR."
        )
    if not directory.is_dir():
        raise CharmError(f"{directory} is not a directory", fix="Name one with --charms DIR.")
    files: list[StoreFile] = []
    problems: list[str] = []
    for path in sorted(directory.glob("*.charm")):
        if path.name.startswith("."):
            continue
        try:
            charm = read_charm(path)
            name, revision = store_name_of(path.name) or charm.name, charm.revision or 0
            channels = (released or {}).get((name, revision), ())
            files.append(
                StoreFile(
                    charm=charm,
                    path=path.absolute(),
                    name=name,
                    revision=revision,
                    channels=frozenset(map(normal_channel, channels)),
                )
            )
        except (AirgapError, ApiError) as error:
            problems.append(error.message)
    if not files:
        found = "; ".join(problems) if problems else "it has no .charm file"
        raise CharmError(f"{directory} holds no charm: {found}")
    resources = read_resources(directory, files)
    return ReadStore(
        repository=CharmRepository.of(resources.attached(files)),
        problems=(*problems, *resources.problems),
    )
