"""``ckf-airgap charms``: fetch the charms of a bundle, and see which are there."""

from __future__ import annotations

import click

from ckf_airgap.cli.charms.download import download_command
from ckf_airgap.cli.charms.list import list_command
from ckf_airgap.cli.groups import HelpfulGroup
from ckf_airgap.cli.options import verbosity_options


@click.group(
    "charms",
    cls=HelpfulGroup,
    short_help="Fetch the charms of a bundle, and see which are there.",
    epilog="""\b
Examples:
  ckf-airgap charms download 1.11 -d charms
  ckf-airgap charms list 1.11 --charms charms
""",
)
@verbosity_options
def command() -> None:
    """Fetch the charms of a bundle, and see which are there."""


command.add_command(download_command)
command.add_command(list_command)
