"""The status history of a model, its applications and its units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.entities.entities import StatusInfo
from ckf_airgap.rehearsal.golang.formatting import go_value
from ckf_airgap.rehearsal.model.model import Model
from ckf_airgap.rehearsal.units.history import HistoryKind
from ckf_airgap.rehearsal.views.status import detailed_status
from ckf_airgap.rehearsal.wire import (
    NOT_FOUND,
    NOT_VALID,
    ApiError,
    field,
    int_field,
    mapping_field,
    mappings_field,
    tag_id,
    text_field,
    texts_field,
)

_MAX_DELTA: Final = timedelta(days=365 * 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFilter:
    """Which statuses are requested: the last few, or all since some time."""

    size: int
    after: datetime | None
    excluded: Sequence[str]

    @classmethod
    def from_document(cls, document: Document, now: datetime) -> HistoryFilter:
        """Return what a request asks for.

        Raises:
            ApiError: unless exactly one of ``size``, ``date`` and ``delta`` is given.
        """
        size = int_field(document, "size")
        date, delta = text_field(document, "date"), field(document, "delta")
        given = {"Size": size > 0, "Date": bool(date), "Delta": delta is not None}
        names = [name for name, is_given in given.items() if is_given]
        if len(names) != 1:
            why = f"{names[0]} and {names[1]} together" if names else "missing filter parameters"
            raise ApiError(f"cannot validate status history filter: {why} not valid", NOT_VALID)
        after = None
        if date:
            after = _moment(date)
        elif delta is not None:
            age = timedelta(microseconds=int_field(document, "delta") / 1000)
            after = now - min(max(age, -_MAX_DELTA), _MAX_DELTA)
        return cls(size=size, after=after, excluded=texts_field(document, "exclude"))


def status_histories(model: Model, params: Document) -> Document:
    """Return the reply of ``Client.StatusHistory``, a list of statuses for each request."""
    results: list[Document] = []
    for request in mappings_field(params, "requests"):
        result: Document = {"history": {"statuses": []}}
        try:
            wanted = HistoryFilter.from_document(
                mapping_field(request, "filter"), model.clock.now()
            )
            result["history"] = {"statuses": _statuses(model, request, wanted)}
        except ApiError as error:
            result["error"] = error.as_document()
        results.append(result)
    return {"results": [*results]}


def _statuses(model: Model, request: Document, wanted: HistoryFilter) -> list[JSONValue]:
    kind, tag = text_field(request, "historyKind"), text_field(request, "tag")
    try:
        found: list[Document] = [
            {**detailed_status(status), "kind": of}
            for name, of in _entities(model, kind, tag)
            for status in _found(model, name, of, wanted)
        ]
    except ApiError as error:
        raise error.annotated(f"fetching status history for {go_value(tag)}") from error
    found.sort(key=lambda status: str(status["since"]))
    if kind == "unit" and wanted.size > 0:
        found = found[-wanted.size :]
    return [*found]


def _found(model: Model, name: str, kind: HistoryKind, wanted: HistoryFilter) -> list[StatusInfo]:
    return model.chronicle.history.find(
        kind, name, size=wanted.size, after=wanted.after, excluded=wanted.excluded
    )


def _entities(model: Model, kind: str, tag: str) -> list[tuple[str, HistoryKind]]:
    """Return the entities and histories that a kind of history covers.

    Raises:
        ApiError: when the tag is malformed, or the entity does not exist.
    """
    if kind == "model":
        return [(model.uuid, "model")]
    if kind in ("unit", "workload", "juju-unit"):
        application, dash, number = tag_id(tag, "unit").rpartition("-")
        if not dash or not number.isdecimal():
            raise ApiError(f"{go_value(tag)} is not a valid unit tag")
        name = model.topology.unit(f"{application}/{number}").name
        both: list[tuple[str, HistoryKind]] = [(name, "workload"), (name, "juju-unit")]
        return [entry for entry in both if kind in ("unit", entry[1])]
    if kind == "application":
        return [(model.topology.application(tag_id(tag, "application")).name, "application")]
    if kind == "saas":
        name = tag_id(tag, "application")
        raise ApiError(f"saas application {go_value(name)} not found", NOT_FOUND)
    raise ApiError(f"machine {tag_id(tag, 'machine')} not found", NOT_FOUND)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ApiError(
            f"parsing time {go_value(text)} as RFC 3339: not a time in that form"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
