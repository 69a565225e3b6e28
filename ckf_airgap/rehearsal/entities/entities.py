"""The entities of a model: stored charms, applications, units and relations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from ckf_airgap.charms.charm import Base, Charm, Endpoint, OptionValue, Resource
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.rehearsal.entities.charmarchive import CharmArchive
from ckf_airgap.rehearsal.entities.charmurl import CharmURL
from ckf_airgap.rehearsal.entities.relations import RelatedApplication, Side
from ckf_airgap.rehearsal.entities.resources import LiveResource
from ckf_airgap.rehearsal.entities.storage import StorageConstraints
from ckf_airgap.rehearsal.entities.storeresources import StoreResource, store_resource

Life: TypeAlias = Literal["alive", "dying", "dead"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that a real controller accepts without an error, and that causes trouble later."""

    application: str
    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """A request that was sent to the model."""

    facade: str
    version: int
    method: str
    params: Document
    user: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedUpload:
    """An HTTP upload that was sent to the model, as far as its body arrived.

    Attributes:
        method: ``POST`` or ``PUT``.
        path: The path of the request, without its query.
        size_bytes: The size of the body.
        sha256: The SHA-256 of the body, hexadecimal.
        made: The result: the charm URL, or the resource as ``application/resource``; empty when
            the upload was refused or interrupted.
        refusal: Why it was refused; empty when it was not.
        user: The user who sent it.
        at: When it was answered, by the model's clock.
    """

    method: str
    path: str
    size_bytes: int
    sha256: str
    made: str
    refusal: str
    user: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusInfo:
    """A status, and since when."""

    current: str
    message: str = ""
    since: datetime
    data: Mapping[str, JSONValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCharm:
    """A charm of a model and its URL.

    Attributes:
        sha256: The checksum of the archive, for store charms.
        resources: The files that the store has for its resources, lowest revision first.
    """

    url: CharmURL
    archive: CharmArchive
    sha256: str = ""
    resources: Mapping[str, tuple[StoreResource, ...]] = field(default_factory=dict)

    @property
    def charm(self) -> Charm:
        """What the charm declares."""
        return self.archive.charm

    @property
    def is_from_store(self) -> bool:
        """Whether it comes from the store, rather than from an upload."""
        return self.url.schema != "local"

    def store_resource(
        self, application: str, resource: Resource, *, revision: int | None, now: datetime
    ) -> LiveResource:
        """Return what the store has for a resource; see `storeresources.store_resource`."""
        return store_resource(
            application,
            resource,
            charm=self.url.name,
            known=self.resources.get(resource.name, ()),
            revision=revision,
            now=now,
        )

    @property
    def containers(self) -> tuple[str, ...]:
        """The names of the workload containers."""
        return _names(self.charm.metadata.get("containers"))


def _names(section: JSONValue) -> tuple[str, ...]:
    return tuple(section) if isinstance(section, dict) else ()


@dataclass(slots=True, kw_only=True, eq=False)
class Relation:
    """A relation between two applications, or within a single one (peers)."""

    id: int
    key: str
    sides: tuple[Side, ...]
    status: StatusInfo
    life: Life = "alive"
    suspended: bool = False
    """Whether the offering model has suspended it."""
    in_scope: dict[str, None] = field(default_factory=dict)
    """The units in its scope, in the order in which they joined."""

    @property
    def is_peer(self) -> bool:
        """Whether it is a peer relation."""
        return len(self.sides) == 1

    @property
    def interface(self) -> str:
        """The interface of both sides."""
        return self.sides[0].endpoint.interface

    def side(self, application: str) -> Side:
        """Return the side of an application that is in the relation."""
        return next(side for side in self.sides if side.application == application)

    def other(self, application: str) -> Side:
        """Return the other application's side; for peers, the application's own side."""
        return self.sides[0] if self.sides[0].application != application else self.sides[-1]

    def counterparts(self, unit: Unit) -> tuple[str, ...]:
        """Return the remote units that `unit` sees in the relation."""
        other = self.other(unit.application.name).application
        return tuple(
            name for name in self.in_scope if name != unit.name and name.rpartition("/")[0] == other
        )


@dataclass(slots=True, kw_only=True, eq=False)
class Application:
    """An application, and everything that clients set on it."""

    name: str
    stored: StoredCharm
    origin: Document
    base: Base
    status: StatusInfo
    """``unset`` until a charm sets it; a scripted charm does not."""
    provider_id: str
    public_address: str
    channel: str = ""
    scale: int = 1
    settings: dict[str, OptionValue] = field(default_factory=dict)
    """The charm options that were set, even if to their default."""
    own_settings: dict[str, JSONValue] = field(default_factory=dict)
    """The application's own options that were set, such as ``trust``."""
    constraints: Document = field(default_factory=dict)
    storage: Document = field(default_factory=dict)
    """The storage that the deployment asked for."""
    storage_constraints: dict[str, StorageConstraints] = field(default_factory=dict)
    """What units get: the requested storage, completed with defaults of charm and model."""
    storage_prefix: str = ""
    """The common part of the names of its volume claims, different for each deployment."""
    devices: Document = field(default_factory=dict)
    bindings: dict[str, str] = field(default_factory=dict)
    resources: dict[str, LiveResource] = field(default_factory=dict)
    """The resources that clients registered for it, even if its present charm declares them no
    longer. What a charm declares and nobody registered has no record, as in Juju."""
    modified_version: int = 0
    """How often its charm or a resource has changed: pods of an earlier version are replaced."""
    force_units: bool = False
    """Whether units in error get its charm, too."""
    units: dict[str, Unit] = field(default_factory=dict)
    relations: dict[int, Relation] = field(default_factory=dict)
    leader: str = ""
    exposed: bool = False
    exposed_endpoints: Document = field(default_factory=dict)
    life: Life = "alive"

    @property
    def charm(self) -> Charm:
        """What the application's charm declares."""
        return self.stored.charm

    @property
    def charm_url(self) -> str:
        """The URL of the application's charm."""
        return str(self.stored.url)

    @property
    def config(self) -> dict[str, OptionValue]:
        """The values of all options that have one: the value set, else the charm's default."""
        values: dict[str, OptionValue] = {
            name: option.default
            for name, option in self.charm.options.items()
            if option.default is not None
        }
        return values | self.settings

    @property
    def empty_images(self) -> tuple[str, ...]:
        """The image resources that were never uploaded: units wait for them forever."""
        return tuple(
            resource.name
            for resource in self.charm.images
            if resource.name not in self.resources or not self.resources[resource.name].uploaded
        )

    @property
    def related(self) -> RelatedApplication:
        """What is needed to infer relations."""
        return RelatedApplication(
            name=self.name, endpoints=self.charm.endpoints, subordinate=self.charm.subordinate
        )

    def relations_at(self, endpoint: str) -> Iterator[Relation]:
        """Yield the relations of an endpoint that are alive."""
        for relation in self.relations.values():
            if relation.life == "alive" and relation.side(self.name).endpoint.name == endpoint:
                yield relation

    def endpoint(self, name: str) -> Endpoint | None:
        """Return the declared endpoint of that name, if there is one."""
        return self.charm.endpoints.get(name)


@dataclass(slots=True, kw_only=True, eq=False)
class Unit:
    """A unit of an application."""

    name: str
    application: Application = field(repr=False)
    number: int
    agent: StatusInfo
    workload: StatusInfo
    life: Life = "alive"
    address: str = ""
    """The pod's address; empty until there is a pod."""
    stored: StoredCharm | None = None
    """The charm that it runs, which may be an earlier one of the application; ``None`` until it is
    installed."""
    resources: dict[str, LiveResource] = field(default_factory=dict)
    """The resources that its charm has fetched. The images of a pod's containers are not among
    them: the cluster pulls those."""
    is_lost: bool = False
    """Whether its agent is not connected, since its pod is being replaced."""
    destroys_storage: bool = False
    """Whether its storage is destroyed together with it."""

    @property
    def charm_url(self) -> str:
        """The URL of the charm that it runs; empty until it is installed."""
        return "" if self.stored is None else str(self.stored.url)

    @property
    def is_leader(self) -> bool:
        """Whether it is the leader of its application."""
        return self.application.leader == self.name
