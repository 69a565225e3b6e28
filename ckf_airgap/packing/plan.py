"""What is packed and how, what came of it, and who is notified meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ckf_airgap.charmhub.download import CharmEvent
from ckf_airgap.errors import Problem
from ckf_airgap.files.paths import settle
from ckf_airgap.images.lists import Need
from ckf_airgap.images.reference import Registry
from ckf_airgap.operations.charms import CharmSources
from ckf_airgap.operations.imagesettings import TransferReport, TransferSettings
from ckf_airgap.operations.lock import Lock
from ckf_airgap.packing import names
from ckf_airgap.packing.since import Assumes
from ckf_airgap.packing.tool import ToolTarget

WORK_SUFFIX: Final = ".work"
"""Ends the name of the directory next to a pack that holds what is not finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackPlan:
    """What is packed, and how.

    Attributes:
        charms: The bundle, and where its charms come from.
        registry: The private registry.
        output: The directory of the pack.
        transfer: How images are moved.
        need: Which images of the bundle are packed; the overlay names all in any case. ``None`` is
            all whose tag is known.
        gzip: Whether the images are in ``images.tar.gz``; else in ``images.tar``.
        append: Lists of additional images.
        juju_version: Add the images of an offline controller of this version.
        rules: A file of image rules, added to those that fit the bundle.
        allow_public: ``APP.OPTION``, in which a part of references may stay public.
        settings: ``APP.OPTION=VALUE`` for the overlay.
        max_depth: The levels that a path in the registry may have.
        part_bytes: Split archives into parts of this size.
        since: The lock of the pack that the other side has.
        signing_key: The Ed25519 key to sign with.
        tool: The machine that ckf-airgap is carried for; ``None`` leaves it out.
    """

    charms: CharmSources
    registry: Registry
    output: Path
    transfer: TransferSettings = field(default_factory=TransferSettings)
    need: Need | None = None
    gzip: bool = True
    append: tuple[Path, ...] = ()
    juju_version: str | None = None
    rules: Path | None = None
    allow_public: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    max_depth: int | None = None
    part_bytes: int | None = None
    since: Lock | None = None
    signing_key: Path | None = None
    tool: ToolTarget | None = None

    def __post_init__(self) -> None:
        settle(self)

    @property
    def work(self) -> Path:
        """The directory for what is not finished."""
        return self.output.with_name(self.output.name + WORK_SUFFIX)

    @property
    def images_name(self) -> str:
        """The name of the archive of images."""
        return names.IMAGES[0] if self.gzip else names.IMAGES[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A finished pack.

    Attributes:
        directory: Where it is.
        lock: What is in it.
        size: Bytes of all its files.
        files: How many there are.
        charms_fetched: Charms that came over the network in this run.
        images: What became of the images.
        left_out: Images of the bundle that neither this pack nor the one before it holds.
        user_tagged: Names that are not packed because their users choose the tag.
        assumes: What is left out.
        warnings: What a person should look at.
    """

    directory: Path
    lock: Lock
    size: int
    files: int
    charms_fetched: int
    images: TransferReport
    left_out: tuple[str, ...]
    user_tagged: tuple[str, ...]
    assumes: Assumes | None
    warnings: tuple[Problem, ...] = ()


class PackObserver:
    """Is notified of the progress of packing. A subclass overrides what it wants to know."""

    def on_step(self, text: str) -> None:
        """Take what is being done now, as a line to read."""

    def on_bytes(self, count: int) -> None:
        """Take how many bytes a step read or wrote on the disk.

        Called in a thread, which nothing but an exception raised here can stop.
        """

    def on_charm(self, event: CharmEvent) -> None:
        """Take the progress of charms."""
