"""The steps of a plan, and the plan: what will be done, in which order. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from ckf_airgap.bundle.bundle import EndpointRef
from ckf_airgap.bundle.exposure import ExposedEndpoint
from ckf_airgap.bundle.login import ImageLogin
from ckf_airgap.charms.charm import Base
from ckf_airgap.documents import Document
from ckf_airgap.juju.planning.differences import Difference
from ckf_airgap.juju.planning.identity import DeploymentRecord
from ckf_airgap.juju.planning.offers import GrantOffer, MakeOffer
from ckf_airgap.juju.planning.values import shown, shown_fully
from ckf_airgap.juju.planning.written import (
    exposed_document,
    written_constraints,
    written_directive,
    written_exposure,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadCharm:
    """Upload one ``.charm`` file, for all the applications that use it."""

    charm: str
    revision: int | None
    path: Path
    size_bytes: int
    applications: tuple[str, ...]

    def describe(self) -> str:
        """Return the step as one line."""
        size = f"{self.size_bytes / 1_000_000:.1f} MB"
        return f"upload charm {self.path.name} ({size}) for {', '.join(self.applications)}"

    def to_json(self) -> Document:
        """Return the step as JSON."""
        return {
            "step": "upload-charm",
            "charm": self.charm,
            "revision": self.revision,
            "path": str(self.path),
            "size-bytes": self.size_bytes,
            "applications": [*self.applications],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceUpload:
    """A resource that is uploaded for one application.

    Attributes:
        name: The resource's name.
        type: What the charm declares it to be.
        value: An image reference, or the path of a file.
        path: What the controller gets as its path.
        login: The login to the registry of this one image, where the bundle has one.
    """

    name: str
    type: Literal["oci-image", "file"]
    value: str
    path: str
    description: str = ""
    login: ImageLogin | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployApplication:
    """Deploy an application that is not in the model.

    Attributes:
        charm_path: The file of its charm; a step before this one uploads it.
        architecture: As Juju names it: ``amd64``.
        options: Values as Juju parses them.
        constraints: The API's object; sizes in MiB.
        storage: The API's object for each storage of the charm that is not left to the model.
        devices: The API's object for each device of the charm.
        bindings: The space for each endpoint.
        placement: At most one directive, a node selector on Kubernetes.
        expose: Whether it is exposed, wholly or in part.
        exposed_endpoints: From where each endpoint can be reached; all of them when there is none.
    """

    application: str
    charm: str
    charm_path: Path
    base: Base
    architecture: str
    scale: int
    trust: bool
    options: Mapping[str, str] = field(default_factory=dict)
    resources: tuple[ResourceUpload, ...] = ()
    constraints: Document = field(default_factory=dict)
    storage: Mapping[str, Document] = field(default_factory=dict)
    devices: Mapping[str, Document] = field(default_factory=dict)
    bindings: Mapping[str, str] = field(default_factory=dict)
    placement: tuple[str, ...] = ()
    expose: bool = False
    exposed_endpoints: Mapping[str, ExposedEndpoint] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    differences: tuple[Difference, ...] = field(default=(), repr=False)

    def describe(self) -> str:
        """Return the step as one line."""
        words = [f"deploy {self.application} ({self.charm_path.name}) on {self.base}"]
        words.append(f"{self.scale} {'unit' if self.scale == 1 else 'units'}")
        if self.trust:
            words.append("trusted")
        if self.expose:
            words.append(" ".join(["exposed", *written_exposure(self.exposed_endpoints)]))
        text = ", ".join(words)
        parts = [f"{resource.name}={resource.value}" for resource in self.resources]
        parts += [f"{name}={shown(name, value)}" for name, value in self.options.items()]
        parts += written_constraints(self.constraints)
        parts += [
            f"storage {name}={written_directive(item)}" for name, item in self.storage.items()
        ]
        parts += [f"device {name}={written_directive(item)}" for name, item in self.devices.items()]
        parts += [f"placed on {directive}" for directive in self.placement]
        parts += [
            f"{endpoint or 'all endpoints'} bound to {space}"
            for endpoint, space in self.bindings.items()
        ]
        parts += [
            f"annotation {name}={shown(name, value)}" for name, value in self.annotations.items()
        ]
        return f"{text}; {', '.join(parts)}" if parts else text

    def to_json(self) -> Document:
        """Return the step as JSON; values of options that may be secret are hidden."""
        return {
            "step": "deploy",
            "application": self.application,
            "charm": self.charm,
            "path": str(self.charm_path),
            "base": str(self.base),
            "architecture": self.architecture,
            "scale": self.scale,
            "trust": self.trust,
            "expose": self.expose,
            "exposed-endpoints": exposed_document(self.exposed_endpoints),
            "options": {name: shown_fully(name, value) for name, value in self.options.items()},
            "resources": {resource.name: resource.value for resource in self.resources},
            "constraints": {**self.constraints},
            "storage": {**self.storage},
            "devices": {**self.devices},
            "bindings": {**self.bindings},
            "placement": [*self.placement],
            "annotations": {**self.annotations},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOptions:
    """Change options of an application that is in the model; `trust` is one of them."""

    application: str
    options: Mapping[str, str]
    differences: tuple[Difference, ...] = field(default=(), repr=False)

    def describe(self) -> str:
        """Return the step as one line."""
        changes = ", ".join(f"{name}={shown(name, value)}" for name, value in self.options.items())
        return f"configure {self.application}: {changes}"

    def to_json(self) -> Document:
        """Return the step as JSON; values that may be secret are hidden."""
        options: Document = {name: shown_fully(name, v) for name, v in self.options.items()}
        return {"step": "set-options", "application": self.application, "options": options}


@dataclass(frozen=True, slots=True, kw_only=True)
class SetConstraints:
    """Change the constraints of an application that is in the model."""

    application: str
    constraints: Document
    differences: tuple[Difference, ...] = field(default=(), repr=False)

    def describe(self) -> str:
        """Return the step as one line."""
        changes = ", ".join(written_constraints(self.constraints))
        return f"constrain {self.application}: {changes}"

    def to_json(self) -> Document:
        """Return the step as JSON."""
        return {
            "step": "set-constraints",
            "application": self.application,
            "constraints": {**self.constraints},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Change the number of units of an application that is in the model."""

    application: str
    scale: int
    was: int
    differences: tuple[Difference, ...] = field(default=(), repr=False)

    def describe(self) -> str:
        """Return the step as one line."""
        return f"scale {self.application} from {self.was} to {self.scale}"

    def to_json(self) -> Document:
        """Return the step as JSON."""
        return {
            "step": "scale",
            "application": self.application,
            "scale": self.scale,
            "was": self.was,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Expose:
    """Expose an application that is in the model.

    Attributes:
        application: The application.
        endpoints: From where each endpoint can be reached; all of them when there is none.
    """

    application: str
    endpoints: Mapping[str, ExposedEndpoint] = field(default_factory=dict)
    differences: tuple[Difference, ...] = field(default=(), repr=False)

    def describe(self) -> str:
        """Return the step as one line."""
        return " ".join([f"expose {self.application}", *written_exposure(self.endpoints)])

    def to_json(self) -> Document:
        """Return the step as JSON."""
        return {
            "step": "expose",
            "application": self.application,
            "exposed-endpoints": exposed_document(self.endpoints),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAnnotations:
    """Change annotations of an application that is in the model; an empty one is removed."""

    application: str
    annotations: Mapping[str, str]
    differences: tuple[Difference, ...] = field(default=(), repr=False)

    def describe(self) -> str:
        """Return the step as one line."""
        changes = ", ".join(f"{name}={shown(name, v)}" for name, v in self.annotations.items())
        return f"annotate {self.application}: {changes}"

    def to_json(self) -> Document:
        """Return the step as JSON."""
        return {
            "step": "set-annotations",
            "application": self.application,
            "annotations": {**self.annotations},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshApplication:
    """Give an application that is in the model another charm, in place.

    Attributes:
        charm_path: The file of its charm; a step before this one uploads it.
        base: The base of the charm that it will run on.
        forces_base: Whether Juju must be told to take a charm that does not support the base that
            the application has now; it asks that of charms without containers.
        architecture: As Juju names it.
        options: Options to set together with the charm, as Juju parses them.
        resources: Resources to upload and hand over together with the charm; the others are kept.
        storage: Directives of storages that only the new charm has.
        bindings: The space for each endpoint that changes.
    """

    application: str
    charm: str
    charm_path: Path
    base: Base
    architecture: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    resources: tuple[ResourceUpload, ...] = ()
    storage: Mapping[str, Document] = field(default_factory=dict)
    bindings: Mapping[str, str] = field(default_factory=dict)
    forces_base: bool = False
    differences: tuple[Difference, ...] = field(default=(), repr=False)

    def describe(self) -> str:
        """Return the step as one line."""
        return f"refresh {self.application} to {self.charm_path.name} on {self.base}"

    def to_json(self) -> Document:
        """Return the step as JSON."""
        return {
            "step": "refresh",
            "application": self.application,
            "path": str(self.charm_path),
            "base": str(self.base),
            "options": {name: shown_fully(name, value) for name, value in self.options.items()},
            "resources": {resource.name: resource.value for resource in self.resources},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachResources:
    """Replace resources of an application whose charm stays."""

    application: str
    resources: tuple[ResourceUpload, ...]
    differences: tuple[Difference, ...] = field(default=(), repr=False)

    def describe(self) -> str:
        """Return the step as one line."""
        return f"attach to {self.application}: " + ", ".join(
            f"{resource.name}={resource.value}" for resource in self.resources
        )

    def to_json(self) -> Document:
        """Return the step as JSON."""
        return {
            "step": "attach-resources",
            "application": self.application,
            "resources": {resource.name: resource.value for resource in self.resources},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetOptions:
    """Give options of an application their defaults again; `trust` may be one of them."""

    application: str
    names: tuple[str, ...]
    differences: tuple[Difference, ...] = field(default=(), repr=False)

    def describe(self) -> str:
        """Return the step as one line."""
        return f"reset {self.application}: {', '.join(self.names)}"

    def to_json(self) -> Document:
        """Return the step as JSON."""
        return {
            "step": "reset-options",
            "application": self.application,
            "options": [*self.names],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexpose:
    """Take back that an application is exposed: of these endpoints, or wholly."""

    application: str
    endpoints: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = field(default=(), repr=False)

    def describe(self) -> str:
        """Return the step as one line."""
        return " ".join(["unexpose", self.application, *self.endpoints])

    def to_json(self) -> Document:
        """Return the step as JSON."""
        return {
            "step": "unexpose",
            "application": self.application,
            "endpoints": [*self.endpoints],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBindings:
    """Bind endpoints of an application to other spaces."""

    application: str
    bindings: Mapping[str, str]
    differences: tuple[Difference, ...] = field(default=(), repr=False)

    def describe(self) -> str:
        """Return the step as one line."""
        return f"bind {self.application}: " + ", ".join(
            f"{endpoint or 'all endpoints'} to {space}" for endpoint, space in self.bindings.items()
        )

    def to_json(self) -> Document:
        """Return the step as JSON."""
        return {
            "step": "set-bindings",
            "application": self.application,
            "bindings": {**self.bindings},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRecord:
    """Note what an application has been deployed from, as the last step of each that is changed.

    Attributes:
        record: The record; without a charm URL where the charm is uploaded with this plan.
    """

    application: str
    record: DeploymentRecord
    differences: tuple[Difference, ...] = field(default=(), repr=False)

    def describe(self) -> str:
        """Return the step as one line."""
        return f"note what {self.application} was deployed from"

    def to_json(self) -> Document:
        """Return the step as JSON."""
        return {"step": "write-record", "application": self.application}


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveApplication:
    """Remove an application, for good or to deploy it again.

    Attributes:
        application: The application.
        deploys_again: Whether a later step deploys it again.
        lost: Its storage that is lost or detached, in words.
    """

    application: str
    deploys_again: bool = False
    lost: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = field(default=(), repr=False)

    def describe(self) -> str:
        """Return the step as one line."""
        return f"remove {self.application}"

    def to_json(self) -> Document:
        """Return the step as JSON."""
        return {"step": "remove", "application": self.application, "lost": [*self.lost]}


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveRelation:
    """Remove a relation that the bundle does not have."""

    requirer: EndpointRef
    provider: EndpointRef
    differences: tuple[Difference, ...] = field(default=(), repr=False)

    @property
    def applications(self) -> tuple[str, str]:
        """Both applications."""
        return (self.requirer.application, self.provider.application)

    def describe(self) -> str:
        """Return the step as one line."""
        return f"remove the relation of {self.requirer} with {self.provider}"

    def to_json(self) -> Document:
        """Return the step as JSON."""
        return {
            "step": "unrelate",
            "requirer": str(self.requirer),
            "provider": str(self.provider),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRelation:
    """Relate two applications."""

    requirer: EndpointRef
    provider: EndpointRef
    differences: tuple[Difference, ...] = field(default=(), repr=False)

    @property
    def applications(self) -> tuple[str, str]:
        """Both applications."""
        return (self.requirer.application, self.provider.application)

    def describe(self) -> str:
        """Return the step as one line."""
        return f"relate {self.requirer} with {self.provider}"

    def to_json(self) -> Document:
        """Return the step as JSON."""
        return {
            "step": "relate",
            "requirer": str(self.requirer),
            "provider": str(self.provider),
        }


ApplicationChange: TypeAlias = (
    RefreshApplication
    | AttachResources
    | ResetOptions
    | SetOptions
    | SetConstraints
    | Scale
    | Unexpose
    | Expose
    | SetBindings
    | SetAnnotations
    | WriteRecord
)
ApplicationStep: TypeAlias = RemoveApplication | DeployApplication | ApplicationChange
RelationStep: TypeAlias = RemoveRelation | AddRelation
Step: TypeAlias = UploadCharm | ApplicationStep | RelationStep | MakeOffer | GrantOffer
