"""The errors of ckf-airgap and the exit codes of its command line.

Every error that a user can meet is an `AirgapError`. Its branches differ by what the user does
next, and each has one exit code, which scripts may rely on::

    AirgapError                 1   a failure that no branch below describes
    ├── UsageError              2   fix the command line
    ├── InputError              3   fix a file: bundle, overlay, charm, image list, release data
    ├── MissingError            4   fetch what is missing: a path, a charm file, an image, a release
    ├── ControllerError         5   the controller cannot be used: address, CA, credentials, model
    ├── RefusedError            6   the controller refused a step of the deployment
    ├── WorkloadError           7   a unit or application will not settle without help
    ├── WaitTimeoutError        8   not everything was active/idle in time
    ├── TransferError           9   an image or charm could not be carried: network, disk, digest
    └── InterruptedRunError   130   stopped by Ctrl-C or SIGTERM
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_MAX_PROBLEMS: Final = 1000


class ExitCode(enum.IntEnum):
    """The exit codes of ``ckf-airgap``; documented in ``docs/exit-codes.md`` and stable."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    INPUT = 3
    MISSING = 4
    CONTROLLER = 5
    REFUSED = 6
    WORKLOAD = 7
    TIMEOUT = 8
    TRANSFER = 9
    CHANGES = 10
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        what: What is wrong, as a sentence without a full stop.
        where: The place: file and line, application, option, key path; empty when `what` says it.
        fix: What to do about it; empty when there is nothing to add.
    """

    what: str
    where: str = ""
    fix: str = ""

    def __str__(self) -> str:
        """Return ``where: what (fix)``, leaving out what is empty."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} ({self.fix})" if self.fix else text

    def to_json(self) -> dict[str, str]:
        """Return the problem as a JSON document."""
        return {"what": self.what, "where": self.where, "fix": self.fix}


class AirgapError(Exception):
    """The base of every error that ckf-airgap raises on purpose.

    Args:
        message: What failed, naming the object, without a full stop.
        problems: The individual findings behind it; all are reported together, but for those
            beyond the first thousand, which are counted.
        fix: What the user should do next; printed on a line of its own.
    """

    exit_code: ExitCode = ExitCode.FAILURE

    def __init__(self, message: str, *, problems: Iterable[Problem] = (), fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        found = tuple(problems)
        more = len(found) - _MAX_PROBLEMS
        rest = (Problem(f"and {more} more"),) if more > 0 else ()
        self.problems: tuple[Problem, ...] = (*found[:_MAX_PROBLEMS], *rest)
        self.fix = fix

    def details(self) -> Mapping[str, object]:
        """Return what machines are told beside the message: keys of the error's JSON document."""
        return {}

    def __str__(self) -> str:
        """Return the message, one indented line per problem, and the fix."""
        lines = [self.message + (":" if self.problems else "")]
        lines += [f"  - {problem}" for problem in self.problems]
        if self.fix:
            lines.append(self.fix)
        return "\n".join(lines)


class UsageError(AirgapError):
    """The command line or the arguments of a call are invalid or contradict each other."""

    exit_code = ExitCode.USAGE


class InputError(AirgapError):
    """A path or value that was given is not what it must be."""

    exit_code = ExitCode.INPUT


class BundleError(InputError):
    """A bundle or overlay cannot be read, or says something impossible."""


class CharmError(InputError):
    """A ``.charm`` file cannot be read, or two files contradict each other."""


class ReferenceSyntaxError(InputError):
    """A text is not an image reference."""


class OptionError(InputError):
    """An option value has the wrong type or shape, or the charm has no such option."""


class MissingError(AirgapError):
    """A path that was given, or something that the bundle asks for, is not there."""

    exit_code = ExitCode.MISSING


class ReleaseNotFoundError(MissingError):
    """No shipped release and no file has the given name."""


class CharmNotFoundError(MissingError):
    """No ``.charm`` file for an application of the bundle."""


class ImageNotFoundError(MissingError):
    """An image that the bundle needs is not in the list of retagged images."""


class ProofError(InputError):
    """The merged bundle would pull an image from elsewhere, or two images share one place."""


class ControllerError(AirgapError):
    """The controller or the model cannot be used."""

    exit_code = ExitCode.CONTROLLER


class ModelNotFoundError(ControllerError):
    """The controller has no model of that name."""


class RefusedError(AirgapError):
    """The controller refused a step of the deployment."""

    exit_code = ExitCode.REFUSED


class ModelDestroyedError(ControllerError):
    """The model was destroyed, or is being destroyed, while it was watched."""


class WorkloadError(AirgapError):
    """A unit or an application stayed in error, or waiting is of no use for another reason.

    Attributes:
        applications: Those that waiting is of no use for; the problems may name others that are
            not ready either. Empty when it is not known.
    """

    exit_code = ExitCode.WORKLOAD
    applications: tuple[str, ...] = ()


class ImagePullError(WorkloadError):
    """A unit does not start because an image cannot be pulled."""


class BlockedError(WorkloadError):
    """A unit or an application stayed blocked while nothing ran that could unblock it."""


class StalledError(WorkloadError):
    """Nothing in the model changed any more, and not everything is as it should be."""


class WaitTimeoutError(AirgapError):
    """The model did not become active/idle in time."""

    exit_code = ExitCode.TIMEOUT


class TransferError(AirgapError):
    """An image or charm, or a part of one, could not be carried to where it should be."""

    exit_code = ExitCode.TRANSFER


class IntegrityError(TransferError):
    """Bytes are not what their digest, size or media type says."""


class ConnectionFailedError(TransferError):
    """A registry could not be reached, or went away, and retrying did not help."""


class LoginError(TransferError):
    """A registry refused the credentials, or they do not allow what was asked."""


class AbsentError(TransferError):
    """A registry or a store has no such image or blob."""


class ProjectMissingError(TransferError):
    """The registry has no project to put a repository into."""


class NameRefusedError(TransferError):
    """The registry does not accept a repository of this name or depth."""


class ImmutableTagError(TransferError):
    """A tag already names another digest, and must not be moved."""


class StorageFullError(TransferError):
    """The registry or the disk has no room left."""


class ImagesFailedError(TransferError):
    """Some images could not be carried; all the others were.

    Args:
        message: How many failed of how many.
        problems: The images that failed, each with the reason.
        fix: The command that retries only these.
        report: The result for each image, for machines; part of the error's JSON document.
    """

    def __init__(
        self,
        message: str,
        *,
        problems: Iterable[Problem] = (),
        fix: str = "",
        report: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, problems=problems, fix=fix)
        self.report = dict(report or {})

    def details(self) -> Mapping[str, object]:
        """Return the result for each image, as ``report``."""
        return {"report": self.report}


class InterruptedRunError(AirgapError):
    """The run was stopped by the user; what was done so far is kept."""

    exit_code = ExitCode.INTERRUPTED


def unreadable(
    error: OSError,
    what: str,
    *,
    fix: str = "",
    missing: type[MissingError] = MissingError,
    wrong: type[InputError] = InputError,
) -> AirgapError:
    """Return what the system says of a path that a person named as one of our errors.

    Args:
        error: What reading it raised.
        what: The path, and what it should be: ``the list of images images.txt``.
        fix: What to do.
        missing: The class when nothing is there.
        wrong: The class when something is there that cannot be read, such as a directory.
    """
    gone = isinstance(error, FileNotFoundError | NotADirectoryError)
    message = f"cannot read {what}: {error.strerror or error}"
    return (missing if gone else wrong)(message, fix=fix)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` for the known word nearest to `word`, or an empty string."""
    import difflib  # noqa: PLC0415 - every command imports this module, few need a hint

    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"did you mean {match[0]!r}?" if match else ""


def capitalised(text: str) -> str:
    """Return a text with its first letter in upper case and the rest as it is, for a sentence."""
    return f"{text[:1].upper()}{text[1:]}"


def raise_all(
    error: type[AirgapError], message: str, problems: Sequence[Problem], *, fix: str = ""
) -> None:
    """Raise `error` with all `problems`, or return when there are none."""
    if problems:
        raise error(message, problems=problems, fix=fix)
