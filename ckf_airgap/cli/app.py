"""The command group ``ckf-airgap``: finds the commands, and ends every run in one place."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

import click

from ckf_airgap._version import __version__
from ckf_airgap.cli import signals
from ckf_airgap.cli.failures import report_failure
from ckf_airgap.cli.groups import CommandGroup, Place
from ckf_airgap.cli.options import verbosity_options
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.errors import ExitCode

COMMANDS: Final[Mapping[str, Place]] = {
    name: Place(about, f"ckf_airgap.cli.{name}")
    for name, about in {
        "releases": "List the shipped releases of Charmed Kubeflow.",
        "charms": "Fetch the charms of a bundle, and see which are there.",
        "images": "Find the images of a bundle, and carry them across the gap.",
        "mirrors": "Write what nodes need to find public images in a private registry.",
        "pack": "Make the directory that is carried across the gap.",
        "verify": "Verify that a pack is complete and undamaged.",
        "unpack": "Lay out a pack: ~/charms, ~/retagged-images.txt and the rest.",
        "render": "Make the overlay that points a bundle at a private registry.",
        "plan": "Show what deploying a bundle would change in a model.",
        "deploy": "Deploy a bundle from local charms and wait until it is active.",
        "rehearse": "Deploy a bundle on the embedded controller.",
        "controller": "Run the embedded controller until stopped.",
        "status": "Show the applications and units of a model.",
        "wait": "Wait until everything in a model is active and idle.",
    }.items()
}
"""The commands in the order of their use; each is ``command`` of the module of its name."""


class _Commands(CommandGroup):
    """The group of all commands; it renders every failure."""

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        **extra: Any,
    ) -> NoReturn:
        """Run a command line and exit with its code."""
        extra.pop("standalone_mode", None)
        terminal = Terminal()
        try:
            result = super().main(
                args, prog_name, complete_var, standalone_mode=False, obj=terminal, **extra
            )
        except Exception as error:  # noqa: BLE001 - the one place where every failure ends
            signals.failed()
            sys.exit(report_failure(error, terminal))
        sys.exit(result if isinstance(result, int) else ExitCode.OK)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command, showing what it logs."""
        from ckf_airgap.cli.logs import showing_logs

        with showing_logs(Terminal.current()):
            return super().invoke(ctx)


@click.command(
    "ckf-airgap",
    cls=_Commands,
    places=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Example, a rehearsal that needs nothing but this tool:
  ckf-airgap rehearse 1.11

Bash completion: eval "$(_CKF_AIRGAP_COMPLETE=bash_source ckf-airgap)"
""",
)
@verbosity_options
@click.version_option(__version__, "--version", prog_name="ckf-airgap")
def main() -> None:
    """Deploy Charmed Kubeflow from local charms and a private registry.

    A BUNDLE is the path of a bundle.yaml, or the name of a shipped release such as 1.11.
    """
