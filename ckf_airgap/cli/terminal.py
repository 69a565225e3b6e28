"""Where a command writes: results to standard output, everything else to standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final, NoReturn, TextIO

import click

from ckf_airgap.errors import ExitCode

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_WIDE: Final = 100_000
"""Columns when nobody looks: a pipe gets each row on one line, whatever its length."""


class Terminal:
    """The two streams of one run, and how much to say.

    Attributes:
        verbosity: -1 with ``-q``, 0, 1 with ``-v``, 2 with ``-vv``.
        debug: Whether tracebacks are wanted.
        json: Whether the result is a JSON document.
        on_verbosity: Is called when `verbosity` or `debug` has been set by an option.
    """

    def __init__(self) -> None:
        self._stdout = sys.stdout
        self._stderr = sys.stderr
        self.verbosity = 0
        self.debug = False
        self.json = False
        self.on_verbosity: Callable[[Terminal], None] | None = None

    @cached_property
    def out(self) -> Console:
        """For results."""
        return _console(self._stdout)

    @cached_property
    def err(self) -> Console:
        """For progress, notes and errors."""
        return _console(self._stderr)

    @classmethod
    def current(cls) -> Terminal:
        """Return the terminal of the command that is running."""
        terminal = click.get_current_context().find_object(cls)
        assert terminal is not None  # noqa: S101 - the group made it
        return terminal

    @property
    def is_live(self) -> bool:
        """Whether a person looks at standard error, so that it may be redrawn."""
        return self.err.is_terminal and not self.err.is_dumb_terminal and self.verbosity >= 0

    def result(
        self,
        renderable: RenderableType,
        *,
        document: Mapping[str, object],
        one_line: bool = False,
    ) -> None:
        """Print the result of a command: the document with ``--json``, else what people read.

        Args:
            renderable: A table or text.
            document: The same for machines; its ``schema`` names form and version.
            one_line: Write the document on one line: it is one of several.
        """
        if self.json:
            self.document(document, one_line=one_line)
        else:
            self.print(renderable)

    def print(self, renderable: RenderableType) -> None:
        """Print to standard output what people read; no blanks at line ends in a pipe."""
        if isinstance(renderable, str):
            self.out.print(renderable, markup=False, highlight=False, soft_wrap=True)
        elif self.out.is_terminal:
            self.out.print(renderable)
        else:
            with self.out.capture() as capture:
                self.out.print(renderable)
            lines = [line.rstrip() for line in capture.get().splitlines()]
            self.out.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)

    def document(self, document: Mapping[str, object], *, one_line: bool = False) -> None:
        """Print a JSON document to standard output."""
        import json

        text = json.dumps(document, indent=None if one_line else 2, ensure_ascii=False)
        self.out.print(text, markup=False, highlight=False, soft_wrap=True)

    def stopping(self, signal: str) -> None:
        """Say that a signal arrived, and that unfinished work is being cleaned up."""
        self.note(f"{signal}: cleaning up; press Ctrl-C again to stop without waiting")

    def note(self, text: str, *, style: str = "") -> None:
        """Say something to the person, unless ``-q`` was given."""
        from rich.text import Text

        if self.verbosity >= 0:
            self.err.print(Text(text, style), highlight=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        """Say something that the person should look at, even with ``-q``."""
        from rich.text import Text

        line = Text.assemble(("warning: ", "yellow"), text)
        self.err.print(line, highlight=False, soft_wrap=True)

    def fail(self, text: str, code: ExitCode) -> NoReturn:
        """End the command with an exit code after its result has been printed."""
        from rich.text import Text

        self.err.print(
            Text.assemble(("error: ", "bold red"), text), highlight=False, soft_wrap=True
        )
        click.get_current_context().exit(code)


def _console(stream: TextIO) -> Console:
    """Return a console for a stream; rich heeds ``NO_COLOR``, ``TERM`` and ``COLUMNS``."""
    from rich.console import Console

    return Console(file=stream, width=None if stream.isatty() else _WIDE, highlight=False)
