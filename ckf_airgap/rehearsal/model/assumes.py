"""Checks the ``assumes:`` of a charm against the features of the model. Pure.

See ``core/assumes/sat_checker.go`` of Juju.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ckf_airgap.documents import JSONValue
from ckf_airgap.rehearsal.entities.assumptions import (
    AssumesError,
    Composite,
    Expression,
    Feature,
    parse_assumes,
)
from ckf_airgap.rehearsal.golang.formatting import quoted
from ckf_airgap.rehearsal.golang.versions import Version, parse_version
from ckf_airgap.rehearsal.wire import NOT_SUPPORTED, ApiError

_GROUPS: Final = {
    "all-of": "charm requires all of the following:",
    "any-of": "charm requires at least one of the following:",
}
_TOO_OLD: Final = {
    "juju": "charm requires Juju version {constraint} {wanted}, model has version {has}",
    "k8s-api": (
        "charm requires Kubernetes version {constraint} {wanted}, model is running on version {has}"
    ),
}


def check_assumes(assumes: JSONValue, features: Mapping[str, str]) -> None:
    """Check that a model has the features that a charm assumes.

    Args:
        assumes: The metadata's ``assumes``: a list of features and groups, or ``None``.
        features: Versions by feature, ``{"juju": "3.6.28", "k8s-api": "1.31.0"}``.

    Raises:
        ApiError: (not supported) with the tree of what is missing.
    """
    if not isinstance(assumes, list):
        return
    try:
        tree = parse_assumes([*assumes])
    except AssumesError as exc:
        raise ApiError(exc.message) from exc
    offered = {name: parse_version(text, strict=False) for name, text in features.items()}
    missing = [line for member in tree.members for line in _missing(member, offered, depth=1)]
    if missing:
        lines = ["Charm cannot be deployed because:", *missing]
        raise ApiError("\n".join(lines) + "\n", NOT_SUPPORTED)


def _missing(item: Expression, offered: Mapping[str, Version | None], depth: int) -> list[str]:
    """Return the lines that say what is missing; empty when the item is satisfied."""
    indent = "  " * depth + "- "
    if isinstance(item, Composite):
        failed = [_missing(member, offered, depth + 1) for member in item.members]
        unmet = [found for found in failed if found]
        if not unmet or (item.kind == "any-of" and len(unmet) < len(failed)):
            return []
        return [indent + _GROUPS[item.kind], *(line for found in unmet for line in found)]
    problem = _unmet(item, offered)
    return [indent + problem] if problem else []


def _unmet(feature: Feature, offered: Mapping[str, Version | None]) -> str:
    """Return what is wrong with a feature; empty when the model has it."""
    if feature.name not in offered:
        return f"charm requires feature {quoted(feature.name)} but model does not support it"
    has, wanted = offered[feature.name], feature.version
    if wanted is None or has is None:
        return ""
    if has < wanted if feature.constraint == "<" else wanted <= has:
        return ""
    text = _TOO_OLD.get(
        feature.name,
        f"charm requires feature {quoted(feature.name)} (version {{constraint}} {{wanted}}) but "
        "model currently supports version {has}",
    )
    return text.format(constraint=feature.constraint, wanted=wanted, has=has)
