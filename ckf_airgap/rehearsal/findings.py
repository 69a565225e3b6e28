"""What a real controller takes in silence, although it will hurt later. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ckf_airgap.rehearsal.entities import Application, Finding
from ckf_airgap.rehearsal.resources import OCI_IMAGE, LiveResource


def image_findings(application: Application) -> Iterator[Finding]:
    """Yield a finding for each image resource that nobody uploaded."""
    for name in application.empty_images:
        yield Finding(
            application=application.name,
            what=f"image resource {name} is empty",
            why="the controller waits for an upload, so its units never get a pod",
        )


def revision_finding(resource: LiveResource) -> Finding | None:
    """Return a finding when a local charm's resource was asked for by revision."""
    if resource.asked_revision is None:
        return None
    return Finding(
        application=resource.application,
        what=f"resource {resource.name} was given as revision {resource.asked_revision}",
        why="a local charm gets nothing from the store: give an image or a file",
    )


def upload_finding(resource: LiveResource, *, registry: str | None) -> Finding | None:
    """Return a finding when an uploaded image names nothing, or another registry.

    Args:
        resource: The resource, with its body.
        registry: The private registry, ``host[:port][/path]``, if it is known.
    """
    if resource.type != OCI_IMAGE:
        return None
    path = resource.registrypath
    if not path:
        return Finding(
            application=resource.application,
            what=f"image resource {resource.name} has no registrypath",
            why="the pod has no image to start from",
        )
    if registry is not None and not path.startswith(registry.rstrip("/") + "/"):
        return Finding(
            application=resource.application,
            what=f"image resource {resource.name} is {path}",
            why=f"it is not in {registry}, and nothing else can be reached behind an air gap",
        )
    return None
