"""What a charm declares: resources, options, endpoints, bases, and its default images.

Pure: made from documents that other modules have read (`ckf_airgap.charms.charmfile` reads
``.charm`` files, `ckf_airgap.facts.releases` the facts of a shipped release).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

from ckf_airgap.charms.architectures import normal_architecture
from ckf_airgap.documents import Document, JSONValue, as_mapping, type_name
from ckf_airgap.errors import CharmError

OptionType: TypeAlias = Literal["string", "int", "float", "boolean", "secret"]
OptionValue: TypeAlias = "str | int | float | bool"
Role: TypeAlias = Literal["provider", "requirer", "peer"]

CHARM_NAME: Final = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*\Z")
"""The charm name grammar of Juju's charm URLs."""

ROLES: Final[tuple[tuple[str, Role], ...]] = (
    ("provides", "provider"),
    ("requires", "requirer"),
    ("peers", "peer"),
)
"""The sections of a charm's metadata that declare endpoints, and the role each stands for."""

SERIES_CHANNELS: Final[Mapping[str, str]] = {
    "bionic": "18.04",
    "focal": "20.04",
    "jammy": "22.04",
    "noble": "24.04",
}
"""Ubuntu series names that bundles use, and the versions they stand for."""

SYSTEMS: Final = frozenset({"ubuntu", "centos", "windows", "osx", "opensuse", "genericlinux"})
"""The systems that a base can be of (``validOSForBase`` of Juju's charm library)."""

RISKS: Final = ("stable", "candidate", "beta", "edge")
"""The risks that a channel can have."""


_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})
"""The texts of a boolean (``strconv.ParseBool``)."""

_OLD_OCTAL: Final = re.compile(r"^(?P<sign>[+-]?)0(?=[0-7_])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource of a charm (``resources:`` in its metadata)."""

    name: str
    type: str = "oci-image"
    filename: str | None = None
    description: str = ""
    upstream_source: str | None = None
    """The image that the charm was tested with; a reference as the charm's author wrote it."""
    old_upstream: str | None = None
    """The same under ``upstream``, a key of old charms, where the charm has no newer one."""

    @property
    def is_image(self) -> bool:
        """Whether it is an OCI image (else a file)."""
        return self.type == "oci-image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A config option of a charm."""

    name: str
    type: OptionType
    default: OptionValue | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A relation endpoint of a charm."""

    name: str
    role: Role
    interface: str
    limit: int | None = None
    optional: bool = False
    scope: Literal["global", "container"] = "global"
    needed: bool = False
    """The unit stays blocked without this relation. No charm declares that: releases' facts do."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Base:
    """A base that a charm runs on, such as ``ubuntu@22.04``."""

    name: str
    channel: str
    architectures: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return ``name@track``."""
        return f"{self.name}@{self.track}"

    @property
    def track(self) -> str:
        """The channel without its risk: ``22.04`` for ``22.04/stable``."""
        return self.channel.partition("/")[0]

    @classmethod
    def parse(cls, text: str, *, where: str = "base") -> Base:
        """Return the base that ``ubuntu@22.04`` or ``ubuntu@22.04/stable`` names, as Juju reads it.

        Raises:
            CharmError: when the text names none: a series is not one, and neither are a system
                that Juju does not know, another risk than its four, or a branch.
        """
        name, _, channel = text.partition("@")
        track, slash, risk = channel.partition("/")
        if name not in SYSTEMS or not track or "@" in channel or (slash and risk not in RISKS):
            series = SERIES_CHANNELS.get(text)
            raise CharmError(
                f"{where}: {text!r} is not a base such as ubuntu@22.04",
                fix=f"write ubuntu@{series}" if series else "",
            )
        return cls(name=name, channel=channel)

    def same_os(self, other: Base) -> bool:
        """Whether both are the same system and version, whatever their architectures."""
        return (self.name, self.track) == (other.name, other.track)


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultImages:
    """A file of the charm that holds the default of an image option.

    Two forms are in use: ``src/default-custom-images.json`` for the option ``custom_images``, and
    ``src/default-<stem>.yaml`` for the option ``<stem>`` (``src/default-jupyter-images.yaml``).
    """

    path: str
    """The file's path inside the charm."""
    text: str
    """The content of the file."""
    value: JSONValue
    """The content as a document: a mapping of key to reference, or a list of references."""

    @property
    def stem(self) -> str:
        """What the file has defaults for: ``custom-images`` for ``default-custom-images.json``."""
        return Path(self.path).stem.removeprefix("default-")

    def is_for(self, option: str) -> bool:
        """Whether this is the file of the option (dashes and underscores count as equal)."""
        return self.stem.replace("_", "-") == option.replace("_", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Charm:
    """A charm, as far as an air-gapped deployment needs to know it."""

    name: str
    revision: int | None = None
    path: Path | None = None
    """The ``.charm`` file, or ``None`` when the facts come from a shipped release."""
    size_bytes: int = 0
    summary: str = ""
    subordinate: bool = False
    resources: Mapping[str, Resource] = field(default_factory=dict)
    options: Mapping[str, Option] = field(default_factory=dict)
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    bases: tuple[Base, ...] = ()
    series: tuple[str, ...] = ()
    default_images: tuple[DefaultImages, ...] = ()
    metadata: Mapping[str, JSONValue] = field(default_factory=dict, repr=False)
    """The metadata document itself: containers, storage, assumes and everything else."""
    documents: frozenset[str] | None = None
    """Which of its documents the ``.charm`` file has, such as ``metadata.yaml``; ``None`` when the
    facts come from elsewhere."""
    has_code: bool = True
    """Whether there is something that Juju can run: ``dispatch``, or a file in ``hooks/``."""

    @property
    def images(self) -> tuple[Resource, ...]:
        """The resources that are OCI images."""
        return tuple(resource for resource in self.resources.values() if resource.is_image)

    def defaults_for(self, option: str) -> DefaultImages | None:
        """Return the charm's file with the default of an image option, if it has one."""
        return next((file for file in self.default_images if file.is_for(option)), None)


def charm_name_of_path(path: str) -> str:
    """Return the charm's name in a path such as ``./mysql-k8s_r153.charm``."""
    return Path(path).name.removesuffix(".charm").partition("_")[0]


def charm_from_documents(
    *,
    metadata: Document,
    config: Document | None = None,
    manifest: Document | None = None,
    charmcraft: Document | None = None,
    default_images: Iterable[DefaultImages] = (),
    where: str,
    revision: int | None = None,
    path: Path | None = None,
    size_bytes: int = 0,
    documents: frozenset[str] | None = None,
    has_code: bool = True,
) -> Charm:
    """Return the charm that the documents describe.

    Args:
        metadata: ``metadata.yaml``, or ``charmcraft.yaml`` where that holds everything.
        config: ``config.yaml``; ``charmcraft.yaml``'s ``config`` is used when it is ``None``.
        manifest: ``manifest.yaml``, the authority on the bases.
        charmcraft: ``charmcraft.yaml``, for the bases when there is no manifest.
        default_images: The files that hold defaults of image options.
        where: The file, for messages.
        revision: The store's revision, if known.
        path: The ``.charm`` file.
        size_bytes: Its size.
        documents: Which documents the file has.
        has_code: Whether the file has something that Juju can run.

    Raises:
        CharmError: naming `where` and the key that is wrong.
    """
    name = metadata.get("name")
    if not isinstance(name, str) or not CHARM_NAME.match(name):
        raise CharmError(f"{where}: the metadata has no valid charm name (found {name!r})")
    options_document = config if config is not None else (charmcraft or metadata).get("config")
    return Charm(
        name=name,
        revision=revision,
        path=path,
        size_bytes=size_bytes,
        summary=str(metadata.get("summary") or ""),
        subordinate=_flag(metadata.get("subordinate")),
        resources=_resources(metadata, where),
        options=_options(
            as_mapping(options_document, where=f"{where}: config", error=CharmError), where
        ),
        endpoints=_endpoints(metadata, where),
        bases=_bases(manifest, charmcraft, where),
        series=tuple(str(item) for item in _list(metadata.get("series"), f"{where}: series")),
        default_images=tuple(default_images),
        metadata=metadata,
        documents=documents,
        has_code=has_code,
    )


def _list(value: JSONValue, where: str) -> list[JSONValue]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise CharmError(f"{where} must be a list, not {type_name(value)}")
    return value


def _entries(document: Document, key: str, where: str) -> Iterable[tuple[str, Document]]:
    """Yield name and fields of a mapping of mappings, such as ``resources:``."""
    section = as_mapping(document.get(key), where=f"{where}: {key}", error=CharmError)
    for name, fields in section.items():
        yield name, as_mapping(fields, where=f"{where}: {key}.{name}", error=CharmError)


def _resources(metadata: Document, where: str) -> dict[str, Resource]:
    found = {}
    for name, fields in _entries(metadata, "resources", where):
        upstream, old = fields.get("upstream-source"), fields.get("upstream")
        filename = fields.get("filename")
        found[name] = Resource(
            name=name,
            type=str(fields.get("type") or "file"),
            filename=str(filename) if filename else None,
            description=str(fields.get("description") or ""),
            upstream_source=str(upstream) if upstream else None,
            old_upstream=str(old) if old and not upstream else None,
        )
    return found


def _options(config: Document, where: str) -> dict[str, Option]:
    found = {}
    for name, fields in _entries(config, "options", f"{where}: config"):
        kind = fields.get("type") or "string"
        place = f"{where}: option {name}"
        if kind not in ("string", "int", "float", "boolean", "secret"):
            raise CharmError(f"{place} has the unknown type {kind!r}")
        default = fields.get("default")
        if isinstance(default, list | dict):
            raise CharmError(
                f"{place} has {type_name(default)} as its default, but Juju accepts only scalars"
            )
        found[name] = Option(
            name=name,
            type=kind,  # type: ignore[arg-type]
            default=_typed(kind, default),  # type: ignore[arg-type]
            description=str(fields.get("description") or ""),
        )
    return found


def _endpoints(metadata: Document, where: str) -> dict[str, Endpoint]:
    found = {}
    for key, role in ROLES:
        section = as_mapping(metadata.get(key), where=f"{where}: {key}", error=CharmError)
        for name, value in section.items():
            # The interface alone is the short form (``ifaceExpander`` of Juju's charm library).
            fields: Document = {"interface": value}
            if not isinstance(value, str):
                fields = as_mapping(value, where=f"{where}: {key}.{name}", error=CharmError)
            interface = fields.get("interface")
            if not isinstance(interface, str) or not interface:
                raise CharmError(f"{where}: {key}.{name} has no interface")
            limit = _typed("int", fields.get("limit"))
            found[name] = Endpoint(
                name=name,
                role=role,
                interface=interface,
                limit=limit if isinstance(limit, int) else None,
                optional=_flag(fields.get("optional")),
                scope="container" if fields.get("scope") == "container" else "global",
                needed=fields.get("needed") is True,
            )
    return found


def _flag(value: JSONValue) -> bool:
    """Return a boolean, which Juju also reads from a text."""
    return value is True or value in _TRUE


def _typed(kind: OptionType, value: OptionValue | JSONValue) -> OptionValue | None:
    """Return a value in a type as Juju converts it (``schema.Int`` and others); else as it is."""
    if isinstance(value, list | dict):
        return None
    if kind == "boolean" and isinstance(value, str) and value in _TRUE | _FALSE:
        return value in _TRUE
    if kind == "int" and isinstance(value, str):
        with contextlib.suppress(ValueError):
            return int(_OLD_OCTAL.sub(r"\g<sign>0o", value), 0)
    if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def _bases(manifest: Document | None, charmcraft: Document | None, where: str) -> tuple[Base, ...]:
    if manifest is not None and manifest.get("bases") is not None:
        return tuple(
            _base(as_mapping(item, where=f"{where}: manifest bases", error=CharmError), where)
            for item in _list(manifest.get("bases"), f"{where}: manifest bases")
        )
    return bases_from_charmcraft(charmcraft or {}, where)


def bases_from_charmcraft(charmcraft: Document, where: str) -> tuple[Base, ...]:
    """Return the bases of a ``charmcraft.yaml``: ``bases`` with ``run-on``, or ``platforms``.

    ``platforms`` keys are ``ubuntu@24.04:amd64``, or plain architectures next to a ``base`` key, or
    any names with ``build-for`` or ``build-on`` (charmcraft's reference of project keys).
    """
    found: list[Base] = []
    for item in _list(charmcraft.get("bases"), f"{where}: bases"):
        fields = as_mapping(item, where=f"{where}: bases", error=CharmError)
        runs = _list(fields.get("run-on"), f"{where}: bases run-on") or [item]
        found += [
            _base(as_mapping(run, where=f"{where}: bases run-on", error=CharmError), where)
            for run in runs
        ]
    platforms = as_mapping(
        charmcraft.get("platforms"), where=f"{where}: platforms", error=CharmError
    )
    common = charmcraft.get("base")
    by_base: dict[tuple[str, str], list[str]] = {}
    for platform in _platforms(platforms, where):
        named, _, architecture = platform.rpartition(":")
        base = _built_for(named or str(common), f"{where}: platforms")
        by_base.setdefault((base.name, base.channel), []).append(architecture)
    found += [
        Base(name=name, channel=channel, architectures=tuple(architectures))
        for (name, channel), architectures in by_base.items()
    ]
    return tuple(dict.fromkeys(found))


def _built_for(text: str, where: str) -> Base:
    """Return the base of a platform; charmcraft's own files may name a series."""
    series = SERIES_CHANNELS.get(text)
    return Base(name="ubuntu", channel=series) if series else Base.parse(text, where=where)


def _platforms(platforms: Document, where: str) -> Iterable[str]:
    """Yield ``base:architecture``, or an architecture, of each platform."""
    for name, value in platforms.items():
        fields = as_mapping(value, where=f"{where}: platforms.{name}", error=CharmError)
        targets = fields.get("build-for") or fields.get("build-on") or name
        for target in targets if isinstance(targets, list) else [targets]:
            yield str(target)


def _base(fields: Document, where: str) -> Base:
    name, channel = fields.get("name"), fields.get("channel")
    if not name or channel is None:
        raise CharmError(f"{where}: a base needs name and channel, found {fields!r}")
    architectures = _list(fields.get("architectures"), f"{where}: base architectures")
    return Base(
        name=str(name),
        channel=str(channel),
        architectures=tuple(normal_architecture(str(one)) for one in architectures),
    )
