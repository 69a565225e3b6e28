"""``ckf-airgap charms``: fetch the charms of a bundle, and see which are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from ckf_airgap.cli.groups import CommandGroup, Place
from ckf_airgap.cli.options import verbosity_options

COMMANDS: Final[Mapping[str, Place]] = {
    "download": Place(
        "Fetch the charms of a bundle from the store.", f"{__name__}.download", "download_command"
    ),
    "list": Place(
        "Compare the charm files with what a bundle asks for.",
        f"{__name__}.list",
        "list_command",
    ),
}
"""The commands in the order of their use."""


@click.group(
    "charms",
    cls=CommandGroup,
    places=COMMANDS,
    epilog="""\b
Examples:
  ckf-airgap charms download 1.11 -d charms
  ckf-airgap charms list 1.11 --charms charms
""",
)
@verbosity_options
def command() -> None:
    """Fetch the charms of a bundle, and see which are there."""
