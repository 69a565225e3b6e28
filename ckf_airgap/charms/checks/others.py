"""The smaller documents of a charm: its revision, version, metrics and LXD profile."""

from __future__ import annotations

import re
from typing import Final

from ckf_airgap.charms.checks.gotext import quoted
from ckf_airgap.charms.checks.schema import parse_integer
from ckf_airgap.documents import BOOLEAN, TEXT, Document, MappingOf, Record, mappings

METRICS: Final = Record(
    {
        "metrics": MappingOf(Record({"type": TEXT, "description": TEXT})),
        "plan": Record({"required": BOOLEAN}),
    }
)
"""The types of the fields of ``metrics.yaml``."""

LXD_PROFILE: Final = Record(
    {"config": MappingOf(TEXT), "description": TEXT, "devices": MappingOf(MappingOf(TEXT))}
)
"""The types of the fields of ``lxd-profile.yaml``."""

_MAX_LINE: Final = 64 * 1024
_LEADING_NUMBER: Final = re.compile(
    r"\s*(?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|0[0-7_]*|[1-9][0-9_]*))"
)


def revision_problems(text: str) -> list[str]:
    """Return what is wrong with a ``revision`` file, of which Juju reads the first number."""
    match = _LEADING_NUMBER.match(text)
    if match is None or parse_integer(match["number"].rstrip("_")) is None:
        return ["invalid revision file"]
    return []


def version_problems(text: str) -> list[str]:
    """Return what is wrong with a ``version`` file, of which Juju reads the first line."""
    first = text.partition("\n")[0]
    if len(first.encode()) >= _MAX_LINE:
        return ["cannot read version file: bufio.Scanner: token too long"]
    return []


def metrics_problems(document: Document) -> list[str]:
    """Return everything that the controller refuses in a charm's metrics, in its words."""
    problems = []
    for name, fields in mappings(document.get("metrics")):
        kind, description = fields.get("type") or "", fields.get("description") or ""
        if name.startswith("juju"):
            if kind or description:
                problems.append(
                    f"metric {quoted(name)} is using a prefix reserved for built-in metrics: it "
                    "should not have type or description specification"
                )
        elif kind not in ("gauge", "absolute"):
            problems.append(
                f"invalid metrics declaration: metric {quoted(name)} has unknown type "
                f"{quoted(str(kind))}"
            )
        elif not description:
            problems.append(f"invalid metrics declaration: metric {quoted(name)} lacks description")
    return problems
