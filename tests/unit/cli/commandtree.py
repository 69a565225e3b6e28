"""The commands of a program, as tests of all of them go through them."""

from __future__ import annotations

from collections.abc import Iterator

import click


def commands(command: click.Command, words: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its words."""
    if not isinstance(command, click.Group):
        yield words.strip(), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from commands(found, f"{words} {name}")
