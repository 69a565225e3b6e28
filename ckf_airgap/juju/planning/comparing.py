"""Whether an application of a model runs the charm and the resources that a bundle gives it. Pure.

What is not known to be the same is brought in line: the charm is uploaded and set again, the
resource attached again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ckf_airgap.bundle.checks import APPLICATION_OPTIONS
from ckf_airgap.juju.planning.differences import Difference
from ckf_airgap.juju.planning.identity import (
    HeldIdentity,
    RecordedResource,
    WantedResource,
    holds,
)
from ckf_airgap.juju.planning.live import LiveApplication
from ckf_airgap.juju.planning.requested import RequestedApplication

_SHOWN_DIGITS: Final = 8


def charm_differences(
    wanted: RequestedApplication, present: LiveApplication
) -> tuple[Difference, ...]:
    """Return how an application's charm and base differ; none when its charm stays.

    Args:
        wanted: What the bundle asks for.
        present: What the model has.
    """
    found = [*_other_charm(wanted, present.identity), *_other_base(wanted, present)]
    return tuple(found)


def resource_differences(
    wanted: RequestedApplication, held: HeldIdentity
) -> tuple[Difference, ...]:
    """Return how the resources of an application differ; nothing of those that are not compared."""
    resources = wanted.identity.resources if wanted.identity is not None else {}
    return tuple(
        difference
        for name, resource in resources.items()
        if (difference := _other_resource(wanted.name, name, resource, held)) is not None
    )


def _other_charm(wanted: RequestedApplication, held: HeldIdentity) -> Iterator[Difference]:
    file = wanted.charm_file
    lacking = _lacking(wanted, held)
    identity, record = wanted.identity, held.record
    if identity is not None and record is None:
        former = held.former
        yield Difference(
            application=wanted.name,
            kind="charm",
            old=held.charm_url or None,
            new=file,
            reason="no record says which file it was deployed from"
            if former is None
            else f"it has been refreshed since {former.charm_file or former.charm_url} was "
            "deployed, and no record says from which file",
            is_known=False,
        )
    elif (
        identity is not None
        and record is not None
        and identity.charm_sha256 not in ("", record.charm_sha256)
    ):
        same_name = record.charm_file == file
        old, new = record.charm_sha256, identity.charm_sha256
        yield Difference(
            application=wanted.name,
            kind="charm",
            old=_named(file, old) if same_name else record.charm_file or held.charm_url,
            new=_named(file, new) if same_name else file,
            reason="another file of that name" if same_name else "",
        )
    elif lacking:
        yield Difference(
            application=wanted.name,
            kind="charm",
            old=held.charm_url or None,
            new=file,
            reason=f"the charm in the model has no {', '.join(lacking)}",
        )


def _lacking(wanted: RequestedApplication, held: HeldIdentity) -> list[str]:
    """Return what the bundle sets and the charm in the model is known to lack."""
    found: list[str] = []
    types = held.option_types
    if types is not None:
        known = {*types, *APPLICATION_OPTIONS}
        found += [f"option {name}" for name in sorted(wanted.options) if name not in known]
    if held.fingerprints is not None and wanted.identity is not None:
        found += [
            f"resource {name}"
            for name in sorted(wanted.identity.resources)
            if name not in held.fingerprints
        ]
    return found


def _named(file: str, sha256: str) -> str:
    return f"{file} (sha256 {sha256[:_SHOWN_DIGITS]})"


def _other_base(wanted: RequestedApplication, present: LiveApplication) -> Iterator[Difference]:
    if wanted.identity is None or wanted.base is None or present.base is None:
        return
    if not wanted.base.same_os(present.base):
        yield Difference(
            application=wanted.name, kind="base", old=str(present.base), new=str(wanted.base)
        )


def _other_resource(
    application: str, name: str, resource: WantedResource, held: HeldIdentity
) -> Difference | None:
    """Return how a resource differs; ``None`` when it does not."""
    fingerprints = held.fingerprints
    fingerprint = None if fingerprints is None else fingerprints.get(name, "")
    if holds(resource, fingerprint):
        return None
    record = held.record.resources.get(name) if held.record is not None else None
    shown = resource.to_record().value
    if fingerprint is not None and not fingerprint:
        return Difference(
            application=application,
            kind="resource",
            name=name,
            new=shown,
            reason="it was never uploaded",
        )
    if fingerprint in resource.without_login:
        return Difference(
            application=application,
            kind="pull-login",
            name=name,
            old="no login",
            new="login of the registry",
            reason="the model has no login for pulling it",
        )
    if record is not None and _is_same(record, resource):
        return _other_login(application, name, resource, record)
    return Difference(
        application=application,
        kind="resource",
        name=name,
        old=record.value if record is not None else None,
        new=shown,
        reason=""
        if record is not None
        else "the controller does not tell its resources"
        if fingerprint is None
        else "no record says what was uploaded",
        is_known=record is not None,
    )


def _is_same(record: RecordedResource, resource: WantedResource) -> bool:
    """Whether a resource was recorded with the content that is wanted, whatever its login."""
    if record.sha256 and resource.sha256:
        return record.sha256 == resource.sha256
    return resource.is_image and record.value == resource.value


def _other_login(
    application: str, name: str, resource: WantedResource, record: RecordedResource
) -> Difference:
    """Return the difference of a resource that was recorded with the right content."""
    if resource.is_image and (record.has_login or resource.has_login or not record.sha256):
        return Difference(
            application=application,
            kind="pull-login",
            name=name,
            old="another login, or none",
            new="login of the registry" if resource.has_login else "no login",
            reason=f"{record.value} was deployed with another login, or has been attached again "
            "since",
            is_known=False,
        )
    return Difference(
        application=application,
        kind="resource",
        name=name,
        new=resource.to_record().value,
        reason=f"{record.value} has been attached again since it was deployed",
        is_known=False,
    )
