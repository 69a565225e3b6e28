"""``manifest.yaml`` as Juju's charm library reads it: the bases that a charm runs on. Pure.

See ``manifest.go``, ``base.go`` and ``channel.go`` of ``github.com/juju/charm``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ckf_airgap.charms.charm import Base
from ckf_airgap.rehearsal.archives.refusals import UnreadableCharmError
from ckf_airgap.rehearsal.golang import schema
from ckf_airgap.rehearsal.golang.formatting import quoted
from ckf_airgap.rehearsal.golang.schema import OMIT, SchemaError
from ckf_airgap.rehearsal.golang.yamlreading import unmarshal
from ckf_airgap.rehearsal.golang.yamltypes import RAW_MAP, GoYamlError

SYSTEMS: Final = ("ubuntu", "centos", "windows", "osx", "opensuse", "genericlinux")
"""The operating systems that a base may have."""

ARCHITECTURES: Final = ("amd64", "i386", "armhf", "arm64", "ppc64el", "s390x", "riscv64")

RISKS: Final = ("stable", "candidate", "beta", "edge")

_NAMES_OF_ARCHITECTURES: Final = (
    (re.compile(r"amd64|x86_64"), "amd64"),
    (re.compile(r"i?[3-9]86"), "i386"),
    (re.compile(r"(arm\Z)|(armv.*)"), "armhf"),
    (re.compile(r"aarch64"), "arm64"),
    (re.compile(r"ppc64|ppc64el|ppc64le"), "ppc64el"),
    (re.compile(r"s390x"), "s390x"),
    (re.compile(r"riscv64|risc\Z|risc-[vV]64"), "riscv64"),
)

_BASE_FIELDS: Final = {
    "name": schema.string,
    "channel": schema.string,
    "architectures": schema.list_of(schema.string),
}
_BASES: Final = schema.list_of(schema.fields(_BASE_FIELDS, dict.fromkeys(_BASE_FIELDS, OMIT)))


def read_manifest(text: str, *, where: str) -> tuple[Base, ...] | None:
    """Return the bases of a manifest; ``None`` for an empty one, which Juju treats as missing.

    Raises:
        UnreadableCharmError: in Juju's words.
    """
    try:
        raw = unmarshal(text, RAW_MAP, where=where)
        if raw is None:
            return None
        found = _BASES(raw.get("bases"), ())
        return tuple(_base(fields) for fields in found)
    except GoYamlError as exc:
        raise UnreadableCharmError(f"manifest: {exc.message}") from exc
    except SchemaError as exc:
        raise UnreadableCharmError(f"manifest: coerce: {exc.message}") from exc
    except UnreadableCharmError as exc:
        raise exc.annotated("manifest") from exc


def parse_base(text: str) -> Base:
    """Return the base that a text such as ``ubuntu@22.04`` or ``ubuntu@22.04/edge`` names.

    Raises:
        UnreadableCharmError: in Juju's words.
    """
    name, at, channel = text.partition("@")
    if not at or "@" in channel:
        raise UnreadableCharmError(
            f"base string must contain exactly one @. {quoted(text)} not valid"
        )
    try:
        _check_channel(channel)
    except UnreadableCharmError as exc:
        if channel:
            raise exc.annotated(f"malformed channel in base string {quoted(text)}") from exc
    base = Base(name=name.lower(), channel=channel)
    try:
        _check_base(base)
    except UnreadableCharmError as exc:
        raise exc.annotated(f"invalid base string {quoted(text)}") from exc
    return base


def normal_architecture(text: str) -> str:
    """Return Juju's name of an architecture: ``amd64`` for ``x86_64``; others are unchanged."""
    return next((name for pattern, name in _NAMES_OF_ARCHITECTURES if pattern.search(text)), text)


def with_risk(channel: str) -> str:
    """Return a base's channel with its risk, ``stable`` by default."""
    return channel if "/" in channel or channel in RISKS else f"{channel}/stable"


def _base(fields: Mapping[str, Any]) -> Base:
    channel = fields.get("channel")
    if channel is not None:
        try:
            _check_channel(channel)
        except UnreadableCharmError as exc:
            raise exc.annotated(f"parsing channel {quoted(channel)}") from exc
    architectures = fields.get("architectures") or []
    base = Base(
        name=fields.get("name", ""),
        channel=channel or "",
        architectures=tuple(normal_architecture(each) for each in architectures),
    )
    _check_base(base)
    return base


def _check_base(base: Base) -> None:
    if not base.name:
        raise UnreadableCharmError("base without name not valid")
    if base.name not in SYSTEMS:
        raise UnreadableCharmError(f"os {quoted(base.name)} not valid")
    if not base.channel:
        raise UnreadableCharmError("channel not valid")
    for architecture in base.architectures:
        if architecture not in ARCHITECTURES:
            raise UnreadableCharmError(f"architecture {quoted(architecture)} not valid")


def _check_channel(text: str) -> None:
    if not text:
        raise UnreadableCharmError("empty channel not valid")
    parts = text.split("/")
    if len(parts) > 3:
        raise UnreadableCharmError(
            f"channel is malformed and has too many components {quoted(text)}"
        )
    has_track = not (len(parts) < 3 and parts[0] in RISKS)
    track = parts[0] if has_track else None
    rest = parts[1:] if has_track else parts
    risk, branch = (*rest, None, None)[:2]
    if risk is not None and risk not in RISKS:
        raise UnreadableCharmError(f"risk in channel {quoted(text)} not valid")
    if track == "":
        raise UnreadableCharmError(f"track in channel {quoted(text)} not valid")
    if branch == "":
        raise UnreadableCharmError(f"branch in channel {quoted(text)} not valid")
