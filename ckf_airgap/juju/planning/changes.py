"""What must change in an application that is in the model, to be as the bundle says. Pure.

As ``core/bundle/changes`` of Juju 3.6, with two differences: what a bundle says nothing of stays as
it is in the model, and values are compared as what they mean (``7`` is ``"7"``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ckf_airgap.bundle.bundle import Application
from ckf_airgap.bundle.exposure import ExposedEndpoint
from ckf_airgap.documents import Document
from ckf_airgap.juju.planning.live import LiveApplication
from ckf_airgap.juju.planning.steps import (
    ApplicationChange,
    Expose,
    Scale,
    SetAnnotations,
    SetConstraints,
    SetOptions,
)
from ckf_airgap.juju.planning.values import juju_text

_EVERYWHERE: Final = ("0.0.0.0/0", "::/0")
"""The networks of an endpoint that is exposed without spaces and networks."""


def changes_of(
    application: Application,
    present: LiveApplication,
    options: Mapping[str, str],
    constraints: Document,
) -> Iterator[ApplicationChange]:
    """Yield what must change in an application that is in the model with the right charm.

    Args:
        application: The application of the bundle.
        present: The application of the model.
        options: The bundle's options, as texts of one form.
        constraints: The bundle's constraints, parsed.
    """
    changed = {
        name: text
        for name, text in options.items()
        if name != "trust" and _live_text(present, name) != text
    }
    if (application.trust or options.get("trust") == "true") and not present.trust:
        changed["trust"] = "true"
    if changed:
        yield SetOptions(application=application.name, options=changed)
    wanted = dict(constraints)
    if "arch" in present.constraints:  # the controller filled it in, and it cannot be changed
        wanted.setdefault("arch", present.constraints["arch"])
    if constraints and wanted != present.constraints:
        yield SetConstraints(application=application.name, constraints=wanted)
    if application.scale != present.scale:
        yield Scale(application=application.name, scale=application.scale, was=present.scale)
    endpoints = application.exposed_endpoints
    if (application.expose or endpoints) and not (
        present.exposed and _is_exposed_to(endpoints, present.exposed_endpoints)
    ):
        yield Expose(application=application.name, endpoints=endpoints)
    annotations = {
        name: value
        for name, value in application.annotations.items()
        if present.annotations.get(name, "") != value
    }
    if annotations:
        yield SetAnnotations(application=application.name, annotations=annotations)


def _live_text(present: LiveApplication, name: str) -> str | None:
    value = present.options.get(name, present.own_options.get(name))
    if isinstance(value, dict):  # kubernetes-service-annotations, which Juju keeps as a mapping
        return " ".join(f"{key}={item}" for key, item in value.items())
    return juju_text(value) if isinstance(value, str | int | float) else None


def _is_exposed_to(
    wanted: Mapping[str, ExposedEndpoint], present: Mapping[str, ExposedEndpoint]
) -> bool:
    """Whether each endpoint of the bundle is exposed as it says; the controller keeps others."""
    return all(
        name in present and _normal(details) == _normal(present[name])
        for name, details in wanted.items()
    )


def _normal(details: ExposedEndpoint) -> tuple[set[str], set[str]]:
    networks = details.cidrs if details.spaces or details.cidrs else _EVERYWHERE
    return {*details.spaces}, {*networks}
