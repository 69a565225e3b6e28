"""A model as a bundle: what ``juju export-bundle`` writes, and ``juju deploy`` takes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.documents import Document, JSONValue, dump_yaml, natural
from ckf_airgap.rehearsal.entities.entities import Application, Relation
from ckf_airgap.rehearsal.entities.storage import StorageConstraints
from ckf_airgap.rehearsal.model.bundlearguments import series_of_base
from ckf_airgap.rehearsal.wire import ApiError, mapping_field, texts_field

DEFAULT_BASE: Final = "ubuntu@24.04/stable"
"""The base that an application has when a bundle does not say."""

_ALL_NETWORKS: Final = frozenset({"0.0.0.0/0", "::/0"})

_CONSTRAINTS: Final[Mapping[str, str]] = {
    "arch": "arch",
    "cores": "cpu-cores",
    "cpu-power": "cpu-power",
    "mem": "mem",
    "root-disk": "root-disk",
    "instance-type": "instance-type",
    "image-id": "image-id",
    "container": "container",
    "virt-type": "virt-type",
    "tags": "tags",
    "spaces": "spaces",
    "zones": "zones",
    "root-disk-source": "root-disk-source",
}
"""The constraints of an application in the order of a bundle, and what they are called there."""


_FIELDS: Final = (
    "charm",
    "channel",
    "series",
    "base",
    "scale",
    "placement",
    "expose",
    "options",
    "annotations",
    "constraints",
    "storage",
    "trust",
)
"""The fields of an application in the order of a bundle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What of a model is exported.

    Attributes:
        annotations: By tag.
        saas: The URLs of consumed offers, by name.
        offers: The offers of applications: by application and name, ``endpoints`` and ``acl``.
        default_base: The model's default base; empty for that of Juju.
    """

    applications: Mapping[str, Application]
    relations: Iterable[Relation]
    annotations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    saas: Mapping[str, str] = field(default_factory=dict)
    offers: Mapping[str, Mapping[str, Document]] = field(default_factory=dict)
    default_base: str = ""


def export_bundle(
    model: Exported, *, include_charm_defaults: bool = False, include_series: bool = False
) -> str:
    """Return a model as YAML: a bundle, and an overlay with what bundles cannot hold.

    Args:
        model: The model.
        include_charm_defaults: Write the options that were not set, too.
        include_series: Write the series beside each base.

    Raises:
        ApiError: when there is no application.
    """
    if not model.applications:
        raise ApiError("nothing to export as there are no applications")
    applications = dict(sorted(model.applications.items(), key=lambda item: natural(item[0])))
    bases = {_base_text(application) for application in applications.values()}
    default = model.default_base or DEFAULT_BASE
    shown: Document = {}
    for name, application in applications.items():
        fields = _application(application, include_charm_defaults=include_charm_defaults)
        base = _base_text(application)
        # A bundle for Kubernetes has no default base, so one base for all is not written at all.
        if len(bases) > 1 and base != default:
            fields["base"] = base
            if include_series:
                fields["series"] = series_of_base(base)
        annotations = model.annotations.get(f"application-{name}")
        if annotations:
            fields["annotations"] = dict(annotations)
        shown[name] = {key: fields[key] for key in _FIELDS if key in fields}
    bundle: Document = {"bundle": "kubernetes"}
    if model.saas:
        bundle["saas"] = {name: {"url": url} for name, url in sorted(model.saas.items())}
    bundle["applications"] = shown
    known = {*applications, *model.saas}
    relations: list[JSONValue] = [
        [str(side) for side in relation.sides]
        for relation in model.relations
        if not relation.is_peer and all(side.application in known for side in relation.sides)
    ]
    if relations:
        bundle["relations"] = relations
    overlay = _overlay(applications, model.offers)
    text = dump_yaml(bundle)
    return f"{text}--- # overlay.yaml\n{dump_yaml({'applications': overlay})}" if overlay else text


def _application(application: Application, *, include_charm_defaults: bool) -> Document:
    fields: Document = {
        "charm": f"local:{application.charm.name}-{application.stored.url.revision}"
    }
    if application.channel:
        fields["channel"] = application.channel
    if application.units and not application.charm.subordinate:
        fields["scale"] = len(application.units)
    if application.exposed and not _granular(application):
        fields["expose"] = True
    options: Document = dict(application.settings)
    if include_charm_defaults:
        for name, option in application.charm.options.items():
            options.setdefault(name, option.default)
    if options:
        fields["options"] = dict(sorted(options.items()))
    constraints = _constraints(application.constraints)
    if constraints:
        fields["constraints"] = constraints
    if application.storage_constraints:
        fields["storage"] = {
            name: _storage(asked) for name, asked in sorted(application.storage_constraints.items())
        }
    if application.own_settings.get("trust") is True:
        fields["trust"] = True
    return fields


def _overlay(
    applications: Mapping[str, Application], offers: Mapping[str, Mapping[str, Document]]
) -> Document:
    overlay: Document = {}
    for name, application in applications.items():
        fields: Document = {}
        if application.exposed and _granular(application):
            fields["exposed-endpoints"] = {
                endpoint: _sorted_exposure(mapping_field(application.exposed_endpoints, endpoint))
                for endpoint in sorted(application.exposed_endpoints)
            }
        offered = offers.get(name)
        if offered:
            fields["offers"] = dict(offered)
        if fields:
            overlay[name] = fields
    return overlay


def _sorted_exposure(how: Document) -> Document:
    return {
        key: [*sorted(texts_field(how, key))]
        for key in ("expose-to-spaces", "expose-to-cidrs")
        if how.get(key)
    }


def _granular(application: Application) -> bool:
    """Whether only some endpoints are exposed, or not to everybody."""
    exposed = application.exposed_endpoints
    if not exposed:
        return False
    whole = exposed.get("")
    if len(exposed) > 1 or not isinstance(whole, dict):
        return True
    networks = whole.get("expose-to-cidrs")
    spaces = whole.get("expose-to-spaces")
    return bool(spaces) or not _ALL_NETWORKS.issuperset(
        str(network) for network in (networks if isinstance(networks, list) else [])
    )


def _constraints(constraints: Document) -> str:
    parts = []
    for key, name in _CONSTRAINTS.items():
        value = constraints.get(key)
        if isinstance(value, list):
            value = ",".join(str(item) for item in value)
        if value:
            parts.append(f"{name}={value}")
    return " ".join(parts)


def _storage(asked: StorageConstraints) -> str:
    """Return what units get of a storage as a bundle writes it: ``kubernetes,1,1024M``."""
    count, size = asked.count, asked.size_mib
    parts = [asked.pool, str(count) if count else "", f"{size}M" if size else ""]
    return ",".join(part for part in parts if part)


def _base_text(application: Application) -> str:
    return f"{application.base.name}@{application.base.channel}"
