"""What all groups of commands do."""

from __future__ import annotations

import click

from ckf_airgap.errors import ExitCode


class HelpfulGroup(click.Group):
    """A group that shows its help when it is called without arguments.

    Nothing was asked for and nothing was done, so the exit code is that of a usage error. click has
    this too, but what it prints, where, and with which exit code is up to its version.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, or show the help and exit when there are none."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), color=ctx.color)
            ctx.exit(ExitCode.USAGE)
        return super().parse_args(ctx, args)
