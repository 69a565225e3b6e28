"""``ckf-airgap images``: which images a bundle pulls, and where they go."""

from __future__ import annotations

import click

from ckf_airgap.cli.images.audit import audit_command
from ckf_airgap.cli.images.explain import explain_command
from ckf_airgap.cli.images.list import list_command
from ckf_airgap.cli.images.retag import retag_command
from ckf_airgap.cli.options import verbosity_options


@click.group(
    "images",
    short_help="Find the images of a bundle, and retag them.",
    epilog="""\b
Example, on the connected side:
  ckf-airgap images list 1.11 -o images.txt
  ckf-airgap images retag images.txt --registry 172.17.0.2:5000 -o retagged-images.txt
""",
)
@verbosity_options
def command() -> None:
    """Find the images of a bundle, and retag them."""


for _command in (list_command, explain_command, audit_command, retag_command):
    command.add_command(_command)
