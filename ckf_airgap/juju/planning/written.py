"""Constraints, directives and exposure as a bundle writes them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ckf_airgap.bundle.exposure import ExposedEndpoint
from ckf_airgap.documents import Document


def written_constraints(constraints: Document) -> list[str]:
    """Return constraints as a bundle writes them, each a text; sizes are in MiB."""
    found = []
    for name, value in constraints.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if isinstance(value, list):
            text = ",".join(str(item) for item in value)
        found.append(f"{name}={text}")
    return found


def written_directive(directive: Document) -> str:
    """Return a storage or device directive as a bundle writes it."""
    parts = [str(directive[key]) for key in ("Pool", "Count", "Type") if directive.get(key)]
    size = directive.get("Size")
    parts += [f"{size}M"] if size else []
    attributes = directive.get("Attributes")
    if isinstance(attributes, dict) and attributes:
        parts.append(";".join(f"{name}={value}" for name, value in attributes.items()))
    return ",".join(parts)


def exposed_document(endpoints: Mapping[str, ExposedEndpoint]) -> Document:
    """Return exposed endpoints as a bundle and the API write them."""
    return {
        name: {"expose-to-spaces": [*details.spaces], "expose-to-cidrs": [*details.cidrs]}
        for name, details in endpoints.items()
    }


def written_exposure(endpoints: Mapping[str, ExposedEndpoint]) -> list[str]:
    """Return the exposed endpoints in brackets; nothing when all are exposed to everything."""
    parts = [
        f"{name or 'all endpoints'} to {', '.join((*details.spaces, *details.cidrs)) or 'all'}"
        for name, details in endpoints.items()
    ]
    return [f"({'; '.join(parts)})"] if parts else []
