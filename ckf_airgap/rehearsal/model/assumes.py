"""The ``assumes:`` of a charm, tested against what the model offers. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ckf_airgap.documents import JSONValue
from ckf_airgap.rehearsal.wire import NOT_SUPPORTED, ApiError

Version = tuple[int, int, int]

_FEATURE: Final = re.compile(
    r"^\s*(?P<name>[a-z][a-z0-9-]*)\s*(?:(?P<operator>>=|<)\s*(?P<version>[0-9][0-9.]*))?\s*$"
)
_GROUPS: Final = {
    "all-of": "charm requires all of the following:",
    "any-of": "charm requires at least one of the following:",
}
_TITLES: Final = {
    "juju": ("Juju version", "model has version"),
    "k8s-api": ("Kubernetes version", "model is running on version"),
}


def parse_version(text: str) -> Version:
    """Return the first three numbers of a version such as ``3.6.28`` or ``3.6-rc1``."""
    numbers = [int(number) for number in re.findall(r"\d+", text.partition("-")[0])[:3]]
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    return major, minor, patch


def check_assumes(assumes: JSONValue, features: Mapping[str, str]) -> None:
    """Check that a model offers what a charm assumes.

    Args:
        assumes: The metadata's ``assumes``: a list of features and groups, or nothing.
        features: Version by feature, ``{"juju": "3.6.28", "k8s-api": "1.31.0"}``.

    Raises:
        ApiError: (not supported) with the tree of what is missing.
    """
    if not isinstance(assumes, list):
        return
    missing = [line for item in assumes for line in _missing(item, features, depth=1)]
    if missing:
        lines = ["Charm cannot be deployed because:", *missing]
        raise ApiError("\n".join(lines) + "\n", NOT_SUPPORTED)


def _missing(item: JSONValue, features: Mapping[str, str], depth: int) -> list[str]:
    """Return the lines that say what is missing; none when the item is satisfied."""
    indent = "  " * depth + "- "
    if isinstance(item, dict):
        lines: list[str] = []
        for group, title in _GROUPS.items():
            members = item.get(group)
            if not isinstance(members, list):
                continue
            failed = [_missing(member, features, depth + 1) for member in members]
            unmet = [found for found in failed if found]
            if unmet and (group == "all-of" or len(unmet) == len(failed)):
                lines += [indent + title, *(line for found in unmet for line in found)]
        return lines
    match = _FEATURE.match(str(item))
    if match is None:
        return [f'{indent}charm requires feature "{item}" but model does not support it']
    name = match["name"]
    if name not in features:
        return [f'{indent}charm requires feature "{name}" but model does not support it']
    if match["version"] is None:
        return []
    wanted, offered = parse_version(match["version"]), parse_version(features[name])
    if offered >= wanted if match["operator"] == ">=" else offered < wanted:
        return []
    title, has = _TITLES.get(name, (f'feature "{name}"', "model has version"))
    wanted_text = ".".join(str(number) for number in wanted)
    return [
        f"{indent}charm requires {title} {match['operator']} {wanted_text}, {has} {features[name]}"
    ]
