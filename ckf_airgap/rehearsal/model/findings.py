"""Findings: what a real controller accepts although it causes trouble later. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ckf_airgap.errors import ReferenceSyntaxError
from ckf_airgap.images.recognise import images_in_text
from ckf_airgap.images.reference import ImageReference, Registry
from ckf_airgap.rehearsal.entities.entities import Application, Finding
from ckf_airgap.rehearsal.entities.resources import OCI_IMAGE, STORE, LiveResource


def image_findings(application: Application) -> Iterator[Finding]:
    """Yield a finding for each image resource that nobody uploaded."""
    for name in application.empty_images:
        yield empty_image(application.name, name)


def empty_image(application: str, resource: str) -> Finding:
    """Return the finding of an image resource that nobody uploaded."""
    return Finding(
        application=application,
        what=f"image resource {resource} is empty",
        why="the controller waits for an upload, so its units never get a pod",
    )


def revision_finding(resource: LiveResource) -> Finding | None:
    """Return a finding when a local charm's resource was asked for by revision."""
    if resource.asked_revision is None or resource.origin == STORE:
        return None
    return Finding(
        application=resource.application,
        what=f"resource {resource.name} was given as revision {resource.asked_revision}",
        why="a local charm gets nothing from the store: give an image or a file",
    )


def upload_finding(resource: LiveResource, *, registry: Registry | None) -> Finding | None:
    """Return a finding when an uploaded image names no image, or one in another registry.

    Args:
        resource: The resource, with its body.
        registry: The private registry, if it is known.
    """
    if resource.type != OCI_IMAGE:
        return None
    path = resource.registrypath
    if not path:
        what, why = "has no registrypath", "the pod has no image to start from"
    else:
        try:
            reference = ImageReference.parse(path)
        except ReferenceSyntaxError as error:
            what, why = f"is {path}", error.message
        else:
            if registry is None or registry.holds(reference):
                return None
            what, why = f"is {path}", _elsewhere(registry)
    return Finding(
        application=resource.application, what=f"image resource {resource.name} {what}", why=why
    )


def option_findings(application: Application, *, registry: Registry | None) -> Iterator[Finding]:
    """Yield a finding for each image in an option's value that is not in the private registry.

    Values that were set and defaults count alike: charms start what their options name.
    """
    if registry is None:
        return
    for name, value in application.config.items():
        if not isinstance(value, str):
            continue
        for reference in images_in_text(value, name):
            if not registry.holds(reference):
                is_set = name in application.settings
                yield Finding(
                    application=application.name,
                    what=f"option {name} {'names' if is_set else 'has the default'} {reference}",
                    why=_elsewhere(registry),
                )


def _elsewhere(registry: Registry) -> str:
    return f"it is not in {registry}, and nothing else can be reached behind an air gap"
