"""README and docs hold what is there: names, commands, pages."""

from __future__ import annotations

import ast
import re
import shlex
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
            missing = [alias.name for alias in node.names if alias.name not in dir(ckf_airgap)]
            assert missing == []


@pytest.mark.parametrize("block", blocks_in("python"), ids=str)
def test_python_imports_from_the_package_itself(block: Block) -> None:
    """Modules may move; what the pages show must not break then."""
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("ckf_airgap."), ast.unparse(node)
        elif isinstance(node, ast.Import):
            assert not any(alias.name.startswith("ckf_airgap.") for alias in node.names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_text_names_no_module_to_import_from(page: Path) -> None:
    """Outside of the map of the house, which is for those who change it."""
    if page.name not in {"architecture.md", "dependencies.md"}:
        assert re.findall(r"`(ckf_airgap\.[\w.]+)`", page.read_text(encoding="utf-8")) == []


def test_there_is_python_to_look_at() -> None:
    pages = {block.page.name for block in blocks_in("python")}
    assert {"README.md", "library.md", "testing.md", "pack.md", "images-transfer.md"} <= pages


@pytest.mark.parametrize(("line", "where"), commands())
def test_commands_have_the_arguments_that_are_shown(line: str, where: str) -> None:
    args = shlex.split(line, comments=True)[1:]
    args = args[: args.index(">")] if ">" in args else args
    command: click.Command = main
    # With the settings of the command, since commands keep the help option that they had first.
    with click.Context(main, **main.context_settings) as context:
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
