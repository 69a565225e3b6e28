"""From the names of files to a rendering: reads what a person names, and renders it.

The edge in front of `ckf_airgap.rendering.overlay.render`, which is pure.
"""

from __future__ import annotations

import dataclasses
import filecmp
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.bundlefile import Overlays, load_bundle, load_overlays
from ckf_airgap.bundle.charmpaths import local_files
from ckf_airgap.bundle.checks import Setting, with_overlays
from ckf_airgap.bundle.choosing import choose_charms
from ckf_airgap.charms.charmfile import read_charm
from ckf_airgap.charms.directory import CharmDirectory
from ckf_airgap.concurrency import in_thread
from ckf_airgap.documents import MAX_BYTES, load_mapping
from ckf_airgap.errors import (
    InputError,
    ReleaseNotFoundError,
    UsageError,
    capitalised,
    nearest,
    unreadable,
)
from ckf_airgap.facts.defaults import DEFAULT_CHARMS, DEFAULT_IMAGES, DEFAULT_MODEL
from ckf_airgap.facts.releases import (
    Release,
    load_release,
    release_names,
    release_of_bundle,
    rules_for_bundle,
    site_for_bundle,
)
from ckf_airgap.facts.site import Site
from ckf_airgap.files import read_small_text
from ckf_airgap.files.paths import settle
from ckf_airgap.images.lists import ImageList, RetaggedImages
from ckf_airgap.images.reference import Registry
from ckf_airgap.images.resourcefiles import read_resource_files
from ckf_airgap.images.resources import ResourceFiles, with_resources
from ckf_airgap.images.retag import RetagMapping
from ckf_airgap.images.rules import ImageRules
from ckf_airgap.rendering.allowing import parse_place
from ckf_airgap.rendering.overlay import Rendering, render
from ckf_airgap.rendering.site import look_at_site

Carrier: TypeAlias = Callable[[ResourceFiles], ResourceFiles]
"""Takes the files of resources to where they will be, and returns them there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a bundle is rendered from, as a person names it.

    Attributes:
        bundle: The path of a bundle, or the name of a shipped release such as ``1.11``.
        charms: The directory of ``.charm`` files; ``None`` is `DEFAULT_CHARMS`.
        images: The list of images in the registry; ``None`` is `DEFAULT_IMAGES`, or all of the
            mapping when there is one.
        mapping: The mapping file of ``images retag``, which says where each image is.
        registry: The private registry, ``HOST[:PORT][/PATH]``; ``None`` takes it from the list.
        settings: ``APP.OPTION=VALUE``, applied last.
        overlays: The user's own overlays.
        rules: A file of image rules, added to those of the release or of the releases that
            the channels of the charms belong to; see `ImageRules.extended_by`.
        relative_to: The directory that ``charm:`` paths start from; ``None`` is that of the
            charms.
        architecture: The architecture that charms are chosen for where the constraints of an
            application name none; ``None`` is amd64.
        allow_public: ``APP.OPTION``, in which a part of references may stay public.
        model: The name of the model, which some addresses of a release have in them.
    """

    bundle: str | Path
    charms: Path | None = None
    images: Path | None = None
    mapping: Path | None = None
    registry: str | None = None
    settings: tuple[str, ...] = ()
    overlays: tuple[Path, ...] = ()
    rules: Path | None = None
    relative_to: Path | None = None
    architecture: str | None = None
    allow_public: tuple[str, ...] = ()
    model: str = DEFAULT_MODEL

    def __post_init__(self) -> None:
        settle(self)

    def for_model(self, model: str) -> Inputs:
        """Return the same for a model that is named as ``[CONTROLLER:][OWNER/]MODEL``."""
        return dataclasses.replace(self, model=model.rpartition(":")[2].rpartition("/")[2])

    def absolute(self) -> Inputs:
        """Return the same with paths that start from no directory; blocks on the disk."""

        def whole(path: str | Path) -> Path:
            return Path(path).expanduser().absolute()

        def optional(path: Path | None) -> Path | None:
            return None if path is None else whole(path)

        return dataclasses.replace(
            self,
            bundle=self.bundle if str(self.bundle) in release_names() else whole(self.bundle),
            charms=optional(self.charms),
            images=optional(self.images),
            mapping=optional(self.mapping),
            rules=optional(self.rules),
            relative_to=optional(self.relative_to),
            overlays=tuple(whole(path) for path in self.overlays),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedBundle:
    """A bundle, and the shipped release that it is, if it is one."""

    bundle: Bundle
    release: Release | None
    where: str

    @property
    def rules(self) -> ImageRules:
        """The image rules that fit the bundle."""
        return self.release.rules if self.release else rules_for_bundle(self.bundle)

    @property
    def site(self) -> Site:
        """What a site must set for the bundle."""
        return self.release.site if self.release else site_for_bundle(self.bundle)


def find_bundle(name: str | Path) -> NamedBundle:
    """Read the bundle that a path or the name of a shipped release stands for.

    A name without a slash that is a release is that release, whatever the current directory holds.

    Raises:
        ReleaseNotFoundError: when it is neither.
        BundleError: when the file is not a bundle.
    """
    text = str(name)
    releases = release_names()
    if text in releases:
        release = load_release(text)
        bundle = dataclasses.replace(release.bundle, directory=None)  # no path of a user's is there
        return NamedBundle(bundle=bundle, release=release, where=f"release {text}")
    path = Path(name).expanduser()
    if path.exists():
        return NamedBundle(bundle=load_bundle(path), release=None, where=str(path))
    hint = nearest(text, releases)
    known = f"Shipped releases are {', '.join(releases) or 'none'}."
    raise ReleaseNotFoundError(
        f"{text!r} is neither a file nor a shipped release",
        fix=f"{capitalised(hint)} {known}".strip(),
    )


def release_name(inputs: Inputs, rendering: Rendering) -> str:
    """Return the release that was rendered, by name or as a copy; empty for another bundle."""
    name = str(inputs.bundle)
    return name if name in release_names() else release_of_bundle(rendering.source)


async def render_release(inputs: Inputs) -> Rendering:
    """Read what `inputs` names and render it, in a thread.

    Returns:
        The overlay, the merged bundle, and every image that was exchanged.

    Raises:
        MissingError: when a release, a charm file or an image is missing.
        InputError: when a file or a setting is not what it must be.
        UsageError: when a setting has not the form ``APP.OPTION=VALUE``.
    """
    return await in_thread(read_and_render, inputs)


def read_and_render(
    inputs: Inputs, *, named: NamedBundle | None = None, carry: Carrier | None = None
) -> Rendering:
    """Do what `render_release` does; blocks.

    Args:
        inputs: What to read.
        named: The bundle, when it has been read before.
        carry: Takes the files of resources elsewhere, and returns where they are then.
    """
    registry = parse_registry(inputs)
    named = named or find_bundle(inputs.bundle)
    return _render(inputs, named, registry, by_rule=False, carry=carry)


def render_by_rule(inputs: Inputs, named: NamedBundle, registry: Registry) -> Rendering:
    """Render as if every image that is needed had been retagged into `registry`; blocks.

    Args:
        inputs: What to read; its list of images is not.
        named: The bundle.
        registry: Where the images are taken to be.

    Raises:
        InputError: as `render_release`, and when two images would share one place.
    """
    return _render(inputs, named, registry, by_rule=True)


def _render(
    inputs: Inputs,
    named: NamedBundle,
    registry: Registry | None,
    *,
    by_rule: bool,
    carry: Carrier | None = None,
) -> Rendering:
    settings = parse_settings(inputs)
    overlays = load_overlays(inputs.overlays, named.bundle.directory)
    charms = scan_charms(named, overlays, (inputs.charms or DEFAULT_CHARMS).expanduser())
    effective, _ = with_overlays(  # its problems are raised by render
        named.bundle, overlays.documents, overlays.names
    )
    chosen = choose_charms(effective, charms, architecture=inputs.architecture)
    resources = read_resource_files(effective, chosen.charms)
    rules = read_rules(inputs, named)
    site = look_at_site(effective, settings, named.site, model=inputs.model)
    rendering = render(
        named.bundle,
        charms=charms,
        resources=resources if carry is None else carry(resources),
        images=None if by_rule else read_images(inputs, registry),
        registry=registry,
        rules=rules,
        settings=[*site.settings, *settings],
        overlays=overlays.documents,
        overlay_names=overlays.names,
        relative_to=inputs.relative_to,
        architecture=inputs.architecture,
        allow_public=map(parse_place, inputs.allow_public),
    )
    return dataclasses.replace(
        rendering,
        warnings=(*overlays.warnings, *rendering.warnings, *site.warnings),
        after=site.after,
        source=with_resources(effective, resources),
        rules=rules,
    )


def read_images(inputs: Inputs, registry: Registry | None) -> ImageList | RetaggedImages:
    """Read the list of images in the registry, or the mapping that says where they are.

    Raises:
        ImageNotFoundError: when a file is missing.
        InputError: when a file is not what it must be.
        UsageError: when the mapping is for another registry than the one that is named.
    """
    if inputs.mapping is None:
        return ImageList.read((inputs.images or DEFAULT_IMAGES).expanduser())
    mapping = RetagMapping.read(inputs.mapping.expanduser())
    if registry is not None and registry != mapping.registry:
        raise UsageError(
            f"{inputs.mapping} is the mapping for {mapping.registry}, not for {registry}",
            fix="Leave out --registry, or retag the list for that registry.",
        )
    return mapping.retagged(ImageList.read(inputs.images.expanduser()) if inputs.images else None)


def parse_settings(inputs: Inputs) -> list[Setting]:
    """Return the settings; `UsageError` when one has not the right form."""
    return [Setting.parse(text) for text in inputs.settings]


def parse_registry(inputs: Inputs) -> Registry | None:
    """Return the registry, if one is named; `InputError` when it is not valid."""
    return Registry.parse(inputs.registry) if inputs.registry else None


def read_rules(inputs: Inputs, named: NamedBundle) -> ImageRules:
    """Return the rules that fit the bundle, with those of the user's file added."""
    return added_rules(inputs.rules, named)


def added_rules(path: Path | None, named: NamedBundle) -> ImageRules:
    """Return the rules that fit a bundle, with those of a file added; see `ImageRules.extended_by`.

    Raises:
        MissingError: when the file is not there.
        InputError: when the file holds no rules, or takes away images that are needed.
    """
    if path is None:
        return named.rules
    return named.rules.extended_by(read_rules_file(path), where=str(path))


def read_rules_file(path: Path) -> ImageRules:
    """Read image rules from a file.

    Raises:
        MissingError: when the file is not there.
        InputError: when it holds no rules.
    """
    try:
        text = read_small_text(path, MAX_BYTES, what="a file of rules", pipes=True)
    except UnicodeDecodeError as exc:
        raise InputError(f"{path} is not a file of rules: it is not UTF-8 text") from exc
    except OSError as exc:
        fix = "Name an existing file with --rules FILE."
        raise unreadable(exc, f"the rules {path}", fix=fix) from exc
    where = str(path)
    return ImageRules.from_document(load_mapping(text, where=where), where=where)


def scan_charms(named: NamedBundle, overlays: Overlays, path: Path) -> CharmDirectory:
    """Read the charm files that a bundle names by their paths, and those of a directory.

    A broken file that nobody asks for is passed over. The directory may be missing when the bundle
    names all its charms by paths, and all of them are there.

    Args:
        named: The bundle.
        overlays: The user's own overlays.
        path: The directory.
    """
    merged, _ = with_overlays(  # whoever uses the charms has the problems
        named.bundle, overlays.documents, overlays.names
    )
    files = local_files(merged)
    here = {name: _carried(file, path) for name, file in files.items() if file.is_file()}
    names = {
        application.charm_name
        for name, application in merged.applications.items()
        if name not in here
    }
    if names or path.exists():
        scanned = CharmDirectory.scan(path, wanted=names)
    else:
        scanned = CharmDirectory.of((), path=path)
    known = {charm.path: charm for charm in scanned.all_files if charm.path is not None}
    for file in here.values():
        if file not in known:
            known[file] = read_charm(file)
    found = {name: known[file] for name, file in here.items()}
    return dataclasses.replace(scanned, named=found)


def _carried(file: Path, directory: Path) -> Path:
    """Return the copy of a file in a directory if there is one, as in a pack, else the file."""
    copy = directory / file.name
    if copy.is_file() and (copy.samefile(file) or filecmp.cmp(copy, file, shallow=False)):
        return copy
    return file
