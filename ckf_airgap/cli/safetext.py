"""Text from outside as it is shown: a character that would act on a terminal becomes its escape.

Names of files, messages of charms, answers of servers: a terminal that got them as they are would
let whoever wrote them move its cursor, rename its window, forge a line or turn a name around. All
that the command line writes goes through `SafeConsole`, which lets nothing of that pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

_ACTING: Final = (
    "\x7f-\x9f"  # DEL, and C1
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f"  # line separators, and direction of writing
    "\ud800-\udfff"  # halves of characters: bytes of a file's name that are no UTF-8
)
_IN_LINES: Final = re.compile(rf"[\x00-\x08\x0b-\x1f{_ACTING}]")
_IN_A_LINE: Final = re.compile(rf"[\x00-\x1f{_ACTING}]")
_IN_JSON: Final = re.compile(rf"[{_ACTING}]")


def visible(text: str, *, lines: bool = False) -> str:
    r"""Return a text with what acts on a terminal as escapes: ``\x1b``, ``\n``, ``\u202e``.

    Args:
        text: The text.
        lines: Whether its line ends and tabs are ours, and stay.

    Example:
        >>> visible("\x1b[31mred\n")
        '\\x1b[31mred\\n'
    """
    return (_IN_LINES if lines else _IN_A_LINE).sub(_escape, text)


def visible_json(text: str) -> str:
    r"""Return a JSON document with the same in its strings as ``\uXXXX``, which changes no value.

    Line ends and tabs are taken for those between its values: in strings JSON escapes them itself.
    """
    return _IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def line(text: str, style: str = "") -> Text:
    """Return a text that stays on one line, in a style."""
    return Text(visible(text), style)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if "\udc80" <= character <= "\udcff":  # a byte that was no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    short = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}.get(character)
    code = ord(character)
    return short or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


class SafeConsole(Console):
    """A console that writes no control characters but those of its own styles and cursor.

    No text is taken for markup, nor ``:name:`` for an emoji.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield the segments of anything that is printed or drawn."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            if control or not _IN_LINES.search(text):
                yield segment
            else:
                yield Segment(visible(text, lines=True), style)

    def render_str(self, text: str, **how: Any) -> Text:
        """Return the text of a string within what is drawn, such as a line of a group."""
        return super().render_str(visible(text), **how)


class SafeTable(Table):
    """A table whose cells are single lines, whatever is in them."""

    def add_row(self, *cells: RenderableType | None, **how: Any) -> None:
        """Add a row; see `rich.table.Table.add_row`."""
        super().add_row(*map(_cell, cells), **how)


def _cell(cell: RenderableType | None) -> RenderableType | None:
    if isinstance(cell, str):
        return visible(cell)
    if isinstance(cell, Text) and _IN_A_LINE.search(cell.plain):
        return line(cell.plain, str(cell.style))
    return cell
