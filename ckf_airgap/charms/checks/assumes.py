"""The grammar of ``assumes:`` (``assumes/parser.go`` of Juju's charm library)."""

from __future__ import annotations

import re
from typing import Final

from ckf_airgap.charms.checks.gotext import quoted
from ckf_airgap.documents import JSONValue

_FEATURE: Final = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]\Z")
_WITH_VERSION: Final = re.compile(
    r"[a-z][a-z0-9-]*[a-z0-9][\t\n\f\r ]*(?:>=|<)[\t\n\f\r ]*(?P<version>[^\t\n\f\r ]+)\Z"
)
_VERSION: Final = re.compile(
    r"[0-9]{1,9}(?:\.[0-9]{1,9}(?:-[a-z]+(?:[0-9]{1,9})?|\.[0-9]{1,9})?(?:\.[0-9]{1,9})?)?\Z"
)


def assumes_problems(expressions: list[JSONValue]) -> list[str]:
    """Return what is wrong with each malformed expression of a charm's ``assumes:``."""
    problems = []
    for number, expression in enumerate(expressions, start=1):
        problem = _problem(expression)
        if problem:
            problems.append(f'parsing expression {number} in top level "assumes" block: {problem}')
    return problems


def _problem(expression: JSONValue) -> str:
    """Return what is wrong with an expression; an empty text when nothing is."""
    if isinstance(expression, dict):
        return _composite_problem(expression)
    if isinstance(expression, str):
        return _feature_problem(expression.strip())
    return 'expected a feature, "any-of" or "all-of" expression'


def _feature_problem(text: str) -> str:
    if _FEATURE.match(text):
        return ""
    match = _WITH_VERSION.match(text)
    if match is None:
        return f"malformed feature expression {quoted(text)}"
    if not _VERSION.match(match["version"]):
        version = quoted(match["version"])
        return f"malformed feature expression {quoted(text)}: invalid version {version}"
    return ""


def _composite_problem(expression: dict[str, JSONValue]) -> str:
    if len(expression) != 1:
        return "malformed composite expression"
    kind, parts = next(iter(expression.items()))
    if kind not in ("any-of", "all-of") or parts is None:
        return 'malformed composite expression; expected an "any-of" or "all-of" block'
    if not isinstance(parts, list):
        return f'malformed "{kind}" expression; expected a list of sub-expressions'
    inner = next(filter(None, map(_problem, parts)), "")
    return f'parsing "{kind}" expression: {inner}' if inner else ""
