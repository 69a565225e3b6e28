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
    check_min_version,
    check_origin,
    string_map,
)
from ckf_airgap.rehearsal.wire import NOT_SUPPORTED, ApiError, bool_field, mapping_field, text_field

_FIXED_SECTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "deployment": ("deployment info for services", "deployment info"),
    "storage": ("storage on a statefulset", "storage declarations"),
    "devices": ("node selectors (configured from charm devices)", "device declarations"),
}
"""Sections of the metadata that cannot change on Kubernetes, and how Juju calls them."""


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
            resources=string_map(document, "resource-ids"),
            force=bool_field(document, "force"),
            force_base=bool_field(document, "force-base"),
        )


def check_refresh(
    request: Refresh,
    *,
    application: Application,
    charm: Charm,
    facts: ModelFacts,
) -> None:
    """Check that an application can be refreshed to a charm.

    Raises:
        ApiError: for the first thing that does not fit.
    """
    check_origin(request.origin)
    before = application.charm
    check_min_version(charm, facts)
    for section, (what, declared) in _FIXED_SECTIONS.items():
        if (before.metadata.get(section) or None) != (charm.metadata.get(section) or None):
            raise ApiError(
                f"Juju on containers does not support updating {what}.\n"
                f"The new charm's metadata contains updated {declared}.\n"
                "You'll need to deploy a new charm rather than upgrading if you need this "
                "change.\n not supported",
                NOT_SUPPORTED,
            )
    if charm_format(before) > charm_format(charm):
        raise ApiError("cannot downgrade from v2 charm format to v1")
    if not request.force:
        features = {"juju": facts.agent_version, "k8s-api": facts.cluster_version}
        check_assumes(charm.metadata.get("assumes"), features)
    prefix = f'cannot upgrade application "{application.name}" to charm "{request.charm_url}": '
    if before.subordinate != charm.subordinate:
        raise ApiError(f"{prefix}cannot change an application's subordinacy")
    _check_base(request, application, charm, prefix)
    for relation in _broken(application, charm, application.relations.values()):
        raise ApiError(f'{prefix}would break relation "{relation.key}"')


def charm_format(charm: Charm) -> int:
    """Return the format of a charm's metadata: 2 for those with bases or containers."""
    if charm.series:
        return 1
    return 2 if charm.bases or charm.metadata.get("containers") else 1


def _check_base(request: Refresh, application: Application, charm: Charm, prefix: str) -> None:
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
                f'{prefix}OS "{base.name}" not supported by charm "{charm.name}", '
                f"supported OSes are: {''.join(systems)}",
                NOT_SUPPORTED,
            )
    elif not any(base.same_os(supported) for supported in charm.bases):
        raise ApiError(
            f'{prefix}base "{base}" not supported by charm, the charm supported bases are: '
            f"{', '.join(map(str, charm.bases))}"
        )


def _broken(
    application: Application, charm: Charm, relations: Iterable[Relation]
) -> Iterable[Relation]:
    """Yield the relations whose endpoint the charm does not have any more."""
    for relation in relations:
        side = relation.side(application.name)
        endpoint = charm.endpoints.get(side.endpoint.name)
        fits = endpoint is not None and (endpoint.interface, endpoint.role) == (
            side.endpoint.interface,
            side.endpoint.role,
        )
        if not fits and not side.implicit and not relation.is_peer:
            yield relation
