"""What a person should look at in a bundle that was rendered. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from pathlib import Path

from ckf_airgap.bundle.bases import choose_base
from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Charm
from ckf_airgap.charms.checks.clientside import client_problems
from ckf_airgap.documents import mappings
from ckf_airgap.errors import CharmError, Problem
from ckf_airgap.images.discover import ApplicationImages, Place
from ckf_airgap.images.lists import RetaggedImages
from ckf_airgap.images.recognise import images_in_text
from ckf_airgap.images.reference import Registry
from ckf_airgap.images.resources import ResourceFiles
from ckf_airgap.images.scalars import ValueText


def without_units(bundle: Bundle, charms: Mapping[str, Charm]) -> list[Problem]:
    """Return a warning for each application whose number of units nobody gives: Juju makes none."""
    return [
        Problem(
            "it has no units, as in Juju, since neither scale nor num_units is given",
            f"application {name}",
            "add the line scale: 1",
        )
        for name, fields in mappings(bundle.document.get("applications"))
        if fields.get("scale") is None
        and fields.get("num_units") is None
        and not charms[name].subordinate
    ]


def logins_left(files: ResourceFiles, kept: Container[Place], registry: Registry) -> list[Problem]:
    """Return a warning for each login that is of another registry than the private one."""
    return [
        Problem(
            f"the login in {file.path} is not used: the image comes from {registry}",
            f"application {application}, resource {resource}",
            "if that needs a login, give deploy --registry-username",
        )
        for (application, resource), file in files.images.items()
        if file.login is not None and (application, resource) not in kept
    ]


def without_base(bundle: Bundle, charms: Mapping[str, Charm]) -> list[Problem]:
    """Return a warning for each application that cannot be deployed on the base it asks for."""
    warnings = []
    for name, application in bundle.applications.items():
        try:
            choose_base(application, bundle, charms[name])
        except CharmError as exc:
            fix = exc.fix or "take a charm that has it, or name another base in an overlay"
            warnings.append(Problem(exc.message, f"application {name}", fix))
    return warnings


def left_outside(
    bundle: Bundle,
    own_options: Iterable[Place],
    own_resources: Iterable[Place],
    images: RetaggedImages,
) -> list[Problem]:
    """Return a warning for each image of the user's own that is not in the registry."""
    values = [
        (name, f"option {option}", bundle.applications[name].options.get(option), option)
        for name, option in sorted(own_options)
        if name in bundle.applications
    ] + [
        (name, f"resource {resource}", bundle.applications[name].resources.get(resource), "image")
        for name, resource in sorted(own_resources)
        if name in bundle.applications
    ]
    warnings = []
    for name, where, value, hint in values:
        if not isinstance(value, str):
            continue
        warnings += [
            Problem(
                f"{reference} is not in {images.registry}, and stays since you set it",
                f"application {name}, {where}",
            )
            for reference in images_in_text(value, hint)
            if not images.registry.holds(reference)
        ]
    return warnings


def unquoted(found: Iterable[ApplicationImages], registry: Registry) -> list[Problem]:
    """Return a warning for mappings with images of a registry that YAML cannot hold unquoted.

    ``[fd00::1]:5000/x`` opens a list. We quote it, but charms may write a mapping's values into
    YAML of their own as they are (knative's ``custom_images``).
    """
    if not registry.host.startswith("["):
        return []
    places = [
        f"{entry.application.name} {plan.option}"
        for entry in found
        for plan in entry.options
        if plan.uses and ValueText.parse(plan.value).keys is not None
    ]
    if not places:
        return []
    return [
        Problem(
            "charms that write images into YAML without quotes, as those of knative do, fail at "
            f"a registry that begins with a bracket: look at {', '.join(places)}",
            f"registry {registry}",
            "give the registry a host name",
        )
    ]


def refused_by_the_client(charms: Mapping[str, Charm]) -> list[Problem]:
    """Return a warning for each charm that the controller takes, and ``juju deploy`` refuses."""
    users: dict[Path | None, list[str]] = {}
    for name, charm in charms.items():
        users.setdefault(charm.path, []).append(name)
    return [
        Problem(
            f"Juju's own client refuses the charm {charms[names[0]].name}, which a controller "
            f"takes: {'; '.join(texts)}",
            f"application {', '.join(names)}",
            "deploy it with ckf-airgap deploy, or pack the charm again",
        )
        for names in users.values()
        if (texts := client_problems(charms[names[0]]))
    ]
