"""Where a command writes: results to standard output, everything else to standard error."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final, NoReturn, TextIO

import click

from ckf_airgap.errors import ExitCode

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_WIDE: Final = 100_000
"""Columns when nobody looks: a pipe gets each row on one line, whatever its length."""

_CHATTY: Final = ("juju", "websockets", "asyncio", "aiohttp", "urllib3")
"""Loggers of libraries, which only ``-vv`` shows."""

_OURS: Final = "ckf_airgap"


class Terminal:
    """The two streams of one run, and how much to say.

    Attributes:
        verbosity: -1 with ``-q``, 0, 1 with ``-v``, 2 with ``-vv``.
        debug: Whether tracebacks are wanted.
        json: Whether the result is a JSON document.
    """

    def __init__(self) -> None:
        self._stdout = sys.stdout
        self._stderr = sys.stderr
        self.verbosity = 0
        self.debug = False
        self.json = False

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

    @contextlib.contextmanager
    def logging(self) -> Iterator[None]:
        """Send log records to standard error for the block; see `set_log_levels`."""
        handler = _ConsoleHandler(self)
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        root = logging.getLogger()
        loggers = [logging.getLogger(name) for name in (*_CHATTY, _OURS)]
        before = [logger.level for logger in loggers]
        root.addHandler(handler)
        self.set_log_levels()
        try:
            yield
        finally:
            root.removeHandler(handler)
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)

    def set_log_levels(self) -> None:
        """Log as much as ``-v``, ``-q`` and ``--debug`` ask for.

        The wire logs of libjuju and websockets stay off at any level, since they hold passwords.
        """
        levels = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}
        ours = logging.DEBUG if self.debug else levels.get(self.verbosity, logging.DEBUG)
        logging.getLogger(_OURS).setLevel(ours)
        theirs = logging.INFO if ours == logging.DEBUG else logging.CRITICAL
        for name in _CHATTY:
            logging.getLogger(name).setLevel(theirs)


class _ConsoleHandler(logging.Handler):
    """Writes records through rich's console, so that they do not tear a live table."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        from rich.text import Text

        text = Text(self.format(record), "dim" if record.levelno < logging.WARNING else "")
        self._terminal.err.print(text, highlight=False, soft_wrap=True)


def _console(stream: TextIO) -> Console:
    """Return a console for a stream; rich heeds ``NO_COLOR``, ``TERM`` and ``COLUMNS``."""
    from rich.console import Console

    return Console(file=stream, width=None if stream.isatty() else _WIDE, highlight=False)
