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
from ckf_airgap.images.discover import ApplicationImages
from ckf_airgap.images.needs import Place
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


def left_empty(found: Iterable[ApplicationImages], registry: Registry) -> list[Problem]:
    """Return a warning for each public image that a person asks for by setting a key to nothing."""
    return [
        Problem(
            f"{use.reference} is pulled from outside {registry}, since you left it empty",
            f"application {entry.application.name}, {use.where}",
            "leave the key out, and it is put in",
        )
        for entry in found
        for use in entry.left_empty
        if not registry.holds(use.reference)
    ]


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
