"""A request to deploy an application, and every check that precedes it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.charms.charm import Base, Charm
from ckf_airgap.documents import Document
from ckf_airgap.rehearsal.entities.charmurl import CharmURL
from ckf_airgap.rehearsal.entities.storage import storage_declarations
from ckf_airgap.rehearsal.golang.versions import Version, parse_version
from ckf_airgap.rehearsal.model.assumes import check_assumes
from ckf_airgap.rehearsal.model.constraints import parse_constraints
from ckf_airgap.rehearsal.model.optionvalues import Settings, parse_settings
from ckf_airgap.rehearsal.model.storagechecks import check_workload_pools
from ckf_airgap.rehearsal.model.storagepools import StoragePools
from ckf_airgap.rehearsal.wire import (
    ALREADY_EXISTS,
    BAD_REQUEST,
    NOT_SUPPORTED,
    NOT_VALID,
    ApiError,
    bool_field,
    int_field,
    mapping_field,
    mappings_field,
    text_field,
    texts_field,
)

APPLICATION_NAME: Final = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*$")
ORIGIN_SOURCES: Final = ("local", "charm-hub")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """An entry of ``Application.Deploy``."""

    application: str
    charm_url: str
    origin: Document | None
    channel: str = ""
    units: int = 0
    config: Mapping[str, str] = field(default_factory=dict)
    config_yaml: str = ""
    config_name: str = ""
    """The key of the settings in `config_yaml`; the application's name when empty."""
    constraints: Document = field(default_factory=dict)
    placement: Sequence[Document] = ()
    storage: Document = field(default_factory=dict)
    devices: Document = field(default_factory=dict)
    attach_storage: Sequence[str] = ()
    bindings: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, str] = field(default_factory=dict)
    """Pending ids by resource name."""
    force: bool = False

    @classmethod
    def from_document(cls, document: Document) -> Deployment:
        """Return the deployment that a request describes.

        Raises:
            ApiError: when a field has the wrong type.
        """
        origin = mapping_field(document, "charm-origin")
        return cls(
            application=text_field(document, "application"),
            charm_url=text_field(document, "charm-url"),
            origin=origin or None,
            channel=text_field(document, "channel"),
            units=int_field(document, "num-units"),
            config=string_map(document, "config"),
            config_yaml=text_field(document, "config-yaml"),
            constraints=mapping_field(document, "constraints"),
            placement=mappings_field(document, "placement"),
            storage=mapping_field(document, "storage"),
            devices=mapping_field(document, "devices"),
            attach_storage=texts_field(document, "attach-storage"),
            bindings=string_map(document, "endpoint-bindings"),
            resources=string_map(document, "resources"),
            force=bool_field(document, "Force"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """The facts that a deployment is checked against, besides the charm."""

    name: str
    agent_version: str
    cluster_version: str
    storage_class: str
    dying: bool
    pools: StoragePools = field(default_factory=StoragePools)


def string_map(document: Document, name: str) -> dict[str, str]:
    """Return a mapping of text to text.

    Raises:
        ApiError: as Go's JSON decoder words it, when a value is not text.
    """
    values = mapping_field(document, name)
    for value in values.values():
        if value is not None and not isinstance(value, str):
            raise ApiError(
                f"json: cannot unmarshal value into Go struct field .{name} of type string"
            )
    return {
        key: value or "" for key, value in values.items() if value is None or isinstance(value, str)
    }


def charm_to_deploy(request: Deployment) -> CharmURL:
    """Return the URL of the requested charm.

    Raises:
        ApiError: when the origin or the URL is not acceptable.
    """
    check_origin(request.origin)
    url = CharmURL.parse(request.charm_url)
    if url.revision < 0:
        raise ApiError("charm url must include revision")
    return url


def check_origin(origin: Document | None) -> None:
    """Raise `ApiError` unless the source of a charm's origin is known to Juju."""
    source = text_field(origin or {}, "source")
    if not source:
        raise ApiError("charm origin source required", BAD_REQUEST)
    if source not in ORIGIN_SOURCES:
        raise ApiError(f'"{source}" not a valid charm origin source', BAD_REQUEST)


def check_charm(request: Deployment, charm: Charm, facts: ModelFacts) -> Settings:
    """Check a deployment against its charm, in the order of a real controller.

    Returns:
        The settings of the application.

    Raises:
        ApiError: for the first check that fails.
    """
    check_min_version(charm, facts)
    if len(request.placement) > 1:
        raise ApiError(
            "only 1 placement directive is supported for container models, "
            f"got {len(request.placement)}"
        )
    _check_blocks(charm)
    check_workload_pools(
        request.application,
        request.storage,
        pools=facts.pools,
        storage_class=facts.storage_class,
    )
    settings = parse_settings(
        charm.options,
        application=request.config_name or request.application,
        strings=request.config,
        yaml_text=request.config_yaml,
    )
    if request.attach_storage and request.units != 1:
        raise ApiError(f"AttachStorage is non-empty, but NumUnits is {request.units}")
    if charm.subordinate and request.units:
        raise ApiError("subordinate application must be deployed without units")
    if charm.subordinate and parse_constraints(request.constraints):
        raise ApiError("subordinate application must be deployed without constraints")
    if not request.force:
        features = {"juju": facts.agent_version, "k8s-api": facts.cluster_version}
        check_assumes(charm.metadata.get("assumes"), features)
    return settings


def check_name(request: Deployment, *, exists: bool) -> None:
    """Raise `ApiError` unless the application's name is valid and new."""
    prefix = f'cannot add application "{request.application}": '
    if not APPLICATION_NAME.match(request.application):
        raise ApiError(f"{prefix}invalid name")
    if exists:
        raise ApiError(f"{prefix}application already exists", ALREADY_EXISTS)
    if request.units < 0:
        raise ApiError(f"{prefix}scale < 0 not valid")


def check_model(request: Deployment, facts: ModelFacts) -> None:
    """Raise `ApiError` when the model does not accept applications any more."""
    if facts.dying:
        raise ApiError(
            f'cannot add application "{request.application}": model "{facts.name}" is dying'
        )


def check_placement(request: Deployment) -> None:
    """Raise `ApiError` for a placement: the cluster alone decides where pods run.

    A single directive passes the check of the facade, and is refused by the state
    (``processCAASModelApplicationArgs`` of state/state.go).
    """
    if request.placement:
        raise ApiError("placement directives on k8s models not valid", NOT_VALID)


def base_for(request: Deployment, charm: Charm) -> Base:
    """Return the base of a deployment: the origin's, else the charm's first.

    Raises:
        ApiError: when the charm does not support that base.
    """
    wanted = origin_base(request.origin)
    systems = {base.name for base in charm.bases} or {"ubuntu"}
    if wanted is not None and wanted.name not in systems and not request.force:
        raise ApiError(
            f'OS "{wanted.name}" not supported by charm "{charm.name}", '
            f"supported OSes are: {', '.join(sorted(systems))}",
            NOT_SUPPORTED,
        )
    if wanted is not None:
        return wanted
    first = charm.bases[0] if charm.bases else Base(name="ubuntu", channel="22.04")
    return Base(name=first.name, channel=first.channel)


def origin_base(origin: Document | None) -> Base | None:
    """Return the base in a charm's origin, including its risk, or ``None`` without a base."""
    base = mapping_field(origin or {}, "base")
    name, channel = text_field(base, "name"), text_field(base, "channel")
    if not name:
        return None
    return Base(name=name, channel=channel if "/" in channel else f"{channel}/stable")


def check_min_version(charm: Charm, facts: ModelFacts) -> None:
    """Raise `ApiError` when a charm needs a newer Juju."""
    wanted = parse_version(str(charm.metadata.get("min-juju-version") or "")) or Version()
    has = parse_version(facts.agent_version) or Version()
    if has < wanted:
        raise ApiError(
            f"charm's min version ({wanted}) is higher than this juju model's version ({has})"
        )


def _check_blocks(charm: Charm) -> None:
    """Raise `ApiError` for storage that a charm on Kubernetes cannot have."""
    for name, declaration in storage_declarations(charm).items():
        if declaration.type == "block":
            raise ApiError(f'block storage "{name}" is not supported for container charms')
