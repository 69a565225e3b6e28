"""A model exported as a bundle that recreates it, as ``juju export-bundle`` does. Pure.

What is in it, in which order, and what goes into the overlay below it is as in Juju's
``apiserver/facades/client/bundle`` (``ExportBundle``, ``fillBundleData``) and the field order of
``BundleData`` in its charm library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ckf_airgap.charms.charm import SERIES_CHANNELS, Base
from ckf_airgap.documents import Document, JSONValue, dump_yaml
from ckf_airgap.rehearsal.entities.charmurl import CharmURL
from ckf_airgap.rehearsal.entities.entities import Application, Relation
from ckf_airgap.rehearsal.entities.resources import STORE
from ckf_airgap.rehearsal.entities.storage import StorageConstraints
from ckf_airgap.rehearsal.wire import ApiError, mapping_field, texts_field

LOCAL: Final = "local"

LTS_BASE: Final = Base(name="ubuntu", channel="24.04/stable")
"""The base of a model whose config names none (``version.DefaultSupportedLTSBase``)."""

ALL_NETWORKS: Final = frozenset(("0.0.0.0/0", "::/0"))

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
"""The constraints that are exported, and how Juju writes them: in this order."""

_OVERLAY_ONLY: Final[tuple[str, ...]] = ("exposed-endpoints", "offers")

_OVERLAY_HEAD: Final = "--- # overlay.yaml\n"


def export_bundle(
    applications: Iterable[Application],
    relations: Iterable[Relation],
    *,
    annotations: Mapping[str, Mapping[str, str]],
    default_base: Base | None = None,
    offers: Mapping[str, Document] | None = None,
    saas: Mapping[str, str] | None = None,
    include_charm_defaults: bool = False,
    include_series: bool = False,
) -> str:
    """Return the YAML of a bundle that recreates the model.

    Fields that Juju only takes from an overlay (offers, exposed endpoints) are in a second
    document, as in Juju.

    Args:
        applications: The applications of the model.
        relations: Its relations; those among peers are left out.
        annotations: The annotations of entities, by tag.
        default_base: The base that the model's config names; applications on it do not repeat it,
            and none does when all are on one base.
        offers: Per application, its offers: ``{offer: {endpoints: [...], acl: {user: access}}}``.
        saas: The URLs of the offers that the model consumes, by name.
        include_charm_defaults: Whether to write options left at their defaults too.
        include_series: Whether the series is written beside each base.

    Raises:
        ApiError: when the model has no applications.
    """
    deployed = sorted(applications, key=lambda application: application.name)
    shared = {(application.base.name, application.base.track) for application in deployed}
    specs = {
        application.name: _application(
            application,
            default_base=default_base or LTS_BASE,
            annotations=annotations.get(f"application-{application.name}", {}),
            offers=(offers or {}).get(application.name, {}),
            include_charm_defaults=include_charm_defaults,
            include_series=include_series,
            # Juju makes the only base of all applications the bundle's default, and then leaves
            # the default out of bundles for Kubernetes.
            include_base=len(shared) > 1,
        )
        for application in deployed
    }
    if not specs:
        raise ApiError("nothing to export as there are no applications")
    bundle: Document = {"bundle": "kubernetes"}
    if saas:
        bundle["saas"] = {name: {"url": url} for name, url in sorted(saas.items())}
    bundle["applications"] = {
        name: {key: value for key, value in spec.items() if key not in _OVERLAY_ONLY}
        for name, spec in specs.items()
    }
    pairs: list[JSONValue] = [
        [f"{side.application}:{side.endpoint.name}" for side in relation.sides]
        for relation in relations
        if not relation.is_peer
    ]
    if pairs:
        bundle["relations"] = pairs
    overlay: Document = {
        name: only
        for name, spec in specs.items()
        if (only := {key: spec[key] for key in _OVERLAY_ONLY if key in spec})
    }
    text = dump_yaml(bundle)
    return text + _OVERLAY_HEAD + dump_yaml({"applications": overlay}) if overlay else text


def _application(
    application: Application,
    *,
    default_base: Base,
    annotations: Mapping[str, str],
    offers: Document,
    include_charm_defaults: bool,
    include_series: bool,
    include_base: bool,
) -> Document:
    url, base = application.stored.url, application.base
    is_other_base = include_base and not base.same_os(default_base)
    options: dict[str, JSONValue] = {}
    if include_charm_defaults:
        options |= {name: option.default for name, option in application.charm.options.items()}
    options |= application.settings
    exposed = _exposed_endpoints(application)
    constraints = [
        f"{written}={_constraint(value)}"
        for name, written in _CONSTRAINTS.items()
        if (value := application.constraints.get(name))
    ]
    fields: Document = {
        "charm": _charm(url),
        "channel": application.channel,
        "revision": url.revision if url.schema != LOCAL and url.revision >= 0 else None,
        "series": _series(base) if is_other_base and include_series else None,
        "base": f"{base.name}@{base.channel}" if is_other_base else None,
        "resources": {
            resource.name: resource.revision
            for resource in application.resources.values()
            if resource.origin == STORE
        },
        "scale": len(application.units) or None,
        "expose": application.exposed and not exposed,
        "exposed-endpoints": exposed,
        "options": {name: options[name] for name in sorted(options)},
        "annotations": {name: annotations[name] for name in sorted(annotations)},
        "constraints": " ".join(constraints),
        "storage": _storage(application.storage_constraints),
        "offers": offers,
        "trust": application.own_settings.get("trust") is True,
    }
    return {key: value for key, value in fields.items() if _is_set(value)}


def _is_set(value: JSONValue) -> bool:
    """Whether a field is written; a revision of 0 is."""
    return value is not None and value is not False and value not in ("", {}, [])


def _charm(url: CharmURL) -> str:
    """Return how a bundle names a charm: a local one with its revision in the model."""
    if url.schema != LOCAL:
        return url.name
    revision = f"-{url.revision}" if url.revision >= 0 else ""
    return f"{LOCAL}:{url.name}{revision}"


def _series(base: Base) -> str:
    return next((name for name, track in SERIES_CHANNELS.items() if track == base.track), "")


def _constraint(value: JSONValue) -> str:
    return ",".join(str(item) for item in value) if isinstance(value, list) else str(value)


def _exposed_endpoints(application: Application) -> Document:
    """Return the endpoints that are exposed in a way of their own (``mapExposedEndpoints``).

    Nothing when the whole application is exposed to all networks, which ``expose: true`` says.
    """
    found: Document = {}
    for endpoint in sorted(application.exposed_endpoints):
        how = mapping_field(application.exposed_endpoints, endpoint)
        spaces, networks = texts_field(how, "expose-to-spaces"), texts_field(how, "expose-to-cidrs")
        fields: Document = {}
        if spaces:
            fields["expose-to-spaces"] = [*sorted(spaces)]
        if networks:
            fields["expose-to-cidrs"] = [*sorted(networks)]
        found[endpoint] = fields
    whole = mapping_field(found, "")
    if len(found) == 1 and "" in found and "expose-to-spaces" not in whole:
        return {} if set(texts_field(whole, "expose-to-cidrs")) <= ALL_NETWORKS else found
    return found


def _storage(constraints: Mapping[str, StorageConstraints]) -> Document:
    """Return what units get of each storage as texts: ``kubernetes,1,1024M``."""
    texts: Document = {}
    for name, asked in sorted(constraints.items()):
        parts = [asked.pool]
        parts += [str(asked.count)] if asked.count else []
        parts += [f"{asked.size_mib}M"] if asked.size_mib else []
        texts[name] = ",".join(parts)
    return texts
