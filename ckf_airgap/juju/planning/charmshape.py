"""What Juju compares of two charms before it gives an application another one. Pure.

The metadata of a ``.charm`` file and the reply of ``Charms.CharmInfo`` say the same in two forms;
here both become one, as ``meta.go`` of ``github.com/juju/charm/v12`` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.charms.bases import KUBERNETES_SERIES
from ckf_airgap.charms.charm import ROLES, Base, Charm, Endpoint, Role
from ckf_airgap.documents import Document, JSONValue, mappings
from ckf_airgap.juju.planning.requirements import mebibytes, storage_counts

_UNBOUNDED: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class CharmShape:
    """What of a charm decides whether it can take the place of another.

    Attributes:
        format: The format of its metadata: 2 with bases in its manifest and without series.
        is_kubernetes: Whether Juju takes it for a charm of Kubernetes: a sidecar, or pod-spec.
        subordinate: Whether it is subordinate.
        deployment: Type, mode, service and minimum version; ``None`` when it declares none.
        storage: What it declares of each storage.
        devices: What it declares of each device.
        endpoints: Its endpoints, those among peers too.
        bases: The bases that it runs on.
    """

    format: int = 2
    is_kubernetes: bool = True
    subordinate: bool = False
    deployment: Mapping[str, JSONValue] | None = None
    storage: Mapping[str, Mapping[str, JSONValue]] = field(default_factory=dict)
    devices: Mapping[str, Mapping[str, JSONValue]] = field(default_factory=dict)
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    bases: tuple[Base, ...] = ()


def shape_of_charm(charm: Charm) -> CharmShape:
    """Return the shape of a charm file."""
    has_manifest = charm.documents is None or "manifest.yaml" in charm.documents
    form = 2 if charm.bases and has_manifest and not charm.series else 1
    metadata = charm.metadata
    return CharmShape(
        format=form,
        is_kubernetes=_is_kubernetes(form, metadata.get("containers"), charm.series),
        subordinate=charm.subordinate,
        deployment=_deployment(metadata.get("deployment"), "workload"),
        storage={
            name: _storage(fields, least, _UNBOUNDED if most is None else most)
            for name, fields in _declared(metadata.get("storage"))
            for least, most in [storage_counts(fields)]
        },
        devices={name: _device(fields) for name, fields in _declared(metadata.get("devices"))},
        endpoints=charm.endpoints,
        bases=charm.bases,
    )


def shape_of_info(info: Document) -> CharmShape:
    """Return the shape of a charm in a model, from the reply of ``Charms.CharmInfo``."""
    found = info.get("meta")
    meta: Document = found if isinstance(found, dict) else {}
    listed = meta.get("series")
    series = tuple(str(name) for name in listed) if isinstance(listed, list) else ()
    bases = _bases(info.get("manifest"))
    form = 2 if bases and not series else 1
    return CharmShape(
        format=form,
        is_kubernetes=_is_kubernetes(form, meta.get("containers"), series),
        subordinate=meta.get("subordinate") is True,
        deployment=_deployment(meta.get("deployment"), ""),
        storage={
            name: _storage(fields, fields.get("count-min"), fields.get("count-max"))
            for name, fields in mappings(meta.get("storage"))
        },
        devices={
            name: _device({key.lower(): value for key, value in fields.items()})
            for name, fields in mappings(meta.get("devices"))
        },
        endpoints={
            name: _endpoint(name, role, fields)
            for key, role in ROLES
            for name, fields in mappings(meta.get(key))
        },
        bases=bases,
    )


def _is_kubernetes(form: int, containers: JSONValue, series: tuple[str, ...]) -> bool:
    """As ``IsKubernetes`` of ``core/charm/kubernetes.go``."""
    return bool(containers) if form == 2 else KUBERNETES_SERIES in series


def _deployment(value: JSONValue, mode: str) -> Document | None:
    if not isinstance(value, dict):
        return None
    return {
        "type": value.get("type") or "",
        "mode": value.get("mode") or mode,
        "service": value.get("service") or "",
        "min-version": value.get("min-version") or "",
    }


def _storage(fields: Document, least: JSONValue, most: JSONValue) -> Document:
    properties = fields.get("properties")
    return {
        "type": fields.get("type") or "",
        "description": fields.get("description") or "",
        "shared": fields.get("shared") is True,
        "read-only": fields.get("read-only") is True,
        "least": least if isinstance(least, int) else 1,
        "most": most if isinstance(most, int) else 1,
        "minimum-size": mebibytes(fields.get("minimum-size")),
        "location": fields.get("location") or "",
        "properties": properties if isinstance(properties, list) else [],
    }


def _device(fields: Document) -> Document:
    counts = {key: fields.get(key) for key in ("countmin", "countmax")}
    return {
        "type": fields.get("type") or "",
        "description": fields.get("description") or "",
        **{key: count if isinstance(count, int) else 1 for key, count in counts.items()},
    }


def _endpoint(name: str, role: Role, fields: Document) -> Endpoint:
    limit = fields.get("limit")
    return Endpoint(
        name=name,
        role=role,
        interface=str(fields.get("interface") or ""),
        limit=limit if isinstance(limit, int) and limit > 0 else None,
        scope="container" if fields.get("scope") == "container" else "global",
    )


def _bases(manifest: JSONValue) -> tuple[Base, ...]:
    listed = manifest.get("bases") if isinstance(manifest, dict) else None
    return tuple(
        Base(name=str(item.get("name")), channel=str(item.get("channel")))
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, dict)
    )


def _declared(section: JSONValue) -> list[tuple[str, Document]]:
    """Return the entries of a section of the metadata, which may be empty."""
    return [
        (name, fields if isinstance(fields, dict) else {})
        for name, fields in (section.items() if isinstance(section, dict) else ())
    ]
