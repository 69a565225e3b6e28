"""The tables of commands in docs/rehearsal.md are those of the list and of the transcripts."""

from __future__ import annotations

from tests.transcripts import table


def test_the_page_has_the_tables_of_today() -> None:
    assert table.written() == table.rendered(), "tools/record-client --table writes them"


def test_every_command_of_the_client_is_told_about() -> None:
    assert table.missing() == []


def test_no_row_both_works_and_is_refused() -> None:
    assert table.unclear() == []
