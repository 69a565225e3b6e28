"""What a model has already, as far as a plan needs to know it. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from ckf_airgap.bundle.exposure import ExposedEndpoint, read_exposed_endpoints
from ckf_airgap.documents import Document, JSONValue, mappings
from ckf_airgap.juju.planning.identity import RECORD_KEY, DeploymentRecord, HeldIdentity
from ckf_airgap.juju.planning.offers import LiveOffer
from ckf_airgap.juju.snapshots.charmurl import charm_name_of_url


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveApplication:
    """An application of the model."""

    name: str
    charm: str
    """The charm's name, without schema and revision."""
    scale: int = 0
    exposed: bool = False
    exposed_endpoints: Mapping[str, ExposedEndpoint] = field(default_factory=dict)
    trust: bool = False
    options: Mapping[str, JSONValue] = field(default_factory=dict)
    """Each option's value in force: set by a user, or the default."""
    constraints: Document = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    own_options: Mapping[str, JSONValue] = field(default_factory=dict)
    """The options in force that Juju gives every application, such as ``trust``."""
    identity: HeldIdentity = field(default_factory=HeldIdentity)
    """Its charm and resources, as far as the controller says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveModel:
    """The model that a bundle is to be deployed into."""

    name: str
    applications: Mapping[str, LiveApplication] = field(default_factory=dict, repr=False)
    relations: frozenset[frozenset[str]] = field(default=frozenset(), repr=False)
    """Each relation's ends, ``application:endpoint``; peer relations have one."""
    features: Mapping[str, str] | None = None
    """What it supports, with versions, which charms may assume; ``None`` when it was not asked."""
    pools: frozenset[str] | None = None
    """The storage pools of its controller; ``None`` when it was not asked."""
    offers: Mapping[str, LiveOffer] = field(default_factory=dict)
    """Its offers, as far as the bundle has some."""
    users: Mapping[str, bool] = field(default_factory=dict)
    """Whether the controller has each user whom the bundle grants something, as far as known."""


def live_model(
    name: str,
    status: Document,
    settings: Mapping[str, Document] | None = None,
    *,
    resources: Mapping[str, Document] | None = None,
    annotations: Mapping[str, Document] | None = None,
) -> LiveModel:
    """Return the model that the controller's documents describe.

    Args:
        name: The model's name.
        status: The response of ``Client.FullStatus``.
        settings: The response of ``Application.Get`` for each application that matters.
        resources: The result of ``Resources.ListResources`` for each of them.
        annotations: The annotations of each of them.
    """
    found = {}
    for application, fields in mappings(status.get("applications")):
        reply = (settings or {}).get(application, {})
        trust = _value(reply.get("application-config"), "trust")
        scale = fields.get("int")
        constraints = reply.get("constraints")
        charm_url = str(fields.get("charm") or "")
        found[application] = LiveApplication(
            name=application,
            charm=charm_name_of_url(charm_url),
            scale=scale if isinstance(scale, int) else len(dict(mappings(fields.get("units")))),
            exposed=fields.get("exposed") is True,
            exposed_endpoints=read_exposed_endpoints(fields),
            trust=str(trust).lower() == "true",
            options={
                option: _value(reply.get("config"), option)
                for option, _ in mappings(reply.get("config"))
            },
            constraints=constraints if isinstance(constraints, dict) else {},
            annotations={
                key: str(value) for key, value in (annotations or {}).get(application, {}).items()
            },
            own_options={
                option: _value(reply.get("application-config"), option)
                for option, _ in mappings(reply.get("application-config"))
            },
            identity=_identity(
                charm_url,
                reply,
                (resources or {}).get(application),
                (annotations or {}).get(application, {}),
            ),
        )
    relations = status.get("relations")
    return LiveModel(
        name=name,
        applications=found,
        relations=frozenset(
            frozenset(str(relation.get("key")).split())
            for relation in (relations if isinstance(relations, list) else [])
            if isinstance(relation, dict)
        ),
    )


def _identity(
    charm_url: str, reply: Document, resources: Document | None, annotations: Document
) -> HeldIdentity:
    record = DeploymentRecord.parse(annotations.get(RECORD_KEY))
    return HeldIdentity(
        charm_url=charm_url,
        record=record if record is not None and record.charm_url == charm_url else None,
        fingerprints=None if resources is None else _fingerprints(resources.get("resources")),
        option_types={
            option: str(fields.get("type")) for option, fields in mappings(reply.get("config"))
        }
        if "config" in reply
        else None,
    )


def _fingerprints(listed: JSONValue) -> dict[str, str]:
    """Return the fingerprint of each listed resource; the API has them in base64."""
    found: dict[str, str] = {}
    for resource in listed if isinstance(listed, list) else []:
        if isinstance(resource, dict):
            encoded = resource.get("fingerprint")
            try:
                digest = base64.b64decode(encoded if isinstance(encoded, str) else "").hex()
            except ValueError:
                digest = ""
            found[str(resource.get("name"))] = digest
    return found


def _value(section: JSONValue, option: str) -> JSONValue:
    fields = section.get(option) if isinstance(section, dict) else None
    if not isinstance(fields, dict):
        return None
    return fields.get("value", fields.get("default"))
