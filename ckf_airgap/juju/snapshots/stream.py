"""A model as a stream of documents: first the whole of it, then only what changed. Pure.

Every document has a ``change``, which says what it is about, and the new ``value`` of that, in the
form that the whole model has it; ``None`` when it is gone::

    {"change": "model", "value": {"model": "kubeflow", "applications": {...}, ...}}
    {"change": "application", "application": "minio", "value": {...}}      without its units
    {"change": "unit", "application": "minio", "unit": "minio/0", "value": {...}}
    {"change": "relation", "id": 4, "value": None}
    {"change": "life", "value": "dying"}
"""

from __future__ import annotations

from collections.abc import Iterator

from ckf_airgap.documents import Document, JSONValue, natural
from ckf_airgap.juju.snapshots.snapshot import (
    ApplicationSnapshot,
    ModelSnapshot,
    RelationSnapshot,
)


def change_documents(before: ModelSnapshot | None, after: ModelSnapshot) -> Iterator[Document]:
    """Yield what a reader who has `before` needs to have `after`; the whole model for ``None``."""
    if before is None or before.model != after.model:
        yield {"change": "model", "value": after.to_json()}
        return
    if before.life != after.life:
        yield {"change": "life", "value": after.life}
    for name in sorted({*before.applications, *after.applications}):
        old, new = before.applications.get(name), after.applications.get(name)
        if old != new:
            yield from _of_application(name, old, new)
    yield from _of_relations(before.relations, after.relations)


def apply_change(model: Document, change: Document) -> Document:
    """Return a model after a change; `model` itself is not altered.

    Args:
        model: The model as it was; anything, for the first document.
        change: One of `change_documents`; what is about something else changes nothing.
    """
    value = change.get("value")
    match change.get("change"):
        case "model":
            return dict(_mapping(value))
        case "life":
            return {**model, "life": value}
        case "application":
            name = str(change.get("application"))
            applications = dict(_mapping(model.get("applications")))
            units = _mapping(applications.pop(name, None)).get("units", {})
            if isinstance(value, dict):
                applications[name] = {**value, "units": units}
            return {**model, "applications": dict(sorted(applications.items()))}
        case "unit":
            name, unit = str(change.get("application")), str(change.get("unit"))
            applications = dict(_mapping(model.get("applications")))
            application = _mapping(applications.get(name))
            kept = {**_mapping(application.get("units")), unit: value}
            there: Document = {
                key: kept[key] for key in sorted(kept, key=natural) if kept[key] is not None
            }
            applications[name] = {**application, "units": there}
            return {**model, "applications": applications}
        case "relation":
            number = change.get("id")
            listed = model.get("relations")
            known = [_mapping(one) for one in listed] if isinstance(listed, list) else []
            kept_ones = [one for one in known if one.get("id") != number]
            kept_ones += [value] if isinstance(value, dict) else []
            relations: list[JSONValue] = [*sorted(kept_ones, key=_id)]
            return {**model, "relations": relations}
        case _:
            return model


def _of_application(
    name: str, old: ApplicationSnapshot | None, new: ApplicationSnapshot | None
) -> Iterator[Document]:
    if new is None:
        yield {"change": "application", "application": name, "value": None}
        return
    value = _without_units(new)
    if old is None or value != _without_units(old):
        yield {"change": "application", "application": name, "value": value}
    was = {unit.name: unit for unit in old.units} if old is not None else {}
    now = {unit.name: unit for unit in new.units}
    for unit in sorted({*was, *now}, key=natural):
        if was.get(unit) != now.get(unit):
            told = now[unit].to_json() if unit in now else None
            yield {"change": "unit", "application": name, "unit": unit, "value": told}


def _of_relations(
    before: tuple[RelationSnapshot, ...], after: tuple[RelationSnapshot, ...]
) -> Iterator[Document]:
    was = {relation.id: relation.to_json() for relation in before}
    now = {relation.id: relation.to_json() for relation in after}
    for number in sorted({*was, *now}):
        if was.get(number) != now.get(number):
            yield {"change": "relation", "id": number, "value": now.get(number)}


def _without_units(application: ApplicationSnapshot) -> Document:
    document = application.to_json()
    del document["units"]
    return document


def _id(relation: Document) -> int:
    number = relation.get("id")
    return number if isinstance(number, int) else -1


def _mapping(value: JSONValue) -> Document:
    return value if isinstance(value, dict) else {}
