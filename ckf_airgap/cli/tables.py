"""Tables that several commands print."""

from __future__ import annotations

from rich import box
from rich.table import Table

from ckf_airgap.cli.safetext import SafeTable


def plain_table(*columns: str, title: str | None = None) -> Table:
    """Return an empty table with a line under its head and no frame.

    Args:
        columns: The heads; one that begins with ``>`` is aligned to the right.
        title: A line above the table.
    """
    table = SafeTable(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="bold",
    )
    for column in columns:
        right = column.startswith(">")
        table.add_column(
            column.removeprefix(">"),
            justify="right" if right else "left",
            overflow="fold",
        )
    return table
