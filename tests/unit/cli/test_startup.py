"""What a command line loads before anything is done: help and completion come at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import click
import pytest

from ckf_airgap.cli import main
from ckf_airgap.cli.groups import CommandGroup

SLOW = (
    "aiohttp",
    "asyncio",
    "asyncio_pool",
    "cryptography",
    "docker",
    "juju",
    "kubernetes",
    "requests",
    "rich",
    "ssl",
    "websockets",
    "yaml",
    "ckf_airgap.operations",
    "ckf_airgap.packing",
)
"""What takes long to import, or leads to it."""

UNUSED = "logging"
"""What every command needs when it runs, and none to complete its options."""

SCRIPT = f"""
import sys
try:
    sys.argv[0] = "ckf-airgap"
    from ckf_airgap.__main__ import main
    main()
except SystemExit as ended:
    loaded = [name for name in {(*SLOW, UNUSED)!r} if name in sys.modules]
    import json
    json.dump([ended.code, loaded], sys.stderr)
"""


def run(*args: str, **environment: str) -> tuple[str, int, list[str]]:
    """Run a command line in a new process; return its output, its code, and what it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *args],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    code, loaded = json.loads(done.stderr)
    return done.stdout, code, loaded


def complete(words: str) -> list[str]:
    """Return what bash offers for the last of some words, and see that nothing slow is loaded."""
    count = len(words.split(" "))
    offered, _, loaded = run(
        _CKF_AIRGAP_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(count - 1)
    )
    assert loaded == []
    return [line.partition(",")[2] for line in offered.splitlines()]


def commands(group: click.Command = main, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the words of every command and group."""
    if not isinstance(group, CommandGroup):
        return [path]
    found = [path]
    for name in group.places:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        found += commands(command, (*path, name))
    return found


COMMANDS = commands()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_help_of_a_command_loads_nothing_slow(command: tuple[str, ...]) -> None:
    text, code, loaded = run(*command, "--help")
    assert code == 0
    assert text.startswith("Usage: ckf-airgap")
    assert set(loaded) <= {UNUSED}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_options_are_completed_without_anything_slow(command: tuple[str, ...]) -> None:
    assert "--verbose" in complete(" ".join(["ckf-airgap", *command, "--"]))


def test_there_are_24_commands_and_two_groups() -> None:
    assert len(COMMANDS) == 24 + 2 + 1


def test_names_of_commands_are_completed() -> None:
    assert complete("ckf-airgap re") == ["releases", "render", "rehearse"]
    assert complete("ckf-airgap images pu") == ["pull", "push"]
    assert complete("ckf-airgap images -")[-1] == "--help"


def test_names_of_releases_are_completed() -> None:
    offered, _, _ = run(
        _CKF_AIRGAP_COMPLETE="bash_complete", COMP_WORDS="ckf-airgap deploy 1.1", COMP_CWORD="2"
    )
    assert {"plain,1.10", "plain,1.11"} <= set(offered.splitlines())


def test_a_name_that_is_completed_has_its_help() -> None:
    offered, _, loaded = run(
        _CKF_AIRGAP_COMPLETE="zsh_complete", COMP_WORDS="ckf-airgap dep", COMP_CWORD="1"
    )
    assert loaded == []
    assert "Deploy a bundle from local charms" in offered
