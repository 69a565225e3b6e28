"""A request to refresh an application to another charm, and the checks that precede it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.charms.charm import Base, Charm, Endpoint
from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.entities.entities import Application
from ckf_airgap.rehearsal.entities.storage import (
    deployment_of,
    device_declarations,
    storage_declarations,
)
from ckf_airgap.rehearsal.model.assumes import check_assumes
from ckf_airgap.rehearsal.model.deployment import (
    ModelFacts,
    origin_base,
    string_map,
)
from ckf_airgap.rehearsal.wire import (
    BAD_REQUEST,
    HAS_UNITS,
    NOT_SUPPORTED,
    NOT_VALID,
    QUOTA_EXCEEDED,
    ApiError,
    bool_field,
    mapping_field,
    text_field,
)

_FIXED: Final[tuple[tuple[str, str, Callable[[Charm], object]], ...]] = (
    ("deployment info for services", "deployment info", deployment_of),
    ("storage on a statefulset", "storage declarations", storage_declarations),
    ("node selectors (configured from charm devices)", "device declarations", device_declarations),
)
"""What of a charm cannot change on Kubernetes: Juju's words for it, and what it has read of it.

What matters is what the charm library makes of the metadata, not how the metadata is written.
"""

_PARTIAL_ORIGIN: Final = (
    "programming error, SetCharm, neither CharmOrigin ID nor Hash can be set before a charm is "
    "downloaded. See CharmHubRepository GetDownloadURL."
)


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
    force_units: bool = False
    """Whether units whose hook has failed get the charm, too."""

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
            force_units=bool_field(document, "force-units"),
        )


def check_sections(before: Charm, charm: Charm) -> None:
    """Check that a charm leaves alone what cannot be changed in a cluster.

    Raises:
        ApiError: for the first part of the metadata that differs and must not.
    """
    for what, declared, read in _FIXED:
        if read(before) != read(charm):
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


def check_target(request: Refresh, *, application: Application, charm: Charm) -> None:
    """Check a charm against the application itself: subordinacy, origin and base.

    Raises:
        ApiError: for the first thing that does not fit.
    """
    if application.charm.subordinate != charm.subordinate:
        raise ApiError("cannot change an application's subordinacy")
    if bool(text_field(request.origin, "id")) != bool(text_field(request.origin, "hash")):
        raise ApiError(_PARTIAL_ORIGIN, BAD_REQUEST)
    _check_base(request, application, charm)


def check_limits(application: Application, charm: Charm) -> None:
    """Check that no endpoint has more relations than a charm allows.

    Raises:
        ApiError: for the first endpoint that has.
    """
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


def check_relations(application: Application, charm: Charm) -> None:
    """Check that a charm has the endpoints of an application's relations; peers do not matter.

    Raises:
        ApiError: for the first relation whose endpoint the charm does not have.
    """
    for relation in application.relations.values():
        side = relation.side(application.name)
        if not side.implicit and not relation.is_peer and not _implements(charm, side.endpoint):
            raise ApiError(f'would break relation "{relation.key}"')


def check_units(application: Application, charm: Charm) -> None:
    """Check that no unit of a charm of the first format would have to become a sidecar.

    Raises:
        ApiError: ``application should not have units``.
    """
    before = application.charm
    was_pod_spec = charm_format(before) == 1 and "kubernetes" in before.series
    is_sidecar = charm_format(charm) > 1 and bool(charm.metadata.get("containers"))
    if was_pod_spec and is_sidecar and (application.units or application.scale):
        raise ApiError("application should not have units", HAS_UNITS)


def new_base(request: Refresh) -> Base:
    """Return the base that an application has after a refresh: the origin's, even if it is empty.

    Raises:
        ApiError: when the origin names an OS without a channel, or a channel without an OS.
    """
    base = mapping_field(request.origin, "base")
    name, channel = text_field(base, "name"), text_field(base, "channel")
    if bool(name) != bool(channel):
        raise ApiError("missing base os or channel not valid", NOT_VALID)
    return origin_base(request.origin) or Base(name="", channel="")


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
    is_sidecar = charm_format(charm) > 1 and charm.metadata.get("containers")
    if is_sidecar or not charm.bases:
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


def _implements(charm: Charm, endpoint: Endpoint) -> bool:
    """Whether a charm has an endpoint (``Relation.ImplementedBy`` of Juju's charm library)."""
    found = charm.endpoints.get(endpoint.name)
    return (
        found is not None
        and (found.interface, found.role) == (endpoint.interface, endpoint.role)
        and (endpoint.scope == "container" or found.scope != "container")
    )
