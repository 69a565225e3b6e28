"""How a run that failed ends: one message on standard error and one exit code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import click

from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.errors import (
    AirgapError,
    ExitCode,
    ImagesFailedError,
    InterruptedRunError,
    Problem,
    UsageError,
)

if TYPE_CHECKING:
    from rich.text import Text

_MOST_SHOWN: Final = 500
"""Problems of one error that a person is shown."""

ERROR_SCHEMA: Final = "ckf-airgap/error/v1"


def report_failure(error: Exception, terminal: Terminal) -> ExitCode:
    """Report what went wrong and return the exit code.

    Args:
        error: What ended the run: an `AirgapError`, click's, or an unexpected one.
        terminal: Where to report it. With ``--json`` standard output gets an error document, too.
    """
    failure = _as_airgap_error(error)
    if terminal.debug:
        from rich.traceback import Traceback

        trace = Traceback.from_exception(type(error), error, error.__traceback__, width=100)
        terminal.err.print(trace)
    terminal.err.print(_text(failure), soft_wrap=True)
    if terminal.json:
        terminal.document(_error_document(failure))
    return failure.exit_code


def _text(error: AirgapError) -> Text:
    """Return the message, each problem with its fix, and the fix of the whole.

    A cause that several images share is reported once, with the images below it. Each part stays
    on its line, whatever is in it.
    """
    from rich.text import Text

    from ckf_airgap.cli.safetext import visible

    text = Text.assemble(("error: ", "bold red"), visible(error.message))
    if error.problems:
        text.append(":")
    for count, (problem, places) in enumerate(_grouped(error)):
        if count == _MOST_SHOWN:
            left = len(error.problems) - count
            text.append(f"\n  - and {left} more; with --json all of them are in the result", "dim")
            break
        place = f"{problem.where}: " if problem.where and not places else ""
        text.append(f"\n  - {visible(place + problem.what)}{':' if places else ''}")
        for one in places:
            text.append(f"\n      {visible(one)}")
        if problem.fix:
            text.append(f"\n{'    ' if places else '      '}{visible(problem.fix)}", "dim")
    if error.fix:
        text.append(f"\n{visible(error.fix)}")
    return text


def _grouped(error: AirgapError) -> Iterator[tuple[Problem, tuple[str, ...]]]:
    """Yield each problem; of several images that have the same, one and where they are."""
    places: dict[tuple[str, str], list[str]] = {}
    for problem in error.problems:
        places.setdefault((problem.what, problem.fix), []).append(problem.where)
    told: set[tuple[str, str]] = set()
    for problem in error.problems:
        key = (problem.what, problem.fix)
        if not isinstance(error, ImagesFailedError) or len(places[key]) == 1:
            yield problem, ()
        elif key not in told:
            told.add(key)
            yield problem, tuple(places[key])


def _as_airgap_error(error: Exception) -> AirgapError:
    """Return any exception as an `AirgapError`."""
    if isinstance(error, AirgapError):
        return error
    if isinstance(error, click.UsageError):
        help_of = error.ctx.command_path if error.ctx else "ckf-airgap"
        return UsageError(error.format_message(), fix=f"See: {help_of} --help")
    if isinstance(error, click.ClickException):
        return AirgapError(error.format_message())
    if isinstance(error, click.Abort):
        return InterruptedRunError("stopped by Ctrl-C")
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return AirgapError(f"{place}{error.strerror}")
    if isinstance(error, MemoryError):
        return AirgapError(
            "there is not enough memory",
            fix="Free some, or allow the command more (ulimit -v, a limit of the container).",
        )
    name = type(error).__name__
    return AirgapError(
        f"unexpected {name}: {error}",
        fix="This is a bug in ckf-airgap; run the command again with --debug to see where.",
    )


def _error_document(error: AirgapError) -> Mapping[str, object]:
    return {
        "schema": ERROR_SCHEMA,
        "error": type(error).__name__,
        "exit-code": int(error.exit_code),
        "message": error.message,
        "problems": [problem.to_json() for problem in error.problems],
        "fix": error.fix,
        **error.details(),
    }
