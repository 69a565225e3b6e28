"""A model that takes the steps of a plan as Juju would, and tells of itself as Juju does. Pure.

It refuses what Juju refuses: an option that the charm does not have, a relation that is there
already, an application that is exposed without a host name.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.checks import APPLICATION_OPTIONS
from ckf_airgap.bundle.exposure import ExposedEndpoint
from ckf_airgap.bundle.optionvalues import convert
from ckf_airgap.charms.charm import Base, Charm
from ckf_airgap.documents import Document, JSONValue
from ckf_airgap.juju.controller.upload import RegistryAuth, image_details, image_documents
from ckf_airgap.juju.planning.charmshape import shape_of_charm
from ckf_airgap.juju.planning.identity import RECORD_KEY, WantedIdentity, WantedResource, sha384
from ckf_airgap.juju.planning.live import LiveModel, live_model
from ckf_airgap.juju.planning.plan import Plan
from ckf_airgap.juju.planning.steps import (
    AddRelation,
    AttachResources,
    DeployApplication,
    Expose,
    RefreshApplication,
    RemoveApplication,
    RemoveRelation,
    ResetOptions,
    ResourceUpload,
    Scale,
    SetAnnotations,
    SetBindings,
    SetConstraints,
    SetOptions,
    Step,
    Unexpose,
    UploadCharm,
    WriteRecord,
)
from ckf_airgap.juju.planning.written import (
    exposed_document,
    written_directive,
)

ALL = {"": ExposedEndpoint(cidrs=("0.0.0.0/0", "::/0"))}


def sha256_of(charm: Charm) -> str:
    """Return the digest of a charm file that nobody wrote: of its path."""
    return hashlib.sha256(str(charm.path).encode()).hexdigest()


def identities_of(
    bundle: Bundle, charms: Mapping[str, Charm], auth: RegistryAuth | None = None
) -> dict[str, WantedIdentity]:
    """Return what a bundle gives its applications; a file's content is its path."""
    found = {}
    for name, application in bundle.applications.items():
        resources = {}
        for resource, value in application.resources.items():
            if resource not in charms[name].resources:
                continue
            if charms[name].resources[resource].is_image:
                bare = frozenset(map(sha384, image_documents(str(value), None)))
                forms = frozenset(map(sha384, image_documents(str(value), auth)))
                document = image_documents(str(value), None)[0]
                resources[resource] = WantedResource(
                    value=str(value),
                    fingerprints=forms,
                    without_login=bare - forms,
                    sha256=hashlib.sha256(document).hexdigest(),
                    has_login=auth is not None,
                )
            else:
                content = str(value).encode()
                resources[resource] = WantedResource(
                    value=str(value),
                    fingerprints=frozenset({sha384(content)}),
                    sha256=hashlib.sha256(content).hexdigest(),
                    is_image=False,
                )
        path = charms[name].path
        found[name] = WantedIdentity(
            charm_file=path.name if path else "",
            charm_sha256=sha256_of(charms[name]),
            resources=resources,
        )
    return found


@dataclass(slots=True)
class SimulatedApplication:
    """An application; `settings` are those that were set, whatever the default."""

    charm: Charm
    url: str
    base: Base
    scale: int = 1
    settings: dict[str, JSONValue] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)
    constraints: Document = field(default_factory=lambda: {"arch": "amd64"})
    annotations: dict[str, str] = field(default_factory=dict)
    exposed: dict[str, ExposedEndpoint] = field(default_factory=dict)
    resources: dict[str, bytes] = field(default_factory=dict)
    bindings: dict[str, str] = field(default_factory=lambda: {"": "alpha"})
    storage: dict[str, str] = field(default_factory=dict)
    life: str = ""


@dataclass(slots=True)
class SimulatedModel:
    """A model: its applications, and its relations as ``requirer provider``."""

    applications: dict[str, SimulatedApplication] = field(default_factory=dict)
    relations: set[tuple[str, str]] = field(default_factory=set)
    auth: RegistryAuth | None = None
    uploads: int = 0
    urls: dict[Path, tuple[Charm, str]] = field(default_factory=dict)

    def apply(self, plan: Plan, charms: Mapping[str, Charm]) -> None:
        """Carry a plan out."""
        assert not plan.refused
        self.urls = {}
        for step in plan.steps:
            self._step(step, charms)

    def _step(self, step: Step, charms: Mapping[str, Charm]) -> None:
        match step:
            case UploadCharm():
                charm = charms[step.applications[0]]
                assert charm.path == step.path
                assert step.path not in self.urls
                self.urls[step.path] = (charm, f"local:{charm.name}-{self.uploads}")
                self.uploads += 1
            case RemoveApplication():
                del self.applications[step.application]
                self.relations = {
                    ends
                    for ends in self.relations
                    if step.application not in {end.partition(":")[0] for end in ends}
                }
            case DeployApplication():
                self._deploy(step)
            case AddRelation():
                for end in (step.requirer, step.provider):
                    assert end.endpoint in self.applications[end.application].charm.endpoints
                ends = (str(step.requirer), str(step.provider))
                assert ends not in self.relations
                self.relations.add(ends)
            case RemoveRelation():
                self.relations.remove((str(step.requirer), str(step.provider)))
            case _:
                self._change(step)

    def _change(self, step: Step) -> None:
        assert not isinstance(step, UploadCharm | AddRelation | RemoveRelation)
        application = self.applications[step.application]
        match step:
            case RefreshApplication():
                self._refresh(application, step)
            case AttachResources():
                self._attach(application, step.resources)
            case SetOptions():
                set_options(application, step.options)
            case ResetOptions():
                for name in step.names:
                    assert name in application.charm.options or name in APPLICATION_OPTIONS
                    application.settings.pop(name, None)
                    application.own.pop(name, None)
            case SetConstraints():
                assert step.constraints.get("arch", "amd64") == application.constraints["arch"]
                application.constraints = {"arch": "amd64", **step.constraints}
            case Scale():
                assert application.scale == step.was
                application.scale = step.scale
            case Expose():
                assert application.own.get("juju-external-hostname")
                application.exposed |= step.endpoints or ALL
            case Unexpose():
                for name in step.endpoints or [*application.exposed]:
                    del application.exposed[name]
            case SetBindings():
                application.bindings |= step.bindings
            case SetAnnotations():
                application.annotations |= step.annotations
                for name, text in step.annotations.items():
                    if not text:
                        application.annotations.pop(name)
            case WriteRecord():
                record = dataclasses.replace(
                    step.record,
                    charm_url=application.url,
                    charm_sha256=sha256_of(application.charm),
                )
                application.annotations[RECORD_KEY] = record.to_text()
            case _:
                raise AssertionError(step)

    def _deploy(self, step: DeployApplication) -> None:
        assert step.application not in self.applications
        charm, url = self.urls[step.charm_path]
        application = SimulatedApplication(
            charm=charm,
            url=url,
            base=step.base,
            scale=step.scale,
            constraints={"arch": step.architecture, **step.constraints},
            annotations={name: text for name, text in step.annotations.items() if text},
            storage={name: written_directive(item) for name, item in step.storage.items()},
        )
        application.bindings |= {name: space for name, space in step.bindings.items() if space}
        set_options(application, step.options)
        if step.trust:
            application.own["trust"] = "true"
        self._attach(application, step.resources)
        if step.expose:
            assert application.own.get("juju-external-hostname")
            application.exposed = {**(step.exposed_endpoints or ALL)}
        self.applications[step.application] = application

    def _refresh(self, application: SimulatedApplication, step: RefreshApplication) -> None:
        old, (charm, url) = application.charm, self.urls[step.charm_path]
        before, after = shape_of_charm(old), shape_of_charm(charm)
        assert (before.storage, before.devices) == (after.storage, after.devices)
        for ends in self.relations:
            for end in ends:
                name, _, endpoint = end.partition(":")
                assert name != step.application or endpoint in charm.endpoints
        application.charm, application.url, application.base = charm, url, step.base
        application.settings = {
            name: value
            for name, value in application.settings.items()
            if name in charm.options and charm.options[name].type == old.options[name].type
        }
        set_options(application, step.options)
        self._attach(application, step.resources)
        application.bindings |= step.bindings
        application.resources = {
            name: body for name, body in application.resources.items() if name in charm.resources
        }

    def _attach(
        self, application: SimulatedApplication, resources: Iterable[ResourceUpload]
    ) -> None:
        for resource in resources:
            assert resource.name in application.charm.resources
            is_image = resource.type == "oci-image"
            application.resources[resource.name] = (
                image_details(resource.value, self.auth) if is_image else resource.value.encode()
            )

    def live(self) -> LiveModel:
        """Return what the controller's documents tell."""
        applications = self.applications
        model = live_model(
            "m",
            {
                "applications": {name: status(item) for name, item in applications.items()},
                "relations": [{"key": f"{one} {other}"} for one, other in sorted(self.relations)],
            },
            {name: settings(item) for name, item in applications.items()},
            resources={
                name: {
                    "resources": [
                        {"name": resource, "fingerprint": digest(item.resources.get(resource))}
                        for resource in item.charm.resources
                    ]
                }
                for name, item in applications.items()
            },
            annotations={name: {**item.annotations} for name, item in applications.items()},
            exported={name: {"storage": {**item.storage}} for name, item in applications.items()},
        )
        return dataclasses.replace(
            model,
            applications={
                name: dataclasses.replace(item, shape=shape_of_charm(applications[name].charm))
                for name, item in model.applications.items()
            },
        )


def set_options(application: SimulatedApplication, options: Mapping[str, str]) -> None:
    """Set options of an application, which must have them."""
    for name, text in options.items():
        if name in APPLICATION_OPTIONS:
            application.own[name] = text
        else:
            application.settings[name] = convert(application.charm.options[name], text)


def status(application: SimulatedApplication) -> Document:
    """Return an application as ``FullStatus`` does."""
    return {
        "charm": application.url,
        "int": application.scale,
        "life": application.life,
        "exposed": bool(application.exposed),
        "exposed-endpoints": exposed_document(application.exposed),
    }


def settings(application: SimulatedApplication) -> Document:
    """Return an application as ``Application.Get`` does; a value at its default is none of its."""
    config: Document = {}
    for name, option in application.charm.options.items():
        value = application.settings.get(name)
        shown: Document = {"type": option.type, "source": "unset"}
        if option.default is not None:
            shown |= {"default": option.default, "value": option.default, "source": "default"}
        if value is not None and value != option.default:
            shown |= {"value": value, "source": "user"}
        config[name] = shown
    own: Document = {}
    for name in sorted(APPLICATION_OPTIONS):
        text = application.own.get(name)
        default: JSONValue = False if name == "trust" else None
        found: JSONValue = text == "true" if name == "trust" else text
        shown = {"source": "unset"}
        if default is not None:
            shown["value"] = default
        if text is not None and found != default:
            shown |= {"value": found, "source": "user"}
        own[name] = shown
    return {
        "config": config,
        "application-config": own,
        "constraints": {**application.constraints},
        "base": {"name": application.base.name, "channel": f"{application.base.track}/stable"},
        "endpoint-bindings": {**application.bindings},
    }


def digest(body: bytes | None) -> str:
    """Return the fingerprint of a resource as the API does."""
    return "" if body is None else base64.b64encode(hashlib.sha384(body).digest()).decode()
