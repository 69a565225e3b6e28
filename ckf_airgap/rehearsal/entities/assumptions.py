"""What a charm assumes about a model: ``assumes:`` expressions, as Juju's library reads them.

Pure. See ``assumes/parser.go`` of ``github.com/juju/charm``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from ckf_airgap.rehearsal.golang.formatting import GoValue, quoted
from ckf_airgap.rehearsal.golang.versions import Version, parse_version

Group: TypeAlias = Literal["any-of", "all-of"]

_FEATURE: Final = re.compile(r"[a-z][a-z0-9-]*?[a-z0-9]+\Z")
_VERSIONED: Final = re.compile(
    r"([a-z][a-z0-9-]*?[a-z0-9]+)[\t\n\f\r ]*?(>=|<)[\t\n\f\r ]*?([^\t\n\f\r ]+)\Z"
)


class AssumesError(ValueError):
    """An expression that Juju cannot read.

    Attributes:
        message: What is wrong, in Juju's words.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A feature that the model must have, optionally in some version."""

    name: str
    constraint: str = ""
    """``>=``, ``<``, or empty."""
    version: Version | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """A group of expressions, all or any of which must hold."""

    kind: Group
    members: tuple[Expression, ...]


Expression: TypeAlias = "Feature | Composite"


def parse_assumes(block: list[Any]) -> Composite:
    """Return the expressions of an ``assumes:`` block.

    Raises:
        AssumesError: with the index of the malformed expression.
    """
    members = []
    for number, item in enumerate(block, start=1):
        try:
            members.append(_expression(item))
        except AssumesError as exc:
            raise AssumesError(
                f'parsing expression {number} in top level "assumes" block: {exc.message}'
            ) from exc
    return Composite(kind="all-of", members=tuple(members))


def _expression(item: GoValue) -> Expression:
    if isinstance(item, Mapping):
        return _composite(item)
    if isinstance(item, str):
        return _feature(item.strip())
    raise AssumesError('expected a feature, "any-of" or "all-of" expression')


def _composite(item: Mapping[Any, Any]) -> Composite:
    if len(item) != 1 or not all(isinstance(key, str) for key in item):
        raise AssumesError("malformed composite expression")
    ((key, members),) = item.items()
    kinds: dict[object, Group] = {"any-of": "any-of", "all-of": "all-of"}
    if key not in kinds or members is None:
        raise AssumesError('malformed composite expression; expected an "any-of" or "all-of" block')
    kind = kinds[key]
    if not isinstance(members, list):
        raise AssumesError(
            f"malformed {quoted(kind)} expression; expected a list of sub-expressions"
        )
    try:
        return Composite(kind=kind, members=tuple(_expression(member) for member in members))
    except AssumesError as exc:
        raise AssumesError(f"parsing {quoted(kind)} expression: {exc.message}") from exc


def _feature(text: str) -> Feature:
    if _FEATURE.match(text):
        return Feature(name=text)
    malformed = f"malformed feature expression {quoted(text)}"
    match = _VERSIONED.match(text)
    if match is None:
        raise AssumesError(malformed)
    version = parse_version(match[3], strict=False)
    if version is None:
        raise AssumesError(f"{malformed}: invalid version {quoted(match[3])}")
    return Feature(name=match[1], constraint=match[2], version=version)
