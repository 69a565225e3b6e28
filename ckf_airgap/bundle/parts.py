"""The two documents of a bundle: what every bundle may have, and what only an overlay may. Pure."""

from __future__ import annotations

from typing import Final

from ckf_airgap.documents import Document, JSONValue, dump_yaml, mappings

OVERLAY_ONLY: Final = ("exposed-endpoints", "offers")
"""Fields of an application that Juju takes in an overlay alone: they are of one environment."""

_SEPARATOR: Final = "--- # overlay.yaml\n"


def bundle_yaml(document: Document) -> str:
    """Return a bundle as YAML that Juju takes without an overlay.

    With offers or exposed endpoints these are two documents, the second an overlay for them, in the
    form of ``juju export-bundle``.
    """
    base, overlay = _split(document)
    if not overlay:
        return dump_yaml(base)
    return dump_yaml(base) + _SEPARATOR + dump_yaml(overlay)


def _split(document: Document) -> tuple[Document, Document]:
    """Return what of a bundle may be in its base document, and what may not; see `OVERLAY_ONLY`."""
    found = {
        name: kept
        for name, fields in mappings(document.get("applications"))
        if (kept := {key: fields[key] for key in OVERLAY_ONLY if fields.get(key)})
    }
    if not found:
        return document, {}
    only: dict[str, JSONValue] = {**found}
    present = document["applications"]
    applications: dict[str, JSONValue] = {**present} if isinstance(present, dict) else {}
    for name, fields in mappings(present):
        applications[name] = {
            key: value for key, value in fields.items() if key not in OVERLAY_ONLY
        }
    return {**document, "applications": applications}, {"applications": only}
