"""The releases of Charmed Kubeflow that are shipped with ckf-airgap.

Each is a directory of facts under ``bundles/``: the bundle as published, what its charms declare,
and the images that they do not. ``docs/bundles.md`` describes the files; each names
the repositories and commits it was made from.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ckf_airgap.bundle.bundle import Application, Bundle
from ckf_airgap.bundle.bundlefile import load_bundle
from ckf_airgap.charms.charm import Charm, DefaultImages, charm_from_documents
from ckf_airgap.documents import Document, JSONValue, as_mapping, dump_yaml, load_mapping, type_name
from ckf_airgap.errors import InputError, ReleaseNotFoundError, nearest
from ckf_airgap.facts.site import DeployedAfter, Site, SiteSetting, read_site
from ckf_airgap.facts.upgrades import ReleaseUpgrade, read_upgrade
from ckf_airgap.images.rules import CharmRules, ExtraImage, ImageRules

BUNDLE_FILE: Final = "bundle.yaml"
CHARMS_FILE: Final = "charms.yaml"
IMAGES_FILE: Final = "images.yaml"

_METADATA_KEYS: Final = (
    "resources",
    "provides",
    "requires",
    "peers",
    "containers",
    "storage",
    "assumes",
    "series",
    "min-juju-version",
    "charm-user",
)
"""Keys of a charm in ``charms.yaml`` that are keys of its ``metadata.yaml`` too."""

_CHARM_KEYS: Final = frozenset(
    {"source", "options", "default-images", "bases", "files", *_METADATA_KEYS}
)

_RISKS: Final = ("stable", "candidate", "beta", "edge")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseSource:
    """Where facts were read: a path in a GitHub repository at a commit."""

    repo: str
    """``owner/name``."""
    commit: str
    path: str
    branch: str | None = None
    """The branch that the charm's channel is built from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A shipped release of Charmed Kubeflow."""

    name: str
    directory: Path
    bundle: Bundle = field(repr=False)
    source: ReleaseSource
    """Where the bundle was published."""
    charms: Mapping[str, Charm] = field(repr=False)
    """What the charms of the bundle declare, by charm name; without revision and file."""
    sources: Mapping[str, ReleaseSource] = field(repr=False)
    """Where each charm's facts were read."""
    files: Mapping[str, tuple[str, ...]] = field(repr=False)
    """The documents inside each packed charm, as paths in the archive."""
    rules: ImageRules = field(repr=False)
    site: Site = field(repr=False, default_factory=Site)
    """What a site must set, and what must come first."""
    upgrade: ReleaseUpgrade | None = field(repr=False, default=None)
    """What an upgrade to it needs; ``None`` when nothing is known of it."""

    @property
    def bundle_path(self) -> Path:
        """The file of the bundle."""
        return self.directory / BUNDLE_FILE


def data_directory() -> Path:
    """Return the directory that holds a directory for each release.

    An installed package has it inside, a checkout next to the package.
    """
    package = Path(__file__).resolve().parents[1]
    installed = package / "bundles"
    return installed if installed.is_dir() else package.parent / "bundles"


def release_names() -> list[str]:
    """Return the names of the shipped releases, oldest first."""
    directory = data_directory()
    if not directory.is_dir():
        return []
    names = [path.parent.name for path in directory.glob(f"*/{BUNDLE_FILE}")]
    return sorted(names, key=_age)


def load_release(name: str) -> Release:
    """Return the shipped release of that name, such as ``1.11``.

    Raises:
        ReleaseNotFoundError: when it is not shipped; the message names those that are.
        InputError: when its files are damaged; the message names file and key.
    """
    directory = _directory(name)
    facts = _document(directory / CHARMS_FILE)
    where = str(directory / CHARMS_FILE)
    _only(facts, {"release", "source", "charms"}, where)
    charms: dict[str, Charm] = {}
    sources: dict[str, ReleaseSource] = {}
    files: dict[str, tuple[str, ...]] = {}
    for charm_name, value in _mapping(facts, "charms", where).items():
        place = f"{where}: {charm_name}"
        fields = as_mapping(value, where=place)
        _only(fields, _CHARM_KEYS, place)
        charms[charm_name] = _charm(charm_name, fields, place)
        sources[charm_name] = _source(_mapping(fields, "source", place), f"{place}: source")
        files[charm_name] = tuple(str(item) for item in _list(fields, "files", place))
    return Release(
        name=name,
        directory=directory,
        bundle=load_bundle(directory / BUNDLE_FILE),
        source=_source(_mapping(facts, "source", where), f"{where}: source"),
        charms=charms,
        sources=sources,
        files=files,
        rules=_load_rules(name),
        site=read_site(directory),
        upgrade=read_upgrade(directory),
    )


def needed_endpoints(release: Release) -> Mapping[str, frozenset[str]]:
    """Return, by charm name, the endpoints whose relations a unit waits for.

    Those are the requiring sides of the relations that the release's bundle makes. Every charm of
    the release is a key; charms that need no relation have an empty set.
    """
    return {
        name: frozenset(end.name for end in charm.endpoints.values() if end.needed)
        for name, charm in release.charms.items()
    }


def common_needed_endpoints() -> Mapping[str, frozenset[str]]:
    """Return, by charm name, what `needed_endpoints` says in every release that has the charm.

    For a model whose release is not known: a relation that only some releases make is not waited
    for.
    """
    common: dict[str, frozenset[str]] = {}
    for name in release_names():
        for charm, endpoints in needed_endpoints(load_release(name)).items():
            common[charm] = common.get(charm, endpoints) & endpoints
    return common


def rules_for_bundle(bundle: Bundle) -> ImageRules:
    """Return the image rules for a bundle, shipped or not.

    Each application whose charm and channel are those of a shipped release gets that release's
    rules for the charm (of several releases, the newest), so that a customised copy of a release
    keeps them. Charm base images and controller images are those of the newest release.
    """
    found: dict[str, CharmRules] = {}
    newest_first = [_load_rules(name) for name in reversed(release_names())]
    for application in bundle.applications.values():
        charm = application.charm_name
        if charm in found:
            continue
        for rules in newest_first:
            known = rules.charms.get(charm)
            if known is not None and _is_from(application, known.channel):
                found[charm] = known
                break
    latest = newest_first[0] if newest_first else ImageRules.empty()
    return ImageRules(
        charms=found,
        extra_images=_extra_images_for(bundle, newest_first),
        charm_bases=latest.charm_bases,
        juju=latest.juju,
    )


def _extra_images_for(bundle: Bundle, newest_first: list[ImageRules]) -> tuple[ExtraImage, ...]:
    """Return the extra images of charms whose channel is that of the newest release that has it."""
    found: dict[ExtraImage, None] = {}
    charms: set[str] = set()
    for rules in newest_first:
        channels = _channels(rules.release)
        here = {
            application.charm_name
            for application in bundle.applications.values()
            if application.charm_name in channels
            and _is_from(application, channels[application.charm_name])
        } - charms
        found |= {extra: None for extra in rules.extra_images if extra.charm in here}
        charms |= here
    return tuple(found)


def release_upgrades() -> Mapping[str, ReleaseUpgrade]:
    """Return the step to each shipped release of which one is known, by the release's name."""
    found = {name: read_upgrade(_directory(name)) for name in release_names()}
    return {name: upgrade for name, upgrade in found.items() if upgrade is not None}


def extra_images() -> tuple[ExtraImage, ...]:
    """Return the images of all shipped releases that no resource and no option reaches."""
    found = {extra: None for name in release_names() for extra in _load_rules(name).extra_images}
    return tuple(found)


def release_of_bundle(bundle: Bundle) -> str:
    """Return the shipped release that a bundle's charms are from; empty when there is not one.

    It is the only release that has all of its charms in their channels. Charms that no release has
    do not count, and a bundle of which several releases have all the charms is of none.
    """
    found = []
    channels = {name: _channels(name) for name in release_names()}
    known = {charm for of_release in channels.values() for charm in of_release}
    placed = [app for app in bundle.applications.values() if app.charm_name in known]
    for name, of_release in channels.items():
        if placed and all(
            app.charm_name in of_release and _is_from(app, of_release[app.charm_name])
            for app in placed
        ):
            found.append(name)
    return found[0] if len(found) == 1 else ""


def site_for_bundle(bundle: Bundle) -> Site:
    """Return what a site must set for a bundle, shipped or not.

    Each application whose charm and channel are those of a shipped release gets what that release
    says of the charm; of several releases, the newest.
    """
    options: dict[str, Mapping[str, SiteSetting]] = {}
    after: dict[str, DeployedAfter] = {}
    newest_first = [(_channels(name), read_site(_directory(name))) for name in release_names()]
    newest_first.reverse()
    for application in bundle.applications.values():
        charm = application.charm_name
        for channels, site in newest_first:
            if charm not in channels or not _is_from(application, channels[charm]):
                continue
            if charm in site.options:
                options[charm] = site.options[charm]
            if charm in site.after:
                after[charm] = site.after[charm]
            break
    return Site(options=options, after=after)


def _channels(name: str) -> Mapping[str, str]:
    """Return the channel of each charm of a release's bundle."""
    return _published(_directory(name))


@functools.cache
def _published(directory: Path) -> Mapping[str, str]:
    """Return what `_channels` does; each deployment asks for it, of every release."""
    published = load_bundle(directory / BUNDLE_FILE)
    return {
        application.charm_name: application.channel
        for application in published.applications.values()
        if application.channel is not None
    }


def common_needed_options() -> Mapping[str, Mapping[str, str]]:
    """Return what `Site.needed_options` says in every release that has the charm.

    For a model whose release is not known: an option that only some releases need is not waited
    for.
    """
    releases = [load_release(name) for name in release_names()]
    common: dict[str, Mapping[str, str]] = {}
    for release in releases:
        for charm, options in release.site.needed_options.items():
            having = [other for other in releases if charm in other.charms]
            found = {
                name: message
                for name, message in options.items()
                if all(name in other.site.needed_options.get(charm, {}) for other in having)
            }
            if found:
                common[charm] = found
    return common


def _is_from(application: Application, channel: str) -> bool:
    return application.channel is not None and _full_channel(application.channel) == _full_channel(
        channel
    )


def _full_channel(channel: str) -> str:
    """Return a channel as ``track/risk``: ``stable`` is ``latest/stable``, ``1.9`` its stable."""
    track, slash, _ = channel.partition("/")
    if slash and track not in _RISKS:
        return channel
    return f"latest/{channel}" if track in _RISKS else f"{channel}/stable"


def _age(name: str) -> tuple[bool, tuple[int, ...], str]:
    """Order names: versions by number, then other names by letter."""
    parts = name.split(".")
    numbers = tuple(int(part) for part in parts if part.isdecimal())
    return (len(numbers) != len(parts), numbers, name)


def _directory(name: str) -> Path:
    names = release_names()
    if name not in names:
        shipped = f"Shipped releases: {', '.join(names) or 'none'}."
        hint = nearest(name, names)
        raise ReleaseNotFoundError(
            f"there is no shipped release {name!r}", fix=f"{hint} {shipped}".strip()
        )
    return data_directory() / name


def _load_rules(name: str) -> ImageRules:
    path = data_directory() / name / IMAGES_FILE
    return ImageRules.from_document(_document(path), where=str(path))


def _document(path: Path) -> Document:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as exc:
        raise InputError(f"cannot read {path}: {exc.strerror or exc}") from exc
    return load_mapping(text, where=str(path))


def _charm(name: str, fields: Document, where: str) -> Charm:
    metadata: Document = {"name": name}
    metadata |= {key: fields[key] for key in _METADATA_KEYS if key in fields}
    charm = charm_from_documents(
        metadata=metadata,
        config={"options": fields.get("options")},
        manifest={"bases": _list(fields, "bases", where)},
        default_images=[
            DefaultImages(path=path, text=_file_text(path, value), value=value)
            for path, value in _mapping(fields, "default-images", where).items()
        ],
        where=where,
    )
    return dataclasses.replace(charm, metadata=_without_marks(metadata))


def _without_marks(metadata: Document) -> Document:
    """Return the metadata as the charm has it: only our facts have ``needed``."""
    plain = dict(metadata)
    requires = plain.get("requires")
    if isinstance(requires, dict):
        plain["requires"] = {
            name: {key: value for key, value in fields.items() if key != "needed"}
            if isinstance(fields, dict)
            else fields
            for name, fields in requires.items()
        }
    return plain


def _file_text(path: str, value: JSONValue) -> str:
    """Return a file of default images in the format that its name implies."""
    return json.dumps(value, indent=4) + "\n" if path.endswith(".json") else dump_yaml(value)


def _source(fields: Document, where: str) -> ReleaseSource:
    _only(fields, {"repo", "branch", "commit", "path"}, where)
    texts = {key: value for key, value in fields.items() if isinstance(value, str)}
    missing = [key for key in ("repo", "commit", "path") if key not in texts]
    if missing:
        raise InputError(f"{where} has no {' and no '.join(missing)}")
    return ReleaseSource(
        repo=texts["repo"],
        commit=texts["commit"],
        path=texts["path"],
        branch=texts.get("branch"),
    )


def _mapping(fields: Document, key: str, where: str) -> Document:
    return as_mapping(fields.get(key), where=f"{where}: {key}")


def _list(fields: Document, key: str, where: str) -> list[JSONValue]:
    value = fields.get(key)
    if not isinstance(value, list):
        raise InputError(f"{where}: {key} must be a list, not {type_name(value)}")
    return value


def _only(fields: Document, known: frozenset[str] | set[str], where: str) -> None:
    for key in fields:
        if key not in known:
            hint = nearest(key, known)
            raise InputError(f"{where}: unknown key {key!r}", fix=hint)
