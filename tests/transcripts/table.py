"""The tables of docs/rehearsal.md that say what each command of the client comes to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.transcripts.scenes import (
    SETTLE,
    Scene,
    Step,
    all_commands,
    juju_version,
    scenes,
    without_controller,
)

PAGE: Final = Path(__file__).parents[2] / "docs" / "rehearsal.md"
BEGIN: Final = "<!-- commands: tools/record-client --table writes what follows -->"
END: Final = "<!-- end of commands -->"
_LONGEST: Final = 240


def rendered() -> str:
    """Return the tables, from the list of commands and what the client printed."""
    works: dict[str, dict[str, None]] = {}
    others: dict[str, dict[str, str]] = {"refused": {}, "not-played": {}}
    for scene in scenes():
        for step, printed in _printed(scene):
            if step.outcome == "works":
                works.setdefault(scene.name, {})[step.row] = None
            else:
                others[step.outcome].setdefault(step.row, printed)
    version = juju_version()
    return "\n".join(
        [
            f"`juju` {version} on Linux: what works.",
            "",
            *_rows("about", "commands", {name: _listed(rows) for name, rows in works.items()}),
            "",
            "Refused by a cluster as well, or by the client itself:",
            "",
            *_rows("command", "what it says", _coded(others["refused"])),
            "",
            "Not played by a rehearsal:",
            "",
            *_rows("command", "what it says", _coded(others["not-played"])),
            "",
            "Commands that no controller of a rehearsal hears of:",
            "",
            *_rows("command", "what it is about", _coded(without_controller())),
        ]
    )


def written() -> str:
    """Return the tables that the page has."""
    page = PAGE.read_text(encoding="utf-8")
    return page.partition(BEGIN)[2].partition(END)[0].strip()


def write() -> None:
    """Put the tables into the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{rendered()}\n\n{END}{after}", encoding="utf-8")


def missing() -> list[str]:
    """Return the commands of the client about which the tables say nothing."""
    told = set(without_controller())
    for scene in scenes():
        told |= {step.command.split()[0] for step in scene.steps if step.outcome != SETTLE}
    aliases = all_commands()
    told_first = {aliases.get(command, command) for command in told}
    return sorted({first for first in aliases.values() if first not in told_first})


def unclear() -> list[str]:
    """Return the rows that would both work and be refused."""
    outcomes: dict[str, set[str]] = {}
    for scene in scenes():
        for step in scene.steps:
            if step.outcome != SETTLE:
                outcomes.setdefault(step.row, set()).add(step.outcome)
    return sorted(row for row, found in outcomes.items() if len(found) > 1)


def _printed(scene: Scene) -> Iterator[tuple[Step, str]]:
    recorded = json.loads(scene.transcript.read_text())["steps"]
    for step, entry in zip(scene.steps, recorded, strict=True):
        if step.outcome != SETTLE:
            yield step, _said(entry["output"])


def _said(lines: list[str]) -> str:
    """Return the error that an output ends with, on one line."""
    text = " ".join(line.strip() for line in lines)
    said = text.rpartition("ERROR ")[2] if "ERROR " in text else text
    said = re.sub(r"\s+", " ", said).replace("|", "\\|")
    return said if len(said) <= _LONGEST else f"{said[: _LONGEST - 3]}..."


def _listed(rows: dict[str, None]) -> str:
    return ", ".join(_coded_row(row) for row in sorted(rows))


def _coded(rows: dict[str, str]) -> dict[str, str]:
    """Return a row for each text: the commands that it is about, and the text."""
    about: dict[str, list[str]] = {}
    for row, text in sorted(rows.items()):
        about.setdefault(text.replace(f'command "{row}" ', "command "), []).append(row)
    return {", ".join(map(_coded_row, found)): text for text, found in about.items()}


def _coded_row(row: str) -> str:
    command, _, rest = row.partition(" ")
    return f"`{command}` {rest}".rstrip()


def _rows(first: str, second: str, rows: dict[str, str]) -> list[str]:
    return [
        f"| {first} | {second} |",
        "| --- | --- |",
        *(f"| {name} | {text} |" for name, text in rows.items()),
    ]
