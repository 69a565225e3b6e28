"""What must change in an application that is in the model, to be as the bundle says. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from ckf_airgap.errors import Problem
from ckf_airgap.juju.planning.comparing import charm_differences, resource_differences
from ckf_airgap.juju.planning.deploys import charm_problems
from ckf_airgap.juju.planning.differences import Difference, Foreign, Policy, Refusal
from ckf_airgap.juju.planning.identity import DeploymentRecord
from ckf_airgap.juju.planning.live import LiveApplication, LiveModel, LiveRelation
from ckf_airgap.juju.planning.refusing import (
    being_removed,
    charm_refusals,
    directive_refusals,
    forces_base,
    other_charm,
)
from ckf_airgap.juju.planning.requested import RequestedApplication
from ckf_airgap.juju.planning.requirements import (
    assumption_problems,
    binding_problems,
    exposure_problems,
    layout_problems,
)
from ckf_airgap.juju.planning.settings import compare_bindings, compare_options, compare_settings
from ckf_airgap.juju.planning.steps import (
    ApplicationChange,
    AttachResources,
    Expose,
    RefreshApplication,
    ResetOptions,
    SetBindings,
    SetOptions,
    WriteRecord,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """How an application of a model becomes what the bundle says.

    Attributes:
        steps: What is done, in order.
        foreign: What somebody else has set, and stays.
        problems: What is wrong with what the bundle says; `where` is relative to the application.
    """

    steps: tuple[ApplicationChange, ...] = ()
    foreign: tuple[Foreign, ...] = ()
    problems: tuple[Problem, ...] = field(default=())


def gets_another_charm(wanted: RequestedApplication, present: LiveApplication) -> bool:
    """Whether an application of the model is given another charm, or another base."""
    return not present.is_going and bool(charm_differences(wanted, present))


def refusals(
    wanted: RequestedApplication, present: LiveApplication, relations: Iterable[LiveRelation]
) -> Iterator[Refusal]:
    """Yield why an application cannot become what the bundle says without being replaced.

    Args:
        wanted: What the bundle asks for.
        present: What the model has.
        relations: Those relations of the application that stay.
    """
    if present.is_going:
        yield being_removed(wanted, present)
    elif present.charm != wanted.charm.name:
        yield other_charm(wanted, present)
    else:
        if charm_differences(wanted, present):
            yield from charm_refusals(wanted, present, relations)
        yield from directive_refusals(wanted, present)


def converge(
    wanted: RequestedApplication, present: LiveApplication, live: LiveModel, policy: Policy
) -> Convergence:
    """Return how an application of a model becomes what the bundle says.

    Args:
        wanted: What the bundle asks for.
        present: What the model has; its charm has the right name, and nothing is refused.
        live: The model.
        policy: How far the plan may go.
    """
    charm = charm_differences(wanted, present)
    resources = resource_differences(wanted, present.identity)
    options = compare_options(
        wanted, present, is_refreshed=bool(charm), resets_foreign=policy.reset_foreign
    )
    bindings, rebound = compare_bindings(wanted, present)
    settings, foreign = compare_settings(wanted, present, resets_foreign=policy.reset_foreign)
    problems = [*wanted.problems, *binding_problems(wanted.application, wanted.charm)]
    steps: list[ApplicationChange] = []
    if charm:
        problems += layout_problems(wanted.application, wanted.charm)
        problems += assumption_problems(wanted.charm, live.features)
        problems += charm_problems(wanted)
        differences = (*charm, *resources, *options.changes, *options.gone, *rebound)
        steps += _refresh(wanted, present, options.changed, bindings, differences)
    elif resources:
        steps.append(_attach(wanted, resources))
    if options.reset:
        steps.append(
            ResetOptions(
                application=wanted.name,
                names=tuple(options.reset),
                differences=tuple(options.resets),
            )
        )
    if options.changed and not charm:
        steps.append(
            SetOptions(
                application=wanted.name,
                options=options.changed,
                differences=tuple(options.changes),
            )
        )
    if bindings and not charm:
        steps.append(SetBindings(application=wanted.name, bindings=bindings, differences=rebound))
    steps += settings
    if any(isinstance(step, Expose) for step in settings):
        in_force = {
            name: value for name, value in present.own_options.items() if name not in options.reset
        }
        problems += exposure_problems(
            wanted.application, wanted.charm, {**in_force, **wanted.options}
        )
    steps += _record(wanted, present, policy, steps)
    return Convergence(
        steps=tuple(steps),
        foreign=(
            *options.foreign,
            *foreign,
            *_foreign_files(wanted, present),
            *_kept(wanted, present),
        ),
        problems=tuple(problems),
    )


def record_of_deploy(wanted: RequestedApplication, release: str) -> WriteRecord:
    """Return the step that notes what an application is deployed from."""
    return WriteRecord(
        application=wanted.name, record=wanted.to_record("", _known_sha256(wanted), release)
    )


def uncompared(wanted: RequestedApplication, present: LiveApplication) -> Iterator[Problem]:
    """Yield what neither the controller nor a record tells of an application of the model."""
    record = present.identity.record or present.identity.former
    where = f"application {wanted.name}"
    if wanted.devices and (record is None or record.devices is None):
        yield Problem(
            "no controller tells with which devices it was deployed, and no record does, so they "
            "were not compared with the bundle",
            where,
        )
    told = present.storage if present.storage is not None else record.storage if record else {}
    if any(name not in told for name in wanted.storage):
        yield Problem(
            "the controller does not tell with which storage it was deployed, so that was not "
            "compared with the bundle",
            where,
        )


def _refresh(
    wanted: RequestedApplication,
    present: LiveApplication,
    options: dict[str, str],
    bindings: dict[str, str],
    differences: tuple[Difference, ...],
) -> Iterator[RefreshApplication]:
    charm = wanted.charm
    if wanted.base is None or charm.path is None:
        return  # reported by charm_problems
    differing = {item.name for item in differences if item.kind in ("resource", "pull-login")}
    yield RefreshApplication(
        application=wanted.name,
        charm=charm.name,
        charm_path=charm.path,
        base=wanted.base,
        architecture=wanted.architecture(wanted.base, present.constraints),
        options=options,
        resources=tuple(
            resource
            for resource in wanted.resources
            if wanted.identity is None or resource.name in differing
        ),
        bindings=bindings,
        forces_base=forces_base(wanted, present),
        differences=differences,
    )


def _attach(wanted: RequestedApplication, differences: Collection[Difference]) -> AttachResources:
    names = {difference.name for difference in differences}
    return AttachResources(
        application=wanted.name,
        resources=tuple(item for item in wanted.resources if item.name in names),
        differences=tuple(differences),
    )


def _record(
    wanted: RequestedApplication,
    present: LiveApplication,
    policy: Policy,
    before: Collection[ApplicationChange],
) -> Iterator[WriteRecord]:
    """Yield the step that notes what an application is made of, where that is not noted yet."""
    held = present.identity
    is_refreshed = any(isinstance(step, RefreshApplication) for step in before)
    if wanted.identity is None and not is_refreshed:
        return  # it was not compared
    known = held.record or held.former
    sha256 = _known_sha256(wanted)
    if not sha256 and not is_refreshed and held.record is not None:
        sha256 = held.record.charm_sha256
    url = "" if is_refreshed else held.charm_url
    record = wanted.to_record(url, sha256, policy.release, known)
    if not is_refreshed and held.record is not None and record.says(held.record):
        return
    differences = () if before else (_noted(wanted, held.record, record),)
    yield WriteRecord(application=wanted.name, record=record, differences=differences)


def _noted(
    wanted: RequestedApplication, was: DeploymentRecord | None, now: DeploymentRecord
) -> Difference:
    return Difference(
        application=wanted.name,
        kind="record",
        old=was.release or None if was is not None else None,
        new=now.release or None,
        reason="what is noted of its deployment is brought up to date",
    )


def _known_sha256(wanted: RequestedApplication) -> str:
    return wanted.identity.charm_sha256 if wanted.identity is not None else ""


def _foreign_files(wanted: RequestedApplication, present: LiveApplication) -> Iterator[Foreign]:
    """Yield the files that somebody has attached, and that the bundle does not give."""
    for name, resource in wanted.charm.resources.items():
        fingerprint = (present.identity.fingerprints or {}).get(name)
        if fingerprint and not resource.is_image and name not in wanted.application.resources:
            yield Foreign(
                application=wanted.name,
                kind="resource",
                name=name,
                fix=f"give it in the bundle, resources: {{{name}: ./FILE}}",
            )


def _kept(wanted: RequestedApplication, present: LiveApplication) -> Iterator[Foreign]:
    """Yield what an earlier deployment asked for, the bundle no longer does, and Juju keeps."""
    record = present.identity.record or present.identity.former
    if record is None:
        return
    fix = f"write it in the bundle again, or replace the application (--replace {wanted.name})"
    application = wanted.application
    for name, text in record.storage.items():
        if name not in application.storage:
            yield Foreign(application=wanted.name, kind="storage", name=name, value=text, fix=fix)
    for name, text in (record.devices or {}).items():
        if name not in application.devices:
            yield Foreign(application=wanted.name, kind="device", name=name, value=text, fix=fix)
