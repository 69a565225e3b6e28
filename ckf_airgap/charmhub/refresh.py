"""Requests to the store, and its answers: ``POST /v2/charms/refresh``.

Pure: builds the request and reads the response. ``docs/charmhub.md`` has the fields and their
sources.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from ckf_airgap.charmhub.channel import Channel
from ckf_airgap.charms.charm import CHARM_NAME, Base
from ckf_airgap.documents import Document, JSONValue, decimal
from ckf_airgap.errors import InputError, TransferError

FIELDS: Final = ("bases", "download", "id", "name", "revision", "type", "version")
"""What is requested for each charm."""

DEFAULT_BASE: Final = Base(name="ubuntu", channel="24.04")
"""The base that is tried first when none is given, as ``juju download`` of Juju 3.6 does."""

TRANSIENT_CODES: Final = frozenset(
    {"api-error", "remote-service-unavailable", "rate-limit-exceeded"}
)
"""Errors of the store after which the same request may succeed."""

HASHES: Final[Mapping[str, str]] = {
    "hash-sha-256": "sha256",
    "hash-sha-384": "sha384",
    "hash-sha-512": "sha512",
    "hash-sha3-384": "sha3_384",
}
"""The checksums that an answer may carry, and what `hashlib` calls them."""

_HEX: Final = re.compile(r"[0-9a-f]+\Z")
_ANY: Final = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedCharm:
    """A charm to fetch.

    Attributes:
        name: Its name in the store.
        channel: The channel to follow.
        revision: The revision to take instead; the store then ignores channel and base.
        architecture: The architecture that it must run on.
        base: The base that it must run on; ``None`` for the newest that the channel has.
    """

    name: str
    channel: Channel = field(default_factory=Channel)
    revision: int | None = None
    architecture: str = "amd64"
    base: Base | None = None

    def __str__(self) -> str:
        """Return name and channel or revision."""
        if self.revision is not None:
            return f"{self.name} revision {self.revision}"
        return f"{self.name} {self.channel}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file of the store.

    Attributes:
        url: Where it is; often on another host than the store.
        size: Its size in bytes.
        hashes: Its checksums in hexadecimal, by the names of `hashlib`; never empty.
    """

    url: str
    size: int
    hashes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCharm:
    """A revision of a charm, as the store offers it."""

    name: str
    revision: int
    bases: tuple[Base, ...]
    download: Download
    channel: Channel | None = None
    """The channel that the store chose; ``None`` when a revision was asked for."""

    @property
    def file_name(self) -> str:
        """The name that ``juju download`` gives the file."""
        return f"{self.name}_r{self.revision}.charm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The store has no such charm.

    Attributes:
        code: Its error code, such as ``revision-not-found``.
        message: Its message.
        releases: Channel and base of what there is instead.
        default_bases: Bases that it proposes.
    """

    code: str
    message: str
    releases: tuple[tuple[Channel, Base], ...] = ()
    default_bases: tuple[Base, ...] = ()

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.code in TRANSIENT_CODES

    def bases_for(self, wanted: WantedCharm) -> tuple[Base, ...]:
        """Return the bases that the channel has for the architecture, the newest first.

        The bases of the releases count first; those that the store proposes when there are none.
        """
        released = [base for channel, base in self.releases if channel.matches(wanted.channel)]
        fitting = {
            (base.name, base.track): base
            for base in released or self.default_bases
            if _runs_on(base, wanted.architecture)
        }
        return tuple(sorted(fitting.values(), key=_version, reverse=True))

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that the charm has."""
        return tuple(dict.fromkeys(str(channel) for channel, _ in self.releases))


Answer: TypeAlias = "StoreCharm | Refused"
"""What the store says about one charm."""


def refresh_request(wanted: Sequence[WantedCharm]) -> Document:
    """Return the request for some charms; the instance key of each is its place in the list."""
    return {
        "context": [],
        "actions": [_action(str(number), charm) for number, charm in enumerate(wanted)],
        "fields": list(FIELDS),
    }


def read_refresh(document: JSONValue, wanted: Sequence[WantedCharm]) -> list[Answer]:
    """Return the answer for each charm of the request, whatever the order of the results.

    Raises:
        TransferError: when the response is malformed, or lacks a charm.
    """
    results = document.get("results") if isinstance(document, dict) else None
    if not isinstance(results, list):
        raise TransferError("the store's answer has no results")
    by_key = {
        str(result.get("instance-key")): result for result in results if isinstance(result, dict)
    }
    answers: list[Answer] = []
    for number, charm in enumerate(wanted):
        result = by_key.get(str(number))
        if result is None:
            raise TransferError(f"the store's answer says nothing about {charm}")
        answers.append(_answer(result, charm))
    return answers


def read_error_list(document: JSONValue) -> list[tuple[str, str]]:
    """Return code and message of the errors that concern the whole request."""
    errors = document.get("error-list") if isinstance(document, dict) else None
    return [
        (str(error.get("code") or ""), str(error.get("message") or ""))
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, dict)
    ]


def on_base(wanted: WantedCharm, base: Base) -> WantedCharm:
    """Return the same charm on a base."""
    return replace(wanted, base=base)


def runs_on(charm: StoreCharm, architecture: str) -> bool:
    """Whether a revision is for an architecture; one that names no base is for any."""
    return not charm.bases or any(_runs_on(base, architecture) for base in charm.bases)


def _action(key: str, wanted: WantedCharm) -> Document:
    action: Document = {"action": "install", "instance-key": key, "name": wanted.name}
    if wanted.revision is not None:
        return {**action, "revision": wanted.revision, "base": None}
    base = wanted.base or DEFAULT_BASE
    return {
        **action,
        "channel": str(wanted.channel),
        "base": {
            "architecture": wanted.architecture,
            "name": base.name.lower(),
            "channel": base.track,
        },
    }


def _answer(result: Document, wanted: WantedCharm) -> Answer:
    error = result.get("error")
    if isinstance(error, dict) and error:
        return _refused(error)
    charm = result.get("charm")
    if not isinstance(charm, dict) or not charm:
        raise TransferError(f"the store's answer has neither charm nor error for {wanted}")
    name = str(charm.get("name") or result.get("name") or "")
    if name != wanted.name or not CHARM_NAME.match(name):
        raise TransferError(f"the store answered {name!r} when asked for {wanted}")
    if charm.get("type") not in (None, "charm"):
        raise TransferError(
            f"{name} is a {charm.get('type')} in the store, not a charm",
            fix="Name the charms, or a file with the bundle.",
        )
    revision = charm.get("revision")
    if not isinstance(revision, int) or isinstance(revision, bool) or revision < 0:
        raise TransferError(f"the store's answer has no revision of {wanted}")
    if wanted.revision not in (None, revision):
        raise TransferError(f"the store answered revision {revision} when asked for {wanted}")
    effective = result.get("effective-channel")
    return StoreCharm(
        name=name,
        revision=revision,
        bases=tuple(_bases(charm.get("bases"))),
        download=_download(charm.get("download"), wanted),
        channel=_channel(effective) if wanted.revision is None else None,
    )


def _refused(error: Document) -> Refused:
    extra = error.get("extra")
    extra = extra if isinstance(extra, dict) else {}
    releases = extra.get("releases")
    found = []
    for release in releases if isinstance(releases, list) else []:
        if not isinstance(release, dict):
            continue
        channel, base = _channel(release.get("channel")), _base(release.get("base"))
        if channel is not None and base is not None:
            found.append((channel, base))
    return Refused(
        code=str(error.get("code") or "unknown"),
        message=str(error.get("message") or "no reason given"),
        releases=tuple(found),
        default_bases=tuple(_bases(extra.get("default-bases"))),
    )


def _download(value: JSONValue, wanted: WantedCharm) -> Download:
    fields = value if isinstance(value, dict) else {}
    url, size = fields.get("url"), fields.get("size")
    hashes = {
        algorithm: text.lower()
        for key, algorithm in HASHES.items()
        if isinstance(text := fields.get(key), str) and _is_hash(text.lower(), algorithm)
    }
    if not isinstance(url, str) or not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise TransferError(f"the store's answer has no address or size of {wanted}")
    if not hashes:
        raise TransferError(
            f"the store's answer has no checksum of {wanted}",
            fix="Without one the file cannot be trusted; try another store.",
        )
    return Download(url=url, size=size, hashes=hashes)


def _is_hash(text: str, algorithm: str) -> bool:
    return bool(_HEX.match(text)) and len(text) == 2 * hashlib.new(algorithm).digest_size


def _bases(value: JSONValue) -> Iterable[Base]:
    for item in value if isinstance(value, list) else []:
        base = _base(item)
        if base is not None:
            yield base


def _base(value: JSONValue) -> Base | None:
    if not isinstance(value, dict):
        return None
    name, channel = value.get("name"), value.get("channel")
    architecture = value.get("architecture")
    if not isinstance(name, str) or not isinstance(channel, str):
        return None
    named = (architecture,) if isinstance(architecture, str) and architecture else ()
    return Base(name=name, channel=channel, architectures=named)


def _channel(value: JSONValue) -> Channel | None:
    if not isinstance(value, str) or not value:
        return None
    try:
        return Channel.parse(value)
    except InputError:
        return None


def _runs_on(base: Base, architecture: str) -> bool:
    return not base.architectures or bool({_ANY, architecture} & set(base.architectures))


def _version(base: Base) -> tuple[bool, tuple[int, ...], str]:
    """Order bases by their version; one that is not a number comes first."""
    parts = base.track.split(".")
    numbers = [decimal(part) for part in parts]
    known = tuple(number for number in numbers if number is not None)
    numeric = len(known) == len(parts)
    return (numeric, known if numeric else (), base.name)
