"""From the names of files to an inventory: lists the images of a bundle, explains, audits them.

The edge in front of `ckf_airgap.images.inventory.take_inventory`, which is pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.bundlefile import load_overlays
from ckf_airgap.bundle.checks import overlaid
from ckf_airgap.bundle.choosing import choose_charms
from ckf_airgap.charms.charm import Charm
from ckf_airgap.concurrency import in_thread
from ckf_airgap.errors import (
    CharmNotFoundError,
    Problem,
    raise_all,
)
from ckf_airgap.facts.defaults import DEFAULT_CHARMS
from ckf_airgap.facts.releases import Release
from ckf_airgap.files.paths import settle
from ckf_airgap.images.audit import AuditReport, audit_charms
from ckf_airgap.images.inventory import Inventory, take_inventory
from ckf_airgap.images.resourcefiles import read_resource_files
from ckf_airgap.images.resources import with_resources
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.operations.lists import read_image_list
from ckf_airgap.operations.rendering import NamedBundle, added_rules, find_bundle, scan_charms


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingInputs:
    """What an inventory is taken of, as a person names it.

    Attributes:
        bundle: The path of a bundle, or the name of a shipped release such as ``1.11``.
        charms: The directory of ``.charm`` files. ``None`` takes a shipped release from its facts,
            and the files of another bundle from `DEFAULT_CHARMS`.
        overlays: The user's own overlays.
        rules: A file of image rules, added to those of the release or of the releases that
            the channels of the charms belong to; see `ImageRules.extended_by`.
        juju_version: Add the images of an offline controller of this version of Juju.
        append: Lists of additional images.
        architecture: The architecture that charm files are chosen for where constraints name none;
            ``None`` is amd64.
    """

    bundle: str | Path
    charms: Path | None = None
    overlays: tuple[Path, ...] = ()
    rules: Path | None = None
    juju_version: str | None = None
    append: tuple[Path, ...] = ()
    architecture: str | None = None

    def __post_init__(self) -> None:
        settle(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """An inventory, and what it was taken of.

    Attributes:
        named: The bundle as it was found.
        bundle: The bundle with its overlays.
        charms: The charm of each application.
        rules: The image rules that were used.
        inventory: The images.
        from_files: Whether charm files were read; else the facts of the shipped release.
    """

    named: NamedBundle
    bundle: Bundle
    charms: Mapping[str, Charm] = field(repr=False)
    rules: ImageRules = field(repr=False)
    inventory: Inventory
    from_files: bool

    @property
    def taken_from(self) -> str:
        """What the inventory was taken from, for a person."""
        if self.from_files:
            return f"the charm files of {self.named.where}"
        return f"the facts of {self.named.where}, without charm files"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageAudit:
    """What an audit found.

    Attributes:
        listing: The inventory of the bundle whose charms were searched.
        report: What is in their files.
    """

    listing: Listing
    report: AuditReport


async def list_images(inputs: ListingInputs) -> Listing:
    """Read what `inputs` names and take the inventory, in a thread.

    Raises:
        MissingError: when a release, a charm file or a list is missing.
        InputError: when a file is not what it must be.
    """
    return await in_thread(read_listing, inputs)


def read_listing(inputs: ListingInputs) -> Listing:
    """Do what `list_images` does; blocks."""
    named = find_bundle(inputs.bundle)
    overlays = load_overlays(inputs.overlays, named.bundle.directory)
    bundle = overlaid(named.bundle, overlays.documents, overlays.names)
    from_files = inputs.charms is not None or named.release is None
    warnings = (*overlays.warnings, *bundle.warnings)
    if named.release is not None and inputs.charms is None:
        charms = _charms_of_release(bundle, named.release)
    else:
        directory = (inputs.charms or DEFAULT_CHARMS).expanduser()
        chosen = choose_charms(
            bundle, scan_charms(named, overlays, directory), architecture=inputs.architecture
        )
        charms, warnings = chosen.charms, (*warnings, *chosen.warnings)
    bundle = with_resources(bundle, read_resource_files(bundle, charms))
    rules = added_rules(inputs.rules, named)
    lists = [
        read_image_list(path, fix="Name an existing file with --append FILE.")
        for path in inputs.append
    ]
    inventory = take_inventory(bundle, charms, rules, juju_version=inputs.juju_version, lists=lists)
    return Listing(
        named=named,
        bundle=bundle,
        charms=charms,
        rules=rules,
        inventory=replace(inventory, warnings=(*warnings, *inventory.warnings)),
        from_files=from_files,
    )


async def audit_images(inputs: ListingInputs, *, dependencies: bool = False) -> ImageAudit:
    """Search charm files for images that no resource, option or rule declares.

    Args:
        inputs: The bundle, and its charm files; `DEFAULT_CHARMS` when none are named.
        dependencies: Search the charms' Python dependencies, too.

    Raises:
        MissingError: when a release, a charm file or a list is missing.
        InputError: when a file is not what it must be.
    """
    return await in_thread(_audit, inputs, dependencies=dependencies)


def _audit(inputs: ListingInputs, *, dependencies: bool) -> ImageAudit:
    listing = read_listing(replace(inputs, charms=inputs.charms or DEFAULT_CHARMS))
    report = audit_charms(
        listing.charms, listing.inventory, listing.rules, dependencies=dependencies
    )
    return ImageAudit(listing=listing, report=report)


def _charms_of_release(bundle: Bundle, release: Release) -> dict[str, Charm]:
    """Return the release's facts of each application's charm."""
    missing = [
        Problem(
            f"release {release.name} has no facts of the charm {application.charm_name}",
            f"application {name}",
            "name the charm files with --charms DIR",
        )
        for name, application in bundle.applications.items()
        if application.charm_name not in release.charms
    ]
    raise_all(CharmNotFoundError, "applications have no charm", missing)
    return {
        name: release.charms[application.charm_name]
        for name, application in bundle.applications.items()
    }
