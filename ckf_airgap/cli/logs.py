"""Log records on the terminal; imported when a command runs, for `logging` takes time to load."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Final

from ckf_airgap.cli.terminal import Terminal

_CHATTY: Final = ("juju", "websockets", "asyncio", "aiohttp", "urllib3")
"""Loggers of libraries, which only ``-vv`` shows."""

_OURS: Final = "ckf_airgap"


@contextlib.contextmanager
def showing_logs(terminal: Terminal) -> Iterator[None]:
    """Send log records to standard error for the block, as many as `set_log_levels` allows.

    Args:
        terminal: Where to show them; its `Terminal.on_verbosity` is set for the block.
    """
    handler = _ConsoleHandler(terminal)
    handler.setFormatter(_LineFormatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    loggers = [logging.getLogger(name) for name in (*_CHATTY, _OURS)]
    before = [logger.level for logger in loggers]
    root.addHandler(handler)
    terminal.on_verbosity = set_log_levels
    set_log_levels(terminal)
    try:
        yield
    finally:
        terminal.on_verbosity = None
        root.removeHandler(handler)
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def set_log_levels(terminal: Terminal) -> None:
    """Log as much as ``-v``, ``-q`` and ``--debug`` ask for.

    The wire logs of libjuju and websockets stay off at any level, since they hold passwords.
    """
    levels = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}
    ours = logging.DEBUG if terminal.debug else levels.get(terminal.verbosity, logging.DEBUG)
    logging.getLogger(_OURS).setLevel(ours)
    theirs = logging.INFO if ours == logging.DEBUG else logging.CRITICAL
    for name in _CHATTY:
        logging.getLogger(name).setLevel(theirs)


class _LineFormatter(logging.Formatter):
    """Keeps each message on its line; a traceback behind it has lines of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        from ckf_airgap.cli.safetext import visible

        return visible(super().formatMessage(record))


class _ConsoleHandler(logging.Handler):
    """Writes records through rich's console, so that they do not tear a live table."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        from rich.text import Text

        text = Text(self.format(record), "dim" if record.levelno < logging.WARNING else "")
        self._terminal.err.print(text, soft_wrap=True)
