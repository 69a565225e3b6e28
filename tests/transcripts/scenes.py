"""The commands that are run with the real client, and what each is expected to come to.

``tests/fixtures/transcripts/commands.yaml`` lists scenes. Each has a controller of its own, with
the model ``lab`` beside the controller's, and steps that are run one after the other in a
furnished directory. A step is one of

* ``works``: the command ends with exit code 0;
* ``refused``: a real controller refuses it as well, or the client does by itself;
* ``not-played``: a rehearsal refuses it, where a cluster would not;
* ``settle``: nothing is run; time passes until every unit has come to rest.

``says`` is a part of what it prints, ``stdin`` what it is told, ``client`` another person's client
store. ``{registration}`` in a command is what the last one printed for ``juju register``. ``as`` is
the name of a row of its own in the tables of docs/rehearsal.md; without it, a command is named by
its first word.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

FIXTURES: Final = Path(__file__).parents[1] / "fixtures" / "transcripts"
COMMANDS: Final = FIXTURES / "commands.yaml"
OUTCOMES: Final = ("works", "refused", "not-played")
SETTLE: Final = "settle"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command.

    Attributes:
        command: What follows ``juju``; empty for a step that only lets time pass.
        outcome: One of `OUTCOMES`, or `SETTLE`.
        says: A part of what the client prints.
        stdin: What the client is told.
        client: Whose client store is used; empty for the one of the controller's administrator.
        row: The row of the table that tells about it.
    """

    command: str
    outcome: str
    says: str = ""
    stdin: str = ""
    client: str = ""
    row: str = ""

    @property
    def words(self) -> list[str]:
        """The arguments of ``juju``."""
        return shlex.split(self.command)

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Step:
        """Return the step that a mapping of the list describes."""
        (outcome,) = document.keys() & {*OUTCOMES, SETTLE}
        if strange := document.keys() - {outcome, "says", "stdin", "client", "as"}:
            raise ValueError(f"a step has no {sorted(strange)}: {document}")
        command = "" if outcome == SETTLE else str(document[outcome])
        row = document.get("as") or (command.split() or [""])[0]
        return cls(
            command=command,
            outcome=outcome,
            says=document.get("says", ""),
            stdin=document.get("stdin", ""),
            client=document.get("client", ""),
            row=row,
        )


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Commands on a controller of their own."""

    name: str
    steps: tuple[Step, ...]

    @property
    def transcript(self) -> Path:
        """Where the recorded requests of the scene are."""
        return FIXTURES / f"{self.name}.json"


def _list() -> dict[str, Any]:
    document = yaml.safe_load(COMMANDS.read_text())
    assert isinstance(document, dict)
    return document


def scenes() -> list[Scene]:
    """Return the scenes of the list, in order."""
    return [
        Scene(name=name, steps=tuple(Step.from_document(step) for step in steps))
        for name, steps in _list()["scenes"].items()
    ]


def juju_version() -> str:
    """Return the version of the client that the list was run with."""
    return str(_list()["juju"])


def all_commands() -> dict[str, str]:
    """Return every command that the client has, each with the one that it is an alias of."""
    found: dict[str, str] = {}
    for name in _list()["commands"]:
        first, *aliases = str(name).split()
        found |= dict.fromkeys([first, *aliases], first)
    return found


def without_controller() -> dict[str, str]:
    """Return the commands that talk to no controller of a rehearsal, each with what they do."""
    return dict(_list()["without-controller"])


def steps() -> Iterator[Step]:
    """Yield every step that runs a command."""
    for scene in scenes():
        yield from (step for step in scene.steps if step.outcome != SETTLE)
