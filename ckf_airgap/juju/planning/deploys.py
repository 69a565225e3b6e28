"""The step that deploys an application that the model lacks, and what keeps it from it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ckf_airgap.documents import JSONValue
from ckf_airgap.errors import Problem
from ckf_airgap.juju.planning.differences import Difference, Kind
from ckf_airgap.juju.planning.live import LiveModel
from ckf_airgap.juju.planning.requested import RequestedApplication
from ckf_airgap.juju.planning.requirements import (
    assumption_problems,
    binding_problems,
    device_problems,
    exposure_problems,
    layout_problems,
    storage_problems,
)
from ckf_airgap.juju.planning.steps import (
    DeployApplication,
)
from ckf_airgap.juju.planning.written import (
    exposed_document,
    written_constraints,
    written_directive,
)


def deploy_problems(wanted: RequestedApplication, live: LiveModel) -> Iterator[Problem]:
    """Yield what the controller would refuse of an application that is deployed."""
    application, charm = wanted.application, wanted.charm
    yield from layout_problems(application, charm)
    yield from wanted.problems
    yield from assumption_problems(charm, live.features)
    yield from storage_problems(charm, wanted.storage, live.pools)
    yield from device_problems(charm, wanted.devices, application.devices)
    yield from binding_problems(application, charm)
    if wanted.exposed:
        yield from exposure_problems(application, charm, wanted.options)
    yield from charm_problems(wanted)


def charm_problems(wanted: RequestedApplication) -> Iterator[Problem]:
    """Yield why the charm of an application cannot be uploaded, or has no base to run on."""
    if wanted.base_problem is not None:
        yield wanted.base_problem
    elif wanted.charm.path is None:
        yield Problem(f"there is no .charm file for charm {wanted.charm.name}")


def deploy_step(wanted: RequestedApplication) -> DeployApplication | None:
    """Return the step that deploys an application; ``None`` for what `charm_problems` finds."""
    application, charm = wanted.application, wanted.charm
    if wanted.base is None or charm.path is None:
        return None
    return DeployApplication(
        application=application.name,
        charm=charm.name,
        charm_path=charm.path,
        base=wanted.base,
        architecture=wanted.architecture(wanted.base),
        scale=application.scale,
        trust=wanted.trust is True,
        options=wanted.options,
        resources=wanted.resources,
        constraints=wanted.constraints or {},
        storage=wanted.storage,
        devices=wanted.devices,
        bindings=application.bindings,
        expose=bool(wanted.exposed),
        exposed_endpoints=application.exposed_endpoints,
        annotations=application.annotations,
        differences=tuple(_differences(wanted)),
    )


def _differences(wanted: RequestedApplication) -> Iterator[Difference]:
    """Yield everything that an application is given, which the model has nothing of."""
    application = wanted.application

    def new(kind: Kind, value: JSONValue, name: str = "") -> Difference:
        return Difference(application=application.name, kind=kind, name=name, new=value)

    yield new("application", wanted.charm_file)
    yield new("base", str(wanted.base))
    for resource in wanted.resources:
        yield new("resource", resource.value, resource.name)
    for name, text in wanted.options.items():
        yield new("option", text, name)
    if wanted.trust:
        yield new("trust", "true")
    if wanted.constraints:
        yield new("constraints", " ".join(written_constraints(wanted.constraints)))
    yield new("scale", application.scale)
    for name, directive in wanted.storage.items():
        yield new("storage", written_directive(directive), name)
    for name, directive in wanted.devices.items():
        yield new("device", written_directive(directive), name)
    for endpoint, space in application.bindings.items():
        yield new("binding", space, endpoint)
    for endpoint, details in exposed_document(wanted.exposed or {}).items():
        yield new("expose", details, endpoint)
    for name, text in application.annotations.items():
        yield new("annotation", text, name)
