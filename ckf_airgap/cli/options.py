"""The options that several commands share, and the types of their values."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.shell_completion import CompletionItem

import ckf_airgap
from ckf_airgap.charmhub.channel import ARCHITECTURES
from ckf_airgap.cli.terminal import Terminal
from ckf_airgap.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    # generic in click 8.4 and later, plain before
    _FloatType = click.ParamType[float]
    _CountType = click.ParamType[int]
    _TextType = click.ParamType[str]
    _PathType = click.ParamType[Path]
else:
    _FloatType = _CountType = _TextType = _PathType = click.ParamType

_F = TypeVar("_F", bound=Callable[..., Any])

_DURATION: Final = (
    r"^(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m)?(?:(?P<s>\d+(?:\.\d+)?)s?)?$"
)


_SIZE: Final = r"^(?P<count>\d+(?:\.\d+)?) ?(?:(?P<unit>[kKMGT])(?P<binary>i)?)?B?$"

MIN_PART_BYTES: Final = 64 * 1024
"""The smallest part that an archive is split into; nobody can handle more than 999 parts."""


class Duration(_FloatType):
    """A span of time such as ``90``, ``90s``, ``30m``, ``1h`` or ``1h30m``; seconds as a float.

    Args:
        zero: Whether 0 is one, which then means no limit.
    """

    name = "duration"

    def __init__(self, *, zero: bool = False) -> None:
        self._zero = zero

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds."""
        if isinstance(value, int | float):
            return float(value)
        match = re.match(_DURATION, str(value).strip())
        if not value or match is None:
            self.fail(f"{value!r} is not a duration such as 90s, 30m or 1h30m", param, ctx)
        hours, minutes, seconds = (float(match[key] or 0) for key in ("h", "m", "s"))
        total = hours * 3600 + minutes * 60 + seconds
        if total <= 0 and not self._zero:
            self.fail(f"{value!r} is not a duration", param, ctx)
        return total


class Size(_CountType):
    """A number of bytes such as ``700M``, ``4.7GB`` or ``32GiB``; ``G`` alone is 10^9."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the bytes."""
        if isinstance(value, int):
            return value
        match = re.match(_SIZE, str(value).strip())
        if match is None:
            self.fail(f"{value!r} is not a size such as 700MB, 4.7GB or 32GiB", param, ctx)
        power = "_KMGT".index((match["unit"] or "_").upper())
        count = int(float(match["count"]) * (1024 if match["binary"] else 1000) ** power)
        if count < MIN_PART_BYTES:
            self.fail(f"{value!r} is less than {MIN_PART_BYTES} bytes", param, ctx)
        return count


class BundleName(_TextType):
    """The path of a bundle, or the name of a shipped release."""

    name = "bundle"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Offer the releases, and files."""
        names = [name for name in ckf_airgap.release_names() if name.startswith(incomplete)]
        return [CompletionItem(name) for name in names] + [CompletionItem(incomplete, type="file")]


class UserPath(_PathType):
    """A path; ``~`` is the home directory. Whether it exists is for the library to say."""

    def __init__(self, kind: str = "file") -> None:
        self.name = kind

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,  # noqa: ARG002
        ctx: click.Context | None,  # noqa: ARG002
    ) -> Path:
        """Return the path with the home directory filled in."""
        from pathlib import Path

        return Path(value).expanduser()

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Offer files, or directories only."""
        return [CompletionItem(incomplete, type="dir" if self.name == "directory" else "file")]


def _standard_output(
    _ctx: click.Context, _param: click.Parameter, value: Path | None
) -> Path | None:
    return None if value is not None and str(value) == "-" else value


def output_option(what: str) -> Callable[[_F], _F]:
    """Return ``--output`` of a command that writes a text to standard output otherwise.

    Args:
        what: What is written, with its article.
    """
    return click.option(
        "-o",
        "--output",
        type=UserPath(),
        callback=_standard_output,
        metavar="FILE",
        help=f"Write {what} to this file.  [default: standard output, as for -]",
    )


def apply(decorators: list[Callable[[Any], Any]], function: _F) -> _F:
    """Decorate a function with several options; the first one comes first in the help."""
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


def _set_verbosity(ctx: click.Context, param: click.Parameter, value: int) -> None:
    terminal = ctx.find_object(Terminal)
    if terminal is None or not value:
        return
    if param.name == "quiet":
        terminal.verbosity = -1
    elif param.name == "verbose":
        terminal.verbosity = value
    elif param.name == "debug":
        terminal.debug = True
    elif param.name == "as_json":
        terminal.json = True
    if terminal.on_verbosity is not None:
        terminal.on_verbosity(terminal)


def verbosity_options(function: _F) -> _F:
    """Add ``-v``, ``-q`` and ``--debug``, which work before and after the command's name."""
    common: dict[str, Any] = {"expose_value": False, "callback": _set_verbosity, "is_eager": True}
    return apply(
        [
            click.option("-v", "--verbose", count=True, help="Say more; -vv even more.", **common),
            click.option("-q", "--quiet", is_flag=True, help="Print results only.", **common),
            click.option(
                "--debug", is_flag=True, help="Show tracebacks and debug messages.", **common
            ),
        ],
        function,
    )


def json_option(function: _F) -> _F:
    """Add ``--json``."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_set_verbosity,
        help="Print the result as a JSON document.",
    )(function)


def timeout_option(default: str) -> Callable[[_F], _F]:
    """Return ``--timeout`` with a default."""
    return click.option(
        "--timeout",
        type=Duration(),
        default=default,
        show_default=True,
        help="How long to wait: 90s, 30m, 1h.",
    )


def registry_option(*, required: bool = False) -> Callable[[_F], _F]:
    """Return ``--registry``."""
    return click.option(
        "--registry",
        required=required,
        envvar="CKF_AIRGAP_REGISTRY",
        show_envvar=True,
        metavar="HOST[:PORT][/PATH]",
        help="The private registry.",
    )


script_option = click.option(
    "--script",
    "script_file",
    type=UserPath("file"),
    metavar="FILE",
    help="What units do, as YAML (docs/testing.md): courses, needed relations, results of "
    "actions. It is read again when it changes.",
)
"""``--script``"""

jobs_option = click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    help="How many applications to work on at once.",
)
"""``--jobs``"""

overlay_option = click.option(
    "--overlay",
    "overlays",
    type=UserPath(),
    multiple=True,
    metavar="FILE",
    help="A bundle overlay of your own; may be repeated.",
)
"""``--overlay``, as ``overlays``"""

arch_option = click.option(
    "--arch",
    "architecture",
    type=click.Choice(ARCHITECTURES),
    help="Architecture of charms where constraints name none.  [default: amd64]",
)
"""``--arch`` of commands that choose among charm files, as ``architecture``"""

rules_option = click.option(
    "--rules",
    type=UserPath(),
    metavar="FILE",
    help="Image rules to add to those of the release (docs/bundles.md).",
)
"""``--rules``"""

allow_public_option = click.option(
    "--allow-public",
    multiple=True,
    metavar="APP.OPTION",
    help="Do not warn that a public registry stays in this option; may be repeated.",
)
"""``--allow-public``"""

append_option = click.option(
    "--append",
    type=UserPath(),
    multiple=True,
    metavar="FILE",
    help="A list of additional images; may be repeated.",
)
"""``--append``"""

need_option = click.option(
    "--need",
    type=click.Choice(["required", "later", "all"]),
    help="Only the images required to reach active/idle, or only those used later. `later` and "
    "`all` include names whose tag their users choose.  [default: all but those]",
)
"""``--need`` of what fetches images; ``None`` is all whose tag is known"""

listed_need_option = click.option(
    "--need",
    type=click.Choice(["required", "later", "all"]),
    default="all",
    show_default=True,
    help="Only the images required to reach active/idle, or only those used later.",
)
"""``--need`` of the list itself"""


def need_for(value: str) -> str:
    """Return the ``--need`` that replaces the ``--set required|optional`` from before 0.1.0."""
    need = {"optional": "later"}.get(value, value)
    return f"--need {need if need in ('required', 'later', 'all') else 'required|later|all'}"


def _refuse_set(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        raise UsageError(
            f"{ctx.info_name} has no --set, which sets options of applications in other commands",
            fix=f"To choose images, give {need_for(value)}.",
        )


no_set_option = click.option("--set", hidden=True, expose_value=False, callback=_refuse_set)
"""A ``--set`` that says what took its place, for commands that had or might have it."""

juju_version_option = click.option(
    "--juju-version",
    metavar="VERSION",
    help="Add the images of an offline controller of this version, such as 3.6.9.",
)
"""``--juju-version``"""

max_depth_option = click.option(
    "--max-depth",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Most levels that a path in the registry may have; longer paths are folded.",
)
"""``--max-depth``"""
