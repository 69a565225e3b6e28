"""Variables of the environment: the reference lists them, and ``--help`` shows them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

import ckf_airgap
from ckf_airgap.cli import main
from tests.unit.cli.commandtree import commands

ROOT = Path(ckf_airgap.__file__).parent

VARIABLE = re.compile(r"\bCKF_AIRGAP_[A-Z_]+\b")

ROW = re.compile(r"^\| `(CKF_AIRGAP_\w+)` \| `(--[\w-]+)`[^|]* \| (.+) \|$", re.MULTILINE)

PASSWORD = ("CKF_AIRGAP_REGISTRY_PASSWORD", "--registry-password-file")


def test_the_table_has_every_variable_with_its_option_and_commands() -> None:
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for words, command in commands(main):
        for param in command.params:
            variable = str(param.envvar or "")
            if variable.startswith("CKF_AIRGAP_"):
                found[variable, param.opts[-1]].add(words)
            if param.opts[-1] == PASSWORD[1]:
                found[PASSWORD].add(words)
    page = (ROOT.parent / "docs" / "cli.md").read_text("utf-8")
    _, _, section = page.partition("### Environment variables")
    rows = ROW.findall(section)

    assert {(name, option): set(re.findall("`([^`]+)`", by)) for name, option, by in rows} == found


def test_the_code_reads_no_other_variable() -> None:
    read = {name for file in ROOT.rglob("*.py") for name in VARIABLE.findall(file.read_text())}
    page = (ROOT.parent / "docs" / "cli.md").read_text("utf-8")

    assert read == {name for name, _, _ in ROW.findall(page)}


def test_help_shows_the_variable_of_every_option_that_has_one(
    invoke: Callable[..., Result],
) -> None:
    shown = 0
    for words, command in commands(main):
        text = " ".join(invoke(*words.split(), "--help").stdout.split())
        for param in command.params:
            if param.envvar:
                assert re.search(rf"\[env var: {param.envvar}[\];]", text), f"{words} {param.opts}"
                shown += 1
            if param.opts[-1] == PASSWORD[1]:
                assert f"${PASSWORD[0]}" in text
    assert shown > 30
