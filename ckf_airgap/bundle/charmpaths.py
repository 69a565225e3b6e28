"""Where the charm files are that a bundle or an overlay names by their paths. Pure."""

from __future__ import annotations

import os
from pathlib import Path

from ckf_airgap.bundle.bundle import Bundle
from ckf_airgap.bundle.charmurls import is_path


def local_files(bundle: Bundle) -> dict[str, Path]:
    """Return the file that the ``charm:`` of each application stands for that has a path there.

    A path starts from the directory of the bundle; those of overlays have been made so when they
    were read (`ckf_airgap.bundle.bundlefile.load_overlays`).

    Args:
        bundle: The merged bundle.

    Returns:
        The files by the applications' names; none for a path whose directory is not known.
    """
    return {
        name: Path(os.path.normpath((bundle.directory or Path()) / application.charm))
        for name, application in bundle.applications.items()
        if is_path(application.charm)
        and (bundle.directory is not None or Path(application.charm).is_absolute())
    }
