"""``ckf-airgap images``: which images a bundle pulls, where they go, and carrying them there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from ckf_airgap.cli.groups import CommandGroup, Place
from ckf_airgap.cli.options import verbosity_options

COMMANDS: Final[Mapping[str, Place]] = {
    "list": Place(
        "Write the list of all images that a bundle pulls.",
        f"{__name__}.list",
        "list_command",
    ),
    "explain": Place(
        "Show which applications use an image, and where.",
        f"{__name__}.explain",
        "explain_command",
    ),
    "audit": Place(
        "Find images in charm files that nothing declares.",
        f"{__name__}.audit",
        "audit_command",
    ),
    "retag": Place(
        "Write the list of names in the private registry.",
        f"{__name__}.retag",
        "retag_command",
    ),
    "pull": Place(
        "Pull images from their registries into a directory.",
        f"{__name__}.connected",
        "pull_command",
    ),
    "save": Place(
        "Write the archive of images that crosses the gap.", f"{__name__}.connected", "save_command"
    ),
    "load": Place(
        "Load the images of an archive into a directory or Docker.",
        f"{__name__}.airgapped",
        "load_command",
    ),
    "push": Place(
        "Push the images of an archive to the private registry.",
        f"{__name__}.airgapped",
        "push_command",
    ),
    "verify": Place(
        "Check that all images are in the private registry, complete.",
        f"{__name__}.airgapped",
        "verify_command",
    ),
    "copy": Place(
        "Copy images straight into the private registry.", f"{__name__}.connected", "copy_command"
    ),
}
"""The commands in the order of their use."""


@click.group(
    "images",
    cls=CommandGroup,
    places=COMMANDS,
    epilog="""\b
Example, on the connected side:
  ckf-airgap images list 1.11 -o images.txt
  ckf-airgap images retag images.txt --registry 172.17.0.2:5000 -o retagged-images.txt
  ckf-airgap images save images.txt -o images.tar.gz
\b
Behind the air gap:
  ckf-airgap images push images.tar.gz --registry 172.17.0.2:5000
""",
)
@verbosity_options
def command() -> None:
    """Find the images of a bundle, and carry them across the gap."""
