"""Where a command writes: results to standard output, everything else to standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
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
        renderable: RenderableType | Sequence[str],
        *,
        document: Mapping[str, object],
        one_line: bool = False,
    ) -> None:
        """Print the result of a command: the document with ``--json``, else what people read.

        Args:
            renderable: A table, a text, or several lines.
            document: The same for machines; its ``schema`` names form and version.
            one_line: Write the document on one line: it is one of several.
        """
        if self.json:
            self.document(document, one_line=one_line)
        else:
            self.print(renderable)

    def print(self, renderable: RenderableType | Sequence[str]) -> None:
        """Print to standard output what people read; no blanks at line ends in a pipe.

        Args:
            renderable: A table, a text, which stays on its line, or several such texts.
        """
        if isinstance(renderable, str):
            self.print([renderable])
        elif isinstance(renderable, Sequence):
            from ckf_airgap.cli.safetext import visible

            self.text("".join(f"{visible(line)}\n" for line in renderable))
        elif self.out.is_terminal:
            self.out.print(renderable)
        else:
            with self.out.capture() as capture:
                self.out.print(renderable)
            self.text("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))

    def text(self, text: str) -> None:
        """Print a text to standard output as it is, its line ends and tabs included.

        What else would act on a terminal becomes its escape; what is read by machines escapes
        that in its own way before.
        """
        from rich.segment import Segment, Segments

        self.out.print(Segments([Segment(text)]), end="", soft_wrap=True)

    def document(self, document: Mapping[str, object], *, one_line: bool = False) -> None:
        """Print a JSON document to standard output."""
        import json

        from ckf_airgap.cli.safetext import visible_json

        text = json.dumps(document, indent=None if one_line else 2, ensure_ascii=False)
        self.text(f"{visible_json(text)}\n")

    def stopping(self, signal: str) -> None:
        """Say that a signal arrived, and that unfinished work is being cleaned up."""
        self.note(f"{signal}: cleaning up; press Ctrl-C again to stop without waiting")

    def note(self, text: str, *, style: str = "") -> None:
        """Say something to the person, unless ``-q`` was given."""
        from ckf_airgap.cli.safetext import line

        if self.verbosity >= 0:
            self.err.print(line(text, style), soft_wrap=True)

    def warn(self, text: str, details: Sequence[str] = ()) -> None:
        """Say something that the person should look at, even with ``-q``.

        Args:
            text: A line.
            details: More lines, which are indented.
        """
        from rich.text import Text

        from ckf_airgap.cli.safetext import visible

        lines = "\n  ".join(map(visible, (text, *details)))
        self.err.print(Text.assemble(("warning: ", "yellow"), lines), soft_wrap=True)

    def fail(self, text: str, code: ExitCode, details: Sequence[str] = ()) -> NoReturn:
        """End the command with an exit code after its result has been printed.

        Args:
            text: What is wrong.
            code: The exit code.
            details: The single things that are wrong, each a line.
        """
        from rich.text import Text

        from ckf_airgap.cli.safetext import visible

        lines = "\n  - ".join(map(visible, (f"{text}:" if details else text, *details)))
        said = Text.assemble(("error: ", "bold red"), lines)
        self.err.print(said, soft_wrap=True)
        click.get_current_context().exit(code)


def _console(stream: TextIO) -> Console:
    """Return a console for a stream; rich heeds ``NO_COLOR``, ``TERM`` and ``COLUMNS``."""
    from ckf_airgap.cli.safetext import SafeConsole

    return SafeConsole(
        file=stream,
        width=None if stream.isatty() else _WIDE,
        highlight=False,
        markup=False,
        emoji=False,
    )
