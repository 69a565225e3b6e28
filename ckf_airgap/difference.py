"""The overlay that leads from one bundle document to another."""

from __future__ import annotations

from typing import Final

from ckf_airgap.bundle import merge_documents
from ckf_airgap.documents import Document, JSONValue

_KEYWISE: Final = frozenset(
    {"options", "resources", "annotations", "storage", "devices", "bindings"}
)

_ORDER: Final = ("charm", "channel", "series", "base", "scale", "trust", "resources", "options")


def difference(base: Document, target: Document) -> Document:
    """Return the smallest overlay for which ``merge_documents(base, overlay)`` gives `target`.

    `target` must have come from `base` by merging: what no overlay can do (dropping a relation
    while both its applications stay, emptying a description) is not looked for.
    """
    overlay: Document = {}
    applications = _applications(_section(base), _section(target))
    if applications:
        overlay["applications"] = applications
    removed: Document = {
        "applications": {name: None for name, fields in applications.items() if fields is None}
    }
    kept = _list(merge_documents(base, removed).get("relations"))
    added = _list(target.get("relations"))[len(kept) :]
    if added:
        overlay["relations"] = added
    for key in ("series", "machines", "saas"):
        if key in target and target[key] != base.get(key):
            overlay[key] = target[key]
    return overlay


def _section(document: Document) -> Document:
    section = document.get("applications")
    return section if isinstance(section, dict) else {}


def _list(value: JSONValue) -> list[JSONValue]:
    return value if isinstance(value, list) else []


def _applications(base: Document, target: Document) -> Document:
    changes: Document = {name: None for name in base if name not in target}
    for name, fields in target.items():
        before = base.get(name)
        if not isinstance(before, dict) or not isinstance(fields, dict):
            if fields != before:
                changes[name] = fields
            continue
        changed = _fields(before, fields)
        if changed:
            changes[name] = changed
    return changes


def _fields(base: Document, target: Document) -> Document:
    changes: Document = {}
    for key, value in target.items():
        before = base.get(key)
        if key in base and before == value and type(before) is type(value):
            continue
        if key in _KEYWISE and isinstance(value, dict) and isinstance(before, dict):
            changed: Document = {
                name: item
                for name, item in value.items()
                if name not in before or before[name] != item
            }
            changed |= {name: None for name in before if name not in value}
            if changed:
                changes[key] = changed
        else:
            changes[key] = value
    for key in base:
        if key not in target and not (key == "num_units" and "scale" in target):
            changes[key] = None
    return {key: changes[key] for key in sorted(changes, key=_rank)}


def _rank(key: str) -> int:
    """Order the fields of an application as a person reads them: the charm first, options last."""
    return _ORDER.index(key) if key in _ORDER else len(_ORDER) - 2
