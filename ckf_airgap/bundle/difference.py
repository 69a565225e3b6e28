"""The overlay that leads from one bundle document to another."""

from __future__ import annotations

from typing import Final

from ckf_airgap.bundle.merge import KEYWISE, NULL_DELETES, SECTIONS, merge_documents
from ckf_airgap.documents import Document, JSONValue

_ORDER: Final = (
    "charm",
    "channel",
    "revision",
    "series",
    "base",
    "scale",
    "trust",
    "resources",
    "options",
)


def difference(base: Document, target: Document) -> Document:
    """Return the smallest overlay for which ``merge_documents(base, overlay)`` returns `target`.

    `target` must have come from `base` by merging. What one overlay cannot do is not attempted,
    such as dropping a relation while both its applications stay, or removing an application and
    giving its name to another one; fields that would have to go for that become null.
    """
    overlay: Document = {}
    removed: Document = {}
    for key in SECTIONS:
        changes = _entries(_mapping(base, key), _mapping(target, key))
        if changes or (key in target and key not in base):
            overlay[key] = changes
        removed[key] = {name: None for name, fields in changes.items() if fields is None}
    kept = _list(merge_documents(base, removed).get("relations"))
    added = _list(target.get("relations"))[len(kept) :]
    if added or ("relations" in target and "relations" not in base):
        overlay["relations"] = added
    for key in ("series", "machines"):
        if key in target and not (key in base and _same(target[key], base[key])):
            overlay[key] = target[key]
    return overlay


def _mapping(document: Document, key: str) -> Document:
    section = document.get(key)
    return section if isinstance(section, dict) else {}


def _list(value: JSONValue) -> list[JSONValue]:
    return value if isinstance(value, list) else []


def _entries(base: Document, target: Document) -> Document:
    changes: Document = {name: None for name in base if name not in target}
    for name, fields in target.items():
        before = base.get(name)
        if isinstance(before, dict) and isinstance(fields, dict):
            changed = _fields(before, fields)
            if changed:
                changes[name] = changed
        elif name not in base or not _same(fields, before):
            changes[name] = fields
    return changes


def _fields(base: Document, target: Document) -> Document:
    changes: Document = {}
    for key, value in target.items():
        before = base.get(key)
        if key in base and _same(before, value):
            continue
        if key in KEYWISE and isinstance(value, dict) and isinstance(before, dict):
            changes[key] = _keys(key, before, value)
        else:
            changes[key] = value
    rescaled = "scale" in changes or "num_units" in changes
    for key in base:
        if key not in target and not (rescaled and key in ("scale", "num_units")):
            changes[key] = None
    if "scale" in changes and not changes["scale"]:  # which changes nothing in an overlay
        del changes["scale"]
        changes.setdefault("num_units", 0)
    return {key: changes[key] for key in sorted(changes, key=_rank)}


def _keys(section: str, base: Document, target: Document) -> Document:
    changes: Document = {
        name: value
        for name, value in target.items()
        if name not in base or not _same(base[name], value)
    }
    if section in NULL_DELETES:
        changes |= {name: None for name in base if name not in target}
    return changes


def _same(one: JSONValue, other: JSONValue) -> bool:
    """Whether two values are written the same way: ``1``, ``1.0`` and ``true`` are not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and one == other


def _rank(key: str) -> int:
    """Order the fields of an application as a person reads them: the charm first, options last."""
    return 2 * _ORDER.index(key) if key in _ORDER else 2 * _ORDER.index("resources") - 1
