"""What a model has already, as far as a plan needs to know it. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ckf_airgap.bundle.exposure import ExposedEndpoint, read_exposed_endpoints
from ckf_airgap.charms.charm import Base
from ckf_airgap.documents import Document, JSONValue, mappings
from ckf_airgap.juju.planning.charmshape import CharmShape
from ckf_airgap.juju.planning.identity import RECORD_KEY, DeploymentRecord, HeldIdentity
from ckf_airgap.juju.planning.offers import LiveOffer
from ckf_airgap.juju.snapshots.charmurl import charm_name_of_url

GOING: Final = frozenset({"dying", "dead"})
"""The lives of what is being removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveApplication:
    """An application of the model."""

    name: str
    charm: str
    """The charm's name, without schema and revision."""
    life: str = "alive"
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
    user_set: frozenset[str] = frozenset()
    """The options, of both kinds, that are not at their defaults."""
    identity: HeldIdentity = field(default_factory=HeldIdentity)
    """Its charm and resources, as far as the controller says."""
    base: Base | None = None
    """The base that it runs on; ``None`` when it is not known."""
    bindings: Mapping[str, str] | None = None
    """The space of each endpoint; ``None`` when they are not known."""
    storage: Mapping[str, str] | None = None
    """Its storage directives, as a bundle writes them; ``None`` when they are not known."""
    shape: CharmShape | None = None
    """What its charm declares; ``None`` when the controller was not asked."""
    storage_ids: tuple[str, ...] = ()
    """The storage instances of its units, such as ``database/0``."""

    @property
    def is_going(self) -> bool:
        """Whether it is being removed."""
        return self.life in GOING


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRelation:
    """A relation of the model; one among the units of an application has no provider.

    Attributes:
        requirer: The end that requires, ``application:endpoint``; of a peer relation, the only one.
        provider: The end that provides; empty for a peer relation.
        interface: Its interface; empty when it is not known.
        life: Its life, as far as the controller says.
    """

    requirer: str
    provider: str = ""
    interface: str = ""
    life: str = "alive"

    @property
    def ends(self) -> frozenset[str]:
        """Its ends, in no order."""
        return frozenset(filter(None, (self.requirer, self.provider)))

    @property
    def applications(self) -> frozenset[str]:
        """Its applications."""
        return frozenset(end.partition(":")[0] for end in self.ends)

    @property
    def is_going(self) -> bool:
        """Whether it is being removed."""
        return self.life in GOING

    def __str__(self) -> str:
        """Return its key as Juju writes it: the requirer first."""
        return f"{self.requirer} {self.provider}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveModel:
    """The model that a bundle is to be deployed into."""

    name: str
    uuid: str = ""
    applications: Mapping[str, LiveApplication] = field(default_factory=dict, repr=False)
    relations: tuple[LiveRelation, ...] = field(default=(), repr=False)
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
    uuid: str = "",
    resources: Mapping[str, Document] | None = None,
    annotations: Mapping[str, Document] | None = None,
    exported: Mapping[str, Document] | None = None,
) -> LiveModel:
    """Return the model that the controller's documents describe.

    Args:
        name: The model's name.
        status: The response of ``Client.FullStatus``.
        settings: The response of ``Application.Get`` for each application that matters.
        uuid: The model's UUID.
        resources: The result of ``Resources.ListResources`` for each of them.
        annotations: The annotations of each of them.
        exported: The applications of the bundle that ``Bundle.ExportBundle`` returns; ``None``
            when it was not asked for.
    """
    found = {
        application: _application(
            application,
            fields,
            (settings or {}).get(application, {}),
            resources=(resources or {}).get(application),
            annotations=(annotations or {}).get(application, {}),
            exported=None if exported is None else exported.get(application),
        )
        for application, fields in mappings(status.get("applications"))
    }
    relations = status.get("relations")
    return LiveModel(
        name=name,
        uuid=uuid,
        applications=found,
        relations=tuple(
            _relation(relation)
            for relation in (relations if isinstance(relations, list) else [])
            if isinstance(relation, dict)
        ),
    )


def _application(
    name: str,
    fields: Document,
    reply: Document,
    *,
    resources: Document | None,
    annotations: Document,
    exported: Document | None,
) -> LiveApplication:
    scale = fields.get("int")
    constraints = reply.get("constraints")
    charm_url = str(fields.get("charm") or "")
    options, own = reply.get("config"), reply.get("application-config")
    own_options = {option: _value(item) for option, item in mappings(own)}
    return LiveApplication(
        name=name,
        charm=charm_name_of_url(charm_url),
        life=str(fields.get("life") or "alive"),
        scale=scale if isinstance(scale, int) else 0,  # which the API leaves out
        exposed=fields.get("exposed") is True,
        exposed_endpoints=read_exposed_endpoints(fields),
        trust=str(own_options.get("trust")).lower() == "true",
        options={option: _value(item) for option, item in mappings(options)},
        constraints=constraints if isinstance(constraints, dict) else {},
        annotations={key: str(value) for key, value in annotations.items()},
        own_options=own_options,
        user_set=frozenset(
            option
            for section in (options, own)
            for option, item in mappings(section)
            if item.get("source") == "user"
        ),
        identity=_identity(charm_url, reply, resources, annotations),
        base=_base(reply.get("base")),
        bindings=_texts(reply.get("endpoint-bindings")) if "endpoint-bindings" in reply else None,
        storage=None if exported is None else _texts(exported.get("storage")),
    )


def _relation(fields: Document) -> LiveRelation:
    requirer, _, provider = str(fields.get("key")).partition(" ")
    status = fields.get("status")
    life = status.get("life") if isinstance(status, dict) else ""
    return LiveRelation(
        requirer=requirer,
        provider=provider,
        interface=str(fields.get("interface") or ""),
        life=str(life or "alive"),
    )


def _identity(
    charm_url: str, reply: Document, resources: Document | None, annotations: Document
) -> HeldIdentity:
    record = DeploymentRecord.parse(annotations.get(RECORD_KEY))
    is_valid = record is not None and record.charm_url == charm_url
    return HeldIdentity(
        charm_url=charm_url,
        record=record if is_valid else None,
        former=None if is_valid else record,
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


def _value(fields: Document) -> JSONValue:
    return fields.get("value", fields.get("default"))


def _base(fields: JSONValue) -> Base | None:
    name = fields.get("name") if isinstance(fields, dict) else None
    channel = fields.get("channel") if isinstance(fields, dict) else None
    if not isinstance(name, str) or not isinstance(channel, str) or not (name and channel):
        return None
    return Base(name=name, channel=channel)


def _texts(section: JSONValue) -> dict[str, str]:
    items = section.items() if isinstance(section, dict) else ()
    return {name: str(value) for name, value in items}
