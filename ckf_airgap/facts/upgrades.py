"""What an upgrade to a release needs beyond new charms: ``upgrade.yaml``.

A step leads from one release to the next one. What a tool with charm files, images and Juju's API
cannot do is a `ManualStep`: a person does it before the first change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from ckf_airgap.documents import TEXT, Document, ListOf, Record, load_shaped
from ckf_airgap.errors import InputError, nearest

UPGRADE_FILE: Final = "upgrade.yaml"

ManualKind: TypeAlias = Literal["action", "backup", "intermediate-charm"]
"""What a person does: runs an action, backs up data, refreshes through charms in between."""

_KINDS: Final[tuple[ManualKind, ...]] = get_args(ManualKind)

_STEP: Final = Record(
    {"charms": ListOf(TEXT), "kind": TEXT, "what": TEXT, "why": TEXT, "source": TEXT}
)
_SHAPE: Final = Record(
    {"release": TEXT, "from": TEXT, "first": ListOf(TEXT), "manual": ListOf(_STEP)}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualStep:
    """Something that a person does before an upgrade.

    Attributes:
        charms: The charms that it is about; without an application of one of them it is not needed.
        kind: What sort of work it is.
        what: What to do, half a sentence.
        why: Why, half a sentence.
        source: Where that is said: an address, or the facts that it was computed from.
    """

    charms: tuple[str, ...]
    kind: ManualKind
    what: str
    why: str
    source: str

    def to_json(self) -> Document:
        """Return the step as JSON."""
        return {
            "charms": [*self.charms],
            "kind": self.kind,
            "what": self.what,
            "why": self.why,
            "source": self.source,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseUpgrade:
    """The step from one release to the next.

    Attributes:
        release: The release that it leads to.
        previous: The release that it starts from; the only one that it is known for.
        first: Charms to refresh before all others, in this order.
        manual: What a person does before the first change.
    """

    release: str
    previous: str
    first: tuple[str, ...] = ()
    manual: tuple[ManualStep, ...] = field(default=(), repr=False)

    def to_json(self) -> Document:
        """Return the step as JSON."""
        return {
            "from": self.previous,
            "first": [*self.first],
            "manual": [step.to_json() for step in self.manual],
        }


def parse_upgrade(text: str, *, where: str) -> ReleaseUpgrade:
    """Return what an upgrade file says.

    Raises:
        InputError: when it is not what it must be; names the key.
    """
    read = load_shaped(text, _SHAPE, where=where)
    for unknown in read.unknown:
        raise InputError(
            f"{where}: unknown key {'.'.join(map(str, unknown.path))}",
            fix=nearest(unknown.name, unknown.known),
        )
    document = read.documents[0] if read.documents else None
    if not isinstance(document, dict):
        raise InputError(f"{where} is not a mapping")
    release, previous = _text(document, "release", where), _text(document, "from", where)
    if release == previous:
        raise InputError(f"{where}: from and release are both {release}")
    steps = document.get("manual")
    return ReleaseUpgrade(
        release=release,
        previous=previous,
        first=_texts(document.get("first")),
        manual=tuple(
            _manual(fields, f"{where}: manual[{number}]")
            for number, fields in enumerate(steps if isinstance(steps, list) else [])
            if isinstance(fields, dict)
        ),
    )


def read_upgrade(directory: Path) -> ReleaseUpgrade | None:
    """Return what the upgrade file of a release's directory says; ``None`` when there is none."""
    path = directory / UPGRADE_FILE
    if not path.exists():
        return None
    return parse_upgrade(path.read_text(encoding="utf-8"), where=str(path))


def steps_between(
    old: str, new: str, upgrades: Mapping[str, ReleaseUpgrade]
) -> tuple[ReleaseUpgrade, ...] | None:
    """Return the steps that lead from one release to another, in their order.

    Args:
        old: The release to start from.
        new: The release to arrive at.
        upgrades: The steps, by the release that each leads to.

    Returns:
        The steps, none when both releases are the same; ``None`` when no steps are known that lead
        there, as from a newer release to an older one.
    """
    found = [*_backwards(new, upgrades)]
    for length, step in enumerate(found):
        if step.previous == old:
            return tuple(reversed(found[: length + 1]))
    return () if old == new else None


def _backwards(release: str, upgrades: Mapping[str, ReleaseUpgrade]) -> Iterator[ReleaseUpgrade]:
    seen: set[str] = set()
    while release in upgrades and release not in seen:
        seen.add(release)
        yield upgrades[release]
        release = upgrades[release].previous


def _manual(fields: Document, where: str) -> ManualStep:
    kind = next((known for known in _KINDS if known == fields.get("kind")), None)
    if kind is None:
        raise InputError(
            f"{where}: kind must be {', '.join(_KINDS[:-1])} or {_KINDS[-1]}, "
            f"not {fields.get('kind')!r}"
        )
    charms = _texts(fields.get("charms"))
    if not charms:
        raise InputError(f"{where} names no charms")
    return ManualStep(
        charms=charms,
        kind=kind,
        what=_text(fields, "what", where),
        why=_text(fields, "why", where),
        source=_text(fields, "source", where),
    )


def _text(fields: Document, key: str, where: str) -> str:
    value = fields.get(key)
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        raise InputError(f"{where} has no {key}")
    return text


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()
