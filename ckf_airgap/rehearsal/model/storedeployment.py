"""Deployments of store charms, as by ``DeployFromRepository``.

The checks and their order are those of Juju's ``apiserver/facades/client/application``
(``deployrepository.go``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from ckf_airgap.charms.charm import Base, Charm
from ckf_airgap.documents import Document
from ckf_airgap.errors import CharmError
from ckf_airgap.rehearsal.entities.charmurl import CharmURL
from ckf_airgap.rehearsal.entities.repository import (
    RISKS,
    SCHEMA,
    CharmRepository,
    Resolved,
    StoreFile,
    Wanted,
    asked_channel,
    base_channel,
)
from ckf_airgap.rehearsal.entities.resources import LiveResource
from ckf_airgap.rehearsal.entities.storeresources import store_resource
from ckf_airgap.rehearsal.golang.numbers import parse_int
from ckf_airgap.rehearsal.model import applications
from ckf_airgap.rehearsal.model.deployment import Deployment, check_charm, check_name, string_map
from ckf_airgap.rehearsal.model.modelschema import DEFAULT_BASE
from ckf_airgap.rehearsal.wire import (
    ApiError,
    bool_field,
    int_field,
    mapping_field,
    text_field,
)
from ckf_airgap.rehearsal.wire import field as key

if TYPE_CHECKING:
    from ckf_airgap.rehearsal.model.model import Model


_NEWEST: Final = -1
"""The revision in requests that do not ask for a revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreDeployment:
    """An entry of ``Application.DeployFromRepository``.

    Attributes:
        request: The requested deployment, except for charm, origin and units.
        units: The number of units; ``None`` when not specified.
    """

    charm_name: str
    request: Deployment
    units: int | None = None
    channel: str = ""
    revision: int | None = None
    base: Base | None = None
    architecture: str = ""
    resources: Mapping[str, str] = field(default_factory=dict)
    """A revision or the client's file, by resource name."""
    dry_run: bool = False

    @classmethod
    def from_document(cls, document: Document) -> StoreDeployment:
        """Return the deployment that a request describes; `ApiError` for a wrong type."""
        base = mapping_field(document, "base")
        name, channel = text_field(base, "name"), text_field(base, "channel")
        constraints = mapping_field(document, "Cons")
        request = Deployment.from_document(
            {
                "application": text_field(document, "ApplicationName"),
                "attach-storage": key(document, "AttachStorage"),
                "config-yaml": text_field(document, "ConfigYAML"),
                "constraints": constraints,
                "devices": key(document, "Devices"),
                "endpoint-bindings": key(document, "endpoint-bindings"),
                "placement": key(document, "Placement"),
                "storage": key(document, "Storage"),
                "Force": key(document, "force"),
                "config": {"trust": "true"} if bool_field(document, "Trust") else {},
            }
        )
        return cls(
            charm_name=text_field(document, "CharmName"),
            request=request,
            units=None if key(document, "num-units") is None else int_field(document, "num-units"),
            channel=text_field(document, "channel"),
            revision=None if key(document, "revision") is None else int_field(document, "revision"),
            base=Base(name=name, channel=channel) if name and channel else None,
            architecture=text_field(constraints, "arch"),
            resources=string_map(document, "resources"),
            dry_run=bool_field(document, "DryRun"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreDeployed:
    """The result of a deployment.

    Attributes:
        uploads: The resources that the client has to upload, in the form of the API.
    """

    name: str
    resolved: Resolved
    uploads: tuple[Document, ...] = ()

    def info(self) -> Document:
        """Return the result in the form of the API."""
        base = self.resolved.base
        return {
            "architecture": self.resolved.architecture,
            "base": {"name": base.name, "channel": base_channel(base)},
            "channel": self.resolved.channel,
            "name": self.name,
            "revision": self.resolved.file.revision,
        }


def wanted_charm(name: str) -> str:
    """Return the name of a store charm given as ``minio`` or ``ch:minio``.

    Raises:
        ApiError: when it is not a store charm.
    """
    url = CharmURL.parse(name if ":" in name else f"{SCHEMA}:{name}")
    if url.schema != SCHEMA:
        raise ApiError(f'unknown schema for charm URL "{url}"')
    return url.name


async def deploy_from_store(
    model: Model, repository: CharmRepository, asked: StoreDeployment
) -> StoreDeployed:
    """Deploy a store charm, or with `dry_run` only check the deployment.

    Raises:
        ApiError: for the first thing that a real controller would object to.
    """
    resolved = repository.resolve(
        Wanted(
            name=wanted_charm(asked.charm_name),
            channel=asked_channel(asked.channel or RISKS[0]),
            revision=asked.revision,
            base=asked.base or _model_base(model),
            architecture=asked.architecture or str(model.constraints.get("arch") or "amd64"),
        )
    )
    charm = resolved.file.charm
    name = asked.request.application or charm.name
    request = replace(
        asked.request,
        application=name,
        config_name=asked.request.application or asked.charm_name,
        charm_url=str(resolved.url),
        origin=resolved.origin(),
        channel=resolved.channel,
        units=_units(asked, charm),
    )
    resources = _resources(name, resolved.file, asked.resources, now=model.clock.now())
    if asked.dry_run:
        check_charm(request, charm, model.facts)
        check_name(request, exists=name in model.applications)
        return StoreDeployed(name=name, resolved=resolved)
    await model.add_store_charm(resolved)
    pending, uploads = _announce(model, name, charm, resources)
    applications.deploy(model, replace(request, resources=pending))
    return StoreDeployed(name=name, resolved=resolved, uploads=tuple(uploads))


def _units(asked: StoreDeployment, charm: Charm) -> int:
    if charm.subordinate:
        return 0
    return 1 if asked.units is None else asked.units


def _model_base(model: Model) -> Base | None:
    """Return the default base in the model's config, for requests without a base."""
    text = model.config.get(DEFAULT_BASE)
    try:
        return Base.parse(text) if isinstance(text, str) and text else None
    except CharmError as error:
        raise ApiError(error.message) from error


def _resources(
    application: str, file: StoreFile, asked: Mapping[str, str], *, now: datetime
) -> dict[str, LiveResource | str]:
    """Return each resource of a charm: from the store, or the client's file.

    Raises:
        ApiError: when the store does not have a resource in the requested revision.
    """
    found: dict[str, LiveResource | str] = {}
    for declared in file.charm.resources.values():
        value = asked.get(declared.name, str(_NEWEST))
        revision = parse_int(value)
        if revision is None:
            found[declared.name] = value
            continue
        found[declared.name] = store_resource(
            application,
            declared,
            charm=file.name,
            known=file.resources.get(declared.name, ()),
            revision=None if revision < 0 else revision,
            now=now,
        )
    return found


def _announce(
    model: Model, application: str, charm: Charm, found: Mapping[str, LiveResource | str]
) -> tuple[dict[str, str], list[Document]]:
    """Register the resources; return pending ids by name, and what the client has to upload."""
    pending: dict[str, str] = {}
    uploads: list[Document] = []
    for name, what in found.items():
        if isinstance(what, LiveResource):
            pending[name] = model.pending.keep(what)
            continue
        declared = charm.resources[name]
        uploads.append({"Name": name, "Type": declared.type, "Filename": what})
        document: Document = {
            "name": name,
            "type": declared.type,
            "path": declared.filename or "",
            "description": declared.description,
            "origin": "upload",
        }
        (pending[name],) = model.pending.announce(application, [document])
    return pending, uploads
