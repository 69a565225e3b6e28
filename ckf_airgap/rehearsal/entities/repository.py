"""A directory as a charm store: which of its ``.charm`` files a request resolves to. Pure.

Messages are those of Juju's ``core/charm/repository`` (``CharmHubRepository``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ckf_airgap.charms.charm import Base, Charm
from ckf_airgap.documents import Document, natural
from ckf_airgap.rehearsal.entities.charmurl import CharmURL
from ckf_airgap.rehearsal.entities.storeresources import StoreResource
from ckf_airgap.rehearsal.wire import ApiError, int_field, mapping_field, text_field
from ckf_airgap.rehearsal.wire import field as key

SCHEMA: Final = "ch"
SOURCE: Final = "charm-hub"
RISKS: Final = ("stable", "candidate", "beta", "edge")
DEFAULT_CHANNEL: Final = "latest/stable"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFile:
    """A ``.charm`` file of the store.

    Attributes:
        charm: What it declares.
        path: The file.
        name: Its name in the store, which may differ from the name that it declares.
        revision: Its revision in the store.
        channels: The channels that it was released to, as ``TRACK/RISK``; when empty, they are not
            known and it is in every channel.
        resources: The files of its resources by name, lowest revision first.
    """

    charm: Charm
    path: Path
    name: str
    revision: int
    channels: frozenset[str] = frozenset()
    resources: Mapping[str, tuple[StoreResource, ...]] = field(default_factory=dict)

    def channel(self, wanted: str) -> str | None:
        """Return which of the requested channels it is in; ``None`` when it is in none of them.

        Args:
            wanted: ``TRACK/RISK``, a bare risk (of any track, since a charm's default track is
                not known), or empty.
        """
        if not self.channels:
            return normal_channel(wanted) if wanted else DEFAULT_CHANNEL
        for channel in sorted(self.channels, key=natural, reverse=True):
            if wanted in ("", channel, channel.partition("/")[2]):
                return channel
        return None

    def bases(self, architecture: str) -> list[Base]:
        """Return its bases for an architecture; all of them when it names none."""
        return [
            base
            for base in self.charm.bases
            if not base.architectures or {architecture, "all"} & set(base.architectures)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a client asks the store for.

    Attributes:
        name: The charm.
        channel: ``TRACK/RISK``, a bare risk for the charm's default track, or empty.
        revision: The revision, if the client asks for one.
        base: The base, if the client asks for one.
        architecture: The architecture.
    """

    name: str
    channel: str = ""
    revision: int | None = None
    base: Base | None = None
    architecture: str = "amd64"

    @classmethod
    def from_origin(cls, name: str, origin: Document, *, architecture: str) -> Wanted:
        """Return what the charm origin in a request asks for; its architecture takes precedence.

        The origin of a downloaded charm, which has an id, contains the current revision rather than
        the requested one, which is then the newest of the channel, as in ``refreshConfig`` of
        Juju's ``core/charm/repository``.
        """
        track, risk = text_field(origin, "track"), text_field(origin, "risk")
        base = mapping_field(origin, "base")
        os_name, os_channel = text_field(base, "name"), text_field(base, "channel")
        return cls(
            name=name,
            channel=f"{track}/{risk or 'stable'}" if track else risk,
            revision=None
            if text_field(origin, "id") or key(origin, "revision") is None
            else int_field(origin, "revision"),
            base=Base(name=os_name, channel=os_channel) if os_name and os_channel else None,
            architecture=text_field(origin, "architecture") or architecture,
        )

    @property
    def platform(self) -> str:
        """Architecture and base as in messages: ``amd64/ubuntu/22.04/stable``."""
        if self.base is None:
            return self.architecture
        risk = "" if "/" in self.base.channel else "/stable"
        return f"{self.architecture}/{self.base.name}/{self.base.channel}{risk}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The file that a request resolves to.

    Attributes:
        file: The file.
        channel: The channel, ``TRACK/RISK``.
        base: The base that it is deployed on.
        bases: All bases that it supports on the architecture.
        architecture: The architecture.
    """

    file: StoreFile
    channel: str
    base: Base
    bases: tuple[Base, ...]
    architecture: str

    @property
    def url(self) -> CharmURL:
        """The charm's URL: ``ch:amd64/minio-42``."""
        return CharmURL(
            schema=SCHEMA,
            name=self.file.name,
            series=self.architecture,
            revision=self.file.revision,
        )

    def origin(self, sha256: str = "") -> Document:
        """Return the charm's origin in the form of the API.

        Args:
            sha256: The checksum of the file, once known: clients take a charm with a checksum for
                downloaded.
        """
        track, _, risk = self.channel.partition("/")
        return {
            "source": SOURCE,
            "type": "charm",
            "id": store_id(self.file.name) if sha256 else "",
            "hash": sha256,
            "risk": risk,
            "revision": self.file.revision,
            "track": track,
            "architecture": self.architecture,
            "base": {"name": self.base.name, "channel": base_channel(self.base)},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CharmRepository:
    """The store: its files by charm name, highest revision first."""

    files: Mapping[str, tuple[StoreFile, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, files: Iterable[StoreFile]) -> CharmRepository:
        """Return a store of files."""
        by_name: dict[str, list[StoreFile]] = {}
        for file in files:
            by_name.setdefault(file.name, []).append(file)
        return cls(
            files={
                name: tuple(sorted(found, key=lambda file: -file.revision))
                for name, found in by_name.items()
            }
        )

    def resolve(self, wanted: Wanted) -> Resolved:
        """Return the file that a request resolves to: the highest matching revision.

        Raises:
            ApiError: when none matches.
        """
        known = self.files.get(wanted.name, ())
        if not known:
            raise ApiError(
                "resolving error: The Charm with the given name was not found in the Store."
            )
        fitting = list(known)
        if wanted.revision is not None and wanted.revision >= 0:
            fitting = [file for file in known if file.revision == wanted.revision]
            if not fitting:
                raise ApiError("selecting releases: no releases available")
        else:
            fitting = [file for file in known if file.channel(wanted.channel) is not None]
        on_architecture = [file for file in fitting if file.bases(wanted.architecture)]
        if fitting and not on_architecture:
            raise ApiError(
                "selecting next bases: bases matching architecture "
                f'"{wanted.architecture}" not found'
            )
        for file in on_architecture:
            bases = file.bases(wanted.architecture)
            base = bases[0]
            if wanted.base is not None:
                same = [base for base in bases if base.same_os(wanted.base)]
                if not same:
                    continue
                base = same[0]
            return Resolved(
                file=file,
                channel=file.channel(wanted.channel)
                or normal_channel(wanted.channel or DEFAULT_CHANNEL),
                base=base,
                bases=tuple(bases),
                architecture=wanted.architecture,
            )
        raise _not_found(wanted, known)


def asked_channel(text: str) -> str:
    """Return the channel that a client asks for, normalised unless it is a bare risk.

    Raises:
        ApiError: when it is not a channel.
    """
    return text if text in RISKS else normal_channel(text)


def base_channel(base: Base) -> str:
    """Return a base's channel with its risk: ``22.04/stable``."""
    return base.channel if "/" in base.channel else f"{base.channel}/stable"


def normal_channel(text: str) -> str:
    """Return a channel as ``TRACK/RISK``: ``edge`` is ``latest/edge``, ``1.10`` ``1.10/stable``.

    Raises:
        ApiError: when it is not a channel.
    """
    parts = text.split("/")
    if not all(parts) or len(parts) > 3:
        raise ApiError(f'"{text}" not valid channel')
    if len(parts) == 1:
        return f"latest/{text}" if text in RISKS else f"{text}/stable"
    if parts[0] in RISKS:
        parts.insert(0, "latest")
    if parts[1] not in RISKS:
        raise ApiError(f'risk in channel "{text}" not valid')
    return "/".join(parts)


def origin_channel(origin: Document) -> str:
    """Return the channel in the origin of a store charm; empty for other charms."""
    if text_field(origin, "source") != SOURCE:
        return ""
    parts = (text_field(origin, part) for part in ("track", "risk", "branch"))
    return "/".join(part for part in parts if part)


def downloaded_origin(origin: Document, name: str, *, sha256: str) -> Document:
    """Return the origin of a charm in the model, with the store's id and the checksum.

    Clients leave both out, and take the charm of an application without them for one that is
    still being downloaded (``deploy incomplete``).
    """
    return {**origin, "id": store_id(name), "hash": sha256} if sha256 else origin


def store_id(name: str) -> str:
    """Return a constant id for a charm; the id in the real store is not known here."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def _not_found(wanted: Wanted, known: Iterable[StoreFile]) -> ApiError:
    """Return the error for a channel or base without a file, with the available ones."""
    releases: dict[str, list[str]] = {}
    for file in known:
        for channel in sorted(file.channels):
            shown = releases.setdefault(channel, [])
            shown += [
                str(base) for base in file.bases(wanted.architecture) if str(base) not in shown
            ]
    lines = "".join(
        f'\n  channel "{channel}": available bases are: {", ".join(bases)}'
        for channel, bases in sorted(releases.items())
        if bases
    )
    suggestions = f"\navailable releases are:{lines}" if lines else ""
    channel = normal_channel(wanted.channel or DEFAULT_CHANNEL)
    return ApiError(
        f'selecting releases: charm or bundle not found for channel "{channel}", '
        f'base "{wanted.platform}"{suggestions}'
    )
