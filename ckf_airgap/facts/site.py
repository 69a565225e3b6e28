"""What a site must set in a release, since its published bundle does not: ``site.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

from ckf_airgap.documents import TEXT, Document, ListOf, MappingOf, Record, load_shaped
from ckf_airgap.errors import InputError, nearest

SITE_FILE: Final = "site.yaml"

NeededFor: TypeAlias = Literal["active", "use"]

_SETTING: Final = Record(
    {
        "needed-for": TEXT,
        "default": TEXT,
        "blocked": TEXT,
        "unless": ListOf(TEXT),
        "otherwise": TEXT,
        "why": TEXT,
    }
)
_SHAPE: Final = Record(
    {
        "release": TEXT,
        "options": MappingOf(MappingOf(_SETTING)),
        "after": MappingOf(Record({"charm": TEXT, "why": TEXT})),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSetting:
    """An option of a charm that somebody has to set.

    Attributes:
        needed_for: Whether its unit cannot become ``active`` without it, or nobody can ``use`` it.
        default: A value that is right wherever nothing else is wanted, or ``None``. ``{model}`` in
            it is the model's name, ``{CHARM}`` the application of that charm. A password or a key
            never has one.
        blocked: What the charm says while it is blocked without it; empty when it says nothing.
        unless: Other options of the charm of which one is enough.
        otherwise: What the charm takes without a value; empty when that is of no use to anybody.
        why: What it is for, half a sentence.
    """

    needed_for: NeededFor
    default: str | None = None
    blocked: str = ""
    unless: tuple[str, ...] = ()
    otherwise: str = ""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedAfter:
    """That a charm can only be deployed when another one is active.

    Attributes:
        charm: The other charm.
        why: Why, half a sentence.
    """

    charm: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a site has to look after, by charm.

    Attributes:
        options: By charm and option.
        after: By charm.
    """

    options: Mapping[str, Mapping[str, SiteSetting]] = field(default_factory=dict)
    after: Mapping[str, DeployedAfter] = field(default_factory=dict)

    @property
    def needed_options(self) -> Mapping[str, Mapping[str, str]]:
        """By charm, the options without which its units are blocked, and what they say then."""
        found = {
            charm: {name: one.blocked for name, one in options.items() if one.blocked}
            for charm, options in self.options.items()
        }
        return {charm: options for charm, options in found.items() if options}


def parse_site(text: str, *, where: str) -> Site:
    """Return what a site file says.

    Raises:
        InputError: when it is not what it must be; names the key.
    """
    read = load_shaped(text, _SHAPE, where=where)
    for unknown in read.unknown:
        raise InputError(
            f"{where}: unknown key {'.'.join(map(str, unknown.path))}",
            fix=nearest(unknown.name, unknown.known),
        )
    document = read.documents[0] if read.documents else {}
    if not isinstance(document, dict):
        raise InputError(f"{where} is not a mapping")
    options: dict[str, dict[str, SiteSetting]] = {}
    for charm, settings in _records(document.get("options")).items():
        options[charm] = {
            name: _setting(fields, f"{where}: options.{charm}.{name}")
            for name, fields in _records(settings).items()
        }
    after = {
        charm: DeployedAfter(charm=str(fields["charm"]), why=str(fields.get("why") or ""))
        for charm, fields in _records(document.get("after")).items()
    }
    return Site(options=options, after=after)


def read_site(directory: Path) -> Site:
    """Return what the site file of a release's directory says; nothing when there is none."""
    path = directory / SITE_FILE
    if not path.exists():
        return Site()
    return parse_site(path.read_text(encoding="utf-8"), where=str(path))


def _records(value: object) -> dict[str, Document]:
    if not isinstance(value, dict):
        return {}
    return {name: fields for name, fields in value.items() if isinstance(fields, dict)}


def _setting(fields: Document, where: str) -> SiteSetting:
    needed_for = fields.get("needed-for")
    if needed_for not in ("active", "use"):
        raise InputError(f"{where}: needed-for must be active or use, not {needed_for!r}")
    default, unless = fields.get("default"), fields.get("unless")
    return SiteSetting(
        needed_for="active" if needed_for == "active" else "use",
        default=None if default is None else str(default),
        blocked=str(fields.get("blocked") or ""),
        unless=tuple(str(name) for name in unless) if isinstance(unless, list) else (),
        otherwise=str(fields.get("otherwise") or ""),
        why=str(fields.get("why") or "").strip(),
    )
