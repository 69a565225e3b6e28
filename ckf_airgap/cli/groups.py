"""What all groups of commands do."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

import click
from click.shell_completion import CompletionItem

from ckf_airgap.errors import ExitCode, nearest

if TYPE_CHECKING:
    _TextType = click.ParamType[str]  # generic in click 8.4 and later, plain before
else:
    _TextType = click.ParamType


class Text(_TextType):
    """Text that others can read too: bytes that are no UTF-8 can only be in names of files."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text, or refuse it."""
        text = str(click.STRING.convert(value, param, ctx))
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail(f"{text!r} is not UTF-8 text", param, ctx)
        return text


TEXT: Final = Text()
"""What every parameter of type text has."""


@final
@dataclass(frozen=True, slots=True)
class Place:
    """Where a command is defined.

    Attributes:
        about: Its short help.
        module: The module.
        attribute: Its name in the module.
    """

    about: str
    module: str
    attribute: str = "command"


class CommandGroup(click.Group):
    """A group that imports a command when it is called, and shows its help when none is.

    libjuju and the HTTP client take long to import, which ``--help``, shell completion, and the
    commands that need neither should not pay.

    Args:
        *args: What `click.Group` takes.
        places: The commands by their names, in the order of their use.
        **rest: What `click.Group` takes.
    """

    def __init__(self, *args: Any, places: Mapping[str, Place], **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of the commands, in the order of their use."""
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        place = self.places.get(cmd_name)
        if place is None:
            return None
        command = getattr(importlib.import_module(place.module), place.attribute)
        assert isinstance(command, click.Command)  # noqa: S101
        for parameter in command.params:
            if parameter.type is click.STRING:
                parameter.type = TEXT
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the nearest one."""
        name = args[0]
        if not name.startswith("-") and name not in self.places:
            hint = nearest(name, self.places)
            ctx.fail(f"no such command {name!r}" + (f", {hint}" if hint else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the table of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.about) for name, place in self.places.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the commands, and the options of the group, without importing the commands."""
        offered = [
            CompletionItem(name, help=place.about)
            for name, place in self.places.items()
            if name.startswith(incomplete)
        ]
        # Not that of click.Group, which imports every command to ask it for its short help.
        return offered + click.Command.shell_complete(self, ctx, incomplete)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, or show the help and exit when there are none.

        Nothing was asked for and nothing was done, so the exit code is that of a usage error. click
        has this too, but what it prints, where, and with which exit code is up to its version.
        """
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), color=ctx.color)
            ctx.exit(ExitCode.USAGE)
        return super().parse_args(ctx, args)
