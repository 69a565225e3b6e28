"""Resources that a bundle gives by their revision in the store, which no local charm can use. Pure.

``juju deploy`` takes the number of a resource of Charmhub (``resources: {oci-image: 46}``, as many
published bundles have). For a charm from a file there is no such resource: the controller takes
the number without an error, and leaves a placeholder that nothing fills.
"""

from __future__ import annotations

from collections.abc import Mapping

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.charms.charm import Charm, Resource
from ckf_airgap.errors import Problem
from ckf_airgap.images.needs import Place


def numbered_resources(bundle: Bundle, charms: Mapping[str, Charm]) -> list[Problem]:
    """Return a warning for each resource that is the number of a revision in the store.

    Args:
        bundle: The bundle, with its overlays merged in.
        charms: The charm of each application.
    """
    warnings = []
    for name, application in bundle.applications.items():
        for resource, value in application.resources.items():
            declared = charms[name].resources.get(resource)
            if isinstance(value, int) and declared is not None:
                what, fix = _instead(declared, name)
                warnings.append(
                    Problem(
                        f"revision {value} of the store is not used, since a charm from a file has "
                        f"no resources there: {what}",
                        f"application {name}, resource {resource}",
                        fix,
                    )
                )
    return warnings


def numbered_places(bundle: Bundle) -> frozenset[Place]:
    """Return application and name of each resource that is the number of a revision."""
    return frozenset(
        (name, resource)
        for name, application in bundle.applications.items()
        for resource, value in application.resources.items()
        if isinstance(value, int)
    )


def _instead(resource: Resource, application: str) -> tuple[str, str]:
    """Return what takes the place of a revision, and what to do when another is wanted."""
    setting = f"in an overlay, applications: {{{application}: {{resources: {{{resource.name}: "
    if not resource.is_image:
        return "the application has no such file", f"give the file {setting}./FILE}}}}}}"
    if resource.upstream_source:
        return (
            f"{resource.upstream_source} is used, which the charm names",
            f"if the revision is another image, give that {setting}IMAGE}}}}}}",
        )
    return "the charm names no image", f"give the image {setting}IMAGE}}}}}}"
