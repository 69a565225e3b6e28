"""An application as a bundle and its charm ask for it, with everything in the form of Juju. Pure.

What is wrong in itself is found here, whether the application is in the model or not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from ckf_airgap.bundle.bases import choose_base
from ckf_airgap.bundle.bundle import Application, Bundle
from ckf_airgap.bundle.constraints import (
    architecture_of,
    parse_constraints,
    parse_device,
    parse_storage,
)
from ckf_airgap.bundle.exposure import ExposedEndpoint
from ckf_airgap.charms.charm import Base, Charm
from ckf_airgap.documents import Document
from ckf_airgap.errors import BundleError, CharmError, Problem, nearest
from ckf_airgap.juju.planning.identity import (
    RECORD_KEY,
    DeploymentRecord,
    Ownership,
    RecordedResource,
    WantedIdentity,
)
from ckf_airgap.juju.planning.steps import ResourceUpload
from ckf_airgap.juju.planning.values import option_text


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedApplication:
    """An application as it must be.

    Attributes:
        application: The application of the bundle.
        charm: Its charm.
        identity: Its charm file and resources; ``None`` when they are not compared.
        base: The base of the charm that it runs on; ``None`` when none can be chosen.
        options: Options as texts, in one form, without ``trust``.
        trust: Whether it is trusted; ``None`` when the bundle says nothing of it.
        constraints: The API's object; ``None`` when the bundle says nothing of them.
        exposed: From where each endpoint can be reached; empty when it is not exposed, ``None``
            when the bundle says nothing of it.
        resources: The resources to upload.
        storage: The API's object for each storage.
        devices: The API's object for each device.
        problems: What is wrong with it; `where` is relative to the application.
        base_problem: Why no base can be chosen.
    """

    application: Application
    charm: Charm
    identity: WantedIdentity | None = None
    base: Base | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    trust: bool | None = None
    constraints: Document | None = None
    exposed: Mapping[str, ExposedEndpoint] | None = None
    resources: tuple[ResourceUpload, ...] = ()
    storage: Mapping[str, Document] = field(default_factory=dict)
    devices: Mapping[str, Document] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    base_problem: Problem | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return self.application.name

    @property
    def charm_file(self) -> str:
        """The name of the charm's file."""
        return self.charm.path.name if self.charm.path is not None else self.charm.name

    def architecture(self, base: Base, live: Document | None = None) -> str:
        """Return the architecture; of an application in the model, its own unless it is asked for.

        Args:
            base: The base that it runs on.
            live: The constraints that it has in the model.
        """
        return architecture_of(base, {**(live or {}), **(self.constraints or {})})

    def to_record(
        self, charm_url: str, charm_sha256: str, release: str, held: DeploymentRecord | None = None
    ) -> DeploymentRecord:
        """Return what is recorded of the application.

        Args:
            charm_url: The URL of its charm; empty for one that is yet to be uploaded.
            charm_sha256: The SHA-256 of the charm's file; empty when it is not known yet.
            release: The release that is deployed; empty keeps the one that is recorded.
            held: The record of an application that stays: what cannot be changed in place is
                as it was, although the bundle no longer says it.
        """
        application = self.application
        given = {
            resource.name: RecordedResource(value=resource.value)
            if resource.type == "oci-image"
            else RecordedResource(value=PurePath(resource.value).name, is_image=False)
            for resource in self.resources
        }
        known = self.identity.resources if self.identity is not None else {}
        return DeploymentRecord(
            charm_url=charm_url,
            charm_sha256=charm_sha256,
            charm_file=self.charm_file,
            resources=given | {name: item.to_record() for name, item in known.items()},
            release=release or (held.release if held is not None else ""),
            owned=Ownership(
                options=frozenset(self.options),
                annotations=frozenset(application.annotations),
                constraints=frozenset(self.constraints or {}),
                exposed=frozenset(self.exposed or {}),
                trust=self.trust is True,
            ),
            storage={**(held.storage if held is not None else {}), **application.storage},
            devices={
                **((held.devices if held is not None else None) or {}),
                **application.devices,
            },
        )


def requested(
    application: Application, bundle: Bundle, charm: Charm, identity: WantedIdentity | None
) -> RequestedApplication:
    """Return an application as a bundle and its charm ask for it, and what is wrong with that.

    Args:
        application: The application of the bundle.
        bundle: The bundle.
        charm: Its charm.
        identity: Its charm file and resources, where they are compared.
    """
    problems: list[Problem] = []
    options: dict[str, str] = {}
    for name, value in application.options.items():
        with contextlib.suppress(ValueError):  # reported by option_problems
            options[name] = option_text(charm, name, value)
    trust = options.pop("trust", None)
    base, base_problem = None, None
    try:
        base = choose_base(application, bundle, charm)
    except CharmError as exc:
        base_problem = Problem(exc.message, fix=exc.fix)
    constraints: Document = {}
    try:
        constraints = parse_constraints(application.constraints)
    except BundleError as exc:
        problems.append(Problem(exc.message, "constraints", exc.fix))
    storage = _directives(application.storage, charm, "storage", parse_storage, problems)
    devices = _directives(application.devices, charm, "devices", parse_device, problems)
    resources = tuple(_resources(application, charm, problems))
    if application.placement:
        problems.append(
            Problem(
                "placement directives on k8s models not valid",
                "to",
                "take it out of the bundle, or choose nodes with the constraint tags",
            )
        )
    if RECORD_KEY in application.annotations:
        problems.append(
            Problem(
                f"the annotation {RECORD_KEY} is where ckf-airgap notes what it has deployed",
                "annotations",
                "give it another name",
            )
        )
    return RequestedApplication(
        application=application,
        charm=charm,
        identity=identity,
        base=base,
        options=options,
        trust=_trust(application, trust),
        constraints=constraints if constraints or "constraints" in application.stated else None,
        exposed=_exposed(application),
        resources=resources,
        storage=storage,
        devices=devices,
        problems=tuple(problems),
        base_problem=base_problem,
    )


def _trust(application: Application, option: str | None) -> bool | None:
    """Return whether an application is trusted: one ``true`` is enough, as in Juju."""
    if application.trust or option == "true":
        return True
    return False if option is not None or "trust" in application.stated else None


def _exposed(application: Application) -> Mapping[str, ExposedEndpoint] | None:
    if application.exposed_endpoints:
        return application.exposed_endpoints
    if application.expose:
        return {"": ExposedEndpoint()}
    return {} if "expose" in application.stated else None


def _directives(
    texts: Mapping[str, str],
    charm: Charm,
    key: str,
    parse: Callable[[str], Document],
    problems: list[Problem],
) -> dict[str, Document]:
    """Return the parsed ``storage`` or ``devices`` of an application."""
    section = charm.metadata.get(key)
    declared = set(section) if isinstance(section, dict) else set()
    found: dict[str, Document] = {}
    for name, text in texts.items():
        if name not in declared:
            what = f'charm {charm.name} has no {key.removesuffix("s")} "{name}"'
            problems.append(Problem(what, key, nearest(name, declared)))
            continue
        try:
            found[name] = parse(text)
        except BundleError as exc:
            problems.append(Problem(exc.message, key, exc.fix))
    return found


def _resources(
    application: Application, charm: Charm, problems: list[Problem]
) -> Iterator[ResourceUpload]:
    for name, value in application.resources.items():
        resource = charm.resources.get(name)
        if resource is None:
            continue  # reported by resource_problems
        # For a local charm the controller accepts both, and leaves an empty placeholder: the
        # unit would never get its image.
        if isinstance(value, int) or not value.strip():
            problems.append(
                Problem(
                    f"{value!r} is a revision in the store, which a local charm cannot use"
                    if isinstance(value, int)
                    else "the value is empty, which the controller would accept without an error",
                    f"resource {name}",
                    "give an image reference" if resource.is_image else "give a file",
                )
            )
        else:
            yield ResourceUpload(
                name=name,
                type="oci-image" if resource.is_image else "file",
                value=value,
                path=value if resource.is_image else (resource.filename or value),
                description=resource.description,
                login=application.logins.get(name),
            )
    for image in charm.images:
        if image.name not in application.resources:
            what = f'charm {charm.name} needs an image for its resource "{image.name}"'
            problems.append(Problem(what, fix="add it under resources:"))
