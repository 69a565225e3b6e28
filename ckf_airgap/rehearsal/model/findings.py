"""Findings: what a real controller accepts although it causes trouble later. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ckf_airgap.errors import ReferenceSyntaxError
from ckf_airgap.images.recognise import candidates_in_options
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

    Values that were set and defaults count alike: charms start what their options name. What may be
    an image, or the beginning of names, is a finding too, as long as it is not in the registry.
    """
    if registry is None:
        return
    texts = {name: value for name, value in application.config.items() if isinstance(value, str)}
    for name, found in candidates_in_options(texts):
        reference = found.verdict.reference
        has = f"option {name} {'names' if name in application.settings else 'has the default'}"
        if reference is not None and registry.holds(reference):
            continue
        if found.image is not None:
            what, why = f"{has} {found.image}", _elsewhere(registry)
        elif found.verdict.certainty == "maybe" and not _begins_with(found.text, registry):
            meant = "the beginning of names of images" if found.part else "an image"
            what = f"{has} {found.text.strip()}, which may be {meant}"
            why = _elsewhere(registry)
        else:
            continue
        yield Finding(application=application.name, what=what, why=why)


def _begins_with(text: str, registry: Registry) -> bool:
    without_scheme = text.strip().rpartition("://")[2]
    return f"{without_scheme.rstrip('/')}/".startswith(f"{registry}/")


def _elsewhere(registry: Registry) -> str:
    return f"it is not in {registry}, and nothing else can be reached behind an air gap"
