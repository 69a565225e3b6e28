"""What README and docs hold: their blocks of code."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "benchmarks").glob("*.md")),
)


@dataclass(frozen=True)
class Block:
    """A block of code: where it begins, in which language, and what it says."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, those in lists without their indent."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in re.finditer(r"^( *)```(\w+)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL):
        lines = match[3].splitlines(keepends=True)
        unindented = "".join(line.removeprefix(match[1]) for line in lines)
        found.append(Block(page, text.count("\n", 0, match.start()) + 1, match[2], unindented))
    return found


def blocks_in(language: str) -> list[Block]:
    """Return all blocks in a language."""
    return [block for page in PAGES for block in blocks(page) if block.language == language]


def begin(
    block: Block, names: dict[str, Any], changes: Mapping[str, str] | None = None
) -> Coroutine[Any, Any, None] | None:
    """Run a block of Python, or return what is left to be awaited when it awaits something.

    Args:
        block: The block.
        names: What it can use; what it makes is added.
        changes: Texts to exchange in it.
    """
    text = block.text
    for shown, real in (changes or {}).items():
        assert shown in text, f"{block} does not say {shown}"
        text = text.replace(shown, real)
    code = compile(text, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    awaited = eval(code, names)  # noqa: S307 - our own pages
    return awaited if inspect.iscoroutine(awaited) else None


async def execute(block: Block, changes: Mapping[str, str], **names: Any) -> dict[str, Any]:
    """Run a block that awaits, with some texts exchanged, and return its names."""
    rest = begin(block, names, changes)
    assert rest is not None, f"{block} awaits nothing"
    await rest
    return names
