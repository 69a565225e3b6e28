"""What acts on a terminal is shown as its escape, wherever it comes from."""

from __future__ import annotations

import io
import json
import logging

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ckf_airgap.cli.failures import report_failure
from ckf_airgap.cli.logs import showing_logs
from ckf_airgap.cli.safetext import SafeConsole, visible, visible_json
from ckf_airgap.cli.tables import plain_table
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.documents import dump_yaml, load_yaml
from ckf_airgap.errors import InputError, Problem


class Streams:
    """A terminal of two streams that are kept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.streams = io.StringIO(), io.StringIO()
        monkeypatch.setattr("sys.stdout", self.streams[0])
        monkeypatch.setattr("sys.stderr", self.streams[1])
        self.terminal = Terminal()

    @property
    def out(self) -> str:
        return self.streams[0].getvalue()

    @property
    def err(self) -> str:
        return self.streams[1].getvalue()


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Streams:
    return Streams(monkeypatch)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünï, 例え, 🙂", "plain, ünï, 例え, 🙂"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x00\x07\x08\x0b\x0c\x7f", r"\x00\x07\x08\x0b\x0c\x7f"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("\x85\x9b31m\x9d0;t\x9c", r"\x85\x9b31m\x9d0;t\x9c"),
        ("\u202edlrow\u2066\u2069\u200f\u061c", r"\u202edlrow\u2066\u2069\u200f\u061c"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("caf\udce9", r"caf\xe9"),
        ("\ud800", r"\ud800"),
    ],
)
def test_each_kind_of_character_that_acts_becomes_its_escape(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(shown) == shown


@given(st.text(st.characters()))
def test_a_visible_text_is_one_line_that_can_be_written_anywhere(text: str) -> None:
    shown = visible(text)
    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown
    shown.encode()
    assert visible(text, lines=True).count("\n") == text.count("\n")


@given(st.recursive(st.text(st.characters()), lambda inner: st.dictionaries(st.text(), inner)))
def test_a_json_document_keeps_its_values_and_has_nothing_that_acts(value: object) -> None:
    text = visible_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(text) == value
    assert visible(text, lines=True) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_yaml_document_keeps_its_values_and_has_nothing_that_acts(value: str) -> None:
    text = dump_yaml({"key": value})
    assert load_yaml(text, where="x") == {"key": value}
    assert visible(text, lines=True) == text


def test_everything_that_is_drawn_passes_the_console() -> None:
    stream = io.StringIO()
    console = SafeConsole(
        file=stream, force_terminal=True, width=80, markup=False, emoji=False, color_system=None
    )
    table = Table("head\x9b", title="title\x9b1m")
    table.add_column(min_width=20)
    table.add_row("cell\x9b2m", Text("\x1b3m\u202e"))
    console.print(table)
    console.print(Group("[/x] :smile:\x9b4m\nsame line", Text("\x1b[5m", "bold")))
    said = stream.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert visible(said, lines=True) == said
    for shown in (r"head\x9b", r"1m", r"cell\x9b2m", r"\x1b3m", r"\x1b[5m"):
        assert shown in said
    assert r"[/x] :smile:\x9b4m\nsame line" in said


def test_cells_of_a_table_stay_on_their_row(streams: Streams) -> None:
    table = plain_table("name", "message")
    table.add_row("a\nb", Text("c\nd\x1b", "red"))
    table.add_row("[/bold]", "[link=x]:smile:\t|")
    streams.terminal.print(table)
    rows = [row.split() for row in streams.out.splitlines()[2:]]
    assert rows == [[r"a\nb", r"c\nd\x1b"], ["[/bold]", r"[link=x]:smile:\t|"]]


def test_each_way_to_say_something_keeps_it_on_its_line(streams: Streams) -> None:
    terminal = streams.terminal
    terminal.note("note\x1b\nforged")
    terminal.warn("warned\nforged", ["more\nforged"])
    with click.Context(click.Command("x")), pytest.raises(click.exceptions.Exit):
        terminal.fail("failed\nforged", 3)  # type: ignore[arg-type]
    with showing_logs(terminal):
        logging.getLogger("ckf_airgap.x").warning("logged %s", "\x1b\nforged")
    error = InputError(
        "m\nforged", problems=[Problem("w\nforged", "p\x9b", "f\nforged")], fix="x\nforged"
    )
    report_failure(error, terminal)
    terminal.print(["result\nforged", "second"])
    terminal.print("alone\nforged")

    assert streams.out.splitlines() == [r"result\nforged", "second", r"alone\nforged"]
    assert streams.err.splitlines() == [
        r"note\x1b\nforged",
        r"warning: warned\nforged",
        r"  more\nforged",
        r"error: failed\nforged",
        r"WARNING ckf_airgap.x: logged \x1b\nforged",
        r"error: m\nforged:",
        r"  - p\x9b: w\nforged",
        r"      f\nforged",
        r"x\nforged",
    ]


@pytest.mark.parametrize("text", ["a\tb\n", ":smile: [red]x[/y]\n", "  \n\n", "no end"])
def test_a_document_on_standard_output_is_not_changed(streams: Streams, text: str) -> None:
    streams.terminal.text(text)
    assert streams.out == text


def test_a_document_of_machines_has_the_values_and_nothing_that_acts(streams: Streams) -> None:
    document = {"schema": "x", "name": "\x9b31m\x7f\u202e\udcff :smile:\t"}
    streams.terminal.document(document)
    assert json.loads(streams.out) == document
    assert streams.out.isascii()
