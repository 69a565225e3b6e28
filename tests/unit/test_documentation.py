"""README and docs hold what is there: names, commands, pages."""

from __future__ import annotations

import ast
import re
import shlex
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

import ckf_airgap
from ckf_airgap.cli import main
from tests.documents import PAGES, Block, blocks_in


def commands() -> list[tuple[str, str]]:
    """Return every line that calls ckf-airgap, and where it is."""
    found = []
    for block in blocks_in("sh"):
        for line in block.text.replace("\\\n", " ").splitlines():
            words = [word for word in shlex.split(line, comments=True) if "=" not in word[:12]]
            if words[:1] == ["ckf-airgap"]:
                found.append((line, str(block)))
    return found


@pytest.mark.parametrize("block", blocks_in("python"), ids=str)
def test_python_is_python_and_imports_what_there_is(block: Block) -> None:
    compile(block.text, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom) and node.module == "ckf_airgap":
            missing = [alias.name for alias in node.names if alias.name not in ckf_airgap.__all__]
            assert missing == []


def test_there_is_python_to_look_at() -> None:
    pages = {block.page.name for block in blocks_in("python")}
    assert {"README.md", "library.md", "testing.md"} <= pages


@pytest.mark.parametrize(("line", "where"), commands())
def test_commands_have_the_arguments_that_are_shown(line: str, where: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    args = list(takewhile(lambda word: word != ">", words))
    command: click.Command = main
    with click.Context(main) as context:
        while isinstance(command, click.Group):
            name, found, args = command.resolve_command(context, args)
            assert found is not None, where
            command = found
        command.make_context(name, args, parent=context)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_a_page_and_its_heading(page: Path) -> None:
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in headings(target), link


def headings(page: Path) -> set[str]:
    """Return the anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}
