"""The merge of bundles and overlays, by the rules of ``juju deploy --overlay`` of Juju 3.x."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import BundleError, Problem, nearest

KEYWISE: Final = frozenset(
    {"options", "resources", "annotations", "storage", "devices", "bindings", "offers"}
)
"""Maps of an application that are merged key by key."""

NULL_DELETES: Final = frozenset({"options", "resources"})
"""Maps of an application in which a null value deletes the key; elsewhere it is an empty string."""

SECTIONS: Final = ("applications", "saas")
"""Sections that are merged entry by entry."""


def merge_documents(base: Document, *overlays: Document) -> Document:
    """Return `base` with each overlay merged in.

    An application that is null in the overlay is removed together with its relations, and an empty
    mapping changes nothing. Scalars and lists of an application overwrite; its maps merge by key; a
    null map clears the map; a null value deletes the key in options and resources, and becomes an
    empty string elsewhere. Relations are appended; ``series`` overrides; ``default-base``,
    ``bundle`` and ``description`` of an overlay are ignored. The arguments are not modified.

    Raises:
        BundleError: when an overlay has ``services``, the old name of ``applications``.
    """
    merged = copy.deepcopy(base)
    for overlay in overlays:
        if "services" in overlay:
            raise BundleError(
                "bundle overlay file used deprecated 'services' key, this is not valid for bundle "
                "overlay files",
                fix="Write applications.",
            )
        if "services" in merged and "applications" not in merged:
            merged["applications"] = merged.pop("services")
        _merge_one(merged, copy.deepcopy(overlay))
    return merged


def without_strays(
    base: Document, overlays: Sequence[Document]
) -> tuple[list[Document], list[Problem]]:
    """Return the overlays without the applications that do not exist, and a problem for each.

    An overlay may change an application of the bundle or of an overlay before it, or add one, for
    which it names the charm. Juju takes everything else for a new application and reports that it
    has no charm, where in truth a name is mistyped.
    """
    known = {*_applications(base), *_applications({"applications": base.get("services")})}
    kept, problems = [], []
    for number, overlay in enumerate(overlays, start=1):
        strays = set()
        for name, fields in _applications(overlay).items():
            if name in known or not isinstance(fields, dict) or fields.get("charm"):
                known = known - {name} if fields is None else known | {name}
                continue
            strays.add(name)
            where = "overlay" if len(overlays) == 1 else f"overlay {number}"
            fix = nearest(name, known) or "name its charm to add it"
            problems.append(Problem(f"there is no application {name}", where, fix))
        rest = {name: item for name, item in _applications(overlay).items() if name not in strays}
        kept.append({**overlay, "applications": rest} if strays else overlay)
    return kept, problems


def without_relations_of(relations: list[JSONValue], application: str) -> list[JSONValue]:
    """Return the relations that an application has no part in."""
    return [
        relation
        for relation in relations
        if not isinstance(relation, list) or not any(_names(end, application) for end in relation)
    ]


def _applications(document: Document) -> Document:
    section = document.get("applications")
    return section if isinstance(section, dict) else {}


def _names(end: JSONValue, application: str) -> bool:
    return isinstance(end, str) and end.partition(":")[0] == application


def _merge_one(merged: Document, overlay: Document) -> None:
    for key in SECTIONS:
        changes = overlay.get(key)
        if not isinstance(changes, dict):
            continue
        section = merged.get(key)
        if not isinstance(section, dict):
            section = merged[key] = {}
        for name, fields in changes.items():
            if fields is None:
                section.pop(name, None)
                present = merged.get("relations")
                if isinstance(present, list):
                    merged["relations"] = without_relations_of(present, name)
                continue
            known = section.get(name)
            if isinstance(fields, dict) and isinstance(known, dict):
                _merge_fields(known, fields)
            elif fields != {} or name not in section:
                section[name] = fields
    relations = overlay.get("relations")
    if isinstance(relations, list):
        present = merged.get("relations")
        merged["relations"] = [*(present if isinstance(present, list) else []), *relations]
    if overlay.get("series") is not None:
        merged["series"] = overlay["series"]
    if "machines" in overlay:
        merged["machines"] = overlay["machines"]


def _merge_fields(application: Document, changes: Document) -> None:
    if "scale" in changes or "num_units" in changes:
        application.pop("scale", None)
        application.pop("num_units", None)
    for key, value in changes.items():
        if key not in KEYWISE:
            application[key] = value
        elif value is None:
            application.pop(key, None)
        elif isinstance(value, dict):
            present = application.get(key)
            section: Document = present if isinstance(present, dict) else {}
            for name, item in value.items():
                if item is not None:
                    section[name] = item
                elif key in NULL_DELETES:
                    section.pop(name, None)
                else:
                    section[name] = ""
            application[key] = section
        else:
            application[key] = value
