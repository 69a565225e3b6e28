"""What a charm assumes of a model, held against what the model offers. Pure.

The grammar is that of ``assumes/parser.go`` of Juju's charm library, the verdict and the messages
are those of ``core/assumes``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from ckf_airgap.documents import JSONValue

_FEATURE: Final = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]+\Z", re.ASCII)
_WITH_VERSION: Final = re.compile(r"([a-z][a-z0-9-]*?[a-z0-9]+)\s*(>=|<)\s*(\S+)\Z", re.ASCII)
_VERSION: Final = re.compile(
    r"(?P<major>\d{1,9})(?:\.(?P<minor>\d{1,9})"
    r"(?:-(?P<tag>[a-z]+)(?P<tagged>\d{1,9})?|\.(?P<patch>\d{1,9}))?(?:\.(?P<build>\d{1,9}))?)?\Z",
    re.ASCII,
)
_GROUPS: Final = {
    "any-of": "charm requires at least one of the following:",
    "all-of": "charm requires all of the following:",
}
_ABSENT: Final = {
    "juju": "charm requires Juju",
    "k8s-api": "charm must be deployed on a Kubernetes cloud",
}

_Version: TypeAlias = "tuple[int, int, bool, str, int, int]"


def unmet_assumptions(assumes: JSONValue, features: Mapping[str, str]) -> str:
    """Return why a charm cannot be deployed in a model; empty when it can.

    Args:
        assumes: The metadata's ``assumes``; nothing is satisfied everywhere.
        features: What the model supports, and the version of each, which may be empty:
            ``{"juju": "3.6.28", "k8s-api": "1.31.0"}``.
    """
    if assumes is None:
        return ""
    if not isinstance(assumes, list):
        return 'malformed "assumes" block; expected an expression list'
    unmet: list[str] = []
    for number, expression in enumerate(assumes, start=1):
        try:
            unmet += _unmet(expression, features)
        except ValueError as exc:
            return f'parsing expression {number} in top level "assumes" block: {exc}'
    return "; ".join(unmet)


def _unmet(expression: JSONValue, features: Mapping[str, str]) -> list[str]:
    """Return what is missing for an expression, at most one text.

    Raises:
        ValueError: when the expression is malformed.
    """
    match expression:
        case dict():
            return _unmet_group(expression, features)
        case str():
            return _unmet_feature(expression.strip(), features)
        case _:
            raise ValueError('expected a feature, "any-of" or "all-of" expression')


def _unmet_group(expression: Mapping[str, JSONValue], features: Mapping[str, str]) -> list[str]:
    if len(expression) != 1:
        raise ValueError("malformed composite expression")
    group, members = next(iter(expression.items()))
    if group not in _GROUPS or members is None:
        raise ValueError('malformed composite expression; expected an "any-of" or "all-of" block')
    found = []
    match members:
        case list():
            for member in members:
                try:
                    found.append(_unmet(member, features))
                except ValueError as exc:
                    raise ValueError(f'parsing "{group}" expression: {exc}') from exc
        case _:
            text = f'malformed "{group}" expression; expected a list of sub-expressions'
            raise ValueError(text)
    unmet = [text for texts in found for text in texts]
    if not unmet or (group == "any-of" and not all(found)):
        return []
    return [f"{_GROUPS[group]} {_listed(unmet)}"]


def _unmet_feature(text: str, features: Mapping[str, str]) -> list[str]:
    if _FEATURE.match(text):
        return [] if text in features else [_absent(text)]
    match = _WITH_VERSION.match(text)
    if match is None:
        raise ValueError(f'malformed feature expression "{text}"')
    name, operator, wanted_text = match.groups()
    wanted = _version(wanted_text)
    if wanted is None:
        raise ValueError(f'malformed feature expression "{text}": invalid version "{wanted_text}"')
    if name not in features:
        return [_absent(name)]
    offered = _version(features[name])
    if offered is None or (offered >= wanted) == (operator == ">="):
        return []
    condition, has = f"{operator} {_written(wanted)}", features[name]
    if name == "juju":
        return [f"charm requires Juju version {condition}, model has version {has}"]
    if name == "k8s-api":
        return [f"charm requires Kubernetes version {condition}, model is running on version {has}"]
    return [
        (
            f'charm requires feature "{name}" (version {condition}) but model currently supports '
            f"version {has}"
        )
    ]


def _absent(name: str) -> str:
    other = f'charm requires feature "{name}" but model does not support it'
    return _ABSENT.get(name, other)


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(f"({text})" if ", " in text else text for text in texts)


def _version(text: str) -> _Version | None:
    """Return a version in the order of Juju's versions: one with a tag comes before its release."""
    match = _VERSION.match(text)
    if match is None:
        return None
    numbers = {key: int(match[key] or 0) for key in ("major", "minor", "build")}
    patch = int(match["patch"] or match["tagged"] or 0)
    tag = match["tag"] or ""
    return numbers["major"], numbers["minor"], not tag, tag, patch, numbers["build"]


def _written(version: _Version) -> str:
    major, minor, _, tag, patch, build = version
    text = f"{major}.{minor}-{tag}{patch}" if tag else f"{major}.{minor}.{patch}"
    return f"{text}.{build}" if build else text
