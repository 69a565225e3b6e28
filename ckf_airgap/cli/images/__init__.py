"""``ckf-airgap images``: which images a bundle pulls, where they go, and carrying them there."""

from __future__ import annotations

import click

from ckf_airgap.cli.groups import HelpfulGroup
from ckf_airgap.cli.images.airgapped import load_command, push_command, verify_command
from ckf_airgap.cli.images.audit import audit_command
from ckf_airgap.cli.images.connected import copy_command, pull_command, save_command
from ckf_airgap.cli.images.explain import explain_command
from ckf_airgap.cli.images.list import list_command
from ckf_airgap.cli.images.retag import retag_command
from ckf_airgap.cli.options import verbosity_options


@click.group(
    "images",
    cls=HelpfulGroup,
    short_help="Find the images of a bundle, and carry them across the gap.",
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


for _command in (
    list_command,
    explain_command,
    audit_command,
    retag_command,
    pull_command,
    save_command,
    load_command,
    push_command,
    verify_command,
    copy_command,
):
    command.add_command(_command)
