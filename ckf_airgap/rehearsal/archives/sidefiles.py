"""The small files of a charm that a rehearsal only checks: metrics, LXD profile, revision, version.

Pure. See ``metrics.go``, ``lxdprofile.go``, ``charmarchive.go`` and ``version.go`` of
``github.com/juju/charm``.
"""

from __future__ import annotations

from typing import Final

from ckf_airgap.rehearsal.archives.refusals import UnreadableCharmError
from ckf_airgap.rehearsal.golang.formatting import quoted
from ckf_airgap.rehearsal.golang.numbers import scan_int
from ckf_airgap.rehearsal.golang.yamlreading import unmarshal
from ckf_airgap.rehearsal.golang.yamltypes import (
    BOOL,
    STRING,
    STRING_MAP,
    GoMap,
    GoPointer,
    GoString,
    GoStruct,
    GoYamlError,
)

_METRIC: Final = GoStruct(
    "charm.Metric", {"type": GoString("charm.MetricType"), "description": STRING}
)
_METRICS: Final = GoStruct(
    "charm.Metrics",
    {
        "metrics": GoMap(_METRIC),
        "plan": GoPointer(GoStruct("charm.Plan", {"required": BOOL})),
    },
)
_PROFILE: Final = GoStruct(
    "charm.LXDProfile",
    {"config": STRING_MAP, "description": STRING, "devices": GoMap(STRING_MAP)},
)
_MAX_LINE_BYTES: Final = 64 * 1024
_MAX_VERSION: Final = 100


def check_metrics(text: str, *, where: str) -> None:
    """Check ``metrics.yaml``; raise `UnreadableCharmError` in Juju's words."""
    try:
        metrics = unmarshal(text, _METRICS, where=where)["metrics"]
    except GoYamlError as exc:
        raise UnreadableCharmError(exc.message) from exc
    for name, metric in (metrics or {}).items():
        kind, shown = metric["type"], quoted(name)
        if name.startswith("juju"):
            if kind or metric["description"]:
                raise UnreadableCharmError(
                    f"metric {shown} is using a prefix reserved for built-in metrics: it should "
                    "not have type or description specification"
                )
            continue
        if kind not in ("gauge", "absolute"):
            raise UnreadableCharmError(
                f"invalid metrics declaration: metric {shown} has unknown type {quoted(kind)}"
            )
        if not metric["description"]:
            raise UnreadableCharmError(
                f"invalid metrics declaration: metric {shown} lacks description"
            )


def check_profile(text: str, *, where: str) -> None:
    """Check ``lxd-profile.yaml``; raise `UnreadableCharmError` in Juju's words."""
    try:
        unmarshal(text, _PROFILE, where=where)
    except GoYamlError as exc:
        raise UnreadableCharmError(f"failed to unmarshall lxd-profile.yaml: {exc.message}") from exc


def read_revision(text: str) -> int:
    """Return the number at the beginning of the file ``revision``.

    Raises:
        UnreadableCharmError: when it does not begin with a number.
    """
    revision = scan_int(text)
    if revision is None:
        raise UnreadableCharmError("invalid revision file")
    return revision


def read_version(text: str) -> str:
    """Return the first line of the file ``version``, at most 100 characters of it.

    Raises:
        UnreadableCharmError: when the line is longer than Go can read.
    """
    line = text.partition("\n")[0].removesuffix("\r")
    if len(line.encode()) >= _MAX_LINE_BYTES:
        raise UnreadableCharmError("cannot read version file: bufio.Scanner: token too long")
    return line.removeprefix("revision-id: ")[:_MAX_VERSION]
