"""``ckf-airgap verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

import ckf_airgap
from ckf_airgap.cli.options import UserPath, json_option, verbosity_options
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.cli.wording import size_text

if TYPE_CHECKING:
    from pathlib import Path

    from ckf_airgap import VerifiedPack

SCHEMA: Final = "ckf-airgap/verify/v1"

key_option = click.option(
    "--key",
    type=UserPath(),
    metavar="PUB",
    help="The Ed25519 public key (PEM) that the pack must be signed with.",
)
"""``--key``"""


@click.command(
    "verify",
    epilog="""\b
Example:
  ckf-airgap verify kubeflow-1.11 --key pub.pem
""",
)
@click.argument("directory", metavar="DIR", type=UserPath("directory"))
@key_option
@json_option
@verbosity_options
def command(directory: Path, key: Path | None) -> None:
    """Verify that a pack is complete and undamaged.

    Everything is read once. Lists every file that is missing, unexpected, truncated or altered, and
    every such charm and blob in the archives. Ends with exit code 9 when anything is listed.
    """
    from ckf_airgap.cli.diskview import run_on_disk
    from ckf_airgap.packing.verify import raise_problems

    terminal = Terminal.current()
    verified = run_on_disk(
        terminal,
        "verifying",
        lambda disk: ckf_airgap.verify_pack(directory, key=key, watch=disk.watch),
    )
    raise_problems(directory, verified)
    terminal.result(_summary(directory, verified), document=_document(directory, verified))
    if verified.assumes is not None:
        terminal.note(f"the pack holds only what is new since {verified.assumes}")
    if key is None and verified.has_signature:
        terminal.warn("the pack is signed, but its signature was not checked: use --key PUB")


def _summary(directory: Path, verified: VerifiedPack) -> str:
    signed = ", signed with the key" if verified.signed else ""
    return (
        f"{directory} is complete: {verified.files} files ({size_text(verified.size)}),"
        f" {verified.charms} charms, {verified.blobs} blobs{signed}"
    )


def _document(directory: Path, verified: VerifiedPack) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "directory": str(directory),
        "files": verified.files,
        "size": verified.size,
        "charms": verified.charms,
        "blobs": verified.blobs,
        "signed": verified.signed,
        "has-signature": verified.has_signature,
        "since": None if verified.assumes is None else verified.assumes.lock_sha256,
    }
