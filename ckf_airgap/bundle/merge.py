"""The merge of bundles and overlays, by the rules of ``juju deploy --overlay`` of Juju 3.x."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ckf_airgap.bundle.verification import part_problems
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.errors import BundleError, Problem, nearest, raise_all

KEYWISE: Final = frozenset(
    {
        "options",
        "resources",
        "annotations",
        "storage",
        "devices",
        "bindings",
        "offers",
        "exposed-endpoints",
    }
)
"""Maps of an application that are merged key by key."""

NULL_DELETES: Final = frozenset({"options", "resources", "offers", "exposed-endpoints"})
"""Maps of an application in which a null value deletes the key; elsewhere it is an empty string."""

SECTIONS: Final = ("applications", "saas")
"""Sections that are merged entry by entry."""

_UNITS: Final = ("scale", "num_units")


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A bundle with overlays.

    Attributes:
        document: The merged document.
        ignored: What overlays ask for that Juju drops without a word, each with what to write.
    """

    document: Document
    ignored: list[Problem] = field(default_factory=list)


def merge_documents(base: Document, *overlays: Document) -> Document:
    """Return `base` with each overlay merged in; see `merge`."""
    return merge(base, overlays).document


def merge(base: Document, overlays: Sequence[Document], names: Sequence[str] = ()) -> Merged:
    """Return `base` with each overlay merged in, and what of the overlays has no effect.

    An application that is null in the overlay is removed together with its relations, and an empty
    mapping changes nothing. Scalars and lists of an application overwrite; its maps merge by key; a
    null map clears the map; a null value deletes the key in options, resources, offers and exposed
    endpoints, and becomes an empty string elsewhere. ``scale`` that is zero or null changes
    nothing, and neither does ``placement`` (``num_units`` and ``to`` do): `Merged.ignored` says so.
    Relations are appended; ``series`` overrides; ``default-base``, ``bundle`` and ``description``
    of an overlay are ignored. The arguments are not modified.

    Args:
        base: The bundle.
        overlays: The overlays, in the order in which they are applied.
        names: What each overlay is called in messages, such as its file.

    Raises:
        BundleError: when an overlay has ``services``, the old name of ``applications``, or fields
            of an application that Juju does not take in one document.
    """
    merged = Merged(document=copy.deepcopy(base))
    _refuse(base, "the bundle")
    for number, overlay in enumerate(overlays):
        name = names[number] if number < len(names) else ""
        if "services" in overlay:
            named = f"{name}: " if name else ""
            raise BundleError(
                f"{named}bundle overlay file used deprecated 'services' key, this is not valid "
                "for bundle overlay files",
                fix="Write applications.",
            )
        _refuse(overlay, f"the overlay {name}" if name else "an overlay")
        _merge_one(merged, copy.deepcopy(overlay), name)
    return merged


def without_strays(
    base: Document, overlays: Sequence[Document], names: Sequence[str] = ()
) -> tuple[list[Document], list[Problem]]:
    """Return the overlays without the applications that do not exist, and a problem for each.

    An overlay may change an application of the bundle or of an overlay before it, or add one, for
    which it or one after it names the charm, unless that removes it. Juju takes everything else for
    a new application and reports that it has no charm, where in truth a name is mistyped.
    """
    known = {*_applications(base)}
    kept, problems = [], []
    for number, overlay in enumerate(overlays, start=1):
        strays = set()
        for name, fields in _applications(overlay).items():
            if name in known or not isinstance(fields, dict) or fields.get("charm"):
                known = known - {name} if fields is None else known | {name}
                continue
            if _settled(name, overlays[number:]):
                known = known | {name}
                continue
            strays.add(name)
            where = "overlay" if len(overlays) == 1 else f"overlay {number}"
            where = names[number - 1] if number <= len(names) else where
            fix = nearest(name, known) or "name its charm to add it"
            problems.append(Problem(f"there is no application {name}", where, fix))
        rest = {name: item for name, item in _applications(overlay).items() if name not in strays}
        kept.append({**overlay, "applications": rest} if strays else overlay)
    return kept, problems


def _settled(name: str, later: Sequence[Document]) -> bool:
    """Whether overlays remove an application after all, or name its charm."""
    for overlay in later:
        applications = _applications(overlay)
        fields = applications.get(name)
        if name in applications and (
            fields is None or (isinstance(fields, dict) and fields.get("charm"))
        ):
            return True
    return False


def without_relations_of(relations: list[JSONValue], application: str) -> list[JSONValue]:
    """Return the relations that an application has no part in.

    What is no pair stays, as in Juju: the check of the bundle refuses it.
    """
    return [
        relation
        for relation in relations
        if not isinstance(relation, list)
        or len(relation) != 2
        or not any(_names(end, application) for end in relation)
    ]


def _applications(document: Document) -> Document:
    section = document.get("applications")
    return section if isinstance(section, dict) else {}


def _names(end: JSONValue, application: str) -> bool:
    return isinstance(end, str) and end.partition(":")[0] == application


def _refuse(part: Document, what: str) -> None:
    raise_all(BundleError, f"{what} cannot be used", [*part_problems(part)])


def _merge_one(merged: Merged, overlay: Document, overlay_name: str) -> None:
    document = merged.document
    for key in SECTIONS:
        changes = overlay.get(key)
        if not isinstance(changes, dict):
            continue
        section = document.get(key)
        if not isinstance(section, dict):
            section = document[key] = {}
        for name, fields in changes.items():
            if fields is None:
                section.pop(name, None)
                present = document.get("relations")
                if isinstance(present, list):
                    document["relations"] = without_relations_of(present, name)
                continue
            known = section.get(name)
            if isinstance(fields, dict) and isinstance(known, dict):
                for problem in _merge_fields(name, known, fields):
                    where = ", ".join(filter(None, (overlay_name, problem.where)))
                    merged.ignored.append(replace(problem, where=where))
            elif fields != {} or name not in section:
                section[name] = fields
    relations = overlay.get("relations")
    if isinstance(relations, list):
        present = document.get("relations")
        document["relations"] = [*(present if isinstance(present, list) else []), *relations]
    if overlay.get("series"):
        document["series"] = overlay["series"]
    if overlay.get("machines") is not None:
        document["machines"] = overlay["machines"]


def _merge_fields(name: str, application: Document, changes: Document) -> list[Problem]:
    """Merge an overlay's fields into those of an application; return what has no effect."""
    ignored = _without_effect(name, changes)
    if any(key in changes for key in _UNITS):
        for key in _UNITS:
            application.pop(key, None)
    if "to" in changes:
        application.pop("placement", None)
    for key, value in changes.items():
        if key not in KEYWISE:
            application[key] = value
        elif value is None:
            application.pop(key, None)
        elif isinstance(value, dict):
            present = application.get(key)
            section: Document = present if isinstance(present, dict) else {}
            for entry, item in value.items():
                if not _is_null(key, item):
                    section[entry] = item
                elif key in NULL_DELETES:
                    section.pop(entry, None)
                else:
                    section[entry] = ""
            application[key] = section
        else:
            application[key] = value
    return ignored


def _is_null(section: str, item: JSONValue) -> bool:
    """Whether an entry of a map counts as null; an exposed endpoint does when nothing is in it."""
    if section == "exposed-endpoints" and isinstance(item, dict):
        return all(value is None for value in item.values())
    return item is None


def _without_effect(name: str, changes: Document) -> list[Problem]:
    """Take from the changes what Juju drops: it knows only the presence of other fields."""
    where = f"application {name}"
    ignored = []
    scale = changes.get("scale")
    if "scale" in changes and not (isinstance(scale, int) and scale):
        del changes["scale"]
        if "num_units" not in changes:
            ignored.append(
                Problem(
                    f"scale: {'0' if scale == 0 else 'null'} in an overlay changes nothing in Juju",
                    where,
                    "write num_units: 0",
                )
            )
    elif "scale" in changes:
        changes.pop("num_units", None)  # zero or null: both are refused before
    placement = changes.pop("placement", None)
    if placement and "to" in changes:
        changes["to"] = [placement]  # Juju looks whether to is there, and it is, empty
    elif placement:
        ignored.append(
            Problem(
                f"placement: {placement} in an overlay changes nothing in Juju",
                where,
                f"write to: [{placement}]",
            )
        )
    return ignored
