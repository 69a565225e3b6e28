"""References that are written in parts beside each other, put together. Pure.

``hub``, ``tag`` and the names of images in one mapping; ``registry``, ``repository`` and ``tag``
under ``image``; the same in several options of a charm (``cat-registry``, ``cat-image``,
``cat-tag``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ckf_airgap.images.reference import ImageReference
from ckf_airgap.rendering.witness.judging import parsed
from ckf_airgap.rendering.witness.naming import TAG_WORDS, Says, said, says, words

_HUBS: Final = frozenset({"hub", "mirror", "prefix", "registry"})
_NAMES: Final = frozenset({"image", "name", "repo", "repository"})
_REPOSITORIES: Final = frozenset({"repo", "repository"})
_SCHEME: Final = re.compile(r"(?:https?|docker|oci)://")
_FILLERS: Final = frozenset({"container", "docker", "image", "images", "name", "oci"})


@dataclass(frozen=True, slots=True)
class Composed:
    """A reference that several values make.

    Attributes:
        name: The key of its name.
        hub: The key of what stands in front; empty when that is written in the name, or nowhere.
        tag: The key of its tag; empty when the name has it, or none is given.
        reference: The reference.
        certain: Whether these parts belong together beyond doubt.
    """

    name: str
    hub: str
    tag: str
    reference: ImageReference
    certain: bool
    owner: str = ""
    """The key of what stands between hub and name, such as ``image-namespace``."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all parts, in their order in the reference."""
        return tuple(filter(None, (self.hub, self.owner, self.name, self.tag)))


def compose(fields: Mapping[str, str], around: tuple[str, ...] = ()) -> Iterator[Composed]:
    """Yield the references that the values of a mapping, or of a charm's options, make together.

    Args:
        fields: The texts by their keys.
        around: The names on the way to the mapping; empty for the options of a charm.
    """
    filled = {
        key: _SCHEME.sub("", value.strip()) if _last(key) == "registry" else value.strip()
        for key, value in fields.items()
        if value.strip()
    }
    hubs = [key for key, value in filled.items() if _is_hub(key, value)]
    tags = [key for key in filled if _last(key) in TAG_WORDS]
    if not hubs and not tags:
        return
    about_images = said(around) in (Says.IMAGE, Says.LOOSELY)
    found = [key for key in filled if key not in hubs and _is_name(key, about_images=about_images)]
    repeated = _repeated(filled, found)
    names = [key for key in found if key not in repeated]
    owners = _owners(filled, names)
    for key in names:
        value = filled[key]
        if key in owners.values():
            continue
        name = parsed(value)
        if name is None or name.digest:
            continue
        owner = owners.get(key, "") if name.registry is None else ""
        if owner:
            value = f"{filled[owner].strip('/')}/{value}"
            name = parsed(value) or name
        hub = _partner(key, hubs, lone=bool(around)) if name.registry is None else ""
        tag = _partner(key, tags, lone=bool(around)) if name.tag is None else ""
        if not hub and not (tag and (about_images or "image" in words(key))):
            continue
        front = f"{filled[hub].rstrip('/')}/" if hub else ""
        whole = parsed(f"{front}{value}:{filled[tag]}" if tag else f"{front}{value}")
        if whole is not None:
            certain = not hub or bool(around) or _stem(hub) == _stem(key)
            yield Composed(key, hub, tag, whole, certain, owner)


def _owners(filled: Mapping[str, str], names: list[str]) -> dict[str, str]:
    """Return for a name the key of the same stem that holds the path before it."""
    owners: dict[str, str] = {}
    for key in names:
        if _last(key) not in _REPOSITORIES:
            found = [other for other in filled if _is_path(other) and _stem(other) == _stem(key)]
            if len(found) == 1:
                owners[key] = found[0]
    return owners


def _repeated(filled: Mapping[str, str], names: list[str]) -> list[str]:
    """Return the names that a repository of the same stem has at its end already."""
    return [
        key
        for key in names
        for other in names
        if _last(other) in _REPOSITORIES
        and _last(key) not in _REPOSITORIES
        and _stem(other) == _stem(key)
        and f"/{filled[other]}".endswith(f"/{filled[key]}")
    ]


def _is_path(key: str) -> bool:
    return _last(key) in _REPOSITORIES or (_last(key) == "namespace" and "image" in words(key))


def _is_hub(key: str, value: str) -> bool:
    return _last(key) in _HUBS and parsed(f"{value.rstrip('/')}/name") is not None


def _is_name(key: str, *, about_images: bool) -> bool:
    named = _last(key) != "name" or about_images or "image" in words(key)
    return named and _last(key) in _NAMES


def _partner(key: str, others: list[str], *, lone: bool) -> str:
    """Return the one of other keys that belongs to a name: of the same stem, or of none.

    Inside a mapping a single one belongs to all names, whatever it is called.
    """
    same = [other for other in others if _stem(other) == _stem(key)]
    general = [other for other in others if not _stem(other)]
    if len(same) == 1:
        return same[0]
    if lone and len(others) == 1:
        return others[0]
    hub = len(general) == 1 and _last(general[0]) in _HUBS
    return general[0] if hub and says(general[0]) is Says.FRONT else ""


def _stem(key: str) -> tuple[str, ...]:
    """Return the words that tell whose part it is: ``cat`` for ``cat-image-tag``."""
    kept = words(key)[:-1]
    while kept and kept[-1] in _FILLERS:
        kept = kept[:-1]
    return kept


def _last(key: str) -> str:
    """Return the last word of a key; empty when it has none."""
    return words(key)[-1] if words(key) else ""
