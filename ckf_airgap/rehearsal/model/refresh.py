"""A request to refresh an application to another charm, and the checks that precede it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.charms.charm import Charm
from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.entities.entities import Application, Relation
from ckf_airgap.rehearsal.model.assumes import check_assumes
from ckf_airgap.rehearsal.model.deployment import (
    ModelFacts,
    string_map,
)
from ckf_airgap.rehearsal.wire import (
    HAS_UNITS,
    NOT_SUPPORTED,
    QUOTA_EXCEEDED,
    ApiError,
    bool_field,
    mapping_field,
    text_field,
)

_FIXED_SECTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "deployment": ("deployment info for services", "deployment info"),
    "storage": ("storage on a statefulset", "storage declarations"),
    "devices": ("node selectors (configured from charm devices)", "device declarations"),
}
"""Metadata sections that cannot change on Kubernetes, and what Juju calls them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """What ``Application.SetCharm`` is asked for."""

    application: str
    charm_url: str
    origin: Document
    channel: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    settings_yaml: str = ""
    bindings: Mapping[str, str] = field(default_factory=dict)
    storage: Document = field(default_factory=dict)
    resources: Mapping[str, str] = field(default_factory=dict)
    """Pending id by resource name."""
    force: bool = False
    force_base: bool = False

    @classmethod
    def from_document(cls, document: Document) -> Refresh:
        """Return what a request asks for; `ApiError` when a field has the wrong type."""
        return cls(
            application=text_field(document, "application"),
            charm_url=text_field(document, "charm-url"),
            origin=mapping_field(document, "charm-origin"),
            channel=text_field(document, "channel"),
            settings=string_map(document, "config-settings"),
            settings_yaml=text_field(document, "config-settings-yaml"),
            bindings=string_map(document, "endpoint-bindings"),
            storage=mapping_field(document, "storage-constraints"),
            resources=string_map(document, "resource-ids"),
            force=bool_field(document, "force"),
            force_base=bool_field(document, "force-base"),
        )


def check_sections(before: Charm, charm: Charm) -> None:
    """Check that a charm leaves alone what cannot be changed in a cluster.

    Raises:
        ApiError: for the first section of the metadata that differs and must not.
    """
    for section, (what, declared) in _FIXED_SECTIONS.items():
        if (before.metadata.get(section) or None) != (charm.metadata.get(section) or None):
            raise ApiError(
                f"Juju on containers does not support updating {what}.\n"
                f"The new charm's metadata contains updated {declared}.\n"
                "You'll need to deploy a new charm rather than upgrading if you need this "
                "change.\n not supported",
                NOT_SUPPORTED,
            )


def check_assumptions(request: Refresh, before: Charm, charm: Charm, facts: ModelFacts) -> None:
    """Check what a charm assumes of the model, and its format.

    Raises:
        ApiError: when the model lacks something, or the format is older than before.
    """
    if not request.force:
        features = {"juju": facts.agent_version, "k8s-api": facts.cluster_version}
        check_assumes(charm.metadata.get("assumes"), features)
    if charm_format(before) > charm_format(charm):
        raise ApiError("cannot downgrade from v2 charm format to v1")


def check_refresh(request: Refresh, *, application: Application, charm: Charm) -> None:
    """Check that an application in its current state can be refreshed to a charm.

    Raises:
        ApiError: for the first thing that does not fit.
    """
    before = application.charm
    if before.subordinate != charm.subordinate:
        raise ApiError("cannot change an application's subordinacy")
    _check_base(request, application, charm)
    if request.charm_url != application.charm_url:
        if not request.force:
            _check_limits(application, charm)
        for relation in _broken(application, charm, application.relations.values()):
            raise ApiError(f'would break relation "{relation.key}"')
    becomes_sidecar = "kubernetes" in before.series and bool(charm.metadata.get("containers"))
    if becomes_sidecar and (application.units or application.scale):
        raise ApiError("application should not have units", HAS_UNITS)


def _check_limits(application: Application, charm: Charm) -> None:
    """Raise `ApiError` when an endpoint has more relations than the charm allows."""
    for name, endpoint in charm.endpoints.items():
        established = sum(
            1
            for relation in application.relations.values()
            if relation.side(application.name).endpoint.name == name
        )
        if endpoint.limit and established > endpoint.limit:
            raise ApiError(
                f"new charm version imposes a maximum relation limit of {endpoint.limit} for "
                f"{application.name}:{name} which cannot be satisfied by the number of already "
                f"established relations ({established})",
                QUOTA_EXCEEDED,
            )


def charm_format(charm: Charm) -> int:
    """Return the format of a charm's metadata: 2 for those with bases or containers."""
    if charm.series:
        return 1
    return 2 if charm.bases or charm.metadata.get("containers") else 1


def _check_base(request: Refresh, application: Application, charm: Charm) -> None:
    """Check that a charm runs on the base that its application has.

    Charms with containers run on any, as in ``validateSetCharmConfig`` of state/application.go.
    """
    base = application.base
    if charm.metadata.get("containers") or not charm.bases:
        return
    if request.force_base:
        systems = sorted({supported.name for supported in charm.bases})
        if base.name not in systems:
            raise ApiError(
                f'OS "{base.name}" not supported by charm "{charm.name}", '
                f"supported OSes are: {''.join(systems)}",
                NOT_SUPPORTED,
            )
    elif not any(base.same_os(supported) for supported in charm.bases):
        raise ApiError(
            f'base "{base}" not supported by charm, the charm supported bases are: '
            f"{', '.join(map(str, charm.bases))}"
        )


def _broken(
    application: Application, charm: Charm, relations: Iterable[Relation]
) -> Iterable[Relation]:
    """Yield the relations whose endpoint the charm no longer has."""
    for relation in relations:
        side = relation.side(application.name)
        endpoint = charm.endpoints.get(side.endpoint.name)
        fits = endpoint is not None and (endpoint.interface, endpoint.role) == (
            side.endpoint.interface,
            side.endpoint.role,
        )
        if not fits and not side.implicit and not relation.is_peer:
            yield relation
