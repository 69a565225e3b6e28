"""Where the charm files are that a bundle or an overlay names by their paths. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.documents import Document, mappings


def local_files(
    bundle: Bundle, directory: Path | None, overlays: Iterable[tuple[Document, Path]] = ()
) -> dict[str, Path]:
    """Return the file that the ``charm:`` of each application stands for that has a path there.

    A path starts from the directory of the file that has it: the bundle, or the last overlay that
    gives the application a charm (``resolveRelativeCharmPath`` of Juju's charm library).

    Args:
        bundle: The merged bundle.
        directory: The bundle's directory; ``None`` when it has none.
        overlays: The overlays that were merged in, each with its file.

    Returns:
        The files by the applications' names; none for a path whose directory is not known.
    """
    places = dict.fromkeys(bundle.applications, directory)
    for overlay, file in overlays:
        for name, fields in mappings(overlay.get("applications")):
            if fields.get("charm"):
                places[name] = file.parent
    return {
        name: place / application.charm
        for name, application in bundle.applications.items()
        if application.is_local and (place := places[name]) is not None
    }
